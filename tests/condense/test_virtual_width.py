"""Widths for which fewer neurons stand: M of them with kappa = m^(1-gamma) / M are a sample of width m."""

import numpy as np
import pandas as pd
import pytest

import condense
from condense import schema
from condense.batches import Wanted, batches
from condense.plane import exponent
from condense.problem import Problem


def test_as_many_neurons_as_the_width_are_the_network_itself():
    options = {"gamma": [0.7, 1.3], "gamma_prime": 0.2, "widths": [500], "seeds": [0, 1]}
    real, virtual = (condense.simulate(**options, neurons=count) for count in (None, 500))
    assert (real.key != virtual.key).all()
    same = [name for name in real if name not in ("key", "setting", "wall_seconds")]
    pd.testing.assert_frame_equal(real[same], virtual[same])


@pytest.mark.parametrize(("gamma", "gamma_prime"), [(0.7, 0.3), (0.9, -0.2), (1.1, 0.0), (1.2, 0.1), (1.4, 0.3)])
def test_neurons_that_stand_for_a_width_change_as_its_own_do(gamma, gamma_prime):
    """Collapse: equal arguments, different numbers of neurons; the sd of log RD over seeds is about 2.2 / sqrt(m)."""
    options = {"gamma": gamma, "gamma_prime": gamma_prime, "widths": [8000], "seeds": range(4)}
    real, virtual = (np.log(condense.simulate(**options, neurons=count).rd_w) for count in (None, 2000))
    assert virtual.mean() == pytest.approx(real.mean(), abs=3 * 2.2 / np.sqrt(4 * 2000))


def test_slopes_far_out_are_those_of_infinite_width():
    """Without the closed form; outside the wedge 1 < gamma < 1 - gamma', where the end of training is another."""
    widths = [10**20, 10**30]
    runs = condense.simulate([0.6, 0.8, 1.25], [-0.2, 0.0, 0.2, 0.4], widths=widths, seeds=[0], neurons=4000)
    assert set(runs.neurons) == {4000}
    assert set(runs.width) == {1e20, 1e30}
    table = runs.pivot_table(values="rd_w", index=["gamma", "gamma_prime"], columns="width")
    slopes = np.log(table[1e30] / table[1e20]) / np.log(1e10)
    for (gamma, gamma_prime), slope in slopes.items():
        if not 1 < gamma < 1 - gamma_prime:
            assert slope == pytest.approx(exponent(gamma, gamma_prime), abs=0.01), (gamma, gamma_prime)


def test_all_widths_of_a_ladder_are_one_batch_from_one_draw():
    problem = Problem.of(schema.Config(widths=[10**3, 10**12, 10**30], seeds=[0], neurons=100))
    runs = [Wanted(problem, key, width, seed) for key, (width, seed) in problem.keys.items()]
    [batch] = batches(runs)
    assert len(batch.runs) == 3
    assert [problem.row(run.width, run.seed)["kappa"] for run in runs] == pytest.approx([0.01] * 3)  # gamma = 1


def test_what_is_computed_decides_what_it_costs():
    cheap = Problem.of(schema.Config(widths=[10**30], seeds=[0], neurons=100))
    [run] = [Wanted(cheap, key, *pair) for key, pair in cheap.keys.items()]
    assert run.seconds < 1
    assert run.neurons == 100


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"neurons": 0}, "neurons = 0 is not allowed: null for as many as the width says, or an integer, 1 or above"),
        (
            {"neurons": 10, "init": schema.Plane(antisymmetric=False)},
            r"neurons = 10 is not allowed: null with init.antisymmetric=false, whose f\(0\) depends on the width",
        ),
    ],
)
def test_what_no_neurons_can_stand_for_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        schema.Config(**options)


def test_deep_networks_have_widths_of_their_own():
    with pytest.raises(
        ValueError, match="neurons = 10 is not allowed: null for deep networks and networks of your own"
    ):
        condense.simulate(1.0, widths=[5], seeds=[0], network="residual", data="sines_3d", neurons=10)
