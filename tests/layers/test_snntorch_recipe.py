"""Spiking neurons between the steps of an edge layer: the recipe of the pages, with snnTorch."""

import numpy as np
import pytest
import torch

import graph2nn as g

snntorch = pytest.importorskip("snntorch", reason="needs the extra spiking (snntorch)")


def ring(n=12):
    source = np.concatenate([np.arange(n), np.arange(n)])
    target = np.concatenate([(np.arange(n) + 1) % n, (np.arange(n) + 5) % n])
    return g.RelationalGraph.from_edge_index(np.stack([source, target]), n)


class Spiking(torch.nn.Module):
    """Leaky integrate-and-fire neurons whose every synapse is one connection of a graph."""

    def __init__(self, graph, beta=0.9):
        super().__init__()
        self.synapses = g.Relational(graph, engine="edge").linear(graph.n, graph.n)
        self.neurons = snntorch.Leaky(beta=beta)

    def forward(self, current):
        """Map input currents ``[time, batch, n]`` to spikes of the same shape."""
        membrane, spikes, made = self.neurons.init_leaky(), torch.zeros_like(current[0]), []
        for step in current:
            spikes, membrane = self.neurons(self.synapses(spikes) + step, membrane)
            made.append(spikes)
        return torch.stack(made)


def test_spikes_travel_along_connections_alone():
    graph = ring()
    network = Spiking(graph)
    torch.nn.init.constant_(network.synapses.weight, 2.0)
    current = torch.zeros(3, 1, graph.n)
    current[0, 0, 0] = 2.0
    spikes = network(current)[:, 0]
    assert spikes[0].nonzero().flatten().tolist() == [0]
    assert spikes[1].nonzero().flatten().tolist() == [1, 5]
    assert set(spikes[2].nonzero().flatten().tolist()) >= {2, 6, 10}


def test_surrogate_gradients_reach_every_synapse_and_learn():
    torch.manual_seed(0)
    graph = ring()
    network, readout = Spiking(graph), torch.nn.Linear(graph.n, 2)
    torch.nn.init.uniform_(network.synapses.weight, 0.2, 1.0)
    labels = torch.arange(64) % 2
    current = torch.rand(6, 64, graph.n) * 0.3
    current[:2, labels == 1, :4] += 1.0
    optimiser = torch.optim.Adam([*network.parameters(), *readout.parameters()], lr=0.02)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(readout(network(current).mean(0)), labels)
        loss.backward()
        losses.append(loss.item())
        optimiser.step()
    assert network.synapses.weight.grad.count_nonzero() == graph.edges
    assert losses[-1] < 0.5 * losses[0]
