"""Calibration of the statistics by simulation: a quick one of a few designs, a slow one of all of them."""

from __future__ import annotations

import pytest

from benchmarks.calibration import ALL_SEARCHES, ALL_SURFACES, KINDS, calibrate, fault

QUICK = (
    ("compare_arms", "10 graphs, 5 seeds, seed × arm"),
    ("compare_nulls", "the same, seeds move nulls together"),
    ("split_seed_gain", "best of 52 graphs, 5 seeds, no graph differs"),
)
DESIGNS = [(kind, name) for kind, (designs, _) in KINDS.items() for name in designs]


@pytest.mark.parametrize(("kind", "name"), QUICK)
def test_intervals_cover_and_the_null_is_rarely_rejected(kind, name):
    """60 tables each: room for three Monte-Carlo errors."""
    row = calibrate(kind, name, 60)
    assert 0.87 <= row["coverage_now"]["mean"] <= 1
    assert row["rejected_now"]["mean"] <= 0.13


def test_unrelated_surfaces_rarely_agree():
    """12 pairs of surfaces; resampling the graphs calls two thirds of them related."""
    row = calibrate("against", "two unrelated surfaces, length scale 0.5", 12)
    assert row["rejected_now"]["mean"] <= 0.25
    assert row["rejected_before"]["mean"] > 0.3


def test_the_runs_that_picked_a_graph_do_not_judge_it():
    row = calibrate(
        "compare_nulls of a picked graph", "best of 52 graphs, judged by the seeds that picked it", 3
    )
    assert (row["given_before"], row["given_now"]) == (1, 0)


def test_one_seed_of_one_graph_and_its_nulls_gives_no_interval():
    row = calibrate("compare_nulls", "1 graph, 10 nulls, one seed for all", 3)
    assert (row["given_before"], row["given_now"]) == (1, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), DESIGNS)
def test_every_design_is_calibrated(kind, name):
    """400 tables each (100 of a surface or a search)."""
    surfaces = kind in ("fit_surface", "search") and not name.endswith((ALL_SURFACES, ALL_SEARCHES))
    assert fault(calibrate(kind, name, 100 if surfaces else 400)) is None
