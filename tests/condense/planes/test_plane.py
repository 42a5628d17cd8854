import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condense.planes import two_layer as plane
from condense.planes.two_layer import NAMED, PlanePoint, PowerLaw, Scales

gammas = st.floats(0, 3)
gamma_primes = st.floats(-2, 2)


def closed_form(gamma, gamma_prime):
    """The four branches as they are written in the literature."""
    if gamma_prime <= 0 and gamma < 1 - gamma_prime:
        return gamma - 1
    if gamma_prime > 0 and gamma < 1:
        return gamma - 1 - 2 * gamma_prime
    if gamma_prime > 0 and gamma < 1 + gamma_prime:
        return 2 * (gamma - 1 - gamma_prime)
    return (gamma - 1 - gamma_prime) / 2


@given(gammas, gamma_primes)
def test_exponent_of_w_is_the_four_branches(gamma, gamma_prime):
    assert plane.exponent(gamma, gamma_prime) == pytest.approx(closed_form(gamma, gamma_prime), abs=1e-9)


@given(gammas, gamma_primes)
def test_a_and_w_change_roles_with_the_sign_of_gamma_prime(gamma, gamma_prime):
    there, back = plane.exponents(gamma, gamma_prime), plane.exponents(gamma, -gamma_prime)
    assert there["a"] == pytest.approx(back["w"], abs=1e-12)
    assert there["theta"] == max(there["w"], there["a"])


@given(gamma_primes)
@pytest.mark.parametrize("block", ["w", "a", "theta"])
def test_exponents_vanish_on_their_boundary(block, gamma_prime):
    line = plane.boundary(gamma_prime, block)
    assert plane.exponent(line, gamma_prime, block) == pytest.approx(0, abs=1e-9)
    assert plane.exponent(line - 0.1, gamma_prime, block) < 0 < plane.exponent(line + 0.1, gamma_prime, block)
    assert plane.regime(line - 0.1, gamma_prime, block) == "linear"
    assert plane.regime(line, gamma_prime, block) == "critical"
    assert plane.regime(line + 0.1, gamma_prime, block) == "condensed"


@given(gammas, gamma_primes, st.floats(2, 1e8))
def test_scales_and_point_are_inverse(gamma, gamma_prime, width):
    scales = Scales.at(PlanePoint(gamma, gamma_prime), width)
    assert scales.kappa == pytest.approx(width**-gamma)
    assert scales.kappa_prime == pytest.approx(width**-gamma_prime)
    assert scales.point(width) == pytest.approx((gamma, gamma_prime), abs=1e-9)


def test_a_width_of_one_has_no_exponent():
    with pytest.raises(ValueError, match="width = 1: the exponents of a scale need a width above 1"):
        Scales(1, 1, 1).point(1)


@pytest.mark.parametrize("name", NAMED)
def test_named_initialisations_tend_to_their_place(name):
    place = NAMED[name]
    at = [place.scales(width, 2).point(width) for width in (1e6, 1e12)]
    errors = [max(abs(x - y) for x, y in zip(point, place.point, strict=True)) for point in at]
    assert errors[1] < 0.03
    assert errors[1] <= errors[0] + 1e-12


def test_named_initialisations_have_their_variances():
    m, d = 100, 784
    he, lecun, xavier = (NAMED[name].scales(m, d) for name in ("he", "lecun", "xavier"))
    assert (he.beta1**2, he.beta2**2) == pytest.approx((2 / m, 2 / d))
    assert (lecun.beta1**2, lecun.beta2**2) == pytest.approx((1 / m, 1 / d))
    assert (xavier.beta1**2, xavier.beta2**2) == pytest.approx((2 / (m + 1), 2 / (m + d)))
    assert NAMED["ntk"].scales(m, d) == Scales(10.0, 1.0, 1.0)
    assert NAMED["mean_field"].scales(m, d) == Scales(m, 1.0, 1.0)


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("3", PowerLaw(3, 0)),
        ("m", PowerLaw(1, 1)),
        ("m^-0.5", PowerLaw(1, -0.5)),
        ("2 m^-0.5", PowerLaw(2, -0.5)),
        ("2*m**1e-1", PowerLaw(2, 0.1)),
        (" 1e-3 ", PowerLaw(1e-3, 0)),
        ("2m", PowerLaw(2, 1)),
    ],
)
def test_power_laws_are_read(text, law):
    assert PowerLaw.parse(text) == law
    assert law(100.0) == pytest.approx(law.factor * 100**law.power)


@pytest.mark.parametrize("text", ["", "  ", "-1", "0", "n^2", "m^", "m^m", "__import__('os')", "nan", "inf"])
def test_other_texts_are_no_power_law(text):
    with pytest.raises(
        ValueError, match="is not a positive number times a power of m, such as '3' or '2\\*m\\*\\*-0.5'"
    ):
        PowerLaw.parse(text)


def test_a_spelled_out_initialisation_lies_where_its_powers_say():
    place = plane.spelled_out(*(PowerLaw.parse(x) for x in ("m^0.5", "2 m^-0.25", "m^0.25")))
    assert place.point == PlanePoint(0.5, 0.5)
    scales = place.scales(16.0, 3)
    assert scales.kappa == pytest.approx(2 / 4)
    assert scales.kappa_prime == pytest.approx(2 * 16**-0.5)
    assert math.isclose(scales.alpha, 4)
