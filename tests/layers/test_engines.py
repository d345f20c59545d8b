"""The choice of an engine: by a measured table, the machine's own before the shipped one; masked elsewhere."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs

from graph2nn.budget import macs, match_widths, parameters
from graph2nn.cli import main
from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.layers import engine_timing, engines
from graph2nn.layers.block import BlockConv2d, BlockLinear
from graph2nn.layers.engines import EngineTable, Point, choose
from graph2nn.models import build_model, initialise
from graph2nn.models.shared_draws import share_draws
from graph2nn.training import Recipe, train
from graph2nn.wiring import Relational

GRAPH = ws_flex(8, 3, 0.3, 1)


@pytest.fixture
def own_table(tmp_path, monkeypatch):
    """An empty cache, so that the shipped table decides until a test writes one."""
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path))
    engines.table.cache_clear()
    yield engines.own_file()
    engines.table.cache_clear()


def written(file, *points):
    file.write_text(engines.dump(EngineTable(points, {"date": "today"})))
    engines.table.cache_clear()


def everywhere(speedup):
    return [Point(kind, 10, 0.5, speedup) for kind in ("linear", "conv1x1", "conv3x3")]


def test_the_shipped_table_can_be_read_and_says_where_it_was_made(own_table):
    found = engines.table()
    assert {point.kind for point in found.points} == {"linear", "conv1x1", "conv3x3", "edge"}
    assert all(point.speedup > 0 and 0 < point.density <= 1 for point in found.points)
    assert {"date", "threads", "torch"} <= found.about.keys()


def test_blocks_pay_where_a_wide_layer_is_sparse_and_not_where_it_is_small_or_full(own_table):
    assert choose("auto", "linear", 1522, 1522, 0.144) == "block"
    assert choose("auto", "linear", 32, 32, 1.0) == "masked"
    assert choose("auto", "conv3x3", 338, 338, 0.144) == "block"


def test_narrow_convolutions_of_a_few_nodes_are_blocks_and_those_of_one_feature_per_node_masked(own_table):
    """ResNet-20 on 16 nodes was masked, and a step took 1.9 times as long as with blocks."""
    assert choose("auto", "conv3x3", 26, 26, 0.44, nodes=16) == "block"
    assert choose("auto", "conv3x3", 50, 50, 0.44, nodes=16) == "block"
    assert choose("auto", "conv3x3", 64, 64, 0.44, nodes=64) == "masked"
    assert choose("auto", "conv3x3", 17, 17, 1.0, nodes=16, in_network=True) == "masked"


def test_measured_layers_have_up_to_as_many_nodes_as_features():
    sizes = {(case.kind, case.width, case.nodes) for case in engine_timing.cases()}
    assert all(nodes <= width for _, width, nodes in sizes)
    assert {("conv3x3", 16, 16), ("conv3x3", 64, 16), ("conv3x3", 64, 64), ("conv1x1", 32, 32)} <= sizes
    assert {("linear", 64, 64), ("linear", 512, 256), ("edge", 256, 256)} <= sizes


def test_layers_of_our_networks_need_less_of_an_advantage_than_one_alone(own_table):
    written(own_table, *everywhere(0.9))
    assert choose("auto", "conv3x3", 16, 16, 0.5) == choose("auto", "conv1x1", 16, 16, 0.5) == "masked"
    assert isinstance(Relational(GRAPH).conv2d(16, 16, 3), BlockConv2d)
    assert not isinstance(Relational(GRAPH).linear(16, 16), BlockLinear)


def test_one_weight_per_connection_pays_where_nodes_are_features_and_few_are_connected(own_table):
    assert choose("auto", "linear", 2952, 2952, 0.0127, nodes=2952) == "edge"
    assert choose("auto", "linear", 1024, 1024, 0.5, nodes=1024) != "edge"
    assert choose("auto", "linear", 64, 64, 0.1, nodes=64) != "edge"
    assert choose("auto", "linear", 1024, 1024, 0.05, nodes=64) != "edge"
    assert choose("edge", "conv3x3", 1024, 1024, 0.05, nodes=64) == "masked"


def test_auto_follows_the_machines_own_table(own_table):
    written(own_table, *everywhere(3.0))
    wiring = Relational(GRAPH)
    assert type(wiring.linear(16, 16)) is BlockLinear
    assert type(wiring.conv2d(16, 16, 3)) is BlockConv2d
    assert "engine=block" in repr(wiring.linear(16, 16))
    written(own_table, *everywhere(0.9))
    assert "engine=masked" in repr(wiring.linear(16, 16))
    assert type(Relational(GRAPH, engine="block").linear(16, 16)) is BlockLinear
    written(own_table, *everywhere(3.0))
    assert "engine=masked" in repr(Relational(GRAPH, engine="masked").linear(16, 16))


def test_measurements_are_interpolated(own_table):
    points = [
        Point("linear", w, d, s) for w, d, s in ((100, 0.1, 8), (100, 0.4, 2), (400, 0.1, 32), (400, 0.4, 2))
    ]
    few = [Point("linear", 100, 0.1, 64.0, nodes=16)]
    table = EngineTable((*points, *few), {})
    assert table.speedup("linear", 100, 0.2) == pytest.approx(4)
    assert table.speedup("linear", 200, 0.1) == pytest.approx(16)
    assert table.speedup("linear", 200, 0.2) == pytest.approx((4 * 8) ** 0.5)
    assert table.speedup("linear", 9000, 0.9) == pytest.approx(2)
    assert table.speedup("linear", 100, 0.01) == pytest.approx(8)
    assert table.speedup("linear", 99, 0.1) == 0
    assert table.speedup("linear", 500, 0.3, nodes=20) == pytest.approx(64)
    assert table.speedup("linear", 100, 0.1, nodes=1000) == pytest.approx(8)
    # The nearest by ratio: 36 is 2.25 times 16, and 64 is 1.8 times 36. In the middle the larger graph counts.
    assert table.speedup("linear", 100, 0.1, nodes=36) == pytest.approx(8)
    assert table.speedup("linear", 100, 0.1, nodes=32) == pytest.approx(8)
    assert table.speedup("linear", 100, 0.1, nodes=28) == pytest.approx(64)


def test_blocks_of_few_features_are_not_chosen_where_the_masked_product_is_faster(own_table):
    """Measured: two features per node win on sparse graphs alone, three or more up to a density of .3."""
    assert choose("auto", "linear", 128, 128, 0.33, nodes=64) == "masked"
    assert choose("auto", "linear", 512, 512, 0.6, nodes=256) == "masked"
    assert choose("auto", "linear", 192, 192, 0.14, nodes=64) == "block"
    assert choose("auto", "linear", 512, 512, 0.14, nodes=256) == "block"


def test_a_table_without_nodes_is_an_older_one_of_64(own_table):
    tree = json.loads(engines.dump(EngineTable(tuple(everywhere(3.0)), {"date": "today"})))
    for point in tree["points"]:
        del point["nodes"]
    assert engines.parse(json.dumps(tree), "old").points == tuple(everywhere(3.0))


def test_the_nearest_measurement_decides(own_table):
    rest = everywhere(1.0)[1:]
    written(own_table, Point("linear", 100, 0.1, 5.0), Point("linear", 100, 0.8, 0.5), *rest)
    assert choose("auto", "linear", 90, 112, 0.2) == "block"
    assert choose("auto", "linear", 90, 112, 0.6) == "masked"
    assert choose("auto", "linear", 90, 100, 0.2) == "masked"  # narrower than anything measured


def test_symmetric_layers_and_other_devices_are_masked(own_table):
    written(own_table, *everywhere(3.0))
    assert "engine=masked" in repr(Relational(GRAPH, symmetric=True).linear(16, 16))
    assert "engine=block" in repr(Relational(GRAPH, symmetric=True).linear(16, 24))
    with pytest.raises(UserError, match="block engine has no symmetric weights"):
        Relational(GRAPH, engine="block", symmetric=True)


def test_a_damaged_table_says_so(own_table):
    own_table.write_text('{"points": [{"kind": "linear"}]}')
    engines.table.cache_clear()
    with pytest.raises(UserError, match=r"engines.json is damaged .*graph2nn bench engines"):
        Relational(GRAPH).linear(16, 16)


def test_measuring_writes_a_table_that_auto_reads(own_table, monkeypatch, capsys):
    monkeypatch.setattr(engine_timing, "WIDTHS", {"linear": (16,), "conv1x1": (16,), "conv3x3": (16,)})
    monkeypatch.setattr(engine_timing, "DENSITIES", (0.2, 1.0))
    assert main(["bench", "engines", "--rounds", "2", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [(row["kind"], row["width"]) for row in printed] == [
        (k, 16) for k in engine_timing.WIDTHS for _ in range(2)
    ]
    assert printed[1]["density"] == 1
    assert engines.table().points == tuple(Point(**row) for row in printed)
    assert (
        main(["bench", "engines", "--rounds", "1", "--out", str(own_table.parent / "no" / "table.json")]) == 2
    )
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "widths", "size", "options"),
    [
        ("mlp5", [20, 30, 40], (1, 4, 4), {"stem": 18}),
        ("cnn3-cifar", [16, 20, 24], (3, 16, 16), {"stem": 16}),
        ("vit-tiny", [24], (3, 16, 16), {"patch": 8, "depth": 1}),
        ("gru", [16], (5, 7), {"depth": 1}),
    ],
)
def test_networks_of_either_engine_are_one_network(name, widths, size, options):
    """Costs, draws, checkpoints, outputs; gradients are compared layer by layer in test_block."""
    masked, block = (
        build_model(name, Relational(GRAPH, engine=engine), widths, input_size=size, **options)
        for engine in ("masked", "block")
    )
    assert any(isinstance(module, BlockLinear | BlockConv2d) for module in block.modules())
    assert macs(masked, size) == macs(block, size)
    assert parameters(masked) == parameters(block)
    for draw in (lambda m: initialise(m, torch.Generator().manual_seed(1)), lambda m: share_draws(m, 1)):
        draw(masked)
        draw(block)
        for key, value in masked.state_dict().items():
            torch.testing.assert_close(block.state_dict()[key], value, rtol=1e-6, atol=0)
    x = torch.randn(3, *size)
    block.load_state_dict(masked.state_dict())
    torch.testing.assert_close(block.eval()(x), masked.eval()(x), rtol=1e-4, atol=1e-5)


@given(graph=graphs(min_n=3, max_n=9), decay=st.sampled_from([0.0, 0.1]), momentum=st.sampled_from([0.0, 0.9]))
@settings(max_examples=10)
def test_one_step_of_training_is_the_same_in_either_engine(graph, decay, momentum):
    networks = {
        engine: build_model(
            "mlp4", Relational(graph, engine=engine), [18], stem=12, input_size=(1, 4, 4)
        ).double()
        for engine in ("masked", "block")
    }
    networks["block"].load_state_dict(copy.deepcopy(networks["masked"].state_dict()))
    x, y = torch.randn(16, 1, 4, 4, dtype=torch.float64), torch.arange(16) % 10
    for network in networks.values():
        optimiser = torch.optim.SGD(network.parameters(), 0.1, momentum=momentum, weight_decay=decay)
        for _ in range(2):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(network(x), y).backward()
            optimiser.step()
    states = [network.state_dict() for network in networks.values()]
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value, rtol=1e-7, atol=1e-12)


def test_training_gives_the_same_errors_to_rounding():
    from graph2nn.data import load_dataset

    data = load_dataset("digits")
    recipe = Recipe(epochs=1, batch_size=256, lr=0.01)
    histories = []
    for engine in ("masked", "block"):
        network = build_model("mlp3", Relational(GRAPH, engine=engine), [32], input_size=data.image_shape)
        histories.append(train(network, data, recipe, seed=1)[0])
    assert histories[1].train_loss == pytest.approx(histories[0].train_loss, rel=1e-4)


def test_a_relational_resnet34_takes_little_more_memory_than_the_dense_one():
    """The masked engine stores 152 million weights for the 23 million in use; the block engine 30 million."""
    graph = ws_flex(64, 64 * 0.128, 0.128, 4)

    def held(engine):
        """Bytes of weights and momentum, and of buffers, masks among them."""
        wiring = Relational(graph, engine=engine) if engine else None
        with torch.device("meta"):
            network = build_model("resnet34", wiring, match_widths("resnet34", graph) if engine else None)
        weights = sum(parameter.nbytes for parameter in network.parameters())
        return 2 * weights, sum(buffer.nbytes for buffer in network.buffers())

    dense, block, masked = held(None), held("block"), held("masked")
    assert block[0] < 1.4 * dense[0]
    assert sum(block) < 1.5 * sum(dense)
    assert masked[0] > 6 * dense[0]
