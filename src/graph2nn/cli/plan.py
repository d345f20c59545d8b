"""``graph2nn plan …``: write, show and freeze the plan of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph2nn.cli.common import Cache, Data, Json, print_json

app = typer.Typer(help="Plans of experiments: draft, show, freeze.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(metavar="FILE", help="A plan, as YAML.")]


@app.command()
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


@app.command()
def freeze(file: File, data: Data = None, cache: Cache = None) -> None:
    """Freeze a plan: write the hash of its content at its end. A frozen file that is changed is refused.

    Own data are read, and the digest of their content is written, too.

    Example: graph2nn plan freeze plan.yaml
    """
    from graph2nn.experiments.plans import freeze_plan

    typer.echo(f"{file}: sha256 {freeze_plan(file, data=data, cache=cache)}")


@app.command()
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


@app.command()
def draft(
    file: File,
    seed: Annotated[int, typer.Option(min=0, help="Draws the graphs of arms A and B1.")] = 2026,
) -> None:
    """Write the plan of the 200-epoch CIFAR-10 experiment, not frozen.

    Example: graph2nn plan draft plan.yaml
    """
    from graph2nn.experiments.plans.decisive import draft_plan, write_draft

    plan = draft_plan(seed)
    write_draft(plan, file)
    typer.echo(f"{file}: {plan.count()} runs; freeze it with graph2nn plan freeze {file}")
