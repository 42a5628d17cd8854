"""Runs on their way: which pictures their snapshots and curves allow, and of which runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import figures, sheets
from analysis.collect import POINT
from analysis.snapshots import contents, neurons

__all__ = ["NAMES", "animated", "chosen_runs", "compared", "drawings"]

Draw = Callable[[Axes], Axes]

NAMES: tuple[str, ...] = (
    "training_curves",
    "output_curves",
    "orientation",
    "orientation_plate",
    "direction_field",
    "cosine_matrices",
)
NAMES += ("effective_ratio", "alignment", "lines_by_scale")
NAMES += ("orientation_training", "direction_field_training", "cosine_matrices_training")
"""Every picture of this module."""

MOVING = 10
"""Snapshots of a run that is worth an animation."""


def drawings(runs: pd.DataFrame, snapshots: pd.DataFrame, curves: pd.DataFrame, level: float) -> dict[str, Draw]:
    """Return the pictures that the runs, the snapshots and the curves of a setting allow, by name."""
    found = _scales(runs, level)
    looked_at = len(curves) and curves.groupby("key").size().max() > 2  # start and end are no curve
    if looked_at:
        found["training_curves"] = lambda ax: sheets.training_curves(ax, curves)
    if looked_at and "cosine_z" in curves:
        found["alignment"] = lambda ax: sheets.alignment(ax, curves)
    if snapshots.empty:
        return found
    kept = contents(snapshots["path"].iloc[0])
    last = chosen_runs(snapshots)
    if last.empty:
        return found
    if "output" in kept:
        found["output_curves"] = lambda ax: sheets.output_curves(ax, last)
    if "angle" in kept and len(last) <= sheets.PANELS:
        found["orientation"] = lambda ax: sheets.orientation(ax, last, snapshots)
        found["direction_field"] = lambda ax: sheets.direction_field(ax, last)
    elif "angle" in kept:
        found["orientation_plate"] = lambda ax: sheets.plate(ax, snapshots)
    elif "layers" in kept:
        found["cosine_matrices"] = lambda ax: sheets.cosine_matrices(ax, last)
    run = snapshots[snapshots["key"] == last["key"].iloc[0]]
    if len(last) == 1 and len(run) > 2 and "two_layer" in kept:
        found |= {
            f"{name}_training": partial(sheets.moments, name=name, run=run) for name in sheets.MOVING if name in found
        }
    return found


def compared(
    runs: pd.DataFrame, snapshots: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame], level: float
) -> dict[str, Draw]:
    """Return the pictures that compare settings, by name: cosine matrices, effective ratios, lines against scale.

    Of each setting the first plane point counts, and its largest width; against scale all runs.
    """
    found = _scales(runs, level)
    last = {label: chosen_runs(rows).head(1) for label, rows in snapshots.items() if len(rows)}
    last = {label: row for label, row in last.items() if len(row) and "layers" in contents(row["path"].iloc[0])}
    if len(last) > 1:
        rows = pd.concat([row.assign(label=label) for label, row in last.items()], ignore_index=True)
        found["cosine_matrices"] = lambda ax: sheets.cosine_matrices(ax, rows)
    counted = [_first_point(table).assign(setting=label) for label, table in curves.items() if "clusters" in table]
    if len({flow for table in counted for flow in table["flow"]}) == 1 < len(counted):  # clocks of flows differ
        table = pd.concat(counted, ignore_index=True)
        found["effective_ratio"] = lambda ax: sheets.effective_ratio(ax, table, level)
    return found


def _scales(runs: pd.DataFrame, level: float) -> dict[str, Draw]:
    """Return the picture of lines against the scale of the weights, if it is what these runs differ in."""
    if "lines_unweighted" not in runs or not runs["initialisation"].str.contains("=", regex=False).all():
        return {}
    if len(runs["beta2"].unique()) < 2 or len(runs["width"].unique()) > 1:
        return {}
    return {"lines_by_scale": lambda ax: sheets.lines_by_scale(ax, runs, level)}


def animated(snapshots: pd.DataFrame, path: Path) -> list[Path]:
    """Write the animation of the run with most snapshots, of the largest gamma among equals, if there are ten.

    An older animation is removed.
    """
    path.unlink(missing_ok=True)
    if snapshots.empty or "angle" not in contents(snapshots["path"].iloc[0]):
        return []
    count = snapshots.groupby("key")["step"].transform("size")
    most = snapshots[count == count.max()].sort_values(["gamma", "width"], ascending=False, kind="stable")
    run = snapshots[snapshots["key"] == most["key"].iloc[0]]
    return [figures.animation([neurons(each) for each in run["path"]], path)] if len(run) >= MOVING else []


def chosen_runs(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Return the snapshot at the end of one run a plane point: the smallest seed at its largest width."""
    last = snapshots[snapshots["final"]].sort_values(["width", "seed"], ascending=[False, True])
    return last.drop_duplicates(POINT).sort_values(POINT, ignore_index=True)


def _first_point(curves: pd.DataFrame) -> pd.DataFrame:
    first = curves.sort_values([*POINT, "width"], ascending=[True, True, True, False], kind="stable").iloc[0]
    return curves[np.logical_and.reduce([curves[name] == first[name] for name in [*POINT, "width"]])]
