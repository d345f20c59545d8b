"""Many perceptrons as one: their weights stacked, and padded with zeros to the widest.

The padding is exact. A feature that is not there has weight, gain and shift zero: its value is zero, so is
every gradient that would change it, and weight decay keeps zero where it is. Only the entries that a graph
forbids need a mask, on the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.layers.dense import DenseLinear
from graph2nn.layers.masked import RelationalLinear
from graph2nn.models.mlp import MLP


def why_not(network: nn.Module) -> str:
    """Say why a network cannot be stacked; nothing if it can."""
    if type(network) is not MLP:
        return f"it is a {type(network).__name__}, and only the MLP can be stacked yet"
    for layer, norm in _wired(network):
        masked = type(layer) is RelationalLinear
        if not masked and type(layer) not in (nn.Linear, DenseLinear):
            return f"it has a layer {type(layer).__name__}, and only dense and masked ones can be stacked yet"
        if masked and layer.symmetric:
            return "its weights are symmetric, which cannot be stacked yet"
        if norm.momentum is None or not norm.affine or not norm.track_running_stats:
            return "its batch norm is not torch's usual one"
    return ""


@dataclass
class Stack:
    """The state of M perceptrons of L layers each, on one device.

    Shapes: ``weights`` L tensors ``[M, out, in]``, stem first and head last; ``masks`` bool likewise, None
    where no member has one; ``gains``, ``shifts``, ``means`` and ``variances`` of the L-1 batch norms
    ``[M, out]``; ``bias`` of the head ``[M, classes]``. ``batches`` is how many went into the running
    statistics.
    """

    weights: list[Tensor]
    masks: list[Tensor | None]
    gains: list[Tensor]
    shifts: list[Tensor]
    bias: Tensor
    means: list[Tensor]
    variances: list[Tensor]
    momentum: float
    eps: float
    batches: int = 0

    @classmethod
    def of(cls, networks: Sequence[MLP], device: torch.device) -> Stack:
        """Stack networks that :func:`why_not` has nothing against and that have :func:`kind` in common."""
        layers = [[layer for layer, _ in _wired(network)] for network in networks]
        norms = list(zip(*([norm for _, norm in _wired(network)] for network in networks), strict=True))

        def pad(tensors: Sequence[Tensor]) -> Tensor:
            shape = [max(sizes) for sizes in zip(*(tensor.shape for tensor in tensors), strict=True)]
            stacked = torch.zeros(len(tensors), *shape, dtype=tensors[0].dtype, device=device)
            for padded, tensor in zip(stacked, tensors, strict=True):
                padded[tuple(map(slice, tensor.shape))] = tensor.detach()
            return stacked

        weights = [pad([layer.weight for layer in each]) for each in zip(*layers, strict=True)]
        weights.append(pad([network.head.weight for network in networks]))
        masks = [
            pad([_mask(layer) for layer in each])
            if any(isinstance(layer, RelationalLinear) for layer in each)
            else None
            for each in zip(*layers, strict=True)
        ]
        return cls(
            weights,
            [*masks, None],
            [pad([norm.weight for norm in each]) for each in norms],
            [pad([norm.bias for norm in each]) for each in norms],
            pad([network.head.bias for network in networks]),
            [pad([_statistic(norm.running_mean) for norm in each]) for each in norms],
            [pad([_statistic(norm.running_var) for norm in each]) for each in norms],
            float(norms[0][0].momentum),
            norms[0][0].eps,
        )

    def __len__(self) -> int:
        return len(self.bias)

    def parameters(self) -> list[Tensor]:
        """What is learnt, weights first."""
        return [*self.weights, *self.gains, *self.shifts, self.bias]

    def keep(self, chosen: Tensor) -> Stack:
        """Return the stack of some of the members, int64 ``[kept]``; the padding stays."""

        def some(tensors: Sequence[Tensor]) -> list[Tensor]:
            return [tensor.detach().index_select(0, chosen) for tensor in tensors]

        return Stack(
            some(self.weights),
            [None if mask is None else mask.index_select(0, chosen) for mask in self.masks],
            some(self.gains),
            some(self.shifts),
            some([self.bias])[0],
            some(self.means),
            some(self.variances),
            self.momentum,
            self.eps,
            self.batches,
        )

    @torch.no_grad()
    def write(self, member: int, network: MLP) -> None:
        """Copy the state of one member into a network like the one it came from."""
        for i, (layer, norm) in enumerate(_wired(network)):
            _copy(layer.weight, self.weights[i][member])
            for target, values in (
                (norm.weight, self.gains),
                (norm.bias, self.shifts),
                (_statistic(norm.running_mean), self.means),
                (_statistic(norm.running_var), self.variances),
            ):
                _copy(target, values[i][member])
            _statistic(norm.num_batches_tracked).fill_(self.batches)
        _copy(network.head.weight, self.weights[-1][member])
        _copy(network.head.bias, self.bias[member])

    def reset_statistics(self) -> None:
        """Forget the running statistics, as ``BatchNorm1d.reset_running_stats`` does."""
        for mean, variance in zip(self.means, self.variances, strict=True):
            mean.zero_()
            variance.fill_(1)  # also where a feature is padding: its gain of zero hides it
        self.batches = 0

    def forward(self, x: Tensor, *, training: bool, momentum: float | None = None) -> Tensor:
        """Map ``[M, features, batch]``, or ``[features, batch]`` for all alike, to ``[M, classes, batch]``.

        In training the norms use the batch and move the running statistics by ``momentum``, if given.

        Args:
            x: samples, features first.
            training: whether the norms use the batch.
            momentum: of the running statistics; None leaves them as they are.

        Returns:
            Scores.
        """
        for weight, gain, shift, mean, variance in zip(
            self.weights[:-1], self.gains, self.shifts, self.means, self.variances, strict=True
        ):
            x = torch.matmul(weight, x)
            # Every feature of every member is one channel.
            normed = F.batch_norm(
                x.reshape(1, -1, x.shape[-1]),
                mean.view(-1),
                variance.view(-1),
                gain.view(-1),
                shift.view(-1),
                training,
                self.momentum if momentum is None else momentum,
                self.eps,
            )
            x = F.relu(normed.view_as(x))
        return torch.matmul(self.weights[-1], x) + self.bias[:, :, None]


def kind(network: MLP) -> tuple[object, ...]:
    """What networks must have in common to be stacked: depth, inputs, outputs, type of numbers, norms."""
    norms = [norm for _, norm in _wired(network)]
    ends = (network.stem[1][0].in_features, network.head.out_features)  # type: ignore[index]
    return len(norms), ends, network.head.weight.dtype, *((norm.momentum, norm.eps) for norm in norms)


def _wired(network: MLP) -> list[tuple[nn.Linear | RelationalLinear, nn.BatchNorm1d]]:
    """All layers but the head, each with its norm."""
    return [(block[0], block[1]) for block in (network.stem[1], *network.hidden)]


def _mask(layer: nn.Linear | RelationalLinear) -> Tensor:
    if isinstance(layer, RelationalLinear):
        return layer.mask
    return torch.ones_like(layer.weight, dtype=torch.bool)


def _statistic(tensor: Tensor | None) -> Tensor:
    assert tensor is not None  # why_not has looked
    return tensor


def _copy(target: Tensor, padded: Tensor) -> None:
    target.copy_(padded[tuple(map(slice, target.shape))])
