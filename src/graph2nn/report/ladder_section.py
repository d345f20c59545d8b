"""The comparison of a connectome with its ladder of nulls, as a section of the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from graph2nn.analysis.ladder_comparison import Ladder, ladder
from graph2nn.analysis.table import score_of
from graph2nn.data.neurogym import PREFIX as NEUROGYM
from graph2nn.data.sequence_sets import load_sequences, names_sequences
from graph2nn.errors import UserError
from graph2nn.experiments.connectome_networks import CONNECTOME_RNN, Start, end_neurons, start_of
from graph2nn.experiments.trained import read_card
from graph2nn.files import json_value
from graph2nn.graphs.nulls.null_report import NullReport, report_of
from graph2nn.models.connectome_rnn import choose_nodes
from graph2nn.report.atlas import Atlas
from graph2nn.report.figures import null_effects as figure
from graph2nn.report.figures.theme import DARK, LIGHT, Theme, render, rendered
from graph2nn.report.page import Picture, encoded, page
from graph2nn.report.paper import paper_folder
from graph2nn.report.phrasing import between, number, p_number, quantity
from graph2nn.report.report_folder import provenance, publish
from graph2nn.report.templates import TextTable, html_of
from graph2nn.results.config import RunConfig
from graph2nn.results.runs_table import read_config
from graph2nn.tasks import Score
from graph2nn.tasks.registry import chance_score

#: Arms whose start differs from the connectome's by more than this share are warned about.
MISMATCH = 0.1


@dataclass(frozen=True)
class Comparison:
    """A connectome on one task: its ladder, the score, how each arm starts, and what its nulls change.

    Attributes:
        found: the ladder. score: of the task.
        starts: by arm, how its networks begin; the connectome first.
        reports: by kind of null, what one null of it changes.
        warnings: sentences, those of the ladder among them.
    """

    found: Ladder
    score: Score
    starts: Mapping[str, Start]
    reports: Mapping[str, NullReport]
    warnings: tuple[str, ...]


def comparisons(
    out: Path, runs: pd.DataFrame, *, margins: Mapping[str, float] | None = None, alpha: float = 0.05
) -> list[Comparison]:
    """Compare each connectome of a folder of runs with its nulls, on each data set.

    Args:
        out: the folder.
        runs: finished runs of it, one row each; others than those of ``connectome-rnn`` are passed over.
        margins: of equivalence, by label of the data.
        alpha: level of the decisions.

    Returns:
        One comparison per connectome and data set that has nulls or dense networks; none for other runs.

    Example:
        >>> comparisons(Path("runs"), pd.DataFrame({"model": ["mlp5"], "data": ["digits"]}))
        []
    """
    connectome_runs = runs[runs["model"] == CONNECTOME_RNN]
    made = []
    for label, rows in connectome_runs.groupby("data", sort=False):
        graphs = rows.loc[(rows["kind"] == "relational") & rows["null_of"].isna(), "graph"].unique()
        for graph in graphs:
            some = rows[(rows["graph"] == graph) | (rows["null_of"] == graph) | (rows["kind"] != "relational")]
            _one_width(some[some["kind"] != "relational"])
            if some["graph"].nunique() > 1:
                made.append(_compared(out, some, str(graph), (margins or {}).get(str(label)), alpha))
    return made


def _one_width(dense: pd.DataFrame) -> None:
    """Raise a UserError if dense networks of one label have different widths: their mean means nothing."""
    for label, rows in dense.groupby("graph"):
        widths = sorted(rows["widths"].astype(str).unique())
        if len(widths) > 1:
            raise UserError(
                f"analyze: {label} was trained at widths {' and '.join(widths)}, which are different networks; "
                f"leave one out, for example with --where 'widths!={widths[-1]}'."
            )


def _compared(out: Path, rows: pd.DataFrame, graph: str, margin: float | None, alpha: float) -> Comparison:
    rows = rows[rows["test_error"].notna()]
    chance, note = _chance(out, rows)
    rungs = ladder(rows, graph, margin=margin, chance=chance, chance_note=note, alpha=alpha)
    arms = {graph: rows[rows["graph"] == graph]}
    for rung in rungs.rungs:
        kinds = rows["graph"].str.split(" ").str[0]
        arms[rung.kind] = rows[(rows["graph"] == rung.kind) | (rows["null_of"].notna() & (kinds == rung.kind))]
    configs = {name: read_config(out, str(some["run"].iloc[0])) for name, some in arms.items() if len(some)}
    starts = {name: start_of(config) for name, config in configs.items()}
    reports = _reports(graph, configs)
    shown = [f"{kind} nulls: {' '.join(one.warnings)}" for kind, one in reports.items() if one.warnings]
    nulls = {name: start for name, start in starts.items() if name == graph or name in reports}
    return Comparison(
        rungs, score_of(rows), starts, reports, (*rungs.warnings, *_mismatches(graph, nulls), *shown)
    )


def _chance(out: Path, rows: pd.DataFrame) -> tuple[float | None, str]:
    """The score of the best constant answer on the data of some runs, and a note where it is a guess."""
    recorded = rows["chance"].dropna() if "chance" in rows else pd.Series(dtype=float)
    if len(recorded):
        return float(recorded.iloc[0]), ""
    # Runs of earlier versions did not record it.
    label = str(rows["data"].iloc[0])
    if names_sequences(label) and not label.startswith(NEUROGYM):
        return chance_score(load_sequences(label)), ""
    for run in rows["run"].astype(str):
        try:
            card = read_card(out / "runs" / run)
        except UserError:  # packed without its weights, or by a version that stored nothing about data
            continue
        if card.task in ("classification", "balanced", "sequence-classes"):
            count = len(card.classes)
            return 100 * (1 - 1 / count), f"if the {count} classes are equally frequent"
        break
    return None, ""


def _reports(graph: str, configs: Mapping[str, RunConfig]) -> dict[str, NullReport]:
    graph_configs = configs[graph]
    assert graph_configs.graph is not None
    original = graph_configs.graph.build()
    ends = {
        name: choose_nodes(original, end_neurons(graph_configs.model.options, name), name)
        for name in ("inputs", "outputs")
    }
    made = {}
    for name, config in configs.items():
        if config.graph is not None and config.graph.null_of:
            made[name] = report_of(original, config.graph.build(), ends["inputs"], ends["outputs"])
    return made


def _mismatches(graph: str, starts: Mapping[str, Start]) -> list[str]:
    of_graph, said = starts[graph], []
    for name, start in starts.items():
        differ = [
            f"{what} {other:.3g} in place of {mine:.3g}"
            for what, mine, other in (
                ("weights", of_graph.weight, start.weight),
                ("activity", of_graph.activity, start.activity),
                ("activity of the neurons that are read", of_graph.read, start.read),
            )
            if abs(other - mine) > MISMATCH * mine
        ]
        if differ:
            said.append(f"{name} nulls do not start as {graph} does (root mean square): {', '.join(differ)}.")
    return said


def section(made: Sequence[Comparison]) -> Markup:
    """The comparisons as HTML: the sentence, the figure, the tables and the warnings of each."""
    return html_of("assets/ladder.html", ladders=[_view(each, place) for place, each in enumerate(made)])


def _view(made: Comparison, place: int) -> dict[str, object]:
    """What the template shows of a comparison."""
    compared = made.found
    picture = Picture(
        f"ladder_{place}",
        f"{compared.graph} against its nulls: {compared.data}",
        figure.ladder_caption(compared, made.score),
        *(render(_drawn(made), theme) for theme in (LIGHT, DARK)),
    )
    rungs = rungs_table(made)
    differences = TextTable("Differences", rungs.columns.tolist(), rungs.to_numpy().tolist())
    return {
        "sentence": compared.sentence,
        "warnings": made.warnings,
        "picture": encoded(picture, f"ladder-{place}"),
        "tables": [differences, _starts(made), *([_changes(made)] if made.reports else [])],
    }


def rungs_table(made: Comparison) -> pd.DataFrame:
    """Differences of a ladder as a table of texts, one row per rung, for the page and for a paper.

    Args:
        made: the comparison.

    Returns:
        One row per kind of null and per dense network.
    """
    unit = made.score.difference
    heads = ("against", "runs", "networks", "its score", f"minus {made.found.graph}'s ({unit})", "interval",
             "p (Holm)", "p (equivalence)", "training loss", "says")  # fmt: skip
    rows = [
        (
            rung.kind, str(rung.runs), str(rung.networks), number(rung.mean), number(rung.estimate),
            between(rung.low, rung.high), p_number(rung.p_holm),
            p_number(rung.p_equivalent), number(rung.loss, 3), rung.says(made.found.alpha),
        )
        for rung in made.found.rungs
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(heads))


def _starts(made: Comparison) -> TextTable:
    rows = [
        (name, *(f"{value:.4f}" for value in (start.weight, start.activity, start.read)))
        for name, start in made.starts.items()
    ]
    title = "How the arms start (root mean square, standard normal input)"
    return TextTable(title, ("arm", "weights", "activity", "activity of what is read"), rows)


def _changes(made: Comparison) -> TextTable:
    first = next(iter(made.reports.values())).table
    rows = [
        (str(name), quantity(first.loc[name, "graph"]),
         *(quantity(report.table.loc[name, "null"]) for report in made.reports.values()))
        for name in first.index
    ]  # fmt: skip
    title = "What the nulls change besides (one null of each kind)"
    return TextTable(title, ("measure", made.found.graph, *made.reports), rows)


def ladder_record(made: Sequence[Comparison]) -> list[Any]:
    """What summary.json holds of comparisons."""
    return [
        json_value(
            {
                "graph": each.found.graph,
                "data": each.found.data,
                "score": each.score.label,
                "sentence": each.found.sentence,
                "warnings": list(each.warnings),
                "rungs": [{**vars(rung), "says": rung.says(each.found.alpha)} for rung in each.found.rungs],
                "starts": {name: vars(start) for name, start in each.starts.items()},
                "nulls": {name: report.table["null"].to_dict() for name, report in each.reports.items()},
            }
        )
        for each in made
    ]


def ladder_files(made: Sequence[Comparison], formats: Sequence[str]) -> dict[str, bytes]:
    """Draw the figure of each comparison, and write the numbers of all of them as a table.

    Args:
        made: the comparisons.
        formats: of the figures.

    Returns:
        Bytes by file name: ``figures/ladder_0.png`` and so on, in the order of the page; ``ladder.csv``, one
        row per rung. Empty without comparisons.
    """
    if not made:
        return {}
    files = {
        f"figures/ladder_{place}.{kind}": content
        for place, each in enumerate(made)
        for kind, content in zip(formats, rendered(_drawn(each), LIGHT, formats), strict=True)
    }
    rows = pd.concat(
        [
            pd.DataFrame([vars(rung) for rung in each.found.rungs]).assign(
                graph=each.found.graph,
                data=each.found.data,
                score=each.score.label,
                says=[rung.says(each.found.alpha) for rung in each.found.rungs],
            )
            for each in made
        ],
        ignore_index=True,
    )
    return {**files, "ladder.csv": rows.to_csv(index=False).encode(errors="backslashreplace")}


def _drawn(made: Comparison) -> Callable[[Theme], Figure]:
    return lambda theme: figure.draw_ladder(made.found, theme, made.score)


def write_page(
    made: Sequence[Comparison],
    out: Path,
    *,
    title: str,
    notes: Sequence[str] = (),
    first: Sequence[Markup] = (),
    more: Mapping[str, object] | None = None,
    command: str | None = None,
    formats: Sequence[str] = ("png",),
    style: str = "page",
    paper: Mapping[str, pd.DataFrame] | None = None,
) -> Path:
    """Write a page of comparisons alone: ``index.html``, ``summary.json``, ``ladder.csv`` and the figures.

    Args:
        made: the comparisons.
        out: folder, made if need be.
        title: of the page.
        notes: sentences for its top.
        first: sections before the comparisons, such as planned tests.
        more: further keys of summary.json.
        command: that made the page.
        formats: of the figure files.
        style: ``page``, or ``paper`` for a folder ``paper`` with the ladders and their tables too.
        paper: further tables of that folder, by name: cells are texts.

    Returns:
        The path of ``index.html``.

    Raises:
        UserError: ``out`` cannot be written to.
    """
    origin = provenance(command)
    index = page(
        [], Atlas(Markup(), Markup()), title=title, notes=notes, provenance=origin,
        first=[*first, section(made)],
    )  # fmt: skip
    summary = {
        "title": title,
        "notes": list(notes),
        "ladder": ladder_record(made),
        **(more or {}),
        "provenance": origin,
    }
    of_paper = _paper(made, paper or {}) if style == "paper" else {}
    files = {**of_paper, **ladder_files(made, formats)}
    figures = sorted(name for name in files if name.startswith("figures/"))
    summary |= {"figures": figures, "tables": ["ladder.csv"] if made else [], "paper": sorted(of_paper)}
    publish(
        {
            **files,
            "summary.json": json.dumps(summary, indent=1, ensure_ascii=False).encode(errors="backslashreplace"),
            "index.html": index.encode(errors="backslashreplace"),
        },
        out,
    )
    return out / "index.html"


def _paper(made: Sequence[Comparison], more: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    names = [f"ladder_{place}" for place in range(len(made))]
    return paper_folder(
        {name: _drawn(each) for name, each in zip(names, made, strict=True)},
        {**{name: rungs_table(each) for name, each in zip(names, made, strict=True)}, **more},
        [each.found.data for each in made],
    )
