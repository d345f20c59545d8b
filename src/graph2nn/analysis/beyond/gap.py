"""A gap: a result that these runs cannot give, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gap:
    """Stands where a result would; ``reason`` is a sentence for the reader."""

    reason: str
