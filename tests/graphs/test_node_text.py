"""Nodes named by a text: numbers, ids or an expression, and what is refused because it could be either."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graph2nn import ConnectomeRNN, RelationalGraph, UserError, null
from graph2nn.graphs.node_text import nodes_of_text

RING = [[0, 1, 2, 3], [1, 2, 3, 0]]
BARE = RelationalGraph.from_edge_index(RING, 4, name="bare")
COUNTED = RelationalGraph.from_edge_index(RING, 4, node_names=["1", "2", "3", "4"])
NAMED = RelationalGraph.from_edge_index(
    RING,
    4,
    node_names=["AVAL", "AVAR", "B 1", "odd"],
    nodes=pd.DataFrame({"type": list("ssmm"), "odd": [True, False, True, False]}),
)


@pytest.mark.parametrize(
    ("graph", "text", "nodes"),
    [
        (BARE, "3, 0", [3, 0]), (BARE, "2", [2]), (BARE, "numbers:1", [1]),
        (COUNTED, "0,1", [0, 1]), (COUNTED, "4", [3]), (COUNTED, "1,4", [0, 3]),
        (COUNTED, "ids:2,1", [1, 0]), (COUNTED, "numbers:2,1", [2, 1]),
        (NAMED, "B 1, AVAL", [2, 0]), (NAMED, "2,3", [2, 3]), (NAMED, "type == 's'", [0, 1]),
        (NAMED, "odd", [0, 2]), (NAMED, "ids:odd", [3]), (NAMED, "odd, AVAL", [3, 0]),
    ],
)  # fmt: skip
def test_a_text_names_nodes(graph, text, nodes):
    assert nodes_of_text(graph, text).tolist() == nodes
    network = ConnectomeRNN(graph, 2, 1, inputs=text, outputs=[0])
    assert network.input_nodes.tolist() == nodes
    assert np.array_equal(null(graph, "boundary", inputs=text).inputs, sorted(nodes))


@pytest.mark.parametrize(
    ("graph", "text", "words"),
    [
        (
            COUNTED,
            "1,2",
            r"could be node numbers or ids, and these are different nodes; write numbers:1,… or ids:1",
        ),
        (COUNTED, "0,4", r"'0,4' mixes node numbers \(0…3\) and ids \(1, 2, 3, 4, …\); give one or the other"),
        (COUNTED, "7", r"'7' names no node; expected node numbers \(0…3\) or ids \(1, 2, 3, 4, …\)\."),
        (BARE, "4", r"'4' names no node; expected node numbers \(0…3\)\."),
        (BARE, "ids:1", r"'1' names no node; expected node numbers, as it has no ids"),
        (BARE, "type == 's'", r"has no table of nodes.* give node numbers or ids, such as 0,1,2"),
        (
            NAMED,
            "AVAL,AVAX",
            r"'AVAX' names no node; expected node numbers \(0…3\) or ids \(AVAL, AVAR, B 1, odd",
        ),
        (NAMED, "AVAX", r"'AVAX' names no node.* or an expression on the columns type, odd"),
        (NAMED, "numbers:9", r"'9' names no node; expected node numbers \(0…3\)\."),
        (NAMED, "AVAL,AVAL", "a node stands there twice"),
    ],
)
def test_what_names_no_node_is_refused_in_one_line(graph, text, words):
    with pytest.raises(UserError, match=words) as caught:
        ConnectomeRNN(graph, 2, 1, inputs=text, outputs=[0])
    assert "\n" not in str(caught.value)
