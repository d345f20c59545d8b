"""Graphs that a report marks wherever it shows them: on the map, in tables, in the atlas."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from graph2nn.analysis.task_findings import Study
from graph2nn.errors import UserError
from graph2nn.graphs.connectomes import NAMES
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.spec import parse_graph


def labels_to_highlight(
    wanted: Sequence[str],
    labels: Sequence[str],
    graphs: Mapping[str, RelationalGraph],
    *,
    nulls: Mapping[str, str] | None = None,
    data: Path | None = None,
) -> tuple[str, ...]:
    """Return the labels of the graphs that a reader wants to see marked.

    Args:
        wanted: labels of graphs; or texts that name one as ``--graph`` does, such as the file it was read from.
        labels: of the graphs of the results.
        graphs: these graphs by label, to compare such a file with.
        nulls: labels of nulls and whose they are.
        data: a folder that may hold the connectomes.

    Returns:
        Labels among the results.

    Raises:
        UserError: a graph that is not among the results.

    Example:
        >>> labels_to_highlight(["cat"], ["cat", "larva"], {})
        ('cat',)
    """
    return tuple(dict.fromkeys(_label(text, labels, graphs, nulls or {}, data) for text in wanted))


def highlighted(study: Study, labels: Sequence[str]) -> Study:
    """Return the study with these graphs marked in the findings of each task that has them."""
    marked = {}
    for name, task in study.tasks.items():
        graph_labels = set(task.found.graphs["graph"])
        there = tuple(label for label in labels if label in graph_labels)
        marked[name] = replace(task, found=replace(task.found, highlighted=there))
    return replace(study, tasks=marked)


def _label(
    text: str,
    labels: Sequence[str],
    graphs: Mapping[str, RelationalGraph],
    nulls: Mapping[str, str],
    data: Path | None,
) -> str:
    """Return the label of the graph that a text names."""
    for label in (text, text.replace(":", "-")):  # cat:symmetrised is called cat-symmetrised
        if label in labels:
            return label
    if text == "baseline":
        raise UserError("--highlight: the baseline has a mark of its own in every figure; name a graph.")
    if text in nulls:
        raise UserError(
            f"--highlight: {text!r} is a null, which the map does not show; name its graph, {nulls[text]!r}."
        )
    graph = _named(text, data)
    for label in labels if graph is not None else ():
        if label in graphs and graphs[label] == graph:
            return label
    near = difflib.get_close_matches(text, labels, n=1, cutoff=0.5)
    some = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(labels[:5])}"
    more = "" if near else f" and {len(labels) - 5:,} more." if len(labels) > 5 else "."
    raise UserError(f"--highlight: graph {text!r} is not among the results; {some}{more}")


def _named(text: str, data: Path | None) -> RelationalGraph | None:
    """Return the graph that a text names to the other commands; None where it names none.

    A connectome would be in the results under its name; it is not downloaded to find out that it is not.
    """
    if text.partition(":")[0] in NAMES:
        return None
    try:
        return parse_graph(text, data=data)
    except UserError:
        return None
