from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from synthetic_sweep import failed, power_law_rows

from analysis.stats.exponents import Exponents, LocalSlopes, seed_slopes
from condense import records
from condense.planes import two_layer as plane


def only(table: pd.DataFrame) -> pd.Series:
    assert len(table) == 1
    return table.iloc[0]


def test_the_exponent_of_a_power_law_is_exact(runs, grid):
    table = Exponents()(runs(*grid))
    assert len(table) == len(grid)
    for block in ("w", "a", "theta"):
        places = list(zip(table["gamma"], table["gamma_prime"], strict=True))
        expected = np.array([plane.exponent(*place, block) for place in places])
        np.testing.assert_allclose(table[f"S_{block}"], expected, atol=1e-12)
        unknown = np.array([plane.in_wedge(*place) for place in places])
        assert unknown.any()
        np.testing.assert_allclose(table[f"S_{block}_predicted"], np.where(unknown, np.nan, expected))


def test_the_slope_of_a_seed_is_that_of_least_squares():
    noise = np.random.default_rng(0)
    rows = [{**row, "rd_w": row["rd_w"] * np.exp(noise.normal())} for row in power_law_rows(1.2, 0.1)]
    table = records.frame(rows)
    found = seed_slopes(table).loc[("plane", 1.2, 0.1)]
    for seed, mine in table.groupby("seed"):
        assert found[seed] == pytest.approx(stats.linregress(np.log(mine["width"]), np.log(mine["rd_w"])).slope)


def test_equal_widths_make_the_mean_of_slopes_the_slope_through_all_runs(runs):
    table = runs((1.2, 0.1), noise=0.1)
    pooled = stats.linregress(np.log(table["width"]), np.log(table["rd_w"])).slope
    assert only(Exponents()(table))["S_w"] == pytest.approx(pooled)


def test_the_columns_are_those_of_the_contract(runs):
    columns = Exponents()(runs((1.0, 0.0))).columns.tolist()
    assert columns == [
        *("initialisation", "gamma", "gamma_prime"),
        *("S_w", "S_w_low", "S_w_high", "S_a", "S_a_low", "S_a_high", "S_theta", "S_theta_low", "S_theta_high"),
        *(
            "S_w_predicted",
            "S_a_predicted",
            "S_theta_predicted",
            "level",
            "method",
            "regime",
            "regime_predicted",
            "theory",
        ),
        *("clusters", "clusters_capped", "clusters_exact", "seeds", "widths", "runs", "converged"),
        *("network", "activation", "data", "flow", "stop"),
    ]


@pytest.mark.parametrize(
    ("slope", "noise", "regime"),
    [(-0.3, 0.01, "linear"), (0.0, 0.05, "critical"), (0.3, 0.01, "condensed"), (0.81, 0.6, "undetermined")],
)
def test_the_regime_is_read_off_the_interval(runs, slope, noise, regime):
    row = only(Exponents()(runs((1.0, 0.0), slope=slope, noise=noise)))
    assert row["regime"] == regime
    assert row["regime_predicted"] == "critical"
    assert row["S_w_low"] < row["S_w"] < row["S_w_high"]
    assert row["method"] == "t"


def test_from_eight_seeds_on_the_interval_is_a_bootstrap(runs):
    assert only(Exponents()(runs((1.0, 0.0), seeds=8, noise=0.1)))["method"] == "bootstrap"


def test_one_seed_has_an_exponent_but_no_interval_and_no_regime(runs):
    row = only(Exponents()(runs((1.3, 0.0), seeds=1)))
    assert row["S_w"] == pytest.approx(0.15)
    assert np.isnan(row["S_w_low"])
    assert row["regime"] == "undetermined"
    assert row["method"] == "none"


def test_one_width_has_no_exponent(runs):
    row = only(Exponents()(runs((1.3, 0.0), widths=(1000.0,))))
    assert np.isnan(row["S_w"])
    assert row["regime"] == "undetermined"
    assert (row["seeds"], row["widths"], row["runs"], row["converged"]) == (3, 1, 3, 3)
    assert row["clusters"] == 3


def test_two_widths_are_enough(runs):
    assert only(Exponents()(runs((1.3, 0.0), widths=(1e3, 1e30))))["S_w"] == pytest.approx(0.15)


def test_only_converged_runs_enter_and_the_table_says_how_many():
    rows = power_law_rows(1.2, 0.0)
    for row in rows:
        if row["width"] == 4000.0:
            row.update(converged=False, status="max_steps", rd_w=99.0)
    found = only(Exponents()(records.frame(rows)))
    assert found["S_w"] == pytest.approx(0.1)
    assert (found["runs"], found["converged"], found["widths"]) == (12, 9, 3)


def test_a_seed_with_one_width_left_does_not_count():
    rows = power_law_rows(1.2, 0.0)
    for row in rows:
        if row["seed"] == 2 and row["width"] != 500.0:
            row.update(converged=False, status="stalled", rd_w=float("inf"))
    slopes = seed_slopes(records.frame(rows))
    assert slopes.columns.tolist() == [0, 1]
    assert slopes.notna().all(axis=None)


def test_repeated_runs_at_one_width_are_one_width_still():
    rows = [{**row, "rd_w": change} for row in power_law_rows(1.2, 0.0, widths=(500.0,)) for change in (0.1, 0.2, 0.4)]
    assert seed_slopes(records.frame(rows)).isna().all(axis=None)


def test_a_point_whose_job_raised_keeps_its_row():
    rows = power_law_rows(1.2, 0.0) + failed(power_law_rows(1.3, 0.0))
    table = Exponents()(records.frame(rows)).set_index("gamma")
    assert np.isnan(table.loc[1.3, "S_w"])
    assert table.loc[1.3, "regime"] == "undetermined"
    assert table.loc[1.3, "converged"] == 0
    assert np.isnan(table.loc[1.3, "clusters"])
    assert table.loc[1.2, "S_w"] == pytest.approx(0.1)


def test_a_sweep_of_which_everything_failed_still_has_a_table():
    table = Exponents()(records.frame(failed(power_law_rows(1.3, 0.0))))
    assert table["regime"].tolist() == ["undetermined"]
    assert "S_w" not in table


def test_a_user_network_has_its_own_blocks_the_first_decides_and_nothing_is_predicted():
    nothing = {"rd_w": np.nan, "rd_a": np.nan}
    rows = [{**row, **nothing, "rd_hidden": row["width"] ** 0.4} for row in power_law_rows(1.2, 0.0, noise=0.01)]
    found = only(Exponents()(records.frame(rows)))
    assert found["S_hidden"] == pytest.approx(0.4)
    assert "S_w" not in found
    assert "S_hidden_predicted" not in found
    assert found["regime"] == "condensed"
    assert found["regime_predicted"] == ""


def test_a_relative_change_of_zero_has_no_logarithm_and_is_left_out():
    rows = power_law_rows(1.2, 0.0)
    rows[0]["rd_w"] = 0.0
    assert only(Exponents()(records.frame(rows)))["S_w"] == pytest.approx(0.1)


def test_a_named_initialisation_is_a_point_of_its_own(runs):
    table = pd.concat([runs((1.0, 0.0)), runs((1.0, 0.0), initialisation="xavier", slope=0.2)])
    found = Exponents()(table).set_index("initialisation")["S_w"]
    assert found["plane"] == pytest.approx(0, abs=1e-12)
    assert found["xavier"] == pytest.approx(0.2)


def test_clusters_are_the_median_at_the_largest_width():
    rows = power_law_rows(1.2, 0.0)
    for row in rows:
        row["clusters"] = 1000 if row["width"] < 4000 else (2, 4, None)[row["seed"]]
        row["clusters_capped"] = row["width"] == 4000 and row["seed"] == 1
    found = only(Exponents()(records.frame(rows)))
    assert found["clusters"] == 3.0
    assert found["clusters_capped"]
    assert found["clusters_exact"]


def test_a_count_by_few_centres_at_the_largest_width_is_not_exact():
    rows = power_law_rows(1.2, 0.0)
    for row in rows:
        row["clusters_exact"] = row["width"] != 4000 or row["seed"] != 1
    assert not only(Exponents()(records.frame(rows)))["clusters_exact"]


def test_counts_of_records_that_do_not_tell_are_not_exact():
    rows = [{**row, "clusters_exact": None} for row in power_law_rows(1.2, 0.0)]
    assert not only(Exponents()(records.frame(rows)))["clusters_exact"]


def test_the_order_of_the_rows_does_not_matter(runs, grid):
    table = runs(*grid, noise=0.05)
    shuffled = table.sample(frac=1, random_state=0).reset_index(drop=True)
    pd.testing.assert_frame_equal(Exponents()(table), Exponents()(shuffled))
    pd.testing.assert_frame_equal(LocalSlopes()(table), LocalSlopes()(shuffled))


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(-1, 1))
def test_a_constant_factor_leaves_the_slope_alone(factor, slope):
    table = records.frame(power_law_rows(1.0, 0.0, slope=slope, noise=0.1))
    scaled = table.assign(rd_w=table["rd_w"] * factor)
    np.testing.assert_allclose(seed_slopes(scaled), seed_slopes(table), atol=1e-9)


def test_local_slopes_follow_a_bent_line():
    rows = power_law_rows(1.0, 0.0)
    for row in rows:
        row["rd_w"] = row["width"] ** (0.2 if row["width"] <= 1000 else 0.5)
        row["rd_w"] *= 1000.0 ** (0 if row["width"] <= 1000 else -0.3)
    found = LocalSlopes()(records.frame(rows))
    assert found["width_low"].tolist() == [500, 1000, 2000]
    assert found["width_high"].tolist() == [1000, 2000, 4000]
    np.testing.assert_allclose(found["S_w"], [0.2, 0.5, 0.5])
    np.testing.assert_allclose(found["S_w_low"], found["S_w_high"])


def test_local_slopes_take_the_neighbours_of_each_point(runs):
    table = pd.concat([runs((1.0, 0.0), widths=(1e3, 4e3)), runs((1.1, 0.0), widths=(1e3, 2e3, 4e3))])
    found = LocalSlopes()(table)
    pairs = list(zip(found["gamma"], found["width_low"], found["width_high"], strict=True))
    assert pairs == [(1.0, 1e3, 4e3), (1.1, 1e3, 2e3), (1.1, 2e3, 4e3)]


def test_one_width_has_no_local_slope(runs):
    assert LocalSlopes()(runs((1.0, 0.0), widths=(1e3,))).empty


@pytest.mark.parametrize("seeds", [3, 5, 8, 16])
def test_ninety_per_cent_intervals_of_exponents_cover_in_85_to_95_per_cent(seeds):
    """Of synthetic repetitions, a plane point each: log RD = S log m + 2.2 / sqrt(m) times a normal number."""
    rng, repetitions, widths = np.random.default_rng(seeds), 1000, np.array([1000.0, 4000.0, 16000.0])
    gammas = 0.5 + np.arange(repetitions) / repetitions
    gamma, width, seed = (each.ravel() for each in np.meshgrid(gammas, widths, np.arange(seeds), indexing="ij"))
    slope = gamma - 1
    noise = 2.2 / np.sqrt(width) * rng.standard_normal(width.size)
    changes = {f"rd_{block}": np.exp(slope * np.log(width) + noise) for block in ("w", "a", "theta")}
    runs = pd.DataFrame({"gamma": gamma, "gamma_prime": 0.0, "width": width, "seed": seed, **changes})
    runs = runs.assign(initialisation="plane", converged=True, clusters=1.0, clusters_capped=False, clusters_exact=True)
    runs = runs.assign(effective_width=pd.NA, reduction_error=np.nan, neurons=1, antisymmetric=True)
    table = Exponents()(runs)
    assert len(table) == repetitions
    covered = table["gamma"].sub(1).between(table["S_w_low"], table["S_w_high"]).mean()
    assert 0.87 <= covered <= 0.93


def test_the_seeds_are_those_that_the_exponent_is_made_of():
    rows = power_law_rows(1.2, 0.0, seeds=4, noise=0.02)
    for row in rows:
        if row["seed"] == 3 and row["width"] != 500.0:
            row.update(converged=False, status="max_steps")
    runs = records.frame(rows)
    found = only(Exponents()(runs))
    assert found["seeds"] == 3
    assert LocalSlopes()(runs)["seeds"].tolist() == [3, 3, 3]
    alone = only(Exponents()(runs[runs["seed"] != 3]))
    assert found[["S_w", "S_w_low", "S_w_high"]].tolist() == alone[["S_w", "S_w_low", "S_w_high"]].tolist()
