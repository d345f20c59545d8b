"""What a trained network must know of its data, stored with its weights: shape, classes, normalisation."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Split

#: The one key of the metadata of ``weights.safetensors``: the order of several, and so the bytes, would vary.
METADATA_KEY = "run"
#: Types of samples that float32 does not hold whole.
_WIDE = (torch.float64, torch.int64, torch.int32)


@dataclass(frozen=True)
class Normalise:
    """Samples in stored units to what the network was trained on: minus the mean, over the standard deviation.

    Args:
        mean: per channel, or per feature of vectors, in stored units (images: 0 … 255).
        sd: likewise.
    """

    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Map ``[batch, channels, height, width]``, ``[batch, features]`` or sequences to float32.

        Float64 and whole numbers of more than 8 bits are rounded at the end.
        """
        shape = (1, -1, 1, 1) if x.ndim == 4 else (-1,)
        kind = torch.float64 if x.dtype in _WIDE else torch.float32
        mean, sd = (
            torch.tensor(values, dtype=kind, device=x.device).reshape(shape) for values in (self.mean, self.sd)
        )
        return ((x.to(kind) - mean) / sd).float()


@dataclass(frozen=True)
class DataCard:
    """What a network must know of the data it was trained on; stored with the weights of its run.

    ``num_classes`` is the number of outputs: classes, or the numbers of a regression, whose names, means and
    standard deviations are ``targets``, ``target_mean`` and ``target_sd``. ``double`` says that samples are
    float64, as some lie far from zero.
    """

    label: str
    task: str
    image_shape: tuple[int, ...]
    num_classes: int
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    targets: tuple[str, ...] = ()
    target_mean: tuple[float, ...] = ()
    target_sd: tuple[float, ...] = ()
    bytes: bool = True
    vocabulary: str = ""
    double: bool = False

    @classmethod
    def of(cls, data: Dataset) -> DataCard:
        """Describe a dataset."""
        kind = data.train.images.dtype if isinstance(data.train, Split) else torch.uint8
        return cls(
            label=data.label,
            task=data.task,
            image_shape=data.image_shape,
            num_classes=data.num_classes,
            classes=data.classes,
            mean=data.mean,
            sd=data.sd,
            targets=data.targets,
            target_mean=data.target_mean,
            target_sd=data.target_sd,
            bytes=kind == torch.uint8,
            vocabulary=data.vocabulary,
            double=kind == torch.float64,
        )

    def to_json(self) -> str:
        """Return the card as one line of JSON."""
        fields = asdict(self)
        if not self.double:  # the weights of all other runs keep their bytes
            del fields["double"]
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str) -> DataCard:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError, TypeError: another text, sizes that are not whole numbers, statistics that are not
                numbers or do not fit the channels.
        """
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise ValueError("it does not describe data")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        card = cls(**values)
        sizes = (*card.image_shape, card.num_classes)
        numbers = (*card.mean, *card.sd, *card.target_mean, *card.target_sd)
        if not all(type(size) is int and 0 < size < 2**31 for size in sizes):
            raise ValueError("sizes of its data are not whole numbers")
        if not all(type(number) in (int, float) for number in numbers) or len(card.mean) != len(card.sd):
            raise ValueError("statistics of its data are not numbers, two per channel")
        return card

    @property
    def normalise(self) -> Normalise:
        """The normalisation of the training data."""
        return Normalise(self.mean, self.sd)


def weights_metadata(digest: str, data: Dataset) -> dict[str, str]:
    """Return the metadata of the weights of a run: the digest of its config, and what it needs of its data."""
    return {METADATA_KEY: json.dumps({"digest": digest, "data": DataCard.of(data).to_json()})}
