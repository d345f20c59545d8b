"""Export trained networks to ONNX, torch.export and safetensors, and predict images with them."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from graph2nn.data.image_files import NAMES, open_image, plain
from graph2nn.errors import UserError, unknown
from graph2nn.experiments.trained import Deployed, load_run
from graph2nn.files import refuse_special, replacing
from graph2nn.results.data_card import DataCard
from graph2nn.results.run_folder import refuse_own_file

Format = Literal["onnx", "torch-export", "safetensors"]
_SUFFIX: dict[Format, str] = {"onnx": ".onnx", "torch-export": ".pt2", "safetensors": ".safetensors"}
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def export_run(folder: str | Path, to: Format, out: str | Path | None = None) -> Path:
    """Export the network of a run with its normalisation: raw samples in, scores out.

    Args:
        folder: of the run, as for :func:`load_run`.
        to: ``"onnx"`` and ``"torch-export"`` hold the computation, for a batch of any size; ``"safetensors"``
            holds the weights alone, those that a mask switches off as zeros.
        out: the file; left out, ``network`` with the format's ending in the current folder.

    Returns:
        The file.

    Raises:
        UserError: another format; a package that is missing; a run that cannot be loaded; a file that cannot
            be written.
    """
    if to not in get_args(Format):
        raise unknown("export: format", to, get_args(Format))
    target = Path(out) if out is not None else Path(f"network{_SUFFIX[to]}")
    refuse_own_file("export", target)
    network = load_run(folder, engine="masked")
    card: DataCard = network.card  # type: ignore[assignment]
    if card.task in ("language", "translation") and to != "safetensors":
        raise UserError(
            f"export: {folder} was trained on text; its weights are exported with --to safetensors."
        )
    deployed = Deployed(network, card).eval()
    with replacing(target) as temporary:
        if to == "safetensors":
            save_file({key: value.contiguous() for key, value in network.state_dict().items()}, temporary)
        elif to == "onnx":
            _onnx(deployed, card, temporary)
        else:
            batch = {0: torch.export.Dim("batch", min=1)}
            program = torch.export.export(deployed, (_example(card),), dynamic_shapes=(batch,))
            stream = io.BytesIO()  # torch ends the process where it cannot write itself
            torch.export.save(program, stream)
            temporary.write_bytes(stream.getbuffer())
    return target


def _example(card: DataCard) -> Tensor:
    # Two samples: a batch of one is taken for a constant.
    return torch.zeros(2, *card.image_shape, dtype=torch.float64 if card.double else torch.float32)


def _onnx(deployed: Deployed, card: DataCard, file: Path) -> None:
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"export: ONNX needs packages that are not installed ({error}); pip install onnx onnxscript."
        ) from None
    batch = {0: torch.export.Dim("batch", min=1)}
    # torch tells of operators of packages that are not installed, and of its own deprecations.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            deployed,
            (_example(card),),
            dynamo=True,
            dynamic_shapes=(batch,),
            input_names=["samples"],
            output_names=["scores"],
            verbose=False,
        )
    assert program is not None
    program.save(str(file))


@dataclass(frozen=True)
class Prediction:
    """What a network says of one image.

    Attributes:
        path: of the image.
        label: the likeliest class; empty for a regression.
        probability: of that class, by softmax; NaN for a regression.
        values: scores, or the predicted numbers of a regression, in the order of the outputs.
    """

    path: Path
    label: str
    probability: float
    values: tuple[float, ...]


def predict(folder: str | Path, images: Sequence[str | Path], *, batch: int = 64) -> Iterator[Prediction]:
    """Predict images with the network of a run.

    Images are scaled so that the shorter side fits, and cut to the middle, as class folders are read.

    Args:
        folder: of the run, as for :func:`load_run`.
        images: PNG, JPEG, WebP or BMP files.
        batch: images per forward pass.

    Yields:
        One prediction per image, in order.

    Raises:
        UserError: a run on other data than images; a file that is not an image.
    """
    network = load_run(folder)
    card: DataCard = network.card  # type: ignore[assignment]
    if card.task in ("language", "translation"):
        raise UserError(f"predict: {folder} was trained on text; use graph2nn generate, or translate.")
    if len(card.image_shape) != 3:
        raise UserError(
            f"predict: {folder} was trained on {card.image_shape[0]} features, not on images; "
            "use load_run in Python, and give it rows of features."
        )
    deployed = Deployed(network, card).eval()
    paths = [Path(image) for image in images]
    for start in range(0, len(paths), batch):
        part = paths[start : start + batch]
        samples = torch.stack([_read(path, card) for path in part])
        with torch.inference_mode():
            scores = deployed(samples)
        for path, row in zip(part, scores, strict=True):
            yield _prediction(path, row, card)


def _prediction(path: Path, scores: Tensor, card: DataCard) -> Prediction:
    values = tuple(scores.tolist())
    if card.targets:
        return Prediction(path, "", float("nan"), values)
    shares = scores.softmax(0)
    best = int(shares.argmax())
    return Prediction(path, card.classes[best], float(shares[best]), values)


def _read(path: Path, card: DataCard) -> Tensor:
    """Read one image as float32 ``[channels, height, width]`` in the units of the training data."""
    channels, height, width = card.image_shape
    refuse_special(path, "predict")
    try:
        image = plain(open_image(path.read_bytes())).convert(_MODES.get(channels, "RGB"))
    except FileNotFoundError:
        raise UserError(f"predict: {path} does not exist; name an image file.") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"predict: {path} is not an image that can be read ({error}); give {NAMES}.") from None
    from PIL import ImageOps

    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height))
    pixels = np.asarray(image, dtype=np.float32).reshape(height, width, -1)
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    tensor = tensor if card.bytes else tensor / 255
    return tensor.double() if card.double else tensor
