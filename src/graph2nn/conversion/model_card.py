"""Model card: the graphs of a network, their C and L, its budget and its errors, as a README with metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import nn
from torch.nn.utils import parametrize

from graph2nn.arguments import checked_arguments
from graph2nn.budget import parameters
from graph2nn.conversion.weights import weights_of
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.graphs.quantities import ALONG_EDGES
from graph2nn.layers.masked import RelationalConv2d, RelationalLinear
from graph2nn.layers.parametrisation import masked_weights


@checked_arguments
def model_card(
    module: nn.Module,
    *,
    name: str | None = None,
    macs: int | None = None,
    errors: Mapping[str, float] | None = None,
) -> str:
    """Describe a relational network for whoever downloads it; write the text to ``README.md``.

    Args:
        module: relationalized, built relational, or of :func:`graph2nn.load_run`.
        name: heading; the class of the module if left out.
        macs: multiply-adds of one sample.
        errors: results by what they are, for example ``{"top-1 test error, %": 6.2}``.

    Returns:
        Markdown, with the metadata block that model hubs read.

    Example:
        >>> import graph2nn as g
        >>> layer = g.relationalize(nn.Linear(8, 8), g.ws_flex(4, 2, 0.0, 1), include="*").module
        >>> print(model_card(layer, errors={"test error, %": 3.5}).splitlines()[7])
        # Linear
    """
    kind = parametrize.type_before_parametrizations(module).__name__
    library = "transformers" if hasattr(type(module), "save_pretrained") else "pytorch"
    lines = ["---", f"library_name: {library}", "tags:", "- graph2nn", "- relational-graph", "---", ""]
    lines += [f"# {name or kind}", "", f"A {kind} whose layers follow a graph (You et al., ICML 2020).", ""]
    lines += [
        "| graph | nodes | edges | C | L | weights that follow it |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for graph, count in _graphs(module).items():
        length = graph.path_length
        shown = "–" if math.isnan(length) else f"{length:.4f}"
        lines.append(
            f"| {graph.name} | {graph.n} | {graph.edges} | {graph.clustering:.4f} | {shown} | {count} |"
        )
    directed = any(graph.directed for graph in _graphs(module))
    forms = f"C and L of directed graphs follow the directions ({ALONG_EDGES})."
    lines += ["", forms, ""] if directed else [""]
    dense = sum(weight.parameter.numel() for weight in weights_of(module) if weight.mask is None)
    lines += ["| budget | |", "| --- | --- |", f"| parameters in use | {parameters(module):,} |"]
    lines += [f"| of these in dense weights | {dense:,} |"]
    lines += [] if macs is None else [f"| multiply-adds | {macs:,} |"]
    if errors:
        lines += [
            "",
            "| result | |",
            "| --- | --- |",
            *(f"| {what} | {value:g} |" for what, value in errors.items()),
        ]
    if library == "transformers":
        lines += [
            "",
            "The files load with transformers as a dense model with zeros. To keep the graphs in force:",
            "",
            "```python",
            "import graph2nn, transformers",
            "",
            f'model = graph2nn.from_pretrained(transformers.{kind}, "folder")',
            "```",
        ]
    return "\n".join(lines) + "\n"


def _graphs(module: nn.Module) -> dict[RelationalGraph, int]:
    """Each graph with the number of weights that follow it."""
    counts: dict[RelationalGraph, int] = {}
    layers = [part.graph for part in module.modules() if isinstance(part, RelationalLinear | RelationalConv2d)]
    for graph in (*layers, *(step.graph for _, _, step in masked_weights(module))):
        counts[graph] = counts.get(graph, 0) + 1
    return counts
