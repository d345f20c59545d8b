"""The numbers of docs/experiment.md, brought up to date from results/cifar10-mlp/summary.json.

    python -m benchmarks.page_experiment

A number that is followed by ``<!-- task:key:key -->`` is the value under those keys of the summary's tasks,
with as many digits as stand there. The tests compare them; words around them are for a person to check.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE, SUMMARY = ROOT / "docs" / "experiment.md", ROOT / "results" / "cifar10-mlp" / "summary.json"
#: A number as the page writes it, and the keys that it is found under.
MARKED = re.compile(r"([−0-9.,]+)<!-- (.+?) -->")


def value_at(summary: Any, keys: str) -> float:
    """The number under ``task:key:key`` of a summary; in a list a key is a graph or model by name."""
    value = summary["tasks"]
    for key in keys.split(":"):
        if isinstance(value, list):
            value = next(item for item in value if key in (item.get("graph"), item.get("model")))
        else:
            value = value[key]
    return float(value)


def written(value: float, like: str) -> str:
    """A number with as many digits as another."""
    digits = len(like.partition(".")[2])
    return f"{value:,.{digits}f}".replace("-", "−")


def main() -> None:
    summary = json.loads(SUMMARY.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    new = MARKED.sub(lambda m: f"{written(value_at(summary, m[2]), m[1])}<!-- {m[2]} -->", text)
    PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
