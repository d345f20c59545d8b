"""Pictures: every layout of every kind of graph, into every format, and never by halves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import graphs

from graph2nn import RelationalGraph, UserError, ws_flex
from graph2nn.graphs import draw, generators

SMALL = ws_flex(12, 4, 0.2, seed=1)


@pytest.mark.parametrize("ending", draw.ENDINGS)
def test_the_same_graph_gives_the_same_bytes(tmp_path, ending):
    first, second = (draw.save(draw.graph(SMALL, "all"), tmp_path / f"{i}{ending}") for i in range(2))
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size > 5000


@settings(max_examples=5, deadline=None)
@given(graphs(max_n=40, directed=None))
def test_every_graph_can_be_drawn(graph):
    for layout in draw.LAYOUTS:
        figure = draw.graph(graph, layout)
        figure.draw_without_rendering()


def test_a_wedge_is_wide_at_the_reader():
    [wedge] = draw._wedges(np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]]), 0.1)
    assert wedge.tolist() == [[0.0, 0.1], [0.0, -0.1], [1.0, 0.0]]


def test_each_edge_is_drawn_once():
    mixed = RelationalGraph.from_edges([(0, 1), (1, 0), (1, 2), (2, 3)], 4, directed=True)
    lines, wedges = draw.graph(mixed).axes[0].collections[:2]
    assert (len(lines.get_paths()), len(wedges.get_paths())) == (1, 2)
    assert len(draw.graph(SMALL).axes[0].collections[0].get_paths()) == SMALL.edges


def test_titles_say_what_is_seen():
    directed = generators.random_directed(6, 9, seed=1)
    assert "wedges" in draw.graph(directed).get_suptitle()
    assert "wedges" not in draw.graph(directed, "matrix").get_suptitle()
    assert draw.graph(SMALL).get_suptitle() == f"{SMALL.name}\nn = 12, {SMALL.edges} edges"


def test_mistakes(tmp_path):
    with pytest.raises(UserError, match="layout 'circle' is not known; did you mean 'circular'"):
        draw.graph(SMALL, "circle")
    with pytest.raises(UserError, match=r"cannot draw into '\.gif'; expected \.png"):
        draw.save(draw.graph(SMALL), tmp_path / "x.gif")
    with pytest.raises(UserError, match="a name without ending"):
        draw.save(draw.graph(SMALL), tmp_path / "x")
    with pytest.raises(UserError, match="does not exist"):
        draw.save(draw.graph(SMALL), tmp_path / "no" / "x.png")
    assert list(tmp_path.iterdir()) == []
