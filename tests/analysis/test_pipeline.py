from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.mathtext import MathTextParser

import analysis
from analysis.report import output
from analysis.report.options import Options
from condense import records


def test_analyse_gives_all_tables(sweep, grid):
    found = analysis.analyse(sweep(*grid, noise=0.01), level=0.8)
    assert len(found.runs) == 144
    assert len(found.exponents) == 12
    assert len(found.boundary) == 3
    assert len(found.local_slopes) == 36
    assert found.level == 0.8
    assert (found.exponents["level"] == 0.8).all()
    assert found.block == "w"


def test_the_result_cannot_be_changed(sweep):
    with pytest.raises(AttributeError):
        analysis.analyse(sweep((1.0, 0.0))).level = 0.5


def test_several_settings_are_analysed_apart(sweep):
    folder = sweep((1.0, 0.0), setting="r", activation="relu", slope=0.1)
    rows = records.read(
        sweep((1.0, 0.0), name="t", setting="t", activation="tanh", slope=0.7)
        / "gamma=1.0,gamma_prime=0.0"
        / records.FILE
    )
    records.write(rows, folder / "tanh" / records.FILE)
    found = analysis.analyses(folder)
    assert {label: round(one.exponents["S_w"][0], 9) for label, one in found.items()} == {
        "activation=relu": 0.1,
        "activation=tanh": 0.7,
    }
    with pytest.raises(analysis.SweepError, match=r"activation=relu; activation=tanh: use analysis\.analyses"):
        analysis.analyse(folder)


def test_a_bad_level_is_refused(sweep):
    with pytest.raises(ValueError, match=r"level = 1\.5"):
        analysis.analyse(sweep((1.0, 0.0)), level=1.5)


def test_importing_is_quick_and_needs_neither_torch_nor_pandas():
    program = "import sys, analysis; print([m for m in ('torch', 'pandas', 'matplotlib', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'analyze'"):
        analysis.analyze  # noqa: B018
    assert all(hasattr(analysis, name) for name in analysis.__all__)


def test_processes_that_draw_share_no_formula_with_the_one_that_forked_them(sweep, monkeypatch):
    """Its font would be read by several processes at one place in the file: some glyphs come out broken."""
    found = analysis.analyse(sweep((0.8, 0.0), (1.2, 0.0)))
    MathTextParser("path").parse(r"$\gamma$")
    assert MathTextParser._parse_cached.cache_info().currsize
    monkeypatch.setattr(output, "_by_name", remembered)
    assert set(output._figures(found, Path("."), Options())) == {0}


def remembered(name):
    return [MathTextParser._parse_cached.cache_info().currsize]
