"""A text file as windows of bytes, each to be continued byte by byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from graph2nn.data.dataset import Dataset
from graph2nn.data.own.from_arrays import digest_of_samples
from graph2nn.data.samples import Samples
from graph2nn.errors import UserError

#: Endings of text files.
SUFFIXES = (".txt", ".text", ".md")


def dataset_of_text(path: Path, *, context: int, test: float, validation: float, name: str) -> Dataset:
    """Read a text file for a language model.

    The file is cut at two places into training, validation and test part, in this order. Each part becomes
    windows of ``context`` bytes that follow each other without overlap; what is learnt is the byte after each.
    So every byte of a part is predicted once, from what stands before it in its window (the first byte of a
    part and its last, incomplete window apart).

    Args:
        path: of the file, read as bytes, whatever their encoding.
        context: bytes per window.
        test: share of the file at its end.
        validation: share of the file before that; 0 for none.
        name: what reports call the data.

    Returns:
        Samples uint8 ``[N, context]``, targets likewise, 256 classes.

    Raises:
        UserError: a part with less than one window, or a file that cannot be read.
    """
    if not 2 <= context <= 8192:
        raise UserError(f"data: --context {context} lies outside [2, 8192]; give the bytes of a window, 128.")
    try:
        text = torch.from_numpy(np.fromfile(path, dtype=np.uint8))
    except OSError as error:
        raise UserError(f"data: {path} cannot be read ({error.strerror or error}).") from None
    if not test:
        raise UserError("data: there is no test part; give a share such as --test 0.2.")
    end, start = (round(len(text) * (1 - share)) for share in (test, test + validation))
    cuts = {"train": text[:start], "validation": text[start:end], "test": text[end:]}
    parts = {}
    for split, piece in cuts.items():
        if split == "validation" and not validation:
            continue
        count = (len(piece) - 1) // context
        if count < 1:
            raise UserError(
                f"data: the {split} part of {path} has {len(piece)} bytes, and one window needs {context + 1}; "
                "give a longer text, or a smaller --context."
            )
        before, after = piece[: count * context], piece[1 : count * context + 1]
        parts[split] = Samples(*(half.reshape(count, context).clone() for half in (before, after)))
    data = Dataset(
        name="own",
        label=name,
        train=parts["train"],
        test=parts["test"],
        classes=tuple(f"byte {value}" for value in range(256)),
        mean=(0.0,),
        sd=(1.0,),
        validation=parts.get("validation"),
        task="language",
    )
    return replace(data, label=f"{name} ({digest_of_samples(data)})")
