"""Where the runs of a sweep are carried out: one interface, and a module for each kind of place."""

from graph2nn.experiments.launchers.base import Launcher, Outcome, Source, launch
from graph2nn.experiments.launchers.local import Local
from graph2nn.experiments.launchers.ray import Ray
from graph2nn.experiments.launchers.slurm import Slurm

__all__ = ["Launcher", "Local", "Outcome", "Ray", "Slurm", "Source", "launch"]
