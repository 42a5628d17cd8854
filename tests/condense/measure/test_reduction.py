import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import condense
from condense import schema
from condense.measure import reduction
from condense.measure.reduction import NoOutputError, merge, reduced

ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), True, 0),
    "tanh": (np.tanh, False, -1),
    "x_tanh": (lambda z: z * np.tanh(z), False, 1),
    "x2_tanh": (lambda z: z**2 * np.tanh(z), False, -1),
    "softplus": (lambda z: np.logaddexp(z, 0), False, 0),
}
INPUTS = np.random.default_rng(5).standard_normal((9, 3))


def output(name):
    return lambda w, a: ACTIVATIONS[name][0](INPUTS[:, : len(w)] @ w) @ a


def rule(name):
    return dict(zip(("homogeneous", "parity"), ACTIVATIONS[name][1:], strict=True))


def draw(seed, m, r=3):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((r, m)), rng.standard_normal(m)


@pytest.mark.parametrize("name", ACTIVATIONS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), m=st.integers(1, 6), copies=st.integers(1, 4), r=st.integers(2, 3))
def test_exact_duplicates_are_one_neuron_and_the_output_stays(name, seed, m, copies, r):
    w, a = draw(seed, m, r)
    rng = np.random.default_rng(seed)
    repeated, weights = np.repeat(w, copies, axis=1), np.repeat(a, copies) * rng.uniform(-1, 2, m * copies)
    if name == "relu":
        repeated = repeated * rng.uniform(0.1, 10, m * copies)
    elif rule(name)["parity"]:
        signs = rng.choice([-1, 1], m * copies)
        repeated, weights = repeated * signs, weights * (signs if rule(name)["parity"] < 0 else 1)
    merged = merge(repeated, weights, threshold=1 - 1e-12, **rule(name))
    assert len(merged) == m
    np.testing.assert_allclose(
        output(name)(merged.w, merged.a), output(name)(repeated, weights), atol=1e-10 * np.abs(weights).sum()
    )
    assert (merged.members.reshape(m, copies) == merged.members[::copies, None]).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), m=st.integers(1, 80), r=st.integers(2, 4), threshold=st.floats(0.05, 0.99))
@pytest.mark.parametrize("name", ["relu", "tanh", "softplus"])
def test_there_are_no_more_neurons_and_their_order_does_not_matter(name, seed, m, r, threshold):
    w, a = draw(seed, m, r)
    merged = merge(w, a, threshold=threshold, **rule(name))
    shuffled = np.random.default_rng(seed).permutation(m)
    again = merge(w[:, shuffled], a[shuffled], threshold=threshold, **rule(name))
    assert 1 <= len(merged) == len(again) <= m
    same = merged.members[shuffled][:, None] == merged.members[shuffled]
    np.testing.assert_array_equal(same, again.members[:, None] == again.members)
    if rule(name)["parity"] == 0:  # all that is linear in w stays
        np.testing.assert_allclose(merged.w @ merged.a, w @ a, atol=1e-9)


def test_neurons_that_cancel_vanish():
    w, a = draw(0, 50)
    for name in ACTIVATIONS:
        merged = merge(np.concatenate([w, w], axis=1), np.concatenate([a, -a]), threshold=1 - 1e-9, **rule(name))
        assert len(merged) == 0
        assert (merged.members == -1).all()


def test_signs_that_nearly_cancel_stay_two_neurons_of_their_own_direction():
    w, a = np.array([[1.0, 1.0], [0.1, -0.1]]), np.array([1.0, -1.0])  # V = (0, .2) is across
    merged = merge(w, a, threshold=0.9, homogeneous=True)
    np.testing.assert_allclose(merged.w[:, np.argsort(-merged.a)], w)
    lopsided = merge(w, np.array([1.0, -0.1]), threshold=0.9, homogeneous=True)
    np.testing.assert_allclose(lopsided.w[:, 0] * lopsided.a, w @ [1.0, -0.1])
    assert len(lopsided) == 1


def test_both_layers_keep_their_proportion():
    merged = merge(np.full((2, 100), 3.0), np.full(100, 0.1), threshold=0.9, homogeneous=True)
    assert merged.a == pytest.approx(0.1 * 100**0.5)
    np.testing.assert_allclose(merged.w[:, 0], 3.0 * 100**0.5)


def test_lengths_count_unless_the_activation_is_homogeneous():
    w, a = np.array([[1.0, 1.01, 5.0], [1.0, 1.01, 5.0]]), np.ones(3)
    assert merge(w, a, threshold=0.99, homogeneous=True).members.tolist() == [0, 0, 0]
    assert len(set(merge(w, a, threshold=0.99, homogeneous=False).members[1:])) == 2
    assert merge(w[:, :2], a[:2], threshold=0.99, homogeneous=False).w[0, 0] == pytest.approx(1.005)


def test_neurons_that_are_not_covered_join_the_nearest_direction():
    angles = np.array([0.0, 0.1, 2.0, 2.1, 0.8])
    w, a = np.stack([np.cos(angles), np.sin(angles)]), np.array([5.0, 5.0, 5.0, 4.0, 0.1])
    every = merge(w, a, threshold=0.99, homogeneous=True)
    few = merge(w, a, threshold=0.99, homogeneous=True, most=2)
    assert len(every) == 3
    assert few.members[4] == few.members[0] == few.members[1] != few.members[2] == few.members[3]
    np.testing.assert_allclose(few.w @ few.a, w @ a)


def test_the_smallest_network_within_the_tolerance_is_found():
    w, a = draw(1, 400, 2)
    sizes = []
    for tolerance in (0.3, 0.03, 0.003):
        merged, change = reduced(w, a, output("relu"), tolerance=tolerance, **rule("relu"))
        f = output("relu")(w, a)
        assert change <= tolerance
        assert np.linalg.norm(output("relu")(merged.w, merged.a) - f) / np.linalg.norm(f) == pytest.approx(change)
        sizes.append(len(merged))
    assert sizes == sorted(sizes)
    assert sizes[-1] < 400


def test_a_network_that_cannot_be_made_smaller_is_left_as_it_was():
    w, a = draw(1, 60)
    merged, change = reduced(w, a, output("tanh"), tolerance=1e-14, counts=(1, 2, 4), **rule("tanh"))
    assert change == 0
    np.testing.assert_array_equal(merged.w[:, merged.members], w)
    np.testing.assert_array_equal(merged.a[merged.members], a)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 1.0}, "threshold = 1.0 is not allowed: a cosine above 0, below 1, such as 0.95"),
        ({"parity": 2}, "parity = 2 is not allowed: -1 for odd s, 1 for even s, 0 for neither"),
        ({"w": np.ones((4, 2))}, r"w of shape \(4, 2\) and a of shape \(4,\) .* transpose w of a snapshot"),
    ],
)
def test_bad_input_is_told(change, message):
    given = {"w": np.ones((2, 4)), "a": np.ones(4), "threshold": 0.9, "homogeneous": True, **change}
    with pytest.raises(ValueError, match=message):
        merge(**given)


def test_an_output_without_a_size_has_no_relative_change():
    for w, a in (draw(0, 5), (np.full((3, 5), np.inf), np.ones(5))):
        with pytest.raises(NoOutputError, match="weights and outputs have to be finite, and not all zero"):
            reduced(w, a, lambda w, a: np.zeros(4), tolerance=1e-3, homogeneous=True)


def test_a_condensed_network_keeps_its_output_with_few_neurons():
    measure = schema.Measure(observables=["clusters", "reduction"])
    runs = condense.simulate([0.5, 1.75], 0.0, widths=[2000], seeds=[0, 1], measure=measure)
    assert (runs.reduction_error <= 1e-3).all()
    linear, condensed = (runs[runs.gamma == gamma].effective_width for gamma in (0.5, 1.75))
    assert (condensed <= 6).all()
    assert (linear > 5 * condensed.max()).all()


@pytest.mark.parametrize("activation", ["leaky_relu", "tanh", "x_tanh", "x2_tanh", "softplus"])
def test_the_change_of_the_output_is_that_of_the_trained_network(activation):
    measure = schema.Measure(observables=["reduction"], reduction=0.01)
    options = {"widths": [300], "seeds": [0], "measure": measure, "activation": activation, "antisymmetric": False}
    runs = condense.simulate([0.7, 1.2], 0.0, **options)
    alone = condense.simulate(1.2, 0.0, **options)
    assert (runs.reduction_error <= 0.01).all()
    assert (runs.effective_width <= 300).all()
    assert runs.effective_width[1] < 100
    assert alone.effective_width[0] == runs.effective_width[1]  # whatever it was trained with


def test_a_flow_of_all_input_dimensions_is_reduced_in_the_span_of_the_data():
    x = np.random.default_rng(0).standard_normal((6, 20))
    options = {"widths": [100], "seeds": [0], "data": (x, x[:, 0]), "flow": schema.Adam(rate=0.01, max_steps=300)}
    runs = condense.simulate(1.5, 0.0, measure=schema.Measure(observables=["reduction"], reduction=0.1), **options)
    assert runs.effective_width[0] < 100
    assert 0 < runs.reduction_error[0] <= 0.1


def test_the_numbers_of_directions_ascend_to_1024():
    assert list(reduction.COUNTS) == sorted(set(reduction.COUNTS))
    assert reduction.COUNTS[-1] == 1024
