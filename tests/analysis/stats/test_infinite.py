from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic_ladder import RUNGS, ladder_rows, stalled
from synthetic_sweep import power_law_rows

import condense
from analysis import figures
from analysis.observe import observe
from analysis.pipeline import analyse
from analysis.report.gaps import gaps
from analysis.report.output import write
from analysis.report.text import report
from analysis.stats.collapse import collapse, verdicts
from analysis.stats.infinite import infinite_width
from analysis.stats.intervals import Interval
from analysis.stats.ladder import refused
from condense import records, schema
from condense.planes import two_layer as plane


def found(rows, level=0.9):
    return infinite_width(records.frame(rows), Interval(level))


def point(rows):
    [row] = found(rows).exponents.to_dict("records")
    return row


def written(folder, rows):
    records.write(records.frame(rows), folder / "job" / records.FILE)
    return folder


def told(analysis):
    return "\n".join(str(part) for part in report(analysis, []) if isinstance(part, str))


def plane_rows(**options):
    gammas = (0.8, 0.95, 1.05, 1.3)
    return [row for gamma in gammas for prime in (-0.2, 0.0) for row in ladder_rows(gamma, prime, **options)]


def test_the_slope_at_infinite_width_is_the_last_local_slope():
    """Of RD = m^S (1 + c m^-w), exactly; the interval reaches as far as the slope moved in the last two steps."""
    row = point(ladder_rows(1.3, 0.0, bend=3.0, noise=0.0))
    logs = 0.15 * np.log(RUNGS) + np.log(1 + 3.0 * np.array(RUNGS) ** -0.2)
    slopes = np.diff(logs) / np.diff(np.log(RUNGS))
    assert row["S_w"] == pytest.approx(slopes[-1], abs=1e-12)
    reach = abs(slopes[-1] - slopes[-2]) + abs(slopes[-2] - slopes[-3])
    assert row["change"] == pytest.approx(slopes[-1] - slopes[-2], abs=1e-12)
    assert row["S_w_high"] - row["S_w"] == pytest.approx(reach, abs=1e-9)
    assert row["S_w"] - row["S_w_low"] == pytest.approx(reach, abs=1e-9)
    assert (row["width_low"], row["width_high"], row["rungs"]) == (1e20, 1e30, 8)
    assert (row["settled"], row["reason"], row["refused"]) == (True, "", "")
    assert (row["regime"], row["regime_predicted"]) == ("condensed", "condensed")


def test_seeds_widen_the_interval():
    bends = np.linspace(-0.01, 0.01, 4)
    rows = [
        {**row, "rd_w": row["rd_w"] * row["width"] ** bends[row["seed"]]} for row in ladder_rows(1.3, 0.0, noise=0.0)
    ]
    row = point(rows)
    half = 2.353363 * np.std(0.15 + bends, ddof=1) / 2  # Student's t of 3 degrees of freedom
    assert row["S_w_high"] - row["S_w"] == pytest.approx(half, rel=1e-5)
    assert row["S_w"] - row["S_w_low"] == pytest.approx(half, rel=1e-5)
    assert row["method"] == "t"


def test_intervals_cover_the_slope_of_laws_with_slow_corrections():
    """RD = m^S (1 + c m^-w) with w from .03 to .5: what has settled is covered, what is not covered has not settled."""
    generator = np.random.default_rng(1)
    laws = pd.DataFrame(
        {
            "slope": generator.uniform(-0.5, 0.3, 300),
            "rate": generator.uniform(0.03, 0.5, 300),
            "bend": generator.choice([-0.7, 0.5, 2.0, 10.0], 300),
        }
    )
    rows = [
        row
        for number, law in laws.iterrows()
        for row in ladder_rows(number / 1000, 0.0, neurons=(20_000,), generator=generator, **law)
    ]
    table = found(rows).exponents
    covered = table["S_w_low"].le(laws["slope"]) & table["S_w_high"].ge(laws["slope"])
    assert covered.mean() > 0.9
    assert covered[table["settled"]].mean() > 0.95
    assert 0.5 < table["settled"].mean() < 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"rungs": RUNGS[:3]}, "fewer than 4 rungs"),
        ({"rungs": RUNGS[:2]}, "fewer than 4 rungs"),
        ({"rungs": RUNGS[:1]}, "no slope: fewer than two rungs"),
        ({"bend": 500.0, "rate": 0.1}, "moved by more than 0.01 in the last step"),
        ({"bend": 50.0, "rate": 0.03}, "does not slow down"),
        ({"bias": 0.5}, "the number of neurons matters"),
    ],
)
def test_what_has_not_settled_says_why(options, reason):
    row = point(ladder_rows(1.3, 0.0, **options))
    assert (row["settled"], row["reason"]) == (False, reason)


@pytest.mark.parametrize(
    ("place", "rung"),
    [((1.02, 0.0), 66), ((1.0, -0.03), 44), ((1.05, 0.02), 66), ((1.2, 0.21), 131), ((1.2, -0.16), 33)],
)
def test_near_a_line_a_slope_that_rests_has_not_settled_and_may_move_by_the_distance(place, rung):
    """m^.02 is 4 at m = 1e30, and 20 at 1e65: till then it is not told from 1, which holds on the line itself."""
    row = point(ladder_rows(*place, slope=0.005, noise=0.0))
    assert (row["settled"], row["reason"]) == (False, f"too near a line: needs rungs to 1e{rung}")
    far = point(ladder_rows(*place, slope=0.005, noise=0.0, rungs=(*RUNGS, 1e60, 1e140)))
    assert far["settled"]
    assert far["S_w_high"] - far["S_w"] == pytest.approx(0, abs=1e-9)


def test_a_point_on_the_line_whose_ladder_rests_for_twenty_decades_is_told():
    """At (1.02, .02) S_w = 0, and slopes of -.02 rest up to 1e30: called linear, that was wrong."""
    small = {"seeds": range(2), "measure": schema.Measure(observables=["relative_change"])}
    rows = {}
    for top in ((), (1e60, 1e75, 1e105, 1e150)):
        virtual = schema.Virtual(widths=[*RUNGS, *top], neurons=[500, 100])
        runs = condense.simulate(1.02, 0.02, widths=[], virtual=virtual, **small)
        assert runs["converged"].all()
        [rows[top]] = infinite_width(runs, Interval(0.9)).exponents.to_dict("records")
    short, tall = rows.values()
    assert not short["settled"]
    assert short["S_w_low"] <= 0 <= short["S_w_high"]
    assert (tall["settled"], tall["regime"]) == (True, "critical")


def test_without_a_settled_slope_a_regime_needs_an_interval_clear_of_zero():
    moving = {"bend": 500.0, "rate": 0.1, "noise": 0.1}
    unclear, clear = (point(ladder_rows(1.3, 0.0, slope=slope, **moving)) for slope in (0.05, 0.5))
    assert not unclear["settled"]
    assert unclear["S_w_low"] < 0 < unclear["S_w_high"]
    assert unclear["regime"] == "undetermined"
    assert not clear["settled"]
    assert clear["regime"] == "condensed"
    assert point(ladder_rows(1.0, 0.0))["regime"] == "critical"


def test_a_ladder_ends_below_the_first_rung_that_did_not_converge():
    rows = stalled(
        ladder_rows(1.3, 0.0), lambda row: row["width"] == 1e16 and row["seed"] > 1 and row["neurons"] == 20_000
    )
    row = point(rows)
    assert row["refused"] == "1e+16: 2 of 4 runs stalled"
    assert (row["width_low"], row["width_high"], row["rungs"]) == (1e9, 1e12, 5)
    assert row["settled"]
    tested = found(rows).collapse
    assert tested["width"].max() == 1e12


def test_a_slope_moves_by_what_the_seeds_of_both_rungs_say():
    """Seeds apart by .2 in S that only the last rungs have do not make a ladder move that stands still."""
    shift = [0.0, 0.0, 0.2, 0.2]
    rows = [
        {**row, "rd_w": row["width"] ** (0.1 + shift[row["seed"]])}
        for row in ladder_rows(1.3, 0.0, noise=0.0, neurons=(20_000,))
        if row["seed"] < 2 or row["width"] >= 1e20
    ]
    row = point(rows)
    assert row["S_w"] == pytest.approx(0.2)
    assert row["change"] == pytest.approx(0, abs=1e-12)
    assert row["settled"]
    assert row["seeds"] == 4
    apart = [row for row in rows if (row["seed"] < 2) != (row["width"] >= 1e20)]
    assert point(apart)["reason"] == "rungs in a row have no seed in common"


def test_a_point_where_nothing_converged_has_a_row_too():
    rows = ladder_rows(1.3, 0.0) + stalled(ladder_rows(1.4, 0.0), lambda row: True)
    table = found(rows).exponents.set_index("gamma")
    assert np.isnan(table.loc[1.4, "S_w"])
    assert not table.loc[1.4, "settled"]
    assert table.loc[1.4, "refused"] == "1000: 4 of 4 runs stalled"
    assert table.loc[1.4, "regime"] == "undetermined"
    assert table.loc[1.3, "settled"]


def test_refused_names_each_point():
    rows = stalled(ladder_rows(1.3, 0.0, neurons=(10,)), lambda row: row["width"] == 1e3)
    texts = refused(records.frame(rows + ladder_rows(1.2, 0.0, neurons=(10,))))
    assert texts.to_dict() == {("plane", 1.2, 0.0): "", ("plane", 1.3, 0.0): "1000: 4 of 4 runs stalled"}


def test_the_zero_line_is_found_between_every_two_rungs():
    """RD = m^(gamma - 1 - f(m)) has its zero at 1 + f, whose local slope between two rungs is known."""

    def shifted(row):
        return {**row, "rd_w": row["width"] ** (row["gamma"] - 1) * np.exp(-3.0 * row["width"] ** -0.1)}

    rows = [shifted(row) for gamma in (0.8, 0.9, 1.1) for row in ladder_rows(gamma, 0.0, noise=0.0)]
    table = found(rows).zero_line
    low, high = (table[name].to_numpy() for name in ("width_low", "width_high"))
    expected = 1 - (-3.0 * high**-0.1 + 3.0 * low**-0.1) / np.log(high / low)
    assert len(table) == len(RUNGS) - 1
    np.testing.assert_allclose(table["gamma"], expected, atol=1e-12)
    np.testing.assert_allclose(table["width"], np.sqrt(low * high))
    np.testing.assert_allclose(table[["gamma_low", "gamma_high"]], np.stack([expected] * 2, axis=1), atol=1e-9)
    assert set(table["gamma_theory"]) == {1.0}


def test_the_collapse_is_a_welch_test_over_seeds():
    from scipy import stats

    runs = records.frame(ladder_rows(1.3, 0.0, rungs=(1e3,), bias=0.02, seeds=5))
    [row] = collapse(runs, "w").to_dict("records")
    logs = {count: np.log(rows["rd_w"]) for count, rows in runs.groupby("neurons")}
    expected = stats.ttest_ind(logs[5000], logs[20_000], equal_var=False)
    assert row["difference"] == pytest.approx(logs[5000].mean() - logs[20_000].mean())
    assert row["z"] == pytest.approx(expected.statistic)
    assert row["p"] == pytest.approx(expected.pvalue)
    assert (row["neurons"], row["against"]) == (5000, 20_000)


def test_a_collapse_that_holds_seldom_fails_and_one_that_does_not_is_seen():
    """Places of a draw move together: verdicts go by the seeds' means over all places."""
    outcomes = {}
    for bias in (0.0, 0.15):
        generator, verdict = np.random.default_rng(2), []
        for _ in range(60):
            rows = ladder_rows(1.3, 0.0, bias=bias, generator=generator)
            runs = records.frame([{**row, "gamma": g} for g in (1.2, 1.3) for row in rows])
            verdict += verdicts(runs, collapse(runs, "w"), "w", 0.9)["verdict"].tolist()
        outcomes[bias] = verdict.count("fails") / len(verdict)
    assert outcomes[0.0] <= 0.05
    assert outcomes[0.15] >= 0.8


def test_verdicts_tell_the_difference_with_its_interval():
    runs = records.frame(plane_rows(bias=0.02, neurons=(20_000, 5000, 1000), seeds=6))
    table = verdicts(runs, collapse(runs, "w"), "w", 0.9).set_index("neurons")
    assert table.index.tolist() == [5000, 1000]
    assert (table["against"] == 20_000).all()
    assert (table["tests"] == 8 * len(RUNGS)).all()
    logs = np.log(runs["rd_w"]).groupby(runs["neurons"]).mean()
    np.testing.assert_allclose(table["difference"], logs[[5000, 1000]] - logs[20_000])
    assert ((table["low"] < table["difference"]) & (table["difference"] < table["high"])).all()


def test_seeds_that_have_no_place_in_common_are_untested():
    """Each seed of the points is missing somewhere, so the means of the seeds are not over the same places."""
    rows = [row for row in plane_rows(seeds=3) if row["seed"] != (1 if row["gamma"] < 1 else 2)]
    [verdict] = found(rows).verdicts.to_dict("records")
    assert verdict["verdict"] == "untested"
    assert verdict["tests"] == 8 * len(RUNGS)
    assert np.isnan(verdict["difference"])


def test_points_that_were_given_more_neurons_are_measured_by_these_and_others_by_theirs(tmp_path):
    more = ladder_rows(1.3, 0.0, neurons=(80_000,), bias=0.0)
    analysis = analyse(written(tmp_path, plane_rows() + more))
    infinite = analysis.infinite
    assert len(infinite.exponents) == 8
    measured = infinite.runs.groupby(["gamma", "gamma_prime"])["neurons"].agg(["min", "max"])
    assert set(measured.loc[[(1.3, 0.0)]].to_numpy().ravel()) == {80_000}
    assert set(measured.drop((1.3, 0.0)).to_numpy().ravel()) == {20_000}
    tests = {key: len(rows) for key, rows in infinite.collapse.groupby(["against", "neurons"])}
    rungs = len(RUNGS)
    assert tests == {(80_000, 20_000): rungs, (80_000, 5000): rungs, (20_000, 5000): 7 * rungs}
    assert infinite.verdicts["tests"].tolist() == [rungs, rungs, 7 * rungs]
    assert "80000 or 20000 neurons: S_w has settled" in told(analysis)
    assert len(write(analysis, tmp_path / "out"))


def test_one_seed_gives_neither_interval_nor_test(tmp_path):
    analysis = analyse(written(tmp_path, plane_rows(seeds=1)))
    table = analysis.infinite.exponents
    assert table["S_w_low"].isna().all()
    assert (table["regime"] == "undetermined").all()
    assert analysis.infinite.verdicts["verdict"].tolist() == ["untested"]
    assert "a test needs two seeds" in told(analysis)
    assert any("no interval at infinite width and no test of the collapse; add seeds" in gap for gap in gaps(analysis))


def test_real_runs_keep_their_tables_and_virtual_ones_have_their_own(tmp_path):
    real = [row for gamma in (0.8, 0.95, 1.05, 1.3) for prime in (-0.2, 0.0) for row in power_law_rows(gamma, prime)]
    alone = analyse(written(tmp_path / "alone", real))
    both = analyse(written(tmp_path / "both", real + plane_rows()))
    assert alone.infinite is None
    for name in ("runs", "exponents", "boundary", "local_slopes"):
        pd.testing.assert_frame_equal(getattr(alone, name), getattr(both, name), check_dtype=False)
    assert len(both.infinite.exponents) == 8
    assert set(both.infinite.runs["neurons"]) == {20_000}
    assert set(both.infinite.tests["neurons"]) == {5000}


def test_without_real_runs_the_tables_are_of_the_largest_number_of_neurons(tmp_path):
    found = analyse(written(tmp_path, plane_rows(noise=0.0)))
    assert set(found.runs["neurons"]) == {20_000}
    expected = [
        plane.exponent(*place) for place in zip(found.exponents.gamma, found.exponents.gamma_prime, strict=True)
    ]
    np.testing.assert_allclose(found.exponents["S_w"], expected, atol=1e-9)


def test_a_line_is_refined_by_the_real_runs_where_there_are_any(tmp_path):
    real = power_law_rows(1.3, 0.0)
    [both] = observe(written(tmp_path / "both", real + ladder_rows(1.3, 0.0, slope=0.5)))["value"]
    [alone] = observe(written(tmp_path / "alone", real))["value"]
    [virtual] = observe(written(tmp_path / "virtual", ladder_rows(1.3, 0.0, slope=0.5, noise=0.0)))["value"]
    assert both == alone
    assert virtual == pytest.approx(0.5)


def test_files_of_virtual_widths_are_written_and_removed_with_them(tmp_path):
    names = {f"{name}.csv" for name in ("infinite", "zero_line", "collapse")}
    names |= {f"{name}.{suffix}" for name in ("infinite", "zero_line", "collapse") for suffix in ("png", "svg")}
    with_ladder = analyse(written(tmp_path / "sweep", plane_rows()))
    assert names <= {path.name for path in write(with_ladder, tmp_path / "out")}
    table = pd.read_csv(tmp_path / "out" / "infinite.csv")
    assert {"S_w", "S_w_low", "S_a_high", "S_theta", "settled", "reason", "refused", "collapse_z"} <= set(table)
    without = analyse(written(tmp_path / "sweep", power_law_rows(1.0, 0.0)))
    write(without, tmp_path / "out")
    assert not names & {path.name for path in (tmp_path / "out").iterdir()}


def test_the_report_tells_what_infinite_width_is(tmp_path):
    rows = plane_rows() + stalled(ladder_rows(1.4, 0.0), lambda row: row["width"] > 1e8)
    analysis = analyse(written(tmp_path, rows))
    text = told(analysis)
    assert "Infinite width, by ladders up to m = 1e+30, 20000 neurons: S_w has settled at 8 of 9 points" in text
    assert "Collapse, 5000 against 20000 neurons: holds; mean difference of log RD_w" in text
    assert "not settled (fewer than 4 rungs) at (gamma, gamma') = (1.4, 0)" in "\n".join(gaps(analysis))
    assert "more neurons reach farther, e.g. virtual.neurons=[80000,20000]" in "\n".join(gaps(analysis))


def legend(ax):
    return [text.get_text() for text in ax.figure.legends[0].get_texts()] if ax.figure.legends else []


def test_the_diagram_at_infinite_width_stands_beside_the_measured_one():
    results = found(plane_rows() + ladder_rows(1.4, 0.0, rungs=RUNGS[:3]) + ladder_rows(1.4, -0.2))
    ax = figures.infinite_width(results.exponents, results.boundary, results.first, results.first_boundary, "1 to 2")
    titles = [each.get_title() for each in ax.figure.axes]
    assert any(title.startswith("At widths 1 to 2") for title in titles)
    assert "At infinite width, by the last slopes of ladders up to $m = 10^{30}$" in ax.get_title()
    hatched = [patch for patch in ax.patches if patch.get_hatch() and patch.get_width()]
    assert [(round(patch.get_x() + patch.get_width() / 2, 6), patch.get_y() > -0.2) for patch in hatched] == [
        (1.4, True)
    ]
    assert any("not settled" in text for text in legend(ax))


def test_the_zero_line_has_a_line_a_row():
    results = found(plane_rows())
    ax = figures.zero_line(results.zero_line)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [text for text in texts if "gamma" in text] == [r"$\gamma' = -0.2$", r"$\gamma' = 0$"]
    assert ax.get_xscale() == "log"
    with pytest.raises(figures.NothingToDrawError, match="no zero line to draw"):
        figures.zero_line(results.zero_line.iloc[:0])


def test_the_collapse_marks_what_differs():
    for bias, word in ((0.0, "holds"), (0.5, "fails")):
        results = found(plane_rows(bias=bias))
        ax = figures.collapse(results.runs, results.tests, results.collapse, results.verdicts)
        assert any(f"5000 over 20000 neurons: the collapse {word}" in text for text in legend(ax))
        assert any("differs by more than chance" in text for text in legend(ax)) == (word == "fails")
    with pytest.raises(figures.NothingToDrawError, match="two numbers of neurons"):
        figures.collapse(results.runs, results.tests, results.collapse.iloc[:0], results.verdicts)


def test_a_single_row_of_the_plane_is_drawn_as_a_line():
    rows = [row for gamma in (0.8, 0.95, 1.05, 1.3) for row in ladder_rows(gamma, 0.0)]
    results = found(rows)
    ax = figures.infinite_width(results.exponents, results.boundary, results.first, results.first_boundary, "1 to 2")
    assert "At infinite width" in ax.get_title()
