"""Every layout of CIFAR-10 gives the same images; the second load comes from the cache."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading

import numpy as np
import pytest
import torch
from cifar_files import (
    CLASSES,
    PER_BATCH,
    all_batches,
    binary_files,
    image,
    python_files,
    tar_bytes,
    tree_files,
    tree_pixels,
    write_folder,
    write_tar,
)

from graph2nn.data import load_dataset
from graph2nn.data.cifar10 import load_cifar10
from graph2nn.errors import Graph2nnWarning, UserError


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def load(cache):
    return lambda path, **more: load_cifar10(path, cache, per_batch=PER_BATCH, **more)


@pytest.fixture
def site(tmp_path):
    """A local web server: its folder, its address, and the paths asked for so far."""
    folder, asked = tmp_path / "site", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, form, *args):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def kept(cache):
    return sorted(file.name for file in cache.rglob("*") if file.is_file())


def same(dataset, other):
    return all(
        torch.equal(getattr(getattr(dataset, split), field), getattr(getattr(other, split), field))
        for split in ("train", "test")
        for field in ("images", "labels")
    )


def check_original(dataset):
    train, train_labels, test, test_labels = all_batches()
    np.testing.assert_array_equal(dataset.train.images.numpy(), train)
    np.testing.assert_array_equal(dataset.train.labels.numpy(), train_labels)
    np.testing.assert_array_equal(dataset.test.images.numpy(), test)
    np.testing.assert_array_equal(dataset.test.labels.numpy(), test_labels)
    assert (dataset.label, dataset.classes) == ("CIFAR-10", CLASSES)
    assert dataset.image_shape == (3, 32, 32)


@pytest.mark.parametrize("files", [python_files, binary_files])
@pytest.mark.parametrize("shape", ["folder", "inner", "tar", "tar.gz", "tar.xz", "folder of tar"])
def test_both_originals_in_every_wrapping(files, shape, tmp_path, load):
    name = "cifar-10-python.tar.gz" if files is python_files else "cifar-10-binary.tar.gz"
    if shape == "folder":
        path = write_folder(tmp_path / "data", files(folder=""))
    elif shape == "inner":
        path = write_folder(tmp_path / "data", files())
    elif shape == "folder of tar":
        (tmp_path / "data").mkdir()
        path = write_tar(tmp_path / "data" / name, files()).parent
    else:
        mode = "w:" + shape.removeprefix("tar").removeprefix(".")
        path = write_tar(tmp_path / "misnamed.zip", files(), mode)
    check_original(load(path))


@pytest.mark.parametrize("root", ["", "CIFAR-10/"])
@pytest.mark.parametrize("wrapping", ["folder", "w:xz", "w:gz", "w:"])
def test_png_tree_is_exact_and_sorted(root, wrapping, tmp_path, load):
    # Written in reverse order: labels and samples must follow the names all the same.
    files = dict(reversed(tree_files(root=root).items()))
    extra = {f"{root}train/cat/._0001.png": b"macOS", f"{root}train/cat/Thumbs.db": b"", f"{root}README": b""}
    files |= extra
    if wrapping == "folder":
        path = write_folder(tmp_path / "tree", files)
    else:
        path = write_tar(tmp_path / "tree.tar", files, wrapping)
    data = load(path)
    assert data.label == "CIFAR-10 (image folder, 30 + 20 images)"
    assert data.classes == CLASSES
    assert data.train.labels.tolist() == [label for label in range(10) for _ in range(3)]
    want = np.stack([tree_pixels("test", label, i) for label in range(10) for i in range(2)])
    np.testing.assert_array_equal(data.test.images.numpy(), want)


def test_labels_say_what_a_tree_is(tmp_path, load):
    jpeg = load(write_folder(tmp_path / "jpeg", tree_files("JPEG")))
    assert jpeg.label == "CIFAR-10 (JPEG copy, 30 + 20 images)"
    letters = load(write_folder(tmp_path / "letters", tree_files(classes=tuple("abcdefghij"))))
    assert letters.label == "ten other classes (image folder, 30 + 20 images)"


def test_later_member_of_the_same_name_wins_as_in_tar(tmp_path, load):
    red = np.zeros((3, 32, 32), np.uint8)
    red[0] = 255
    path = tmp_path / "twice.tar"
    files = tree_files()
    first = tar_bytes({"train/cat/0000.png": image(red)}, "w:")
    path.write_bytes(first[: first.rindex(b"IEND") // 512 * 512 + 512] + tar_bytes(files, "w:"))
    data = load(path)
    np.testing.assert_array_equal(data.train.images[9].numpy(), tree_pixels("train", 3, 0))


def test_unsafe_tar_paths_write_nothing(tmp_path, load):
    files = {f"/{tmp_path}/outside/../{name}": content for name, content in tree_files().items()}
    path = write_tar(tmp_path / "unsafe.tar.gz", files)
    before = kept(tmp_path)
    load(path)
    assert [name for name in kept(tmp_path) if not name.endswith(".safetensors")] == before


def test_second_load_is_the_cache_and_a_changed_source_is_not(tmp_path, cache, load):
    path = write_tar(tmp_path / "c.tar.gz", python_files())
    first, files = load(path), kept(cache)
    status = path.stat()
    path.write_bytes(b"x" * status.st_size)  # same size and time: a read of the source itself would fail
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = load(path)
    assert same(first, again)
    assert (again.label, again.classes, again.mean, again.sd) == (
        first.label,
        first.classes,
        first.mean,
        first.sd,
    )
    assert kept(cache) == files
    assert len(files) == 1
    os.utime(path, ns=(0, 0))
    with pytest.raises(UserError):
        load(path)


def test_a_changed_folder_is_decoded_again(tmp_path, load):
    folder = write_folder(tmp_path / "tree", tree_files())
    assert len(load(folder).train) == 30
    (folder / "train/cat/0002.png").unlink()
    assert len(load(folder).train) == 29


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty", "other tensors"])
def test_a_damaged_cache_is_decoded_again_with_a_note(damage, tmp_path, cache, load):
    path = write_tar(tmp_path / "c.tar.gz", binary_files())
    load(path)
    (file,) = cache.rglob("*.safetensors")
    content = bytearray(file.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    if damage == "other tensors":
        content = content.replace(b"train.labels", b"train.lebals")
    changed = {"cut": content[:-100], "text": b"hello", "empty": b""}.get(damage, content)
    first = load_cifar10(path, tmp_path / "other", per_batch=PER_BATCH)
    file.unlink()  # the tensors of an earlier load may still be mapped
    file.write_bytes(changed)
    with pytest.warns(Graph2nnWarning, match="damaged"):
        assert same(load(path), first)
    assert same(load(path), first)


def test_an_unwritable_cache_is_only_a_note(tmp_path):
    path = write_tar(tmp_path / "c.tar.gz", binary_files())
    (tmp_path / "file").write_text("not a folder")
    with pytest.warns(Graph2nnWarning, match="could not be written"):
        check_original(load_cifar10(path, tmp_path / "file" / "cache", per_batch=PER_BATCH))


def served(folder, content):
    (folder / "cifar-10-python.tar.gz").write_bytes(content)
    return "sha256:" + hashlib.sha256(content).hexdigest()


def test_download_once_then_the_cache(site, cache, load):
    folder, address, asked = site
    checksum = served(folder, tar_bytes(python_files()))
    arguments = {"url": f"{address}/cifar-10-python.tar.gz", "checksum": checksum}
    check_original(load(None, **arguments))
    check_original(load(None, **arguments))
    assert asked == ["/cifar-10-python.tar.gz"]
    assert kept(cache) == ["cifar-10-python.tar.gz", "original.safetensors"]


def test_an_archive_put_into_the_cache_needs_no_network(cache, load):
    (cache / "cifar10").mkdir(parents=True)
    content = tar_bytes(python_files())
    checksum = served(cache / "cifar10", content)
    check_original(load(None, url="http://127.0.0.1:9/cifar-10-python.tar.gz", checksum=checksum))


def test_a_download_with_the_wrong_checksum_keeps_nothing(site, cache, load):
    folder, address, _ = site
    checksum = served(folder, tar_bytes(python_files()))
    served(folder, tar_bytes(python_files())[:-50])
    with pytest.raises(UserError, match=r"wrong checksum.*--data"):
        load(None, url=f"{address}/cifar-10-python.tar.gz", checksum=checksum)
    assert kept(cache) == []


@pytest.mark.parametrize(("path", "message"), [("gone.tar.gz", "HTTP status 404"), (None, "cannot be reached")])
def test_offline_says_where_to_put_the_file(path, message, site, cache, load):
    _, address, _ = site
    url = f"{address}/{path}" if path else "http://127.0.0.1:9/cifar-10-python.tar.gz"
    with pytest.raises(UserError, match=message) as caught:
        load(None, url=url)
    assert str(cache / "cifar10") in str(caught.value)
    assert "--data" in str(caught.value)
    assert kept(cache) == []


def test_cache_folder_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPH2NN_CACHE", str(tmp_path / "mine"))
    load_dataset("cifar10", path=write_folder(tmp_path / "tree", tree_files()))
    assert len(kept(tmp_path / "mine")) == 1


@pytest.mark.slow
def test_the_real_jpeg_copy(shared_file, cache):
    archive = shared_file("data/cifar10-jpeg.tar.xz")
    data = load_dataset("cifar10", path=archive, cache=cache)
    assert (data.label, data.classes) == ("CIFAR-10 (JPEG copy)", CLASSES)
    assert data.train.labels.bincount().tolist() == [5000] * 10
    assert data.test.labels.bincount().tolist() == [1000] * 10
    mean = data.train.images.double().mean(dim=(0, 2, 3))
    assert mean.tolist() == pytest.approx(data.mean, abs=0.2)
    assert same(load_dataset("cifar10", path=archive, cache=cache), data)
