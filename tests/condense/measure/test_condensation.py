"""What the literature says of condensation, in runs short enough for a test; docs/condensation.md has the long ones."""

import numpy as np
import pytest

import condense
from condense import records, schema
from condense.measure.clusters import cover

INITIAL = schema.Exponential(stop=0.99, relative=True)
WATCHED = schema.Measure(observables=["relative_change", "clusters", "unweighted", "alignment"])


def small(beta):
    return schema.SpelledOut("1", beta, beta, antisymmetric=False)


def test_two_directions_are_left_of_a_condensed_network(tmp_path):
    """The reference notebook at g = 1: directions at -2.82 and -.32, loss below 2e-6 after 10^4 epochs."""
    flow = schema.Descent(rule="fixed", rate=0.05, loss="mse", stop=0, max_steps=10_001)
    [run] = condense.simulate(
        init=small("m**-1"),
        widths=[1000],
        seeds=[0],
        data="two_ramps",
        flow=flow,
        snapshots=schema.Snapshots(steps=[10_000]),
        folder=tmp_path,
    ).itertuples()
    assert run.mse_final <= 2e-6
    assert run.two_direction_share > 0.95
    with np.load(max(tmp_path.rglob("*.npz"))) as file:
        w, a = file["w"][file["active"]], file["a"][file["active"]]
    length = np.linalg.norm(w, axis=1)
    found = cover((w / length[:, None]).T, np.abs(a) * length).directions
    assert np.sort(np.arctan2(found[1], found[0])) == pytest.approx([-2.82, -0.32], abs=0.02)


@pytest.mark.parametrize(("activation", "multiplicity"), [("tanh", 1), ("x_tanh", 2), ("x2_tanh", 3)])
def test_at_most_as_many_lines_as_the_multiplicity_carry_the_amplitude_at_the_end_of_the_initial_stage(
    activation, multiplicity
):
    """arXiv 2105.11686, in the limit that its claim is about; at the paper's .005 there are many more."""
    options = {"widths": [50], "seeds": [0, 1], "activation": activation, "data": "sines_5d", "flow": INITIAL}
    runs = condense.simulate(init=small("1e-4"), measure=WATCHED, **options)
    assert (runs.lines <= multiplicity).all()
    assert (runs.mse_final / runs.mse_initial).to_numpy() == pytest.approx(0.99, abs=3e-4)
    if activation == "tanh":
        assert (runs.cosine_z >= 0.98).all()
        assert (runs.cosine_z_unweighted >= 0.98).all()
    wide = condense.simulate(init=small("5e-3"), measure=WATCHED, **options)
    assert (wide.lines > 2 * multiplicity).all()


def test_one_step_of_adam_goes_to_the_sign_of_z():
    options = {"widths": [50], "seeds": [0, 1], "activation": "tanh", "data": "sines_5d", "measure": WATCHED}
    runs = condense.simulate(init=small("m**-4"), flow=schema.Adam(stop=0, max_steps=1), **options)
    assert (runs.cosine_sign_z_unweighted > 0.95).all()
    assert (runs.cosine_z_unweighted < 0.9).all()
    assert (runs.mean_abs_cosine > 0.98).all()


@pytest.mark.parametrize(("gamma", "gamma_prime"), [(1.4, 0.0), (1.8, 0.2), (1.6, 0.4), (1.2, -0.2)])
def test_the_relative_change_at_the_end_of_the_initial_stage_has_a_closed_form(gamma, gamma_prime):
    """For small weights tanh is linear and only the component of w along z = |z| z^ grows, with lt = |z| t,

        w = w(0) cosh lt + kappa' a(0) sinh lt,   f = m kappa (kappa' + 1/kappa') sinh(2 lt) z^ . x  (two copies),

    and the loss has fallen by the share delta once f = c z^ . x, c = delta sum y^2 / (2 n |z|). So, in d dimensions,
    RD_w^2 d = (cosh lt - 1)^2 + kappa'^2 sinh^2 lt.
    """
    m, d, data = 16_000, 2, condense.data.parabola()
    runs = condense.simulate(gamma, gamma_prime, widths=[m], seeds=[0, 1], activation="tanh", flow=INITIAL)
    x = np.column_stack([data.x, np.ones(4)])
    length = np.linalg.norm(x.T @ data.y / 4)
    delta = 1 - (runs.mse_final / runs.mse_initial).to_numpy()
    c = delta * (data.y**2).sum() / (2 * 4 * length)
    kappa, kappa_prime = m**-gamma, m**-gamma_prime
    lt = np.arcsinh(c / (m * kappa * (kappa_prime + 1 / kappa_prime))) / 2
    expected = np.sqrt(((np.cosh(lt) - 1) ** 2 + (kappa_prime * np.sinh(lt)) ** 2) / d)
    assert runs.rd_w.to_numpy() == pytest.approx(expected, rel=0.08)


def test_dropout_condenses():
    """arXiv 2207.05952: what one start keeps, dropout brings to two directions."""
    options = {"widths": [100], "seeds": [0, 1, 2], "init": small("m**-0.5"), "data": "two_ramps"}
    flow = schema.Adam(rate=2e-3, stop=0, max_steps=5000)
    kept, dropped = (
        condense.simulate(network=schema.Network(keep=keep), flow=flow, **options).clusters for keep in (1.0, 0.9)
    )
    assert (kept >= 5).all()
    assert (dropped <= 3).all()


def test_curves_follow_the_growth_of_the_component_along_z():
    """Share of |w| along z over time: cosh and sinh early, later less, since the residual falls."""
    looks = schema.Snapshots(per_decade=8, weights=False)
    flow = schema.Exponential(stop=0.99, relative=True, rtol=1e-3)
    runs = condense.simulate(
        2.4, 0.1, widths=[2000], seeds=[0], activation="tanh", flow=flow, snapshots=looks, measure=WATCHED
    )
    curve = records.curves(runs)
    data = condense.data.parabola()
    length = np.linalg.norm(np.column_stack([data.x, np.ones(4)]).T @ data.y / 4)
    kappa_prime = 2000**-0.1
    lt = length * curve.time.to_numpy()
    along = np.cosh(lt) ** 2 + (kappa_prime * np.sinh(lt)) ** 2  # mean square along z; across it is 1
    assert curve.share_z.iloc[-1] > 0.9
    assert curve.share_z.to_numpy() == pytest.approx(np.sqrt(along / (along + 1)), rel=0.03)
