"""From arrays to a data set: kinds of samples, splits, standardisation, and the digest of the content."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graph2nn.data.dataset import Dataset, TaskName
from graph2nn.data.own.precision import LARGEST, SMALLEST, as_floats, lies_far, refuse_masked
from graph2nn.data.own.sequence_arrays import SEQUENCE_TARGETS, read_answers, sequences
from graph2nn.data.own.splits import check_share, draw
from graph2nn.data.own.targets import Targets, read_targets
from graph2nn.data.samples import Samples, Split, resident
from graph2nn.data.sequence_sets import NOT_ASKED
from graph2nn.errors import Graph2nnWarning, UserError

Part = tuple[Any, Any]


def dataset_of_arrays(
    x: Any,
    y: Any,
    *,
    test: float | Part = 0.2,
    validation: float | Part = 0.1,
    task: TaskName | None = None,
    name: str | None = None,
    seed: int = 0,
    features: Sequence[str] = (),
    targets: Sequence[str] = (),
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Dataset:
    """Make a data set of arrays; see :meth:`graph2nn.Dataset.from_arrays`.

    Args:
        x, y, test, validation, task, name, seed, features, targets: as there.
        classes: names of the classes 0, 1, …, where ``y`` holds their numbers.
        notes: what was left out or changed on the way here.

    Returns:
        The data set.

    Raises:
        UserError: as there.
    """
    read_samples = sequences if task in SEQUENCE_TARGETS else samples
    parts = {"train": (read_samples(x, "x"), y)}
    given = {"validation": validation, "test": test}
    for split, part in given.items():
        if isinstance(part, tuple):
            parts[split] = (read_samples(part[0], f"x of {split}"), part[1])
    shares_of = {
        split: check_share(split, part) for split, part in given.items() if not isinstance(part, tuple)
    }
    _check(parts)
    raw = {split: of_split for split, (_, of_split) in parts.items()}
    if task in SEQUENCE_TARGETS:
        read = read_answers(raw, parts["train"][0].shape[1], task=task, names=targets, classes=classes)
    else:
        read = read_targets(raw, task=task, names=targets, classes=classes)
        notes = [*notes, *_perhaps_sequences(x)]
    values = {split: (of_split, read.values[split]) for split, (of_split, _) in parts.items()}
    return assemble(values, read, shares_of, name=name or "arrays", seed=seed, features=features, notes=notes)


def _perhaps_sequences(x: Any) -> list[str]:
    """Say what was made of an array that may have been meant as sequences: floats, not square."""
    shape = tuple(getattr(x, "shape", ()))
    kind = str(getattr(x, "dtype", ""))
    if len(shape) != 3 or shape[1] == shape[2] or "float" not in kind:
        return []
    return [
        f"read as grey images of {shape[1]} × {shape[2]}; sequences [N, time, features] need task "
        "sequence-classes or sequence-numbers."
    ]


def samples(x: Any, what: str) -> Tensor:
    """Return samples as a tensor: uint8 or floats ``[N, C, H, W]``, or floats ``[N, F]``.

    Raises:
        UserError: another shape, text, NaN, infinite, masked or too large values.
    """
    refuse_masked(x, what)
    first = isinstance(x, Tensor)
    array = x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise UserError(
            f"data: {what} holds {array.dtype}, expected numbers; a table with text is for Dataset.from_table."
        )
    if array.ndim not in (2, 3, 4) or not array.size:
        raise UserError(
            f"data: {what} has shape {array.shape}; expected vectors [N, F] or images [N, H, W], [N, H, W, C] "
            "or [N, C, H, W]."
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
        raise UserError(
            f"data: {what} has NaN or infinite values in {len(bad)} of {len(array)} samples (the first is "
            f"number {bad[0]}); fill them in or drop these samples."
        )
    if array.ndim == 2:
        return as_floats(array, what)
    return _pixels(_channels_first(array, what, tensor=first), what)


def _channels_first(array: npt.NDArray[Any], what: str, *, tensor: bool) -> npt.NDArray[Any]:
    if array.ndim == 3:
        return array[:, None]
    first, last = (1 <= array.shape[axis] <= 4 for axis in (1, 3))
    if not first and not last:
        raise UserError(f"data: {what} has shape {array.shape}; images have 1 to 4 channels, [N, H, W, C].")
    # Where both could be the channels, tensors have them first, as torch does, and arrays last.
    return array if first and (tensor or not last) else array.transpose(0, 3, 1, 2)


def _pixels(array: npt.NDArray[Any], what: str) -> Tensor:
    if array.dtype.kind == "b":
        array = array.astype(np.uint8) * 255
    if array.dtype.kind in "iu" and array.min() >= 0 and array.max() <= 255:
        return torch.from_numpy(np.ascontiguousarray(array, np.uint8))
    return as_floats(array, what)


def _check(parts: Mapping[str, tuple[Tensor, Any]]) -> None:
    shape, kind = parts["train"][0].shape[1:], parts["train"][0].dtype
    for split, (x, y) in parts.items():
        if not hasattr(y, "__len__") or getattr(y, "shape", None) == ():
            raise UserError(f"data: the targets of {split} are a single value; give one for each sample.")
        if len(x) != len(y):
            raise UserError(f"data: {split} has {len(x)} samples and {len(y)} targets; give one for each.")
        if x.shape[1:] != shape or x.is_floating_point() != kind.is_floating_point:
            raise UserError(
                f"data: samples of {split} are {x.dtype} {list(x.shape[1:])}, those of train {kind} "
                f"{list(shape)}; give the same in all splits."
            )


def assemble(
    values: Mapping[str, tuple[Tensor, Tensor]],
    targets: Targets,
    shares: Mapping[str, float],
    *,
    name: str,
    seed: int,
    features: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Dataset:
    """Draw the splits that were not given, standardise by the training part, and name the content.

    Args:
        values: samples and targets by split, ``"train"`` at least.
        targets: what the targets are.
        shares: of the splits to draw from the training part, of all samples.
        name: what reports call the data, before the digest of its content.
        seed: of the draw.
        features: names of the columns of vectors.
        notes: what was left out or changed on the way here.

    Returns:
        The data set.

    Raises:
        UserError: a test part that is missing, splits that cannot be drawn, images of one colour.
    """
    parts = dict(values)
    wanted = {split: share for split, share in shares.items() if share and split not in parts}
    if "test" not in parts and not wanted.get("test"):
        raise UserError("data: there is no test part; give a share such as test = 0.2.")
    if wanted:
        x, y = parts["train"]
        labels = y.numpy() if targets.task in ("classification", "balanced") else _of_sequences(y)
        *drawn, rest = draw(list(wanted.values()), len(x), seed, labels)
        for split, chosen in zip(wanted, drawn, strict=True):
            parts[split] = x[torch.from_numpy(chosen)], y[torch.from_numpy(chosen)]
        parts["train"] = x[torch.from_numpy(rest)], y[torch.from_numpy(rest)]
    parts, mean, sd, constant = _fitted(parts, features)
    parts = _fitted_targets(parts, len(targets.names))
    splits = {split: _split(*part) for split, part in parts.items()}
    said = list(notes)
    if constant:
        named = [features[k] if features else str(k) for k in constant[:5]]
        more = f" and {len(constant) - 5} more" if len(constant) > 5 else ""
        said.append(
            f"{len(constant)} of {len(mean)} features have one value in all training samples and stay 0: "
            f"{', '.join(named)}{more}."
        )
        warnings.warn(f"data: {said[-1]}", Graph2nnWarning, stacklevel=2)
    numbers = _given(splits["train"].labels, len(targets.names))
    dataset = Dataset(
        name="own",
        label=name,
        train=splits["train"],
        test=splits["test"],
        classes=targets.classes,
        mean=mean,
        sd=sd,
        validation=splits.get("validation"),
        task=targets.task,
        targets=targets.names,
        target_mean=tuple(numbers.mean(axis=0).tolist()),
        target_sd=tuple(numbers.std(axis=0).tolist()),
        features=tuple(features),
        notes=tuple(said),
    )
    scored = ", balanced error" if dataset.task == "balanced" else ""
    return replace(dataset, label=f"{name} ({digest_of_samples(dataset)}{scored})")


def _fitted(
    parts: Mapping[str, tuple[Tensor, Tensor]], features: Sequence[str]
) -> tuple[dict[str, tuple[Tensor, Tensor]], tuple[float, ...], tuple[float, ...], list[int]]:
    """Samples in float32 where that keeps them apart, else in float64, with the statistics of training.

    Raises:
        UserError: all samples are equal, or a feature whose standardised values would not fit into float32.
    """
    first = parts["train"][0]
    mean, sd, constant = _statistics(first)
    if not first.is_floating_point():
        return dict(parts), mean, sd, constant
    centre, spread = np.array(mean), np.array(sd)
    for number in np.flatnonzero(spread < SMALLEST)[:1]:
        raise UserError(
            f"data: {_named(features, number)} has a standard deviation of {spread[number]:.3g} in training, "
            f"below {SMALLEST:g}, too little for networks in float32; multiply it by a constant."
        )
    for split, (x, _) in parts.items():
        _refuse_outliers(x, split, centre, spread, features)
    varied = np.ones(len(mean), np.bool_)
    varied[constant] = False
    kind = torch.float64 if lies_far(centre[varied], spread[varied]) else torch.float32
    fitted = {split: (x.to(kind), y) for split, (x, y) in parts.items()}
    if kind != first.dtype:
        mean, sd, constant = _statistics(fitted["train"][0])
    return fitted, mean, sd, constant


def _named(features: Sequence[str], number: int) -> str:
    return f"the column {features[number]!r}" if features else f"feature or channel {number}"


def _refuse_outliers(
    x: Tensor, split: str, mean: npt.NDArray[np.float64], sd: npt.NDArray[np.float64], features: Sequence[str]
) -> None:
    """Refuse values whose standardised form would overflow float32."""
    if max(float(x.max()), -float(x.min())) / sd.min() <= LARGEST / 2:
        return
    axes = tuple(axis for axis in range(x.ndim) if axis != _feature_axis(x))
    ends = [x.amax(dim=axes).double().numpy(), x.amin(dim=axes).double().numpy()]
    distance = np.max([np.abs(end - mean) for end in ends], axis=0) / sd
    for number in np.flatnonzero(distance > LARGEST)[:1]:
        raise UserError(
            f"data: {_named(features, number)} has a value in {split} {distance[number]:.3g} standard "
            f"deviations from the mean of training, beyond {LARGEST:g}, too far for float32; correct it."
        )


def _fitted_targets(parts: Mapping[str, tuple[Tensor, Tensor]], width: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Numbers to predict in float32 where that keeps them apart, else in float64."""
    if not width:
        return dict(parts)
    numbers = _given(parts["train"][1], width)
    kind = torch.float64 if lies_far(numbers.mean(axis=0), numbers.std(axis=0)) else torch.float32
    return {split: (x, y.to(kind)) for split, (x, y) in parts.items()}


def _given(labels: Tensor, width: int) -> npt.NDArray[np.float64]:
    """Numbers to predict, one row per answer that is asked for."""
    if not width:
        return np.empty((1, 0))
    answers: npt.NDArray[np.float64] = labels.double().numpy().reshape(-1, width)
    given: npt.NDArray[np.float64] = answers[~np.isnan(answers[:, 0])]
    return given


def _split(x: Tensor, y: Tensor) -> Split:
    bytes_of_classes = x.dtype == torch.uint8 and y.dtype == torch.int64
    return Split(x.contiguous(), y) if bytes_of_classes else Samples(x.contiguous(), y)


def _of_sequences(y: Tensor) -> npt.NDArray[np.int64] | None:
    """Return the class of each sequence where there is one, to draw the same share of each; else None."""
    if y.ndim != 2 or y.is_floating_point() or not bool((y[:, :-1] == NOT_ASKED).all()):
        return None
    return y[:, -1].numpy()


def _statistics(x: Tensor) -> tuple[tuple[float, ...], tuple[float, ...], list[int]]:
    """Mean and standard deviation per channel or feature, and the numbers of those that are constant."""
    array = x.numpy()
    axes = tuple(axis for axis in range(x.ndim) if axis != _feature_axis(x))
    mean: list[float] = np.asarray(np.mean(array, axis=axes, dtype=np.float64)).tolist()
    spread = np.std(array, axis=axes, dtype=np.float64)
    # The standard deviation of equal values is not exactly 0 where their mean is not a binary number.
    constant = array.max(axis=axes) == array.min(axis=axes)
    if constant.all():
        raise UserError(
            "data: all training samples are equal; there is nothing to learn from, look at how they were made."
        )
    sd: list[float] = np.where(constant, 1.0, spread).tolist()
    return tuple(mean), tuple(sd), np.flatnonzero(constant).tolist() if x.ndim < 4 else []


def _feature_axis(x: Tensor) -> int:
    """The axis of the features of a step, or of a vector; of channels."""
    return 2 if x.ndim == 3 else 1


def digest_of_samples(dataset: Dataset) -> str:
    """Return eight hexadecimal digits of the content: samples, targets, their names and the splits."""
    about = [dataset.classes, dataset.targets, dataset.features, dataset.task == "regression"]
    content = hashlib.sha256(json.dumps(about).encode())
    for split, part in dataset.splits.items():
        kept = resident(part, "data")
        for tensor in (kept.images, kept.labels):
            content.update(f"{split} {tensor.dtype} {list(tensor.shape)}".encode())
            content.update(tensor.contiguous().numpy().data)
    return content.hexdigest()[:8]
