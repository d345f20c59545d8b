"""What happens to a photo between decoding and the network: pure functions of pixels and a generator."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[float, float, float, float]
Pixels = npt.NDArray[np.uint8]

#: Range of width / height of a random crop (Szegedy et al. 2015, as in the published recipe).
RATIOS = (3 / 4, 4 / 3)
#: Principal components of the colours of ImageNet (Krizhevsky et al. 2012), RGB in 0…1: variance roots in
#: descending order, and one direction per column.
EIGENVALUES = np.array([0.2175, 0.0188, 0.0045])
EIGENVECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])


def random_box(width: int, height: int, area: tuple[float, float], rng: np.random.Generator) -> Box:
    """Draw the crop of a random-resized crop: (left, top, right, bottom) in pixels.

    Its area is uniform between ``area[0]`` and ``area[1]`` of the photo's, its width / height log-uniform in
    :data:`RATIOS`. After ten draws that do not fit, the largest central crop of an allowed shape is taken.

    Args:
        width, height: of the photo in pixels.
        area: smallest and largest share of the photo's area.
        rng: of the draws.

    Returns:
        The crop.
    """
    low, high = (math.log(ratio) for ratio in RATIOS)
    for _ in range(10):
        size = width * height * rng.uniform(*area)
        ratio = math.exp(rng.uniform(low, high))
        w, h = round(math.sqrt(size * ratio)), round(math.sqrt(size / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
            return left, top, left + w, top + h
    w = min(width, round(height * RATIOS[1]))
    h = min(height, round(width / RATIOS[0]))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def central_box(width: int, height: int, *, resize: int, size: int) -> Box:
    """The crop that, scaled to ``size``, is the middle of the photo with its shorter side at ``resize``.

    Args:
        width, height: of the photo in pixels.
        resize: what the shorter side becomes.
        size: side of the crop after that.

    Returns:
        The crop in pixels of the photo.
    """
    side = min(width, height) * size / resize
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def cut(image: Image, box: Box, size: int, *, flip: bool = False, antialias: bool = True) -> Pixels:
    """Scale the content of a box to a square, by bilinear interpolation.

    Args:
        image: RGB.
        box: left, top, right, bottom in pixels.
        size: side of the square.
        flip: mirror the result.
        antialias: average over the pixels that scaling down merges. Without it each result is interpolated
            between the four pixels nearest to its centre, as OpenCV's ``INTER_LINEAR`` of the published code
            does: finer detail than the new pixels turns into noise.

    Returns:
        uint8 ``[3, size, size]``.
    """
    from PIL import Image as Pillow

    bilinear, square = Pillow.Resampling.BILINEAR, (size, size)
    if antialias:
        scaled = image.resize(square, bilinear, box=box)
    else:
        if all(float(side).is_integer() for side in box):  # cut out first, as published: edges see no outside
            left, top, right, bottom = map(int, box)
            image, box = image.crop((left, top, right, bottom)), (0, 0, right - left, bottom - top)
        scaled = image.transform(square, Pillow.Transform.EXTENT, box, resample=bilinear)
    pixels = np.asarray(scaled)
    if flip:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def lighting(strength: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw the colour shift of one photo along the principal components, RGB in units of 0…255, ``[3]``."""
    alpha = rng.normal(0, strength, 3)
    shift: npt.NDArray[np.float32] = (255 * EIGENVECTORS @ (alpha * EIGENVALUES)).astype(np.float32)
    return shift
