"""The ladder of nulls: a connectome against each kind of null it was trained with, read from the bottom up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from graph2nn.analysis.arms import compare_arms
from graph2nn.analysis.significance import holm
from graph2nn.errors import UserError

#: From the kind that keeps least to the one that keeps most.
ORDER = ("density", "degree", "spatial", "reciprocal", "block", "boundary", "weights", "signs")
#: Kinds above ``degree`` that keep nothing of cell types: ``block`` nulls are not nested in them.
IGNORE_TYPES = ("spatial", "reciprocal", "boundary")
#: Kinds that every other one but the dense networks is nested in.
LOWER = ("density", "degree")
#: Shares of the chance score: below the first an arm is at ceiling, above the second at chance.
CEILING, CHANCE = 0.02, 0.97


@dataclass(frozen=True)
class Rung:
    """A connectome against its nulls of one kind, or against a dense network.

    Attributes:
        kind: of null, or the label of a dense network.
        runs: of the nulls. networks: nulls.
        mean: score of the nulls. own: score of the connectome.
        estimate, low, high, p_value: score of the nulls minus that of the connectome: positive, it is better.
        p_holm: after Holm's correction over the rungs.
        p_equivalent: of two one-sided tests that both are the same within the margin, after Holm's correction
            over the rungs; NaN without a margin.
        loss: training loss of the nulls minus that of the connectome; NaN where the runs have none.
        seeds: training seeds that both sides have.
    """

    kind: str
    runs: int
    networks: int
    mean: float
    own: float
    estimate: float
    low: float
    high: float
    p_value: float
    p_holm: float
    p_equivalent: float
    loss: float
    seeds: int

    def says(self, alpha: float = 0.05) -> str:
        """``better``, ``worse``, ``equivalent`` or ``open``, as the connectome compares.

        With so few seeds that even the same sign in each of them could be chance, everything is open.

        Example:
            >>> Rung("degree", 9, 9, 40, 38, 2.0, 1.0, 3.0, 0.001, 0.006, 0.9, 0.1, 9).says()
            'better'
        """
        if 2.0 ** (1 - self.seeds) > alpha:
            return "open"
        if self.p_holm <= alpha:
            return "better" if self.estimate > 0 else "worse"
        return "equivalent" if self.p_equivalent <= alpha else "open"


@dataclass(frozen=True)
class Ladder:
    """All rungs of one connectome on one task, and what to beware of.

    Attributes:
        graph: label of the connectome. data: label of the data.
        rungs: kinds of nulls from the bottom up, then dense networks.
        margin: of equivalence, in the unit of the score; None without one.
        warnings: sentences.
        alpha: level of the decisions.
    """

    graph: str
    data: str
    rungs: tuple[Rung, ...]
    margin: float | None
    warnings: tuple[str, ...]
    alpha: float = 0.05

    @property
    def sentence(self) -> str:
        """The ladder in one plain sentence, and a second one if cell types may carry a difference."""
        said: dict[str, list[str]] = {}
        for rung in self.rungs:
            said.setdefault(rung.says(self.alpha), []).append(rung.kind)
        words = {
            "better": "it does better than {}",
            "worse": "worse than {}",
            "equivalent": f"is equivalent to {{}} within {self.margin:g}" if self.margin else "",
            "open": "no difference is shown to {}",
        }
        parts = [words[key].format(_list(said[key])) for key in words if key in said]
        types = _cell_types(self.rungs, self.alpha)
        return f"{self.graph} on {self.data}: {'; '.join(parts)}.{f' {types}' if types else ''}"


def _cell_types(rungs: Sequence[Rung], alpha: float) -> str:
    """Say what the rung of cell types tells of a difference that all lower rungs show; nothing without one.

    A difference that is not shown is not an absent one: that types carry the effect is said only where block
    nulls are equivalent to the connectome and their interval lies apart from that of the degree nulls (a wide
    margin alone could hold both), and only if no rung that ignores types explains the effect as well.
    """
    said = {rung.kind: rung.says(alpha) for rung in rungs}
    effect = said.get("degree", "open")
    if effect not in ("better", "worse") or any(said.get(kind, effect) != effect for kind in LOWER):
        return ""
    if said.get("block", effect) == effect:
        return ""
    of_kind = {rung.kind: rung for rung in rungs}
    degree = of_kind["degree"]
    apart = [kind for kind, rung in of_kind.items() if rung.low > degree.high or rung.high < degree.low]
    gone = [kind for kind in ("block", *IGNORE_TYPES) if said.get(kind) == "equivalent" and kind in apart]
    may = [kind for kind in IGNORE_TYPES if said.get(kind, effect) != effect and kind not in gone]
    over = f"The {'advantage over' if effect == 'better' else 'disadvantage against'} " + _list(
        [kind for kind in LOWER if kind in said]
    )
    if "block" not in gone:
        rivals = [kind for kind in IGNORE_TYPES if kind in (*gone, *may)]
        too = f", and so may what {_list(rivals)} nulls keep" if rivals else ""
        return f"{over} is not shown against block: cell types may carry the effect{too}."
    if len(gone) > 1:
        return (
            f"{over} is gone against {_list(gone)}: what nulls of either kind keep is enough for it, and as "
            f"{_list(gone[1:])} nulls ignore cell types, the ladder does not tell which carries the effect."
        )
    if may:
        return (
            f"{over} is gone against block: cell types are enough for it. It is not shown against {_list(may)} "
            "nulls either, which ignore cell types: what they keep may carry the effect instead."
        )
    return f"{over} is gone against block: every neuron's degrees to and from each cell type carry the effect."


def _list(kinds: Sequence[str]) -> str:
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"


def ladder(
    runs: pd.DataFrame, graph: str, *, margin: float | None = None, chance: float | None = None,
    chance_note: str = "", alpha: float = 0.05,
) -> Ladder:  # fmt: skip
    """Compare a connectome with its nulls of each kind and with dense networks.

    Args:
        runs: of one data set, one row per run: ``graph, null_of, kind, seed, test_error, data`` and perhaps
            ``train_loss``; the kind of a null is the first word of its label.
        graph: label of the connectome.
        margin: of equivalence, in the unit of the score.
        chance: score of the best answer that ignores the input, for warnings.
        chance_note: words that follow it there.
        alpha: level of the decisions.

    Returns:
        The ladder; p-values are corrected over its rungs.

    Raises:
        UserError: no run of the connectome, or none to compare it with.

    Example:
        >>> rows = [("larva", None, s, 38 + s / 9) for s in range(9)]
        >>> rows += [(f"degree null(larva,{s})", "larva", s, 40 + s / 8) for s in range(9)]
        >>> runs = pd.DataFrame(rows, columns=["graph", "null_of", "seed", "test_error"])
        >>> found = ladder(runs.assign(kind="relational", data="toy", train_loss=1.0), "larva")
        >>> found.sentence
        'larva on toy: it does better than degree.'
    """
    of_graph = runs[(runs["graph"] == graph) & runs["null_of"].isna()]
    nulls = runs[runs["null_of"] == graph]
    kinds = nulls["graph"].str.split(" ").str[0]
    arms = {kind: nulls[kinds == kind] for kind in sorted(set(kinds), key=_place)}
    dense = runs[runs["kind"].isin(["baseline", "dense"])]
    arms |= {str(label[1]): rows for label, rows in dense.groupby(["kind", "graph"])}
    if of_graph.empty or not arms:
        lacking = "of it" if of_graph.empty else "to compare it with (no nulls, no dense network)"
        raise UserError(f"ladder: {graph!r} cannot be compared: there is no run {lacking}.")
    rungs = [_rung(kind, of_graph, rows, margin) for kind, rows in arms.items()]
    differ = holm(np.array([rung.p_value for rung in rungs]))
    same = holm(np.array([rung.p_equivalent for rung in rungs]))
    rungs = [
        replace(rung, p_holm=float(p), p_equivalent=float(q))
        for rung, p, q in zip(rungs, differ, same, strict=True)
    ]
    warnings = (
        *_too_few_seeds(of_graph, len(rungs), alpha),
        *_ceiling_and_chance({graph: of_graph, **arms}, chance, chance_note),
        *_single_nulls(arms),
    )
    return Ladder(graph, str(runs["data"].iloc[0]), tuple(rungs), margin, warnings, alpha)


def _place(kind: str) -> tuple[int, str]:
    return ORDER.index(kind) if kind in ORDER else len(ORDER), kind


def _rung(kind: str, of_graph: pd.DataFrame, other: pd.DataFrame, margin: float | None) -> Rung:
    from scipy import stats

    # Dense networks of any kind are an arm like the others here.
    both = pd.concat([other, of_graph]).assign(kind="relational")
    labels = list(dict.fromkeys(other["graph"]))
    nan = float("nan")
    try:
        compared = compare_arms(both, a=labels, b=[str(of_graph["graph"].iloc[0])])
        numbers = (compared.estimate, compared.low, compared.high, compared.p_value)
        error, freedom = compared.standard_error, compared.freedom
    except UserError:  # too few runs to estimate a spread
        numbers, error, freedom = (
            (float(other["test_error"].mean() - of_graph["test_error"].mean()), nan, nan, nan),
            nan,
            nan,
        )
    equivalent = nan
    if margin is not None and np.isfinite(error) and error > 0:
        sides = [stats.t.sf((margin + side * numbers[0]) / error, freedom) for side in (1, -1)]
        equivalent = float(max(sides))
    loss = nan
    if "train_loss" in both:
        loss = float(other["train_loss"].mean() - of_graph["train_loss"].mean())
    means = float(other["test_error"].mean()), float(of_graph["test_error"].mean())
    return Rung(
        kind,
        len(other),
        len(labels),
        *means,
        *numbers,
        nan,
        equivalent,
        loss,
        len(set(of_graph["seed"]) & set(other["seed"])),
    )


def _too_few_seeds(of_graph: pd.DataFrame, rungs: int, alpha: float) -> list[str]:
    seeds = of_graph["seed"].nunique()
    if 2.0 ** (1 - seeds) <= alpha / rungs:
        return []
    return [
        f"{seeds} seeds cannot reach the decision level: were the connectome better in every one of them, "
        f"a sign test would still have p = {2.0 ** (1 - seeds):.3g}, and {rungs} comparisons at {alpha:g} "
        f"need {alpha / rungs:.3g}; take at least {int(np.ceil(1 + np.log2(rungs / alpha)))} seeds."
    ]


def _ceiling_and_chance(arms: Mapping[str, pd.DataFrame], chance: float | None, note: str) -> list[str]:
    if not chance:
        return []
    said, level = [], f"{chance:.3g}{f', {note}' if note else ''}"
    share = {name: float(rows["test_error"].mean()) / chance for name, rows in arms.items()}
    if top := [name for name, value in share.items() if value < CEILING]:
        said.append(
            f"At ceiling: {_list(top)} leave less than {100 * CEILING:g} % of the chance score ({level}); a "
            "harder task could still tell them apart."
        )
    if low := [name for name, value in share.items() if value > CHANCE]:
        said.append(
            f"At chance ({level}): {_list(low)}. Next to nothing was learnt; train longer or at another rate."
        )
    return said


def _single_nulls(arms: Mapping[str, pd.DataFrame]) -> list[str]:
    single = [
        name for name, rows in arms.items() if rows["null_of"].notna().any() and rows["graph"].nunique() == 1
    ]
    if not single:
        return []
    return [
        f"One null only of kind {_list(single)}: how nulls differ from one another is not known, so the "
        "interval is about that null alone; --fresh-nulls draws one per seed."
    ]
