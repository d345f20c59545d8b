"""Greedy and beam search: translations from a network that scores the next token."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from graph2nn.data.text.vocabulary import BEGIN, END, PADDING
from graph2nn.models.attention import Cache


class Decodes(Protocol):
    """What searches need of a network; see :class:`graph2nn.models.Translator`."""

    def encode(self, source: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Memory of source tokens."""

    def decode(
        self, target: Tensor, memory: Tensor, hidden: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Scores of the tokens that follow each target token.

        Args:
            target: tokens ``[batch, T]``.
            memory: encoded source, ``[batch, S, width]``.
            hidden: bool ``[batch, S]``, True for padding; None for none.
            cache: keys and values of earlier calls.

        Returns:
            ``[batch, T, tokens]``.
        """


def most_tokens(source: Tensor) -> int:
    """Return how many tokens a translation may have: one and a half times the longest source, and ten."""
    return int(1.5 * int((source != PADDING).sum(1).max())) + 10


@torch.inference_mode()
def greedy(network: Decodes, source: Tensor) -> list[list[int]]:
    """Translate by taking the likeliest token each time.

    Args:
        network: in evaluation mode.
        source: tokens ``[batch, S]``, padded with 0.

    Returns:
        Tokens of each translation, without marks.
    """
    hidden = source == PADDING
    memory, cache = network.encode(source, hidden), dict[str, tuple[Tensor, Tensor]]()
    last = torch.full((len(source), 1), BEGIN, device=source.device)
    ended = torch.zeros(len(source), dtype=torch.bool, device=source.device)
    written = []
    for _ in range(most_tokens(source)):
        chosen = _allowed(network.decode(last, memory, hidden, cache)[:, -1]).argmax(1)
        chosen = chosen.masked_fill(ended, PADDING)
        written.append(chosen)
        ended |= chosen == END
        if bool(ended.all()):
            break
        last = chosen[:, None]
    return [_without_marks(row) for row in torch.stack(written, dim=1).tolist()]


@torch.inference_mode()
def beam(network: Decodes, source: Tensor, width: int, *, penalty: float = 1.0) -> list[list[int]]:
    """Translate by keeping the likeliest ``width`` beginnings of each sentence.

    Args:
        network: in evaluation mode.
        source: tokens ``[batch, S]``, padded with 0.
        width: beginnings kept; 1 is :func:`greedy`.
        penalty: translations are ranked by log-probability ÷ length to this power.

    Returns:
        Tokens of the best translation of each sentence, without marks.
    """
    batch, device = len(source), source.device
    hidden = (source == PADDING).repeat_interleave(width, 0)
    memory = network.encode(source, source == PADDING).repeat_interleave(width, 0)
    cache: Cache = {}
    written = torch.full((batch * width, 1), BEGIN, device=device)
    total = torch.full((batch, width), float("-inf"), device=device)
    total[:, 0] = 0.0  # all beams begin alike: only one may be continued
    ended = torch.zeros(batch, width, dtype=torch.bool, device=device)
    first = torch.arange(batch, device=device)[:, None] * width
    for _ in range(most_tokens(source)):
        scores = _allowed(network.decode(written[:, -1:], memory, hidden, cache)[:, -1])
        each = scores.float().log_softmax(1).view(batch, width, -1)
        # A beam that has ended goes on with padding alone, at no cost.
        each = each.masked_fill(ended[:, :, None], float("-inf"))
        each[:, :, PADDING] = torch.where(ended, 0.0, each[:, :, PADDING])
        total, place = (total[:, :, None] + each).flatten(1).topk(width, dim=1)
        parent, token = place // each.shape[2], place % each.shape[2]
        rows = (first + parent).flatten()
        written = torch.cat([written[rows], token.view(-1, 1)], dim=1)
        cache = {name: (keys[rows], values[rows]) for name, (keys, values) in cache.items()}
        ended = ended.gather(1, parent) | (token == END)
        if bool(ended.all()):
            break
    lengths = (written[:, 1:] != PADDING).sum(1).view(batch, width)
    best = (total / lengths.clamp_min(1) ** penalty).argmax(1)
    return [_without_marks(row) for row in written[first.flatten() + best, 1:].tolist()]


def _allowed(scores: Tensor) -> Tensor:
    """Rule out padding and the begin mark, which never follow a token."""
    scores = scores.clone()
    scores[:, [PADDING, BEGIN]] = float("-inf")
    return scores


def _without_marks(row: list[int]) -> list[int]:
    cut = row[: row.index(END)] if END in row else row
    return [token for token in cut if token not in (PADDING, BEGIN)]
