"""Machine code kept next to the kernels is dropped once a kernel is newer, by however many processes."""

import os
from pathlib import Path

import pytest

from graph2nn.compiling import forget_stale


@pytest.fixture
def folder(tmp_path):
    """One kernel, with code compiled before it was written and code compiled after."""
    (tmp_path / "__pycache__").mkdir()
    for name, age in (("old", 100), ("new", -100)):
        index = tmp_path / "__pycache__" / f"kernel.{name}.nbi"
        index.touch()
        os.utime(index, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "kernel.py").touch()
    os.utime(tmp_path / "kernel.py", (1_000_000, 1_000_000))
    return tmp_path


def test_code_older_than_a_kernel_is_dropped(folder):
    forget_stale(folder)
    assert [index.name for index in (folder / "__pycache__").iterdir()] == ["kernel.new.nbi"]


@pytest.mark.parametrize("moment", ["stat", "unlink"])
def test_another_process_may_have_dropped_it_a_moment_ago(folder, moment, monkeypatch):
    plain = getattr(Path, moment)

    def late(path, *arguments, **options):
        if path.name == "kernel.old.nbi":
            os.unlink(path)  # noqa: PTH108 - its own method may be the one replaced here
        return plain(path, *arguments, **options)

    monkeypatch.setattr(Path, moment, late)
    forget_stale(folder)
    monkeypatch.undo()
    assert [index.name for index in (folder / "__pycache__").iterdir()] == ["kernel.new.nbi"]
