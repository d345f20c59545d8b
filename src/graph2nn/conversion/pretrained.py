"""Saving of Hugging Face models that follow graphs: dense weights, the graphs next to them, a model card."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from graph2nn.arguments import checked_arguments
from graph2nn.conversion.model_card import model_card
from graph2nn.conversion.weights import weights_of
from graph2nn.errors import UserError
from graph2nn.files import replacing
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.parametrisation import masked_weights

#: Name of the file with the graphs.
FILE = "graph2nn.json"
_STORED = re.compile(r"(?:(?P<module>.+)\.)?parametrizations\.(?P<tensor>[^.]+)\.(?P<part>original|0\.mask)")


def dense_state(module: nn.Module) -> dict[str, Tensor]:
    """Return the ``state_dict`` of a relationalized module under the names of its dense form, without masks.

    Args:
        module: relationalized; it is not changed.

    Returns:
        Tensors by name; weights are zero off their masks.

    Example:
        >>> import graph2nn as g
        >>> layer = g.relationalize(nn.Linear(8, 8), g.ws_flex(4, 2, 0.0, 1), include="*").module
        >>> list(dense_state(layer))
        ['bias', 'weight']
    """
    state: dict[str, Tensor] = {}
    for name, value in module.state_dict().items():
        stored = _STORED.fullmatch(name)
        if stored is None:
            state[name] = value
        elif stored["part"] == "original":
            state[f"{stored['module'] or ''}.{stored['tensor']}".lstrip(".")] = value
    return state


@checked_arguments
def save_pretrained(
    model: nn.Module,
    folder: str | Path,
    *,
    macs: int | None = None,
    errors: Mapping[str, float] | None = None,
    **options: Any,
) -> Path:
    """Save a relationalized Hugging Face model as a folder that transformers reads too.

    ``model.save_pretrained(folder)`` does the same once the model was relationalized. The weights have the
    names and shapes of the dense model, zeros included, so that ``from_pretrained`` of transformers gives a
    dense model that computes the same; :func:`graph2nn.from_pretrained` gives back the relational one.
    ``graph2nn.json`` holds the graphs, ``README.md`` a model card (an existing one is left alone).

    Args:
        model: a ``PreTrainedModel`` with weights that follow graphs.
        folder: made if it does not exist.
        macs: multiply-adds of one call, for the card.
        errors: results for the card, for example ``{"top-1 test error, %": 6.2}``.
        options: of transformers' own ``save_pretrained``; not ``state_dict``.

    Returns:
        The folder.

    Raises:
        UserError: the model cannot be saved this way, or none of its weights follows a graph.

    Example:
        >>> save_pretrained(model, "bert-ws", errors={"perplexity": 31.5})  # doctest: +SKIP
    """
    kind: Any = type(model)
    if not hasattr(kind, "save_pretrained"):
        raise UserError(
            f"save_pretrained: {kind.__name__} has no save_pretrained of its own; save model.state_dict()."
        )
    wiring = _wiring(model)
    target = Path(folder)
    kind.save_pretrained(model, folder, state_dict=dense_state(model), **options)
    with replacing(target / FILE) as temporary:
        temporary.write_text(json.dumps(wiring, indent=1) + "\n", encoding="utf-8")
    card = target / "README.md"
    if not card.exists():
        card.write_text(model_card(model, macs=macs, errors=errors), encoding="utf-8")
    return target


def hook_saving(model: nn.Module) -> None:
    """Let ``model.save_pretrained(folder)`` be :func:`save_pretrained`; a copy of the model saves itself."""
    if hasattr(type(model), "save_pretrained"):
        model.__dict__["save_pretrained"] = partial(save_pretrained, model)


def _wiring(model: nn.Module) -> dict[str, Any]:
    numbers: dict[RelationalGraph, int] = {}
    steps = {(id(owner), tensor): step for owner, tensor, step in masked_weights(model)}
    rows: dict[str, dict[str, Any]] = {}
    for weight in weights_of(model):
        step = steps.get((id(weight.module), weight.tensor))
        if step is None or step.layout is None:
            continue
        row: dict[str, Any] = {"graph": numbers.setdefault(step.graph, len(numbers))}
        plain = getattr(weight.layout, "parts", 1)
        if step.layout.parts > plain:
            row["stacked"] = step.layout.parts // plain
        if step.layout.joined:
            row["inputs"] = list(step.layout.joined)
        rows[weight.name] = row
    if not rows:
        raise UserError(f"save_pretrained: no weight of this {type(model).__name__} was relationalized.")
    graphs = [_described(graph) for graph in numbers]
    return {"format": 1, "class": type(model).__name__, "graphs": graphs, "weights": rows}


def _described(graph: RelationalGraph) -> dict[str, Any]:
    return {
        "name": graph.name,
        "n": graph.n,
        "directed": bool(graph.directed),
        "self_loops": graph.self_loops,
        "node_names": None if graph.node_names is None else list(graph.node_names),
        "edge_index": graph.edge_index.tolist(),
    }
