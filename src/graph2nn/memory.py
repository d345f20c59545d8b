"""Memory: how much there is, and refusals with an estimate before anything too large is allocated."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

from graph2nn.errors import UserError

#: Share of the machine's memory that one array or network may take.
_SHARE = 0.8


def memory_bytes() -> int:
    """Return the bytes of memory that this process may use: of the machine, its control group or its limit."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**63 - 1  # a system that does not say: nothing is refused
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(file).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    with suppress(ImportError):  # a system without limits of processes
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        total = total if limit == resource.RLIM_INFINITY else min(total, limit)
    return total


def refuse_weights(what: str, count: float, device: object = "cpu") -> None:
    """Refuse weights that would not fit into memory; on torch's device without memory any do.

    Args:
        what: needs them; begins the line.
        count: of the weights.
        device: where they would be made.

    Raises:
        UserError: float32 numbers that would not fit.

    Example:
        >>> refuse_weights("MLP", 1e15, "meta")
    """
    import torch

    if "meta" not in (str(device), torch.get_default_device().type):
        refuse_memory(what, 4.0 * count, "give smaller widths")


def refuse_memory(what: str, needed: float, advice: str, *, most: float = math.inf) -> None:
    """Refuse what would not fit into memory, before it is tried.

    Args:
        what: needs it; begins the line.
        needed: bytes, estimated.
        advice: what the user can do, ends the line.
        most: bytes beyond which it is refused however much memory there is.

    Raises:
        UserError: more than ``most``, or than 80 % of the memory there is.

    Example:
        >>> refuse_memory("cost", 4e15, "lower --widths", most=1e9)
        Traceback (most recent call last):
        graph2nn.errors.UserError: cost needs about 4,000,000.0 GB of memory (limit 1.0 GB); lower --widths.
    """
    limit = min(_SHARE * memory_bytes(), most)
    if needed > limit:
        raise UserError(
            f"{what} needs about {needed / 1e9:,.1f} GB of memory (limit {limit / 1e9:,.1f} GB); {advice}."
        )
