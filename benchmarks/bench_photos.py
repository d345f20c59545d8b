"""Photos a second that one core decodes and crops, against the plain pipeline of the same libraries.

    python -m benchmarks.bench_photos

Both take turns over the same 96 JPEGs of 500 × 375 pixels (about 110 kB, ImageNet's average), made here. The
plain pipeline is what torchvision documents for its Pillow backend: crop, resize, flip, values to float by
division, normalise, one sample at a time; torchvision itself cannot be imported next to the CPU build of torch,
so its steps are written out with Pillow and torch.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.record import birth_certificate, write
from graph2nn.data.augment import batches
from graph2nn.data.photos.imagenet import MEAN, SD, load_imagenet
from graph2nn.data.photos.transforms import random_box
from graph2nn.data.samples import Augment

PHOTOS, ROUNDS = 96, 7


def jpeg(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    smooth = Image.fromarray(rng.integers(0, 255, (25, 34, 3), dtype=np.uint8)).resize((500, 375), 3)
    noisy = np.asarray(smooth).astype(np.int16) + rng.integers(-18, 18, (375, 500, 3), dtype=np.int16)
    stream = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def plain(files: list[Path], rng: np.random.Generator) -> torch.Tensor:
    mean, sd = (torch.tensor(v)[:, None, None] / 255 for v in (MEAN, SD))
    samples = []
    for file in files:
        with Image.open(file) as image:
            rgb = image.convert("RGB")
        left, top, right, bottom = map(int, random_box(*rgb.size, (0.08, 1.0), rng))
        cropped = rgb.crop((left, top, right, bottom))
        scaled = cropped.resize((224, 224), Image.Resampling.BILINEAR)
        if rng.integers(0, 2):
            scaled = scaled.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        values = torch.from_numpy(np.array(scaled)).permute(2, 0, 1).contiguous().to(torch.float32) / 255
        samples.append((values - mean) / sd)
    return torch.stack(samples)


def seconds(task: Callable[[], object]) -> float:
    begin = time.perf_counter()
    task()
    return time.perf_counter() - begin


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        for split in ("train", "val"):
            (Path(scratch) / split / "class").mkdir(parents=True)
            for number in range(PHOTOS):
                (Path(scratch) / split / "class" / f"{number:03d}.jpg").write_bytes(jpeg(number))
        files = sorted((Path(scratch) / "train" / "class").glob("*.jpg"))
        data = load_imagenet(scratch, Path(scratch) / "cache", workers=0, progress=False)
        augment = Augment(flip=True, resized=(0.08, 1.0), lighting=0.1)

        def ours() -> None:
            generator = torch.Generator().manual_seed(0)
            for _ in batches(data.train, 32, mean=MEAN, sd=SD, augment=augment, generator=generator):
                pass

        times: dict[str, list[float]] = {"graph2nn": [], "plain": []}
        for round_ in range(ROUNDS + 1):
            taken = seconds(ours), seconds(lambda: plain(files, np.random.default_rng(0)))
            if round_:  # the first warms caches
                for name, one in zip(times, taken, strict=True):
                    times[name].append(one)
    result = birth_certificate("bench_photos", ["torch", "pillow", "numpy"])
    medians = {name: statistics.median(values) for name, values in times.items()}
    result["photos"] = {
        name: {
            "photos_a_second": round(PHOTOS / medians[name], 1),
            "spread": [round(PHOTOS / max(values), 1), round(PHOTOS / min(values), 1)],
            "times_plain": round(medians["plain"] / medians[name], 2),
        }
        for name, values in times.items()
    }
    write("photos", result)


if __name__ == "__main__":
    main()
