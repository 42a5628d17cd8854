"""condense beside other ways to train the same networks, one thread each: time, steps, memory, and error of RD_w.

Every method starts from the same draw and ends at a mean square residual of 1e-6; a wall-clock budget ends those that
do not get there. Errors are relative to condense at a tight tolerance, where the method itself has ended.
"""

from __future__ import annotations

import argparse
import functools
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import measure, plane
from benchmarks.baselines import Case, Outcome
from benchmarks.baselines.descent import fixed_descent, growing_descent
from benchmarks.baselines.solvers import TOLERANCE, scipy_flow, torchdiffeq_flow
from benchmarks.measure import Spread
from benchmarks.plane import NINE, Point
from benchmarks.reference import TIGHT, Reference
from benchmarks.report import Report, Row
from condense import schema

__all__ = ["add_options", "benchmark"]

ALL = "one run at a time, one thread"
TOGETHER = "condense, all points in one call, one thread"
SUMMED = "median over the plane points; error: the largest"
TOLERANCES = (0.03, 0.01)

Baseline = Callable[[Case, float], Outcome]


@dataclass(frozen=True)
class Ended:
    """One training by any method: its outcome, and the seconds it computed for."""

    outcome: Outcome
    compute: float | None = None  # None: all the time of the call


@dataclass(frozen=True)
class Method:
    """A way to train one case within a budget of seconds."""

    name: str
    train: Callable[[Case, float], Ended]
    widest: float = math.inf
    gamma_primes: Sequence[float] | None = None  # None: all

    def fits(self, case: Case) -> bool:
        """Whether the case is one that it is tried on."""
        return case.width <= self.widest and (self.gamma_primes is None or case.gamma_prime in self.gamma_primes)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--budget", type=float, default=10.0, help="seconds of a run at most (%(default)s)")
    parser.add_argument("--widths", type=int, nargs="+", help="(default: 1000 5000)")
    parser.add_argument("--rtol", type=float, help=f"of the reference (default: {TIGHT:g}, or 3e-3 if quick)")
    parser.add_argument("--implicit", type=int, default=100, help="width for implicit solvers (%(default)s)")


def benchmark(options: argparse.Namespace) -> list[Report]:
    """Return a row for every method, point and width, and their medians over the points."""
    points: Sequence[Point] = [(0.6, 0.0), (1.0, 0.0), (1.4, 0.3)] if options.quick else NINE
    widths = options.widths or ([100] if options.quick else [options.implicit, 1000, 5000])
    budget = min(options.budget, 0.3) if options.quick else options.budget
    settings = {"widths": widths, "budget": budget, "repeat": options.repeat, "device": options.device}
    report = Report("integrators", settings)
    reference = Reference(points, widths, rtol=options.rtol or (3e-3 if options.quick else TIGHT))
    rows: list[Row] = []
    with measure.one_thread():
        for method in _methods(options):
            method.train(Case(1.0, 0.0, 20, 0), budget)  # imports, compiles
            for width in widths:
                cases = [case for case in (Case(*point, width, 0) for point in points) if method.fits(case)]
                _say(f"{method.name}, width {width}: {len(cases)} runs")
                rows += [_row(method, case, budget, options.repeat, reference) for case in cases]
        together = [_together(points, width, options) for width in widths]
    report.details[ALL] = rows
    report.tables[f"{ALL}: {SUMMED}"] = _medians(rows)
    report.tables[TOGETHER] = [row for of_width in together for row in of_width]
    report.remarks = [
        f"reference: condense at rtol {reference.rtol:g}, at the mean square residual where the method ended",
        f"budget: {budget:g} s a run; peak: growth of the resident set",
        f"tolerance of the general solvers: {TOLERANCE:g}; the implicit ones at gamma' = 0, small widths",
        "condense: evaluations are 2 a step and 1; compute: without the set-up of a call of condense.simulate",
    ]
    return [report]


def _methods(options: argparse.Namespace) -> list[Method]:
    from benchmarks.baselines.autograd import autograd_descent

    baselines: dict[str, Baseline] = {
        "descent, fixed rate from 2 / lambda_max": fixed_descent,
        "descent, fixed rate from c = 1": functools.partial(fixed_descent, c=1.0),
        "descent, growing rate": growing_descent,
        "descent, growing rate, torch autograd": autograd_descent,
        "SciPy RK45": functools.partial(scipy_flow, method="RK45"),
        "SciPy RK23": functools.partial(scipy_flow, method="RK23"),
        "torchdiffeq dopri5": torchdiffeq_flow,
    }
    methods = [Method(name, functools.partial(_by_baseline, train)) for name, train in baselines.items()]
    for solver in ("LSODA", "Radau"):
        train = functools.partial(_by_baseline, functools.partial(scipy_flow, method=solver))
        methods.append(Method(f"SciPy {solver}", train, widest=options.implicit, gamma_primes=(0.0,)))
    for name, choice in plane.variants().items():
        for rtol in TOLERANCES:
            train = functools.partial(_by_condense, rtol, {**choice, "device": options.device})
            methods.append(Method(f"{name}, rtol {rtol:g}", train))
    return methods


def _by_baseline(train: Baseline, case: Case, budget: float) -> Ended:
    return Ended(train(case, budget))


def _by_condense(rtol: float, choice: dict[str, Any], case: Case, budget: float) -> Ended:
    flow = schema.Exponential(rtol=rtol, stop=case.stop)
    [row] = plane.runs([(case.gamma, case.gamma_prime)], [case.width], flow, **choice).to_dict("records")
    steps = row["steps"]
    return Ended(Outcome(row["rd_w"], row["mse_final"], steps, 2 * steps + 1, row["status"]), row["wall_seconds"])


def _together(points: Sequence[Point], width: int, options: argparse.Namespace) -> list[Row]:
    """Return the seconds of a run where one call of condense trains all points."""
    rows: list[Row] = []
    for name, choice in plane.variants().items():
        for rtol in TOLERANCES:
            train = functools.partial(plane.runs, points, [width], schema.Exponential(rtol=rtol), device=options.device)
            seconds = measure.call(functools.partial(train, **choice), options.repeat).seconds.scaled(1 / len(points))
            rows.append({"method": f"{name}, rtol {rtol:g}", "width": width, "seconds_a_run": seconds})
    return rows


def _row(method: Method, case: Case, budget: float, repeat: int, reference: Reference) -> Row:
    calls = measure.call(lambda: method.train(case, budget), 1)
    end = calls.results[0].outcome
    if end.status != "budget" and repeat > 1:
        calls = measure.call(lambda: method.train(case, budget), repeat)
    compute = [each.compute or took for each, took in zip(calls.results, calls.seconds.values, strict=True)]
    where = case.gamma, case.gamma_prime, case.width
    return {
        "method": method.name,
        "gamma": case.gamma,
        "gamma_prime": case.gamma_prime,
        "width": case.width,
        "seconds": calls.seconds,
        "compute_seconds": Spread.of(compute),
        "steps": end.steps,
        "evaluations": end.evaluations,
        "peak_mb": calls.peak_mb,
        "rd_w": end.rd_w,
        "mse": end.mse,
        "rd_w_error": reference.error(*where, end.rd_w, end.mse) if end.status == "converged" else float("nan"),
        "status": end.status,
    }


def _medians(rows: Sequence[Row]) -> list[Row]:
    """Return a row a method and width; of errors the largest among the runs that reached the stop."""
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["method"], row["width"]), []).append(row)
    return [
        {
            "method": name,
            "width": width,
            "seconds": Spread.of([row["seconds"].median for row in group]),
            "compute_seconds": statistics.median(row["compute_seconds"].median for row in group),
            "steps": int(statistics.median(row["steps"] for row in group)),
            "evaluations": int(statistics.median(row["evaluations"] for row in group)),
            "peak_mb": max(row["peak_mb"] for row in group),
            "rd_w_error": max((row["rd_w_error"] for row in group if row["status"] == "converged"), default=math.nan),
            "converged": f"{sum(row['status'] == 'converged' for row in group)} of {len(group)}",
        }
        for (name, width), group in groups.items()
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
