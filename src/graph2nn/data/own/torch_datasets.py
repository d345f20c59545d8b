"""Data sets of torch, read once into memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from graph2nn.data.dataset import Dataset, TaskName
from graph2nn.data.own.from_arrays import dataset_of_arrays
from graph2nn.data.own.precision import refuse_masked
from graph2nn.errors import UserError
from graph2nn.progress import Bar


def dataset_of_torch(
    train: Any,
    test: Any,
    *,
    validation: Any,
    task: TaskName | None,
    name: str | None,
    seed: int,
    classes: Sequence[str] | None,
    targets: Sequence[str],
    progress: bool,
) -> Dataset:
    """Make a data set of torch data sets; see :meth:`graph2nn.Dataset.from_torch`.

    Args:
        train, test, validation, task, name, seed, classes, targets, progress: as there.

    Returns:
        The data set.

    Raises:
        UserError: as there.
    """
    x, y = _read(train, "train", progress)
    given = {
        split: part if isinstance(part, int | float) else _read(part, split, progress)
        for split, part in (("test", test), ("validation", validation))
    }
    names = classes if classes is not None else getattr(train, "classes", ()) or ()
    names = names if task != "regression" and np.asarray(y).dtype.kind in "iu" else ()
    return dataset_of_arrays(
        x,
        y,
        test=given["test"],
        validation=given["validation"],
        task=task or ("classification" if names else None),
        name=name or type(train).__name__,
        seed=seed,
        classes=[str(each) for each in names],
        targets=targets,
    )


def _read(dataset: Any, split: str, progress: bool) -> tuple[torch.Tensor, npt.NDArray[Any]]:
    """Read every item of a data set in order.

    Random transforms are drawn once here and then fixed; augmentation belongs into the recipe.
    """
    indexed = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    if not indexed or isinstance(dataset, Mapping) or hasattr(dataset, "columns"):  # these go by other keys
        raise UserError(
            f"data: {split} is {type(dataset).__name__}, expected a torch Dataset with a length, or a share."
        )
    if not len(dataset):
        raise UserError(f"data: {split} has no samples.")
    samples, targets = [], []
    with Bar(f"reading {split}", len(dataset), show=progress) as bar:
        for number in range(len(dataset)):
            item = dataset[number]
            if not isinstance(item, tuple | list) or len(item) != 2:
                raise UserError(f"data: item {number} of {split} is not a pair (sample, target).")
            samples.append(_sample(item[0]))
            targets.append(_target(item[1]))
            if samples[-1].shape != samples[0].shape or samples[-1].dtype != samples[0].dtype:
                raise UserError(
                    f"data: sample {number} of {split} is {samples[-1].dtype} {list(samples[-1].shape)}, the "
                    f"first {samples[0].dtype} {list(samples[0].shape)}; give all one shape in a transform."
                )
            bar.update()
    try:
        return torch.stack(samples), np.asarray(targets)
    except ValueError:
        raise UserError(
            f"data: targets of {split} differ in length; give one class, or equal numbers."
        ) from None


def _sample(value: Any) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    refuse_masked(value, "a sample")
    array = np.asarray(value)  # of a PIL image, too
    if array.dtype.kind not in "biuf":
        raise UserError(f"data: a sample is {type(value).__name__}, expected a tensor, an array or an image.")
    # Arrays and PIL images have their channels last, tensors first.
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.permute(2, 0, 1) if tensor.ndim == 3 and tensor.shape[2] <= 4 else tensor


def _target(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy() if value.ndim else value.item()
    refuse_masked(value, "a target")
    return value
