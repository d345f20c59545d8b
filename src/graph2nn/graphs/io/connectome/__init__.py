"""Connectomes at neuron resolution from tables as they are published."""

from graph2nn.graphs.io.connectome.connectome_options import ConnectomeOptions
from graph2nn.graphs.io.connectome.connectome_reader import read_connectome, read_tables

__all__ = ["ConnectomeOptions", "read_connectome", "read_tables"]
