"""The line S_w = 0 by hydra/sweeper=boundary, and by uniform grids, to one precision; both against a dense reference.

All have the widths of a figure. Points and seeds are counted, and the neuron evaluations of all runs: copies x neurons
x steps. The reference has other seeds, many of them, at five gammas around the line in each of its rows.

The boundary sweeper is repeated with other seeds. All points of a line share theirs, and err in common: whether the
reference lies within its intervals is a question to several lines, not to the rows of one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.stats.boundary import ROWS
from analysis.stats.exponents import seed_slopes
from analysis.stats.intervals import Interval
from analysis.stats.line import level_line
from analysis.tables.collect import collect
from benchmarks import measure
from benchmarks.report import Report

__all__ = ["add_options", "benchmark"]

GAMMA, GAMMA_PRIME = (0.6, 1.5), (-0.4, 0.4)

PLACE = ["gamma", "gamma_prime"]

WINDOW = 0.03 * np.arange(-2, 3)
"""Where the reference has its points, around the line."""

FIRST_SEED = 1000
"""Of the reference."""


@dataclass(frozen=True)
class Sizes:
    """What is run."""

    options: tuple[str, ...]
    precision: float
    grids: tuple[int, ...]  # points along either coordinate
    seeds: int  # of the grids
    reference: tuple[int, int]  # rows and seeds


FULL = Sizes(("experiment=luo2021_fig4",), 0.01, (9, 13), 16, (9, 192))
QUICK = Sizes(("widths=[50,2000]", "seeds=[0,1,2]"), 0.1, (5, 9), 8, (3, 8))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for the sweeps; what it holds is not run again")


def benchmark(options: argparse.Namespace) -> Iterator[Report]:
    """Return what the line costs either way, and how far both are from the reference."""
    sizes = QUICK if options.quick else FULL
    with nullcontext(str(options.keep)) if options.keep else TemporaryDirectory() as folder:
        yield _report(sizes, Path(folder), options.repeat)


def _report(sizes: Sizes, folder: Path, repeat: int) -> Report:
    report = Report("boundary", {"precision": sizes.precision, "grids": sizes.grids, "repeat": repeat})
    rows = np.linspace(*GAMMA_PRIME, ROWS)
    refined = {first: _boundary(sizes, folder / f"boundary_{first}", first) for first in range(0, 100 * repeat, 100)}
    truth = _reference(sizes, folder / "reference", _line(refined[0], rows))
    for first, runs in refined.items():
        name = f"hydra/sweeper=boundary, seeds {first} and on"
        report.add("the line S_w = 0", _row(name, runs, _line(runs, rows), truth))
    for number in sizes.grids:
        runs = _grid(sizes, folder / f"grid_{number}", number)
        enough, seeds = _fewest(runs, rows, sizes)
        found = _row(f"grid {number} x {number}", enough, _line(enough, rows), truth)
        report.add("the line S_w = 0", found)
        if seeds is None:
            report.remarks.append(
                f"the grid of {number} x {number} does not reach the precision with {sizes.seeds} seeds"
            )
    report.remarks.append(f"reference: {sizes.reference[0]} rows of 5 gammas, {sizes.reference[1]} other seeds")
    return report


def _boundary(sizes: Sizes, folder: Path, first: int) -> pd.DataFrame:
    ranges = (
        f"init.{name}=interval({low},{high})" for name, (low, high) in zip(PLACE, (GAMMA, GAMMA_PRIME), strict=True)
    )
    search = ("hydra/sweeper=boundary", f"hydra.sweeper.precision={sizes.precision}")
    return _sweep(folder, sizes, *search, f"seeds=[{first},{first + 1},{first + 2}]", *ranges)


def _grid(sizes: Sizes, folder: Path, number: int) -> pd.DataFrame:
    axes = [np.linspace(*ends, number).round(6) for ends in (GAMMA, GAMMA_PRIME)]
    places = [f"init.{name}={','.join(map(str, values))}" for name, values in zip(PLACE, axes, strict=True)]
    return _sweep(folder, sizes, *places, f"seeds=[{','.join(map(str, range(sizes.seeds)))}]")


def _reference(sizes: Sizes, folder: Path, line: pd.DataFrame) -> pd.Series[float]:
    """Return the zero of each row of the reference: of the cubic through its means, nearest to the middle."""
    number, count = sizes.reference
    rows = np.linspace(*GAMMA_PRIME, number).round(6)
    centres = np.interp(rows, line.index, line["gamma"]).round(2)
    seeds = f"seeds=[{','.join(map(str, range(FIRST_SEED, FIRST_SEED + count)))}]"
    zeros = {}
    for row, centre in zip(rows, centres, strict=True):
        gammas = ",".join(f"{value:.4f}" for value in centre + WINDOW)
        runs = _sweep(folder / f"{row}", sizes, f"init.gamma={gammas}", f"init.gamma_prime={row}", seeds)
        means = seed_slopes(runs, "w", PLACE).mean(axis=1).droplevel("gamma_prime").sort_index()
        roots = np.roots(np.polyfit(means.index - centre, means, 3))
        zeros[row] = centre + float(min(roots[abs(roots.imag) < 1e-9].real, key=abs))
    return pd.Series(zeros)


def _sweep(folder: Path, sizes: Sizes, *overrides: str) -> pd.DataFrame:
    """Return the runs of a sweep, which is computed if it is not there."""
    print(f"{folder.name} ...", file=sys.stderr, flush=True)
    measured = "measure.observables=[relative_change]"
    measure.run(["-m", "condense", "-m", *sizes.options, *overrides, measured, f"hydra.sweep.dir={folder}"])
    return collect(folder).runs


def _line(runs: pd.DataFrame, rows: NDArray[np.float64]) -> pd.DataFrame:
    return level_line(seed_slopes(runs, "w", PLACE), rows, Interval())


def _half(line: pd.DataFrame) -> float:
    """Return half of the widest interval; infinite where there is none."""
    half = (line["high"] - line["low"]) / 2
    return float("inf") if half.isna().any() else float(half.max())


def _fewest(runs: pd.DataFrame, rows: NDArray[np.float64], sizes: Sizes) -> tuple[pd.DataFrame, int | None]:
    """Return the runs of the fewest seeds with which a grid reaches the precision; of all, and None, if it does not."""
    for seeds in range(3, sizes.seeds + 1):
        fewer = runs[runs["seed"] < seeds]
        if _half(_line(fewer, rows)) <= sizes.precision:
            return fewer, seeds
    return runs, None


def _row(what: str, runs: pd.DataFrame, line: pd.DataFrame, truth: pd.Series[float]) -> dict[str, object]:
    """Return what a line has cost, and how it lies to the reference at the rows of that."""
    there = line.reindex(line.index.union(truth.index)).interpolate("index").loc[truth.index]
    inside = truth.between(there["low"], there["high"])
    evaluations = (runs["neurons"] * (1 + runs["antisymmetric"]) * runs["steps"]).sum()
    return {
        "by": what,
        "points": len(runs[PLACE].drop_duplicates()),
        "seeds": f"{runs.groupby(PLACE)['seed'].nunique().min()} to {runs.groupby(PLACE)['seed'].nunique().max()}",
        "networks": len(runs),
        "neuron_evaluations": float(evaluations),
        "half_width": _half(line),
        "largest_error": float(abs(there["gamma"] - truth).max()),
        "rows_covered": float(inside.mean()),
    }
