"""Relationalize small networks of many architectures and check that what is reported is in force.

``python -m benchmarks.architectures`` prints the tables of ``docs/architectures.md``. For each network: the
Jacobian of every changed layer, on the input that it gets in one example, is compared with the mask of the
reported graph, entry by entry; parameters and multiply-adds are counted before and after; one training step is
taken; and the network is saved and loaded into another one.
"""

from __future__ import annotations

import argparse
import copy
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import graph2nn as g
from benchmarks.architecture_networks import NETWORKS, Build
from graph2nn.conversion.weights import weights_of
from graph2nn.layers.parametrisation import masked_weights, stored_weight

GRAPH = g.ws_flex(8, 3.5, 0.3, 1)
#: Rows of a Jacobian that are worked out together.
AT_ONCE = 64
PLAIN = (nn.Linear, nn.modules.conv._ConvNd)


@dataclass(frozen=True)
class Result:
    """What was seen of one architecture."""

    name: str
    changed: int
    skipped: int
    jacobians: int
    params: tuple[int, int]
    macs: tuple[int, int]
    notes: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def row(self) -> str:
        """Row of the table."""
        params, macs = (f"{before:,} → {after:,}" for before, after in (self.params, self.macs))
        return f"| {self.name} | {self.changed} + {self.skipped} | {self.jacobians} | {params} | {macs} |"


HEAD = (
    "| architecture | weights relational + left | Jacobians equal to masks | parameters | multiply-adds |\n"
    "| --- | --- | --- | --- | --- |"
)


def examine(name: str, build: Build) -> Result:
    """Relationalize one network and check it.

    Raises:
        AssertionError: something reported is not so.
    """
    torch.manual_seed(0)
    module, inputs, options = build()
    module.eval()
    twin = copy.deepcopy(module)
    one = _first(inputs)
    report = g.relationalize(module, GRAPH, inputs=one, **options)
    jacobians = _check_layers(module, report, inputs)
    _check_step(module, inputs)
    _check_saved(module, twin, inputs, options)
    assert report.macs_before is not None
    assert report.macs_after is not None
    return Result(
        name,
        len(report.changed),
        len(report.skipped),
        jacobians,
        (report.params_before, report.params_after),
        (report.macs_before, report.macs_after),
        report.notes,
        tuple(f"{row.weight}: {row.reason}" for row in report.skipped),
    )


def call(module: nn.Module, inputs: Any) -> Tensor:
    """The output of one call, a single tensor."""
    out = module(**inputs) if isinstance(inputs, Mapping) else module(inputs)
    if isinstance(out, Tensor):
        return out
    return out[0] if isinstance(out, tuple) else next(iter(out.values()))


def _first(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {key: value[:1] for key, value in inputs.items()}
    return inputs[:1]


def _check_layers(module: nn.Module, report: g.conversion.Relationalized, inputs: Any) -> int:
    """Compare the Jacobian of each changed layer with the mask of its reported graph; return how many."""
    steps = {(id(owner), tensor): step for owner, tensor, step in masked_weights(module)}
    weights = {weight.name: weight for weight in weights_of(module)}
    seen: dict[nn.Module, Tensor] = {}
    hooks = [
        part.register_forward_pre_hook(
            lambda part, given: seen.setdefault(part, given[0].detach()) is None or None
        )
        for part in module.modules()
        if _plain(part)
    ]
    with torch.no_grad():
        call(module, inputs)
    for hook in hooks:
        hook.remove()
    count = 0
    for row in report.changed:
        weight = weights[row.weight]
        step = steps[id(weight.module), weight.tensor]
        assert step.layout is not None
        on = step.layout.mask(row.graph).expand(row.shape)
        assert int(on.sum()) == row.weights_on, row.weight
        value = weight.value()
        assert value[~on].count_nonzero() == 0, row.weight
        if _plain(weight.module) and weight.module in seen:
            pairs = on.flatten(2).any(2) if on.ndim > 2 else on
            pairs = pairs.t() if step.layout.transposed else pairs
            # Of some ten million random numbers one is zero by chance.
            zero = (value == 0).flatten(2).all(2) if on.ndim > 2 else value == 0
            zero = pairs & (zero.t() if step.layout.transposed else zero)
            assert zero.sum() <= 1 + 1e-6 * pairs.sum(), row.weight
            assert torch.equal(_jacobian(weight.module, seen[weight.module]), pairs & ~zero), row.weight
            count += 1
    return count


def _plain(part: nn.Module) -> bool:
    """Whether outputs answer to inputs through one weight; GPT-2's Conv1D is a linear layer."""
    return isinstance(part, PLAIN) or any(kind.__name__ == "Conv1D" for kind in type(part).__mro__)


def _jacobian(layer: nn.Module, x: Tensor) -> Tensor:
    """Which output feature answers to which input feature, bool ``[out, in]``."""
    # One copy of the input per output feature: layers treat the images of a batch alike and apart.
    x = x[:1].expand(AT_ONCE, *x.shape[1:]).clone().requires_grad_()
    y = layer(x)
    axis = 1 if isinstance(layer, nn.modules.conv._ConvNd) else x.ndim - 1
    others = [i for i in range(1, y.ndim) if i != axis]
    generator = torch.Generator().manual_seed(1)
    each = y * torch.randn(y.shape[1:], generator=generator)
    each = each.sum(others) if others else each
    rest = [i for i in range(1, x.ndim) if i != axis]
    rows = []
    for features in torch.arange(each.shape[1]).split(AT_ONCE):
        copies = torch.arange(len(features))
        (slopes,) = torch.autograd.grad(each[copies, features].sum(), x, retain_graph=True)
        slopes = slopes[: len(features)].abs()
        rows.append((slopes.sum(rest) if rest else slopes) > 0)
    return torch.cat(rows)


def _check_step(module: nn.Module, inputs: Any) -> None:
    """One step of AdamW with decay moves the output, and nothing off the masks."""
    before = call(module, inputs).detach()
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.01, weight_decay=0.1)
    module.train()
    # Towards one: some heads begin at zero, and would stay there if they were asked to.
    (call(module, inputs) - 1).square().mean().backward()
    optimiser.step()
    module.eval()
    assert not torch.equal(call(module, inputs), before)
    for owner, tensor, step in masked_weights(module):
        if step.engine == "masked":
            assert (
                stored_weight(owner, tensor)[
                    ~step.mask.expand(step.dense_shape(stored_weight(owner, tensor)))
                ].count_nonzero()
                == 0
            )


def _check_saved(module: nn.Module, twin: nn.Module, inputs: Any, options: dict[str, Any]) -> None:
    """The state of the trained network makes its twin compute the same; Hugging Face's also by folders."""
    g.relationalize(twin, GRAPH, inputs=_first(inputs), **options)
    twin.load_state_dict(module.state_dict())
    with torch.no_grad():
        assert torch.equal(call(twin, inputs), call(module, inputs))
        if hasattr(type(module), "save_pretrained"):
            from tempfile import TemporaryDirectory

            with TemporaryDirectory() as folder:
                module.save_pretrained(folder)  # type: ignore[operator]
                kind = next(
                    base for base in type(module).__mro__ if not base.__name__.startswith("Parametrized")
                )
                loaded = g.from_pretrained(kind, folder).eval()
            torch.testing.assert_close(call(loaded, inputs), call(module, inputs), rtol=1e-5, atol=1e-6)
            assert len(list(masked_weights(loaded))) == len(list(masked_weights(module)))


def all_networks() -> Iterator[tuple[str, str, Build]]:
    """Group, name and builder of every network; those of other libraries where these can be imported."""
    for name, build in NETWORKS.items():
        yield "written here", name, build
    try:
        import transformers  # noqa: F401
    except ImportError:
        return
    from benchmarks.architecture_transformers import MODELS

    for name, build in MODELS.items():
        yield "Hugging Face", name, build
    from benchmarks.architecture_libraries import TIMM, TORCHVISION

    for group, networks in (("torchvision", TORCHVISION), ("timm", TIMM)):
        try:
            importlib.import_module(group)
        except (ImportError, RuntimeError):  # torchvision beside a torch that it was not built for
            continue
        for name, build in networks.items():
            yield group, name, build


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="networks whose name contains this")
    parser.add_argument("--notes", action="store_true", help="print notes and reasons too")
    arguments = parser.parse_args()
    group = None
    for kind, name, build in all_networks():
        if arguments.only.lower() not in name.lower():
            continue
        if kind != group:
            print(f"\n{kind}\n\n{HEAD}")
            group = kind
        result = examine(name, build)
        print(result.row)
        if arguments.notes:
            print(*(f"    {line}" for line in (*result.notes, *result.reasons)), sep="\n")


if __name__ == "__main__":
    main()
