"""Records of failed runs, so that a sweep goes on without them and they can be retried."""

from __future__ import annotations

import json
import shutil
import socket
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from graph2nn.errors import UserError, WriteError
from graph2nn.files import replacing
from graph2nn.results.config import RunConfig
from graph2nn.results.leases import TakenError, pardon

FOLDER = "failed"


@dataclass(frozen=True)
class Failure:
    """A run that failed: last line of its error, how many attempts there were, where and when the last was.

    ``refused``: a :class:`~graph2nn.errors.UserError`, which comes again until what it names is changed; a full
    disk is none.
    """

    run: str
    error: str
    attempts: int
    host: str
    time: str
    refused: bool = False


def record_failure(out: Path, config: RunConfig, error: BaseException | str, attempts: int) -> Failure:
    """Keep config, traceback and a line on the failure in ``out/failed/<run>``, in place of an earlier one.

    Args:
        out: folder of results.
        config: of the run.
        error: what ended it; a text where the process died and there is no traceback.
        attempts: how many were made so far.

    Returns:
        What was kept.

    Raises:
        UserError: ``out`` cannot be written to.
    """
    folder = out / FOLDER / config.folder
    text = error if isinstance(error, str) else "".join(traceback.format_exception(error))
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    refused = isinstance(error, UserError) and not isinstance(error, WriteError)
    failure = Failure(config.folder, _last_line(error), attempts, socket.gethostname(), now, refused)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(
            f"results: {out} cannot be written to ({problem.strerror}); name another --out."
        ) from None
    files = {
        "config.yaml": config.to_yaml(),
        "traceback.txt": text.rstrip() + "\n",
        # Last: who reads it finds the others.
        "failure.json": json.dumps(asdict(failure), indent=1) + "\n",
    }
    for name, content in files.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return failure


def failed_runs(out: Path) -> dict[str, Failure]:
    """All recorded failures by the name of their run.

    Raises:
        UserError: a damaged record.
    """
    files = sorted((out / FOLDER).glob("*/failure.json"))
    read = {file.parent.name: _read(file) for file in files}
    return {run: failure for run, failure in read.items() if failure is not None}


def failure_of(out: Path, run: str) -> Failure | None:
    """The recorded failure of one run, if it failed."""
    return _read(out / FOLDER / run / "failure.json")


def _read(file: Path) -> Failure | None:
    """Read a record; None if it is not there, or was removed this moment."""
    failure: Failure | None = None
    try:
        failure = Failure(**json.loads(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, OSError, RecursionError):
        pass  # said below
    texts = () if failure is None else (failure.run, failure.error, failure.host, failure.time)
    if failure is None or type(failure.attempts) is not int or not all(type(text) is str for text in texts):
        raise UserError(f"results: {file} is damaged; delete its folder, and the run will be repeated.")
    return failure


def clear(out: Path, run: str) -> None:
    """Forget the failure of a run, because it is done now or to be tried again."""
    shutil.rmtree(out / FOLDER / run, ignore_errors=True)


def forget_all(out: Path) -> list[str]:
    """Forget all failures and forgive the attempts that led to them: those runs are tried again.

    A run that somebody has restarted already is left to them.
    """
    forgotten = []
    for run in failed_runs(out):
        try:
            pardon(out, run)
        except TakenError:
            continue
        clear(out, run)
        forgotten.append(run)
    return forgotten


def retry_advice(failed: Sequence[Failure], out: Path) -> str:
    """Say which failed runs ``graph2nn retry`` can help, and what the others need.

    Example:
        >>> lost = Failure("run", "OSError: no space left", 1, "here", "today")
        >>> retry_advice([lost], Path("runs"))
        'Try them again: graph2nn retry runs'
        >>> retry_advice([Failure("run", "too narrow", 1, "here", "today", refused=True)], Path("runs"))
        'They were refused, and will be again: change what the error names first.'
    """
    refused = sum(failure.refused for failure in failed)
    if not refused:
        return f"Try them again: graph2nn retry {out}"
    if refused == len(failed):
        return "They were refused, and will be again: change what the error names first."
    return (
        f"{refused} of them were refused, and will be again: change what the error names first. "
        f"Try the others again: graph2nn retry {out}"
    )


def _last_line(error: BaseException | str) -> str:
    text = error if isinstance(error, str) else str(error)
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    if isinstance(error, str | UserError):
        return last
    return f"{type(error).__name__}: {last}" if last else type(error).__name__
