"""Where the runs of a sweep are trained: one interface, and one module per kind of place."""

from graph2nn.experiments.launchers.base import Launcher, Source
from graph2nn.experiments.launchers.launch import SweepOutcome, launch
from graph2nn.experiments.launchers.local import Local
from graph2nn.experiments.launchers.ray import Ray
from graph2nn.experiments.launchers.slurm import Slurm

__all__ = ["Launcher", "Local", "Ray", "Slurm", "Source", "SweepOutcome", "launch"]
