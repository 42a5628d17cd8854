from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, QuadMesh, TriMesh
from synthetic_sweep import failed, power_law_rows

from analysis import figures
from analysis.figures.layout import Cell, cells, grid_part, line_coordinate
from analysis.figures.marks import outer_sides
from analysis.figures.quantity import exponent
from analysis.figures.style import SIGNED
from analysis.figures.widths import chosen_points
from analysis.stats.boundary import Boundary
from analysis.stats.exponents import Exponents, seed_slopes
from condense import records
from condense.planes import two_layer as plane
from condense.theory import behind


def legend(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


@pytest.fixture
def exponents(runs, grid):
    return Exponents()(runs(*grid, noise=0.01))


def test_cells_lie_on_true_coordinates_and_carry_the_exponents(exponents):
    ax = figures.phase_diagram(exponents)
    mesh = next(item for item in ax.collections if isinstance(item, QuadMesh))
    corners = mesh.get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], [0.75, 0.85, 1.0, 1.2, 1.4])
    np.testing.assert_allclose(corners[:, 0, 1], [-0.3, -0.1, 0.1, 0.3])
    expected = exponents.pivot_table("S_w", "gamma_prime", "gamma").to_numpy()
    np.testing.assert_allclose(mesh.get_array().reshape(expected.shape), expected)
    assert mesh.get_clim() == (-0.5, 0.5)


@pytest.mark.parametrize("block", ["w", "a", "theta"])
def test_the_theory_line_is_that_of_the_block(exponents, block):
    ax = figures.phase_diagram(exponents, block=block)
    line = next(line for line in ax.lines if "theory" in str(line.get_label()))
    x, y = line.get_data()
    np.testing.assert_allclose(x, [plane.boundary(row, block) for row in y])
    assert y.min() == pytest.approx(-0.3)
    assert y.max() == pytest.approx(0.3)
    assert 0.0 in y


def test_measured_zeros_are_marked_with_their_intervals(runs, grid, exponents):
    boundary = Boundary()(seed_slopes(runs(*grid, noise=0.01)))
    ax = figures.phase_diagram(exponents, boundary)
    zeros = next(item for item in ax.collections if "measured zero" in str(item.get_label()))
    np.testing.assert_allclose(zeros.get_offsets(), boundary[["gamma_local", "gamma_prime"]])
    bars = next(item for item in ax.collections if isinstance(item, LineCollection) and len(item.get_segments()) == 3)
    ends = [segment[:, 0].tolist() for segment in bars.get_segments()]
    np.testing.assert_allclose(ends, boundary[["gamma_local_low", "gamma_local_high"]])
    assert any("90% interval" in entry for entry in legend(ax))


def test_cells_whose_interval_contains_zero_are_outlined(exponents):
    critical = (exponents["gamma"] == 0.9) & (exponents["gamma_prime"] == 0.0)
    exponents["S_w_low"] = exponents["S_w_high"] = np.where(exponents["S_w"] < 0, -0.1, 0.1)
    exponents.loc[critical, "S_w_high"] = 0.1
    ax = figures.phase_diagram(exponents)
    outline = next(item for item in ax.collections if "contains 0" in str(item.get_label()))
    corners = {tuple(point) for segment in outline.get_segments() for point in np.round(segment, 9)}
    assert corners == {(0.85, -0.1), (1.0, -0.1), (0.85, 0.1), (1.0, 0.1)}
    assert sum("critical at these widths:\ninterval contains 0, within" in entry for entry in legend(ax)) == 1
    assert not any("undetermined" in entry for entry in legend(ax))


def test_cells_whose_interval_is_too_wide_have_a_question_mark_and_no_outline(exponents):
    exponents["S_w_low"], exponents["S_w_high"] = exponents["S_w"] - 0.01, exponents["S_w"] + 0.01
    wide = (exponents["gamma"] == 1.3) & (exponents["gamma_prime"] == 0.0)
    exponents.loc[wide, ["S_w", "S_w_low", "S_w_high"]] = [0.81, -0.19, 1.81]
    ax = figures.phase_diagram(exponents)
    label = "undetermined at these widths:\ninterval contains 0, goes beyond"
    [marks] = [item for item in ax.collections if label in str(item.get_label())]
    [(x, y)] = marks.get_offsets()
    assert 1.2 < x < 1.4
    assert -0.1 < y < 0.1
    assert sum("undetermined" in entry for entry in legend(ax)) == 1


def test_neighbours_share_one_outline():
    left, right = Cell(0, 1, 0, 1), Cell(1, 2, 0, 1)
    sides = outer_sides([left, right])
    assert len(sides) == 6
    assert ((1, 0), (1, 1)) not in sides


def test_failed_and_unconverged_cells_are_marked_and_explained(grid):
    rows = [row for point in grid for row in power_law_rows(*point, noise=0.01)]
    lost = failed(rows[:12])  # the first point
    rows[12].update(converged=False, status="max_steps")  # one run of the second
    table = Exponents()(records.frame(lost + rows[12:]))
    ax = figures.phase_diagram(table)
    hatched = [patch for patch in ax.patches if patch.get_hatch()]
    assert [(round(p.get_x(), 9), round(p.get_y(), 9)) for p in hatched] == [(0.75, -0.3)]
    doubtful = next(item for item in ax.collections if "did not converge" in str(item.get_label()))
    assert sorted(doubtful.get_offsets()[:, 0].round(9)) == [0.8, 0.925]
    assert any("no exponent" in entry for entry in legend(ax))


def test_named_places_in_view_are_in_the_legend_and_others_are_not(exponents):
    entries = legend(figures.phase_diagram(exponents))
    assert any("mean field, Xavier" in entry for entry in entries)
    assert not any("NTK" in entry for entry in entries)


def test_regimes_are_named_where_they_were_measured_whatever_the_theory_says(runs, grid, exponents):
    ax = figures.phase_diagram(exponents)
    places = {text.get_text(): text.get_position() for text in ax.texts}
    for word in ("linear", "condensed"):
        assert plane.regime(*places[word]) == word
    other_way_round = pd.concat([runs(point, slope=1.05 - point[0], noise=0.01) for point in grid])
    ax = figures.phase_diagram(Exponents()(other_way_round))
    gammas = {text.get_text(): text.get_position()[0] for text in ax.texts}
    assert gammas["condensed"] < 1.05 < gammas["linear"]


def test_no_regime_is_named_over_cells_that_are_undetermined(runs, grid):
    assert not {"linear", "condensed"} & set(texts(figures.phase_diagram(Exponents()(runs(*grid, seeds=1)))))


def drawn(table: pd.DataFrame) -> list[plt.Axes]:
    exponents = Exponents()(table)
    boundary = Boundary(theory=behind(table))(seed_slopes(table))
    row = Exponents()(table[table["gamma_prime"] == 0.0])
    lines = figures.phase_diagram(row), figures.relative_change(table, exponents)
    maps = (
        figures.phase_diagram(exponents, boundary),
        figures.cluster_map(exponents),
        figures.relative_change_map(table),
    )
    return [*lines, *maps]


ELSEWHERE = {
    "tanh": {"activation": "tanh"},
    "own network": {"network": "mynet.Net", "activation": ""},
    "own activation": {"activation": "mine.relu"},
    "adam": {"flow": "adam"},
    "dropout": {"keep": 0.9},
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_no_theory_is_drawn_or_predicted_where_none_is_known_to_hold(runs, grid, name):
    table = runs(*grid, noise=0.01, **ELSEWHERE[name])
    exponents = Exponents()(table)
    assert not [column for column in exponents if column.endswith("_predicted") and column != "regime_predicted"]
    assert set(exponents["regime_predicted"]) == set(exponents["theory"]) == {""}
    assert Boundary(theory=behind(table))(seed_slopes(table))["gamma_theory"].isna().all()
    for ax in drawn(table):
        assert "theory" not in " ".join([*legend(ax), *texts(ax), ax.get_title()])
        assert "ReLU" not in " ".join(legend(ax))
        assert not [line for line in ax.lines if line.get_linestyle() == "--"]


@pytest.mark.parametrize(("activation", "name"), [("relu", "two-layer ReLU"), ("leaky_relu", "two-layer leaky ReLU")])
def test_the_theory_is_drawn_and_named_where_it_holds(runs, grid, activation, name):
    for ax in drawn(runs(*grid, noise=0.01, activation=activation)):
        assert any(f"theory, {name}" in entry for entry in legend(ax))


def test_titles_say_how_the_runs_were_made(runs, grid):
    for ax in drawn(runs(*grid, noise=0.01, activation="tanh", flow="descent", stop=1e-4)):
        assert "tanh two_layer, parabola, descent flow to mse 0.0001\n" in f"{ax.get_title()}\n"


def test_titles_of_long_names_stay_in_their_figures(grid):
    block, network = "encoder.layers.0.self-attn.in_proj_weight" * 2, "my.package.of.many.parts.nets." * 4 + "Net"
    names = {"network": network, "activation": "", "data": "measured_on_a_long_day_$in$_the_laboratory" * 3}
    rows = [
        {**row, f"rd_{block}": row["rd_w"], f"rd_{block}_sup": row["rd_w"]}
        for point in grid
        for row in power_law_rows(*point, noise=0.01, **names)
    ]
    table = records.frame(rows)
    exponents = Exponents()(table)
    axes = figures.phase_diagram(exponents, block=block), figures.relative_change(table, exponents, block)
    for ax in (*axes, figures.relative_change_map(table, block)):
        ax.figure.draw_without_rendering()
        title = ax.title.get_window_extent()
        assert ax.figure.bbox.x0 <= title.x0 < title.x1 <= ax.figure.bbox.x1
        assert ax.figure.bbox.y0 <= title.y0 < title.y1 <= ax.figure.bbox.y1
        assert network in ax.get_title().replace("\n", "")


def test_values_are_written_with_their_sign(exponents):
    written = texts(figures.phase_diagram(exponents))
    assert "+.15" in written
    assert len([text for text in written if text[0] in "+−."]) == len(exponents)


def test_values_are_left_out_where_one_has_no_room(exponents):
    _, ax = plt.subplots(figsize=(1.5, 1.2))
    assert texts(figures.phase_diagram(exponents, ax=ax)) == []


def test_axes_have_symbols_and_the_given_axes_are_used(exponents):
    _, ax = plt.subplots()
    assert figures.phase_diagram(exponents, ax=ax) is ax
    assert r"\gamma" in ax.get_xlabel()
    assert r"\gamma'" in ax.get_ylabel()
    assert "RD" in ax.get_title()


def test_nothing_is_drawn_over_anything_else_outside_of_the_data(runs, grid, exponents):
    exponents.loc[0, ["S_w", "S_w_low", "S_w_high", "converged"]] = [np.nan, np.nan, np.nan, 0]
    exponents.loc[1, ["S_w_low", "S_w_high"]] = [-0.1, 0.1]
    exponents.loc[2, ["S_w_low", "S_w_high"]] = [-0.1, 0.2]
    ax = figures.phase_diagram(exponents, Boundary()(seed_slopes(runs(*grid, noise=0.01))))
    assert len(legend(ax)) == 7
    ax.figure.draw_without_rendering()
    boxes = [ax.get_legend().get_window_extent(), ax.xaxis.label.get_window_extent(), ax.get_window_extent()]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[i + 1 :])
    assert boxes[0].width <= boxes[2].width  # or it would squeeze the axes


def test_a_row_is_drawn_against_gamma_with_the_theory(runs):
    table = Exponents()(runs((0.8, 0.2), (1.0, 0.2), (1.3, 0.2), noise=0.01))
    ax = figures.phase_diagram(table)
    curve = next(line for line in ax.lines if "theory" in str(line.get_label()))
    x, y = curve.get_data()
    np.testing.assert_allclose(y, [plane.exponent(gamma, 0.2) for gamma in x])
    measured = ax.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(measured, table[["gamma", "S_w"]].to_numpy(float))
    assert "0.2" in ax.get_title()


def test_a_column_is_drawn_against_gamma_prime(runs):
    ax = figures.phase_diagram(Exponents()(runs((1.1, -0.2), (1.1, 0.0), (1.1, 0.2), noise=0.01)))
    assert ax.containers[0].lines[0].get_xdata().tolist() == [-0.2, 0.0, 0.2]
    assert r"\gamma'" in ax.get_xlabel()


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_single_point_is_drawn(runs, seeds):
    table = runs((1.1, 0.0), seeds=seeds, noise=0.01)
    ax = figures.phase_diagram(Exponents()(table))
    assert ax.containers[0].lines[0].get_xdata().tolist() == [1.1]
    assert len(figures.relative_change(table, Exponents()(table)).lines) > 0
    assert figures.cluster_map(Exponents()(table)).lines[0].get_ydata().tolist() == [3.0]


def test_scattered_points_are_discs_coloured_by_their_exponent(runs):
    points = [(0.7, 0.1), (0.93, -0.2), (1.0, -0.1), (1.21, 0.3), (1.37, 0.05)]
    table = Exponents()(runs(*points, noise=0.05))
    ax = figures.phase_diagram(table)
    shades, discs = (item for item in ax.collections if item.get_array() is not None and item.get_array().size)
    assert isinstance(shades, TriMesh)
    np.testing.assert_allclose(discs.get_array(), table["S_w"])
    np.testing.assert_allclose(discs.get_offsets(), table[["gamma", "gamma_prime"]])
    rings = next(item for item in ax.collections if "contains 0" in str(item.get_label()))
    assert len(rings.get_offsets()) == (table["regime"] == "critical").sum() > 0


def test_named_initialisations_lie_on_the_grid_as_discs(runs, grid):
    table = Exponents()(pd.concat([runs(*grid), runs((1.0, 0.0), initialisation="xavier")]))
    ax = figures.phase_diagram(table)
    discs = [item for item in ax.collections if item.get_array() is not None and not isinstance(item, QuadMesh)]
    assert [item.get_offsets().tolist() for item in discs if len(item.get_offsets())] == [[[1.0, 0.0]]]


def test_a_half_filled_grid_is_a_grid_and_a_sparse_one_is_not(exponents):
    assert len(grid_part(exponents.iloc[:-3])) == 9
    assert grid_part(exponents.iloc[[0, 5, 10]]).empty
    assert cells(exponents.iloc[:0]) == []
    assert line_coordinate(exponents) is None


def test_one_width_cannot_be_a_phase_diagram_but_the_rest_is_drawn(runs, grid):
    table = runs(*grid, widths=(1000.0,))
    exponents = Exponents()(table)
    with pytest.raises(figures.NothingToDrawError, match="no exponent S_w to draw: it needs two widths"):
        figures.phase_diagram(exponents)
    with pytest.raises(figures.NothingToDrawError):
        figures.relative_change(table, exponents)
    assert "≥" not in "".join(texts(figures.cluster_map(exponents)))
    mesh = next(item for item in figures.relative_change_map(table).collections if isinstance(item, QuadMesh))
    np.testing.assert_allclose(mesh.get_array(), 0.3)


def test_capped_counts_are_written_as_bounds(exponents):
    exponents.loc[0, "clusters_capped"] = True
    written = texts(figures.cluster_map(exponents))
    assert [text for text in written if text.startswith("≥")] == ["≥200"]
    assert "3" in written


def test_counts_by_few_centres_are_written_as_about_and_not_as_bounds(exponents):
    exponents.loc[0, "clusters_exact"] = False
    ax = figures.cluster_map(exponents)
    assert [text for text in texts(ax) if text.startswith("≈")] == ["≈200"]
    assert "≈: about, as not every neuron was tried as a centre" in ax.get_title()
    assert "≈" not in "".join(texts(figures.cluster_map(exponents.assign(clusters_exact=True))))


def test_no_cluster_counts_cannot_be_drawn(exponents):
    with pytest.raises(figures.NothingToDrawError, match="no cluster count"):
        figures.cluster_map(exponents.assign(clusters=np.nan))


def test_effective_widths_are_written_into_their_cells(runs, grid):
    table = runs(*grid, antisymmetric=True)
    table["effective_width"] = table["seed"] + (table["width"] / 100).astype(int)
    table["reduction_error"] = table["seed"] * 3e-4
    ax = figures.effective_width_map(Exponents()(table))
    mesh = next(item for item in ax.collections if isinstance(item, QuadMesh))
    np.testing.assert_allclose(mesh.get_array(), 41)
    assert texts(ax).count("41") == len(grid)
    assert "at most 0.0006 of it" in ax.get_title()


def test_no_effective_widths_cannot_be_drawn(exponents):
    with pytest.raises(figures.NothingToDrawError, match="add reduction to measure.observables"):
        figures.effective_width_map(exponents)


def test_relative_changes_are_drawn_with_fit_and_theory(runs):
    table = runs((0.8, 0.0), (1.2, 0.0), slope=0.3)
    ax = figures.relative_change(table, Exponents()(table))
    fits = [line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata())]
    assert len(fits) == sum("S_{w}" in entry for entry in legend(ax)) == 2
    assert ax.get_xscale() == ax.get_yscale() == "log"
    for line in fits:
        x, y = line.get_data()
        np.testing.assert_allclose(y, 0.3 * (x / 1000) ** 0.3)
    dashed = [line for line in ax.lines if line.get_linestyle() == "--" and len(line.get_xdata())]
    slopes = [np.polyfit(np.log(line.get_xdata()), np.log(line.get_ydata()), 1)[0] for line in dashed]
    np.testing.assert_allclose(slopes, [-0.2, 0.1], atol=1e-9)


def test_at_most_seven_points_nearest_to_gamma_prime_zero_are_chosen(runs):
    gammas = [round(0.6 + 0.05 * i, 2) for i in range(13)]
    points = chosen_points(Exponents()(runs(*[(g, p) for g in gammas for p in (-0.3, 0.1)], seeds=2)))
    assert len(points) == 7
    assert set(points["gamma_prime"]) == {0.1}
    assert points["gamma"].tolist()[0] == 0.6
    assert points["gamma"].tolist()[-1] == 1.2


def test_a_user_block_is_drawn_without_a_theory_it_does_not_have(grid):
    rows = [{**row, "rd_my_block": row["rd_w"]} for point in grid for row in power_law_rows(*point, noise=0.01)]
    table = records.frame(rows)
    ax = figures.phase_diagram(Exponents()(table), block="my_block")
    ax.figure.draw_without_rendering()
    assert not any("theory" in entry for entry in legend(ax))
    figures.relative_change(table, Exponents()(table), "my_block").figure.draw_without_rendering()


def test_the_signed_colours_rise_in_lightness_so_that_grey_keeps_the_order():
    grey = SIGNED(np.linspace(0, 1, 101))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(grey) > 0).all()
    assert exponent("w").norm(0.0) == 0.5
    assert exponent("w").extend == "both"
