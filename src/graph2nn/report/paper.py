"""What a paper needs of a report: vector figures with readable names, LaTeX tables and a BibTeX file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING

import pandas as pd

from graph2nn.analysis.beyond.selection import Selection
from graph2nn.analysis.findings import Findings
from graph2nn.analysis.table import Gap
from graph2nn.analysis.task_findings import Study, TaskFindings
from graph2nn.report.phrasing import between, error, number, p_number, readable
from graph2nn.report.references import bibtex

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from graph2nn.report.figures.gallery import Plate
    from graph2nn.report.figures.theme import Theme

#: Rows of the table of graphs, below the baseline.
TABLE_ROWS = 10
#: Formats of a paper's figures: one for pdfLaTeX, one for everything else, its text still text.
FORMATS = ("pdf", "svg")


def paper_files(said: Study, plates: Sequence[Plate], more: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    """Return the files of the folder ``paper``: figures, tables and references.

    Args:
        said: what was found.
        plates: the figures to draw, each as PDF and SVG, as wide as a column or a page of text, with type of
            that size, black on white.
        more: further tables by name, such as planned tests; their cells are texts.

    Returns:
        Contents by name: ``paper/<figure>.pdf`` and ``.svg``, ``paper/tasks.tex`` (baseline, best graph and
        gains, one row per task), ``paper/graphs_<task>.tex``, ``paper/nulls_<task>_<kind>.tex`` where nulls
        were compared, the further ones, and ``paper/references.bib``. The tables need the LaTeX package
        booktabs.
    """
    from graph2nn.report.figures.collection import file_names

    tables = {"tasks": _tasks(said)}
    for task, tag in zip(said.tasks.values(), file_names(list(said.tasks)), strict=True):
        tables[f"graphs_{tag}"] = _graphs(task.found)
        for kind in task.nulls:
            tables[f"nulls_{tag}_{kind}"] = _nulls(task, kind)
    return paper_folder({plate.name: plate.draw for plate in plates}, {**tables, **more}, _data(said))


def paper_folder(
    figures: Mapping[str, Callable[[Theme], Figure]], tables: Mapping[str, pd.DataFrame], data: Sequence[str]
) -> dict[str, bytes]:
    """Return the folder ``paper`` of some figures and tables.

    Args:
        figures: by name, what draws each.
        tables: by name; cells are texts.
        data: labels of the data, to be cited.

    Returns:
        Contents by name: PDF and SVG of each figure, a ``.tex`` of each table, ``paper/references.bib``.
    """
    from graph2nn.report.figures.theme import PAPER, rendered

    files: dict[str, bytes] = {}
    for name, draw in figures.items():
        for kind, content in zip(FORMATS, rendered(draw, PAPER, FORMATS), strict=True):
            files[f"paper/{name}.{kind}"] = content
    files |= {
        f"paper/{name}.tex": latex(table).encode(errors="backslashreplace") for name, table in tables.items()
    }
    files["paper/references.bib"] = bibtex(data, version=metadata.version("graph2nn")).encode(
        errors="backslashreplace"
    )
    return files


#: What LaTeX's text fonts lack, or print as something else.
_IN_LATEX = {
    "±": r"$\pm$", "−": "$-$", "–": "--", "\u00a0": "~", "<": "$<$", ">": "$>$", "→": r"$\to$",
    "Δ": r"$\Delta$",
}  # fmt: skip


def latex(table: pd.DataFrame) -> str:
    r"""Write a table of texts as a LaTeX tabular with the rules of booktabs; its cells are escaped.

    Args:
        table: one row per line; all cells are text, the first column left-aligned.

    Returns:
        The tabular, for ``\input``.

    >>> print(latex(pd.DataFrame({"graph": ["a_b"], "gain": ["0.4 ± 0.1"]})))
    % needs \usepackage{booktabs}
    \begin{tabular}{lr}
    \toprule
    graph & gain \\
    \midrule
    a\_b & 0.4 $\pm$ 0.1 \\
    \bottomrule
    \end{tabular}
    <BLANKLINE>
    """
    styled = table.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis=1)
    text: str = styled.to_latex(hrules=True, column_format="l" + "r" * (table.shape[1] - 1))
    for sign, written in _IN_LATEX.items():
        text = text.replace(sign, written)
    return f"% needs \\usepackage{{booktabs}}\n{text}"


def _data(said: Study) -> list[str]:
    return list(dict.fromkeys(str(task.runs["data"].iloc[0]) for task in said.tasks.values()))


def _tasks(said: Study) -> pd.DataFrame:
    rows = []
    for name, task in said.tasks.items():
        findings, digits = task.found, task.found.digits
        best, every = findings.judged.best, findings.judged.all_graphs
        rows.append(
            {
                "task": name,
                "score": findings.score.label,
                "baseline": "–" if findings.baseline is None else error(findings.baseline, digits),
                "best graph": readable(str(findings.best["graph"])),
                "its score": error(findings.best, digits),
                "gain, other seeds choosing": "–" if isinstance(best, Gap) else _selected(best, digits),
                "gain, mean of all graphs": "–"
                if every is None
                else f"{number(every.estimate, digits)} {between(every.low, every.high, digits)}",
            }
        )
    return pd.DataFrame(rows)


def _selected(best: Selection, digits: int) -> str:
    return f"{number(best.honest, digits)} {between(best.low, best.high, digits)}"


def _graphs(findings: Findings) -> pd.DataFrame:
    rows = [] if findings.baseline is None else [findings.baseline]
    rows += [row for _, row in findings.graphs.head(TABLE_ROWS).iterrows()]
    digits = findings.digits
    return pd.DataFrame(
        {
            "graph": [readable(str(row["graph"])) for row in rows],
            "C": [number(row["clustering"], 3) for row in rows],
            "L": [number(row["path_length"], 3) for row in rows],
            "seeds": [f"{int(row['seeds'])}" for row in rows],
            findings.score.label: [error(row, digits) for row in rows],
            "gain": [number(row["gain"], digits) for row in rows],
            "p (Holm)": [p_number(row["p_holm"]) for row in rows],
        }
    )


def _nulls(task: TaskFindings, kind: str) -> pd.DataFrame:
    rows, digits = task.nulls[kind].rows, task.found.digits
    return pd.DataFrame(
        {
            "graph": [readable(str(name)) for name in rows["graph"]],
            "nulls": [f"{int(count)}" for count in rows["nulls"]],
            "its nulls minus the graph": [number(value, digits) for value in rows["effect"]],
            "interval": [
                between(low, high, digits) for low, high in zip(rows["low"], rows["high"], strict=True)
            ],
            "p": [p_number(value) for value in rows["p"]],
        }
    )
