"""Picture of the imports between the rooms of the package, today and at an earlier commit, and their counts.

    python -m benchmarks.imports COMMIT            # prints the counts of both
    python -m benchmarks.imports COMMIT --out docs/images/imports.png

A row imports a column; the rooms stand from top to bottom as data flows, so that everything above the diagonal
points upwards.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import tarfile
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "graph2nn"
#: Files next to the rooms are one: what all rooms may import. The rooms' order is that of docs/architecture.md.
TOP = "errors, files, …"
ROOMS = (
    TOP, "graphs", "layers", "wiring", "models", "budget", "conversion", "data", "tasks", "training", "results",
    "experiments", "analysis", "report", "cli",
)  # fmt: skip
#: A smaller module is a fragment, unless it is a package's ``__init__`` or a command.
FRAGMENT = 60


@dataclass(frozen=True)
class House:
    """The modules of a tree of sources, by name, and which imports which."""

    lines: dict[str, int]
    packages: frozenset[str]
    imports: nx.DiGraph[str]

    @classmethod
    def of(cls, source: Path) -> House:
        """Read every import, those inside functions and those for types included."""
        paths = {}
        for path in sorted((source / PACKAGE).rglob("*.py")):
            parts = path.relative_to(source).with_suffix("").parts
            paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        texts = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
        imports: nx.DiGraph[str] = nx.DiGraph()
        imports.add_nodes_from(paths)
        for name, text in texts.items():
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
                    for alias in node.names:
                        inner = f"{node.module}.{alias.name}"
                        imports.add_edge(name, inner if inner in paths else str(node.module))
        lines = {name: len(text.splitlines()) for name, text in texts.items()}
        return cls(lines, frozenset(name for name, path in paths.items() if path.stem == "__init__"), imports)

    def between_rooms(self) -> Counter[tuple[str, str]]:
        """Count imports by the rooms of both modules; the package itself, which imports late, is left out."""
        pairs = Counter((room(one), room(other)) for one, other in self.imports.edges)
        return Counter({pair: count for pair, count in pairs.items() if None not in pair})  # type: ignore[misc]

    def counts(self) -> dict[str, float]:
        """What the picture does not show in numbers."""
        sizes = list(self.lines.values())
        small = [
            name
            for name, lines in self.lines.items()
            if lines < FRAGMENT and name not in self.packages and room(name) != "cli"
        ]
        parts = [part for part in nx.strongly_connected_components(self.imports) if len(part) > 1]
        upward = [n for (one, other), n in self.between_rooms().items() if is_upward(one, other)]
        return {
            "modules": len(sizes),
            "median lines": median(sizes),
            "largest": max(sizes),
            f"modules under {FRAGMENT} lines": len(small),
            "circles": len(parts),
            "modules in circles": sum(len(part) for part in parts),
            "upward imports": sum(upward),
        }


def room(module: str) -> str | None:
    """Return the room of a module; None for the package itself and its ``__main__``."""
    parts = module.split(".")
    if len(parts) == 1 or parts[1] == "__main__":
        return None
    return parts[1] if parts[1] in ROOMS else TOP


def is_upward(one: str, other: str) -> bool:
    """Whether an import points to a room further down than its own."""
    return ROOMS.index(other) > ROOMS.index(one)


def at_commit(commit: str, folder: Path) -> Path:
    """Unpack the sources of a commit and return their folder."""
    packed = subprocess.run(
        ["git", "archive", "--format=tar", commit, "src"], cwd=ROOT, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder / "src"


def draw(houses: dict[str, House], out: Path) -> None:
    """Draw one matrix per tree, side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 7.6), layout="constrained")
    for axes, (title, house) in zip(figure.subplots(1, len(houses)), houses.items(), strict=True):
        draw_matrix(axes, title, house)
    figure.savefig(out, dpi=80)


def draw_matrix(axes: Axes, title: str, house: House) -> None:
    """Draw rooms by rooms: how many imports, red where they point upwards."""
    pairs, counts = house.between_rooms(), house.counts()
    rooms = [name for name in ROOMS if any(name in pair for pair in pairs)]
    for row, one in enumerate(rooms):
        for column, other in enumerate(rooms):
            if count := pairs[one, other]:
                hue = "#c8372d" if column > row else "#8a8f98" if column == row else "#2f6690"
                shade = 0.25 + 0.75 * min(1.0, np.log1p(count) / np.log1p(200))
                axes.add_patch(_square(column, row, hue, shade))
                axes.text(column, row, str(count), ha="center", va="center", fontsize=9,
                          color="white" if shade > 0.55 else "black")  # fmt: skip
    axes.plot([-0.5, len(rooms) - 0.5], [-0.5, len(rooms) - 0.5], color="#bbbbbb", linewidth=0.8, zorder=0)
    axes.set_xlim(-0.5, len(rooms) - 0.5)
    axes.set_ylim(len(rooms) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(rooms)), rooms, rotation=60, ha="left")
    axes.set_yticks(range(len(rooms)), rooms)
    axes.tick_params(length=0)
    axes.set_ylabel("imports …")
    for side in axes.spines.values():
        side.set_visible(False)
    said = (
        f"{counts['modules']} modules, median {counts['median lines']:g} lines, largest {counts['largest']}, "
        f"{counts[f'modules under {FRAGMENT} lines']} under {FRAGMENT}\n"
        f"{counts['circles']} circles ({counts['modules in circles']} modules), "
        f"{counts['upward imports']} upward imports"
    )
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set_xlabel(said, fontsize=11)


def _square(column: int, row: int, hue: str, shade: float) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, color=hue, alpha=shade, linewidth=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("commit", help="to compare with")
    parser.add_argument("--out", type=Path, help="PNG to draw")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        before = House.of(at_commit(arguments.commit, Path(folder)))
    houses = {f"before ({arguments.commit[:7]})": before, f"on {date.today()}": House.of(ROOT / "src")}
    for title, house in houses.items():
        print(title, ", ".join(f"{name} {value:g}" for name, value in house.counts().items()))
    for title, house in houses.items():
        upward = {pair: n for pair, n in house.between_rooms().items() if is_upward(*pair)}
        print(title, "upward:", ", ".join(f"{a} → {b} {n}" for (a, b), n in upward.items()) or "none")
    if arguments.out is not None:
        draw(houses, arguments.out)


if __name__ == "__main__":
    main()
