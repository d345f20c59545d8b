"""``graph2nn plan …``: write, show and freeze the plan of an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from graph2nn.cli.common import Cache, Data, Json, OneValueEach, Settings, print_json
from graph2nn.cli.connectome_options import position_columns, with_ends
from graph2nn.errors import UserError

app = typer.Typer(help="Plans of experiments: draft, show, freeze.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(metavar="FILE", help="A plan, as YAML.")]


@app.command(cls=OneValueEach)
def show(file: File, as_json: Json = False) -> None:
    """Show a plan: its hash, its arms with their number of runs, its tests.

    Example: graph2nn plan show plan.yaml
    """
    from graph2nn.experiments.plans import read_plan

    plan = read_plan(file)
    if as_json:
        arms = [{"arm": arm.name, "part": arm.part, "runs": arm.count} for arm in plan.arms]
        print_json({"sha256": plan.sha256, "order": plan.order, "arms": arms, "runs": plan.count()})
        return
    typer.echo(plan.title)
    typer.echo(f"sha256 {plan.sha256}" if plan.sha256 else "not frozen")
    if plan.data is not None:
        typer.echo(f"data {plan.data.path}" if plan.as_read is None else f"data {plan.as_read.label}")
    typer.echo(f"precision {plan.precision}")
    for part in plan.order:
        typer.echo(f"{part}: {plan.count(part)} runs")
        for arm in plan.arms:
            if arm.part == part:
                recipe = " ".join(f"{key}={value}" for key, value in arm.set.items())
                typer.echo(f"  {arm.count:>4} {arm.name} {recipe}".rstrip())
        for test in plan.tests:
            if test.part == part:
                margin = f" ± {test.margin:g}" if test.margin else ""
                typer.echo(f"  test {test.name}: {test.kind}{margin}, {test.family}")
    typer.echo(f"{plan.count()} runs")


@app.command(cls=OneValueEach)
def freeze(file: File, data: Data = None, cache: Cache = None) -> None:
    """Freeze a plan: write the hash of its content at its end. A frozen file that is changed is refused.

    Own data are read, and the digest of their content is written, too.

    Example: graph2nn plan freeze plan.yaml
    """
    from graph2nn.experiments.plans import freeze_plan

    typer.echo(f"{file}: sha256 {freeze_plan(file, data=data, cache=cache)}")


@app.command(cls=OneValueEach)
def power(
    file: File,
    pilot: Annotated[
        str,
        typer.Option(
            metavar="RUNS",
            help="Results whose spread is taken: a folder of runs, or [cyan]published[/cyan].",
        ),
    ] = "published",
    task: Annotated[str | None, typer.Option(metavar="NAME", help="Task of the pilot results.")] = None,
    difference: Annotated[
        list[float], typer.Option(min=0, help="True difference, in points of error; may be repeated.")
    ] = [0.1, 0.2, 0.3, 0.5],  # noqa: B006
    as_json: Json = False,
) -> None:
    """Say how likely each planned test finds a difference, by the spread of earlier results.

    Example: graph2nn plan power plan.yaml --pilot published --difference 0.3
    """
    from graph2nn.analysis.plan_tests import planned_power
    from graph2nn.experiments.plans import read_plan
    from graph2nn.report.plan_spread import pilot_spread

    plan = read_plan(file)
    spread = pilot_spread(plan, pilot, task=task)
    table = planned_power(plan, run_sd=spread.run, network_sd=spread.network, differences=difference)
    if as_json:
        print_json({"spread": vars(spread), "tests": table.to_dict("records")})
        return
    typer.echo(
        f"one run {spread.run:.3f} points about its network's mean ({spread.runs:,} runs of {spread.task}), "
        f"networks {spread.network:.3f} about their arm's mean ({spread.networks:,} networks)"
    )
    typer.echo(table.to_string(index=False, float_format=lambda value: f"{value:.2f}"))


@app.command(cls=OneValueEach)
def draft(
    file: File,
    seed: Annotated[int, typer.Option(min=0, help="Draws the graphs of arms A and B1.")] = 2026,
) -> None:
    """Write the plan of the 200-epoch CIFAR-10 experiment, not frozen.

    Example: graph2nn plan draft plan.yaml
    """
    from graph2nn.experiments.plans import write_plan
    from graph2nn.experiments.plans.decisive import draft_plan

    plan = draft_plan(seed)
    write_plan(plan, file)
    typer.echo(f"{file}: {plan.count()} runs; freeze it with graph2nn plan freeze {file}")


@app.command(cls=OneValueEach)
def connectome(
    file: File,
    graph: Annotated[str, typer.Option(metavar="GRAPH", help="The connectome, such as larva or a file.")],
    inputs: Annotated[
        str, typer.Option(metavar="NEURONS", help="Given the data: an expression, numbers or ids.")
    ],
    outputs: Annotated[str, typer.Option(metavar="NEURONS", help="Neurons that are read.")],
    data: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=DATA", help="A task and its data: a path, or a word such as n-back; may be repeated."
        ),
    ],
    margin: Annotated[
        list[str],
        typer.Option(metavar="NAME=X", help="Margin of equivalence on a task, in the unit of its score."),
    ],
    groups: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Cell types for block nulls. Default: no such nulls.")
    ] = None,
    positions: Annotated[
        str | None,
        typer.Option(metavar="X,Y,Z", help="Columns of positions for spatial nulls. Default: no such nulls."),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=2, max=10_000, help="Runs per arm, each with a null of its own.")
    ] = 10,
    settings: Settings = [],  # noqa: B006
) -> None:
    """Write the plan of a connectome study: the connectome, its nulls and dense networks, not frozen.

    Nulls of kind signs are planned where the connectome has excitatory and inhibitory connections.

    Example: graph2nn plan connectome plan.yaml --graph larva --inputs "celltype == 'sensory'" --outputs
    "celltype == 'RGN'" --groups celltype --data memory=memory-capacity --margin memory=0.2
    """
    from graph2nn.cli.data_options import source_of
    from graph2nn.experiments.connectome_networks import check_runs
    from graph2nn.experiments.planning import plan as runs_of
    from graph2nn.experiments.planning import select
    from graph2nn.experiments.plans import write_plan
    from graph2nn.experiments.plans.connectome_study import check_columns, draft_connectome_plan, has_both_signs
    from graph2nn.experiments.presets import preset

    columns = None if positions is None else position_columns(positions)
    rnn_preset = preset("connectome-rnn")
    specs = select(rnn_preset, [graph])
    ends = with_ends(settings, inputs, outputs)
    check_runs(runs_of(rnn_preset, specs, [1], data="", settings=ends))
    built = None if specs[0] is None else specs[0].build()
    if built is not None:
        check_columns(built, groups, columns)
    labels = {
        name: source_of(rnn_preset, Path(place), None).load().label
        for name, place in _pairs("--data", data).items()
    }
    margins = {name: _number("--margin", value) for name, value in _pairs("--margin", margin).items()}
    plan = draft_connectome_plan(
        graph, connections=0 if built is None else built.edges, inputs=inputs, outputs=outputs, data=labels,
        margins=margins, groups=groups, positions=columns,
        signs=built is not None and has_both_signs(built), seeds=seeds, settings=dict(_values(settings)),
    )  # fmt: skip
    write_plan(plan, file)
    typer.echo(f"{file}: {plan.count()} runs; freeze it with graph2nn plan freeze {file}")


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name and value) or name in pairs:
            raise UserError(f"plan: {option} {text!r}: expected NAME=VALUE, each name once.")
        pairs[name] = value
    return pairs


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"plan: {option} {text!r} is not a number.") from None


def _values(settings: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of ``--set``, which the draft puts among those of the plan."""
    from yaml import YAMLError

    from graph2nn.yaml_values import read_yaml

    for text in settings:
        key, _, value = text.partition("=")
        try:
            yield key.strip(), read_yaml(value)
        except YAMLError as error:
            raise UserError(
                f"plan: --set {text!r} is not a value of YAML ({' '.join(str(error).split())})."
            ) from None
