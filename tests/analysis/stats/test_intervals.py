from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from analysis.stats.intervals import Interval, bootstrap_interval, degrees, errors, t_interval


def test_the_t_interval_is_that_of_scipy():
    values = np.random.default_rng(0).normal(size=(4, 5))
    low, high = t_interval(values, 0.8)
    expected = stats.ttest_1samp(values, 0, axis=1).confidence_interval(0.8)
    np.testing.assert_allclose(low, expected.low)
    np.testing.assert_allclose(high, expected.high)


@pytest.mark.parametrize(("seeds", "method"), [(3, "t"), (7, "t"), (8, "bootstrap"), (13, "bootstrap")])
def test_intervals_cover_the_truth_as_often_as_they_say(seeds, method):
    values = pd.DataFrame(np.random.default_rng(seeds).normal(0.3, 0.05, size=(2000, seeds)))
    found = Interval(0.9)(values)
    assert set(found["method"]) == {method}
    covered = ((found["low"] <= 0.3) & (found["high"] >= 0.3)).mean()
    assert covered == pytest.approx(0.9, abs=0.02)


def test_a_higher_level_gives_a_wider_interval():
    values = np.random.default_rng(1).normal(size=(1, 9))
    widths = [np.ptp(bootstrap_interval(values, level)) for level in (0.5, 0.9, 0.99)]
    assert widths == sorted(widths)
    assert widths[0] < widths[2] / 2


def test_the_bootstrap_is_joint_over_the_rows():
    """What all rows share moves their intervals together: of a shifted row, the interval is shifted."""
    row = np.random.default_rng(2).normal(size=9)
    table = pd.DataFrame([row, row + 1.0, 2.0 * row], index=["a", "b", "c"])
    found = Interval()(table)
    assert found.loc["b", "low"] == pytest.approx(found.loc["a", "low"] + 1)
    assert found.loc["c", "high"] == pytest.approx(2 * found.loc["a", "high"])


def test_the_same_table_gives_the_same_interval():
    table = pd.DataFrame(np.random.default_rng(3).normal(size=(3, 10)))
    pd.testing.assert_frame_equal(Interval()(table), Interval()(table))


def test_rows_with_other_seeds_are_apart_and_keep_their_order():
    table = pd.DataFrame([[1.0, 2.0, 3.0], [1.0, np.nan, np.nan], [np.nan] * 3, [np.nan, 2.0, 4.0]], index=list("abcd"))
    found = Interval()(table)
    assert found.index.tolist() == list("abcd")
    assert found["method"].tolist() == ["t", "none", "none", "t"]
    assert found["seeds"].tolist() == [3, 1, 0, 2]
    assert found["value"].tolist()[:2] == [2.0, 1.0]
    assert np.isnan(found.loc["c", "value"])
    assert np.isnan(found.loc["b", "low"])


def test_identical_seeds_give_an_interval_of_no_width():
    found = Interval()(pd.DataFrame([[0.25] * 10, [0.5] * 10]))
    assert found["low"].tolist() == found["high"].tolist() == [0.25, 0.5]


def test_an_empty_table_gives_an_empty_table():
    found = Interval()(pd.DataFrame(columns=[0, 1]))
    assert found.empty
    assert found.columns.tolist() == ["value", "low", "high", "seeds", "method"]


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0, -0.1])
def test_a_level_outside_of_0_to_1_is_refused(level):
    with pytest.raises(ValueError, match=f"level = {level}: .* between 0 and 1"):
        Interval(level)


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=12), st.floats(-5, 5))
def test_shifting_all_seeds_shifts_the_interval(values, shift):
    table = pd.DataFrame([values])
    found, moved = Interval()(table), Interval()(table + shift)
    assert moved["low"][0] == pytest.approx(found["low"][0] + shift, abs=1e-9)
    assert found["low"][0] <= found["value"][0] <= found["high"][0]


@given(
    st.lists(st.lists(st.none() | st.floats(-1e3, 1e3), min_size=12, max_size=12), min_size=1, max_size=4),
    st.floats(0.01, 0.99),
)
@example([[0, None, 0, None, -727.0, None, None, 0, 1.0, 1.7, 298.2, 723.8]], 0.03125)  # skewed, a low level
def test_the_mean_lies_in_its_interval_whatever_seeds_are_missing(rows, level):
    found = Interval(level)(pd.DataFrame(rows, dtype=float)).dropna(subset=["low", "high"])
    assert (found["low"] <= found["value"]).all()
    assert (found["value"] <= found["high"]).all()


def test_errors_of_rows_give_variances_and_covariances_of_their_means():
    """Over many draws of two rows with 8 and 3 seeds, three in common, whose deviations are half in common."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4000, 1, 8)) + rng.normal(size=(4000, 2, 8))
    values[:, 1, 3:] = np.nan
    found = np.mean([error @ error.T for error in map(errors, map(pd.DataFrame, values))], axis=0)
    exact = np.cov(np.nanmean(values, axis=2).T)
    np.testing.assert_allclose(np.diag(found), np.diag(exact), rtol=0.06)
    assert 0.75 * exact[0, 1] < found[0, 1] <= 1.06 * exact[0, 1]


def test_rows_of_equal_seeds_have_their_degrees_of_freedom_and_others_those_of_what_errs_most():
    parts = errors(pd.DataFrame(np.random.default_rng(1).normal(size=(3, 6))))
    assert degrees(parts, np.array([6, 6, 6])) == 5
    large, small = np.array([[0.0, 3.0], [0.1, 0.0]])
    assert degrees(np.array([large, small]), np.array([3, 12])) == pytest.approx(2.0, abs=0.01)
    assert degrees(np.array([large, small]), np.array([1, 12])) == 0


def test_less_freedom_gives_a_wider_interval_and_none_gives_none():
    table = pd.DataFrame(np.random.default_rng(2).normal(size=(1, 9)).repeat(4, axis=0))
    found = Interval()(table, pd.Series([8.0, 6.0, 2.5, 0.0]))
    assert found["method"].tolist() == ["bootstrap", "t", "t", "none"]
    assert found.loc[2, "high"] - found.loc[2, "low"] > found.loc[1, "high"] - found.loc[1, "low"]
    assert np.isnan(found.loc[3, "low"])
