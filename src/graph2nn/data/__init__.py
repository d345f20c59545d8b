"""Datasets held as uint8, cached once decoded, augmented in whole batches on the device."""

from graph2nn.data.augment import batches, eval_batches, normalise
from graph2nn.data.dataset import Dataset
from graph2nn.data.registry import DATASETS, load_dataset
from graph2nn.data.samples import Augment, Split

__all__ = [
    "DATASETS",
    "Augment",
    "Dataset",
    "Split",
    "batches",
    "eval_batches",
    "load_dataset",
    "normalise",
]
