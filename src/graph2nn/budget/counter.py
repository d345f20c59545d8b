"""Counting multiply-adds operation by operation, with the zeros of masks left out.

torch's own FLOP formulas count the operations; this file adds which share of a weight a mask leaves on. It
follows a weight from the product with its mask through views, casts and joins to the operation that uses it,
so that it does not matter which module computes with it, or how.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

_ATEN = torch.ops.aten
_COPIES = (_ATEN.clone, _ATEN._to_copy, _ATEN.contiguous)


class MacCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While active, adds up multiply-adds by the name of the module that computes, as given by ``where``.

    Args:
        masks: by the key of a tensor's storage (see :func:`storage_key`), the real bool mask that a tensor
            without data stands for.
    """

    def __init__(self, masks: Mapping[int, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs: Counter[str] = Counter()
        self.dense_macs: Counter[str] = Counter()
        self.where: list[str] = [""]
        self._masks = masks
        self._masked: dict[int, Tensor] = {}
        self._alive: list[Tensor] = []  # a freed storage's key could be given to another tensor

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation, and count it."""
        out = func(*args, **(kwargs or {}))
        packet = func._overloadpacket
        dense = _dense_macs(packet, args, kwargs or {}, out)
        if dense is not None:
            macs = dense
            for operand in args:
                if isinstance(operand, Tensor) and (mask := self._mask_of(operand)) is not None:
                    macs = macs * int(mask.sum()) // mask.numel()
            bias = out.numel() if packet is _ATEN.convolution and args[2] is not None else 0
            self.macs[self.where[-1]] += macs + bias
            self.dense_macs[self.where[-1]] += dense + bias
        elif isinstance(out, Tensor):
            self._follow(packet, args, out)
        return out

    def _follow(self, packet: Any, args: tuple[Any, ...], out: Tensor) -> None:
        mask: Tensor | None = None
        if packet is _ATEN.mul:
            for operand in args:
                if isinstance(operand, Tensor) and storage_key(operand) in self._masks:
                    mask = self._masks[storage_key(operand)].reshape(operand.shape)
        elif packet in _COPIES:
            mask = self._mask_of(args[0])
        elif packet is _ATEN.cat:
            parts = [self._mask_of(part) for part in args[0]]
            if any(part is not None for part in parts):
                whole = [
                    torch.ones(t.shape, dtype=torch.bool, device="cpu")
                    if part is None
                    else part.expand(t.shape)
                    for part, t in zip(parts, args[0], strict=True)
                ]
                mask = torch.cat(whole, *args[1:])
        if mask is not None:
            self._masked[storage_key(out)] = mask.expand(out.shape)
            self._alive.append(out)

    def _mask_of(self, tensor: Tensor) -> Tensor | None:
        """Return which entries of a tensor are on, if it is a masked weight or a view of one."""
        mask = self._masked.get(storage_key(tensor))
        if mask is None or tensor.numel() == mask.numel():
            return mask if mask is None or mask.shape == tensor.shape else mask.reshape(-1)
        return mask.contiguous().as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


def _dense_macs(packet: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any) -> int | None:
    """Multiply-adds of one operation without masks; None for an operation that is free."""
    if packet in flop_registry:
        return int(flop_registry[packet](*args, **kwargs, out_val=out)) // 2
    # Products that torch's formulas leave out.
    if packet is _ATEN.mv:
        return int(args[0].numel())
    if packet is _ATEN.addmv:
        return int(args[1].numel())
    if packet in (_ATEN.dot, _ATEN.vdot):
        return int(args[0].numel())
    if packet is _ATEN._trilinear:  # nn.Bilinear: one product per entry of the operands' joint space
        operands = zip(args[:3], args[3:6], strict=True)
        shapes = [_unsqueezed(operand.shape, extra) for operand, extra in operands]
        joint: list[int] = [max(sizes) for sizes in zip(*shapes, strict=True)]
        return math.prod(joint)
    return None


def _unsqueezed(shape: torch.Size, places: Sequence[int]) -> list[int]:
    """Shape after a dimension of size 1 was put in at each of ``places``, in order."""
    sizes = list(shape)
    for place in places:
        sizes.insert(place, 1)
    return sizes


def storage_key(tensor: Tensor) -> int:
    """Return what two tensors share if one is a view of the other."""
    return int(tensor.untyped_storage()._cdata)
