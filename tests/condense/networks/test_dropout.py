"""Dropout: the gradient of a step is that of a network with a mask; everything measured is without."""

import numpy as np
import pytest
import torch

from condense import schema, simulate
from condense.data import parabola
from condense.flows.adam import AdamFlow
from condense.flows.descent import DescentFlow
from condense.job import Job
from condense.networks import two_layer
from condense.networks.functional import Functional
from condense.networks.two_layer import TwoLayer
from condense.runs.batches import Batch, Member
from condense.runs.problem import Problem
from condense.runs.training import Trainer

KEEP, STEPS = 0.8, 25

FLOWS = {
    "descent": schema.Descent(rule="fixed", rate=0.1, stop=0.0, max_steps=STEPS),
    "adam": schema.Adam(rate=1e-3, loss="half_mse", stop=0.0, max_steps=STEPS),
}


@pytest.fixture
def network(run_at):
    """Two points of the plane by two seeds, with dropout."""
    runs = [run_at(gamma, 0.2, 30, seed) for gamma in (0.8, 1.2) for seed in (0, 1)]
    return TwoLayer.build(runs, parabola(), activation="tanh", reduce=False, keep=KEEP)


def step(*numbers):
    return torch.tensor(numbers)


def test_a_mask_depends_on_seed_width_and_step_alone(network, run_at):
    kept = network.sampled(step(3, 3, 3, 5)).kept
    assert kept.shape == (4, 4, 60)
    assert torch.equal(kept[0], kept[2])  # one seed, one step, two points
    assert not torch.equal(kept[0], kept[1])
    assert not torch.equal(kept[1], kept[3])
    assert not torch.equal(kept[0][:, :30], kept[0][:, 30:])
    assert (kept[0] != kept[0][:1]).any(dim=1).tolist() == [False, True, True, True]
    alone = TwoLayer.build([run_at(1.0, 0.0, 30, 1)], parabola(), keep=KEEP, dtype=torch.float32)
    assert torch.equal(alone.sampled(step(5)).kept[0], kept[3])
    chosen = network.select(step(3)).sampled(step(5))
    assert torch.equal(chosen.kept[0], kept[3])


def test_neurons_are_kept_with_their_probability_independently(network):
    few = network.select(step(0))
    kept = torch.cat([few.sampled(step(k)).kept.flatten(1) for k in range(4000)]).double()
    deviation = (KEEP * (1 - KEEP) / len(kept)) ** 0.5
    assert (kept.mean(dim=0) - KEEP).abs().max() < 5 * deviation
    correlation = np.corrcoef(kept.numpy().T) - np.eye(kept.shape[1])
    assert np.abs(correlation).max() < 6 / len(kept) ** 0.5


def test_a_sampled_network_is_on_average_the_network_itself(network):
    displacement = tuple(0.3 * torch.ones_like(block) for block in network.rest)  # f is not 0 then
    clean = network.stage(displacement, kernel=False)
    samples = [network.sampled(step(k, k, k, k)).stage(displacement, kernel=False).outputs for k in range(4000)]
    outputs = torch.stack(samples)
    deviation = outputs.std(dim=0) / len(outputs) ** 0.5
    assert (deviation > 0).all()
    assert ((outputs.mean(dim=0) - clean.outputs).abs() < 5 * deviation).all()


def test_streaming_over_neurons_changes_nothing(run_at, monkeypatch):
    network = TwoLayer.build([run_at(1.0, 0.0, 700)], parabola(), activation="tanh", keep=KEEP).sampled(step(7))
    displacement = tuple(0.3 * torch.ones_like(block) for block in network.rest)

    def numbers():
        stage = network.stage(displacement)
        return stage.outputs, stage.kernel, *stage.pullback(torch.ones_like(stage.outputs))

    whole = numbers()
    monkeypatch.setattr(two_layer, "KEPT", 0)
    monkeypatch.setattr(two_layer, "TILE", 1)
    for one, two in zip(whole, numbers(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FLOWS)
def test_steps_are_those_of_torch_with_the_same_masks(name, run_at):
    run = run_at(0.8, 0.3, 20, 3)
    network = TwoLayer.build([run], parabola(), activation="tanh", reduce=False, keep=KEEP)
    x = torch.as_tensor(np.column_stack([parabola().x, np.ones(4)]))
    y = torch.as_tensor(parabola().y)
    start = network.parameters(network.rest)
    w = (run.scales.beta2 * start[0][0]).clone().requires_grad_()
    a = (run.scales.beta1 * start[1][0]).clone().requires_grad_()
    peer = torch.optim.Adam([w, a], lr=1e-3) if name == "adam" else torch.optim.SGD([w, a], lr=0.1)
    for number in range(STEPS):
        peer.zero_grad()
        hidden = torch.tanh(x @ w) * network.sampled(step(number)).kept[0] / KEEP
        (0.5 * (hidden @ a / run.scales.alpha - y).square().mean()).backward()
        peer.step()
    flow = {"adam": AdamFlow, "descent": DescentFlow}[name](FLOWS[name])
    [end] = list(flow.train(network, y))
    theta = network.parameters(end.displacement)
    torch.testing.assert_close(run.scales.beta2 * theta[0][0], w.detach(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(run.scales.beta1 * theta[1][0], a.detach(), rtol=1e-9, atol=1e-12)
    clean = torch.tanh(x @ w) @ a / run.scales.alpha
    torch.testing.assert_close(end.stage.outputs[0], clean.detach(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(end.mse[0], (clean - y).square().mean().detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", FLOWS)
def test_keeping_all_changes_no_bit(name, run_at):
    run = [run_at(1.0, 0.0, 30)]
    plain, all_kept = TwoLayer.build(run, parabola()), TwoLayer.build(run, parabola(), keep=1.0)
    assert all_kept.sampled(step(0)) is all_kept
    state = DescentFlow(FLOWS["descent"]).start(all_kept, torch.as_tensor(parabola().y))
    assert state.sample is state.stage
    flow = {"adam": AdamFlow, "descent": DescentFlow}[name](FLOWS[name])
    ends = [next(flow.train(network, torch.as_tensor(parabola().y))) for network in (plain, all_kept)]
    assert all(torch.equal(*blocks) for blocks in zip(*(end.displacement for end in ends), strict=True))


@pytest.mark.parametrize("name", FLOWS)
def test_the_same_numbers_packed_or_alone(name, change_only):
    network = schema.Network(activation="tanh", keep=KEEP)
    options = {"network": network, "flow": FLOWS[name], "measure": change_only}
    packed = simulate([0.8, 1.2], 0.0, widths=[20, 40], seeds=[0, 1], **options)
    assert (packed.keep == KEEP).all()
    for row in packed.itertuples():
        alone = simulate(row.gamma, 0.0, widths=[int(row.width)], seeds=[row.seed], **options)
        assert alone.key[0] == row.key
        assert alone.rd_w[0] == pytest.approx(row.rd_w, rel=1e-10)
        assert alone.mse_final[0] == pytest.approx(row.mse_final, rel=1e-10)


def test_a_run_goes_on_identically():
    config = schema.Config(widths=[20], seeds=[0, 1], network=schema.Network(keep=KEEP), flow=FLOWS["adam"])
    problem = Problem.of(config)
    batch = Batch(tuple(Member(problem, run) for run in problem.runs.values()))

    def ends(trainer):
        return [row["mse_final"] for progress in trainer for _, row in progress.ended]

    trainer = Trainer(batch)
    for _ in zip(range(10), trainer, strict=False):
        pass
    [rest] = trainer.rest
    assert rest.source.load()["steps"].min() > 5
    assert ends(Trainer(rest)) == ends(Trainer(batch))


def test_dropout_is_another_run_and_its_absence_is_not():
    def key(**options):
        return Job(schema.Config(flow=FLOWS["adam"], network=schema.Network(**options), widths=[10])).wanted

    assert key() == key(keep=1.0) == key(keep=1)
    assert not set(key()) & set(key(keep=0.9))


def test_keys_from_before_dropout_still_hold():
    assert Job(schema.Config(widths=[1000], seeds=[0])).wanted == ["b6c64a8db5101292"]


def test_other_networks_sample_themselves(run_at):
    class Net:
        scales = {"a": (1.0, 0.0)}

        def init(self, generator, m):
            return {"a": torch.randn(m, generator=generator)}

        def forward(self, params, x):
            return x[:, 0] * params["a"].sum()

    network = Functional.build([run_at(1.0, 0.0, 5)], parabola(), Net())
    assert network.sampled(step(0)) is network
