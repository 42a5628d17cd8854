"""The mean square residual on a test set, of layers in closed form and networks of one's own."""

import numpy as np
import pytest

import condense
from condense import records, schema
from condense.data import Dataset

X = np.linspace(-1, 1, 9)[:, None]
DATA = Dataset(X[::2], np.abs(X[::2, 0]), "ramps", x_test=X[1::2], y_test=np.abs(X[1::2, 0]))


class Constant:
    """f(x) = c x."""

    scales = {"c": (1.0, 0.0)}

    def init(self, generator, m):
        import torch

        return {"c": torch.randn(1, generator=generator, dtype=torch.float64)}

    def forward(self, params, x):
        return params["c"] * x[:, 0]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compiled": False},
        {"network": "three_layer", "init": schema.ThreeLayer()},
        {"flow": schema.Adam(max_steps=20)},
    ],
)
def test_layers_are_measured_on_it(options):
    given = {"widths": [200], "seeds": [0], "flow": schema.Exponential(stop=1e-3), **options}
    looks = schema.Snapshots(per_decade=3, weights=False)
    runs = condense.simulate(data=DATA, snapshots=looks, **given)
    start = records.curves(runs).iloc[0]
    assert start["mse_test"] == pytest.approx(np.mean(DATA.y_test**2))  # f(0) = 0
    assert 0 < runs["mse_test"].item() < start["mse_test"]


def test_the_residual_is_that_of_the_outputs_there():
    line = Dataset(X[::2], 0.5 * X[::2, 0], "line", x_test=X[1::2], y_test=0.5 * X[1::2, 0] + 0.1)
    runs = condense.simulate(
        data=line, network=Constant(), antisymmetric=False, widths=[3], seeds=[0], flow=schema.Exponential(stop=1e-12)
    )
    assert runs["mse_test"].item() == pytest.approx(0.01, rel=1e-4)


def test_where_the_data_do_not_span_the_inputs_there_is_none():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((6, 8))
    data = Dataset(x[:4], np.ones(4), "few", x_test=x[4:], y_test=np.ones(2))
    with pytest.raises(ValueError, match=r"few: the training data span 4 of 9 dimensions, the bias included"):
        condense.simulate(data=data, widths=[50], seeds=[0])
