"""bfloat16 linear layers of the block engine: kernels against a float64 oracle, and their use under autocast.

The kernels run here with plain arithmetic, where the CPU lacks AVX512_BF16; layout, packing and tails are the
same. With the instruction both are tested.
"""

import contextlib
import copy
import platform
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import binding, ir
from strategies import graphs
from torch import nn

from graph2nn.errors import UserError
from graph2nn.graphs import ws_flex
from graph2nn.layers import RelationalConv2d, RelationalLinear, bf16_support
from graph2nn.layers.block import BlockConv2d, BlockLinear
from graph2nn.layers.block import autocast as dispatch
from graph2nn.layers.block import bf16_arithmetic as arithmetic
from graph2nn.layers.block import bf16_tiles as tiles
from graph2nn.layers.block.bf16_layout import pairs_of
from graph2nn.layers.block.bf16_product import multiply_bf16, pack_rows, pack_weights
from graph2nn.layers.block.geometry import geometry
from graph2nn.layers.norm_relu import NormReLU
from graph2nn.models.mlp import MLP
from graph2nn.training.acceleration import Acceleration
from graph2nn.wiring import Relational

GRAPH = ws_flex(8, 3.5, 0.3, 1)
LOWERINGS = [arithmetic.Arithmetic(), *([arithmetic.Instruction()] if arithmetic.has_instruction() else [])]
WORD, FLOAT, INDEX = ir.IntType(32), ir.FloatType(), ir.IntType(64)


def autocast():
    return torch.autocast("cpu", torch.bfloat16)


def rounded(x):
    """Numbers rounded to bfloat16, in float64."""
    return x.detach().bfloat16().double()


def error(found, expected):
    return ((found.detach().double() - expected).norm() / expected.norm().clamp_min(1e-300)).item()


def call(layer, batch):
    return geometry(layer.blocks, 1, 1, 0, batch, 1, 1, 4)


def oracle(layer, x, upstream):
    """Product and gradients in float64 of numbers rounded to bfloat16."""
    weight = rounded(layer.expand(layer.weight.detach()))
    dw = rounded(upstream).T @ rounded(x)
    return rounded(x) @ weight.T, rounded(upstream) @ weight, dw * layer.mask


def assert_kernels_equal_oracle(layer, x, upstream, lowering):
    g = call(layer, len(x))
    x = x.detach().requires_grad_()
    y = multiply_bf16(x, layer.weight, g, lowering)
    assert y.dtype == torch.float32
    dx, dw = torch.autograd.grad(y, [x, layer.weight], upstream)
    if layer.blocks.stored is not None:
        assert not dw[~torch.from_numpy(layer.blocks.stored)].any(), "padding has a gradient"
    found = y, dx, layer.expand(dw)
    errors = [error(f, e) for f, e in zip(found, oracle(layer, x, upstream), strict=True)]
    assert max(errors) < 1e-5, errors


@pytest.mark.parametrize("lowering", LOWERINGS, ids=lambda lowering: type(lowering).__name__)
@given(
    graph=graphs(max_n=30, directed=None),
    extra=st.tuples(st.integers(0, 90), st.integers(0, 90)),
    batch=st.sampled_from([1, 2, 3, 7, 16, 33, 128, 300, 513]),
)
@settings(max_examples=40, deadline=None)
def test_kernels_equal_the_float64_oracle_on_rounded_numbers(lowering, graph, extra, batch):
    layer = BlockLinear(graph, graph.n + extra[0], graph.n + extra[1])
    x, upstream = torch.randn(batch, layer.in_features), torch.randn(batch, layer.out_features)
    assert_kernels_equal_oracle(layer, x, upstream, lowering)


@pytest.mark.parametrize("lowering", LOWERINGS, ids=lambda lowering: type(lowering).__name__)
@pytest.mark.parametrize("batch", [1, 128, 257])
def test_wide_nodes_equal_the_oracle(lowering, batch):
    layer = BlockLinear(GRAPH, 8 * 37, 8 * 41 + 3)
    x, upstream = torch.randn(batch, layer.in_features), torch.randn(batch, layer.out_features)
    assert_kernels_equal_oracle(layer, x, upstream, lowering)


@pytest.mark.parametrize("lowering", LOWERINGS, ids=lambda lowering: type(lowering).__name__)
@pytest.mark.parametrize(("nodes", "features", "batch"), [(5, 3, 121), (8, 4, 257), (3, 6, 1030), (4, 1, 40)])
def test_dots_over_many_samples_equal_the_oracle(lowering, nodes, features, batch):
    layer = BlockLinear(ws_flex(nodes, 2.5, 0.3, 1), nodes * features + 1, nodes * features)
    g = call(layer, batch)
    assert pairs_of(g).dots
    x, upstream = torch.randn(batch, layer.in_features), torch.randn(batch, layer.out_features)
    assert_kernels_equal_oracle(layer, x, upstream, lowering)


def test_many_features_and_few_samples_make_no_dots():
    assert not pairs_of(call(BlockLinear(GRAPH, 8 * 24, 8 * 24), 128)).dots


def test_weights_are_turned_only_for_the_gradient_of_the_input():
    layer = BlockLinear(GRAPH, 45, 50)
    pairs = pairs_of(call(layer, 3))
    packed, turned = pack_weights(layer.weight, pairs, turned=True)
    same, none = pack_weights(layer.weight, pairs, turned=False)
    assert torch.equal(packed, same)
    assert not len(none)
    numbers = torch.cat([half.to(torch.int16).view(torch.bfloat16) for half in bits(turned)])
    written = layer.weight.detach().bfloat16()
    assert torch.equal(numbers[numbers != 0].sort().values, written[written != 0].sort().values)


def test_rows_and_transposed_inputs_give_the_same_numbers():
    layer = BlockLinear(GRAPH, 45, 50)
    x, upstream = torch.randn(45, 33).T, torch.randn(50, 33).T
    assert_kernels_equal_oracle(layer, x, upstream, arithmetic.Arithmetic())


def test_the_default_type_of_numbers_does_not_matter():
    layer = BlockLinear(GRAPH, 45, 50)
    x, upstream = torch.randn(300, 45), torch.randn(300, 50)
    torch.set_default_dtype(torch.float64)
    try:
        assert_kernels_equal_oracle(layer, x, upstream, arithmetic.Arithmetic())
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("batch", [33, 300])
def test_gradients_lie_as_the_inputs_do(batch):
    layer = BlockLinear(GRAPH, 45, 50)
    x = torch.randn(batch, 45, requires_grad=True)
    y = multiply_bf16(x, layer.weight, call(layer, batch), arithmetic.Arithmetic())
    (dx,) = torch.autograd.grad(y.sum(), [x])
    assert dx.is_contiguous()


def test_no_samples_give_no_results_and_a_gradient_of_zero():
    layer = BlockLinear(GRAPH, 45, 50)
    y = multiply_bf16(torch.empty(0, 45), layer.weight, call(layer, 0), arithmetic.Arithmetic())
    assert y.shape == (0, 50)
    (dw,) = torch.autograd.grad(y.sum(), [layer.weight])
    assert not dw.any()


def bits(pairs):
    """Both halves of pairs, the first ones first."""
    return pairs & 0xFFFF, (pairs >> 16) & 0xFFFF


def packed_weights(numbers):
    """How the kernels round numbers, an even number of them, two at a time."""
    layer = BlockLinear(ws_flex(2, 2, 0, 1), len(numbers), 2)
    with torch.no_grad():
        layer.weight.view(-1)[: len(numbers)] = numbers
    packed, _ = pack_weights(layer.weight, pairs_of(call(layer, 1)), turned=False)
    return bits(packed[: len(numbers) // 2])


def test_rounding_is_that_of_torch_bit_for_bit():
    words = torch.randint(-(2**31), 2**31, (1 << 16,), generator=torch.Generator().manual_seed(3))
    ties = (torch.arange(1 << 16) << 16 | 0x8000).where(torch.arange(1 << 16) < 1 << 15, 0)
    special = torch.tensor([0.0, -0.0, float("inf"), -float("inf"), 1e-45, -1e-45, 3.4028235e38, -3.4028235e38])
    numbers = torch.cat([words.to(torch.int32).view(torch.float32), ties.to(torch.int32).view(torch.float32)])
    numbers = torch.cat([numbers, special])
    numbers = numbers[~numbers.isnan()]
    numbers = numbers[: len(numbers) // 4 * 4]
    expected = numbers.bfloat16().view(torch.int16).int() & 0xFFFF
    first, second = packed_weights(numbers)
    assert torch.equal(first, expected[::2])
    assert torch.equal(second, expected[1::2])


def test_nan_stays_nan_whatever_its_bits():
    words = torch.tensor([0x7F800001, 0x7FFFFFFF, 0x7FC00000, 0x7F80FFFF], dtype=torch.int32)
    words = torch.cat([words, words | -(2**31)]).view(torch.float32)
    assert words.isnan().all()
    for half in packed_weights(words):
        assert half.to(torch.int16).view(torch.bfloat16).isnan().all()


def test_infinite_and_missing_numbers_reach_only_the_nodes_that_read_them():
    layer = BlockLinear(GRAPH, 45, 50)
    x = torch.randn(5, 45)
    x[1, 7], x[3, 20] = float("nan"), float("inf")
    y = multiply_bf16(x, layer.weight, call(layer, 5), arithmetic.Arithmetic())
    reads = layer.mask[:, [7, 20]].bool()
    assert torch.equal(y[1].isnan(), reads[:, 0])
    assert torch.equal(~y[3].isfinite(), reads[:, 1])
    assert y[[0, 2, 4]].isfinite().all()


def test_an_odd_number_of_features_ends_with_half_a_pair():
    layer = BlockLinear(ws_flex(2, 2, 0, 1), 5, 4)
    pairs = pairs_of(call(layer, 1))
    rows = torch.zeros(pairs.g.source.group_step)
    rows[:: pairs.g.source.channel_step] = torch.arange(1.0, 6.0)
    packed = pack_rows(rows, "source", pairs).view(-1, pairs.g.source.channel_step)
    first, second = (half.to(torch.int16).view(torch.bfloat16).tolist() for half in bits(packed[:, 0]))
    assert sorted(zip(first, second, strict=True)) in ([(1, 2), (3, 0), (4, 5)], [(1, 2), (3, 4), (5, 0)])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_layer_under_autocast_returns_the_rounded_product(bias, dtype):
    layer = BlockLinear(GRAPH, 45, 50, bias=bias)
    if bias:
        nn.init.normal_(layer.bias)
    x = torch.randn(3, 11, 45).to(dtype).requires_grad_()
    with arithmetic.forced_lowering(arithmetic.Arithmetic()), autocast():
        y = layer(x)
    assert y.dtype == torch.bfloat16
    assert y.is_contiguous()
    expected = rounded(x) @ rounded(layer.expand(layer.weight.detach())).T
    expected = expected + (layer.bias.detach() if bias else 0)
    # The float32 sum may fall on the other side of a tie: half a unit of bfloat16 and a little.
    torch.testing.assert_close(y.double(), expected, rtol=2**-8, atol=1e-5)
    y.float().square().sum().backward()
    assert x.grad.dtype == dtype
    assert layer.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("forced", [True, False])
def test_autocast_never_expands_the_weights(monkeypatch, forced):
    """With the instruction, and without: no layer falls back to the masked product."""
    monkeypatch.setattr(BlockLinear, "effective_weight", lambda layer: pytest.fail("expanded"))
    monkeypatch.setattr(BlockConv2d, "effective_weight", lambda layer: pytest.fail("expanded"))
    monkeypatch.setattr(arithmetic, "has_instruction", lambda: False)
    linear, conv = BlockLinear(GRAPH, 45, 50), BlockConv2d(GRAPH, 16, 16, 3, padding=1)
    lowering = arithmetic.forced_lowering(arithmetic.Arithmetic()) if forced else contextlib.nullcontext()
    with lowering, autocast():
        y, z = linear(torch.randn(4, 45)), conv(torch.randn(2, 16, 5, 5))
    assert y.dtype == z.dtype == torch.bfloat16
    (y.float().sum() + z.float().sum()).backward()


def test_without_the_instruction_float32_kernels_compute(monkeypatch):
    monkeypatch.setattr(arithmetic, "has_instruction", lambda: False)
    monkeypatch.setattr(dispatch, "multiply_bf16", lambda *_: pytest.fail("bfloat16 kernels"))
    layer, x = BlockLinear(GRAPH, 45, 50), torch.randn(7, 45)
    with autocast():
        found = layer(x)
    assert torch.equal(found, layer(x).bfloat16())


def test_with_the_instruction_bfloat16_kernels_are_chosen(monkeypatch):
    monkeypatch.setattr(arithmetic, "has_instruction", lambda: True)
    assert arithmetic.lowering_in_use() == arithmetic.Instruction()


@pytest.mark.parametrize(
    ("features", "batch", "pays"),
    [(24, 128, True), (6, 2048, True), (4, 8192, False), (24, 32, False), (6, 128, False)],
)
def test_bfloat16_is_taken_where_it_pays(monkeypatch, features, batch, pays):
    """Nodes of few features, few samples and small products lose more by rounding than they gain."""
    taken = []
    monkeypatch.setattr(arithmetic, "has_instruction", lambda: True)
    monkeypatch.setattr(dispatch, "multiply_bf16", lambda x, *_: taken.append("bf16") or torch.zeros(len(x), 1))
    monkeypatch.setattr(dispatch, "multiply", lambda x, *_: taken.append("float32"))
    layer = BlockLinear(ws_flex(64, 9, 0.2, 1), 64 * features, 64 * features)
    with autocast():
        dispatch.multiply_autocast(torch.zeros(batch, layer.in_features), layer.weight, call(layer, batch))
    assert taken == ["bf16" if pays else "float32"]


def test_the_processor_is_asked_once(monkeypatch):
    arithmetic.has_instruction()
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: pytest.fail("asked again"))
    arithmetic.has_instruction()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_convolutions_and_half_precision_use_the_float32_kernels(dtype):
    block, masked = (kind(GRAPH, 16, 24, 3, padding=1) for kind in (BlockConv2d, RelationalConv2d))
    block.load_state_dict(masked.state_dict())
    x = torch.randn(2, 16, 6, 6)
    with torch.autocast("cpu", dtype), arithmetic.forced_lowering(arithmetic.Arithmetic()):
        found = block(x)
    assert found.dtype == dtype
    assert torch.equal(found, block(x).to(dtype))
    assert error(found, masked.double()(x.double()).detach()) < 2**-8


def test_float64_is_left_alone_by_autocast():
    layer, x = BlockLinear(GRAPH, 45, 50).double(), torch.randn(7, 45, dtype=torch.float64)
    with autocast():
        found = layer(x)
    assert torch.equal(found, layer(x))


def normed(kind, sequence):
    return sequence(kind(GRAPH, 45, 50), nn.BatchNorm1d(50), nn.ReLU())


@given(batch=st.sampled_from([2, 3, 16, 33, 128, 256]))
@settings(deadline=None)
def test_norm_and_relu_are_fused_with_the_rounded_product(batch):
    one = normed(BlockLinear, NormReLU)
    plain = copy.deepcopy(one[1]).double()
    x = torch.randn(batch, 45, requires_grad=True)
    with arithmetic.forced_lowering(arithmetic.Arithmetic()), autocast():
        y = one(x)
    assert type(y.grad_fn).__name__ == "_NormedBackward"
    assert "bf16" in type(y.grad_fn).__module__ or y.grad_fn._forward_cls.__module__.endswith("bf16_norm")
    assert y.dtype == torch.float32
    z = (rounded(x) @ rounded(one[0].expand(one[0].weight.detach())).T).requires_grad_()
    expected = plain(z).relu()
    assert error(y, expected.detach()) < 1e-5
    assert error(one[1].running_var, plain.running_var) < 1e-5
    assert error(one[1].running_mean, plain.running_mean) < 1e-5
    upstream = torch.randn(batch, 50)
    y.backward(upstream)
    dz, *dp = torch.autograd.grad(expected, [z, plain.weight, plain.bias], upstream.double())
    assert error(one[1].weight.grad, dp[0]) < 1e-4
    assert error(one[1].bias.grad, dp[1]) < 1e-4
    # dz is rounded by the kernel, from float32: near ties it may round to the other neighbour.
    _, dx, dw = oracle(one[0], x, dz)
    assert error(x.grad, dx) < 2e-3
    assert error(one[0].expand(one[0].weight.grad), dw) < 2e-3


def test_network_of_fused_layers_trains_like_float32():
    # Where rounding moves a sum across zero, ReLU switches a gradient; the draw decides how many there are.
    torch.manual_seed(1)
    one = nn.Sequential(
        *(NormReLU(BlockLinear(GRAPH, 48, 48), nn.BatchNorm1d(48), nn.ReLU()) for _ in range(3))
    )
    twin = copy.deepcopy(one)
    x, upstream = torch.randn(64, 48), torch.randn(64, 48)
    with arithmetic.forced_lowering(arithmetic.Arithmetic()), autocast():
        y = one(x)
    (y * upstream).sum().backward()
    (twin(x) * upstream).sum().backward()
    assert 1e-5 < error(y, twin(x).detach()) < 0.03
    for found, expected in zip(one.parameters(), twin.parameters(), strict=True):
        assert error(found.grad, expected.grad) < 0.25


def test_fused_layers_without_the_instruction_are_the_float32_ones(monkeypatch):
    monkeypatch.setattr(arithmetic, "has_instruction", lambda: False)
    one = normed(BlockLinear, NormReLU)
    x = torch.randn(16, 45)
    twin = copy.deepcopy(one)
    with autocast():
        found = one(x.bfloat16())
    assert torch.equal(found, twin(x.bfloat16().float()))


def test_compiled_layers_compute_in_float32_under_autocast(monkeypatch):
    layer, x = BlockLinear(GRAPH, 45, 50), torch.randn(4, 45)
    with arithmetic.forced_lowering(arithmetic.Arithmetic()), autocast():
        assert error(torch.compile(layer, backend="eager")(x), layer(x).double()) < 2**-7
    monkeypatch.setattr(arithmetic, "has_instruction", lambda: False)
    with autocast():
        assert torch.equal(torch.compile(layer, backend="eager")(x), layer(x))


def test_an_mlp_trained_with_amp_bf16_runs_on_the_bfloat16_kernels(monkeypatch):
    calls = []
    fused = dispatch.multiply_normed_bf16
    monkeypatch.setattr(bf16_support, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(dispatch, "multiply_normed_bf16", lambda *given: calls.append(1) or fused(*given))
    model = MLP(3072, 24, [40, 48], 10, wiring=Relational(GRAPH, engine="block"))
    x, y = torch.randn(16, 3, 32, 32), torch.arange(16) % 10
    network = Acceleration(amp="bf16").apply(model, "cpu")
    with arithmetic.forced_lowering(arithmetic.Arithmetic()):
        scores = network(x)
    nn.functional.cross_entropy(scores, y).backward()
    hidden = [layer for layer in model.modules() if isinstance(layer, BlockLinear)]
    assert scores.dtype == torch.float32
    assert len(calls) == len(hidden) > 1
    assert all(layer.weight.grad.isfinite().all() and layer.weight.grad.any() for layer in hidden)


def test_threads_share_the_work_with_the_same_results():
    layer, x, upstream = BlockLinear(GRAPH, 45, 50), torch.randn(300, 45), torch.randn(300, 50)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            y = multiply_bf16(x, layer.weight, call(layer, 300), arithmetic.Arithmetic())
            results.append((y, *torch.autograd.grad(y, [layer.weight], upstream)))
    finally:
        torch.set_num_threads(threads)
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three)


def test_checkpoints_stay_float32_and_move_between_engines():
    block = BlockLinear(GRAPH, 45, 50)
    before = {name: value.clone() for name, value in block.state_dict().items()}
    with arithmetic.forced_lowering(arithmetic.Arithmetic()), autocast():
        block(torch.randn(4, 45))
    masked = RelationalLinear(GRAPH, 45, 50)
    masked.load_state_dict(block.state_dict())
    assert masked.weight.dtype == torch.float32
    assert all(torch.equal(value, before[name]) for name, value in block.state_dict().items())


def test_second_derivatives_are_refused():
    layer, x = BlockLinear(GRAPH, 45, 50), torch.randn(4, 45, requires_grad=True)
    y = multiply_bf16(x, layer.weight, call(layer, 4), arithmetic.Arithmetic())
    (dx,) = torch.autograd.grad(y.square().sum(), [x], create_graph=True)
    with pytest.raises(UserError, match="second derivatives"):
        dx.sum().backward()


def assembly(cpu, rows, vectors, *, turned):
    """The tile with the instruction, compiled for a CPU that need not be this one."""
    module = ir.Module()
    module.triple = "x86_64-unknown-linux-gnu"
    words, floats = WORD.as_pointer(), FLOAT.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [words, INDEX, words, words, INDEX, floats, INDEX])
    function = ir.Function(module, kind, "tile")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    writer = tiles.TileWriter(builder, arithmetic.Instruction, 16)
    writer.write(tiles.TileArguments(*function.args), rows, vectors, turned=turned)
    builder.ret_void()
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    machine = binding.Target.from_triple(module.triple).create_target_machine(cpu=cpu, opt=3)
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    passes = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(parsed, passes)
    return machine.emit_assembly(parsed)


def loops(text):
    """The lines of each loop: from a label to a jump back to it."""
    lines = text.splitlines()
    labels = {line[:-1]: at for at, line in enumerate(lines) if re.fullmatch(r"\.LBB\w+:", line)}
    for at, line in enumerate(lines):
        target = re.search(r"\bj\w+\s+(\.LBB\w+)", line)
        if target and labels.get(target[1], at) < at:
            yield lines[labels[target[1]] : at]


needs_x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or binding.llvm_version_info < (16, 0, 0),
    reason="compiling for x86-64 with vdpbf16ps needs an x86-64 LLVM, 16 or later",
)


@needs_x86
@pytest.mark.parametrize("cpu", ["znver4", "cooperlake", "sapphirerapids"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("vectors", [1, 2, 3])
def test_inner_loop_uses_the_instruction_and_no_stack(cpu, turned, vectors):
    sums = [
        loop for loop in loops(assembly(cpu, tiles.ROWS, vectors, turned=turned)) if "vdpbf16ps" in str(loop)
    ]
    assert sums
    for loop in sums:
        assert sum("vdpbf16ps" in line for line in loop) % (tiles.ROWS * vectors) == 0
        assert not any("rsp" in line or "rbp)" in line for line in loop), "\n".join(loop)


@needs_x86
def test_a_tile_too_large_for_the_registers_is_noticed():
    (loop, *_) = [loop for loop in loops(assembly("znver4", 12, 3, turned=False)) if "vdpbf16ps" in str(loop)]
    assert any("rsp" in line for line in loop)
