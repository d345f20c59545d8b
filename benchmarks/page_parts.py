"""What the parts of docs/benchmarks.md share: results, folders, birth certificates, tables, colours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from benchmarks import record

DOCS = Path(__file__).parents[1] / "docs"
#: Colour-blind-safe (Okabe and Ito), one for each contender wherever it appears.
COLOURS = {"dense": "#999999", "masked": "#D55E00", "block": "#0072B2"}


def results(name: str) -> dict[str, Any] | None:
    file = record.RESULTS / f"{name}.json"
    found: dict[str, Any] | None = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    return found


def birth(found: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    vectors = f" ({found['instructions']})" if "instructions" in found else ""
    load = f"load {found['load_average_at_start']} at the start, {found['load_average_at_end']} at the end"
    return (
        f"*{found['date']}, {found['cpu']}{vectors}, {found['cores']} cores, Python {found['python']}, "
        f"{versions}; {load}. `{found['command']}`*\n"
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"
