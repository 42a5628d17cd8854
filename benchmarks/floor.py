"""What one evaluation of a neuron must cost on this machine, and what it costs in the flow.

For four points in the plane (n = 4, r = 2) the floor is a compiled loop that does nothing else (`benchmarks.kernel`).
For 45 points in 45 dimensions it is arithmetic at the measured peak of dgemm. The flow's figure is
wall_seconds / (2 steps x neurons of both copies): two evaluations a step.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import measure, plane
from benchmarks.kernel import compiled, sums
from benchmarks.measure import Spread
from benchmarks.plane import NINE, Point
from benchmarks.report import Report, Row
from condense import schema

__all__ = ["add_options", "benchmark"]

Array = NDArray[np.float64]

POINTS, RANK = 4, 2
IMAGES = 45
"""Data points and dimensions of the second case: images in their span."""

CACHED, STREAMED = 20_000, 8_000_000
"""Neurons whose weights lie in the cache of a core, and beyond any cache."""

WORK = 40_000_000
"""Evaluations of a measurement, at least: some tenths of a second."""

ALONE = (1.0, 0.0)
MANY = 200_000
"""Width up to which nine points of the plane are measured together, as a sweep does."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--widths", type=int, nargs="+", help="of the flow (default: 1e3 to 1e6)")


def benchmark(options: argparse.Namespace) -> list[Report]:
    """Return the floors, and the distance of the flow from them at several widths."""
    points = NINE[::4] if options.quick else NINE
    widths = options.widths or ([1000, 10_000] if options.quick else [1000, 10_000, 100_000, 1_000_000])
    streamed, work = (STREAMED // 8, WORK // 40) if options.quick else (STREAMED, WORK)
    report = Report("floor", {"widths": widths, "repeat": options.repeat, "device": options.device})
    counts = sorted({1, measure.cores()})
    small = f"floor of an evaluation, n = {POINTS}, r = {RANK}"
    for where, neurons in {"cache": CACHED, "memory": streamed}.items():
        for number in counts:
            row = {"weights_in": where, "neurons": neurons, "cores": number}
            report.add(small, {**row, **kernel_ns(neurons, number, options.repeat, work)})
    size = 256 if options.quick else 2048
    for number in counts:
        report.add(f"floor of an evaluation, n = {IMAGES}, r = {IMAGES}", _blas(number, size, options.repeat))
    for width in widths:
        for name, choice in plane.variants().items():
            for number in counts:
                floor = kernel_ns(2 * width, number, options.repeat, work)
                row = {"method": name, "width": width, "cores": number}
                report.add(
                    "the flow", {**row, **_distance(width, number, floor, {**choice, "device": options.device}, points)}
                )
    report.remarks = [
        "ns a neuron: wall time over evaluations times neurons, with all cores that are named at work",
        "predictor: moved neurons are forgotten; step: they are kept; floor: the mean of both at 2 x width neurons",
        "products: z = w X, h h^T and g g^T at the peak of dgemm; moving: w - (g o v) X in addition",
        f"alone: one run at gamma, gamma' = {ALONE}; together: runs at {len(points)} points in one call",
    ]
    return [report]


def kernel_ns(neurons: int, number: int, repeat: int, work: int = WORK) -> dict[str, Spread]:
    """Return ns an evaluation of a neuron takes on this many cores, for the predictor and for the step."""
    return {
        name: _kernel_seconds(neurons, number, repeat, work, keep).scaled(1e9)
        for name, keep in {"predictor_ns": False, "step_ns": True}.items()
    }


def _kernel_seconds(neurons: int, number: int, repeat: int, work: int, keep: bool) -> Spread:
    kernel, share = compiled(POINTS, RANK, keep=keep), max(1, neurons // number)
    times = max(1, work // (share * number))
    # v = 0: the weights stay as they are however often they are moved
    parts = [partial(_evaluate, kernel, *_neurons(share, seed), times) for seed in range(number)]
    with ThreadPoolExecutor(number) as pool:
        calls = measure.call(lambda: list(pool.map(_call, parts)), repeat, warm=1)
    return calls.seconds.scaled(1 / (times * share * number))


def _neurons(number: int, seed: int) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    return generator.standard_normal((RANK, number)), generator.standard_normal(number)


def _evaluate(kernel: Callable[..., None], w: Array, a: Array, times: int) -> Array:
    x, v, out = np.linspace(-1, 1, POINTS * RANK).reshape(POINTS, RANK), np.zeros(POINTS), np.zeros(sums(POINTS))
    for _ in range(times):
        kernel(w, a, x, v, 0.1, out)
    return out


def _call(function: Callable[[], Array]) -> Array:
    return function()


def _blas(number: int, size: int, repeat: int) -> Row:
    """Return the peak of dgemm, and what the products of a neuron cost at it and as they are."""
    n = IMAGES
    products, moving = 2 * n * n + 4 * n * n, 2 * n * n
    left, right = (np.random.default_rng(seed).standard_normal((size, size)) for seed in (0, 1))
    x, tile = right[:n, :n].copy(), np.random.default_rng(2).standard_normal((n, 2000))
    with measure.threads(number):
        peak = measure.call(lambda: left @ right, repeat, warm=1).seconds
        real = measure.call(lambda: [(x @ tile) @ tile.T, tile @ tile.T], 10 * repeat, warm=2).seconds
    rates = Spread.of([2 * size**3 / seconds / 1e9 for seconds in peak.values])
    return {
        "cores": number,
        "dgemm_gflops": rates,
        "products_ns": Spread.of([products / rate for rate in rates.values]),
        "products_and_moving_ns": Spread.of([(products + moving) / rate for rate in rates.values]),
        "products_in_numpy_ns": real.scaled(1e9 / tile.shape[1]),
    }


def _distance(
    width: int, number: int, floor: dict[str, Spread], choice: dict[str, Any], points: Sequence[Point]
) -> Row:
    with measure.threads(number):
        alone = _flow_ns([ALONE], width, choice)
        together = _flow_ns(points, width, choice) if width <= MANY else float("nan")
    lowest = (floor["predictor_ns"].median + floor["step_ns"].median) / 2
    best = min(each for each in (alone, together) if each == each)
    return {"floor_ns": lowest, "alone_ns": alone, "together_ns": together, "best_over_floor": best / lowest}


def _flow_ns(points: Sequence[Point], width: int, choice: dict[str, Any]) -> float:
    plane.runs(points[:1], [10], schema.Exponential(), **choice)
    found = plane.runs(points, [width], schema.Exponential(), **choice)
    return float(1e9 * found.wall_seconds.sum() / (2 * found.steps.sum() * 2 * width))
