"""The migration page names every config key, network, layer, message type, and nothing that does not exist."""

from __future__ import annotations

import re

import pytest
from pages import ROOT

from graph2nn.experiments.presets.published_graphs import MESSAGES
from graph2nn.experiments.presets.published_keys import CHANGES_NOTHING, DEFAULTS, ONLY
from graph2nn.experiments.presets.published_networks import LAYERS

PAGE = (ROOT / "docs/migration.md").read_text(encoding="utf-8")
KEYS = PAGE.partition("## Config keys")[2].partition("## Networks")[0]
ROWS = {
    key: line.split("|")[2].strip()
    for line in KEYS.splitlines()
    for key in re.findall(r"`([A-Z_]+(?:\.[A-Za-z_0-9]+)?)`", line.split("|")[1] if line.count("|") > 3 else "")
    if key in DEFAULTS
}


def test_every_key_has_a_row_and_the_sign_of_what_becomes_of_it():
    assert set(ROWS) == set(DEFAULTS)
    signs = {"=", "≠", "–", "×"}
    assert set(ROWS.values()) == signs
    assert {key for key, sign in ROWS.items() if sign == "–"} == set(CHANGES_NOTHING)
    assert set(ONLY) <= {key for key, sign in ROWS.items() if sign == "×"}


@pytest.mark.parametrize("kind", LAYERS)
def test_every_network_and_layer_is_named(kind):
    table = PAGE.partition("## Networks and layers")[2].partition("## Message types")[0]
    assert f"| `{kind}` |" in table
    assert all(f"`{layer}`" in table for layer in LAYERS[kind])


def test_every_message_type_is_named():
    table = PAGE.partition("## Message types")[2].partition("## Tools")[0]
    assert all(f"`{message}`" in table for message in (*MESSAGES, "ba", "grid", "regular"))
