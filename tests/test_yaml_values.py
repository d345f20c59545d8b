"""YAML of users: what is refused in one line, and how soon."""

from __future__ import annotations

import pytest
import yaml
from fuzzing.mutations import LAUGHS, YAML_BOMBS

from graph2nn.cli import main
from graph2nn.yaml_values import read_yaml


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LAUGHS, "aliases stand for"),
        ("a: &a [*a]", "holds it"),
        ("[" * 3000, "deeply"),
        ("lr: 2020-13-45", "month"),
        ("lr: 0x_", "invalid literal"),
        ("a: 1\na: 2", "twice"),
        ("a: !!timestamp 9", "."),
    ],
)
def test_what_has_no_value_is_a_yaml_error(text, why):
    with pytest.raises(yaml.YAMLError, match=why):
        read_yaml(text)


def test_aliases_that_mean_little_are_read():
    assert read_yaml("a: &a {b: 1}\nc: {<<: *a, d: 2}") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10), ("-010", -10), ("+007", 7), ("00", 0), ("1_000", 1000), ("0x1f", 31), ("0.50", 0.5),
        ("1:30", "1:30"), ("1:30.5", "1:30.5"), ("-1:30:00", "-1:30:00"),
    ],
)  # fmt: skip
def test_numbers_are_what_they_look_like(text, value):
    """YAML 1.1 reads 010 as eight and 1:30 as ninety."""
    found = read_yaml(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


def test_settings_are_what_they_look_like(tmp_path, capsys):
    command = ["train", "mlp-digits", "--select", "baseline", "--out", str(tmp_path)]
    assert main([*command, "--set", "recipe.epochs=1:30"]) == 2
    assert "1:30" in capsys.readouterr().err
    assert main([*command, "--set", "recipe.epochs=01", "--set", "recipe.batch_size=0100"]) == 0
    (config,) = tmp_path.glob("runs/*/config.yaml")
    assert "batch_size: 100\n" in config.read_text()


@pytest.mark.parametrize("bomb", YAML_BOMBS)
def test_the_command_says_one_short_line(bomb, tmp_path, capsys):
    file = tmp_path / "preset.yaml"
    file.write_text(bomb, encoding="utf-8")
    assert main(["presets", str(file)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert len(said) < 2100


@pytest.mark.parametrize("setting", ["lr=2020-13-45", "lr=0x_", "lr=inf", "lr=.nan", "resized_crop=[5, 1]"])
def test_values_of_a_recipe_that_are_none(setting, capsys):
    assert main(["sweep", "mlp-digits", "--select", "baseline", "--dry-run", "--set", f"recipe.{setting}"]) == 2
    assert setting.partition("=")[0] in capsys.readouterr().err
