from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.tables.plateaus import plateaus


def curve(time, mse):
    return pd.DataFrame({"time": time, "step": np.arange(len(time)), "mse": mse})


def test_the_stretches_between_two_falls_are_found():
    time = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128.0])
    mse = np.array([1, 1, 0.99, 0.98, 0.2, 0.199, 0.198, 0.197, 0.01])
    found = plateaus(curve(time, mse))
    assert found[["start", "end"]].to_numpy().tolist() == [[1, 4], [8, 64]]
    np.testing.assert_allclose(found["mse"], [np.sqrt(0.98), np.sqrt(0.2 * 0.197)])


@pytest.mark.parametrize(("power", "count"), [(0.09, 1), (0.11, 0)])
def test_the_slope_decides(power, count):
    time = np.logspace(0, 2, 9)
    assert len(plateaus(curve(time, time**-power))) == count


@pytest.mark.parametrize(("end", "count"), [(1.9, 0), (2.0, 1)])
def test_a_plateau_lasts_a_factor_of_two(end, count):
    assert len(plateaus(curve([1, end, 10], [1, 1, 0.01]))) == count


def test_steps_can_be_the_clock():
    assert plateaus(curve(np.zeros(5), [1, 1, 1, 1, 1]), "step")[["start", "end"]].to_numpy().tolist() == [[1, 4]]


def test_a_loss_of_zero_or_one_moment_has_no_plateau():
    assert plateaus(curve([0, 1.0], [1, 0])).empty
    assert plateaus(curve([], [])).empty
