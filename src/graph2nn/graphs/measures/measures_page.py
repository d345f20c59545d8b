"""Generator of the page docs/measures.md from the registry.

Remade with::

    python -c "from graph2nn.graphs.measures.measures_page import write; write('docs/measures.md')"
"""

from __future__ import annotations

from pathlib import Path

from graph2nn.files import replacing
from graph2nn.graphs.measures.registry import MEASURES, Measure

_HEAD = """\
# Measures of graphs

{count} measures, each a function from a graph to one number. A measure that a graph does not have (a diameter
in parts, an assortativity where all degrees are equal) is NaN, never an error. What uses chance (σ, ω,
Louvain communities) has a fixed seed, so a graph always has the same numbers; [nulls](nulls.md) says how large
the error is that random references leave.

```python
from graph2nn import MEASURES, measure_all, ws_flex
from graph2nn.graphs.measures.measure_tables import measured

graph = ws_flex(n=64, k=8.19, p=0.128, seed=4)
values = measure_all(graph, slow=False)       # one graph: a dict
table = measured("n64-52")                    # a catalogue: a data frame, one column per measure
```

```
graph2nn graphs measure ws_flex:n=64,k=8.19,p=0.128,seed=4
graph2nn graphs measure n64-3942 --out measures.parquet
```

The numbers of the six published catalogues ship with the package; those of other graphs are measured once and
kept in the cache. *Slow* measures take 20 to 250 ms on 64 nodes, the others 15 ms or less.

| measure | symbol | what it is | of a directed graph | source | cost |
| --- | --- | --- | --- | --- | --- |
"""

_FOOT = """
Edges are read as everywhere here: node *i* reads node *j*. L, efficiency, closeness and betweenness of a
directed graph follow the edges; the published C and L of the connectomes are those of the symmetrised graph
(`graph.symmetrised()`). `density` is edges over pairs, as networkx has it; the `sparsity` of the catalogues is
k/n.
"""


def page() -> str:
    """Return the page as Markdown."""
    rows = [_row(name, measure) for name, measure in MEASURES.items()]
    return _HEAD.format(count=len(MEASURES)) + "".join(rows) + _FOOT


def write(path: str | Path) -> Path:
    """Write the page to a file."""
    with replacing(target := Path(path)) as temporary:
        temporary.write_text(page(), encoding="utf-8")
    return target


def _row(name: str, measure: Measure) -> str:
    cells = [f"`{name}`", measure.symbol, measure.meaning, measure.directed, measure.source, measure.cost]
    return "| " + " | ".join(cells) + " |\n"
