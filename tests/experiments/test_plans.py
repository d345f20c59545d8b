"""Plans of experiments: refused where they are wrong, frozen by their hash, run exactly as they say."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import yaml
from pages import ROOT
from waiting import wait_for

from graph2nn import load_dataset
from graph2nn.cli import main
from graph2nn.errors import UserError
from graph2nn.experiments import read_runs
from graph2nn.experiments.plans import freeze_plan, plan_hash, planned_runs, read_plan
from graph2nn.experiments.plans.decisive import draft_plan
from graph2nn.layers.bf16_support import cpu_has_bf16
from graph2nn.results.arm_table import run_arms
from graph2nn.results.runs_table import read_config

QUICK = {"recipe.epochs": 2, "recipe.precise_bn": 64, "model.widths": [64], "model.options.stem": 64}
GRAPHS = [{"n": 32, "sparsity": 0.25, "p": 0.1 * i, "seed": i} for i in (1, 2)]


DIGITS = load_dataset("digits").label


def tree(**changes):
    """A plan of nine runs: two graphs with a seed each, the baseline with both, nulls, two recipes."""
    sweet = [{"ws_flex": graph, "seeds": [i]} for i, graph in enumerate(GRAPHS, 1)]
    nulls = [{**network, "rewired": {"seed": 5 + i}} for i, network in enumerate(sweet)]
    plan = {
        "title": "Digits",
        "preset": "mlp-digits",
        "set": QUICK,
        "order": ["B", "A"],
        "arms": [
            {"name": "dense", "part": "A", "networks": [{"graph": "baseline", "seeds": [1, 2]}]},
            {"name": "sweet", "part": "A", "networks": sweet},
            {"name": "nulls", "part": "B", "networks": nulls},
            {
                "name": "slow", "part": "B", "set": {"recipe.lr": 0.01, "recipe.weight_decay": 1e-3},
                "networks": [{"graph": "n64-52:3", "seeds": [4]}, *sweet],
            },
        ],
        "tests": [
            {"name": "gain", "kind": "paired_t_by_seed", "part": "A", "arms": ["dense", "sweet"],
             "family": "primary"}
        ],
    }  # fmt: skip
    return {**plan, **changes}


def written(tmp_path, content=None, name="plan.yaml"):
    file = tmp_path / name
    file.write_text(yaml.safe_dump(content or tree(), sort_keys=False), encoding="utf-8")
    return file


def arm(**changes):
    return {"name": "x", "part": "A", "networks": [{"graph": "baseline", "seeds": [1]}], **changes}


def test_of(**changes):
    known = {"name": "t", "kind": "welch", "part": "A", "arms": ["dense", "sweet"], "family": "primary"}
    return {"tests": [{**known, **changes}]}


def lone_seeds(kind):
    """A test that pairs by seed, of two arms with one seed in common."""
    return {**tree(arms=[arm(name=name, networks=[{"graph": graph, "seeds": seeds}]) for name, graph, seeds in (
        ("dense", "baseline", [1, 2]), ("sweet", "n64-52:3", [2, 3])
    )], order=["A"]), **test_of(kind=kind)}  # fmt: skip


test_of.__test__ = False


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"titel": "x"}, "unknown key titel; did you mean title?"),
        ({"arms": [arm(sets={})]}, "unknown key arms.0.sets"),
        ({"arms": []}, "arms"),
        ({"arms": [arm(networks=[{"graph": "cat"}])]}, "seeds is missing"),
        ({"arms": [arm(networks=[{"seeds": [1]}])]}, "expected one of graph and ws_flex"),
        (
            {"arms": [arm(networks=[{"graph": "baseline", "rewired": {"seed": 1}, "seeds": [1]}])]},
            "has no null",
        ),
        ({"arms": [arm(networks=[{"graph": "cat", "seeds": [1, 1]}])]}, "each seed once"),
        ({"arms": [arm(), arm()]}, "arm 'x' is there twice"),
        ({"order": ["A"]}, "part of an arm 'B' is not one of A"),
        ({"precision": "fp8"}, "precision = 'fp8'"),
        (test_of(arms=["dense", "sparse"]), "arm of a test 'sparse' is not one of"),
        (test_of(kind="tost"), "expected a margin for tost"),
        (test_of(kind="anova"), "kind = 'anova'"),
        (test_of(arms=["dense", "sweet", "slow"]), "welch compares two arms"),
        (test_of(weights=[1, -1]), "weights for contrast only"),
        (test_of(arms=["dense", "dense"]), "each arm of a test once"),
        (
            test_of(kind="best_recipe", arms=["dense", "sweet", "slow"]),
            "as many arms on its second side as on its first",
        ),
        (lone_seeds("paired_t_by_seed"), "arms dense, sweet share 1 of their seeds"),
        (lone_seeds("contrast"), "arms dense, sweet share 1 of their seeds"),
        (lone_seeds("best_recipe"), "or take the kind welch"),
    ],
)
def test_a_wrong_plan_is_refused_in_one_line(changes, message, tmp_path, capsys):
    assert main(["plan", "show", str(written(tmp_path, tree(**changes)))]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "mlpx"}, "preset"),
        ({"set": {"recipe.lrr": 1}}, "did you mean recipe.lr?"),
        ({"arms": [arm(part=part, name=part, networks=[{"graph": "n64-52", "seeds": [1]}]) for part in "AB"],
          "tests": []}, "52 graphs, expected one per network"),
        ({"arms": [arm(part=part, name=part) for part in "AB"], "tests": []}, "is in arm 'B' and in arm 'A'"),
    ],
)  # fmt: skip
def test_what_the_plan_names_must_exist(changes, message, tmp_path):
    with pytest.raises(UserError, match=r"\?".join(message.split("?"))):
        planned_runs(read_plan(written(tmp_path, tree(**changes))), data=DIGITS)


def test_the_hash_is_of_the_content_alone(tmp_path, capsys):
    file = written(tmp_path)
    file.write_text("# Why: a comment\n" + file.read_text(), encoding="utf-8")
    value = freeze_plan(file)
    assert value == plan_hash(tree()) == plan_hash(dict(reversed(tree().items())))
    assert value != plan_hash(tree(title="Other"))
    assert file.read_text().startswith("# Why: a comment\n")
    assert read_plan(file).sha256 == value
    with pytest.raises(UserError, match="frozen already"):
        freeze_plan(file)
    file.write_text(file.read_text().replace("seeds:\n    - 4", "seeds:\n    - 5"), encoding="utf-8")
    assert main(["plan", "show", str(file)]) == 2
    error = capsys.readouterr().err.strip()
    assert "was changed after it was frozen" in error
    assert "\n" not in error


def test_each_graph_has_its_seeds_and_each_arm_its_recipe(tmp_path):
    runs = planned_runs(read_plan(written(tmp_path)), data=DIGITS)
    assert [(run.part, run.arm, run.config.seed) for run in runs] == [
        ("B", "nulls", 1), ("B", "slow", 1), ("B", "nulls", 2), ("B", "slow", 2), ("B", "slow", 4),
        ("A", "dense", 1), ("A", "sweet", 1), ("A", "dense", 2), ("A", "sweet", 2),
    ]  # fmt: skip
    for run in runs:
        recipe = run.config.recipe
        assert (recipe.epochs, recipe.batch_size) == (2, 64)
        assert (recipe.lr, recipe.weight_decay) == ((0.01, 1e-3) if run.arm == "slow" else (0.05, 5e-4))
    graphs = {(run.arm, run.config.seed): run.config.graph for run in runs}
    assert graphs["dense", 1] is None
    for seed in (1, 2):
        graph, null = graphs["sweet", seed], graphs["nulls", seed]
        assert (graph.ws_flex.p, graph.ws_flex.seed) == (0.1 * seed, seed)
        assert graph == graphs["slow", seed]
        assert null.null_of == graph.name
        original, rewired = graph.build(), null.build()
        assert rewired.connected
        assert (rewired.adjacency.sum(0) == original.adjacency.sum(0)).all()
        assert (rewired.adjacency != original.adjacency).any()


def test_a_list_is_the_same_as_its_text(tmp_path):
    text = written(tmp_path, tree(set={**QUICK, "model.widths": "[64]"}), "text.yaml")
    runs = [
        [run.config for run in planned_runs(read_plan(file), data=DIGITS)] for file in (text, written(tmp_path))
    ]
    assert runs[0] == runs[1]
    assert runs[0][0].model.widths == (64,)


def test_graphs_whose_names_would_agree_are_told_apart(tmp_path):
    close = [{"n": 32, "sparsity": 0.25, "p": p, "seed": 1} for p in (0.1, 0.10000001)]
    networks = [{"ws_flex": graph, "seeds": [1]} for graph in close]
    plan = written(tmp_path, tree(arms=[arm(networks=networks)], order=["A"], tests=[]))
    names = [run.config.graph_name for run in planned_runs(read_plan(plan), data=DIGITS)]
    assert names == ["ws(32,8,0.1,1)", "ws(32,8,0.1,1) #2"]


def test_the_runs_are_those_of_an_ordinary_sweep(tmp_path):
    """An arm with a recipe of its own leaves the names of the others as they are."""
    from graph2nn.experiments import plan, preset

    settings = [f"{key}={value}" for key, value in QUICK.items()]
    ordinary = plan(preset("mlp-digits"), [None], [1, 2], data=DIGITS, settings=settings)
    runs = planned_runs(read_plan(written(tmp_path)), data=DIGITS)
    assert {config.folder for config in ordinary} == {r.config.folder for r in runs if r.arm == "dense"}


def sweep(file, out, *more):
    return main(["sweep", "--plan", str(file), "--out", str(out), "--threads", "1", *more])


def test_a_plan_is_run_once_and_the_table_tells_the_arms(tmp_path, capsys):
    file, out = written(tmp_path), tmp_path / "out"
    assert sweep(file, out) == 2
    assert "is not frozen" in capsys.readouterr().err
    value = freeze_plan(file)
    assert sweep(file, out) == 0
    table = read_runs(out)
    expected = {run.config.folder: run.arm for run in planned_runs(read_plan(file), data=DIGITS)}
    assert dict(zip(table["run"], table["arm"], strict=True)) == expected
    assert set(table["plan"]) == {value[:12]}
    assert set(table.loc[table["arm"] == "slow", "recipe"]) == {
        "epochs=2 batch_size=64 lr=0.01 weight_decay=0.001 precise_bn=64"
    }
    assert read_config(out, table["run"][table["arm"] == "nulls"].iloc[0]).graph.null_of is not None
    before = {path: path.stat().st_mtime_ns for path in (out / "runs").glob("*/result.json")}
    capsys.readouterr()
    assert sweep(file, out) == 0
    assert "9 of 9 runs were finished already" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in (out / "runs").glob("*/result.json")}
    # Packed without its folders, the table still tells the arms, and nothing is trained again.
    assert main(["pack", str(out), "--out", str(tmp_path / "packed")]) == 0
    assert dict(read_runs(tmp_path / "packed").set_index("run")["arm"]) == expected
    assert sweep(file, tmp_path / "packed") == 0
    assert "9 of 9 runs were finished already" in capsys.readouterr().err
    other = written(tmp_path, tree(title="Other"), name="other.yaml")
    freeze_plan(other)
    assert sweep(other, out) == 2
    assert "has the runs of another plan" in capsys.readouterr().err


def test_killed_and_called_again_no_run_is_lost_or_doubled(tmp_path):
    file, out = written(tmp_path, tree(set={**QUICK, "recipe.epochs": 15})), tmp_path / "out"
    freeze_plan(file)
    command = [
        sys.executable,
        "-m",
        "graph2nn",
        "sweep",
        "--plan",
        str(file),
        "--out",
        str(out),
        "--threads",
        "1",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(
        lambda: list((out / "runs").glob("*")),
        "a run has finished",
        alive=lambda: process.poll() is None,
        pause=0.01,
    )
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    finished = {path.name for path in (out / "runs").glob("*")}
    assert 0 < len(finished) < 9
    assert sweep(file, out) == 0
    table = read_runs(out)
    assert len(table) == table["run"].nunique() == 9
    for run in finished:
        assert len((out / "runs" / run / "attempts.jsonl").read_text().splitlines()) == 1


def test_a_dry_run_prints_runs_and_costs_and_trains_nothing(tmp_path, capsys):
    file, out = written(tmp_path), tmp_path / "out"
    assert sweep(file, out, "--dry-run", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["arm"], row["seed"]) for row in rows][:3] == [("nulls", 1), ("slow", 1), ("nulls", 2)]
    dense = next(row["macs"] for row in rows if row["arm"] == "dense")
    assert dense == 64 * 64 * 4 + 64 * 10
    for row in rows:
        assert abs(row["macs"] / dense - 1) < 0.05
        assert row["training_macs"] == row["macs"] * len(load_dataset("digits").train) * 2 * 3
    assert sweep(file, out, "--dry-run") == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("dense", "sweet", "nulls", "slow"))
    assert main(["sweep", "mlp-digits", "--select", "baseline", "--dry-run", "--out", str(out)]) == 0
    assert not out.exists()


@pytest.mark.parametrize(
    "option",
    [["mlp-digits"], ["--select", "best"], ["--seeds", "2"], ["--nulls", "1"], ["--null", "degree"],
     ["--set", "recipe.lr=1"], ["--amp", "bf16"]],
)  # fmt: skip
def test_nothing_else_may_change_what_a_plan_runs(option, tmp_path, capsys):
    assert sweep(written(tmp_path), tmp_path / "out", "--dry-run", *option) == 2
    error = capsys.readouterr().err.strip()
    assert "the plan decides" in error
    assert "\n" not in error


def test_bf16_is_what_the_plan_says(tmp_path):
    arms = [arm(networks=[{"graph": "baseline", "seeds": [1]}])]
    file = written(tmp_path, tree(arms=arms, order=["A"], tests=[], precision="bf16"))
    freeze_plan(file)
    assert sweep(file, tmp_path / "out") == 0
    computed = "bf16" if cpu_has_bf16() else "float32 for bf16"
    assert set(read_runs(tmp_path / "out")["acceleration"]) == {computed}


def test_the_planned_experiment_is_the_one_that_was_designed():
    """Counts of EXPERIMENT.md; graph i has seed i in every arm, and the first six of A are those of D."""
    plan = draft_plan()
    assert [(part, plan.count(part)) for part in plan.order] == [
        ("A", 60), ("B1", 40), ("D", 48), ("B2", 30), ("C", 60)
    ]  # fmt: skip
    arms = {arm.name: arm for arm in plan.arms}
    sweet = arms["A sweet spot"].networks
    assert [network.seeds for network in sweet] == [(i,) for i in range(1, 31)]
    assert len({network.ws_flex for network in sweet}) == 30
    assert arms["A dense"].networks[0].seeds == tuple(range(1, 31))
    for arm_of_d in (arm for arm in plan.arms if arm.part == "D" and "dense" not in arm.name):
        assert arm_of_d.networks == sweet[:6]
    nulls = arms["B2 nulls"].networks
    assert [(null.ws_flex, null.seeds, null.rewired.seed) for null in nulls] == [
        (network.ws_flex, network.seeds, network.seeds[0]) for network in sweet
    ]
    assert [draw.candidates for draw in plan.draws] == [344, 220]
    assert draft_plan() == plan
    assert draft_plan(seed=1).arms[1] != plan.arms[1]
    recipes = {
        (run.config.recipe.epochs, run.config.recipe.initialisation) for run in _runs(plan, "A", "B1", "D")
    }
    assert recipes == {(200, "published")}
    rates = {(run.config.recipe.lr, run.config.recipe.weight_decay) for run in _runs(plan, "D")}
    assert rates == {(0.05, 5e-4), (0.2, 5e-4), (0.1, 2.5e-4), (0.1, 1e-3)}


def _runs(plan, *parts):
    some = plan.model_copy(
        update={"order": parts, "arms": tuple(arm for arm in plan.arms if arm.part in parts)}
    )
    return planned_runs(some, data="cifar10")


def test_the_committed_plan_is_the_draft_or_frozen(tmp_path):
    """It is what the command writes, but for what freezing and the precision check may change."""

    committed = read_plan(ROOT / "results/cifar10-mlp-200/plan.yaml")
    same = {"sha256": None, "precision": "float32"}
    assert committed.model_copy(update=same) == draft_plan().model_copy(update=same)
    file = tmp_path / "plan.yaml"
    assert main(["plan", "draft", str(file)]) == 0
    assert read_plan(file) == draft_plan()
    assert main(["plan", "draft", str(file)]) == 2


def test_a_folder_without_a_plan_has_no_arms(tmp_path):
    assert run_arms(tmp_path).empty
