"""The energy of small weights: by its definition, and a full network beside the effective dynamics of its draw."""

import numpy as np
import pytest
import torch

import condense
from condense import data as data_sets
from condense import records, schema
from condense.flows.exponential import ExponentialFlow
from condense.measure.energy import energy
from condense.networks.three_layer import ThreeLayer
from condense.networks.two_layer import TwoLayer
from condense.planes.blow_up import State, effective
from condense.planes.scales import LayerScales, Scales
from condense.run import Run

DATA = data_sets.load(schema.Data("sines_5d"))
TARGETS = torch.as_tensor(DATA.y)
MEASURE = schema.Measure()


def small(eps, m=50, seed=0):
    """Return a network of three tanh layers of standard deviation eps, one copy."""
    run = Run(LayerScales(1.0, (eps, eps, eps)), m, seed)
    return ThreeLayer.build([run], DATA, activation="tanh", antisymmetric=False)


def unit(network):
    z = network.mean_input(TARGETS[None])[0].numpy()
    return z / np.linalg.norm(z), float(np.linalg.norm(z))


def weights(network, displacement):
    w1, w2, a = (block[0, 0].numpy() for block in network.parameters(displacement))
    return w1, State(unit(network)[0] @ w1, w2, a)


def trained(eps, share):
    """Return the network when its loss has fallen to a share of the first."""
    network = small(eps)
    flow = ExponentialFlow(schema.Exponential(rtol=0.001, stop=share, relative=True))
    [end] = flow.train(network, TARGETS)
    return network, end


def test_columns_are_those_of_the_dense_weights():
    network, end = trained(1e-3, 0.98)
    told = {name: values[0] for name, values in energy(end, MEASURE).items()}
    w1, state = weights(network, end.displacement)
    assert told["energy"] == pytest.approx(state.energy, rel=1e-9)
    assert told["sign_share"] == pytest.approx(state.signs)
    assert told["top_share_w2"] == pytest.approx(state.top_share, rel=1e-6)
    assert told["share_z"] == pytest.approx(np.linalg.norm(state.u) / np.linalg.norm(w1))
    assert told["z_norm"] == pytest.approx(unit(network)[1])


@pytest.mark.parametrize(
    ("eps", "share", "time", "apart", "along", "top"),
    [
        (1e-2, 0.99, 0.03, (0.05, 0.02, 0.02), 0.85, 0.4),
        (1e-3, 0.99, 0.005, (0.05, 0.02, 0.01), 0.995, 0.98),
        (1e-4, 0.99, 0.001, (0.05, 0.02, 0.01), 0.999, 0.999),
        (1e-4, 0.95, 0.001, (0.15, 0.06, 0.04), 0.98, 0.999),
    ],
)
def test_a_network_of_small_weights_follows_the_effective_dynamics_of_its_draw(eps, share, time, apart, along, top):
    """Compared where both have the same energy: times, weights, the share of W1 along z, the rank of W2."""
    network, end = trained(eps, share)
    w1, state = weights(network, end.displacement)
    start = weights(network, network.rest)
    solution = effective(start[1], unit(network)[1], until=1e5)
    moment, expected = solution.at_energy(state.energy)
    assert end.time.item() == pytest.approx(moment, rel=time)
    direction = unit(network)[0]
    w1_expected = start[0] + np.outer(direction, expected.u - start[1].u)
    pairs = ((w1, w1_expected), (state.w2, expected.w2), (state.a, expected.a))
    for (one, other), within in zip(pairs, apart, strict=True):
        assert np.linalg.norm(one - other) / np.linalg.norm(other) < within
    assert np.square(state.u).sum() / np.square(w1).sum() > along
    assert state.top_share > top


def test_the_energy_of_two_layers():
    run = Run(Scales(1.0, 1e-3, 1e-3), 40, 0)
    network = TwoLayer.build([run], DATA, activation="tanh", antisymmetric=True)
    start = ExponentialFlow(schema.Exponential()).start(network, TARGETS)
    told = {name: values[0] for name, values in energy(start, MEASURE).items()}
    w, a = (block[0].numpy() for block in network.parameters(network.rest))
    x = np.column_stack([DATA.x, np.ones(len(DATA.x))])
    z = x.T @ DATA.y / len(x)
    u = z @ w[:, :40] / np.linalg.norm(z)
    assert told["energy"] == pytest.approx(u @ a[:40])
    assert told["z_norm"] == pytest.approx(np.linalg.norm(z))
    assert told["sign_share"] == pytest.approx((u * a[:40] > 0).mean())


def test_curves_of_three_layers_have_their_coordinates_and_the_energy():
    init = schema.SpelledOutLayers(betas=[1e-3, 1e-3, 1e-3], antisymmetric=False)
    runs = condense.simulate(
        init=init,
        network="three_layer",
        activation="tanh",
        data="sines_5d",
        widths=[20],
        seeds=[0],
        flow=schema.Exponential(stop=0.99, relative=True),
        measure=schema.Measure(observables=["relative_change", "energy"]),
        snapshots=schema.Snapshots(per_decade=5, weights=False),
    )
    assert runs["initialisation"].tolist() == ["alpha=1,beta_w1=0.001,beta_w2=0.001,beta_a=0.001"]
    curves = records.curves(runs)
    assert (curves[["gamma3", "gamma2"]] == 0).all().all()
    assert curves["energy"].iloc[-1] > 1e3 * abs(curves["energy"].iloc[0])
    assert np.isfinite(curves["energy_two_layers"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"betas": [1e-3, 1e-3]}, "init.betas = [0.001, 0.001] is not allowed: 3 scales, of W1, W2 and a, such as"),
        ({"betas": "1e-3"}, "init.betas = '1e-3' is not allowed: 3 scales"),
        ({"betas": [1, "m**-0.5", "x"]}, "init.betas[2]: 'x' is not a positive number times a power of m"),
        ({"alpha": "-1"}, "init.alpha: '-1' is not a positive number times a power of m"),
    ],
)
def test_scales_of_layers_that_are_none(options, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the text follows)
        schema.SpelledOutLayers(**options)
    assert message in str(caught.value)


def test_scales_of_layers_lie_where_their_powers_do():
    init = schema.SpelledOutLayers(alpha="m", betas=["1", "m**-0.5", "m**-0.5"])
    place = init.resolve()
    assert place.point == (2.0, 0.5)
    assert place.scales(100.0, 1).betas == pytest.approx((1.0, 0.1, 0.1))
    assert init.folder == "alpha=m,beta_w1=1,beta_w2=m^-0.5,beta_a=m^-0.5"


def test_networks_of_ones_own_have_no_energy():
    with pytest.raises(ValueError, match=r"measure.observables = \['energy'\] has no effect as to clusters"):
        condense.simulate(network="residual", data="sines_3d", measure=schema.Measure(observables=["energy"]))
