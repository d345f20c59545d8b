"""Register tiles of bfloat16 products with float32 sums."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic as _intrinsic

from graph2nn.graphs.kernels.jit import Int, compiled
from graph2nn.layers.block.bf16_arithmetic import FLOAT, WORD, Lowering, add_products
from graph2nn.layers.block.vectors import INDEX, VECTOR_BYTES, Builder, Value, cgutils

intrinsic: Any = _intrinsic

#: Rows of a tile, and vectors of columns: 8 × 3 sums, 3 vectors read and 1 broadcast fit 32 registers.
ROWS, VECTORS = 8, 3
#: Pairs, and float32 sums, of a vector.
LANES = VECTOR_BYTES // 4


class TileArguments(NamedTuple):
    """Arguments of a tile, as LLVM values: pointers to int32, int32, int32 and float32; steps of 64 bits."""

    w: Value
    w_step: Value
    x: Value
    taps: Value
    depth: Value
    out: Value
    out_step: Value


class TileWriter:
    """Writes tiles for one width of vectors and one kind of arithmetic."""

    def __init__(self, builder: Builder, lowering: type[Lowering], lanes: int) -> None:
        self.builder, self.lowering, self.lanes = builder, lowering, lanes
        self.words, self.sums = ir.VectorType(WORD, lanes), ir.VectorType(FLOAT, lanes)
        self.add_products = partial(add_products, builder, lowering)

    def write(self, a: TileArguments, rows: int, vectors: int, *, turned: bool) -> None:
        """Write ``out[r, c] = Σ_k w[r, k] · x[taps[k] + c]``; two pairs multiply to the sum of two products.

        Args:
            a: the weights of a row lie next to each other, rows ``w_step`` apart; or, ``turned``, those of a
                pair ``k`` lie next to each other, pairs ``w_step`` apart.
            rows: of the tile.
            vectors: of columns.
            turned: which of the two.
        """
        builder = self.builder
        starts = [a.w if turned else builder.gep(a.w, [self._times(a.w_step, r)]) for r in range(rows)]
        slots = [cgutils.alloca_once(builder, self.sums) for _ in range(rows * vectors)]
        for slot in slots:
            builder.store(ir.Constant(self.sums, [0.0] * self.lanes), slot)
        with cgutils.for_range(builder, a.depth) as loop:
            offset = builder.sext(builder.load(builder.gep(a.taps, [loop.index])), INDEX)
            source = builder.gep(a.x, [offset])
            read = [self._load(builder.gep(source, [INDEX(v * self.lanes)])) for v in range(vectors)]
            column = builder.mul(loop.index, a.w_step) if turned else loop.index
            for r, start in enumerate(starts):
                place = builder.gep(start, [builder.add(column, INDEX(r)) if turned else column])
                weight = self._broadcast(builder.load(place))
                for v in range(vectors):
                    slot = slots[r * vectors + v]
                    builder.store(self.add_products(builder.load(slot), weight, read[v]), slot)
        for r in range(rows):
            row = builder.gep(a.out, [self._times(a.out_step, r)])
            for v in range(vectors):
                place = builder.gep(row, [INDEX(v * self.lanes)])
                wide = builder.bitcast(place, self.sums.as_pointer())
                builder.store(builder.load(slots[r * vectors + v]), wide, align=4)

    def _times(self, step: Value, count: int) -> Value:
        return self.builder.mul(step, INDEX(count))

    def _load(self, pointer: Value) -> Value:
        return self.builder.load(self.builder.bitcast(pointer, self.words.as_pointer()), align=4)

    def _broadcast(self, word: Value) -> Value:
        nothing = ir.Constant(self.words, ir.Undefined)
        one = self.builder.insert_element(nothing, word, WORD(0))
        order = ir.Constant(ir.VectorType(WORD, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, nothing, order)


def _tile(turned: bool) -> Any:
    """Make an intrinsic of ``(lowering, rows, across, (the arguments))`` that picks the tile of that size."""

    def typed(typingctx: Any, lowering: Any, rows: Any, across: Any, values: Any) -> Any:
        def build(context: Any, builder: Builder, signature: Any, given: Any) -> Value:
            w, w_at, w_step, x, x_at, taps, tap_at, depth, out, out_at, out_step = cgutils.unpack_tuple(
                builder, given[3]
            )
            # Member 4 of numba's arrays is the pointer to their elements.
            pointers = [
                builder.gep(builder.extract_value(array, 4), [at])
                for array, at in ((w, w_at), (x, x_at), (taps, tap_at), (out, out_at))
            ]
            a = TileArguments(pointers[0], w_step, pointers[1], pointers[2], depth, pointers[3], out_step)
            writer = TileWriter(builder, signature.args[0].instance_class, LANES)
            for height in range(1, ROWS + 1):
                with builder.if_then(builder.icmp_signed("==", given[1], INDEX(height))):
                    for width in range(1, VECTORS + 1):
                        with builder.if_then(builder.icmp_signed("==", given[2], INDEX(width))):
                            writer.write(a, height, width, turned=turned)
            return context.get_dummy_value()

        return types.void(lowering, types.int64, types.int64, values), build

    return intrinsic(typed)


_rows_tile, _turned_tile = _tile(False), _tile(True)


@compiled
def multiply_node(
    lowering: Any,
    turned: bool,
    rows: Int,
    depth: Int,
    vectors: Int,
    w: Any,
    w_at: Int,
    w_step: Int,
    x: Any,
    x_at: Int,
    taps: Any,
    tap_at: Int,
    out: Any,
    out_at: Int,
    out_step: Int,
) -> None:
    """One node's product, tile by tile as :meth:`TileWriter.write` says; ``…_at`` is where an array begins.

    Args:
        lowering: how two products are added to an accumulator.
        turned: weights of a column lie next to each other.
        rows: of the result.
        depth: pairs that are summed.
        vectors: of columns.
        w, w_at, w_step: pairs of weights, where they begin, distance between rows.
        x, x_at: pairs of activations, and where they begin.
        taps, tap_at: shift of each pair's activations, and where the list begins.
        out, out_at, out_step: float32 rows, where they begin, distance between rows.
    """
    parts = -(-rows // ROWS)
    done: Int = 0
    while done < vectors:
        left = vectors - done
        # No single vector is left over if it can be avoided.
        across = VECTORS if left >= VECTORS and left != VECTORS + 1 else min(left, 2)
        c = done * LANES
        done += across
        r: Int = 0
        for part in range(parts):
            height = (rows - r) // (parts - part)
            to = out_at + r * out_step + c
            if turned:
                _turned_tile(
                    lowering, height, across,
                    (w, w_at + r, w_step, x, x_at + c, taps, tap_at, depth, out, to, out_step),
                )  # fmt: skip
            else:
                _rows_tile(
                    lowering, height, across,
                    (w, w_at + r * w_step, w_step, x, x_at + c, taps, tap_at, depth, out, to, out_step),
                )  # fmt: skip
            r += height
