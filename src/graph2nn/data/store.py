"""Decoded datasets on disk: one safetensors file each, checked when read, replaced in one step."""

from __future__ import annotations

import json
import warnings
import zlib
from pathlib import Path

import torch

from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Samples, Split, resident
from graph2nn.errors import Graph2nnWarning, UserError
from graph2nn.files import path_in_utf8, replacing, why_not

VERSION = "1"


def save_stored(dataset: Dataset, file: Path) -> None:
    """Write a dataset, so that a reader sees the whole file or none. A failure is only a warning."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = _tensors(dataset)
    about = {
        "name": dataset.name,
        "label": dataset.label,
        "classes": dataset.classes,
        "mean": dataset.mean,
        "sd": dataset.sd,
        "task": dataset.task,
        "targets": dataset.targets,
        "target_mean": dataset.target_mean,
        "target_sd": dataset.target_sd,
        "features": dataset.features,
        "notes": dataset.notes,
        "crc32": {name: _crc32(tensor) for name, tensor in tensors.items()},
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as part:
            save_file(tensors, part, metadata={"version": VERSION, "dataset": json.dumps(about)})
    except (OSError, UserError, SafetensorError) as error:
        why = why_not(error.__cause__ or error)
        warnings.warn(
            f"data: the decoded copy could not be written to {file.parent} ({why}); "
            "the next start decodes again. Pass --cache with a folder you may write to.",
            Graph2nnWarning,
            stacklevel=2,
        )


def load_stored(file: Path) -> Dataset | None:
    """Read a dataset back, memory-mapped; None when there is none, or a damaged one (with a warning)."""
    if not file.is_file():
        return None
    from safetensors import safe_open

    try:
        with path_in_utf8(file) as path, safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            if metadata.get("version") != VERSION:
                return None
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        about = json.loads(metadata["dataset"])
        if about["crc32"] != {name: _crc32(tensor) for name, tensor in tensors.items()}:
            raise ValueError("its checksum differs")
        splits = {
            name: _split(tensors[f"{name}.images"], tensors[f"{name}.labels"])
            for name in ("train", "validation", "test")
            if f"{name}.images" in tensors
        }
        return Dataset(
            name=about["name"],
            label=about["label"],
            train=splits["train"],
            test=splits["test"],
            classes=tuple(about["classes"]),
            mean=tuple(about["mean"]),
            sd=tuple(about["sd"]),
            validation=splits.get("validation"),
            task=about.get("task", "classification"),
            targets=tuple(about.get("targets", ())),
            target_mean=tuple(about.get("target_mean", ())),
            target_sd=tuple(about.get("target_sd", ())),
            features=tuple(about.get("features", ())),
            notes=tuple(about.get("notes", ())),
        )
    except Exception as error:  # whatever is wrong with a cache, the source is still there
        warnings.warn(
            f"data: the decoded copy {file} is damaged ({error}); decoding the source again.",
            Graph2nnWarning,
            stacklevel=2,
        )
        return None


def _tensors(dataset: Dataset) -> dict[str, torch.Tensor]:
    splits = {name: resident(split, "data") for name, split in dataset.splits.items()}
    return {
        f"{name}.{field}": tensor.contiguous()
        for name, split in splits.items()
        for field, tensor in (("images", split.images), ("labels", split.labels))
    }


def _split(images: torch.Tensor, labels: torch.Tensor) -> Split:
    plain = images.dtype == torch.uint8 and labels.dtype == torch.int64
    return Split(images, labels) if plain else Samples(images, labels)


def _crc32(tensor: torch.Tensor) -> int:
    return zlib.crc32(tensor.numpy().data)
