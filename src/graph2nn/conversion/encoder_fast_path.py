"""torch's fused encoder layers, which read the weights of other layers and so pass by their kernels.

In evaluation without gradients ``nn.TransformerEncoderLayer`` hands ``linear1.weight`` and ``linear2.weight``
to one fused function. For a weight stored compactly that builds the dense weight in every call, which took
twice as long as the dense layer.
"""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize

from graph2nn.layers.compact_weight import CompactWeight

#: Where a module keeps the switch of its fused function while that is off.
_KEPT = "_switch_of_fused_function"
#: The attribute by which each class chooses its fused function.
_SWITCHES = {nn.TransformerEncoderLayer: "activation_relu_or_gelu", nn.TransformerEncoder: "use_nested_tensor"}


def leave_fast_path(module: nn.Module) -> None:
    """Let encoder layers call their linear layers where one of these stores its weight compactly.

    The stack above them must not pack its input into a nested tensor either, which only the fused function
    takes.

    Args:
        module: relationalized. Layers whose weights are all masked keep the fused function, and so does
            ``module`` itself where it is one layer, as the stack it may belong to is out of reach.
    """
    for kind, switch in _SWITCHES.items():
        for part in module.modules():
            if part is module and kind is nn.TransformerEncoderLayer:
                continue
            if isinstance(part, kind) and hasattr(part, switch) and not hasattr(part, _KEPT) and _compact(part):
                setattr(part, _KEPT, getattr(part, switch))
                setattr(part, switch, 0)


def restore_fast_path(module: nn.Module) -> None:
    """Undo :func:`leave_fast_path`, when the weights are dense again."""
    for kind, switch in _SWITCHES.items():
        for part in module.modules():
            if isinstance(part, kind) and hasattr(part, _KEPT):
                setattr(part, switch, getattr(part, _KEPT))
                delattr(part, _KEPT)


def _compact(module: nn.Module) -> bool:
    return any(
        isinstance(chain, CompactWeight)
        for part in module.modules()
        if parametrize.is_parametrized(part)
        for chain in part.parametrizations.values()  # type: ignore[operator]
    )
