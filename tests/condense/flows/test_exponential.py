"""The integrator against closed forms, a conserved quantity and SciPy."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from condense import schema, simulate
from condense.data import Dataset, parabola
from condense.flows.base import STATUS_CODES
from condense.flows.exponential import ExponentialFlow, phi, psi
from condense.networks.functional import Functional
from condense.networks.fused import FusedStage
from condense.networks.two_layer import TwoLayer
from condense.planes.two_layer import PlanePoint, Scales


def train(network, data, displacement=None, **options):
    """Return the final states of a batch by run."""
    flow = ExponentialFlow(schema.Exponential(**options))
    states = list(flow.train(network, torch.as_tensor(data.y), displacement))
    return {int(run): state.select(torch.tensor([place])) for state in states for place, run in enumerate(state.run)}


def status(state):
    return {code: name for name, code in STATUS_CODES.items()}[int(state.status)]


class Reference:
    """The antisymmetric two-layer flow written down once more, for SciPy."""

    def __init__(self, run, network, data, s, slope):
        theta = network.parameters(network.rest)
        self.m2 = theta[1].shape[1]
        self.start = np.concatenate([theta[0][0].numpy().ravel(), theta[1][0].numpy()])
        self.x = np.column_stack([data.x, np.ones(len(data.x))])
        self.y, self.scales, self.s, self.slope = data.y, run.scales, s, slope

    def split(self, state):
        return state[: -self.m2].reshape(2, self.m2), state[-self.m2 :]

    def residual(self, state):
        w, a = self.split(state)
        beta2 = self.scales.beta2
        return self.scales.kappa * self.s(beta2 * self.x @ w) @ a / beta2 - self.y

    def velocity(self, t, state):
        w, a = self.split(state)
        z, e, n = self.scales.beta2 * self.x @ w, self.residual(state), len(self.y)
        rate = self.scales.kappa_prime
        da = -self.s(z).T @ e / (n * rate * self.scales.beta2)
        dw = -rate / n * self.x.T @ (e[:, None] * a * self.slope(z))
        return np.concatenate([dw.ravel(), da])

    def relative_change(self, stop, rtol):
        """Return RD_w and RD_a of the first copy when the mean square residual has fallen to `stop`."""
        event = lambda t, state: np.mean(self.residual(state) ** 2) - stop  # noqa: E731
        event.terminal = True
        end = solve_ivp(
            self.velocity, (0, 1e6), self.start, rtol=rtol, atol=1e-3 * rtol, method="RK45", events=event
        ).y_events[0][0]
        m = self.m2 // 2
        change = []
        for now, first in zip(self.split(end), self.split(self.start), strict=True):
            change.append(np.linalg.norm((now - first)[..., :m]) / np.linalg.norm(first[..., :m]))
        return change


@pytest.mark.parametrize("point", [(0.8, 0.0), (1.0, 0.2), (1.3, -0.3)])
def test_tanh_agrees_with_scipy_to_five_digits(run_at, point):
    data, run = parabola(), run_at(*point, m=12)
    network = TwoLayer.build([run], data, activation="tanh")
    end = train(network, data, rtol=3e-6, stop=1e-5, max_steps=10**6)[0]
    reference = Reference(run, network, data, np.tanh, lambda z: 1 - np.tanh(z) ** 2)
    expected = reference.relative_change(float(end.mse), rtol=1e-8)
    found = end.stage.relative_change()
    assert [float(found["w"]), float(found["a"])] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("point", [(0.6, 0.0), (1.0, 0.0), (1.2, 0.3), (1.75, 0.0)])
@pytest.mark.parametrize("rtol", [0.02, 0.002])
def test_relu_agrees_with_scipy_within_three_tolerances(run_at, point, rtol):
    data, run = parabola(), run_at(*point, m=40)
    network = TwoLayer.build([run], data, stages=FusedStage.at)
    end = train(network, data, rtol=rtol, stop=1e-5)[0]
    reference = Reference(run, network, data, lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float))
    expected = reference.relative_change(float(end.mse), rtol=1e-5)
    found = end.stage.relative_change()
    assert [float(found["w"]), float(found["a"])] == pytest.approx(expected, rel=3 * rtol)


def drift(run, rtol):
    """Return the largest relative drift of kappa'^2 a^2 - |w|^2, conserved per neuron by ReLU flow, and the gain."""
    data = parabola()
    network = TwoLayer.build([run], data, stages=FusedStage.at)
    start, end = (network.parameters(at) for at in (network.rest, train(network, data, rtol=rtol)[0].displacement))
    rate = run.scales.kappa_prime
    before, after = ((rate * a[0]) ** 2 - w[0].square().sum(dim=0) for w, a in (start, end))
    size = (rate * end[1][0]) ** 2 + end[0][0].square().sum(dim=0)
    return float((after - before).norm() / size.norm()), float(size.norm())


@pytest.mark.parametrize("point", [(1.0, 0.0), (1.5, 0.2), (1.5, -0.2)])
def test_relu_flow_conserves_its_quantity_per_neuron(run_at, point):
    run = run_at(*point, m=200)
    coarse, fine = drift(run, 0.01)[0], drift(run, 0.0003)[0]
    assert coarse < 0.01
    assert fine < coarse / 3


class Linear:
    """f = x . v: the residual is exactly linear, whatever the step."""

    scales = {"v": (1.0, 0.0)}

    def init(self, generator, m):
        return {"v": torch.randn(3, generator=generator, dtype=torch.float64)}

    def forward(self, params, x):
        return x @ params["v"]


def test_a_model_linear_in_its_parameters_is_solved_exactly(run_at):
    generator = np.random.default_rng(0)
    data = Dataset(generator.standard_normal((3, 3)), generator.standard_normal(3))
    network = Functional.build([run_at(1.0, 0.0, m=10)], data, Linear(), antisymmetric=False)
    stage = network.stage(network.rest)
    end = train(network, data, stop=0.0, horizon=2.0)[0]
    K, e0 = stage.kernel[0], stage.outputs[0] - torch.as_tensor(data.y)
    expected = torch.linalg.matrix_exp(-2.0 * K) @ e0
    torch.testing.assert_close(end.residual[0], expected, rtol=1e-10, atol=1e-12)
    assert float(end.time) == pytest.approx(2.0)
    integral = torch.linalg.solve(K, e0 - expected)
    torch.testing.assert_close(end.displacement[0], -stage.pullback(integral[None])[0], rtol=1e-10, atol=1e-12)


def test_the_linear_regime_is_the_frozen_kernel_solution(run_at):
    data = parabola()
    network = TwoLayer.build([run_at(-1.0, 0.0, m=1000)], data, stages=FusedStage.at)
    stage = network.stage(network.rest)
    end = train(network, data)[0]
    K, e0, e1 = stage.kernel[0], -torch.as_tensor(data.y), end.residual[0]
    frozen = stage.pullback(torch.linalg.solve(K, e0 - e1)[None])
    found, expected = (network.relative_change(at) for at in (end.displacement, frozen))
    for block in ("w", "a", "theta"):
        assert float(expected[block]) < 1e-5
        assert float(found[block]) == pytest.approx(float(expected[block]), rel=1e-4)


def errors_at_fixed_time(activation, run, horizon, rtols, tight):
    """Return the errors of the parameters at a fixed time against a tight run, and the steps taken."""
    data = parabola()
    network = TwoLayer.build([run], data, activation=activation)
    options = {"stop": 0.0, "horizon": horizon, "max_steps": 10**6}
    exact = train(network, data, rtol=tight, **options)[0].displacement
    ends = [train(network, data, rtol=rtol, **options)[0] for rtol in rtols]
    errors = [
        float(sum((x - y).norm() ** 2 for x, y in zip(end.displacement, exact, strict=True)) ** 0.5) for end in ends
    ]
    return np.array(errors), np.array([float(end.steps) for end in ends])


def order(x, errors):
    return np.polyfit(np.log(x), np.log(errors), 1)[0]


def test_tanh_is_second_order_in_the_step_and_first_in_rtol(run_at):
    rtols = np.array([1e-3, 1e-4, 1e-5])
    errors, steps = errors_at_fixed_time("tanh", run_at(1.2, 0.0, m=50), 30.0, rtols, tight=1e-7)
    assert order(rtols, errors) == pytest.approx(1, abs=0.25)
    assert -order(steps, errors) == pytest.approx(2, abs=0.3)


def test_relu_loses_some_order_at_its_kinks(run_at):
    rtols = np.array([3e-2, 1e-2, 3e-3])
    errors, _ = errors_at_fixed_time("relu", run_at(1.0, 0.0, m=400), 30.0, rtols, tight=1e-4)
    assert 0.5 < order(rtols, errors) < 1.1


def test_phi_and_psi_are_their_integrals():
    z = torch.tensor([0.0, 1e-9, 1e-5, 1e-3, 0.5, 30.0], dtype=torch.float64)
    s = torch.linspace(0, 1, 20001, dtype=torch.float64)[:, None]
    torch.testing.assert_close(phi(z), torch.trapezoid(torch.exp(-z * s), s, dim=0), rtol=1e-6, atol=0)
    torch.testing.assert_close(psi(z), torch.trapezoid(s * torch.exp(-z * s), s, dim=0), rtol=1e-6, atol=0)


DEEP = [
    ((0.4, -0.3), (1000, 4000, 16000)),
    ((0.4, 0.3), (1000, 4000, 16000)),
    ((1.5, 1.0), (4000, 16000, 64000)),
    ((1.15, -1.0), (4000, 16000, 64000)),
    ((2.2, 0.0), (1000, 4000, 16000)),
    ((2.2, 0.3), (1000, 4000, 16000)),
    ((2.2, -0.3), (1000, 4000, 16000)),
]


@pytest.mark.parametrize(("point", "widths"), DEEP)
def test_exponents_deep_in_each_region_are_the_closed_forms(point, widths, change_only):
    from condense.planes.two_layer import exponents

    runs = simulate(*point, widths=widths, seeds=range(2), measure=change_only)
    assert runs.converged.all()
    for block, expected in exponents(*point).items():
        slope = np.polyfit(np.log(runs.width), np.log(runs[f"rd_{block}"]), 1)[0]
        assert slope == pytest.approx(expected, abs=0.03), block


def test_tanh_feels_the_realisation_and_relu_does_not(change_only):
    """(kappa, kappa') alone fix the ReLU flow; tanh tends to its linear limit as beta2 falls."""
    laws = [("m", "m^0.5", "m^-0.5"), ("m^2", "m", "1"), ("m^3", "m^1.5", "m^0.5")]  # the place (1, -1), beta2 rising
    change = {
        activation: [
            simulate(
                init=schema.SpelledOut(*law),
                widths=[100],
                seeds=[0],
                activation=activation,
                measure=change_only,
                data=Dataset([[1.0]], [0.5]),
            ).rd_w[0]
            for law in laws
        ]
        for activation in ("relu", "tanh")
    }
    assert change["relu"] == pytest.approx([change["relu"][0]] * 3, rel=1e-9)
    assert change["tanh"][2] > 1.2 * change["tanh"][0]


@pytest.mark.parametrize("beta2", ["m^-1", "m^-0.5", "1"])
def test_tanh_agrees_with_scipy_at_several_beta2(beta2):
    data = parabola()
    init = schema.SpelledOut(alpha="1", beta1="m^-0.5", beta2=beta2).resolve()
    from condense.run import Run

    run = Run(init.scales(12.0, 1), 12, 0)
    network = TwoLayer.build([run], data, activation="tanh")
    end = train(network, data, rtol=1e-5, stop=2e-3, max_steps=10**6)[0]
    reference = Reference(run, network, data, np.tanh, lambda z: 1 - np.tanh(z) ** 2)
    expected = reference.relative_change(float(end.mse), rtol=1e-7)
    found = end.stage.relative_change()
    assert [float(found["w"]), float(found["a"])] == pytest.approx(expected, rel=3e-5)


def test_at_a_small_beta2_tanh_is_a_linear_network(run_at):
    data = parabola()
    scales = Scales.at(PlanePoint(1.0, 2.0), 1.0)
    network = TwoLayer.build([run_at(1.0, 0.0, m=30)], data, activation="tanh")
    small = TwoLayer(**{**network.__dict__, "betas": (network.betas[0] * 0 + 1e-6, network.betas[1])})
    [tile, _], (w, a) = small.tiles(whole=True), small.parameters(small.rest)
    h, g, _ = small.features(small.rest, tile)
    z, a = (small.inputs @ w)[..., :30], a[:, :30]
    torch.testing.assert_close(h, z, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(g, a[:, None].expand_as(g), rtol=1e-9, atol=1e-12)
    assert scales.kappa == 1


class TestEnds:
    """How a run ends is its own affair."""

    def batch(self, run_at, count=3):
        return TwoLayer.build([run_at(1.0, 0.0, 50, seed) for seed in range(count)], parabola(), stages=FusedStage.at)

    def test_the_stop_is_located_inside_the_last_step(self, run_at):
        ends = train(self.batch(run_at), parabola(), stop=1e-4)
        for end in ends.values():
            assert status(end) == "converged"
            assert 0.98e-4 <= float(end.mse) <= 1e-4

    def test_a_relative_stop_is_a_share_of_the_mean_square_target(self, run_at):
        data = parabola()
        stop = 1e-3 * np.mean(data.y**2)
        ends = train(self.batch(run_at), data, stop=1e-3, relative=True)
        assert all(0.98 * stop <= float(end.mse) <= stop for end in ends.values())

    def test_a_nan_run_is_told_and_its_neighbours_go_on(self, run_at):
        network = self.batch(run_at)
        alone = train(network.select(torch.tensor([0, 2])), parabola())
        astray = network.rest
        astray[0][1, 0, 0] = float("nan")
        ends = train(network, parabola(), astray)
        assert [status(ends[run]) for run in range(3)] == ["converged", "nonfinite", "converged"]
        torch.testing.assert_close(ends[0].displacement[0], alone[0].displacement[0], rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(ends[2].displacement[0], alone[1].displacement[0], rtol=1e-8, atol=1e-10)

    def test_a_dead_network_is_stalled(self, run_at):
        network = self.batch(run_at)
        dead = network.rest
        dead[0][1] = torch.tensor([0.0, -1.0], dtype=torch.float64)[:, None] - network.parameters(dead)[0][1]
        ends = train(network, parabola(), dead)
        assert [status(ends[run]) for run in range(3)] == ["converged", "stalled", "converged"]
        assert float(ends[1].mse) == pytest.approx(np.mean(parabola().y ** 2))

    def test_steps_are_counted_to_their_limit(self, run_at):
        ends = train(self.batch(run_at), parabola(), max_steps=3)
        assert {status(end) for end in ends.values()} == {"max_steps"}
        assert {int(end.steps) for end in ends.values()} == {3}

    def test_a_network_that_blows_up_on_the_way_is_nonfinite(self, run_at):
        class Wall(Linear):
            def forward(self, params, x):
                f = x @ params["v"]
                return torch.where(f.abs() < 1e-3, f, torch.nan)  # nothing beyond a wall near the start

        data = Dataset(np.eye(3), np.ones(3))
        network = Functional.build([run_at(1.0, 0.0, 10)], data, Wall(), antisymmetric=False)
        end = train(network, data, tuple(-x for x in network.drawn))[0]
        assert status(end) == "nonfinite"
        assert end.displacement[0].isfinite().all()

    def test_a_network_on_target_needs_no_step(self, run_at):
        data = Dataset(np.eye(3), np.ones(3))
        network = Functional.build([run_at(0.0, 0.0, 10)], data, Linear(), antisymmetric=False)
        end = train(network, data, (1 - network.drawn[0],))[0]
        assert (status(end), int(end.steps)) == ("converged", 0)

    def test_the_largest_change_is_at_least_the_last(self, run_at):
        for end in train(self.batch(run_at), parabola()).values():
            final = end.stage.relative_change()
            assert all(float(end.sup[block]) >= float(final[block]) for block in final)


class Centred:
    """ReLU of inputs less their mean over the data: a shift of them is without effect."""

    scales = {"w": (0.5, -0.5), "shift": (0.0, 0.0), "a": (0.5, 0.5)}

    def init(self, generator, m):
        shapes = {"w": (m, 1), "shift": (m,), "a": (m,)}
        return {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}

    def forward(self, params, x):
        z = x @ params["w"].T + params["shift"]
        return torch.relu(z - z.mean(0)) @ params["a"]


def test_a_block_that_moves_by_rounding_alone_does_not_hold_the_others_up():
    data = np.array([[-1.0], [0.3], [0.7]]), np.array([1.0, 0.6, 1.4])
    runs = simulate(1.0, 0.0, widths=[20], seeds=[0, 1], network=Centred(), data=data)
    assert runs["converged"].all()
    assert (runs["steps"] < 200).all()
    assert (runs["rd_shift"] < 1e-12).all()
    assert (runs["rd_w"] > 0.1).all()
