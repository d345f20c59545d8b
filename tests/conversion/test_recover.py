"""recover: what was laid over the weights comes back; what no mask tells is chosen by block norms."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from strategies import graphs
from torch import nn

from graph2nn import MLP, Relational, RelationalGraph, densify, recover, recover_table, relationalize, ws_flex
from graph2nn.cli import main
from graph2nn.conversion.blocks import block_norms
from graph2nn.errors import Graph2nnWarning, UserError
from graph2nn.layers import node_sizes
from graph2nn.layers.weight_layout import Layout

GRAPH = ws_flex(8, 3, 0.3, 1)
#: Modules, inputs, and whether names and shapes alone tell how their weights lie.
MODULES = {
    "mlp": (lambda: MLP(12, 10, [9, 8], 3), (4, 12), True),
    "convolutions": (lambda: nn.Sequential(nn.Conv2d(8, 9, 3), nn.Conv2d(9, 11, 1)), (2, 8, 4, 4), True),
    "transposed": (lambda: nn.Sequential(nn.ConvTranspose1d(8, 11, 3), nn.Conv1d(11, 8, 1)), (2, 8, 4), False),
    "transformer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 3, 8), True),
    "lstm": (lambda: nn.LSTM(8, 9, 2, bidirectional=True), (3, 2, 8), True),
    "lstm with projection": (lambda: nn.LSTM(9, 11, proj_size=8), (3, 2, 9), True),
    "gru cell": (lambda: nn.GRUCell(9, 8), (2, 9), True),
}


def trained(name):
    make, shape, _ = MODULES[name]
    torch.manual_seed(0)
    module = make()
    relationalize(module, GRAPH, include="*", exclude=["stem", "head"] if name == "mlp" else None)
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.05, weight_decay=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        found = module(torch.randn(*shape))
        (found[0] if isinstance(found, tuple) else found).square().sum().backward()
        optimiser.step()
    return module


# --- the law


@pytest.mark.parametrize("name", MODULES)
def test_the_graph_comes_back_from_trained_weights(name):
    module, tells = trained(name), MODULES[name][2]
    expected = [GRAPH] * len(recover(module))
    assert len(expected) >= 2
    state = module.state_dict()
    assert [one.graph for one in recover(module).values()] == expected
    if tells:
        assert {key: one.graph for key, one in recover(state, 8).items()} == dict.fromkeys(
            recover(module), GRAPH
        )
    densify(module)
    layers = list(recover(module, 8, density=0.5))
    layers = [layer for layer in layers if not layer.startswith(("stem", "head"))]
    for source in (module, *([module.state_dict()] if tells else [])):
        for how in ({"density": GRAPH.density}, {"threshold": 0.0}):
            for norm in ("fro", "l1", "max"):
                found = recover(source, 8, norm=norm, layers=layers, **how)
                assert [one.graph for one in found.values()] == expected
                assert all(one.captured == pytest.approx(1) for one in found.values())


@given(graph=graphs(max_n=12, directed=None), extra=st.tuples(st.integers(0, 5), st.integers(0, 5)))
@settings(max_examples=30)
def test_any_graph_comes_back_from_any_widths(graph, extra):
    module = nn.Linear(graph.n + extra[0], graph.n + extra[1], bias=False)
    relationalize(module, graph, include="*")
    for found in (recover(module), recover(module.state_dict(), graph.n), recover(module, threshold=0)):
        assert np.array_equal(found["weight"].graph.adjacency, graph.adjacency)


def test_layers_that_were_built_relational_are_read_too():
    model = MLP(12, 10, [9, 8], 3, wiring=Relational(GRAPH))
    for source in (model, model.state_dict()):
        found = recover(source, 8)
        assert list(found) == ["hidden.0.0.weight", "hidden.1.0.weight"]
        assert {one.graph for one in found.values()} == {GRAPH}


def test_a_symmetric_layer_is_read_as_it_computes():
    layer = Relational(GRAPH, symmetric=True).linear(8, 8)
    with torch.no_grad():
        layer.weight.copy_(torch.ones(8, 8).triu())
    assert recover(layer, threshold=0)["weight"].graph == GRAPH


# --- block norms


@given(
    n=st.integers(2, 5),
    extra=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    kernel=st.sampled_from([(), (3,), (2, 2)]),
    parts=st.integers(1, 3),
    transposed=st.booleans(),
)
@settings(max_examples=30)
def test_block_norms_from_their_definition(n, extra, kernel, parts, transposed):
    layout = Layout(n + extra[0], n + extra[1], parts=parts, transposed=transposed, kernel=kernel)
    weight = torch.randn(layout.shape, dtype=torch.float64)
    first_out = weight.transpose(0, 1) if transposed else weight
    rows = np.tile(np.repeat(np.arange(n), node_sizes(layout.out_features, n)), parts)
    columns = np.repeat(np.arange(n), node_sizes(layout.in_features, n))
    for i in range(n):
        for j in range(n):
            block = first_out[rows == i][:, columns == j]
            pairs = block.shape[0] * block.shape[1]
            assert block_norms(weight, layout, n, "fro")[i, j] == pytest.approx(
                (block.square().sum() / pairs) ** 0.5
            )
            assert block_norms(weight, layout, n, "l1")[i, j] == pytest.approx(block.abs().sum() / pairs)
            assert block_norms(weight, layout, n, "max")[i, j] == pytest.approx(block.abs().max())


def test_uneven_blocks_of_equal_weights_are_equally_strong():
    norms = recover({"weight": torch.full((11, 9), 0.5)}, 4, threshold=0)["weight"].block_norms
    assert norms == pytest.approx(np.full((4, 4), 0.5))


# --- the choice of edges


@given(density=st.floats(0.13, 1), seed=st.integers(0, 99), symmetric=st.booleans())
@settings(max_examples=40)
def test_density_is_met_by_the_strongest_blocks(density, seed, symmetric):
    weight = torch.randn(16, 24, generator=torch.Generator().manual_seed(seed))
    (found,) = recover({"weight": weight}, 8, density=density, symmetric=symmetric).values()
    assert abs(found.density * 64 - density * 64) <= (1 if symmetric else 0.5)
    norms = (found.block_norms + found.block_norms.T) / 2 if symmetric else found.block_norms
    on, off = found.graph.adjacency, ~found.graph.adjacency & ~np.eye(8, dtype=bool)
    if on.any() and off.any():
        assert norms[on].min() >= norms[off].max()
    if symmetric:
        assert not found.graph.directed


def test_threshold_is_exceeded():
    weight = torch.tensor([[0.0, 2, 1], [3, 0, 2], [1, 1, 0]])
    found = recover({"weight": weight}, 3, threshold=1)["weight"]
    assert found.graph.adjacency.tolist() == [[0, 1, 0], [1, 0, 1], [0, 0, 0]]
    assert found.graph.directed
    assert found.captured == pytest.approx((4 + 9 + 4) / 20)
    both = recover({"weight": weight}, 3, threshold=1.4, symmetric=True)["weight"].graph
    assert both.adjacency.tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


def test_equally_strong_blocks_are_taken_in_the_order_of_the_nodes():
    found = recover({"weight": torch.ones(32, 32)}, 32, density=0.5)["weight"].graph.adjacency
    order = found[~np.eye(32, dtype=bool)]
    assert order.sum() == 512 - 32
    assert order[: 512 - 32].all()


def test_measures_of_what_was_read():
    found = recover(trained("mlp"))["hidden.0.0.weight"]
    assert (found.clustering, found.path_length) == (GRAPH.clustering, GRAPH.path_length)
    assert found.density == GRAPH.density
    apart = recover({"weight": torch.eye(4)}, 4, threshold=0.5)["weight"]
    assert apart.path_length is None
    assert apart.clustering == 0


def test_noise_is_captured_in_proportion_and_structure_beyond_it():
    torch.manual_seed(0)
    noise = recover({"weight": torch.randn(512, 512)}, 8, density=0.4)["weight"]
    assert noise.captured == pytest.approx(0.4, abs=0.03)
    assert recover(trained("mlp"), 8, density=GRAPH.density)["hidden.0.0.weight"].captured == pytest.approx(1)


def test_stacked_parts_of_a_fused_layer():
    module = nn.ModuleDict({"qkv": nn.Linear(8, 24)})
    relationalize(module, GRAPH, include="*", stacked={"qkv": 3})
    for source in (module, module.state_dict()):
        assert recover(source, 8, stacked={"qkv": 3})["qkv.weight"].graph == GRAPH


# --- checkpoints


def write_run(folder, model):
    folder.mkdir(parents=True)
    save_file(model.state_dict(), folder / "weights.safetensors")
    return folder


def test_every_kind_of_file_says_the_same(tmp_path):
    model = MLP(12, 10, [9, 8], 3, wiring=Relational(GRAPH))
    state = model.state_dict()
    run = write_run(tmp_path / "runs" / "one", model)
    torch.save(state, tmp_path / "plain.pt")
    torch.save({"epoch": 7, "model_state": state, "optimizer_state": {}}, tmp_path / "nested.pyth")
    expected = recover(model)
    for path in (run, run / "weights.safetensors", tmp_path / "plain.pt", str(tmp_path / "nested.pyth")):
        found = recover(path, 8)
        assert list(found) == list(expected)
        assert all(np.array_equal(found[name].block_norms, expected[name].block_norms) for name in found)
    table = recover_table(tmp_path / "nested.pyth", 8)
    assert table["epoch"].tolist() == [7, 7]


def test_a_table_over_training(tmp_path):
    model = MLP(12, 10, [9, 8], 3)
    for epoch in (0, 9, 10):
        with torch.no_grad():
            model.hidden[0][0].weight.normal_(generator=torch.Generator().manual_seed(epoch))
        torch.save(model.state_dict(), tmp_path / f"epoch{epoch}.pt")
    table = recover_table(tmp_path, 8, density=0.5, layers="hidden")
    assert list(table.columns) == [
        "checkpoint", "epoch", "layer", "n", "edges", "density", "captured", "clustering", "path_length",
        "directed",
    ]  # fmt: skip
    assert table["epoch"].tolist() == [0, 0, 9, 9, 10, 10]
    first = table[table["layer"] == "hidden.0.0.weight"]
    second = table[table["layer"] == "hidden.1.0.weight"]
    assert first["captured"].nunique() == 3
    assert second["captured"].nunique() == 1
    expected = recover(tmp_path / "epoch10.pt", 8, density=0.5)["hidden.0.0.weight"]
    assert first["clustering"].iloc[-1] == expected.clustering
    assert first["path_length"].iloc[-1] == expected.path_length
    thin = recover_table(tmp_path / "epoch0.pt", 8, density=1 / 8, layers="hidden")
    assert thin["path_length"].isna().all()
    assert first["directed"].tolist() == [True] * 3


# --- the command


def test_the_command_prints_and_writes(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    for seed in (1, 2):
        write_run(tmp_path / "out" / "runs" / f"run{seed}", MLP(12, 10, [9, 8], 3, wiring=Relational(GRAPH)))
    assert main(["recover", str(tmp_path / "out"), "--nodes", "8"]) == 0
    out, err = capsys.readouterr()
    assert out.count("hidden.1.0.weight") == 2
    assert "Fagiolo" not in out
    assert main(["recover", str(tmp_path / "out"), "--nodes", "8", "--density", "0.4"]) == 0
    assert (
        "C and L of directed graphs follow the directions (directed C of Fagiolo 2007, L along the edges)."
        in capsys.readouterr()[0]
    )
    assert f"{GRAPH.clustering:.4f}" in out
    assert "run1" in out
    assert err == ""
    options = ["-n", "8", "--density", "0.4", "--layer", "hidden.0*", "--layer", "head.weight", "--symmetric"]
    path = tmp_path / "t.parquet"
    torch.save({"hidden.0.weight": torch.randn(8, 8), "head.weight": torch.eye(8)}, tmp_path / "x.pt")
    assert main(["recover", str(tmp_path / "x.pt"), *options, "--json", "-o", str(path)]) == 0
    out, err = capsys.readouterr()
    rows, table = json.loads(out), pd.read_parquet(path)
    assert [row["layer"] for row in rows] == ["hidden.0.weight", "head.weight"]
    assert rows[0]["clustering"] == table["clustering"][0]
    assert rows[0]["epoch"] is None
    assert err == f"wrote {path}\n"
    assert main(["recover", str(tmp_path / "x.pt"), "-n", "8", "--threshold", "0.5", "-o", f"{path}.csv"]) == 0
    assert math.isnan(pd.read_csv(f"{path}.csv")["path_length"][1])


def test_help_teaches_by_example(capsys):
    assert main(["recover", "--help"]) == 0
    assert "graph2nn recover runs --nodes 64" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.pt", "-n", "8"], "gone.pt does not exist"),
        (["empty", "-n", "8"], "no checkpoint in empty"),
        (["text.csv", "-n", "8"], "ends in '.csv'; expected .safetensors, .pt"),
        (["damaged.safetensors", "-n", "8"], "damaged.safetensors is damaged or not a safetensors file"),
        (["damaged.pt", "-n", "8"], "damaged.pt is damaged"),
        (["cut.pt", "-n", "8"], "cut.pt is damaged"),
        (["nothing.pt", "-n", "8"], "nothing.pt is damaged or not a torch file (it ends too early)"),
        (["module.pt", "-n", "8"], "holds more than tensors and plain values; save a state_dict"),
        (["numbers.pt", "-n", "8"], "numbers.pt holds no weights"),
        (["good.pt", "-n", "8"], "none has a mask; give density or threshold"),
        (["good.pt", "-n", "1", "--density", "0.5"], "n = 1, expected at least 2 nodes"),
        (["good.pt", "-n", "80", "--density", "0.5"], "all are narrower than 80 nodes"),
        (["good.pt", "-n", "8", "--density", "0.5", "--threshold", "1"], "density or threshold, not both"),
        (["good.pt", "-n", "8", "--density", "1.5"], r"density = 1.5 lies outside (0, 1]"),
        (["good.pt", "-n", "8", "--density", "0.01"], "less than 1/8, and each of 8 nodes reads itself"),
        (["good.pt", "-n", "8", "--threshold", "-1"], "threshold = -1.0 is not a number of at least 0"),
        (["good.pt", "-n", "8", "--threshold", "nan"], "threshold = nan is not a number"),
        (["good.pt", "-n", "8", "--density", "0.5", "--norm", "l2"], "norm 'l2' is not known"),
        (["good.pt", "-n", "8", "--density", "0.5", "--layer", "stm.weight"], "did you mean 'stem.weight'?"),
        (
            ["good.pt", "-n", "8", "--density", "0.5", "--out", "t.xls"],
            "ends in '.xls'; expected .csv or .parquet",
        ),
        (["good.pt", "-n", "8", "--density", "0.5", "--out", "no/t.csv"], "the folder no does not exist"),
        (
            ["masked.pt", "-n", "6"],
            "recover: weight: mask: the (8, 8) matrix is not made of whole blocks of 6 nodes",
        ),
        (["good.pt"], "Missing option"),
        ([], "Missing argument"),
    ],
)
def test_each_mistake_is_one_line_and_code_two(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.csv").write_text("0,1\n")
    (tmp_path / "damaged.safetensors").write_bytes(bytes(range(64)))
    (tmp_path / "damaged.pt").write_bytes(b"no checkpoint at all")
    torch.save({"stem.weight": torch.randn(16, 16)}, "good.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "good.pt").read_bytes()[:700])
    (tmp_path / "nothing.pt").touch()
    torch.save(nn.Linear(8, 8), "module.pt")
    torch.save({"epoch": 3}, "numbers.pt")
    torch.save(Relational(GRAPH).linear(8, 8).state_dict(), "masked.pt")
    before = sorted(tmp_path.iterdir())
    assert main(["recover", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("graph2nn: ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_module_that_does_not_tell_its_nodes():
    with pytest.raises(UserError, match="weight does not tell how many nodes its graph has; give n"):
        recover(nn.Linear(8, 8), density=0.5)
    with pytest.raises(UserError, match="no graph in 0 weights"):
        recover(nn.ReLU(), 8, density=0.5)
    assert isinstance(recover(nn.Linear(8, 8), 4, density=1)["weight"].graph, RelationalGraph)


def test_a_dense_baseline_among_the_runs_is_left_out_with_a_warning(tmp_path):
    write_run(tmp_path / "runs" / "relational", MLP(12, 10, [9, 8], 3, wiring=Relational(GRAPH)))
    write_run(tmp_path / "runs" / "baseline", MLP(12, 10, [9, 8], 3))
    with pytest.warns(Graph2nnWarning, match=r"1 checkpoints without a graph are left out, first .*baseline"):
        table = recover_table(tmp_path, 8)
    assert len(table) == 2
    assert table["checkpoint"].str.contains("relational").all()
    with pytest.raises(UserError, match="none has a mask; give density or threshold"):
        recover_table(tmp_path / "runs" / "baseline", 8)


@pytest.mark.parametrize("rows", [33, 1001, 0])
def test_gates_that_do_not_fit_their_units_are_refused(rows, tmp_path):
    state = {"c.weight_ih_l0": torch.randn(rows, 8), "c.weight_hh_l0": torch.randn(32, 8 if rows else 0)}
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(UserError, match=r"c\.weight_ih_l0 has|no graph|empty|no values"):
        recover(tmp_path / "weights.pt", 8, density=0.5)


def test_a_recurrent_weight_of_another_shape_is_named():
    """It tells the width of the gates; a flattened one has none."""
    state = {"lstm.weight_ih_l0": torch.ones(32, 8), "lstm.weight_hh_l0": torch.ones(256)}
    with pytest.raises(UserError, match=r"lstm.weight_hh_l0 has shape \[256\]; expected \[rows, columns\]"):
        recover(state, 4, density=0.5)
