"""The line S = 0 through points anywhere, against lines and seeds that are known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_sweep import power_law_rows

from analysis.pipeline import analyse
from analysis.report.output import write
from analysis.stats.boundary import ROWS, Boundary, columns
from analysis.stats.intervals import Interval
from analysis.stats.line import level_line, scattered
from condense import records
from condense.planes.two_layer import PLANE
from condense.theory import RELU

ROW = np.array([-0.3, -0.05, 0.0, 0.2])


def points(count, seed=0):
    """The corners of the rectangle [0.5, 1.5] x [-0.4, 0.4] and random points in it."""
    rng = np.random.default_rng(seed)
    corners = [(x, y) for x in (0.5, 1.5) for y in (-0.4, 0.4)]
    inner = zip(rng.uniform(0.5, 1.5, count).round(4), rng.uniform(-0.4, 0.4, count).round(4), strict=True)
    return pd.MultiIndex.from_tuples([*corners, *inner], names=["gamma", "gamma_prime"])


def coordinates(index):
    return (index.get_level_values(name).to_numpy() for name in ("gamma", "gamma_prime"))


def curve(row):
    """A line like that of the phase diagram at finite widths."""
    return 1 + 0.2 * np.log1p(np.exp(8 * row)) / 8 * 5 - 0.05


def slopes(index, seeds, common=0.05, own=0.0, seed=0):
    """S = gamma - curve(gamma') with deviations of the seeds: shared by all points, and each point's own."""
    rng = np.random.default_rng(seed)
    gamma, row = coordinates(index)
    shared = common * rng.standard_normal(seeds) * (1 + row[:, None])
    return pd.DataFrame(
        (gamma - curve(row))[:, None] + shared + own * rng.standard_normal((len(index), seeds)), index=index
    )


def test_a_plane_is_met_exactly_and_the_seeds_shift_it_as_they_are_shifted():
    index = points(20)
    gamma, row = coordinates(index)
    shifts = np.array([-0.02, 0.0, 0.02])
    table = pd.DataFrame(2 * (gamma - 1 - 0.3 * row)[:, None] - 2 * shifts, index=index)
    found = level_line(table, ROW, Interval())
    np.testing.assert_allclose(found["gamma"], 1 + 0.3 * ROW, atol=1e-9)
    half = 2.919986 * 0.02 / np.sqrt(3)  # Student's t at 95 %, 2 degrees of freedom
    np.testing.assert_allclose(found["high"] - found["gamma"], half, atol=1e-6)
    np.testing.assert_allclose(found["gamma"] - found["low"], half, atol=1e-6)
    np.testing.assert_allclose(found["interpolation"], 0, atol=1e-6)
    assert (found["seeds"] == 3).all()


def test_a_bent_line_lies_within_the_difference_of_the_two_interpolations():
    found = level_line(slopes(points(60), 1, common=0.0), ROW, Interval())
    error = abs(found["gamma"] - curve(ROW))
    assert error.max() < 0.01
    assert (error <= 3 * found["interpolation"] + 1e-4).all()
    assert found["low"].isna().all()  # one seed


def test_interpolation_widens_the_interval_as_an_independent_error():
    index = points(12)
    found = level_line(slopes(index, 5, common=0.01), ROW, Interval())
    alone = level_line(slopes(index, 5, common=1e-9), ROW, Interval())
    np.testing.assert_allclose(alone["high"] - alone["gamma"], alone["interpolation"], rtol=1e-3)
    assert (found["high"] - found["gamma"] > found["interpolation"]).all()


def test_there_is_no_zero_where_the_points_are_all_on_one_side():
    index = points(30)
    gamma, row = coordinates(index)
    table = pd.DataFrame((gamma - 1.4 - row)[:, None] + np.array([0.0, 0.01]), index=index)
    found = level_line(table, np.array([-0.2, 0.3]), Interval())
    assert found.loc[-0.2, "gamma"] == pytest.approx(1.2, abs=0.02)
    assert found.loc[0.3].drop(["seeds", "seeds_most"]).isna().all()
    assert found.loc[0.3, "seeds"] == 0


@pytest.mark.parametrize(("seeds", "fewer"), [(3, 3), (8, 8), (12, 3)])
def test_ninety_per_cent_intervals_cover_in_85_to_95_per_cent(seeds, fewer):
    """Deviations in common and of each point's own; half of the points have fewer seeds."""
    index, covered = points(40), []
    few = np.random.default_rng(1).random(len(index)) < 0.5
    truth = level_line(slopes(index, 1, common=0.0), ROW, Interval())["gamma"]  # seeds know nothing of its bend
    for repetition in range(100):
        table = slopes(index, seeds, common=0.03, own=0.01, seed=repetition)
        table.loc[few, fewer:] = np.nan
        found = level_line(table, ROW, Interval())
        covered.append(((found["low"] <= truth) & (truth <= found["high"])).mean())
    assert 0.85 <= np.mean(covered) <= 0.95


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.floats(0, 0.9))
def test_every_zero_lies_in_its_interval_whatever_seeds_are_missing(seed, seeds, missing):
    table = slopes(points(12, seed), seeds, own=0.1, seed=seed)
    table = table.where(np.random.default_rng(seed).random(table.shape) >= missing).dropna(how="all")
    if not scattered(table.index.to_frame()):
        return
    found = level_line(table, ROW, Interval()).dropna(subset=["low", "high"])
    assert (found["low"] <= found["gamma"]).all()
    assert (found["gamma"] <= found["high"]).all()
    assert (found["seeds"] <= found["seeds_most"]).all()


def test_scattered_points_are_those_that_fill_less_than_half_of_their_grid():
    grid = pd.MultiIndex.from_product([[0.8, 1.0, 1.2], [-0.2, 0.0, 0.2]], names=["gamma", "gamma_prime"]).to_frame()
    assert not scattered(grid)
    assert not scattered(grid.iloc[1:])
    assert not scattered(grid[grid["gamma"] == 1.0])
    assert scattered(points(3).to_frame())


def test_points_on_a_straight_line_have_no_triangles(tmp_path):
    places = [(0.7, -0.3), (0.9, -0.1), (1.1, 0.1), (1.3, 0.3)]
    assert not scattered(pd.DataFrame(places, columns=["gamma", "gamma_prime"]))
    rows = [row for place in places for row in power_law_rows(*place)]
    records.write(records.frame(rows), tmp_path / "sweep" / "job" / records.FILE)
    found = analyse(tmp_path / "sweep")
    assert found.boundary.empty
    assert "phase_diagram.png" in {path.name for path in write(found, tmp_path / "out")}


def test_the_boundary_of_scattered_points_is_their_line():
    table = slopes(points(40), 4)
    table.index = pd.MultiIndex.from_tuples(
        [("plane", *place) for place in table.index], names=["initialisation", "gamma", "gamma_prime"]
    )
    found = Boundary(theory=RELU)(table)
    assert found.columns.tolist() == columns(PLANE)
    assert len(found) == ROWS
    assert found["gamma_prime"].iloc[[0, -1]].tolist() == [-0.4, 0.4]
    assert found["gamma_regression"].isna().all()
    assert (found["interpolation"] >= 0).all()
    np.testing.assert_allclose(found["gamma_theory"], 1 + found["gamma_prime"].clip(lower=0))
    assert (found["gamma_local_low"] < found["gamma_local"]).all()
