"""Compact weights: what the layers of the block engine share."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block.autocast import autocast_type, multiply_autocast
from graph2nn.layers.block.geometry import geometry
from graph2nn.layers.block.layout import Blocks, blocks_of
from graph2nn.layers.block.operator import block_multiply, graph_as_text
from graph2nn.layers.block.product import multiply, supported
from graph2nn.layers.masked import Symmetric
from graph2nn.layers.weight_mask import other_mask, same_mask, times_mask

#: Weights whose places are looked up at once; torch makes an index of 8 bytes per dimension for each of them.
_AT_ONCE = 1 << 18


def pick(weight: Tensor, mask: Tensor, stored: Tensor | None, out: Tensor) -> Tensor:
    """Write the entries of each row of a weight that are on its mask to the places where they are stored.

    Args:
        weight: ``[out, in, *k]``.
        mask: bool, broadcastable over the weight; one row per output feature.
        stored: where a row of ``out`` has weights, bool, zero elsewhere; None for everywhere.
        out: ``[out, pitch]``, overwritten.

    Returns:
        ``out``.
    """
    step = max(1, _AT_ONCE // max(1, weight[0].numel()))
    for first in range(0, len(weight), step):
        rows = slice(first, first + step)
        part = weight[rows]
        values = part[mask[rows].expand(part.shape)]
        if stored is None:
            out[rows] = values.view(len(part), -1)
        else:
            out[rows].zero_().masked_scatter_(stored[rows], values)
    return out


def passing(shape: torch.Size, like: Tensor) -> Tensor:
    """Return an uninitialised tensor of the type of ``like`` that will soon be dropped.

    On the CPU it comes straight from the system and goes back there. glibc's ``malloc`` would take the largest
    block it ever freed for the size below which freed memory is kept, and later fragment what it keeps: a
    training step of ResNet-34 then holds a quarter more memory than it needs.
    """
    if like.device.type != "cpu":
        return like.new_empty(shape)
    pages = mmap.mmap(-1, shape.numel() * like.element_size())
    return torch.frombuffer(pages, dtype=like.dtype).view(shape)


#: What is stored compactly: the weight, and what ``prune`` and ``weight_norm`` of torch make of it.
STORED = ("weight", "weight_orig", "weight_mask", "weight_v")


class Compact(nn.Module):
    """Mixed into a masked layer, stores only the entries of its weight on the mask, ``[out, pitch]``.

    A row holds the weights of one output feature in their order. Where outputs read different numbers of
    features, the shorter rows end in zeros, which have no gradient and stay zero under SGD and Adam. So the
    parameter is a matrix, as the masked one: rules such as "no weight decay below two dimensions" treat it
    alike (``docs/training.md`` lists what each optimiser does with it).

    Outside nothing changes: ``state_dict`` holds ``weight`` ``[out, in, *k]`` and ``mask`` and takes them back,
    so checkpoints move between engines both ways; the same generator draws the same weights. Where the kernels
    cannot compute (another device, another type, ``torch.func`` transforms) the layer computes as the masked
    one, and so do ``torch.jit.trace`` and ONNX export. Under autocast it returns 16 bits as torch's layers do,
    see :mod:`autocast`. ``torch.compile`` and ``torch.export`` see the kernels as one operator. There are no
    second derivatives. An input that is infinite or not a number reaches only the nodes that read it; in the
    masked layer 0 · ∞ makes every output of that sample not a number.
    """

    # torch.jit.script evaluates the annotations of a class, which are text here.
    if TYPE_CHECKING:
        graph: RelationalGraph
        mask: Tensor
        weight: nn.Parameter
        bias: nn.Parameter | None
        #: The graph as the operator of compiled graphs takes it; kept, as compilers do not trace its making.
        graph_text: str
        __jit_unused_properties__: tuple[str, ...]
    stride = 1
    padding = 0
    engine = "block"
    __jit_unused_properties__ = ("shape", "kernel", "blocks", "_stored_shape")

    def reset_mask(self) -> None:
        """Make the mask from the graph again."""
        super().reset_mask()  # type: ignore[misc]

    @property
    def kernel(self) -> tuple[int, ...]:
        """Shape of the kernel; none in a linear layer."""
        return ()

    def refuse(self, symmetric: Symmetric) -> None:
        """Raise a UserError for symmetric weights."""
        if symmetric:
            raise UserError(
                f"layer: the {self.engine} engine has no symmetric weights; use engine='masked' for them."
            )

    def new_weight(
        self, shape: torch.Size, device: torch.device | str | None, dtype: torch.dtype | None
    ) -> Tensor:
        """Return an uninitialised weight of the masked ``shape`` as it is stored, ``[out, pitch]``.

        Args:
            shape: of the masked weight, ``[out, in, *kernel]``.
            device: of the weight.
            dtype: of the weight; torch's default if None.

        Returns:
            The weight, not initialised.
        """
        self.graph_text = graph_as_text(self.graph)
        return torch.empty(*self._stored_shape, device=device, dtype=dtype)

    @property
    def _stored_shape(self) -> tuple[int, int]:
        return self.shape[0], self.blocks.pitch * self.shape[2:].numel()

    @property
    def blocks(self) -> Blocks:
        """Sizes and places of the blocks."""
        out, into = self.mask.shape[:2]
        return blocks_of(self.graph, into, out)

    @property
    def shape(self) -> torch.Size:
        """Shape of the masked weight, ``[out, in, *k]``."""
        return torch.Size((*self.mask.shape[:2], *self.kernel))

    def compact(self, weight: Tensor) -> Tensor:
        """Return the entries on the mask of a tensor ``[out, in, *k]`` as they are stored, ``[out, pitch]``.

        Also for what an optimiser keeps for each weight, such as momentum.
        """
        out = weight.new_empty(self._stored_shape)
        return out if weight.is_meta else self._compact_into(out, weight)

    def _compact_into(self, out: Tensor, weight: Tensor) -> Tensor:
        stored = self.blocks.stored
        if stored is None:
            return pick(weight, self.mask, None, out)
        places = torch.from_numpy(stored.repeat(self.shape[2:].numel(), axis=1)).to(weight.device)
        return pick(weight, self.mask, places, out)

    def expand(self, values: Tensor) -> Tensor:
        """Return ``[out, in, *k]``, stored ``values`` on the mask and zero off it; undoes :meth:`compact`."""
        places = self._places(values.device)
        used = values.reshape(-1) if places is None else values.reshape(-1).index_select(0, places)
        return values.new_zeros(self.shape).masked_scatter(self.mask, used)

    def _places(self, device: torch.device) -> Tensor | None:
        """Where the weights are among the stored numbers, int64, in order; None if there is no padding."""
        stored = self.blocks.stored
        if stored is None:
            return None
        taps = self.shape[2:].numel()
        return torch.from_numpy(np.flatnonzero(np.repeat(stored, taps, axis=1))).to(device)

    def effective_weight(self) -> Tensor:
        """The weight as the masked engine has it, ``[out, in, *k]``, differentiable."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            values = self.weight.reshape(-1).index_select(0, self.scripted_places.to(self.weight.device))
            dense = torch.zeros(self.scripted_shape, dtype=self.weight.dtype).to(self.weight.device)
            return dense.masked_scatter(self.mask, values)
        else:  # noqa: RET505 - a scripted layer compiles what follows a return
            # The product changes nothing, but shows the mask to whoever counts multiply-adds.
            return times_mask(self.expand(self.weight), self.mask)

    def __prepare_scriptable__(self) -> Compact:
        """Keep what a scripted layer makes its weight from."""
        places = self._places(self.weight.device)
        self.scripted_places = torch.arange(self.weight.numel()) if places is None else places
        self.scripted_shape = list(self.shape)
        return self

    @torch.no_grad()
    def set_weight(self, weight: Tensor) -> None:
        """Take the weights on the mask from a tensor ``[out, in, *k]``."""
        self.weight.copy_(self.compact(weight))

    def density(self) -> float:
        """Share of the weights in use."""
        return self.blocks.weights / self.mask.numel()

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Redraw the weights, as the masked layer does from the same generator; the bias starts at zero."""
        if self.weight.is_meta:
            return
        self.reset_mask()
        drawn = passing(self.shape, self.weight)
        nn.init.normal_(drawn, std=self.standard_deviation(), generator=generator)
        self._compact_into(self.weight, self.scaled_start(drawn))
        if self.bias is not None:
            self.bias.zero_()

    def standard_deviation(self) -> float:
        """Standard deviation of the initial weights."""
        deviation: float = super().standard_deviation()  # type: ignore[misc]
        return deviation

    def scaled_start(self, drawn: Tensor) -> Tensor:
        """Scale drawn weights ``[out, in, *k]`` as the layer's ``init`` says."""
        scaled: Tensor = super().scaled_start(drawn)  # type: ignore[misc]
        return scaled

    def computes(self, x: Tensor) -> bool:
        """Whether the kernels can compute on ``x``."""
        return supported(x, self.weight) or autocast_type(x, self.weight) is not None

    def rounded(self, y: Tensor, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the output ``y`` for an input ``x`` in the type that autocast gives it, contiguous.

        Args:
            y: output of the kernels, float32.
            x: input as the layer was given it.
            weight: as stored; None where the input alone decides.

        Returns:
            The output in the type that torch's own layer would give.
        """
        dtype = autocast_type(x, self.weight if weight is None else weight)
        return y if dtype is None else y.to(dtype, memory_format=torch.contiguous_format)

    def multiply(self, x: Tensor) -> Tensor:
        """Return ``[N, out, H′, W′]`` without bias for an input ``[N, in, H, W]``; not yet :meth:`rounded`."""
        return self.multiply_by(x, self.weight)

    def multiply_by(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the output without bias for compact weights, eager or as an operator in a compiler's graph."""
        side = self.kernel[0] if self.kernel else 1
        reduced = autocast_type(x, weight) is not None
        if torch.compiler.is_compiling():
            out, into = self.mask.shape[:2]
            call = self.graph_text, into, out, side, self.stride, self.padding
            return cast(Tensor, block_multiply(x.to(weight.dtype) if reduced else x, weight, *call))
        images, _, height, width = x.shape
        itemsize = weight.element_size()
        shape = geometry(self.blocks, side, self.stride, self.padding, images, height, width, itemsize)
        return (multiply_autocast if reduced else multiply)(x, weight, shape)

    def wiring_repr(self) -> str:
        """The part of ``repr`` that tells the wiring: graph, density, engine."""
        return f"graph={self.graph.name} (n={self.graph.n}), density={self.density():.4f}, engine={self.engine}"

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name in STORED:
            if (stored := destination.get(f"{prefix}{name}")) is not None:
                destination[f"{prefix}{name}"] = self.expand(stored)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        state = dict(state_dict)
        mask = state.get(f"{prefix}mask")
        if mask is not None and not same_mask(mask, self.mask):
            error_msgs.append(other_mask(f"{prefix}mask", self.graph, self.shape, self.engine))
            return
        for name in STORED:
            weight = state.get(f"{prefix}{name}")
            if weight is not None and weight.shape == self.shape:
                state[f"{prefix}{name}"] = self.compact(weight.detach())
        super()._load_from_state_dict(
            state, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
