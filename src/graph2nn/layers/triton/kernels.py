"""Triton kernels: one product for outputs and input gradients, one for weight gradients.

Activations are ``[samples, features]``, contiguous; weights ``[out, pitch]``, as :class:`Compact` stores them.
Sums are float32, and products of float32 are exact to its rounding (``ieee``, no TF32). No two programs write
to the same place, so results do not depend on their order. Only Triton's core language is used: what its
library adds is defined when Triton is imported, which may be before the interpreter is asked for.
"""

# Triton compiles these functions from their source; they have no types of Python's.
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# ruff: noqa: ANN001, ANN201

import triton
import triton.language as tl


@triton.jit
def multiply(
    x, w, out, nodes, taps, weights, tiles, samples, sample_tiles, x_step, out_step, w_step,
    TURNED: tl.constexpr, WIDEN: tl.constexpr, SAMPLES: tl.constexpr, SIDE: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """``out[s, first + r] = Σ_k x[s, taps[k]] · w[…]`` for one tile of samples s and features r of a node.

    The weight is ``w[weight_at + r·pitch + k]``, or if ``TURNED`` ``w[weights[k] + r]``. ``WIDEN`` multiplies
    in float32 whatever the type, for the interpreter, which has no bfloat16.

    Args:
        x, w, out: pointers to activations, weights, result.
        nodes, taps, weights, tiles: pointers to the index tables.
        samples, sample_tiles: how many there are.
        x_step, out_step, w_step: distances between rows.
        TURNED, WIDEN: see above.
        SAMPLES, SIDE, DEPTH: sides of a tile: samples, features, inputs at a time.
    """
    program = tl.program_id(0)
    tile = tiles + program // sample_tiles * 2
    node = nodes + tl.load(tile) * 5
    first, size, depth = tl.load(node), tl.load(node + 1), tl.load(node + 2)
    list_at, weight_at = tl.load(node + 3), tl.load(node + 4)
    row = tl.load(tile + 1) + tl.arange(0, SIDE)
    row_on = row < size
    sample = (program % sample_tiles).to(tl.int64) * SAMPLES + tl.arange(0, SAMPLES)
    sample_on = sample < samples
    total = tl.full((SAMPLES, SIDE), 0, tl.float32)
    for begin in range(0, depth, DEPTH):
        k = begin + tl.arange(0, DEPTH)
        k_on = k < depth
        column = tl.load(taps + list_at + k, mask=k_on, other=0)
        read = tl.load(
            x + sample[:, None] * x_step + column[None, :], mask=sample_on[:, None] & k_on[None, :], other=0.0
        )
        if TURNED:
            at = tl.load(weights + list_at + k, mask=k_on, other=0)
            weight = tl.load(w + at[:, None] + row[None, :], mask=k_on[:, None] & row_on[None, :], other=0.0)
        else:
            # Read along k, where neighbours in memory are neighbours.
            weight = tl.trans(
                tl.load(
                    w + weight_at + row[:, None] * w_step + k[None, :],
                    mask=row_on[:, None] & k_on[None, :],
                    other=0.0,
                )
            )
        if WIDEN:
            read, weight = read.to(tl.float32), weight.to(tl.float32)
        total = tl.dot(read, weight, total, input_precision="ieee")
    tl.store(
        out + sample[:, None] * out_step + (first + row)[None, :],
        total.to(out.dtype.element_ty),
        mask=sample_on[:, None] & row_on[None, :],
    )


@triton.jit
def differentiate(
    y, x, dw, nodes, taps, tiles, samples, y_step, x_step, w_step,
    WIDEN: tl.constexpr, SAMPLES: tl.constexpr, SIDE: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """``dw[weight_at + r·pitch + k] = Σ_s y[s, first + r] · x[s, taps[k]]`` for a tile of rows r, columns k.

    Args:
        y, x, dw: pointers to gradient of the output, activations, gradient of the weights.
        nodes, taps, tiles: pointers to the index tables.
        samples: how many there are.
        y_step, x_step, w_step: distances between rows.
        WIDEN: multiply in float32.
        SAMPLES, SIDE, DEPTH: sides of a tile: samples at a time, rows, columns.
    """
    tile = tiles + tl.program_id(0) * 3
    node = nodes + tl.load(tile) * 5
    first, size, depth = tl.load(node), tl.load(node + 1), tl.load(node + 2)
    list_at, weight_at = tl.load(node + 3), tl.load(node + 4)
    row = tl.load(tile + 1) + tl.arange(0, SIDE)
    row_on = row < size
    k = tl.load(tile + 2) + tl.arange(0, DEPTH)
    k_on = k < depth
    column = tl.load(taps + list_at + k, mask=k_on, other=0)
    total = tl.full((SIDE, DEPTH), 0, tl.float32)
    for begin in range(0, samples, SAMPLES):
        sample = begin + tl.arange(0, SAMPLES).to(tl.int64)
        sample_on = sample < samples
        gradient = tl.load(
            y + sample[:, None] * y_step + (first + row)[None, :],
            mask=sample_on[:, None] & row_on[None, :],
            other=0.0,
        )
        read = tl.load(
            x + sample[:, None] * x_step + column[None, :], mask=sample_on[:, None] & k_on[None, :], other=0.0
        )
        if WIDEN:
            gradient, read = gradient.to(tl.float32), read.to(tl.float32)
        total = tl.dot(tl.trans(gradient), read, total, input_precision="ieee")
    tl.store(
        dw + weight_at + row[:, None] * w_step + k[None, :],
        total.to(dw.dtype.element_ty),
        mask=row_on[:, None] & k_on[None, :],
    )
