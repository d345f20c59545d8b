"""``graph2nn graphs …``: look at graphs, sweep them, list catalogues."""

from __future__ import annotations

import typer

app = typer.Typer(help="Make graphs, measure them, look at them.", no_args_is_help=True)


@app.callback()
def _graphs() -> None:
    """Keep ``graphs`` a group even while it holds a single command."""


from graph2nn.cli import graphs_sweep  # noqa: E402, F401  (registers its commands on ``app``)
