"""Shared memory: one copy of a dataset for all processes of a machine."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from pathlib import Path

from graph2nn.data.dataset import Dataset
from graph2nn.data.samples import Split

#: Where Linux keeps shared memory. Containers often have 64 MiB there, less than CIFAR-10 takes, and writing
#: past the end kills the process instead of raising an error.
SHARED_MEMORY = Path("/dev/shm")

#: This many times the size of the data must be free there.
MARGIN = 1.1


class SharedDataset:
    """A data set that other processes are handed as shared memory; where there is no room, they get copies.

    Args:
        data: left as it is; what is shared is ``value``, a copy on the CPU.
    """

    def __init__(self, data: Dataset) -> None:
        data = data.to("cpu")
        self.value, self.shared = data, False
        splits = {name: split for name, split in data.splits.items() if isinstance(split, Split)}
        if len(splits) < len(data.splits):
            return  # photos on disk: each process opens them itself
        size = sum(int(tensor.nbytes) for split in splits.values() for tensor in (split.images, split.labels))
        self.shared = not SHARED_MEMORY.is_dir() or shutil.disk_usage(SHARED_MEMORY).free > MARGIN * size
        if self.shared:
            train, test = _shared(splits["train"]), _shared(splits["test"])
            validation = _shared(splits["validation"]) if "validation" in splits else None
            self.value = replace(data, train=train, test=test, validation=validation)

    def __getstate__(self) -> Dataset | bytes:
        # Pickled here and now, the tensors are out of reach of torch, which would share them all the same.
        return self.value if self.shared else pickle.dumps(self.value)

    def __setstate__(self, state: Dataset | bytes) -> None:
        self.shared = isinstance(state, Dataset)
        self.value = state if isinstance(state, Dataset) else pickle.loads(state)


def _shared(split: Split) -> Split:
    images, labels = split.images.clone(), split.labels.clone()
    return replace(split, images=images.share_memory_(), labels=labels.share_memory_())  # type: ignore[no-untyped-call]
