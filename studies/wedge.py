"""The wedge 1 < gamma < 1 - gamma': `python -m studies.wedge end` over points, `... targets` over what is learnt.

Prints S_w from the first to the last and between the last two virtual widths, before the plateau and at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

import condense
from analysis.stats.infinite import main_runs
from analysis.stats.levels import LossExponents
from benchmarks.plane import Point
from condense import records, schema
from condense.planes import two_layer as plane

__all__ = ["POINTS", "TARGETS", "exponents", "main"]

POINTS: Mapping[Point, Sequence[float]] = {
    (1.1, -0.2): (1e8, 1e12, 1e16, 1e20),
    (1.2, -0.3): (1e4, 1e6, 1e8, 1e10, 1e12),
    (1.2, -0.4): (1e4, 1e6, 1e8, 1e10, 1e12),
    (1.3, -0.4): (1e4, 1e6, 1e8, 1e10),
    (1.1, -0.8): (1e8, 1e12, 1e16, 1e20),
    (1.2, -1.4): (1e4, 1e6, 1e8, 1e10, 1e12),
    (1.3, -2.0): (1e3, 1e4, 1e5, 1e6, 1e7, 1e8),
}
"""Plane points, and virtual widths at which m^(1 - gamma) is small but still leaves neurons enough."""

X = np.array([-1 / 2, -1 / 6, 1 / 6, 1 / 2])
TARGETS = {
    "x^2": X**2,
    "|x|": abs(X),
    "x": X,
    "x + .3": X + 0.3,
    "x^2 - mean": X**2 - (X**2).mean(),
    "x + x^2": X + X**2,
    "s(x) - 2 s(-x)": np.where(X > 0, X, 2 * X),
    "x^3 + .02": X**3 + 0.02,
}


def exponents(
    point: Point, widths: Sequence[float], y: np.ndarray, neurons: int, losses: Sequence[float], seeds: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the runs at a plane point and what `analysis.stats.levels.LossExponents` says of them."""
    runs = main_runs(
        condense.simulate(
            *point,
            widths=[],
            virtual=schema.Virtual(widths=list(widths), neurons=[neurons, 1]),
            seeds=range(seeds),
            data=(X[:, None], y),
            flow=schema.Exponential(stop=1e-5, relative=True, rtol=0.01, max_steps=3000),
            measure=schema.Measure(observables=["relative_change"]),
            snapshots=schema.Snapshots(per_decade=1000, weights=False),
        )
    )
    return runs, LossExponents()(records.curves(runs), losses)


def _slopes(table: pd.DataFrame, widths: Sequence[float], loss: float) -> str:
    at = table[table["loss"] == loss].set_index(["width_low", "width_high"])["S_w"]
    found = [at.get(span, np.nan) for span in ((widths[0], widths[-1]), (widths[-2], widths[-1]))]
    return " ".join(f"{value:6.3f}" for value in found)


def end(neurons: int = 40_000, seeds: int = 4) -> None:
    """Print S_w at every point of the wedge."""
    print("S_w over all widths and between the last two, at .7 of the first loss and at 1e-4 of it")
    for point, widths in POINTS.items():
        _, table = exponents(point, widths, TARGETS["x^2"], neurons, (0.7, 1e-4), seeds)
        before, after = (_slopes(table, widths, loss) for loss in (0.7, 1e-4))
        print(
            f"({point[0]:g}, {point[1]:g}) {widths[0]:.0e} to {widths[-1]:.0e}: {before} "
            f"(gamma - 1 = {point[0] - 1:.2f}), {after} (predicted {plane.exponent_after_plateau(*point):.3f})",
            flush=True,
        )


def targets(point: Point = (1.2, -0.4), neurons: int = 40_000, seeds: int = 3) -> None:
    """Print S_w and where the loss stays longest, by target, with how the runs end."""
    widths = (1e6, 1e8, 1e10, 1e12)
    print(f"at {point}: the loss that lasts longest; S_w as above at .7, 1e-2 and 1e-4 of the first loss")
    for name, y in TARGETS.items():
        runs, table = exponents(point, widths, y, neurons, (0.7, 1e-2, 1e-4), seeds)
        slopes = "; ".join(_slopes(table, widths, loss) for loss in (0.7, 1e-2, 1e-4))
        statuses = ", ".join(f"{count} {status}" for status, count in runs["status"].value_counts().items())
        share, factor = _plateau(records.curves(runs[runs["width"] == widths[-1]]))
        print(f"{name:15} {share:.4f} for a factor of {factor:.0f} in time; {slopes}; {statuses}", flush=True)


def _plateau(curves: pd.DataFrame) -> tuple[float, float]:
    """Return the share of the first loss, to 2 %, at which log t advances most, below .96, in the first run."""
    run = curves[curves["key"] == curves["key"].iloc[0]].sort_values("step")
    share = (run["mse"] / run["mse"].iloc[0])[run["time"] > 0]
    advance = np.log(run["time"][run["time"] > 0]).diff().where(share < 0.96, 0.0)
    lasts = advance.groupby((np.log(share) / 0.02).round()).sum()
    longest = (np.log(share) / 0.02).round() == lasts.idxmax()
    return float(share[longest].median()), float(np.exp(lasts.max()))


def main(arguments: Sequence[str] = tuple(sys.argv[1:])) -> None:
    """Print one of the two."""
    targets() if "targets" in arguments else end()


if __name__ == "__main__":
    main()
