"""Multi30k, and any two line-aligned files, as pairs of sentences with one vocabulary."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from graph2nn.data.dataset import Dataset
from graph2nn.data.download import download
from graph2nn.data.text.sentence_pairs import PairSplit, split_of
from graph2nn.data.text.vocabulary import SIZE, encoded, learn_vocabulary, pieces
from graph2nn.errors import UserError
from graph2nn.files import refuse_special

#: Multi30k, task 1 (Elliott et al., 2016): raw text, English and German.
URL = "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw/"
CHECKSUMS = {
    "train.en.gz": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
    "train.de.gz": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
    "val.en.gz": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
    "val.de.gz": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
    "test_2016_flickr.en.gz": "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
    "test_2016_flickr.de.gz": "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
}
_FILES = {"train": "train", "validation": "val", "test": "test_2016_flickr"}
#: Training pairs with more tokens than this are left out, and held-out parts of one's own files are at most so
#: many pairs.
LONGEST, HELD_OUT = 100, 1000

Pairs = tuple[list[str], list[str]]


def load_translation(path: Path | str | None, cache: Path, *, progress: bool = True) -> Dataset:
    """Load Multi30k (English to German), or two line-aligned files of the user's own.

    Args:
        path: None downloads Multi30k into the cache; a folder holds its files, packed or not; ``SRC,TGT`` are
            two text files of any languages, line by line translations of each other, of which a tenth (at most
            1,000 pairs) each is drawn for validation and test.
        cache: where downloads are kept.
        progress: show bars on a terminal.

    Returns:
        A data set of the task ``"translation"``, whose ``vocabulary`` turns numbers into text.

    Raises:
        UserError: a file that is missing, damaged or empty, files of unequal length, no package tokenizers.
    """
    if path is not None and "," in str(path) and not Path(path).exists():
        first, _, second = str(path).partition(",")
        return _own(Path(first), Path(second))
    folder = cache / "multi30k" if path is None else Path(path)
    if path is None:
        for name, digest in CHECKSUMS.items():
            download(URL + name, f"sha256:{digest}", folder, progress=progress)
    elif not folder.is_dir():
        raise UserError(
            f"data: {folder} is not a folder; give that of Multi30k, or two files as --data SRC,TGT."
        )
    notes: list[str] = []
    parts = {
        split: _aligned(*(_file(folder, f"{stem}.{to}") for to in ("en", "de")), notes=notes)
        for split, stem in _FILES.items()
    }
    return translation_of(parts, name="multi30k", label="Multi30k en→de", notes=notes)


def translation_of(
    parts: Mapping[str, Pairs], *, name: str, label: str, size: int = SIZE, notes: Sequence[str] = ()
) -> Dataset:
    """Make a data set of sentences and their translations.

    Args:
        parts: source and target sentences of train, validation and test.
        name: of the data set.
        label: what reports call it, before the digest of its content.
        size: pieces of the vocabulary, learnt from the training part of both languages.
        notes: what was left out on the way here.

    Returns:
        The data set, named by the digest of its tokens.

    Raises:
        UserError: no training pair is short enough; no package tokenizers.
    """
    vocabulary = learn_vocabulary([*parts["train"][0], *parts["train"][1]], size)
    numbers = {split: [encoded(vocabulary, side) for side in pair] for split, pair in parts.items()}
    source, target = numbers["train"]
    kept = [row for row in range(len(source)) if 0 < max(len(source[row]), len(target[row])) < LONGEST]
    if not kept:
        raise UserError(f"data: no pair of {label} has fewer than {LONGEST} tokens; look at the files.")
    said = list(notes)
    if len(kept) < len(source):
        said.append(f"{len(source) - len(kept)} training pairs of {LONGEST} or more tokens were left out.")
    numbers["train"] = [[side[row] for row in kept] for side in (source, target)]
    length = round(float(np.mean([max(len(a), len(b)) for a, b in zip(*numbers["train"], strict=True)]))) + 1
    splits: dict[str, PairSplit] = {}
    content = hashlib.sha256(vocabulary.encode())
    for split, (from_, to) in numbers.items():
        references = parts[split][1] if split != "train" else ()
        splits[split] = split_of(from_, to, length, references)
        for tensor in (splits[split].source, splits[split].target):
            content.update(tensor.numpy().tobytes())
    return Dataset(
        name=name,
        label=f"{label} ({content.hexdigest()[:8]})",
        train=splits["train"],
        test=splits["test"],
        validation=splits.get("validation"),
        classes=pieces(vocabulary),
        mean=(0.0,),
        sd=(1.0,),
        task="translation",
        vocabulary=vocabulary,
        notes=tuple(said),
    )


def _own(source: Path, target: Path) -> Dataset:
    notes: list[str] = []
    pairs = list(zip(*_aligned(source, target, notes=notes), strict=True))
    held = min(HELD_OUT, len(pairs) // 10)
    if held < 1:
        raise UserError(f"data: {source} has {len(pairs)} lines, too few to hold some out; give 10 or more.")
    order = np.random.default_rng(0).permutation(len(pairs)).tolist()
    drawn = {"test": order[:held], "validation": order[held : 2 * held], "train": sorted(order[2 * held :])}
    parts = {split: ([pairs[row][0] for row in rows], [pairs[row][1] for row in rows]) for split, rows in
             drawn.items()}  # fmt: skip
    label = f"{source.name.partition('.gz')[0]}→{target.name.partition('.gz')[0]}"
    return translation_of(parts, name="pairs", label=label, notes=notes)


def _file(folder: Path, name: str) -> Path:
    for file in (folder / name, folder / f"{name}.gz"):
        if file.is_file():
            return file
    raise UserError(f"data: {folder} has no {name} or {name}.gz; expected the files of Multi30k, task 1, raw.")


def _aligned(source: Path, target: Path, *, notes: list[str]) -> Pairs:
    """Read two files line by line; pairs with an empty side are left out, which is added to the notes.

    Raises:
        UserError: a file that cannot be read, or other numbers of lines.
    """
    first, second = read_lines(source), read_lines(target)
    if len(first) != len(second):
        raise UserError(
            f"data: {source} has {len(first)} lines and {target} {len(second)}; line k of one must translate "
            "line k of the other."
        )
    empty = [row for row, sides in enumerate(zip(first, second, strict=True), start=1) if not all(sides)]
    if empty:
        notes.append(
            f"{len(empty)} of {len(first)} pairs of lines of {source.name} and {target.name} have an empty "
            f"side and were left out (the first is line {empty[0]})."
        )
    both = [(a, b) for a, b in zip(first, second, strict=True) if a and b]
    if not both:
        raise UserError(f"data: {source} and {target} have no pair of lines with text.")
    return [a for a, _ in both], [b for _, b in both]


def read_lines(file: Path) -> list[str]:
    """Read the lines of a UTF-8 text file, packed or not, without space around them.

    Raises:
        UserError: the file is missing or is not such text.
    """
    refuse_special(file, "data")
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"data: {file} does not exist; give two text files as --data SRC,TGT.") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"data: {file} cannot be read as UTF-8 text ({str(error)[:80]}).") from None
    return [line.strip() for line in text.split("\n")][: -1 if text.endswith("\n") else None]
