"""Image files as cameras and desktops leave them: which are photos, which are clutter, and true grey values."""

from __future__ import annotations

import io
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

#: Endings of the images that are read, in lower case.
SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp")
#: The same as Pillow's decoders are called: no other one is let near a file.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
#: What readers call them.
NAMES = "PNG, JPEG, WebP or BMP"
_CLUTTER = ("__MACOSX", "Thumbs.db", "desktop.ini")


def is_clutter(name: str) -> bool:
    """Whether a file or folder belongs to an operating system or an editor, not to the data.

    Example:
        >>> [is_clutter(name) for name in ("._cat.jpg", ".ipynb_checkpoints", "__MACOSX", "cat.jpg")]
        [True, True, True, False]
    """
    return name.startswith(".") or name in _CLUTTER


def is_photo(path: str) -> bool:
    """Whether a path is an image to read: a known ending, and no part of it clutter.

    Example:
        >>> is_photo("train/cat/0001.WEBP"), is_photo("train/.ipynb_checkpoints/0001.jpg")
        (True, False)
    """
    parts = PurePosixPath(path).parts
    return parts[-1].lower().endswith(SUFFIXES) and not any(is_clutter(part) for part in parts)


def open_image(content: bytes) -> Image:
    """Open the bytes of an image; its pixels are not decoded yet.

    Raises:
        OSError: none of the formats that are read, as Pillow says it.
    """
    from PIL import Image

    return Image.open(io.BytesIO(content), formats=FORMATS)


def eight_bit(image: Image) -> Image:
    """Return an image with 8 bits per channel. Grey values of 16 bits are scaled by 1/257, not cut off at 255.

    Pillow opens a 16-bit grey PNG as ``I;16`` or ``I`` and converts it to RGB by clipping, which makes almost
    every pixel white.

    Example:
        >>> from PIL import Image
        >>> deep = Image.fromarray(np.array([[0, 32896, 65535]], np.uint16))
        >>> np.asarray(eight_bit(deep)).tolist()
        [[0, 128, 255]]
    """
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int64)
    return Image.fromarray(np.clip(np.rint(values / 257), 0, 255).astype(np.uint8))


def to_rgb(image: Image) -> Image:
    """Return an image as RGB, whatever its depth and mode."""
    return eight_bit(image).convert("RGB")
