"""What a user's network is refused for, before any run of it starts."""

import re
import sys

import numpy as np
import pytest
import torch

import condense
from condense.schema import Measure


class Net:
    scales = {"w": (0.5, -0.5), "a": (0.5, 0.5)}

    def init(self, generator, m):
        return {"w": torch.randn(m, 1, generator=generator), "a": torch.randn(m, generator=generator)}

    def forward(self, params, x):
        return torch.tanh((x + 1) @ params["w"].T) @ params["a"]


class GlobalDraws(Net):
    def init(self, generator, m):
        return {"w": torch.randn(m, 1, generator=generator), "a": torch.randn(m)}


class OneDraw(Net):
    def init(self, generator, m):
        return super().init(torch.Generator().manual_seed(0), m)


class TooWide(Net):
    def init(self, generator, m):
        if m > 20:
            raise RuntimeError("out of luck")
        return super().init(generator, m)


class NarrowForward(Net):
    def forward(self, params, x):
        if len(params["a"]) > 20:
            raise RuntimeError("too wide for me")
        return super().forward(params, x)


class SingleWhenWide(Net):
    def forward(self, params, x):
        f = super().forward(params, x)
        return f.float() if len(params["a"]) > 20 else f


class RaisesLater(Net):
    """Raises in training, when the check is over."""

    calls = 0

    def forward(self, params, x):
        self.calls += 1
        if self.calls > 12:
            raise KeyError("w1")
        return super().forward(params, x)


class Arrays(Net):
    def init(self, generator, m):
        return {"w": np.ones((m, 1)), "a": np.ones(m)}


class Empty(Net):
    def init(self, generator, m):
        return {"w": torch.ones(0, 1), "a": torch.ones(0)}


class Single(Net):
    def forward(self, params, x):
        return torch.tanh((x + 1) @ params["w"].T).float() @ params["a"].float()


class Whole(Net):
    def forward(self, params, x):
        return super().forward(params, x).int()


class Cut(Net):
    def forward(self, params, x):
        return super().forward({block: values.detach() for block, values in params.items()}, x)


class Untracked(Net):
    def forward(self, params, x):
        with torch.no_grad():
            return super().forward(params, x)


class ByNumpy(Net):
    def forward(self, params, x):
        return np.tanh(x.numpy() @ params["w"].numpy().T) @ params["a"].numpy()


class Anything(Net):
    def forward(self, params, x):
        return 0.0


class Counting(Net):
    calls = 0

    def forward(self, params, x):
        self.calls += 1
        return super().forward(params, x) * self.calls


class NotFinite(Net):
    def init(self, generator, m):
        return {**super().init(generator, m), "w": torch.full((m, 1), torch.nan)}


class Imaginary(Net):
    def init(self, generator, m):
        return {**super().init(generator, m), "a": torch.randn(m, generator=generator, dtype=torch.complex128)}


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (
            GlobalDraws,
            r"init drew other blocks \['a'\] .* width 10 and seed 0: no run could be repeated. Draw",
        ),
        (OneDraw, "init draws the same blocks for seeds 0 and 1, so seeds would repeat nothing"),
        (TooWide, "network TooWide: init at width 30, seed 0 raised RuntimeError: out of luck"),
        (NarrowForward, "network NarrowForward: forward at width 30 raised RuntimeError: too wide for me"),
        (SingleWhenWide, "network SingleWhenWide: forward at width 30 returned float32 for parameters and inputs in"),
        (Arrays, "network Arrays: init returned ndarray for block 'w', allowed is a tensor"),
        (Empty, "network Empty: init at width 10 returned no number for block 'w'"),
        (Single, "forward at width 10 returned float32 for parameters and inputs in float64; .* or set dtype=float32"),
        (
            Whole,
            "forward at width 10 returned int32 for parameters and inputs in float64; compute in the precision given",
        ),
        (
            Cut,
            "forward at width 10 returned outputs that have no gradient, so nothing could be trained: leave",
        ),
        (Untracked, "forward at width 10 returned outputs that have no gradient"),
        (ByNumpy, "network ByNumpy: forward at width 10 raised RuntimeError: Can't call numpy"),
        (
            Counting,
            "forward at width 10 returned other outputs when it was called a second time with the same parameters",
        ),
        (NotFinite, "network NotFinite: init at width 10 drew NaN or infinity for block 'w'"),
        (Imaginary, "network Imaginary: init returned torch.complex128 for block 'a', allowed are real numbers"),
        (Anything, "forward at width 10 returned float, allowed is a tensor of torch"),
    ],
)
def test_a_network_that_could_not_be_trained_or_repeated_is_refused(net, message):
    with pytest.raises(ValueError, match=message):
        condense.simulate(1.0, network=net(), widths=[30, 10], seeds=[0, 1])


def test_what_a_network_raises_in_training_is_told_with_its_name_and_the_width():
    with pytest.raises(ValueError, match="network RaisesLater: forward at width 10 raised KeyError: 'w1'"):
        condense.simulate(1.0, network=RaisesLater(), widths=[10], seeds=[0])


def test_one_seed_may_draw_as_it_likes_and_a_dead_network_is_no_error():
    runs = condense.simulate(1.0, network=OneDraw(), widths=[10], seeds=[0])
    assert len(runs) == 1


ACTIVATIONS = """
import torch

number = 3.0

def normed(z):
    return z / z.norm()

def drawn(z):
    return z * torch.rand_like(z)

def single(z):
    return z.float()

def cut(z):
    return z.detach()

def shorter(z):
    return z[..., :1]

def raising(z):
    raise KeyError("z")

def fine(z):
    return torch.sin(z)
"""


@pytest.fixture
def own_activations(tmp_path, monkeypatch):
    (tmp_path / "own_activations.py").write_text(ACTIVATIONS)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own_activations", None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("number", "raised TypeError: 'float' object is not callable"),
        ("normed", "is not elementwise: each number must be a function of the one at its place, the same each time"),
        ("drawn", "is not elementwise"),
        ("shorter", "is not elementwise"),
        ("single", "returned torch.float32 for torch.float64: leave out .float()"),
        ("cut", "has no gradient: leave out .detach()"),
        ("raising", "raised KeyError: 'z' for a tensor of torch.float64"),
    ],
)
def test_an_activation_that_is_none_is_refused(own_activations, name, message):
    with pytest.raises(ValueError, match=f"network.activation = 'own_activations.{name}' " + re.escape(message)):
        condense.simulate(1.0, activation=f"own_activations.{name}", widths=[10], seeds=[0])


def test_an_activation_of_ones_own_trains(own_activations):
    assert len(condense.simulate(1.0, activation="own_activations.fine", widths=[10], seeds=[0])) == 1


def test_an_observable_that_is_no_function_is_refused(own_activations):
    with pytest.raises(ValueError, match="measure.observables = 'own_activations.number' is not a function"):
        condense.simulate(1.0, measure=Measure(observables=["own_activations.number"]), widths=[10], seeds=[0])
