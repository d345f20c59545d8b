"""torch.jit.script of relational layers and of relationalized modules."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

from graph2nn import Relational, build_model, relationalize, ws_flex

GRAPH = ws_flex(8, 3.5, 0.3, 1)


class First(nn.Module):
    """Returns the outputs of a recurrent layer, which torch cannot script by itself."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


MODULES = {
    "linear": (lambda: nn.Sequential(nn.Linear(17, 26), nn.ReLU(), nn.Linear(26, 9)), (3, 17)),
    "convolutions": (
        lambda: nn.Sequential(nn.Conv2d(8, 9, 3), nn.BatchNorm2d(9), nn.Conv2d(9, 8, 1)),
        (2, 8, 6, 6),
    ),
    "transposed": (lambda: nn.ConvTranspose2d(8, 9, 3), (2, 8, 4, 4)),
    "lstm": (lambda: First(nn.LSTM(9, 8, 2, bidirectional=True)), (4, 2, 9)),
    "gru": (lambda: First(nn.GRU(9, 8)), (4, 2, 9)),
    "encoder": (lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (2, 4, 16)),
}


def assert_scripts(module, x):
    module.eval()
    scripted, file = torch.jit.script(module), io.BytesIO()
    torch.jit.save(scripted, file)
    file.seek(0)
    with torch.no_grad():
        for each in (scripted, torch.jit.load(file)):
            torch.testing.assert_close(each(x), module(x), rtol=1e-5, atol=1e-6)
    return scripted


@pytest.mark.parametrize("engine", ["masked", "block"])
@pytest.mark.parametrize("kind", MODULES)
def test_a_relationalized_module_scripts(kind, engine):
    make, shape = MODULES[kind]
    module = make()
    relationalize(module, GRAPH, include="*", engine=engine)
    names = list(module.state_dict())
    assert_scripts(module, torch.randn(*shape))
    assert list(module.state_dict()) == names
    module.train()(torch.randn(*shape)).sum().backward()


@pytest.mark.parametrize("engine", ["masked", "masked-in-place", "block", "edge"])
def test_relational_layers_script_and_learn(engine):
    wiring = Relational(GRAPH, engine=engine)
    layers = [(wiring.linear(17, 26, bias=True), (3, 17))]
    if engine != "edge":
        layers.append((wiring.conv2d(9, 8, 3, padding=1), (2, 9, 5, 5)))
    for layer, shape in layers:
        x = torch.randn(*shape)
        scripted = assert_scripts(layer, x)
        layer(x).square().sum().backward()
        expected, layer.weight.grad = layer.weight.grad, None
        scripted(x).square().sum().backward()
        torch.testing.assert_close(layer.weight.grad, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("symmetric", [True, "sum"])
def test_symmetric_layers_script(symmetric):
    assert_scripts(Relational(GRAPH, engine="masked", symmetric=symmetric).linear(9, 9), torch.randn(2, 9))


@pytest.mark.parametrize("name", ["mlp5", "resnet20-cifar"])
def test_networks_script(name):
    size = (3, 32, 32)
    assert_scripts(build_model(name, GRAPH, input_size=size), torch.randn(2, *size))
