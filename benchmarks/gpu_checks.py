"""Correctness on a device: engines against float64, the marked tests, model families, resuming, populations."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.gpu_options import Options
from benchmarks.layer_cases import DENSITIES
from graph2nn import Member, Recipe, Relational, build_model, train, train_population, ws_flex
from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Split
from graph2nn.graphs import RelationalGraph
from graph2nn.layers import RelationalLinear
from graph2nn.layers.engines import Engine
from graph2nn.models import architecture
from graph2nn.training import Checkpoints, Preempted, Saving

#: Engines that compute on a GPU. Triton's kernels need one, or its interpreter.
ENGINES: tuple[Engine, ...] = ("masked", "masked-in-place", "triton")
#: Largest relative error, in the 2-norm, of outputs and gradients.
TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 2e-2}
#: One architecture of each family.
FAMILIES = ("mlp5", "cnn6", "cnn3-cifar", "resnet34", "resnet34-sep", "resnet50", "vgg11", "mobilenet-v1",
            "efficientnet-b0", "vit-tiny", "transformer", "lstm")  # fmt: skip
#: Seconds that ``pytest -m gpu`` may take on a GPU; a dry run, on a machine that others may use, waits longer.
TESTS_SECONDS, DRY_RUN_SECONDS = 90, 3600


def graph_of(density: str) -> RelationalGraph:
    """The graph of a density of the benchmarks."""
    from benchmarks.bench_layers import graph_of

    return graph_of(density)


def relative(found: Tensor, exact: Tensor) -> float:
    """Relative error in the 2-norm, in float64 on the CPU."""
    found, exact = found.detach().cpu().double(), exact.detach().cpu().double()
    return float((found - exact).norm() / exact.norm().clamp_min(1e-300))


# --- engines -----------------------------------------------------------------------------------------------


def oracle(options: Options) -> dict[str, Any]:
    """Output and gradients of a layer, of every engine and precision, against float64 on the CPU."""
    cases = {density: width for density, (_, width) in DENSITIES.items()}
    if options.quick:
        cases = {".144": 192}
    rows: dict[str, Any] = {}
    for density, width in cases.items():
        for engine in ENGINES:
            for dtype, tolerance in TOLERANCE.items():
                name = f"{engine}, {str(dtype).removeprefix('torch.')}, density {density}, width {width}"
                rows[name] = _against_float64(graph_of(density), engine, width, dtype, options)
                rows[name]["ok"] = rows[name].get("error", 0.0) <= tolerance
    return {"ok": all(row["ok"] for row in rows.values()), "layers": rows}


def _against_float64(
    graph: RelationalGraph, engine: Engine, width: int, dtype: torch.dtype, options: Options
) -> dict[str, Any]:
    if engine == "triton" and options.device == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
        return {"left_out": "the kernels of Triton need a GPU, or TRITON_INTERPRET=1"}
    torch.manual_seed(0)
    masked = RelationalLinear(graph, width, width).to(dtype)
    layer: Any = Relational(graph, engine).linear(width, width).to(device=options.device, dtype=dtype)
    layer.load_state_dict(masked.state_dict())
    exact = masked.double()
    x = torch.randn(16 if options.quick else 128, width).to(dtype)
    ours, theirs = x.to(options.device).requires_grad_(), x.double().requires_grad_()
    y, expected = layer(ours), exact(theirs)
    upstream = torch.randn(expected.shape).to(dtype)
    found = torch.autograd.grad(y, [ours, layer.weight], upstream.to(options.device))
    wanted = torch.autograd.grad(expected, [theirs, exact.weight], upstream.double())
    weight = layer.expand(found[1]) if hasattr(layer, "expand") else found[1]
    errors = [relative(y, expected), relative(found[0], wanted[0]), relative(weight, wanted[1])]
    return dict(zip(("output", "dx", "dw"), errors, strict=True)) | {"error": max(errors)}


# --- the marked tests --------------------------------------------------------------------------------------


def tests(options: Options) -> dict[str, Any]:
    """``pytest -m gpu``, ended after :data:`TESTS_SECONDS` on a GPU; on a CPU those tests are skipped."""
    root = Path(__file__).parents[1]
    # A dry run shows that the part works, for which one file of the tests is enough.
    where = ["tests"] if not options.quick else [str(next((root / "tests").rglob("test_in_place.py")))]
    limit = DRY_RUN_SECONDS if options.quick else TESTS_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", f"--junitxml={report}", *where]
        try:
            ended = subprocess.run(
                command, cwd=root, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired as late:
            tail = (late.stdout or b"").decode(errors="replace")[-2000:]
            return {"ok": False, "ended": f"not finished after {limit} s", "tail": tail}
        if not report.is_file():
            return {"ok": False, "ended": f"exit status {ended.returncode}", "tail": ended.stdout[-2000:]}
        suite = ET.parse(report).getroot().find("testsuite")
    assert suite is not None
    counts = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
    failed = [line for line in ended.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return {"ok": counts["failures"] == counts["errors"] == 0, **counts, "failed": failed}


# --- model families ----------------------------------------------------------------------------------------


def families(options: Options) -> dict[str, Any]:
    """Loss and gradient of one training step of each family, in float32, against the same on the CPU."""
    names = ("mlp5", "cnn3-cifar") if options.quick else FAMILIES
    rows = {}
    for name in names:
        try:
            rows[name] = _step_of(name, options.device)
        except Exception as error:  # the other families still count
            rows[name] = {"ok": False, "error": f"{type(error).__name__}: {error}"}
    return {"ok": all(row["ok"] for row in rows.values()), "models": rows}


def _step_of(name: str, device: str) -> dict[str, Any]:
    known, graph = architecture(name), ws_flex(16, 5, 0.2, 7)
    torch.manual_seed(0)
    model = build_model(name, Relational(graph, "masked"))
    model.eval()  # batch norm of a small batch would magnify rounding
    samples = tuple(
        torch.randn(8, *sample.shape[1:])
        if sample.is_floating_point()
        else torch.randint(0, 10, (8, *sample.shape[1:]))
        for sample in known.inputs(known.input_size)
    )
    expected = _loss_and_norm(model, samples)
    model.zero_grad()
    found = _loss_and_norm(model.to(device), tuple(sample.to(device) for sample in samples))
    errors = [abs(a - b) / max(abs(b), 1e-12) for a, b in zip(found, expected, strict=True)]
    return {"ok": max(errors) < 5e-3, "loss": found[0], "loss_error": errors[0], "gradient_error": errors[1]}


def _loss_and_norm(model: nn.Module, samples: tuple[Tensor, ...]) -> tuple[float, float]:
    scores = model(*samples)
    scores = scores.flatten(0, -2)
    labels = torch.arange(len(scores), device=scores.device) % scores.shape[-1]
    loss = nn.functional.cross_entropy(scores.float(), labels)
    loss.backward()
    squares = [float(p.grad.double().square().sum()) for p in model.parameters() if p.grad is not None]
    return float(loss.detach()), sum(squares) ** 0.5


# --- resuming and populations ------------------------------------------------------------------------------


def toy(count: int = 256) -> Dataset:
    """Random images with a label in their brightness."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 160, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)
    labels = torch.arange(count) % 3
    pixels += (40 * labels).to(torch.uint8)[:, None, None, None]
    split = Split(pixels, labels)
    return Dataset("toy", "toy", split, split, ("a", "b", "c"), (120.0,) * 3, (60.0,) * 3)


def _network(degree: float = 4.0) -> nn.Module:
    wiring = Relational(ws_flex(8, degree, 0.3, 1), "masked")
    return build_model("mlp4", wiring, [64], stem=32, num_classes=3, input_size=(3, 8, 8))


RECIPE = Recipe(epochs=3, batch_size=32, lr=0.05, precise_bn=0, flip=True, pad=1)


def _out_of(left: Iterator[int]) -> str | None:
    """Return the reason to stop, after one call for each that was left."""
    return None if next(left, None) is not None else "gpu_check"


def resume(options: Options) -> dict[str, Any]:
    """Stop a training run twice in the middle of an epoch, go on, and compare with one that was not stopped."""
    whole = _network()
    train(whole, toy(), RECIPE, seed=3, device=options.device)
    with tempfile.TemporaryDirectory() as folder:
        for batches in (5, 9, None):
            parts, count = _network(), iter(range(batches or 10**9))
            checkpoints = Checkpoints(Path(folder), saving=Saving(seconds=1e9))
            try:
                train(
                    parts, toy(), RECIPE, seed=3, device=options.device, checkpoints=checkpoints,
                    stop=partial(_out_of, count),
                )  # fmt: skip
            except Preempted:
                continue
    errors = {name: relative(parts.state_dict()[name], value) for name, value in whole.state_dict().items()
              if value.is_floating_point()}  # fmt: skip
    # Sums of a GPU may come in another order; a CPU goes on bit for bit.
    limit = 1e-3 if options.device == "cuda" else 0.0
    return {"ok": max(errors.values()) <= limit, "largest_error": max(errors.values()), "tensors": len(errors)}


def population(options: Options) -> dict[str, Any]:
    """A stacked population against single training runs of its members, on the device."""
    degrees = (3.0, 4.0, 5.0)
    members = [Member(_network(degree), RECIPE, seed, f"k={degree}") for seed, degree in enumerate(degrees)]
    outcomes = train_population(members, toy(), device=options.device, method="stacked")
    errors = {}
    for seed, (degree, outcome) in enumerate(zip(degrees, outcomes, strict=True)):
        history = train(_network(degree), toy(), RECIPE, seed=seed, device=options.device)
        pairs = zip(outcome.history, history, strict=True)
        errors[outcome.label] = max(abs(a.train_loss - b.train_loss) / b.train_loss for a, b in pairs)
    return {"ok": max(errors.values()) < 1e-3, "loss_errors": errors}
