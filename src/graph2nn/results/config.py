"""Config of a run: a validated value with everything its result depends on."""

from __future__ import annotations

import base64
import difflib
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import yaml
from pydantic import Field, ValidationError, model_validator

from graph2nn.arguments import first_complaint
from graph2nn.errors import UserError, cut, shown
from graph2nn.graphs.generators.families import ws_flex_directed
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.io.archive import dump_graph, parse_graph_file
from graph2nn.graphs.ws_flex import ws_flex
from graph2nn.layers.masked import Init
from graph2nn.results.graph_store import build_stored
from graph2nn.training.recipe import Recipe, StrictModel
from graph2nn.wiring import Dense, Engine, Grouped, Relational, Wiring
from graph2nn.yaml_values import read_yaml

if TYPE_CHECKING:
    import pandas as pd

#: How the widths of a network are found; see :func:`graph2nn.budget.match`. ``none`` takes them as they are.
MatchMethod = Literal["auto", "published", "published-below", "exact", "none"]

#: Nodes of the largest graph whose matrix a config spells out.
_MOST_ROWS = 512


def is_plain(graph: RelationalGraph) -> bool:
    """Whether a graph is small enough for rows of 0 and 1, and carries nothing that these leave out."""
    carries = any(value is not None for value in (graph.weights, graph.signs, graph.nodes))
    return graph.n <= _MOST_ROWS and graph.self_loops == "all" and not carries


class WSFlexSpec(StrictModel):
    """Arguments of :func:`graph2nn.ws_flex`, the degree given as sparsity = k / n."""

    n: int
    sparsity: float
    p: float
    seed: int = Field(ge=0)


class StoredGraphSpec(StrictModel):
    """A graph by its content: where it comes from, and the digest of what :mod:`graph_store` keeps.

    ``text`` names the graph as ``--graph`` does. With ``null``, a kind of :func:`graph2nn.null`, it is the null
    of that graph drawn with ``seed``; ``inputs``, ``outputs``, ``groups``, ``within`` and ``positions`` are the
    options of the kind: columns of, or expressions on, the table of neurons.
    """

    text: str
    digest: str
    null: str | None = None
    seed: int = 0
    inputs: str | None = None
    outputs: str | None = None
    groups: str | None = None
    within: str | None = None
    positions: tuple[str, ...] | None = None


class GraphSpec(StrictModel):
    """A graph by its recipe, by its matrix, or by its content; exactly one of the three.

    ``rows`` are strings of 0 and 1, row reads column. A large graph, or one with weights, signs, a table of
    nodes or given self-connections, is ``embedded`` instead: an archive of
    :func:`graph2nn.graphs.io.archive.dump_graph` in base 64, next to the graph's ``sha256``, which stands for
    it in the digest of a run. Both hold the graph itself, whatever becomes of its file. ``stored`` refers to
    it: the text that named it and the digest of its content, which lies in the cache. ``null_of`` is the name
    of the graph that this one is a null of; None for a graph that stands for itself. ``node_names`` go with
    ``rows``, for figures and tables: they change no number and are not part of the digest.

    Example:
        >>> from graph2nn import ws_flex
        >>> spec = GraphSpec.of(ws_flex(16, 4, 0.1, seed=1))
        >>> spec.name, spec.build() == ws_flex(16, 4, 0.1, seed=1)
        ('ws(16,4,0.1,1)', True)
    """

    name: str
    ws_flex: WSFlexSpec | None = None
    rows: tuple[str, ...] | None = None
    stored: StoredGraphSpec | None = None
    embedded: str | None = None
    sha256: str | None = None
    directed: bool = False
    null_of: str | None = None
    node_names: tuple[str, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _earlier_name(cls, values: Any) -> Any:
        """Configs of earlier runs call it ``packed``, as packed results are called."""
        if isinstance(values, dict) and "packed" in values and "embedded" not in values:
            return {**{name: value for name, value in values.items() if name != "packed"},
                    "embedded": values["packed"]}  # fmt: skip
        return values

    @classmethod
    def of(cls, graph: RelationalGraph) -> GraphSpec:
        """Describe any graph by its matrix, or by all that it carries."""
        if not is_plain(graph):
            file = io.BytesIO()
            dump_graph(graph, file)
            embedded = base64.b64encode(file.getvalue()).decode()
            return cls(name=graph.name, embedded=embedded, sha256=graph.digest, directed=bool(graph.directed))
        rows = tuple("".join("1" if entry else "0" for entry in row) for row in graph.adjacency)
        return cls(name=graph.name, rows=rows, directed=bool(graph.directed), node_names=graph.node_names)

    @classmethod
    def of_ws_flex(cls, n: int, sparsity: float, p: float, seed: int, *, directed: bool = False) -> GraphSpec:
        """Describe a WS-flex graph by its arguments, or its directed form (:func:`ws_flex_directed`).

        Args:
            n: nodes.
            sparsity: average degree over n.
            p: probability of rewiring.
            seed: of the graph.
            directed: keep one direction of each edge.

        Returns:
            The recipe under the name of the graph.

        Raises:
            UserError: a number that is not finite, or a seed below 0.
        """
        kind = "ws-directed" if directed else "ws"
        name = f"{kind}({n},{n * sparsity:.4g},{p:.4g},{seed})"
        try:
            arguments = WSFlexSpec(n=n, sparsity=sparsity, p=p, seed=seed)
        except ValidationError as error:
            raise UserError(f"ws_flex: {first_complaint(error, WSFlexSpec)}") from None
        return cls(name=name, ws_flex=arguments, directed=directed)

    @classmethod
    def of_rows(cls, table: pd.DataFrame) -> list[GraphSpec]:
        """Describe the graphs of a catalogue, or of rows of one, by their arguments.

        Args:
            table: columns ``n, sparsity, p, seed``; others are left alone.

        Example:
            >>> from graph2nn import catalogue
            >>> GraphSpec.of_rows(catalogue("n64-52").head(1))[0].name
            'ws(64,26.08,0.4167,0)'
        """
        rows = table[["n", "sparsity", "p", "seed"]].itertuples(index=False)
        return [cls.of_ws_flex(int(n), float(s), float(p), int(seed)) for n, s, p, seed in rows]

    def build(self) -> RelationalGraph:
        """Make the graph.

        Raises:
            UserError: arguments out of range, or a matrix that is none.
        """
        if self.ws_flex is not None:
            spec = self.ws_flex
            if self.directed:
                directed = ws_flex_directed(spec.n, spec.n * spec.sparsity, spec.p, spec.seed)
                return RelationalGraph(directed.adjacency, name=self.name, directed=True)
            graph = ws_flex(spec.n, spec.n * spec.sparsity, spec.p, spec.seed)
            return RelationalGraph(graph.adjacency, name=self.name, directed=False, origin=graph.origin)
        if self.stored is not None:
            return build_stored(self.stored, self.name)
        if self.embedded is not None:
            try:
                embedded = parse_graph_file(io.BytesIO(base64.b64decode(self.embedded)))
            except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                raise UserError(f"config: graph {self.name!r} is damaged ({error}).") from None
            return embedded.renamed(self.name)
        if self.rows is None:
            raise UserError(
                f"config: graph {self.name!r} has neither ws_flex nor rows, and is neither embedded nor stored."
            )
        matrix = [[int(entry) for entry in row] for row in self.rows]
        return RelationalGraph.from_adjacency(
            matrix, name=self.name, directed=self.directed, node_names=self.node_names
        )


class ModelSpec(StrictModel):
    """An architecture, its baseline widths (one per stage; empty for its own) and its options.

    Example:
        >>> ModelSpec(name="mlp5", widths=(512,)).name
        'mlp5'
    """

    name: str = "mlp5"
    widths: tuple[int, ...] = ()
    options: dict[str, bool | int | float | str | tuple[int, ...] | None] = Field(default_factory=dict)


class RunConfig(StrictModel):
    """One network trained with one seed. Two runs with equal configs give equal numbers on one machine.

    ``graph`` is None for the dense baseline. ``data`` is the label of the data set, which tells copies of it
    apart; where its files lie does not matter. ``match`` names the procedure that finds the widths;
    ``symmetric`` ties the two directions of each edge: (A + Aᵀ)/√2, or with ``sum`` A + Aᵀ as published.
    ``groups`` cuts the wired layers of the baseline into this many groups, and ``shuffle`` deals the features
    out to this many after each. With ``shrink`` a layer narrower than a WS-flex graph uses the same graph with
    fewer nodes. With ``init`` = ``weights`` each block starts in proportion to the weight of its edge, see
    :class:`graph2nn.Relational`; the baseline has no edges and starts as ever. ``start`` is the file of weights
    to start from. ``threads`` is noted when the run begins or is resumed: the number of CPU threads it was last
    computed with, on which the last bits depend. It does not
    enter the run's name.

    Example:
        >>> config = RunConfig(preset="mine", model=ModelSpec(), data="digits (scikit-learn)", recipe=Recipe())
        >>> config.graph_name, config.seed
        ('baseline', 1)
    """

    preset: str
    model: ModelSpec
    graph: GraphSpec | None = None
    data: str
    recipe: Recipe
    match: MatchMethod = "published"
    symmetric: bool | Literal["sum"] = False
    groups: int | None = None
    shuffle: int = 0
    shrink: bool = False
    init: Init = "published"
    start: str | None = None
    seed: int = Field(default=1, ge=0)
    threads: int | None = None

    @property
    def graph_name(self) -> str:
        """Label of the graph in tables and figures."""
        if self.graph is not None:
            return self.graph.name
        # A second dense network of a comparison; the first, an RNN, is the baseline.
        return "GRU" if self.model.options.get("baseline_cell") == "gru" else "baseline"

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that differ between any two different configs.

        Values left at their default do not enter, so that an option added later, off by default, leaves the
        names of earlier runs as they are.
        """
        left_out: Any = {"threads": True, "graph": {"embedded", "node_names"}}
        text = json.dumps(self.model_dump(mode="json", exclude_defaults=True, exclude=left_out), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def experiment(self) -> str:
        """Digest of everything but graph and seed: runs that share it may be compared.

        What a dense network has in place of a graph, its cell and width, does not enter either.
        """
        options = {name: v for name, v in self.model.options.items() if not name.startswith("baseline_")}
        model = self.model.model_copy(update={"options": options})
        return self.model_copy(update={"graph": None, "seed": 0, "model": model}).digest

    @property
    def folder(self) -> str:
        """Name of the run's folder: graph, seed and digest."""
        safe = "".join(c if c.isalnum() or c in "._" else "-" for c in self.graph_name)
        # Folders whose name begins with a dot are half-written.
        safe = safe.lstrip("-.").rstrip("-")
        return f"{safe[:60]}_s{self.seed}_{self.digest}"

    def to_yaml(self) -> str:
        """Return the config as YAML that :meth:`from_yaml` reads back."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=1000)

    @classmethod
    def from_yaml(cls, text: str) -> RunConfig:
        """Read a config written by :meth:`to_yaml`.

        Raises:
            UserError: not YAML, unknown or missing keys, values out of range.
        """
        try:
            return cls.model_validate(read_yaml(text))
        except (yaml.YAMLError, ValidationError) as error:
            raise UserError(f"config: {first_complaint(error, cls)}") from None


def override(config: RunConfig, assignments: Iterable[str]) -> RunConfig:
    """Change values of a config by ``key=value`` texts such as ``recipe.epochs=5``; values are YAML.

    Raises:
        UserError: no ``=``, an unknown key (with the nearest known one), a value out of range.

    Example:
        >>> config = RunConfig(preset="mine", model=ModelSpec(), data="digits (scikit-learn)", recipe=Recipe())
        >>> override(config, ["recipe.epochs=5"]).recipe.epochs
        5
    """
    tree = config.model_dump()
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UserError(
                f"config: {shown(assignment)} sets nothing; write key=value, for example recipe.epochs=5."
            )
        _assign(tree, key.strip(), text)
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        raise UserError(f"config: {first_complaint(error, RunConfig)}") from None


#: What ``--set`` may change. Graph, data and seed have options of their own.
_SETTABLE = ("recipe", "model", "match", "symmetric", "groups", "shuffle", "shrink", "init", "start")


def _assign(tree: dict[str, Any], key: str, text: str) -> None:
    keys = list(_leaves({name: tree[name] for name in _SETTABLE}))
    if key not in keys and not key.startswith("model.options."):
        near = difflib.get_close_matches(cut(key, 100), keys, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(keys)}."
        raise UserError(f"config: unknown key {cut(key, 100)}; {hint}")
    try:
        value = read_yaml(text)
    except yaml.YAMLError:
        raise UserError(
            f"config: {key} = {shown(text)} is not a value; write a number, a word or a list."
        ) from None
    *path, last = key.split(".")
    for part in path:
        tree = tree[part]
    tree[last] = value


def _leaves(tree: dict[str, Any], prefix: str = "") -> Iterable[str]:
    for name, value in tree.items():
        if isinstance(value, dict) and name != "options":
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def wiring_of_config(config: RunConfig, graph: RelationalGraph | None, engine: Engine = "auto") -> Wiring:
    """Return what makes the wired layers of a run: its graph; without one dense, grouped or symmetric layers.

    Args:
        config: the run.
        graph: its graph, built; None for the baseline.
        engine: of relational layers.

    Returns:
        The wiring.

    Raises:
        UserError: groups and symmetric weights at once; a graph that cannot have symmetric weights.
    """
    if graph is not None:
        return Relational(graph, engine, symmetric=config.symmetric, shrink=config.shrink, init=config.init)
    if config.groups and config.symmetric:
        raise UserError("config: groups and symmetric weights exclude each other; leave one of them out.")
    if config.groups:
        return Grouped(config.groups, shuffle=config.shuffle)
    if config.shuffle:
        raise UserError(f"config: shuffle = {config.shuffle} needs groups; set groups too.")
    if config.symmetric:  # dense and tied: every feature reads every other one
        complete = RelationalGraph(~np.eye(2, dtype=bool), name="complete", directed=False)
        return Relational(complete, "masked", symmetric=config.symmetric)
    return Dense()
