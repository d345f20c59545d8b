"""Acceleration: options that change speed and rounding and are not part of the recipe."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graph2nn.errors import UserError, unknown
from graph2nn.layers import bf16_support
from graph2nn.layers.edge.linear import EdgeTables
from graph2nn.layers.edge.operator import activations_in_bf16
from graph2nn.layers.engines import Engine
from graph2nn.training.distributed.ranks import ALONE, Ranks
from graph2nn.training.steps import Loss, Step, eager_step

Amp = Literal["bf16", "fp16"]
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Acceleration:
    """What may make training faster on the device at hand. Untested on GPU.

    Args:
        amp: compute the forward and backward in 16 bits where torch holds that to be safe (autocast), weights,
            their gradients and the loss in float32. ``"bf16"`` on any device; ``"fp16"`` on CUDA, with its loss
            scaled against underflow. On a CPU without instructions for bf16 only layers of the edge engine,
            which gain there too, keep their activations in 16 bits: see :meth:`computed`.
        channels_last: images and the weights of convolutions with the channels of a pixel side by side.
        compile: by ``torch.compile``, which takes a while for the first batches.
        cuda_graphs: record a whole training step once per rate and replay it: one launch instead of hundreds.
        engine: of the relational layers, for who builds the network; see :class:`graph2nn.Relational`.
        backend: of ``torch.compile``.

    Raises:
        UserError: a type of 16 bits, or an engine, that does not exist.

    Example:
        >>> Acceleration(amp="bf16").engine
        'auto'
    """

    amp: Amp | None = None
    channels_last: bool = False
    compile: bool = False
    cuda_graphs: bool = False
    engine: Engine = "auto"
    backend: str = "inductor"

    def __post_init__(self) -> None:
        if self.amp is not None and self.amp not in get_args(Amp):
            raise unknown("acceleration: amp", self.amp, get_args(Amp))
        if self.engine not in get_args(Engine):
            raise unknown("acceleration: engine", self.engine, get_args(Engine))

    def __str__(self) -> str:
        """Return what is switched on, for tables: ``bf16+channels_last``, or ``none``."""
        parts: list[str] = [self.amp] if self.amp else []
        parts += [name for name in ("channels_last", "compile", "cuda_graphs") if getattr(self, name)]
        parts += [f"engine={self.engine}"] if self.engine != "auto" else []
        return "+".join(parts) or "none"

    def check(self, device: torch.device | str, ranks: Ranks = ALONE) -> None:
        """Complain about what the device, or several of them, cannot do.

        Raises:
            UserError: fp16 or CUDA graphs elsewhere than on CUDA, or both at once; CUDA graphs on several
                devices.
        """
        if self.cuda_graphs and not ranks.alone:
            raise UserError("acceleration: cuda_graphs records the step of one device alone; leave it out.")
        kind = torch.device(device).type
        if kind != "cuda" and self.amp == "fp16":
            raise UserError(f"acceleration: amp = fp16 needs a CUDA device, this is {kind}; use bf16.")
        if kind != "cuda" and self.cuda_graphs:
            raise UserError(f"acceleration: cuda_graphs needs a CUDA device, this is {kind}; leave it out.")
        if self.cuda_graphs and self.amp == "fp16":
            raise UserError("acceleration: cuda_graphs cannot record fp16's scaling of the loss; use bf16.")

    def engine_on(self, device: torch.device | str) -> Engine:
        """Return the engine to build with: ``"auto"`` was measured on the CPU and is masked elsewhere."""
        automatic = self.engine == "auto" and torch.device(device).type != "cpu"
        return "masked" if automatic else self.engine

    def computed(self, model: nn.Module, device: torch.device | str) -> str:
        """Return what is done of it, for tables: ``float32 for bf16`` where a CPU would emulate it.

        Args:
            model: any.
            device: where it computes.
        """
        in_float32 = self.note(device) is not None and not _has_edges(model)
        return str(self).replace("bf16", "float32 for bf16", 1) if in_float32 else str(self)

    def note(self, device: torch.device | str) -> str | None:
        """Return a sentence for the user if the device has no instructions for ``amp``, else None."""
        if self.amp != "bf16" or torch.device(device).type != "cpu" or bf16_support.cpu_has_bf16():
            return None
        return (
            "amp: this CPU has no instructions for bf16, and to emulate them is slower: products are computed "
            "in float32. Layers of the edge engine keep their activations in bf16."
        )

    def apply(self, model: nn.Module, device: torch.device | str) -> nn.Module:
        """Return a network that computes as said and shares everything with ``model``: parameters, modes.

        Args:
            model: already on ``device``; ``channels_last`` changes how its parameters lie, no more.
            device: where it computes.

        Raises:
            UserError: see :meth:`check`.
        """
        self.check(device)
        if not (self.amp or self.channels_last or self.compile):
            return model
        return _Accelerated(model, self)

    def scaler(self) -> torch.amp.GradScaler:
        """Return what scales the loss: by a factor that follows the gradients in fp16, else not at all."""
        return torch.amp.GradScaler("cuda", enabled=self.amp == "fp16")

    def step(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        device: torch.device | str,
        *,
        scaler: torch.amp.GradScaler | None = None,
        loss: Loss = F.cross_entropy,
        parts: int = 1,
        clip: float | None = None,
    ) -> Step:
        """Return the training step of a network that :meth:`apply` gave for ``device``.

        Args:
            model: the network.
            optimiser: of its parameters.
            device: of both.
            scaler: from :meth:`scaler`, for who wants to keep its state; one of its own if left out.
            loss: scores and labels to the mean loss.
            parts: number of equal parts each batch is cut into; see :func:`graph2nn.training.steps.eager_step`.
            clip: largest norm of all gradients together; None does not clip.

        Returns:
            The function that takes one step.
        """
        if self.cuda_graphs:
            from graph2nn.training.cuda_graph import GraphedStep

            return GraphedStep(model, optimiser, device, loss=loss, parts=parts, clip=clip)
        return eager_step(model, optimiser, scaler=scaler or self.scaler(), loss=loss, parts=parts, clip=clip)


#: Computing as torch does by itself.
PLAIN = Acceleration()


class _Accelerated(nn.Module):
    """A network in other clothes: 16 bits, channels last, compiled; float32 scores come out."""

    def __init__(self, model: nn.Module, acceleration: Acceleration) -> None:
        super().__init__()
        self.model, self.acceleration = model, acceleration
        if acceleration.channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # A method and not the compiled module, which would list the network's own modules once more.
        compiled: Any = torch.compile(model, backend=acceleration.backend) if acceleration.compile else model
        self._run: Callable[..., Tensor] = compiled.__call__

    def forward(self, *inputs: Tensor) -> Tensor:
        """Map a batch, as the network takes it, to its scores."""
        acceleration = self.acceleration
        if acceleration.channels_last:
            inputs = tuple(
                x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x for x in inputs
            )
        if acceleration.amp is None:
            return self._run(*inputs)
        if inputs[0].device.type == "cpu" and not bf16_support.cpu_has_bf16():
            with activations_in_bf16():
                return self._run(*inputs)
        # A graph must not read casts of weights that an earlier forward left in the cache.
        with torch.autocast(
            inputs[0].device.type, _DTYPES[acceleration.amp], cache_enabled=not acceleration.cuda_graphs
        ):
            return self._run(*inputs).float()


def _has_edges(model: nn.Module) -> bool:
    """Whether a layer of the edge engine is in it: its time is that of the memory, which bf16 halves."""
    return any(isinstance(module, EdgeTables) for module in model.modules())


#: Names of glibc's settings (malloc.h): how many blocks may be mapped apart from the heap, and how much may lie
#: free at its end before it is given back. A threshold for mapping would not do: glibc takes none above 32 MB.
_MMAP_MAX, _TRIM_THRESHOLD = -4, -1
_NEVER = (1 << 31) - 1


def keep_memory() -> bool:
    """Let glibc keep what is freed, up to the highest it ever was; return whether there is a glibc to tell.

    A step frees its activations, and glibc gives large ones back to the system, which clears every page again
    for the next step: a fifth of a wide convolution's time, and more than half of one with activations of 32 MB
    and more. It holds for the whole process, which then keeps the memory that its largest step took.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    process = ctypes.CDLL(None)
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER))
    return all(bool(process.mallopt(name, value)) for name, value in settings)
