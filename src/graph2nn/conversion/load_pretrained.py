"""Loading of Hugging Face models that follow graphs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from graph2nn.arguments import checked_arguments
from graph2nn.conversion.pretrained import FILE
from graph2nn.conversion.relationalize import relationalize
from graph2nn.conversion.weights import weights_of
from graph2nn.errors import UserError
from graph2nn.graphs.graph import RelationalGraph


@checked_arguments
def from_pretrained(kind: Any, folder: str | Path, **options: Any) -> nn.Module:
    """Load a model that :func:`graph2nn.save_pretrained` wrote, its weights following their graphs again.

    Args:
        kind: the class of the model, as for ``kind.from_pretrained(folder)`` of transformers.
        folder: with ``graph2nn.json`` in it; a model from a hub is downloaded first
            (``huggingface_hub.snapshot_download``).
        options: of transformers' own ``from_pretrained``.

    Returns:
        The model.

    Raises:
        UserError: no such file, a damaged one, or one that names weights which this class does not have.

    Example:
        >>> model = from_pretrained(transformers.BertModel, "bert-ws")  # doctest: +SKIP
    """
    place = Path(folder) / FILE
    if not place.is_file():
        raise UserError(
            f"from_pretrained: {place} does not exist; graph2nn.save_pretrained writes it next to the weights."
        )
    try:
        wiring = json.loads(place.read_text(encoding="utf-8"))
        graphs = [_graph(each) for each in wiring["graphs"]]
        rows = {str(name): dict(row) for name, row in wiring["weights"].items()}
        numbers = {name: int(row["graph"]) for name, row in rows.items()}
        chosen = {name: graphs[number] for name, number in numbers.items()}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UserError(f"from_pretrained: {place} is damaged ({error}).") from None
    model: nn.Module = kind.from_pretrained(folder, **options)
    present = {weight.name: weight for weight in weights_of(model)}
    missing = [name for name in rows if name not in present]
    if missing:
        raise UserError(
            f"from_pretrained: {type(model).__name__} has no weight {missing[0]!r}, which {place} names; "
            f"load the class that was saved ({wiring.get('class', 'unknown')})."
        )
    by_module = {present[name].module_name: graph for name, graph in chosen.items()}
    relationalize(
        model,
        lambda name, module: by_module[name],
        include=list(rows),
        stacked={name: row["stacked"] for name, row in rows.items() if row.get("stacked", 1) > 1},
        stacked_inputs={name: row["inputs"] for name, row in rows.items() if row.get("inputs")},
    )
    return model


def _graph(described: Mapping[str, Any]) -> RelationalGraph:
    return RelationalGraph.from_edge_index(
        np.array(described["edge_index"], dtype=np.int64).reshape(2, -1),
        int(described["n"]),
        name=str(described["name"]),
        directed=bool(described["directed"]),
        self_loops=described["self_loops"],
        node_names=described["node_names"],
    )
