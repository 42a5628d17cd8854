"""Three layers: cost against width, beside the products with W2(0) alone and beside a dense W2 by torch.func.

The floor of a step is what no closed form avoids: two evaluations, each a product with W2(0) and one with its
transpose, of n columns a copy and run. The dense reference keeps Jacobians of n x m^2 and takes the same steps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from benchmarks.measure import Spread, one_thread
from benchmarks.report import Report, Row
from condense import data, schema
from condense.data import Dataset
from condense.flows.exponential import ExponentialFlow
from condense.networks.base import Network
from condense.networks.functional import Functional
from condense.networks.three_layer import ThreeLayer
from condense.planes.layers import Powers
from condense.planes.scales import Scales
from condense.run import Run

__all__ = ["Dense", "add_options", "benchmark", "trained"]

PLACES = (1.0, 1.5, 2.0, 2.5, 3.0)
"""gamma3 of the runs of a stack, at gamma2 = 0."""

DENSE = 100
"""The widest that the dense reference is trained at."""


@dataclass(frozen=True)
class Dense:
    """The network by its definition; kappa' stands for kappa_2."""

    scales: ClassVar[Mapping[str, tuple[float, float]]] = {
        "w1": (1 / 3, -2 / 3),
        "w2": (1 / 3, 1 / 3),
        "a": (1 / 3, 1 / 3),
    }

    def init(self, generator: torch.Generator, m: int) -> Mapping[str, Tensor]:
        """Return standard normal draws."""
        shapes = {"w1": (m, 2), "w2": (m, m), "a": (m,)}
        return {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}

    def forward(self, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return the outputs."""
        h1 = torch.relu(torch.cat([x, torch.ones_like(x)], dim=1) @ params["w1"].T)
        return torch.relu(h1 @ params["w2"].T) @ params["a"]


def trained(network: Network, targets: Tensor) -> tuple[float, int]:
    """Train a stack; return seconds, and the steps of its runs together."""
    flow = ExponentialFlow(schema.Exponential())
    clock = time.perf_counter()
    steps = sum(int(end.steps.sum()) for end in flow.train(network, targets))
    return time.perf_counter() - clock, steps


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--widths", type=int, nargs="+", help="(default: 100 200 400 800 1600 3200)")


def benchmark(options: argparse.Namespace) -> list[Report]:
    """Return the cost of a step of a run by width, by one thread."""
    widths = options.widths or ([50] if options.quick else [100, 200, 400, 800, 1600, 3200])
    report = Report("layers", {"widths": widths, "gamma3": PLACES, "repeat": options.repeat})
    problem = data.load(schema.Data())
    with one_thread():
        for width in widths:
            report.add("a step of one run in a stack of five, gamma2 = 0", _row(problem, width, options))
    report.remarks.append("times_floor: over two products with W2(0) and two with its transpose, for the whole stack")
    report.remarks.append(f"dense_times: how many times longer a dense W2 takes by torch.func, up to m = {DENSE}")
    return [report]


def _row(problem: Dataset, width: int, options: argparse.Namespace) -> Row:
    targets = torch.as_tensor(problem.y)
    ours, floors, dense, steps = [], [], [], 0
    for seed in range(options.repeat):
        runs = [Run(Powers.at(place, 0.0).scales(width), width, seed) for place in PLACES]
        network = ThreeLayer.build(runs, problem)
        seconds, steps = trained(network, targets)  # type: ignore[arg-type]  # it steps in few rows
        ours.append(seconds / steps)
        floors.append(_floor(network, len(targets)) / len(runs))
        if width <= DENSE:
            scales = [Scales(1.0, width ** (-place / 2), width ** (-place / 2)) for place in PLACES]
            others = [Run(each, width, seed) for each in scales]
            seconds, count = trained(Functional.build(others, problem, Dense()), targets)  # type: ignore[arg-type]  # scales are the class's
            dense.append(seconds / count)
    return {
        "width": width,
        "steps": steps,
        "step_ms": Spread.of(ours).scaled(1e3),
        "times_floor": Spread.of(np.divide(ours, floors).tolist()),
        "dense_times": Spread.of(np.divide(dense, ours).tolist()) if dense else "",
    }


def _floor(network: ThreeLayer, n: int, repeat: int = 5) -> float:
    """Return the seconds of the products of one step of a stack."""
    h = torch.randn(len(network.draw), network.copies, n, network.width, dtype=torch.float64)
    network.times(h)
    clock = time.perf_counter()
    for _ in range(repeat):
        for transposed in (False, True):
            network.times(h, transposed)
            network.times(h, transposed)
    return (time.perf_counter() - clock) / repeat
