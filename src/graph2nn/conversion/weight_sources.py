"""Read weights from a module, a ``state_dict``, a file or a run folder."""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graph2nn.conversion.weights import weights_of
from graph2nn.errors import UserError
from graph2nn.files import path_in_utf8
from graph2nn.layers.weight_layout import Layout
from graph2nn.memory import refuse_memory

Source = nn.Module | Mapping[str, Tensor] | str | Path

#: Where training scripts keep the weights inside a checkpoint, the likeliest first.
_NESTS = ("state_dict", "model_state_dict", "model_state", "model", "module", "net", "weights")
_PICKLES = (".pt", ".pth", ".pyth", ".bin", ".ckpt")
_MASKED = re.compile(r"(?:(?P<module>.+)\.)?parametrizations\.(?P<tensor>[^.]+)\.original")


@dataclass(frozen=True, eq=False)
class Trained:
    """A weight to read a graph from: its values (zeros where it is masked), and its mask if it has one."""

    name: str
    value: Tensor
    layout: Layout
    mask: Tensor | None = None
    nodes: int | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights: where it lies, what they are, and the epoch if the file or its name tells."""

    path: Path
    state: dict[str, Tensor]
    epoch: int | None


def trained_weights(source: Source) -> Iterator[Trained]:
    """Yield the weights of a module, a ``state_dict`` or a checkpoint that have a layout.

    A ``state_dict`` tells names and shapes alone: gates of recurrent layers and the projections of an attention
    are known by torch's names, everything else is taken for ``[out, in, *kernel]``, tables of embeddings too.

    Raises:
        UserError: a file that cannot be read.
    """
    if isinstance(source, nn.Module):
        for weight in weights_of(source):
            if isinstance(weight.layout, Layout):
                yield Trained(weight.name, weight.value().detach(), weight.layout, weight.mask, weight.nodes)
    elif isinstance(source, Mapping):
        yield from _from_state(source)
    else:
        yield from _from_state(read_checkpoint(source).state)


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a .safetensors or torch file (by ``weights_only``: nothing in it is executed), or a run's folder.

    Raises:
        UserError: no such file, an unknown ending, a damaged file, one without weights.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "weights.safetensors"
    if not file.is_file():
        state = "is not a file" if file.exists() else "does not exist"
        raise UserError(f"recover: {file} {state}. Name a checkpoint, or the folder of a run.")
    if file.suffix == ".safetensors":
        return Checkpoint(file, _safetensors(file), _number_in(file))
    if file.suffix not in _PICKLES:
        raise UserError(
            f"recover: {file} ends in {file.suffix!r}; expected .safetensors, {', '.join(_PICKLES)}."
        )
    content = _torch(file)
    epoch = content.get("epoch") if isinstance(content, Mapping) else None
    return Checkpoint(file, _weights_in(content, file), epoch if isinstance(epoch, int) else _number_in(file))


def checkpoints_in(path: str | Path) -> list[Path]:
    """List the checkpoints that a path means: itself, those of the runs in a folder, or those in it.

    Files are ordered by the numbers in their names: ``epoch9.pt`` before ``epoch10.pt``.

    Raises:
        UserError: a folder without any.
    """
    folder = Path(path)
    if not folder.is_dir() or (folder / "weights.safetensors").is_file():
        return [folder]
    files = list((folder / "runs").glob("*/weights.safetensors")) or [
        file for file in folder.iterdir() if file.suffix in (".safetensors", *_PICKLES)
    ]
    if not files:
        raise UserError(
            f"recover: no checkpoint in {folder}: no runs/*/weights.safetensors, no file of weights."
        )
    return sorted(
        files, key=lambda file: [(int(number or 0), text) for number, text in _PIECES.findall(str(file))]
    )


_PIECES = re.compile(r"(\d+)|(\D+)")


def _safetensors(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with path_in_utf8(file) as path:
            return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise UserError(f"recover: {file} is damaged or not a safetensors file ({_line(error)}).") from None


def _torch(file: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"recover: {file} is damaged, or holds more than tensors and plain values; "
            "save a state_dict: torch.save(model.state_dict(), path)."
        ) from None
    except Exception as error:  # torch and zipfile stumble over damage in ways of their own
        raise UserError(f"recover: {file} is damaged or not a torch file ({_line(error)}).") from None


def _weights_in(content: Any, file: Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        for candidate in (content, *(content.get(nest) for nest in _NESTS)):
            if isinstance(candidate, Mapping):
                tensors = {str(key): value for key, value in candidate.items() if isinstance(value, Tensor)}
                if any(tensor.ndim >= 2 for tensor in tensors.values()):
                    return tensors
    raise UserError(f"recover: {file} holds no weights, neither itself nor under {', '.join(_NESTS)}.")


def _number_in(file: Path) -> int | None:
    """The epoch as a file name tells it: its last number."""
    numbers = re.findall(r"\d+", file.stem)
    return int(numbers[-1]) if numbers else None


def _line(error: Exception) -> str:
    if isinstance(error, EOFError):  # an empty file, of which torch says nothing
        return "it ends too early"
    return " ".join(str(error).split())[:120]


def _from_state(state: Mapping[str, Tensor]) -> Iterator[Trained]:
    for key, stored in state.items():
        if stored.ndim < 2 or not stored.is_floating_point() or not stored.numel():
            continue
        value = plain_tensor(stored, f"recover: {key}")
        name, mask = key, state.get(f"{key.removesuffix('weight')}mask") if key.endswith("weight") else None
        if masked := _MASKED.fullmatch(key):
            name = f"{masked['module'] or ''}.{masked['tensor']}".lstrip(".")
            mask = state.get(f"{key.removesuffix('original')}0.mask")
        # A mask has 1 along the axes of a kernel, which are on or off together.
        whole = None if mask is None else (*value.shape[:2], *mask.shape[2:])
        if mask is not None and (mask.dtype != torch.bool or mask.ndim != value.ndim or mask.shape != whole):
            mask = None
        mask = None if mask is None else plain_tensor(mask, f"recover: the mask of {key}")
        yield Trained(name, value if mask is None else value * mask, _layout(name, value, state), mask)


def plain_tensor(value: Tensor, what: str) -> Tensor:
    """Return the tensor as a dense one with values that numbers can be read from.

    Args:
        value: of a file.
        what: it is; begins the line of an error.

    Raises:
        UserError: no values (the meta device), or too many to be made dense.
    """
    if value.device.type == "meta":
        raise UserError(f"{what} has a shape and no values, as it was saved from the meta device.")
    if value.layout != torch.strided:
        refuse_memory(f"{what}, which is sparse,", 8.0 * math.prod(value.shape), "save it as a dense tensor")
        return value.to_dense()
    return value.dequantize() if value.is_quantized else value


def _layout(name: str, value: Tensor, state: Mapping[str, Tensor]) -> Layout:
    rows, columns, *kernel = value.shape
    module, _, tensor = name.rpartition(".")
    parts = 1
    if tensor == "in_proj_weight" and rows == 3 * columns:
        parts = 3
    elif gate := re.fullmatch(r"weight_(?:ih|hh)(.*)", tensor):
        hidden = _hidden(module, gate[1], state, default=rows)
        if hidden < 1 or rows % hidden:
            raise UserError(
                f"recover: {name} has {rows} rows, not whole gates of the {hidden} units of weight_hh."
            )
        parts = rows // hidden
    return Layout(rows // parts, columns, parts=parts, kernel=tuple(kernel))


def _hidden(module: str, layer: str, state: Mapping[str, Tensor], *, default: int) -> int:
    """Width of a recurrent layer: what its projection reads, or else what its recurrent weight reads."""
    prefix = f"{module}.".lstrip(".")
    for tensor in (f"weight_hr{layer}", f"weight_hh{layer}"):
        for key in (f"{prefix}{tensor}", f"{prefix}parametrizations.{tensor}.original"):
            if key in state and state[key].ndim != 2:
                shape = list(state[key].shape)
                raise UserError(f"recover: {key} has shape {shape}; expected [rows, columns], as torch has it.")
            if key in state:
                return int(state[key].shape[1])
    return default
