"""Training steps of whole networks to time: dense in every form, the published technique, the block engine."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.dense_forms import Autocast, image_forms, image_input, linear_forms, precision_of
from benchmarks.timing import Contender, Work
from graph2nn.budget import cost, match_widths
from graph2nn.experiments import preset
from graph2nn.graphs import RelationalGraph
from graph2nn.models import architecture, build_model
from graph2nn.training.optimiser import sgd
from graph2nn.wiring import Relational

RECIPE = preset("mlp-cifar10").recipe


def step(
    model: nn.Module, size: tuple[int, ...], batch: int, *, plain: bool = False, last: bool = False
) -> Work:
    """A training step: forward, backward, Nesterov SGD; fused, or ``plain`` as the published code has it."""
    optimiser = sgd(model.parameters(), RECIPE)
    if plain:
        optimiser.param_groups[0]["fused"] = False
    x, y = torch.randn(batch, *size), torch.randint(0, 10, (batch,))
    x = image_input(x, "channels last") if last else x

    def run() -> None:
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x).float(), y).backward()
        optimiser.step()

    return run


def dense_forms(name: str, precisions: tuple[str, ...]) -> dict[str, nn.Module]:
    """Return the dense network in every form: images in both layouts, perceptrons by both products.

    ``dense, as built`` is the network as graph2nn itself builds it, which may have faster layers than torch's.
    """
    model = build_model(name)
    forms = linear_forms(model, precisions) if is_perceptron(name) else image_forms(model, precisions)
    if is_perceptron(name) and "float32" in precisions:
        forms["dense, as built"] = model
    if is_perceptron(name) and "bf16" in precisions:
        forms["dense, as built, bf16"] = Autocast(build_model(name))
    return forms


def is_perceptron(name: str) -> bool:
    """Whether a network has linear layers alone."""
    return name.startswith("mlp")


def network_steps(
    name: str, graph: RelationalGraph, batch: int, precisions: tuple[str, ...]
) -> dict[str, Contender]:
    """Return the training steps of a network and its dense baseline, at matched widths."""
    size, widths = architecture(name).input_size, match_widths(name, graph)
    gflop = {
        True: 6e-9 * batch * cost(name).macs,
        False: 6e-9 * batch * cost(name, graph, widths=widths).macs,
    }
    found: dict[str, Contender] = {}

    def add(contender: str, model: nn.Module, *, plain: bool = False) -> None:
        dense = contender.startswith("dense")
        work = step(model, size, batch, plain=plain, last="channels last" in contender)
        found[contender] = Contender(work, precision_of(contender), gflop[dense], dense=dense)

    for contender, model in dense_forms(name, precisions).items():
        add(contender, model)
    if "float32" in precisions:
        masked = build_model(name, Relational(graph, engine="masked"), widths)
        add("masked", masked, plain=True)
        add("block", build_model(name, Relational(graph, engine="block"), widths))
    if "bf16" in precisions:
        add("block, bf16", Autocast(build_model(name, Relational(graph, engine="block"), widths)))
    return found
