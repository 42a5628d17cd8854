"""What the level, the collapse and the wedge at virtual widths are measured with."""

import numpy as np
import pytest

import condense
from condense import records, schema
from studies import collapse, level, wedge


def test_the_networks_of_given_neurons_are_those_of_condense():
    """The draw of a seed, handed in from outside."""
    from condense.networks.base import numpy_stream

    a, w = (numpy_stream(3, 200, stream).standard_normal(shape) for stream, shape in ((0, 200), (1, (2, 200))))
    found = level.log_changes([(0.8, 0.1), (1.3, -0.2)], 1e6, w[None], a[None])[:, 0]
    virtual = schema.Virtual(widths=[1e6], neurons=[200, 100])
    for (gamma, gamma_prime), value in zip([(0.8, 0.1), (1.3, -0.2)], found, strict=True):
        runs = condense.simulate(gamma, gamma_prime, widths=[], virtual=virtual, seeds=[3])
        assert np.log(runs.set_index("neurons").rd_w[200]) == pytest.approx(value, rel=1e-9)


def test_the_bias_falls_as_one_over_the_number_of_neurons():
    """It is +5/M or so at (.6, 0) and m = 1000."""
    for count in (100, 400):
        found = np.mean([level.bias([(0.6, 0.0)], 1000, count, seed, 8000)[0] for seed in range(4)])
        assert found / (1 / count - 1 / 8000) == pytest.approx(5, abs=2.5)


def test_nodes_are_normal():
    for seed in (None, 0):
        w, a = level.nodes(1024, seed)
        for block in (*w, a):
            assert block.mean() == pytest.approx(0, abs=0.02)
            assert block.std() == pytest.approx(1, abs=0.02)


def test_a_collapse_is_told_from_none(capsys):
    case = collapse.Case(widths=(1e4, 1e8), neurons=(400, 100), seeds=4)
    runs = case.runs((0.8, 0.0))
    table = collapse.collapse(runs, case.neurons)
    assert table.index.tolist() == [1e4, 1e8]
    assert (table["difference"].abs() < 4 * table["error"]).all()
    shifted = runs.assign(rd_w=runs["rd_w"].where(runs["neurons"] == 400, runs["rd_w"] * 2))
    moved = collapse.collapse(shifted, case.neurons)
    np.testing.assert_allclose(table["difference"] - moved["difference"], np.log(2))
    one_left = runs.assign(converged=(runs["width"] == 1e4) | (runs["seed"] == 0))
    assert collapse.collapse(one_left, case.neurons).index.tolist() == [1e4]


def test_beta2_stays_one_where_it_is_asked_to():
    runs = collapse.Case(widths=(1e6,), neurons=(20, 10), seeds=1, unit=True).runs((1.2, 0.3))
    assert runs["beta2"].tolist() == [1, 1]
    assert (runs["kappa"] * runs["neurons"]).tolist() == pytest.approx([1e6**-0.2] * 2)
    assert runs["kappa_prime"].tolist() == pytest.approx([1e6**-0.3] * 2)


def test_a_linear_target_has_no_plateau_in_the_wedge():
    point, widths = (1.2, -0.4), (1e6, 1e8)
    _, table = wedge.exponents(point, widths, wedge.TARGETS["x"], neurons=2000, losses=(0.5, 1e-4), seeds=1)
    assert table["S_w"].tolist() == pytest.approx([0.2, 0.2], abs=0.01)


def test_the_plateau_of_the_parabola_is_at_its_variance():
    y = wedge.TARGETS["x^2"]
    runs, _ = wedge.exponents((1.2, -0.4), (1e10,), y, neurons=5000, losses=(0.5,), seeds=1)
    share, _ = wedge._plateau(records.curves(runs))
    assert share == pytest.approx(y.var() / (y**2).mean(), rel=0.02)
