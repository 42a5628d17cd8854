"""Sharpness, tangent kernel and alignment of modules against dense Hessians and Jacobians, and closed forms."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from condense import schema, simulate
from condense.data import Dataset
from condense.flows.optimised import OptimisedFlow
from condense.measure import curvature
from condense.measure.observables import alignment
from condense.networks.modules import Modules, from_module
from condense.planes.scales import Scales
from condense.run import Run

GENERATOR = np.random.default_rng(0)

X = GENERATOR.standard_normal((12, 3))

LABELLED = Dataset(X, X.argmax(axis=1))

REAL = Dataset(X, X[:, 0] - 0.5 * X[:, 1])


def layers(m):
    return nn.Sequential(nn.Linear(3, m), nn.LayerNorm(m), nn.Tanh(), nn.Linear(m, 3))


def two_layers(m):
    return nn.Sequential(nn.Linear(3, m, bias=False), nn.Tanh(), nn.Linear(m, 1, bias=False))


def linear(m):
    return nn.Linear(3, 1, bias=False)


class Attends(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.into = nn.Linear(1, 2 * m)
        self.attention = nn.MultiheadAttention(2 * m, 2, batch_first=True)
        self.out = nn.Linear(2 * m, 3)

    def forward(self, x):
        h = self.into(x[..., None])
        return self.out(self.attention(h, h, h, need_weights=False)[0].mean(dim=1))


class Branches(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.layers = layers(m)

    def forward(self, x):
        return self.layers(x) * (2.0 if x.sum().item() > 1e9 else 1.0)


def runs(number, gamma=0.5, m=4):
    return [
        Run(Scales(1.0, 1.0, 1.0), m, seed, point={"gamma": gamma + seed / 10, "gamma_prime": 0.0}, rate=0.1)
        for seed in range(number)
    ]


def trained(build, data, some, loss, steps=5, scales=None, **options):
    flow = OptimisedFlow(schema.Torch(loss=loss, max_steps=steps, kwargs={"lr": 0.1}, look=1))
    state = flow.start(Modules.build(some, data, from_module(build, scales), **options), torch.empty(0))
    for _ in range(steps):
        state = flow.step(state)
    return state


def dense(state, run):
    """Return loss and outputs of a run as functions of all its parameters in one vector, and that vector."""
    network, blocks = state.network, [block[run] for block in state.stage.weights]
    x, y = torch.as_tensor(network.data.x), state.flow.targets(network, network.data.y)

    def outputs(theta):
        parts = theta.split([block.numel() for block in blocks])
        return network._output(tuple(part.view_as(block) for part, block in zip(parts, blocks, strict=True)), x)

    def loss(theta):
        return state.flow._fitted(outputs(theta), y)

    return loss, outputs, torch.cat([block.flatten() for block in blocks])


@pytest.mark.parametrize("build", [layers, Attends])
@pytest.mark.parametrize("antisymmetric", [False, True])
def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(build, antisymmetric, monkeypatch):
    monkeypatch.setattr("condense.flows.optimised.ROWS", 15)  # the data in pieces of 5, 5 and 2
    state = trained(build, LABELLED, runs(3), "cross_entropy", antisymmetric=antisymmetric)
    found = curvature.sharpness(state, schema.Measure())
    for run in range(3):
        loss, _, theta = dense(state, run)
        with sdpa_kernel(SDPBackend.MATH):  # torch.func.hessian is wrong for a LayerNorm
            largest = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, theta))[-1].item()
        assert found["sharpness"][run] == pytest.approx(largest, rel=1e-6)
        assert found["sharpness_error"][run] <= 1e-4 * abs(largest)


def test_sharpness_of_linear_regression_is_that_of_its_inputs():
    state = trained(linear, REAL, runs(2), "mse")
    largest = np.linalg.eigvalsh(2 / len(X) * X.T @ X)[-1]
    assert curvature.sharpness(state, schema.Measure())["sharpness"] == pytest.approx([largest] * 2, rel=1e-12)


def test_a_network_whose_weights_overflowed_has_no_sharpness_and_leaves_that_of_others():
    network = Modules.build(runs(2), REAL, from_module(two_layers))
    network.start[0][0] *= torch.inf
    flow = OptimisedFlow(schema.Torch())
    both = curvature.sharpness(flow.start(network, torch.empty(0)), schema.Measure())["sharpness"]
    alone = flow.start(Modules.build(runs(2)[1:], REAL, from_module(two_layers)), torch.empty(0))
    assert np.isnan(both[0])
    assert both[1:] == pytest.approx(curvature.sharpness(alone, schema.Measure())["sharpness"], rel=1e-12)


@pytest.mark.parametrize("build", [layers, Attends])
@pytest.mark.parametrize("antisymmetric", [False, True])
def test_the_change_of_the_kernel_is_that_of_jacobians(build, antisymmetric):
    state = trained(build, LABELLED, runs(3), "cross_entropy", antisymmetric=antisymmetric)
    found = curvature.ntk(state, schema.Measure(observables=["ntk"], points=5))["ntk_change"]
    start = state.flow.start(state.network, torch.empty(0))
    for run in range(3):
        kernels = []
        for one in (state, start):
            _, outputs, theta = dense(one, run)
            jacobian = torch.autograd.functional.jacobian(outputs, theta)[:5].reshape(15, -1)
            kernels.append(jacobian @ jacobian.T)
        expected = (kernels[0] - kernels[1]).norm() / kernels[1].norm()
        assert found[run] == pytest.approx(expected.item(), rel=1e-10)


def test_the_kernel_of_a_linear_network_never_changes():
    state = trained(linear, REAL, runs(2), "mse")
    assert curvature.ntk(state, schema.Measure(observables=["ntk"]))["ntk_change"] == [0.0, 0.0]


@pytest.mark.parametrize("observable", [curvature.sharpness, curvature.ntk, alignment])
def test_what_is_measured_does_not_depend_on_the_packing(observable):
    measure = schema.Measure(observables=["ntk"], points=4)
    together = observable(trained(layers, LABELLED, runs(3), "cross_entropy"), measure)
    for run, one in enumerate(runs(3)):
        for alone in (
            observable(trained(layers, LABELLED, [one], "cross_entropy"), measure),
            observable(trained(Branches, LABELLED, [one], "cross_entropy", vmapped=False), measure),
        ):
            for (name, [value]), (_, values) in zip(alone.items(), together.items(), strict=True):
                assert value == pytest.approx(values[run], rel=1e-8, abs=1e-12, nan_ok=True), name


def test_small_weights_turn_to_the_gradient_at_the_start_which_is_z():
    small = {"*": 1e-4}
    state = trained(two_layers, REAL, runs(2, m=50), "mse", 30, small)
    found = alignment(state, schema.Measure(matrices=["0.*"]))
    assert list(found) == ["cosine_gradient_0.weight", "share_gradient_0.weight"]
    z = X.T @ REAL.y / len(X)
    w = state.stage.weights[0].numpy()
    expected = np.abs(w @ z / np.linalg.norm(z)).sum(axis=1) / np.linalg.norm(w, axis=2).sum(axis=1)
    assert found["cosine_gradient_0.weight"] == pytest.approx(expected.tolist(), rel=1e-2)
    assert min(found["cosine_gradient_0.weight"]) > 0.99
    start = alignment(trained(two_layers, REAL, runs(2, m=50), "mse", 1, small), schema.Measure())
    assert max(start["cosine_gradient_0.weight"]) < 0.7


def test_a_matrix_without_a_gradient_at_the_start_has_no_alignment():
    network = from_module(two_layers, {"0.weight": "fan_in**-gamma", "2.weight": 0})
    flow = OptimisedFlow(schema.Torch())
    found = alignment(flow.start(Modules.build(runs(1), REAL, network), torch.empty(0)), schema.Measure())
    assert np.isnan(found["cosine_gradient_0.weight"]).all()
    assert np.isnan(found["cosine_gradient_2.weight"]).all()  # its rows have no length


def test_they_are_logged_by_name():
    found = simulate(
        [0.5, 0.8],
        widths=[4],
        seeds=[0],
        network=from_module(layers),
        flow=schema.Torch(loss="cross_entropy", max_steps=3),
        data=(X, X.argmax(axis=1)),
        measure=schema.Measure(observables=["sharpness", "ntk", "alignment"], points=4),
    )
    assert found[["sharpness", "sharpness_error", "ntk_change", "cosine_gradient_0.weight"]].notna().all(axis=None)


def test_points_of_a_kernel_that_is_not_measured_are_refused():
    with pytest.raises(ValueError, match=r"measure.points = 8 has no effect without ntk among measure.observables"):
        schema.Measure(points=8)
    with pytest.raises(ValueError, match=r"measure.points = 0 is not allowed: an integer, 1 or above"):
        schema.Measure(observables=["ntk"], points=0)


@pytest.mark.parametrize("name", ["ranks", "sharpness", "ntk"])
def test_what_modules_alone_have_is_refused_without_them(name):
    with pytest.raises(ValueError, match=r"as to ranks, sharpness, ntk without network=module, which alone has them"):
        simulate([1.0], widths=[10], seeds=[0], measure=schema.Measure(observables=[name]))
