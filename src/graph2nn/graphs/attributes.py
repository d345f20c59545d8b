"""What nodes and edges carry besides the wiring: names, weights, signs and a table of nodes."""

from __future__ import annotations

import hashlib
import io
import keyword
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt

from graph2nn.arrays import plain_array
from graph2nn.errors import UserError
from graph2nn.graphs.arcs import positions
from graph2nn.graphs.storage import CSR, rows_of

if TYPE_CHECKING:
    import pandas as pd

Weights = npt.NDArray[np.float64]
Signs = npt.NDArray[np.int8]


class NodeArguments(TypedDict):
    """Arguments of a graph that belong to its nodes."""

    node_names: tuple[str, ...] | None
    nodes: pd.DataFrame | None
    self_loops: Literal["all", "given"]


class ValueArguments(TypedDict):
    """Arguments of a graph that belong to its arcs."""

    weights: Weights | None
    signs: Signs | None


@dataclass(frozen=True)
class EdgeValues:
    """Weights and signs of the arcs of a CSR matrix, in its order; None where there are none."""

    weights: Weights | None
    signs: Signs | None

    def __bool__(self) -> bool:
        return self.weights is not None or self.signs is not None

    @property
    def named(self) -> ValueArguments:
        """The values as arguments of a graph."""
        return {"weights": self.weights, "signs": self.signs}

    def through(self, source: CSR, target: CSR, rows: npt.ArrayLike, columns: npt.ArrayLike) -> EdgeValues:
        """Return the values of ``target``'s arcs, whose row i and column j are these of ``source``.

        Args:
            source: the matrix whose arcs these values belong to.
            target: the matrix whose arcs the result belongs to, a part of it.
            rows, columns: numbers in ``source`` of the rows and columns of ``target``.

        Returns:
            The values in the order of ``target``'s arcs.
        """
        if not self:
            return self
        at = positions(source, np.asarray(rows)[rows_of(target)], np.asarray(columns)[target.indices])
        there = at >= 0
        return EdgeValues(
            None if self.weights is None else np.where(there, self.weights[at], 0.0),
            None if self.signs is None else np.where(there, self.signs[at], 0).astype(np.int8),
        )


def is_symmetric(csr: CSR, values: EdgeValues) -> bool:
    """Whether both directions of each edge of a symmetric matrix have the same weight and sign."""
    back = positions(csr, csr.indices, rows_of(csr))
    return all(v is None or bool((v == v[back]).all()) for v in (values.weights, values.signs))


def in_order(
    values: npt.ArrayLike | None, order: npt.NDArray[np.int64] | None, what: str, name: str
) -> npt.NDArray[Any] | None:
    """Sort values that came with an edge index.

    Args:
        values: one per arc as given, ``[arcs]``; None for none.
        order: that sorts the arcs; None where they are sorted.
        what: the values are, for messages.
        name: of the graph, for messages.

    Returns:
        The values in the order of the stored arcs, or None.
    """
    if values is None:
        return None
    array = _values(values, what, name)
    if order is None:
        return array
    _check_length(array, len(order), what, name)
    return np.asarray(array[order])


def _values(values: npt.ArrayLike, what: str, name: str) -> npt.NDArray[Any]:
    return plain_array(values, f"graph {name!r}: {what}", "[arcs], one per column of edge_index")


def symmetrised_values(values: EdgeValues, source: CSR, target: CSR) -> EdgeValues:
    """Values of the symmetrised graph: the larger weight, and the sign on which both directions agree.

    Args:
        values: of ``source``'s arcs.
        source: the directed graph's matrix.
        target: the symmetrised graph's matrix.

    Returns:
        Weights and signs in the order of ``target``'s arcs.
    """
    if not values:
        return values
    nodes = np.arange(source.shape[0])
    here = values.through(source, target, nodes, nodes)
    rows, columns = rows_of(target), target.indices
    there_at, here_at = positions(source, columns, rows), positions(source, rows, columns)
    weights = signs = None
    if values.weights is not None and here.weights is not None:
        there = np.where(there_at >= 0, values.weights[there_at], 0.0)
        weights = np.maximum(here.weights, there)
    if values.signs is not None and here.signs is not None:
        back = np.where(there_at >= 0, values.signs[there_at], 0)
        signs = np.where(there_at < 0, here.signs, np.where(here_at < 0, back, here.signs))
        signs = np.where((there_at >= 0) & (here_at >= 0) & (here.signs != back), 0, signs)
    return EdgeValues(weights, None if signs is None else signs.astype(np.int8))


def checked_weights(weights: npt.ArrayLike | None, arcs: int, name: str) -> Weights | None:
    """Check and copy weights ``[arcs]``: finite magnitudes above 0; read-only.

    Args:
        weights: one per arc; None for none.
        arcs: how many arcs there are.
        name: of the graph, for messages.

    Returns:
        The weights as a read-only copy, or None.
    """
    if weights is None:
        return None
    given = _values(weights, "weights", name)
    try:
        array = given.astype(np.float64)
    except (TypeError, ValueError):
        raise UserError(f"graph {name!r}: the weights are not numbers.") from None
    _check_length(array, arcs, "weights", name)
    odd = array[~(np.isfinite(array) & (array > 0))]
    if odd.size:
        raise UserError(
            f"graph {name!r}: a weight is {odd[0]:g}; expected finite magnitudes above 0. "
            "Give the direction of an effect as signs=, and leave out connections of weight 0."
        )
    array.setflags(write=False)
    return array


def checked_signs(signs: npt.ArrayLike | None, arcs: int, name: str) -> Signs | None:
    """Check and copy signs ``[arcs]`` of −1, 0 and +1; read-only.

    Args:
        signs: one per arc; None for none.
        arcs: how many arcs there are.
        name: of the graph, for messages.

    Returns:
        The signs as a read-only copy, or None.
    """
    if signs is None:
        return None
    array = _values(signs, "signs", name)
    _check_length(array, arcs, "signs", name)
    if array.dtype.kind not in "iufb" or not np.isin(array, (-1, 0, 1)).all():
        raise UserError(f"graph {name!r}: the signs are not all −1, 0 or +1.")
    small: Signs = array.astype(np.int8)
    small.setflags(write=False)
    return small


def _check_length(array: npt.NDArray[Any], arcs: int, what: str, name: str) -> None:
    if array.shape != (arcs,):
        raise UserError(
            f"graph {name!r}: {what} of shape {array.shape}; expected ({arcs},), one per column of edge_index "
            "(an undirected edge stands there in both directions)."
        )


def checked_names(names: Iterable[str] | None, n: int, name: str) -> tuple[str, ...] | None:
    """Check node names: n different texts.

    Args:
        names: one per node; None for none.
        n: number of nodes.
        name: of the graph, for messages.

    Returns:
        The names as a tuple, or None.
    """
    if names is None:
        return None
    listed = tuple(names)
    if len(listed) != n:
        raise UserError(f"graph {name!r}: {len(listed)} node names for {n} nodes.")
    odd = next((one for one in listed if not isinstance(one, str)), None)
    if odd is not None:
        raise UserError(f"graph {name!r}: the node name {odd!r} is not a text.")
    if len(set(listed)) < n:
        seen: set[str] = set()
        twice = next(one for one in listed if one in seen or seen.add(one))  # type: ignore[func-returns-value]
        raise UserError(f"graph {name!r}: two nodes are named {twice!r}; names must differ.")
    return listed


def checked_nodes(nodes: pd.DataFrame | None, n: int, name: str) -> pd.DataFrame | None:
    """Check and copy the table of nodes: a data frame with one row per node.

    Args:
        nodes: the table; None for none.
        n: number of nodes.
        name: of the graph, for messages.

    Returns:
        A copy of the table, or None.
    """
    if nodes is None:
        return None
    import pandas as pd

    if not isinstance(nodes, pd.DataFrame):
        raise UserError(f"graph {name!r}: nodes is a {type(nodes).__name__}; expected a pandas DataFrame.")
    if len(nodes) != n:
        raise UserError(f"graph {name!r}: the table of nodes has {len(nodes)} rows for {n} nodes.")
    return nodes.copy()


def values_digest(base: str, self_loops: str, values: EdgeValues) -> str:
    """Extend the digest of a wiring by what changes the network: self-loops, weights and signs.

    Args:
        base: digest of the wiring.
        self_loops: ``"all"``, ``"given"`` and the like, as the graph has it.
        values: weights and signs of the arcs.

    Returns:
        ``base`` itself where nothing is added, else a digest of all of it.
    """
    if self_loops == "all" and not values:
        return base
    total = hashlib.sha256(f"{base} self_loops={self_loops}".encode())
    for label, array in (("weights", values.weights), ("signs", values.signs)):
        if array is not None:
            total.update(label.encode())
            total.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return total.hexdigest()


def queried(nodes: pd.DataFrame | None, expression: str, name: str) -> npt.NDArray[np.int64]:
    """Return the numbers of the nodes for which an expression on the table of nodes holds.

    Args:
        nodes: table of nodes; None for none.
        expression: a condition as ``pandas.DataFrame.query`` takes it. A column may also be called like a
            keyword of Python (``class == 'sensory'``).
        name: of the graph, for messages.

    Returns:
        Node numbers, ascending.

    Raises:
        UserError: no table, an expression that pandas does not understand, or one that is not a condition.
    """
    import pandas as pd

    if nodes is None:
        raise UserError(
            f"graph {name!r} has no table of nodes, so {expression!r} selects nothing; "
            "read it with read_connectome(edges, neurons), or pass nodes= to RelationalGraph."
        )
    try:
        quoted = _quoted(expression, nodes.columns)
        held = nodes.eval(quoted, engine="python", local_dict={}, global_dict={})
    except Exception as error:  # pandas raises whatever its parser meets: SyntaxError, KeyError, TypeError …
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(
            f"graph {name!r}: {expression!r} cannot be evaluated on the table of nodes ({reason}). "
            f"Columns: {', '.join(map(str, nodes.columns))}. Write for example \"column == 'value'\"."
        ) from None
    if not isinstance(held, pd.Series) or pd.api.types.infer_dtype(held, skipna=True) != "boolean":
        raise UserError(
            f"graph {name!r}: {expression!r} is not a condition that is true or false for each node."
        )
    return np.flatnonzero(held.eq(True).fillna(False).to_numpy(dtype=bool))


#: Keywords that mean something in an expression.
_OPERATORS = ("and", "or", "not", "in", "True", "False", "None")


def _quoted(expression: str, columns: Iterable[object]) -> str:
    """Put columns that are called like a keyword in backticks, as pandas wants them."""
    names = {str(name) for name in columns if keyword.iskeyword(str(name))} - {*_OPERATORS}
    if not names or "\n" in expression:
        return expression
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(expression).readline))
    except (tokenize.TokenError, SyntaxError):
        return expression
    for token in reversed(tokens):
        start, end = token.start[1], token.end[1]
        if token.type == tokenize.NAME and token.string in names and expression[start - 1 : start] != "`":
            expression = f"{expression[:start]}`{token.string}`{expression[end:]}"
    return expression
