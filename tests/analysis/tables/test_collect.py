from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_sweep import failed, power_law_rows

from analysis.tables.collect import SweepError, collect
from analysis.tables.names import plain_name
from condense import records


def test_all_records_below_a_folder_are_one_table(sweep, grid):
    collection = collect(sweep(*grid))
    assert len(collection.runs) == len(grid) * 4 * 3
    assert set(zip(collection.runs["gamma"], collection.runs["gamma_prime"], strict=True)) == set(grid)
    assert collection.skipped == ()
    assert collection.notes == ()


def test_a_single_job_folder_works_and_depth_does_not_matter(tmp_path):
    records.write(records.frame(power_law_rows(1.0, 0.0)), tmp_path / records.FILE)
    records.write(records.frame(power_law_rows(1.1, 0.0)), tmp_path / "a" / "b" / "c" / records.FILE)
    assert sorted(collect(tmp_path).runs["gamma"].unique()) == [1.0, 1.1]


def test_the_analysis_folder_is_never_read(sweep):
    folder = sweep((1.0, 0.0))
    records.write(records.frame(power_law_rows(1.3, 0.0)), folder / "analysis" / "x" / records.FILE)
    assert collect(folder).runs["gamma"].unique().tolist() == [1.0]


def test_damaged_and_foreign_files_are_skipped_and_named(sweep):
    folder = sweep((1.0, 0.0), (1.1, 0.0))
    whole = (folder / "gamma=1.0,gamma_prime=0.0" / records.FILE).read_bytes()
    for name in ("empty", "half", "foreign"):
        (folder / name).mkdir()
    (folder / "empty" / records.FILE).touch()
    (folder / "half" / records.FILE).write_bytes(whole[: len(whole) // 2])
    pd.DataFrame({"loss": [1.0]}).to_parquet(folder / "foreign" / records.FILE)
    collection = collect(folder)
    assert len(collection.runs) == 24
    empty, foreign, half = collection.skipped
    assert "empty" in empty
    assert "the records file is empty" in empty
    assert "foreign" in foreign
    assert "not a records file of condense" in foreign
    assert "half" in half
    assert "half-written" in half


def test_a_missing_folder_is_an_error_with_advice(tmp_path):
    with pytest.raises(SweepError, match=r"nowhere: no such folder; a sweep folder holds a runs\.parquet") as caught:
        collect(tmp_path / "nowhere")
    assert "python -m condense -m experiment=quickstart" in str(caught.value)


def test_a_file_is_not_a_folder(sweep):
    file = sweep((1.0, 0.0)) / "gamma=1.0,gamma_prime=0.0" / records.FILE
    with pytest.raises(SweepError, match="not a folder"):
        collect(file)


def test_a_folder_without_records_is_no_sweep(tmp_path):
    with pytest.raises(SweepError, match=r"not a sweep folder, there is no runs\.parquet below it"):
        collect(tmp_path)


def test_a_sweep_without_a_readable_row_is_an_error_that_names_the_files(tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / records.FILE).touch()
    records.write(records.empty(), tmp_path / "none" / records.FILE)
    with pytest.raises(SweepError, match=r"no record in it can be read(.|\n)*the records file is empty"):
        collect(tmp_path)


def test_of_runs_with_one_key_the_last_is_kept_and_said_so(tmp_path):
    records.write(records.frame(failed(power_law_rows(1.0, 0.0))), tmp_path / "a" / records.FILE)
    records.write(records.frame(power_law_rows(1.0, 0.0)), tmp_path / "b" / records.FILE)
    collection = collect(tmp_path)
    assert len(collection.runs) == 12
    assert collection.runs["converged"].all()
    assert collection.notes == ("12 runs are there more than once (same key); the last of each is used",)


def test_rows_without_a_key_are_no_duplicates_of_each_other(tmp_path):
    rows = failed(power_law_rows(1.0, 0.0, key=""))
    records.write(records.frame(rows), tmp_path / records.FILE)
    assert len(collect(tmp_path).runs) == 12


def test_rows_without_a_place_are_left_out_and_counted(tmp_path):
    rows = power_law_rows(1.0, 0.0) + failed(power_law_rows(float("nan"), 0.0, slope=0.0, key="", seeds=1))
    rows += power_law_rows(float("inf"), 0.0, slope=0.0, seeds=1, widths=(1.0,))
    rows += [{**row, "width": width} for row, width in zip(power_law_rows(1.0, 0.2), (0.0, -1.0), strict=False)]
    records.write(records.frame(rows), tmp_path / records.FILE)
    collection = collect(tmp_path)
    assert len(collection.runs) == 12
    told = "have no place on the plane (gamma, gamma_prime) or no width, a number above 0, and are left out"
    assert collection.notes == (f"7 rows {told}",)


def test_a_sweep_without_a_row_that_can_be_used_is_an_error_that_says_why(tmp_path):
    nowhere = records.frame(power_law_rows(1.0, 0.0)).assign(gamma=float("nan"))
    records.write(nowhere, tmp_path / records.FILE)
    with pytest.raises(SweepError, match=r"no record in it can be used(.|\n)*12 rows have no place on the plane"):
        collect(tmp_path)


@pytest.mark.parametrize(
    ("edited", "message"),
    [
        ({"gamma": "abc"}, "the column gamma holds large_string, allowed is double (Failed to parse string: 'abc'"),
        ({"rd_u": "abc"}, "the column rd_u holds large_string, allowed is double (Failed to parse string: 'abc'"),
        ({"converged": [None, *[True] * 11]}, "the column converged has no value in row 0, counted from 0"),
        ({"curve": "[]"}, "the column curve holds large_string, allowed is a list of moments; leave the column out"),
        ({"seed": [0.0, float("nan"), *[1.0] * 10]}, "the column seed has no value in row 1, counted from 0"),
    ],
    ids=["text for a place", "text for a block", "no word on the end", "curves out of a CSV", "no seed"],
)
def test_a_file_that_was_edited_to_something_else_is_skipped_and_named(sweep, edited, message):
    folder = sweep((1.0, 0.0), (1.1, 0.0))
    path = folder / "gamma=1.0,gamma_prime=0.0" / records.FILE
    records.write(records.read(path).assign(**edited), path)
    collection = collect(folder)
    assert len(collection.runs) == 12
    [skipped] = collection.skipped
    assert skipped.startswith(f"{path}: {message}")


def test_numbers_as_text_and_texts_that_are_missing_are_read(sweep):
    folder = sweep((1.0, 0.0))
    path = folder / "gamma=1.0,gamma_prime=0.0" / records.FILE
    told = records.read(path)
    edited = told.assign(gamma=told["gamma"].astype(str), initialisation=told["initialisation"].astype("category"))
    records.write(edited.assign(status=[None, *["converged"] * 11], note="by hand").drop(columns="host"), path)
    runs = collect(folder).runs
    assert runs["note"].tolist() == ["by hand"] * 12
    assert runs["clusters"].dtype == "Int64"
    assert runs["gamma"].tolist() == [1.0] * 12
    assert runs["initialisation"].tolist() == ["plane"] * 12
    assert runs["status"].tolist() == ["", *["converged"] * 11]


def test_blocks_that_no_file_can_be_named_after_have_another_name_and_it_is_said(tmp_path):
    rows = [{**row, "rd_w/x y": 1.0, "rd_w/x y_sup": 2.0, "rd_rd_sup": 3.0} for row in power_law_rows(1.0, 0.0)]
    records.write(records.frame(rows), tmp_path / records.FILE)
    collection = collect(tmp_path)
    plain = plain_name("w/x y")
    assert collection.notes == (f"the block 'w/x y' is called {plain} here, its name cannot be part of files'",)
    assert (collection.runs[f"rd_{plain}_sup"] == 2.0).all()
    assert records.relative_changes(collection.runs.columns) == ["w", "a", "theta", plain, "rd_sup"]


@settings(max_examples=50)
@given(st.text(), st.text())
def test_plain_names_are_names_of_files_and_differ_where_texts_do(one, other):
    names = plain_name(one), plain_name(other)
    assert all(re.fullmatch(r"[\w=.,+-]+", name) and name[0] not in "_." for name in names)
    assert all(len(name.encode()) < 200 and plain_name(name) == name for name in names)
    assert (names[0] == names[1]) == (one == other)


def test_places_that_differ_by_rounding_are_one(tmp_path):
    records.write(records.frame(power_law_rows(1.0, 0.3)), tmp_path / "a" / records.FILE)
    records.write(records.frame(power_law_rows(1.0, 0.1 + 0.2)), tmp_path / "b" / records.FILE)
    collection = collect(tmp_path)
    assert collection.runs["gamma_prime"].unique().tolist() == [0.3]
    assert collection.notes[-1:] == ("1 places are less than 1e-9 away from another and are taken for it",)


def test_files_of_other_columns_are_read_in_the_order_of_their_paths(tmp_path):
    tables = {
        "a": records.frame(power_law_rows(1.0, 0.0)),
        "b": records.frame([{**row, "rd_mine": 2.0} for row in power_law_rows(1.1, 0.0)]),
        "c": records.frame(power_law_rows(1.2, 0.0)).drop(columns="lines"),  # from before that was counted
        "d": records.frame(power_law_rows(1.3, 0.0)),
    }
    for name, table in tables.items():
        records.write(table, tmp_path / name / records.FILE)
    runs = collect(tmp_path).runs
    assert runs["gamma"].unique().tolist() == [1.0, 1.1, 1.2, 1.3]
    alone = [records.read(tmp_path / name / records.FILE) for name in tables]
    pd.testing.assert_frame_equal(runs, pd.concat(alone, ignore_index=True))
    assert runs["lines"].dtype == pd.Int64Dtype()
