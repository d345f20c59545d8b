"""The numbers of docs/experiment.md, brought up to date from the summaries in results/cifar10-mlp.

    python -m benchmarks.page_experiment

A number that is followed by ``<!-- task:key:key -->`` is the value under those keys of the summary's tasks,
with as many digits as stand there; ``<!-- judged:task:key:key -->`` is of the summary without the seed that
chose. The tests compare them; words around them are for a person to check.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE, FOLDER = ROOT / "docs" / "experiment.md", ROOT / "results" / "cifar10-mlp"
#: Name of the summary without seed 1, which chose a graph, and its prefix on the page.
JUDGED = "judged"
#: A number as the page writes it, and the keys that it is found under.
MARKED = re.compile(r"([−0-9.,]+)<!-- (.+?) -->")


def summaries() -> dict[str, Any]:
    """Both summaries, by name."""
    return {name: json.loads((FOLDER / f"{name}.json").read_text("utf-8")) for name in ("summary", JUDGED)}


def value_at(known: dict[str, Any], keys: str) -> float:
    """The number under ``task:key:key`` of :func:`summaries`; in a list a key is a graph or model by name."""
    first, *rest = keys.split(":")
    value = known[JUDGED]["tasks"] if first == JUDGED else known["summary"]["tasks"][first]
    for key in rest:
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
    known = summaries()
    text = PAGE.read_text(encoding="utf-8")
    new = MARKED.sub(lambda m: f"{written(value_at(known, m[2]), m[1])}<!-- {m[2]} -->", text)
    PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
