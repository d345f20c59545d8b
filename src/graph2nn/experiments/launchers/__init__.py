"""Where the runs of a sweep are trained: one interface, one module per kind of place, and their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from graph2nn.errors import unknown
from graph2nn.experiments.launchers.launch_sweep import SweepOutcome, launch
from graph2nn.experiments.launchers.launcher import Launcher, Source
from graph2nn.experiments.launchers.local import Local
from graph2nn.experiments.launchers.ray import Ray
from graph2nn.experiments.launchers.slurm import Slurm

__all__ = [
    "LAUNCHERS",
    "Launcher",
    "Local",
    "Ray",
    "Slurm",
    "Source",
    "SweepOutcome",
    "launch",
    "launcher_options",
]

#: What makes a launcher, by the name that ``--launcher`` takes. Its keyword arguments are the options of the
#: command that this launcher understands; ``threads`` every launcher takes.
LAUNCHERS: dict[str, Callable[..., Launcher]] = {
    "local": Local.from_options,
    "ray": Ray.from_options,
    "slurm": Slurm.from_options,
}


def launcher_options(name: str) -> tuple[str, ...]:
    """Return the names of the options that a launcher understands.

    >>> launcher_options("local")
    ('workers',)

    Raises:
        UserError: no such launcher.
    """
    if name not in LAUNCHERS:
        raise unknown("sweep: launcher", name, LAUNCHERS)
    return tuple(option for option in inspect.signature(LAUNCHERS[name]).parameters if option != "threads")
