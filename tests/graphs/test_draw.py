"""Pictures: every layout of every kind of graph, into every format, and never by halves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.sparse.linalg import ArpackNoConvergence
from strategies import graphs

from graph2nn import RelationalGraph, UserError, ws_flex
from graph2nn.errors import Graph2nnWarning
from graph2nn.graphs import draw, generators, layouts

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


def test_parts_that_would_take_long_are_drawn_on_circles_with_a_warning(monkeypatch):
    """Two rings of 6: springs for the first only; eigenvectors that do not converge leave a circle, too."""
    ring = np.arange(12)
    two = RelationalGraph.from_edge_index([ring, ring // 6 * 6 + (ring + 1) % 6], 12, name="rings")
    whole = layouts.springs(two, 0)
    monkeypatch.setattr(layouts, "_SPRING_WORK", 36 + layouts._PER_COMPONENT)
    with pytest.warns(Graph2nnWarning, match=r"'rings': 1 of its 2 parts are drawn on circles"):
        halved = layouts.springs(two, 0)
    np.testing.assert_allclose(halved[:6], whole[:6])
    radii = np.linalg.norm(halved[6:] - halved[6:].mean(axis=0), axis=1)
    np.testing.assert_allclose(radii, radii[0])
    monkeypatch.setattr(layouts, "SPRINGS", 5)
    monkeypatch.setattr(layouts, "_MATRIX_WORK", 0)
    monkeypatch.setattr("scipy.sparse.linalg.eigsh", stops)
    with pytest.warns(Graph2nnWarning, match="2 of its 2 parts"):
        assert np.isfinite(layouts.springs(two, 0)).all()


def stops(*_args, **_kwargs):
    raise ArpackNoConvergence("%d/%d: no", np.zeros(0), np.zeros((0, 0)))
