"""Photo folders as cameras, archives and editors leave them, for both readers; and other well-known formats."""

from __future__ import annotations

import gzip
import pickle
import struct
import tarfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from graph2nn.data import load_dataset
from graph2nn.data.cifar10 import load_cifar10
from graph2nn.data.dataset import Dataset
from graph2nn.data.image_files import open_image, to_rgb, upright_size
from graph2nn.data.own.well_known import format_in, load_format
from graph2nn.data.photos.imagenet import load_imagenet
from graph2nn.data.photos.photo_decoder import Reader
from graph2nn.errors import UserError
from graph2nn.tasks.description import draw_sheet

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
DEEP = np.full((32, 32), 257 * 100, np.uint16)


def tree(root, splits, classes, ending="png", deep=True):
    for split in splits:
        for name in classes:
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                image = (
                    Image.fromarray(DEEP)
                    if deep and ending == "png"
                    else Image.new("RGB", (32, 32), (100, 90, 80))
                )
                image.save(folder / f"{number}.{ending}")


def clutter(root, split):
    (root / split / ".ipynb_checkpoints").mkdir()
    Image.new("RGB", (32, 32)).save(root / split / ".ipynb_checkpoints" / "0.png")
    (root / split / "__MACOSX").mkdir()
    for folder in (root / split).iterdir():
        if folder.name in CLASSES:
            (folder / "._0.jpg").write_bytes(b"\0\5\26\7")


def test_photo_trees_keep_greys_and_pass_over_clutter(tmp_path):
    tree(tmp_path, ("train", "val"), ("cat", "dog"))
    for split in ("train", "val"):
        clutter(tmp_path, split)
    data = load_imagenet(tmp_path, tmp_path / "cache", size=16, workers=0, progress=False)
    assert (data.classes, len(data.train)) == (("cat", "dog"), 6)
    pixels, _, _, damaged = Reader(data.train.index, 16, 18)[0, 0]
    assert damaged == []
    assert set(pixels.ravel().tolist()) == {100}


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_photos_stand_upright_as_cameras_say(tmp_path, ending):
    pixels = np.random.default_rng(0).integers(0, 255, (3, 4, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for turn in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = turn
            image = Image.fromarray(pixels)
            image.save(
                tmp_path / name / f"{turn}.{ending}", exif=exif, **({"quality": 95} if ending != "png" else {})
            )
    files = sorted((tmp_path / "cat").iterdir())
    expected = [ImageOps.exif_transpose(Image.open(file)).convert("RGB") for file in files]
    assert [upright_size(Image.open(file)) for file in files] == [image.size for image in expected]
    for file, image in zip(files, expected, strict=True):
        assert np.array_equal(np.asarray(to_rgb(Image.open(file))), np.asarray(image))
    data = Dataset.from_folder(tmp_path, validation=0, test=0.25, cache=tmp_path / "cache")
    assert "images of 2 sizes (24×32 to 32×24) became 64×64" in data.notes[0]


def test_more_pixels_than_pillow_decodes_are_an_image_that_cannot_be_read():
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 20_000, 20_000, 8, 0, 0, 0, 0)
    content = header + struct.pack(">II4sI", zlib.crc32(header[12:]), 0, b"IDAT", zlib.crc32(b"IDAT"))
    with pytest.raises(OSError, match="exceeds limit"):
        open_image(content)


def test_a_sheet_of_samples_is_a_png_and_replaces_no_archive(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (20, 8, 8, 3), np.uint8)
    data = Dataset.from_arrays(images, np.arange(20) % 2, name="noise")
    (tmp_path / "images.tar").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"images\.tar does not end in \.png"):
        draw_sheet(data, tmp_path / "images.tar")
    assert (tmp_path / "images.tar").read_bytes() == b"mine"


def test_damaged_exif_leaves_the_pixels(tmp_path):
    file = tmp_path / "odd.jpg"
    Image.new("RGB", (8, 6), (9, 9, 9)).save(file, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert to_rgb(Image.open(file)).size == (8, 6)


@pytest.mark.parametrize("ending", ["webp", "bmp"])
def test_photo_trees_read_webp_and_bmp(tmp_path, ending):
    tree(tmp_path, ("train", "val"), ("cat", "dog"), ending)
    data = load_imagenet(tmp_path, tmp_path / "cache", size=16, workers=0, progress=False)
    assert len(data.train) == 6
    assert Reader(data.train.index, 16, 18)[0, 0][3] == []


def test_a_flat_validation_folder_names_the_list_of_classes(tmp_path):
    tree(tmp_path, ("train",), ("cat", "dog"))
    (tmp_path / "val").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "val" / "ILSVRC2012_val_00000001.png")
    with pytest.raises(UserError, match=r"1 photos and no class folders.*ground_truth\.txt"):
        load_imagenet(tmp_path, tmp_path / "cache", progress=False)


@pytest.mark.parametrize("ending", ["png", "webp", "bmp"])
def test_cifar_trees_share_the_fix(tmp_path, ending):
    tree(tmp_path / "c", ("train", "test"), CLASSES, ending)
    for split in ("train", "test"):
        clutter(tmp_path / "c", split)
    data = load_cifar10(tmp_path / "c", tmp_path / "cache", progress=False)
    assert (len(data.train), data.classes) == (30, tuple(CLASSES))
    if ending == "png":
        assert set(data.train.images.unique().tolist()) == {100}


def idx(array):
    head = bytes((0, 0, 8, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return head + array.astype(np.uint8).tobytes()


def test_mnist_is_read_from_its_own_files(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 255, (30, 28, 28)), np.arange(30) % 10
    for start, packed in (("train", True), ("t10k", False)):
        for name, array in ((f"{start}-images-idx3-ubyte", images), (f"{start}-labels-idx1-ubyte", labels)):
            content = idx(array)
            file = tmp_path / (f"{name}.gz" if packed else name)
            file.write_bytes(gzip.compress(content) if packed else content)
    assert format_in(tmp_path) == "mnist"
    data = load_dataset("own", path=tmp_path, cache=tmp_path / "cache")
    assert (data.image_shape, data.num_classes) == ((1, 28, 28), 10)
    assert torch.equal(data.train.images[:, 0], torch.from_numpy(images.astype(np.uint8)))
    assert data.label.startswith("MNIST format, 30 + 30 (")
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(labels)[:-3])
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte is truncated"):
        load_dataset("mnist", path=tmp_path)


def test_cifar_100_is_read_from_its_archive_and_runs_no_code(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    names = [f"class {k}".encode() for k in range(100)]
    (folder / "meta").write_bytes(pickle.dumps({b"fine_label_names": names}, protocol=2))
    for split in ("train", "test"):
        pixels = rng.integers(0, 255, (100, 3072)).astype(np.uint8)
        batch = {b"data": pixels, b"fine_labels": list(range(100)), b"coarse_labels": [0] * 100}
        (folder / split).write_bytes(pickle.dumps(batch, protocol=2))
    with tarfile.open(tmp_path / "cifar-100-python.tar.gz", "w:gz") as tar:
        tar.add(folder, "cifar-100-python")
    packed, unpacked = (
        load_format("cifar100", path, tmp_path / "cache")
        for path in (tmp_path / "cifar-100-python.tar.gz", folder)
    )
    assert packed.label == unpacked.label
    assert (packed.num_classes, packed.classes[7], packed.image_shape) == (100, "class 7", (3, 32, 32))
    (folder / "meta").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UserError, match="nothing of it was run"):
        load_format("cifar100", folder, tmp_path / "cache")
