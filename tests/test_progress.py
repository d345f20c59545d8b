"""The bar comes up on a terminal only, and only for slow work."""

from __future__ import annotations

import io

from rich.console import Console

from graph2nn.progress import Bar


def shown(*, terminal=True, after=0.0, show=True):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal)
    with Bar("decoding", 4, show=show, after=after, console=console) as bar:
        for _ in range(4):
            bar.update()
        assert bar.done == 4
    return "decoding" in out.getvalue()


def test_slow_work_on_a_terminal_shows_a_bar():
    assert shown()


def test_quick_work_a_pipe_and_a_silent_caller_do_not():
    assert not shown(after=60)
    assert not shown(terminal=False)
    assert not shown(show=False)
