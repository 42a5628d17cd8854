from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.stats.boundary import Boundary, columns, regression_zero
from analysis.stats.exponents import seed_slopes
from analysis.stats.intervals import Interval
from analysis.stats.line import local_zero
from condense.planes.two_layer import PLANE
from condense.theory import RELU

GAMMAS = np.array([0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2, 1.3, 1.4])
READ_OFF = pd.read_csv(Path(__file__).parents[2] / "data" / "luo2021_fig4_unclipped.csv")

PLACE = ["initialisation", *PLANE.columns]


@pytest.mark.parametrize(
    ("gamma_prime", "star"), [(0.4, 1.389), (0.2, 1.238), (0.0, 1.040), (-0.2, 0.994), (-0.4, 0.999)]
)
def test_the_regression_gives_the_published_zeros(gamma_prime, star):
    """Stars of Luo et al. 2021, Fig. 4, from exponents read off its colours to +-0.01."""
    row = READ_OFF[READ_OFF["gamma_prime"] == gamma_prime]
    assert regression_zero(row["gamma"].to_numpy(), row["S_w"].to_numpy()) == pytest.approx(star, abs=0.006)


@pytest.mark.parametrize("rule", [local_zero, regression_zero])
@given(zero=st.floats(0.65, 1.35), slope=st.floats(0.1, 0.6))
def test_a_straight_row_has_its_zero_found_exactly(rule, zero, slope):
    assert rule(GAMMAS, slope * (GAMMAS - zero)) == pytest.approx(zero, abs=1e-9)


def test_cells_beyond_the_colour_range_enter_the_interpolation_only():
    slopes = np.array([-0.9, -0.4, 0.4, 3.0])
    gammas = np.array([0.9, 1.0, 1.1, 1.2])
    assert regression_zero(gammas, slopes) == local_zero(gammas, slopes) == pytest.approx(1.05)
    assert regression_zero(gammas, np.array([-0.9, -0.5, 0.5, 3.0])) != pytest.approx(1.05)  # 0.5 is out


@pytest.mark.parametrize("rule", [local_zero, regression_zero])
@pytest.mark.parametrize(
    "row", [[-0.3, -0.2, -0.1], [0.1, 0.2, 0.3], [0.2, 0.0, -0.2], [np.nan] * 3, [-0.1, np.nan, np.nan]]
)
def test_a_row_without_a_rise_through_zero_has_none(rule, row):
    assert np.isnan(rule(np.array([1.0, 1.1, 1.2]), np.array(row)))


def test_an_exact_zero_is_found_once():
    assert local_zero(np.array([0.9, 1.0, 1.1]), np.array([-0.1, 0.0, 0.1])) == 1.0


def test_a_missing_cell_is_passed_over():
    assert local_zero(np.array([0.8, 0.9, 1.2]), np.array([-0.1, np.nan, 0.3])) == pytest.approx(0.9)


def test_of_several_rises_the_one_nearest_to_the_middle_counts():
    gammas = np.array([0.7, 0.8, 0.9, 1.0, 1.1, 1.2])
    wiggle = np.array([-0.1, 0.1, -0.1, -0.1, -0.1, 0.1])  # changes sign at .75, .85, 1.15: middle .917
    assert local_zero(gammas, wiggle) == pytest.approx(0.75)
    assert local_zero(gammas, -wiggle) == pytest.approx(0.85)  # its only rise


def test_the_table_has_a_row_for_each_gamma_prime_with_two_gammas(runs, grid):
    slopes = seed_slopes(runs(*grid, (1.0, 0.4), noise=0.01))
    table = Boundary(theory=RELU)(slopes)
    assert table.columns.tolist() == columns(PLANE)
    assert table["gamma_prime"].tolist() == [-0.2, 0.0, 0.2]
    assert table["gamma_theory"].tolist() == [1.0, 1.0, 1.2]
    assert (table["seeds"] == 3).all()
    assert (table["level"] == 0.9).all()
    assert (table["gamma_local_low"] < table["gamma_local"]).all()
    assert (table["gamma_local"] < table["gamma_local_high"]).all()


def test_the_interval_is_that_of_the_zeros_of_each_seed():
    index = pd.MultiIndex.from_product(
        [["plane"], [0.9, 1.0, 1.1], [0.0]], names=["initialisation", "gamma", "gamma_prime"]
    )
    zeros = {0: 0.98, 1: 1.0, 2: 1.02}
    slopes = pd.DataFrame({seed: [g - zero for g in (0.9, 1.0, 1.1)] for seed, zero in zeros.items()}, index=index)
    row = Boundary()(slopes).iloc[0]
    half = 2.919986 * 0.02 / np.sqrt(3)  # Student's t at 95 %, 2 degrees of freedom
    assert row["gamma_local"] == pytest.approx(1.0)
    assert (row["gamma_local_low"], row["gamma_local_high"]) == pytest.approx((1 - half, 1 + half))
    assert row["gamma_regression_high"] == pytest.approx(1 + half)


def row_of(slopes, gammas):
    """Return the row of the table at gamma' = 0 from the slopes of seeds, gammas by seeds."""
    index = pd.MultiIndex.from_product([["plane"], gammas, [0.0]], names=PLACE)
    return Boundary()(pd.DataFrame(slopes, index=index)).iloc[0]


def test_a_seed_whose_own_zero_is_out_of_view_counts_like_the_others():
    row = row_of([[-0.1, -0.1, -0.3], [0.1, 0.1, -0.1]], [0.9, 1.1])  # zeros at 1, 1, 1.2
    half = 2.919986 * np.std([1, 1, 1.2], ddof=1) / np.sqrt(3)
    assert row["gamma_local"] == pytest.approx(1.0 + 1 / 15)
    assert row["gamma_local_low"] == pytest.approx(1.0 + 1 / 15 - half)
    assert row["gamma_local_high"] == pytest.approx(1.0 + 1 / 15 + half)


def test_seeds_that_some_cells_have_in_excess_enter_value_and_interval():
    """Three seeds everywhere, nine more at the two cells beside the zero: their mean decides, with its own error."""
    rng, gammas = np.random.default_rng(0), np.array([0.8, 0.95, 1.05, 1.2])
    shifts = rng.normal(0, 0.05, 12)
    slopes = gammas[:, None] - 1 - shifts
    slopes[[0, 3], 3:] = np.nan
    row = row_of(slopes, gammas)
    low, high = stats.bootstrap((shifts,), np.mean, random_state=0).confidence_interval
    assert row["gamma_local"] == pytest.approx(1 + shifts.mean())
    assert row["gamma_local_high"] - row["gamma_local_low"] == pytest.approx(high - low, rel=0.25)
    assert (row["seeds"], row["seeds_most"]) == (3, 12)


def test_a_cell_with_one_seed_leaves_a_value_without_an_interval():
    row = row_of([[-0.1, np.nan], [0.1, 0.12]], [0.9, 1.1])
    assert 0.9 < row["gamma_local"] < 1.1
    assert np.isnan(row["gamma_local_low"])
    assert (row["seeds"], row["seeds_most"]) == (1, 2)


@st.composite
def ragged_planes(draw):
    """Slopes of up to ten seeds over a few rows, whatever is missing."""
    rows, seeds = draw(st.integers(1, 3)), draw(st.integers(1, 10))
    shape = (5 * rows, seeds)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    slopes = np.linspace(-0.4, 0.4, 5).repeat(rows)[:, None] + draw(st.floats(0, 0.5)) * rng.standard_normal(shape)
    slopes[rng.random(shape) < draw(st.floats(0, 0.8))] = np.nan
    index = pd.MultiIndex.from_product([["plane"], [0.8, 0.9, 1.0, 1.1, 1.2], np.arange(float(rows))], names=PLACE)
    return pd.DataFrame(slopes, index=index)


@settings(deadline=None, max_examples=60)
@given(ragged_planes(), st.sampled_from([0.05, 0.5, 0.9, 0.99]))
def test_every_zero_lies_in_its_interval_whatever_seeds_are_missing(slopes, level):
    table = Boundary(Interval(level))(slopes)
    for rule in ("gamma_local", "gamma_regression"):
        known = table.dropna(subset=[f"{rule}_low", f"{rule}_high"])
        assert (known[f"{rule}_low"] <= known[rule]).all()
        assert (known[rule] <= known[f"{rule}_high"]).all()


def test_one_seed_gives_values_without_intervals(runs, grid):
    table = Boundary()(seed_slopes(runs(*grid, seeds=1)))
    assert table["gamma_local"].notna().all()
    assert table["gamma_local_low"].isna().all()


def test_many_seeds_are_bootstrapped(runs, grid):
    table = Boundary()(seed_slopes(runs(*grid, seeds=9, noise=0.005)))
    assert (table["gamma_local_low"] < table["gamma_local_high"]).all()


def test_named_initialisations_are_no_cells_of_a_row(runs):
    table = pd.concat([runs((0.9, 0.0), (1.2, 0.0)), runs((1.0, 0.0), initialisation="xavier", slope=9.0)])
    expected = Boundary()(seed_slopes(runs((0.9, 0.0), (1.2, 0.0))))
    pd.testing.assert_frame_equal(Boundary()(seed_slopes(table)), expected)


def test_other_blocks_have_lines_of_their_own(runs, grid):
    table = Boundary(block="a", theory=RELU)(seed_slopes(runs(*grid), "a"))
    assert table["gamma_theory"].tolist() == [1.2, 1.0, 1.0]


def test_scattered_points_give_an_empty_table_with_all_columns(runs):
    table = Boundary()(seed_slopes(runs((0.9, 0.0), (1.2, 0.1))))
    assert table.empty
    assert table.columns.tolist() == columns(PLANE)


@pytest.mark.parametrize(("seeds", "few"), [(3, 3), (8, 8), (12, 3)])
def test_ninety_per_cent_intervals_of_zeros_cover_in_85_to_95_per_cent(seeds, few):
    """Of synthetic repetitions, a row each; what seeds err in common along a row and what a point errs alone.

    About half of the cells have a few of the seeds only.
    """
    rng, gammas = np.random.default_rng(seeds), np.linspace(0.8, 1.2, 9)
    rows = np.round(np.linspace(-1.0, 1.0, 400), 6)
    index = pd.MultiIndex.from_product([["plane"], gammas, rows], names=PLACE)
    common = 0.03 * rng.standard_normal((1, len(rows), seeds))
    alone = 0.005 * rng.standard_normal((len(gammas), len(rows), seeds))
    slopes = (gammas - 1.01)[:, None, None] + common + alone
    slopes[(rng.random(slopes.shape[:2]) < 0.5)[:, :, None] & (np.arange(seeds) >= few)] = np.nan
    table = Boundary()(pd.DataFrame(slopes.reshape(-1, seeds), index=index))
    for rule in ("gamma_local", "gamma_regression"):
        covered = ((table[f"{rule}_low"] <= 1.01) & (table[f"{rule}_high"] >= 1.01)).mean()
        assert 0.86 <= covered <= 0.95, rule
