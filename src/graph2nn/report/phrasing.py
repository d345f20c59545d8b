"""Phrasing of findings: headlines, caveats and number formats."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import pandas as pd

from graph2nn.analysis.arms import ArmComparison
from graph2nn.analysis.beyond.null_effects import NullComparison
from graph2nn.analysis.beyond.selection import Selection
from graph2nn.analysis.findings import ALPHA, Findings
from graph2nn.analysis.table import Gap
from graph2nn.tasks import TOP1, Score

_WS_FLEX = re.compile(r"\bws\((\d+),([^,()]+),([^,()]+),(\d+)\)")
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


def between(low: float, high: float, digits: int = 2) -> str:
    """Write an interval; a dash for one that does not exist.

    Args:
        low: its lower end; NaN for none.
        high: its upper end.
        digits: after the point.

    Returns:
        The interval in brackets.

    Example:
        >>> between(-0.5, 1.25), between(float("nan"), float("nan"))
        ('[−0.50, 1.25]', '–')
    """
    return f"[{number(low, digits)}, {number(high, digits)}]" if math.isfinite(low + high) else "–"


def quantity(value: float) -> str:
    """Write a measured quantity: counts whole, other values with four digits.

    Example:
        >>> quantity(110677.0), quantity(0.123456)
        ('110,677', '0.1235')
    """
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}".replace("-", "−")


def p_number(value: float | None) -> str:
    """Write the p-value of a table.

    Example:
        >>> p_number(0.01234), p_number(3e-9), p_number(float("nan"))
        ('0.0123', '< 0.0001', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return "< 0.0001" if value < 1e-4 else number(value, 4)


def p_text(value: float | None) -> str:
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
    """Write a difference of errors, or of another score.

    Args:
        value: the difference.
        score: its unit.
        digits: after the point.

    Returns:
        The text.
    """
    text = number(abs(value), digits)
    return f"{text} point" if score.unit == "%" and text == "1.00" else f"{text} {score.difference}"


def readable(label: str) -> str:
    """Write WS-flex graphs, alone or within a longer label, with their parameters named.

    Args:
        label: of a graph.

    Returns:
        The label, ``ws(n,k,p,seed)`` written out; another label as it is.

    >>> readable("ws(64,8.192,0.1281,4)"), readable("degree null(cat,1)")
    ('WS-flex 64, k 8.192, p 0.1281, #4', 'degree null(cat,1)')
    """
    return _WS_FLEX.sub(r"WS-flex \1, k \2, p \3, #\4", label)


def percent(share: float) -> str:
    """Write a confidence: 95 %."""
    return f"{100 * share:g} %"


def headline(findings: Findings) -> Headline:
    """Say what was found, no more strongly than the runs allow."""
    return Headline(_title(findings), _lead(findings), tuple(_remarks(findings)))


def _title(findings: Findings) -> str:
    best, every = findings.judged.best, findings.judged.all_graphs
    if findings.verdict == "no-baseline":
        what = "error" if findings.score.unit == "%" else findings.score.name
        if findings.chosen_on == "validation":
            what += " on the validation part"
        return f"{findings.best['graph']} has the lowest {what}; there is no baseline to compare it with"

    def said(gain: float) -> str:
        return points(gain, findings.score, findings.digits)

    if findings.verdict == "better":
        one = "" if isinstance(best, Gap) or best.low <= 0 else said(best.honest)
        mean = "" if every is None or not every.low > 0 else said(every.estimate)
        if len(findings.graphs) == 1:
            return f"{findings.best['graph']} beats the baseline by {one or mean}"
        if one and mean:
            return f"Graphs beat the baseline: by {mean} on average, the best by {one}"
        if mean:
            return f"On average the graphs beat the baseline by {mean}"
        return f"The best graph beats the baseline by {one}"
    if findings.verdict == "others-better":
        graphs = f"{plural(findings.beating, 'graph')} {'is' if findings.beating == 1 else 'are'}"
        other = (
            "chosen on the validation part" if findings.chosen_on == "validation" else "with the lowest mean"
        )
        return f"{graphs} clearly better than the baseline, but not the one {other}"
    if findings.verdict == "untested":
        return "These runs cannot tell whether a graph is better than the baseline"
    if every is not None and every.high < 0:
        return f"On average the graphs are {said(every.estimate)} worse than the baseline"
    return "No graph is clearly better than the baseline"


def _lead(findings: Findings) -> str:
    best, baseline, score, digits = findings.best, findings.baseline, findings.score, findings.digits
    name = "The only graph" if len(findings.graphs) == 1 else "Best graph"
    start = f"{name} {best['graph']}: {score.written(error(best, digits))}"
    if baseline is None:
        return f"{start} over {plural(int(best['seeds']), 'seed')}."
    said = f"{start} against baseline {error(baseline, digits)}{' %' if score.unit == '%' else ''}."
    selected, every = findings.judged.best, findings.judged.all_graphs
    if not isinstance(selected, Gap):
        gain = f"{signed(selected.honest, score, digits)}, {percent(findings.confidence)} interval "
        gain += f"{interval(selected, digits)}."
        rule = "Gain" if len(findings.graphs) == 1 else "When the other seeds choose the graph, its gain is"
        said += f" {rule} {gain}"
    if every is not None and len(findings.graphs) > 1:
        said += (
            f" The mean of all {len(findings.graphs):,} graphs gains {signed(every.estimate, score, digits)}"
        )
        ends = f" {interval(every, digits)}, {p_text(every.p_value)}."
        said += ends if math.isfinite(every.low) else f"; {_no_interval(findings)}."
    elif isinstance(selected, Gap):
        why = _no_interval(findings)
        said += f" {why[0].upper()}{why[1:]}."
    return said


def _no_interval(findings: Findings) -> str:
    if int(findings.graphs["seeds"].max()) > 1:
        return "no run differs from another of its graph, which gives no interval"
    return "one seed gives no interval"


def signed(value: float, score: Score = TOP1, digits: int = 2) -> str:
    """Write a gain with its sign and unit.

    Args:
        value: the gain.
        score: its unit.
        digits: after the point.

    Returns:
        The text.
    """
    text = number(value, digits)
    return f"{text} point" if score.unit == "%" and text == "1.00" else f"{text} {score.difference}"


def interval(estimated: ArmComparison | Selection | NullComparison, digits: int = 2) -> str:
    """Write the two ends of an interval."""
    return between(estimated.low, estimated.high, digits)


def _remarks(findings: Findings) -> list[str]:
    remarks = [
        _why(findings),
        _selection(findings),
        _comparisons(findings),
        _filled(findings),
        _spread(findings),
    ]
    if findings.judged.all_graphs is not None:
        remarks.append(findings.judged.all_graphs.note)
    return [remark for remark in [*remarks, _diverged(findings)] if remark]


def _why(findings: Findings) -> str:
    """Why the verdict is not a win, where the numbers may look like one."""
    if findings.baseline is None or findings.verdict == "better":
        return ""
    best = findings.judged.best
    if isinstance(best, Gap):
        return f"The gain of the best graph has no interval: {best.reason}."
    if best.honest <= 0:
        return "The graph that the other seeds choose is not better than the baseline."
    level = percent(findings.confidence)
    return f"The {level} interval of the best graph's gain includes 0 ({p_text(best.p_value)})."


def _selection(findings: Findings) -> str:
    count, best = len(findings.graphs), findings.judged.best
    if count == 1:
        return ""
    if findings.chosen_on == "validation":
        return (
            f"The best of {count:,} graphs was chosen by its mean score on the validation part, which took no "
            "part in training; the test part only judged it, so that the choice does not flatter its score. "
            f"By the test part alone it is number {findings.rank + 1}."
        )
    text = (
        "The best graph was chosen by its score on the test part, as in the paper. The lowest of "
        f"{count:,} noisy means is low partly by luck, so its own mean says too much about the best graph."
    )
    if isinstance(best, Gap):
        return text
    return (
        f"{text} The gain given here chooses the graph by {plural(best.choose, 'seed')} and judges it by the "
        "rest, over all splits."
    )


def _comparisons(findings: Findings) -> str:
    if findings.baseline is None or findings.judged.pooled.empty:
        return ""
    tested = len(findings.judged.pooled)
    count = f"{findings.beating:,} of {plural(tested, 'graph')}"
    beat = "beats" if tested == 1 else "beat"
    text = (
        f"{count} {beat} the baseline at level {ALPHA:g} (t-test with the noise of a run pooled over all "
        "networks, seeds paired"
    )
    if tested == 1:
        return f"{text}, {p_text(float(findings.judged.pooled['p'].iloc[0]))})."
    return (
        f"{text}, Holm's correction for {tested:,} tests); with the correction of Benjamini and Hochberg, "
        f"which bounds the share of false findings, {findings.judged.count(ALPHA, column='p_bh'):,}. Clearly "
        f"worse than the baseline: {findings.losing:,}."
    )


def _filled(findings: Findings) -> str:
    count = findings.judged.filled
    if not count:
        return ""
    return (
        f"{plural(count, 'run')} filled in from another seed {'is' if count == 1 else 'are'} part of the "
        "published numbers (means, published rectangle) and of no test."
    )


def _spread(findings: Findings) -> str:
    macs = findings.results.runs["macs"]
    apart = float(macs.max() / max(macs.min(), 1)) - 1
    if apart <= EQUAL_BUDGETS:
        return ""
    return (
        f"The networks do not cost the same: their MACs differ by up to {100 * apart:.1f} %. A graph may win "
        "by its budget rather than its structure; match the widths first."
    )


def _diverged(findings: Findings) -> str:
    diverged = findings.results.diverged
    if not diverged:
        return ""
    names = list(diverged)
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    runs = sum(diverged.values())
    are = "is" if runs == 1 else "are"
    text = f"{plural(runs, 'run')} diverged (error not finite) and {are} left out: {listed}."
    if findings.results.lost:
        text += f" No run is left of {', '.join(findings.results.lost[:5])}."
    return text + " Means of these graphs are means of the seeds that survived."
