"""Masked engine: weight × mask in every forward. The oracle for all other engines.

This is the published technique and the oracle of every faster engine: gradients outside the mask are zero
because the product says so, on any device, under ``torch.compile`` and under ``functional_call``.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.arguments import at_least, checked_arguments
from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.partition import feature_scale, mask
from graph2nn.layers.weight_mask import keep_boolean, times_mask
from graph2nn.memory import refuse_weights

#: Whether and how the two directions of an edge share their weights: (A + Aᵀ)/√2, or A + Aᵀ as published.
Symmetric = bool | Literal["sum"]
#: How weights start: as published, or each block in proportion to the weight of its edge.
Init = Literal["published", "weights"]


class _Masked(nn.Module):
    """A weight ``[out, in, *kernel]``, a buffer ``mask`` that broadcasts over it, perhaps a bias ``[out]``."""

    # torch.jit.script evaluates the annotations of a class, which are text here.
    if TYPE_CHECKING:
        mask: Tensor
        __jit_unused_properties__: tuple[str, ...]
    __constants__ = ("symmetric",)
    __jit_unused_properties__ = ("shape",)
    #: Name of the engine, as :class:`graph2nn.Relational` takes it.
    engine = "masked"

    def __init__(
        self,
        graph: RelationalGraph,
        in_features: int,
        out_features: int,
        kernel: tuple[int, ...],
        *,
        bias: bool,
        symmetric: Symmetric,
        init: Init,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        at_least(
            1, "layer", in_features=in_features, out_features=out_features, kernel_size=min(kernel, default=1)
        )
        if symmetric and in_features != out_features:
            raise UserError(
                f"layer: symmetric weights need as many outputs as inputs, got {in_features} → {out_features}."
            )
        self.graph = graph
        self.symmetric = symmetric
        self.init = init
        on = torch.from_numpy(mask(graph, in_features, out_features)).to(device)
        self.register_buffer("mask", on.reshape(*on.shape, *(1 for _ in kernel)))
        shape = (*on.shape, *kernel)
        refuse_weights(f"layer: a weight of {shape}", math.prod(shape), on.device)
        self.weight = nn.Parameter(self.new_weight(torch.Size(shape), device, dtype))
        self.bias = nn.Parameter(torch.empty(out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def new_weight(
        self, shape: torch.Size, device: torch.device | str | None, dtype: torch.dtype | None
    ) -> Tensor:
        """Return an uninitialised weight of the masked ``shape``, as the engine stores it."""
        return torch.empty(shape, device=device, dtype=dtype)

    @property
    def shape(self) -> torch.Size:
        """Shape of the masked weight, ``[out, in, *kernel]``, however the engine stores it."""
        return self.weight.shape

    @abstractmethod
    def standard_deviation(self) -> float:
        """Standard deviation of the initial weights."""

    @torch.no_grad()
    def reset_mask(self) -> None:
        """Make the mask from the graph again: ``to_empty`` leaves any bits in it."""
        if not self.mask.is_meta:
            out, into = self.mask.shape[:2]
            self.mask.copy_(torch.from_numpy(mask(self.graph, into, out)).reshape(self.mask.shape))

    def _apply(self, fn: Callable[..., Tensor], recurse: bool = True) -> _Masked:
        without_memory = self.mask.is_meta
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        keep_boolean(self)
        if without_memory:
            self.reset_mask()
        return self

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights: normal on the mask, zero off it and in the bias. The mask is that of the graph."""
        if not self.weight.is_meta:
            self.reset_mask()
            nn.init.normal_(self.weight, std=self.standard_deviation(), generator=generator)
            self.scaled_start(self.weight).mul_(self.mask)
            if self.bias is not None:
                self.bias.zero_()

    @torch.no_grad()
    def scaled_start(self, drawn: Tensor) -> Tensor:
        """Scale drawn weights ``[out, in, *kernel]`` in place as ``init`` says, and return them.

        Block by block it is the edge's weight over the root mean square of all weights; see
        :func:`graph2nn.layers.partition.initial_scale`.
        """
        if self.init == "weights":
            out, into = drawn.shape[:2]
            factors = torch.from_numpy(feature_scale(self.graph, into, out)).to(drawn)
            drawn.mul_(factors.reshape(out, into, *(1 for _ in drawn.shape[2:])))
        return drawn

    def effective_weight(self) -> Tensor:
        """The weight the layer computes with: zero off the mask, and equal both ways if symmetric."""
        weight: Tensor = self.weight
        if self.symmetric:
            weight = weight + weight.transpose(0, 1)
            if not isinstance(self.symmetric, str):  # "sum"; a scripted layer compares types, not values
                weight = weight / 2**0.5  # keeps the published deviation of the weights between features
        return self.masked(weight)

    def masked(self, weight: Tensor) -> Tensor:
        """Return ``weight`` with zeros off the mask, and no gradient there."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return weight * self.mask
        else:  # noqa: RET505 - a scripted layer compiles what follows a return
            return times_mask(weight, self.mask)

    def weights_in_use(self) -> int:
        """Number of weights that are learnt: on the mask, tied ones once."""
        on = int(self.mask.sum())
        square = self.mask.reshape(*self.shape[:2])
        pairs = (on + int(square.diagonal().sum())) // 2 if self.symmetric else on
        return pairs * math.prod(self.shape[2:])

    @torch.no_grad()
    def set_weight(self, weight: Tensor) -> None:
        """Take the weights on the mask from a tensor ``[out, in, *kernel]``; off it they stay zero."""
        self.weight.copy_(weight * self.mask)

    def density(self) -> float:
        """Share of the weights in use."""
        return float(self.mask.sum()) / self.mask.numel()

    def wiring_repr(self) -> str:
        """The part of ``repr`` that tells the wiring: graph, density, engine."""
        density = "?" if self.mask.is_meta else f"{self.density():.4f}"
        tied = ", symmetric" if self.symmetric else ""
        return f"graph={self.graph.name} (n={self.graph.n}), density={density}{tied}, engine={self.engine}"


class RelationalLinear(_Masked):
    """Linear layer whose weight follows a graph (paper, section 3.2).

    Shapes: ``[…, in_features]`` to ``[…, out_features]``; ``weight`` and the buffer ``mask`` (bool, part of
    ``state_dict``) are ``[out_features, in_features]``. Initial weights are N(0, 0.01).

    Args:
        graph: node i of the output reads node j of the input where the graph has the edge, or i = j.
        in_features: features before the layer, at least ``graph.n``.
        out_features: features after it, at least ``graph.n``.
        bias: add a learnt bias ``[out_features]``.
        symmetric: compute with (A + Aᵀ)/√2 in place of the weight A, or with ``"sum"`` with A + Aᵀ, the
            published form; as many outputs as inputs.
        init: ``"weights"`` multiplies each initial block by the weight of its edge, divided by the root mean
            square of all weights.
        device: where the parameters are made.
        dtype: of the parameters.

    Raises:
        UserError: a width smaller than the number of nodes, symmetric weights between different widths, or
            ``init="weights"`` for a graph without weights.

    Example:
        >>> import torch
        >>> from graph2nn import ws_flex
        >>> layer = RelationalLinear(ws_flex(16, 4, 0.1, seed=1), 64, 32)
        >>> layer(torch.zeros(2, 64)).shape
        torch.Size([2, 32])
    """

    @checked_arguments
    def __init__(
        self,
        graph: RelationalGraph,
        in_features: int,
        out_features: int,
        *,
        bias: bool = False,
        symmetric: Symmetric = False,
        init: Init = "published",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            graph,
            in_features,
            out_features,
            (),
            bias=bias,
            symmetric=symmetric,
            init=init,
            device=device,
            dtype=dtype,
        )
        self.in_features = in_features
        self.out_features = out_features

    def standard_deviation(self) -> float:
        """0.01, as published."""
        return 0.01

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[…, in_features]`` to ``[…, out_features]``; a scripted layer does so by its masked weight."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return F.linear(x, self.effective_weight(), self.bias)
        else:  # noqa: RET505 - a scripted layer compiles what follows a return
            return self.compute(x)

    def compute(self, x: Tensor) -> Tensor:
        """Compute ``forward`` by the engine of the layer."""
        return F.linear(x, self.effective_weight(), self.bias)

    def extra_repr(self) -> str:
        """Widths, graph, density and engine, for ``print(model)``."""
        return f"{self.in_features} → {self.out_features}, {self.wiring_repr()}"


class RelationalConv2d(_Masked):
    """2-d convolution whose channels follow a graph (paper, section 3.2).

    Shapes: ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``; ``weight`` is
    ``[out, in, kernel, kernel]``, the buffer ``mask`` (bool, part of ``state_dict``) ``[out, in, 1, 1]``.
    Initial weights are N(0, √(2/(k²·out·density))).

    Args:
        graph: as for :class:`RelationalLinear`.
        in_channels: channels before the layer, at least ``graph.n``.
        out_channels: channels after it, at least ``graph.n``.
        kernel_size: side of the square kernel.
        stride: step of the kernel.
        padding: zeros added on each side.
        bias: add a learnt bias ``[out_channels]``.
        symmetric: as for :class:`RelationalLinear`, per position of the kernel.
        init: as for :class:`RelationalLinear`.
        device: where the parameters are made.
        dtype: of the parameters.

    Raises:
        UserError: a width smaller than the number of nodes, symmetric weights between different widths, or
            ``init="weights"`` for a graph without weights.

    Example:
        >>> import torch
        >>> from graph2nn import ws_flex
        >>> layer = RelationalConv2d(ws_flex(16, 4, 0.1, seed=1), 16, 32, kernel_size=3, padding=1)
        >>> layer(torch.zeros(2, 16, 8, 8)).shape
        torch.Size([2, 32, 8, 8])
    """

    @checked_arguments
    def __init__(
        self,
        graph: RelationalGraph,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = False,
        symmetric: Symmetric = False,
        init: Init = "published",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        kernel = (kernel_size, kernel_size)
        super().__init__(
            graph,
            in_channels,
            out_channels,
            kernel,
            bias=bias,
            symmetric=symmetric,
            init=init,
            device=device,
            dtype=dtype,
        )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel
        self.stride = stride
        self.padding = padding

    def standard_deviation(self) -> float:
        """√(2 / (k²·out·density)), as published."""
        out, _, *kernel = self.weight.shape
        return float((2.0 / (kernel[0] * kernel[1] * out * self.density())) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[batch, in_channels, H, W]`` to ``[batch, out_channels, H′, W′]``, by the engine."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return F.conv2d(x, self.effective_weight(), self.bias, self.stride, self.padding)
        else:  # noqa: RET505 - a scripted layer compiles what follows a return
            return self.compute(x)

    def compute(self, x: Tensor) -> Tensor:
        """Compute ``forward`` by the engine of the layer."""
        return F.conv2d(x, self.effective_weight(), self.bias, self.stride, self.padding)

    def extra_repr(self) -> str:
        """Widths, kernel, graph, density and engine, for ``print(model)``."""
        kernel = "×".join(map(str, self.kernel_size))
        shape = f"{self.in_channels} → {self.out_channels}, {kernel}, stride {self.stride}"
        return f"{shape}, {self.wiring_repr()}"
