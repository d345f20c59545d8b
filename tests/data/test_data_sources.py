"""What is missing, truncated, wrong or malicious: one clear line, nothing run and nothing kept."""

from __future__ import annotations

import os
import pickle
import struct

import numpy as np
import pytest
from cifar_files import (
    CLASSES,
    PER_BATCH,
    batch,
    binary_files,
    python2_pickle,
    python_files,
    tar_bytes,
    tree_files,
    write_folder,
    write_tar,
)

from graph2nn.data.batch_files import read_python
from graph2nn.data.cifar10 import load_cifar10
from graph2nn.data.unpickle import unpickle
from graph2nn.errors import UserError


def refused(path, cache, message):
    with pytest.raises(UserError, match=message) as caught:
        load_cifar10(path, cache, per_batch=PER_BATCH)
    assert "\n" not in str(caught.value)
    assert not list(cache.rglob("*"))
    return str(caught.value)


def cut(content, share):
    return content[: int(len(content) * share)]


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:xz", "w:bz2"])
@pytest.mark.parametrize("files", [python_files, tree_files])
def test_a_truncated_archive(files, mode, share, tmp_path):
    path = tmp_path / "cut.tar"
    content = tar_bytes(files(), mode)
    if mode == "w:":
        content = content.rstrip(b"\0")  # the padding at the end may be missing
    path.write_bytes(cut(content, share))
    refused(path, tmp_path / "cache", "truncated or damaged|a damaged one")


def test_a_tar_cut_between_two_members(tmp_path):
    content = tar_bytes(tree_files(), "w:")
    path = tmp_path / "cut.tar"
    path.write_bytes(content[: content.index(b"train/truck/0002")])  # a header starts with its name
    refused(path, tmp_path / "cache", "end-of-archive mark is missing")


def test_a_tar_with_a_broken_header(tmp_path):
    content = bytearray(tar_bytes(tree_files(), "w:"))
    content[content.index(b"train/truck/0002")] ^= 1
    path = tmp_path / "broken.tar"
    path.write_bytes(content)
    refused(path, tmp_path / "cache", "end-of-archive mark is missing|damaged")


@pytest.mark.parametrize("mode", ["w:gz", "w:xz"])
def test_a_flipped_bit_in_an_archive(mode, tmp_path):
    content = bytearray(tar_bytes(binary_files(), mode))
    content[len(content) // 2] ^= 1
    path = tmp_path / "flipped.tar"
    path.write_bytes(content)
    refused(path, tmp_path / "cache", "truncated or damaged")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"just text\n" * 100, "is not a tar archive"),
        (tar_bytes({"src/main.py": b"print()", "README": b"hello"}), "holds no CIFAR-10"),
        (tar_bytes({}), "holds no CIFAR-10"),
    ],
    # Not from the content: an archive has the time in it, and test processes must agree on names.
    ids=["empty", "text", "other archive", "empty archive"],
)
def test_a_file_of_something_else(content, message, tmp_path):
    path = tmp_path / "other.tar.gz"
    path.write_bytes(content)
    assert "cifar-10-batches-py" in refused(path, tmp_path / "cache", message)


def test_a_path_that_is_not_there(tmp_path):
    refused(tmp_path / "nowhere", tmp_path / "cache", "nowhere does not exist")


def test_folders_of_nothing_and_of_something_else(tmp_path):
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", tmp_path / "cache", "is empty")
    write_folder(tmp_path / "other", {"notes/today.txt": b"hello"})
    refused(tmp_path / "other", tmp_path / "cache", "holds no CIFAR-10")


def test_a_truncated_binary_batch(tmp_path):
    files = binary_files()
    name = "cifar-10-batches-bin/data_batch_3.bin"
    files[name] = files[name][:-1]
    path = write_folder(tmp_path / "bin", files)
    assert "61,460" in refused(path, tmp_path / "cache", r"data_batch_3\.bin has 61,459 bytes")


def test_a_binary_label_beyond_nine(tmp_path):
    files = {name: b"\x0a" + content[1:] for name, content in binary_files().items()}
    refused(write_folder(tmp_path / "bin", files), tmp_path / "cache", "label 10")


@pytest.mark.parametrize("files", [python_files, binary_files])
def test_a_missing_batch(files, tmp_path):
    left = {name: content for name, content in files().items() if "batch_4" not in name}
    refused(write_tar(tmp_path / "c.tar.gz", left), tmp_path / "cache", "lacks data_batch_4")


def test_the_same_batch_in_two_folders(tmp_path):
    files = python_files("a/") | python_files("b/")
    refused(write_tar(tmp_path / "c.tar.gz", files), tmp_path / "cache", "data_batch_1 is there twice")


def test_a_batch_with_too_few_images(tmp_path):
    files = python_files() | {"cifar-10-batches-py/data_batch_2": python2_pickle(*batch(1, PER_BATCH - 1))}
    refused(write_tar(tmp_path / "c.tar.gz", files), tmp_path / "cache", "data_batch_2 must hold 20 images")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: {n: c for n, c in f.items() if n.startswith("train")}, "no test/<class>/ images"),
        (lambda f: {n: c for n, c in f.items() if n.startswith("test")}, "no train/<class>/ images"),
        (lambda f: {n: c for n, c in f.items() if "/cat/" not in n}, "9 classes where CIFAR-10 has 10"),
        (lambda f: {n: c for n, c in f.items() if "test/cat/" not in n}, r"train and test differ \(cat\)"),
        (lambda f: f | {"train/cat/0001.png": b"not an image"}, "train/cat/0001.png is not a readable"),
        (lambda f: f | {"train/cat/0001.png": b""}, "train/cat/0001.png is not a readable"),
        (lambda f: f | {"train/cat/0001.png": cut(f["train/cat/0001.png"], 0.5)}, "train/cat/0001.png is not"),
        (lambda f: f | {"train/cat/0001.png": b"\0" * (2**20 + 1)}, "too many for a CIFAR-10 file"),
        (lambda f: f | tree_files(root="second/"), "2 image folders"),
        (lambda f: tree_files(size=28), "28×28 pixels where CIFAR-10 has 32×32"),
    ],
)
@pytest.mark.parametrize("wrapping", ["folder", "tar"])
def test_a_wrong_tree(change, message, wrapping, tmp_path):
    files = change(tree_files())
    path = tmp_path / "tree"
    path = write_folder(path, files) if wrapping == "folder" else write_tar(path, files, "w:")
    refused(path, tmp_path / "cache", message)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission(tmp_path):
    path = write_tar(tmp_path / "c.tar.gz", python_files())
    path.chmod(0)
    refused(path, tmp_path / "cache", "cannot be read")


class Malicious:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_pickle_is_refused_and_does_not_run(protocol, tmp_path):
    marker = tmp_path / "ran"
    bad = {b"data": Malicious(os.mkdir, str(marker)), b"labels": [0] * PER_BATCH}
    content = pickle.dumps(bad, protocol=protocol)
    pickle.loads(content)
    assert marker.exists(), "the pickle does what it is meant to when it is trusted"
    marker.rmdir()
    files = python_files() | {"cifar-10-batches-py/data_batch_2": content}
    for path in (write_folder(tmp_path / "py", files), write_tar(tmp_path / "py.tar.gz", files)):
        assert "data_batch_2" in refused(path, tmp_path / "cache", "(posix|nt).mkdir, which no CIFAR-10 batch")
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cnumpy\nload\n(S'/tmp/x'\ntR.",  # another function of an allowed module
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(J\xff\xff\xff\x7ftS'b'\ntR.",  # huge
        b"cnumpy\nndarray\n(J\xff\xff\xff\x7ftR.",
        b"cnumpy\ndtype\n(S'O'\nI0\nI1\ntR.",  # an array of objects
        b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.",  # would import a codec
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"\x80\x04\x8c\x08builtins\x8c\x0fgetattr.mro.foo\x93.",
        b"Pid\n.",  # persistent id
        b"\x80\x02}(U\x04data",  # truncated
        b"hello",
        b"",
    ],
)
def test_pickles_of_anything_else(content):
    with pytest.raises(UserError, match="data_batch_1"):
        unpickle(content, "data_batch_1")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_batches_pickled_again_by_python_3(protocol):
    pixels, labels = batch(0)
    got = unpickle(pickle.dumps({"data": pixels, b"labels": labels}, protocol=protocol), "data_batch_1")
    np.testing.assert_array_equal(got.get("data", got.get(b"data")), pixels)


@pytest.mark.parametrize(
    "value",
    [
        7,
        [],
        {},
        {b"data": 1, b"labels": 2},
        {b"data": np.zeros(PER_BATCH, np.uint8), b"labels": [0] * PER_BATCH},
        {b"data": np.zeros((PER_BATCH, 3072), np.uint8), b"labels": [10] * PER_BATCH},
        {b"data": np.zeros((PER_BATCH, 3072), np.uint8), b"labels": ["cat"] * PER_BATCH},
    ],
)
def test_pickles_of_other_values(value):
    files = python_files("") | {"data_batch_1": pickle.dumps(value, protocol=2)}
    with pytest.raises(UserError, match="data_batch_1"):
        read_python(files, PER_BATCH)


def test_standard_names_sort_to_the_standard_labels():
    assert tuple(sorted(CLASSES)) == CLASSES


def test_an_array_longer_than_its_bytes_is_refused():
    content = python2_pickle(*batch(0))
    rows = struct.pack("<i", PER_BATCH)
    with pytest.raises(UserError, match="damaged"):
        unpickle(content.replace(b"J" + rows, b"J" + struct.pack("<i", PER_BATCH * 1000)), "data_batch_1")
