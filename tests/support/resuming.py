"""Trainings to be killed and resumed, in modules that other processes can import."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

import torch
from torch import nn

from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Split
from graph2nn.graphs import ws_flex
from graph2nn.models import build_model
from graph2nn.models.inverted_bottleneck import StochasticDepth
from graph2nn.training import Checkpoints, Recipe, Saving, train
from graph2nn.wiring import Relational

GRAPH = ws_flex(8, 4, 0.3, 1)


def images(n=160, shape=(2, 9, 9)):
    """Noise with a label in its first row: enough to move weights."""
    pixels = torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(n) % 3
    pixels[torch.arange(n), :, 0, 0] = (80 * labels).to(torch.uint8)[:, None]
    split = Split(pixels, labels)
    return Dataset("toy", "toy", split, split, ("a", "b", "c"), (120.0,) * shape[0], (60.0,) * shape[0])


def mlp():
    return build_model("mlp5", Relational(GRAPH), [24, 24, 24], stem=16, num_classes=3, input_size=(2, 9, 9))


def conv():
    """Every source of numbers at once: batch norm, dropout, stochastic depth."""
    layer = Relational(GRAPH, "masked").conv2d
    return nn.Sequential(
        nn.Conv2d(2, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        layer(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), StochasticDepth(0.2),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(32, 3),
    )  # fmt: skip


def block():
    return build_model(
        "mlp5", Relational(GRAPH, "block"), [24, 24, 24], stem=16, num_classes=3, input_size=(2, 9, 9)
    )


def symmetric():
    wiring = Relational(GRAPH, symmetric=True)
    return build_model("mlp5", wiring, [24, 24, 24], stem=16, num_classes=3, input_size=(2, 9, 9))


NETWORKS = {"mlp": mlp, "conv": conv, "block": block, "symmetric": symmetric}
#: What takes seconds to import, and what torch and numba import at their first use.
PRELOADED = ["graph2nn.experiments.run", "graph2nn.cli", "torch._dynamo", "numba.core.registry"]
OFTEN = Saving(0.004)
RECIPE = Recipe(epochs=6, batch_size=8, lr=0.05, flip=True, pad=2, precise_bn=40, warmup_epochs=2)


def weights_and_history(name, folder=None, saving=OFTEN, recipe=RECIPE, **how):
    """Train; return the weights and the numbers of all epochs but their seconds."""
    torch.set_num_threads(1)
    network = NETWORKS[name]()
    checkpoints = Checkpoints(Path(folder), {"config": "toy"}, saving) if folder else None
    history = train(network, images(), recipe, seed=3, checkpoints=checkpoints, **how)
    return network.state_dict(), [(*vars(epoch).values(),)[:-1] for epoch in history]


def attempt(name, folder, result):
    torch.save(weights_and_history(name, folder), f"{result}.part")
    Path(f"{result}.part").replace(result)


def in_a_process(function, *arguments):
    """Start a process that has torch already, so that it can be killed within milliseconds."""
    context = multiprocessing.get_context("forkserver")
    # Not this module, which the server cannot find on its path.
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=function, args=arguments)
    process.start()
    return process


def kill_until_done(name, folder, result, delays):
    """Begin a training again and again, killed after each delay; the last time it ends. Return the kills."""
    kills = 0
    for delay in (*delays, 60):
        process = in_a_process(attempt, name, str(folder), str(result))
        process.join(delay)
        kills += process.is_alive()
        process.kill()
        process.join()
        if result.exists():
            break
    return kills


def command(*argv):
    """Run ``graph2nn`` with these arguments, as a process."""
    from graph2nn.cli import main

    sys.exit(main(list(argv)))
