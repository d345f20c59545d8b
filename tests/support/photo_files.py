"""Photos in the layout of ImageNet, made here: class folders or tar shards."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image


def photo(seed: int, width: int, height: int, *, kind: str = "JPEG") -> bytes:
    """A smooth photo of its own colours, so that crops of it can be told apart."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (4, 5, 3), dtype=np.uint8))
    stream = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(stream, kind, quality=92)
    return stream.getvalue()


def contents(split: str, classes: int, each: int) -> dict[str, bytes]:
    """Photos by relative name; sizes differ, the names of classes are not in order of making."""
    made = {}
    for label in reversed(range(classes)):
        for number in range(each):
            seed = 1000 * label + number + 500 * (split == "val")
            made[f"n{label:04d}/{split}_{number:03d}.JPEG"] = photo(seed, 40 + 3 * number, 36 + 5 * label)
    return made


def tree(root: Path, *, classes: int = 3, each: int = 8) -> Path:
    """``root/{train,val}/<class>/*.JPEG``."""
    for split, count in (("train", each), ("val", each // 2)):
        for name, content in contents(split, classes, count).items():
            file = root / split / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return root


def shards(root: Path, *, classes: int = 3, each: int = 8, count: int = 2) -> Path:
    """The same photos in tar shards, class numbers in ``.cls`` files."""
    for split, photos in (("train", each), ("val", each // 2)):
        (root / split).mkdir(parents=True)
        rows = sorted(contents(split, classes, photos).items())
        for shard in range(count):
            with tarfile.open(root / split / f"{split}-{shard:06d}.tar", "w") as tar:
                for name, content in rows[shard * len(rows) // count : (shard + 1) * len(rows) // count]:
                    key = name.replace("/", "_").removesuffix(".JPEG")
                    for suffix, data in ((".jpg", content), (".cls", str(int(name[1:5])).encode())):
                        member = tarfile.TarInfo(key + suffix)
                        member.size = len(data)
                        tar.addfile(member, io.BytesIO(data))
    return root
