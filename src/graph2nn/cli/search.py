"""``graph2nn search``: find a good graph with few training runs, or rehearse on existing results."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph2nn.cli.common import (
    Cache,
    Data,
    Device,
    EngineName,
    Json,
    Settings,
    Threads,
    Workers,
    console,
    number_of_workers,
    pick_device,
    print_json,
    progress,
    show_table,
    use_threads,
)
from graph2nn.cli.completion import complete_preset
from graph2nn.cli.data_options import OwnData, own_words, reads_own_data, source_of
from graph2nn.errors import UserError, unknown
from graph2nn.tasks import TOP1, Score

if TYPE_CHECKING:
    from graph2nn.experiments.launchers import Source
    from graph2nn.experiments.search import Found, Replay, Strategy, Trial

#: Graphs in the table, below the recommended one.
SHOWN = 5


@reads_own_data
def search(
    preset: Annotated[
        str,
        typer.Argument(
            metavar="PRESET", help="mlp-cifar10, mlp-digits, mlp, …", autocompletion=complete_preset
        ),
    ],
    budget: Annotated[
        float, typer.Option(metavar="TRAININGS", help="Full training runs; a shorter one costs its share.")
    ] = 40,
    strategy: Annotated[str, typer.Option(help="gp, gp-halving, random or sweep.")] = "gp",
    seed: Annotated[int, typer.Option(min=0, help="Of the proposals. Training runs have seeds 1, 2, …")] = 0,
    pool: Annotated[
        str, typer.Option(metavar="CATALOGUE", help="The graphs to search: a catalogue or its file.")
    ] = "n64-3942",
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="published[:TASK]",
            help="Train nothing: look the errors up in the published results, or in PATH[:TASK].",
        ),
    ] = None,
    settings: Settings = [],  # noqa: B006
    data: Data = None,
    cache: Cache = None,
    own_data: OwnData = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of results; runs in it are kept and used.")
    ] = Path("runs"),
    workers: Workers = "1",
    device: Device = "auto",
    threads: Threads = None,
    engine: EngineName = "auto",
    as_json: Json = False,
) -> None:
    """Find a good graph with few training runs. Stopped and called again, it resumes.

    [bold]Examples[/bold]

    graph2nn search mlp-digits --budget 12 --out search
    graph2nn search mlp-cifar10 --budget 40 --workers auto --data cifar10-jpeg.tar.xz
    graph2nn search mlp --data table.csv --target price --drop id --budget 20     [dim]your own data[/dim]
    graph2nn search mlp-cifar10 --replay published     [dim]nothing is trained[/dim]
    """
    from graph2nn.experiments.presets import preset as look_up_preset
    from graph2nn.experiments.search import strategy as look_up
    from graph2nn.experiments.search.ask_tell import check_budget
    from graph2nn.tasks.registry import task_of

    check_budget(budget)
    searching = look_up(strategy)
    if replay is not None:
        if own_data is not None:
            raise UserError(f"--replay: trains nothing and reads no data; leave {own_words(own_data)[0]} out.")
        simulator, task = _simulator(replay, preset)
        outcome = _run(simulator, searching, budget, seed)
        asked = {"preset": task, "strategy": strategy, "seed": seed, "budget": budget}
        _print(outcome, as_json, asked, command=None)
        _judge(simulator, outcome)
        return
    count = number_of_workers(workers)
    source = source_of(look_up_preset(preset), data, cache, own_data)
    outcome = _train(
        preset, pool, searching, budget, seed, settings, source, out,
        device=device, engine=engine, workers=count, threads=threads,
    )  # fmt: skip
    best = outcome.recommended
    words = [f"graph2nn train {preset} --ws-flex {_arguments(best)} --seed {int(best['trainings']) + 1}"]
    words += own_words(own_data)
    words += (
        [f"--set {setting}" for setting in settings]
        + [f"--data {shlex.quote(str(data))}"] * bool(data)
        + [f"--out {out}"]
    )
    command = " ".join(words)
    score = task_of(source.load()).score
    asked = {"preset": preset, "strategy": strategy, "seed": seed, "budget": budget}
    _print(outcome, as_json, asked, command=command, score=score)
    console.print(f"Train it further: {command}", soft_wrap=True)


def _simulator(replay: str, preset: str) -> tuple[Replay, str]:
    from graph2nn.experiments.search import Replay
    from graph2nn.results.published import read_published

    source, colon, task = replay.rpartition(":") if ":" in replay else (replay, "", "")
    if source != "published" and not Path(source).exists():
        raise UserError(f"--replay: there is no {source}; write published, published:TASK or PATH:TASK.")
    if colon and not task:
        raise UserError(
            f"--replay: {replay!r} names no task after the colon, for example {source}:mlp_cifar10."
        )
    evaluations = read_published(source)
    task = task or preset.replace("-", "_")
    if task not in evaluations.tasks:
        raise unknown("--replay: task", task, evaluations.tasks)
    return Replay.of(evaluations, task), task


def _train(
    preset: str,
    pool: str,
    strategy: Strategy,
    budget: float,
    seed: int,
    settings: Sequence[str],
    source: Source,
    out: Path,
    *,
    device: str,
    engine: Any,
    workers: int,
    threads: int | None,
) -> Found:
    from graph2nn.experiments.planning import plan
    from graph2nn.experiments.presets import preset as look_up
    from graph2nn.experiments.search import Space

    chosen_preset, space = look_up(preset), Space.of(pool)
    plan(chosen_preset, [None], [1], data="", settings=settings)  # complain before the data are read
    use_threads(threads)
    where = pick_device(device)

    from graph2nn.experiments.presets import fitted
    from graph2nn.experiments.search.evaluator import Training
    from graph2nn.training.acceleration import Acceleration

    acceleration = Acceleration(engine=engine)
    acceleration.check(where)
    loaded = source.load()
    training = Training(
        fitted(chosen_preset, loaded),
        space,
        loaded,
        out,
        settings,
        where,
        acceleration,
        workers=workers,
        threads=threads or 1,
    )
    return _run(training, strategy, budget, seed)


def _run(evaluator: Any, strategy: Strategy, budget: float, seed: int) -> Found:
    from dataclasses import replace

    from graph2nn.experiments.search import search as run_search

    problem = evaluator.problem
    with progress("epochs", math.floor(budget * problem.epochs)) as bar:
        told = 0

        def on_trials(new: Sequence[Trial]) -> None:
            nonlocal told
            told += sum(trial.proposal.epochs for trial in new)
            # Runs that were there already count too, which the launcher does not tell of.
            bar.update(told - bar.done)

        def on_run(row: dict[str, Any]) -> None:
            bar.update(row["epochs"])

        watched = replace(evaluator, on_run=on_run) if hasattr(evaluator, "on_run") else evaluator
        return run_search(watched, strategy, budget=budget, seed=seed, on_trials=on_trials)


def _arguments(graph: Any) -> str:
    return f"{int(graph['n'])},{float(graph['sparsity'])!r},{float(graph['p'])!r},{int(graph['seed'])}"


def _print(
    outcome: Found, as_json: bool, asked: Mapping[str, object], *, command: str | None, score: Score = TOP1
) -> None:
    if as_json:
        from graph2nn.experiments.search.ask_tell import search_record

        print_json({**asked, **search_record(outcome), "command": command})
        return
    from rich.table import Table

    digits = score.digits(float(outcome.graphs["expected"].median()))
    unit = "error %" if score == TOP1 else score.label
    title = f"{len(outcome.trials)} training runs, {outcome.spent:.4g} of {asked['budget']:g} full ones spent"
    table = Table(title=title, title_justify="left", header_style="")
    for name in (
        "",
        "graph",
        "C",
        "L",
        "k",
        "full runs",
        f"their mean {unit}",
        f"expected {unit}",
        "95 %",
    ):
        table.add_column(name, justify="left" if name in ("", "graph") else "right")
    for place, row in outcome.graphs.head(SHOWN + 1).iterrows():
        table.add_row(
            "recommended" if place == 0 else str(place),
            row["graph"],
            f"{row['clustering']:.3f}",
            f"{row['path_length']:.3f}",
            f"{row['sparsity'] * row['n']:.3g}",
            str(row["trainings"]),
            "–" if math.isnan(row["observed"]) else f"{row['observed']:.{digits}f}",
            f"{row['expected']:.{digits}f}",
            f"{row['low']:.{digits}f} – {row['high']:.{digits}f}",
        )
    show_table(table)
    console.print(
        "Expected: mean over training seeds, by a surface through all errors of this search over C, L and k; "
        "recommended is what has the lowest expected error plus one standard deviation. One training varies by "
        f"±{outcome.noise:.{digits}f}.",
        soft_wrap=True,
    )


def _judge(simulator: Replay, outcome: Found) -> None:
    row, means, expected = int(outcome.recommended["row"]), simulator.means, simulator.expected
    seeds = len(simulator.problem.seeds)
    place = int((means < means[row]).sum()) + 1
    console.print(
        f"All {seeds} runs of the recommended graph: {means[row]:.3f} %, place {place} of {len(means):,} "
        f"(lowest mean {means.min():.3f} %, mostly luck). By the surface through all {len(means) * seeds:,} "
        f"runs: {expected[row]:.3f} %, {expected[row] - expected.min():.3f} above the lowest.",
        soft_wrap=True,
    )
