"""What condense costs against the size of the problem: width, dimension, data points, plane points, workers, device.

Where the number of steps depends on the problem, the cost is that of a step: runs are cut off after a few.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import measure, plane
from benchmarks.figures import Curve, log_log
from benchmarks.measure import Spread
from benchmarks.orchestration import TRIVIAL, places
from benchmarks.plane import Point
from benchmarks.report import Report
from condense import schema

__all__ = ["add_options", "benchmark"]

STEPS = 20
"""Steps of the runs whose cost a step is measured."""

WIDTH = 1000
"""Of the runs on random data."""

POINTS: Mapping[str, Point] = {
    "linear (0.6, 0)": (0.6, 0.0),
    "critical (1, 0)": (1.0, 0.0),
    "condensed (1.4, 0)": (1.4, 0.0),
}


@dataclass(frozen=True)
class Subject:
    """What is varied, and what is then measured."""

    curves: Callable[[argparse.Namespace], dict[str, Curve]]
    x: str
    y: str
    title: str
    slope: int = 1  # of the reference line


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--subjects", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), help="(default: all)")
    parser.add_argument("--full", action="store_true", help="widths up to 1e7")


def benchmark(options: argparse.Namespace) -> Iterator[Report]:
    """Return a report a subject, and draw a figure of each."""
    for name in options.subjects:
        subject = SUBJECTS[name]
        print(f"{name} ...", file=sys.stderr, flush=True)
        report = Report(f"scaling_{name}", {"repeat": options.repeat, "device": options.device})
        curves = subject.curves(options)
        for label, curve in curves.items():
            for place, spread in sorted(curve.items()):
                report.add(subject.title, {"of": label, subject.x: place, subject.y: spread})
        on = report.machine
        note = f"{on['processor']}, {on['cores']} cores, commit {on['commit'][:7]}, {on['date'][:10]}"
        path = options.figures / f"{report.name}.png"
        labels = {"x": subject.x, "y": subject.y, "title": subject.title, "note": note}
        report.remarks.append(str(log_log(curves, path, slope=subject.slope, **labels)))
        yield report


def _width(options: argparse.Namespace) -> dict[str, Curve]:
    return {label: _at_widths(point, options, options.device) for label, point in POINTS.items()}


def _device(options: argparse.Namespace) -> dict[str, Curve]:
    devices = dict.fromkeys(["cpu", options.device])
    return {device: _at_widths((1.0, 0.0), options, device) for device in devices}


def _at_widths(point: Point, options: argparse.Namespace, device: str) -> Curve:
    widths = [1000, 10_000] if options.quick else [1000, 10_000, 100_000, 1_000_000, *([10**7] if options.full else [])]
    _a_run(point, 10, 1, device)
    return {width: _a_run(point, width, options.repeat, device) for width in widths}


def _a_run(point: Point, width: int, repeat: int, device: str) -> Spread:
    return measure.call(lambda: plane.runs([point], [width], schema.Exponential(), device=device), repeat).seconds


def _dimension(options: argparse.Namespace) -> dict[str, Curve]:
    dimensions = [2, 32] if options.quick else [2, 8, 32, 128, 512, 3072]
    return {f"n = {n}": {d: _a_step(n, d, options) for d in dimensions} for n in (4, 45)}


def _samples(options: argparse.Namespace) -> dict[str, Curve]:
    numbers = [4, 16, 64] if options.quick else [4, 8, 16, 32, 64, 128, 256, 512]
    return {f"d = {d}": {n: _a_step(n, d, options) for n in numbers} for d in (1, 16)}


def _a_step(n: int, d: int, options: argparse.Namespace) -> Spread:
    """Return the seconds of a step on n random points in d dimensions, with its share of the draw and the span."""
    generator = np.random.default_rng(n + 1000 * d)
    data = generator.standard_normal((n, d)) / np.sqrt(d), generator.standard_normal(n)
    flow = schema.Exponential(stop=0.0, max_steps=STEPS)

    def train() -> float:
        runs = plane.runs([(1.0, 0.0)], [WIDTH], flow, data=data, device=options.device)
        return float(runs.wall_seconds.sum() / runs.steps.sum())

    return Spread.of(measure.call(train, options.repeat, warm=1).results)


def _points(options: argparse.Namespace) -> dict[str, Curve]:
    numbers = [1, 13] if options.quick else [1, 13, 117, 441, 1681]
    settings = [*TRIVIAL, f"device={options.device}"]
    return {
        "sweep": {number: _sweeps([places(number), *settings], options.repeat) for number in numbers},
    }


def _workers(options: argparse.Namespace) -> dict[str, Curve]:
    numbers = sorted({1, 2, measure.cores()})
    settings = ["experiment=luo2021_fig4", "seeds=[0]", f"device={options.device}"]
    settings += (
        ["init.gamma=0.6,1.4", "init.gamma_prime=-0.2,0.2", "widths=[1000]"]
        if options.quick
        else ["init.gamma_prime=-0.2,0.0,0.2", "widths=[1000,5000,10000]"]
    )
    return {
        "sweep": {
            number: _sweeps([*settings, f"hydra.launcher.workers={number}"], options.repeat) for number in numbers
        },
    }


def _sweeps(settings: Sequence[str], repeat: int) -> Spread:
    """Return the seconds of a sweep into a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(repeat + 1))
        seconds, _ = measure.commands(
            lambda: ["-m", "condense", "-m", *settings, f"hydra.sweep.dir={Path(folder) / str(next(numbers))}"],
            repeat,
            warm=0,
        )
    return seconds


RANDOM = f"random data, m = {WIDTH}"

SUBJECTS = {
    "width": Subject(_width, "width m", "seconds a run", "A run to its stop, by its place (γ, γ′)"),
    "dimension": Subject(_dimension, "input dimension d", "seconds a step", f"A step, by data points n ({RANDOM})"),
    "samples": Subject(_samples, "data points n", "seconds a step", f"A step, by input dimension d ({RANDOM})"),
    "points": Subject(_points, "points of the plane", "seconds", "The command of a sweep, next to nothing to compute"),
    "workers": Subject(_workers, "workers", "seconds", "The command of a sweep, by worker processes", slope=-1),
    "device": Subject(_device, "width m", "seconds a run", "A run to its stop at (γ, γ′) = (1, 0), by device"),
}
