"""Archives of sparse and dense matrices: checked before scipy or memory have to bear them."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from scipy import sparse

from graph2nn import UserError, read_graph

RING = sparse.csr_array(np.eye(12, k=1) + np.eye(12, k=-1))


@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "dia"])
def test_every_layout_is_read(layout, tmp_path):
    sparse.save_npz(tmp_path / "ring.npz", RING.asformat(layout))
    assert read_graph(tmp_path / "ring.npz", directed=False).edges == 11


@pytest.mark.parametrize(
    ("layout", "array", "value"),
    [
        ("csr", "indices", -5),
        ("csr", "indices", 10**6),
        ("csc", "indices", 12),
        ("coo", "row", -1),
        ("coo", "col", 12),
        ("csr", "indptr", 10**6),
        ("csr", "indptr", -1),
        ("csr", "shape", 2**40),
        ("csr", "shape", -1),
    ],
)
def test_numbers_outside_the_matrix_are_refused(layout, array, value, tmp_path):
    file = tmp_path / "ring.npz"
    sparse.save_npz(file, RING.asformat(layout))
    arrays = {name: entry.copy() for name, entry in np.load(file).items()}
    arrays[array] = arrays[array].astype(np.int64)
    arrays[array][1] = value
    np.savez(file, **arrays)
    with pytest.raises(UserError, match=array if array != "shape" else "shape is"):
        read_graph(file)


def test_a_small_archive_of_a_huge_matrix_is_refused_with_an_estimate(tmp_path):
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive, archive.open("a.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "|b1", "fortran_order": False, "shape": (200_000, 200_000)}
        )
    with pytest.raises(UserError, match=r"200,000 × 200,000 entries needs about 400\.0 GB .*save it as"):
        read_graph(tmp_path / "huge.npz")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("# graph2nn n=100000000000000000000", "not a whole number up to"),
        ("# graph2nn n=3 directed=maybe", "expected yes or no"),
        ("# graph2nn n=3 self_loops=some", "expected given or all"),
    ],
)
def test_first_lines_that_cannot_be(line, why, tmp_path):
    (tmp_path / "a.edges").write_text(f"{line}\n0 1\n", encoding="utf-8")
    with pytest.raises(UserError, match=why):
        read_graph(tmp_path / "a.edges")
