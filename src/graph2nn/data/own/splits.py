"""Drawing the test and the validation part of a data set, stratified for classes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from graph2nn.errors import UserError, checked_seed

#: Shares that are drawn where nothing else is asked for.
TEST, VALIDATION = 0.2, 0.1

Indices = npt.NDArray[np.int64]


def check_share(option: str, share: object) -> float:
    """Return a share of the samples as a float.

    Raises:
        UserError: not a number in [0, 1).
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
        raise UserError(f"data: {option} = {share!r} is not a share of the samples; give 0.1, for example.")
    return float(share)


def refuse_shares(given: Collection[str], *, test: float, validation: float, seed: int) -> None:
    """Refuse to draw parts that the data bring.

    Args:
        given: names of the parts that the data bring.
        test: share that is asked for.
        validation: likewise.
        seed: of the draw.

    Raises:
        UserError: a share other than the default one of a part that is given, or a seed and nothing to draw.
    """
    shares = {"test": test, "validation": validation}
    for split, default in (("test", TEST), ("validation", VALIDATION)):
        if split in given and shares[split] != default:
            raise UserError(
                f"data: --{split} {shares[split]:g} draws a {split} part, and these data bring their own; "
                f"leave it out ({split}= in Python)."
            )
    if seed and all(split in given or not share for split, share in shares.items()):
        raise UserError(
            f"data: --split-seed {seed} is of a draw, and nothing is drawn from these data; leave it out "
            "(seed= in Python)."
        )


def draw(
    shares: Sequence[float], count: int, seed: int, labels: npt.NDArray[np.int64] | None = None
) -> list[Indices]:
    """Draw disjoint parts of ``count`` samples; what is left is the last part.

    Args:
        shares: of the parts, of all samples; together below 1.
        count: number of samples.
        seed: of the draw.
        labels: class numbers ``[count]``, to draw the same share of every class; None draws from all at once.

    Returns:
        One array of ascending sample numbers per share, and the rest. Every class keeps at least one sample in
        the rest.

    Raises:
        UserError: shares that leave nothing, or parts that come out empty.

    Example:
        >>> [part.tolist() for part in draw([0.25], 8, seed=0, labels=np.repeat([0, 1], 4))]
        [[2, 7], [0, 1, 3, 4, 5, 6]]
    """
    if sum(shares) >= 1:
        raise UserError(
            f"data: test and validation together take {sum(shares):g} of the samples and leave none to train "
            "on; choose smaller shares."
        )
    rng = np.random.default_rng(checked_seed(seed, "data"))
    groups = [np.arange(count)] if labels is None else [np.flatnonzero(labels == k) for k in np.unique(labels)]
    shuffled = [rng.permutation(group) for group in groups]
    parts: list[Indices] = []
    for share in shares:
        taken = _sizes(share, count, [len(group) for group in groups], [len(group) for group in shuffled])
        parts.append(np.sort(np.concatenate([g[:k] for g, k in zip(shuffled, taken, strict=True)])))
        shuffled = [g[k:] for g, k in zip(shuffled, taken, strict=True)]
        if share and not len(parts[-1]):
            raise UserError(
                f"data: a share of {share:g} of {count} samples is not a single one; give more data or a "
                "larger share."
            )
    return [*parts, np.sort(np.concatenate(shuffled))]


def _sizes(share: float, count: int, groups: Sequence[int], left: Sequence[int]) -> list[int]:
    """Samples to take of each group: its share, rounded so that the whole comes out right."""
    exact = [share * size for size in groups]
    taken = [min(int(value), rest - 1) for value, rest in zip(exact, left, strict=True)]
    order = sorted(range(len(groups)), key=lambda k: (taken[k] - exact[k], k))
    for k in order:
        if sum(taken) >= round(share * count):
            break
        taken[k] += taken[k] + 1 < left[k]
    return taken
