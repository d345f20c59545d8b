"""First minutes of a new user: each documented path, command by command, on an empty cache.

    python -m benchmarks.first_minutes [--connectomes FOLDER] [--published ARCHIVE] [--only NAME]

Every path runs in a folder of its own, with an empty cache and kernels that were never compiled, as after an
installation. Downloads are not timed: the larva is read from ``--connectomes`` and the published results from
``--published``; without them these paths are left out. Installing is ``make demo``, which the page quotes.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.record import birth_certificate, write

ROOT = Path(__file__).parents[1]
NEURONS = """--inputs "celltype == 'sensory'" --outputs "celltype == 'RGN'" """
#: Commands of each path, as the README and the pages have them, with fewer graphs where these say "all".
PATHS: Mapping[str, tuple[str, ...]] = {
    "demo": ("graph2nn quickstart --out quickstart",),
    "your graph": (
        "graph2nn graphs show karate.graphml",
        "graph2nn sweep mlp-digits --select baseline --select karate.graphml --nulls 5 --seeds 3 "
        "--workers auto",
        "graph2nn analyze runs --out report",
    ),
    "your data": (
        "graph2nn data show photos",
        "graph2nn sweep mlp --data photos --select n64-52:0:4 --select baseline --workers auto",
        "graph2nn analyze runs --out report",
    ),
    "your model": ("python model.py",),
    "your text": (
        "graph2nn sweep gpt-text --data novel.txt --select n64-52:5 --select baseline --seeds 1 --workers auto "
        "--set recipe.epochs=2",
        "graph2nn analyze runs --out report",
    ),
    "a connectome": (
        "graph2nn graphs show larva --plot larva.png",
        f"graph2nn sweep connectome-rnn --graph larva {NEURONS}--nulls 2 --seeds 2 --workers auto",
        "graph2nn analyze runs --out report",
    ),
    "published results": ("graph2nn analyze PUBLISHED --task mlp_cifar10 --out published",),
}
MODEL = """\
import torch
from torch import nn

import graph2nn as g

model = nn.TransformerEncoder(nn.TransformerEncoderLayer(256, 8, 1024, batch_first=True), 2)
print(g.relationalize(model, g.ws_flex(64, 9, 0.2, 1)))
optimiser = torch.optim.AdamW(model.parameters())
for _ in range(10):
    optimiser.zero_grad()
    model(torch.randn(8, 32, 256)).square().mean().backward()
    optimiser.step()
"""


def _graph(folder: Path) -> None:
    import networkx as nx

    nx.write_graphml(nx.karate_club_graph(), folder / "karate.graphml")


def _photos(folder: Path) -> None:
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        (folder / "photos" / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15).astype(np.uint8)).save(folder / f"photos/{label}/{number}.png")


def _novel(folder: Path) -> None:
    pages = [page.read_text("utf-8") for page in sorted(ROOT.glob("docs/*.md"))]
    (folder / "novel.txt").write_text("\n".join(pages), encoding="utf-8")


#: What a path needs before its first command.
MADE: Mapping[str, Callable[[Path], object]] = {
    "your graph": _graph,
    "your data": _photos,
    "your text": _novel,
    "your model": lambda folder: (folder / "model.py").write_text(MODEL, encoding="utf-8"),
}


def walk(name: str, environment: Mapping[str, str], published: Path | None) -> list[dict[str, Any]]:
    """Run the commands of a path one after the other.

    Args:
        name: of the path.
        environment: of the commands, beside a cache and compiled kernels of their own.
        published: archive of the published results.

    Returns:
        Each command with its seconds on the wall.
    """
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        MADE.get(name, lambda folder: None)(folder)
        own = {"GRAPH2NN_CACHE": str(folder / "cache"), "NUMBA_CACHE_DIR": str(folder / "kernels")}
        for command in PATHS[name]:
            words = [str(published) if word == "PUBLISHED" else word for word in shlex.split(command)]
            program = [sys.executable] if words[0] == "python" else [sys.executable, "-m", "graph2nn"]
            start = time.perf_counter()
            subprocess.run(
                [*program, *words[1:]],
                cwd=folder,
                env={**environment, **own},
                check=True,
                stdout=subprocess.DEVNULL,
            )
            rows.append({"command": command, "seconds": round(time.perf_counter() - start, 1)})
    return rows


def main() -> None:
    """Walk every path and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connectomes", type=Path, help="folder with the files of the connectomes")
    parser.add_argument("--published", type=Path, help="archive of the published results")
    parser.add_argument("--only", default="", help="paths whose name begins with this")
    options = parser.parse_args()
    environment = dict(os.environ)
    if options.connectomes:
        environment["GRAPH2NN_DATA"] = str(options.connectomes)
    lacking = {"a connectome": options.connectomes is None, "published results": options.published is None}
    result: dict[str, Any] = birth_certificate("first_minutes", ["torch", "numba", "numpy"])
    result["paths"] = {
        name: walk(name, environment, options.published)
        for name in PATHS
        if name.startswith(options.only) and not lacking.get(name)
    }
    write("first_minutes", result, quick=bool(options.only))


if __name__ == "__main__":
    main()
