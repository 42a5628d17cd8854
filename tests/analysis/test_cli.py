from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from synthetic_sweep import power_law_rows

from analysis.cli import main
from condense import records

ROOT = Path(__file__).parents[2]
FIGURES = (
    "phase_diagram",
    "phase_diagram_a",
    "phase_diagram_theta",
    "relative_change",
    "relative_change_map",
    "clusters",
)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m analysis`, with exit code 99 if torch was imported."""
    program = (
        "import sys; from analysis.cli import main; code = main(); sys.exit(99 if 'torch' in sys.modules else code)"
    )
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=ROOT)


def test_a_sweep_becomes_tables_figures_and_a_report_without_torch(sweep, grid):
    folder = sweep(*grid, noise=0.01)
    (folder / "broken").mkdir()
    (folder / "broken" / records.FILE).write_bytes(b"PAR1 no more")
    done = command(str(folder), "--level", "0.8")
    assert done.returncode == 0
    assert done.stderr.startswith("skipped ")
    assert len(done.stderr.splitlines()) == 1
    output = folder / "analysis"
    names = {path.name for path in output.iterdir()}
    tables = {"exponents.csv", "boundary.csv", "local_slopes.csv", "report.txt"}
    assert names == tables | {f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "svg")}
    assert (output / "report.txt").read_text(encoding="utf-8") == done.stdout
    assert all(str(output / name) in done.stdout for name in names)
    assert (pd.read_csv(output / "exponents.csv")["level"] == 0.8).all()
    dots = Image.open(output / "phase_diagram.png").info["dpi"][0]
    assert dots == pytest.approx(200, abs=1)


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "analysis", "--help"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0
    assert "--level" in done.stdout
    assert "DIR/analysis" in done.stdout


def test_one_width_draws_no_phase_diagram_and_removes_an_older_one(sweep, capsys):
    folder = sweep((0.9, 0.0), (1.1, 0.0), widths=(1000.0,))
    (folder / "analysis").mkdir()
    (folder / "analysis" / "phase_diagram.png").touch()
    assert main([str(folder)]) == 0
    assert "one width: no exponent; add widths" in capsys.readouterr().out
    written = {path.name for path in (folder / "analysis").iterdir()}
    assert not any(name.startswith("phase_diagram") for name in written)
    assert {"clusters.png", "relative_change_map.png", "exponents.csv"} <= written


def test_runs_that_were_reduced_have_a_table_and_a_figure_and_others_lose_older_ones(sweep):
    names = {"reductions.csv", "effective_width.png", "effective_width.svg"}
    for columns in ({"effective_width": 7, "reduction_error": 1e-4}, {}):
        folder = sweep((0.9, 0.0), (1.1, 0.0), **columns)
        assert main([str(folder)]) == 0
        written = names & {path.name for path in (folder / "analysis").iterdir()}
        assert written == (names if columns else set())


def test_several_settings_have_folders_of_their_own(tmp_path, capsys):
    for activation in ("relu", "tanh"):
        rows = power_law_rows(1.0, 0.0, setting=activation, activation=activation, rd_a=None, rd_theta=None)
        records.write(records.frame(rows), tmp_path / activation / records.FILE)
    assert main([str(tmp_path)]) == 0
    folders = {path.name for path in (tmp_path / "analysis").iterdir()}
    assert folders == {"activation=relu", "activation=tanh"}
    assert "Setting activation=tanh" in capsys.readouterr().out


def test_the_same_sweep_gives_the_same_bytes(sweep):
    folder = sweep((1.0, 0.0), rd_a=None, rd_theta=None)
    files = [folder / "analysis" / name for name in ("phase_diagram.svg", "phase_diagram.png", "exponents.csv")]
    contents = []
    for _ in range(2):
        assert main([str(folder)]) == 0
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]


@pytest.mark.parametrize("make", [False, True])
def test_bad_folders_are_one_message_and_code_2(tmp_path, capsys, make):
    folder = tmp_path / "nothing"
    if make:
        folder.mkdir()
    assert main([str(folder)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert str(folder) in err
    assert "python -m condense -m experiment=quickstart" in err
    assert not (folder / "analysis").exists()


@pytest.mark.parametrize("level", ["0", "1", "90", "high", "nan"])
def test_a_bad_level_is_code_2(level, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["anywhere", "--level", level])
    assert caught.value.code == 2
    assert f"'{level}' is not a number between 0 and 1, such as 0.9" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_code_2(sweep, capsys):
    folder = sweep((1.0, 0.0))
    (folder / "analysis").touch()
    assert main([str(folder)]) == 2
    assert "analysis" in capsys.readouterr().err
