"""Stored weight of a masked module: ``module.weight`` is the parameter itself, and zero off its mask.

Whatever writes to a plain layer writes to this one: ``nn.init``, ``reset_parameters``, ``layer.weight.data =``,
an adapter that is merged. What it writes off the mask is zeroed when the weight is next read.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from graph2nn.errors import UserError
from graph2nn.layers.weight_mask import GradientMask, WeightMask


def symbolic(tensor: Tensor) -> bool:
    """Whether a tensor stands for others (compiling, tracing, a transform) or has no memory to write to."""
    if torch.compiler.is_compiling():
        return True
    return tensor.is_meta or torch._C._is_tracing() or torch._C._are_functorch_transforms_active()


class StoredWeight(parametrize.ParametrizationList):
    """List of the parametrisations of one weight, the mask first; reads and writes go through it.

    The weight that a module reads is the parameter ``original`` itself, zeroed off the mask at that moment, and
    a hook masks its gradient. Where a tensor stands in for the parameter (``functional_call``, compilers,
    FSDP's views, replicas of DataParallel), and under a further parametrisation, it reads the product with the
    mask.
    """

    @property
    def step(self) -> WeightMask:
        """The mask, the first parametrisation."""
        step = self[0]
        assert isinstance(step, WeightMask)
        return step

    def read(self) -> Tensor:
        """Return the weight ``[out, in, …]`` that the module computes with."""
        if symbolic(self.original) or len(self) > 1 or not self.adopted():
            return self.product()
        self.keep()
        return self.original

    def product(self) -> Tensor:
        """Return the weight as torch computes it: the product with the mask, and what follows that."""
        product: Tensor = self()
        return product

    @torch.no_grad()
    def write(self, value: Tensor) -> None:
        """Store a weight ``[out, in, …]``; off the mask it becomes zero.

        Raises:
            UserError: another shape.
        """
        if len(self) > 1:
            self.right_inverse(value)
            return
        shape = self.step.dense_shape(self.original)
        if value.shape != shape:
            raise UserError(
                f"relational weight: expected a tensor of shape {list(shape)}, got {list(value.shape)}."
            )
        self.original.copy_(self.step.right_inverse(value.detach().to(self.original)))

    def keep(self) -> None:
        """Zero what was written off the mask; ``.data`` leaves no trace, so it is done at every read."""
        # Through .data, so that a graph that saved the weight does not take it for a change.
        self.original.data.mul_(self.step.mask)

    def adopt(self) -> None:
        """Hook the gradient of the parameter: again after a copy, or when another one took its place."""
        weight = self.original
        if not isinstance(weight, nn.Parameter) or weight.is_inference():
            return
        self._unhook()
        # swap_tensors exchanges what lies behind a parameter and leaves its hooks unconnected: connect them.
        others: Any = weight._backward_hooks
        weight._backward_hooks = None
        learnt = weight.requires_grad
        # A hook needs a gradient; it stays where a frozen weight is learnt again later.
        weight.requires_grad_(True)
        if others:
            weight._backward_hooks = others
        weight.register_hook(GradientMask(self.step))  # type: ignore[no-untyped-call]
        weight.requires_grad_(learnt)

    def adopted(self) -> bool:
        """Whether the tensor in place of the parameter is the one whose gradient is hooked."""
        return bool(self._hooks())

    def _hooks(self) -> list[int]:
        hooks: Any = getattr(self.original, "_backward_hooks", None) or {}
        step = self.step
        return [key for key, hook in hooks.items() if isinstance(hook, GradientMask) and hook.belongs_to(step)]

    def _unhook(self) -> None:
        hooks: Any = self.original._backward_hooks
        for key in self._hooks():
            hooks.pop(key)

    def release(self, module: nn.Module) -> Tensor | None:
        """Let the parameter go, just before this parametrisation is removed from ``module``.

        Returns:
            A gradient in the shape of the dense weight where the stored one has another, or None.
        """
        self.settle()
        self._unhook()
        return None

    def settle(self) -> None:
        """Take in what was written, before the stored parameter is saved or handed on."""
        if not symbolic(self.original) and self.adopted():
            self.keep()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.adopt()

    def _apply(self, fn: Any, recurse: bool = True) -> StoredWeight:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.adopt()
        return self

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        self.settle()
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        self.adopt()
