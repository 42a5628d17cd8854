"""Stacks of modules against a plain loop of torch, one network after another: seconds a step and network.

The network is Linear, LayerNorm, Tanh, Linear on scikit-learn's digits, by AdamW on minibatches. Both take the same
steps on the same minibatches and look at the loss over all data as often; what their weights differ by is told.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.measure import Spread
from benchmarks.report import Report, Row
from condense import data, schema
from condense.data import Dataset
from condense.flows.optimised import ORDER, OptimisedFlow
from condense.networks.base import Theta, numpy_stream
from condense.networks.modules import ModuleNetwork, Modules, from_module
from condense.planes.scales import Scales
from condense.run import Run

__all__ = ["WIDTHS", "Case", "add_options", "benchmark", "build"]

WIDTHS = {10**3: 13, 10**4: 130, 10**5: 1300}
"""Of networks with so many parameters."""

INPUTS, CLASSES = 64, 10

RATE = 1e-3


def build(m: int) -> nn.Module:
    """Return the network of width m, of 77 m + 10 parameters."""
    return nn.Sequential(nn.Linear(INPUTS, m), nn.LayerNorm(m), nn.Tanh(), nn.Linear(m, CLASSES))


@dataclass(frozen=True)
class Case:
    """Networks of one width, how they are trained, and in what precision."""

    digits: Dataset
    network: ModuleNetwork
    width: int
    flow: schema.Torch
    dtype: torch.dtype

    def run(self, seed: int) -> Run:
        """Return the run of a seed."""
        return Run(Scales(1.0, 1.0, 1.0), self.width, seed, point={"gamma": 0.5, "gamma_prime": 0.0}, rate=RATE)

    def stacked(self, networks: int) -> tuple[float, Theta]:
        """Train a stack; return the seconds a step and network, and the parameters, each (networks, ...)."""
        runs = [self.run(seed) for seed in range(networks)]
        flow = OptimisedFlow(self.flow)
        start = flow.start(Modules.build(runs, self.digits, self.network, dtype=self.dtype), torch.empty(0))
        clock = time.perf_counter()
        for state, _ in flow.steps(start):
            if len(state.run):
                end = state
        seconds = time.perf_counter() - clock
        return seconds / self.flow.max_steps / networks, end.stage.weights  # type: ignore[attr-defined]

    def alone(self, seed: int) -> tuple[float, list[Tensor]]:
        """Train one network by a plain loop; return the seconds a step, and its parameters."""
        module = build(self.width).to(self.dtype)
        module.load_state_dict(self.network.drawn(self.run(seed)))
        x, y = torch.as_tensor(self.digits.x, dtype=self.dtype), torch.as_tensor(self.digits.y).long()
        clock = time.perf_counter()
        optimiser = torch.optim.AdamW(module.parameters(), lr=RATE)
        for step, rows in zip(range(self.flow.max_steps), self._order(seed, len(x)), strict=False):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if (step + 1) % self.flow.look == 0:
                with torch.no_grad():
                    float(nn.functional.cross_entropy(module(x), y))
        return (time.perf_counter() - clock) / self.flow.max_steps, [block.detach() for block in module.parameters()]

    def _order(self, seed: int, n: int) -> Iterator[Tensor]:
        size, epoch = self.flow.batch_size or n, 0
        while True:
            order = torch.as_tensor(numpy_stream(seed, self.width, ORDER, epoch).permutation(n))
            yield from torch.split(order, size)
            epoch += 1


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--networks", type=int, nargs="+", help="in a stack (default: 1 8 32 64)")
    parser.add_argument("--steps", type=int, help="of every network (default: 200)")


def benchmark(options: argparse.Namespace) -> list[Report]:
    """Return how many times longer the plain loop takes, by parameters, minibatch, precision and networks."""
    networks = options.networks or ([4] if options.quick else [1, 8, 32, 64])
    steps = options.steps or (20 if options.quick else 200)
    sizes = [10**3] if options.quick else list(WIDTHS)
    batches = [64] if options.quick else [16, 64]
    report = Report("modules", {"networks": networks, "steps": steps, "repeat": options.repeat})
    digits = data.load(schema.Data(name="digits", samples=1437))
    network = from_module(build)
    for parameters in sizes:
        for batch in batches:
            for dtype in (torch.float64, torch.float32):
                flow = schema.Torch(
                    optimiser="AdamW",
                    kwargs={"lr": RATE},
                    loss="cross_entropy",
                    batch_size=batch,
                    max_steps=steps,
                )
                case = Case(digits, network, WIDTHS[parameters], flow, dtype)
                for stacked in networks:
                    report.add("a step of one network in a stack, and by a plain loop", _row(case, stacked, options))
    return [report]


def _row(case: Case, networks: int, options: argparse.Namespace) -> Row:
    ours, plain, differences = [], [], []
    for seed in range(options.repeat):
        seconds, weights = case.stacked(networks)
        ours.append(seconds)
        seconds, alone = case.alone(seed % networks)
        plain.append(seconds)
        differences += [
            float((one[seed % networks] - other).abs().max()) for one, other in zip(weights, alone, strict=True)
        ]
    return {
        "parameters": sum(block.numel() for block in alone),
        "minibatch": case.flow.batch_size,
        "precision": str(case.dtype).removeprefix("torch."),
        "networks": networks,
        "plain_us": Spread.of(plain).scaled(1e6),
        "stack_us": Spread.of(ours).scaled(1e6),
        "times": Spread.of(np.divide(plain, ours).tolist()),
        "largest_difference": max(differences),
    }
