"""Results on disk: run folders and their configs, leases, tables of runs, packing and validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graph2nn.results.recording import record

__all__ = ["record"]


def __getattr__(name: str) -> Any:
    # Late: most of this room works without torch, and recording needs it.
    if name not in __all__:
        raise AttributeError(f"module 'graph2nn.results' has no attribute {name!r}")
    from graph2nn.results.recording import record

    return record
