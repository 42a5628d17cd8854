"""Keys are for ever: a key of every kind of run is what it was, so results on disk are found by every later version."""

from __future__ import annotations

import numpy as np
import pytest

from condense import schema
from condense.data import Dataset
from condense.runs.problem import Problem

SHORT = {"widths": [20], "seeds": [3]}
XY = Dataset(np.array([[0.0], [1.0], [3.0]]), np.array([1.0, -1.0, 0.5]), "mine")

RUNS = {
    "quickstart's": ({}, None),
    "on the plane": ({"init": schema.Plane(1.2, -0.4)}, None),
    "named": ({"init": schema.Named("he")}, None),
    "spelled out": ({"init": schema.SpelledOut(alpha="m", beta1="2*m**-0.5", beta2="1")}, None),
    "one copy": ({"init": schema.Plane(antisymmetric=False)}, None),
    "tanh, a network's own flow": (
        {"network": schema.Network(activation="tanh"), "flow": schema.Exponential(stop=0.95, relative=True)},
        None,
    ),
    "descent": ({"flow": schema.Descent(rule="fixed", rate=0.1)}, None),
    "dropout under Adam": ({"network": schema.Network(keep=0.9), "flow": schema.Adam(rate=1e-3)}, None),
    "deep": ({"network": schema.Network(name="residual", kwargs={"inputs": 1, "activations": ["tanh", "relu"]})}, None),
    "digits in single precision": ({"data": schema.Data(name="digits", samples=12), "dtype": "float32"}, None),
    "own data": ({}, XY),
    "virtual": ({"virtual": schema.Virtual(widths=[1e6], neurons=[100, 50]), "widths": []}, None),
}

PINNED = {
    "quickstart's": ("8469d1b771f1a7dd", ["71974e1b70fed403"]),
    "on the plane": ("8469d1b771f1a7dd", ["f4ebe7b6364f8331"]),
    "named": ("8469d1b771f1a7dd", ["461149b3372d7d09"]),
    "spelled out": ("8469d1b771f1a7dd", ["4530e67aa27ffa88"]),
    "one copy": ("3e6745bf1bb57a0a", ["1034ef40e8a44e9c"]),
    "tanh, a network's own flow": ("f11a0b172905ac21", ["e630bda2f239359a"]),
    "descent": ("42e0f895187992ec", ["81bf3d518d6bd405"]),
    "dropout under Adam": ("4e1cf3cf42a0cc60", ["12fa3fb10738230b"]),
    "deep": ("3b587a25d71b0dc8", ["76d7e3493448905d"]),
    "digits in single precision": ("06f4a3d135953313", ["1b9bfadb74168503"]),
    "own data": ("89fa16e679bc0b96", ["1f1725dcc4fd8750"]),
    "virtual": ("8469d1b771f1a7dd", ["1ee2af3547926c99", "3b510fafd44074f1"]),
}


@pytest.mark.parametrize("kind", list(RUNS))
def test_a_key_stays_what_it_is(kind):
    changes, data = RUNS[kind]
    problem = Problem.of(schema.Config(**{**SHORT, **changes}), data)
    assert (problem.setting, list(problem.runs)) == PINNED[kind]
