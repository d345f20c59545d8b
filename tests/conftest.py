"""Golden numbers, which lie in ``tests/golden``, and real data, where this machine has them."""

from __future__ import annotations

import json
import os
from pathlib import Path

# The tests run side by side, one per core; threads of threads would only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings

# Triton decides when its kernels are defined, so before any test module is imported.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# A first call that compiles or imports would look like a slow example: no test here is a timed one.
settings.register_profile("graph2nn", deadline=None, print_blob=True)
settings.load_profile("graph2nn")

GOLDEN = Path(__file__).parent / "golden"
SHARED = Path(os.environ.get("GRAPH2NN_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def shared(path: str) -> Path:
    """A file of the shared folder, or a skip that says why."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"{path} of the shared measurements is not on this machine (set GRAPH2NN_SHARED)")
    return found


def read_golden(name: str) -> dict:
    """The numbers of one file of ``tests/golden``."""
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def small_figures():
    """Reports with figures of a fifth of the resolution, for tests that do not look at them, in half the time.

    All figures are drawn in all formats, on 40 dots per inch. ``tests/report`` draws them as users get them.
    """
    from graph2nn.report.figures import theme

    with pytest.MonkeyPatch.context() as patch:
        for function in (theme.render, theme.rendered):
            patch.setitem(function.__kwdefaults__, "dpi", 40)
        yield


@pytest.fixture(scope="session")
def golden_graphs() -> dict:
    return read_golden("graphs_and_masks")


@pytest.fixture(scope="session")
def golden_widths() -> list[dict]:
    return read_golden("widths")["rows"]


@pytest.fixture(scope="session")
def golden() -> dict:
    """What the published analysis yields on the published raw results."""
    return read_golden("published_analysis")


@pytest.fixture(scope="session")
def published():
    """The published raw results."""
    from graph2nn.results.published import read_published

    return read_published(shared("data/published/final_results.tar.xz"))


@pytest.fixture(scope="session")
def shared_file():
    return shared
