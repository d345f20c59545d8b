"""Freed memory is kept for the next step."""

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, torch
from graph2nn.training.acceleration import keep_memory
assert keep_memory()
def step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    activations = [torch.ones(size) for size in (6_000_000, 6_000_000, 15_000_000)]  # of 24 and of 60 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(min([step() for _ in range(12)]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_step_takes_no_pages_that_one_before_it_freed():
    found = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    # The fewest of several steps: the heap settles first, and a busy system may take pages back on its own.
    assert int(found.stdout) < 100
