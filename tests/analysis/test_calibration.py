"""Calibration of the statistics by simulation: a quick one of a few designs, a slow one of all of them."""

from __future__ import annotations

import pytest

from benchmarks.calibration import KINDS, calibrate

#: Conservative on purpose: nothing tells the seed's effect on all graphs from that on the baseline.
CONSERVATIVE = ("30 graphs, one seed for all; baseline 10",)
QUICK = (
    ("compare_arms", "10 graphs, 5 seeds, seed × arm"),
    ("compare_nulls", "the same, seeds move nulls together"),
    ("split_seed_gain", "best of 52 graphs, 5 seeds, no graph differs"),
)


@pytest.mark.parametrize(("kind", "name"), QUICK)
def test_intervals_cover_and_the_null_is_rarely_rejected(kind, name):
    """60 tables each: room for three Monte-Carlo errors."""
    row = calibrate(kind, name, 60)
    assert 0.87 <= row["coverage"] <= 1
    if kind != "split_seed_gain" or "no graph differs" in name:
        assert row["rejected"] <= 0.13


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (designs, _) in KINDS.items() for name in designs]
)
def test_every_design_is_calibrated(kind, name):
    """400 tables each: coverage within [0.92, 0.98], at most 7 % rejections, up to Monte-Carlo error."""
    row = calibrate(kind, name, 400)
    assert row["coverage"] >= 0.92 - 2 * row["monte_carlo_error"]
    if name not in CONSERVATIVE:
        assert row["coverage"] <= 0.98 + 2 * row["monte_carlo_error"]
    if kind != "split_seed_gain" or "no graph differs" in name:
        assert row["rejected"] <= 0.07 + 2 * row["monte_carlo_error"]
