"""The larva and the worm by name: from a folder, and downloaded once from a real HTTP server."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import shutil
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from graph2nn import UserError, connectome, parse_graph
from graph2nn.cli import app
from graph2nn.graphs import connectomes, neuron_connectomes
from graph2nn.graphs.io import GraphNote
from graph2nn.graphs.neuron_connectomes import NEURONS

MATRIX = ",29,8419602,77,5\n29,0,9,0,1\n8419602,0,2,3,0\n77,4,0,0,0\n5,0,0,0,0\n"
ANNOTATIONS = (
    "left_id,right_id,celltype,additional_annotations,level_7_cluster\n"
    "8419602,29,KC,KC,42\n77,no pair,sensory,gut,no cluster\n"
)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No folder of this machine: each test opens what it needs."""
    monkeypatch.delenv("GRAPH2NN_DATA", raising=False)
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Serve a small archive of the larva's layout and a small table of the worm's; count requests."""
    web = tmp_path / "web"
    web.mkdir()
    with zipfile.ZipFile(web / "Supplementary-Data-S1.zip", "w") as archive:
        archive.writestr("Supplementary-Data-S1/all-all_connectivity_matrix.csv", MATRIX)
        archive.writestr("Supplementary-Data-S1/annotations.csv", ANNOTATIONS)
        archive.writestr("Supplementary-Data-S1/inputs.csv", "nothing")
    (web / "aconnectome_white_1986_whole.csv").write_bytes(
        b"pre\tpost\ttype\tsynapses\r\nADAL\tADFL\telectrical\t1\r\nADAL\tAIBL\tchemical\t2\r\n"
    )
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(web))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        for name, source in NEURONS.items():
            sha256 = hashlib.sha256((web / source.file).read_bytes()).hexdigest()
            address = f"http://127.0.0.1:{running.server_port}/{source.file}"
            monkeypatch.setitem(
                neuron_connectomes.NEURONS, name, replace(source, address=address, sha256=sha256)
            )
        yield asked
        running.shutdown()


def test_the_larva_is_downloaded_once(server, tmp_path):
    larva = connectome("larva")
    assert connectome("larva") == larva
    assert len(server) == 1
    assert (tmp_path / "cache" / "connectomes" / "Supplementary-Data-S1.zip").is_file()
    assert larva.node_names == ("29", "8419602", "77", "5")
    assert larva.edge_index.tolist() == [[2, 0, 1, 1, 0], [0, 1, 1, 2, 3]], "rows of the matrix are presynaptic"
    assert larva.weights.tolist() == [4, 9, 2, 3, 1]
    assert (larva.directed, larva.self_loops, larva.loops) == (True, "given", 1)
    assert larva.nodes["side"].tolist()[:3] == ["right", "left", "left"]
    assert larva.nodes["celltype"].isna().tolist() == [False, False, False, True]
    assert larva.select("celltype == 'KC'").n == 2


def test_the_worm_has_two_kinds_of_synapses(server):
    assert connectome("worm").edge_index.tolist() == [[0], [2]]
    gaps, every = connectome("worm:electrical"), connectome("worm:all")
    assert (gaps.directed, gaps.edges, every.directed, every.edges) == (False, 1, True, 3)
    assert connectome("worm").node_names == gaps.node_names == ("ADAL", "ADFL", "AIBL")
    assert connectome("worm").nodes["class"].tolist() == ["interneuron", "sensory", "interneuron"]
    assert len(server) == 1, "one file has all kinds"


def test_a_wrong_archive_is_not_kept(server, tmp_path):
    with zipfile.ZipFile(tmp_path / "web" / "Supplementary-Data-S1.zip", "a") as archive:
        archive.writestr("more.csv", "x")
    with pytest.raises(UserError, match="gave another file than published"):
        connectome("larva")
    assert not list((tmp_path / "cache").rglob("*.zip"))


def test_offline_says_where_to_put_which_file(monkeypatch, tmp_path):
    source = replace(NEURONS["larva"], address="http://127.0.0.1:9/larva.zip")
    monkeypatch.setitem(neuron_connectomes.NEURONS, "larva", source)
    with pytest.raises(UserError) as caught:
        connectome("larva")
    assert str(tmp_path / "cache" / "connectomes" / "Supplementary-Data-S1.zip") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_real_files_are_found_in_a_folder(shared_file, tmp_path, monkeypatch):
    data = shared_file("data/connectomes")
    larva, worm = connectome("larva", data=data), connectome("worm", data=data.parent)
    assert (larva.n, larva.edges, larva.loops, larva.weights.sum()) == (2952, 110677, 537, 352611)
    assert (larva.nodes["celltype"] == "sensory").sum() == 430
    assert (worm.n, worm.edges) == (309, 2386)
    assert connectome("worm:electrical", data=data).edges == 575
    both = connectome("worm:all", data=data)
    assert both.weights.sum() == worm.weights.sum() + connectome("worm:electrical", data=data).weights.sum()
    monkeypatch.setenv("GRAPH2NN_DATA", str(data))
    assert parse_graph("larva") == larva
    shutil.copytree(data / "larva", tmp_path / "larva")
    (tmp_path / "larva" / "edges.csv.xz").chmod(0o600)
    (tmp_path / "larva" / "edges.csv.xz").write_bytes(b"other")
    with pytest.raises(UserError, match="not the published connectome"):
        connectome("larva", data=tmp_path)


def test_graphs_show_says_the_source_and_the_licence(shared_file):
    data = str(shared_file("data/connectomes"))
    shown = CliRunner().invoke(app, ["graphs", "show", "worm", "--data", data, "--json"])
    assert shown.exit_code == 0, shown.output
    facts = json.loads(shown.stdout)
    assert (facts["n"], facts["edges"], facts["directed"]) == (309, 2386, True)
    assert 0 < facts["reachable"] < 1
    assert "White et al." in facts["read"]
    assert "MIT licence" in facts["read"]


def test_names_and_addresses_are_pinned():
    assert connectomes.NAMES == ("mcwhole", "mcvisual", "cat", "larva", "worm", "worm:electrical", "worm:all")
    for source in NEURONS.values():
        assert source.address.startswith("https://")
        assert len(source.sha256) == 64
        assert source.licence
        assert "doi" in source.citation
    with pytest.raises(UserError, match=r"'worm:gap' is not known; did you mean"):
        connectome("worm:gap")


def test_a_table_of_neurons_on_the_command_line(shared_file, tmp_path):
    edges = shared_file("cases/graphs/region_rows.csv")
    (tmp_path / "neurons.csv").write_text(
        "root_id,side\n720575940629970489,left\n720575940631693610,right\n720575940612453042,left\n1,right\n"
    )
    options = ["--neurons", str(tmp_path / "neurons.csv"), "--min-weight", "8", "--json"]
    shown = CliRunner().invoke(app, ["graphs", "show", str(edges), *options])
    assert shown.exit_code == 0, shown.output
    facts = json.loads(shown.stdout)
    assert (facts["n"], facts["edges"]) == (4, 1)
    assert any("weight below 8" in note for note in facts["notes"])
    with pytest.warns(GraphNote, match="connections by sign"):
        graph = parse_graph(f"{edges}:neurons={tmp_path / 'neurons.csv'},min_weight=8")
    assert (graph.n, graph.edges, graph.nodes["side"].tolist()) == (4, 1, ["left", "right", "left", "right"])
    assert np.array_equal(graph.signs, [1])
