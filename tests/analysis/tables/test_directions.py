from __future__ import annotations

import numpy as np
import pytest
from synthetic_snapshots import rays

from analysis.tables.directions import groups, stable


def test_directions_and_lines_with_members_signs_and_shares():
    w = rays([0.0, 0.01, np.pi, 1.5], [1, 1, 1, 1])
    amplitudes = np.array([4.0, 3.0, 2.0, 1.0])
    directions, lines = (groups(w, amplitudes, lines=flag) for flag in (False, True))
    assert directions.member.tolist() == [0, 0, 1, 2]
    np.testing.assert_allclose(directions.shares, [0.7, 0.2, 0.1])
    assert lines.member.tolist() == [0, 0, 0, 1]
    assert (lines.sign * lines.sign[0]).tolist() == [1, 1, -1, 1]
    np.testing.assert_allclose(lines.shares, [0.9, 0.1])


def test_what_no_direction_covers_is_a_member_of_none():
    found = groups(np.eye(3), np.array([1.0, 1.0, 1e-6]))
    assert found.member.tolist() == [0, 1, -1]
    assert len(found) == 2


def test_neurons_of_no_length_or_no_amplitude_count_for_nothing():
    found = groups(np.array([[1.0, 0, 0], [0, 0, 0]]), np.array([1.0, 5.0]))
    assert found.shares.tolist() == [1.0]
    assert found.member.tolist() == [0, -1]
    assert groups(np.ones((2, 3)), np.zeros(2)).member.tolist() == [-1, -1]


def test_a_count_of_directions_that_stopped_or_left_neurons_out_says_so():
    angles = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    many = groups(rays(angles, np.ones(300)), np.ones(300), lines=False, threshold=0.9999)
    assert (len(many), many.capped, many.count) == (200, True, "≥200")
    assert groups(np.eye(3), np.ones(3)).count == "3"
    w = np.random.default_rng(0).standard_normal((2**14 + 1, 3))
    wide = groups(w, np.ones(len(w)), threshold=0.5)
    assert not wide.exact
    assert wide.count == f"≈{len(wide)}"


ANGLES = np.linspace(-np.pi, np.pi, 144, endpoint=False)
UNITS = np.stack([np.cos(ANGLES), np.sin(ANGLES)])


@pytest.mark.parametrize("power", [1, 2, 3])
def test_a_field_of_multiplicity_p_has_at_most_p_stable(power):
    """dw/dt = sum_i y_i (w.x_i)^(p-1) x_i: one line along z, two eigenvectors, at most three lines."""
    rng = np.random.default_rng(power)
    for _ in range(20):
        x, y = np.column_stack([rng.uniform(-1, 1, 9), np.ones(9)]), rng.standard_normal(9)
        found = stable(ANGLES, (x.T @ (y[:, None] * (x @ UNITS) ** (power - 1))).T)
        assert 1 <= len(found) <= power
        if power == 1:
            z = x.T @ y
            assert np.sin(found - np.arctan2(z[1], z[0])) == pytest.approx(0, abs=1e-3)
        if power == 2:
            vectors = np.linalg.eigh((x.T * y) @ x)[1]
            exact = np.sort(np.arctan2(vectors[1], vectors[0]) % np.pi)
            assert np.sin(np.sort(found) - exact) == pytest.approx(0, abs=1e-3)


def test_directions_are_stable_for_one_sign_each():
    """v = (1, 0): for a > 0 to the right, for a < 0 to the left."""
    velocity = np.stack([np.ones(144), np.zeros(144)], axis=1)
    assert stable(ANGLES, velocity) == pytest.approx([0], abs=1e-9)
    assert np.sin(stable(ANGLES, velocity, lines=False)) == pytest.approx([0, 0], abs=1e-9)
    assert np.sort(np.cos(stable(ANGLES, velocity, lines=False))) == pytest.approx([-1, 1])


def test_a_field_that_turns_nowhere_to_has_no_stable_line():
    assert len(stable(ANGLES, np.stack([-UNITS[1], UNITS[0]], axis=1))) == 0
