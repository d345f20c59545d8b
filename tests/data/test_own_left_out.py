"""What own data hold and no part of them takes is refused or noted; options that cannot apply are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import graph2nn as g
from graph2nn.cli import main
from graph2nn.data.own.reader import Options, load_own
from graph2nn.errors import UserError

RNG = np.random.default_rng(0)


def photos(folder, *places, count=6):
    for place in places:
        (folder / place).mkdir(parents=True)
        for number in range(count):
            pixels = RNG.integers(0, 255, (8, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / place / f"{number}.png")
    return folder


def rows(count=60):
    return pd.DataFrame({"a": RNG.normal(size=count), "y": (["u", "v"] * count)[:count]})


@pytest.mark.parametrize(
    ("places", "split", "neither"),
    [
        (["train/a", "train/b", "test/a", "test/b", "extra/a", "extra/b"], "test", "extra"),
        (["train/a", "train/b", "trial/a", "trial/b"], "train", "trial"),
        (["train/a", "train/b", "notes"], "train", "notes"),
        (["Train/a", "Train/b", "extra/b"], "Train", "extra"),
    ],
)
def test_folders_that_are_half_splits_are_refused(places, split, neither, tmp_path):
    with pytest.raises(UserError, match=f"the folder {split}, a split .* and {neither}, which is neither"):
        g.Dataset.from_folder(photos(tmp_path / "p", *places), cache=tmp_path / "c")


@pytest.mark.parametrize(
    ("places", "classes"),
    [
        (["train", "car"], ("car", "train")),
        (["train/steam", "car/sedan", "car/van"], ("car", "train")),
        (["train/a", "train/b", "testing/a", "testing/b"], ("a", "b")),
    ],
)
def test_classes_may_be_called_like_splits(places, classes, tmp_path):
    data = g.Dataset.from_folder(photos(tmp_path / "p", *places), cache=tmp_path / "c")
    assert data.classes == classes


def test_a_file_of_nearly_a_split_is_refused_and_others_are_noted(tmp_path):
    for name in ("train", "tests"):
        rows().to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(UserError, match=r"tests\.csv is named like no part .* did you mean test\.csv\?"):
        g.Dataset.from_table(tmp_path, "y", cache=tmp_path / "cache")
    (tmp_path / "tests.csv").rename(tmp_path / "test.csv")
    rows().to_csv(tmp_path / "sample_submission.csv", index=False)
    data = g.Dataset.from_table(tmp_path, "y", cache=tmp_path / "cache")
    assert (len(data.test), data.notes[0].partition(";")[0]) == (
        60,
        "1 other files left out (sample_submission.csv)",
    )


def test_arrays_of_nearly_a_split_are_refused(tmp_path):
    for name in ("train", "tset"):
        np.savez(tmp_path / f"{name}.npz", x=RNG.normal(size=(60, 2)), y=[0, 1] * 30)
    with pytest.raises(UserError, match=r"did you mean test\.npz\?"):
        load_own(tmp_path, Options(), cache=tmp_path / "cache")


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_tables_may_end_their_lines_in_any_way(end, tmp_path, capsys):
    lines = ["a,y", *(f"{value},{'uv'[value % 2]}" for value in range(60))]
    (tmp_path / "t.csv").write_bytes(end.join([*lines, ""]).encode())
    argv = ["data", "show", str(tmp_path / "t.csv"), "--target", "y", "--cache", str(tmp_path / "cache")]
    assert main(argv) == 0
    assert "train 42, validation 6, test 12" in capsys.readouterr().out


@pytest.fixture
def split_folders(tmp_path):
    places = [f"{split}/{name}" for split in ("train", "val", "test") for name in "ab"]
    return photos(tmp_path / "p", *places)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--test", "0.3"], "--test 0.3 draws a test part, and these data bring their own; leave it out"),
        (["--validation", "0"], "--validation 0 draws a validation part"),
        (["--split-seed", "3"], "--split-seed 3 is of a draw, and nothing is drawn"),
    ],
)
def test_shares_of_parts_that_are_there_are_refused(options, message, split_folders, tmp_path, capsys):
    assert main(["data", "show", str(split_folders), "--cache", str(tmp_path / "c")]) == 0
    assert main(["data", "show", str(split_folders), "--cache", str(tmp_path / "c"), *options]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_shares_are_refused_of_tables_and_arrays_with_parts(tmp_path):
    (tmp_path / "tables").mkdir()
    for name in ("train", "test"):
        rows().to_csv(tmp_path / "tables" / f"{name}.csv", index=False)
    x, y = RNG.normal(size=(60, 2)), [0, 1] * 30
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    column = rows().assign(part=["train", "test"] * 30)
    reads = (
        lambda **options: g.Dataset.from_table(tmp_path / "tables", "y", cache=tmp_path / "c", **options),
        lambda **options: g.Dataset.from_table(
            column.assign(y=["u", "u", "v", "v"] * 15), "y", split="part", **options
        ),
        lambda **options: load_own(tmp_path / "a.npz", Options(**options), cache=tmp_path / "c"),
    )
    for read in reads:
        assert len(read(validation=0.2, seed=3).test) >= 30
        with pytest.raises(UserError, match="draws a test part"):
            read(test=0.3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test": 0.3}, "draws a test part"),
        ({"validation": 0.2}, "--validation is for your own data"),
        ({"seed": 3}, "--split-seed is for your own data"),
        ({"task": "balanced"}, "--task is for your own data"),
    ],
)
def test_well_known_data_are_read_as_published(options, message, tmp_path):
    with pytest.raises(UserError, match=message):
        load_own("mnist", Options(**options), cache=tmp_path)


def test_draws_that_do_not_take_place_are_refused(tmp_path):
    (tmp_path / "t.txt").write_text("words " * 1000)
    with pytest.raises(UserError, match="--split-seed is of a draw, and texts are cut in order"):
        load_own(tmp_path / "t.txt", Options(seed=3), cache=tmp_path / "c")
    (tmp_path / "tables").mkdir()
    for name in ("train", "test"):
        rows().assign(part="train").to_csv(tmp_path / "tables" / f"{name}.csv", index=False)
    with pytest.raises(UserError, match="--split-column is for one table"):
        g.Dataset.from_table(tmp_path / "tables", "y", split="part", cache=tmp_path / "c")
