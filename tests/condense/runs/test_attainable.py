"""Data on which no training reaches the stop, or none is needed."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from condense import data, registry, schema
from condense.data import Dataset
from condense.networks import activations
from condense.runs.attainable import VANISHING, floor
from condense.runs.problem import Problem


def test_the_floor_is_the_variance_within_equal_inputs():
    contradiction = Dataset(np.array([0.0, 0.0, 1.0, -0.0]), np.array([1.0, 2.0, 5.0, 6.0]))
    within = np.var([1, 2, 6]) * 3 / 4
    assert floor(contradiction).mse == pytest.approx(within)
    assert floor(contradiction)[1:] == (3, 0)
    assert floor(contradiction, vanishing=True).mse == pytest.approx((1 + 4 + 36) / 4)
    assert floor(data.parabola()).mse == 0


def test_inputs_are_compared_in_the_precision_of_the_run():
    near = Dataset(np.array([1.0, 1 + 1e-12]), np.array([1.0, 3.0]))
    assert floor(near, "float64").mse == 0
    assert floor(near, "float32").mse == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(1, 9)), min_size=1), st.randoms(use_true_random=False))
def test_no_function_of_the_input_is_below_the_floor(rows, random):
    x, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    outputs = np.array([random.uniform(0, 10) for _ in range(4)])
    assert floor(Dataset(x, y)).mse <= np.mean((outputs[x.astype(int)] - y) ** 2) + 1e-12


def test_activations_that_vanish_at_zero():
    zero = torch.zeros(1, dtype=torch.float64)
    vanishing = {name for name in registry.REGISTRY["activation"] if activations.get(name)(zero)[0] == 0}
    assert vanishing == VANISHING


def problem(x, y, lines=(), **options):
    return Problem.of(schema.Config(**options), Dataset(np.array(x), np.array(y), "my.csv", lines))


NO_BIAS = schema.Network(bias=False)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (
            [0.0, 0.0, 1.0],
            [1.0, 2.0, 1.0],
            {"lines": (2, 5, 6)},
            "my.csv: line 2 and line 5 are one input with the targets 1 and 2: no mean square residual is below 0.167, "
            "and the stop at 1e-06 is never reached. Average .* or flow.stop=0 to train for flow.max_steps",
        ),
        (
            [0.0, 0.0],
            [1.0, 1.1],
            {"flow": schema.Adam(stop=1e-3, relative=True)},
            "the stop at 0.00111 is never reached",
        ),
        (
            [0.0, 1.0],
            [2.0, 1.0],
            {"network": NO_BIAS},
            "x\\[0\\] is 0 and its target 2, and a network without bias is 0",
        ),
        (
            [1e300, 1.0],
            [2.0, 1.0],
            {},
            "x is 1e\\+300 at x\\[0\\]: squares overflow in float64; scale x to size 1",
        ),
        ([0.0, 1.0], [1.0, 1e20], {"dtype": "float32"}, "y is 1e\\+20 at x\\[1\\]: squares overflow in float32"),
        ([0.0, 1.0], [1e-4, 1e-4], {}, "mean square target is 1e-08, .* meets the stop at 1e-06 untrained"),
        (
            [0.0, 1.0],
            [1.0, 2.0],
            {"flow": schema.Exponential(stop=1, relative=True)},
            "the stop at 2.5 untrained",
        ),
    ],
)
def test_what_no_training_changes_is_refused_with_rows_and_remedy(x, y, options, message):
    with pytest.raises(ValueError, match=message):
        problem(x, y, **options)


@pytest.mark.parametrize(
    ("x", "y", "options"),
    [
        ([0.0, 0.0], [1.0, 2.0], {"flow": schema.Exponential(stop=0.3)}),
        ([0.0, 0.0], [1.0, 2.0], {"flow": schema.Descent(stop=0.2, relative=True)}),
        ([0.0, 0.0], [1.0, 2.0], {"flow": schema.Adam(stop=0, max_steps=10)}),
        ([0.0, 0.0, 1.0], [1.0, 1.0, 3.0], {}),
        ([0.0, 1.0], [2.0, 1.0], {"network": schema.Network(bias=False, activation="sigmoid")}),
        ([0.0, 1.0], [1e-4, 1e-4], {"init": schema.Plane(antisymmetric=False)}),
        ([0.0, 1.0], [1e-4, 1e-4], {"flow": schema.Exponential(relative=True)}),
    ],
)
def test_what_can_be_reached_is_not_refused(x, y, options):
    assert problem(x, y, **options).runs
