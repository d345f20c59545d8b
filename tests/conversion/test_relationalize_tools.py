"""A relationalized module in torch's own tools: compile, export, ONNX, DDP, hooks, copies, checkpoints."""

from __future__ import annotations

import copy
import io
import os
import warnings

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.parallel import DistributedDataParallel

from graph2nn import densify, relationalize, ws_flex
from graph2nn.layers.parametrisation import masked_weights

GRAPH = ws_flex(8, 3, 0.3, 1)


def encoder(layers=2):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0)
    module = nn.TransformerEncoder(layer, layers)
    relationalize(module, GRAPH)
    return module


def tokens():
    return torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(1))


def masked_by_hand(module):
    """A plain copy: dense parameters that hold zeros, so nothing of torch's fast paths can miss a mask."""
    plain = densify(copy.deepcopy(module))
    assert not list(masked_weights(plain))
    return plain


def test_the_fused_inference_path_sees_the_masks():
    module, inputs = encoder().eval(), tokens()
    padding = torch.zeros(3, 5, dtype=torch.bool)
    padding[1, 3:] = True
    plain, fused = masked_by_hand(module), "aten::_transformer_encoder_layer_fwd"
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*nested tensors")
        with torch.profiler.profile() as profile:
            found = module(inputs)
        assert fused in {event.key for event in profile.key_averages()}
        torch.testing.assert_close(found, plain(inputs))
        torch.testing.assert_close(
            module(inputs, src_key_padding_mask=padding), plain(inputs, src_key_padding_mask=padding)
        )
    torch.testing.assert_close(module(inputs), found)
    assert not torch.allclose(densify(copy.deepcopy(module), keep="original")(inputs), found)


def test_compiled_equals_eager():
    module, inputs = encoder(1), tokens().requires_grad_()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    expected, found = module(inputs), compiled(inputs)
    torch.testing.assert_close(found, expected)
    sources = [inputs, *module.parameters()]
    for a, b in zip(
        torch.autograd.grad(found.square().sum(), sources),
        torch.autograd.grad(expected.square().sum(), sources),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("kind", ["encoder", "lstm"])
def test_exported_equals_eager(kind):
    module, inputs = encoder(1).eval(), tokens()
    if kind == "lstm":
        module = nn.LSTM(16, 16, batch_first=True)
        relationalize(module, GRAPH)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*_flat_weights", category=UserWarning)
        try:
            exported = torch.export.export(module, (inputs,)).module()
        except ValueError as error:
            if kind == "lstm" and "assigned during export" in str(error):
                pytest.skip("this torch exports no module whose weights are computed in each call")
            raise
    found, expected = exported(inputs), module(inputs)
    torch.testing.assert_close(found, tuple(expected) if kind == "lstm" else expected)


@pytest.mark.parametrize("kind", ["encoder", "lstm", "convolutions"])
def test_onnx_runs_the_same(kind, tmp_path):
    pytest.importorskip("onnxscript", reason="needs the test extra")
    runtime = pytest.importorskip("onnxruntime", reason="needs the test extra")
    module, inputs = encoder(1), tokens()
    if kind == "lstm":
        module = nn.LSTM(16, 16, batch_first=True, bidirectional=True)
        relationalize(module, GRAPH)
    elif kind == "convolutions":
        module = nn.Sequential(nn.Conv1d(5, 8, 3), nn.ReLU(), nn.ConvTranspose1d(8, 9, 3), nn.Conv1d(9, 2, 1))
        relationalize(module, GRAPH)
    module.eval()
    path = tmp_path / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (inputs,), path, dynamo=True, verbose=False)
    session = runtime.InferenceSession(path)
    (found, *_) = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
    with torch.no_grad():
        expected = module(inputs)
    expected = expected[0] if isinstance(expected, tuple) else expected
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-5)


def test_functional_call_takes_the_stored_weights():
    module = nn.Linear(8, 8)
    relationalize(module, GRAPH, include="*")
    weight, inputs = torch.randn(8, 8), torch.randn(2, 8)
    found = functional_call(module, {"parametrizations.weight.original": weight}, (inputs,))
    on = module.parametrizations.weight[0].mask
    torch.testing.assert_close(found, nn.functional.linear(inputs, weight * on, module.bias))


def test_hooks_still_run():
    module, seen = nn.Sequential(nn.Linear(8, 8), nn.LSTM(8, 8)), []
    module[0].register_forward_hook(lambda part, inputs, output: seen.append("before"))
    relationalize(module, GRAPH, include="*")
    module[1].register_forward_pre_hook(lambda part, inputs: seen.append("after"))
    module(torch.randn(2, 8))
    densify(module)
    module(torch.randn(2, 8))
    assert seen == ["before", "after"] * 2


def test_a_copy_can_be_made_at_any_time_of_training():
    """torch's RNNs hold on to the products of the last forward, which cannot be copied; ours let go."""
    module = nn.Sequential(nn.Linear(8, 8), nn.GRU(8, 8, 2))
    relationalize(module, GRAPH, include="*")
    inputs = torch.randn(3, 2, 8)
    module(inputs)[0].sum().backward()
    after_forward = copy.deepcopy(module)
    after_conversion = copy.deepcopy(module.double())
    torch.testing.assert_close(
        after_forward(inputs)[0].double(), module(inputs.double())[0], rtol=1e-5, atol=1e-6
    )
    assert torch.equal(after_conversion(inputs.double())[0], module(inputs.double())[0])
    averaged = torch.optim.swa_utils.AveragedModel(module)
    averaged.update_parameters(module)
    assert torch.equal(averaged(inputs.double())[0], module(inputs.double())[0])


def test_state_dict_restores_weights_and_masks():
    trained, other = encoder(), encoder()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1.0)
    file = io.BytesIO()
    torch.save(trained.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    name = "layers.0.self_attn.parametrizations.in_proj_weight"
    assert state[f"{name}.0.mask"].dtype == torch.bool
    assert state[f"{name}.original"].shape == (48, 16)
    other.load_state_dict(state)
    assert torch.equal(other(tokens()), trained(tokens()))


def test_the_module_itself_can_be_saved():
    module, file = encoder(), io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert torch.equal(loaded(tokens()), module(tokens()))
    assert list(loaded.state_dict()) == list(module.state_dict())
    nn.utils.parametrizations.weight_norm(module.layers[0].linear1)
    with pytest.raises(RuntimeError, match=r"other parametrisations can be saved only by its state_dict"):
        torch.save(module, io.BytesIO())


def test_masks_keep_their_type_when_the_weights_change_theirs():
    module = encoder(1).bfloat16()
    assert {step.mask.dtype for _, _, step in masked_weights(module)} == {torch.bool}
    assert module(tokens().bfloat16()).dtype == torch.bfloat16


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    "make", [lambda: nn.LSTM(16, 16, 2), lambda: nn.GRU(16, 16), lambda: nn.MultiheadAttention(16, 2)]
)
def test_a_cuda_device_computes_the_same(make):
    module = make()
    relationalize(module, GRAPH, include="*")
    other, inputs = copy.deepcopy(module).cuda(), torch.randn(3, 2, 16)
    several = isinstance(module, nn.MultiheadAttention)
    for each, given in ((module, inputs), (other, inputs.cuda())):
        each(*(given,) * 3 if several else (given,))[0].square().sum().backward()
    for (name, found), expected in zip(other.named_parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(found.grad.cpu(), expected.grad, rtol=1e-3, atol=1e-3, msg=name)


def _two_processes(rank: int, folder: str) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    module = DistributedDataParallel(encoder(1))
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.01, weight_decay=0.1)
    inputs = tokens().repeat(2, 1, 1)[3 * rank : 3 * rank + 3] * (1 + rank)
    for _ in range(2):
        optimiser.zero_grad()
        module(inputs).square().mean().backward()
        optimiser.step()
    torch.save(module.module.state_dict(), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch is built without distributed")
def test_two_processes_train_as_one(tmp_path):
    torch.multiprocessing.spawn(_two_processes, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    module = encoder(1)
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        ((module(tokens()).square().mean() + module(tokens() * 2).square().mean()) / 2).backward()
        optimiser.step()
    for name, value in module.state_dict().items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], value, rtol=1e-4, atol=1e-5)
    for owner, tensor, step in masked_weights(module):
        original = owner.parametrizations[tensor].original
        assert original[~step.mask].count_nonzero() == 0
