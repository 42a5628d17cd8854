import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from condense import registry
from condense.data import Dataset, digits, parabola
from condense.networks import two_layer as two_layer_module
from condense.networks.batched import select, where
from condense.networks.functional import Functional
from condense.networks.span import span_basis
from condense.networks.two_layer import TwoLayer
from condense.planes.two_layer import PlanePoint, Scales
from condense.run import Run

ACTIVATIONS = list(registry.REGISTRY["activation"])


def runs(m=7, seeds=(0, 1), points=((0.8, 0.3), (1.3, -0.4))):
    return [Run(Scales.at(PlanePoint(*point), m), m, seed) for point in points for seed in seeds]


def unequal(network):
    """Return a displacement that moves the two copies apart, so that nothing cancels by symmetry."""
    generator = torch.Generator().manual_seed(0)
    return tuple(0.3 * torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in network.rest)


class TwoLayerByForward:
    """The same network, given as a user would give it."""

    scales = {"w": (0.5, -0.5), "a": (0.5, 0.5)}

    def __init__(self, activation, dimension=1):
        self.activation, self.dimension = activation, dimension

    def init(self, generator, m):
        w = torch.randn(m, self.dimension + 1, generator=generator, dtype=torch.float64)
        return {"w": w, "a": torch.randn(m, generator=generator, dtype=torch.float64)}

    def forward(self, params, x):
        x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
        return self.activation(x @ params["w"].T) @ params["a"]


PLAIN = {
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "tanh": torch.tanh,
    "x_tanh": lambda z: z * torch.tanh(z),
    "x2_tanh": lambda z: z**2 * torch.tanh(z),
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.functional.softplus,
    "gelu": torch.nn.functional.gelu,
}


def to_functional(theta, copies):
    """Bring closed-form parameters (R, d, copies m) and (R, copies m) to (R, copies, ...); the second copy has -a."""
    w, a = theta
    signs = torch.tensor([1.0, -1.0][:copies], dtype=w.dtype)[None, :, None]
    w = w.unflatten(2, (copies, -1)).permute(0, 2, 3, 1)
    return w.contiguous(), a.unflatten(1, (copies, -1)) * signs


@pytest.mark.parametrize("antisymmetric", [True, False])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_closed_forms_are_what_torch_func_computes(name, antisymmetric):
    data = parabola()
    closed = TwoLayer.build(runs(), data, activation=name, antisymmetric=antisymmetric)
    user = Functional.build(runs(), data, TwoLayerByForward(PLAIN[name]), antisymmetric=antisymmetric)
    displacement = unequal(closed)
    theta = to_functional(closed.parameters(displacement), closed.copies)
    one = closed.stage(displacement)
    two = user.stage(tuple(x - start for x, start in zip(theta, user.drawn, strict=True)))
    torch.testing.assert_close(one.outputs, two.outputs, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(one.kernel, two.kernel, rtol=1e-10, atol=1e-12)
    v = torch.randn(one.outputs.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    pulled = to_functional(one.pullback(v), closed.copies)
    for x, y in zip(pulled, two.pullback(v), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(closed.clock, user.clock, rtol=1e-12, atol=0)


def test_kernel_is_the_pullback_seen_from_the_outputs():
    network = TwoLayer.build(runs(), parabola(), activation="tanh")
    displacement = unequal(network)
    stage = network.stage(displacement)
    v = torch.randn(stage.outputs.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    step = 1e-6
    moved = network.stage(tuple(x - step * dx for x, dx in zip(displacement, stage.pullback(v), strict=True)))
    slope = (stage.outputs - moved.outputs) / step
    torch.testing.assert_close(slope, torch.einsum("rij,rj->ri", stage.kernel, v), rtol=1e-4, atol=1e-6)


def test_antisymmetric_networks_start_at_zero():
    network = TwoLayer.build(runs(m=50), parabola())
    assert network.stage(network.rest).outputs.abs().max() < 1e-12


@pytest.mark.parametrize("kernel", [True, False])
def test_streaming_over_neurons_changes_nothing(monkeypatch, kernel):
    network = TwoLayer.build(runs(m=700), parabola(), activation="tanh")
    displacement = unequal(network)
    whole = network.stage(displacement, kernel)
    monkeypatch.setattr(two_layer_module, "KEPT", 0)
    monkeypatch.setattr(two_layer_module, "TILE", 1)
    tiled = network.stage(displacement, kernel)
    assert not tiled.kept
    torch.testing.assert_close(tiled.outputs, whole.outputs, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(tiled.kernel, whole.kernel, rtol=1e-12, atol=1e-12)
    for x, y in zip(tiled.pullback(whole.outputs), whole.pullback(whole.outputs), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


def test_a_draw_depends_on_seed_and_width_alone():
    far, near = (runs(points=[point], seeds=[3]) for point in ((0.5, 0.0), (1.5, 0.3)))
    networks = (TwoLayer.build(far, parabola()), TwoLayer.build(near + runs(seeds=[0, 3]), parabola()))
    one, two = (network.parameters(network.rest) for network in networks)
    assert torch.equal(one[0][0], two[0][0])
    assert torch.equal(one[1][0], two[1][2])
    assert not torch.equal(two[0][0], two[0][1])


def test_no_draw_is_the_beginning_of_another():
    narrow, wide = (TwoLayer.build(runs(m=m, seeds=[0]), parabola()).drawn[1][0] for m in (50, 100))
    assert not torch.isclose(narrow, wide[:50]).any()


def test_draws_are_standard_normal_and_the_part_outside_has_its_length():
    data = digits(samples=20)
    network = TwoLayer.build(runs(m=20000, seeds=[0]), data, antisymmetric=False)
    (w, a), r = network.drawn, network.inputs.shape[1]
    assert w.shape[1] == r < 65
    assert w.std().item() == pytest.approx(1, abs=0.01)
    assert a.std().item() == pytest.approx(1, abs=0.02)
    assert network.outside[0].item() == pytest.approx(20000 * (65 - r), rel=0.01)


def test_a_lifted_draw_is_the_same_network():
    data = digits(samples=12)
    small = TwoLayer.build(runs(), data, activation="tanh")
    large = TwoLayer.build(runs(), data, activation="tanh", reduce=False)
    assert large.drawn[0].shape[1] == 65 > small.drawn[0].shape[1]
    one, two = small.stage(small.rest), large.stage(large.rest)
    torch.testing.assert_close(one.kernel, two.kernel, rtol=1e-10, atol=1e-12)
    for x, y in zip(small.sizes(small.rest), large.sizes(large.rest), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=0)
    before, after = (stage.network.relative_change(stage.pullback(stage.outputs + 1)) for stage in (one, two))
    for block in ("w", "a", "theta"):
        torch.testing.assert_close(before[block], after[block], rtol=1e-10, atol=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 9))
def test_the_basis_spans_the_data(seed, n, d):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((n, d))
    basis = span_basis(x)
    assert basis.shape == (d, min(n, d))
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
    np.testing.assert_allclose(x @ basis @ basis.T, x, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_coordinates_in_the_span_do_not_see_a_rotation(seed):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((4, 7))
    rotation = np.linalg.qr(generator.standard_normal((7, 7)))[0]
    np.testing.assert_allclose(x @ span_basis(x), x @ rotation @ span_basis(x @ rotation), atol=1e-9)


def test_repeated_rows_lower_the_rank():
    x = np.repeat(np.random.default_rng(0).standard_normal((3, 8)), 4, axis=0)
    assert span_basis(x).shape == (8, 3)


def test_inactive_neurons_are_told():
    network = TwoLayer.build(runs(m=2, seeds=[0], points=[(1, 0)]), parabola(), antisymmetric=False)
    drawn, a = network.drawn
    w = torch.tensor([[[0.0, 0.0], [-1.0, 1.0]]], dtype=torch.float64)  # biases alone: off and on everywhere
    directions, amplitudes, active = network.neurons((w - drawn, torch.zeros_like(a)))
    assert active.tolist() == [[False, True]]
    torch.testing.assert_close(amplitudes, a.abs())
    torch.testing.assert_close(directions, w)


def test_select_and_where_follow_the_runs():
    network = TwoLayer.build(runs(), parabola())
    stage, other = network.reference(network.rest), network.reference(unequal(network))
    chosen = torch.tensor([2, 0])
    assert torch.equal(select(stage, chosen).outputs, stage.outputs[chosen])
    assert torch.equal(stage.select(chosen).network.kappa, network.kappa[chosen])
    assert stage.select(chosen).network.inputs is network.inputs
    mixed = where(torch.tensor([True, False, False, True]), stage, other)
    assert torch.equal(mixed.displacement[0][0], stage.displacement[0][0])
    assert torch.equal(mixed.kernel[1], other.kernel[1])


class Broken(TwoLayerByForward):
    def __init__(self, **changes):
        super().__init__(torch.tanh)
        self.__dict__.update(changes)


@pytest.mark.parametrize(
    ("user", "message"),
    [
        (
            object(),
            "network object has no 'init'; needed are init\\(generator, m\\), forward\\(params, x\\) and scales",
        ),
        (Broken(scales={"w": 1.0}), "scales = {'w': 1.0} is not a mapping from block to its powers"),
        (
            Broken(init=lambda g, m: {"w": torch.ones(3)}),
            "init returned \\['w'\\], but scales names the blocks \\['w', 'a'\\]",
        ),
        (Broken(scales={"theta": (0.5, 0.5)}), "a block is named 'theta', which stands for all of them"),
        (
            Broken(scales={"w/x y": (0.5, 0.5)}),
            "a block is named 'w/x y', which cannot be part of the names of columns and files: allowed are letters, "
            "digits, '_', '.' and '-', a letter or a digit first, 100 bytes at most; name it otherwise",
        ),
        (Broken(scales={0: (0.5, 0.5)}), "a block is named 0, which cannot be part of the names"),
        (Broken(scales={"w": (0.5, -0.5), "γ" * 51: (0.5, 0.5)}), "which cannot be part of the names"),
        (
            Broken(scales={"rd_sup": (0.5, 0.5)}),
            "a block is named 'rd_sup', which ends like the columns beside those of a block \\(_sup, _low, _high",
        ),
        (Broken(scales={"f": (0.5, 0.5)}), "a block is named 'f', which a snapshot has for something else"),
        (
            Broken(forward=lambda p, x: p["w"].sum()),
            "forward at width 7 returned shape \\(\\) for 4 inputs; allowed is \\(4,\\)",
        ),
    ],
)
def test_a_network_of_another_form_is_told_what_is_wrong(user, message):
    with pytest.raises(ValueError, match=message):
        Functional.build(runs(), parabola(), user)


def test_a_dataset_without_bias_trains_in_its_own_span():
    data = Dataset(np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([1.0, 2.0]))
    assert TwoLayer.build(runs(), data, bias=False).rest[0].shape[1] == 1
