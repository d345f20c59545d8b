"""Files: what becomes of temporary ones, what an error says of them, what is not a file."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from dying import on_a_full_disk

from graph2nn.compiling import compiled
from graph2nn.errors import LONGEST, UserError, shown
from graph2nn.files import read_text_file, refuse_special, replacing, temporary_of, why_not, writing_to


def test_temporary_files_of_killed_processes_go_and_others_stay(tmp_path):
    target = tmp_path / "table.csv"
    gone = subprocess.run([sys.executable, "-c", ""], check=True)
    assert gone.returncode == 0
    ours = temporary_of(target).name
    tag = ours.split("-")[0]
    dead, alive, elsewhere = f"{tag}-4194303-", f"{tag}-{os.getppid()}-", ".00000000-1-"
    for prefix in (dead, alive, elsewhere):
        (tmp_path / f"{prefix}table.csv").write_text("half")
    (tmp_path / f"{dead}other.csv").write_text("of another file")
    (tmp_path / ".00000000-2-table.csv").write_text("of a machine that died a day ago")
    os.utime(tmp_path / ".00000000-2-table.csv", (1e9, 1e9))
    with replacing(target) as temporary:
        temporary.write_text("whole")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"table.csv", f"{alive}table.csv", f"{elsewhere}table.csv", f"{dead}other.csv"}


def write_and_fail(target, error):
    with replacing(target) as temporary:
        temporary.write_text("half")
        raise error


def test_what_was_there_stays_whole_whatever_happens(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("before")
    for error in (OSError(28, "x"), KeyboardInterrupt(), ValueError("x")):
        with pytest.raises((UserError, KeyboardInterrupt, ValueError)):
            write_and_fail(target, error)
        assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (PermissionError(13, "Failed to open local file '/x/.123-a'. Detail: [errno 13]"), "Permission denied"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "No space left on device"),
        (
            OSError("4096 requested and 3968 written"),
            "3968 of 4096 values were written; the disk is full, or a quota is used up",
        ),
    ],
)  # fmt: skip
def test_a_failed_write_names_the_file_that_was_asked_for(error, why, tmp_path):
    assert why_not(error) == why
    with (
        pytest.raises(UserError, match=r"mine\.csv: cannot be written") as raised,
        writing_to(tmp_path / "mine.csv"),
    ):
        raise error
    assert ".123-a" not in str(raised.value)


def test_what_is_not_of_the_disk_is_left_alone(tmp_path):
    with pytest.raises(RuntimeError, match="a bug"), writing_to(tmp_path / "mine.csv"):
        raise RuntimeError("a bug")


def test_pipes_devices_and_sockets_are_not_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        for special in (tmp_path / "pipe", tmp_path / "s", "/dev/zero"):
            with pytest.raises(UserError, match="not a file"):
                refuse_special(type(tmp_path)(special), "data")
    for special in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(UserError, match="a pipe or a device, which would be replaced"):
            write_and_fail(special, OSError("never"))
    assert Path("/dev/null").is_char_device()
    refuse_special(tmp_path, "data")
    refuse_special(tmp_path / "nothing", "data")


def test_texts_of_persons(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(2**30)
    for name, why in (("bytes", "not text"), ("large", "1,074 MB"), ("none", "No such file")):
        with pytest.raises(UserError, match=why):
            read_text_file(tmp_path / name, "plan")


def test_an_error_is_short_whatever_it_shows():
    cyclic: list[object] = []
    cyclic.append(cyclic)
    bomb: list[object] = ["x"] * 9
    for _ in range(12):
        bomb = [bomb] * 9
    for value in ("a" * 10**7, 10**100_000, cyclic, bomb, {"a": "b" * 10**6}, b"x" * 10**6):
        assert len(shown(value)) <= 300
    assert len(str(UserError("x" * 10**7))) == LONGEST


def test_a_full_disk_costs_no_kernel(tmp_path, monkeypatch):
    """numba raises where it cannot keep its machine code; the code is in memory all the same."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))

    def doubled(x):
        return 2 * x

    assert on_a_full_disk(10, lambda: compiled(doubled)(21)) == (42, "")
    assert not list(tmp_path.rglob("*.nbc"))
    assert compiled(doubled)(21) == 42
    assert list(tmp_path.rglob("*.nbc"))
