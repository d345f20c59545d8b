"""Probe of a layer with a forward of its own: whether the mask on its weight is in force."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.parametrisation import make_mask, mask_weight
from graph2nn.layers.partition import node_sizes
from graph2nn.layers.weight_layout import Layout

#: A change of the output below this share of the largest one is rounding.
_ROUNDING = 1e-3
_CONVOLUTIONS = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip
#: Kinds whose outputs answer to their inputs through one weight.
_PROBED = (nn.Linear, *_CONVOLUTIONS)
_OTHERS = (nn.MultiheadAttention, nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell)


def own_forward(module: nn.Module) -> str | None:
    """Name of the forward by which ``module`` computes, if it is not that of torch's class; else None."""
    kind: Any = type(module)
    base: Any = next((base for base in (*_PROBED, *_OTHERS) if isinstance(module, base)), None)
    if base is None:
        return None
    if "forward" in vars(module):
        return f"forward of this {kind.__name__}"
    for name in ("forward", "_conv_forward"):
        if getattr(kind, name, None) is not getattr(base, name, None):
            return f"{kind.__name__}.{name}"
    return None


def can_probe(module: nn.Module) -> bool:
    """Whether the module is of a kind that :func:`probe` can test."""
    return isinstance(module, _PROBED)


def probe(module: nn.Module, tensor: str, layout: Layout, graph: RelationalGraph) -> str | None:
    """Lay the mask over a copy with random weights and look which inputs move which outputs.

    Args:
        module: of a kind that :func:`can_probe`; it is not changed.
        tensor: name of its weight.
        layout: of the weight.
        graph: that the weight is to follow.

    Returns:
        None if only allowed inputs act, else what was seen.
    """
    name = own_forward(module)
    try:
        answers = _answers(module, tensor, layout, graph)
    except Exception as error:  # whatever the forward of someone's class does with a small input
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        return f"{name} could not be probed ({reason}), so a mask might not hold"
    if answers is None:
        return (
            f"{name} could not be probed (it does not return one tensor of its width), so a mask might not hold"
        )
    forbidden = ~_allowed(layout, graph)
    acting = float((answers > _ROUNDING * answers.max())[forbidden].mean()) if forbidden.any() else 0.0
    if acting:
        return f"{name} changes the weight: {acting:.0%} of the inputs that the graph forbids act"
    return None


@torch.no_grad()
def _answers(
    module: nn.Module, tensor: str, layout: Layout, graph: RelationalGraph
) -> np.ndarray[Any, Any] | None:
    """How far each output moves with the inputs of each node, ``[out, n]``."""
    # Without data there is nothing to look at, and a copy of the values would be overwritten.
    twin = copy.deepcopy(module)
    if any(parameter.is_meta for parameter in twin.parameters()):
        twin = twin.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for parameter in twin.parameters():
        if parameter.is_floating_point():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    weight = getattr(twin, tensor)
    mask_weight(twin, tensor, make_mask(graph, layout, weight, rescale=False, remember=False))
    twin.eval()
    example = torch.randn(1, *_input_shape(twin), generator=generator).to(weight)
    nodes = _nodes(layout, graph.n)
    moved = example.expand(graph.n, *example.shape[1:]).clone()
    axis = example.ndim - 1 if isinstance(twin, nn.Linear) else 1
    shape = [1] * moved.ndim
    shape[0], shape[axis] = graph.n, layout.in_features
    belongs = torch.from_numpy(nodes[None] == np.arange(graph.n)[:, None]).to(weight.device).reshape(shape)
    moved += 3 * belongs.to(moved)
    out = twin(torch.cat([example, moved]))
    width = layout.parts * layout.out_features
    if not isinstance(out, Tensor) or len(out) != graph.n + 1 or out.shape[axis] != width:
        return None
    change = (out[1:] - out[:1]).abs().double()
    if isinstance(twin, nn.Linear):
        change = change.reshape(graph.n, -1, width).amax(1)
    else:
        change = change.reshape(graph.n, width, -1).amax(2)
    return change.t().cpu().numpy()


def _input_shape(module: nn.Module) -> tuple[int, ...]:
    if isinstance(module, nn.Linear):
        return (module.in_features,)
    assert isinstance(module, nn.modules.conv._ConvNd)
    reach = [(k - 1) * d + 1 for k, d in zip(module.kernel_size, module.dilation, strict=True)]
    return (module.in_channels, *([2] * len(reach) if module.transposed else reach))


def _nodes(layout: Layout, n: int) -> np.ndarray[Any, Any]:
    """The node that each input feature belongs to."""
    return np.concatenate([np.repeat(np.arange(n), node_sizes(width, n)) for width in layout.inputs])


def _allowed(layout: Layout, graph: RelationalGraph) -> np.ndarray[Any, Any]:
    """Whether each output reads each node, ``[out, n]``, from the mask."""
    on = layout.mask(graph).numpy()
    on = on.reshape(on.shape[:2]).T if layout.transposed else on.reshape(on.shape[:2])
    nodes = _nodes(layout, graph.n)
    return np.stack([on[:, nodes == node].any(axis=1) for node in range(graph.n)], axis=1)
