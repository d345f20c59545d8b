"""Pairs of sentences in memory, in padded batches of sentences of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graph2nn.data.samples import Augment, Device, Part, whole
from graph2nn.data.text.vocabulary import BEGIN, END, PADDING
from graph2nn.errors import UserError

#: Batches whose sentences are sorted by length together.
POOL = 50


@dataclass(frozen=True)
class PairSplit:
    """Sentences and their translations as tokens.

    Shapes: ``source`` int32 ``[N, S]``, ending in the end mark; ``target`` int32 ``[N, T]``, between begin and
    end mark; both padded with 0. ``length`` is the mean length of sentences of the training part, for the
    budget. ``references`` are the translations as text, by which BLEU judges.
    """

    source: Tensor
    target: Tensor
    length: int
    references: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.source)

    def to(self, device: Device) -> PairSplit:
        """Copy to a device."""
        return replace(self, source=self.source.to(device), target=self.target.to(device))

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Two sentences of mean length: what costs are counted for."""
        return 2, self.length

    def lengths(self) -> Tensor:
        """Return the longer one of source and target of each pair, in tokens."""
        return torch.maximum((self.source != PADDING).sum(1), (self.target != PADDING).sum(1) - 1)

    def batch(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Return pairs ``[B, 2, L]`` of source and target so far, and the next target tokens ``[B, L]``.

        Args:
            chosen: rows.
        """
        source, target = self.source[chosen], self.target[chosen]
        longest = max(1, int((source != PADDING).sum(1).max()), int((target != PADDING).sum(1).max()) - 1)
        before = target[:, :-1].masked_fill(target[:, 1:] == PADDING, PADDING)  # without the end mark
        padded = [_wide(part, longest).long() for part in (source, before, target[:, 1:])]
        return torch.stack(padded[:2], dim=1), padded[2]

    def batches(
        self,
        batch_size: int,
        *,
        mean: Sequence[float],
        sd: Sequence[float],
        augment: Augment,
        generator: torch.Generator,
        shuffle: bool = True,
        drop_last: bool = True,
        skip: int = 0,
        limit: int | None = None,
        part: Part = whole,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch of training batches: random pools, sorted by length within, in random order.

        Args:
            batch_size: pairs per batch.
            mean, sd: of images; not used.
            augment: of images; must ask for nothing.
            generator: of the order.
            shuffle: whether the order is random.
            drop_last: leave out a last batch that is not full.
            skip: batches to leave out at the start.
            limit: batches to end after; None for all.
            part: which pairs of each batch to return.

        Returns:
            Tokens and targets, batch by batch.

        Raises:
            UserError: an augmentation of images.
        """
        if augment != Augment():
            raise UserError("augment: flips and crops are for images, these are sentences; leave them out.")
        count = len(self) - len(self) % batch_size if drop_last else len(self)
        order = torch.arange(len(self))
        if shuffle:
            order = torch.randperm(len(self), generator=generator)
        groups = list(torch.split(order[:count], batch_size))
        if shuffle:
            lengths = self.lengths().cpu()
            pools = torch.split(order[:count], batch_size * POOL)
            ordered = [pool[lengths[pool].argsort(stable=True)] for pool in pools]
            groups = [group for pool in ordered for group in torch.split(pool, batch_size)]
            groups = [groups[number] for number in torch.randperm(len(groups), generator=generator).tolist()]
        return self._cut(list(enumerate(groups))[skip:limit], part)

    def _cut(
        self, groups: Sequence[tuple[int, torch.Tensor]], part: Part
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for number, chosen in groups:
            wanted = part(number, len(chosen))
            pairs, following = self.batch(chosen.to(self.source.device))
            if len(following[wanted]):
                yield pairs[wanted], following[wanted]

    def eval_batches(
        self, batch_size: int, *, mean: Sequence[float], sd: Sequence[float], part: Part = whole
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Every pair once, the shortest first, so that little is padded.

        Args:
            batch_size: pairs per batch.
            mean, sd: of images; not used.
            part: which pairs of each batch to return.

        Returns:
            Tokens and targets, batch by batch.
        """
        order = self.lengths().argsort(stable=True)
        for number, chosen in enumerate(torch.split(order, batch_size)):
            wanted = part(number, len(chosen))
            pairs, following = self.batch(chosen)
            if len(following[wanted]):
                yield pairs[wanted], following[wanted]


def split_of(
    source: Sequence[Sequence[int]],
    target: Sequence[Sequence[int]],
    length: int,
    references: Sequence[str] = (),
) -> PairSplit:
    """Make a split of token numbers without marks.

    Args:
        source, target: of each pair.
        length: mean length of the training part.
        references: translations as text.

    Returns:
        The split, with marks of beginning and end.
    """
    return PairSplit(
        _padded([[*row, END] for row in source]),
        _padded([[BEGIN, *row, END] for row in target]),
        length,
        tuple(references),
    )


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(row, dtype=torch.int32) for row in rows], batch_first=True, padding_value=PADDING
    )


def _wide(tokens: Tensor, width: int) -> Tensor:
    """Cut or pad ``[B, T]`` to ``[B, width]``."""
    return torch.nn.functional.pad(tokens, (0, width - tokens.shape[1]), value=PADDING)
