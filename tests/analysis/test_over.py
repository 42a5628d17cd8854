"""Numbers over keys that were varied: what is in a cell, what is refused, what is drawn."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import figures
from analysis.cli import main
from analysis.over import axes_of, numbers, over
from analysis.stats.exponents import Exponents
from analysis.tables.collect import SweepError, collect
from condense import records

RATES = (0.01, 0.1, 1.0)


def swept(runs, gammas=(0.8, 1.2), rates=RATES, **options):
    """Runs over gamma and a rate that scales RD."""
    tables = [
        runs(*((gamma, 0.0) for gamma in gammas), noise=0.02, setting=str(rate), **options).assign(
            **{"flow.rate": rate}
        )
        for rate in rates
    ]
    table = pd.concat(tables, ignore_index=True)
    table["rd_w"] *= table["flow.rate"]
    return table.assign(steps=(10 / table["flow.rate"]).astype(int))


def test_a_relative_change_is_the_geometric_mean_with_the_interval_of_its_logarithm(runs):
    table = swept(runs)
    found = over(table, "rd_w", ["flow.rate", "init.gamma"], ["flow.rate"])
    assert found.axes == ("flow.rate", "gamma")
    assert found.file == "rd_w_over_flow.rate,gamma"
    assert found.kind == "geometric mean over seeds at width 4000; runs that converged"
    assert len(found.table) == 6
    for _, cell in found.table.iterrows():
        here = table[(table["flow.rate"] == cell["flow.rate"]) & (table["gamma"] == cell["gamma"])]
        logs = np.log(here.loc[here["width"] == 4000, "rd_w"])
        low, high = stats.t.interval(0.9, 2, logs.mean(), stats.sem(logs))
        np.testing.assert_allclose(cell[["value", "low", "high"]].astype(float), np.exp([logs.mean(), low, high]))
        assert (cell["runs"], cell["used"], cell["seeds"]) == (3, 3, 3)


def test_an_exponent_is_that_of_the_table_of_exponents(runs):
    table = swept(runs)
    found = over(table, "S_w", ["gamma", "flow.rate"], ["flow.rate"]).table
    for rate, rows in table.groupby("flow.rate"):
        expected = Exponents()(rows).set_index("gamma")
        here = found[found["flow.rate"] == rate].set_index("gamma")
        for end, name in (("value", "S_w"), ("low", "S_w_low"), ("high", "S_w_high")):
            np.testing.assert_allclose(here[end], expected[name])


def test_other_numbers_are_means_and_runs_that_did_not_converge_are_used_if_asked_for(runs):
    table = swept(runs)
    table.loc[table["flow.rate"] == 0.01, "converged"] = False
    found = over(table, "steps", ["flow.rate"], ["flow.rate"], where={"init.gamma": "1.2"}).table
    assert found["value"].tolist()[1:] == [100, 10]
    assert np.isnan(found["value"][0])
    assert found["used"].tolist() == [0, 3, 3]
    everyone = over(table, "steps", ["flow.rate"], ["flow.rate"], where={"gamma": "1.2"}, unconverged=True).table
    assert everyone["value"].tolist() == [1000, 100, 10]


def test_the_width_is_an_axis_like_any_other_and_else_the_largest_that_all_have(runs):
    table = swept(runs, gammas=(0.8,))
    assert len(over(table, "rd_w", ["width", "flow.rate"], ["flow.rate"]).table) == 12
    short = table[(table["width"] < 4000) | (table["flow.rate"] < 1)]
    assert over(short, "clusters", ["flow.rate"], ["flow.rate"]).kind.startswith("mean over seeds at width 2000")


@pytest.mark.parametrize(
    ("value", "axes", "where", "message"),
    [
        ("rd_w", ["flow.rate"], {}, r"differ in more than flow.rate: gamma \(0.8, 1.2\). Hold each at one value, --wh"),
        ("rd_w", ["flow.rte"], {}, "flow.rte is no column of these runs, did you mean flow.rate"),
        ("rd_w", ["gamma_prime"], {}, "gamma_prime does not vary among these runs; gamma, flow.rate, width do"),
        ("rd_w", ["gamma", "init.gamma"], {}, "axes gamma, init.gamma: allowed are one to 3 different ones"),
        ("rdw", ["gamma", "flow.rate"], {}, "rdw is no number that these runs log, did you mean rd_w"),
        ("activation", ["gamma", "flow.rate"], {}, "activation is no number"),
        ("S_w", ["width", "flow.rate"], {"gamma": "0.8"}, "S_w is a slope over the widths: width cannot be an axis"),
        ("rd_w", ["flow.rate"], {"gamma": "7"}, "--where gamma=7: no run has it; there are 0.8, 1.2"),
        ("rd_w", ["flow.rate"], {"gama": "7"}, "--where gama=7: there is no such column, did you mean gamma"),
        ("lines", ["gamma", "flow.rate"], {}, "lines is no number that these runs log"),
    ],
)
def test_what_cannot_be_drawn_is_told_with_what_can(runs, value, axes, where, message):
    with pytest.raises(SweepError, match=message):
        over(swept(runs), value, axes, ["flow.rate"], where=where)


def test_runs_that_differ_in_nothing_named_are_not_averaged(runs):
    table = swept(runs, gammas=(0.8,))
    again = table.assign(setting="another", key=table["key"] + "'")
    with pytest.raises(SweepError, match=r"differ in more than flow.rate: setting \(0.01, "):
        over(pd.concat([table, again], ignore_index=True), "rd_w", ["flow.rate"], ["flow.rate"])


def test_runs_of_another_sweep_that_has_no_such_key_are_left_out_and_counted(runs):
    table = pd.concat([swept(runs, gammas=(0.8,)), runs((0.8, 0.0), setting="other")], ignore_index=True)
    found = over(table, "rd_w", ["flow.rate"], ["flow.rate"])
    assert len(found.table) == 3
    assert found.kind.endswith("; 12 runs have no flow.rate and are left out")


def test_axes_and_numbers_that_are_drawn_unasked(runs):
    table = swept(runs).assign(sharpness=1.5)
    assert axes_of(table, ["flow.rate"]) == ("gamma", "flow.rate")
    assert numbers(table, ["flow.rate"]) == ("S_w", "rd_w", "clusters", "sharpness")


def test_a_map_has_a_cell_a_pair_and_marks_what_is_missing(runs):
    table = swept(runs)
    table.loc[(table["flow.rate"] == 0.01) & (table["gamma"] == 1.2), "converged"] = False
    table.loc[(table["flow.rate"] == 1.0) & (table["seed"] == 0), "converged"] = False
    ax = figures.number_over(over(table, "rd_w", ["gamma", "flow.rate"], ["flow.rate"]))
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.8", "1.2"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0.01", "0.1", "1"]
    assert len(ax.texts) == 5
    assert ax.get_legend_handles_labels()[1] == [
        "no value: too few runs converged",
        "some runs did not converge (not used)",
    ]
    assert ax.get_title().splitlines()[0] == r"$\mathrm{RD}_{w}$ over $\gamma$ and learning rate"


def test_a_third_axis_has_a_map_for_each_of_its_values(runs):
    table = pd.concat([swept(runs).assign(**{"network.keep": keep}) for keep in (0.5, 1.0)], ignore_index=True)
    table["keep"] = table["network.keep"]
    found = over(table, "rd_w", ["gamma", "flow.rate", "network.keep"], ["flow.rate", "network.keep"])
    ax = figures.number_over(found)
    titles = [each.get_title() for each in ax.figure.axes if each.get_title()]
    assert titles == ["network.keep = 0.5", "network.keep = 1"]


def test_one_axis_has_a_curve_with_intervals(runs):
    found = over(swept(runs, gammas=(0.8,)), "rd_w", ["flow.rate"], ["flow.rate"])
    ax = figures.number_over(found)
    [line] = [line for line in ax.lines if len(line.get_xdata()) == 3 and line.get_marker() == "o"]
    np.testing.assert_allclose(line.get_xdata().astype(float), RATES)
    np.testing.assert_allclose(line.get_ydata().astype(float), found.table["value"])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert "90% intervals" in ax.get_title()


@pytest.fixture
def folder(runs, tmp_path):
    """A sweep over a rate and gamma, as a launch leaves it."""
    for (rate, gamma), rows in swept(runs).groupby(["flow.rate", "gamma"]):
        job = tmp_path / f"gamma={gamma},rate={rate}"
        records.write(rows.drop(columns="flow.rate"), job / records.FILE)
        (job / ".hydra").mkdir()
        (job / ".hydra" / "config.yaml").write_text(f"flow:\n  name: descent\n  rate: {rate}\n")
    (tmp_path / "sweep.json").write_text(json.dumps({"settings": {}, "swept": ["flow.rate"]}))
    return tmp_path


def test_swept_keys_are_columns_and_names_of_folders(folder, capsys):
    collection = collect(folder)
    assert collection.swept == ("flow.rate",)
    assert sorted(collection.runs["flow.rate"].unique()) == list(RATES)
    assert main([str(folder)]) == 0
    written = {path.relative_to(folder / "analysis").as_posix() for path in (folder / "analysis").rglob("*")}
    assert {"rate=0.01", "rate=0.1", "rate=1.0"} <= written
    assert {
        f"{name}_over_gamma,flow.rate.{end}" for name in ("S_w", "rd_w", "clusters") for end in ("png", "csv")
    } <= written
    assert "S_w_over_gamma,flow.rate.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "value", "column"), [("data.samples", "null", "null"), ("init.antisymmetric", "true", True)]
)
def test_values_that_are_no_numbers_are_told_as_they_are_written(folder, key, value, column):
    group, name = key.split(".")
    for number, path in enumerate(sorted(folder.glob("*/.hydra/config.yaml"))):
        path.write_text(f"{group}:\n  {name}: {value if number % 2 else 7}\n")
    (folder / "sweep.json").write_text(json.dumps({"settings": {}, "swept": [key, "widths"]}))
    collection = collect(folder)
    assert collection.swept == (key,)
    assert set(collection.runs[key]) == {7, column}


def test_the_command_draws_what_is_asked_for_alone(folder, capsys):
    asked = ["--x", "flow.rate", "--value", "rd_w", "steps", "--where", "init.gamma=1.2"]
    assert main([str(folder), *asked]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    names = {path.name for path in (folder / "analysis").iterdir()}
    assert names == {f"{name}_over_flow.rate.{end}" for name in ("rd_w", "steps") for end in ("csv", "png", "svg")}
    assert main([str(folder), "--x", "flow.rate"]) == 2
    assert "differ in more than flow.rate: gamma (0.8, 1.2)" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(folder), "--where", "gamma"])
    assert "'gamma' is not KEY=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("clusters_0.weight", "directions of the rows of 0.weight"),
        ("lines_0.weight", "lines of the rows of 0.weight"),
        ("clusters_capped_0.weight", "clusters_capped_0.weight"),
        ("clusters_initial_0.weight", "clusters_initial_0.weight"),
        ("accuracy_test", "accuracy on the test set"),
    ],
)
def test_what_is_logged_of_modules_is_called_by_what_it_is(runs, name, told):
    table = swept(runs)
    table[name] = np.linspace(0.1, 1.0, len(table))
    ax = figures.number_over(over(table, name, ["gamma", "flow.rate"], ["flow.rate"]))
    assert ax.get_title().splitlines()[0].startswith(f"{told} over")
