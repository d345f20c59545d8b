"""Translation: smoothed cross-entropy of the next token, judged by BLEU and chrF of translations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from graph2nn.data.dataset import Dataset
from graph2nn.data.text.sentence_pairs import PairSplit
from graph2nn.data.text.vocabulary import PADDING, decoded
from graph2nn.errors import UserError
from graph2nn.tasks.decoding import Decodes, beam, greedy
from graph2nn.tasks.score import Score
from graph2nn.tasks.task import Loss, LossOptions, Measured, Reduction

#: What is minimised; a run's table also has BLEU itself.
MISSING_BLEU = Score("100 − BLEU", "points")


@dataclass(frozen=True)
class Translation:
    """Translate sentences.

    Everything that is minimised must be lower where it is better, so the score is 100 − BLEU. Outputs
    ``[batch, L, vocabulary]``, targets ``[batch, L]`` padded with 0, which counts nowhere.
    """

    @property
    def score(self) -> Score:
        """100 − BLEU."""
        return MISSING_BLEU

    @property
    def reduction(self) -> Reduction:
        """Training adds the share of wrong tokens of each sentence, in percent."""
        return "mean"

    @property
    def metrics(self) -> tuple[str, ...]:
        """BLEU and chrF, higher is better, and perplexity per token."""
        return ("perplexity", "bleu", "chrf")

    def loss(self, recipe: LossOptions) -> Loss:
        """Cross-entropy, the mean over the tokens of the batch.

        Raises:
            UserError: options of the recipe that are for classes of samples or for numbers.
        """
        if recipe.class_weights or recipe.regression_loss != "mse":
            option = "class_weights" if recipe.class_weights else "regression_loss"
            raise UserError(f"recipe: {option} is for classes or numbers, and these are texts; leave it out.")

        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            return F.cross_entropy(
                outputs.flatten(0, 1), targets.flatten(), ignore_index=PADDING,
                label_smoothing=recipe.label_smoothing,
            )  # fmt: skip

        return loss

    def missed(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Add up the percent of wrong next tokens of each sentence."""
        there = targets != PADDING
        wrong = (outputs.argmax(2) != targets) & there
        return (100 * wrong.sum(1) / there.sum(1).clamp_min(1)).sum()

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Tokens, and the sum of their cross-entropies."""
        nats = F.cross_entropy(
            outputs.flatten(0, 1).float(), targets.flatten(), ignore_index=PADDING, reduction="sum"
        )
        return torch.stack([(targets != PADDING).sum().double(), nats.double()])

    def measured(self, sums: Tensor) -> Measured:
        """Mean cross-entropy per token, and perplexity; BLEU needs translations (:func:`with_bleu`)."""
        loss = float(sums[1]) / float(sums[0])
        return Measured(loss, math.nan, others={"perplexity": math.exp(min(loss, 700.0))})


def translate(
    network: Decodes, vocabulary: str, source: Tensor, *, beams: int = 1, together: int = 64
) -> list[str]:
    """Translate sentences.

    Args:
        network: in evaluation mode.
        vocabulary: of the data it was trained on.
        source: tokens ``[N, S]``, each sentence with its end mark, padded with 0.
        beams: 1 is greedy.
        together: sentences at a time; they are sorted by length.

    Returns:
        One translation per sentence, in the order of the sentences.
    """
    order = (source != PADDING).sum(1).argsort(stable=True)
    texts = [""] * len(source)
    for chosen in torch.split(order, together):
        part = source[chosen].long()
        part = part[:, : int((part != PADDING).sum(1).max())]
        tokens = greedy(network, part) if beams == 1 else beam(network, part, beams)
        for row, text in zip(chosen.tolist(), decoded(vocabulary, tokens), strict=True):
            texts[row] = text
    return texts


@dataclass(frozen=True)
class Bleu:
    """BLEU (Papineni et al., 2002) and chrF (Popović, 2015) of a set of translations, by sacrebleu.

    ``signature`` says exactly what was computed (Post, 2018).
    """

    bleu: float
    chrf: float
    signature: str


def bleu_of(translations: Sequence[str], references: Sequence[str]) -> Bleu:
    """Return BLEU and chrF of translations against one reference each.

    Args:
        translations: as text.
        references: as text, in the same order.

    Returns:
        Both scores and the signature.

    Raises:
        UserError: the package sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise UserError(
            "text: needs the package sacrebleu, which is not installed; pip install sacrebleu."
        ) from None
    bleu, chrf = BLEU(), CHRF()
    scored = bleu.corpus_score(list(translations), [list(references)])
    return Bleu(
        float(scored.score),
        float(chrf.corpus_score(list(translations), [list(references)]).score),
        str(bleu.get_signature()),
    )


def with_bleu(measured: Measured, network: Decodes, data: Dataset, split: PairSplit) -> Measured:
    """Return an evaluation with BLEU and chrF of greedy translations.

    Args:
        measured: with the loss.
        network: in evaluation mode.
        data: with the vocabulary.
        split: what to translate.

    Returns:
        The evaluation, its score 100 − BLEU.
    """
    scored = bleu_of(translate(network, data.vocabulary, split.source), split.references)
    others = {**measured.others, "bleu": scored.bleu, "chrf": scored.chrf}
    return Measured(measured.loss, 100 - scored.bleu, others=others)
