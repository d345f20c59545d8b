"""Datasets: samples and their targets in two or three splits, held whole in memory, or streamed from disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graph2nn.arguments import checked_arguments
from graph2nn.data.samples import Device, Split, Streamed

if TYPE_CHECKING:
    import pandas as pd

#: What the targets are: classes (scored by the top-1 or by the balanced error), one or several numbers, or
#: either at the steps of sequences (memory capacity has a score of its own), the next byte of a text, or
#: sentences of another language.
TaskName = Literal[
    "classification", "balanced", "regression", "sequence-classes", "sequence-numbers", "memory-capacity",
    "language", "translation",
]  # fmt: skip


@dataclass(frozen=True)
class Dataset:
    """A training and a test split, with what a report and a network need to know about them.

    ``label`` names the exact source for reports ("CIFAR-10", "CIFAR-10 (JPEG copy)"), for a user's own data
    with a digest of the content; ``mean`` and ``sd`` are per channel (of vectors: per feature), in units of
    the stored values (images: 0..255).

    ``validation`` is the part on which a graph is chosen and training stops early, None where there is none:
    the test part then does both, as in the paper. ``task`` says what the targets are; of numbers,
    ``targets`` are their names, ``target_mean`` and ``target_sd`` those of the training part. ``features``
    are the names of the columns of vectors, ``notes`` what was left out or changed, and why.
    ``vocabulary`` is the tokenizer of sentences, as JSON.
    """

    name: str
    label: str
    train: Split | Streamed
    test: Split | Streamed
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    validation: Split | Streamed | None = None
    task: TaskName = "classification"
    targets: tuple[str, ...] = ()
    target_mean: tuple[float, ...] = ()
    target_sd: tuple[float, ...] = ()
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    vocabulary: str = ""

    @classmethod
    @checked_arguments
    def from_arrays(
        cls,
        x: Any,
        y: Any,
        *,
        test: float | tuple[Any, Any] = 0.2,
        validation: float | tuple[Any, Any] = 0.1,
        task: TaskName | None = None,
        name: str | None = None,
        seed: int = 0,
        features: Sequence[str] = (),
        targets: Sequence[str] = (),
    ) -> Dataset:
        """Make a data set of arrays, tensors, data frames or lists.

        Args:
            x: samples, in rows: images uint8 or float ``[N, H, W]``, ``[N, H, W, C]`` or ``[N, C, H, W]`` with
                1 to 4 channels, or vectors of features ``[N, F]``, which are standardised by the mean and the
                standard deviation of the training part. A data frame may also have columns of text. With a
                task of sequences: ``[N, time, features]``.
            y: one target per sample: classes of any type, or numbers ``[N]`` or ``[N, T]``. Of sequences:
                ``[N]``, asked for at the last step; classes ``[N, time]`` with −100 where no answer is asked
                for; numbers ``[N, time]`` or ``[N, time, numbers]`` with NaN there.
            test: share of the samples drawn for the test part, or that part as ``(x, y)``.
            validation: the same for the validation part; 0 for none. A share is one of all samples, of those
                that are left where the test part was given.
            task: ``"classification"``, ``"balanced"`` (classes, scored by the balanced error) or
                ``"regression"``; left out, floats with fractions and many different numbers are regression.
                ``"sequence-classes"`` and ``"sequence-numbers"`` read sequences, for ``connectome-rnn``.
            name: what reports call the data, before the digest of their content.
            seed: of the draw, which is stratified for classes.
            features: names of the columns of vectors.
            targets: names of the numbers of a regression.

        Returns:
            The data set.

        Raises:
            UserError: shapes that do not fit, NaN, one class only, a class that training lacks, too few rows.

        Example:
            >>> import numpy as np
            >>> x, y = np.random.default_rng(0).normal(size=(100, 3)), ["cat", "dog"] * 50
            >>> data = Dataset.from_arrays(x, y, name="pets")
            >>> data.classes, len(data.train), len(data.validation), len(data.test)
            (('cat', 'dog'), 70, 10, 20)
        """
        dataset: Dataset = _reader("feature_tables").dataset_of_samples(
            x, y, test=test, validation=validation, task=task, name=name, seed=seed, features=features,
            targets=targets,
        )  # fmt: skip
        return dataset

    @classmethod
    @checked_arguments
    def from_folder(
        cls,
        path: Path | str,
        *,
        size: int | None = None,
        channels: Literal["grey", "rgb", "rgba"] | None = None,
        test: float = 0.2,
        validation: float = 0.1,
        task: TaskName | None = None,
        name: str | None = None,
        seed: int = 0,
        cache: Path | str | None = None,
        progress: bool = True,
    ) -> Dataset:
        """Read images in class folders, with or without ``train/``, ``val/`` and ``test/`` above them.

        Args:
            path: a folder, or a zip or tar archive of one; PNG, JPEG, WebP and BMP images are read. It may
                hold archives named ``train``, ``val`` and ``test`` instead.
            size: side of the square that images become: the shorter side is scaled to it, and the middle
                taken. Left out, images that all have one size of up to 96 pixels keep it, others become 64.
            channels: what to make all images; left out, images of different channels are refused.
            test, validation: shares to draw where there are no such folders.
            task: ``"classification"`` or ``"balanced"``.
            name: what reports call the data; the folder's name if left out.
            seed: of the draw, which is stratified.
            cache: folder of decoded copies; images are decoded once.
            progress: show a bar on a terminal.

        Returns:
            The data set.

        Raises:
            UserError: no class folders, a single class, an image that cannot be read, classes in one split
                that training lacks, colour and grey images mixed with transparent ones.
        """
        reader = _reader("reader")
        options = reader.Options(
            size=size, channels=channels, test=test, validation=validation, task=task, name=name, seed=seed
        )
        dataset: Dataset = reader.load_own(Path(path), options, cache=cache, progress=progress)
        return dataset

    @classmethod
    @checked_arguments
    def from_table(
        cls,
        path: Path | str | pd.DataFrame,
        target: str | Sequence[str],
        *,
        test: float = 0.2,
        validation: float = 0.1,
        task: TaskName | None = None,
        name: str | None = None,
        seed: int = 0,
        split: str | None = None,
        missing: Literal["refuse", "impute"] = "refuse",
        drop: Sequence[str] = (),
        most_values: int = 20,
        cache: Path | str | None = None,
    ) -> Dataset:
        """Read a table of features and a target from CSV, TSV, Parquet or a data frame.

        Numbers are standardised on the training part, columns of text become one column per value.

        Args:
            path: the file, a folder with ``train`` and ``test`` (and ``val``) files of one kind, or a frame.
            target: name of the column with the target; several for a regression on several numbers.
            test, validation: shares to draw where the table names no splits.
            task: as in :meth:`from_arrays`; text is classes, numbers are decided by their values.
            name: what reports call the data; the file's name if left out.
            seed: of the draw.
            split: a column with the words train, test and (optionally) val or validation.
            missing: ``"refuse"`` missing values of features, or ``"impute"`` the mean (of text: a value of its
                own). A missing target is refused in any case.
            drop: columns to leave out.
            most_values: a column of text with more values than this is refused.
            cache: folder of decoded copies.

        Returns:
            The data set.

        Raises:
            UserError: no such column, a missing target, missing values, a constant column, one class only,
                text with too many values, classes in one split that training lacks.
        """
        reader = _reader("reader")
        targets = (target,) if isinstance(target, str) else tuple(target)
        options = reader.Options(
            target=targets, test=test, validation=validation, task=task, name=name, seed=seed, split=split,
            missing=missing, drop=tuple(drop), most_values=most_values,
        )  # fmt: skip
        dataset: Dataset = reader.load_table(path, options, cache=cache)
        return dataset

    @classmethod
    @checked_arguments
    def from_torch(
        cls,
        train: Any,
        test: Any = 0.2,
        *,
        validation: Any = 0.1,
        task: TaskName | None = None,
        name: str | None = None,
        seed: int = 0,
        classes: Sequence[str] | None = None,
        targets: Sequence[str] = (),
        progress: bool = True,
    ) -> Dataset:
        """Read a ``torch.utils.data.Dataset`` of ``(sample, target)`` pairs, once, into memory.

        Args:
            train: the training part; items are tensors, arrays or PIL images of one shape, with their target.
            test: the test part as a data set, or a share to draw of ``train``.
            validation: the validation part, or a share to draw of ``train``; 0 for none.
            task: as in :meth:`from_arrays`.
            name: what reports call the data; the class of ``train`` if left out.
            seed: of the draw.
            classes: names of the classes 0, 1, …; ``train.classes`` if it has them.
            targets: names of the numbers of a regression.
            progress: show a bar on a terminal.

        Returns:
            The data set.

        Raises:
            UserError: items that are not pairs, samples of different shapes, and as :meth:`from_arrays`.
        """
        dataset: Dataset = _reader("torch_datasets").dataset_of_torch(
            train, test, validation=validation, task=task, name=name, seed=seed, classes=classes,
            targets=targets, progress=progress,
        )  # fmt: skip
        return dataset

    def to(self, device: Device) -> Dataset:
        """Copy all splits to a device."""
        validation = None if self.validation is None else self.validation.to(device)
        return replace(self, train=self.train.to(device), test=self.test.to(device), validation=validation)

    @property
    def num_classes(self) -> int:
        """Number of outputs a network needs: classes, or the numbers of a regression."""
        return len(self.targets) if self.numeric else len(self.classes)

    @property
    def numeric(self) -> bool:
        """Whether the targets are numbers; False for classes."""
        return self.task in ("regression", "sequence-numbers", "memory-capacity")

    @property
    def sequences(self) -> bool:
        """Whether samples are sequences, ``[time, features]``, with an answer at some of the steps."""
        return self.task in ("sequence-classes", "sequence-numbers", "memory-capacity")

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one sample: channels, height, width; vectors: features; sequences: time, features."""
        if isinstance(self.train, Split):
            return tuple(self.train.images.shape[1:])
        return self.train.sample_shape

    @property
    def splits(self) -> dict[str, Split | Streamed]:
        """The splits by name: train, validation where there is one, test."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def in_features(self) -> int:
        """Values in one sample: the input width of a perceptron."""
        return prod(self.image_shape)


def _reader(name: str) -> Any:
    """Return the module that reads a kind of the user's own data.

    Looked up by name, and late: readers build datasets, so they import this module.
    """
    return import_module(f"graph2nn.data.own.{name}")
