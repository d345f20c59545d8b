"""Schema of an experiment plan: arms, seeds, recipes, tests and decision rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NoReturn

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from graph2nn.graphs.nulls import KINDS
from graph2nn.results.config import WSFlexSpec
from graph2nn.results.graph_store import NULL_OPTIONS
from graph2nn.training.recipe import StrictModel

Precision = Literal["float32", "bf16"]
TestKind = Literal["paired_t_by_seed", "welch", "paired_t_over_graphs", "tost", "contrast", "best_recipe"]
NullKind = Literal["density", "degree", "reciprocal", "block", "boundary", "spatial", "weights", "signs"]
Family = Literal["primary", "secondary", "descriptive"]
Seed = Annotated[int, Field(ge=0)]
#: What options of nulls that a kind cannot do without hold.
_COLUMNS = {
    "groups": "a column of the table of neurons such as celltype",
    "positions": "columns of the table of neurons such as [x, y, z]",
}
#: Values of a config by key, such as ``recipe.lr: 0.05``; the same keys as ``--set``.
Settings = dict[str, bool | int | float | str | list[int | float | str] | None]


class Null(StrictModel):
    """A null of the graph next to it: which kind, the seed that draws it, and the options of the kind.

    Of a connectome of neurons (a graph that a run keeps by content) every kind of :func:`graph2nn.null`; of
    other graphs ``degree``, connected.

    Example:
        >>> Null(seed=3).kind, Null(kind="block", seed=3, groups="celltype").options
        ('degree', {'groups': 'celltype'})
    """

    kind: NullKind = "degree"
    seed: Seed
    groups: str | None = None
    inputs: str | None = None
    outputs: str | None = None
    within: str | None = None
    positions: tuple[str, ...] | None = Field(default=None, min_length=1)

    @property
    def options(self) -> dict[str, str | tuple[str, ...]]:
        """The options that are given."""
        given = {name: getattr(self, name) for name in NULL_OPTIONS}
        return {name: value for name, value in given.items() if value is not None}

    @model_validator(mode="after")
    def _has_the_options_of_its_kind(self) -> Null:
        described = KINDS[self.kind]
        if lacking := next((name for name in described.needs if name not in self.options), None):
            _refuse(f"nulls of kind {self.kind} need {lacking}, {_COLUMNS[lacking]}")
        if self.kind == "boundary" and self.inputs is None and self.outputs is None:
            _refuse("nulls of kind boundary need inputs, outputs or both, expressions on the table of neurons")
        for name in self.options:
            if name not in (*described.takes, "inputs", "outputs"):
                takers = " and ".join(kind for kind, other in KINDS.items() if name in other.takes)
                _refuse(f"nulls of kind {self.kind} do not use {name}, which is for {takers}; leave it out")
        return self


class Network(StrictModel):
    """One graph and the training seeds it is trained with.

    Exactly one of ``graph`` and ``ws_flex`` says which graph. ``graph`` is ``baseline``, a row of a catalogue
    (``n64-3942:17``), or anything that the commands take as a graph (``cat``, ``ws_flex:n=64,…``, a file).
    ``symmetrise`` forgets directions; ``rewired`` takes a null of the graph in its place. (YAML reads a key
    ``null`` as no value at all.)

    Example:
        >>> Network(graph="n64-52:7", rewired=Null(seed=3), seeds=(1, 2)).seeds
        (1, 2)
    """

    graph: str | None = None
    ws_flex: WSFlexSpec | None = None
    symmetrise: bool = False
    rewired: Null | None = None
    seeds: tuple[Seed, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_one_graph(self) -> Network:
        if (self.graph is None) == (self.ws_flex is None):
            _refuse("expected one of graph and ws_flex")
        if self.graph == "baseline" and (self.rewired or self.symmetrise):
            _refuse("the baseline has no null and no direction")
        if len(set(self.seeds)) < len(self.seeds):
            _refuse("expected each seed once")
        return self


class Arm(StrictModel):
    """Networks trained with one recipe. ``set`` changes values of the plan's common recipe.

    Example:
        >>> Arm(name="dense", part="A", networks=(Network(graph="baseline", seeds=(1, 2)),)).count
        2
    """

    name: str = Field(min_length=1)
    part: str = Field(min_length=1)
    set: Settings = Field(default_factory=dict)
    networks: tuple[Network, ...] = Field(min_length=1)

    @property
    def count(self) -> int:
        """Number of runs."""
        return sum(len(network.seeds) for network in self.networks)


class PlannedTest(StrictModel):
    """A test between arms. The estimate is the error of the first arm minus that of the second.

    A ``contrast`` may have other ``weights``, one per arm; ``tost`` has the ``margin`` of equivalence, in
    points of error. ``best_recipe`` chooses each side's recipe on all seeds but one and judges it on that seed;
    its arms are the recipes of the first side, then as many of the second.
    ``measure`` is what is compared: the error (or the score of the task), or the training loss.

    Example:
        >>> test = PlannedTest(name="T1", kind="welch", part="A", arms=("dense", "sparse"), family="primary")
        >>> test.weights
        ()
    """

    name: str = Field(min_length=1)
    kind: TestKind
    part: str
    arms: tuple[str, ...] = Field(min_length=2)
    family: Family
    margin: float | None = Field(default=None, gt=0)
    weights: tuple[float, ...] = ()
    measure: Literal["test_error", "train_loss"] = "test_error"
    note: str = ""

    @model_validator(mode="after")
    def _is_complete(self) -> PlannedTest:
        if (self.kind == "tost") != (self.margin is not None):
            _refuse("expected a margin for tost and for no other kind")
        if len(set(self.arms)) < len(self.arms):
            _refuse("expected each arm of a test once")
        if self.kind not in ("contrast", "best_recipe") and len(self.arms) != 2:
            _refuse(f"{self.kind} compares two arms")
        if self.kind == "best_recipe" and len(self.arms) % 2:
            _refuse(
                f"best_recipe has as many arms on its second side as on its first, found {len(self.arms)}; "
                "give an even number, those of the first side first"
            )
        if self.weights and (self.kind != "contrast" or len(self.weights) != len(self.arms)):
            _refuse("expected weights for contrast only, one per arm")
        if self.kind == "contrast" and len(self.arms) != 2 and not self.weights:
            _refuse("a contrast of more than two arms needs weights")
        return self


class Rules(StrictModel):
    """How the tests become decisions: the level, the correction within each family, and words.

    Example:
        >>> Rules().alpha, Rules().correction
        (0.05, 'holm')
    """

    alpha: float = Field(default=0.05, gt=0, lt=1)
    correction: Literal["holm"] = "holm"
    text: tuple[str, ...] = ()


class Draw(StrictModel):
    """How the graphs of an arm were drawn: ``chosen`` of ``candidates`` rows of a catalogue, with one seed."""

    arm: str
    catalogue: str
    where: str
    candidates: int
    chosen: int
    seed: int


class OwnData(StrictModel):
    """The user's own data of a plan: where they lie, and how they are read (the options of ``sweep --data``).

    ``path`` is relative to the folder of the plan; left-out values are those of the command.

    Example:
        >>> OwnData(path="table.csv", target=("price",), task="regression").test
        0.2
    """

    path: str = Field(min_length=1)
    target: tuple[str, ...] = ()
    task: Literal["classification", "balanced", "regression", "sequence-classes", "sequence-numbers"] | None = (
        None
    )
    test: float = 0.2
    validation: float = 0.1
    split_seed: int = 0
    split_column: str | None = None
    impute: bool = False
    drop: tuple[str, ...] = ()
    most_values: int = Field(default=20, ge=2)
    image_size: int | None = None
    channels: Literal["grey", "rgb", "rgba"] | None = None
    context: int = 128


class AsRead(StrictModel):
    """What freezing notes of own data: their label with its digest, and the settings that fit the preset.

    Example:
        >>> AsRead(label="photos (3f2a90c1)", set={"recipe.batch_size": 32}).label
        'photos (3f2a90c1)'
    """

    label: str
    set: Settings = Field(default_factory=dict)


class ExperimentPlan(StrictModel):
    """A whole experiment, written before its first run.

    ``preset`` and ``set`` are common to all arms. ``order`` lists the parts in the order in which they run;
    inside a part runs go seed by seed. ``data`` are the user's own, for presets that read such, and ``as_read``
    is what freezing found there. ``part_data`` gives the label of the data set of each part where parts have
    different ones: one call of ``sweep --plan`` trains the parts of the data that it is given. ``sha256`` is
    the hash of everything else, in a frozen plan.

    Example:
        >>> plan = ExperimentPlan(
        ...     title="Does wiring matter?",
        ...     preset="mlp-digits",
        ...     order=("A",),
        ...     arms=(Arm(name="dense", part="A", networks=(Network(graph="baseline", seeds=(1, 2)),)),),
        ... )
        >>> plan.arms[0].count
        2
    """

    title: str = Field(min_length=1)
    hypotheses: tuple[str, ...] = ()
    preset: str
    set: Settings = Field(default_factory=dict)
    data: OwnData | None = None
    as_read: AsRead | None = None
    part_data: dict[str, str] = Field(default_factory=dict)
    precision: Precision = "float32"
    precision_rule: str = ""
    order: tuple[str, ...] = Field(min_length=1)
    draws: tuple[Draw, ...] = ()
    arms: tuple[Arm, ...] = Field(min_length=1)
    tests: tuple[PlannedTest, ...] = ()
    rules: Rules = Field(default_factory=Rules)
    notes: tuple[str, ...] = ()
    sha256: str | None = None

    def count(self, part: str | None = None) -> int:
        """Return the number of runs of one part, or of all."""
        return sum(arm.count for arm in self.arms if part in (None, arm.part))

    @model_validator(mode="after")
    def _fits_together(self) -> ExperimentPlan:
        names = [arm.name for arm in self.arms]
        for what, values in (
            ("arm", names), ("part of the order", self.order), ("test", [test.name for test in self.tests]),
        ):  # fmt: skip
            if twice := next((value for i, value in enumerate(values) if value in values[:i]), None):
                _refuse(f"{what} {twice!r} is there twice")
        parts = {arm.part for arm in self.arms}
        _known("part of the order", self.order, parts)
        _known("part of an arm", [arm.part for arm in self.arms], self.order)
        _known("part of part_data", list(self.part_data), self.order)
        if self.part_data and (lacking := [part for part in self.order if part not in self.part_data]):
            _refuse(f"part_data has no entry for part {lacking[0]!r}; give one for each part, or none")
        _known("part of a test", [test.part for test in self.tests], parts)
        _known("arm of a test", [arm for test in self.tests for arm in test.arms], names)
        _known("arm of a draw", [draw.arm for draw in self.draws], names)
        for test in self.tests:
            self._shares_seeds(test)
        return self

    def _shares_seeds(self, test: PlannedTest) -> None:
        """Refuse a test that pairs runs by seed without two seeds that all its arms are trained with."""
        arms = [arm for arm in self.arms if arm.name in test.arms]
        over_graphs = any(network.rewired for arm in arms for network in arm.networks)
        if test.kind in ("welch", "paired_t_over_graphs") or (test.kind == "tost" and over_graphs):
            return
        seeds = [{seed for network in arm.networks for seed in network.seeds} for arm in arms]
        if len(shared := set.intersection(*seeds)) < 2:
            _refuse(
                f"test {test.name!r} pairs runs by seed, and arms {', '.join(test.arms)} share {len(shared)} "
                "of their seeds; give them two in common, or take the kind welch"
            )


def _known(what: str, values: Sequence[str], names: Sequence[str] | set[str]) -> None:
    for value in values:
        if value not in names:
            _refuse(f"{what} {value!r} is not one of {', '.join(sorted(names))}")


def _refuse(message: str) -> NoReturn:
    raise PydanticCustomError("inconsistent_plan", "{message}", {"message": message})
