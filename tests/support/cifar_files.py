"""Tiny stand-ins for the files of CIFAR-10, in each of its layouts, written the way the originals are."""

from __future__ import annotations

import io
import struct
import tarfile

import numpy as np
from PIL import Image

from graph2nn.data.cifar_layouts import PYTHON_FILES

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PER_BATCH = 20


def batch(index, count=PER_BATCH):
    """Pixels uint8 [count, 3072] and labels of one batch, different for each index."""
    random = np.random.RandomState(index)
    return random.randint(0, 256, (count, 3072)).astype(np.uint8), random.randint(0, 10, count).tolist()


def all_batches():
    """What the six batches hold: train images, train labels, test images, test labels."""
    batches = [batch(i) for i in range(6)]
    pixels = np.concatenate([p for p, _ in batches]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([y for _, y in batches])
    cut = 5 * PER_BATCH
    return pixels[:cut], labels[:cut], pixels[cut:], labels[cut:]


def python2_pickle(pixels, labels):
    """A batch as Python 2 and its NumPy pickled the original: protocol 2, byte strings, u1 array."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    rows, columns = (struct.pack("<i", n) for n in pixels.shape)
    raw = pixels.tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        + (b"(K\x01J" + rows + b"J" + columns + b"\x86")
        + b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + (b"\x89T" + struct.pack("<i", len(raw)) + raw + b"tb")
    )
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    entries = text(b"batch_label") + text(b"a batch") + text(b"labels") + numbers + text(b"data") + array
    return b"\x80\x02}(" + entries + b"u."


def binary(pixels, labels):
    return np.concatenate([np.array(labels, np.uint8)[:, None], pixels], axis=1).tobytes()


def python_files(folder="cifar-10-batches-py/"):
    return {f"{folder}{name}": python2_pickle(*batch(i)) for i, name in enumerate(PYTHON_FILES)}


def binary_files(folder="cifar-10-batches-bin/"):
    return {f"{folder}{name}.bin": binary(*batch(i)) for i, name in enumerate(PYTHON_FILES)}


def image(pixels, kind="PNG"):
    """An image file of uint8 [3, height, width]."""
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(out, kind)
    return out.getvalue()


def tree_files(kind="PNG", train=3, test=2, classes=CLASSES, root="", size=32):
    """A tree whose pixels come from ``tree_pixels``."""
    suffix = {"PNG": "png", "JPEG": "jpg"}[kind]
    return {
        f"{root}{split}/{name}/{i:04d}.{suffix}": image(tree_pixels(split, label, i, size), kind)
        for split, count in (("train", train), ("test", test))
        for label, name in enumerate(classes)
        for i in range(count)
    }


def tree_pixels(split, label, i, size=32):
    random = np.random.RandomState([split == "test", label, i])
    return random.randint(0, 256, (3, size, size)).astype(np.uint8)


def write_folder(folder, files):
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def tar_bytes(files, mode="w:gz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def write_tar(file, files, mode="w:gz"):
    file.write_bytes(tar_bytes(files, mode))
    return file
