"""Options and output that several commands share."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand, TyperOption

from graph2nn.cli.completion import PRESET_NAMES, complete_graph
from graph2nn.errors import Graph2nnWarning, GraphNote, UserError, cut, shown
from graph2nn.progress import Bar

if TYPE_CHECKING:
    from graph2nn.graphs.graph import RelationalGraph
    from graph2nn.results.config import GraphSpec

#: Everything said to a person goes to standard error; standard output is for what was asked. Names of graphs
#: and folders may hold brackets, so nothing printed is read as markup.
console = Console(stderr=True, highlight=False, markup=False)


#: Options that take KEY=VALUE as often as there are keys.
_KEYED = ("--set", "--option", "--sbatch")


class OneValueEach(TyperCommand):
    """A command that refuses a second value of an option or of a key, where others keep only the last."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command.

        Args:
            ctx: of the command.
            args: the words.

        Returns:
            Those that are left over.

        Raises:
            UserError: an option is given twice, or a key of one that takes several.
        """
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in dict.fromkeys(order):
            once = isinstance(parameter, TyperOption) and not (parameter.multiple or parameter.is_flag)
            if once and order.count(parameter) > 1:
                option, command = parameter.opts[0], ctx.info_name
                several = command == "train" and option in ("--select", "--graph", "--ws-flex")
                advice = "use graph2nn sweep for several networks" if several else "give it once"
                times = order.count(parameter)
                raise UserError(f"{command}: {option} is given {times} times and takes one value; {advice}.")
            if parameter.opts[0] in _KEYED:
                _refuse_a_key_twice(f"{ctx.info_name}: {parameter.opts[0]}", values[str(parameter.name)])
        return super().parse_args(ctx, args)


def _refuse_a_key_twice(option: str, assignments: Iterable[str]) -> None:
    given: dict[str, str] = {}
    for assignment in assignments:
        key, _, value = assignment.partition("=")
        key = key.strip().lstrip("-")
        if key in given:
            raise UserError(
                f"{option} {cut(key, 100)} is given twice ({shown(given[key])} and {shown(value)}); "
                "give it once."
            )
        given[key] = value


PRESET_HELP = f"A YAML file (see graph2nn presets), or one of {', '.join(PRESET_NAMES)}."


Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="Folder or archive that already has the data. Left out, it is downloaded once.",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Where decoded data are kept. Default: the platform's cache."),
]
Settings = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value, e.g. [cyan]--set recipe.epochs=5[/cyan]."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script instead of text for a person.")]
Device = Annotated[
    str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, mps. Anything but cpu is untested.")
]
#: More threads than any machine has cores; torch would try to start as many as it is told.
MOST_THREADS = 1024
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", metavar="N", min=1, max=MOST_THREADS, help="CPU threads. Default: torch's choice."
    ),
]
Amp = Annotated[
    str | None, typer.Option("--amp", metavar="TYPE", help="Compute in 16 bits: bf16, or on CUDA fp16.")
]
ChannelsLast = Annotated[
    bool, typer.Option("--channels-last", help="Keep the channels of a pixel side by side.")
]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the network with torch.compile.")]
CudaGraphs = Annotated[
    bool, typer.Option("--cuda-graphs", help="Record a training step and replay it. CUDA, untested.")
]
EngineName = Annotated[
    str,
    typer.Option("--engine", metavar="NAME", help="auto, masked[-in-place], block, edge; triton (untested)."),
]
Workers = Annotated[
    str,
    typer.Option(
        "--workers", metavar="N", help="Runs at once, each a process with one thread; auto: one per core."
    ),
]
WSFlex = Annotated[
    str | None,
    typer.Option("--ws-flex", metavar="N,SPARSITY,P,SEED", help="A WS-flex graph by its four arguments."),
]
Graph = Annotated[
    str | None,
    typer.Option(
        "--graph",
        metavar="GRAPH",
        help="A file, a connectome, or generator:key=value,…",
        autocompletion=complete_graph,
    ),
]

Options = Annotated[
    list[str],
    typer.Option(
        "--option", metavar="KEY=VALUE", help="Of the architecture, e.g. [cyan]--option stem=64[/cyan]."
    ),
]


def parse_options(assignments: Iterable[str]) -> dict[str, Any]:
    """Read options of an architecture; values are YAML.

    Raises:
        UserError: no ``=``, or something that is not a value.
    """
    import yaml

    from graph2nn.yaml_values import read_yaml

    options = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        try:
            options[key.strip()] = read_yaml(text)
        except yaml.YAMLError:
            equals = ""
        if not equals:
            raise UserError(f"--option: {shown(assignment)} is not KEY=VALUE, for example stem=64.")
    return options


def parse_ws_flex(text: str) -> GraphSpec:
    """Read ``n,sparsity,p,seed``.

    Raises:
        UserError: not four numbers, or numbers out of range.
    """
    from graph2nn.results.config import GraphSpec

    parts = text.split(",")
    try:
        n, sparsity, p, seed = int(parts[0]), float(parts[1]), float(parts[2]), int(parts[3])
        if len(parts) != 4:
            raise ValueError
    except (ValueError, IndexError):
        raise UserError(
            f"--ws-flex: {text!r} is not N,SPARSITY,P,SEED, for example 64,0.128,0.128,4."
        ) from None
    spec = GraphSpec.of_ws_flex(n, sparsity, p, seed)
    spec.build()
    return spec


def pick_device(name: str) -> str:
    """Return a torch device name; ``auto`` is CUDA where there is one, else the CPU.

    Raises:
        UserError: a device that torch does not know, or that this machine lacks.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UserError(f"--device: {name!r} is not available on this machine; use cpu, or auto.") from None
    return name


def use_threads(count: int | None) -> None:
    """Set the number of CPU threads of torch, if one is given."""
    if count is not None:
        import torch

        torch.set_num_threads(count)


def number_of_workers(text: str) -> int:
    """Read the number of runs at once.

    Raises:
        UserError: neither a positive whole number nor ``auto``.
    """
    if text == "auto":
        from graph2nn.training.processes import usable_cores

        return usable_cores()
    if not text.isdecimal() or len(text) > 4 or int(text) < 1:
        raise UserError(f"--workers: {text!r} is not a number of processes; give 1, 2, … or auto.")
    return int(text)


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=1, allow_nan=False) + "\n")


def show_table(table: Table) -> None:
    """Print a table on standard output, wide enough when no terminal limits it."""
    screen = Console(highlight=False)
    Console(highlight=False, markup=False, width=None if screen.is_terminal else 200).print(table)


def one_graph(ws_flex: str | None, graph: str | None, data: Path | None) -> RelationalGraph | None:
    """Return the graph that the options name, if they do.

    Args:
        ws_flex: value of ``--ws-flex``.
        graph: value of ``--graph``.
        data: folder that may hold connectomes.

    Returns:
        The graph; None where neither option is given.

    Raises:
        UserError: both are given, or what is given names no graph.
    """
    from graph2nn.graphs.spec import parse_graph

    if ws_flex and graph:
        raise UserError("give --ws-flex or --graph, not both.")
    if ws_flex:
        return parse_ws_flex(ws_flex).build()
    return parse_graph(graph, data=data) if graph else None


def numbers(option: str, text: str | None) -> tuple[int, ...] | None:
    """Read whole numbers separated by commas; nothing where nothing was given.

    Raises:
        UserError: something else, or a number that is not positive.
    """
    if text is None:
        return None
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or min(values) < 1:
        raise UserError(f"{option}: {text!r} is not a list of positive whole numbers, for example 64,128.")
    return values


def progress(description: str, total: int, done: int = 0) -> Bar:
    """Return a progress bar on the commands' console, drawn at once; silent away from a terminal.

    Args:
        description: in front of the bar.
        total: steps in all.
        done: steps that are done already.

    Returns:
        The bar.
    """
    return Bar(description, total, after=0.0, console=console, done=done)


@contextmanager
def own_warnings_on_one_line() -> Iterator[None]:
    """Print our own warnings as one line each: what is wrong, not which line of code noticed."""
    show = warnings.showwarning

    def say(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, Graph2nnWarning | GraphNote):
            print(f"graph2nn: {message}", file=sys.stderr)  # noqa: T201
        else:
            show(message, category, *where, **more)

    warnings.showwarning = say
    yield
