"""The options that say how a user's own data are read, shared by the commands that read them."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from graph2nn.errors import UserError

if TYPE_CHECKING:
    from graph2nn.data.own.reader import Options
    from graph2nn.experiments.launchers import Source
    from graph2nn.experiments.presets import Preset

_PANEL = "Your own data (presets mlp, cnn, resnet, vit, gpt-text, connectome-text)"

Target = Annotated[
    list[str],
    typer.Option(
        "--target",
        metavar="COLUMN",
        help="Column of a table to learn; may be repeated.",
        rich_help_panel=_PANEL,
    ),
]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="NAME",
        help="classification, balanced (balanced error) or regression; of arrays [N, time, features] "
        "sequence-classes or sequence-numbers. Default: by the targets.",
        rich_help_panel=_PANEL,
    ),
]
Validation = Annotated[
    float | None,
    typer.Option(
        "--validation",
        metavar="SHARE",
        help="To choose graphs and stop early on; 0: none. Default 0.1.",
        rich_help_panel=_PANEL,
    ),
]
Test = Annotated[
    float | None,
    typer.Option("--test", metavar="SHARE", help="To judge on. Default 0.2.", rich_help_panel=_PANEL),
]
SplitSeed = Annotated[
    int | None,
    typer.Option("--split-seed", metavar="N", help="Of that draw. Default 0.", rich_help_panel=_PANEL),
]
SplitColumn = Annotated[
    str | None,
    typer.Option(
        "--split-column",
        metavar="COLUMN",
        help="Column of a table with train, test, validation.",
        rich_help_panel=_PANEL,
    ),
]
Impute = Annotated[
    bool,
    typer.Option(
        "--impute", help="Fill missing values of a table instead of refusing.", rich_help_panel=_PANEL
    ),
]
Drop = Annotated[
    list[str],
    typer.Option(
        "--drop",
        metavar="COLUMN",
        help="Column of a table to leave out; may be repeated.",
        rich_help_panel=_PANEL,
    ),
]
MostValues = Annotated[
    int | None,
    typer.Option(
        "--most-values",
        metavar="N",
        min=2,
        help="Most different values of a text column. Default 20.",
        rich_help_panel=_PANEL,
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--image-size", metavar="PIXELS", help="Side that images in folders become.", rich_help_panel=_PANEL
    ),
]
Channels = Annotated[
    str | None,
    typer.Option(
        "--channels", metavar="NAME", help="grey, rgb or rgba: make all images that.", rich_help_panel=_PANEL
    ),
]

Context = Annotated[
    int | None,
    typer.Option(
        "--context",
        metavar="BYTES",
        help="Bytes of a text that are read at a time. Default 128.",
        rich_help_panel=_PANEL,
    ),
]

#: The parameter of a command that :func:`reads_own_data` fills from the options above.
OwnData = Annotated["Options | None", "how own data are read; None where no such option is given"]
_Result = TypeVar("_Result")


def reads_own_data(command: Callable[..., _Result]) -> Callable[..., _Result]:
    """Give a command the options for own data; its parameter ``own_data`` holds what they say."""

    @wraps(command)
    def read(*arguments: Any, **given: Any) -> _Result:
        said = {name: given.pop(name) for name in _OPTIONS if name in given}
        return command(*arguments, own_data=own_options(**said), **given)

    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        if parameter.name == "own_data":
            parameters += [
                inspect.Parameter(name, kind, default=_DEFAULTS.get(name), annotation=option)
                for name, option in _OPTIONS.items()
            ]
        else:
            parameters.append(parameter.replace(kind=kind))
    read.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    read.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return read


_OPTIONS: dict[str, Any] = {
    "target": Target, "task": TaskName, "validation": Validation, "test": Test, "split_seed": SplitSeed,
    "split_column": SplitColumn, "impute": Impute, "drop": Drop, "most_values": MostValues,
    "image_size": ImageSize, "channels": Channels, "context": Context,
}  # fmt: skip
#: Defaults other than None.
_DEFAULTS: dict[str, Any] = {"target": [], "impute": False, "drop": []}


def own_options(
    *,
    target: Sequence[str] = (),
    task: str | None = None,
    validation: float | None = None,
    test: float | None = None,
    split_seed: int | None = None,
    split_column: str | None = None,
    impute: bool = False,
    drop: Sequence[str] = (),
    most_values: int | None = None,
    image_size: int | None = None,
    channels: str | None = None,
    context: int | None = None,
) -> Options | None:
    """Return how own data are read, from the options that were given; None where none was.

    Args:
        target, task, validation, test, split_seed, split_column, impute, drop, most_values, image_size,
            channels, context: values of the options of these names.

    Returns:
        The options, or None.

    Raises:
        UserError: channels that are not known.
    """
    from graph2nn.data.own.reader import Options

    if channels not in (None, "grey", "rgb", "rgba"):
        raise UserError(f"--channels: {channels!r} is not known; give grey, rgb or rgba.")
    given: dict[str, Any] = {
        "target": tuple(target), "task": task, "validation": validation, "test": test, "seed": split_seed,
        "split": split_column, "missing": "impute" if impute else None, "drop": tuple(drop),
        "most_values": most_values, "size": image_size, "channels": channels, "context": context,
    }  # fmt: skip
    values = {name: value for name, value in given.items() if value not in (None, ())}
    return Options(**values) if values else None


#: The command's option for each way of reading own data.
_FLAGS = {
    "target": "--target", "task": "--task", "validation": "--validation", "test": "--test",
    "seed": "--split-seed", "split": "--split-column", "drop": "--drop", "most_values": "--most-values",
    "size": "--image-size", "channels": "--channels", "context": "--context",
}  # fmt: skip


def own_words(options: Options | None) -> list[str]:
    """Return the words of a command line that say how own data are read, quoted for a shell."""
    if options is None:
        return []
    words = []
    for field in fields(options):
        value = getattr(options, field.name)
        if field.name not in _FLAGS or value == field.default:
            continue
        each = value if isinstance(value, tuple) else (value,)
        words += [f"{_FLAGS[field.name]} {shlex.quote(str(one))}" for one in each]
    return [*words, *["--impute"] * (options.missing == "impute")]


def source_of(preset: Preset, data: Path | None, cache: Path | None, options: Options | None = None) -> Source:
    """Return where the data of a preset come from.

    Args:
        preset: names its data; one that takes own data, too, takes them where ``data`` is given.
        data: path that ``--data`` names, or the name of a well-known data set.
        cache: folder of decoded copies.
        options: how own data are read.

    Returns:
        Where to load the data from.

    Raises:
        UserError: options for own data, and a preset that has data of its own; one for own data without them.
    """
    from graph2nn.experiments.launchers import Source
    from graph2nn.experiments.presets.definition import OWN
    from graph2nn.experiments.presets.user_data import own_data_of

    name = preset.data_of(data)
    if name == OWN and data is None:
        raise UserError(
            f"{preset.name}: is for data of your own; name them with --data PATH: {own_data_of(preset)}."
        )
    if options is not None and name != OWN:
        raise UserError(
            f"--target, --task, --image-size and their like are for your own data; this preset is for {name}: "
            "use preset mlp, cnn, resnet, vit, gpt-text or connectome-text, or connectome-rnn with --data."
        )
    return Source(
        name, None if data is None else _place(data), None if cache is None else str(cache.absolute()), options
    )


def _place(data: Path) -> str:
    """Where ``--data`` lies, whatever folder a worker runs in; a word and the two files of a pair included."""
    from graph2nn.data.own.reader import is_word

    if is_word(str(data)):
        return str(data)
    if "," in str(data) and not data.exists():
        return ",".join(str(Path(part).absolute()) for part in str(data).split(","))
    return str(data.absolute())
