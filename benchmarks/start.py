"""Seconds from typing a command to its first result, each in a fresh process."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import measure
from benchmarks.orchestration import TRIVIAL, places
from benchmarks.report import Report

__all__ = ["add_options", "benchmark"]

COLLECT = "import sys; from analysis.tables.collect import collect; print(len(collect(sys.argv[1]).runs))"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--points", type=int, nargs="+", help="of the sweeps planned and read (default: 117 1681)")


def benchmark(options: argparse.Namespace) -> list[Report]:
    """Return median and spread of every command."""
    sizes = options.points or ([9] if options.quick else [117, 1681])
    report = Report("start", {"points": sizes, "repeat": options.repeat, "device": options.device})
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for what, command in _commands(sizes, folder, options.device).items():
            seconds, peak = measure.commands(command, options.repeat, warm=0 if options.quick else 1)
            report.add("in a fresh process", {"what": what, "seconds": seconds, "peak_mb": peak})
    report.remarks.append("files of the commands are in the page cache: each ran once before, unless quick")
    return [report]


def _commands(sizes: Sequence[int], folder: Path, device: str) -> dict[str, Callable[[], Sequence[str]]]:
    settings = [*TRIVIAL, f"device={device}"]
    runs = iter(range(10**6))
    found: dict[str, Callable[[], Sequence[str]]] = {
        "an empty program": lambda: ["-c", ""],
        "import condense": lambda: ["-c", "import condense"],
        "import condense.simulate": lambda: ["-c", "from condense import simulate"],
        "condense --help": lambda: ["-m", "condense", "--help"],
        "analysis --help": lambda: ["-m", "analysis", "--help"],
        "one tiny job": lambda: ["-m", "condense", *settings, f"hydra.run.dir={folder}/{next(runs)}"],
    }
    for size in sizes:
        found[f"a plan of {size} points"] = _plan(size, folder)
    for size in sizes:
        sweep = folder / f"sweep{size}"
        measure.run(["-m", "condense", "-m", places(size), *settings, f"hydra.sweep.dir={sweep}"])
        found[f"reading {size} job folders"] = _reading(sweep)
    return found


def _plan(size: int, folder: Path) -> Callable[[], Sequence[str]]:
    sweep = [sys.executable, "-m", "condense", "-m", places(size), *TRIVIAL, f"hydra.sweep.dir={folder}/never"]
    return lambda: ["-m", "sweeps", "plan", *sweep]


def _reading(sweep: Path) -> Callable[[], Sequence[str]]:
    return lambda: ["-c", COLLECT, str(sweep)]
