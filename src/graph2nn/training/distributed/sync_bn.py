"""Synchronised batch norm over all ranks: torch's on CUDA, our own for gloo on the CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.autograd import Function
from torch.nn.modules.batchnorm import _BatchNorm


def synced(model: nn.Module, device: torch.device) -> None:
    """Replace the batch norms inside ``model``; their parameters and running averages stay the same tensors."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, _BatchNorm) and not isinstance(child, nn.SyncBatchNorm | SyncBatchNorm):
                other: nn.Module = (
                    nn.SyncBatchNorm.convert_sync_batchnorm(child)  # type: ignore[no-untyped-call]
                    if device.type == "cuda"
                    else SyncBatchNorm.of(child)
                )
                setattr(module, name, other)


class _Total(Function):
    """Sum over all ranks, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        value = value.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(value)
        return value

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        value = upstream[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(value)
        return value


class SyncBatchNorm(_BatchNorm):
    """Batch norm over the batches of all ranks, which are of equal size; torch's own is for GPUs alone.

    Shapes: ``[batch, features, …]``, unchanged. In evaluation it is like any other.
    """

    @classmethod
    def of(cls, norm: _BatchNorm) -> SyncBatchNorm:
        """Return one that shares the parameters and running averages of ``norm``."""
        synced = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        synced._parameters.update(norm._parameters)
        synced._buffers.update(norm._buffers)
        synced.train(norm.training)
        return synced

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002
        """Take any number of dimensions, as the norm it replaces has checked them."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Normalise each feature over the batches of all ranks."""
        if not self.training:
            return super().forward(input)
        x = input.float() if input.dtype in (torch.bfloat16, torch.float16) else input
        over = [dim for dim in range(x.dim()) if dim != 1]
        shape = [1 if dim in over else -1 for dim in range(x.dim())]
        count = x.numel() // x.shape[1] * dist.get_world_size()
        # In two passes: the mean of squares less the square of the mean would lose digits.
        mean: Tensor = _Total.apply(x.sum(over)) / count  # type: ignore[no-untyped-call]
        centred = x - mean.view(shape)
        variance: Tensor = _Total.apply(centred.square().sum(over)) / count  # type: ignore[no-untyped-call]
        self._average(mean.detach(), variance.detach() * (count / (count - 1)))
        y = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(input.dtype)

    @torch.no_grad()
    def _average(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)
