"""Descent and Adam, and what holds whatever the flow."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from condense import schema, simulate
from condense.data import Dataset, digits, parabola
from condense.flows.adam import AdamFlow
from condense.flows.descent import DescentFlow
from condense.flows.exponential import ExponentialFlow
from condense.networks.two_layer import TwoLayer
from condense.planes.two_layer import PlanePoint, Scales
from condense.run import Run


def raw_network(run, network):
    """Return the raw parameters of one run as leaves of autograd, and its output."""
    theta = network.parameters(network.rest)
    w = (run.scales.beta2 * theta[0][0]).clone().requires_grad_()
    a = (run.scales.beta1 * theta[1][0]).clone().requires_grad_()
    x = torch.as_tensor(np.column_stack([parabola().x, np.ones(4)]))
    return [w, a], lambda: torch.tanh(x @ w) @ a / run.scales.alpha


def last(flow, network):
    [state] = list(flow.train(network, torch.as_tensor(parabola().y)))
    return state


@pytest.fixture
def tanh_network(run_at):
    run = run_at(0.8, 0.3, 20)
    return run, TwoLayer.build([run], parabola(), activation="tanh", reduce=False)


@pytest.mark.parametrize("loss", ["mse", "half_mse"])
@pytest.mark.parametrize("optimiser", ["descent", "adam"])
def test_steps_on_the_raw_parameters_are_those_of_torch(tanh_network, optimiser, loss):
    run, network = tanh_network
    y = torch.as_tensor(parabola().y)
    params, f = raw_network(run, network)
    if optimiser == "adam":
        peer = torch.optim.Adam(params, lr=1e-3)
        flow = AdamFlow(schema.Adam(rate=1e-3, loss=loss, stop=0.0, max_steps=25))
    else:
        peer = torch.optim.SGD(params, lr=0.1)
        flow = DescentFlow(schema.Descent(rate=0.1, rule="fixed", loss=loss, stop=0.0, max_steps=25))
    for _ in range(25):
        peer.zero_grad()
        value = (f() - y).square().mean() * (1.0 if loss == "mse" else 0.5)
        value.backward()
        peer.step()
    end = last(flow, network)
    theta = network.parameters(end.displacement)
    assert int(end.steps) == 25
    torch.testing.assert_close(run.scales.beta2 * theta[0][0], params[0].detach(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(run.scales.beta1 * theta[1][0], params[1].detach(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(end.stage.outputs[0], f().detach(), rtol=1e-9, atol=1e-12)


def test_slow_descent_follows_the_gradient_flow(run_at):
    network = TwoLayer.build([run_at(1.0, 0.0, 50)], parabola(), activation="tanh")
    slow = last(DescentFlow(schema.Descent(rate=0.2, rule="fixed", stop=1e-4, max_steps=10**6)), network)
    flow = last(ExponentialFlow(schema.Exponential(rtol=1e-4, stop=float(slow.mse))), network)
    assert float(slow.time) == pytest.approx(float(flow.time), rel=0.02)
    one, two = (state.stage.relative_change() for state in (slow, flow))
    assert float(one["w"]) == pytest.approx(float(two["w"]), rel=0.01)


def test_halving_finds_a_rate_and_never_lets_the_loss_rise(run_at):
    network = TwoLayer.build([run_at(1.0, 0.0, 50, seed) for seed in range(3)], parabola())
    flow = DescentFlow(schema.Descent(rate=1e4, growth=1.3))
    state = flow.start(network, torch.as_tensor(parabola().y))
    losses = [state.mse]
    for _ in range(100):
        state = flow.attempt(state)
        losses.append(state.mse)
    history = torch.stack(losses)
    assert (history.diff(dim=0) <= 0).all()
    assert (history[-1] < 0.5 * history[0]).all()


def test_halving_keeps_the_draw_and_agrees_with_the_flow(change_only):
    options = {"widths": [200], "seeds": [0, 1], "measure": change_only}
    descent = simulate(1.0, 0.0, flow=schema.Descent(stop=1e-5), **options)
    flow = simulate(1.0, 0.0, flow=schema.Exponential(stop=1e-5), **options)
    assert descent.converged.all()
    np.testing.assert_allclose(descent.rd_w, flow.rd_w, rtol=0.03)


def test_a_rate_that_is_too_large_ends_nonfinite_beside_a_good_one(change_only):
    options = {"widths": [50], "seeds": [0], "measure": change_only, "activation": "leaky_relu"}
    options["flow"] = schema.Descent(rate=1.0, rule="fixed", stop=1e-5)
    runs = simulate([-0.5, 1.0], 0.0, **options)
    assert runs.status.tolist() == ["nonfinite", "converged"]
    alone = simulate(1.0, 0.0, **options)
    assert runs.rd_w[1] == pytest.approx(alone.rd_w[0], rel=1e-8)


def test_descent_that_cannot_move_is_stalled(run_at):
    network = TwoLayer.build([run_at(1.0, 0.0, 50)], parabola())
    uphill = DescentFlow(schema.Descent(rate=1.0))
    uphill._accept = lambda state, outputs: torch.zeros(1, dtype=torch.bool)
    state = last(uphill, network)
    assert (int(state.status), int(state.steps)) == (3, 60)


def relative_changes(runs):
    return runs[["rd_w", "rd_a", "rd_theta"]].to_numpy()


class TestInvariance:
    """What must not change a number."""

    @pytest.mark.parametrize("activation", ["relu", "tanh"])
    def test_packing(self, activation, change_only):
        options = {"activation": activation, "measure": change_only}
        gammas, gamma_primes, widths, seeds = [0.7, 1.0, 1.4], [-0.3, 0.2], [60, 150], [0, 1]
        packed = simulate(gammas, gamma_primes, widths=widths, seeds=seeds, **options)
        for row in packed.itertuples():
            alone = simulate(row.gamma, row.gamma_prime, widths=[int(row.width)], seeds=[row.seed], **options)
            np.testing.assert_allclose(relative_changes(alone)[0], [row.rd_w, row.rd_a, row.rd_theta], rtol=1e-8)
            assert alone.key[0] == row.key
            assert alone.steps[0] == row.steps

    @pytest.mark.parametrize("activation", ["relu", "tanh"])
    def test_span_reduction(self, activation, run_at):
        data, runs = digits(samples=12), [run_at(1.1, -0.2, 40), run_at(0.8, 0.1, 40)]
        changes = []
        for reduce in (True, False):
            network = TwoLayer.build(runs, data, activation=activation, reduce=reduce, antisymmetric=False)
            flow = ExponentialFlow(schema.Exponential(stop=1e-3))
            ends = sorted(flow.train(network, torch.as_tensor(data.y)), key=lambda state: int(state.run[0]))
            changes.append([end.stage.relative_change()["w"] for end in ends])
        torch.testing.assert_close(*changes, rtol=1e-8, atol=0)

    @pytest.mark.parametrize("activation", ["relu", "tanh"])
    def test_rotation_of_the_inputs(self, activation, change_only):
        data = digits(samples=10)
        rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((64, 64)))[0]
        turned = Dataset(data.x @ rotation, data.y, data.name)
        options = {"widths": [50], "seeds": [0], "measure": change_only, "activation": activation}
        options |= {"antisymmetric": False, "flow": schema.Exponential(stop=1e-3)}
        one, two = (simulate(1.1, 0.1, data=each, **options) for each in (data, turned))
        np.testing.assert_allclose(relative_changes(one), relative_changes(two), rtol=1e-8)

    @settings(max_examples=10, deadline=None)
    @given(st.integers(0, 1000), st.sampled_from(["relu", "tanh"]), st.floats(0.6, 1.5), st.floats(-0.4, 0.4))
    def test_permutation_of_neurons(self, seed, activation, gamma, gamma_prime):
        m, data = 40, parabola()
        run = Run(Scales.at(PlanePoint(gamma, gamma_prime), m), m, seed)
        network = TwoLayer.build([run], data, activation=activation)
        order = torch.randperm(m, generator=torch.Generator().manual_seed(seed))
        permuted = replace(network, drawn=tuple(x[..., order] for x in network.drawn))
        flow = ExponentialFlow(schema.Exponential(stop=1e-4, max_steps=300))
        ends = [last(flow, each) for each in (network, permuted)]
        one, two = (end.stage.relative_change() for end in ends)
        for block in ("w", "a", "theta"):
            torch.testing.assert_close(one[block], two[block], rtol=1e-8, atol=0)

    def test_lower_precision_agrees_to_its_own(self, change_only):
        options = {"widths": [200], "seeds": [0], "measure": change_only}
        double, single = (simulate(1.0, 0.0, dtype=dtype, **options) for dtype in ("float64", "float32"))
        np.testing.assert_allclose(relative_changes(single), relative_changes(double), rtol=0.01)
        assert single.key[0] != double.key[0]
