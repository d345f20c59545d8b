"""Graph files as people and programs write them: what must be read from each, and what must be refused."""

# ruff: noqa: E501 - one row per file, content and all

from __future__ import annotations

import gzip
import io
import json
import lzma
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import io as scipy_io
from scipy import sparse

from graph2nn import UserError, read_connectome, read_graph
from graph2nn.graphs.io import GraphNote


def reading(path, **options):
    """Read a file; return the graph and its notes, and fail on a warning of any other kind."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        graph = read_graph(path, **options)
    assert all(issubclass(entry.category, GraphNote) for entry in caught), [
        str(entry.message) for entry in caught
    ]
    return graph, " ".join(str(entry.message) for entry in caught)


def test_the_cases_that_stand_for_a_kind_each(shared_file):
    folder = shared_file("cases/graphs")
    rows = json.loads((folder / "expected.json").read_text())["files"]
    assert len(rows) > 25
    for row in rows:
        path = folder / row["file"]
        if "refuse" in row:
            with pytest.raises(UserError) as caught:
                read_graph(path, **row["options"])
            assert len(str(caught.value).splitlines()) == 1
            continue
        graph, notes = reading(path, **row["options"])
        assert (graph.n, graph.edges, graph.directed) == (row["n"], row["edges"], row["directed"]), row
        if "names" in row:
            assert list(graph.node_names) == row["names"]
        if "note" in row:
            assert notes, row


GRAPHML = """<?xml version="1.0"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">{}</graphml>"""

#: File name, content, options, (n, edges, directed), words of a note or None.
READ = [
    # GML
    ("dup.gml", 'graph [ node [ id 0 label "a" ] node [ id 1 label "a" ] node [ id 2 label "b" ] '
     "edge [ source 0 target 1 ] edge [ source 1 target 2 ] ]", {}, (3, 2, False), "label 'a' names 2 nodes"),
    ("inf.gml", "graph [\n node [ id 0 x inf ]\n node [ id 1 x NaN y -Infinity ]\n edge [ source 0 target 1 ]\n]",
     {}, (2, 1, False), None),
    ("creator.gml", 'Creator "igraph"\nVersion 1\ngraph\n[\n  directed 1\n  node\n  [\n    id 0\n    name "x"\n  ]\n'
     "  node\n  [\n    id 1\n  ]\n  edge\n  [\n    source 1\n    target 0\n    weight 1\n  ]\n]\n", {}, (2, 1, True), None),
    ("entities.gml", 'graph [ node [ id 5 label "A&amp;B" ] node [ id 9 label "S&#227;o" ] edge [ source 5 target 9 '
     "value -inf ] ]", {}, (2, 1, False), None),
    # GraphML
    ("yed.graphml", GRAPHML.format('<key for="node" id="d6" yfiles.type="nodegraphics"/><graph edgedefault="directed">'
     '<node id="n0"><data key="d6"><y:ShapeNode xmlns:y="http://www.yworks.com/xml/graphml"/></data></node><node id="n1"/>'
     '<edge source="n0" target="n1"/></graph>'), {}, (2, 1, True), None),
    ("inside.graphml", GRAPHML.format('<graph edgedefault="directed"><key id="k" for="node" attr.name="x" '
     'attr.type="int"/><node id="a"><data key="k">1.0</data></node><node id="b"/><edge source="a" target="b"/>'
     "</graph>"), {}, (2, 1, True), None),
    ("mixed.graphml", GRAPHML.format('<graph edgedefault="undirected"><node id="a"/><node id="b"/><node id="c"/>'
     '<edge source="a" target="b"/><edge directed="true" source="b" target="c"/></graph>'), {}, (3, 3, True), None),
    ("double.graphml", GRAPHML.format('<key id="w" for="edge" attr.name="weight" attr.type="int"/><graph '
     'edgedefault="undirected"><node id="a"/><node id="b"/><edge source="a" target="b"><data key="w">2.5</data></edge>'
     "</graph>"), {}, (2, 1, False), "every nonzero weight makes an edge"),
    # tables
    ("r_rows.csv", '"","V1","V2"\n"1","a","b"\n"2","b","c"\n', {}, (3, 2, False), "'V2' reads 'V1'"),
    ("r_bare.csv", "V1,V2\na,b\nb,c\n", {}, (3, 2, False), "'V2' reads 'V1'"),
    ("pandas.csv", ",0,1\n0,a,b\n1,b,c\n2,c,d\n", {}, (4, 3, False), "read as undirected"),
    ("r_nodes.csv", "V1,V2\nV2,V3\nV3,V1\n", {}, (3, 3, False), "the first node reads the second"),
    ("r_matrix.csv", '"","V1","V2","V3"\n"1",0,1,0\n"2",1,0,1\n"3",0,1,0\n', {}, (3, 2, False), None),
    ("semi.csv", "from;to;weight\na;b;0,25\nb;c;1,5\n", {}, (3, 2, True), "every nonzero weight"),
    ("tabbed.csv", "source\ttarget\nTom Hanks\tApollo 13\nBill\tApollo 13\n", {}, (3, 2, False), "read as undirected"),
    ("index.csv", ",source,target,weight\n0,a,b,1\n1,b,c,1\n2,c,a,1\n", {}, (3, 3, False), "read as undirected"),
    ("rtable.txt", '"from" "to" "w"\n"1" "a" "b" 2\n"2" "b" "c" 3\n', {}, (3, 2, True), "only column of numbers"),
    ("neuprint.csv", "bodyId_pre,instance_pre,bodyId_post,instance_post,weight\n10,x,11,y,5\n11,y,12,z,6\n",
     {"threshold": 5}, (3, 1, True), None),
    ("cave.csv", "id,pre_pt_root_id,post_pt_root_id,size\n1,648518346349386137,648518346349386138,10\n"
     "2,648518346349386138,648518346349386139,20\n", {}, (3, 2, True), "'size', the only column of numbers"),
    ("gephi.csv", "Source,Target,Type,Id,Label,Weight\na,b,Directed,0,,1\nb,c,Directed,1,,1\n", {}, (3, 2, True), None),
    ("gephimix.csv", "Source;Target;Type\na;b;Directed\nb;c;Undirected\n", {}, (3, 3, True), None),
    ("weights.csv", "source,target,weight,weight\na,b,1,5\nb,c,2,6\n", {"weight": "weight.1"}, (3, 2, False), "runs from 5"),
    ("hash.csv", "source,target\n#1,2\n2,3\n#3,2\n", {}, (2, 1, False), "2 lines were left out as comments and may be rows ('#1,2')"),
    ("hash.txt", "a b\nb c\n%c a\n", {}, (3, 2, False), "one line was left out as comments"),
    ("quoted_hash.csv", 'source,target\n"#1",2\n2,3\n', {}, (3, 2, False), "read as undirected"),
    ("directed.csv", "source,target,Directed\nA,B,true\nB,C,true\n", {}, (3, 2, True), None),
    ("undirected.csv", "source,target,directed\nA,B,0\nB,C,0\n", {}, (3, 2, False), None),
    ("directedmix.csv", "source,target,is_directed,weight\nA,B,1,5\nB,C,0,6\n", {}, (3, 3, True), "runs from 5 to 6"),
    ("directedmix.tsv", "source\ttarget\tisDirected\nA\tB\tTRUE\nB\tC\tFALSE\n", {}, (3, 3, True), None),
    ("varshney.csv", "Neuron 1,Neuron 2,Type,Nbr\nADAL,AIBL,Sp,1\nAIBL,ADAL,Rp,1\nADAL,AVAR,Sp,2\n",
     {"where": {"Type": ["Sp", "EJ"]}, "directed": True}, (3, 2, True), "'Nbr', the only column of numbers"),
    ("trailing.csv", "0,1,0,\n1,0,1,\n0,1,0,\n", {}, (3, 2, False), None),
    ("quoted.tsv", '"Smith, J"\t"Doe; A"\n"Doe; A"\t"O\'Neil"\n', {}, (3, 2, False), "read as undirected"),
    ("whole.csv", "Person,Friend\n1,2\n2,3\n", {}, (3, 2, False), "'Friend' reads 'Person'"),
    ("times.csv", "source,target,size\na,b,1082040961\nb,c,1082155839\n", {"keep_weights": True}, (3, 2, False),
     "every edge weighs 1; the edges carry 'size', of which weight='NAME' takes one"),
    ("pipes.csv", "from|to\na|b\nb|c\n", {}, (3, 2, True), None),
    ("budapest.csv", "id node1;id node2;name node1;name node2;parent id node1;parent id node2;edge confidence;"
     "edge weight(med nof)\n1;2;rh.a_1;rh.a_2;1;1;418;24.5\n2;3;rh.a_2;lh.b_1;1;2;320;3\n", {"weight": "edge weight(med nof)"},
     (3, 2, False), "every nonzero weight"),
    ("biogrid.txt", "#BioGRID Interaction ID\tEntrez Gene Interactor A\tEntrez Gene Interactor B\tScore\n103\t6416\t2318\t-\n"
     "117\t84665\t6416\t-\n", {}, (3, 2, False), "'Entrez Gene Interactor B' reads 'Entrez Gene Interactor A'"),
    ("escaped.csv", 'source,target\n"He said ""hi""",b\nb,"c\nd"\n', {}, (3, 2, False), "read as undirected"),
    ("bom.csv", "\ufeffsource;target;weight\na;b;1,5\nb;c;2,25\n", {}, (3, 2, False), "runs from 1.5 to 2.25"),
    ("flywire.csv", "pre_root_id,post_root_id,neuropil,syn_count\n720575940625363947,720575940623224444,ME_R,7\n"
     "720575940625363947,720575940623224444,LO_R,3\n", {"combine": "sum"}, (2, 1, True), "combined by sum"),
    ("addresses.csv", "src,dst,bytes\n10.0.0.1,10.0.0.2,99\n10.0.0.2,10.0.0.3,12\n", {}, (3, 2, False), "only column of numbers"),
    ("string.txt", "protein1 protein2 combined_score\n9606.P1 9606.P2 900\n9606.P2 9606.P1 900\n", {}, (2, 1, False), "merged"),
    ("strength.txt", "x y strength\nanna ben 1\nben cid 1\n", {}, (3, 2, False), "read as undirected"),
    ("nan_name.csv", "source,target\nNA,b\nb,null\n", {}, (3, 2, False), "read as undirected"),
    # edge lists
    ("undirected.txt", "# Undirected graph: x\n# FromNodeId\tToNodeId\n0\t1\n1\t0\n1\t2\n", {}, (3, 2, False), "merged"),
    ("konect.txt", "% asym unweighted\n% 3 4 4\n1 2\n2 1\n2 3\n", {}, (3, 3, True), None),
    ("konect4.txt", "% sym weighted\n1 2 1 1082040961\n2 3 1 1082155839\n", {}, (3, 2, False), "time stamps"),
    ("snap_time.txt", "1 2 1082040961\n3 4 1082155839\n1 2 1082414391\n", {}, (4, 2, False), "time stamps"),
    ("dates.csv", "source,target,date\na,b,2010-01-02\nb,c,2010-01-03\na,b,2011-01-01\n", {}, (3, 2, False), "merged"),
    ("some.edgelist", "1 2\n2 3 0.5\n", {}, (3, 2, False), "count as 1"),
    ("numpy.edgelist", "a b {'weight': np.float64(0.5)}\nb c {'weight': nan, 'x': 'y'}\n", {"threshold": 0.1},
     (3, 1, False), None),
    ("names.edgelist", "A1 {'x': 1}".replace(" {", " B1 {") + "\nB1 C1 {}\n", {}, (3, 2, False), "'x'"),
    ("spaces.edgelist", '"New York" Boston\nBoston "San Jose"\n', {}, (3, 2, False), "read as undirected"),
    ("slashes.edgelist", "// made by x\n1 2 // first\n2 3\n", {}, (3, 2, False), "read as undirected"),
    ("crlf.edgelist", "1 2\r\n2 3\r\n", {}, (3, 2, False), "read as undirected"),
    ("decimal.txt", "a b 0,5\nb c 1,5\n", {}, (3, 2, False), "runs from 0.5 to 1.5"),
    # matrices
    ("permuted.csv", ",a,b,c\nc,0,1,0\na,0,1,0\nb,1,0,1\n", {}, (3, 2, False), None),
    ("diagonal.tsv", "\tV1\tV2\tMT\nV1\tnan\t1\t0\nV2\t1\tnan\t1\nMT\t0\t1\tnan\n", {}, (3, 2, False), None),
    ("array.mtx", "%%MatrixMarket matrix array real general\n2 2\n0\n1\n1\n0\n", {}, (2, 1, False), None),
    ("labels.csv", "region,V1,V2,MT\nV1,0,1,0\nV2,1,0,1\nMT,0,1,0\n", {}, (3, 2, False), None),
    ("rowlabels.txt", "V1 0 1 0\nV2 1 0 1\nMT 0 1 0\n", {}, (3, 2, False), None),
    ("rnames.txt", '"A" "B" "C"\n"A" 0 1 0\n"B" 1 0 1\n"C" 0 1 0\n', {}, (3, 2, False), None),
    ("half.csv", "0,5,0,0\n0,0,7,0\n0,0,0,3\n1,0,0,0\n", {}, (4, 4, True), "every nonzero weight"),
    ("corr.csv", "1,.9,-.8\n.9,1,.1\n-.8,.1,1\n", {"keep_strongest": "67%", "absolute": True, "drop_self_loops": True},
     (3, 2, False), None),
    ("blank.csv", ",a,b,c\na,,,\nb,1,,\nc,2,3,\n", {"directed": False}, (3, 3, False), "mirrored"),
    ("float.mtx", "%%MatrixMarket matrix coordinate real symmetric\n3 3 2\n2 1 0.5\n3 2 1.5\n", {}, (3, 2, False),
     "every nonzero weight"),
    ("really.txt", "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 2\n", {}, (3, 2, False), None),
    # network formats
    ("lists.net", "*Vertices 3\n*Arcslist\n1 2 3\n*Edgeslist\n2 3\n", {}, (3, 4, True), None),
    ("quoted.net", '*Network "test"\n*Vertices 2\n1 "New York" 0.1 0.2 0.5\n2 Boston\n*Edges\n1 2\n', {},
     (2, 1, False), None),
    ("matrix.net", "*Vertices 2\n*Matrix\n0 1\n0 0\n", {}, (2, 1, True), None),
    ("v12.gexf", '<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2"><graph defaultedgetype="directed"><nodes>'
     '<node id="0" label="a"/><node id="1" label="b"/></nodes><edges><edge id="0" source="0" target="1" weight="2.0"/>'
     "</edges></graph></gexf>", {}, (2, 1, True), "every nonzero weight"),
    ("hash.dot", 'digraph G {\n "a b" -> "c;d" [label="x->y"];\n # made by x\n}', {}, (2, 1, True), None),
    ("chain.dot", 'strict graph "x y" {\n  // layout\n  node [shape=box]; rankdir=LR;\n  a -- b -- {c d} [weight=2];\n'
     '  "e f" [label="E"];\n}', {}, (5, 3, False), "every nonzero weight"),
    ("ports.gv", "digraph { subgraph cluster_0 { a:n -> b:s; } /* x */ b -> c [label=<<b>x</b>>] }", {}, (3, 2, True),
     None),
    ("lists.adjlist", "#script\na b c\nb c\nd\n", {}, (4, 3, False), "read as undirected"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "content", "options", "expected", "note"), READ, ids=[row[0] for row in READ])
@pytest.mark.parametrize("compressed", [False, True])
def test_files_that_are_read(tmp_path, file, content, options, expected, note, compressed):
    path = tmp_path / (file + ".gz" if compressed else file)
    path.write_bytes(gzip.compress(content.encode()) if compressed else content.encode())
    graph, notes = reading(path, **options)
    assert (graph.n, graph.edges, graph.directed) == expected
    assert note is None or note in notes


#: File name, content, options, words that the one line must contain.
REFUSED = [
    ("zero.graphml", GRAPHML.format('<key id="w" for="edge" attr.name="weight"/><graph edgedefault="directed"><node '
     'id="a"/><node id="b"/><edge source="a" target="b"><data key="w">0</data></edge></graph>'), {},
     ["one edge has weight 0 (a, b)", "threshold=0"]),
    ("false.csv", "source,target,weight\na,b,true\nb,c,false\n", {}, ["one edge has weight 0 (b, c)"]),
    ("complex.csv", "0,1+2j\n1+2j,0\n", {}, ["holds complex numbers"]),
    ("complex.txt", "0 1e-3+2.5E1i 0\n1e-3+2.5E1i 0 3\n0 3 0\n", {}, ["holds complex numbers"]),
    ("twice.edgelist", "a b 1\nb a 2\n", {}, ["the pair a, b stands twice", "combine='sum'", "directed=True"]),
    ("same_way.edgelist", "a b 1\na b 2\n", {"directed": True}, ["stands twice", "combine='sum'"]),
    ("differ.csv", ",a,b\na,0,1\nc,1,0\n", {}, ["labels of rows and columns differ", "'b'"]),
    ("lower.txt", "0 0 0\n1 0 0\n1 1 0\n", {}, ["only one triangle", "directed=False", "directed=True"]),
    ("negative.csv", "0,-1,0,0\n-1,0,0,0\n0,0,0,1\n0,0,1,0\n", {}, ["negative weights", "threshold=0", "absolute=True"]),
    ("nan.csv", "0,nan,0,0\nnan,0,0,0\n0,0,0,1\n0,0,1,0\n", {}, ["NaN", "threshold=0"]),
    ("full.csv", "0,1,2\n1,0,3\n2,3,0\n", {}, ["more than half", "keep_strongest='10%'"]),
    ("asym.csv", "0,1,0,0\n0,0,1,0\n0,0,0,1\n1,0,0,0\n", {"directed": False}, ["not symmetric", "combine='max'"]),
    ("loop.csv", ",V1,V2\nV1,1,1\nV2,1,0\n", {}, ["node V1 has a self-loop", "drop_self_loops=True"]),
    ("columns.csv", "pre,post,area,length\na,b,3,4\nb,c,5,6\n", {"threshold": 0}, ["'area', 'length'", "weight='area'"]),
    ("column.csv", "pre,post,area\na,b,3\n", {"weight": "size"}, ["no column 'size'", "'area'"]),
    ("where.csv", "pre,post,type\na,b,chemical\n", {"where": {"type": "gap"}}, ["no edge has that value", "chemical"]),
    ("bip.txt", "% bip unweighted\n1 1\n1 2\n", {}, ["bipartite"]),
    ("both.txt", "0 1\n1 2\n", {}, ["may be a matrix or a list of edges"]),
    ("four.edges", "a b 1 2\nb c 3 4\n", {}, ["is not an edge"]),
    ("two.net", "*Vertices 4 2\n*Edges\n1 3\n", {}, ["two-mode"]),
    ("hyper.graphml", GRAPHML.format('<graph><node id="a"/><hyperedge/></graph>'), {}, ["hyperedges"]),
    ("two.dot", "graph a { x -- y } graph b { x -- y }", {}, ["more than one graph"]),
    ("wrong.dot", "graph a { x -> y }", {}, ["'->' in a graph"]),
    ("rect.mtx", "%%MatrixMarket matrix coordinate pattern general\n2 3 1\n1 2\n", {}, ["(2, 3) is not square"]),
    ("missing.csv", "source,target\na,\nb,c\n", {}, ["lacks a node"]),
    ("strong.edgelist", "a b\nb c\n", {"keep_strongest": 0.1}, ["no weights"]),
    ("both.edgelist", "a b 1\nb c 2\n", {"keep_strongest": 0.1, "threshold": 0}, ["give one of them"]),
    ("share.edgelist", "a b 1\nb c 2\n", {"keep_strongest": 10}, ["10%"]),
    ("combine.edgelist", "a b 1\nb c 2\n", {"combine": "mean"}, ["sum, max, first"]),
    ("variable.edgelist", "a b 1\nb c 2\n", {"variable": "x"}, ["is for .mat"]),
    ("page.csv", "<!DOCTYPE html><html><body>404 page</body></html>", {}, ["web page"]),
    ("graph.txt", '{"nodes": [], "links": []}', {}, ["JSON"]),
    ("lfs.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n", {}, ["Git LFS"]),
    ("nodes.csv", "id,name,value\n1,a,2\n2,b,3\n", {}, ["look like a table of nodes"]),
    ("thousands.csv", 'pre,post,weight\na,b,"1,200"\nb,c,"2,100"\n', {"threshold": 0}, ["'1,200' is not a number"]),
    ("unweighted.csv", "pre,post,type\na,b,gap\n", {"threshold": 0}, ["no column of the table holds numbers"]),
    ("blank.csv", ",a,b,c\na,,,\nb,1,,\nc,2,3,\n", {"threshold": 0}, ["only one triangle"]),
    ("directed.csv", "source,target,directed\na,b,true\nb,c,maybe\n", {}, ["'directed' holds 'maybe'", "true or false"]),
    ("directed.csv", "source,target,directed\na,b,1\nb,c,7\n", {}, ["'directed' holds '7'"]),
    ("weights.csv", "source,target,weight,weight\na,b,1,5\nb,c,2,6\n", {}, ["2 columns could hold the weights ('weight', 'weight.1'", "weight='weight.1'"]),
    ("weights.csv", "source,target,weight,Weight\na,b,1,5\nb,c,2,6\n", {}, ["2 columns could hold the weights"]),
    ("broken.csv.gz", "a,b\n", {}, ["not compressed"]),
]  # fmt: skip


def test_what_was_compressed_is_bounded_by_memory(tmp_path, monkeypatch):
    path = tmp_path / "zeros.csv.gz"
    path.write_bytes(gzip.compress(b"0" * 3_000_000))
    with pytest.raises(UserError, match=r"shape \(1, 3000000\) is not square"):
        read_graph(path)
    for module in ("graph2nn.memory", "graph2nn.graphs.io.formats"):
        monkeypatch.setattr(f"{module}.memory_bytes", lambda: 10_000_000)
    with pytest.raises(UserError, match=r"gz: the decompressed file needs about 0\.0 GB of memory"):
        read_graph(path)


@pytest.mark.parametrize(("file", "content", "options", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_files_that_are_refused(tmp_path, file, content, options, words):
    path = tmp_path / file
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        read_graph(path, **options)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert all(word in message for word in words), message


def test_comments_that_are_no_rows_are_not_noted(tmp_path):
    path = tmp_path / "k.csv"
    for content in ("#made by x\nsource,target\n# a,b\na,b\n#by hand\n", "# 1,2\n#3,4\nsource,target\na,b\n"):
        path.write_text(content)
        assert "comments" not in reading(path)[1]


def test_names_stand_for_ids_where_they_tell_nodes_apart(tmp_path):
    head = "id node1;id node2;name node1;name node2;weight\n"
    path = tmp_path / "human.csv"
    path.write_text(head + "1;2;rh.a_1;rh.a_2;4\n2;3;rh.a_2;lh.b_1;3\n")
    assert reading(path)[0].node_names == ("rh.a_1", "rh.a_2", "lh.b_1")
    path.write_text(head + "1;2;rh.a;rh.a;4\n2;3;rh.a;lh.b;3\n")
    assert reading(path)[0].n == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "e.csv"
    path.write_bytes("source,target\r\nJosé,Zürich\r\nZürich,b\r\n".encode(encoding))
    assert reading(path)[0].node_names == ("José", "Zürich", "b")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("path.mtx", "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 2\n"),
        (
            "path.gml",
            "graph [ node [ id 1 ] node [ id 2 ] node [ id 3 ]\nedge [ source 1 target 2 ]\nedge [ source 2 target 3 ] ]\n",
        ),
        ("path.net", "*Vertices 3\n*Edges\n1 2\n2 3\n"),
        ("path.dot", "graph { a -- b -- c }"),
        ("path.adjlist", "a b\nb c\n"),
        ("path.txt", "0 1 0\n1 0 1\n0 1 0\n"),
    ],
)
def test_encodings_of_other_formats(tmp_path, encoding, name, text):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    graph, _ = reading(path)
    assert (graph.n, graph.edges) == (3, 2)


def test_names_and_ids_stay_exact(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text("pre_root_id,post_root_id\n720575940629970489,720575940631693610\n")
    assert reading(path)[0].node_names == ("720575940629970489", "720575940631693610")
    path.write_text("pre,post\n  A1L , B2L\nB2L,A1L  \n")
    graph, _ = reading(path)
    assert (graph.node_names, graph.edges) == (("A1L", "B2L"), 2)
    with pytest.raises(UserError, match="not exact"):
        read_graph(pd.DataFrame({"pre": [7.20575940629970489e17, 1.0], "post": [1.0, 2.0]}))


def test_matlab_files(tmp_path):
    path = tmp_path / "brain.mat"
    ring = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    names = np.array(["V1", "V2", "MT"], dtype=object)
    scipy_io.savemat(
        path, {"C": ring, "names": names, "xyz": np.zeros((3, 3, 2)), "Problem": {"A": sparse.csc_matrix(ring)}}
    )
    with pytest.raises(UserError, match=r"C, Problem.A are square; name one with variable='C'"):
        read_graph(path)
    assert reading(path, variable="Problem.A")[0].edges == 2
    assert reading(path, variable="C")[0].node_names == ("V1", "V2", "MT")
    with pytest.raises(UserError, match="no such entry"):
        read_graph(path, variable="D")
    scipy_io.savemat(path, {"xyz": np.zeros((3, 2))})
    with pytest.raises(UserError, match=r"none is a square matrix of numbers: xyz 3×2"):
        read_graph(path)


def test_tables_of_pandas(tmp_path):
    frame = pd.DataFrame({"pre": [10**17 + 1, 5], "post": [5, 7], "count": [2, 3]})
    for ending, write in ((".parquet", frame.to_parquet), (".feather", frame.to_feather)):
        write(tmp_path / f"t{ending}")
        graph, notes = reading(tmp_path / f"t{ending}", threshold=2)
        assert (graph.n, graph.edges, graph.directed) == (3, 1, True)
        assert "'count', the only column of numbers" in notes
        assert graph.node_names == ("5", "7", str(10**17 + 1))
    matrix = pd.DataFrame([[0, 1], [1, 0]], index=["a", "b"], columns=["a", "b"])
    matrix.to_parquet(tmp_path / "m.parquet")
    assert reading(tmp_path / "m.parquet")[0].node_names == ("a", "b")


def test_a_feather_table_whose_offsets_lead_outside_its_memory_is_refused(tmp_path):
    """pandas follows such offsets, which ends the process by a signal."""
    offsets = pa.py_buffer(np.array([0, 2**30, 4], dtype=np.int32).tobytes())
    column = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"abcd"))
    batch = pa.record_batch([column, pa.array(["a", "b"])], names=["pre", "post"])
    with pa.ipc.new_file(tmp_path / "t.feather", batch.schema) as writer:
        writer.write_batch(batch)
    for read in (read_graph, read_connectome):
        with pytest.raises(UserError, match=r"t\.feather.*cannot be read.*ffset") as said:
            read(tmp_path / "t.feather")
        assert "\n" not in str(said.value)


def test_excel_sheets(tmp_path):
    pytest.importorskip("openpyxl", reason="openpyxl reads Excel files: pip install openpyxl")
    path = tmp_path / "t.xlsx"
    matrix = pd.DataFrame([[0, 1, 0], [1, 0, 1], [0, 1, 0]], index=list("abc"), columns=list("abc"))
    with pd.ExcelWriter(path) as book:
        matrix.to_excel(book, sheet_name="matrix")
        pd.DataFrame({"pre": ["a", "b"], "post": ["b", "c"]}).to_excel(book, sheet_name="edges", index=False)
    with pytest.raises(UserError, match=r"holds 2 sheets \(matrix, edges\); name one with variable='matrix'"):
        read_graph(path)
    assert reading(path, variable="matrix")[0].node_names == ("a", "b", "c")
    assert reading(path, variable="edges")[0].directed


def test_wide_matrices_are_read_as_numbers(tmp_path):
    rng = np.random.default_rng(0)
    matrix = np.triu((rng.random((60, 60)) < 0.2) * 1, 1)
    matrix = matrix + matrix.T
    names = [f"area {i}" for i in range(60)]
    expected = int(matrix.sum()) // 2
    np.savetxt(tmp_path / "plain.csv", matrix, delimiter=",", fmt="%d")
    assert reading(tmp_path / "plain.csv")[0].edges == expected
    frame = pd.DataFrame(matrix, index=names, columns=names)
    for file, options in (("l.csv", {}), ("l.tsv", {"sep": "\t"}), ("h.csv", {"index": False})):
        frame.to_csv(tmp_path / file, **options)
        graph, _ = reading(tmp_path / file)
        assert (graph.edges, list(graph.node_names)) == (expected, names)
    frame.iloc[::-1].to_csv(tmp_path / "turned.csv")
    assert reading(tmp_path / "turned.csv")[0] == reading(tmp_path / "l.csv")[0]


def test_xz_and_the_committed_worm(shared_file):
    path = shared_file("data/connectomes/worm/edges.csv.xz")
    table = pd.read_csv(io.BytesIO(lzma.decompress(path.read_bytes())))
    chemical = table[(table.kind == "chemical") & (table.pre != table.post)]
    graph, notes = reading(path, where={"kind": "chemical"}, threshold=0, drop_self_loops=True)
    assert graph.edges == len(chemical)
    assert graph.directed
    assert "'synapses'" in notes
