from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from synthetic_sweep import failed, power_law_rows

from analysis.pipeline import analyse
from analysis.report.gaps import gaps
from analysis.report.text import report, show
from condense import records


def text_of(folder: Path, **options) -> str:
    stream = io.StringIO()
    show(report(analyse(folder), **{"files": [], **options}), Console(file=stream, width=110))
    return stream.getvalue()


def write(folder: Path, rows) -> Path:
    records.write(records.frame(rows), folder / "job" / records.FILE)
    return folder


def test_the_report_counts_what_was_read(sweep, grid):
    text = text_of(sweep(*grid, noise=0.01))
    assert "Points 12, runs 144, seeds 3, widths 500, 1000, 2000, 4000" in text
    assert "144 converged; 144 of 144 runs converged" in text
    assert "Same as the theory (two-layer ReLU, infinite width) at 12 of 12 points, opposite at 0" in text
    for absent in ("Take care", "Could not be given", "Files skipped", "Written"):
        assert absent not in text


def test_the_boundary_is_shown_with_intervals(sweep, grid):
    lines = text_of(sweep(*grid, noise=0.01)).splitlines()
    row = next(line.split() for line in lines if line.strip().startswith("0.2 "))
    assert float(row[1]) == pytest.approx(1.26)
    assert row[2].startswith("[")
    assert row[-2:] == ["1.2", "3"]


def test_disagreement_with_the_theory_is_counted(tmp_path):
    text = text_of(write(tmp_path, power_law_rows(1.3, 0.0, slope=-0.3, noise=0.01)))
    assert "at 0 of 1 points, opposite at 1" in text


def test_failures_are_given_with_their_reason(tmp_path):
    rows = power_law_rows(1.0, 0.0) + failed(power_law_rows(1.1, 0.0), "Traceback\n  ...\nValueError: [b]old\n")
    text = text_of(write(tmp_path, rows))
    assert "12 converged, 12 failed; 12 of 24 runs converged" in text
    assert "failed at 1 point(s): ValueError: [b]old" in text
    assert "no exponent at (gamma, gamma') = (1.1, 0): no seed there has two converged widths" in text


def test_mixed_commits_and_uncommitted_changes_are_warned_of(tmp_path):
    rows = power_law_rows(1.0, 0.0, commit="aaaaaaaaaaaaaaa") + power_law_rows(1.1, 0.0, commit="bbb", dirty=True)
    text = text_of(write(tmp_path, rows))
    assert "the runs mix 2 commits of the code: aaaaaaaaaa, bbb" in text
    assert "12 of 24 runs were made with uncommitted changes" in text


def test_mixed_versions_of_own_code_are_warned_of(tmp_path):
    rows = power_law_rows(1.0, 0.0, code="my.f@1 my.Net@2") + power_law_rows(1.1, 0.0, code="my.f@1 my.Net@3")
    assert "the runs mix versions of your code: my.Net@2 (12 runs), my.Net@3 (12 runs)" in text_of(
        write(tmp_path, rows)
    )
    assert "mix versions" not in text_of(write(tmp_path, power_law_rows(1.0, 0.0, code="my.f@1 my.Net@2")))


def test_skipped_files_notes_and_written_files_are_listed(sweep):
    folder = sweep((1.0, 0.0))
    (folder / "x").mkdir()
    (folder / "x" / records.FILE).touch()
    long = Path("/" + "very_long_name/" * 12 + "exponents.csv")
    text = text_of(folder, files=[long], label="activation=tanh")
    assert "Setting activation=tanh" in text
    assert "the records file is empty" in text
    assert f"  {long}\n" in text  # unbroken


def test_one_width_asks_for_more(sweep, grid):
    found = gaps(analyse(sweep(*grid, widths=(1000.0,))))
    assert found == ["one width: no exponent; add widths, e.g. widths=[500,1000,2000]"]


def test_one_seed_asks_for_more(sweep, grid):
    assert gaps(analyse(sweep(*grid, seeds=1))) == [
        "one seed: no interval and no regime; add seeds, e.g. seeds=[0,1,2]"
    ]


def test_rows_without_a_zero_say_which_side_to_extend(sweep):
    low = gaps(analyse(sweep((0.6, 0.0), (0.8, 0.0), noise=0.01)))
    assert low[0] == "gamma' = 0: S_w does not rise through zero between gamma = 0.6 and 0.8; add larger gammas"
    high = gaps(analyse(sweep((1.2, 0.0), (1.4, 0.0), name="high", noise=0.01)))
    assert high[0].endswith("add smaller gammas")


def test_a_zero_beside_a_cell_with_one_seed_is_explained(tmp_path):
    rows = [*power_law_rows(0.9, 0.0, noise=0.05), *power_law_rows(1.05, 0.0, seeds=1)]
    slopes = pd.Series(gaps(analyse(write(tmp_path, rows))))
    assert slopes.str.contains("no interval by interpolation, a cell that it is made of has one seed").any()


def test_what_is_left_by_merging_is_told_row_by_row(tmp_path):
    rows = [row for gamma in (0.8, 1.4) for row in power_law_rows(gamma, 0.2, antisymmetric=True)]
    for row in rows:
        row |= {"effective_width": int(row["width"] / row["gamma"]), "reduction_error": 1e-4 * (1 + row["seed"])}
    rows[0] |= {"effective_width": None, "reduction_error": None}  # a run whose weights overflowed
    folder = write(tmp_path, rows)
    lines = [line.split() for line in text_of(folder).split("Reduction")[1].splitlines()]
    assert ["0.2", "4000", "8000", "2857", "1.4", "5000", "0.8", "<=", "3.0e-04"] in lines
    table = analyse(folder).reductions
    assert len(table) == 8
    assert table["seeds"].tolist() == [2, 3, 3, 3, 3, 3, 3, 3]
    assert table["neurons"].tolist() == [1000, 2000, 4000, 8000] * 2


def test_a_single_point_has_no_boundary(sweep):
    assert gaps(analyse(sweep((1.2, 0.0)))) == [
        "no boundary: no two plain plane points share a gamma'; add gammas to a row"
    ]


def test_nothing_converged_is_said_once(tmp_path):
    found = gaps(analyse(write(tmp_path, failed(power_law_rows(1.0, 0.0)))))
    assert found[0].startswith("no run converged")
    assert any(line.startswith("no cluster counts: no run that converged has any; without clusters") for line in found)


def test_clusters_of_modules_are_said_to_be_those_of_their_matrices(tmp_path):
    rows = [{**row, "clusters": None, "clusters_initial_exact_0.weight": True} for row in power_law_rows(1.0, 0.0)]
    found = gaps(analyse(write(tmp_path, rows)))
    assert "clusters are those of each matrix: --value clusters_0.weight, over --x and --y" in found
