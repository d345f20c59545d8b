"""Shell completion offers presets, catalogues and graphs, and its names are those that exist."""

from __future__ import annotations

import pytest

from graph2nn.cli import completion, main
from graph2nn.experiments import PRESETS
from graph2nn.graphs.catalogues import PUBLISHED
from graph2nn.graphs.connectomes import NAMES
from graph2nn.graphs.generators import GENERATORS


def test_names_written_out_are_those_that_exist():
    assert tuple(PUBLISHED) == completion.CATALOGUES
    assert completion.CONNECTOMES == NAMES
    assert set(completion.FAMILIES) == set(GENERATORS)
    assert completion.complete_preset("") == list(PRESETS)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("train mlp-c", {"mlp-cifar10", "mlp-cifar10-bio"}),
        ("sweep mlp-digits --select n16", {"n16-48", "n16-326", "n16-2698"}),
        ("sweep mlp-digits --select b", {"baseline", "best", "balanced_tree:", "barabasi_albert:"}),
        ("sweep mlp-digits --graph wor", {"worm", "worm:electrical", "worm:all"}),
        ("train mlp-digits --graph ws_flex_", {"ws_flex_directed:"}),
        ("graphs catalogue n64-4", {"n64-449"}),
        ("graphs measure mc", {"mcwhole", "mcvisual"}),
        ("presets vgg", {"vgg11-cifar10"}),
        ("analyze pub", {"published"}),
    ],
)
def test_the_command_completes(words, offered, monkeypatch, capsys):
    monkeypatch.setenv("_GRAPH2NN_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"graph2nn {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    from graph2nn.cli import app

    with pytest.raises(SystemExit):
        app(prog_name="graph2nn")
    assert set(capsys.readouterr().out.split()) == offered


@pytest.mark.parametrize("group", [[], ["graphs"], ["data"], ["plan"], ["bench"]])
def test_a_group_of_commands_alone_prints_its_help(group, capsys):
    assert main(group) == 0
    said = capsys.readouterr()
    assert "Usage" in said.out
    assert not said.err
