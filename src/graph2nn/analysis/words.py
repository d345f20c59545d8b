"""Findings in words: the headline, what to hold against it, and how numbers are written."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from graph2nn.analysis.arms import ArmComparison
from graph2nn.analysis.beyond.gap import Gap
from graph2nn.analysis.beyond.nulls import NullComparison
from graph2nn.analysis.beyond.selection import Selection
from graph2nn.analysis.findings import ALPHA, Findings

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


def error(row: pd.Series) -> str:
    """Write mean ± sd of a graph's error, without the unit."""
    return number(row["mean"]) if math.isnan(row["sd"]) else f"{number(row['mean'])} ± {number(row['sd'])}"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def points(value: float) -> str:
    """Write a difference of errors."""
    text = number(abs(value))
    return f"{text} point" if text == "1.00" else f"{text} points"


def percent(share: float) -> str:
    """Write a confidence: 95 %."""
    return f"{100 * share:g} %"


def headline(found: Findings) -> Headline:
    """Say what was found, no more strongly than the runs allow."""
    return Headline(_title(found), _lead(found), tuple(_remarks(found)))


def _title(found: Findings) -> str:
    best, every = found.judged.best, found.judged.all_graphs
    if found.verdict == "no-baseline":
        return f"{found.best['graph']} has the lowest error; there is no baseline to compare it with"
    if found.verdict == "better":
        one = "" if isinstance(best, Gap) or best.low <= 0 else points(best.honest)
        mean = "" if every is None or not every.low > 0 else points(every.estimate)
        if len(found.graphs) == 1:
            return f"{found.best['graph']} beats the baseline by {one or mean}"
        if one and mean:
            return f"Graphs beat the baseline: by {mean} on average, the best by {one}"
        if mean:
            return f"On average the graphs beat the baseline by {mean}"
        return f"The best graph beats the baseline by {one}"
    if found.verdict == "others-better":
        graphs = f"{plural(found.beating, 'graph')} {'is' if found.beating == 1 else 'are'}"
        return f"{graphs} clearly better than the baseline, but not the one with the lowest mean"
    if found.verdict == "untested":
        return "These runs cannot tell whether a graph is better than the baseline"
    if every is not None and every.high < 0:
        return f"On average the graphs are {points(every.estimate)} worse than the baseline"
    return "No graph is clearly better than the baseline"


def _lead(found: Findings) -> str:
    best, baseline = found.best, found.baseline
    name = "The only graph" if len(found.graphs) == 1 else "Best graph"
    start = f"{name} {best['graph']}: {error(best)} % top-1 error"
    if baseline is None:
        return f"{start} over {plural(int(best['seeds']), 'seed')}."
    said = f"{start} against baseline {error(baseline)} %."
    selected, every = found.judged.best, found.judged.all_graphs
    if not isinstance(selected, Gap):
        gain = f"{signed(selected.honest)}, {percent(found.confidence)} interval {interval(selected)}."
        rule = "Gain" if len(found.graphs) == 1 else "When the other seeds choose the graph, its gain is"
        said += f" {rule} {gain}"
    if every is not None and len(found.graphs) > 1:
        said += f" The mean of all {len(found.graphs):,} graphs gains {signed(every.estimate)}"
        known = math.isfinite(every.low)
        said += f" {interval(every)}, {p_text(every.p_value)}." if known else "; one seed gives no interval."
    elif isinstance(selected, Gap):
        said += " One seed gives no interval."
    return said


def signed(value: float) -> str:
    """Write a gain with its sign and unit."""
    text = number(value)
    return f"{text} point" if text == "1.00" else f"{text} points"


def interval(found: ArmComparison | Selection | NullComparison) -> str:
    """Write the two ends of an interval."""
    return f"[{number(found.low)}, {number(found.high)}]"


def _remarks(found: Findings) -> list[str]:
    remarks = [_why(found), _selection(found), _comparisons(found), _filled(found), _spread(found)]
    return [remark for remark in [*remarks, _diverged(found)] if remark]


def _why(found: Findings) -> str:
    """Why the verdict is not a win, where the numbers may look like one."""
    if found.baseline is None or found.verdict == "better":
        return ""
    best = found.judged.best
    if isinstance(best, Gap):
        return f"The gain of the best graph has no interval: {best.reason}."
    if best.honest <= 0:
        return "The graph that the other seeds choose is not better than the baseline."
    level = percent(found.confidence)
    return f"The {level} interval of the best graph's gain includes 0 ({p_text(best.p_value)})."


def _selection(found: Findings) -> str:
    count, best = len(found.graphs), found.judged.best
    if count == 1:
        return ""
    text = (
        f"The lowest of {count:,} noisy means is low partly by luck, so its own mean says too much about the "
        f"best "
        "graph."
    )
    if isinstance(best, Gap):
        return text
    return (
        f"{text} The gain given here chooses the graph by {plural(best.choose, 'seed')} and judges it by the "
        f"rest, "
        "over all splits."
    )


def _comparisons(found: Findings) -> str:
    if found.baseline is None or found.judged.pooled.empty:
        return ""
    tested = len(found.judged.pooled)
    count = f"{found.beating:,} of {plural(tested, 'graph')}"
    beat = "beats" if tested == 1 else "beat"
    text = (
        f"{count} {beat} the baseline at level {ALPHA:g} (t-test with the noise of a run pooled over all "
        f"networks, "
        "seeds paired"
    )
    if tested == 1:
        return f"{text}, {p_text(float(found.judged.pooled['p'].iloc[0]))})."
    return (
        f"{text}, Holm's correction for {tested:,} tests); with the correction of Benjamini and Hochberg, "
        f"which "
        f"bounds the share of false findings, {found.judged.count(ALPHA, column='p_bh'):,}. Clearly worse "
        f"than the "
        f"baseline: {found.losing:,}."
    )


def _filled(found: Findings) -> str:
    count = found.judged.filled
    if not count:
        return ""
    return (
        f"{plural(count, 'run')} filled in from another seed {'is' if count == 1 else 'are'} part of the "
        f"published "
        "numbers (means, sweet spot) and of no test."
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
