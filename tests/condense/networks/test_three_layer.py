"""Three layers in closed form against torch.func, a dense matrix, Runge-Kutta and what the flow conserves."""

import numpy as np
import pytest
import torch

import condense
from condense import data as data_sets
from condense import records, schema
from condense.data import Dataset
from condense.flows.exponential import ExponentialFlow
from condense.networks import activations
from condense.networks.batched import select
from condense.networks.draws import drawn
from condense.networks.functional import Functional
from condense.networks.low_rank import LowRank
from condense.networks.span import span_basis, with_bias
from condense.networks.three_layer import ThreeLayer
from condense.planes.layers import Powers
from condense.planes.scales import Scales
from condense.run import Run
from condense.runs import checkpoint

PARABOLA = data_sets.load(schema.Data())
TARGETS = torch.as_tensor(PARABOLA.y)


def run_at(gamma3, gamma2, m, seed=0):
    return Run(Powers.at(gamma3, gamma2).scales(m), m, seed)


def at(places, m, seeds=(0,), data=PARABOLA, **options):
    return ThreeLayer.build([run_at(*place, m, seed) for place in places for seed in seeds], data, **options)


class Dense:
    """The same network by its definition, with a dense W2; kappa' stands for kappa_2."""

    scales = {"w1": (1 / 3, -2 / 3), "w2": (1 / 3, 1 / 3), "a": (1 / 3, 1 / 3)}

    def __init__(self, start, activation):
        self.start, self.activation = start, activation

    def init(self, generator, m):
        return dict(zip(self.scales, self.start, strict=True))

    def forward(self, params, x):
        s = activations.get(self.activation)
        x = torch.cat([x, torch.ones(len(x), 1).to(x)], dim=1)
        h1 = s(x @ params["w1"])[0]
        return s(h1 @ params["w2"].T)[0] @ params["a"]


def pair(gamma3, gamma2, m, activation="relu", seed=0, antisymmetric=True, data=PARABOLA):
    """Return the network in closed form, and by torch.func with the same start."""
    network = at([(gamma3, gamma2)], m, (seed,), data, activation=activation, antisymmetric=antisymmetric)
    start = [block[0] for block in network.drawn]
    scales = Scales(1.0, m ** (-(gamma3 + gamma2) / 2), m ** (-(gamma3 - gamma2) / 2))
    dense = Functional.build([Run(scales, m, seed)], data, Dense(start, activation), antisymmetric=antisymmetric)
    return network, dense


def moved(network, size=0.3, seed=3):
    """Return a displacement of a network, few rows and dense."""
    generator = torch.Generator().manual_seed(seed)
    w1, w2, a = network.rest
    w1, a = (size * torch.randn(block.shape, generator=generator, dtype=block.dtype) for block in (w1, a))
    p, q = (torch.randn(1, network.copies, 2, network.width, generator=generator, dtype=a.dtype) for _ in "pq")
    return w1, w2.plus(size * p, size * q), a


def as_dense(displacement):
    """Return the same of the reference, whose second copy is subtracted instead of having -a."""
    w1, w2, a = displacement
    return w1, torch.matmul(w2.p.mT, w2.q), turned(a)


def turned(a):
    return a * torch.tensor([[1.0], [-1.0]])[: a.shape[1]]


@pytest.mark.parametrize("antisymmetric", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh", "leaky_relu"])
@pytest.mark.parametrize("place", [(1.5, 0.0), (2.0, 0.5), (1.0, -0.5)])
def test_outputs_kernel_and_velocity_are_those_of_autograd(place, activation, antisymmetric):
    network, dense = pair(*place, 7, activation, antisymmetric=antisymmetric)
    displacement = moved(network)
    stage, reference = network.stage(displacement), dense.stage(as_dense(displacement))
    close = {"rtol": 1e-11, "atol": 1e-13}
    torch.testing.assert_close(network.clock, dense.clock, **close)
    torch.testing.assert_close(stage.outputs, reference.outputs, **close)
    torch.testing.assert_close(stage.kernel, reference.kernel, **close)
    v = torch.tensor([[0.3, -0.2, 0.5, 0.1]], dtype=torch.float64)
    w1, (p, q), a = stage.moves(v)
    for one, other in zip((w1, torch.matmul(p.mT, q), turned(a)), reference.pullback(v), strict=True):
        torch.testing.assert_close(one, other, **close)
    for one, other in zip(stage.pace(v)[0], reference.pace(v)[0], strict=True):
        torch.testing.assert_close(one, other, **close)


def test_a_step_and_its_gauge_are_those_of_a_dense_matrix():
    network, dense = pair(2.0, 0.0, 9)
    displacement = moved(network)
    stage, reference = network.stage(displacement), dense.stage(as_dense(displacement))
    v, v_p = (torch.tensor([row], dtype=torch.float64) for row in ([0.3, -0.2, 0.5, 0.1], [0.1, 0.2, -0.4, 0.2]))
    end, gauge = stage.correct(v, stage.predict(v + 0.5 * v_p), v_p)
    other, expected = reference.correct(v, reference.predict(v + 0.5 * v_p), v_p)
    close = {"rtol": 1e-9, "atol": 1e-12}
    torch.testing.assert_close(end.outputs, other.outputs, **close)
    for name in ("miss", "change"):
        for one, two in zip(getattr(gauge, name), getattr(expected, name), strict=True):
            torch.testing.assert_close(one, two, **close)
    assert end.displacement[1].used.item() == stage.displacement[1].used.item() + 8


@pytest.mark.parametrize("place", [(1.0, 0.0), (2.0, 0.0), (2.0, 0.5), (1.75, -0.5)])
def test_training_in_few_rows_is_that_of_a_dense_matrix(place):
    network, dense = pair(*place, 30)
    flow = ExponentialFlow(schema.Exponential())
    [end], [reference] = flow.train(network, TARGETS), flow.train(dense, TARGETS)
    assert end.displacement[1].rank.item() > 0  # it was compressed
    assert end.status.item() == reference.status.item() == 1
    assert abs(end.steps.item() - reference.steps.item()) <= 0.02 * reference.steps.item()
    change, moves = end.stage.relative_change(), dense.parameters(reference.displacement)
    for block, after, before in zip(("w1", "w2", "a"), moves, dense.parameters(dense.rest), strict=True):
        expected = (after - before).norm() / before.norm()  # over both copies
        assert change[block].item() == pytest.approx(expected.item(), rel=2e-3)


def runge_kutta(network, dt):
    """Return RD of W1, W2 and a when the mean square residual is at 1e-6, by classical Runge-Kutta on dense blocks."""
    start = [block[0].numpy() for block in network.parameters(network.rest)]
    x, y = network.inputs.numpy(), PARABOLA.y
    kappa, (tau1, tau2, tau3) = network.kappa.item(), (rate.item() for rate in network.rates)

    def features(theta):
        u, v, c = theta
        z1 = np.einsum("nr,crm->cnm", x, u)
        z2 = np.maximum(z1, 0) @ v.swapaxes(1, 2)
        return z1, z2, kappa * np.einsum("cnm,cm->n", np.maximum(z2, 0), c) - y

    def velocity(theta):
        (_, v, c), (z1, z2, e) = theta, features(theta)
        b2 = c[:, None] * (z2 > 0) * e[:, None] / len(y)
        b1 = (b2 @ v) * (z1 > 0)
        return [
            -tau1 * np.einsum("cnm,nr->crm", b1, x),
            -tau2 * b2.swapaxes(1, 2) @ np.maximum(z1, 0),
            -tau3 * np.einsum("n,cnm->cm", e, np.maximum(z2, 0)) / len(y),
        ]

    def along(theta, step, direction):
        return [block + step * each for block, each in zip(theta, direction, strict=True)]

    theta = start
    while np.mean(features(theta)[2] ** 2) > 1e-6:
        k1 = velocity(theta)
        k2 = velocity(along(theta, dt / 2, k1))
        k3 = velocity(along(theta, dt / 2, k2))
        k4 = velocity(along(theta, dt, k3))
        theta = along(theta, dt / 6, [a + 2 * b + 2 * c + d for a, b, c, d in zip(k1, k2, k3, k4, strict=True)])
    return [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(theta, start, strict=True)]


@pytest.mark.parametrize(
    ("place", "dt", "rtol", "within"),
    [
        ((2.0, 0.0), 0.1, 0.02, 0.01),
        ((2.0, 0.0), 0.1, 0.003, 0.001),
        ((2.5, 0.5), 0.1, 0.003, 0.005),
    ],
)
def test_relative_changes_are_those_of_runge_kutta(place, dt, rtol, within):
    network = at([place], 40)
    [end] = ExponentialFlow(schema.Exponential(rtol=rtol)).train(network, TARGETS)
    found = [end.stage.relative_change()[block].item() for block in ("w1", "w2", "a")]
    assert found == pytest.approx(runge_kutta(network, dt), rel=within)


def test_all_layers_share_the_gain_that_the_flow_conserves():
    network = at([(1.5, 0.0), (2.0, 0.5), (2.0, -0.5)], 60)
    for end in ExponentialFlow(schema.Exponential(rtol=0.01)).train(network, TARGETS):
        after, before = end.network.parameters(end.displacement), end.network.parameters(end.network.rest)
        gains = [
            (one.flatten(1).square().sum(dim=1) - two.flatten(1).square().sum(dim=1)) / rate
            for one, two, rate in zip(after, before, end.network.rates, strict=True)
        ]
        size = torch.stack(gains).abs().amax(dim=0)
        for one in gains[1:]:
            assert ((one - gains[0]).abs() <= 0.02 * size).all()


def test_a_stack_gives_what_its_runs_give_alone():
    places = [(1.0, 0.0), (2.0, 0.0), (1.75, -0.5)]
    flow = ExponentialFlow(schema.Exponential(rtol=0.1))
    together = {}
    for end in flow.train(at(places, 30, (0, 1)), TARGETS):
        for place, run in enumerate(end.run.tolist()):
            together[run] = {name: value[place].item() for name, value in end.stage.relative_change().items()}
    for number, (place, seed) in enumerate((place, seed) for place in places for seed in (0, 1)):
        [end] = flow.train(at([place], 30, (seed,)), TARGETS)
        alone = {name: value.item() for name, value in end.stage.relative_change().items()}
        assert alone == pytest.approx(together[number], rel=1e-9)


def test_training_that_was_left_goes_on_bit_for_bit():
    flow = ExponentialFlow(schema.Exponential())
    start = flow.start(at([(1.5, 0.0), (2.0, 0.0)], 40), TARGETS)

    def ended(state):
        return {
            run: [value.item() for value in select(end.displacement, torch.tensor([place]))[1].norm()]
            for _, end in flow.steps(state)
            if end is not None
            for place, run in enumerate(end.run.tolist())
        }

    state = start
    for _ in range(60):
        state = flow.step(state)
    assert state.displacement[1].rank.max() > 0
    values = checkpoint.arrays(state.saved)
    resumed = flow.resume(start, checkpoint.restored(start.saved, values))
    assert ended(resumed) == ended(start)
    del values["displacement.1.p"]
    with pytest.raises(checkpoint.CheckpointError, match=r"without 'displacement.1.p'"):
        checkpoint.restored(start.saved, values)


def test_a_first_layer_that_is_affine_on_the_data_is_a_stall_and_called_one():
    """Seed 1 at (3, -1/2): the affine fit of the parabola is its mean, and the gradient vanishes there."""
    [end] = ExponentialFlow(schema.Exponential()).train(at([(3.0, -0.5)], 400, (1,)), TARGETS)
    assert end.status.item() == 3
    assert end.mse.item() == pytest.approx(np.var(PARABOLA.y), rel=1e-3)
    assert end.steps.item() < 300


def test_one_copy_carries_the_target_deep_in_the_condensed_regime():
    network = at([(1.0, 0.0), (3.0, 0.0)], 200)
    for end in ExponentialFlow(schema.Exponential()).train(network, TARGETS):
        told = end.network.of_copies(end.displacement)
        ratio = told["copy1_rd_w1"] / told["copy2_rd_w1"]
        for run, place in enumerate(end.run.tolist()):
            apart = abs(np.log(ratio[run].item()))
            assert apart > np.log(5) if place else apart < np.log(1.5)
        both = (told["copy1_rd_a"] ** 2 + told["copy2_rd_a"] ** 2) / 2
        torch.testing.assert_close(both.sqrt(), end.stage.relative_change()["a"])


def test_neurons_are_those_of_the_first_layer():
    network = at([(2.0, 0.0)], 8)
    displacement = moved(network)
    w1, w2, _ = network.parameters(displacement)
    directions, amplitudes, active = network.neurons(displacement)
    lengths, columns = w1.norm(dim=2).flatten(1), w2.norm(dim=2).flatten(1)
    torch.testing.assert_close(amplitudes, lengths * columns)
    torch.testing.assert_close(directions * lengths[:, None], w1.transpose(1, 2).flatten(2))
    sees = (torch.matmul(network.inputs, w1) > 0).any(dim=2).flatten(1)
    assert (active == sees).all()


def test_a_draw_in_the_span_is_that_of_all_dimensions():
    x = np.random.default_rng(0).standard_normal((3, 6))
    data = Dataset(x, np.array([0.2, -0.1, 0.4]), "few")
    network = at([(1.5, 0.0)], 50, data=data)
    basis = span_basis(with_bias(x))
    assert basis.shape == (7, 3)
    whole = drawn(0, 50, basis, reduce=False)[0]
    assert network.lengths[0].item() == pytest.approx(np.linalg.norm(whole))
    assert network.on(x) is None
    weights = network.weights(network.rest)
    assert weights["basis"].shape == (1, 7, 3)
    assert weights["w1"].shape == (1, 2, 50, 3)


def test_other_inputs():
    network = at([(1.5, 0.0)], 20)
    x = np.linspace(-1, 1, 7)[:, None]
    displacement = moved(network)
    there = network.on(x).stage(displacement, kernel=False).outputs
    dense = pair(1.5, 0.0, 20)[1]
    torch.testing.assert_close(there, dense.on(x).outputs(as_dense(displacement)))


def test_records_of_three_layers():
    init = [schema.ThreeLayer(gamma3, gamma2) for gamma3, gamma2 in ((1.5, 0.0), (2.5, 0.25))]
    runs = condense.simulate(init=init, network="three_layer", widths=[20, 40], seeds=[0, 1])
    assert runs["converged"].all()
    assert runs["gamma"].isna().all()
    assert runs[["gamma3", "gamma2"]].drop_duplicates().to_numpy().tolist() == [[1.5, 0.0], [2.5, 0.25]]
    logged = ("rd_w1", "rd_w2", "rd_a", "rd_w2_op", "rd_theta", "copy1_rd_w1", "copy2_rd_w2", "beta_w1", "clusters")
    for column in logged:
        assert (runs[column] > 0).all(), column
    np.testing.assert_allclose(runs["kappa"], runs["width"] ** -runs["gamma3"])
    np.testing.assert_allclose(runs["beta_a"] / runs["beta_w1"], runs["width"] ** -runs["gamma2"])
    assert runs["rd_w"].isna().all()
    assert "gamma3" not in records.COLUMNS


def test_named_initialisations_have_their_exact_scales():
    runs = condense.simulate(init=["lecun", "xavier"], network="three_layer", widths=[30], seeds=[0])
    table = runs.set_index("initialisation")
    assert table.loc["lecun", ["gamma3", "gamma2", "beta_w1", "beta_w2"]].tolist() == [1.0, 0.5, 1.0, 30**-0.5]
    assert table.loc["xavier", ["gamma3", "gamma2", "beta_w1"]].tolist() == [1.5, 0.0, (2 / 31) ** 0.5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            "init = 'plane' is not allowed: three_layer, spelled_out_layers, ntk, lecun, he or xavier with",
        ),
        (
            {"init": "mean_field"},
            "init.name = 'mean_field' is not allowed: one of ntk, lecun, he, xavier with",
        ),
        (
            {"init": schema.SpelledOut()},
            "init = 'alpha=1,beta1=1,beta2=1' is not allowed: three_layer, spelled_out_layers, ntk",
        ),
        (
            {"init": schema.ThreeLayer(), "flow": "adam"},
            "flow.name = 'adam' is not allowed: exponential with network=three_layer; others train network=module",
        ),
        (
            {"init": schema.ThreeLayer(), "network": "two_layer"},
            "init = 'three_layer' is not allowed: a place of two layers, init=plane say, with network=two_layer",
        ),
        (
            {"init": schema.ThreeLayer(), "measure": schema.Measure(observables=["reduction"])},
            "measure.observables = \\['reduction'\\] has no effect as to alignment, reduction with network=three_layer",
        ),
        (
            {"init": schema.ThreeLayer(gamma3=400.0)},
            "init: at width 20 a scale is 0 or infinite in floating point; gamma3 and gamma2 are exponents",
        ),
    ],
)
def test_what_three_layers_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        condense.simulate(**{"network": "three_layer", "widths": [20], "seeds": [0], **options})


def test_three_layers_have_no_dropout():
    message = (
        "network.keep = 0.9 has no effect with network=three_layer, being of network=two_layer alone: leave it out"
    )
    with pytest.raises(ValueError, match=message):
        schema.Network("three_layer", keep=0.9)


def test_float32_comes_near_float64():
    found = [at([(2.0, 0.0)], 60, dtype=dtype) for dtype in (torch.float64, torch.float32)]
    flow = ExponentialFlow(schema.Exponential(stop=1e-4))
    changes = [next(flow.train(network, TARGETS.to(network.kappa))).stage.relative_change() for network in found]
    for block in ("w1", "w2", "a"):
        assert changes[1][block].item() == pytest.approx(changes[0][block].item(), rel=0.01)


def test_few_rows_start_with_none():
    assert LowRank.zero(2, 1, 5, like=torch.zeros(1)).spectral().tolist() == [[0.0], [0.0]]
