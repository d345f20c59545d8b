"""Inputs of wrong values: every option and argument of every command, one or two at a time."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import typer

from fuzzing.corpus import TRAIN, Corpus
from graph2nn.cli import app

#: Words for any option: numbers out of range, other types, paths of all kinds, markup.
ANY = (
    "-1", "0", "1", "2", "3.7", "1e19", "1e400", "nan", "inf", "-inf", "99999999999999999999", "", " ", ",",
    "=", "x", "a=b", "é", "[/x]",
    "[red]", "run:1", "\udcff", "$\\bad{$", "true", "none", "auto", "all", "1,2,3", "1,2", "3,100000000",
    "/dev/null", "/dev/full", "/dev/zero",
    "/", ".", "..", "/nonexistent/x", "/proc/self/mem", "/etc/shadow", "~", "*", "a" * 5000, "a/" * 2000,
    "x.csv", "x.png", "x.parquet", "x.svg",
    "n64-52", "n64-52:3", "n64-52:-1", "n64-52:9:3", "ws_flex:n=16,k=4,p=0,seed=1",
    "ws_flex:n=16,k=99,p=2,seed=-1", "complete:n=1", "cat:x",
    "64,0.5,0.1,1", "64,9,9,9", "64,0.2,0.3,-1", "--", "recipe.epochs=0", "stem=", "1e-320", "0x10", "1_000",
    "２", "2020-13-45",
)  # fmt: skip
#: A call of each command that ends well and soon; mutated from there. ``@kind/…`` stands for the valid files.
BASES: dict[str, list[str]] = {
    "train": ["mlp-digits", *TRAIN], "sweep": ["mlp-digits", "--select", "baseline", "--dry-run", *TRAIN],
    "status": ["@runs"],
    "retry": ["@runs"], "search": ["mlp-digits", "--budget", "0", *TRAIN], "presets": [], "models": [],
    "match": ["mlp5", "--graph", "ws_flex:n=16,k=4,p=0.1,seed=1"], "cost": ["mlp5"],
    "recover": ["@weights/weights.pt", "--nodes", "8"],
    "analyze": ["@runs", "--formats", "png", "--task", "x"], "pack": ["@runs"], "export": ["@runs", "--to",
    "safetensors"],
    "predict": ["@runs", "@graphs/graph.csv"], "graphs show": ["ws_flex:n=16,k=4,p=0.1,seed=1"],
    "graphs measure": ["ws_flex:n=16,k=4,p=0.1,seed=1", "--fast"],
    "graphs sweep": ["--nodes", "8", "--out", "s.parquet", "--degrees", "2", "--probabilities", "2", "--seeds",
    "1"],
    "graphs catalogue": ["n64-52"], "data show": ["@data/table.csv", "--target", "target"],
    "plan show": ["@texts/plan.yaml"],
    "plan freeze": ["p.yaml"], "plan power": ["@texts/plan.yaml"], "plan draft": ["p.yaml"],
}  # fmt: skip
#: What would start long work, a service or a download that no bound of ours could be to blame for.
LEFT_OUT = (
    "--launcher",
    "--address",
    "--wait",
    "--devices",
    "--sync-bn",
    "--compile",
    "--logger",
    "--install-completion",
)


def _parameters(name: str) -> list[Any]:
    command: Any = typer.main.get_command(app)
    for word in name.split():
        command = command.commands[word]
    return [each for each in command.params if not set(each.opts) & set(LEFT_OUT)]


def options(rng: random.Random, corpus: Corpus, scratch: Path) -> tuple[str, list[str]]:
    """A call of some command with one or two wrong values."""
    name = rng.choice(sorted(BASES))
    parameters = _parameters(name)
    base = [
        str(corpus.folder(word[1:].partition("/")[0]) / word.partition("/")[2]) if word[0] == "@" else word
        for word in BASES[name]
    ]
    changed = []
    for _ in range(rng.choice((1, 1, 2))):
        parameter, value = rng.choice(parameters), rng.choice(ANY)
        flag = getattr(parameter, "is_flag", False)
        if parameter.opts[0].startswith("-"):
            word = parameter.opts[0]
            if word in base and not flag and not parameter.multiple:  # twice would be refused for that alone
                at = base.index(word)
                del base[at : at + 2]
            base += [word] if flag else [word, value]
            changed.append(word if flag else f"{word} {value[:40]!r}")
        elif base and not base[0].startswith("-"):
            base[0] = value
            changed.append(f"{parameter.name} {value[:40]!r}")
    os.chdir(scratch)  # what is written by default lands here
    return f"{name}: {', '.join(changed)}", [*name.split(), *base]
