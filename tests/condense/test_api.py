"""`condense.simulate`, and the numbers of the literature."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import condense
from condense import records, schema
from condense.data import Dataset, parabola
from condense.flows.exponential import ExponentialFlow
from condense.measure.clusters import cover
from condense.networks.two_layer import TwoLayer
from condense.planes.two_layer import NAMED, PlanePoint, Scales
from condense.run import Run


def test_records_have_every_column_in_order_and_a_row_a_run():
    runs = condense.simulate([0.5, 1.5], [0.0, 0.2], widths=[20, 50], seeds=[0, 3])
    assert list(runs.columns) == list(records.COLUMNS)
    assert len(runs) == 2 * 2 * 2 * 2
    assert runs.key.is_unique
    assert len(set(runs.setting)) == 1
    assert set(runs.status) <= set(records.STATUSES)
    np.testing.assert_allclose(runs.kappa, runs.width**-runs.gamma)
    np.testing.assert_allclose(runs.kappa_prime, runs.width**-runs.gamma_prime)
    assert (runs.mse_initial.round(12) == round(float(np.mean(parabola().y ** 2)), 12)).all()
    assert (runs.rd_w_sup >= runs.rd_w).all()
    assert runs[["clusters", "lines", "two_direction_share"]].notna().all(axis=None)


def test_records_survive_the_file(tmp_path):
    runs = condense.simulate(1.0, 0.0, widths=[20], seeds=[0])
    records.write(runs, tmp_path / "runs.parquet")
    pd.testing.assert_frame_equal(records.read(tmp_path / "runs.parquet"), runs, check_dtype=False)


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "runs.parquet"
    path.write_bytes(content)
    with pytest.raises(records.RecordsError, match="runs.parquet: (the records file is empty|not a readable records)"):
        records.read(path)
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(records.RecordsError, match="it has no column key, gamma, gamma_prime"):
        records.read(path)


def test_named_initialisations_keep_their_label_and_their_exact_scales():
    for name, place in NAMED.items():
        row = condense.simulate(init=name, widths=[30], seeds=[0]).iloc[0]
        assert (row.initialisation, row.gamma, row.gamma_prime) == (name, *place.point)
        scales = place.scales(30.0, 1)
        assert (row.kappa, row.kappa_prime) == pytest.approx((scales.kappa, scales.kappa_prime))


def test_a_run_that_cannot_reach_its_stop_is_a_row():
    contradiction = (np.array([[1.0], [1.0]]), np.array([1.0, -1.0]))
    runs = condense.simulate(1.0, 0.0, widths=[20], seeds=[0, 1], data=contradiction, flow=schema.Exponential(stop=0))
    assert not runs.converged.any()
    assert set(runs.status) == {"stalled"}
    assert runs.mse_final.to_numpy() == pytest.approx(1.0)
    assert runs.rd_w.notna().all()


def test_the_same_science_has_the_same_key_and_other_science_another():
    base = {"widths": [20], "seeds": [0]}
    key = condense.simulate(1.0, 0.0, **base).key[0]
    assert condense.simulate(1, 0, **base).key[0] == key
    assert condense.simulate(1.0, 0.0, measure=schema.Measure(threshold=0.9), **base).key[0] == key
    others = [
        {"gamma": 1.1},
        {"gamma_prime": 0.1},
        {"antisymmetric": False},
        {"activation": "tanh"},
        {"flow": schema.Exponential(rtol=0.01)},
        {"seeds": [1]},
        {"widths": [21]},
        {"data": (parabola().x, parabola().y + 1)},
    ]
    keys = [condense.simulate(**{**base, **other}).key[0] for other in others]
    assert len({key, *keys}) == len(others) + 1


class Net:
    scales = {"w": (0.5, -0.5), "a": (0.5, 0.5)}

    def init(self, generator, m):
        w = torch.randn(m, 2, generator=generator, dtype=torch.float64)
        return {"w": w, "a": torch.randn(m, generator=generator, dtype=torch.float64)}

    def forward(self, params, x):
        return torch.relu(params["w"] @ torch.stack([x[:, 0], torch.ones(len(x), dtype=x.dtype)])).T @ params["a"]


def test_a_network_of_your_own_has_the_exponents_of_its_kind(change_only):
    runs = condense.simulate(0.5, 0.0, network=Net(), widths=[50, 200, 800], seeds=range(4), measure=change_only)
    assert runs.converged.all()
    slope = np.polyfit(np.log(runs.width), np.log(runs.rd_w), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.08)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (
            {"observables": ["relative_change", "reduction"]},
            r"measure.observables = \['relative_change', 'reduction'\] has",
        ),
        (
            {"threshold": 0.9},
            "measure.threshold = 0.9 has no effect with a deep network or one of your own, whose neurons",
        ),
    ],
)
def test_what_is_measured_of_neurons_is_refused_where_none_are_known(measure, message):
    with pytest.raises(ValueError, match=message):
        condense.simulate(network=Net(), widths=[20], seeds=[0], measure=schema.Measure(**measure))


def test_a_place_that_is_named_twice_is_trained_once():
    runs = condense.simulate([1, 1.0], [0.0, -0.0], widths=[20], seeds=[0])
    assert len(runs) == 1


def test_an_activation_of_your_own_is_the_built_in_one(change_only):
    options = {"widths": [30], "seeds": [0], "measure": change_only}
    own = condense.simulate(1.0, 0.0, activation="torch.tanh", **options)
    known = condense.simulate(1.0, 0.0, activation="tanh", **options)
    assert own.rd_w[0] == pytest.approx(known.rd_w[0], rel=1e-10)


def test_import_condense_leaves_torch_alone():
    code = "import condense, condense.planes, condense.records, condense.schema, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


PRINTED = {
    0.5: {1000: 0.00884, 5000: 0.00375, 10000: 0.00274, 20000: 0.00192, 40000: 0.00136},
    1.0: {1000: 0.262, 5000: 0.270, 10000: 0.269, 20000: 0.263, 40000: 0.272},
}


@pytest.mark.parametrize("gamma", PRINTED)
def test_relative_change_is_that_of_the_literature_at_every_width(gamma, change_only):
    """Fig. 3 of Luo et al. 2021, geometric mean of three seeds."""
    runs = condense.simulate(gamma, 0.0, widths=list(PRINTED[gamma]), seeds=range(3), measure=change_only)
    found = np.exp(np.log(runs.rd_w).groupby(runs.width).mean())
    for width, printed in PRINTED[gamma].items():
        assert found[width] == pytest.approx(printed, rel=0.1), width


# Slopes S_w read off Fig. 4 of Luo et al. 2021 (JMLR 22:71, CC BY 4.0), not clipped there
FIG4 = {
    (0.6, 0.0): -0.41, (0.9, 0.0): -0.1, (1.2, 0.0): 0.143, (1.4, 0.0): 0.214,
    (0.9, 0.2): -0.414, (1.1, 0.2): -0.12, (1.3, 0.2): 0.08,
    (0.7, -0.2): -0.32, (0.95, -0.2): -0.045, (1.2, -0.2): 0.218, (1.4, -0.4): 0.429,
}  # fmt: skip


def test_slopes_agree_with_the_published_diagram(change_only):
    widths = [1000, 5000, 10000, 20000]
    found = {}
    for point in FIG4:
        runs = condense.simulate(*point, widths=widths, seeds=range(3), measure=change_only)
        found[point] = np.polyfit(np.log(runs.width), np.log(runs.rd_w), 1)[0]
    differences = [abs(found[point] - FIG4[point]) for point in FIG4]
    assert np.mean(differences) < 0.025
    assert max(differences) < 0.06


def test_deep_in_the_condensed_regime_two_directions_carry_the_network():
    """Fig. 2 of Luo et al. 2021: at gamma = 1.75 the active neurons sit at the angles -2.97 and -0.17."""
    run = Run(Scales.at(PlanePoint(1.75, 0.0), 10_000), 10_000, 0)
    network = TwoLayer.build([run], parabola())
    [end] = list(ExponentialFlow(schema.Exponential()).train(network, torch.as_tensor(parabola().y)))
    directions, amplitudes, active = (x[0].numpy() for x in network.neurons(end.displacement))
    found = cover(directions[:, active], amplitudes[active])
    angles = sorted(math.atan2(y, x) for x, y in found.directions[:, :2].T)
    assert angles == pytest.approx([-2.97, -0.17], abs=0.03)
    assert found.two_direction_share > 0.97
    directions, amplitudes, active = (x[0].numpy() for x in network.neurons(network.rest))
    untrained = cover(directions[:, active], amplitudes[active])
    assert len(untrained) >= 7
    assert untrained.two_direction_share < 0.45


def test_data_is_known_by_its_content_whatever_its_name():
    x, options = parabola().x, {"widths": 20, "seeds": 0}
    one, two = Dataset(x, parabola().y, "mine"), Dataset(x, parabola().y + 1, "mine")
    keys = [condense.simulate(data=data, **options).key[0] for data in ("parabola", one, two)]
    assert keys[0] == keys[1] != keys[2]


def test_integers_and_floats_of_one_value_are_the_same_run():
    runs = [condense.simulate(*at, widths=[np.int64(20)], seeds=0) for at in ((1, 0), (1.0, -0.0))]
    assert runs[0].key[0] == runs[1].key[0] == condense.simulate(1.0, 0.0, widths=20, seeds=range(1)).key[0]


def test_several_initialisations_and_plain_starts():
    runs = condense.simulate(init=["he", schema.SpelledOut("m")], antisymmetric=False, widths=20, seeds=0)
    assert set(runs.initialisation) == {"he", "alpha=m,beta1=1,beta2=1"}
    assert not runs.antisymmetric.any()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_cannot_be_fitted_stalls_in_any_precision(dtype):
    contradiction = (np.array([[1.0], [1.0], [-1.0]]), np.array([1.0, -1.0, 0.5]))
    flow = schema.Exponential(stop=0)
    runs = condense.simulate(1.0, 0.0, widths=20, seeds=0, data=contradiction, flow=flow, dtype=dtype)
    assert runs.status[0] == "stalled"
    assert runs.steps[0] < 300


def test_a_stop_at_zero_ends_at_rounding():
    runs = condense.simulate(0.5, 0.0, widths=100, seeds=0, flow=schema.Exponential(stop=0.0))
    assert runs.mse_final[0] < 1e-28
    assert runs.steps[0] < 500


def test_a_block_that_starts_at_zero_has_no_relative_change():
    class WithBias(Net):
        scales = {**Net.scales, "c": (0.5, 0.0)}

        def init(self, generator, m):
            return {**super().init(generator, m), "c": torch.zeros(1, dtype=torch.float64)}

        def forward(self, params, x):
            return super().forward(params, x) + params["c"]

    runs = condense.simulate(1.0, 0.0, network=WithBias(), widths=50, seeds=0)
    assert runs.converged[0]
    assert runs.steps[0] < 200
    assert np.isnan(runs.rd_c[0])


def test_clusters_of_adam_are_counted_in_the_span(change_only):
    generator = np.random.default_rng(0)
    data = Dataset(generator.standard_normal((5, 50)), generator.standard_normal(5))
    options = {"widths": 200, "seeds": 0, "data": data, "activation": "tanh"}
    adam = condense.simulate(flow=schema.Adam(max_steps=1), **options)
    flow = condense.simulate(flow=schema.Exponential(max_steps=1), **options)
    assert adam.clusters_initial[0] == flow.clusters_initial[0]
