"""Learning curves of the best graph, the baseline and the worst graph."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from graph2nn.analysis.figures.theme import Theme, canvas, legend_below, short
from graph2nn.analysis.findings import Findings
from graph2nn.errors import UserError

COLUMNS = ("run", "epoch", "train_loss", "train_error", "test_error")


def followed(found: Findings, curves: pd.DataFrame | None) -> pd.DataFrame | None:
    """Pick the curves to draw: those of the best graph, the baseline and the worst graph.

    Returns:
        ``role, graph, epoch, train_error, test_error``, or None where no curve belongs to one of them.

    Raises:
        UserError: a column is missing.
    """
    if curves is None:
        return None
    missing = [name for name in COLUMNS if name not in curves.columns]
    if missing:
        raise UserError(f"curves: the table has no column {', '.join(missing)}.")
    roles = {str(found.best["graph"]): "best"}
    if found.baseline is not None:
        roles[str(found.baseline["graph"])] = "baseline"
    roles.setdefault(str(found.graphs["graph"].iloc[-1]), "worst")
    graph_of_run = dict(zip(found.results.runs["run"], found.results.runs["graph"], strict=True))
    graph = curves["run"].astype(str).map(graph_of_run)
    picked = curves.assign(graph=graph, role=graph.map(roles)).dropna(subset=["role"])
    return None if picked.empty else picked


def draw(picked: pd.DataFrame, theme: Theme) -> Figure:
    """Draw mean error by epoch, with a band from the lowest to the highest seed."""
    figure = canvas(8.6, 4.2)
    left, right = figure.subplots(1, 2, sharey=True)
    colours = {"best": theme.good, "baseline": theme.base, "worst": theme.bad}
    for axes, column, title in ((left, "test_error", "test"), (right, "train_error", "training")):
        for role, colour in colours.items():
            mine = picked.loc[picked["role"] == role]
            if mine.empty:
                continue
            by_epoch = mine.groupby("epoch")[column].agg(["mean", "min", "max"])
            epochs = by_epoch.index.to_numpy()
            name = "baseline" if role == "baseline" else f"{role}: {short(str(mine['graph'].iloc[0]), 24)}"
            marker = "o" if len(epochs) < 3 else None
            axes.fill_between(epochs, by_epoch["min"], by_epoch["max"], color=colour, alpha=0.18, linewidth=0)
            axes.plot(epochs, by_epoch["mean"], color=colour, linewidth=1.7, marker=marker, label=name)
        axes.set_title(f"{title} error")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    left.set_ylabel("top-1 error (%)")
    legend_below(left)
    return figure
