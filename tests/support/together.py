"""What two ranks are asked to do in the tests, importable by the processes that do it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from resuming import GRAPH, RECIPE, conv, images
from torch import distributed as dist
from torch import nn

from graph2nn.errors import UserError
from graph2nn.layers.masked import RelationalLinear
from graph2nn.training import Acceleration, Checkpoints, Preempted, Saving, evaluate, precise_bn, train
from graph2nn.training.distributed import Place, joined
from graph2nn.training.distributed.ranks import ALONE
from graph2nn.training.loop import stream, training_batches
from graph2nn.wiring import Relational

NEVER = Saving(seconds=1e9)
PLAIN_RECIPE = RECIPE.model_copy(update={"precise_bn": 0, "warmup_epochs": 0, "epochs": 4, "lr": 0.1})
SYNCED_RECIPE = RECIPE.model_copy(update={"epochs": 2, "lr": 0.01})


class Doubled(nn.Module):
    """A perceptron with relational layers that computes in 64 bits; its weights are large enough to learn."""

    def __init__(self, engine="masked", norm=False, symmetric=False):
        super().__init__()
        layer = Relational(GRAPH, engine, symmetric=symmetric).linear
        layers = [nn.Flatten(), nn.Linear(162, 24), nn.ReLU()]
        for _ in range(2):
            layers += [layer(24, 24), *([nn.BatchNorm1d(24)] if norm else []), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(24, 3)).double()

    def initialise(self, generator):
        with torch.no_grad():
            for module in self.layers:
                if isinstance(module, RelationalLinear):
                    module.reset_parameters(generator)
                    module.weight.mul_(40)
                elif isinstance(module, nn.Linear):
                    module.weight.normal_(std=module.in_features**-0.5, generator=generator)
                    module.bias.zero_()

    def forward(self, x):
        return self.layers(x.double())


def plain(ranks, engine="masked", parts=1, symmetric=False):
    model = Doubled(engine, symmetric=symmetric)
    return trained(model, PLAIN_RECIPE.model_copy(update={"accumulate": parts}), ranks)


def synced(ranks):
    return trained(Doubled(norm=True), SYNCED_RECIPE, replace(ranks, sync_bn=True))


def synced_conv(ranks):
    net = nn.Sequential(
        nn.Conv2d(2, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(392, 3)
    ).double()
    model = Casting(net)
    return trained(model, SYNCED_RECIPE, replace(ranks, sync_bn=True))


class Casting(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x.double())


class Witness(nn.Module):
    """Notes what dropout zeroes in each step."""

    def __init__(self):
        super().__init__()
        self.linear, self.dropout, self.zeroed = nn.Linear(162, 3), nn.Dropout(0.5), []

    def forward(self, x):
        if self.training:
            self.zeroed.append(tuple((self.dropout(torch.ones(64)) == 0).tolist()))
        return self.linear(x.flatten(1))


def dropped(ranks):
    """What dropout zeroed in each step of a training, on each rank."""
    model = Witness()
    train(model, images(), PLAIN_RECIPE.model_copy(update={"epochs": 2}), seed=3, ranks=ranks)
    everyone = [model.zeroed] * ranks.world
    if not ranks.alone:
        dist.all_gather_object(everyone, model.zeroed)
    return everyone


def accelerated(ranks, **how):
    """In 32 bits or fewer, so equal to rounding alone."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(392, 3))
    recipe = PLAIN_RECIPE.model_copy(update={"epochs": 2, "lr": 0.005})
    return trained(model, recipe, ranks, acceleration=Acceleration(**how))


def trained(model, recipe, ranks, **how):
    """Loss, error and test loss of each epoch, and the weights."""
    told = []
    history = train(
        model, images(), recipe, seed=3, ranks=ranks, on_batch=lambda run: told.append(run.loss), **how
    )
    numbers = [(e.train_loss, e.train_error, e.test_loss, e.test_error) for e in history]
    return numbers, told, {name: value.clone() for name, value in model.state_dict().items()}


def precise(ranks, count, sync_bn=False):
    """Running averages of a deep network from ``count`` batches; ranks have different numbers of them."""
    ranks = replace(ranks, sync_bn=sync_bn)
    model = Doubled(norm=True)
    model.initialise(stream(1, "initialise"))
    ranks.norms(model, torch.device("cpu"))
    part = ranks.share if sync_bn else ranks.turn
    found = training_batches(images(), RECIPE, stream(2, "probe"), limit=count, part=part)
    precise_bn(model, (x for x, _ in found), ranks)
    return dict(model.named_buffers())


def evaluated(ranks, batch_size):
    model = Doubled(norm=True)
    model.initialise(stream(1, "initialise"))
    return tuple(evaluate(model, images(n=157), batch_size=batch_size, ranks=ranks))


def interrupted(ranks, folder, steps=()):
    """Train a network with batch norm and dropout, stopped after this many batches, each time again."""
    for batches in steps:
        # Only the last rank has a reason; all must stop after the same step.
        stop = stopping_after(batches if ranks.rank == ranks.world - 1 else 10**6)
        with suppress(Preempted):
            conv_trained(ranks, folder, stop=stop)
            raise AssertionError("it was to stop")
    return conv_trained(ranks, folder)


def conv_trained(ranks, folder, **how):
    torch.set_num_threads(1)
    checkpoints = Checkpoints(Path(folder), saving=NEVER) if folder and ranks.first else None
    return trained(conv(), RECIPE, ranks, checkpoints=checkpoints, **how)


def half_done(ranks, folder):
    """Stop in the middle, for somebody else to go on."""
    checkpoints = Checkpoints(Path(folder), saving=NEVER) if ranks.first else None
    how = {"checkpoints": checkpoints, "ranks": ranks}
    with suppress(Preempted):
        train(Doubled(), images(), PLAIN_RECIPE, seed=3, stop=stopping_after(31), **how)


def stopping_after(batches):
    left = iter(range(batches - 1))
    return lambda: None if next(left, None) is not None else "word"


def scenarios(ranks, folder):
    """All that is compared between one rank and two, by name."""
    found = {f"plain {engine}": plain(ranks, engine) for engine in ("masked", "block", "masked-in-place")}
    found |= {"plain in parts": plain(ranks, parts=2), "plain symmetric": plain(ranks, symmetric=True)}
    found |= {
        "synced": synced(ranks),
        "synced conv": synced_conv(ranks),
    }
    found |= {f"precise {count}": precise(ranks, count) for count in (1, 5, 99)}
    found |= {"precise synced": precise(ranks, 5, sync_bn=True)}
    found |= {f"evaluated by {size}": evaluated(ranks, size) for size in (13, 1000)}
    found |= {"channels last": accelerated(ranks, channels_last=True), "bf16": accelerated(ranks, amp="bf16")}
    found |= {"compiled": accelerated(ranks, compile=True, backend="eager")}
    found["dropped"] = dropped(ranks)
    if not ranks.alone:
        half_done(ranks, Path(folder) / "half")
        found["undisturbed"] = interrupted(ranks, None)
        found["disturbed"] = interrupted(ranks, Path(folder) / "c", (7, 19, 1, 20, 40))
        found["equal"] = all_equal(found)
        found["refusals"] = refusals(ranks)
    return found


def all_equal(found):
    """Whether the ranks hold the same numbers, bit for bit."""
    everyone = [None, None]
    dist.all_gather_object(everyone, {name: flat(value) for name, value in found.items()})
    return {name for name in everyone[0] if everyone[0][name] != everyone[1][name]}


def flat(tree):
    if isinstance(tree, torch.Tensor):
        return tree.numpy().tobytes()
    if isinstance(tree, dict):
        return {key: flat(value) for key, value in tree.items()}
    return [flat(value) for value in tree] if isinstance(tree, list | tuple) else repr(tree)


def refusals(ranks):
    said = []
    for recipe, how in (
        (RECIPE.model_copy(update={"batch_size": 9}), {}),
        (RECIPE.model_copy(update={"accumulate": 4}), {}),
        (RECIPE, {"acceleration": Acceleration(cuda_graphs=True)}),
    ):
        try:
            train(conv(), images(), recipe, seed=1, ranks=ranks, **how)
        except UserError as error:
            said.append(str(error))
    return said


def two(ranks, device, folder):
    """The job of the launcher."""
    return scenarios(ranks, folder)


def one(folder):
    return scenarios(ALONE, folder)


def killing_itself(ranks, device, pids):
    """Rank 1 dies in the middle of an epoch."""
    Path(pids, str(ranks.rank)).write_text(str(os.getpid()))
    left = iter(range(5))

    def die(running):
        if ranks.rank == 1 and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    train(conv(), images(), RECIPE.model_copy(update={"epochs": 10_000}), seed=1, ranks=ranks, on_batch=die)


def failing(ranks, device, error):
    """Rank 1 fails while rank 0 waits for it."""
    if ranks.rank == 1:
        raise error
    train(conv(), images(), RECIPE, seed=1, ranks=ranks)


def parted(rank, port, stop, found):
    """Train on two ranks and part; say which threads are left, while a traceback still holds the network."""
    ended = None
    try:
        with joined(Place(rank, 2, rank, f"open://127.0.0.1:{port}"), "cpu", sync_bn=True) as ranks:
            during = threads_of_gloo()
            train(conv(), images(), RECIPE, seed=1, ranks=ranks, stop=stopping_after(3) if stop else None)
    except Preempted as request:
        ended = request
    found.put((during, threads_of_gloo(), ended is not None))


def threads_of_gloo():
    comms = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    return sum("gloo" in comm for comm in comms)


def shares_of_photos(split, rank, world, **how):
    """The photos of an epoch as a rank gets them."""
    ranks = replace(ALONE, rank=rank, world=world)
    return list(islice(split.batches(8, part=ranks.share, **how), 9))
