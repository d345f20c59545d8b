"""Calibration of the statistics by simulation: a quick one of a few designs, a slow one of all of them."""

from __future__ import annotations

import pytest

from benchmarks.calibration import KINDS, calibrate

#: Too wide, as the page says: nothing tells what a seed did to all graphs from the difference; one seed per
#: network leaves the spread of few effects; a region of cells and the search's interval allow for more.
CONSERVATIVE = ("30 graphs, one seed for all; baseline 10", "6 graphs, 5 nulls, one seed for all")
CONSERVATIVE_KINDS = ("against", "fit_surface", "search")
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


def test_unrelated_surfaces_rarely_agree():
    """30 pairs of surfaces; resampling the graphs calls two thirds of them related."""
    row = calibrate("against", "two unrelated surfaces, length scale 0.5", 30)
    assert row["rejected"] <= 0.2
    assert row["rejected_before"] > 0.3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (designs, _) in KINDS.items() for name in designs]
)
def test_every_design_is_calibrated(kind, name):
    """400 tables each (100 where a surface is drawn): coverage in [0.92, 0.98], at most 7 % rejections, up to
    Monte-Carlo error."""
    row = calibrate(kind, name, 100 if kind in ("fit_surface", "search") else 400)
    assert row["coverage"] >= 0.92 - 2 * row["monte_carlo_error"]
    if name not in CONSERVATIVE and kind not in CONSERVATIVE_KINDS:
        assert row["coverage"] <= 0.98 + 2 * row["monte_carlo_error"]
    if kind in ("compare_arms", "compare_nulls", "against") or "no graph differs" in name:
        assert row["rejected"] <= 0.07 + 2 * row["monte_carlo_error"]
