"""Report of a conversion: what :func:`relationalize` did to each weight, as values and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn
from torch.nn.utils import parametrize

from graph2nn.graphs.graph import RelationalGraph


@dataclass(frozen=True)
class Changed:
    """A weight that now follows a graph; ``weights_on`` of its entries are in use, computed by ``engine``.

    Example:
        >>> from torch import nn
        >>> from graph2nn import relationalize, ws_flex
        >>> module = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10))
        >>> change, = relationalize(module, ws_flex(16, 4, 0.1, seed=1)).changed
        >>> change.weight, change.kind, change.shape
        ('1.weight', 'Linear', (64, 64))
    """

    weight: str
    kind: str
    shape: tuple[int, ...]
    graph: RelationalGraph
    weights_on: int
    engine: str = "masked"

    @property
    def weights(self) -> int:
        """Entries of the weight, in use or not."""
        total = 1
        for size in self.shape:
            total *= size
        return total

    @property
    def density(self) -> float:
        """Share of the entries in use."""
        return self.weights_on / self.weights


@dataclass(frozen=True)
class Skipped:
    """A weight that stays as it was, and why.

    Example:
        >>> from torch import nn
        >>> from graph2nn import relationalize, ws_flex
        >>> module = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10))
        >>> [weight.reason for weight in relationalize(module, ws_flex(16, 4, 0.1, seed=1)).skipped]
        ['stem: reads the input', 'head: gives the outputs']
    """

    weight: str
    kind: str
    shape: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Relationalized:
    """What was changed and what it costs; ``print`` shows a table.

    Args:
        module: the module itself, changed in place.
        changed: the weights that follow a graph now, in order.
        skipped: the other parameters of two axes or more.
        params_before: learnt parameters of the module.
        params_after: of those, the ones in use.
        macs_before: multiply-adds for one call, where an input size or inputs were given.
        macs_after: the same, zeros of the masks not counted.
        notes: what a graph over a weight does not mean by itself (parts fused in one layer, concatenated
            inputs, a forward that is not torch's own), with the option that changes it.

    Example:
        >>> from torch import nn
        >>> from graph2nn import relationalize, ws_flex
        >>> module = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10))
        >>> report = relationalize(module, ws_flex(16, 4, 0.1, seed=1))
        >>> report.params_before, report.params_after
        (8970, 6154)
    """

    module: nn.Module
    changed: tuple[Changed, ...]
    skipped: tuple[Skipped, ...]
    params_before: int
    params_after: int
    macs_before: int | None = None
    macs_after: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def _kind(self) -> str:
        return parametrize.type_before_parametrizations(self.module).__name__

    def __str__(self) -> str:
        lines = [f"{self._kind}: {_count(len(self.changed), 'weight')} relational"]
        lines += _columns(
            [("weight", "of", "shape", "graph", "density")]
            + [
                (row.weight, row.kind, _by(row.shape), row.graph.name, f"{row.density:.4f}")
                for row in self.changed
            ]
        )
        for engine in ("block", "edge"):
            if compact := [row for row in self.changed if row.engine == engine]:
                lines.append(f"{_count(len(compact), 'weight')} computed by the {engine} engine")
        if self.skipped:
            lines.append(f"{_count(len(self.skipped), 'weight')} left as before")
            lines += _columns([(row.weight, row.kind, _by(row.shape), row.reason) for row in self.skipped])
        lines += [f"note: {note}" for note in self.notes]
        lines.append(_change("parameters", self.params_before, self.params_after))
        if self.macs_before is not None and self.macs_after is not None:
            lines.append(_change("multiply-adds", self.macs_before, self.macs_after))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"Relationalized({self._kind}, {len(self.changed)} changed, "
            f"{len(self.skipped)} skipped, parameters {self.params_before} → {self.params_after})"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _change(what: str, before: int, after: int) -> str:
    share = f" ({after / before:.1%})" if before else ""
    return f"{what}: {before:,} → {after:,}{share}"


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
