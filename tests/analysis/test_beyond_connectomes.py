"""Brains on the plane: the published C and L, distances to a rectangle, z-scores against their own family."""

import numpy as np
import pytest
from analysis_tables import sweep

from graph2nn import ws_flex
from graph2nn.analysis.beyond import cell_groups
from graph2nn.analysis.beyond.connectome_placement import (
    against_ws_flex,
    compare,
    load_connectomes,
    place,
    placement_record,
)
from graph2nn.analysis.beyond.noise import seed_noise
from graph2nn.analysis.beyond.surface import fit_surface
from graph2nn.analysis.findings import collect_findings
from graph2nn.analysis.sweetspot import SweetSpot


@pytest.fixture(scope="module")
def task():
    found = collect_findings(sweep(30, 3)[0])
    noise = seed_noise(found.results.runs)
    return found, fit_surface(found.graphs, noise, draws=300)


def spot(c_min, c_max, l_min, l_max):
    return SweetSpot("x", ("x", "y"), 5, c_min, c_max, l_min, l_max)


def test_published_places_of_the_symmetrised_graphs(shared_file, golden_graphs, task):
    found, surface = task
    brains = load_connectomes(shared_file("data/connectomes"))
    placed = place(brains, found.graphs, found.spot, surface, compare({"cat": brains["cat"]}))
    rows = placed.places.set_index("graph")
    for row in golden_graphs["connectomes"]:
        own = rows.loc[row["name"]]
        assert (own["n"], own["clustering"], own["path_length"]) == (
            row["n"],
            row["symmetrised"]["C_naive_sum"],
            row["symmetrised"]["L"],
        )
        pairs = row["n"] * (row["n"] - 1) / 2
        assert own["density"] == pytest.approx(row["symmetrised"]["n_undirected_edges"] / pairs)
    assert rows["percentile"].between(0, 100).all()
    assert rows.loc["cat", "name"] == "cat cortex"


def test_directed_graphs_are_symmetrised(shared_file, task):
    from graph2nn.graphs.connectomes import connectome

    found, surface = task
    directed = {"cat": connectome("cat", data=shared_file("data/connectomes"))}
    both = {"cat": directed["cat"].symmetrised()}
    one, other = (place(x, found.graphs, found.spot, surface) for x in (directed, both))
    assert one.places.equals(other.places)
    assert one.scores.equals(other.scores)


def test_distance_to_the_rectangle_is_in_cells(task):
    found, surface = task
    graph = ws_flex(32, 6, 0.1, seed=3)
    c, length = graph.clustering, graph.path_length
    width, height = cell_groups.cell_size(surface.binning, cell_groups.COARSE)
    scores = against_ws_flex(graph, count=3).assign(graph="g")
    for box, distance, apart in (
        (spot(c - 0.1, c + 0.1, length - 0.1, length + 0.1), 0.0, (0.0, 0.0)),
        (spot(c - 1, c - 3 * width, length - 1, length - 4 * height), 5.0, (3 * width, 4 * height)),
        (spot(c + 2 * width, 1.0, length - 1, length + 1), 2.0, (-2 * width, 0.0)),
    ):
        row = place({"g": graph}, found.graphs, box, surface, scores).places.iloc[0]
        assert row["distance"] == pytest.approx(distance)
        assert (row["distance_C"], row["distance_L"]) == pytest.approx(apart)
        assert row["inside"] == (distance == 0)


def test_the_percentile_counts_better_predictions(task):
    found, surface = task
    at = found.graphs[["clustering", "path_length"]].to_numpy()
    predicted = surface.process.predict(at)[0]
    graph = sweep(30, 1)[1][found.graphs["graph"][4]]
    row = place({"g": graph}, found.graphs, found.spot, surface, against_ws_flex(graph, count=3)).places.iloc[0]
    assert row["predicted"] == pytest.approx(predicted[4])
    assert row["percentile"] == pytest.approx(100 * np.mean(predicted < predicted[4] - 1e-12), abs=4)
    assert row["nearest"] == pytest.approx(0, abs=1e-12)


def test_a_member_of_the_family_has_small_z_and_a_star_like_one_does_not():
    own = against_ws_flex(ws_flex(40, 8, 0.3, seed=99)).set_index("measure")
    assert own["z"].abs().max() < 3.5
    assert own["z"].abs().median() < 1
    assert not {"density", "degree_mean", "reciprocity"} & set(own.index), "the same for the whole family"
    from graph2nn.graphs import generators

    hubs = against_ws_flex(generators.barabasi_albert(40, 4, seed=1)).set_index("measure")
    assert hubs.loc["degree_variance", "z"] > 5


def test_the_record_holds_plain_values(task):
    found, surface = task
    graph = ws_flex(32, 6, 0.1, seed=3)
    kept = placement_record(place({"g": graph}, found.graphs, found.spot, surface))
    assert kept["g"]["clustering"] == graph.clustering
    assert set(kept["g"]["z"]) >= {"clustering", "path_length", "degree_variance"}
