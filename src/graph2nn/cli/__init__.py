"""The command ``graph2nn``: parse, call, print. A notebook can call everything that it calls."""

from __future__ import annotations

import errno
import functools
import io
import os
import sys
import traceback
import warnings
from contextlib import suppress
from typing import Any

import typer

from graph2nn.cli import bench, data, graphs, plan
from graph2nn.cli.analyze import analyze, quickstart
from graph2nn.cli.common import OneValueEach, own_warnings_on_one_line
from graph2nn.cli.cost import cost, models
from graph2nn.cli.export import export, generate, predict, translate
from graph2nn.cli.match import match
from graph2nn.cli.neurons import neurons
from graph2nn.cli.pack import pack
from graph2nn.cli.presets import presets
from graph2nn.cli.recover import recover
from graph2nn.cli.search import search
from graph2nn.cli.status import status
from graph2nn.cli.sweep import retry, sweep
from graph2nn.cli.train import train
from graph2nn.errors import LONGEST, UserError, cut, shown
from graph2nn.files import why_not
from graph2nn.preemption import heed_first_request

app = typer.Typer(
    name="graph2nn",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_RUNS = (quickstart, train, sweep, status, retry, search)
_READERS = (presets, models, match, cost, recover, analyze, neurons, pack, export, predict, generate, translate)
for command in (*_RUNS, *_READERS):
    app.command(cls=OneValueEach)(command)
app.add_typer(graphs.app, name="graphs")
app.add_typer(data.app, name="data")
app.add_typer(plan.app, name="plan")
app.add_typer(bench.app, name="bench")


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True),
) -> None:
    """Turn any graph into a neural network, at a matched FLOPs budget.

    Start with [bold]graph2nn quickstart[/bold]: 26 graphs and the dense baseline trained on digits,
    and a report that opens in a browser.
    """
    if version:
        from graph2nn import __version__

        typer.echo(f"graph2nn {__version__}")
        raise typer.Exit


@functools.cache
def _command() -> Any:
    """Build the tree of commands once per process: typer would read all signatures again at every call."""
    return typer.main.get_command(app)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 a run failed, 2 wrong input, 130 interrupted."""
    try:
        with warnings.catch_warnings(), own_warnings_on_one_line():
            code = _command()(args=argv, standalone_mode=False)
        sys.stdout.flush()  # a full disk shows only now
    except UserError as error:
        return _say(f"graph2nn: {error}", 2)
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        # The reader (head, less) has left; anything more would only raise again at exit.
        _discard_output()
        return 0
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:
            _discard_output()
        where = "standard output or a temporary file" if error.filename is None else error.filename
        return _say(
            f"graph2nn: {where} cannot be used ({why_not(error)}); check path, space and permissions.", 2
        )
    except RecursionError as error:
        # Python makes the folders of a path by calling itself, once for each.
        if not any("pathlib" in frame.filename for frame in traceback.extract_tb(error.__traceback__)[-9:]):
            raise
        return _say("graph2nn: a path lies too many folders deep; give a shorter one.", 2)
    except MemoryError as error:
        return _say(f"graph2nn: not enough memory ({error or 'no estimate'}); give it less to do at once.", 2)
    except Exception as error:
        # Typer carries its own copy of click in newer versions, so its errors are known by what they offer.
        if type(error).__name__ == "Abort":
            return _interrupted()
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())  # noqa: T201 -- a command group named alone asks for its help
            return 0
        return _say(f"graph2nn: {_complaint(error, sys.argv[1:] if argv is None else argv)}", 2)
    if code == 130:  # what newer versions of typer make of Ctrl-C
        return _interrupted()
    return code if isinstance(code, int) else 0


def _discard_output() -> None:
    """Send what is left for standard output nowhere, so that the interpreter does not fail on it at exit."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupted() -> int:
    return _say("graph2nn: interrupted. What had finished is kept; run the same command to go on.", 130)


def _complaint(error: Any, argv: list[str]) -> str:
    """One line of a wrong option: some versions of typer leave out the value that was given."""
    line = " ".join(error.format_message().split())
    for option in getattr(getattr(error, "param", None), "opts", ()):
        for i, word in enumerate(argv):
            given = (
                argv[i + 1 : i + 2]
                if word == option
                else [word[len(option) + 1 :]] * word.startswith(f"{option}=")
            )
            if given and repr(given[0]) not in line:
                return cut(f"{option} {shown(given[0])}: {line}.", LONGEST)
    return cut(line, LONGEST)


def _say(line: str, code: int) -> int:
    with suppress(OSError):  # nobody can be told if standard error is closed or full
        print(cut(line, LONGEST + 20), file=sys.stderr)  # noqa: T201 -- the name of a file may be long
    return code


def run() -> None:
    """Entry point of the installed command."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal of another encoding shows codes for what it lacks, and the command goes on.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    heed_first_request()
    sys.exit(main())
