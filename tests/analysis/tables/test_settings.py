from __future__ import annotations

import re

import pandas as pd
import pytest

from analysis.tables.settings import by_setting


def test_one_setting_has_no_label(runs):
    table = runs((1.0, 0.0))
    assert list(by_setting(table)) == [""]
    assert len(by_setting(table)[""]) == len(table)


def test_labels_say_what_differs_and_nothing_else(runs):
    table = pd.concat([runs((1.0, 0.0), setting=s, activation=s, data="a b/c.npz") for s in ("relu", "tanh")])
    found = by_setting(table)
    assert list(found) == ["activation=relu", "activation=tanh"]
    assert (found["activation=tanh"]["activation"] == "tanh").all()
    assert len(found["activation=tanh"]) == 12


def test_the_stop_is_told_where_nothing_else_tells_settings_apart(runs):
    flows = pd.concat([runs((1.0, 0.0), setting=f, flow=f, stop=s) for f, s in (("adam", 0.0), ("exponential", 33.7))])
    assert list(by_setting(flows)) == ["flow=adam", "flow=exponential"]
    stops = pd.concat([runs((1.0, 0.0), setting=str(stop), stop=stop) for stop in (1e-4, 1e-6)])
    assert list(by_setting(stops)) == ["stop=0.0001", "stop=1e-06"]


def test_labels_are_safe_as_folder_names(runs):
    table = pd.concat([runs((1.0, 0.0), setting=s, data=f"my data/{s}.npz") for s in ("x", "y")])
    assert list(by_setting(table)) == ["data=my_data_x.npz", "data=my_data_y.npz"]


def test_settings_that_differ_in_nothing_shown_are_labelled_by_their_hash(runs):
    table = pd.concat([runs((1.0, 0.0), setting=s) for s in ("abc", "def")])
    assert list(by_setting(table)) == ["setting=abc", "setting=def"]


def test_rows_of_a_job_that_raised_early_belong_to_the_only_setting(runs):
    table = pd.concat([runs((1.0, 0.0)), runs((1.1, 0.0), setting="")])
    assert list(by_setting(table)) == [""]


@pytest.mark.parametrize("setting", ["../../x", "/x", "x" * 300])
def test_no_label_leads_out_of_a_folder_or_is_too_long_for_one(runs, setting):
    table = pd.concat([runs((1.0, 0.0)), runs((1.0, 0.0), setting=setting)])
    label = list(by_setting(table))[1]
    assert re.fullmatch(r"setting=[\w=.]+", label)
    assert len(label) < 100
    long = pd.concat([runs((1.0, 0.0)), runs((1.0, 0.0), setting="two", activation=setting)])
    assert re.fullmatch(r"activation=[\w=.]+", list(by_setting(long))[1])
