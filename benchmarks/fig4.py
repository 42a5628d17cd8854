"""`experiment=luo2021_fig4` with one seed, sweep and analysis, against gradient descent by a simple script.

The script is `benchmarks.baselines.descent.growing_descent`: the same points, widths and draws, the same stop, one run
after another in a process of its own, NumPy with BLAS on all cores. Both are timed in turn, each in fresh folders,
after one small sweep that warms caches. The script's growth of 1.05 a step takes the fewest steps of 1.02, 1.05, 1.1,
1.2, 1.3 and 1.5 on this plane, and none of them is faster beyond the noise or clearly more accurate (`--tune`).

RD_w of both is compared with condense at a tight tolerance, on a seeded sample of points at small widths.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.tables.collect import collect
from benchmarks import measure
from benchmarks.measure import Command, Spread
from benchmarks.reference import TIGHT, Reference
from benchmarks.report import Report

__all__ = ["add_options", "benchmark"]

QUICK = ("init.gamma=0.6,1.0,1.4", "init.gamma_prime=-0.2,0.0,0.2", "widths=[500,1000,2000]")
GROWTH = 1.05
GROWTHS = (1.02, 1.05, 1.1, 1.2, 1.3, 1.5)
RUN = ["gamma", "gamma_prime", "width", "seed"]

TIMES, ERRORS, TUNED = "wall time", "relative error of RD_w", "the script at other growths and threads"


@dataclass(frozen=True)
class Swept:
    """A sweep with its analysis, and its records."""

    sweep: Command
    analysis: Command
    runs: pd.DataFrame

    @property
    def seconds(self) -> float:
        """Of both commands."""
        return self.sweep.seconds + self.analysis.seconds


@dataclass(frozen=True)
class Scripted:
    """A part of the runs trained by the script, and what all of them would take."""

    command: Command
    runs: pd.DataFrame
    compute: float  # scaled up to all runs
    steps: float  # a run, weighted as the widths are

    @property
    def seconds(self) -> float:
        """Of the whole process: its start, and its runs scaled up."""
        return self.command.seconds - float(self.runs.seconds.sum()) + self.compute


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--share", type=_share, default=1.0, help="of the runs that the script trains (%(default)s)")
    parser.add_argument("--growth", type=float, default=GROWTH, help="of the script's steps (%(default)s)")
    parser.add_argument("--blas-threads", type=int, help="of the script (default: all cores)")
    parser.add_argument("--tune", action="store_true", help="time the script at other growths and threads too")
    parser.add_argument("--workers", type=int, default=measure.cores(), help="processes of condense (%(default)s)")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="more settings of condense")
    parser.add_argument("--sample", type=int, help="points at which errors are found (default: 20)")
    parser.add_argument("--sample-widths", type=int, nargs="+", help="and their widths (default: 1000 5000)")


def benchmark(options: argparse.Namespace) -> list[Report]:
    """Return times of both, their ratios, and their errors."""
    given = {key: value for key, value in vars(options).items() if key not in ("out", "figures", "benchmark")}
    report = Report("fig4", given)
    threads = options.blas_threads or measure.cores()
    with tempfile.TemporaryDirectory() as text:
        swept, scripted = _in_turn(options, threads, Path(text))
    _add_times(report, swept, scripted, options.workers)
    _add_errors(report, swept[-1].runs, scripted[-1].runs, options)
    if options.tune:
        _tune(report, swept[-1].runs, options)
    share = len(scripted[-1].runs) / len(swept[-1].runs)
    report.remarks += [
        f"script: growth {options.growth}, {threads} BLAS threads, {share:.0%} of the runs"
        + (", drawn with seed 0 from every width and scaled up" if share < 1 else ""),
        "compute: wall_seconds of the records over the workers; of the script the time of its runs, draws included",
    ]
    return [report]


def _in_turn(options: argparse.Namespace, threads: int, folder: Path) -> tuple[list[Swept], list[Scripted]]:
    """Run both in turn."""
    settings = ["experiment=luo2021_fig4", "seeds=[0]", f"device={options.device}", *options.set]
    settings += [f"hydra.launcher.workers={options.workers}", *(QUICK if options.quick else ())]
    _sweep([*settings, "init.gamma=1.0", "init.gamma_prime=0.0", "widths=[100,200]"], folder / "warm")
    swept: list[Swept] = []
    scripted: list[Scripted] = []
    for number in range(options.repeat):
        swept.append(_sweep(settings, folder / str(number)))
        scripted.append(_script(swept[-1].runs, options.share, options.growth, threads))
    return swept, scripted


def _sweep(settings: Sequence[str], folder: Path) -> Swept:
    sweep = measure.run(["-m", "condense", "-m", *settings, f"hydra.sweep.dir={folder}"])
    analysis = measure.run(["-m", "analysis", str(folder)])
    return Swept(sweep, analysis, collect(folder).runs)


def _script(runs: pd.DataFrame, share: float, growth: float, threads: int) -> Scripted:
    """Let the script train a share of the runs of every width."""
    chosen = pd.concat(
        [
            of_width.sample(math.ceil(share * len(of_width)), random_state=np.random.default_rng(0))
            for _, of_width in runs.groupby("width")
        ]
    )
    command, trained = _trained(chosen, growth, threads)
    weights = trained.width.map(runs.groupby("width").size() / trained.groupby("width").size())
    compute, steps = (float((weights * trained[name]).sum()) for name in ("seconds", "steps"))
    return Scripted(command, trained, compute, steps / len(runs))


def _trained(runs: pd.DataFrame, growth: float, threads: int) -> tuple[Command, pd.DataFrame]:
    ordered = runs.sort_values(["width", "seed"])[RUN].to_numpy().tolist()
    cases = [[gamma, gamma_prime, int(width), int(seed)] for gamma, gamma_prime, width, seed in ordered]
    number = str(threads)
    command = measure.run(
        ["-m", "benchmarks.baselines", "--growth", str(growth)],
        json.dumps(cases),
        OMP_NUM_THREADS=number,
        OPENBLAS_NUM_THREADS=number,
        MKL_NUM_THREADS=number,
    )
    rows = [
        {**dict(zip(RUN, row.pop("case"), strict=True)), **row} for row in json.loads(command.output.splitlines()[-1])
    ]
    return command, pd.DataFrame(rows)


def _add_times(report: Report, swept: Sequence[Swept], scripted: Sequence[Scripted], workers: int) -> None:
    whole = Spread.of([each.seconds for each in swept])
    compute = Spread.of([each.runs.wall_seconds.sum() / workers for each in swept])
    script = Spread.of([each.seconds for each in scripted])
    descent = Spread.of([each.compute for each in scripted])
    peak = max(max(each.sweep.peak_mb, each.analysis.peak_mb) for each in swept)
    runs = swept[-1].runs
    condense: dict[str, Any] = {"what": "condense", "whole_seconds": whole}
    condense |= {"sweep_seconds": Spread.of([each.sweep.seconds for each in swept])}
    condense |= {"analysis_seconds": Spread.of([each.analysis.seconds for each in swept]), "compute_seconds": compute}
    condense |= {"cpu_seconds": Spread.of([each.sweep.cpu_seconds + each.analysis.cpu_seconds for each in swept])}
    report.add(TIMES, {**condense, "steps": runs.steps.mean(), "peak_mb": peak, "converged": _converged(runs)})
    trained = scripted[-1].runs
    row: dict[str, Any] = {"what": "script", "whole_seconds": script, "compute_seconds": descent}
    # scaled up as the wall time is
    row |= {
        "cpu_seconds": Spread.of([each.command.cpu_seconds * each.seconds / each.command.seconds for each in scripted])
    }
    row |= {"steps": scripted[-1].steps, "peak_mb": max(each.command.peak_mb for each in scripted)}
    report.add(TIMES, {**row, "converged": _converged(trained)})
    ratios = {"whole_seconds": _ratio(script, whole), "compute_seconds": _ratio(descent, compute)}
    report.add(TIMES, {"what": "script / condense", **ratios})
    for width in sorted(runs.width.unique().tolist()):
        of_width, script_runs = runs[runs.width == width], trained[trained.width == width]
        row = {"width": int(width), "runs": len(of_width), "condense_ms_a_run": 1e3 * of_width.wall_seconds.mean()}
        row |= {"condense_steps": of_width.steps.mean(), "script_ms_a_run": 1e3 * script_runs.seconds.mean()}
        report.add("by width, the last repetition", {**row, "script_steps": script_runs.steps.mean()})


def _ratio(above: Spread, below: Spread) -> Spread:
    return Spread.of([a / b for a, b in zip(above.values, below.values, strict=True)])


def _converged(runs: pd.DataFrame) -> str:
    return f"{int((runs.status == 'converged').sum())} of {len(runs)}"


def _add_errors(report: Report, runs: pd.DataFrame, trained: pd.DataFrame, options: argparse.Namespace) -> None:
    """Add the errors of both on a sample of points."""
    widths = options.sample_widths or ([500, 1000] if options.quick else [1000, 5000])
    points = runs[["gamma", "gamma_prime"]].drop_duplicates()
    number = min(len(points), options.sample or (4 if options.quick else 20))
    chosen = points.sample(number, random_state=np.random.default_rng(1))
    rtol = 3e-3 if options.quick else TIGHT
    reference = Reference([(gamma, gamma_prime) for gamma, gamma_prime in chosen.to_numpy()], widths, rtol=rtol)
    wanted = runs[runs.width.isin(widths)].merge(chosen)
    known = trained.merge(wanted[RUN])
    if len(known) < len(wanted):  # the script has trained a part of them only
        _, known = _trained(wanted, options.growth, options.blas_threads or measure.cores())
    for what, found in {"condense": wanted.rename(columns={"mse_final": "mse"}), "script": known}.items():
        rows = found.to_dict("records")
        places = [(row["gamma"], row["gamma_prime"], int(row["width"]), row["rd_w"]) for row in rows]
        own = [reference.error(*place, row["mse"]) for place, row in zip(places, rows, strict=True)]
        nominal = [reference.error(*place) for place in places]
        summed: dict[str, Any] = {"what": what, "runs": len(found), **_quantiles("at_its_own_stop", own)}
        report.add(ERRORS, {**summed, **_quantiles("at_the_stop", nominal), "least_mse": found.mse.min()})
        for row, error in zip(rows, own, strict=True):
            kept = {str(name): row[name] for name in (*RUN, "rd_w", "mse", "steps")}
            report.details.setdefault(ERRORS, []).append({"what": what, **kept, "error": error})
    report.remarks.append(
        f"errors against condense at rtol {rtol:g}, {number} points at widths {widths}: where a method ended, which "
        "the script does below its stop, and at the stop itself"
    )


def _quantiles(name: str, errors: Sequence[float]) -> dict[str, float]:
    levels = {"median": 0.5, "90%": 0.9, "max": 1.0}
    return {f"{name}_{label}": float(np.quantile(errors, level)) for label, level in levels.items()}


def _tune(report: Report, runs: pd.DataFrame, options: argparse.Namespace) -> None:
    for threads in sorted({1, measure.cores()}):
        for growth in GROWTHS:
            tried = _script(runs, min(options.share, 0.05), growth, threads)
            row = {"growth": growth, "blas_threads": threads, "compute_seconds": tried.compute, "steps": tried.steps}
            report.add(TUNED, {**row, "load": os.getloadavg()[0]})


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share above 0, at most 1")
    return share
