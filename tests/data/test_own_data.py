"""A user's own data: what is made of arrays, tables, folders and torch data sets, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import graph2nn as g
from graph2nn.data.own.reader import Options, load_own
from graph2nn.data.own.splits import draw
from graph2nn.errors import Graph2nnWarning, UserError

RNG = np.random.default_rng(0)


def table(**changes):
    columns = {"a": RNG.normal(size=60), "b": RNG.normal(5, 2, size=60), "y": ["u", "v", "w"] * 20}
    return pd.DataFrame({**columns, **changes})


def photo(path, mode="RGB", size=(20, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 255, (*size, 3)).astype(np.uint8)).convert(mode).save(path)


@pytest.mark.parametrize(
    ("array", "tensor", "shape"),
    [
        ((40, 8, 9), (40, 8, 9), (1, 8, 9)),
        ((40, 8, 9, 3), (40, 3, 8, 9), (3, 8, 9)),
        ((40, 4, 9, 2), (40, 4, 9, 2), None),
    ],
)
def test_channels_come_last_in_arrays_and_first_in_tensors(array, tensor, shape):
    y = [0, 1] * 20
    pixels = RNG.integers(0, 255, array).astype(np.uint8)
    assert g.Dataset.from_arrays(pixels, y).image_shape == (shape or (2, 4, 9))
    given = torch.from_numpy(RNG.integers(0, 255, tensor).astype(np.uint8))
    assert g.Dataset.from_arrays(given, y).image_shape == (shape or (4, 9, 2))


def test_a_draw_is_stratified_and_of_the_right_size():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    test, validation, train = draw([0.2, 0.1], 100, 3, labels)
    assert [np.bincount(labels[part]).tolist() for part in (test, validation)] == [[10, 6, 4], [5, 3, 2]]
    assert sorted([*test, *validation, *train]) == list(range(100))
    assert not np.array_equal(test, draw([0.2, 0.1], 100, 4, labels)[0])


def test_a_class_of_one_sample_stays_in_training():
    labels = np.array([0] * 30 + [1])
    *_, train = draw([0.4, 0.3], 31, 0, labels)
    assert 30 in train


def test_vectors_are_standardised_by_the_training_part():
    data = g.Dataset.from_arrays(RNG.normal(7, 3, size=(200, 4)), [0, 1] * 100)
    assert np.allclose(data.mean, data.train.images.double().mean(dim=0))
    assert np.allclose(data.sd, data.train.images.double().std(dim=0, correction=0))


def test_a_constant_feature_of_an_array_is_named_and_stays_nought():
    x = RNG.normal(size=(60, 3))
    x[:, 1] = 0.1
    with pytest.warns(Graph2nnWarning, match="1 of 3 features have one value in all training samples.*: 1"):
        data = g.Dataset.from_arrays(x, [0, 1] * 30)
    assert data.sd[1] == 1


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (["a", "b"] * 30, "classification"),
        (np.arange(60) % 7, "classification"),
        (np.linspace(0, 1, 60), "regression"),
        (np.arange(60) * 3, "regression"),
        ((np.arange(60) % 2).astype(float), "classification"),
        (np.array([True, False] * 30), "classification"),
        (RNG.normal(size=(60, 2)), "regression"),
        (pd.Series(["x", "y"] * 30, dtype="category"), "classification"),
    ],
)
def test_targets_say_what_they_are(y, task):
    assert g.Dataset.from_arrays(RNG.normal(size=(60, 3)), y).task == task


def test_class_numbers_and_their_names_keep_their_order():
    data = g.Dataset.from_arrays(RNG.normal(size=(60, 3)), [10, 9, 2] * 20)
    assert data.classes == ("2", "9", "10")


def test_the_label_knows_the_content():
    x, y = RNG.normal(size=(60, 3)), [0, 1] * 30
    same, again = g.Dataset.from_arrays(x, y, name="n"), g.Dataset.from_arrays(x.copy(), list(y), name="n")
    assert same.label == again.label
    x[0, 0] += 1e-3
    assert g.Dataset.from_arrays(x, y, name="n").label != same.label
    assert g.Dataset.from_arrays(x, y, name="n", seed=1).label != g.Dataset.from_arrays(x, y, name="n").label


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.full((60, 2), np.nan), [0, 1] * 30, "NaN or infinite values in 60 of 60"),
        (RNG.normal(size=(60, 2)), [0] * 60, "one class only"),
        (RNG.normal(size=(60, 2)), [0, 1] * 20, "60 samples and 40 targets"),
        (RNG.normal(size=(60, 2)), [0.5, None] * 30, "missing in 30 of 60"),
        (np.zeros((60, 8, 8, 7), np.uint8), [0, 1] * 30, "1 to 4 channels"),
        (np.zeros((60, 8, 8), np.uint8), [0, 1] * 30, "all training samples are equal"),
        (RNG.normal(size=60), [0, 1] * 30, "expected vectors"),
        (np.array(5), [0, 1] * 30, "expected vectors"),
        (RNG.normal(size=(60, 2)), np.array(5), "single value"),
        (RNG.normal(size=(60, 2)), 5, "single value"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused_by_name(x, y, message):
    with pytest.raises(UserError, match=message):
        g.Dataset.from_arrays(x, y)


def test_a_class_that_training_lacks_is_refused():
    x = RNG.normal(size=(60, 2))
    with pytest.raises(UserError, match="class '2' is in test and not in train"):
        g.Dataset.from_arrays(x, [0, 1] * 30, test=(x[:3], [0, 1, 2]))


def test_tables_become_numbers(tmp_path):
    frame = table(colour=["red", "blue", "red"] * 20)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    text, binary, memory = (
        g.Dataset.from_table(source, "y", name="t", cache=tmp_path / "cache")
        for source in (tmp_path / "t.csv", tmp_path / "t.parquet", frame)
    )
    assert text.label == binary.label == memory.label
    assert text.features == ("a", "b", "colour=blue", "colour=red")
    assert text.classes == ("u", "v", "w")


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"y": ["u", "v", None] * 20}, {}, "target 'y' is missing in 20 of 60"),
        ({"y": ["u"] * 60}, {}, "one class only"),
        ({"b": [1.5] * 60}, {}, "'b' has one value in all rows"),
        ({"b": [np.nan, *range(59)]}, {}, "'b' lacks a value in 1 of 60 rows"),
        ({"b": [np.inf, *range(59)]}, {}, "'b' is infinite in row 0"),
        ({"b": [f"id{k}" for k in range(60)]}, {}, "'b' is text with 60 different values"),
        ({"b": ["?", *map(str, range(59))]}, {}, "'b' mixes numbers with text"),
        ({"b": pd.date_range("2020", periods=60)}, {}, "'b' holds dates"),
        ({}, {"target": "z"}, "target column 'z' is not known"),
        ({}, {"drop": ["a", "b"]}, "no column is left"),
        ({}, {"task": "regression"}, "holds text"),
        ({}, {"test": 0.7, "validation": 0.4}, "leave none to train on"),
        ({"part": ["train", "exam"] * 30}, {"split": "part"}, "split column 'part' has 'exam'"),
    ],
)
def test_tables_that_cannot_be_used_are_refused_by_name_and_nothing_is_cached(
    tmp_path, changes, options, message
):
    file = tmp_path / "t.parquet"
    table(**changes).to_parquet(file)
    with pytest.raises(UserError, match=message):
        g.Dataset.from_table(file, **{"target": "y", "cache": tmp_path / "cache", **options})
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("a, a,y", "two columns named 'a'"),
        (",a,y", "a column without a name"),
        ("a;a;y", "two columns named 'a'"),
    ],
)
def test_names_of_columns_are_those_of_the_file(tmp_path, head, message):
    rows = [f"{k},{k},{'uv'[k % 2]}" for k in range(40)]
    (tmp_path / "t.csv").write_text("\n".join([head, *rows]).replace(",", ";" if ";" in head else ","))
    with pytest.raises(UserError, match=message):
        g.Dataset.from_table(tmp_path / "t.csv", "y", cache=tmp_path / "cache")


def test_a_damaged_archive_is_refused_in_one_line(tmp_path):
    (tmp_path / "photos.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match="not a readable archive") as caught:
        g.Dataset.from_folder(tmp_path / "photos.zip", cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)


def test_a_column_can_name_the_splits(tmp_path):
    frame = table(part=(["train"] * 4 + ["test", "val"]) * 10)
    data = g.Dataset.from_table(frame, "y", split="part")
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 40, "validation": 10, "test": 10,
    }  # fmt: skip


def test_missing_values_are_imputed_on_request(tmp_path):
    frame = table()
    frame.loc[3, "a"] = np.nan
    data = g.Dataset.from_table(frame, "y", missing="impute")
    assert data.notes == ("1 missing values of 'a' became its mean.",)


def test_a_folder_of_mixed_photos_is_read_once_and_clutter_is_counted(tmp_path):
    for name in ("cat", "dog"):
        for number, ending in enumerate(("png", "jpg", "webp", "bmp") * 3):
            photo(tmp_path / "photos" / name / f"{number}.{ending}", size=(20 + number, 30))
    photo(tmp_path / "photos" / ".ipynb_checkpoints" / "x.png")
    (tmp_path / "photos" / "__MACOSX").mkdir()
    (tmp_path / "photos" / "cat" / "._0.jpg").write_bytes(b"\0")
    (tmp_path / "photos" / "notes.txt").write_text("n")
    data = g.Dataset.from_folder(tmp_path / "photos", cache=tmp_path / "cache")
    assert (data.classes, data.image_shape) == (("cat", "dog"), (3, 64, 64))
    assert [note.partition(" ")[0] for note in data.notes] == ["2", "1", "images"]
    assert len(list((tmp_path / "cache" / "own").iterdir())) == 1
    again = g.Dataset.from_folder(tmp_path / "photos", cache=tmp_path / "cache")
    assert again.label == data.label
    assert torch.equal(again.train.images, data.train.images)


def test_splits_of_folders_and_archives_are_used(tmp_path):
    import shutil

    for split, count in (("train", 6), ("val", 2), ("test", 3)):
        for name in ("cat", "dog"):
            for number in range(count):
                photo(tmp_path / "all" / split / name / f"{number}.png")
        shutil.make_archive(str(tmp_path / "zips" / split), "zip", tmp_path / "all" / split)
    folders, zips = (
        g.Dataset.from_folder(tmp_path / each, name="p", cache=tmp_path / "c") for each in ("all", "zips")
    )
    assert {name: len(split) for name, split in folders.splits.items()} == {
        "train": 12, "validation": 4, "test": 6,
    }  # fmt: skip
    assert folders.label == zips.label


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("extra.zip", "has test.zip, train.zip, which are splits, and extra.zip, which is neither"),
        ("training.tar", "has train.zip and training.tar, both the train part; keep one of them"),
        ("train/cat/7.png", "has train.zip and train, both the train part; keep one of them"),
        ("birds/7.png", "birds, which is neither train, val nor test"),
        ("notes.txt", None),
        ("._extra.zip", None),
    ],
)
def test_what_lies_next_to_archives_of_splits_is_refused_or_noted(other, said, tmp_path):
    import shutil

    for split in ("train", "test"):
        for name in ("cat", "dog"):
            for number in range(3):
                photo(tmp_path / "all" / split / name / f"{number}.png")
        shutil.make_archive(str(tmp_path / "zips" / split), "zip", tmp_path / "all" / split)
    target = tmp_path / "zips" / other
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(tmp_path / ("all/train/cat/0.png" if other.endswith("png") else "zips/train.zip"), target)
    if said is None:
        data = g.Dataset.from_folder(tmp_path / "zips", cache=tmp_path / "c")
        assert sum(map(len, data.splits.values())) == 12
        assert any("1 other file" in note or "left out" in note for note in data.notes), data.notes
        return
    with pytest.raises(UserError, match=re.escape(said)):
        g.Dataset.from_folder(tmp_path / "zips", cache=tmp_path / "c")


def test_grey_of_16_bits_keeps_its_greys(tmp_path):
    for name, value in (("dark", 257 * 40), ("light", 257 * 200)):
        for number in range(6):
            (tmp_path / name).mkdir(exist_ok=True)
            deep = np.full((8, 8), value + 257 * number, np.uint16)
            Image.fromarray(deep).save(tmp_path / name / f"{number}.png")
    data = g.Dataset.from_folder(tmp_path, cache=tmp_path / "cache")
    assert data.image_shape == (1, 8, 8)
    assert set(data.train.images.unique().tolist()) <= {*range(40, 46), *range(200, 206)}


def test_folders_that_cannot_be_used_are_refused_by_name_and_nothing_is_cached(tmp_path):
    for name in "ab":
        for number in range(6):
            photo(tmp_path / "mixed" / name / f"{number}.png", "L" if number == 2 else "RGB")
            photo(tmp_path / "damaged" / name / f"{number}.png")
            photo(tmp_path / "flat" / f"{name}{number}.png")
            photo(tmp_path / "split" / "train" / name / f"{number}.png")
    photo(tmp_path / "split" / "test" / "c" / "0.png")
    photo(tmp_path / "one" / "only" / "0.png")
    (tmp_path / "damaged" / "a" / "3.png").write_bytes(b"not an image")
    for folder, message in (
        ("mixed", "different channels"),
        ("damaged", "a/3.png is not a readable image"),
        ("flat", "12 images in .* lie outside a class folder"),
        ("split", "class 'c' is in test and not in train"),
        ("one", "one class only|equal"),
        ("absent", "does not exist"),
    ):
        with pytest.raises(UserError, match=message):
            g.Dataset.from_folder(tmp_path / folder, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    assert (
        g.Dataset.from_folder(tmp_path / "mixed", channels="rgb", cache=tmp_path / "cache").image_shape[0] == 3
    )


def test_npz_with_and_without_splits(tmp_path):
    x, y = RNG.integers(0, 255, (40, 8, 8)).astype(np.uint8), np.array(["p", "q"] * 20)
    np.savez(tmp_path / "plain.npz", x=x, y=y)
    np.savez(tmp_path / "split.npz", x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    plain, split = (
        load_own(tmp_path / f"{n}.npz", Options(), cache=tmp_path / "c") for n in ("plain", "split")
    )
    assert plain.classes == ("p", "q")
    assert len(plain.test) == 8
    assert (len(split.test), len(split.validation)) == (10, 3)
    np.savez(tmp_path / "objects.npz", x=x, y=np.array([{}] * 40, dtype=object))
    np.savez(tmp_path / "odd.npz", x=x, y=y, z=y)
    np.savez(tmp_path / "named.npz", x=x, y=y, classes=np.array("pq"))
    np.savez(tmp_path / "single.npz", x=x, y=y[0])
    messages = {
        "objects": "Python objects",
        "odd": "array 'z'",
        "named": "classes of shape",
        "single": "single value",
    }
    for name, message in messages.items():
        with pytest.raises(UserError, match=message):
            load_own(tmp_path / f"{name}.npz", Options(), cache=tmp_path / "c")


def test_torch_data_sets_are_read_whole():
    x, y = torch.randn(60, 3, 8, 8), torch.arange(60) % 3
    pairs = torch.utils.data.TensorDataset(x, y)
    data = g.Dataset.from_torch(pairs, pairs, validation=0, classes=["a", "b", "c"])
    assert (len(data.train), len(data.test), data.validation) == (60, 60, None)
    assert torch.equal(data.test.images, x)
    assert data.classes == ("a", "b", "c")
    numbers = torch.utils.data.TensorDataset(torch.randn(60, 4), torch.randn(60, 2))
    assert g.Dataset.from_torch(numbers, targets=["u", "v"]).targets == ("u", "v")


def test_options_for_other_data_are_refused(tmp_path):
    photo(tmp_path / "photos" / "a" / "0.png")
    with pytest.raises(UserError, match="--target is for tables, and these data are images"):
        load_own(tmp_path / "photos", Options(target=("y",)), cache=tmp_path)


@pytest.mark.parametrize("cell", [[1.0, 2.0], {"a": 1}])
def test_a_column_of_lists_is_named(cell, tmp_path):
    """Parquet holds lists and structures, of which no single number comes."""
    frame = pd.DataFrame({"plain": range(30), "odd": [cell] * 30, "target": ["u", "v"] * 15})
    frame.to_parquet(tmp_path / "table.parquet")
    with pytest.raises(UserError, match=r"the column 'odd' holds several values per row .* --drop odd"):
        g.Dataset.from_table(tmp_path / "table.parquet", "target", cache=tmp_path / "cache")
