"""Text from trained networks: a prompt continued byte by byte, sentences translated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch

from graph2nn.data.text.sentence_pairs import split_of
from graph2nn.data.text.vocabulary import encoded
from graph2nn.errors import UserError
from graph2nn.experiments.trained import load_run
from graph2nn.results.data_card import DataCard
from graph2nn.tasks.decoding import Decodes
from graph2nn.tasks.translation import translate


@torch.inference_mode()
def generate(
    folder: str | Path,
    prompt: str = "\n",
    *,
    length: int = 200,
    temperature: float = 0.8,
    seed: int = 0,
) -> str:
    """Continue a prompt with the network of a run on a text.

    The network reads the last bytes that fit its context, and the next byte is drawn from what it gives them.

    Args:
        folder: of the run, as for :func:`graph2nn.load_run`.
        prompt: what the text begins with; at least one character.
        length: bytes to add.
        temperature: 1 draws by the network's probabilities, less prefers likely bytes, 0 takes the likeliest.
        seed: of the draws.

    Returns:
        The continuation, without the prompt; bytes that are not UTF-8 are replaced.

    Raises:
        UserError: a run on other data than a text, an empty prompt, a negative temperature.

    Example:
        >>> generate("runs/runs/RUN", "The graph ", length=50)  # doctest: +SKIP
        'of the network is read by its nodes, and the test '
    """
    network = load_run(folder)
    card = cast(DataCard, network.card)
    if card.task != "language":
        raise UserError(f"generate: {folder} was not trained on a text; train one with preset gpt-text.")
    if not prompt:
        raise UserError("generate: the prompt is empty; give at least one character.")
    if temperature < 0 or length < 1:
        what = f"length = {length}" if length < 1 else f"temperature = {temperature}"
        raise UserError(f"generate: {what} is too small; give at least {1 if length < 1 else 0}.")
    context = card.image_shape[0]
    draws = torch.Generator().manual_seed(seed)
    tokens = torch.tensor(list(prompt.encode()), dtype=torch.int64)
    first = len(tokens)
    for _ in range(length):
        scores = network(tokens[None, -context:])[0, -1]
        if temperature:
            chosen = torch.multinomial((scores / temperature).softmax(0), 1, generator=draws)
        else:
            chosen = scores.argmax()[None]
        tokens = torch.cat([tokens, chosen])
    return bytes(tokens[first:].tolist()).decode("utf-8", "replace")


def translate_sentences(folder: str | Path, sentences: Sequence[str], *, beams: int = 5) -> list[str]:
    """Translate sentences with the network of a run.

    Args:
        folder: of the run, as for :func:`graph2nn.load_run`.
        sentences: in the source language.
        beams: beginnings of each translation that are kept; 1 is greedy.

    Returns:
        One translation per sentence.

    Raises:
        UserError: a run on other data than pairs of sentences, no sentence, an empty one, no beam.

    Example:
        >>> translate_sentences("runs/runs/RUN", ["A dog runs."])  # doctest: +SKIP
        ['Ein Hund läuft.']
    """
    network = load_run(folder)
    card = cast(DataCard, network.card)
    if card.task != "translation":
        raise UserError(
            f"translate: {folder} was not trained on pairs of sentences; train one with transformer-multi30k."
        )
    if beams < 1:
        raise UserError(f"translate: {beams} beams; give at least 1.")
    if not sentences or not all(sentence.strip() for sentence in sentences):
        raise UserError("translate: expected sentences, and got none or an empty one; leave empty lines out.")
    tokens = encoded(card.vocabulary, [sentence.strip() for sentence in sentences])
    source = split_of(tokens, [[]] * len(tokens), 1).source
    return translate(cast(Decodes, network), card.vocabulary, source, beams=beams)
