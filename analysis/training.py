"""Runs on their way: which pictures their snapshots and curves allow, and of which runs."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import figures
from analysis.collect import POINT
from analysis.figures.cosines import cosine_bar
from analysis.figures.panels import panels, share_legend
from analysis.snapshots import SnapshotError, gathered, layers, neurons, output

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

PANELS = 12
"""Panels of a figure, at most."""

MOVING = 10
"""Snapshots of a run that is worth an animation."""

_LETTERS = 10  # an inch of a title holds


def drawings(runs: pd.DataFrame, snapshots: pd.DataFrame, curves: pd.DataFrame, level: float) -> dict[str, Draw]:
    """Return the pictures that the runs, the snapshots and the curves of a setting allow, by name."""
    found = _scales(runs, level)
    looked_at = len(curves) and curves.groupby("key").size().max() > 2  # start and end are no curve
    if looked_at:
        found["training_curves"] = lambda ax: _training_curves(ax, curves)
    if looked_at and "cosine_z" in curves:
        found["alignment"] = lambda ax: _alignment(ax, curves)
    if snapshots.empty:
        return found
    kept = _kept(snapshots["path"].iloc[0])
    last = chosen_runs(snapshots)
    if last.empty:
        return found
    if "output" in kept:
        found["output_curves"] = lambda ax: _output_curves(ax, last)
    if "angle" in kept and len(last) <= PANELS:
        found["orientation"] = lambda ax: _orientation(ax, last, snapshots)
        found["direction_field"] = lambda ax: _direction_field(ax, last)
    elif "angle" in kept:
        found["orientation_plate"] = lambda ax: _plate(ax, snapshots)
    elif "layers" in kept:
        found["cosine_matrices"] = lambda ax: _cosine_matrices(ax, last)
    run = snapshots[snapshots["key"] == last["key"].iloc[0]]
    if len(last) == 1 and len(run) > 2 and "two_layer" in kept:
        found |= {f"{name}_training": partial(_moments, name=name, run=run) for name in _MOVING if name in found}
    return found


def compared(
    runs: pd.DataFrame, snapshots: Mapping[str, pd.DataFrame], curves: Mapping[str, pd.DataFrame], level: float
) -> dict[str, Draw]:
    """Return the pictures that compare settings, by name: cosine matrices, effective ratios, lines against scale.

    Of each setting the first plane point counts, and its largest width; against scale all runs.
    """
    found = _scales(runs, level)
    last = {label: chosen_runs(rows).head(1) for label, rows in snapshots.items() if len(rows)}
    last = {label: row for label, row in last.items() if "layers" in _kept(row["path"].iloc[0])}
    if len(last) > 1:
        rows = pd.concat([row.assign(label=label) for label, row in last.items()], ignore_index=True)
        found["cosine_matrices"] = lambda ax: _cosine_matrices(ax, rows)
    counted = [_first_point(table).assign(setting=label) for label, table in curves.items() if "clusters" in table]
    if len({flow for table in counted for flow in table["flow"]}) == 1 < len(counted):  # clocks of flows differ
        table = pd.concat(counted, ignore_index=True)
        found["effective_ratio"] = lambda ax: _effective_ratio(ax, table, level)
    return found


def _scales(runs: pd.DataFrame, level: float) -> dict[str, Draw]:
    """Return the picture of lines against the scale of the weights, if it is what these runs differ in."""
    if "lines_unweighted" not in runs or not runs["initialisation"].str.contains("=", regex=False).all():
        return {}
    if len(runs["beta2"].unique()) < 2 or len(runs["width"].unique()) > 1:
        return {}
    return {"lines_by_scale": lambda ax: _lines_by_scale(ax, runs, level)}


def animated(snapshots: pd.DataFrame, path: Path) -> list[Path]:
    """Write the animation of the run with most snapshots, of the largest gamma among equals, if there are ten.

    An older animation is removed.
    """
    path.unlink(missing_ok=True)
    if snapshots.empty or "angle" not in _kept(snapshots["path"].iloc[0]):
        return []
    count = snapshots.groupby("key")["step"].transform("size")
    most = snapshots[count == count.max()].sort_values(["gamma", "width"], ascending=False, kind="stable")
    run = snapshots[snapshots["key"] == most["key"].iloc[0]]
    return [figures.animation([neurons(each) for each in run["path"]], path)] if len(run) >= MOVING else []


def chosen_runs(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Return the snapshot at the end of one run a plane point: the smallest seed at its largest width."""
    last = snapshots[snapshots["final"]].sort_values(["width", "seed"], ascending=[False, True])
    return last.drop_duplicates(POINT).sort_values(POINT, ignore_index=True)


def _kept(path: Path) -> set[str]:
    """Return what a snapshot holds: "output" on a grid; neurons with an "angle", or "layers" without."""
    kept = set()
    with contextlib.suppress(SnapshotError):
        output(path)
        kept.add("output")
    with contextlib.suppress(SnapshotError):
        layers(path)
        kept.add("layers")
    with contextlib.suppress(SnapshotError):
        kept |= {"two_layer", "angle"} if "angle" in neurons(path) else {"two_layer"}
    if "angle" in kept:
        kept.discard("layers")
    return kept


def _spread(rows: pd.DataFrame) -> pd.DataFrame:
    """Return at most as many rows as there are panels, evenly chosen."""
    return rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(PANELS, len(rows))).round().astype(int))]


def _first_point(curves: pd.DataFrame) -> pd.DataFrame:
    first = curves.sort_values([*POINT, "width"], ascending=[True, True, True, False], kind="stable").iloc[0]
    return curves[np.logical_and.reduce([curves[name] == first[name] for name in [*POINT, "width"]])]


def _place(row: pd.Series[Any]) -> str:
    """Name a plane point."""
    name, place = row["initialisation"], rf"$\gamma = {row['gamma']:g}$, $\gamma' = {row['gamma_prime']:g}$"
    if "=" in name:  # spelled out; by numbers alone it has no place on the plane
        return str(name).replace(",", ", ") + (f"\n{place}" if "m" in name else "")
    return place if name == "plane" else f"{name}: {place}"


def _headed(axes: list[Axes], title: str, rows: pd.DataFrame, points: int, total: int) -> Axes:
    """Put the title of a figure of panels, and of which runs it is, above them."""
    widths, seeds = ([f"{value:g}" for value in np.unique(rows[name])] for name in ("width", "seed"))
    runs = f"width $m = {', '.join(widths)}$, seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}"
    some = f", {points} of {total} plane points" if points < total else ""
    figure = cast(Figure, axes[0].figure)
    title = textwrap.fill(title, int(_LETTERS * figure.get_figwidth()))
    figure.suptitle(f"{title}\n{runs}{some}", fontsize=12)
    return axes[0]


def _output_curves(ax: Axes, last: pd.DataFrame) -> Axes:
    rows = _spread(last)
    grid = panels(ax, len(rows))
    for here, (_, row) in zip(grid, rows.iterrows(), strict=True):
        figures.output_curve(output(row["path"]), here).set_title(_place(row), fontsize=11)
    share_legend(grid)
    return _headed(grid, "Output of the network after training, and the data", rows, len(rows), len(last))


def _orientation(ax: Axes, last: pd.DataFrame, snapshots: pd.DataFrame) -> Axes:
    grid = panels(ax, len(last))
    for here, (_, row) in zip(grid, last.iterrows(), strict=True):
        way = [neurons(path) for path in snapshots.loc[snapshots["key"] == row["key"], "path"]]
        initial = way[0] if len(way) > 1 else None
        figures.orientation(way[-1], here, initial, way if len(way) > 2 else ()).set_title(_place(row), fontsize=11)
    share_legend(grid)
    return _headed(grid, "Where the neurons point, and how large they are", last, len(last), len(last))


def _direction_field(ax: Axes, last: pd.DataFrame) -> Axes:
    grid = panels(ax, len(last), square=True)
    for here, (_, row) in zip(grid, last.iterrows(), strict=True):
        counted = _field(row, here).get_title().rpartition(": ")[2]
        here.set_title(f"{_place(row)}: {counted}", fontsize=11)
    share_legend(grid)
    title = "Neurons after training in the plane of weight and bias, and their directions"
    return _headed(grid, title, last, len(last), len(last))


def _plate(ax: Axes, snapshots: pd.DataFrame) -> Axes:
    plain = snapshots[snapshots["initialisation"] == "plane"]
    last = plain[plain["final"]].sort_values("seed").drop_duplicates([*POINT, "width"])
    if last.empty:
        raise figures.NothingToDrawError("no plate to draw: no snapshot is of a plain plane point")
    return figures.orientation_plate(gathered(last), ax)


def _cosine_matrices(ax: Axes, last: pd.DataFrame) -> Axes:
    """Draw a matrix a layer and plane point or setting, the layers of the first ones if there are too many."""
    several = [(row, name, table) for _, row in last.iterrows() for name, table in layers(row["path"]).items()]
    shown = several[:PANELS]
    grid = panels(ax, len(shown), square=True)
    deep = len({name for _, name, _ in shown}) > 1
    for here, (row, name, table) in zip(grid, shown, strict=True):
        title = figures.cosine_matrix(table, here, bar=False).get_title()
        here.set_title(f"{row.get('label', _place(row))}{f', layer {name}' if deep else ''}\n{title}", fontsize=9.5)
    cosine_bar(grid[0], grid)
    rows = last[last["key"].isin([row["key"] for row, _, _ in shown])]
    where = f"; at {_places(rows)}" if "label" in rows else ""
    title = "Cosines between neurons after training; framed: neurons of one line, and their share of the amplitude"
    return _headed(grid, title + where, rows, len(rows), len(last))


def _effective_ratio(ax: Axes, curves: pd.DataFrame, level: float) -> Axes:
    figures.effective_ratio(curves, ax, level=level)
    widths = ", ".join(f"{width:g}" for width in np.unique(curves["width"]))
    ax.set_title(f"{ax.get_title()}\n{_places(curves)}, width $m = {widths}$", fontsize=11)
    return ax


def _places(rows: pd.DataFrame) -> str:
    return " or ".join(_place(row) for _, row in rows.drop_duplicates(POINT).iterrows())


def _moments(ax: Axes, name: str, run: pd.DataFrame) -> Axes:
    """Draw one picture of a run at its snapshots, at evenly chosen ones if they are many."""
    rows = _spread(run)
    title, draw = _MOVING[name]
    grid = panels(ax, len(rows), square=name != "orientation")
    for here, (_, row) in zip(grid, rows.iterrows(), strict=True):
        counted = draw(row, here).get_title().rpartition(": ")[2]
        moment = f"step {row['step']}, loss {row['mse']:.3g}"
        here.set_title(moment if name == "orientation" else f"{moment}\n{counted}", fontsize=9.5)
    if name == "cosine_matrices":
        cosine_bar(grid[0], grid)
    else:
        share_legend(grid)
    return _headed(grid, title, rows, 1, 1)


def _cosines(row: pd.Series[Any], ax: Axes) -> Axes:
    return figures.cosine_matrix(neurons(row["path"]), ax, bar=False)


def _field(row: pd.Series[Any], ax: Axes) -> Axes:
    return figures.direction_field(neurons(row["path"]), ax, lines=row["activation"] != "relu")


def _angles(row: pd.Series[Any], ax: Axes) -> Axes:
    return figures.orientation(neurons(row["path"]), ax)


_MOVING: Mapping[str, tuple[str, Callable[[pd.Series[Any], Axes], Axes]]] = {
    "orientation": ("Where the neurons point during training, and how large they are", _angles),
    "direction_field": ("Neurons during training in the plane of weight and bias, and their directions", _field),
    "cosine_matrices": ("Cosines between neurons during training", _cosines),
}


def _lines_by_scale(ax: Axes, runs: pd.DataFrame, level: float) -> Axes:
    flows = list(runs["flow"].unique())
    grid = panels(ax, 2 * len(flows), columns=2)
    for here, (flow, count) in zip(grid, product(flows, figures.COUNTS), strict=True):
        figures.lines_by_scale(runs[runs["flow"] == flow], count, here, level)
        here.set_title(f"flow {flow}: {here.get_title().partition(',')[0]}", fontsize=11)
    share_legend(grid)
    title = f"Lines at the end, mean over seeds and its {level:.0%} interval; dashed: the multiplicity p"
    return _headed(grid, title, runs, 1, 1)


def _alignment(ax: Axes, curves: pd.DataFrame) -> Axes:
    """Draw the alignment at each plane point, at its largest width."""
    widest = curves[curves["width"] == curves.groupby(POINT)["width"].transform("max")].sort_values(POINT)
    points = widest.drop_duplicates(POINT)
    rows = _spread(points)
    grid = panels(ax, len(rows))
    for here, (_, row) in zip(grid, rows.iterrows(), strict=True):
        runs = widest[np.logical_and.reduce([widest[name] == row[name] for name in POINT])]
        figures.alignment(runs, here).set_title(_place(row), fontsize=11)
    share_legend(grid)
    return _headed(grid, "Where the neurons turn to during training", widest, len(rows), len(points))


def _training_curves(ax: Axes, curves: pd.DataFrame) -> Axes:
    widest = curves[curves["width"] == curves.groupby(POINT)["width"].transform("max")].sort_values([*POINT, "seed"])
    points = widest.drop_duplicates(POINT)
    rows = _spread(points)
    grid = panels(ax, len(rows))
    for here, (_, row) in zip(grid, rows.iterrows(), strict=True):
        runs = widest[np.logical_and.reduce([widest[name] == row[name] for name in POINT])]
        figures.training_curves(runs, here).set_title(_place(row), fontsize=11)
    if len(widest["seed"].unique()) > 1:
        grid[0].plot([], [], "-o", color="0.5", lw=0.6, ms=1.5, label="thin: the other seeds")
    share_legend(grid)
    return _headed(grid, "Loss and number of directions during training", widest, len(rows), len(points))
