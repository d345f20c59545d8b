"""Findings of tasks, and summary.json's published names: every golden number, and gaps that are said."""

import pytest
from analysis_tables import sweep, table
from published_files import write_task

from graph2nn.analysis.task_findings import study, task_findings
from graph2nn.errors import UserError
from graph2nn.report.published_names import short, study_record, task_record
from graph2nn.results.published import read_published


def evaluations(runs):
    return runs.rename(columns={"epochs": "epoch"})


@pytest.fixture(scope="module")
def everything(published):
    chosen = ("mlp_cifar10", "resnet34_imagenet", "resnet34_sep_imagenet")
    tables = {task: published.of(task) for task in chosen}
    return study(tables, notes=published.notes, ranks=published.ranks)


@pytest.mark.parametrize("task", ["mlp_cifar10", "resnet34_imagenet"])
def test_the_published_task_to_the_digit(everything, golden, task):
    record, wanted = task_record(everything.tasks[task]), golden["tasks"][task]
    for name in ("n_configs", "n_seeds", "epoch"):
        assert record[name] == wanted[name]
    assert record["baseline"] == wanted["baseline"]
    best = {**everything.tasks[task].found.best, **record["best"]}
    for name, value in wanted["best"].items():
        assert best[name] == value, name
    spot = wanted["sweet_spot"]
    for name in ("C_min", "C_max", "L_min", "L_max", "n_rows_significant_graphs", "n_graphs"):
        assert record["sweet_spot"][name] == spot[name], name
    assert record["sweet_spot"]["graph_indices_inside"] == spot["graph_indices_inside"]
    assert record["sweet_spot"]["rect_x_y_w_h"] == pytest.approx(spot["rect_x_y_w_h"], abs=1e-12)
    for name, value in wanted.get("sweet_spot_align_results_bin", {}).items():
        if name in record["sweet_spot_align_results_bin"]:
            ours = record["sweet_spot_align_results_bin"][name]
            if name == "bins_kept":
                ours, value = sorted(ours), sorted(value)
            assert ours == (value if name == "bins_kept" else pytest.approx(value, abs=1e-12)), name


def test_the_published_study_to_the_digit(everything, golden):
    record = study_record(everything)
    for task, fits in golden["slice_fits"].items():
        for name, wanted in fits.items():
            assert record["slice_fits"][task][name]["coef"] == pytest.approx(wanted["coef"], rel=1e-9)
    for pair in ("mlp_vs_resnet34", "resnet34sep_vs_resnet34"):
        assert record["correlations_resolution52"][pair] == pytest.approx(
            golden["correlations_resolution52"][pair], abs=6e-5
        )
    for epoch, value in golden["epoch_correlation_resnet34"].items():
        assert record["epoch_correlation_resnet34"][epoch] == pytest.approx(value, abs=1e-12)
    key = "graph_count_correlation_mlp_first"
    assert round(record[key], 4) == golden[key]


def test_the_published_notes_name_the_rule_and_the_tie(everything):
    notes = " ".join(everything.tasks["mlp_cifar10"].notes)
    assert "number 3 of a stable sort by mean error, ws(64,8.192,0.1281,4), as published" in notes
    assert "ws(64,8.192,0.1281,4) tie exactly at 32.054 %" in notes
    assert "lacks epochs 35–100" in " ".join(everything.tasks["resnet34_sep_imagenet"].notes)


def test_ties_are_one_note():
    errors = {"baseline": [33.0], "a": [31.0], "b": [31.0], "c": [32.0], "d": [32.0]}
    (*_, note) = task_findings("t", table(errors)).notes
    assert note == "a and b tie exactly at 31.000 %; c and d tie exactly at 32.000 %; catalogue order decides."


def test_gaps_are_said():
    runs, _ = sweep(8, 3)
    assert task_findings("t", evaluations(runs)).notes == ()
    no_baseline = task_findings("t", evaluations(runs[runs["kind"] == "relational"]))
    assert "no dense baseline" in no_baseline.notes[0]
    assert task_record(no_baseline)["baseline"] is None
    one_seed = task_findings("t", evaluations(runs[runs["seed"] == 1]))
    assert "one training seed" in one_seed.notes[0]
    assert task_record(one_seed)["best"]["top1_std"] == 0
    half = runs[(runs["seed"] < 3) | (runs["graph"] != runs["graph"].iloc[-1])]
    assert "have fewer training seeds than the 3" in task_findings("t", evaluations(half)).notes[0]


def test_a_run_that_has_not_reached_the_last_epoch_is_left_out(tmp_path):
    write_task(tmp_path)
    rows = read_published(tmp_path).of("resnet34_imagenet")
    short_run = (rows["graph"] == rows["graph"].iloc[-1]) & (rows["seed"] == 1) & (rows["epoch"] == 3)
    found = task_findings("t", rows[~short_run])
    assert len(found.runs) == 9 * 3 - 1
    assert any("fewer training seeds" in note for note in found.notes)


def test_one_broken_task_does_not_stop_the_others_but_alone_it_does():
    runs, _ = sweep(6, 2)
    broken = evaluations(table({"baseline": [30.0]}))
    found = study({"good": evaluations(runs), "bad": broken})
    assert list(found.tasks) == ["good"]
    assert "no relational graph" in found.left_out["bad"]
    with pytest.raises(UserError, match="no relational graph"):
        study({"bad": broken})
    with pytest.raises(UserError, match=r"no task can be analysed: a: .* b: "):
        study({"a": broken, "b": broken})


def test_cells_stand_as_published_in_the_order_of_the_graphs(everything, golden):
    own = task_record(everything.tasks["mlp_cifar10"])["sweet_spot_align_results_bin"]
    wanted = golden["tasks"]["mlp_cifar10"]["sweet_spot_align_results_bin"]
    assert own["bins_kept"] == wanted["bins_kept"]
    assert own["best_bin_values"] == wanted["best_bin_values"]


def test_short_names():
    assert [short(t) for t in ("mlp_cifar10", "efficientnet_imagenet", "mlp-digits")] == [
        "mlp", "efficientnet", "mlpdigits",
    ]  # fmt: skip
