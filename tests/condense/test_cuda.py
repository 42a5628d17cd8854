"""What runs on a GPU gives what runs on the CPU; `make test-gpu`, on a machine that has one."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from condense import from_module, schema, simulate

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here"),
]

X = np.random.default_rng(0).standard_normal((40, 6))

Y = X[:, :3].argmax(axis=1)


def build(m):
    return nn.Sequential(nn.Linear(6, m), nn.LayerNorm(m), nn.Tanh(), nn.Linear(m, 3))


class Convolves(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.kernels, self.out = nn.Conv1d(1, m, 3), nn.Linear(4 * m, 3)

    def forward(self, x):
        return self.out(torch.tanh(self.kernels(x[:, None])).flatten(1))


def modules(build, device, dtype, **options):
    flow = schema.Torch(
        kwargs={"lr": 0.01},
        **{"optimiser": "AdamW", "loss": "cross_entropy", "batch_size": 16, "clip": 1.0, "max_steps": 200, **options},
    )
    measure = schema.Measure(observables=["relative_change", "clusters", "ranks", "alignment", "sharpness", "ntk"])
    runs = simulate(
        [0.4, 0.6],
        widths=[20],
        seeds=[0, 1],
        network=from_module(build),
        flow=flow,
        measure=measure,
        data={"x": X, "y": Y, "x_test": X + 0.1, "y_test": Y},
        device=device,
        dtype=dtype,
    )
    return runs.sort_values("key", ignore_index=True)


def numbers(runs):
    return runs.drop(columns=["wall_seconds", "attempt"]).select_dtypes("number")


@pytest.mark.parametrize("build", [build, Convolves])
@pytest.mark.parametrize("optimiser", ["SGD", "Adam", "AdamW", "NAdam"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-8), ("float32", 1e-3)])
def test_modules_train_on_a_gpu_as_on_the_cpu(build, optimiser, dtype, tolerance):
    cpu, gpu = (numbers(modules(build, device, dtype, optimiser=optimiser)) for device in ("cpu", "cuda"))
    changes = [column for column in cpu if column.startswith(("rd_", "loss_", "rank_", "sharpness", "ntk"))]
    np.testing.assert_allclose(gpu[changes], cpu[changes], rtol=tolerance, atol=tolerance)


def test_tf32_is_used_if_it_is_asked_for_and_not_before():
    exact, rounded = (numbers(modules(build, "cuda", "float32", tf32=tf32)) for tf32 in (False, True))
    assert (exact["loss_final"] != rounded["loss_final"]).any()
    np.testing.assert_allclose(rounded["loss_final"], exact["loss_final"], rtol=0.05)


def test_a_gpu_gives_the_same_bits_again():
    one, two = (numbers(modules(Convolves, "cuda", "float32")) for _ in range(2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize("flow", ["exponential", "descent", "adam"])
def test_two_layers_train_on_a_gpu_as_on_the_cpu(flow):
    kind = schema.FLOWS[flow](max_steps=30)
    cpu, gpu = (
        simulate([0.8, 1.2], widths=[100], seeds=[0], flow=kind, device=device, compiled=False)
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(gpu["rd_w"], cpu["rd_w"], rtol=1e-8)
