"""Image files as cameras and desktops leave them: which are photos, which are clutter, and true grey values."""

from __future__ import annotations

import io
import warnings
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
#: EXIF tag of the orientation, and the number in Pillow's ``Transpose`` that turns each one upright.
_ORIENTATION = 0x0112
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}


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
        OSError: none of the formats that are read, as Pillow says it, or more pixels than Pillow decodes.
    """
    from PIL import Image

    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise OSError(str(error)) from None


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


def _orientation(image: Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none, or it cannot be read."""
    try:
        with warnings.catch_warnings():  # Pillow tells of damaged EXIF, too
            warnings.simplefilter("ignore")
            value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF fails in many ways, and the pixels are whole all the same
        return 1
    return int(value) if value in _TURNS else 1


def upright_size(image: Image) -> tuple[int, int]:
    """Return width and height of an image as it is looked at, without decoding it."""
    width, height = image.size
    return (height, width) if _orientation(image) >= 5 else (width, height)


def upright(image: Image) -> Image:
    """Return an image turned as its EXIF orientation says.

    Cameras and phones store pixels as the sensor lies and note how it was held; viewers, and OpenCV in the
    published code, turn them. Pillow does not by itself.

    Example:
        >>> from PIL import Image
        >>> photo = Image.new("RGB", (40, 30))
        >>> photo.getexif()[0x0112] = 6
        >>> upright(photo).size
        (30, 40)
    """
    from PIL import Image

    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(Image.Transpose(turn))


def plain(image: Image) -> Image:
    """Return an image as it is looked at: upright, with 8 bits per channel."""
    return eight_bit(upright(image))


def to_rgb(image: Image) -> Image:
    """Return an image as RGB, upright, whatever its depth and mode."""
    return plain(image).convert("RGB")
