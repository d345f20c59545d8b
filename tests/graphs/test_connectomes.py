"""Connectomes: the published digits, and where the files come from (a real HTTP server for the download)."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
import warnings

import pytest

from graph2nn import UserError
from graph2nn.errors import Graph2nnWarning
from graph2nn.graphs import connectomes
from graph2nn.graphs.connectomes import SHA256, connectome


@pytest.fixture
def data(shared_file):
    return shared_file("data/connectomes")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No folder of this machine, no network: each test opens what it needs."""
    monkeypatch.delenv("GRAPH2NN_DATA", raising=False)
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(connectomes, "URL", "http://127.0.0.1:9/")


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Serve ``tmp_path/web`` and count what is asked for."""
    (tmp_path / "web").mkdir()
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        monkeypatch.setattr(connectomes, "URL", f"http://127.0.0.1:{running.server_port}/")
        yield asked
        running.shutdown()


@pytest.mark.parametrize("name", sorted(SHA256))
def test_published_digits(name, data, golden_graphs):
    row = next(row for row in golden_graphs["connectomes"] if row["name"] == name)
    graph = connectome(name, data=data)
    assert (graph.n, graph.name, graph.directed) == (row["n"], name, True)
    assert graph.digest == row["directed"]["adjacency_sha256_uint8"]
    assert graph.edges == row["directed"]["n_edges_as_loaded"]
    assert graph.clustering == row["directed"]["C_naive_sum"]
    length = row["directed"]["L"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert graph.path_length == length["mean_over_reachable"]
    assert [word.category for word in caught] == ([Graph2nnWarning] if name == "mcwhole" else [])
    pairs = graph.n * (graph.n - 1)
    assert graph.reachable == length["n_reachable_ordered_pairs"] / pairs
    both = connectome(name, symmetrised=True, data=data)
    assert both.directed is False
    assert both.edges == row["symmetrised"]["n_undirected_edges"]
    assert both.clustering == row["symmetrised"]["C_naive_sum"]
    assert both.path_length == row["symmetrised"]["L"]


def test_published_path_length_counted_missing_paths_as_distance_zero(data, golden_graphs):
    """The published L of macaque whole, 2.29698, comes from a networkx that let 70 missing paths count as 0."""
    row = next(row for row in golden_graphs["connectomes"] if row["name"] == "mcwhole")
    graph = connectome("mcwhole", data=data)
    published = row["directed"]["L"]["average_shortest_path_length"]
    assert graph.paths.mean * graph.reachable == pytest.approx(published, rel=1e-15)
    assert round(published, 5) == 2.29698
    assert round(graph.paths.mean, 5) == 2.32980
    assert graph.n * (graph.n - 1) * (1 - graph.reachable) == pytest.approx(70)


def test_folders_are_looked_through_in_order(data, tmp_path, monkeypatch):
    inside = tmp_path / "data"
    shutil.copytree(data, inside / "connectomes")
    assert connectome("cat", data=inside).n == 52, "a folder connectomes inside will do"
    monkeypatch.setenv("GRAPH2NN_DATA", str(data))
    assert connectome("cat").n == 52
    assert connectome("cat", data=tmp_path / "not there").n == 52, "the next place is tried"
    monkeypatch.delenv("GRAPH2NN_DATA")
    with pytest.raises(UserError):
        connectome("cat")
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").rglob("*.txt"))


def test_downloaded_once_into_the_cache(data, tmp_path, server):
    shutil.copy(data / "mcvisual.txt", tmp_path / "web")
    assert connectome("mcvisual").n == 30
    assert connectome("mcvisual").n == 30
    assert len(server) == 1
    assert (tmp_path / "cache" / "connectomes" / "mcvisual.txt").is_file()
    assert connectome("mcvisual", cache=tmp_path / "other").n == 30
    assert (tmp_path / "other" / "connectomes" / "mcvisual.txt").is_file()


def test_a_wrong_download_is_not_kept(tmp_path, server):
    (tmp_path / "web" / "cat.txt").write_text("01\n10\n")
    with pytest.raises(UserError, match="gave another file than published"):
        connectome("cat")
    assert not list((tmp_path / "cache").rglob("*.txt"))


def test_not_on_the_server(server):
    with pytest.raises(UserError, match="could not be downloaded"):
        connectome("cat")
    assert len(server) >= 1


def test_offline_says_where_to_put_which_file(tmp_path):
    with pytest.raises(UserError) as caught:
        connectome("mcwhole")
    message = str(caught.value)
    assert "\n" not in message
    assert str(tmp_path / "cache" / "connectomes" / "mcwhole.txt") in message
    assert "http://127.0.0.1:9/mcwhole.txt" in message
    assert "--data" in message
    assert "GRAPH2NN_DATA" in message


def test_a_file_with_other_content_is_refused(data, tmp_path):
    text = (data / "cat.txt").read_text()
    (tmp_path / "cat.txt").write_text(text[:-2])
    with pytest.raises(UserError, match=r"cat.txt: not the published connectome"):
        connectome("cat", data=tmp_path)


def test_a_cache_that_cannot_be_written(tmp_path, server):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="could not be downloaded"):
        connectome("cat")


def test_unknown_name():
    with pytest.raises(UserError, match="connectome 'macwhole' is not known; did you mean 'mcwhole'"):
        connectome("macwhole")


def test_the_published_address_names_a_commit(monkeypatch):
    monkeypatch.undo()
    assert connectomes.URL.startswith("https://raw.githubusercontent.com/facebookresearch/graph2nn/b112eb6c")
