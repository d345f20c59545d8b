"""Small networks of many architectures: what relationalize reports is in force; they train, save and load."""

from __future__ import annotations

import os

import pytest
from pages import ROOT

from benchmarks.architectures import all_networks, examine
from graph2nn import relationalize, ws_flex
from graph2nn.errors import UserError

os.environ.setdefault("HF_HUB_OFFLINE", "1")
NETWORKS = {f"{kind}: {name}": (name, build) for kind, name, build in all_networks()}
#: One of each kind runs in every test run, the others in the slow one.
QUICK = {"written here: UNet", "written here: BiT, weight standardised", "written here: ViT"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in NETWORKS]
)
def test_the_jacobian_of_every_layer_is_its_reported_mask(name):
    result = examine(*NETWORKS[name])
    # Recurrent layers have several weights between input and output; theirs are compared with the mask instead.
    assert result.jacobians > 0 or name.endswith(("LSTM", "GRU"))
    assert result.params[1] < result.params[0]
    assert result.macs[1] < result.macs[0]


def test_every_convolution_of_hugging_face_s_bit_standardises_its_weight_and_stays_dense():
    transformers = pytest.importorskip("transformers", reason="needs the test extra")
    config = transformers.BitConfig(hidden_sizes=[32, 32], depths=[1, 1], embedding_size=16, num_groups=8)
    with pytest.raises(UserError, match=r"WeightStandardizedConv2d\.forward changes the weight"):
        relationalize(transformers.BitModel(config), ws_flex(8, 3.5, 0.3, 1), include="*")


def test_the_tables_on_the_page_have_every_network():
    page = (ROOT / "docs" / "architectures.md").read_text(encoding="utf-8")
    for name, _ in NETWORKS.values():
        assert f"\n| {name} |" in page
