"""Each null keeps what its kind says, exactly, and reaches everything else evenly."""

from __future__ import annotations

import itertools
import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import graph2nn
from graph2nn import RelationalGraph, UserError, ensemble, null, ws_flex
from graph2nn.graphs.kernels.spatial_swaps import bin_of, swap_near
from graph2nn.graphs.nulls import KINDS, NullGraph, checks, spatial
from graph2nn.graphs.nulls.ladder import PROPOSALS
from graph2nn.graphs.nulls.shuffles import random_pairs

SWAPPED = ["degree", "reciprocal", "block", "boundary", "spatial"]


@st.composite
def valued(draw, directed: bool | None = None) -> RelationalGraph:
    """A small graph with given self-connections, distinct weights, and signs by node or by edge."""
    n = draw(st.integers(4, 14))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    matrix = rng.random((n, n)) < draw(st.sampled_from([0.1, 0.3, 0.6, 0.95]))
    both_ways = draw(st.booleans()) if directed is None else not directed
    if both_ways:
        matrix = matrix | matrix.T
    source, target = np.nonzero(matrix)
    low, high = np.minimum(source, target), np.maximum(source, target)
    order = rng.permutation(n * n)
    weights = 1.0 + order[low * n + high if both_ways else source * n + target]
    signs = np.where(weights % 3 == 0, -1, 1)
    if not both_ways and draw(st.booleans()):
        signs = rng.choice([-1, 0, 1], n)[source]
    nodes = pd.DataFrame(
        {"kind": rng.choice(["in", "mid", "out", None], n), "x": rng.random(n), "y": rng.random(n)}
    )
    return RelationalGraph.from_edge_index(
        [source, target], n, weights=weights, signs=signs, nodes=nodes, directed=not both_ways, name="small"
    )


def options(kind: str, graph: RelationalGraph) -> dict:
    return {
        "block": {"groups": "kind"},
        "boundary": {"inputs": [0], "outputs": [graph.n - 1]},
        "spatial": {"positions": ["x", "y"]},
        "weights": {"within": "kind"},
    }.get(kind, {})


def by_source(graph: RelationalGraph) -> set:
    """What travels with the source: the source, weight and sign of each connection."""
    return set(zip(graph.edge_index[0].tolist(), graph.weights.tolist(), graph.signs.tolist(), strict=True))


def degrees(graph: RelationalGraph) -> list:
    return [np.bincount(row, minlength=graph.n).tolist() for row in graph.edge_index]


@settings(max_examples=120, deadline=None)
@given(graph=valued(), kind=st.sampled_from(SWAPPED), seed=st.integers(0, 99))
def test_swaps_keep_degrees_loops_weights_and_signs(graph, kind, seed):
    drawn = null(graph, kind, seed, **options(kind, graph))
    assert degrees(drawn) == degrees(graph)
    assert (drawn.directed, drawn.self_loops, drawn.n) == (graph.directed, "given", graph.n)
    assert (np.diagonal(drawn.adjacency) == np.diagonal(graph.adjacency)).all()
    assert sorted(drawn.weights) == sorted(graph.weights)
    if graph.directed:
        assert by_source(drawn) == by_source(graph)
    else:
        edge = dict(zip(graph.weights.tolist(), graph.signs.tolist(), strict=True))
        assert all(edge[w] == s for w, s in zip(drawn.weights.tolist(), drawn.signs.tolist(), strict=True))
    pd.testing.assert_frame_equal(drawn.nodes, graph.nodes)


@settings(max_examples=60, deadline=None)
@given(graph=valued(), seed=st.integers(0, 99))
def test_block_keeps_every_degree_per_group(graph, seed):
    drawn = null(graph, "block", seed, groups="kind")
    groups = graph.nodes["kind"].fillna("none").to_numpy()
    for label in set(groups):
        part = groups == label
        assert (drawn.adjacency[:, part].sum(axis=1) == graph.adjacency[:, part].sum(axis=1)).all()
        assert (drawn.adjacency[part].sum(axis=0) == graph.adjacency[part].sum(axis=0)).all()


@settings(max_examples=60, deadline=None)
@given(graph=valued(), seed=st.integers(0, 99))
def test_reciprocal_keeps_every_node_s_pairs(graph, seed):
    drawn = null(graph, "reciprocal", seed)
    pairs = [(g.adjacency & g.adjacency.T & ~np.eye(g.n, dtype=bool)).sum(axis=1) for g in (graph, drawn)]
    assert (pairs[0] == pairs[1]).all()


@settings(max_examples=60, deadline=None)
@given(graph=valued(), seed=st.integers(0, 99))
def test_boundary_leaves_inputs_and_outputs_alone(graph, seed):
    drawn = null(graph, "boundary", seed, inputs="kind == 'in' or x < 0.1 or index == 0", outputs=[1])
    fixed = np.zeros(graph.n, dtype=bool)
    fixed[drawn.inputs] = fixed[drawn.outputs] = True
    touching = fixed[:, None] | fixed[None, :]
    assert (drawn.adjacency[touching] == graph.adjacency[touching]).all()
    before, after = (
        {
            (int(a), int(b)): (w, s)
            for a, b, w, s in zip(*g.edge_index, g.weights, g.signs, strict=True)
            if fixed[a] or fixed[b]
        }
        for g in (graph, drawn)
    )
    assert before == after


@settings(max_examples=60, deadline=None)
@given(graph=valued(), seed=st.integers(0, 99))
def test_density_keeps_the_number_the_pool_and_the_sign_of_each_source(graph, seed):
    drawn = null(graph, "density", seed)
    assert drawn.edges == graph.edges
    assert sorted(drawn.weights) == sorted(graph.weights)
    loops = np.diagonal(graph.adjacency)
    assert (np.diagonal(drawn.adjacency) == loops).all()
    own = {}
    for a, b, sign in zip(*graph.edge_index.tolist(), graph.signs.tolist(), strict=True):
        if a != b:
            own.setdefault(a, set()).add(sign)
    if graph.directed:
        for a, b, sign in zip(*drawn.edge_index.tolist(), drawn.signs.tolist(), strict=True):
            assert a == b or a not in own or sign in own[a]


@settings(max_examples=60, deadline=None)
@given(graph=valued(), within=st.sampled_from([None, "target", "source", "kind"]), seed=st.integers(0, 99))
def test_weights_are_shuffled_and_nothing_else(graph, within, seed):
    if not graph.directed and within in ("target", "source"):
        with pytest.raises(UserError, match="an undirected edge has no"):
            null(graph, "weights", seed, within=within)
        return
    drawn = null(graph, "weights", seed, within=within)
    assert (drawn.edge_index == graph.edge_index).all()
    assert (drawn.signs == graph.signs).all()
    kind = graph.nodes["kind"].fillna("none").to_numpy()
    a, b = graph.edge_index
    pairs = [pair if graph.directed else sorted(pair) for pair in zip(kind[a], kind[b], strict=True)]
    labels = {None: np.zeros(len(a)), "target": b, "source": a, "kind": [" ".join(pair) for pair in pairs]}
    once = np.ones(len(a), dtype=bool) if graph.directed else a <= b
    for label in set(np.asarray(labels[within]).tolist()):
        part = once & (np.asarray(labels[within]) == label)
        assert sorted(drawn.weights[part]) == sorted(graph.weights[part])


@settings(max_examples=60, deadline=None)
@given(graph=valued(), seed=st.integers(0, 99))
def test_signs_are_dealt_out_again_one_per_node_where_it_was_so(graph, seed):
    drawn = null(graph, "signs", seed)
    assert (drawn.edge_index == graph.edge_index).all()
    assert (drawn.weights == graph.weights).all()

    def per_node(g: RelationalGraph) -> dict:
        signs = {}
        for a, sign in zip(g.edge_index[0].tolist(), g.signs.tolist(), strict=True):
            signs.setdefault(a, set()).add(sign)
        return signs

    before, after = per_node(graph), per_node(drawn)
    if graph.directed and all(len(one) == 1 for one in before.values()):
        assert all(len(one) == 1 for one in after.values())
        assert Counter(map(tuple, before.values())) == Counter(map(tuple, after.values()))
    else:
        once = slice(None) if graph.directed else graph.edge_index[0] <= graph.edge_index[1]
        assert sorted(drawn.signs[once]) == sorted(graph.signs[once])


def test_spatial_keeps_the_distances():
    rng = np.random.default_rng(0)
    places = rng.random((300, 3))
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    matrix = rng.random((300, 300)) < 0.9 * np.exp(-distance / 0.12)
    np.fill_diagonal(matrix, False)
    for directed in (True, False):
        graph = RelationalGraph(matrix if directed else matrix | matrix.T, directed=directed)
        drawn = null(graph, "spatial", 1, positions=places)
        shares = [np.sort(distance[g.adjacency]) for g in (graph, drawn)]
        assert stats.ks_2samp(*shares).statistic < 0.03
        assert degrees(drawn) == degrees(graph)
        assert (drawn.adjacency & graph.adjacency).sum() < 0.5 * graph.adjacency.sum(), "most edges have moved"
        chance = distance[null(graph, "degree", 1).adjacency]
        assert abs(shares[1].mean() - shares[0].mean()) < 0.1 * (chance.mean() - shares[0].mean())


# --- all of them, equally often ----------------------------------------------------------------------------


def everything(graph: RelationalGraph, keeps) -> set[bytes]:
    """All matrices with the degrees and self-connections of a graph that ``keeps`` accepts."""
    n = graph.n
    rows = [
        [row for row in itertools.product([False, True], repeat=n) if sum(row) == total and row[i] == loop]
        for i, (total, loop) in enumerate(
            zip(graph.adjacency.sum(axis=1), np.diagonal(graph.adjacency), strict=True)
        )
    ]
    columns = graph.adjacency.sum(axis=0)
    matrices = (np.array(choice) for choice in itertools.product(*rows))
    return {m.tobytes() for m in matrices if (m.sum(axis=0) == columns).all() and keeps(m)}


def directed_graph(rows: str) -> RelationalGraph:
    return RelationalGraph(
        np.array([[c == "1" for c in row] for row in rows.split()]), directed=True, self_loops="given"
    )


FIVE = directed_graph("01100 10010 00101 11000 01010")
LOOPED = directed_graph("1100 0011 1000 0101")
CYCLE = directed_graph("010 001 100")
PAIRED = directed_graph("00010 00101 11000 00101 10010")
GROUPS = np.array([0, 0, 1, 1, 0])


def same_pairs(graph: RelationalGraph):
    def pairs(matrix):
        return (matrix & matrix.T & ~np.eye(graph.n, dtype=bool)).sum(axis=1).tolist()

    return lambda matrix: pairs(matrix) == pairs(graph.adjacency)


def same_blocks(graph: RelationalGraph):
    def blocks(matrix):
        return [
            (matrix[:, part].sum(axis=1).tolist(), matrix[part].sum(axis=0).tolist())
            for part in (GROUPS < 1, GROUPS > 0)
        ]

    return lambda matrix: blocks(matrix) == blocks(graph.adjacency)


def same_edge(graph: RelationalGraph):
    return lambda matrix: (
        (matrix[0] == graph.adjacency[0]).all() and (matrix[:, 0] == graph.adjacency[:, 0]).all()
    )


@pytest.mark.parametrize(
    ("graph", "kind", "given", "keeps"),
    [
        (FIVE, "degree", {}, lambda matrix: True),
        (LOOPED, "degree", {}, lambda matrix: True),
        (CYCLE, "degree", {}, lambda matrix: True),
        (PAIRED, "reciprocal", {}, same_pairs(PAIRED)),
        (FIVE, "block", {"groups": GROUPS}, same_blocks(FIVE)),
        (FIVE, "boundary", {"inputs": [0]}, same_edge(FIVE)),
    ],
    ids=["degree", "degree with self-connections", "three-node cycle", "reciprocal", "block", "boundary"],
)
def test_every_graph_that_is_allowed_comes_equally_often(graph, kind, given, keeps):
    allowed = everything(graph, keeps)
    assert len(allowed) > 1
    draws = max(600, 30 * len(allowed))
    seen = Counter(
        np.asarray(null(graph, kind, seed, proposals=60, **given).adjacency).tobytes() for seed in range(draws)
    )
    assert set(seen) == allowed
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


def test_every_graph_of_like_distances_comes_equally_often(monkeypatch):
    """Two bins of five or four edges, each of which may gain or lose one; none is longer than the longest."""
    monkeypatch.setattr(spatial, "PER_BIN", 4)
    monkeypatch.setattr(spatial, "CELLS", (2, None))
    places = np.random.default_rng(0).random((5, 2))
    squared = ((places[:, None] - places[None]) ** 2).sum(axis=-1)
    apart = ~np.eye(5, dtype=bool)
    bins = spatial.DistanceBins.of(squared[FIVE.adjacency & apart])

    def histogram(matrix):
        return np.bincount(bins(squared[matrix & apart]), minlength=3)

    before = histogram(FIVE.adjacency)
    assert before.tolist() == [5, 4, 0]
    allowed = everything(FIVE, lambda matrix: (abs(histogram(matrix) - before) <= (before > 0)).all())
    assert 10 < len(allowed) < len(everything(FIVE, lambda matrix: True))
    draws = 30 * len(allowed)
    seen = Counter(
        np.asarray(null(FIVE, "spatial", seed, proposals=60, positions=places).adjacency).tobytes()
        for seed in range(draws)
    )
    assert set(seen) == allowed
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


@pytest.mark.parametrize("case", ["even", "one outlier", "all in one place", "two distances", "none"])
def test_the_table_of_steps_leads_to_the_bin_of_every_distance(case):
    rng = np.random.default_rng(0)
    squared = {
        "even": rng.random(5000), "one outlier": np.append(rng.random(5000), 1e9),
        "all in one place": np.zeros(200), "two distances": np.repeat([0.1, 0.3], 100), "none": np.empty(0),
    }[case]  # fmt: skip
    bins = spatial.DistanceBins.of(squared)
    # Along one axis the squared distance of two places is that of their difference.
    places = np.concatenate([[0.0], np.sqrt(squared), 2 * rng.random(200), [1e6]])[:, None]
    wanted = bins((places[:, 0] - places[0, 0]) ** 2)
    got = [bin_of(places, bins.edges, bins.first, bins.scale, 0, b) for b in range(len(places))]
    assert got == wanted.tolist()


def test_spatial_nulls_make_more_proposals_where_more_are_refused(monkeypatch):
    rng = np.random.default_rng(0)
    places = rng.random((300, 2))
    near = np.linalg.norm(places[:, None] - places[None], axis=2) < 0.12
    np.fill_diagonal(near, False)
    asked = []

    def counting(*arguments):
        asked.append(int(arguments[10].sum()))
        return swap_near(*arguments)

    monkeypatch.setattr(spatial, "swap_near", counting)
    shares = []
    for matrix in (near, rng.permuted(near, axis=1) & ~np.eye(300, dtype=bool)):
        asked.clear()
        graph = RelationalGraph(matrix, directed=True, self_loops="given")
        null(graph, "spatial", 1, positions=places)
        assert sum(asked) <= spatial.MOST * PROPOSALS * graph.edges
        shares.append(sum(asked) / graph.edges)
    assert shares[0] > 2 * shares[1] > 2 * spatial.MADE * PROPOSALS


def test_undirected_swaps_reach_every_graph_equally_often():
    hexagon = RelationalGraph.from_edges([(i, (i + 1) % 6) for i in range(6)], 6)
    seen = Counter(null(hexagon, "degree", seed, proposals=40).digest for seed in range(2100))
    assert len(seen) == 70, "60 hexagons and 10 pairs of triangles"
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("count", [0, 1, 4, 6])
def test_random_pairs_are_uniform(directed, count):
    rng = np.random.default_rng(5)
    total = 12 if directed else 6
    seen = Counter()
    for _ in range(600):
        pairs = random_pairs(4, min(count, total), rng, directed=directed)
        drawn = {tuple(pair) if directed else tuple(sorted(pair)) for pair in pairs.T.tolist()}
        assert len(drawn) == min(count, total)
        assert all(a != b for a, b in drawn)
        seen.update(drawn)
    if count:
        assert len(seen) == total
    if 0 < count < total:
        assert stats.chisquare(list(seen.values())).pvalue > 1e-3


# --- whole graphs ------------------------------------------------------------------------------------------


def random_graph(n: int = 120, edges: int = 1500, seed: int = 0) -> RelationalGraph:
    rng = np.random.default_rng(seed)
    pairs = random_pairs(n, edges, rng, directed=True)
    return RelationalGraph.from_edge_index(pairs, n, weights=rng.random(edges) + 0.1, name="random")


@pytest.mark.parametrize("kind", ["density", "degree", "reciprocal", "block", "boundary", "weights"])
def test_a_seed_decides(kind):
    graph = random_graph()
    given = {"block": {"groups": np.arange(120) % 3}, "boundary": {"inputs": [0, 1]}}.get(kind, {})
    first, again, other = (null(graph, kind, seed, **given) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert (first.kind, first.seed, first.null_of) == (kind, 3, graph)
    assert first.name == f"{kind} null(random,3)"


def test_long_rows_are_looked_up_as_short_ones_are():
    """Hubs of more than 64 targets go through bit rows."""
    rng = np.random.default_rng(1)
    share = np.where(np.arange(200) < 5, 0.9, 0.03)
    matrix = rng.random((200, 200)) < share[None, :]
    np.fill_diagonal(matrix, False)
    graph = RelationalGraph(matrix, directed=True)
    assert graph.adjacency.sum(axis=0).max() > 64
    for kind in ("degree", "reciprocal"):
        drawn = null(graph, kind, 2)
        assert degrees(drawn) == degrees(graph)
        assert drawn != graph


def test_graphs_stored_sparsely():
    n = 5000
    pairs = random_pairs(n, 20_000, np.random.default_rng(0), directed=True)
    graph = RelationalGraph.from_edge_index(pairs, n)
    drawn = null(graph, "degree", 1)
    assert not isinstance(drawn.adjacency, np.ndarray)
    assert degrees(drawn) == degrees(graph)
    assert len(set(map(tuple, drawn.edge_index.T.tolist())) & set(map(tuple, pairs.T.tolist()))) < 200


def test_dense_graphs_move_too():
    graph = ws_flex(32, 28, 0.3, seed=1)
    drawn = null(graph, "degree", 1)
    gaps = [~g.adjacency & ~np.eye(32, dtype=bool) for g in (graph, drawn)]
    assert (gaps[0] & gaps[1]).sum() < 0.5 * gaps[0].sum()


def test_ensembles_of_every_kind():
    graph = random_graph()
    groups = np.arange(120) % 3
    blocks = ensemble(graph, "block", 3, seed=1, connected=True, options={"groups": groups})
    assert len(set(blocks)) == 3
    assert blocks[:2] == ensemble(graph, "block", 2, seed=1, connected=True, options={"groups": groups})
    assert all(isinstance(one, NullGraph) for one in ensemble(graph, "reciprocal", 2))
    lattice = ensemble(graph, "degree_lattice", 1)[0]
    assert degrees(lattice) == degrees(graph)
    assert lattice.clustering > 2 * graph.clustering
    with pytest.raises(UserError, match="ws_flex nulls do not use groups"):
        ensemble(graph, "ws_flex", 1, options={"groups": groups})


def test_nulls_travel_between_processes():
    drawn = null(random_graph(), "degree", 1, inputs=[0], outputs=[1, 2])
    back = pickle.loads(pickle.dumps(drawn))
    assert back == drawn
    assert (back.kind, back.seed, back.null_of, back.inputs.tolist()) == ("degree", 1, drawn.null_of, [0])
    assert str(back.report()) == str(drawn.report())


def test_a_broken_promise_is_an_error():
    graph = random_graph()
    other = null(graph, "density", 1)
    for check in (checks.same_degrees, checks.same_wiring, checks.same_row_values):
        with pytest.raises(checks.BrokenNullError, match="does not keep"):
            check(graph, other)


# --- the report --------------------------------------------------------------------------------------------


def test_the_report_counts_short_cuts():
    # Three inputs (0-2) reach three outputs (6-8) through three nodes between.
    graph = RelationalGraph.from_edge_index([[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8]], 9, name="chain")
    drawn = null(graph, "degree", 3, inputs=[0, 1, 2], outputs=[6, 7, 8])
    table = drawn.report().table
    assert "directed C of Fagiolo 2007" in str(drawn.report())
    assert table.loc["direct_connections", "graph"] == 0
    assert table.loc["mean_path", "graph"] == 2
    assert table.loc["reached", "graph"] == 3 / 9
    direct = drawn.adjacency[np.ix_([6, 7, 8], [0, 1, 2])].sum()
    assert table.loc["direct_connections", "null"] == direct
    assert table.loc["edges", "change"] == 0
    assert "direct_connections" in str(drawn.report())
    assert "direct_connections" not in null(graph, "degree", 3).report().table.index


def test_the_report_warns_of_short_cuts():
    rng = np.random.default_rng(0)
    layers = np.repeat([0, 1, 2], 60)
    matrix = (layers[:, None] - layers[None, :] == 1) & (rng.random((180, 180)) < 0.2)
    graph = RelationalGraph(matrix, directed=True, name="layered", self_loops="given")
    report = null(graph, "density", 1, inputs=layers == 0, outputs=layers == 2).report()
    assert len(report.warnings) == 2
    assert "opens short cuts" in report.warnings[0]
    kept = null(graph, "boundary", 1, inputs=layers == 0, outputs=layers == 2).report()
    assert kept.warnings == ()


def test_spectral_radius_is_that_of_signed_weights():
    from graph2nn.graphs.nulls.null_report import spectral_radius

    graph = RelationalGraph.from_edge_index([[0, 1], [1, 0]], 2, weights=[4.0, 9.0], signs=[1, -1])
    assert spectral_radius(graph) == pytest.approx(6.0)
    big = random_graph(700, 20_000)
    values = np.zeros((700, 700))
    values[big.edge_index[1], big.edge_index[0]] = big.weights
    assert spectral_radius(big) == pytest.approx(np.abs(np.linalg.eigvals(values)).max(), rel=1e-4)


# --- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        ("degrees", {}, "null 'degrees' is not known; did you mean 'degree'"),
        ("block", {}, "kind 'block' needs groups="),
        ("boundary", {}, "kind 'boundary' needs inputs=, outputs= or both"),
        ("spatial", {}, "kind 'spatial' needs positions="),
        ("degree", {"groups": [0] * 120}, "kind 'degree' does not use groups=; block do"),
        ("block", {"groups": [0, 1]}, "groups holds 2 labels, expected one for each of 120 nodes"),
        ("block", {"groups": "celltype"}, "has no table of nodes"),
        ("boundary", {"inputs": "x > 1"}, "has no table of nodes"),
        ("boundary", {"inputs": []}, "selects no node"),
        ("boundary", {"inputs": [120]}, "node 120, outside 0…119"),
        ("boundary", {"inputs": [0.5]}, "float64 values"),
        ("boundary", {"inputs": np.zeros(3, dtype=bool)}, r"mask of shape \(3,\)"),
        ("spatial", {"positions": np.zeros((3, 2))}, r"shape \(3, 2\); expected \[120, axes\]"),
        ("spatial", {"positions": np.full((120, 2), np.nan)}, "120 nodes have no position"),
        ("spatial", {"positions": ["x", "y"]}, "has no table of nodes; read it with one"),
        ("signs", {}, "has no signs to shuffle"),
        ("degree", {"seed": 1.5}, "seed = 1.5 is not a whole number"),
        ("degree", {"proposals": -1}, "proposals = -1"),
    ],
)
def test_each_mistake_is_one_clear_line(kind, given, says):
    with pytest.raises(UserError, match=says) as error:
        null(random_graph(), kind, **given)
    assert "\n" not in str(error.value)


def test_a_wrong_column_is_named():
    graph = RelationalGraph.from_edge_index([[0, 1], [1, 0]], 2, nodes=pd.DataFrame({"celltype": ["a", "b"]}))
    with pytest.raises(
        UserError, match="column of nodes for groups 'cell_type' is not known; did you mean 'celltype'"
    ):
        null(graph, "block", groups="cell_type")


def test_positions_are_numbers():
    nodes = pd.DataFrame({"x": [0.0, 1.0], "soma": ["left", "right"], "y": [None, 2.0]})
    graph = RelationalGraph.from_edge_index([[0, 1], [1, 0]], 2, nodes=nodes)
    with pytest.raises(UserError, match=r"column .soma. of positions .* expected numbers"):
        null(graph, "spatial", positions=["x", "soma"])
    with pytest.raises(UserError, match="1 nodes have no position, node 0 for one; fill them in"):
        null(graph, "spatial", positions=["x", "y"])


def test_the_table_of_kinds_is_the_documentation_s():
    assert set(KINDS) == {"density", "degree", "reciprocal", "block", "boundary", "weights", "signs", "spatial"}
    assert PROPOSALS == 10
    assert graph2nn.null is null


# --- the larva ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def larva() -> RelationalGraph:
    from conftest import shared

    edges = pd.read_csv(shared("data/connectomes/larva/edges.csv.xz"))
    neurons = pd.read_csv(shared("data/connectomes/larva/neurons.csv.xz"))
    place = pd.Series(np.arange(len(neurons)), index=neurons["id"])
    arcs = np.stack([place[edges["pre"]].to_numpy(), place[edges["post"]].to_numpy()])
    return RelationalGraph.from_edge_index(
        arcs, len(neurons), weights=edges["synapses"], nodes=neurons, name="larva"
    )


LARVA = {"inputs": "celltype == 'sensory'", "outputs": "celltype in ['DN-SEZ', 'DN-VNC', 'RGN']"}


def direct(graph: NullGraph) -> int:
    ends = np.zeros((2, graph.n), dtype=bool)
    ends[0, graph.inputs], ends[1, graph.outputs] = True, True
    return int((ends[0][graph.edge_index[0]] & ends[1][graph.edge_index[1]]).sum())


def test_short_cuts_of_the_larva(larva):
    assert direct(null(larva, "weights", 0, **LARVA)) == 1099
    assert direct(null(larva, "block", 0, groups="celltype", **LARVA)) == 1099
    assert direct(null(larva, "boundary", 0, **LARVA)) == 1099
    degree = np.mean([direct(null(larva, "degree", seed, **LARVA)) for seed in range(5)])
    density = np.mean([direct(null(larva, "density", seed, **LARVA)) for seed in range(3)])
    assert 540 < degree < 620
    assert 2050 < density < 2250


def test_nulls_of_the_larva_keep_what_they_promise(larva):
    loops = np.diagonal(larva.adjacency)
    assert loops.sum() == 537
    for kind in ("density", "degree", "reciprocal"):
        drawn = null(larva, kind, 1)
        assert drawn.edges == larva.edges == 110_677
        assert (np.diagonal(drawn.adjacency) == loops).all()
        if kind != "density":
            assert degrees(drawn) == degrees(larva)
    report = drawn.report().table
    assert report.loc["reciprocity", "change"] == 0
    assert report.loc["clustering", "null"] < 0.05 < report.loc["clustering", "graph"]


def test_ten_proposals_per_edge_are_enough_for_the_larva(larva):
    """C of a null after ten proposals is that after a hundred, and no more edges are left than by chance."""
    values = {p: [null(larva, "degree", s, proposals=p).clustering for s in range(3)] for p in (10, 100)}
    spread = max(np.std(each, ddof=1) for each in values.values())
    assert abs(np.mean(values[10]) - np.mean(values[100])) < 4 * spread
