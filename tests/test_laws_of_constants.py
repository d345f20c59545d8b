"""Constants and rules that no other test would miss: each test here fails if one of them changes."""

from __future__ import annotations

import copy
import math
import pickle
import random
import warnings

import numpy as np
import pytest
import torch
from analysis_tables import table
from scipy import stats
from torch import nn

from graph2nn import RelationalGraph, ws_flex
from graph2nn.analysis.beyond.null_effects import power_of_nulls
from graph2nn.analysis.beyond.selection import _widened, baseline_error, gain_of_the_best
from graph2nn.analysis.table import checked_results
from graph2nn.budget import match, width_search
from graph2nn.errors import UserError
from graph2nn.graphs import generators
from graph2nn.graphs.generators.families import second_eigenvalue
from graph2nn.graphs.measures.batches import measure_many
from graph2nn.graphs.measures.registry import measure_all
from graph2nn.graphs.nulls import ws_flex_null
from graph2nn.graphs.ws_flex import with_nodes
from graph2nn.layers.grouped_linear import GroupedLinear
from graph2nn.layers.norm_relu import NormReLU
from graph2nn.models import build_model, initialise
from graph2nn.training.distributed.ranks import Lockstep, Ranks

# --- graphs ------------------------------------------------------------------------------------------------


def test_the_rewiring_probability_of_a_ws_flex_null_is_the_square_of_a_uniform_draw():
    graph = ws_flex(16, 5, 0.3, 1)
    for seed in range(5):
        rng = random.Random(seed)
        p, drawn = rng.random() ** 2, rng.getrandbits(32)
        assert ws_flex_null(graph, seed) == ws_flex(16, graph.degree, p, drawn)


def test_a_ramanujan_graph_keeps_the_bound_of_its_degree():
    """2√(d−1), not 2√d: of the random 3-regular graphs on 50 nodes a quarter lies between the two."""
    bound = 2 * math.sqrt(3 - 1)
    assert any(second_eigenvalue(generators.random_regular(3, 50, seed)) > bound for seed in range(20))
    assert all(second_eigenvalue(generators.ramanujan(3, 50, seed)) <= bound + 1e-9 for seed in range(20))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_a_copy_of_a_ws_flex_graph_can_still_be_drawn_with_fewer_nodes(copied):
    graph = ws_flex(24, 6, 0.3, 5)
    twin = copied(graph)
    assert twin == graph
    assert twin.origin == graph.origin
    assert with_nodes(twin, 12) == with_nodes(graph, 12)


def test_kept_measures_of_a_graph_are_not_those_of_its_directed_twin(tmp_path):
    """Same matrix, other null graphs: σ differs, so the kept numbers must too."""
    graph = ws_flex(12, 4, 0.3, 0)
    twin = RelationalGraph(graph.adjacency, directed=True)
    names = ["small_world_sigma", "clustering"]
    expected = [measure_all(each, names) for each in (graph, twin)]
    assert expected[0] != expected[1]
    for _ in range(2):  # measured, then looked up
        found = [measure_many([each], names, cache=tmp_path, progress=False)[0] for each in (graph, twin)]
        assert found == expected


# --- layers and models -------------------------------------------------------------------------------------


class Fused(nn.Linear):
    """A layer that computes norm and ReLU too, out of the tracer's sight, as a compiled kernel does."""

    def normed_relu(self, x, norm):
        plain = nn.Sequential(nn.Linear(self.in_features, self.out_features), norm, nn.ReLU())
        plain[0].load_state_dict(self.state_dict())
        return torch.from_numpy(plain(x).detach().numpy())


def test_a_traced_sequence_records_its_layers_and_not_the_fused_kernel():
    """A kernel that the tracer cannot see would leave its result in the recording as a constant."""
    x, other = torch.randn(2, 8, 16, generator=torch.Generator().manual_seed(0))
    sequence = NormReLU(Fused(16, 16), nn.BatchNorm1d(16), nn.ReLU())
    assert not sequence(x).requires_grad, "not traced, it takes the kernel"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated
        traced = torch.jit.trace(copy.deepcopy(sequence), (x,), check_trace=False)
    torch.testing.assert_close(traced(other), nn.Sequential(*copy.deepcopy(sequence))(other))


def test_positions_of_a_vision_transformer_begin_at_a_fiftieth():
    """N(0, 0.02), as in the published model (Dosovitskiy et al. 2021)."""
    network = build_model("vit-tiny", num_classes=10)
    assert float(network.positions.detach().std()) == pytest.approx(0.02, rel=0.02)
    assert float(network.positions.detach().mean()) == pytest.approx(0, abs=0.001)


def test_dense_linear_layers_begin_at_a_hundredth():
    """N(0, 0.01), as in the published code, in whatever module they are."""
    network = nn.Sequential(nn.Linear(200, 300), nn.ReLU(), nn.Linear(300, 10))
    initialise(network, torch.Generator().manual_seed(1))
    assert float(network[0].weight.detach().std()) == pytest.approx(0.01, rel=0.02)
    assert float(network[2].weight.detach().std()) == pytest.approx(0.01, rel=0.05)
    assert not network[0].bias.any()


def test_grouped_linear_layers_begin_at_a_hundredth():
    layer = GroupedLinear(400, 200, 4)
    layer.reset_parameters(torch.Generator().manual_seed(1))
    assert float(layer.weight.detach().std()) == pytest.approx(0.01, rel=0.03)


def test_dense_convolutions_begin_by_their_fan_out():
    """N(0, √(2/(k²·out))), as in the published code."""
    layer = nn.Conv2d(40, 64, 3)
    initialise(nn.Sequential(layer), torch.Generator().manual_seed(1))
    assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.02)
    assert not layer.bias.any()


def test_embeddings_and_positions_of_gpt_begin_at_a_fiftieth():
    """N(0, 0.02), as in GPT (Radford et al.)."""
    network = build_model("gpt", None, [64], num_classes=300, input_size=(200,), depth=1, heads=2)
    tables = [module.weight for module in network.modules() if isinstance(module, nn.Embedding)]
    assert tables
    for weights in tables:
        assert float(weights.detach().std()) == pytest.approx(0.02, rel=0.05)


# --- budget ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("base", "target"), [([30, 30], 61), ([20, 20, 20], 61), ([40, 20], 61)])
def test_of_widths_with_equal_cost_the_exact_search_takes_the_most_proportional(base, target):
    """One feature more in all: it costs the same wherever it goes, so every other width stays as it was."""
    found = width_search.exact(sum, base, target)
    assert sum(found) == target
    moved = sum(abs(width - start) for width, start in zip(found, base, strict=True))
    assert moved == 1


def test_a_match_may_miss_its_target_by_five_percent_and_no_more():
    graph = ws_flex(16, 5, 0.2, 1)
    near = match("mlp5", graph, multiple_of=64, side="above")
    assert 0.03 < near.macs / near.target - 1 < 0.05
    with pytest.raises(UserError, match=r"9% off the budget"):
        match("mlp5", graph, multiple_of=128, side="above")
    assert match("mlp5", graph, multiple_of=128, side="above", tolerance=0.1).macs > 1.08 * near.target


# --- training ----------------------------------------------------------------------------------------------


def test_each_rank_has_random_numbers_of_its_own():
    """Dropout that zeroes the same features on all ranks is dropout of another kind."""

    def drawn(rank, epoch=1, batch=0):
        Lockstep(nn.Linear(2, 2), Ranks(rank, 4), seed=3).before(epoch, batch)
        return tuple(torch.rand(4).tolist())

    with torch.random.fork_rng():
        places = [(rank, epoch, batch) for rank in range(4) for epoch in (1, 2) for batch in (0, 1)]
        assert len({drawn(*place) for place in places}) == len(places)
        assert drawn(2, 1, 1) == drawn(2, 1, 1)


# --- statistics --------------------------------------------------------------------------------------------


DESIGNS = [{"graphs": 1, "nulls": 3}, {"graphs": 3, "nulls": 4}, {"graphs": 5, "nulls": 2}]


@pytest.mark.parametrize("design", DESIGNS)
def test_the_power_is_the_share_of_simulated_experiments_that_find_the_effect(design):
    """Few graphs, so that one degree of freedom more would be seen: by 0.03 to 0.2."""
    difference, network, rng, draws = 1.0, 0.5, np.random.default_rng(1), 40_000
    graphs, nulls = design["graphs"], design["nulls"]
    effects = (
        difference
        + network * rng.standard_normal((draws, graphs))
        + network * rng.standard_normal((draws, graphs, nulls)).mean(axis=2)
    )
    if graphs > 1:
        p = stats.ttest_1samp(effects, 0, axis=1).pvalue
    else:  # one graph against the spread of its own nulls
        sample = network * rng.standard_normal((draws, nulls))
        own = -difference + network * rng.standard_normal(draws)
        t = (sample.mean(axis=1) - own) / (sample.std(axis=1, ddof=1) * np.sqrt(1 + 1 / nulls))
        p = 2 * stats.t.sf(np.abs(t), nulls - 1)
    expected = power_of_nulls(difference, null_sd=network, seed_sd=0.0, seeds=1, **design)
    assert 0.1 < expected < 0.9
    assert float((p < 0.05).mean()) == pytest.approx(expected, abs=0.01)


def test_few_seeds_stretch_the_interval_of_the_best_graph_to_a_t_distribution():
    """Where the baseline's error is all of it, misses have the quantiles of its t, and the same middle."""
    rng = np.random.default_rng(3)
    misses = 0.2 + 0.5 * rng.standard_normal(40_000)
    stretched = _widened(misses, (float(misses.std()), 4.0))
    for level in (0.01, 0.1, 0.5, 0.9, 0.99):
        expected = 0.2 + 0.5 * stats.t.ppf(level, 4)
        assert float(np.quantile(stretched, level)) == pytest.approx(expected, abs=0.05)


def test_the_interval_of_the_best_graph_is_stretched_where_two_seeds_tell_the_error_of_the_baseline():
    """Half of it is 4.1 standard errors of the baseline; of normal misses it would be 2.7."""
    rng = np.random.default_rng(3)
    errors = {"baseline": rng.normal(33, 0.3, 2)}
    errors |= {f"g{i}": rng.normal(32.5 + i, 0.05, 2) for i in range(3)}
    results = checked_results(table(errors))
    error, freedom = baseline_error(results.runs)
    found = gain_of_the_best(results, draws=400)
    assert freedom == pytest.approx(1, abs=0.01)
    assert (found.high - found.low) / 2 > 3.4 * error


def test_the_p_value_of_the_best_graph_is_where_its_interval_ends_at_zero():
    rng = np.random.default_rng(5)
    errors = {"baseline": rng.normal(33, 0.3, 5)} | {f"g{i}": rng.normal(32.8, 0.3, 5) for i in range(8)}
    results = checked_results(table(errors))
    p = gain_of_the_best(results, draws=1000).p_value
    assert 0.02 < p < 0.9
    edge = gain_of_the_best(results, draws=1000, confidence=1 - p)
    assert min(abs(edge.low), abs(edge.high)) < 0.01 * (edge.high - edge.low)


def test_the_interval_of_the_best_graph_corrects_for_choosing_on_fewer_seeds():
    """One seed of five chooses badly, so the held-out gain is too low: the interval must lie above it.

    A basic interval does, as it turns the simulated misses round; a percentile interval would lie below.
    """
    rng, centres, covered = np.random.default_rng(7), [], []
    for _ in range(12):
        true = 0.5 * rng.standard_normal(30)
        errors = {"baseline": rng.normal(33, 0.5, 5)}
        errors |= {f"g{i}": rng.normal(33 - gain, 0.5, 5) for i, gain in enumerate(true)}
        found = gain_of_the_best(checked_results(table(errors)), choose=1, draws=200)
        centres.append((found.low + found.high) / 2 - found.honest)
        covered.append(found.low <= true[int(found.best[1:])] <= found.high)
    assert min(centres) > 0
    assert sum(covered) >= 10
