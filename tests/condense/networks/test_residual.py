"""The deep residual network, against the same written out with torch."""

import numpy as np
import pytest
import torch

from condense import schema, simulate
from condense.data import Dataset
from condense.networks.functional import Functional
from condense.networks.residual import Residual
from condense.planes.two_layer import Scales
from condense.run import Run

WIDTH = 6

LAYERS = (
    lambda z: z**2 * torch.tanh(z),
    lambda z: z * torch.tanh(z),
    torch.sigmoid,
    torch.tanh,
    torch.nn.functional.softplus,
)


@pytest.fixture
def data():
    x = np.random.default_rng(0).uniform(-4, 2, (9, 3))
    return Dataset(x, (4 * np.sin(12 * x + 1)).sum(axis=1))


@pytest.fixture
def network(data):
    run = Run(Scales(1.0, 0.5, 0.5), WIDTH, 3)
    return Functional.build([run], data, Residual(), antisymmetric=False)


def raw(network, displacement):
    """Return the raw parameters of a single run as leaves of autograd."""
    theta = network.parameters(displacement)
    return [(beta[0] * block[0, 0]).clone().requires_grad_() for beta, block in zip(network.betas, theta, strict=True)]


def written_out(params, x):
    *weights, a = params
    one = torch.ones(len(x), 1, dtype=x.dtype)
    h = LAYERS[0](torch.cat([x, one], dim=1) @ weights[0].T)
    for s, w in zip(LAYERS[1:], weights[1:], strict=True):
        h = h + s(torch.cat([h, one], dim=1) @ w.T)
    return h @ a


def test_blocks_are_a_neuron_a_row_with_its_bias_last(network):
    assert network.blocks == ("w1", "w2", "w3", "w4", "w5", "a")
    shapes = [tuple(block.shape) for block in network.drawn]
    assert shapes == [(1, 1, 6, 4), *[(1, 1, 6, 7)] * 4, (1, 1, 6)]
    assert [block.dtype for block in network.drawn] == [torch.float64] * 6


def test_spelled_out_scales_are_the_standard_deviation_of_every_block(data):
    init = schema.SpelledOut(beta1="0.01", beta2="0.01").resolve()
    run = Run(init.scales(200.0, 3), 200, 0)
    network = Functional.build([run], data, Residual(), antisymmetric=False)
    for beta, block in zip(network.betas, network.drawn, strict=True):
        deviation = 0.01 / (2 * block.numel()) ** 0.5
        assert float((beta * block).std()) == pytest.approx(0.01, abs=5 * deviation)


def test_output_and_gradient_are_those_of_autograd(network, data):
    generator = torch.Generator().manual_seed(0)
    displacement = tuple(torch.randn(block.shape, generator=generator, dtype=block.dtype) for block in network.rest)
    params, y = raw(network, displacement), torch.as_tensor(data.y)
    f = written_out(params, torch.as_tensor(data.x))
    gradient = torch.autograd.grad(0.5 * (f - y).square().mean(), params)
    stage = network.stage(displacement)
    torch.testing.assert_close(stage.outputs[0], f.detach(), rtol=1e-10, atol=1e-12)
    velocity = stage.pullback(stage.outputs - y)
    for beta, moves, slope in zip(network.betas, velocity, gradient, strict=True):
        torch.testing.assert_close(network.clock * beta * moves[0, 0], slope, rtol=1e-8, atol=1e-9)


def test_a_run_of_adam_is_that_of_torch(data, network):
    flow = schema.Adam(rate=1e-3, loss="mse", stop=0.0, max_steps=30)
    init = schema.SpelledOut(beta1="0.5", beta2="0.5", antisymmetric=False)
    runs = simulate(init=init, widths=[WIDTH], seeds=[3], network="residual", data=data, flow=flow)
    assert runs.network[0] == "residual"
    assert (runs.activation[0], int(runs.steps[0])) == ("", 30)
    start = [block[0, 0] for block in network.drawn]
    params, x, y = raw(network, network.rest), torch.as_tensor(data.x), torch.as_tensor(data.y)
    peer = torch.optim.Adam(params, lr=1e-3)
    for _ in range(30):
        peer.zero_grad()
        (written_out(params, x) - y).square().mean().backward()
        peer.step()
    mse = (written_out(params, x) - y).square().mean()
    assert runs.mse_final[0] == pytest.approx(mse.item(), rel=1e-9)
    for name, block, drawn in zip(network.blocks, params, start, strict=True):
        change = ((block.detach() / 0.5 - drawn).norm() / drawn.norm()).item()
        assert runs[f"rd_{name}"][0] == pytest.approx(change, rel=1e-8), name


def test_layers_may_be_others(data):
    options = {"widths": [4], "seeds": [0], "data": data, "flow": schema.Exponential(max_steps=3)}
    one = simulate(network=Residual(activations=["tanh", "torch.sin"]), **options)
    config = schema.Network(name="residual", kwargs={"activations": ["tanh", "torch.sin"], "inputs": 3})
    two = simulate(network=config, **options)
    assert one.rd_w2[0] == pytest.approx(two.rd_w2[0], rel=1e-12)
    assert "rd_w3" not in one
    assert one.key[0] == simulate(network=Residual(activations=["tanh", "torch.sin"]), **options).key[0]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"inputs": 2}, "network.kwargs.inputs = 2, but the data have dimension 3: set network.kwargs.inputs=3"),
        ({"inputs": 0}, "network.kwargs.inputs = 0 is not allowed: the dimension of the data, 1 or above"),
        ({"inputs": 2.5}, "network.kwargs.inputs = 2.5 is not allowed: the dimension of the data"),
        ({"activations": []}, "network.kwargs.activations = \\[\\] is not allowed: a list of one activation a layer"),
        ({"activations": "tanh"}, "network.kwargs.activations = 'tanh' is not allowed: a list of one activation a lay"),
        ({"activations": ["tnah"]}, "network.kwargs.activations = 'tnah' is not known, did you mean 'tanh'"),
        ({"depth": 3}, "network.kwargs = {'depth': 3} do not fit residual: .* unexpected keyword argument 'depth'"),
    ],
)
def test_what_does_not_fit_is_told(data, kwargs, message):
    with pytest.raises(ValueError, match=message):
        simulate(network=schema.Network(name="residual", kwargs=kwargs), data=data, widths=[4], seeds=[0])
