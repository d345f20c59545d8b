"""Files of catalogues and sweeps: every row is checked, a file is written whole or not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from dying import killed_at_renaming

from graph2nn import UserError, catalogue
from graph2nn.cli import main
from graph2nn.graphs import catalogue_figure
from graph2nn.graphs.catalogue_files import holds_catalogue, read_rows, write_catalogue
from graph2nn.graphs.catalogues import make_catalogues

ROWS = catalogue("n16-48").head(5)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("n", 10_000_000, "edges"),
        ("n", 1, "whole n"),
        ("n", np.nan, "whole n"),
        ("n", "x", "not a number"),
        ("seed", -1, "seed"),
        ("seed", 0.5, "seed"),
        ("p", 2.0, "p in"),
        ("sparsity", np.inf, "sparsity in"),
        ("clustering", 7.0, "C in"),
        ("path_length", 0.0, "L from 1"),
        ("path_length", "[/x]", "not a number"),
    ],
)
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_row_that_is_no_graph_is_named(column, value, expected, ending, tmp_path):
    file = tmp_path / f"rows.{ending}"
    values = [*ROWS[column][:3], value, ROWS[column].iloc[4]]
    frame = ROWS.assign(**{column: [str(each) for each in values] if isinstance(value, str) else values})
    frame.to_parquet(file) if ending == "parquet" else frame.to_csv(file, index=False)
    with pytest.raises(UserError, match=f"row 3.*{expected}"):
        read_rows(file)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"n,sparsity\n\xff\xfe", b"a,b\n1,2,3\n4"])
@pytest.mark.parametrize("ending", ["parquet", "csv", "npy"])
def test_what_cannot_be_read_is_said_in_one_line(content, ending, tmp_path, capsys):
    file = tmp_path / f"rows.{ending}"
    file.write_bytes(content)
    assert main(["graphs", "catalogue", str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("binning", [{"bins": 10**19}, {"l_max": np.inf}, {"fill_above": 1.5}])
def test_binnings_that_cannot_be(binning):
    with pytest.raises(UserError, match=next(iter(binning))):
        make_catalogues(ROWS, **binning)


def test_a_column_twice_and_lengths_that_are_all_missing_are_refused(tmp_path):
    pd.concat([ROWS, ROWS["p"]], axis=1).to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(UserError, match="has two columns 'p'; keep one of them"):
        read_rows(tmp_path / "twice.csv")
    with pytest.raises(UserError, match="holds no connected graph"):
        make_catalogues(ROWS.assign(path_length=float("nan")))


@pytest.mark.parametrize("ending", ["parquet", "csv", "json", "png"])
def test_a_full_disk_leaves_what_was_there(ending, tmp_path, monkeypatch):
    file = tmp_path / f"rows.{ending}"
    file.write_bytes(b"before")

    def full(*_args, **_kwargs):
        next(tmp_path.glob(".*")).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(UserError, match=rf"rows\.{ending}: cannot be written \(No space left on device\)"):
        catalogue_figure.save_planes({"$\\bad{$": ROWS}, file) if ending == "png" else write_catalogue(
            ROWS, file
        )
    assert file.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("ending", ["parquet", "csv", "json"])
def test_a_killed_writer_leaves_what_was_there_and_the_next_one_tidies_up(ending, tmp_path):
    file = tmp_path / f"rows.{ending}"
    file.write_bytes(b"before")
    assert killed_at_renaming(1, write_catalogue, ROWS, file)
    assert file.read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 2, "the temporary file of the killed process"
    write_catalogue(ROWS, file)
    assert [entry.name for entry in tmp_path.iterdir()] == [file.name]
    assert file.stat().st_size > 100


def test_a_header_that_does_not_end_is_no_catalogue(tmp_path):
    """numpy's reader of such a header raises an error of Python's tokenizer."""
    file = tmp_path / "c.npy"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 6L,\n"
    file.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert not holds_catalogue(file)
