from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from synthetic_snapshots import curve
from synthetic_sweep import power_law_rows

import condense
from analysis import figures
from analysis.cli import main
from analysis.stats.exponents import Exponents
from analysis.stats.infinite import main_runs
from analysis.stats.levels import LossExponents, at_losses
from analysis.tables.configured import configured_losses
from condense import records, schema

EVERY_STEP = schema.Snapshots(per_decade=1000, weights=False)
CHANGE = schema.Measure(observables=["relative_change"])


def slope(share):
    """S that grows from .1 to .3 while the loss falls from 1 to 1e-4."""
    return 0.1 - 0.2 * np.log(share) / np.log(1e4)


def known_runs(shares=(1, 0.9, 0.5, 0.2, 0.05, 0.01, 1e-3, 1e-4), widths=(100.0, 1000.0, 10000.0), seeds=3, bend=0.02):
    """Runs with log RD_w linear in the logarithms of width and loss, so that S is known at any loss."""
    rows = power_law_rows(1.2, -0.3, widths=widths, seeds=seeds)
    for row in rows:
        own = bend * (row["seed"] - (seeds - 1) / 2)
        change = [0, *((row["width"] / 1000) ** (slope(share) + own) for share in shares[1:])]
        row["curve"] = curve(range(len(shares)), 0.1 * np.array(shares), rd_w=change)
    return records.frame(rows)


def test_exponents_are_those_of_the_loss():
    losses = [0.7, 0.3, 0.01, 2e-3]
    table = LossExponents()(records.curves(known_runs()), losses)
    np.testing.assert_allclose(table["S_w"], slope(table["loss"]), rtol=1e-9)
    assert sorted(table["loss"].unique()) == sorted(losses)
    spans = table.loc[table["loss"] == 0.3, ["width_low", "width_high"]].to_numpy().tolist()
    assert sorted(spans) == [[100, 1000], [100, 10000], [1000, 10000]]
    half = 2.92 * 0.02 / np.sqrt(3)  # Student's t of two degrees of freedom at .95
    np.testing.assert_allclose(table["S_w_high"] - table["S_w"], half, rtol=1e-3)
    assert "S_a" not in table


def test_two_widths_are_one_pair():
    table = LossExponents()(records.curves(known_runs(widths=(100.0, 1000.0))), [0.3])
    assert len(table) == 1


def test_what_the_moments_do_not_tell_is_left_out():
    shares = (1, 0.9, 0.5, 0.1, 0.01)
    runs = known_runs(shares, widths=(1000.0,), seeds=1)
    runs["curve"] = [curve(range(5), shares, rd_w=[0, 1, 1.5, 6, 7])]
    found = at_losses(records.curves(runs), [1, 0.95, 0.7, 0.3, 0.03, 1e-3])
    assert found["loss"].tolist() == [0.7, 0.03]  # the start; RD from 0; known; RD times four; known; never reached
    part = np.log(0.9 / 0.7) / np.log(0.9 / 0.5)
    assert found["rd_w"].tolist()[0] == pytest.approx(1.5**part)


def test_without_curves_losses_or_two_widths_there_is_no_row():
    curves = records.curves(known_runs(widths=(100.0,)))
    for moments, losses in ((curves, [0.5]), (curves, []), (records.curves(known_runs())[:0], [0.5])):
        assert LossExponents()(moments, losses).empty


def test_a_loss_on_the_way_is_where_a_run_would_have_stopped():
    options = {"gamma": 1.3, "gamma_prime": [-0.2, 0.2], "widths": [400], "seeds": [0], "measure": CHANGE}
    losses = [0.5, 0.1, 0.01]
    found = at_losses(records.curves(condense.simulate(**options, snapshots=EVERY_STEP)), losses)
    for loss in losses:
        stopped = condense.simulate(**options, flow=schema.Exponential(stop=loss, relative=True))
        for block in ("w", "a"):
            column = f"rd_{block}"
            there = found.loc[found["loss"] == loss, column]
            np.testing.assert_allclose(there, stopped[column], rtol=0.03)  # the stop itself is found within 2 %


def test_in_the_wedge_the_exponent_rises_at_the_plateau():
    """gamma - 1 before it, (gamma - 1 - gamma') / 2 after it, at 1 - mean(y)^2 / mean(y^2) = .39 of the first loss."""
    virtual = schema.Virtual(widths=[1e6, 1e8, 1e10], neurons=[20000, 100])
    runs = condense.simulate(1.2, -0.4, widths=[], virtual=virtual, seeds=[0, 1], measure=CHANGE, snapshots=EVERY_STEP)
    table = LossExponents()(records.curves(main_runs(runs)), [0.7, 0.45, 0.01, 1e-3])
    whole = table[(table["width_low"] == 1e6) & (table["width_high"] == 1e10)].set_index("loss")["S_w"]
    assert whole[[0.7, 0.45]].to_numpy() == pytest.approx(0.2, abs=0.01)
    assert whole[[0.01, 1e-3]].to_numpy() == pytest.approx(0.3, abs=0.04)


def test_the_figure_has_a_line_a_point_and_the_end():
    runs = known_runs()
    table, exponents = LossExponents()(records.curves(runs), [0.5, 0.01]), Exponents()(runs)
    ax = figures.exponent_by_loss(table, exponents)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.5", "0.01", "end"]
    line = next(line for line in ax.lines if len(line.get_xdata()) == 3)
    expected = [slope(0.5), slope(0.01), exponents["S_w"][0]]
    np.testing.assert_allclose(line.get_ydata(), expected)
    closed = [line for line in ax.lines if line.get_linestyle() == "--" and len(line.get_xdata()) == 2]
    np.testing.assert_allclose(closed[0].get_ydata(), 0.2)
    assert r"$\gamma = 1.2$, $\gamma' = -0.3$" in [text.get_text() for text in ax.get_legend().get_texts()]
    with pytest.raises(figures.NothingToDrawError, match=r"choose snapshots\.losses and two widths or more"):
        figures.exponent_by_loss(table[:0], exponents)


def test_points_of_a_large_plane_are_chosen():
    points = {n: known_runs().assign(gamma=1 + n / 50) for n in range(1, 13)}
    many = pd.concat([runs.assign(key=runs["key"] + f",{n}") for n, runs in points.items()])
    table = LossExponents()(records.curves(many), [0.5])
    labels = figures.exponent_by_loss(table, Exponents()(many), most=4).get_legend_handles_labels()[1]
    assert len(labels) == 5  # and the closed form


def test_a_sweep_with_losses_has_the_table_and_the_figure(tmp_path, capsys):
    manifest = tmp_path / "sweep.json"
    manifest.write_text(json.dumps({"settings": {"snapshots.losses": [0.5, 0.01]}}))
    records.write(known_runs(), tmp_path / "point" / records.FILE)
    assert main([str(tmp_path)]) == 0
    written = tmp_path / "analysis" / "exponents_by_loss.csv"
    assert sorted(pd.read_csv(written)["loss"].unique()) == [0.01, 0.5]
    assert (tmp_path / "analysis" / "exponent_by_loss.png").stat().st_size > 10_000
    assert str(written) in capsys.readouterr().out
    manifest.write_text(json.dumps({"settings": {}}))
    assert main([str(tmp_path)]) == 0
    assert not written.exists()
    assert not (tmp_path / "analysis" / "exponent_by_loss.png").exists()


def test_simulate_notes_its_losses_too(tmp_path):
    snapshots = schema.Snapshots(losses=[0.5], weights=False)
    condense.simulate(1.2, widths=[20], seeds=[0], snapshots=snapshots, folder=tmp_path)
    assert configured_losses(tmp_path) == (0.5,)
    assert configured_losses(tmp_path / "none") == ()
