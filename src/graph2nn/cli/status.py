"""``graph2nn status``: progress of a folder of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph2nn.cli.common import Json, print_json, show_table
from graph2nn.errors import cut

if TYPE_CHECKING:
    from graph2nn.experiments.status import Status

#: Rows of a table at most; --json has all.
SHOWN = 20


def status(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of results, as train and sweep write it.")],
    as_json: Json = False,
) -> None:
    """Show what is done, running and failed in a folder of runs, and the time left.

    It is read from the folder alone, whoever carries the runs out, and wherever.

    [bold]Examples[/bold]

    graph2nn status runs
    graph2nn status runs --json
    """
    from graph2nn.experiments.status import status as find_out
    from graph2nn.results.run_folder import results_home

    out = results_home(out)
    state = find_out(out)
    if as_json:
        print_json(state.as_json())
        return
    typer.echo(_summary(state))
    _show_running(state)
    _show_failed(state, out)
    if state.damaged:
        typer.echo(
            f"{len(state.damaged):,} folders in {out / 'runs'} hold no result.json and are not counted: "
            f"{cut(', '.join(state.damaged), 300)}"
        )


def _summary(state: Status) -> str:
    parts = [
        f"{state.done:,} of {state.planned:,} runs done",
        f"{len(state.running):,} running",
        f"{len(state.failed):,} failed",
        f"{state.waiting + len(state.interrupted):,} waiting",
    ]
    if state.interrupted:
        parts[-1] += f" ({len(state.interrupted):,} from a checkpoint)"
    line = ", ".join(parts) + "."
    if state.seconds_left is None:
        return f"{line} Time left: not known before a run has finished."
    if not state.seconds_left:
        return line
    pace = f"with {len(state.running):,} at once" if state.running else "once started, one at a time"
    return f"{line} Time left: about {duration(state.seconds_left)} {pace}."


def _show_running(state: Status) -> None:
    from rich.table import Table

    if not state.running:
        return
    table = Table(
        "running", "on", "process", "attempt", "for", "last sign of life", box=None, header_style="bold"
    )
    for each in state.running[:SHOWN]:
        since = "" if each.seconds is None else duration(each.seconds)
        table.add_row(
            each.run, each.host, str(each.pid), str(each.attempt), since, f"{duration(each.silence)} ago"
        )
    show_table(table)
    _and_more(len(state.running))


def _show_failed(state: Status, out: Path) -> None:
    from rich.table import Table

    from graph2nn.results.failures import retry_advice

    if not state.failed:
        return
    table = Table("failed", "attempts", "error", box=None, header_style="bold")
    for each in state.failed[:SHOWN]:
        table.add_row(each.run, str(each.attempts), each.error)
    show_table(table)
    _and_more(len(state.failed))
    typer.echo(f"Tracebacks: {out / 'failed'}. {retry_advice(state.failed, out)}")


def _and_more(count: int) -> None:
    if count > SHOWN:
        typer.echo(f"… and {count - SHOWN:,} more; --json has all.")


def duration(seconds: float) -> str:
    """Say a time as a person would.

    >>> duration(42), duration(4000), duration(200000)
    ('42 s', '1 h 7 min', '2 d 7 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
