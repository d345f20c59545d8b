"""What holds for every architecture, on every wiring.

A test module lists small networks as :class:`Case` and runs each of ``LAWS`` on each of them (see the end of
``test_models_cnn.py``); :func:`assert_laws` runs all on one.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from graph2nn.budget import macs, parameters
from graph2nn.budget.bill import Bill
from graph2nn.graphs import RelationalGraph, ws_flex
from graph2nn.layers import RelationalConv2d, RelationalLinear
from graph2nn.models import LayerShape, Shape, architecture, build_model, initialise
from graph2nn.wiring import Dense, Grouped, Layerwise, Relational, Staged, Wiring

Relationals = (RelationalLinear, RelationalConv2d)
Counted = (nn.Linear, nn.Conv1d, nn.Conv2d, *Relationals)


@dataclass(frozen=True)
class Case:
    """A small network: a name of the registry, one width a stage, the size of one input.

    ``wiring`` makes its layers; the laws on order replace it by one that differs by layer or by stage, with
    graphs of as many nodes as ``wiring.nodes``.
    """

    name: str
    widths: Sequence[int]
    input_size: tuple[int, ...]
    wiring: Wiring = field(default_factory=lambda: Relational(ws_flex(8, 3.5, 0.3, 1), engine="masked"))
    num_classes: int = 5
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def build(self, wiring: Wiring | None = None, *, seed: int = 0) -> nn.Module:
        """Return the network with weights drawn from ``seed``, norms included, so that no path is silent."""
        network = build_model(
            self.name,
            wiring or self.wiring,
            self.widths,
            num_classes=self.num_classes,
            input_size=self.input_size,
            **self.options,
        )
        generator = torch.Generator().manual_seed(seed)
        initialise(network, generator)
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
                nn.init.uniform_(module.bias, -0.5, 0.5, generator=generator)
        return network

    def shapes(self, widths: Sequence[int] | None = None) -> list[Shape]:
        """Return its layers as the budget sees them."""
        return architecture(self.name).shapes(
            widths or self.widths, self.num_classes, self.input_size, **self.options
        )

    def bill(self, wiring: Wiring | None = None) -> Bill:
        """Return its bill on a wiring."""
        return Bill(self.shapes, architecture(self.name).prepare(wiring or self.wiring), self.widths)

    def inputs(self, batch: int = 4) -> tuple[Tensor, ...]:
        """Return a random batch; inputs that are not numbers on a scale keep their example's values."""
        generator = torch.Generator().manual_seed(1)
        samples = architecture(self.name).inputs(self.input_size)
        return tuple(
            torch.randn(batch, *sample.shape[1:], generator=generator)
            if sample.is_floating_point()
            else sample.expand(batch, *sample.shape[1:]).clone()
            for sample in samples
        )


def relational_layers(network: nn.Module) -> list[RelationalLinear | RelationalConv2d]:
    return [module for module in network.modules() if isinstance(module, Relationals)]


def layers_that_ran(network: nn.Module, inputs: tuple[Tensor, ...]) -> list[tuple[nn.Module, int]]:
    """Each linear layer and convolution with its output positions per sample, seen by running the network."""
    positions: Counter[nn.Module] = Counter()

    def count(module: Any, _inputs: Any, output: Tensor) -> None:
        per_sample = output.numel() // len(inputs[0])
        positions[module] += per_sample // module.weight.shape[0]

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, Counted)]
    with torch.no_grad():
        network.eval()(*inputs)
    for hook in hooks:
        hook.remove()
    return list(positions.items())


def what_ran(module: Any, positions: int) -> tuple[int, ...]:
    """All a layer's cost depends on: outputs, inputs, kernel², groups, positions, connected pairs, bias."""
    outputs, inputs, *kernel = module.weight.shape
    groups = getattr(module, "groups", 1)
    pairs = int(module.mask.sum()) if isinstance(module, Relationals) else outputs * inputs
    bias = module.bias is not None
    return outputs, inputs * groups, math.prod(kernel), groups, positions, pairs, bias


def what_should_run(layer: LayerShape, wiring: Wiring) -> tuple[int, ...]:
    """The same of a shape."""
    outputs, inputs = layer.out_features, layer.in_features
    pairs = wiring.weights_on(inputs, outputs) if layer.wired else outputs * inputs // layer.groups
    return outputs, inputs, layer.kernel, layer.groups, layer.positions, pairs, layer.bias


def real(layer: Shape) -> bool:
    """Whether a shape is a layer with weights: an identity may keep a projection's place in the order."""
    return isinstance(layer, LayerShape) and layer.kernel > 0


def costs_what_its_shapes_say(case: Case) -> None:
    """Layer by layer, and in all."""
    for wiring in (case.wiring, different_layers(case)):
        network, bill = case.build(wiring), case.bill(wiring)
        found = Counter(what_ran(*ran) for ran in layers_that_ran(network, case.inputs(2)))
        layers = [
            (part, its)
            for layer, its in bill.layers(case.widths)
            for part in (layer.parts(its) if hasattr(layer, "parts") else [layer])
            if real(part)
        ]
        assert found == Counter(what_should_run(*layer) for layer in layers)
        assert parameters(network) == bill.parameters(case.widths)
        inputs = architecture(case.name).inputs(case.input_size)
        assert macs(network, inputs=inputs) == bill.macs(case.widths)


def asks_for_layers_in_the_order_of_its_shapes(case: Case) -> None:
    wired = [layer for layer in case.shapes() if layer.wired]
    layers = {layer.graph.name: layer for layer in relational_layers(case.build(different_layers(case)))}
    assert len(layers) == sum(real(layer) for layer in wired)
    for depth, layer in enumerate(wired):
        if real(layer):
            assert_same_layer(layers[f"layer {depth}"], layer)


def asks_for_layers_of_the_stage_of_its_shapes(case: Case) -> None:
    wiring, wired = different_stages(case), [layer for layer in case.shapes() if layer.wired]
    found = Counter(
        (layer.graph.name, *layer.weight.shape[:2]) for layer in relational_layers(case.build(wiring))
    )
    assert found == Counter(
        (f"stage {layer.stage}", layer.out_features, layer.in_features) for layer in wired if real(layer)
    )
    assert parameters(case.build(wiring)) == case.bill(wiring).parameters(case.widths)


def runs_on_any_wiring(case: Case) -> None:
    """With the parameters its bill says."""
    for wiring in (Dense(), Grouped(2), Grouped(3, shuffle=True), case.wiring):
        network = case.build(wiring)
        assert network.eval()(*case.inputs(2)).shape[0] == 2
        assert parameters(network) == case.bill(wiring).parameters(case.widths)
    assert not relational_layers(case.build(Dense()))


def has_as_many_wired_layers_at_any_widths(case: Case) -> None:
    """The bill and the wirings that differ by layer rely on it while widths are searched."""
    pattern = [(layer.wired, layer.stage) for layer in case.shapes()]
    for scale in (2, 3):
        wider = case.shapes([scale * width for width in case.widths])
        assert [(layer.wired, layer.stage) for layer in wider] == pattern
    baseline = case.shapes(architecture(case.name).widths)
    assert [(layer.wired, layer.stage) for layer in baseline] == pattern


def learns_on_its_mask_and_nowhere_else(case: Case) -> None:
    """Momentum and weight decay included."""
    network = case.build().train()
    optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=0.1)
    before = copy.deepcopy(network.state_dict())
    for _ in range(2):
        optimiser.zero_grad()
        loss(network(*case.inputs())).backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.count_nonzero() > 0, name
        optimiser.step()
    assert relational_layers(network)
    for name, module in network.named_modules():
        if isinstance(module, Relationals):
            on = module.mask.expand_as(module.weight)
            assert module.weight[~on].count_nonzero() == 0, name
            assert not torch.equal(module.weight[on], before[f"{name}.weight"][on]), name


def is_restored_by_its_state_dict(case: Case) -> None:
    network, other = case.build(seed=0).eval(), case.build(seed=1).eval()
    inputs = case.inputs()
    assert not torch.equal(other(*inputs), network(*inputs))
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(*inputs), network(*inputs))


def is_copied_whole(case: Case) -> None:
    network, inputs = case.build().eval(), case.inputs()
    expected = network(*inputs)
    other = copy.deepcopy(network)
    assert torch.equal(other(*inputs), expected)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    assert torch.equal(network(*inputs), expected)


def compiles_to_the_same_function_and_gradients(case: Case) -> None:
    torch._dynamo.reset()
    network = case.build().train()
    twin, inputs = copy.deepcopy(network), case.inputs()
    compiled = torch.compile(twin, fullgraph=True, backend="aot_eager")
    torch.manual_seed(0)
    expected = network(*inputs)
    torch.manual_seed(0)
    found = compiled(*inputs)
    torch.testing.assert_close(found, expected)
    loss(expected).backward()
    loss(found).backward()
    for (name, a), b in zip(twin.named_parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-5, msg=f"gradient of {name}")
    for a, b in zip(twin.buffers(), network.buffers(), strict=True):
        torch.testing.assert_close(a, b)


def is_exported(case: Case) -> None:
    network, inputs = case.build().eval(), case.inputs()
    program = torch.export.export(network, inputs)
    torch.testing.assert_close(program.module()(*inputs), network(*inputs))


def is_finite_under_bfloat16_autocast(case: Case) -> None:
    network = case.build().train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = network(*case.inputs())
    loss(scores).backward()
    assert scores.dtype == torch.bfloat16
    assert scores.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


LAWS: list[Callable[[Case], None]] = [
    costs_what_its_shapes_say,
    asks_for_layers_in_the_order_of_its_shapes,
    asks_for_layers_of_the_stage_of_its_shapes,
    runs_on_any_wiring,
    has_as_many_wired_layers_at_any_widths,
    learns_on_its_mask_and_nowhere_else,
    is_restored_by_its_state_dict,
    is_copied_whole,
    compiles_to_the_same_function_and_gradients,
    is_exported,
    is_finite_under_bfloat16_autocast,
]


def name_of(law: Callable[[Case], None]) -> str:
    return law.__name__


def assert_laws(
    name: str,
    wiring: Wiring,
    widths: Sequence[int],
    num_classes: int,
    input_size: tuple[int, ...],
    **options: Any,
) -> None:
    """Run all laws on one network."""
    for law in LAWS:
        law(Case(name, widths, input_size, wiring, num_classes, options))


def different_layers(case: Case) -> Layerwise:
    """A wiring in which each layer has another graph, named by its depth."""
    return Layerwise(lambda depth: Relational(named_graph(case, f"layer {depth}", depth), engine="masked"))


def different_stages(case: Case) -> Staged:
    """A wiring in which each stage has another graph, named by its number."""
    stages = 1 + max(layer.stage for layer in case.shapes())
    return Staged(
        [Relational(named_graph(case, f"stage {stage}", stage), engine="masked") for stage in range(stages)]
    )


def named_graph(case: Case, name: str, index: int) -> RelationalGraph:
    """A graph with the case's number of nodes; several densities, so that a wrong one changes the cost."""
    nodes = case.wiring.nodes
    return RelationalGraph(ws_flex(nodes, 2 + index % (nodes - 2), 0.2, index).adjacency, name=name)


def assert_same_layer(module: Any, layer: Shape) -> None:
    assert isinstance(layer, LayerShape)
    kernel = math.prod(module.weight.shape[2:])
    assert (*module.weight.shape[:2], kernel) == (layer.out_features, layer.in_features, layer.kernel)


def loss(scores: Tensor) -> Tensor:
    """Anything that depends on every score."""
    return scores.float().square().mean() + scores.float().sin().mean()
