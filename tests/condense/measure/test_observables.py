from types import SimpleNamespace

import numpy as np
import pytest
import torch

from condense import data, schema
from condense.flows.exponential import ExponentialFlow
from condense.measure import observables
from condense.measure.clusters import cover
from condense.networks.two_layer import TwoLayer
from condense.planes.two_layer import Scales
from condense.run import Run

MEASURE = schema.Measure(threshold=0.9, fraction=0.95)


def ended(runs, **options):
    """Return the state of some runs when all of them have taken a few steps."""
    network = TwoLayer.build(runs, data.parabola(), **options)
    targets = torch.as_tensor(data.parabola().y, dtype=network.kappa.dtype)
    flow = ExponentialFlow(schema.Exponential())
    state = flow.start(network, targets)
    for _ in range(5):
        state = flow.step(state)
    return state


@pytest.mark.parametrize("options", [{}, {"activation": "tanh"}, {"dtype": torch.float32}])
def test_clusters_are_counted_run_by_run_over_the_active_neurons(run_at, options):
    state = ended(
        [run_at(1.5, 0.0, 200, seed=0), run_at(1.5, 0.0, 200, seed=1), run_at(0.7, 0.0, 200, seed=0)], **options
    )
    columns = observables.clusters(state, MEASURE)
    for when, suffix in ((state.network.rest, "_initial"), (state.displacement, "")):
        for place, (directions, amplitudes, active) in enumerate(zip(*state.network.neurons(when), strict=True)):
            chosen = active.numpy()
            neurons = directions.double().numpy()[:, chosen], amplitudes.double().numpy()[chosen]
            found = cover(*neurons, threshold=0.9, fraction=0.95)
            assert columns["clusters" + suffix][place] == len(found)
            assert columns["two_direction_share" + suffix][place] == found.two_direction_share
    assert columns["clusters_initial"][0] == columns["clusters_initial"][2]
    assert columns["two_direction_share_initial"][0] != columns["two_direction_share_initial"][1]
    assert not any(columns["clusters_capped"])
    assert all(columns["clusters_exact"])


def test_every_count_says_whether_it_stopped_at_its_cap_and_whether_it_is_exact():
    runs = [Run(Scales(1.0, 1.0, 1.0), 300, 0)]
    network = TwoLayer.build(runs, data.load(schema.Data(name="sines_3d")))
    state = SimpleNamespace(network=network, displacement=network.rest)
    counts = ("clusters", "clusters_initial", "clusters_unweighted")
    for options, capped, exact in (
        ({}, False, True),
        ({"centres": 100}, False, False),
        ({"clusters_max": 5}, True, True),
    ):
        measure = schema.Measure(**options)
        columns = observables.clusters(state, measure) | observables.unweighted(state, measure)
        assert [columns[f"{count}_capped"] for count in counts] == [[capped]] * 3
        assert [columns[f"{count}_exact"] for count in counts] == [[exact]] * 3


def test_weights_that_overflowed_are_left_out(run_at):
    state = ended([run_at(1.0, 0.0, 50)], activation="tanh")
    before = observables.clusters(state, MEASURE)
    for moved in state.displacement:
        moved[..., -1] = np.inf
    after = observables.clusters(state, MEASURE)
    assert after["two_direction_share"] == pytest.approx(before["two_direction_share"], abs=0.1)


def test_runs_of_one_draw_that_differ_in_their_active_neurons_are_counted_apart():
    runs = [Run(Scales(1.0, 1e-3 / beta2, beta2), 200, 0) for beta2 in (1e-2, 1e3)]
    together = observables.clusters(ended(runs, activation="softplus"), MEASURE)
    alone = [observables.clusters(ended([run], activation="softplus"), MEASURE) for run in runs]
    for name in ("clusters_initial", "two_direction_share_initial"):
        assert together[name] == [each[name][0] for each in alone]
    assert together["two_direction_share_initial"][0] != together["two_direction_share_initial"][1]
