"""Where the predictions of the plane hold, and that there are none elsewhere."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

import condense
from condense import schema
from condense.planes import two_layer as plane
from condense.table import show
from condense.theory import LEAKY_RELU, NONE, RELU, TANH, early, holding, named

HOLDS = [
    (("two_layer", "relu", "exponential"), RELU),
    (("two_layer", "leaky_relu", "descent"), LEAKY_RELU),
    (("two_layer", "relu", "exponential", 1.0, 0.5), RELU),
    (("two_layer", "relu", "exponential", 1.0, 0.98), early(RELU)),
    (("two_layer", "tanh", "exponential", 1.0, 0.98), TANH),
    (("two_layer", "tanh", "exponential", 1.0, 0.5), NONE),
    (("two_layer", "tanh", "exponential"), NONE),
    (("two_layer", "relu", "adam"), NONE),
    (("two_layer", "relu", "descent", 0.9), NONE),
    (("two_layer", "mine.relu", "exponential"), NONE),
    (("mynet.Net", "", "exponential"), NONE),
    (("residual", "", "exponential"), NONE),
]


@pytest.mark.parametrize(("runs", "theory"), HOLDS)
def test_the_theory_that_holds(runs, theory):
    assert holding(*runs) == theory
    assert named(theory.name) == theory


@pytest.mark.parametrize("block", ["w", "a", "theta"])
def test_relu_has_the_predictions_of_the_plane_wherever_it_starts(block):
    for place in (0.5, 0.5), (1.0, 0.0), (1.3, 0.2), (1.3, -0.2):
        assert RELU.regime("he", *place, block) == plane.regime(*place, block)
        assert RELU.exponents("he", *place)[block] == plane.exponent(*place, block)
        assert RELU.boundary(place[1], block) == plane.boundary(place[1], block)


def test_at_the_end_of_training_there_is_no_exponent_for_the_wedge_but_a_regime(tmp_path):
    assert all(math.isnan(value) for value in RELU.exponents("plane", 1.2, -0.4).values())
    assert RELU.regime("plane", 1.2, -0.4) == "condensed"
    assert early(RELU).exponents("plane", 1.2, -0.4) == plane.exponents(1.2, -0.4)
    flow = {"end": schema.Exponential(max_steps=2), "start": schema.Exponential(stop=0.98, relative=True)}
    tables = {name: condense.simulate(1.2, -0.4, widths=[10], seeds=[0], flow=flow[name]) for name in flow}
    place = "plane: gamma = 1.2, gamma' = -0.4; theory of two-layer ReLU"
    assert shown(tables["end"], tmp_path).startswith(f"{place}: condensed\n")
    assert shown(tables["start"], tmp_path).startswith(f"{place}, initial stage: condensed, RD_w ~ m^0.2\n")


def test_tanh_has_predictions_only_where_its_weights_are_small_at_first():
    assert TANH.regime("plane", 0.5, 0.0) == "linear"
    assert TANH.regime("plane", 0.3, 0.4) == TANH.regime("he", 0.5, 0.0) == ""
    assert math.isnan(TANH.exponents("plane", 0.3, 0.4)["w"])
    assert math.isnan(TANH.boundary(1.2, "a"))


@pytest.mark.parametrize("theory", [NONE, RELU])
def test_blocks_of_other_networks_have_no_predictions(theory):
    assert theory.regime("plane", 1.0, 0.0, "fc1.weight") == ""
    assert math.isnan(theory.boundary(0.0, "fc1.weight"))


def printed(tmp_path, **options) -> str:
    return shown(condense.simulate(1.2, 0.1, widths=[10], seeds=[0], **options), tmp_path)


def shown(table, tmp_path) -> str:
    stream = io.StringIO()
    show(table, tmp_path, Console(file=stream, width=200))
    return stream.getvalue()


SHORT = {"stop": 0.5, "relative": True}


def test_a_single_run_tells_the_theory_where_it_holds_only(tmp_path):
    place = "plane: gamma = 1.2, gamma' = 0.1"
    relu = printed(tmp_path, flow=schema.Exponential(**SHORT))
    assert relu.startswith(f"{place}; theory of two-layer ReLU: condensed, RD_w ~ m^0.05\n")
    for options in {"activation": "tanh", "flow": schema.Exponential(**SHORT)}, {"flow": schema.Adam(**SHORT)}:
        text = printed(tmp_path, **options)
        assert text.startswith(f"{place}\n")
        assert "ReLU" not in text
    initial = printed(tmp_path, activation="tanh", flow=schema.Exponential(stop=0.99, relative=True))
    assert initial.startswith(f"{place}; theory of two-layer tanh, initial stage: condensed, RD_w ~ m^0.05\n")


def test_the_stop_of_a_run_is_a_mean_square(tmp_path):
    table = condense.simulate(1.0, 0.0, widths=[10], seeds=[0], flow=schema.Exponential(**SHORT))
    assert table["stop"].tolist() == pytest.approx([0.5 * table["mse_initial"].iloc[0]])
