"""Do M neurons stand for a width m, whatever M: `python -m studies.collapse CASE ...`, all cases without any.

Prints for each plane point the difference of log RD_w between two numbers of neurons, in percent and in standard
errors over seeds (its root mean square over the virtual widths), and S_w between the last two virtual widths.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import condense
from benchmarks.plane import Point
from condense import schema
from condense.planes import two_layer as plane

__all__ = ["CASES", "Case", "collapse", "main"]

POINTS = ((0.6, 0.0), (0.8, -0.2), (0.8, 0.3), (1.0, 0.0), (1.2, 0.1), (1.2, 0.4), (1.3, 0.0), (1.4, -0.2))
X = np.array([-1 / 2, -1 / 6, 1 / 6, 1 / 2])
LINE = (X[:, None], X + 0.3)


@dataclass(frozen=True)
class Case:
    """What is compared where; `unit` keeps beta2 = 1, by alpha = m^(gamma - gamma') and beta1 = m^-gamma'."""

    points: Sequence[Point] = POINTS
    widths: Sequence[float] = (1e4, 1e6, 1e8, 1e12, 1e16, 1e20)
    neurons: Sequence[int] = (20_000, 5000)
    seeds: int = 6
    first: int = 0  # of the seeds
    unit: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def runs(self, point: Point) -> pd.DataFrame:
        """Return the records of one plane point."""
        return condense.simulate(
            init=_unit(*point) if self.unit else schema.Plane(*point),
            widths=[],
            virtual=schema.Virtual(widths=list(self.widths), neurons=list(self.neurons)),
            seeds=range(self.first, self.first + self.seeds),
            measure=schema.Measure(observables=["relative_change"]),
            **self.options,
        )


def _unit(gamma: float, gamma_prime: float) -> schema.SpelledOut:
    return schema.SpelledOut(alpha=f"m**{gamma - gamma_prime:.9g}", beta1=f"m**{-gamma_prime:.9g}", beta2="1")


TANH = {"activation": "tanh"}
CASES = {
    "relu": Case(),
    "tanh": Case([*POINTS[:4], (1.2, 0.4)], unit=True, options=TANH),
    "tanh_condensed": Case([(1.2, 0.1), (1.3, 0.0)], [1e4, 1e6, 1e8], seeds=4, unit=True, options=TANH),
    "tanh_small": Case(options={**TANH, "data": LINE}),
    "tanh_small_again": Case([(1.0, 0.0), (1.3, 0.0)], [1e8], seeds=120, first=100, options={**TANH, "data": LINE}),
    "tanh_small_parabola": Case(POINTS[:6], [1e3, 1e4], options=TANH),
    "tanh_initial": Case(options={**TANH, "flow": schema.Exponential(stop=0.9, relative=True)}),
    "mnist": Case(
        [(0.7, 0.0), (0.8, 0.2), (0.9, -0.2), (1.0, 0.0), (1.1, 0.3), (1.2, 0.1), (1.3, 0.0)],
        (1e4, 1e6, 1e8, 1e10, 1e12),
        (8000, 2000),
        seeds=4,
        options={"data": "mnist", "flow": schema.Exponential(stop=1e-4)},
    ),
}


def collapse(runs: pd.DataFrame, neurons: Sequence[int]) -> pd.DataFrame:
    """Return the difference of the seeds' means of log RD_w, its standard error and their mean, a row a virtual width.

    Of runs of one plane point; widths at which a number of neurons has less than two converged runs are left out.
    """
    logs = np.log(runs["rd_w"].where(runs["converged"]))
    found = logs.groupby([runs["width"], runs["neurons"]]).agg(["mean", "var", "count"]).unstack()  # noqa: PD010
    found = found[(found["count"] >= 2).all(axis=1)]
    more, fewer = neurons
    error = np.sqrt((found["var"] / found["count"]).sum(axis=1))
    difference = found["mean"][more] - found["mean"][fewer]
    return pd.DataFrame({"difference": difference, "error": error, "mean": found["mean"][more]})


def main(names: Sequence[str] = tuple(sys.argv[1:])) -> None:
    """Print a table a case."""
    for name in names or CASES:
        case = CASES[name]
        print(f"\n{name}: {case.neurons[0]} against {case.neurons[1]} neurons, {case.seeds} seeds")
        print(" gamma gamma'   difference      z      S_w  closed form  at widths    converged", flush=True)
        tables = [_row(point, case) for point in case.points]
        every = pd.concat(tables)
        z = every["difference"] / every["error"]
        mean = pd.Series([table["difference"].mean() for table in tables]).mean()
        print(f"mean difference {100 * mean:+.2f} %, rms z {np.sqrt((z**2).mean()):.2f}", flush=True)


def _row(point: Point, case: Case) -> pd.DataFrame:
    runs = case.runs(point)
    table = collapse(runs, case.neurons)
    z = np.sqrt(((table["difference"] / table["error"]) ** 2).mean())
    slope, at = float("nan"), "-"
    if len(table) > 1:
        low, high = table.index[-2:]
        slope, at = (table["mean"].iloc[-1] - table["mean"].iloc[-2]) / np.log(high / low), f"{low:.0e}, {high:.0e}"
    print(
        f"{point[0]:6g} {point[1]:6g} {100 * table['difference'].mean():+10.2f} % {z:6.2f} {slope:+8.4f} "
        f"{plane.exponent(*point):+12.4f}  {at:<12} {runs['converged'].sum()} of {len(runs)}",
        flush=True,
    )
    return table


if __name__ == "__main__":
    main()
