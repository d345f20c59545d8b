"""Inputs for every reader: one damaged file, and the command that reads it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from fuzzing.corpus import TRAIN, Corpus
from fuzzing.harness import Input
from fuzzing.mutations import VALUES, WORDS, YAML_BOMBS, mutated
from fuzzing.options import options
from graph2nn.cli import main

#: Makes the arguments of the command in a folder of its own, from a seeded generator and the valid files.
Maker = Callable[[random.Random, Corpus, Path], tuple[str, list[str]]]


def _damaged(rng: random.Random, file: Path, into: Path) -> Path:
    """A damaged copy of a file, under the same name."""
    copy = into / file.name
    copy.write_bytes(mutated(rng, file.suffix, file.read_bytes()))
    return copy


def _graph(rng: random.Random, corpus: Corpus, scratch: Path) -> tuple[str, list[str]]:
    file = _damaged(rng, rng.choice(corpus.files("graphs")), scratch)
    extra: list[str] = rng.choice(
        ([], [], [], ["--threshold", "0"], ["--keep-weights"], ["--largest-component"])
    )
    return file.name, ["graphs", "show", str(file), "--json", *extra]


def _catalogue(rng: random.Random, corpus: Corpus, scratch: Path) -> tuple[str, list[str]]:
    file = _damaged(rng, rng.choice(corpus.files("tables")), scratch)
    out = str(scratch / "out")
    command = rng.choice((
        ["graphs", "catalogue", str(file)], ["graphs", "catalogue", str(file), "--json"],
        ["graphs", "catalogue", "--from", str(file), "--out", out],
        ["graphs", "measure", str(file), "--fast", "--out", f"{out}.csv"],
        ["graphs", "catalogue", str(file), "--plot", f"{out}.svg"],
        ["sweep", "mlp-digits", "--select", str(file), "--dry-run", *TRAIN],
        ["search", "mlp-digits", "--pool", str(file), "--budget", "0", "--out", out],
    ))  # fmt: skip
    return f"{' '.join(command[:2])} {file.name}", command


def _runs(rng: random.Random, corpus: Corpus, scratch: Path) -> tuple[str, list[str]]:
    runs = scratch / "runs"
    shutil.copytree(corpus.folder("runs"), runs)
    kind = rng.randrange(12)
    files = sorted(path for path in runs.rglob("*") if path.is_file())
    file = rng.choice(
        [path for path in files if path.suffix in (".json", ".csv", ".yaml")] if kind < 6 else files
    )
    label = str(file.relative_to(runs))
    if kind == 0:
        file.unlink()
        label += " missing"
    elif kind == 1:
        (runs / "runs" / rng.choice(("x", "copy of run", "[/x]", "x_s1_12345678", "run:1"))).mkdir(parents=True)
        label = "stray folder"
    elif kind == 2:
        place = runs / rng.choice(("runs", ".unfinished", ".claims", "failed", "sweeps", "packed"))
        place.mkdir(exist_ok=True)
        (place / "stray.txt").write_text("x")
        label = "stray file"
    else:
        file.write_bytes(mutated(rng, file.suffix, file.read_bytes()))
    # A report takes ten seconds, nearly all of it for drawing: most read everything and have nothing to draw.
    some = rng.choice(([], ["--where", "seed=99"], ["--where", "seed=99"]))
    command = rng.choice((
        ["status", str(runs)], ["status", str(runs), "--json"], ["pack", str(runs), "--out",
        str(scratch / "packed")],
        ["pack", str(runs)], ["retry", str(runs)], ["recover", str(runs), "--nodes", "64"],
        ["sweep", "mlp-digits", "--select", "n64-52:3", "--out", str(runs), *TRAIN[2:],
         "--set", "recipe.epochs=2"],
        ["analyze", str(runs), "--out", str(scratch / "report"), "--formats", "png", *some],
        ["export", str(file.parent), "--to", "safetensors", "--out", str(scratch / "x.safetensors")],
    ))  # fmt: skip
    return f"{command[0]}: {label}", command


def _yaml(rng: random.Random, corpus: Corpus, scratch: Path) -> tuple[str, list[str]]:
    file = _damaged(rng, rng.choice(corpus.files("texts")), scratch)
    if file.name == "plan.yaml":
        command = rng.choice(
            (["plan", "show", str(file)], ["plan", "freeze", str(file)], ["plan", "show", str(file), "--json"])
        )
    elif file.name == "published.yaml":
        command = ["presets", "--published", str(file)]
    else:
        command = rng.choice(
            (["presets", str(file)], ["sweep", str(file), "--select", "baseline", "--dry-run"])
        )
    return f"{' '.join(command[:2])} {file.name}", command


KEYS = (
    "recipe.lr", "recipe.epochs", "recipe.batch_size", "recipe.weight_decay", "recipe.steps", "recipe.schedule",
    "recipe.momentum",
    "recipe.resized_crop", "recipe.mean", "model.widths", "model.options.stem", "model.options.x", "model.name",
    "match", "symmetric",
    "groups", "shuffle", "shrink", "start", "recipe", "x", "recipe.precise_bn", "recipe.warmup_epochs",
    "recipe.patience", "seed",
)  # fmt: skip


def _settings(rng: random.Random, _corpus: Corpus, _scratch: Path) -> tuple[str, list[str]]:
    value = rng.choice((*WORDS, *map(repr, VALUES), *YAML_BOMBS)).replace("\0", "")
    setting = f"{rng.choice(KEYS)}={value}"
    return setting[:80], ["sweep", "mlp-digits", "--select", "baseline", "--dry-run", *TRAIN, "--set", setting]


def _weights(rng: random.Random, corpus: Corpus, scratch: Path) -> tuple[str, list[str]]:
    file = _damaged(rng, rng.choice(corpus.files("weights")), scratch)
    command = [
        "recover",
        str(file),
        "--nodes",
        rng.choice(("8", "4")),
        *rng.choice((["--density", "0.5"], ["--threshold", "0.1"], [])),
        "--json",
    ]
    if rng.random() < 0.2:
        command = ["train", "mlp-digits", *TRAIN, "--set", f"start={file}", "--out", str(scratch / "out")]
    return f"{command[0]} {file.name}", command


def _data(rng: random.Random, corpus: Corpus, scratch: Path) -> tuple[str, list[str]]:
    file = _damaged(rng, rng.choice(corpus.files("data")), scratch)
    target = ["--target", "target"] if file.suffix in (".csv", ".tsv", ".parquet") else []
    return file.name, [
        "data",
        "show",
        str(file),
        *target,
        "--cache",
        str(scratch / "cache"),
        *rng.choice(([], ["--impute"][: len(target)])),
    ]


READERS: dict[str, Maker] = {
    "graphs": _graph, "catalogues": _catalogue, "results": _runs, "yaml": _yaml, "settings": _settings,
    "weights": _weights, "data": _data, "options": options,
}  # fmt: skip
#: Kinds of valid files that each reader takes.
NEEDS: dict[str, tuple[str, ...]] = {
    "graphs": ("graphs",), "catalogues": ("tables",), "results": ("runs",), "yaml": ("texts",), "settings": (),
    "weights": ("weights",), "data": ("data",), "options": ("graphs", "runs", "texts", "weights", "data"),
}  # fmt: skip


def maker(name: str, make: Maker, seed: int, corpus: Corpus, scratch: Path) -> Callable[[int], Input]:
    """Return what makes input ``index`` of a reader: the same whatever else is run."""

    def input_of(index: int) -> Input:
        rng = random.Random(f"{name} {seed} {index}")
        folder = scratch / f"{name}{index}"
        for left in (scratch / f"{name}{index - 1}", folder):  # the latter of a fuzzer that was killed
            shutil.rmtree(left, ignore_errors=True)
        folder.mkdir(parents=True)
        label, command = make(rng, corpus, folder)
        return Input(name, f"{index} {label}", lambda: main(command))

    return input_of
