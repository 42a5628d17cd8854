from __future__ import annotations

import pandas as pd
import pytest
from synthetic_sweep import failed, power_law_rows

from analysis.collect import SweepError, collect
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
    records.write(records.frame(rows), tmp_path / records.FILE)
    collection = collect(tmp_path)
    assert len(collection.runs) == 12
    assert collection.notes == ("4 rows have no place on the plane (gamma, gamma_prime) and are left out",)


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
