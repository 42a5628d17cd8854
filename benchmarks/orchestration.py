"""Seconds a point that a launcher adds, on points with next to nothing to compute.

A sweep of N points and one of a single point are timed, start-up of Python, torch and Hydra included in both; the
difference over N - 1 is what a point adds. Then the same command again, which finds everything done.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Spread
from benchmarks.report import Report, Row

__all__ = ["TRIVIAL", "add_options", "benchmark", "places", "seconds"]

TRIVIAL = ("widths=[4]", "seeds=[0]", "flow.max_steps=1")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--points", type=int, nargs="+", help="of the sweeps (default: 117 1681)")
    parser.add_argument("--launchers", nargs="+", help="(default: local basic)")


def benchmark(options: argparse.Namespace) -> list[Report]:
    """Return what a point costs, for every launcher and number of points."""
    sizes = options.points or ([19] if options.quick else [117, 1681])
    launchers = options.launchers or (["local"] if options.quick else ["local", "basic"])
    report = Report("orchestration", {"points": sizes, "launchers": launchers, "repeat": options.repeat})
    for size in sizes:
        for launcher in launchers:
            report.add("what a launcher adds", _row(size, launcher, options.repeat))
    return [report]


def places(points: int) -> str:
    """Return the override of a grid of this many places on the plane."""
    return "init.gamma=" + ",".join(f"{0.5 + k / 10000:.4f}" for k in range(points))


def seconds(points: int, launcher: str, folder: Path) -> float:
    """Return the wall time of a sweep of trivial points into a folder."""
    sweep = (f"hydra/launcher={launcher}", f"hydra.sweep.dir={folder}", places(points))
    return measure.run(["-m", "condense", "-m", *sweep, *TRIVIAL]).seconds


def _row(points: int, launcher: str, repeat: int) -> Row:
    """Return what a point costs when it is computed, and when it is found done."""
    alone, computed, done = [], [], []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as folder:
            one, many = Path(folder) / "one", Path(folder) / "many"
            first = [seconds(1, launcher, one), seconds(points, launcher, many)]
            again = [seconds(1, launcher, one), seconds(points, launcher, many)]
        alone.append(first[0])
        computed.append((first[1] - first[0]) / (points - 1))
        done.append((again[1] - again[0]) / (points - 1))
    return {
        "launcher": launcher,
        "points": points,
        "one_point_seconds": Spread.of(alone),
        "seconds_a_point": Spread.of(computed),
        "seconds_a_point_done": Spread.of(done),
    }
