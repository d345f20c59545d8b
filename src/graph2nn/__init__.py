"""graph2nn: turn any graph into a neural network.

The names below are the whole public surface. Each is imported when it is first used, so that
``import graph2nn`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graph2nn.errors import UserError
    from graph2nn.graphs.catalogues import catalogue
    from graph2nn.graphs.graph import RelationalGraph
    from graph2nn.graphs.ws_flex import ws_flex

_HOME = {
    "RelationalGraph": "graph2nn.graphs.graph",
    "UserError": "graph2nn.errors",
    "catalogue": "graph2nn.graphs.catalogues",
    "ws_flex": "graph2nn.graphs.ws_flex",
}

__all__ = ["RelationalGraph", "UserError", "__version__", "catalogue", "ws_flex"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'graph2nn' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
