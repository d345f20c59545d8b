"""What a log tells of a sweep."""

import pytest

from graph2nn.cli import main
from graph2nn.cli.sweep_log import Log

QUICK = ["--set", "recipe.epochs=1", "--set", "recipe.precise_bn=0"]
QUICK += ["--set", "model.widths=[64]", "--set", "model.options.stem=64"]


def test_lines_tell_run_error_and_time_left():
    log = Log(total=5, earlier=2, started=100.0)
    first = log.line({"run": "a_s1", "graph": "a", "seed": 1, "test_error": 12.345, "seconds": 40.2}, now=130.0)
    assert first == "3 of 5  a seed 1  test error 12.35 %  40 s  about 60 s left"
    second = log.line({"run": "b_s1", "graph": "b", "seed": 1, "test_error": float("nan")}, now=140.0)
    assert second == "4 of 5  b seed 1  diverged  about 20 s left"
    assert log.line({"run": "c_s1"}, now=150.0) == "5 of 5  c_s1 seed ?  diverged"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_sweep_without_a_terminal_writes_a_line_a_run(workers, tmp_path, capsys):
    sweep = ["sweep", "mlp-digits", "--select", "baseline", *QUICK, "--out", str(tmp_path)]
    assert main([*sweep, "--seeds", "1", "--workers", workers]) == 0
    capsys.readouterr()
    assert main([*sweep, "--seeds", "3", "--workers", workers]) == 0
    said = capsys.readouterr().err
    assert [line.split("  ")[0] for line in said.splitlines() if "test error" in line] == ["2 of 3", "3 of 3"]
    assert "baseline seed 3" in said
