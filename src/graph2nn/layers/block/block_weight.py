"""A weight of any ``nn.Linear`` or ``nn.Conv2d`` stored and multiplied by the block engine.

The module stays what it is, a parametrised ``nn.Linear`` or ``nn.Conv2d``: ``weight`` reads and writes as
``[out, in, …]``, and ``state_dict`` has the names and tensors of the masked parametrisation. Behind it lies the
compact weight, which is what ``parameters()`` gives, and the module's forward calls the kernels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.block.autocast import autocast_type
from graph2nn.layers.block.compact import Compact, same_mask
from graph2nn.layers.block.operator import graph_as_text
from graph2nn.layers.block.product import supported
from graph2nn.layers.masked_class import own_class
from graph2nn.layers.parametrisation import register, stored_weight
from graph2nn.layers.stored_weight import StoredWeight, symbolic
from graph2nn.layers.weight_layout import Layout
from graph2nn.layers.weight_mask import WeightMask


class CompactMask(WeightMask, Compact):
    """Parametrisation of a compact weight by a graph: what is stored, spread over the mask.

    Args:
        graph: what the mask was made from.
        mask: bool ``[out, in]`` or ``[out, in, 1, 1]``.
        layout: of the weight; one part, outputs first.
        scale: as for :class:`WeightMask`.
        off: as for :class:`WeightMask`.
        stride: of the convolution.
        padding: of the convolution.
    """

    engine = "block"

    def __init__(
        self,
        graph: RelationalGraph,
        mask: Tensor,
        layout: Layout,
        *,
        scale: float = 1.0,
        off: Tensor | None = None,
        stride: int = 1,
        padding: int = 0,
    ) -> None:
        super().__init__(graph, mask, layout, scale=scale, off=off)
        # Kept, as compilers do not trace how they are made.
        self.graph_text = graph_as_text(graph)
        self.stored_shape = self._stored_shape
        self.stride = stride
        self.padding = padding

    @property
    def kernel(self) -> tuple[int, ...]:
        """Shape of the kernel; none in a linear layer."""
        assert self.layout is not None
        return self.layout.kernel

    def dense_shape(self, stored: Tensor) -> torch.Size:
        """Shape of the weight that the module reads, ``[out, in, …]``."""
        return self.shape

    def forward(self, stored: Tensor) -> Tensor:
        """Return ``[out, in, …]`` with zeros off the mask.

        A tensor that has this shape already, as ``functional_call`` with a ``state_dict`` gives, is masked.
        """
        dense = stored if stored.shape == self.shape else self.expand(stored)
        # The product shows the mask to whoever counts multiply-adds.
        return dense * self.mask

    def __prepare_scriptable__(self) -> CompactMask:
        """Return the mask: a scripted module holds its weight, and never looks in here."""
        return self

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return what is stored for a weight ``[out, in, …]``."""
        return self.compact(weight)

    def product(self, x: Tensor, stored: Tensor, bias: Tensor | None) -> Tensor | None:
        """Return the layer's output ``[N, out, H′, W′]``; None where the kernels cannot compute it.

        Args:
            x: ``[N, in, H, W]``, at least as large as the kernel with its padding.
            stored: the compact weight.
            bias: ``[out]``.

        Returns:
            The output, or None.
        """
        if stored.shape != self.stored_shape or not (supported(x, stored) or autocast_type(x, stored)):
            return None
        y = self.multiply_by(x, stored)
        return self.rounded(y if bias is None else y + bias.to(y.dtype)[:, None, None], x, stored)


class CompactWeight(StoredWeight):
    """The list of parametrisations of a compact weight, saved and loaded as that of a masked weight.

    Who reads the weight gets a tensor ``[out, in, …]`` of its own. It is kept until the layer is used again,
    and what was written to it by then, ``.data`` included, is taken over.
    """

    #: The tensor handed out last, with the stored values that it showed.
    handed: tuple[Tensor, Tensor] | None = None

    @property
    def step(self) -> CompactMask:
        """The first parametrisation."""
        step = self[0]
        assert isinstance(step, CompactMask)
        return step

    def read(self) -> Tensor:
        """Return the weight ``[out, in, …]``, zero off the mask."""
        if symbolic(self.original) or len(self) > 1 or self.original.shape != self.step.stored_shape:
            return self.product()
        self.settle()
        dense = self.product()
        self.handed = dense, self.original.detach().clone()
        return dense

    @torch.no_grad()
    def write(self, value: Tensor) -> None:
        """Store a weight ``[out, in, …]``; what is off the mask is dropped."""
        self.handed = None
        super().write(value)

    @torch._disable_dynamo  # type: ignore[attr-defined]
    @torch.no_grad()
    def settle(self) -> None:
        """Take over what was written to the tensor handed out last.

        Raises:
            UserError: its values were replaced by those of another shape.
        """
        if self.handed is None:
            return
        (dense, shown), self.handed = self.handed, None
        # A trace would take what happens here for a part of the network.
        tracing = torch._C._get_tracing_state()
        torch._C._set_tracing_state(None)  # type: ignore[attr-defined]
        try:
            self._take_over(dense.detach(), shown)
        finally:
            torch._C._set_tracing_state(tracing)  # type: ignore[attr-defined]

    def _take_over(self, dense: Tensor, shown: Tensor) -> None:
        if dense.shape != self.step.shape:
            raise UserError(
                f"relational weight: expected a tensor of shape {list(self.step.shape)}, "
                f"got {list(dense.shape)}."
            )
        values = self.step.compact(dense.to(shown))
        if not torch.equal(values, shown):
            self.original.copy_(values)

    def adopt(self) -> None:
        """Do nothing: what is stored is on the mask, and so is its gradient."""

    def release(self, module: nn.Module) -> Tensor | None:
        """Give ``module`` its own forward back, just before this parametrisation is removed.

        Returns:
            The gradient of the dense weight, or None without one.
        """
        self.settle()
        own_class(module)
        del type(module).forward
        gradient, self.original.grad = self.original.grad, None
        return None if gradient is None else self.step.expand(gradient)

    def __getstate__(self) -> dict[str, Any]:
        self.settle()
        return {name: value for name, value in self.__dict__.items() if name != "handed"}

    def _apply(self, fn: Any, recurse: bool = True) -> CompactWeight:
        self.settle()
        super()._apply(fn, recurse)
        return self

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}original"] = self.step.expand(destination[f"{prefix}original"])

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        self.settle()
        state = dict(state_dict)
        weight = state.get(f"{prefix}original")
        mask = state.get(f"{prefix}0.mask")
        if mask is not None and not same_mask(mask, self.step.mask):
            # The mask itself is refused by the step, with a reason; the weight stays as it is.
            state[f"{prefix}original"] = self.original.detach()
        elif weight is not None and weight.shape == self.step.shape:
            state[f"{prefix}original"] = self.step.compact(weight.detach())
        super()._load_from_state_dict(state, prefix, local_metadata, *rest)


def blocks_fit(module: nn.Module, tensor: str, layout: Layout) -> bool:
    """Whether the block engine can compute ``module`` with its weight laid over a graph.

    That takes an ``nn.Linear``, or an ``nn.Conv2d`` in one group with square kernel, stride and zero padding,
    whose forward nobody has changed, and whose weight is float32 or float64 on the CPU. The output projection
    of ``nn.MultiheadAttention`` does not run its own forward.

    Args:
        module: that holds the weight.
        tensor: name of the weight.
        layout: of the weight; stacked weights do not fit.

    Returns:
        Whether it can.
    """
    weight = getattr(module, tensor)
    if (
        tensor != "weight"
        or layout.parts != 1
        or layout.joined
        or layout.transposed
        or "forward" in vars(module)
    ):
        return False
    if weight.device.type not in ("cpu", "meta") or weight.dtype not in (torch.float32, torch.float64):
        return False
    if isinstance(module, nn.Linear):
        attention = isinstance(module, nn.modules.linear.NonDynamicallyQuantizableLinear)
        return type(module).forward is nn.Linear.forward and not attention
    if not isinstance(module, nn.Conv2d) or type(module).forward is not nn.Conv2d.forward:
        return False
    padding = module.padding
    return (
        type(module)._conv_forward is nn.Conv2d._conv_forward
        and (module.groups, module.padding_mode, tuple(module.dilation)) == (1, "zeros", (1, 1))
        and module.kernel_size[0] == module.kernel_size[1]
        and module.stride[0] == module.stride[1]
        and not isinstance(padding, str)
        and padding[0] == padding[1]
    )


def compact_weight(module: nn.Module, mask: WeightMask, layout: Layout) -> None:
    """Store the weight of a module that :func:`blocks_fit` compactly, and let the kernels compute it.

    The parameter object stays the same; it takes the shape of the compact weight.

    Args:
        module: changed in place.
        mask: as the masked engine would use it.
        layout: of the weight.
    """
    stride, padding = (
        (int(module.stride[0]), int(module.padding[0])) if isinstance(module, nn.Conv2d) else (1, 0)
    )
    step = CompactMask(
        mask.graph, mask.mask, layout, scale=mask.scale, off=mask.off, stride=stride, padding=padding
    )
    weight = stored_weight(module, "weight")
    gradient, weight.grad = weight.grad, None
    register(module, "weight", step, CompactWeight)
    if gradient is not None:
        weight.grad = step.compact(gradient)
    forward = _linear_forward if isinstance(module, nn.Linear) else _conv2d_forward
    type(module).forward = forward


def _product(module: nn.Module, x: Tensor) -> Tensor | None:
    chain: Any = module.parametrizations["weight"]  # type: ignore[index]
    if chain.handed is not None:
        chain.settle()
    # Another parametrisation on top of the mask computes another weight.
    if len(chain) > 1:
        return None
    result: Tensor | None = chain[0].product(x, chain.original, module.bias)
    return result


# The argument is called as torch calls it, so that ``layer(input=x)`` works.
def _linear_forward(self: Any, input: Tensor) -> Tensor:  # noqa: A002
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return F.linear(input, self.weight, self.bias)
    else:  # noqa: RET505 - a scripted module compiles what follows a return
        return _linear(self, input)


def _conv2d_forward(self: Any, input: Tensor) -> Tensor:  # noqa: A002
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return self._conv_forward(input, self.weight, self.bias)  # type: ignore[no-any-return]
    else:  # noqa: RET505 - a scripted module compiles what follows a return
        return _conv2d(self, input)


def _linear(self: nn.Linear, input: Tensor) -> Tensor:  # noqa: A002
    if input.ndim and input.shape[-1] == self.in_features:
        *leading, features = input.shape
        y = _product(self, input.reshape(input.numel() // features, features, 1, 1))
        if y is not None:
            return y.reshape(*leading, self.out_features)
    return nn.Linear.forward(self, input)


def _conv2d(self: nn.Conv2d, input: Tensor) -> Tensor:  # noqa: A002
    if input.ndim == 4 and input.shape[1] == self.in_channels:
        height, width = input.shape[2:]
        if min(height, width) + 2 * int(self.padding[0]) >= self.kernel_size[0]:
            y = _product(self, input)
            if y is not None:
                return y
    return nn.Conv2d.forward(self, input)
