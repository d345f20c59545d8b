"""A layer's call on one shape of input: groups, planes and the lists of what each node reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from graph2nn.layers.block.layout import (
    BUNDLE,
    Blocks,
    Integers,
    Planes,
    Products,
    Stretches,
    Turn,
    joined,
    runs,
    starts,
)
from graph2nn.layers.block.threads import cut
from graph2nn.layers.block.vectors import VECTOR_BYTES

#: Columns of a group of small images: enough that rounding up to whole tiles costs little.
GROUP_COLUMNS = 256
#: Bytes of activations that are worked through before the next weights are fetched; about an L2 cache.
BLOCK_BYTES = 1 << 19
#: Columns over which the dots of a weight's gradient are taken before they are added to it: few enough that
#: what all nodes read of them stays in the L2 cache.
DOT_COLUMNS = 600


@dataclass(frozen=True, eq=False)
class Geometry:
    """A layer's call on one shape of input: everything the kernels need to know but the numbers.

    Args:
        blocks: of the weight.
        kernel, stride, padding: of the convolution; 1, 1, 0 for a linear layer.
        images, height, width: of the input; a linear layer has one pixel a sample.
        itemsize: bytes of a number.
    """

    blocks: Blocks
    kernel: int
    stride: int
    padding: int
    images: int
    height: int
    width: int
    itemsize: int

    @property
    def out_height(self) -> int:
        """H′."""
        return (self.height + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def out_width(self) -> int:
        """W′."""
        return (self.width + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def pixelwise(self) -> bool:
        """Whether each output pixel reads one input pixel, the same: no padding, no phases."""
        return (self.kernel, self.stride, self.padding) == (1, 1, 0)

    @property
    def rowwise(self) -> bool:
        """Whether samples have one pixel, so that features are contiguous rather than pixels."""
        return self.pixelwise and self.height * self.width == 1

    @property
    def direct(self) -> bool:
        """Whether the tensors can be used as they lie: channels are rows of enough pixels already."""
        return self.pixelwise and self.height * self.width >= self.lanes

    @property
    def lanes(self) -> int:
        """Numbers of a vector."""
        return VECTOR_BYTES // self.itemsize

    @property
    def used(self) -> int:
        """Phases an axis has that some tap reads."""
        return min(self.kernel, self.stride)

    @property
    def _reach(self) -> int:
        return (self.kernel - 1) // self.stride

    @cached_property
    def _plane(self) -> tuple[int, int]:
        # The zeros after a row are those before the next one, and so for images: the taps reach no further.
        shared = min(self.padding, self._reach) if self.stride == 1 else 0
        return self.out_height + self._reach - shared, self.out_width + self._reach - shared

    @property
    def image(self) -> int:
        """Columns of one image."""
        return self._plane[0] * self._plane[1]

    @cached_property
    def group(self) -> int:
        """Images of a group, about as many in the last as in the others: all columns of it are computed."""
        if self.direct:
            return 1
        most = max(1, GROUP_COLUMNS // self.image)
        groups = max(1, -(-self.images // most))
        return max(1, -(-self.images // groups))

    @property
    def groups(self) -> int:
        """Number of groups; the last may lack images."""
        return -(-self.images // self.group)

    @cached_property
    def out_columns(self) -> int:
        """Columns of a group that hold outputs, in whole vectors unless tensors serve as they lie."""
        last = (self.out_height - 1) * self._plane[1] + self.out_width
        columns = (self.group - 1) * self.image + last
        return columns if self.direct else self._rounded(columns)

    @cached_property
    def in_begin(self) -> int:
        """Columns of a group before the first that some phase of the input needs: rows of padding alone."""
        return max(0, -(-(self.padding - self.used + 1) // self.stride)) * self._plane[1]

    @cached_property
    def in_columns(self) -> int:
        """Columns from there to the last that some phase needs, rounded up likewise."""
        if self.pixelwise:
            return self.out_columns
        rows = min(self._plane[0], (self.height - 1 + self.padding) // self.stride + 1)
        return self._rounded((self.group - 1) * self.image + rows * self._plane[1] - self.in_begin)

    def _rounded(self, columns: int) -> int:
        return -(-columns // self.lanes) * self.lanes

    @property
    def _shift(self) -> int:
        return self._reach * (self._plane[1] + 1)

    @cached_property
    def source(self) -> Planes:
        """Where the input lies."""
        length = max(self.group * self.image, self.out_columns + self._shift)
        return self._planes(self.blocks.in_features, self.height, self.width, length, of_output=False)

    @cached_property
    def result(self) -> Planes:
        """Where the gradient of the output lies: one phase, zeros around each image."""
        return self._planes(
            self.blocks.out_features, self.out_height, self.out_width, self._in_length, of_output=True
        )

    @property
    def _in_length(self) -> int:
        return max(self.group * self.image, self.in_begin + self.in_columns)

    def _planes(self, channels: int, height: int, width: int, length: int, *, of_output: bool) -> Planes:
        front = self._shift if of_output else 0
        used, stride, padding = (1, 1, 0) if of_output else (self.used, self.stride, self.padding)
        if not self.direct:
            # An odd number of cache lines: rows a power of two apart would share a few lines of the L1 cache.
            line = 64 // self.itemsize
            length = (-(-(front + length) // line) | 1) * line
        channel_step = used**2 * length
        rows, pitch = self._plane
        return Planes(
            self.images, channels, height, width, stride, padding, used, rows, pitch, self.group, front,
            length, channel_step, channels * channel_step,
        )  # fmt: skip

    @property
    def block(self) -> int:
        """Groups worked through with one node's weights before the next node."""
        step = max(self.source.group_step, self.result.group_step) * self.itemsize
        return max(1, BLOCK_BYTES // step)

    @property
    def gathers(self) -> bool:
        """Whether the input's gradient brings each node's weights together on its way, rather than all before.

        That spares a pass over the weights, and pays where it is done once: not again for each block of groups.
        """
        return self.kernel == 1 and self.groups <= self.block

    @property
    def gradient_block(self) -> int:
        """Groups whose dots are taken at once: long enough that adding up lanes does not count."""
        return max(1, DOT_COLUMNS // self.out_columns)

    @cached_property
    def dots(self) -> bool:
        """Whether the gradient of the weights is made of dots over samples of one pixel, as for images.

        A product with the turned gradient has a node's features in the lanes of its vectors. Few of them leave
        lanes or sums empty. Dots fill them all, but end with a sum over lanes, which takes many samples to pay.
        """
        rows = int(self.blocks.outputs[1].max())
        fits = rows > self.lanes and -(-rows // (self.lanes // 2)) % 2 == 0
        return not fits and 4 * self.images >= 5 * self.lanes * rows

    @property
    def covered(self) -> bool:
        """Whether every input pixel is in some phase, so that its gradient is written, if only with zero."""
        rows, pitch = (side * self.stride - self.padding for side in self._plane)
        return self.used == self.stride and rows >= self.height and pitch >= self.width

    def shares(self, kind: str, threads: int) -> Integers:
        """Cut one kind of work into ranges of its units, one a thread, by cost."""
        if (kind, threads) not in self._shares:
            self._shares[kind, threads] = cut(self._costs(kind), threads)
        return self._shares[kind, threads]

    @cached_property
    def _shares(self) -> dict[tuple[str, int], Integers]:
        return {}

    def _costs(self, kind: str) -> Integers:
        blocks = -(-self.groups // self.block)
        if kind in ("source", "result"):
            return np.ones(self.groups * self._bundles(getattr(self, kind)), dtype=np.int64)
        if kind == "turn":
            return self.blocks.readers * self.blocks.inputs[1]
        if kind == "norm":
            return self.forward.rows
        products = self.backward if kind == "backward" else self.forward
        costs: Integers = np.tile(products.rows * products.depth, 1 if kind == "weights" else blocks)
        return costs

    def _bundles(self, planes: Planes) -> int:
        """Units of work of laying out one group."""
        return -(-planes.channels // BUNDLE) if self.rowwise else planes.channels

    @cached_property
    def forward(self) -> Products:
        """The products that make the output: a node's rows from the channels it reads."""
        taps = [phase * self.source.phase_step + shift for phase, shift in self._taps]
        tap_at, lists = joined(self.blocks.on, self.blocks.inputs, self.source.channel_step, taps)
        depth = self.blocks.read * self.kernel**2
        first, rows = self.blocks.outputs
        step = np.full_like(depth, self.blocks.pitch * self.kernel**2)
        return Products(first, rows, first * step, step, depth, tap_at, lists)

    @cached_property
    def backward(self) -> Products:
        """The products that make the input's gradient: a node's channels, phase by phase, from its readers."""
        step, front = self.result.channel_step, self.result.front
        first, rows = self.blocks.inputs
        phases = self.used**2
        count = np.array([sum(p == phase for p, _ in self._taps) for phase in range(phases)])
        ats, lists, base = [], [], 0
        for phase in range(phases):
            shifts = [front - shift for p, shift in self._taps if p == phase]
            at, taps = joined(self.blocks.on.T, self.blocks.outputs, step, shifts)
            ats.append(at + base)
            lists.append(taps)
            base += len(taps)
        depth = (self.blocks.readers[:, None] * count).reshape(-1)
        first, rows = np.repeat(first, phases), np.repeat(rows, phases)
        tap_at = np.stack(ats, axis=1).reshape(-1)
        return Products(first, rows, starts(rows * depth), depth, depth, tap_at, np.concatenate(lists))

    @cached_property
    def turn(self) -> Turn:
        """How the weights of :attr:`forward` become those of :attr:`backward`."""
        on, sizes_in, sizes_out = self.blocks.on, self.blocks.inputs[1], self.blocks.outputs[1]
        column = np.cumsum(on * sizes_in, axis=1) - on * sizes_in
        row = np.cumsum(on * sizes_out[:, None], axis=0) - on * sizes_out[:, None]
        read, reader = np.nonzero(on.T)
        edge_at = np.concatenate([[0], np.cumsum(on.sum(axis=0))])
        phases = np.array([phase for phase, _ in self._taps])
        place = np.array([int((phases[:t] == phases[t]).sum()) for t in range(len(phases))])
        return Turn(
            edge_at, reader, column[reader, read], row[reader, read], self.blocks.readers, sizes_in,
            phases, place, np.bincount(phases, minlength=self.used**2),
        )  # fmt: skip

    @cached_property
    def stretches(self) -> Stretches:
        """Neighbours among :attr:`forward`'s inputs."""
        of_reader = [runs(reads, *self.blocks.inputs) for reads in self.blocks.on]
        first, length = np.array([run for stretches in of_reader for run in stretches], dtype=np.int64).T.copy()
        to = [starts(np.array([length for _, length in stretches], dtype=np.int64)) for stretches in of_reader]
        at = np.cumsum([0, *map(len, of_reader)])
        return Stretches(at, first, length, np.concatenate(to))

    @cached_property
    def _taps(self) -> list[tuple[int, int]]:
        """Phase and shift of each tap of the kernel."""
        pitch, side = self._plane[1], range(self.kernel)
        return [
            (y % self.stride * self.used + x % self.stride, y // self.stride * pitch + x // self.stride)
            for y in side
            for x in side
        ]


@lru_cache(maxsize=512)
def geometry(
    blocks: Blocks, kernel: int, stride: int, padding: int, images: int, height: int, width: int, itemsize: int
) -> Geometry:
    """Return the geometry of a call, once for all calls of its kind.

    Args:
        blocks: which features each node has and reads.
        kernel: side of the kernel.
        stride: step of the kernel.
        padding: zeros on each side.
        images: in the batch.
        height, width: of an image in pixels.
        itemsize: bytes per number.

    Returns:
        Everything that the kernels need to know of a call.
    """
    return Geometry(blocks, kernel, stride, padding, images, height, width, itemsize)
