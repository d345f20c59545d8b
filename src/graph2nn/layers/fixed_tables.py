"""Tables that follow from what a module was made of: not saved, and made again where their memory is lost."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class FixedTables(nn.Module):
    """A module with tables of numbers that no training changes and no checkpoint holds.

    They are buffers outside ``state_dict``, and move with the module. ``to_empty``, which gives memory to a
    network built on the device ``meta``, leaves any bits in them; then they are written again.

    Example:
        >>> class Reversed(FixedTables):
        ...     def __init__(self, features: int) -> None:
        ...         super().__init__()
        ...         self.add_table("order", torch.arange(features - 1, -1, -1, device="cpu"))
        >>> with torch.device("meta"):
        ...     module = Reversed(3)
        >>> module.to_empty(device="cpu").order.tolist()
        [2, 1, 0]
    """

    def __init__(self) -> None:
        super().__init__()
        self._fixed: dict[str, Tensor] = {}

    def add_table(self, name: str, table: Tensor | None) -> None:
        """Add a table, on torch's default device.

        Args:
            name: of the buffer.
            table: its numbers, on the CPU; None for a buffer that is None.
        """
        if table is not None:
            self._fixed[name] = table
            table = table.to(torch.get_default_device())
        self.register_buffer(name, table, persistent=False)

    def _apply(self, fn: Callable[..., Tensor], recurse: bool = True) -> FixedTables:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, table in self._fixed.items():
            buffer = self.get_buffer(name)
            # ``module.type(torch.float64)`` converts places in an array like all other numbers.
            if buffer.dtype != table.dtype and not table.is_floating_point():
                buffer = self._buffers[name] = buffer.to(table.dtype)
            if not buffer.is_meta and buffer is not table:
                buffer.copy_(table)
        return self
