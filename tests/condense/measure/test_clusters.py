import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condense.measure.clusters import cover, covers, mean_abs_cosine


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=0)


def planted(d, groups, per_group, noise, seed=0):
    """Directions far apart, each with neurons scattered around it."""
    generator = np.random.default_rng(seed)
    if d == 2:
        angles = 2 * math.pi * np.arange(groups) / groups + 0.3
        centres = np.stack([np.cos(angles), np.sin(angles)])
    else:
        centres = np.linalg.qr(generator.standard_normal((d, groups)))[0]
    spread = noise / math.sqrt(d) * generator.standard_normal((d, groups * per_group))
    return unit(np.repeat(centres, per_group, axis=1) + spread), generator.uniform(0.5, 1, groups * per_group)


@pytest.mark.parametrize("d", [2, 784])
@pytest.mark.parametrize("groups", [1, 2, 3, 5])
def test_planted_directions_are_counted(d, groups):
    directions, amplitudes = planted(d, groups, 200, noise=0.05)
    found = cover(directions, amplitudes)
    assert len(found) == groups
    assert not found.capped
    assert found.shares.sum() == pytest.approx(1)
    assert sorted(found.centres // 200) == list(range(groups))
    for k, centre in enumerate(found.centres):
        group = slice(centre // 200 * 200, centre // 200 * 200 + 200)
        middle = directions[:, group] @ amplitudes[group]
        assert found.directions[:, k] @ unit(middle) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("d", [2, 784])
def test_opposite_directions_are_two_directions_and_one_line(d):
    directions, amplitudes = planted(d, 1, 100, noise=0.02)
    both = np.concatenate([directions, -directions], axis=1), np.tile(amplitudes, 2)
    assert len(cover(*both)) == 2
    assert len(cover(*both, lines=True)) == 1


def test_an_untrained_network_in_two_dimensions_is_one_chain_but_many_directions():
    generator = np.random.default_rng(0)
    w, a = generator.standard_normal((2, 10_000)), generator.standard_normal(10_000)
    found = cover(unit(w), np.abs(a) * np.linalg.norm(w, axis=0))
    assert len(found) >= 7
    assert found.two_direction_share < 0.45


def greedy(directions, amplitudes, threshold, fraction, lines):
    """The rule as it is stated, by the matrix of all cosines."""
    cosines = directions.T @ directions
    inside = (np.abs(cosines) if lines else cosines) > threshold
    left, centres, shares, means = amplitudes / amplitudes.sum(), [], [], []
    candidates = left > 0
    while sum(shares) < fraction:
        gains = np.where(candidates, inside @ left, 0)
        centre = int(np.flatnonzero(gains > gains.max() * (1 - 1e-12))[0])
        covered = inside[centre]
        turned = np.sign(cosines[centre]) if lines else 1
        centres.append(centre)
        shares.append(left[covered].sum())
        means.append(unit(directions @ (left * turned * covered)))
        left = np.where(covered, 0, left)
    return centres, shares, np.transpose(means)


@st.composite
def networks(draw, d):
    """Neurons around and in bunches, some twice or opposite to each other, some that carry nothing."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    m = draw(st.integers(1, 90))
    directions = unit(generator.standard_normal((d, m)))
    bunches = draw(st.integers(0, 5))
    if bunches:
        noise = draw(st.sampled_from([1e-9, 1e-3, 0.1, 0.3]))
        directions = unit(directions[:, np.arange(m) % min(bunches, m)] + noise * directions)
    copies = draw(st.sampled_from([(1,), (1, 1), (1, -1), (-1, 1, 1)]))
    directions = np.concatenate([sign * directions for sign in copies], axis=1)
    m = directions.shape[1]
    amplitudes = generator.uniform(0.1, 1, m) if draw(st.booleans()) else np.ones(m)
    amplitudes[1:][generator.uniform(size=m - 1) < draw(st.sampled_from([0, 0.5]))] = 0
    return directions, amplitudes


@settings(max_examples=200, deadline=None)
@given(
    st.data(), st.integers(2, 6), st.sampled_from([0.1, 0.7, 0.95, 0.999]), st.sampled_from([0.4987, 0.9877, 0.999999])
)
def test_covers_are_those_of_the_rule(data, d, threshold, fraction):
    directions, amplitudes = data.draw(networks(d))
    rule = {"threshold": threshold, "fraction": fraction, "candidates": len(amplitudes), "most": 10**6}
    for found, lines in zip(covers(directions, amplitudes, **rule), (False, True), strict=True):
        centres, shares, means = greedy(directions, amplitudes, threshold, fraction, lines)
        assert found.centres.tolist() == centres
        np.testing.assert_allclose(found.shares, shares, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.directions, means, rtol=0, atol=1e-9)
        assert not found.capped
        alone = cover(directions, amplitudes, lines=lines, **rule)
        assert alone.centres.tolist() == centres


@pytest.mark.parametrize("axes", [2, 3])
def test_everything_is_covered_if_it_has_to_be(axes):
    generator = np.random.default_rng(0)
    directions, amplitudes = unit(generator.standard_normal((axes, 150))), 10.0 ** -generator.uniform(0, 30, 150)
    for found in covers(directions, amplitudes, threshold=0.9999, fraction=1.0, most=1000, candidates=20):
        cosines = np.abs(directions[:, found.centres].T @ directions).max(axis=0)
        assert (cosines[amplitudes > 1e-16 * amplitudes.sum()] > 0.9999).all()
        assert found.shares.sum() == pytest.approx(1)
        assert not found.capped


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 50))
def test_shares_fall_and_reach_the_fraction(seed, d, m):
    generator = np.random.default_rng(seed)
    found = cover(unit(generator.standard_normal((d, m))), generator.uniform(0.1, 1, m), fraction=0.8)
    assert (np.diff(found.shares) <= 1e-12).all()
    assert found.shares.sum() >= 0.8
    assert found.shares[:-1].sum() < 0.8


def test_the_count_is_capped_and_says_so():
    directions, amplitudes = planted(50, 20, 1, noise=0)
    found = cover(directions, amplitudes, most=7)
    assert len(found) == 7
    assert found.capped


def test_two_thousand_neurons_are_all_tried_by_default():
    generator = np.random.default_rng(0)
    directions = unit(np.repeat(np.eye(6), 300, axis=1) + 0.15 * generator.standard_normal((6, 1800)))
    amplitudes = generator.uniform(0.1, 1, 1800)
    found, few = cover(directions, amplitudes), cover(directions, amplitudes, candidates=64)
    assert found.exact
    assert found.centres.tolist() == greedy(directions, amplitudes, 0.95, 0.99, False)[0]
    assert not few.exact
    assert len(few) > len(found)


def test_few_candidates_still_cover_every_neuron():
    directions, amplitudes = planted(784, 3, 2000, noise=0.05)
    found = cover(directions, amplitudes, candidates=20)
    assert len(found) == 3
    assert found.shares.sum() == pytest.approx(1)


def test_ties_go_to_the_first_neuron():
    assert cover(np.eye(3), np.ones(3)).centres.tolist() == [0, 1, 2]


def test_no_amplitude_needs_no_direction():
    assert len(cover(np.ones((2, 0)), np.ones(0))) == 0
    assert len(cover(np.eye(2), np.zeros(2))) == 0


def test_mean_abs_cosine_of_the_circle_and_of_a_line():
    generator = np.random.default_rng(0)
    circle = unit(generator.standard_normal((2, 5000)))
    assert mean_abs_cosine(circle) == pytest.approx(2 / math.pi, abs=0.02)
    assert mean_abs_cosine(np.outer([1.0, 0.0], [1.0, -1.0, 1.0])) == pytest.approx(1)
    assert math.isnan(mean_abs_cosine(circle[:, :1]))


@pytest.mark.parametrize("candidates", [3, 10, 100])
def test_when_the_candidates_have_nothing_left_to_cover_others_are_tried(candidates):
    directions, amplitudes = planted(50, 30, 10, noise=0.01)
    found = cover(directions, amplitudes, candidates=candidates)
    assert len(found) == 30
    assert not found.capped
    assert found.shares.sum() == pytest.approx(1)


def test_a_million_neurons_of_which_few_carry_anything():
    generator = np.random.default_rng(0)
    directions, amplitudes = unit(generator.standard_normal((2, 10**6))), np.zeros(10**6)
    amplitudes[[5, 70]] = 1.0
    assert len(cover(directions, amplitudes)) <= 2
