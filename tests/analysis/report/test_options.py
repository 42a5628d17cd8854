"""How figures look: sizes, formats, titles and limits, of all or of one; and that everything on them can be read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from fits import misfits, misfits_of
from matplotlib.figure import Figure
from PIL import Image
from synthetic_ladder import ladder_rows
from synthetic_snapshots import curve, on_grid, rays, two_layer, write_snapshot
from synthetic_sweep import failed, power_law_rows

from analysis import analyse, figures
from analysis.cli import main
from analysis.figures import style
from analysis.report.catalogue import COMPARISONS, FIGURES
from analysis.report.options import Options, OptionsError, read
from condense import records

ROOT = Path(__file__).parents[3]


def written(folder: Path, suffix: str) -> set[str]:
    return {path.stem for path in (folder / "analysis").iterdir() if path.suffix == suffix}


@pytest.fixture
def folder(sweep, grid):
    return sweep(*grid, noise=0.05)


def test_a_paper_has_columns_without_titles_and_these_in_files_beside(folder):
    assert main([str(folder), "--style", "paper", "--width", "3.3", "--format", "pdf", "png"]) == 0
    assert written(folder, ".pdf") == written(folder, ".png") == written(folder, ".txt") - {"report"}
    assert written(folder, ".svg") == set()
    with Image.open(folder / "analysis" / "phase_diagram.png") as image:
        assert image.size[0] == 990
    caption = (folder / "analysis" / "phase_diagram.txt").read_text()
    assert "Relative change of the input weights" in caption
    assert "4 widths, 3 seeds, 90% intervals over seeds" in caption
    assert main([str(folder)]) == 0
    assert written(folder, ".pdf") == set()  # older ones would be of another style
    assert written(folder, ".txt") == {"report"}
    assert written(folder, ".svg") == written(folder, ".png")


def test_a_file_says_it_of_all_figures_and_of_one_and_the_command_line_has_the_last_word(folder, tmp_path):
    given = tmp_path / "my.yaml"
    given.write_text(
        "style: paper\nformats: [png]\nwidth: 5\nphase_diagram:\n  width: 7\n  title: Mine\n  xlim: [0.8, 1.2]\n"
    )
    assert main([str(folder), "--figures", str(given), "--height", "3"]) == 0
    sizes = {name: Image.open(folder / "analysis" / f"{name}.png").size for name in ("phase_diagram", "clusters")}
    assert sizes == {"phase_diagram": (2100, 900), "clusters": (1500, 900)}
    options = read(given)
    with style.use(options.style("phase_diagram")):
        figure = Figure()
        ax = figures.phase_diagram(analyse(folder).exponents, ax=figure.subplots())
        options.apply("phase_diagram", figure, ax)
        assert ax.get_title() == "Mine"
        assert ax.get_xlim() == (0.8, 1.2)


def test_colours_and_where_they_end_are_chosen(folder):
    exponents = analyse(folder).exponents
    with style.use(Options().changed({"signed": "RdBu_r", "range": [-1, 2]}, "test").style("phase_diagram")):
        ax = figures.phase_diagram(exponents, ax=Figure().subplots())
        [mesh] = [item for item in ax.collections if item.get_array() is not None and item.get_clim()[0] is not None][
            :1
        ]
        assert mesh.get_clim() == (-1, 2)
        assert mesh.get_cmap().name == "RdBu_r"
        assert "colours end at -1 and 2" in ax.figure.axes[-1].get_ylabel()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stile: paper", "no option 'stile'; did you mean style?"),
        ("phase_diagramm: {width: 3}", "no figure 'phase_diagramm'; did you mean phase_diagram?"),
        ("phase_diagram: {xlimit: [0, 1]}", "no option 'xlimit'; did you mean xlim?"),
        ("style: papers", "style = 'papers' is not allowed: one of screen, paper"),
        ("formats: [pdf, doc]", "formats = ['pdf', 'doc'] is not allowed: a list of"),
        ("formats: pdf", "formats = 'pdf' is not allowed: a list of"),
        ("width: 0", "width = 0 is not allowed: a number from 1 to 40"),
        ("width: 340", "width = 340 is not allowed: a number from 1 to 40"),
        ("clusters: {xlim: [.nan, 1]}", "clusters.xlim = [nan, 1] is not allowed: two numbers"),
        ("dpi: 10000", "dpi = 10000 is not allowed: a number from 1 to 600"),
        ("titles: maybe", "titles = 'maybe' is not allowed: true or false"),
        ("colours: jetty", "colours = 'jetty' is not allowed: the name of a colour map of matplotlib"),
        ("range: [1, 1]", "range = [1, 1] is not allowed: two numbers"),
        ("clusters: {xlim: 3}", "clusters.xlim = 3 is not allowed: two numbers, such as [0.5, 2]"),
        ("clusters: {title: 3}", "clusters.title = 3 is not allowed: a text"),
        ("[1, 2]", "[1, 2] is no mapping"),
        ("a: [", "no YAML"),
    ],
)
def test_what_is_no_option_is_told_with_what_is(folder, tmp_path, capsys, text, said):
    given = tmp_path / "my.yaml"
    given.write_text(text)
    assert main([str(folder), "--figures", str(given)]) == 2
    assert said in capsys.readouterr().err
    with pytest.raises(OptionsError, match=re.escape(str(given))):
        read(given)


def test_a_file_that_is_not_there_and_a_bad_option_of_the_command_line_are_told(folder, capsys):
    assert main([str(folder), "--figures", "none.yaml"]) == 2
    assert "none.yaml: No such file" in capsys.readouterr().err
    assert main([str(folder), "--format", "doc"]) == 2
    assert "command line: formats = ['doc'] is not allowed" in capsys.readouterr().err
    assert not (folder / "analysis").exists()


def test_colours_of_exponents_for_all_figures_are_refused_where_colours_are_logarithmic(folder, tmp_path, capsys):
    given = tmp_path / "my.yaml"
    given.write_text("range: [-1, 1]")
    assert main([str(folder), "--figures", str(given)]) == 2
    said = "range = [-1, 1] is not allowed for logarithmic colours: two numbers above 0; set it below the name of a"
    assert said in capsys.readouterr().err


def test_a_matplotlibrc_changes_nothing(folder, tmp_path):
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 30\naxes.facecolor: black\ntext.usetex: True\naxes.grid: True\nfigure.figsize: 2,2\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    drawn = []
    for where in (tmp_path, folder):
        command = [sys.executable, "-m", "analysis", str(folder), "--format", "png"]
        subprocess.run(command, cwd=where, env=environment, check=True, capture_output=True)
        drawn.append({path.name: path.read_bytes() for path in (folder / "analysis").glob("*.png")})
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) > 4


def test_a_style_ends_with_its_figures():
    before = dict(mpl.rcParams)
    with style.use(style.STYLES["paper"]):
        assert style.size() == (3.4, pytest.approx(3.4 * 7.4 / 9.5))
    assert dict(mpl.rcParams) == before
    assert style.current() == style.STYLES["screen"]


def one_input(folder: Path, count: int) -> None:
    for number in range(count):
        job, key = folder / f"job{number}", f"run{number}"
        [row] = power_law_rows(1 + number / 10, 0.0, widths=(6.0,), seeds=1)
        moments = curve(range(4), [1, 1, 0.5, 0.1], clusters=[6, 5, 3, 2], lines=[3, 3, 2, 1])
        records.write(records.frame([{**row, "neurons": 6, "key": key, "curve": moments}]), job / records.FILE)
        for step in (0, 50, 100):
            arrays = two_layer(rays(np.linspace(0, 3, 6) + step / 1000, 1), np.arange(1, 7), **on_grid())
            write_snapshot(job, key, step, width=6, final=step == 100, **arrays)


def several_settings(folder: Path) -> None:
    for activation in ("relu", "tanh"):
        job = folder / activation
        [row] = power_law_rows(1.0, 0.0, widths=(6.0,), seeds=1, activation=activation, setting=activation)
        moments = curve(range(4), [1, 1, 0.5, 0.1], clusters=[6, 5, 3, 2], lines=[3, 3, 2, 1])
        table = records.frame([{**row, "neurons": 6, "key": activation, "curve": moments}])
        records.write(table, job / records.FILE)
        for step in (0, 50, 100):
            arrays = two_layer(np.eye(4)[np.arange(6) % 2], np.arange(1, 7))
            write_snapshot(job, activation, step, width=6, final=step == 100, **arrays)


def plane_with_faults(folder: Path) -> None:
    points = [(gamma / 10, prime / 10) for prime in range(-4, 5, 2) for gamma in range(6, 15)]
    rows = [row for point in points for row in power_law_rows(*point, noise=0.2)]
    lost = failed(rows[:12])
    rows[12].update(converged=False, status="max_steps")
    reduced = {"effective_width": 5, "reduction_error": 1e-5}
    records.write(records.frame([{**row, **reduced} for row in lost + rows[12:]]), folder / "job" / records.FILE)


def ladder(folder: Path) -> None:
    points = [(gamma, prime) for prime in (-0.2, 0.0, 0.2) for gamma in (0.8, 1.0, 1.2)]
    rows = [row for point in points for row in ladder_rows(*point, bend=0.1)]
    rows += [row for point in points for row in power_law_rows(*point, noise=0.02)]
    records.write(records.frame(rows), folder / "job" / records.FILE)


SWEEPS = {
    "plane": plane_with_faults,
    "one": lambda folder: one_input(folder, 1),
    "some": lambda folder: one_input(folder, 3),
    "many": lambda folder: one_input(folder, 13),
    "settings": several_settings,
    "ladder": ladder,
}


@pytest.mark.parametrize(("look", "width"), [("paper", 3.3), ("paper", 5.5), ("screen", 10.0), ("screen", None)])
@pytest.mark.parametrize("name", SWEEPS)
def test_nothing_overlaps_or_is_cut_in_any_figure_of_any_width(tmp_path, name, look, width):
    SWEEPS[name](tmp_path)
    assert misfits_of(tmp_path, style=look, **({} if width is None else {"width": width})) == []


def test_what_does_not_fit_is_found():
    figure, ax = plt.subplots(figsize=(2, 2))
    ax.set_title("a title that is much longer than the figure is wide")
    ax.set_xlabel("below")
    figure.subplots_adjust(bottom=0.2)
    figure.text(0.5, 0.01, "on top\nof it", ha="center")
    lines = misfits(figure)
    assert "title 'a title that is much longer than the figure is wide' is cut" in lines
    assert any("overlaps label 'below'" in line or "label 'below' overlaps" in line for line in lines)


def test_the_docs_list_every_figure_of_the_catalogue():
    text = (ROOT / "docs" / "figures.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    expected = [(name, figure.shows, figure.needs) for name, figure in {**FIGURES}.items()]
    expected += [(name, figure.shows, figure.needs) for name, figure in COMPARISONS.items()]
    assert [row for row in rows if row[0] != "orientation.gif"] == expected


def test_the_file_of_options_in_the_docs_is_one(tmp_path):
    [text] = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "figures.md").read_text(), re.DOTALL | re.MULTILINE)
    given = tmp_path / "my.yaml"
    given.write_text(text)
    options = read(given)
    assert options.style("phase_diagram").range == (-1, 1)
    assert options.style("clusters").width == 3.4
