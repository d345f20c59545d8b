"""Nulls of several kinds in one sweep, with groups, inputs and outputs by expression."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graph2nn import RelationalGraph, UserError, ws_flex
from graph2nn.cli import main
from graph2nn.experiments.null_selection import plan_nulls


def connectome() -> RelationalGraph:
    rng = np.random.default_rng(0)
    matrix = rng.random((30, 30)) < 0.2
    np.fill_diagonal(matrix, False)
    nodes = pd.DataFrame({"celltype": np.repeat(["sensory", "inter", "motor"], 10), "x": rng.random(30)})
    source, target = np.nonzero(matrix.T)
    return RelationalGraph.from_edge_index(
        [source, target], 30, weights=rng.integers(1, 9, len(source)), nodes=nodes, name="tiny"
    )


def test_each_kind_gets_the_options_that_it_uses():
    graph = connectome()
    options = {"groups": "celltype", "inputs": "celltype == 'sensory'", "outputs": "celltype == 'motor'"}
    plan = plan_nulls([graph], 2, null=["degree", "block", "boundary"], options=options)
    assert plan.pairs["kind"].tolist() == ["degree"] * 2 + ["block"] * 2 + ["boundary"] * 2
    assert set(plan.pairs["graph"]) == {"tiny"}
    boundary = plan.specs[-1].build()
    assert (boundary.adjacency[:10] == graph.adjacency[:10]).all()
    assert (boundary.adjacency[20:] == graph.adjacency[20:]).all()
    block = plan.specs[2].build()
    assert (block.adjacency[:, :10].sum(axis=1) == graph.adjacency[:, :10].sum(axis=1)).all()
    assert sorted(block.weights) == sorted(graph.weights)
    assert plan_nulls([graph], 1, null="degree", options={"inputs": "x > 0"}).specs, (
        "inputs are the network's, too"
    )


@pytest.mark.parametrize(
    ("null", "options", "says"),
    [
        (["degree", "degree"], {}, "the kind 'degree' is asked for twice"),
        (["degre"], {}, "null 'degre' is not known; did you mean 'degree'"),
        (["degree"], {"groups": "celltype"}, "degree nulls do not use groups; block do"),
        (["block"], {}, "kind 'block' needs groups="),
        (["block"], {"groups": "type"}, "did you mean 'celltype'"),
        (["boundary"], {"inputs": "nothing == 'sensory'"}, "cannot be evaluated"),
    ],
)
def test_mistakes_are_clear(null, options, says):
    with pytest.raises(UserError, match=says):
        plan_nulls([connectome()], 1, null=null, options=options)


def test_weights_nulls_of_a_graph_without_weights_are_refused():
    with pytest.raises(UserError, match="has no weights to shuffle"):
        plan_nulls([ws_flex(12, 4, 0.2, seed=1)], 1, null="weights")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--null", "degree"], "say how many of each with --nulls N"),
        (["--nulls", "2", "--inputs", "x > 0"], "used by --null boundary and by connectome-rnn only"),
        (["--nulls", "2", "--null", "degree", "--groups", "celltype"], "--groups is for --null block"),
    ],
)
def test_the_command_refuses_options_without_a_use(arguments, says, capsys):
    assert (
        main(["sweep", "mlp-digits", "--select", "ws_flex:n=16,k=4,p=0.2,seed=1", "--dry-run", *arguments]) == 2
    )
    assert says in capsys.readouterr().err


def test_the_command_takes_kinds_one_after_the_other(capsys):
    select = ["sweep", "mlp-digits", "--select", "ws_flex:n=16,k=4,p=0.2,seed=1", "--seeds", "1"]
    assert main([*select, "--nulls", "2", "--null", "degree", "--null", "density", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("degree-null") == 2
    assert shown.count("density-null") == 2
