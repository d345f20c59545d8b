"""A split on disk that gives the same kind of batches as one in memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from graph2nn.data.augment import normalise
from graph2nn.data.dataset import Dataset
from graph2nn.data.photos.index import Index
from graph2nn.data.photos.photo_decoder import Photos, Reader, collate
from graph2nn.data.samples import Augment, Part, Split, Streamed, whole
from graph2nn.errors import Graph2nnWarning, UserError


@dataclass(frozen=True)
class PhotoSplit:
    """Photos on disk, decoded by ``workers`` processes (0: in this one).

    A damaged photo is named in a warning and a neighbour, with its own class, stands in for it; more than
    ``most_damaged`` of them stop the run.
    """

    index: Index
    size: int = 224
    resize: int = 256
    workers: int = 0
    device: torch.device | str = "cpu"
    most_damaged: int = 10
    antialias: bool = True
    _damaged: set[str] = field(default_factory=set, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Channels, height and width of the images of a batch."""
        return 3, self.size, self.size

    def to(self, device: torch.device | str) -> PhotoSplit:
        """Say where batches shall go; photos stay on disk."""
        return replace(self, device=device)

    def batches(
        self,
        batch_size: int,
        *,
        mean: Sequence[float],
        sd: Sequence[float],
        augment: Augment,
        generator: torch.Generator,
        shuffle: bool = True,
        drop_last: bool = True,
        skip: int = 0,
        limit: int | None = None,
        part: Part = whole,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch of training batches, as :func:`graph2nn.data.augment.batches` gives them.

        The generator is drawn from for the order, then once for the key of all photos' random numbers: what
        happens to a photo depends on that key and its number alone. ``skip`` leaves out the first batches
        without reading them, ``limit`` those after this many, ``part`` photos of each batch.

        Args:
            batch_size: photos per batch.
            mean: per channel, of 0 … 255.
            sd: likewise.
            augment: how each photo is changed; None only scales and crops them.
            generator: of the order and of the augmentation.
            shuffle: False keeps the order of the index.
            drop_last: leave out a last batch that is smaller.
            skip: batches left out at the start.
            limit: the epoch ends after this many batches.
            part: which samples of a batch this process takes.

        Returns:
            Pairs of photos and labels.

        Raises:
            UserError: too many damaged photos, or padding asked for, which is for images kept in memory.
        """
        if augment.pad:
            raise UserError(
                f"augment: pad = {augment.pad} is for images kept in memory; use resized_crop here."
            )
        order = torch.randperm(len(self), generator=generator) if shuffle else torch.arange(len(self))
        key = int(torch.randint(0, 2**62, (), generator=generator))
        reader = Reader(
            self.index,
            self.size,
            self.resize,
            augment.resized,
            augment.flip,
            augment.lighting,
            antialias=self.antialias,
        )
        chunks = [
            chunk for chunk in torch.split(order, batch_size) if len(chunk) == batch_size or not drop_last
        ]
        made = self._load(reader, _cut(chunks, part)[skip:limit], key)
        return (
            (self._normalised(photos, mean, sd), photos.labels.to(self.device, non_blocking=True))
            for photos in made
        )

    def eval_batches(
        self, batch_size: int, *, mean: Sequence[float], sd: Sequence[float], part: Part = whole
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Every photo once, in order, its central crop.

        Args:
            batch_size: photos per batch.
            mean: per channel, of 0 … 255.
            sd: likewise.
            part: which samples of a batch this process takes.

        Returns:
            Pairs of photos and labels.
        """
        reader = Reader(self.index, self.size, self.resize, antialias=self.antialias)
        chunks = torch.split(torch.arange(len(self)), batch_size)
        for photos in self._load(reader, _cut(chunks, part), key=0):
            yield self._normalised(photos, mean, sd), photos.labels.to(self.device, non_blocking=True)

    def _load(self, reader: Reader, chunks: Sequence[Tensor], key: int) -> Iterator[Photos]:
        # Each photo's key is the epoch's and its own number, mixed by NumPy's seeding.
        batches = [[(int(photo), key ^ int(photo)) for photo in chunk] for chunk in chunks if len(chunk)]
        if not batches:
            return
        loader: DataLoader[Photos] = DataLoader(
            reader,  # type: ignore[arg-type]
            batch_sampler=batches,
            num_workers=min(self.workers, len(batches)),
            collate_fn=collate,
            pin_memory=torch.device(self.device).type == "cuda",
        )
        for photos in loader:
            self._note(photos.damaged)
            yield photos

    def _normalised(self, photos: Photos, mean: Sequence[float], sd: Sequence[float]) -> Tensor:
        values = normalise(photos.pixels.to(self.device, non_blocking=True), mean, sd)
        if photos.shifts.any():
            scale = torch.tensor(sd, dtype=torch.float32)
            values += (photos.shifts / scale).to(self.device)[:, :, None, None]
        return values

    def _note(self, damaged: Sequence[tuple[str, str]]) -> None:
        for name, reason in damaged:
            if name in self._damaged:
                continue
            self._damaged.add(name)
            if len(self._damaged) > self.most_damaged:
                raise UserError(
                    f"data: more than {self.most_damaged} photos cannot be decoded, the last {name} "
                    f"({reason}); get the data set again."
                )
            warnings.warn(
                f"data: {name} cannot be decoded ({reason}); a neighbour stands in for it.",
                Graph2nnWarning,
                stacklevel=2,
            )


def without_antialiasing(data: Dataset) -> Dataset:
    """Return a data set whose photos are scaled without antialiasing; images in memory are not scaled."""

    def plain(split: Split | Streamed) -> Split | Streamed:
        return replace(split, antialias=False) if isinstance(split, PhotoSplit) else split

    return replace(data, train=plain(data.train), test=plain(data.test))


def _cut(chunks: Sequence[Tensor], part: Part) -> list[Tensor]:
    """Cut each batch of numbers of photos down to those that are wanted here."""
    return [chunk[part(number, len(chunk))] for number, chunk in enumerate(chunks)]
