"""Neurons that are followed through their kinks, against closed forms, fine steps and tight tolerances."""

import numpy as np
import pytest
import torch

from condense import schema, simulate
from condense.networks.kinks import crossing, follow
from condense.networks.unrolled import PIECES

ONE = torch.ones(1, 1, dtype=torch.float64)


@pytest.mark.parametrize("leak", [0.0, 0.01, 0.5])
def test_a_neuron_of_one_point_slows_down_at_its_kink(leak):
    """With x = 1, a = 1 and dw/dt = -2 s'(w) it goes from 1/2 to the kink in a quarter, and on at the share leak."""
    moved_w, moved_a = follow(ONE, leak, 0.5 * ONE, ONE[0], 2 * ONE, 0 * ONE)
    assert float(moved_w) == pytest.approx(-0.5 - 2 * leak * 0.75, abs=1e-8)
    assert float(moved_a) == 0


def test_a_neuron_that_meets_no_kink_takes_one_straight_step():
    moved_w, moved_a = follow(ONE, 0.0, 0.5 * ONE, 2 * ONE[0], 0.1 * ONE, 0.3 * ONE)
    assert [float(moved_w), float(moved_a)] == pytest.approx([-0.2, -0.15])


def test_a_neuron_between_two_pushes_stays_at_its_kink():
    """Two inputs: -1 pulls it up while it sees nothing else, 1 pulls it down more where it is seen."""
    inputs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    pulls = torch.tensor([[8.0], [8.0]], dtype=torch.float64)
    moved_w, _ = follow(inputs, 0.0, 0.3 * ONE, ONE[0], pulls, 0 * pulls)
    assert abs(0.3 + float(moved_w)) < 8 / PIECES


def by_fine_steps(inputs, w, a, for_w, steps=20_000):
    """Return where neurons of fixed a are after many small steps, and how often each has crossed a kink."""
    seen, crossings = inputs @ w > 0, np.zeros(w.shape[1])
    for _ in range(steps):
        w = w - inputs.T @ (for_w * (inputs @ w > 0) * a) / steps
        before, seen = seen, inputs @ w > 0
        crossings += (before != seen).sum(axis=0)
    return w, crossings


def test_neurons_are_where_small_steps_bring_them():
    rng = np.random.default_rng(0)
    inputs, w, a = rng.standard_normal((4, 2)), rng.standard_normal((2, 500)), rng.standard_normal(500)
    for_w = np.repeat(rng.standard_normal((4, 1)), 500, axis=1)
    expected, crossings = by_fine_steps(inputs, w, a, for_w)
    tensors = [torch.as_tensor(each) for each in (inputs, w, a, for_w)]
    moved, _ = follow(tensors[0], 0.0, *tensors[1:], 0 * tensors[3])
    through = (crossings > 0) & (crossings <= 4)  # those that stick to a kink cross it thousands of times
    assert through.sum() > 50
    np.testing.assert_allclose((w + moved.numpy())[:, through], expected[:, through], atol=2e-3)
    plain = w - inputs.T @ (for_w * (inputs @ w > 0) * a)
    assert np.abs(plain - expected)[:, through].max() > 0.5


def test_crossing_neurons_see_other_points():
    inputs = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    start = torch.tensor([[1.0, 1.0, -1.0], [1.0, 1.0, 1.0]])[None]
    end = torch.tensor([[2.0, -1.0, 1.0], [0.5, 1.0, -1.0]])[None]
    assert crossing(inputs, start, end).tolist() == [[False, True, True]]


def test_the_default_tolerance_is_enough_for_slopes_in_the_wedge_and_errs_to_either_side(change_only):
    """In the wedge 1 < gamma < 1 - gamma' RD is up to 15 % too large if steps carry neurons through their kinks."""
    gammas, primes = [0.7, 1.0, 1.2, 1.3], [-0.4, -0.3, 0.0, 0.2]
    options = {"widths": [1000, 8000], "seeds": [0], "measure": change_only}
    found, exact = (
        simulate(gammas, primes, flow=schema.Exponential(**flow), **options) for flow in ({}, {"rtol": 1e-3})
    )
    errors = (found.rd_w / exact.rd_w - 1).to_numpy()
    narrow, wide = (np.log1p(errors[found.width == width]) for width in options["widths"])
    assert np.abs(wide - narrow).max() / np.log(8) < 0.003
    assert np.abs(errors).max() < 0.01
    assert abs(errors.mean()) < 0.001
    assert found.steps.mean() < exact.steps.mean() / 3
