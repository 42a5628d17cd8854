"""Where the points of a line are put, and how many repeats they get, against lines that are known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats.intervals import Interval, bootstrap_interval, t_interval
from analysis.stats.line import level_line
from sweeps.boundary.refine import FEWEST, Level, Observed

BOUNDS = ((0.6, 1.5), (-0.4, 0.4))


def curve(y):
    """A line like that of the phase diagram at finite widths, gamma = 1 + max(gamma', 0) with its corner smoothed."""
    return 0.95 + np.logaddexp(0, 20 * y) / 20 + 0.3 * y**2


def surface(point):
    """A value that is zero on the line and saturates away from it."""
    x, y = point
    return float(np.tanh(1.5 * (x - curve(y))) - 0.3 * max(x - curve(y), 0) ** 2)


def known(points, half=0.0, repeats=FEWEST):
    return {point: Observed(surface(point), half, repeats) for point in points}


def observed(values):
    rule = t_interval if len(values) < 8 else bootstrap_interval
    [low], [high] = rule(values[None], 0.9)
    return Observed(values.mean(), (high - low) / 2, len(values))


def refined(level, each=8, most=200, half=0.0):
    points = known(level.grid(5, 5), half)
    while (line := level.line(points)) and len(points) < most:
        new = line.new(each)
        if not new:
            break
        points |= known(new, half)
    return points


def line_error(points):
    index = pd.MultiIndex.from_tuples(list(points), names=["gamma", "gamma_prime"])
    rows = np.linspace(-0.4, 0.4, 33)
    table = pd.DataFrame({0: [each.value for each in points.values()]}, index=index)
    return abs(level_line(table, rows, Interval())["gamma"] - curve(rows)).max()


def test_points_go_to_the_line_until_it_is_known_as_well_as_asked_for():
    level = Level(BOUNDS, precision=0.002)
    points = refined(level)
    added = list(points)[25:]
    assert 5 < len(added) < 50
    assert np.median([abs(x - curve(y)) for x, y in added]) < 0.05
    line = level.line(points)
    assert line.settled
    assert line.uncertainty.half <= 0.002
    assert line_error(points) < 0.002


def test_a_grid_needs_several_times_as_many():
    level, needed = Level(BOUNDS, precision=0.002), len(refined(Level(BOUNDS, precision=0.002)))
    steps = next(n for n in range(5, 60) if level.line(known(level.grid(n, n))).settled)
    assert steps**2 > 3 * needed


def test_without_a_precision_points_go_on_halving_what_is_left():
    level = Level(BOUNDS)
    points = refined(level, most=60)
    assert len(points) >= 60
    assert not level.line(points).settled
    assert level.line(points).uncertainty.half < 0.25 * level.line(known(level.grid(5, 5))).uncertainty.half


def test_no_points_are_spent_on_what_repeats_must_tell():
    level = Level(BOUNDS, precision=0.01)
    points = refined(level, half=0.1)
    line = level.line(points)
    assert not line.settled
    assert line.uncertainty.half > 0.05
    more = line.more()
    assert more
    assert set(more.values()) == {2 * FEWEST}  # t / sqrt(n) falls slowly: doubled, and looked at again
    near = [abs(x - curve(y)) for x, y in more]
    assert max(near) < 0.25


def test_repeats_are_as_many_as_make_the_interval_as_narrow_as_it_has_to_be():
    from scipy.special import stdtrit

    level = Level(BOUNDS, precision=0.02)
    points = refined(level, half=0.023)
    repeats = max(level.line(points).more().values())
    assert FEWEST < repeats < 2 * FEWEST
    halves = {count: stdtrit(count - 1, 0.95) / count**0.5 for count in (FEWEST, repeats - 2, repeats)}
    enough, not_enough = (
        known(points, 0.023 * halves[count] / halves[FEWEST], count) for count in (repeats, repeats - 2)
    )
    assert level.line(enough).more() == {}
    assert level.line(not_enough).more()


def test_no_more_repeats_than_allowed_and_a_few_where_there_is_no_interval():
    points = refined(Level(BOUNDS, precision=0.01), half=0.1)
    assert set(Level(BOUNDS, precision=0.01, repeats=9).line(points).more().values()) == {9}
    assert Level(BOUNDS, precision=0.01, repeats=FEWEST).line(points).more() == {}
    single = {point: Observed(each.value, float("nan"), 1) for point, each in points.items()}
    line = Level(BOUNDS, precision=0.01).line(single)
    assert line.uncertainty.half == np.inf
    assert not line.settled
    assert set(line.more().values()) == {FEWEST}


def test_a_point_without_a_value_is_not_asked_for_again():
    level = Level(BOUNDS, precision=0.01)
    points = known(level.grid(5, 5))
    lost = (1.05, 0.0)
    points[lost] = Observed(float("nan"), float("nan"), 3)
    line = level.line(points)
    assert line.new(8)
    assert lost not in line.new(8)
    assert lost not in line.more()


def test_a_new_point_has_the_repeats_of_those_around():
    level = Level(BOUNDS, precision=0.01)
    points = known(level.grid(5, 5), half=0.001, repeats=11)
    assert set(level.line(points).new(4).values()) == {11}


@pytest.mark.parametrize("level", [2.0, -2.0])
def test_there_is_no_line_where_all_values_are_on_one_side(level):
    assert Level(BOUNDS, level).line(known(Level(BOUNDS).grid(4, 4))) is None


def test_there_is_no_line_through_points_on_a_straight_one():
    points = [(0.6, -0.4), (0.9, 0.0), (1.2, 0.4)]
    assert Level(BOUNDS).line(known(points)) is None
    assert Level(BOUNDS).line(known([*points, (1.5, 0.0)])) is not None


def test_the_start_around_a_known_line_is_its_triangles_and_the_corners():
    level = Level(BOUNDS)
    grid = known(Level(BOUNDS).grid(9, 9)) | {(3.0, 0.0): Observed(1.0, 0.0, 3)}
    start = level.around(grid)
    assert set(level.grid(2, 2)) < set(start) < set(grid)
    assert len(start) < 40
    inner = [point for point in start if point not in level.grid(2, 2)]
    assert max(abs(x - curve(y)) for x, y in inner) < 0.25


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.floats(0.001, 0.1))
@settings(deadline=None, max_examples=40)
def test_new_points_are_new_and_inside_and_repeats_only_grow(seed, most, half):
    rng = np.random.default_rng(seed)
    level = Level(((-1.0, 3.0), (0.1, 0.2)), 0.3, precision=0.02, repeats=20)
    places = [*level.grid(3, 3), *(level.rounded(p) for p in rng.uniform((-1, 0.1), (3, 0.2), (10, 2)))]
    a, b = rng.normal(size=2)
    values = {p: a * p[0] + 10 * b * (p[1] - 0.15) + np.sin(p[0]) for p in places}
    points = {p: Observed(v, half * rng.random(), int(rng.integers(2, 25))) for p, v in values.items()}
    line = level.line(points)
    if line is None:
        assert len({value >= 0.3 for value in values.values()}) == 1
        return
    new, more = line.new(most), line.more()
    assert len(new) <= most
    assert not set(new) & set(points)
    assert all(level.inside(point) and level.rounded(point) == point for point in new)
    assert set(more) <= set(points)
    assert all(points[point].repeats < repeats <= 20 for point, repeats in more.items())


def test_intervals_of_refined_lines_cover_in_85_to_95_per_cent():
    """The whole way, many times: seeds shared by all points, points and repeats where the intervals ask for them."""
    level, rows = Level(BOUNDS, precision=0.02), np.linspace(-0.4, 0.4, 9)
    covered, halves = [], []
    for repetition in range(40):
        rng = np.random.default_rng(repetition)
        tilts, shifts = 0.04 * rng.standard_normal((2, 32))
        values = {}
        asked = dict.fromkeys(level.grid(5, 5), 3)
        while asked:
            for point, repeats in asked.items():
                values[point] = surface(point) + shifts[:repeats] + tilts[:repeats] * point[1]
            line = level.line({point: observed(each) for point, each in values.items()})
            asked = line.new(8) | line.more()
        index = pd.MultiIndex.from_tuples(list(values), names=["gamma", "gamma_prime"])
        found = level_line(
            pd.DataFrame([pd.Series(each) for each in values.values()]).set_axis(index), rows, Interval()
        )
        covered.append(((found["low"] <= curve(rows)) & (curve(rows) <= found["high"])).mean())
        halves.append((found["high"] - found["low"]).max() / 2)
    assert 0.85 <= np.mean(covered) <= 0.95
    assert np.quantile(halves, 0.8) <= 0.02  # the bootstrap of one or the other line is a little wider than t said
