"""Every baseline trains the network that condense trains, to the same place."""

import functools
import json

import numpy as np
import pytest
import torch

from benchmarks import plane
from benchmarks.baselines import Case, OutOfTimeError
from benchmarks.baselines.autograd import autograd_descent
from benchmarks.baselines.case import Deadline
from benchmarks.baselines.descent import fixed_descent, growing_descent
from benchmarks.baselines.gradient import Gradient
from benchmarks.baselines.solvers import scipy_flow, torchdiffeq_flow
from benchmarks.measure import run
from benchmarks.reference import Reference
from condense import schema
from condense.data import parabola
from condense.networks.two_layer import TwoLayer
from condense.run import Run

POINT, STOP = (1.2, 0.1), 1e-5
BASELINES = {
    "growing": growing_descent,
    "fixed": functools.partial(fixed_descent, c=0.5),
    "autograd": autograd_descent,
    "RK45": scipy_flow,
    "RK23": functools.partial(scipy_flow, method="RK23"),
    "dopri5": torchdiffeq_flow,
}


@pytest.fixture(scope="module")
def reference():
    return Reference([POINT], [60], rtol=3e-3, stop=STOP)


@pytest.fixture
def case():
    return Case(*POINT, 60, 0, STOP)


@pytest.fixture
def network(case):
    return TwoLayer.build([Run(case.scales, case.width, case.seed)], parabola())


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_reaches_the_stop_at_the_relative_change_of_condense(name, case, reference):
    outcome = BASELINES[name](case)
    assert outcome.status == "converged"
    assert 0 < outcome.mse <= case.stop * (1 + 1e-3)
    assert reference.error(*POINT, 60, outcome.rd_w, outcome.mse) < 0.03
    assert outcome.evaluations >= outcome.steps > 10


def test_the_start_is_the_draw_of_condense(case, network):
    w, a = network.parameters(network.rest)
    np.testing.assert_array_equal(case.start, np.vstack([w[0], a[0]]))
    np.testing.assert_array_equal(case.inputs, network.inputs)


def test_residual_velocity_and_fastest_rate_are_those_of_condense(case, network):
    stage, gradient = network.stage(), Gradient(case)
    residual = gradient.residual(case.start)
    np.testing.assert_allclose(residual, stage.outputs[0] - torch.as_tensor(case.targets), rtol=1e-12)
    velocity = gradient.velocity(case.start, residual, np.empty_like(case.start))
    w, a = stage.pullback(torch.as_tensor(residual)[None])
    np.testing.assert_allclose(velocity, -np.vstack([w[0], a[0]]), rtol=1e-12, atol=1e-15)
    assert gradient.fastest(case.start) == pytest.approx(float(torch.linalg.eigvalsh(stage.kernel[0])[-1]))


def test_autograd_takes_the_steps_of_the_closed_form(case):
    one, two = growing_descent(case), autograd_descent(case)
    assert one.steps == two.steps
    assert one.rd_w == pytest.approx(two.rd_w, rel=1e-6)


def test_growing_descent_takes_the_steps_of_the_flow_of_condense(case):
    flow = schema.Descent(stop=case.stop, growth=1.05)
    [row] = plane.runs([POINT], [case.width], flow).itertuples()
    outcome = growing_descent(case)
    assert (outcome.steps, outcome.rd_w) == (row.steps, pytest.approx(row.rd_w, rel=1e-6))


def test_a_fixed_rate_that_is_too_large_is_halved_from_the_same_draw(case):
    coarse = fixed_descent(case, c=1e6)
    start = 2 / Gradient(case).fastest(case.start) / np.sqrt(case.scales.beta1 * case.scales.beta2)
    assert coarse.status == "converged"
    halvings = np.ceil(np.log2(1e6 / start))
    assert coarse.steps > halvings
    assert fixed_descent(case, c=1e6 / 2**halvings).rd_w == pytest.approx(coarse.rd_w, rel=0.05)


def test_a_cap_and_a_budget_end_a_run(case):
    assert fixed_descent(case, cap=3).status == "cap"
    for train in BASELINES.values():
        assert train(case, 0.0).status == "budget"
    with pytest.raises(OutOfTimeError):
        Deadline(-1.0).check()


def test_the_reference_follows_the_stop(reference):
    below = Reference([POINT], [60], rtol=3e-3, stop=STOP / 3)
    assert below.rd_w(*POINT, 60) == pytest.approx(reference.rd_w(*POINT, 60, STOP / 3), rel=2e-3)


def test_the_process_of_its_own_trains_what_it_is_given(case):
    done = run(["-m", "benchmarks.baselines", "--growth", "1.1"], json.dumps([[*POINT, case.width, case.seed]]))
    [row] = json.loads(done.output)
    outcome = growing_descent(Case(*POINT, case.width, case.seed), growth=1.1)
    assert row["case"] == [*POINT, case.width, case.seed]
    assert (row["steps"], row["rd_w"]) == (outcome.steps, outcome.rd_w)
