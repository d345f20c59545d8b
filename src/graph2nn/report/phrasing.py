"""Phrasing of findings: headlines, caveats and number formats."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from graph2nn.analysis.findings import ALPHA, Findings
from graph2nn.tasks import TOP1, Score

#: MACs further apart than this (largest over smallest, minus 1) are called unequal budgets.
EQUAL_BUDGETS = 0.01


@dataclass(frozen=True)
class Headline:
    """A report in three breaths: ``title`` the verdict, ``lead`` its numbers, ``remarks`` the small print."""

    title: str
    lead: str
    remarks: tuple[str, ...]


def number(value: float, digits: int = 2) -> str:
    """Write a number with a true minus sign; a dash for one that does not exist."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def p_text(value: float) -> str:
    """Write a p-value: ``p = 0.03`` or ``p < 0.001``, held together by no-break spaces."""
    if value is None or not math.isfinite(value):
        return "p not computable"
    return "p\u00a0<\u00a00.001" if value < 0.001 else f"p\u00a0=\u00a0{value:.2g}"


def error(row: pd.Series, digits: int = 2) -> str:
    """Write mean ± sd of a graph's error, without the unit."""
    mean = number(row["mean"], digits)
    return mean if math.isnan(row["sd"]) else f"{mean} ± {number(row['sd'], digits)}"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def points(value: float, score: Score = TOP1, digits: int = 2) -> str:
    """Write a difference of errors, or of another score."""
    text = number(abs(value), digits)
    return f"{text} point" if score.unit == "%" and text == "1.00" else f"{text} {score.difference}"


def percent(share: float) -> str:
    """Write a confidence: 95 %."""
    return f"{100 * share:g} %"


def headline(found: Findings) -> Headline:
    """Say what was found, no more strongly than the runs allow."""
    return Headline(_title(found), _lead(found), tuple(_remarks(found)))


def _title(found: Findings) -> str:
    best = found.best
    if found.verdict == "better":
        return f"{best['graph']} beats the baseline by {points(best['gain'], found.score, found.digits)}"
    if found.verdict == "others-better":
        graphs = f"{plural(found.beating, 'graph')} {'is' if found.beating == 1 else 'are'}"
        other = "chosen on the validation part" if found.chosen_on == "validation" else "with the lowest mean"
        return f"{graphs} clearly better than the baseline, but not the one {other}"
    if found.verdict == "not-better":
        return "No graph is clearly better than the baseline"
    if found.verdict == "untested":
        return "These runs cannot tell whether a graph is better than the baseline"
    what = "error" if found.score.unit == "%" else found.score.name
    if found.chosen_on == "validation":
        what += " on the validation part"
    return f"{best['graph']} has the lowest {what}; there is no baseline to compare it with"


def _lead(found: Findings) -> str:
    best, baseline, score, digits = found.best, found.baseline, found.score, found.digits
    name = "The only graph" if len(found.graphs) == 1 else "Best graph"
    start = f"{name} {best['graph']}: {score.written(error(best, digits))}"
    if baseline is None:
        return f"{start} over {plural(int(best['seeds']), 'seed')}."
    unit = " %" if score.unit == "%" else ""
    gain = f"gain {number(best['gain'], digits)} {score.difference}"
    versus = f"{start} against baseline {error(baseline, digits)}{unit}, {gain}"
    if math.isnan(best["gain_low"]):
        return f"{versus}; one seed gives no interval."
    interval = f"[{number(best['gain_low'], digits)}, {number(best['gain_high'], digits)}]"
    return f"{versus}, {percent(found.confidence)} interval {interval}."


def _remarks(found: Findings) -> list[str]:
    remarks = [_why(found), _selection(found), _comparisons(found), _spread(found), _diverged(found)]
    return [remark for remark in remarks if remark]


def _why(found: Findings) -> str:
    """Why the verdict is not a win, where the numbers may look like one."""
    best = found.best
    if found.baseline is None or found.verdict == "better":
        return ""
    if math.isnan(best["gain_low"]):
        return "Two seeds or more, of the graph and of the baseline, are needed to test the difference."
    if math.isnan(best["p_value"]):
        return "The seeds gave identical errors, so there is no spread to test the difference against."
    if best["gain"] <= 0:
        return "The best graph's mean error is not below the baseline's."
    if best["gain_low"] <= 0:
        return f"The best graph's {percent(found.confidence)} interval of the gain includes 0."
    if best["p_value"] > ALPHA:
        return (
            "The best graph's interval leaves 0 out, but bootstrap intervals of "
            f"{plural(int(best['seeds']), 'seed')} are too narrow; Welch's test allows for so few and finds "
            f"no difference ({p_text(best['p_value'])})."
        )
    return (
        f"The best graph alone would pass Welch's test ({p_text(best['p_value'])}), but it was picked among "
        f"{plural(found.tested, 'graph')}; after Holm's correction it does not ({p_text(best['p_holm'])})."
    )


def _selection(found: Findings) -> str:
    count = len(found.graphs)
    if count == 1:
        return ""
    if found.chosen_on == "validation":
        return (
            f"The best of {count:,} graphs was chosen by its mean score on the validation part, which took no "
            "part in training; the test part only judged it, so that the choice does not flatter its score. "
            f"By the test part alone it is number {found.rank + 1}."
        )
    text = (
        f"The best of {count:,} graphs looks better than it is: the lowest of many noisy means is low "
        "partly by luck, as graphs were chosen on the test set (the paper's habit)."
    )
    if found.held_out_gain is None:
        return text
    return (
        f"{text} Picking the graph by all seeds but one and scoring it on the seed left out, which removes "
        f"that luck, gives a gain of {number(found.held_out_gain, found.digits)} {found.score.difference}."
    )


def _comparisons(found: Findings) -> str:
    if found.baseline is None or not found.tested:
        return ""
    count = f"{found.beating:,} of {plural(found.tested, 'graph')}"
    beat = "beats" if found.tested == 1 else "beat"
    text = f"{count} {beat} the baseline at level {ALPHA:g} (Welch's t-test, two-sided"
    if found.tested == 1:
        return f"{text}, {p_text(found.best['p_value'])})."
    return (
        f"{text}, Holm's correction for {found.tested:,} tests); with the more lenient correction of "
        f"Benjamini and Hochberg, {found.beating_bh:,}. Clearly worse than the baseline: {found.losing:,}."
    )


def _spread(found: Findings) -> str:
    macs = found.results.runs["macs"]
    apart = float(macs.max() / max(macs.min(), 1)) - 1
    if apart <= EQUAL_BUDGETS:
        return ""
    return (
        f"The networks do not cost the same: their MACs differ by up to {100 * apart:.1f} %. A graph may win "
        "by its budget rather than its structure; match the widths first."
    )


def _diverged(found: Findings) -> str:
    diverged = found.results.diverged
    if not diverged:
        return ""
    names = list(diverged)
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    runs = sum(diverged.values())
    are = "is" if runs == 1 else "are"
    text = f"{plural(runs, 'run')} diverged (error not finite) and {are} left out: {listed}."
    if found.results.lost:
        text += f" No run is left of {', '.join(found.results.lost[:5])}."
    return text + " Means of these graphs are means of the seeds that survived."
