"""Photos on disk: what is drawn, that batches depend on nothing else, and that damage is named."""

from __future__ import annotations

import io
import shutil
import tarfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from photo_files import photo, shards, tree
from PIL import Image

from graph2nn.data import load_dataset
from graph2nn.data.augment import batches, eval_batches
from graph2nn.data.photos import index, load_imagenet
from graph2nn.data.photos.index import index_split
from graph2nn.data.photos.transforms import EIGENVALUES, central_box, cut, lighting, random_box
from graph2nn.data.samples import Augment
from graph2nn.errors import Graph2nnWarning, UserError

TRAIN = Augment(flip=True, resized=(0.08, 1.0), lighting=0.1)


@pytest.fixture
def opened(tmp_path):
    return load_imagenet(tree(tmp_path / "photos"), tmp_path / "cache", size=16, workers=0, progress=False)


def epoch(data, seed=0, *, size=4, augment=TRAIN, **more):
    generator = torch.Generator().manual_seed(seed)
    how = {"mean": data.mean, "sd": data.sd, "augment": augment, "generator": generator, **more}
    return list(data.train.batches(size, **how))


def same(one, other):
    assert len(one) == len(other)
    return all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(one, other, strict=True))


@given(width=st.integers(1, 700), height=st.integers(1, 700), seed=st.integers(0, 99))
def test_a_random_crop_lies_inside_the_photo(width, height, seed):
    left, top, right, bottom = random_box(width, height, (0.08, 1.0), np.random.default_rng(seed))
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def test_random_crops_have_the_areas_and_shapes_of_the_recipe():
    rng = np.random.default_rng(0)
    boxes = np.array([random_box(1000, 1000, (0.08, 0.5), rng) for _ in range(4000)])
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    area, ratio = w * h / 1e6, np.log(w / h)
    assert area.min() > 0.078
    assert area.max() < 0.502
    assert area.mean() == pytest.approx(0.29, abs=0.01)  # uniform
    assert ratio.mean() == pytest.approx(0, abs=0.01)
    assert np.abs(ratio).max() < np.log(4 / 3) + 0.01


def test_a_photo_too_narrow_for_any_crop_gives_its_middle():
    assert random_box(10, 1000, (0.9, 1.0), np.random.default_rng(0)) == (0, 493, 10, 506)


def test_the_central_crop_is_resizing_then_cropping():
    with Image.open(io.BytesIO(photo(3, 320, 256))) as image:
        rgb = image.convert("RGB")
    ours = cut(rgb, central_box(*rgb.size, resize=256, size=224), 224)
    plain = np.asarray(rgb.resize((320, 256), Image.Resampling.BILINEAR).crop((48, 16, 272, 240)))
    assert np.abs(ours.astype(int) - plain.transpose(2, 0, 1)).max() <= 1
    mirrored = cut(rgb, central_box(*rgb.size, resize=256, size=224), 224, flip=True)
    assert (mirrored == ours[:, :, ::-1]).all()


def test_lighting_has_the_spread_of_the_components():
    rng = np.random.default_rng(0)
    shifts = np.array([lighting(0.1, rng) for _ in range(5000)]) / 255
    variances = np.sort(np.linalg.eigvalsh(np.cov(shifts.T)))[::-1]
    assert np.sqrt(variances) == pytest.approx(0.1 * EIGENVALUES, rel=0.05)


def test_batches_have_the_shapes_and_classes_in_order_of_name(opened):
    assert opened.classes == ("n0000", "n0001", "n0002")
    assert opened.image_shape == (3, 16, 16)
    (x, y), *rest = epoch(opened)
    assert (x.shape, x.dtype, y.dtype) == ((4, 3, 16, 16), torch.float32, torch.int64)
    assert len(rest) == 5
    labels = torch.cat([y, *(labels for _, labels in rest)])
    assert labels.bincount().tolist() == [8, 8, 8]
    evaluated = list(eval_batches(opened.test, 5, mean=opened.mean, sd=opened.sd))
    assert torch.cat([y for _, y in evaluated]).tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_batches_depend_on_the_seed_alone_not_on_the_workers(opened, tmp_path):
    two = load_imagenet(tmp_path / "photos", tmp_path / "cache", size=16, workers=2, progress=False)
    assert same(epoch(opened), epoch(two))
    assert not same(epoch(opened), epoch(opened, seed=1))


def test_an_epoch_can_be_entered_in_its_middle(opened):
    assert same(epoch(opened)[2:], epoch(opened, skip=2))


def test_each_epoch_draws_again(opened):
    generator = torch.Generator().manual_seed(0)
    how = {"mean": opened.mean, "sd": opened.sd, "augment": TRAIN, "generator": generator, "shuffle": False}
    one, two = (list(batches(opened.train, 24, **how)) for _ in range(2))
    assert torch.equal(one[0][1], two[0][1])
    assert not torch.equal(one[0][0], two[0][0])


def test_shards_hold_the_same_photos(opened, tmp_path):
    sharded = load_imagenet(shards(tmp_path / "tars"), tmp_path / "cache", size=16, workers=0, progress=False)
    assert len(sharded.train.index.files) == 2
    assert same(epoch(opened), epoch(sharded))
    assert sharded.classes == ("0", "1", "2")


def test_the_list_of_photos_is_kept_until_a_folder_changes(tmp_path, monkeypatch):
    root = tree(tmp_path / "photos")
    first = index_split(root / "train", tmp_path / "cache", progress=False)
    listing = index._of_tree
    monkeypatch.setattr(index, "_of_tree", lambda *_: pytest.fail("listed again"))
    again = index_split(root / "train", tmp_path / "cache", progress=False)
    assert again.files == first.files
    assert (again.labels == first.labels).all()
    monkeypatch.setattr(index, "_of_tree", listing)
    (root / "train" / "n0001" / "new.png").write_bytes(photo(1, 30, 30, kind="PNG"))
    assert len(index_split(root / "train", tmp_path / "cache", progress=False)) == len(first) + 1


def test_a_damaged_photo_is_named_and_a_neighbour_stands_in(tmp_path):
    root = tree(tmp_path / "photos")
    bad = root / "train" / "n0000" / "train_003.JPEG"
    bad.write_bytes(bad.read_bytes()[:100])
    data = load_imagenet(root, tmp_path / "cache", size=16, workers=0, progress=False)
    with pytest.warns(Graph2nnWarning, match=r"train_003\.JPEG cannot be decoded") as said:
        found = epoch(data, size=24, augment=Augment(), shuffle=False)
    assert len(said) == 1
    assert torch.equal(found[0][0][3], found[0][0][4])
    assert epoch(data, size=24)  # not said twice: a warning would be an error here


def test_too_many_damaged_photos_stop_the_run(tmp_path):
    root = tree(tmp_path / "photos")
    for file in sorted((root / "train").rglob("*.JPEG"))[:12]:
        file.write_bytes(b"nothing")
    data = load_imagenet(root, tmp_path / "cache", size=16, workers=0, progress=False)
    with pytest.warns(Graph2nnWarning), pytest.raises(UserError, match="more than 10 photos cannot be decoded"):
        epoch(data)


def spoil(root, how):
    if how == "no val":
        shutil.rmtree(root / "val")
    elif how == "other classes":
        shutil.rmtree(root / "val" / "n0002")
    elif how == "empty class":
        (root / "train" / "n0009").mkdir()
    elif how == "no classes":
        shutil.rmtree(root / "train")
        (root / "train").mkdir()
    elif how == "cut shard":
        shutil.rmtree(root / "train")
        shards(root / "more")
        shutil.move(root / "more" / "train", root / "train")
        tar = root / "train" / "train-000001.tar"
        tar.write_bytes(b"x" * 600)
    elif how == "no class number":
        shutil.rmtree(root / "train")
        (root / "train").mkdir()
        with tarfile.open(root / "train" / "a.tar", "w") as tar:
            tar.addfile(tarfile.TarInfo("one.jpg"), io.BytesIO())


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no val", "has no folder val"),
        ("other classes", r"classes of train and val differ \(n0002\)"),
        ("empty class", "n0009 holds no photo"),
        ("no classes", "neither class folders nor tar shards"),
        ("cut shard", "train-000001.tar is damaged"),
        ("no class number", "has one as a photo or as a class"),
    ],
)
def test_what_is_wrong_with_the_folder_is_named(tmp_path, how, said):
    root = tree(tmp_path / "photos")
    spoil(root, how)
    with pytest.raises(UserError, match=said):
        load_imagenet(root, tmp_path / "cache", progress=False)


def test_the_registry_knows_sizes(tmp_path, monkeypatch):
    root = tree(tmp_path / "imagenet")
    assert load_dataset("imagenet@24", path=root, cache=tmp_path / "c").image_shape == (3, 24, 24)
    monkeypatch.setenv("GRAPH2NN_DATA", str(tmp_path))
    assert load_dataset("imagenet", cache=tmp_path / "c").image_shape == (3, 224, 224)
    for name, said in (("imagenet@x", "not a side of an image"), ("imagnet", "did you mean 'imagenet'")):
        with pytest.raises(UserError, match=said):
            load_dataset(name, cache=tmp_path / "c")
    monkeypatch.delenv("GRAPH2NN_DATA")
    with pytest.raises(UserError, match="name your copy with --data"):
        load_dataset("imagenet", cache=tmp_path / "c")
    with pytest.raises(UserError, match="is for images kept in memory"):
        epoch(load_dataset("imagenet@24", path=root, cache=tmp_path / "c"), augment=Augment(pad=4))


def test_photos_of_the_cifar_copy_load_as_their_tree(shared_file, tmp_path):
    """The same JPEGs through this reader, unscaled, and through that of CIFAR-10."""
    archive = shared_file("data/cifar10-jpeg.tar.xz")
    with tarfile.open(archive) as tar:
        for member in tar:
            *_, split, label, name = ("", "", *member.name.split("/"))
            if member.isreg() and int(name[:4]) < 3:
                target = tmp_path / "tree" / split.replace("test", "val") / label / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(tar.extractfile(member).read())
    data = load_imagenet(tmp_path / "tree", tmp_path / "cache", size=28, workers=0, progress=False)
    assert len(data.classes) == 10
    ((x, y),) = eval_batches(data.test, 100, mean=(0.0,) * 3, sd=(1.0,) * 3)
    file = sorted((tmp_path / "tree" / "val").rglob("*.jpg"))[0]
    with Image.open(file) as image:
        wanted = np.asarray(image.convert("RGB"))[2:30, 2:30].transpose(2, 0, 1)
    assert (x[0].numpy() == wanted).all()  # 28 of 32: the crop needs no scaling
    assert y.tolist() == sorted(y.tolist())
