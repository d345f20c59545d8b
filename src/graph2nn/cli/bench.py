"""``graph2nn bench …``: measure this machine, so that engines are chosen for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as Shown

from graph2nn.cli.common import (
    Json,
    OneValueEach,
    Threads,
    console,
    print_json,
    progress,
    show_table,
    use_threads,
)

app = typer.Typer(help="Measure this machine.", no_args_is_help=True)


@app.callback()
def _several() -> None:
    """Measure this machine, so that choices are made for it."""


@app.command(cls=OneValueEach)
def engines(
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the table goes. Default: where auto looks for it."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Repetitions; medians are kept.")] = 5,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Time masked and block layers by width and density; then engine="auto" goes by what is faster here.

    Dense layers of our own models are timed too, by shape: torch's product or oneDNN's, with batch norm and
    ReLU in one pass or not. That table is dense.json, next to the first one.

    Takes two to five minutes, in which nothing else should run. The table that is shipped decides until then.
    """
    from graph2nn.files import replacing, unwritable_refused
    from graph2nn.layers import dense_products, measure_dense
    from graph2nn.layers.engine_timing import cases, measure
    from graph2nn.layers.engines import dump, own_file, table

    use_threads(threads)
    target = own_file() if out is None else out
    if out is None:
        with unwritable_refused(target.parent, "bench", "name a file with --out"):
            target.parent.mkdir(parents=True, exist_ok=True)
    with progress("engines", len(cases())) as bar, replacing(target) as temporary:
        measured = measure(rounds, on_case=bar.update)
        temporary.write_text(dump(measured), encoding="utf-8")
    table.cache_clear()
    dense_file = target.parent / dense_products.FILE
    with progress("dense products", len(measure_dense.SHAPES)) as bar, replacing(dense_file) as temporary:
        dense = measure_dense.measure_dense(rounds, on_shape=bar.update)
        temporary.write_text(dense_products.dump(dense), encoding="utf-8")
    dense_products.table.cache_clear()
    if as_json:
        print_json([point._asdict() for point in measured.points])
        return
    shown = Shown("layer", "width", "nodes", "density", title="masked time ÷ block time")
    shown.add_column("speed-up", justify="right")
    for point in measured.points:
        shown.add_row(
            point.kind, str(point.width), str(point.nodes), f"{point.density:.2f}", f"{point.speedup:.2f}"
        )
    show_table(shown)
    chosen = Shown("in", "out", "output", "input gradient", "weight gradient", "norm", title="dense layers")
    for shape in dense.points:
        *products, fused = shape.choice
        chosen.add_row(
            str(shape.in_features), str(shape.out_features), *products, "fused" if fused else "torch"
        )
    show_table(chosen)
    console.print(f"Kept in {target} and {dense_file}", soft_wrap=True)
