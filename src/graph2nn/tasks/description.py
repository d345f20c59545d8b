"""What a data set holds, in plain values: kind, task, classes, shapes, splits; and a contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Split, resident
from graph2nn.errors import UserError
from graph2nn.files import replacing
from graph2nn.tasks.registry import class_counts, task_of

if TYPE_CHECKING:
    from PIL.Image import Image

#: A contact sheet shows this many classes, and images of each.
ROWS, COLUMNS = 12, 10
#: Side of an image on the sheet, room for a class's name and space between images, in pixels.
_SIDE, _NAME, _GAP = 64, 120, 4
#: The largest class has more than this many times the samples of the smallest: the classes are called skewed.
SKEWED = 3


def describe(data: Dataset) -> dict[str, Any]:
    """Return what a data set holds as JSON can hold it.

    Args:
        data: held in memory.

    Returns:
        ``label, kind`` (images, vectors, text), ``task, score, shape, splits`` (samples by split), ``classes``
        (for each, its samples by split) or ``targets`` (mean, sd, lowest and highest in training), ``features``
        (mean and sd of each column of vectors), ``skewed``, and ``notes`` on what was left out. Of a text also
        ``bytes`` by split, how many different ones are ``used``, and how it ``begins``; of pairs of sentences
        the size of the ``vocabulary``, and as shape that of a pair of mean length.
    """

    if data.task == "translation":
        return {
            "label": data.label,
            "kind": "pairs of sentences",
            "values": "tokens",
            "task": data.task,
            "score": task_of(data).score.label,
            "shape": list(data.image_shape),
            "splits": {name: len(split) for name, split in data.splits.items()},
            "vocabulary": data.num_classes,
            "notes": list(data.notes),
        }
    splits = {name: resident(split, "data show") for name, split in data.splits.items()}
    text = data.task == "language"
    said: dict[str, Any] = {
        "label": data.label,
        "kind": "text" if text else ("vectors", "sequences", "images")[len(data.image_shape) - 1],
        "values": str(splits["train"].images.dtype).removeprefix("torch."),
        "task": data.task,
        "score": task_of(data).score.label,
        "shape": list(data.image_shape),
        "splits": {name: len(split) for name, split in splits.items()},
    }
    if text:
        said["bytes"] = {name: split.images.numel() for name, split in splits.items()}
        said["used"] = int((torch.bincount(splits["train"].images.flatten(), minlength=256) > 0).sum())
        said["begins"] = bytes(splits["train"].images[0].tolist()).decode("utf-8", "replace")
        return {**said, "notes": list(data.notes)}
    if data.numeric:
        said["targets"] = [_target(data, splits["train"], number) for number in range(len(data.targets))]
    else:
        counts = {name: class_counts(data, split) for name, split in splits.items()}
        said["classes"] = {
            label: {name: counts[name][number] for name in splits} for number, label in enumerate(data.classes)
        }
        said["skewed"] = max(counts["train"]) > SKEWED * max(1, min(counts["train"]))
    if len(data.image_shape) == 1:
        names = data.features or tuple(map(str, range(data.in_features)))
        said["features"] = [
            {"name": name, "mean": mean, "sd": sd}
            for name, mean, sd in zip(names, data.mean, data.sd, strict=True)
        ]
    return {**said, "notes": list(data.notes)}


def _target(data: Dataset, split: Split, number: int) -> dict[str, Any]:
    values = split.labels[..., number]
    values = values[~torch.isnan(values)]
    return {
        "name": data.targets[number],
        "mean": data.target_mean[number],
        "sd": data.target_sd[number],
        "lowest": float(values.min()),
        "highest": float(values.max()),
    }


def draw_sheet(data: Dataset, file: Path) -> Path:
    """Draw the first training images of each class side by side, as the network gets them.

    Args:
        data: of images, held in memory.
        file: PNG to write.

    Raises:
        UserError: samples that are not images, another ending than .png, or a file that cannot be written.
    """
    from PIL import Image, ImageDraw

    if file.suffix.lower() != ".png":
        raise UserError(f"data show: --plot {file} does not end in .png; name a PNG file.")
    if len(data.image_shape) != 3:
        raise UserError("data show: --plot draws images, and these samples are not images; leave it out.")
    split = resident(data.train, "data show")
    groups = [("", torch.arange(len(split)))]
    if not data.numeric:
        groups = [(name, (split.labels == k).nonzero().flatten()) for k, name in enumerate(data.classes)]
    groups = groups[:ROWS]
    step = _SIDE + _GAP
    sheet = Image.new("RGB", (_NAME + COLUMNS * step, len(groups) * step + _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (name, chosen) in enumerate(groups):
        pen.text((_GAP, row * step + step // 2), name[:18], fill="black")
        for column, number in enumerate(chosen[:COLUMNS].tolist()):
            place = (_NAME + column * step, row * step + _GAP)
            sheet.paste(_thumbnail(split.images[number]), place)
    with replacing(file) as temporary:
        sheet.save(temporary, format="PNG")
    return file


def _thumbnail(pixels: torch.Tensor) -> Image:
    from PIL import Image

    values = pixels.numpy()
    if values.dtype != np.uint8:  # floats of any range: from the lowest to the highest value
        low, high = float(values.min()), float(values.max())
        values = np.rint(255 * (values - low) / max(high - low, 1e-12)).astype(np.uint8)
    # Two channels have no colours of their own: the first is shown.
    shown = values.transpose(1, 2, 0) if len(values) in (3, 4) else values[0]
    return Image.fromarray(shown).convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
