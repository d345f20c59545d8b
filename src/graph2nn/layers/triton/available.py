"""Whether Triton can compute here: it needs a CUDA device, or its own interpreter."""

from __future__ import annotations

import importlib.util
import os

import torch

from graph2nn.errors import UserError


def interpreted() -> bool:
    """Whether Triton runs its kernels as Python, on CPU tensors: slow, and right wherever it is installed.

    Triton reads the variable ``TRITON_INTERPRET`` when kernels are defined, so it is set before the start.
    """
    return os.environ.get("TRITON_INTERPRET") == "1"


def require() -> None:
    """Complain if the engine can compute nothing on this machine.

    Raises:
        UserError: Triton is not installed, or there is neither a CUDA device nor the interpreter.
    """
    if importlib.util.find_spec("triton") is None:
        raise UserError(
            "triton engine: the package triton is not installed; pip install triton (Linux), "
            "or use engine='masked-in-place'."
        )
    if not (torch.cuda.is_available() or interpreted()):
        raise UserError(
            "triton engine: this machine has no CUDA device; use engine='auto', "
            "or set TRITON_INTERPRET=1 before the start to try the kernels slowly on the CPU."
        )
