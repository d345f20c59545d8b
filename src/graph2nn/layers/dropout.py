"""Dropout whose random numbers are cheap on the CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: One draw of 64 bits serves four features, which are kept or not by 16 bits each.
_LEVELS = 2**16


class Dropout(nn.Dropout):
    """Zero a share of the features while training, and scale the others up (Srivastava et al., 2014).

    On the CPU torch draws one number of the Mersenne twister per feature, a sixth of a training step of a small
    Transformer. Here four features share one draw of 64 bits. The share is rounded to a multiple of
    1/65536 and the others are scaled by the rounded share, so that the expectation is exact. On other devices,
    and in compiled, traced or vmapped networks, it is torch's own dropout.

    Shapes: any, to the same.

    Example:
        >>> Dropout(0.5).eval()(torch.ones(3)).tolist()
        [1.0, 1.0, 1.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with a share ``p`` of it zeroed."""
        return dropout(x, self.p) if self.training else x


def dropout(x: Tensor, p: float) -> Tensor:
    """Zero a share ``p`` of the elements of ``x`` and divide the others by the share that is kept.

    Args:
        x: any shape, floating.
        p: share that is zeroed, 0 to 1.

    Returns:
        A tensor like ``x``.

    Example:
        >>> dropout(torch.ones(2), 1.0).tolist()
        [0.0, 0.0]
    """
    zeroed = round(p * _LEVELS)
    watched = torch._C._are_functorch_transforms_active() or torch._C._get_tracing_state() is not None
    if watched or torch.compiler.is_compiling() or x.device.type != "cpu" or not 0 < zeroed < _LEVELS:
        return F.dropout(x, p, training=True)
    size = x.numel()
    draws = torch.empty(-(-size // 4), dtype=torch.int64).random_(-(2**63), None)
    kept = draws.view(torch.int16)[:size].view(x.shape) >= zeroed - _LEVELS // 2
    return x * kept.to(x.dtype).mul_(_LEVELS / (_LEVELS - zeroed))
