"""A weight of any ``nn.Linear`` or ``nn.Conv2d`` of which only the entries on the mask are stored.

The module stays what it is, a parametrised ``nn.Linear`` or ``nn.Conv2d``: ``weight`` reads and writes as
``[out, in, …]``, and ``state_dict`` has the names and tensors of the masked parametrisation. Behind it lies the
compact weight, which is what ``parameters()`` gives, and the module's forward calls the kernels of an engine.
How a weight is stored and multiplied is the engine's: ``block/block_weight.py`` and ``edge/edge_weight.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.errors import UserError
from graph2nn.layers.masked_class import own_class
from graph2nn.layers.parametrisation import register, stored_weight
from graph2nn.layers.stored_weight import StoredWeight, symbolic
from graph2nn.layers.weight_layout import Layout
from graph2nn.layers.weight_mask import WeightMask, same_mask, times_mask


class CompactMask(WeightMask):
    """Parametrisation of a compact weight by a graph: what is stored, spread over the mask.

    An engine says how: ``stored_shape``, ``compact`` and ``expand``, and ``linear``, which computes the layer.
    """

    if TYPE_CHECKING:
        #: Shape of what is stored.
        stored_shape: tuple[int, ...]

        @property
        def shape(self) -> torch.Size:
            """Shape of the weight that the module reads, ``[out, in, …]``."""

        def compact(self, weight: Tensor) -> Tensor:
            """Return what is stored for a weight ``[out, in, …]``; its entries off the mask are dropped."""

        def expand(self, values: Tensor) -> Tensor:
            """Return ``[out, in, …]`` with zeros off the mask; undoes ``compact``."""

        def linear(self, x: Tensor, stored: Tensor, bias: Tensor | None) -> Tensor | None:
            """Return the output of a linear layer, ``[…, out]``; None where the kernels cannot compute it."""

    def dense_shape(self, stored: Tensor) -> torch.Size:
        """Shape of the weight that the module reads, ``[out, in, …]``."""
        return self.shape

    def forward(self, stored: Tensor) -> Tensor:
        """Return ``[out, in, …]`` with zeros off the mask.

        A tensor that has this shape already, as ``functional_call`` with a ``state_dict`` gives, is masked.
        """
        dense = stored if stored.shape == self.shape else self.expand(stored)
        # The product shows the mask to whoever counts multiply-adds.
        return times_mask(dense, self.mask)

    def __prepare_scriptable__(self) -> Any:
        """Return the mask: a scripted module holds its weight, and never looks in here."""
        return self

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return what is stored for a weight ``[out, in, …]``."""
        return self.compact(weight)


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


def linear_fits(module: nn.Module, tensor: str, layout: Layout) -> bool:
    """Whether ``module`` is an ``nn.Linear`` that runs that class's forward, and :func:`may_be_compact`.

    Args:
        module: that holds the weight.
        tensor: name of the weight.
        layout: of the weight.

    Returns:
        Whether its weight may be stored compactly.
    """
    # The output projection of nn.MultiheadAttention does not run its own forward.
    attention = isinstance(module, nn.modules.linear.NonDynamicallyQuantizableLinear)
    return (
        isinstance(module, nn.Linear)
        and type(module).forward is nn.Linear.forward
        and not attention
        and may_be_compact(module, tensor, layout)
    )


def may_be_compact(module: nn.Module, tensor: str, layout: Layout) -> bool:
    """Whether the weight of a module may be stored compactly, as far as the weight itself says.

    That takes one weight, outputs first, that is float32 or float64 on the CPU, and a module whose forward
    nobody has replaced.

    Args:
        module: that holds the weight.
        tensor: name of the weight.
        layout: of the weight; stacked and joined weights do not fit.

    Returns:
        Whether it may.
    """
    if tensor != "weight" or layout.parts != 1 or layout.joined or layout.transposed:
        return False
    weight = getattr(module, tensor)
    on_cpu = weight.device.type in ("cpu", "meta") and weight.dtype in (torch.float32, torch.float64)
    return on_cpu and "forward" not in vars(module)


def store_compactly(module: nn.Module, step: CompactMask, forward: Any = None) -> None:
    """Store the weight of a module as an engine does, and let the engine's kernels compute the module.

    The parameter object stays the same; it takes the shape of the compact weight.

    Args:
        module: changed in place.
        step: the engine's parametrisation.
        forward: of the module; that of a linear layer if None.
    """
    weight = stored_weight(module, "weight")
    gradient, weight.grad = weight.grad, None
    register(module, "weight", step, CompactWeight)
    if gradient is not None:
        weight.grad = step.compact(gradient)
    type(module).forward = linear_forward if forward is None else forward


def weight_in_use(module: nn.Module) -> CompactWeight | None:
    """Return the compact weight of a module, settled; None where another parametrisation lies on top of it."""
    chain: Any = module.parametrizations["weight"]  # type: ignore[index]
    if chain.handed is not None:
        chain.settle()
    return None if len(chain) > 1 else chain


# The argument is called as torch calls it, so that ``layer(input=x)`` works.
def linear_forward(self: Any, input: Tensor) -> Tensor:  # noqa: A002
    """Forward of a linear layer with a compact weight."""
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return F.linear(input, self.weight, self.bias)
    else:  # noqa: RET505 - a scripted module compiles what follows a return
        return _linear(self, input)


def _linear(self: nn.Linear, input: Tensor) -> Tensor:  # noqa: A002
    if input.ndim and input.shape[-1] == self.in_features:
        chain = weight_in_use(self)
        y = None if chain is None else chain.step.linear(input, chain.original, self.bias)
        if y is not None:
            return y
    return nn.Linear.forward(self, input)
