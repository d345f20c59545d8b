"""Short training runs of families: losses are finite; a family that fails does not take the others along."""

import json
import math

import pytest

from benchmarks import record
from benchmarks.short_runs import backwards, losses_into
from benchmarks.train_families import RECIPE, Family, earlier, run
from graph2nn import build_model, load_dataset, train
from graph2nn.wiring import Dense

MLP = Family("mlp5", 0.05, nodes=16, build={"stem": 32, "widths": [32]})
RNN = Family("rnn", 0.05, nodes=16, build={"widths": [32]})
PAIRS = Family(
    "transformer", 0.05, nodes=16, task=backwards, build={"widths": [32], "depth": 1, "num_classes": 17}
)


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    return lambda: json.loads((tmp_path / "families.json").read_text(encoding="utf-8"))


def test_the_record_has_both_networks_and_finite_losses(written):
    assert run({"MLP": MLP, "RNN": RNN, "pairs": PAIRS}, load_dataset("digits"), 20, {}) == []
    rows = written()["families"]
    assert list(rows) == ["MLP", "RNN", "pairs"]
    for row in rows.values():
        assert (row["steps"], row["batch"]) == (20, 32)
        for which in ("dense", "relational"):
            one = row[which]
            assert {"multiply_adds", "parameters", "seconds", "widths"} <= set(one)
            assert len(one["curve"]) == 20
            assert all(map(math.isfinite, [*one["curve"], one["first_tenth"], one["last_tenth"]]))
        assert row["relational"]["multiply_adds"] == pytest.approx(row["dense"]["multiply_adds"], rel=0.05)
        assert row["relational"]["widths"] > row["dense"]["widths"]


def test_what_failed_is_named_and_the_rest_is_written(written):
    # The graph has more nodes than the stem is wide, which only the relational network minds.
    narrow = Family("mlp5", 0.05, nodes=16, build={"stem": 8, "widths": [32]})
    assert run({"narrow": narrow, "MLP": MLP}, load_dataset("digits"), 10, {}) == ["narrow"]
    rows = written()["families"]
    assert rows["narrow"]["failed"].startswith("TooNarrowError")
    assert "dense" in rows["narrow"]
    assert "failed" not in rows["MLP"]


def test_a_call_for_some_families_keeps_the_others_and_where_they_came_from(written, tmp_path):
    data = load_dataset("digits")
    run({"MLP": MLP, "RNN": RNN}, data, 10, {"command": "first"})
    kept = earlier(tmp_path / "families.json")
    run({"MLP": MLP}, data, 20, {"command": "second", "families": kept})
    found = written()
    assert found["command"] == "second"
    assert list(found["families"]) == ["MLP", "RNN"]
    assert (found["families"]["MLP"]["steps"], "birth" in found["families"]["MLP"]) == (20, False)
    assert found["families"]["RNN"]["birth"]["command"] == "first"
    assert earlier(tmp_path / "families.json")["RNN"]["birth"]["command"] == "first"


def test_the_losses_of_steps_make_up_those_of_epochs():
    data, losses = load_dataset("digits"), []
    model = build_model("mlp3", Dense(), [32], input_size=data.image_shape, stem=32)
    recipe = RECIPE.model_copy(update={"epochs": 2, "lr": 0.05, "warmup_epochs": 0})
    history = train(model, data, recipe, seed=1, on_batch=losses_into(losses))
    each = len(losses) // 2
    for epoch, start in zip(history, (0, each), strict=True):
        assert sum(losses[start : start + each]) / each == pytest.approx(epoch.train_loss, rel=1e-5)
