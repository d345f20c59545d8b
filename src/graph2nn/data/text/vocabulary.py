"""Byte-pair vocabulary of both languages together, by Hugging Face tokenizers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from graph2nn.errors import UserError

PADDING, BEGIN, END = 0, 1, 2
#: What the first three numbers stand for.
SPECIAL = ("<pad>", "<s>", "</s>")
#: Pieces of the vocabulary, where the text gives that many.
SIZE = 4000


def tokenizers_module() -> Any:
    """Return the package ``tokenizers``.

    Raises:
        UserError: it is not installed.
    """
    try:
        import tokenizers
    except ImportError:
        raise UserError(
            "text: needs the package tokenizers, which is not installed; pip install tokenizers."
        ) from None
    return tokenizers


def learn_vocabulary(sentences: Iterable[str], size: int = SIZE) -> str:
    """Learn byte pairs (Sennrich et al., 2016) from sentences of all languages.

    Every byte is in it, so that any text can be written and nothing is unknown; text comes back as it was.

    Args:
        sentences: of the training part alone.
        size: most pieces.

    Returns:
        The tokenizer as JSON.

    Raises:
        UserError: the package is not installed.
    """
    package = tokenizers_module()
    tokenizer = package.Tokenizer(package.models.BPE())
    tokenizer.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = package.decoders.ByteLevel()
    trainer = package.trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=package.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences, trainer)
    text: str = tokenizer.to_str()
    return text


@lru_cache(maxsize=4)
def _tokenizer(vocabulary: str) -> Any:
    return tokenizers_module().Tokenizer.from_str(vocabulary)


def pieces(vocabulary: str) -> tuple[str, ...]:
    """Return the pieces of a vocabulary in the order of their numbers."""
    numbers: dict[str, int] = _tokenizer(vocabulary).get_vocab()
    return tuple(sorted(numbers, key=lambda piece: numbers[piece]))


def encoded(vocabulary: str, sentences: Sequence[str]) -> list[list[int]]:
    """Return the numbers of the pieces of each sentence, without marks of its beginning and end."""
    return [encoding.ids for encoding in _tokenizer(vocabulary).encode_batch(list(sentences))]


def decoded(vocabulary: str, numbers: Sequence[Sequence[int]]) -> list[str]:
    """Return sentences from numbers; they end at the first end mark."""
    cut = [list(row)[: list(row).index(END)] if END in row else list(row) for row in numbers]
    texts: list[str] = _tokenizer(vocabulary).decode_batch(cut, skip_special_tokens=True)
    return [text.strip() for text in texts]
