"""Draft of the plan of the 200-epoch CIFAR-10 experiment: does wiring matter?"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pandas as pd

from graph2nn.errors import UserError
from graph2nn.experiments.plans.schema import (
    Arm,
    Draw,
    ExperimentPlan,
    Network,
    Null,
    PlannedTest,
    Rules,
)
from graph2nn.graphs.catalogues import catalogue
from graph2nn.results.config import WSFlexSpec

CATALOGUE = "n64-3942"
#: Graphs in the published sweet spot and lattice-like graphs: the rows that the arms are drawn from.
SWEET_SPOT, LATTICE = 344, 220
#: Recipes of part D: lr with the published decay, decay with the published lr.
RECIPES = {
    "lr 0.05": {"recipe.lr": 0.05},
    "lr 0.2": {"recipe.lr": 0.2},
    "decay 0.00025": {"recipe.weight_decay": 2.5e-4},
    "decay 0.001": {"recipe.weight_decay": 1e-3},
}
CONNECTOMES = {"mcwhole": "macaque whole", "mcvisual": "macaque visual", "cat": "cat"}
DENSE, SWEET, LATTICES = "A dense", "A sweet spot", "B1 lattice-like"

_HYPOTHESES = (
    "A: sweet-spot graphs (k 8 to 11, C 0.26 to 0.43, L 2.0 to 2.55) have another error than the dense network "
    "at equal multiply-adds.",
    "B1: lattice-like graphs (k 8 to 11, p < 0.01) have another error than their degree-preserving nulls.",
    "D: the gain of the sweet spot depends on the learning rate or on the weight decay.",
    "B2: sweet-spot graphs and their degree-preserving nulls have the same error within 0.3 points.",
    "C: connectomes (symmetrised) have another error than their degree-preserving nulls.",
)
_PRECISION = (
    "float32, unless bf16 passes first: 12 seeds of the dense network and of the published best graph at 5 "
    "epochs in both precisions, paired: the 90 % interval of the mean difference over the 24 pairs within "
    "± 0.3 points and neither network's own mean difference above 0.3; and 3 of A's pairs at 200 epochs in "
    "both, reported. All arms use the same precision. It may change before the plan is frozen, not after."
)
_RULES = (
    "Primary: the tests of A and B1, Holm over the two.",
    "Secondary: the equivalence test of B2 and the three contrasts of C, Holm over the four, each reported "
    "only where its runs are complete.",
    "Descriptive: Welch of A, the difference of B2, and everything of D; no decision rests on them.",
    "D: each side's recipe, of the published one and the four of D, is chosen on all seeds but one and judged "
    "on that seed. The published recipe's runs are those of A with seeds 1 to 6.",
    "C: one contrast per connectome, the noise of seeds pooled over the three.",
)
_NOTES = (
    "Graph i of an arm is trained with seed i; a seed fixes initial draws and the order of the data in "
    "every arm.",
    "All nulls are connected and keep every node's degree. The null of graph i is drawn with seed i.",
)


def draft_plan(seed: int = 2026) -> ExperimentPlan:
    """Return the plan, not frozen.

    Args:
        seed: draws the 30 sweet-spot and the 20 lattice-like graphs.

    Returns:
        The plan: 60 runs in part A, 40 in B1, 48 in D, 30 in B2, 60 in C.

    Raises:
        UserError: the catalogue has other graphs than the published one.

    Example:
        >>> plan = draft_plan()
        >>> {part: plan.count(part) for part in plan.order}
        {'A': 60, 'B1': 40, 'D': 48, 'B2': 30, 'C': 60}
    """
    table = catalogue(CATALOGUE)
    degree = (table["sparsity"] * table["n"]).between(8, 11)
    sweet = degree & table["clustering"].between(0.26, 0.43) & table["path_length"].between(2.0, 2.55)
    rng = random.Random(seed)
    chosen = _drawn(table[sweet], SWEET_SPOT, 30, rng)
    lattices = _drawn(table[degree & (table["p"] < 0.01)], LATTICE, 20, rng)
    draws = (
        Draw(
            arm=SWEET, catalogue=CATALOGUE, candidates=SWEET_SPOT, chosen=30, seed=seed,
            where="8 <= k <= 11 and 0.26 <= C <= 0.43 and 2.0 <= L <= 2.55",
        ),
        Draw(
            arm=LATTICES, catalogue=CATALOGUE, candidates=LATTICE, chosen=20, seed=seed,
            where="8 <= k <= 11 and p < 0.01",
        ),
    )  # fmt: skip
    return ExperimentPlan(
        title="Does wiring matter at 200 epochs? MLP-5 on CIFAR-10 at equal multiply-adds",
        hypotheses=_HYPOTHESES,
        preset="mlp-cifar10",
        set={"recipe.epochs": 200, "recipe.initialisation": "published"},
        precision="float32",
        precision_rule=_PRECISION,
        order=("A", "B1", "D", "B2", "C"),
        draws=draws,
        arms=(*_arms(chosen, lattices), *_connectome_arms()),
        tests=_tests(),
        rules=Rules(text=_RULES),
        notes=_NOTES,
    )


def _drawn(rows: pd.DataFrame, expected: int, count: int, rng: random.Random) -> list[WSFlexSpec]:
    if len(rows) != expected:
        raise UserError(f"plan: {len(rows)} rows of {CATALOGUE} qualify, expected {expected}.")
    columns = rows[["n", "sparsity", "p", "seed"]].to_dict("records")
    return [
        WSFlexSpec(n=int(row["n"]), sparsity=float(row["sparsity"]), p=float(row["p"]), seed=int(row["seed"]))
        for row in rng.sample(columns, count)
    ]


def _each(graphs: Sequence[WSFlexSpec], *, nulls: bool = False) -> tuple[Network, ...]:
    """Train graph i, or its null drawn with seed i, with seed i."""
    return tuple(
        Network(ws_flex=graph, rewired=Null(seed=i) if nulls else None, seeds=(i,))
        for i, graph in enumerate(graphs, 1)
    )


def _dense(seeds: int) -> tuple[Network, ...]:
    return (Network(graph="baseline", seeds=tuple(range(1, seeds + 1))),)


def _arms(chosen: Sequence[WSFlexSpec], lattices: Sequence[WSFlexSpec]) -> list[Arm]:
    arms = [
        Arm(name=DENSE, part="A", networks=_dense(30)),
        Arm(name=SWEET, part="A", networks=_each(chosen)),
        Arm(name=LATTICES, part="B1", networks=_each(lattices)),
        Arm(name="B1 nulls", part="B1", networks=_each(lattices, nulls=True)),
    ]
    for recipe, values in RECIPES.items():
        arms.append(Arm(name=f"D dense, {recipe}", part="D", set=values, networks=_dense(6)))
        arms.append(Arm(name=f"D sweet spot, {recipe}", part="D", set=values, networks=_each(chosen[:6])))
    return [*arms, Arm(name="B2 nulls", part="B2", networks=_each(chosen, nulls=True))]


def _connectome_arms() -> list[Arm]:
    arms = []
    for word, name in CONNECTOMES.items():
        ten = tuple(range(1, 11))
        itself = (Network(graph=word, symmetrise=True, seeds=ten),)
        nulls = tuple(Network(graph=word, symmetrise=True, rewired=Null(seed=j), seeds=(j,)) for j in ten)
        arms.append(Arm(name=f"C {name}", part="C", networks=itself))
        arms.append(Arm(name=f"C {name}, nulls", part="C", networks=nulls))
    return arms


def _tests() -> tuple[PlannedTest, ...]:
    main = (
        PlannedTest(
            name="A", kind="paired_t_by_seed", part="A", arms=(DENSE, SWEET), family="primary",
            note="two-sided; power 0.93 at 0.3 points",
        ),
        PlannedTest(name="A, unpaired", kind="welch", part="A", arms=(DENSE, SWEET), family="descriptive"),
        PlannedTest(
            name="B1", kind="paired_t_over_graphs", part="B1", arms=("B1 nulls", LATTICES), family="primary",
            note="two-sided; power 0.89 at 0.36 points",
        ),
    )  # fmt: skip
    interactions = tuple(
        PlannedTest(
            name=f"D, arm × {what}", kind="contrast", part="D", family="descriptive", weights=(1, -1, -1, 1),
            arms=tuple(f"D {side}, {recipe}" for recipe in (high, low) for side in ("dense", "sweet spot")),
            note=f"gain at {high} minus gain at {low}",
        )
        for what, high, low in (
            ("lr", "lr 0.2", "lr 0.05"), ("decay", "decay 0.001", "decay 0.00025"),
        )
    )  # fmt: skip
    sides = [[first, *(f"D {side}, {recipe}" for recipe in RECIPES)]
             for first, side in ((DENSE, "dense"), (SWEET, "sweet spot"))]  # fmt: skip
    best = PlannedTest(
        name="D, each at its best recipe", kind="best_recipe", part="D", arms=(*sides[0], *sides[1]),
        family="descriptive", note="seeds 1 to 6; the first five arms against the last five",
    )  # fmt: skip
    wiring = (
        PlannedTest(
            name="B2, equivalence", kind="tost", part="B2", arms=("B2 nulls", SWEET), family="secondary",
            margin=0.3, note="power 0.73",
        ),
        PlannedTest(
            name="B2, difference", kind="paired_t_over_graphs", part="B2", arms=("B2 nulls", SWEET),
            family="descriptive", note="power 0.21 at 0.1 points",
        ),
    )  # fmt: skip
    connectomes = tuple(
        PlannedTest(
            name=f"C, {name}", kind="contrast", part="C", arms=(f"C {name}, nulls", f"C {name}"),
            family="secondary", note="noise pooled over the three connectomes",
        )
        for name in CONNECTOMES.values()
    )  # fmt: skip
    return (*main, *interactions, best, *wiring, *connectomes)
