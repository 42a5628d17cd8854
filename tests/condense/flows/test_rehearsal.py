"""Modules, losses and data that cannot be trained are refused before anything starts, with what to do instead."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from condense import from_module, schema, simulate
from condense.data import Dataset

X = np.random.default_rng(0).standard_normal((12, 4))

LABELS = np.arange(12) % 3


def sequence(*layers):
    return lambda m: nn.Sequential(nn.Linear(4, m), *(layer(m) for layer in layers), nn.Tanh(), nn.Linear(m, 3))


class Branching(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.one, self.two = nn.Linear(4, m), nn.Linear(m, 1)

    def forward(self, x):
        h = self.one(x)
        if h.sum() > 0:
            h = 2 * h
        return self.two(h.tanh())


class Own(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(m, 4))

    def forward(self, x):
        return x @ self.gain.T


class Noisy(Branching):
    def forward(self, x):
        return self.two(self.one(x).tanh() + torch.rand(1))


class Tied(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.embedding, self.out = nn.Embedding(5, m), nn.Linear(m, 5, bias=False)
        self.out.weight = self.embedding.weight

    def forward(self, x):
        return self.out(self.embedding(x).sum(dim=1))


def train(build, data=(X, LABELS), scales=None, **options):
    flow = schema.Torch(**{"loss": "cross_entropy", "max_steps": 3, **options})
    return simulate(0.5, network=from_module(build, scales), data=data, flow=flow, widths=[6], seeds=[0, 1])


BAD = {
    "a norm over the batch": (
        lambda: train(sequence(nn.BatchNorm1d)),
        r"a module with BatchNorm1d at 1: its outputs depend on the other inputs of a batch .*LayerNorm or GroupNorm",
    ),
    "dropout": (lambda: train(sequence(lambda m: nn.Dropout(0.1))), r"Dropout at 1, p = 0.1: .* set p=0"),
    "no module": (lambda: train(lambda m: 3), r"build returned int, allowed is a torch.nn.Module for the width"),
    "nothing to train": (lambda: train(lambda m: nn.Tanh()), r"Tanh without a parameter"),
    "an error in build": (lambda: train(lambda m: 1 / 0), r"build at width 6 raised ZeroDivisionError"),
    "another size of inputs": (
        lambda: train(lambda m: nn.Linear(3, 3)),
        r"forward at width 6 raised RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    ),
    "another number of outputs": (
        lambda: train(lambda m: nn.Linear(4, 2)),
        r"returned shape \(2, 2\) for 2 inputs, and labels go up to 2; allowed is \(2, classes\) with 3",
    ),
    "outputs of another shape": (
        lambda: train(lambda m: nn.Linear(4, 2), loss="mse"),
        r"returned shape \(2, 2\) for 2 inputs, and targets have shape \(12,\); allowed is \(2,\)",
    ),
    "labels out of range": (
        lambda: train(sequence(), (X, LABELS - 1.0)),
        r"y\[0\] = -1 is not allowed with flow.loss = 'cross_entropy': labels of classes, 0, 1, 2",
    ),
    "labels that are no integers": (lambda: train(sequence(), (X, LABELS + 0.5)), r"y\[0\] = 0.5 is not allowed"),
    "labels of hinge": (
        lambda: train(lambda m: nn.Linear(4, 1), loss="hinge"),
        r"y\[0\] = 0 is not allowed with flow.loss = 'hinge': labels -1 and 1",
    ),
    "a parameter without a scale": (
        lambda: train(sequence(), scales={"*.weight": "fan_in**-gamma"}),
        r"no pattern matches the parameter 0.bias; add one",
    ),
    "a pattern without a parameter": (
        lambda: train(sequence(), scales={"*": 0.1, "embed.*": 1}),
        r"network.scales.embed.\* = 1 has no effect: it matches no parameter first; the parameters are 0.weight",
    ),
    "a formula that is none": (
        lambda: train(sequence(), scales={"*": "fan_in**"}),
        r"network.scales.\*: 'fan_in\*\*' is not a formula, such as fan_in\*\*-gamma",
    ),
    "a formula of something else": (
        lambda: train(sequence(), scales={"*": "fan_in**-delta"}),
        r"depends on delta; allowed are m, fan_in, fan_out, gamma, gamma_prime",
    ),
    "a negative scale": (lambda: train(sequence(), scales={"*": "-1"}), r"-1 = -1 for 0.weight; allowed is 0 or above"),
    "a parameter of no layer": (lambda: train(Own), r"the parameter gain of shape \(6, 4\) is of no layer of torch.nn"),
    "all zero": (lambda: train(sequence(), scales={"*": 0}), r"all parameters are zero at the start"),
    "what is random": (lambda: train(Noisy, loss="mse"), r"returned other outputs when it was called a second time"),
    "an argument of the optimiser": (
        lambda: train(sequence(), kwargs={"lr": 0.1, "momentun": 0.9}),
        r"flow.kwargs = {'lr': 0.1, 'momentun': 0.9} do not fit torch.optim.SGD: .*momentun",
    ),
    "another optimiser": (
        lambda: train(sequence(), optimiser="Adagrat"),
        r"flow.optimiser = 'Adagrat' is not known, did you mean 'Adagrad'\?.*that move every number by itself",
    ),
    "no rate": (lambda: train(sequence(), kwargs={"momentum": 0.9}), r"flow.kwargs = .* lr among them"),
    "a rate of something else": (
        lambda: train(sequence(), kwargs={"lr": "fan_in**-1"}),
        r"flow.kwargs.lr = 'fan_in\*\*-1' is not allowed: a formula in m, gamma, gamma_prime, not fan_in",
    ),
    "another flow": (
        lambda: simulate(0.5, network=from_module(sequence()), data=(X, LABELS)),
        r"flow.name = 'exponential' is not allowed: torch with network=module, add flow=torch",
    ),
    "another network": (
        lambda: simulate(0.5, flow="torch"),
        r"network.name = 'two_layer' is not allowed: module with flow=torch, add network=module",
    ),
    "a module as it is": (
        lambda: simulate(0.5, network=nn.Linear(1, 1), flow="torch"),
        r"condense.from_module\(build\) of a function build\(m\)",
    ),
    "products that only a GPU rounds": (
        lambda: simulate(0.5, network=from_module(sequence()), flow=schema.Torch(tf32=True), dtype="float32"),
        r"flow.tf32 = True is not allowed: false with device=cpu dtype=float32: it is for device=cuda dtype=float32",
    ),
    "a coordinate without effect": (
        lambda: simulate(
            0.5, 0.3, network=from_module(sequence()), data=(X, LABELS), flow=schema.Torch(loss="cross_entropy")
        ),
        r"init.gamma_prime = 0.3 has no effect with .*, whose scales depend on fan_in, gamma",
    ),
    "a coordinate without effect where no scale depends on any": (
        lambda: simulate(
            [1.0, 0.5],
            network=from_module(sequence(), {"*": "built"}),
            data=(X, LABELS),
            flow=schema.Torch(loss="cross_entropy"),
        ),
        r"init.gamma = 0.5 has no effect with .*, whose scales depend on nothing: leave it out",
    ),
    "a test set of another shape": (
        lambda: Dataset(X, LABELS, x_test=X[:, :2], y_test=LABELS),
        r"test set: x has shape \(12, 2\), in training \(12, 4\)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_trained_is_refused_with_the_reason(name):
    attempt, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        attempt()


def test_a_module_that_vmap_cannot_stack_is_trained_one_at_a_time_and_told():
    data = (X, X[:, 0])
    with pytest.warns(UserWarning, match=r"one at a time.*test_rehearsal.py, line \d+, .*torch.where"):
        runs = train(Branching, data, loss="mse", max_steps=20)
    assert (runs["loss_final"] < runs["loss_initial"]).all()


def test_tied_weights_and_tokens():
    tokens = np.random.default_rng(0).integers(0, 5, (20, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runs = train(Tied, (tokens, tokens[:, 0]), max_steps=50, kwargs={"lr": 0.5})
    assert [name for name in runs if name.startswith("rd_") and runs[name].notna().any()] == [
        "rd_theta",
        "rd_theta_sup",
        "rd_embedding.weight",
        "rd_embedding.weight_sup",
    ]
    assert (runs["loss_final"] < runs["loss_initial"]).all()


def test_convolutions_norms_and_attention():
    def build(m):
        return nn.Sequential(
            nn.Conv2d(1, m, 3),
            nn.GroupNorm(2, m),
            nn.ReLU(),
            nn.Flatten(start_dim=2),
            nn.TransformerEncoderLayer(4, 2, dim_feedforward=8, dropout=0.0, batch_first=True),
            nn.Flatten(),
            nn.Linear(4 * m, 2),
        )

    x = np.random.default_rng(0).standard_normal((10, 1, 4, 4))
    y = x[:, 0, :2, 0]
    runs = train(build, (x, y), loss="mse", optimiser="Adam", max_steps=30)
    assert (runs["loss_final"] < runs["loss_initial"]).all()
    assert runs["clusters_0.weight"].between(1, 6).all()


def test_scales_are_those_of_the_formulas():
    network = from_module(
        lambda m: nn.Sequential(nn.Linear(4, m), nn.LayerNorm(m), nn.Linear(m, 400)),
        {"0.weight": "m**-1", "2.weight": "2*fan_in**-gamma", "1.*": "built", "*.bias": "fan_in**-0.5"},
    )
    from condense.planes.scales import Scales
    from condense.run import Run

    drawn = network.drawn(Run(Scales(1.0, 1.0, 1.0), 500, 0, point={"gamma": 0.75}))
    assert float(drawn["0.weight"].std()) == pytest.approx(1 / 500, rel=0.05)
    assert float(drawn["2.weight"].std()) == pytest.approx(2 * 500**-0.75, rel=0.01)
    assert float(drawn["0.bias"].std()) == pytest.approx(0.5, rel=0.1)
    assert (drawn["1.weight"] == 1).all()
    assert (drawn["1.bias"] == 0).all()


def test_antisymmetric_copies_start_at_zero():
    runs = simulate(
        0.5,
        network=from_module(lambda m: nn.Sequential(nn.Linear(4, m), nn.Tanh(), nn.Linear(m, 1))),
        data=(X, X[:, 0]),
        flow=schema.Torch(max_steps=5),
        antisymmetric=True,
        widths=[8],
        seeds=[0],
    )
    assert runs["mse_initial"].tolist() == pytest.approx([(X[:, 0] ** 2).mean()])
    assert (runs["mse_final"] < runs["mse_initial"]).all()
