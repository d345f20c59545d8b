"""Augmentation equals a plain per-sample loop on the same draws, and reaches every offset."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graph2nn.data import Augment, Split, batches, eval_batches, normalise
from graph2nn.data.augment import augment, gather
from graph2nn.errors import UserError

MEAN, SD = (125.3, 123.0, 113.9), (63.0, 62.1, 66.7)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(count, channels=3, height=32, width=32, seed=0):
    shape = (count, channels, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=seeded(seed))


def oracle(images, mean, sd, how, generator):
    """One sample at a time, in NumPy, with the draws in the documented order."""
    count, channels, height, width = images.shape
    flips = torch.randint(0, 2, (count,), generator=generator).numpy() if how.flip else np.zeros(count)
    offsets = np.zeros((2, count), dtype=int)
    if how.pad:
        offsets = torch.randint(0, 2 * how.pad + 1, (2, count), generator=generator).numpy()
    centre, scale = (np.array(v, np.float32).reshape(channels, 1, 1) for v in (mean, sd))
    out = []
    for sample, flip, row, column in zip(images.numpy(), flips, *offsets, strict=True):
        image = (sample.astype(np.float32) - centre) / scale
        if flip:
            image = image[:, :, ::-1]
        image = np.pad(image, ((0, 0), (how.pad, how.pad), (how.pad, how.pad)))
        out.append(image[:, row : row + height, column : column + width])
    return np.stack(out)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    flip=st.booleans(),
    pad=st.integers(0, 5),
    seed=st.integers(0, 2**31),
)
def test_equals_the_per_sample_oracle_to_the_last_bit(shape, flip, pad, seed):
    images, how, channels = random_images(*shape, seed=seed), Augment(flip, pad), shape[1]
    stored = images.clone()
    got = augment(images, MEAN[:channels], SD[:channels], how, seeded(seed))
    want = oracle(images, MEAN[:channels], SD[:channels], how, seeded(seed))
    np.testing.assert_array_equal(got.numpy(), want)
    assert got.dtype == torch.float32
    assert torch.equal(images, stored)
    # The way of other devices, on the same draws.
    draws = seeded(seed)
    flips = torch.randint(0, 2, shape[:1], generator=draws) if flip else None
    offsets = torch.randint(0, 2 * pad + 1, (2, shape[0]), generator=draws) if pad else None
    other = gather(normalise(images, MEAN[:channels], SD[:channels]), flips, offsets, pad)
    np.testing.assert_array_equal(other.numpy(), want)


def test_a_batch_chosen_from_more_images_equals_those_images_alone():
    images, how, chosen = random_images(40, 2, 5, 7), Augment(True, 2), torch.tensor([3, 39, 3, 0])
    picked = augment(images, MEAN[:2], SD[:2], how, seeded(5), chosen=chosen)
    assert torch.equal(picked, augment(images[chosen], MEAN[:2], SD[:2], how, seeded(5)))


def test_full_cifar_batch_equals_the_oracle():
    images, how = random_images(128), Augment(flip=True, pad=4)
    got = augment(images, MEAN, SD, how, seeded(3))
    np.testing.assert_array_equal(got.numpy(), oracle(images, MEAN, SD, how, seeded(3)))


def test_every_offset_and_both_orientations_occur():
    # Each pixel of the 3x3 image has its own value, so where the pattern sits tells the draw.
    pad, count = 2, 2000
    image = torch.arange(100, 109, dtype=torch.uint8).reshape(1, 1, 3, 3)
    out = augment(image.expand(count, 1, 3, 3), (0.0,), (1.0,), Augment(True, pad), seeded())
    flat = image.to(torch.float32)
    seen = set()
    for flip, source in ((0, flat), (1, flat.flip(-1))):
        padded = torch.nn.functional.pad(source, (pad,) * 4)
        for row in range(2 * pad + 1):
            for column in range(2 * pad + 1):
                crop = padded[:, :, row : row + 3, column : column + 3]
                if (out == crop).all(dim=(1, 2, 3)).any():
                    seen.add((flip, row, column))
    assert len(seen) == 2 * (2 * pad + 1) ** 2


def test_padding_is_the_mean_colour():
    images = torch.zeros(64, 3, 4, 4, dtype=torch.uint8)
    out = augment(images, MEAN, SD, Augment(pad=4), seeded())
    darkest = normalise(images[:1], MEAN, SD)[0, :, 0, 0]
    for channel in range(3):
        assert set(out[:, channel].unique().tolist()) == {0.0, darkest[channel].item()}


def test_an_epoch_visits_each_image_once_and_repeats_with_its_seed():
    split = Split(random_images(50, 1, 4, 4), torch.arange(50))
    epochs = []
    for _ in range(2):
        stream = batches(
            split, 8, mean=(0.0,), sd=(1.0,), augment=Augment(True, 1), generator=seeded(7), drop_last=False
        )
        epochs.append(list(stream))
    (first, second) = epochs
    assert [len(labels) for _, labels in first] == [8] * 6 + [2]
    assert sorted(torch.cat([labels for _, labels in first]).tolist()) == list(range(50))
    for (images, labels), (again, labels_again) in zip(first, second, strict=True):
        assert torch.equal(images, again)
        assert torch.equal(labels, labels_again)


def test_two_epochs_of_one_generator_differ():
    split, generator = Split(random_images(64, 1, 4, 4), torch.arange(64)), seeded()
    orders = [
        torch.cat([y for _, y in batches(split, 16, mean=(0.0,), sd=(1.0,), augment=None, generator=generator)])
        for _ in range(2)
    ]
    assert not torch.equal(*orders)


def test_batches_without_shuffle_or_augmentation_are_the_normalised_split():
    split = Split(random_images(20), torch.arange(20))
    arguments = {"mean": MEAN, "sd": SD}
    plain = list(batches(split, 6, augment=None, generator=seeded(), shuffle=False, **arguments))
    assert [len(labels) for _, labels in plain] == [6, 6, 6]
    tests = list(eval_batches(split, 6, **arguments))
    assert torch.equal(torch.cat([labels for _, labels in tests]), split.labels)
    assert torch.equal(torch.cat([images for images, _ in tests]), normalise(split.images, MEAN, SD))
    assert torch.equal(plain[1][0], tests[1][0])


def test_images_keep_their_labels_through_the_shuffle():
    labels = torch.arange(40)
    split = Split(labels.to(torch.uint8).view(40, 1, 1, 1).expand(40, 1, 2, 2).contiguous(), labels)
    for images, chosen in batches(split, 8, mean=(0.0,), sd=(1.0,), augment=None, generator=seeded()):
        assert torch.equal(images[:, 0, 0, 0].long(), chosen)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_same_seed_gives_the_same_batches_on_a_gpu():
    images, how = random_images(128), Augment(flip=True, pad=4)
    here = augment(images, MEAN, SD, how, seeded(5))
    there = augment(images.cuda(), MEAN, SD, how, seeded(5)).cpu()
    torch.testing.assert_close(there, here, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: Augment(pad=-1), "pad = -1 is negative"),
        (lambda s: normalise(s.images, (1.0,), (1.0,)), "3 channels but 1 means"),
        (lambda s: eval_batches(s, 0, mean=MEAN, sd=SD), "batch size 0"),
        (
            lambda s: batches(s, 11, mean=MEAN, sd=SD, augment=None, generator=seeded()),
            "batch size 11 exceeds the 10 training images",
        ),
    ],
)
def test_wrong_input_is_one_clear_line(call, message):
    with pytest.raises(UserError, match=message) as caught:
        call(Split(random_images(10), torch.zeros(10, dtype=torch.int64)))
    assert "\n" not in str(caught.value)
