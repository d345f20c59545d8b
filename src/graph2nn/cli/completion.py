"""Shell completion: what may stand for a preset, a catalogue or a graph. Set up by ``--install-completion``.

The names are written out, as reading them from where they are defined takes a second, at every press of Tab.
"""

from __future__ import annotations

from collections.abc import Sequence

#: Names of the presets; the module that defines them imports torch, which ``--help`` need not wait for.
PRESET_NAMES = (
    "mlp-cifar10", "mlp-cifar10-bio", "cnn3-cifar10", "resnet20-cifar10", "vgg11-cifar10", "mlp-digits",
    "cnn6-imagenet", "cnn6-imagenet-1gpu", "resnet34-imagenet", "resnet34-imagenet-1gpu",
    "resnet34sep-imagenet", "resnet34sep-imagenet-1gpu", "resnet50-imagenet", "resnet50-imagenet-1gpu",
    "efficientnet-imagenet", "efficientnet-imagenet-1gpu", "mlp", "cnn", "resnet", "vit", "gpt-text",
    "transformer-multi30k", "connectome-rnn", "connectome-text",
)  # fmt: skip
CATALOGUES = ("n64-52", "n64-449", "n64-3942", "n16-48", "n16-326", "n16-2698")
CONNECTOMES = ("mcwhole", "mcvisual", "cat", "larva", "worm", "worm:electrical", "worm:all")
FAMILIES = (
    "balanced_tree", "barabasi_albert", "complete", "configuration", "cycle", "erdos_renyi", "gnm_random",
    "gnp_random", "grid", "hypercube", "path", "planted_partition", "ramanujan", "random_directed",
    "random_regular", "random_tree", "ring", "scale_free", "star", "stochastic_block", "watts_strogatz",
    "ws_flex", "ws_flex_directed",
)  # fmt: skip


def _beginning(words: Sequence[str], incomplete: str) -> list[str]:
    """Words that begin as what was typed; none leaves the shell to complete names of files."""
    return [word for word in words if word.startswith(incomplete)]


def complete_preset(incomplete: str) -> list[str]:
    """Names of presets."""
    return _beginning(PRESET_NAMES, incomplete)


def complete_catalogue(incomplete: str) -> list[str]:
    """Names of the published catalogues."""
    return _beginning(CATALOGUES, incomplete)


def complete_graph(incomplete: str) -> list[str]:
    """Names of connectomes, and families with the colon before their arguments."""
    return _beginning([*CONNECTOMES, *(f"{family}:" for family in FAMILIES)], incomplete)


def complete_selection(incomplete: str) -> list[str]:
    """What ``--select`` takes: words, catalogues, and graphs by name."""
    return _beginning(["all", "baseline", "best", *CATALOGUES], incomplete) + complete_graph(incomplete)


def complete_measured(incomplete: str) -> list[str]:
    """Catalogues and graphs."""
    return complete_catalogue(incomplete) + complete_graph(incomplete)


def complete_results(incomplete: str) -> list[str]:
    """The word for the published results; folders are the shell's."""
    return _beginning(["published"], incomplete) if incomplete else []
