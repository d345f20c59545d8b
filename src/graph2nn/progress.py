"""A progress bar that appears only on a terminal, and only when the work takes more than two seconds."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

REDRAW_SECONDS = 0.1


class Bar:
    """Counts finished units out of ``total``. Also speaks the protocol pooch expects of a bar.

    Use as a context manager, or call ``close`` at the end.

    Args:
        what: short name of the work.
        total: units of the work.
        show: False never draws.
        after: seconds before the bar appears; 0 draws it at once.
        console: where to draw; standard error if left out.
        done: units finished before.
    """

    def __init__(
        self,
        what: str,
        total: int,
        *,
        show: bool = True,
        after: float = 2.0,
        console: Console | None = None,
        done: int = 0,
    ) -> None:
        self.what, self.total, self.done = what, total, done
        self._show, self._console = show, console
        self._bar: Progress | None = None
        self._next = time.monotonic() + after
        self._at_once = after <= 0

    def update(self, n: int = 1) -> None:
        """Count ``n`` more units."""
        self.done += n
        if self._show and time.monotonic() >= self._next:
            self._draw()

    def reset(self) -> None:
        """Start counting from zero again."""
        self.done = 0

    def close(self) -> None:
        """Take the bar off the screen, if it came up."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._show = False

    def __enter__(self) -> Bar:
        if self._show and self._at_once:
            self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _draw(self) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            console = self._console or Console(stderr=True)
            if not console.is_terminal:
                self._show = False
                return
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=console, transient=True)
            self._bar.add_task(self.what, total=self.total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=self.done, total=self.total)
        self._next = time.monotonic() + REDRAW_SECONDS
