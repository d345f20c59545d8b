"""Weights to start from: of a run of ours, or of a checkpoint of the published code (``.pyth``)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from graph2nn.conversion.weight_sources import plain_tensor
from graph2nn.errors import UserError, shown
from graph2nn.files import path_in_utf8, refuse_special
from graph2nn.layers.grouped_linear import GroupedLinear
from graph2nn.layers.masked import RelationalConv2d, RelationalLinear

#: Endings of files that torch wrote.
TORCH_FILES = (".pyth", ".pth", ".pt")


def starting_weights(path: Path, network: nn.Module) -> dict[str, Tensor]:
    """Return a ``state_dict`` of a network with the weights of a file.

    Args:
        path: the folder of a run, its ``weights.safetensors``, or a checkpoint of the published code.
        network: as the config builds it; it takes the weights over.

    Raises:
        UserError: no such file, not weights, or weights of another network.
    """
    file = path / "weights.safetensors" if path.is_dir() else path
    refuse_special(file, "start")
    if file.suffix in TORCH_FILES:
        load_published(network, read_checkpoint(file)["model_state"], where=str(file))
    else:
        try:
            with path_in_utf8(file) as weights:
                network.load_state_dict(load_file(weights))
        except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
            reason = " ".join(str(error).split())[:160]
            raise UserError(f"start: {file} does not hold weights of this network ({reason}).") from None
    for name, entry in network.state_dict().items():
        if not entry.isfinite().all():
            raise UserError(
                f"start: {file}: {name} holds NaN or infinite values; take the weights of another run."
            )
    return {name: entry.clone() for name, entry in network.state_dict().items()}


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of the published code: ``epoch``, ``model_state``, ``optimizer_state`` and ``cfg``.

    Nothing but tensors and plain values is unpickled.

    Raises:
        UserError: no such file, or one that the published code did not write.
    """
    refuse_special(path, "start")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"start: {path} cannot be read ({error.strerror or error}).") from None
    except (RuntimeError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:160] or "it ends too early"
        raise UserError(f"start: {path} is not a checkpoint ({reason}).") from None
    except Exception as error:  # pickle's own errors: among them what only a full unpickling would run
        raise UserError(f"start: {path} is not a checkpoint ({type(error).__name__}).") from None
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("model_state"), Mapping):
        raise UserError(f"start: {path} has no model_state; expected a checkpoint of the published code.")
    return checkpoint


@torch.no_grad()
def load_published(network: nn.Module, state: Mapping[str, Tensor], *, where: str = "checkpoint") -> None:
    """Give a network the weights of the published one.

    The published names differ from ours, but the order of the layers is the same: each layer takes the next
    entries, whose shapes must agree.

    Args:
        network: of any engine; changed in place.
        state: ``model_state`` of a checkpoint, also one of several GPUs.
        where: names the file in a complaint.

    Raises:
        UserError: another number of entries, or an entry of another shape.
    """
    theirs = iter(
        [(str(key), entry) for key, entry in state.items() if not str(key).endswith("num_batches_tracked")]
    )
    for name, module, kind in _entries(network):
        key, entry = next(theirs, ("", torch.empty(0)))
        if not key:
            raise UserError(f"start: {where} ends before {name} of this network; it is of another network.")
        wanted = _shape(module, kind)
        if not isinstance(entry, Tensor):
            raise UserError(f"start: {where}: {key} is {shown(entry)}, not a tensor; it is of another network.")
        entry = plain_tensor(entry, f"start: {where}: {key}")
        if tuple(entry.shape) != wanted:
            raise UserError(
                f"start: {where}: {key} is {tuple(entry.shape)}, {name} of this network {wanted}; "
                "it is of another network, or other widths."
            )
        _set(module, kind, entry)
    if rest := next(theirs, None):
        raise UserError(
            f"start: {where} goes on with {rest[0]} after the last layer; it is of another network."
        )


def _entries(network: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    """Weights, biases and running statistics, module by module."""
    for name, module in network.named_modules():
        for kind in ("weight", "bias", "running_mean", "running_var"):
            if isinstance(getattr(module, kind, None), Tensor):
                yield f"{name}.{kind}", module, kind


def _shape(module: nn.Module, kind: str) -> tuple[int, ...]:
    if kind == "weight" and isinstance(module, RelationalLinear | RelationalConv2d):
        return tuple(module.shape)
    if kind == "weight" and isinstance(module, GroupedLinear):
        return module.out_features, module.in_features
    return tuple(getattr(module, kind).shape)


def _set(module: nn.Module, kind: str, entry: Tensor) -> None:
    if kind == "weight" and isinstance(module, RelationalLinear | RelationalConv2d):
        module.set_weight(entry)
    elif kind == "weight" and isinstance(module, GroupedLinear):
        blocks = entry.view(module.groups, -1, module.groups, module.in_features // module.groups)
        module.weight.copy_(torch.stack([blocks[group, :, group] for group in range(module.groups)]))
    else:
        getattr(module, kind).copy_(entry)
