"""Recover graphs from trained weights: of one weight, one checkpoint, or many over training."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from graph2nn.arguments import checked_arguments
from graph2nn.conversion.blocks import Matrix, Norm, Strongest, block_norms, captured
from graph2nn.conversion.names import named, no_match, rejoined, restacked
from graph2nn.conversion.weight_sources import Source, Trained, checkpoints_in, read_checkpoint, trained_weights
from graph2nn.errors import Graph2nnWarning, UserError
from graph2nn.files import replacing, write_parquet
from graph2nn.graphs.graph import RelationalGraph
from graph2nn.layers.partition import graph_from_mask

if TYPE_CHECKING:
    import pandas as pd

#: Columns of :func:`recover_table`, in order.
COLUMNS = (
    "checkpoint", "epoch", "layer", "n", "edges", "density", "captured", "clustering", "path_length",
    "directed",
)  # fmt: skip


class NoGraphError(UserError):
    """A checkpoint none of whose weights gives a graph: a dense baseline among masked networks, say."""


@dataclass(frozen=True, eq=False)
class Recovered:
    """The graph read from one weight.

    Args:
        name: of the weight.
        graph: node i reads node j where block (i, j) was chosen; a node always reads itself.
        block_norms: ``[n, n]``, row reads column.
        captured: share of the sum of squared weights in the blocks of the graph; about the density where the
            weights have no structure.

    Example:
        >>> import torch
        >>> weight = recover({"w": torch.eye(16)}, 4, threshold=0.0)["w"]
        >>> weight.graph.edges, weight.captured
        (0, 1.0)
    """

    name: str
    graph: RelationalGraph
    block_norms: Matrix
    captured: float

    @property
    def density(self) -> float:
        """Share of the n² blocks that are on, those of the diagonal included: (k + 1)/n."""
        return self.graph.density

    @property
    def clustering(self) -> float:
        """Clustering coefficient C of the graph."""
        return self.graph.clustering

    @property
    def path_length(self) -> float | None:
        """Average path length L of the graph; ``None`` if it falls into parts."""
        return self.graph.paths.mean if self.graph.connected else None


@checked_arguments
def recover(
    source: Source,
    n: int | None = None,
    *,
    density: float | None = None,
    threshold: float | None = None,
    norm: Norm = "fro",
    layers: str | Iterable[str] | None = None,
    symmetric: bool = False,
    stacked: Mapping[str, int] | None = None,
    stacked_inputs: Mapping[str, int | Sequence[int]] | None = None,
) -> dict[str, Recovered]:
    """Read the graph of each weight: cut into n × n blocks, its strongest blocks are the edges.

    Features belong to nodes as in :func:`graph2nn.mask`, and norms are taken per pair of features, so that
    uneven blocks compare fairly (:func:`block_norms`). Weights narrower than n are left out. Without
    ``density`` and ``threshold`` only masked weights are read, from their masks.

    Args:
        source: a module; its ``state_dict``; the path of one (.safetensors, .pt, .pth, …) or of a run's folder.
            A module tells how its weights lie; elsewhere each is taken for ``[out, in, *kernel]``, gates and
            projections of attentions being known by torch's names.
        n: number of nodes; for the masked weights of a module, that of their graph if left out.
        density: share of the n² blocks to choose, the diagonal included: from 1/n to 1.
        threshold: choose the blocks whose norm is more than this; 0 finds the zeros of a pruned weight.
        norm: ``"fro"`` root mean square, ``"l1"`` mean absolute value, ``"max"`` largest absolute value.
        layers: names of weights or of modules around them, with wildcards; all if left out.
        symmetric: choose undirected edges, by the mean norm of the two directions.
        stacked: as in :func:`graph2nn.relationalize`.
        stacked_inputs: likewise; a relationalized module tells it itself.

    Returns:
        The weights by their names, in their order.

    Raises:
        UserError: nothing to read, values out of range, a file that cannot be read.

    Example:
        >>> from torch import nn
        >>> from graph2nn import relationalize, ws_flex
        >>> graph = ws_flex(16, 4, 0.1, seed=1)
        >>> module = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10))
        >>> recovered = recover(relationalize(module, graph).module)
        >>> [weight.graph == graph for weight in recovered.values()]
        [True]
    """
    strongest = Strongest(density, threshold, symmetric)
    if n is not None and n < 2:
        raise UserError(f"recover: n = {n}, expected at least 2 nodes.")
    weights = rejoined(restacked(list(trained_weights(source)), stacked or {}), stacked_inputs or {})
    weights = _among(weights, layers)
    recovered = {}
    for weight in weights:
        if not strongest.given and weight.mask is None:
            continue
        nodes = n or weight.nodes
        if nodes is None:
            raise UserError(f"recover: {weight.name} does not tell how many nodes its graph has; give n.")
        if weight.layout.narrowest >= nodes:
            recovered[weight.name] = _read(weight, nodes, strongest, norm)
    if not recovered:
        why = (
            f"all are narrower than {n} nodes"
            if strongest.given
            else "none has a mask; give density or threshold"
        )
        raise NoGraphError(f"recover: no graph in {len(weights)} weights: {why}.")
    return recovered


@checked_arguments
def recover_table(
    paths: Iterable[str | Path] | str | Path,
    n: int | None = None,
    *,
    density: float | None = None,
    threshold: float | None = None,
    norm: Norm = "fro",
    layers: str | Iterable[str] | None = None,
    symmetric: bool = False,
    stacked: Mapping[str, int] | None = None,
    stacked_inputs: Mapping[str, int | Sequence[int]] | None = None,
) -> pd.DataFrame:
    """Read the graphs of many checkpoints, for example over training: one row per checkpoint and weight.

    The columns are those of ``COLUMNS``. ``epoch`` is what the checkpoint says, or else the last number of its
    file name; a graph in parts has no ``path_length`` (NaN). Of a ``directed`` graph C is that of Fagiolo
    (2007), and L runs along the edges. A checkpoint without a graph, such as that of a dense baseline, whose
    weights have no mask, is left out with a warning.

    Args:
        paths: checkpoints, run folders, or folders of either; a folder's files in the order of the numbers in
            their names.
        n: number of nodes.
        density, threshold, norm, layers, symmetric, stacked, stacked_inputs: those of :func:`recover`, the same
            for each checkpoint.

    Returns:
        A data frame, one row per checkpoint and weight.

    Raises:
        UserError: as :func:`recover`, and a folder without checkpoints; no graph in any of them.

    Example:
        >>> import torch
        >>> torch.save({"w": torch.eye(16)}, "epoch1.pt")
        >>> recover_table("epoch1.pt", 4, density=0.5)[["epoch", "layer", "n"]].values.tolist()
        [[1, 'w', 4]]
    """
    import pandas as pd

    if layers is not None and not isinstance(layers, str):
        layers = tuple(layers)  # an iterator would be empty from the second checkpoint on
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    rows: list[tuple[Any, ...]] = []
    without: list[tuple[Path, NoGraphError]] = []
    for path in (file for each in given for file in checkpoints_in(each)):
        checkpoint = read_checkpoint(path)
        try:
            recovered = recover(
                checkpoint.state, n, density=density, threshold=threshold, norm=norm, layers=layers,
                symmetric=symmetric, stacked=stacked, stacked_inputs=stacked_inputs,
            )  # fmt: skip
        except NoGraphError as error:
            without.append((checkpoint.path, error))
            continue
        rows += [(str(checkpoint.path), checkpoint.epoch, *_row(one)) for one in recovered.values()]
    if without and not rows:
        raise without[0][1]
    if without:
        warnings.warn(
            f"recover: {len(without)} checkpoints without a graph are left out, first {without[0][0]}.",
            Graph2nnWarning,
            stacklevel=3,
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    # File names stay what they are: the texts of pandas 3 cannot hold names that are not UTF-8.
    rest = list(COLUMNS[1:])
    table[rest] = table[rest].infer_objects()
    return table.astype({"epoch": "Int64"})


def write_table(table: pd.DataFrame, path: str | Path) -> Path:
    """Write the table of :func:`recover_table` as .csv or .parquet; it appears whole or not at all.

    Raises:
        UserError: another ending, or a folder that is not there.
    """
    target = Path(path)
    if target.suffix not in (".csv", ".parquet"):
        raise UserError(f"recover: {target} ends in {target.suffix!r}; expected .csv or .parquet.")
    with replacing(target) as temporary:
        if target.suffix == ".csv":
            table.to_csv(temporary, index=False)
        else:
            write_parquet(table, temporary)
    return target


def _row(one: Recovered) -> tuple[str, int, int, float, float, float, float, bool]:
    length = math.nan if one.path_length is None else one.path_length
    return (
        one.name,
        one.graph.n,
        one.graph.edges,
        one.density,
        one.captured,
        one.clustering,
        length,
        bool(one.graph.directed),
    )


def _among(weights: list[Trained], layers: str | Iterable[str] | None) -> list[Trained]:
    patterns = ["*"] if layers is None else [layers] if isinstance(layers, str) else list(layers)
    for pattern in patterns:
        if weights and not any(named(weight.name, pattern) for weight in weights):
            raise no_match("recover: layer", pattern, (weight.name for weight in weights))
    return [weight for weight in weights if any(named(weight.name, pattern) for pattern in patterns)]


def _read(weight: Trained, n: int, strongest: Strongest, norm: Norm) -> Recovered:
    if not bool(weight.value.isfinite().all()):
        raise UserError(
            f"recover: {weight.name} holds NaN or infinite values, whose blocks have no order; leave it out "
            "with --layer, or take a checkpoint from before it diverged."
        )
    norms = block_norms(weight.value, weight.layout, n, norm)
    if strongest.given or weight.mask is None:
        graph = RelationalGraph(strongest.edges(norms), name=weight.name)
    else:
        graph = _of_mask(weight, weight.mask, n)
        graph = graph.symmetrised() if strongest.symmetric else graph
    return Recovered(weight.name, graph, norms, captured(weight.value, weight.layout, graph.adjacency))


def _of_mask(weight: Trained, mask: Tensor, n: int) -> RelationalGraph:
    parts = weight.layout.split(mask.cpu().expand(weight.layout.shape).numpy())
    try:
        return graph_from_mask(parts[0, :, : weight.layout.inputs[0], 0], n, name=weight.name)
    except UserError as error:
        raise UserError(f"recover: {weight.name}: {error} Give its own n, or a density.") from None
