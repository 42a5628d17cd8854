"""The plane of L layers: the water-filling rule against its tables, two layers and a direct solution."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condense.planes import PLANES, layers, two_layer, water
from condense.planes.layers import Powers, boundary, exponents, local_exponents

numbers = st.floats(-2, 2, allow_nan=False).map(lambda x: round(x, 3))


def table(g, d):
    """Return S of w1, w2, a by the closed forms of the five regions of three layers, d = gamma3 - 3/2, g = gamma2."""
    if g >= 0 and d <= 0:
        return d - 2 * g, d - 1 / 2, d
    if g > 0 and d < 2 * g:
        return d - 2 * g, (d - 1) / 2, d / 2
    if g <= 0 and d <= 0:
        return d, d - 2 * abs(g) - 1 / 2, d - 2 * abs(g)
    if g < 0 and d < abs(g):
        return d, 2 * (d - abs(g)) - 1 / 2, 2 * (d - abs(g))
    return (d - 2 * g) / 3, (d + g) / 3 - 1 / 2, (d + g) / 3


@pytest.mark.parametrize("g", np.round(np.arange(-1.5, 1.51, 0.25), 2))
@pytest.mark.parametrize("d", np.round(np.arange(-1, 3.01, 0.25), 2))
def test_three_layers_have_the_five_regions_of_the_closed_form(g, d):
    found = exponents(d + 1.5, g)
    assert (found["w1"], found["w2"], found["a"]) == pytest.approx(table(g, d), abs=1e-12)
    assert found["w2_op"] == pytest.approx(found["w2"] + 0.5)
    assert found["theta"] == pytest.approx(max(found["w1"] - 0.5, found["w2"], found["a"] - 0.5))


@given(numbers, numbers)
def test_two_layers_are_the_plane_of_luo_et_al(gamma, gamma_prime):
    heights = water.heights(gamma - 1, [-gamma_prime, gamma_prime])
    expected = two_layer.exponents(gamma, gamma_prime)
    assert [water.change(h) for h in heights] == pytest.approx([expected["w"], expected["a"]], abs=1e-12)


@given(st.lists(numbers, min_size=2, max_size=6), st.floats(-2, 3, allow_nan=False))
def test_the_rule_is_the_solution_of_its_equation(theta, d):
    heights = water.heights(d, theta)
    rho = heights[0] - theta[0]
    assert [h - each for h, each in zip(heights, theta, strict=True)] == pytest.approx([rho] * len(theta), abs=1e-9)
    if d > 0:
        assert sum(max(0, h) for h in heights) == pytest.approx(2 * d, abs=1e-9)
    else:
        assert max(heights) == pytest.approx(d, abs=1e-9)
    assert water.filled(rho, theta) == pytest.approx(d, abs=1e-9)


@given(numbers, st.sampled_from([3, 4, 5]), st.data())
def test_the_exponent_of_a_block_is_zero_on_its_boundary_and_has_its_sign_beside_it(gamma2, count, data):
    block = data.draw(st.sampled_from(layers.blocks(count)))
    line = boundary(gamma2, block, count)
    assert exponents(line, gamma2, count)[block] == pytest.approx(0, abs=1e-9)
    assert exponents(line - 0.1, gamma2, count)[block] < 0
    assert exponents(line + 0.1, gamma2, count)[block] > 0


@pytest.mark.parametrize("g", [-1.0, -0.25, 0.0, 0.25, 0.5, 1.0])
def test_the_formulas_written_at_the_lines_are_those_of_the_boundary(g):
    by_hand = {
        "w1": 1.5 + 2 * max(g, 0),
        "w2": 2.5 + max(0.5 - g, 0),
        "a": 1.5 + max(-g, 0),
        "w2_op": 1.5 + max(-g, 0),
        "theta": 2.5 + max(0.5 - g, 0) if g >= 0 else 2 + 2 * max(0.5 + g, 0),
    }
    assert {block: boundary(g, block) for block in by_hand} == pytest.approx(by_hand)
    plane = PLANES["three_layer"]
    assert plane.line["w1"] == r"\gamma_3 = 3/2 + 2 \max(\gamma_2, 0)"
    assert plane.line["w2"] == r"\gamma_3 = 5/2 + \max(1/2 - \gamma_2, 0)"
    assert plane.line["a"] == plane.line["w2_op"] == r"\gamma_3 = 3/2 + \max(-\gamma_2, 0)"
    assert plane.line["theta"].endswith(r"\ 2 + 2 \max(1/2 + \gamma_2, 0)\ (\gamma_2 < 0)")
    assert set(plane.line) == set(plane.blocks)


@given(numbers, numbers, st.sampled_from([3, 4, 7]))
def test_exponents_of_scales_give_back_the_point(gamma, gamma2, count):
    powers = Powers.at(gamma, gamma2, count)
    assert (powers.gamma, powers.gamma2) == pytest.approx((gamma, gamma2), abs=1e-9)
    assert sum(powers.theta) == pytest.approx(0, abs=1e-9)
    m = 300.0
    scales = powers.scales(m)
    assert scales.kappa == pytest.approx(m**-gamma, rel=1e-9)
    assert scales.betas[-1] / scales.betas[0] == pytest.approx(m**-gamma2, rel=1e-9)


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("name", ["ntk", "lecun", "he", "xavier"])
def test_named_initialisations_tend_to_their_places(count, name):
    named = layers.named(count)[name]
    m, d = 1e16, 1
    scales = named.scales(m, d)
    gamma = -math.log(scales.kappa) / math.log(m)
    ratio = -math.log(scales.betas[-1] / scales.betas[0]) / math.log(m)
    assert (gamma, ratio) == pytest.approx(named.point, abs=0.05)


def test_the_local_slope_tends_to_the_exponent_as_all_layers_grow():
    for g in (-0.5, 0.0, 0.5):
        limit = exponents(4.0, g)
        local = local_exponents(4.0, g, 1e8, 1e6)
        assert local == pytest.approx({block: limit[block] for block in local}, abs=1e-4)
    assert all(math.isnan(value) for value in local_exponents(1.5, 0.0, 1e3, 0.3).values())


def test_two_layers_have_a_plane_of_their_own():
    with pytest.raises(ValueError, match=r"layers = 2: the plane of two layers is condense.planes.two_layer"):
        layers.plane("pair", 2)
