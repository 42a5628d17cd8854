from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from synthetic_snapshots import curve, on_grid, rays, two_layer, write_snapshot
from synthetic_sweep import power_law_rows

from analysis import analyse, analyses
from analysis.cli import main
from analysis.figures import NothingToDrawError
from analysis.report.catalogue import ANIMATIONS, COMPARISONS, FIGURES, chosen_runs, drawings
from analysis.snapshots import snapshots
from condense import records

ON_THE_WAY = {name for name, figure in {**FIGURES, **COMPARISONS}.items() if "snapshots" in figure.needs}


def write_point(folder: Path, gamma: float, steps=(0, 100), d: int = 2, name: str = "", **columns) -> Path:
    """One run at (gamma, 0) with a curve, and snapshots in d dimensions whose first angle is the step / 1000."""
    job = folder / (name or f"gamma={gamma}")
    [row] = power_law_rows(gamma, 0.0, widths=(6.0,), seeds=1, **columns)
    moments = curve(range(4), [1, 1, 0.5, 0.1], clusters=[6, 5, 3, 2], lines=[3, 3, 2, 1])
    records.write(records.frame([{**row, "neurons": 6, "key": str(job.name), "curve": moments}]), job / records.FILE)
    for step in steps:
        w = rays(np.full(6, step / 1000), 1) if d == 2 else np.eye(d)[np.arange(6) % 2]
        arrays = two_layer(w, np.arange(1, 7), **(on_grid() if d == 2 else {}))
        write_snapshot(job, str(job.name), step, width=6, final=step == max(steps, default=0), **arrays)
    return job


def written(folder: Path, suffix: str = ".png") -> set[str]:
    return {path.stem for path in (folder / "analysis").iterdir() if path.suffix == suffix} & ON_THE_WAY


def drawn(name: str, found):
    figure = Figure()
    drawings(found)[name](figure.subplots())
    return figure


def allowed(named, *given) -> set[str]:
    """The figures of snapshots and curves that there is something to draw for."""
    names = set()
    for name in ON_THE_WAY & set(named):
        with contextlib.suppress(NothingToDrawError):
            named[name](*given, Figure().subplots())
            names.add(name)
    return names


def test_a_sweep_of_one_input_shows_outputs_orientations_and_curves(tmp_path, capsys):
    for gamma in (0.5, 1.0, 1.75):
        write_point(tmp_path, gamma, steps=range(0, 1000, 100))
    assert main([str(tmp_path)]) == 0
    names = {"training_curves", "output_curves", "orientation", "direction_field"}
    assert written(tmp_path) == written(tmp_path, ".svg") == names
    with Image.open(tmp_path / "analysis" / "orientation.gif") as moving:
        assert moving.n_frames == 10
    assert "orientation.gif" in capsys.readouterr().out
    found = analyse(tmp_path)
    figure = drawn("orientation", found)
    assert [ax.get_title() for ax in figure.axes] == [rf"$\gamma = {g}$, $\gamma' = 0$" for g in ("0.5", "1", "1.75")]
    final = next(item for item in figure.axes[0].collections if item.get_label() == "after training")
    np.testing.assert_allclose(final.get_offsets()[:, 0], 0.9)
    initial = next(item for item in figure.axes[0].collections if item.get_label() == "before training")
    np.testing.assert_allclose(initial.get_offsets()[:, 0], 0.0, atol=1e-12)


def test_few_snapshots_make_no_animation_and_an_older_one_goes(tmp_path):
    write_point(tmp_path, 1.0)
    old = tmp_path / "analysis" / "orientation.gif"
    old.parent.mkdir()
    old.touch()
    (tmp_path / "analysis" / "cosine_matrices.png").touch()
    assert main([str(tmp_path)]) == 0
    assert not old.exists()
    assert "cosine_matrices" not in written(tmp_path)


def test_many_points_are_a_plate(tmp_path):
    for gamma in np.arange(13) / 10:
        write_point(tmp_path, gamma)
    found = analyse(tmp_path)
    assert allowed(drawings(found)) == {
        "training_curves",
        "output_curves",
        "orientation_plate",
    }
    plate = drawn("orientation_plate", found).axes[0]
    assert len(plate.patches) == 13
    outputs = drawn("output_curves", found)
    assert len(outputs.axes) == 12
    assert "12 of 13 plane points" in outputs.get_suptitle()


def test_data_of_more_inputs_show_cosine_matrices(tmp_path):
    write_point(tmp_path, 1.0, d=4)
    write_point(tmp_path, 1.2, d=4)
    found = analyse(tmp_path)
    assert allowed(drawings(found)) == {
        "training_curves",
        "cosine_matrices",
        "cosine_matrices_before",
    }
    assert "before training" in drawn("cosine_matrices_before", found).get_suptitle()
    first, second, bar = drawn("cosine_matrices", found).axes
    assert "2 lines carry" in first.get_title()
    assert "1.2" in second.get_title()
    assert "cosine" in bar.get_ylabel()


def test_a_deep_network_has_a_matrix_a_layer(tmp_path):
    job = write_point(tmp_path, 1.0, steps=())
    rng = np.random.default_rng(0)
    blocks = {name: rng.standard_normal((1, 6, d)) for name, d in (("w1", 2), ("w2", 7), ("w3", 7))}
    write_snapshot(job, job.name, 5, final=True, a=np.ones((1, 6)), **blocks, **on_grid())
    found = analyse(tmp_path)
    assert allowed(drawings(found)) == {
        "training_curves",
        "output_curves",
        "cosine_matrices",
    }
    titles = [ax.get_title() for ax in drawn("cosine_matrices", found).axes[:3]]
    assert [f"layer w{n}" in title for n, title in enumerate(titles, 1)] == [True] * 3
    with pytest.raises(NothingToDrawError):
        ANIMATIONS["orientation.gif"](found, tmp_path / "no.gif")


def test_the_training_curves_of_a_point_are_those_of_its_runs(tmp_path):
    write_point(tmp_path, 1.0, steps=())
    found = analyse(tmp_path)
    loss, counts = drawn("training_curves", found).axes
    assert loss.lines[0].get_ydata().tolist() == [1, 1, 0.5, 0.1]
    assert counts.lines[0].get_ydata().tolist() == [6, 5, 3, 2]


def test_settings_are_compared(tmp_path, capsys):
    for activation in ("relu", "tanh"):
        write_point(tmp_path, 1.0, d=4, name=activation, activation=activation, setting=activation)
    assert main([str(tmp_path)]) == 0
    assert written(tmp_path) == {"cosine_matrices", "effective_ratio"}
    assert "Comparing the settings:" in capsys.readouterr().out
    found = analyses(tmp_path)
    figure = Figure()
    ax = COMPARISONS["effective_ratio"].draw(found, figure.subplots())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["activation=relu", "activation=tanh"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.array([6, 5, 3, 2]) / 6)
    assert ax.get_title().endswith("$\\gamma = 1$, $\\gamma' = 0$, width $m = 6$")
    matrices = Figure()
    COMPARISONS["cosine_matrices"].draw(found, matrices.subplots())
    assert [ax.get_title().splitlines()[0] for ax in matrices.axes[:2]] == ["activation=relu", "activation=tanh"]
    assert r"at $\gamma = 1$" in matrices.get_suptitle().replace("\n", " ")


def test_effective_ratios_under_different_clocks_are_not_compared(tmp_path):
    for flow in ("exponential", "adam"):
        write_point(tmp_path, 1.0, steps=(), name=flow, flow=flow, setting=flow)
    found = analyses(tmp_path)
    assert allowed({name: figure.draw for name, figure in COMPARISONS.items()}, found) == set()


def test_the_last_snapshot_of_the_widest_run_of_the_first_seed_is_shown(tmp_path):
    job = tmp_path / "job"
    rows = [{**row, "key": f"{row['width']:g},{row['seed']}"} for row in power_law_rows(1.0, 0.0, widths=(4.0, 8.0))]
    records.write(records.frame(rows), job / records.FILE)
    for width, seed, step in ((4, 0, 9), (8, 2, 9), (8, 1, 3), (8, 1, 9), (8, 0, 7)):
        write_snapshot(job, f"{width},{seed}", step, width, seed, final=step == 9, **two_layer([[1, 0]], [1]))
    [row] = chosen_runs(snapshots(tmp_path)).to_dict("records")
    assert (row["width"], row["seed"], row["step"]) == (8, 1, 9)  # seed 0 has not ended


def test_a_damaged_snapshot_is_told_and_the_rest_is_drawn(tmp_path, capsys):
    job = write_point(tmp_path, 1.0)
    (job / "snapshots" / "damaged.npz").write_bytes(b"PK no more")
    assert main([str(tmp_path)]) == 0
    assert "damaged.npz: not a readable snapshot" in capsys.readouterr().err
    assert "orientation" in written(tmp_path)


@pytest.mark.parametrize("steps", [(), (0,)])
def test_runs_without_curves_or_with_one_moment_do_not_fail(tmp_path, steps):
    write_point(tmp_path, 1.0, steps=steps)
    table = records.read(tmp_path / "gamma=1.0" / records.FILE)
    records.write(table.drop(columns="curve"), tmp_path / "gamma=1.0" / records.FILE)
    assert main([str(tmp_path)]) == 0
    assert written(tmp_path) == ({"output_curves", "orientation", "direction_field"} if steps else set())


def test_panels_are_named_by_their_place(tmp_path):
    write_point(tmp_path, 0.5, name="named", initialisation="ntk")
    write_point(tmp_path, 0.7, name="spelled", initialisation="alpha=1,beta1=m^-0.5,beta2=3,x=1e-3")
    found = analyse(tmp_path)
    titles = [ax.get_title() for ax in drawn("output_curves", found).axes]
    spelled = r"$\alpha = 1$, $\beta_1 = m^{-0.5}$, $\beta_2 = 3$, x=1e-3"
    assert titles == [f"{spelled}\n$\\gamma = 0.7$, $\\gamma' = 0$", r"ntk: $\gamma = 0.5$, $\gamma' = 0$"]
