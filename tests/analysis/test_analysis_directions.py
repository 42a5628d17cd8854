from __future__ import annotations

import numpy as np
from synthetic_snapshots import rays

from analysis.directions import groups


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
