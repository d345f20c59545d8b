"""Where the repository's own files lie, for tests that read them."""

from __future__ import annotations

from pathlib import Path

#: Root of the repository.
ROOT = Path(__file__).parents[2]
