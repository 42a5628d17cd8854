"""The level of log RD_w from M neurons: `python -m studies.level`, also `... sobol` (nodes) and `... stop`.

A mean of logarithms has a bias of O(1/M). Draws of 32,000 neurons are cut into networks of M, so that to first order
the noise of both is the same and a few draws show the bias: c in E log RD(M) = log RD(infinity) + c/M.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special, stats

from benchmarks.plane import Point
from condense import data, schema
from condense.flows.exponential import ExponentialFlow
from condense.networks.base import norms
from condense.networks.fused import FusedStage
from condense.networks.two_layer import TwoLayer
from condense.planes.two_layer import PlanePoint, Scales
from condense.run import Run

__all__ = ["POINTS", "bias", "log_changes", "main"]

Values = NDArray[np.float64]

POINTS: Sequence[Point] = [(0.6, 0), (0.8, -0.2), (0.9, 0.3), (1, 0), (1.1, -0.3), (1.2, 0.1), (1.3, 0), (1.4, 0.3)]
POINTS = [*POINTS, (1.4, -0.2), (1.75, 0)]
ALL = 32_000
COUNTS = (250, 1000, 4000)
WIDTHS = (250, 1000, 8000, 64_000)


def log_changes(points: Sequence[Point], width: float, w: Values, a: Values, stop: float = 1e-6) -> Values:
    """Return log RD_w of networks of given neurons, w (S, 2, M) and a (S, M), standing for a width: (points, S)."""
    draws, neurons = a.shape
    scales = [Scales.at(PlanePoint(*point), width) for point in points]
    scales = [replace(each, alpha=each.alpha * neurons / width) for each in scales]
    parabola = data.load(schema.Data())
    runs = [Run(each, neurons, seed) for each in scales for seed in range(draws)]
    drawn = torch.from_numpy(np.ascontiguousarray(w)), torch.from_numpy(np.ascontiguousarray(a))
    network = replace(TwoLayer.build(runs, parabola, stages=FusedStage.at), drawn=drawn, lengths=norms(drawn))
    found = np.full(len(runs), np.nan)
    for state in ExponentialFlow(schema.Exponential(stop=stop)).train(network, torch.as_tensor(parabola.y)):
        found[state.run.numpy()] = np.log(state.stage.relative_change()["w"].numpy())
    return found.reshape(len(points), draws)


def gaussian(seed: int, neurons: int = ALL) -> tuple[Values, Values]:
    """Return w (2, neurons) and a (neurons,)."""
    drawn = np.random.default_rng([seed, neurons]).standard_normal((3, neurons))
    return drawn[:2], drawn[2]


def nodes(count: int, seed: int | None) -> tuple[Values, Values]:
    """Return w and a at Sobol nodes through the normal quantile; without a seed not scrambled, from the second on."""
    sobol = stats.qmc.Sobol(3, scramble=seed is not None, seed=seed)
    points = sobol.random(count) if seed is not None else sobol.random(2 * count)[1 : count + 1]
    found: Values = special.ndtri(points).T
    return found[:2], found[2]


def bias(points: Sequence[Point], width: float, neurons: int, seed: int, total: int = ALL) -> Values:
    """Return the mean of log RD over the parts of a draw less log RD of the whole, by point."""
    w, a = gaussian(seed, total)
    parts = total // neurons
    cut = w.reshape(2, parts, neurons).swapaxes(0, 1), a.reshape(parts, neurons)
    whole = log_changes(points, width, w[None], a[None])[:, 0]
    return np.asarray(log_changes(points, width, *cut).mean(axis=1) - whole)


def level(seeds: int = 8) -> None:
    """Print c for every point and width, from each number of neurons."""
    print("c in E log RD(M) = log RD(infinity) + c/M, from M =", *COUNTS)
    for width in WIDTHS:
        found = np.array([[bias(POINTS, width, count, seed) for seed in range(seeds)] for count in COUNTS])
        size = 1 / (1 / np.array(COUNTS) - 1 / ALL)
        c, error = (size[:, None] * each for each in (found.mean(axis=1), found.std(axis=1, ddof=1) / seeds**0.5))
        for place, point in enumerate(POINTS):
            values = "  ".join(f"{c[row, place]:+6.1f} +- {error[row, place]:3.1f}" for row in range(len(COUNTS)))
            print(f"m = {width:<6} ({point[0]:g}, {point[1]:g})  {values}", flush=True)


def sobol(width: float = 1000, seeds: int = 32) -> None:
    """Print log RD of Sobol nodes less that of Gaussian draws, in percent, by point."""

    def mean(drawn: Iterable[tuple[Values, Values]]) -> Values:
        return np.asarray(np.mean([log_changes(POINTS, width, w[None], a[None])[:, 0] for w, a in drawn], axis=0))

    exact = mean(gaussian(seed) for seed in range(seeds))
    print("percent, points", *POINTS)
    for count in (512, 1024, 4096):
        kinds = {"as they are": [nodes(count, None)], "scrambled": [nodes(count, seed) for seed in range(seeds)]}
        for name, drawn in kinds.items():
            found = 100 * (mean(drawn) - exact)
            print(f"{count} {name}: mean {found.mean():+.2f};", *(f"{x:+.2f}" for x in found), flush=True)


def stops(width: float = 1000) -> None:
    """Print log RD at other stops less that at 1e-6, in percent, by point."""
    w, a = gaussian(0)
    print("percent, points", *POINTS)
    for stop in (1e-4, 1e-8):
        both = [log_changes(POINTS, width, w[None], a[None], each)[:, 0] for each in (stop, 1e-6)]
        found = 100 * (both[0] - both[1])
        print(f"stop {stop:g}: mean {found.mean():+.2f};", *(f"{x:+.2f}" for x in found), flush=True)


def main(arguments: Sequence[str] = tuple(sys.argv[1:])) -> None:
    """Print one of the three."""
    {"sobol": sobol, "stop": stops}.get("".join(arguments), level)()


if __name__ == "__main__":
    main()
