"""What single runs of the published code leave: a config and a file of results per epoch."""

from __future__ import annotations

import pytest
from published_files import write_out_dirs, write_task

from graph2nn.cli import main
from graph2nn.errors import UserError
from graph2nn.results.published import holds_results, is_published, read_published


def test_folders_of_single_runs_are_read_as_their_arrays(tmp_path):
    write_task(tmp_path / "arrays", seeds=2, epochs=2, graphs=4)
    write_out_dirs(tmp_path / "single", seeds=2, epochs=2, graphs=4)
    arrays, single = read_published(tmp_path / "arrays"), read_published(tmp_path / "single")
    assert holds_results(tmp_path / "single")
    assert is_published(tmp_path / "single")
    assert not holds_results(tmp_path / "arrays")
    left, right = (
        found.table.drop(columns=["test_error_top5", "params"]).reset_index(drop=True)
        for found in (arrays, single)
    )
    assert len(right) == 5 * 2 * 3
    left["test_error"], right["test_error"] = left["test_error"].round(6), right["test_error"].round(6)
    assert left.equals(right)
    assert single.graphs == arrays.graphs


def test_lines_that_a_resumed_run_wrote_again_count_once(tmp_path):
    write_out_dirs(tmp_path, seeds=1, epochs=1, graphs=1)
    for epoch, again in ((0, "40.0"), (1, "88.5")):
        file = tmp_path / "out-0" / f"results_epoch{epoch}.txt"
        words = file.read_text().strip().split(", ")
        words[3] = again
        file.write_text(file.read_text() + ", ".join(words) + "\n")
    found = read_published(tmp_path)
    graph = found.table[found.table["kind"] == "relational"].set_index("epoch")
    assert graph["test_error"].to_dict() == {0: 99.1, 1: 88.5}
    (notes,) = found.notes.values()
    assert "2 lines of resumed runs" in notes[-1]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("config.yaml", None, "is not the config that the published code writes"),
        ("config.yaml", "a: [", "is not the config that the published code writes"),
        ("config.yaml", "just words", "is not the config that the published code writes"),
        ("results_epoch1.txt", "1, 2, 3\n", "line 1: expected eight numbers"),
        ("results_epoch1.txt", "1, 2, 3, 4, nan, 6, 7, 8\n", "line 1: expected eight numbers"),
    ],
)
def test_what_is_not_a_result_is_refused_in_one_line(tmp_path, name, text, said, capsys):
    write_out_dirs(tmp_path, seeds=1, epochs=1, graphs=1)
    file = tmp_path / "out-0" / name
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    with pytest.raises(UserError, match=said) as refusal:
        read_published(tmp_path)
    assert "\n" not in str(refusal.value)
    assert main(["analyze", str(tmp_path), "--out", str(tmp_path / "report")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_another_kind_of_graph_is_refused(tmp_path):
    write_out_dirs(tmp_path, seeds=1, epochs=1, graphs=1)
    file = tmp_path / "out-0" / "config.yaml"
    file.write_text(file.read_text().replace("MESSAGE_TYPE: ws", "MESSAGE_TYPE: cat"))
    with pytest.raises(UserError, match="MESSAGE_TYPE = 'cat'; only results on the WS-flex graphs"):
        read_published(tmp_path)
