"""The preset of connectomes at neuron resolution."""

from __future__ import annotations

from graph2nn.experiments.presets.preset import Preset
from graph2nn.results.config import ModelSpec
from graph2nn.training.recipe import Recipe

PRESETS = (
    Preset(
        name="connectome-rnn",
        about="A connectome as a recurrent network of rate neurons, one weight per connection (8 rounds).",
        model=ModelSpec(name="connectome-rnn", options={"rounds": 8, "baseline_width": 333}),
        data="digits",
        own_data=True,
        recipe=Recipe(epochs=12, batch_size=64, optimiser="adamw", lr=1e-3, weight_decay=0.0),
        graphs=("larva",),
        seeds=5,
        notes=(
            "Arms differ in their wiring alone: encoder, order of the data and the distribution of initial "
            "weights are those of the seed, and a network has as many weights as its graph has connections. "
            "The dense baseline has a width of 333, which makes as many recurrent weights as the larva has "
            "connections. Digits are a smoke test; --data names your own data or a task of sequences.",
        ),
    ),
)
