from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.patches import Rectangle
from matplotlib.quiver import Quiver
from PIL import Image
from synthetic_snapshots import curve, on_grid, rays, two_layer, write_snapshot

from analysis import figures
from analysis.figures.canvas import share_legend
from analysis.figures.cosines import ordered
from analysis.figures.curves import clock
from analysis.figures.panels import panels
from analysis.snapshots import neurons, output


@pytest.fixture
def network(tmp_path):
    """Build the table of neurons of a snapshot: network(w, a, active, step=..)."""

    def build(w, a, active=True, step=0):
        return neurons(write_snapshot(tmp_path, "k", step, **two_layer(w, a, active)))

    return build


def labelled(ax, start: str):
    items = [item for item in [*ax.collections, *ax.lines, *ax.patches] if str(item.get_label()).startswith(start)]
    assert len(items) == 1
    return items[0]


def legend(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def runs(*curves, **columns) -> pd.DataFrame:
    """Curves of runs with keys and seeds 0, 1, .. as `condense.records.curves` gives them."""
    tables = [pd.DataFrame(moments).assign(key=f"k{n}", seed=n, neurons=10) for n, moments in enumerate(curves)]
    return pd.concat(tables, ignore_index=True).assign(**columns)


def test_the_output_is_drawn_with_the_data(tmp_path):
    ax = figures.output_curve(output(write_snapshot(tmp_path, "k", 0, **two_layer([[1, 1]], [1]), **on_grid())))
    x, f = labelled(ax, "output").get_data()
    np.testing.assert_allclose(f, x**2)
    np.testing.assert_allclose(labelled(ax, "data").get_offsets()[:, 1], [0.25, 1 / 36, 1 / 36, 0.25])


def test_orientations_before_and_after_training(network):
    initial = network(rays([0.5, 1.0, -2.0], 1), [1, 2, 4])
    final = network(rays([0.7, 0.7, -2.0], 1), [5, 10, 4], [True, True, False], step=1)
    ax = figures.orientation(final, initial=initial)
    np.testing.assert_allclose(labelled(ax, "before").get_offsets(), [[0.5, 0.25], [1.0, 0.5], [-2.0, 1.0]])
    moving = next(item for item in ax.collections if item.get_label() == "after training")
    np.testing.assert_allclose(moving.get_offsets(), [[0.7, 0.5], [0.7, 1.0]])
    resting = labelled(ax, "after training, seeing no data point")
    np.testing.assert_allclose(resting.get_offsets(), [[-2.0, 0.4]])
    assert resting.get_alpha() < 1
    assert len(legend(ax)) == 3


def test_ways_join_the_moments_and_do_not_cross_the_picture(network):
    tables = [network(rays([angle, 3.0], 1), [1, 0.5], step=n) for n, angle in enumerate((3.0, 3.1, -3.1, -3.0))]
    ax = figures.orientation(tables[-1], moments=tables)
    ways = next(item for item in ax.collections if isinstance(item, LineCollection)).get_segments()
    np.testing.assert_allclose(ways[0], [[3.0, 1], [3.1, 1]])
    np.testing.assert_allclose(ways[1], [[-3.1, 1], [-3.0, 1]])
    np.testing.assert_allclose(ways[2], [[3.0, 0.5]] * 4)


def test_the_ways_of_the_largest_neurons_are_drawn(network):
    many = network(rays(np.linspace(-3, 3, 400), 1), np.arange(400))
    ax = figures.orientation(many, moments=[many, many])
    ways = next(item for item in ax.collections if isinstance(item, LineCollection)).get_segments()
    assert len(ways) == 300
    assert min(way[0, 1] for way in ways) == pytest.approx(100 / 399)
    assert "on the way (300 neurons of largest amplitude)" in legend(ax)


@pytest.mark.parametrize("draw", [figures.orientation, figures.orientation_plate, figures.direction_field])
def test_neurons_without_an_angle_are_refused(network, draw):
    with pytest.raises(figures.NothingToDrawError, match="not those of one input and a bias"):
        draw(network(np.eye(3), np.ones(3)))


def test_the_plate_has_a_box_a_point_and_the_points_in_it(network):
    table = network(rays([-np.pi + 1e-9, 0.0, np.pi], 1), [0.5, 1, 2])
    places = [(0.7, -0.3, 10), (0.7, 0.3, 10), (1.3, 0.3, 10), (1.3, 0.3, 100)]
    plate = pd.concat([table.assign(gamma=x, gamma_prime=y, width=m) for x, y, m in places], ignore_index=True)
    ax = figures.orientation_plate(plate)
    corners = {(box.get_x(), box.get_y()) for box in ax.patches}
    assert len(ax.patches) == len(corners) == 3
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.7", "1.3"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["−0.3", "0.3"]
    large, small = (item.get_offsets() for item in ax.collections if len(item.get_offsets()))
    assert legend(ax) == ["width $m = 100$", "width $m = 10$"]
    assert (len(large), len(small)) == (3, 9)
    np.testing.assert_allclose(large[:, 0], [1 - 0.414, 1, 1 + 0.414], atol=1e-6)
    np.testing.assert_allclose(large[:, 1], 1 + 0.828 * (np.array([0.25, 0.5, 1]) - 0.5), atol=1e-6)
    np.testing.assert_allclose(small[:3] - small[3:6], [[0, -1]] * 3, atol=1e-9)
    for x, y in [*large, *small]:
        assert any(b.get_x() <= x <= b.get_x() + 0.9 and b.get_y() <= y <= b.get_y() + 0.9 for b in ax.patches)


def shuffled(seed: int = 0):
    """Three tight groups of 5, 4 and 3 neurons in five dimensions, one with opposite neurons, in a random order."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.standard_normal((5, 5)))[0][:3]
    name = np.repeat([0, 1, 2], [5, 4, 3])
    sign = np.where(np.arange(12) % 2, 1, np.where(name == 1, -1, 1))
    w = sign[:, None] * centres[name] + 0.01 * rng.standard_normal((12, 5))
    mix = rng.permutation(12)
    return w[mix], name[mix], sign[mix]


@pytest.mark.parametrize("seed", range(5))
def test_cosines_of_one_line_are_blocks_on_the_diagonal(seed):
    w, _, _ = shuffled(seed)
    ax = figures.cosine_matrix(w)
    matrix = ax.images[0].get_array()
    frames = sorted((frame.get_x(), frame.get_width()) for frame in ax.patches)
    assert sorted(size for _, size in frames) == [3, 4, 5]
    assert [start for start, _ in frames] == np.cumsum([0, *(size for _, size in frames)]).tolist()[:3]
    inside = np.zeros((12, 12), bool)
    for start, size in frames:
        inside[start : start + size, start : start + size] = True
    assert (np.abs(matrix[inside]) > 0.95).all()
    assert (np.abs(matrix[~inside]) < 0.2).all()
    start = next(start for start, size in frames if size == 4)
    turns = np.sign(matrix[start, start : start + 4])
    assert turns.tolist() == [1, 1, -1, -1]  # opposite neurons of a line are not mixed
    assert ax.get_title().startswith("3 lines carry 99 % of the length\n12 neurons")
    assert len(ax.figure.axes) == 2


def test_directions_are_told_from_lines_and_neurons_from_amplitude():
    w, _, _ = shuffled()
    w[0] *= 1000
    assert figures.cosine_matrix(w, lines=False, weighted=False).get_title().startswith("4 directions hold 99 %")
    ax = figures.cosine_matrix(w, bar=False)
    assert ax.get_title().startswith("1 line carries 99 % of the length")
    assert len(ax.figure.axes) == 1


def test_shares_are_written_on_frames_and_beside_small_ones():
    w = np.eye(3)[np.repeat([0, 1, 2], [20, 20, 1])]
    w[-1] *= 20
    texts = figures.cosine_matrix(w).texts
    assert sorted(text.get_text() for text in texts) == [" 33% ", "33%", "33%"]


def test_similar_groups_are_neighbours_and_those_of_no_group_last():
    angles = np.array([0.0, 2.0, 1.0, 0.01, 1.01, 2.01, 0.5])
    units = rays(angles, 1)
    member = np.array([0, 1, 2, 0, 2, 1, -1])
    place = ordered(units @ units.T, member, np.ones(7, int), lines=False)
    around = member[place].tolist()
    assert around[-1] == -1
    assert [around[0], around[2], around[4]] in ([0, 2, 1], [1, 2, 0])
    assert around[0::2][:3] == around[1::2]


def test_at_most_two_hundred_neurons_of_largest_amplitude_are_drawn(network):
    ax = figures.cosine_matrix(network(np.eye(3)[np.arange(300) % 3], 1 + np.arange(300)))
    assert ax.images[0].get_array().shape == (200, 200)
    assert ax.get_title().endswith("200 of 300 neurons, those of largest amplitude")


def test_inactive_neurons_are_left_out_of_the_matrix(network):
    ax = figures.cosine_matrix(network(np.eye(3), [1, 1, 1], [True, True, False]))
    assert ax.images[0].get_array().shape == (2, 2)
    with pytest.raises(figures.NothingToDrawError, match="1 active neurons with an amplitude, it takes two"):
        figures.cosine_matrix(network(np.eye(3), [1, 0, 1], [True, True, False]))


def test_loss_and_counts_are_drawn_with_the_plateaus():
    table = runs(
        curve([0, 1, 2, 4, 8, 16], [1, 1, 1, 1, 0.1, 0.01], clusters=[9, 8, 7, 5, 4, 2], lines=[5, 4, 4, 3, 2, 1]),
        curve([0, 3, 9], [1, 0.5, 0.1], clusters=[9, 6, 3], lines=[5, 4, 2]),
    )
    ax = figures.training_curves(table, against="step")
    loss, other = (line for line in ax.lines if len(line.get_xdata()))
    assert loss.get_linewidth() > other.get_linewidth()
    np.testing.assert_allclose(loss.get_xydata(), [[0.5, 1], [1, 1], [2, 1], [4, 1], [8, 0.1], [16, 0.01]])
    counts = ax.figure.axes[-1]
    assert [line.get_ydata().tolist() for line in counts.lines] == [
        [9, 8, 7, 5, 4, 2],
        [5, 4, 4, 3, 2, 1],
        [9, 6, 3],
        [5, 4, 2],
    ]
    [shade] = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert (shade.get_x(), shade.get_width()) == (1, 3)
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert len(legend(ax)) == 5
    assert any(entry.startswith("numbers of directions: ≈") for entry in legend(ax))


def test_many_clusters_are_on_a_logarithmic_scale_and_none_on_no_scale():
    many = figures.training_curves(runs(curve([0, 1], [1, 0.5], clusters=[200, 3])))
    assert many.figure.axes[-1].get_yscale() == "log"
    none = figures.training_curves(runs(curve([0, 1], [1, 0.5])))
    assert none.figure.axes[-1].get_yticks().tolist() == []


def test_a_run_without_two_moments_has_no_training_curve():
    with pytest.raises(figures.NothingToDrawError, match=r"no run has two moments; choose snapshots\.per_decade=5"):
        figures.training_curves(runs(curve([0], [1])))


def test_flows_of_a_fixed_rate_are_followed_by_steps():
    assert clock(runs(curve([0], [1]), flow="adam")) == "step"
    assert clock(runs(curve([0], [1]), flow="exponential")) == clock(runs(curve([0], [1]))) == "time"


def test_the_effective_ratio_is_a_mean_over_seeds_with_its_interval():
    tables = [
        runs(
            curve([0, 10], [1, 0.1], clusters=[10, high]),
            curve([0, 10], [1, 0.1], clusters=[8, low]),
            keep=keep,
            antisymmetric=False,
        )
        for keep, high, low in ((1.0, 9, 7), (0.9, 3, 1))
    ]
    table = pd.concat([tables[0], tables[1].assign(key=lambda t: t["key"] + "dropout")])
    ax = figures.effective_ratio(table, by="keep", against="step")
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[0, 0.9], [10, 0.8]], [[0, 0.9], [10, 0.2]]]
    assert legend(ax) == ["1.0", "0.9"]
    half = 6.3138 * np.sqrt(0.02) / np.sqrt(2)  # Student's t of one degree of freedom at 0.95; deviation of .9 and .7
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([heights.min(), heights.max()], [0.8 - half, 0.9 + half], rtol=1e-4)
    assert "2 seeds and its 90% interval" in ax.get_title()


def test_both_copies_count_and_a_seed_keeps_its_last_count():
    table = runs(
        curve([0, 10], [1, 0.1], clusters=[20, 10]),
        curve([0, 5], [1, 0.1], clusters=[20, 10]),
        setting="one",
        antisymmetric=True,
    )
    [line] = figures.effective_ratio(table, against="step").lines
    assert line.get_xydata().tolist() == [[0, 1], [5, 0.75], [10, 0.5]]


def test_one_seed_has_a_ratio_without_interval():
    ax = figures.effective_ratio(runs(curve([0, 1], [1, 1], clusters=[5, 2]), setting="one"))
    assert ax.lines[0].get_ydata().tolist() == [0.5, 0.2]
    assert "one seed, no interval" in ax.get_title()


def test_runs_that_differ_in_something_else_are_refused():
    table = runs(curve([0], [1], clusters=[2]), curve([0], [1], clusters=[3]), setting="one").assign(seed=0)
    with pytest.raises(
        ValueError, match="several runs have setting = one and seed = 0, allowed is one; choose one width"
    ):
        figures.effective_ratio(table)
    with pytest.raises(figures.NothingToDrawError, match="no moment has a count"):
        figures.effective_ratio(table.assign(clusters=np.nan))


def test_the_direction_field_has_the_lines_the_neurons_lie_on(network):
    table = network(rays([0.5, 0.5 - np.pi, 2.0, -1.0], [2, 1, 1, 1]), [1, 1, 1, 1], [True, True, True, False])
    ax = figures.direction_field(table)
    points = labelled(ax, "neurons that see no data").get_offsets()
    np.testing.assert_allclose(points, rays([-1.0], 0.5))
    ends = [line.get_xydata() for line in ax.lines]
    first = rays([0.5], 1)[0]
    np.testing.assert_allclose(np.abs(ends[0]), [np.abs(first)] * 2, atol=1e-12)
    np.testing.assert_allclose(ends[0].sum(axis=0), [0, 0], atol=1e-12)
    np.testing.assert_allclose(np.abs(ends[1][1]), np.abs(rays([2.0], 1)[0]), atol=1e-12)
    assert ax.get_title().endswith("2 lines")
    assert [text.get_text() for text in ax.texts] == ["75%", "25%"]
    rayed = figures.direction_field(table, lines=False)
    assert rayed.get_title().endswith("3 directions")
    np.testing.assert_allclose([line.get_xydata()[0] for line in rayed.lines], np.zeros((3, 2)))


def test_the_direction_field_has_velocities_and_the_lines_they_turn_to(network):
    angle = np.linspace(-np.pi, np.pi, 144, endpoint=False)
    everywhere_up = pd.DataFrame({"angle": angle, "v_0": 0.0, "v_1": 2.0})
    ax = figures.direction_field(network(rays([0.5], 1), [1]), field=everywhere_up)
    [arrows] = [item for item in ax.collections if isinstance(item, Quiver)]
    np.testing.assert_allclose(np.hypot(*arrows.get_offsets().T), 1.34)
    np.testing.assert_array_equal(arrows.V, np.ones(48))
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert [line.get_label() for line in dashed] == ["line that neurons of $a > 0$ or $a < 0$ turn to in it"]
    np.testing.assert_allclose(dashed[0].get_xdata(), [0, 0], atol=1e-12)
    assert ax.get_title().endswith("1 line, 1 stable in the field")


def test_the_animation_has_a_frame_a_moment_and_stays_on_the_last(network, tmp_path):
    tables = [network(rays([angle, -1.0], 1), [1, 2], [True, False], step=n) for n, angle in enumerate((0.0, 0.5, 1.0))]
    path = figures.animation(tables, tmp_path / "moving.gif")
    with Image.open(path) as moving:
        assert moving.n_frames == 3
        durations, reds = [], []
        for frame in range(3):
            moving.seek(frame)
            durations.append(moving.info["duration"])
            pixels = np.asarray(moving.convert("RGB"), int)
            red = pixels[..., 0] - pixels[..., 1] > 60
            reds.append(np.flatnonzero(red[60:, :500].any(axis=0)).mean())  # right of it is the legend
    assert durations[:2] == [100, 100]
    assert durations[2] == 1600
    assert reds[0] < reds[1] < reds[2]


def test_an_animation_has_at_most_a_hundred_frames(network, tmp_path):
    tables = [network(rays([n / 100, -1.0], 1), [1, 2], step=n) for n in range(120)]
    with Image.open(figures.animation(tables, tmp_path / "long.gif")) as moving:
        assert 80 <= moving.n_frames <= 100
    with pytest.raises(figures.NothingToDrawError, match="1 moments, it takes two"):
        figures.animation(tables[:1], tmp_path / "none.gif")


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (5, 2, 3), (12, 3, 4)])
def test_panels_fill_rows(count, rows, columns):
    _, ax = plt.subplots()
    found = panels(ax, count)
    assert len(found) == len(found[0].figure.axes) == count
    assert found[0].get_subplotspec().get_gridspec().get_geometry() == (rows, columns)


def test_a_shared_legend_has_each_name_once():
    _, axes = plt.subplots(1, 2)
    for ax, names in zip(axes, ("ab", "bc"), strict=True):
        for name in names:
            ax.plot([0], [0], label=name)
        ax.legend()
    share_legend(list(axes))
    assert [text.get_text() for text in axes[0].figure.legends[0].get_texts()] == ["a", "b", "c"]
    assert all(ax.get_legend() is None for ax in axes)


def test_panels_need_a_grid():
    figure = plt.figure()
    with pytest.raises(ValueError, match=r"make them with figure\.subplots"):
        panels(figure.add_axes((0, 0, 1, 1)), 2)


def test_points_of_many_neurons_are_one_image_in_an_svg(network):
    ax = figures.orientation(network(rays(np.linspace(-3, 3, 400), 1), np.arange(400)))
    assert all(item.get_rasterized() for item in ax.collections if isinstance(item, PathCollection))
