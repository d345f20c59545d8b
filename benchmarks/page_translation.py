"""The table and the pictures of docs/translation.md, made from the packed runs of results/multi30k.

python -m benchmarks.page_translation
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from benchmarks.page_parts import DOCS, table
from graph2nn.analysis.plan_tests import PlannedResult
from graph2nn.report.phrasing import between, number, p_number
from graph2nn.report.plan_findings import PlanFindings, plan_findings
from graph2nn.results.runs_table import read_runs

PAGE, FOLDER = DOCS / "translation.md", Path(__file__).parents[1] / "results" / "multi30k"
#: The table stands between these two lines of the page.
BETWEEN = re.compile(r"(?<=<!-- arms -->\n).*?(?=<!-- end of arms -->)", re.DOTALL)
DENSE = "dense"
#: After Okabe and Ito: a difference that survives the planned correction, and one that does not.
DECIDED, OPEN = "#D55E00", "#555555"
#: Arms whose curves are drawn, with colour and marker: the dense network, and three degrees at p 0.2.
SHOWN = {
    DENSE: ("#999999", "s"),
    "k 40, p 0.2": ("#0072B2", "o"),
    "k 9, p 0.2 (sweet spot)": ("#009E73", "^"),
    "k 5, p 0.2": ("#D55E00", "v"),
}


@dataclass(frozen=True)
class Study:
    """The study's runs, with the arm of each, and what its plan says of them."""

    runs: pd.DataFrame
    findings: PlanFindings

    @property
    def arms(self) -> list[str]:
        """Names of the arms, as planned."""
        return [arm.name for arm in self.findings.plan.arms]

    def of(self, arm: str) -> pd.DataFrame:
        """The runs of an arm, by seed."""
        return self.runs[self.runs["arm"] == arm].sort_values("seed")

    def against_dense(self, arm: str) -> PlannedResult | None:
        """The planned test of an arm against the dense network; none for nulls and the dense network."""
        planned = {test.name for test in self.findings.plan.tests if test.arms == (DENSE, arm)}
        return next((t for t in self.findings.tests if t.name in planned and t.family != "descriptive"), None)


def study() -> Study:
    """Read the packed runs and test them as planned."""
    runs = read_runs(FOLDER)
    return Study(runs, plan_findings(FOLDER / "plan.yaml", runs, pd.DataFrame()))


def arms_table(found: Study) -> str:
    """Return the table of the arms, best first."""
    rows = []
    losses = ["train_loss", "test_loss"]
    for arm in sorted(found.arms, key=lambda arm: -found.of(arm)["bleu"].mean()):
        runs, test = found.of(arm), found.against_dense(arm)
        each = ", ".join(f"{bleu:.2f}" for bleu in runs["bleu"])
        versus = f"{number(test.estimate)} {between(test.low, test.high)}" if test else ""
        if test and test.decided:
            versus = f"**{number(test.estimate)}** {between(test.low, test.high)}"
        rows.append(
            [arm, f"{runs['bleu'].mean():.2f}", each, versus, p_number(test.p_holm) if test else "",
             f"{runs['chrf'].mean():.1f}", *(f"{runs[name].mean():.3f}" for name in losses)]
        )  # fmt: skip
    head = ["arm", "BLEU", "seeds 1, 2, 3", "BLEU − dense's", "p (Holm)", "chrF", "training loss", "test loss"]
    return table(head, rows)


def draw(found: Study, file: Path) -> None:
    """Draw BLEU of each run, and the planned differences with their intervals.

    Args:
        found: the study.
        file: where the picture goes.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.8, 4.2), layout="constrained", width_ratios=[1, 1.2])
    arms = found.arms[::-1]
    for y, arm in enumerate(arms):
        bleu = found.of(arm)["bleu"]
        left.plot(bleu, [y] * len(bleu), "o", color="#0072B2", alpha=0.55, markersize=5)
        left.plot([bleu.mean()] * 2, [y - 0.3, y + 0.3], color="#0072B2", linewidth=2)
    left.set_yticks(range(len(arms)), arms)
    left.set_xlabel("BLEU, greedy; bar: mean of three seeds")
    tests = [test for test in found.findings.tests if test.family != "descriptive"][::-1]
    for y, test in enumerate(tests):
        colour = DECIDED if test.decided else OPEN
        right.plot([test.low, test.high], [y, y], color=colour, linewidth=2)
        right.plot(test.estimate, y, "o", color=colour)
    right.axvline(0, color="black", linewidth=0.8)
    names = {"sweet spot": "k 9, p 0.2 (sweet spot) against dense"}
    right.set_yticks(range(len(tests)), [names.get(test.name, test.name) for test in tests])
    right.set_xlabel("BLEU difference, 95 % interval")
    for axis in (left, right):
        _plain(axis)
    figure.savefig(file, dpi=150)
    plt.close(figure)


def draw_curves(found: Study, file: Path) -> None:
    """Draw the training loss relative to the dense network by epoch, and BLEU where it was measured.

    Args:
        found: the study.
        file: where the picture goes.
    """
    curves = pd.read_parquet(FOLDER / "packed" / "curves.parquet").merge(found.runs[["run", "arm"]], on="run")
    means: Any = curves.groupby(["arm", "epoch"])[["train_loss", "bleu"]].mean()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.6), layout="constrained")
    for arm, (colour, marker) in SHOWN.items():
        loss, bleu = means.loc[arm, "train_loss"], means.loc[arm, "bleu"].dropna()
        left.plot(loss - means.loc[DENSE, "train_loss"], color=colour, marker=marker, markersize=4)
        right.plot(bleu, color=colour, marker=marker, markersize=5, label=arm)
    left.set(xlabel="epoch", ylabel="training loss − dense's")
    right.set(xlabel="epoch", ylabel="BLEU, greedy", xticks=[5, 10])
    right.legend(frameon=False)
    for axis in (left, right):
        _plain(axis)
    figure.savefig(file, dpi=150)
    plt.close(figure)


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", color="#E5E5E5")
    axis.set_axisbelow(True)


def main() -> None:
    found = study()
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BETWEEN.sub(lambda _: arms_table(found), text), encoding="utf-8")
    draw(found, DOCS / "images" / "translation.png")
    draw_curves(found, DOCS / "images" / "translation-curves.png")


if __name__ == "__main__":
    main()
