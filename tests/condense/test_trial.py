"""What a user's network is refused for, before any run of it starts."""

import numpy as np
import pytest
import torch

import condense


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


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (
            GlobalDraws,
            r"init drew other blocks \['a'\] .* width 10 and seed 0: no run could be repeated. Draw",
        ),
        (OneDraw, "init draws the same blocks for seeds 0 and 1, so seeds would repeat nothing"),
        (TooWide, "network TooWide: init at width 30, seed 0 raised RuntimeError: out of luck"),
        (Arrays, "network Arrays: init returned ndarray for block 'w', allowed is a tensor"),
        (Empty, "network Empty: init at width 10 returned no number for block 'w'"),
        (Single, "forward returned float32 for parameters and inputs in float64; .* or set dtype=float32"),
        (Whole, "forward returned int32 for parameters and inputs in float64; compute in the precision given"),
        (Cut, "the outputs of forward have no gradient, so nothing could be trained: leave out .detach"),
        (Untracked, "the outputs of forward have no gradient"),
        (ByNumpy, "network ByNumpy: RuntimeError at its first forward pass: Can't call numpy"),
        (Anything, "forward returned float, allowed is a tensor of torch"),
    ],
)
def test_a_network_that_could_not_be_trained_or_repeated_is_refused(net, message):
    with pytest.raises(ValueError, match=message):
        condense.simulate(1.0, network=net(), widths=[30, 10], seeds=[0, 1])


def test_one_seed_may_draw_as_it_likes_and_a_dead_network_is_no_error():
    runs = condense.simulate(1.0, network=OneDraw(), widths=[10], seeds=[0])
    assert len(runs) == 1
