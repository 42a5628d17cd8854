"""The effective dynamics of three small layers: blow-up, what is conserved, rank one."""

import numpy as np
import pytest

from condense.data import known
from condense.planes.blow_up import State, effective, sufficient, two_layers


def data():
    """Return the inputs of the five-dimensional sines with the bias, and z."""
    found = known.sines_5d()
    x = np.column_stack([found.x, np.ones(len(found.x))])
    return x, x.T @ found.y / len(x)


def start(m, seed):
    generator = np.random.default_rng(seed)
    x, z = data()
    w1, w2, a = (generator.standard_normal(shape) for shape in ((m, x.shape[1]), (m, m), m))
    return w1, State(w1 @ z / np.linalg.norm(z), w2, a), float(np.linalg.norm(z))


@pytest.fixture(scope="module", params=[(20, 0), (20, 1), (20, 2), (50, 0), (50, 1), (100, 0)])
def solved(request):
    m, seed = request.param
    w1, first, length = start(m, seed)
    return w1, length, effective(first, length)


def grown(solution, factor):
    """Return the first moment at which |a| has grown by a factor."""
    sizes = np.linalg.norm(solution.a, axis=1)
    return int(np.searchsorted(sizes, factor * sizes[0]))


def test_the_inverse_root_of_the_energy_ends_as_a_straight_line_of_slope_z(solved):
    _, length, solution = solved
    late = slice(grown(solution, 30), None)
    time, root = solution.time[late], solution.energy[late] ** (-1 / 3)
    slope, offset = np.polyfit(time, root, 1)
    assert slope == pytest.approx(-length, rel=1e-4)
    assert np.abs(root - slope * time - offset).max() < 1e-5 * np.ptp(root)


def test_the_energy_rises_at_least_as_fast_as_the_bound_and_from_below_zero_too(solved):
    _, length, solution = solved
    energy = solution.energy
    assert (np.diff(energy) > 0).all()
    positive = np.flatnonzero(energy > 0)
    root, time = energy[positive] ** (-1 / 3), solution.time[positive]
    assert (root <= root[0] - length * (time - time[0]) + 1e-9).all()


def test_two_matrices_are_conserved(solved):
    _, _, solution = solved

    def conserved(state):
        return np.outer(state.u, state.u) - state.w2.T @ state.w2, np.outer(state.a, state.a) - state.w2 @ state.w2.T

    for before, after in zip(conserved(solution[0]), conserved(solution[-1]), strict=True):
        assert np.linalg.norm(after - before) < 1e-8 * np.square(solution[-1].w2).sum()


def test_it_blows_up_at_a_time_of_order_one_over_z_and_root_m(solved):
    _, length, solution = solved
    left = solution.energy[-1] ** (-1 / 3) / length
    assert 0.8 < (solution.time[-1] + left) * length * solution.u.shape[1] ** 0.5 < 1.6


def test_rows_turn_to_z_and_the_matrix_to_rank_one(solved):
    w1, _, solution = solved
    rest = np.square(w1).sum() - np.square(solution.u[0]).sum()
    for factor, least_share, least_top in ((30, 0.98, 0.85), (300, 0.999, 0.995)):
        moment = min(grown(solution, factor), len(solution) - 1)
        along = np.square(solution.u[moment]).sum()
        assert along / (along + rest) > least_share
        assert solution[moment].top_share > least_top


def test_signs_agree_and_so_do_pairs_of_rows_and_columns(solved):
    _, _, solution = solved
    assert solution[grown(solution, 30)].signs > 0.95
    assert solution[-1].signs == 1
    assert 0.3 < solution[0].signs < 0.85
    assert sufficient(solution[-1]) > 0.99
    assert sufficient(solution[0]) < 0.7


def test_rates_keep_the_bound_and_their_own_conserved_matrices():
    _, first, length = start(20, 5)
    rates = (0.5, 4.0, 0.5)
    solution = effective(first, length, rates=rates)
    root, time = solution.energy[-20:] ** (-1 / 3), solution.time[-20:]
    assert np.polyfit(time, root, 1)[0] == pytest.approx(-length, rel=1e-3)
    gains = [np.square(x[-1]).sum() - np.square(x[0]).sum() for x in (solution.u, solution.w2, solution.a)]
    assert np.divide(gains, rates) == pytest.approx([gains[0] / rates[0]] * 3, rel=1e-6)


def test_a_moment_of_given_energy():
    _, first, length = start(20, 0)
    solution = effective(first, length)
    middle = len(solution) // 2
    time, state = solution.at_energy(solution.energy[middle])
    assert time == pytest.approx(solution.time[middle])
    np.testing.assert_allclose(state.w2, solution[middle].w2)
    with pytest.raises(ValueError, match=r"energy = 1e\+300: the solution goes from"):
        solution.at_energy(1e300)


def test_nothing_grows_from_zero_weights():
    m = 4
    nothing = State(np.zeros(m), np.zeros((m, m)), np.ones(m))
    with pytest.raises(ValueError, match=r"a has not grown 300 times by t = 100 / \|z\|"):
        effective(nothing, 1.0)


def test_two_layers_grow_exponentially():
    generator = np.random.default_rng(0)
    u, a = generator.standard_normal((2, 50))
    time = np.linspace(10, 20, 11)
    energy = two_layers(u, a, 0.7, time)
    assert np.polyfit(time, np.log(energy), 1)[0] == pytest.approx(1.4, rel=1e-6)
