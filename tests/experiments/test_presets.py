"""Presets: they print as YAML, are edited and run again; what is wrong is named with the nearest key."""

import json

import pytest

from graph2nn.cli import main
from graph2nn.errors import UserError
from graph2nn.experiments import PRESETS, Preset, plan, preset, select
from graph2nn.experiments.connectome_networks import CONNECTOME_RNN
from graph2nn.models.registry import architecture
from graph2nn.results.config import RunConfig


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_yaml_and_names_what_there_is(name):
    known = PRESETS[name]
    assert Preset.from_yaml(known.to_yaml()) == known
    assert known.name == name
    if known.model.name != CONNECTOME_RNN:  # whose widths are those of its graph
        architecture(known.model.name)
    if known.best:
        best = known.best.build()
        assert best.n == known.best.ws_flex.n
    if known.graphs[0].startswith("n"):
        graphs = select(known, [f"{known.graphs[0]}:0"])
        (config,) = plan(known, graphs, (1,), data=known.data)
        assert RunConfig.from_yaml(config.to_yaml()) == config


def test_an_edited_preset_is_run_by_the_name_of_its_file(tmp_path, capsys):
    assert main(["presets", "mlp-digits"]) == 0
    text = capsys.readouterr().out
    edited = text.replace("name: mlp-digits", "name: mine").replace("epochs: 12", "epochs: 1")
    assert edited != text
    (tmp_path / "mine.yaml").write_text(edited)
    assert preset(str(tmp_path / "mine.yaml")).recipe.epochs == 1
    out = tmp_path / "runs"
    assert main(["train", str(tmp_path / "mine.yaml"), "--select", "baseline", "--out", str(out)]) == 0
    (result,) = out.glob("runs/*/result.json")
    row = json.loads(result.read_text())
    assert (row["preset"], row["epochs"]) == ("mine", 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("recipe:", "recipe:\n  lrr: 0.1"), "unknown key recipe.lrr; did you mean recipe.lr?"),
        (("epochs: 12", "epochs: many"), "recipe.epochs = 'many': input should be a valid integer"),
        (("epochs: 12", "epochs: 0"), "recipe.epochs = 0: input should be greater than or equal to 1"),
        (("data: digits\n", ""), "data is missing"),
        (("model:", "modle:"), "model is missing"),
        (("name: mlp5", "name: mlp5\n  width: 3"), "unknown key model.width; did you mean model.widths?"),
        (("seeds: 3", "seeds: [3"), "while parsing"),
    ],
)
def test_what_is_wrong_is_said_on_one_line(tmp_path, capsys, change, said):
    text = PRESETS["mlp-digits"].to_yaml()
    assert change[0] in text
    (tmp_path / "bad.yaml").write_text(text.replace(*change))
    with pytest.raises(UserError):
        preset(str(tmp_path / "bad.yaml"))
    assert main(["train", str(tmp_path / "bad.yaml")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_preset_that_is_not_there(tmp_path, capsys):
    assert main(["presets", "mlp-cifar1"]) == 2
    assert "did you mean 'mlp-cifar10'?" in capsys.readouterr().err
    assert main(["presets", str(tmp_path / "no.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_the_list_names_all(capsys):
    assert main(["presets"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in PRESETS)
    assert main(["presets", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(PRESETS)


def test_an_option_left_at_its_default_does_not_enter_the_digest():
    known = PRESETS["mlp-digits"]
    (config,) = plan(known, [None], (1,), data="digits")
    spelled = RunConfig.model_validate(config.model_dump())
    assert spelled.digest == config.digest
    assert config.model_copy(update={"symmetric": True}).digest != config.digest
    assert config.model_copy(update={"seed": 2}).digest != config.digest
    assert config.model_copy(update={"seed": 2}).experiment == config.experiment
