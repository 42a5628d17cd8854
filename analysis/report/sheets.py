"""Sheets: pictures of several runs or moments on one page, a panel each, with a title that says which they are."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import figures
from analysis.figures.canvas import entitle, share_legend, titled
from analysis.figures.cosines import cosine_bar
from analysis.figures.panels import panels
from analysis.snapshots import MANY, SnapshotError, evenly, field, gathered, layers, neurons, output
from analysis.tables.names import plain_name
from analysis.tables.places import plain, plane_of, point, spelled, written
from analysis.tables.reductions import widest

__all__ = ["MOVING", "PANELS", "alignment", "cosine_matrices", "direction_field", "effective_ratio", "lines_by_scale"]
__all__ += ["moments", "orientation", "output_curves", "plate", "rank_one", "singular_values", "training_curves"]

PANELS = 12
"""Panels of a sheet, at most."""

_LETTERS = 10  # an inch of a title holds


def output_curves(ax: Axes, last: pd.DataFrame) -> Axes:
    """Draw the output of a run at each plane point, given its last snapshot."""
    rows = _spread(last)
    grid = panels(ax, len(rows))
    for here, (_, row) in zip(grid, rows.iterrows(), strict=True):
        figures.output_curve(output(row["path"]), here).set_title(_place(row))
    share_legend(grid)
    return _headed(grid, "Output of the network after training, and the data", rows, len(rows), len(last))


def orientation(ax: Axes, last: pd.DataFrame, snapshots: pd.DataFrame) -> Axes:
    """Draw the neurons of a run at each plane point, with where they came from."""
    grid = panels(ax, len(last))
    for here, (_, row) in zip(grid, last.iterrows(), strict=True):
        way = [neurons(path) for path in snapshots.loc[snapshots["key"] == row["key"], "path"]]
        initial = way[0] if len(way) > 1 else None
        figures.orientation(way[-1], here, initial, way if len(way) > 2 else ()).set_title(_place(row))
    share_legend(grid)
    return _headed(grid, "Where the neurons point, and how large they are", last, len(last), len(last))


def direction_field(ax: Axes, last: pd.DataFrame) -> Axes:
    """Draw the neurons of a run at each plane point in the plane of weight and bias."""
    grid = panels(ax, len(last), square=True)
    for here, (_, row) in zip(grid, last.iterrows(), strict=True):
        counted = _field(row, here).get_title().rpartition(": ")[2]
        here.set_title(f"{_place(row)}: {counted}")
    share_legend(grid)
    title = "Neurons after training in the plane of weight and bias, and their directions"
    return _headed(grid, title, last, len(last), len(last))


def plate(ax: Axes, snapshots: pd.DataFrame) -> Axes:
    """Draw the neurons over the plane, a box a point, those of the first seed at each width.

    Raises:
        NothingToDrawError: no run of a plain plane point has ended.
    """
    ended = snapshots[plain(snapshots) & snapshots["final"]]
    last = ended.sort_values("seed").drop_duplicates([*point(snapshots), "width"])
    if last.empty:
        raise figures.NothingToDrawError("no plate to draw: no snapshot is of a plain plane point")
    figures.orientation_plate(gathered(last), ax)
    many = (last["neurons"] * (1 + last["antisymmetric"])).max() > MANY
    note = f"of wider networks {MANY:,} neurons a box: the larger half of these, and an even choice of the others"
    entitle(ax, ax.get_title(), last, note if many else "")
    return ax


def cosine_matrices(ax: Axes, last: pd.DataFrame, when: str = "after training") -> Axes:
    """Draw a matrix a layer and plane point or setting, the layers of the first ones if there are too many."""
    several = [(row, name, table) for _, row in last.iterrows() for name, table in layers(row["path"]).items()]
    shown = several[:PANELS]
    grid = panels(ax, len(shown), square=True)
    deep = len({name for _, name, _ in shown}) > 1
    for here, (row, name, table) in zip(grid, shown, strict=True):
        title = figures.cosine_matrix(table, here, bar=False).get_title()
        here.set_title(f"{row.get('label', _place(row))}{f', layer {plain_name(name)}' if deep else ''}\n{title}")
    cosine_bar(grid[0], grid)
    rows = last[last["key"].isin([row["key"] for row, _, _ in shown])]
    where = f"; at {_places(rows)}" if "label" in rows else ""
    title = f"Cosines between neurons {when}; framed: neurons of one line, and their share of the amplitude"
    return _headed(grid, title + where, rows, len(rows), len(last))


def effective_ratio(ax: Axes, curves: pd.DataFrame, level: float) -> Axes:
    """Draw the effective ratios of several settings at one plane point and width."""
    figures.effective_ratio(curves, ax, level=level)
    widths = ", ".join(f"{width:g}" for width in np.unique(curves["width"]))
    entitle(ax, ax.get_title(), curves, f"{_places(curves)}, width $m = {widths}$")
    return ax


def lines_by_scale(ax: Axes, runs: pd.DataFrame, level: float) -> Axes:
    """Draw lines against the scale of the weights, by amplitude and unweighted side by side, a row a flow."""
    flows = list(runs["flow"].unique())
    grid = panels(ax, 2 * len(flows), columns=2)
    for here, (flow, count) in zip(grid, product(flows, figures.COUNTS), strict=True):
        figures.lines_by_scale(runs[runs["flow"] == flow], count, here, level)
        here.set_title(f"flow {flow}: {here.get_title().partition(',')[0]}")
    share_legend(grid)
    title = f"Lines at the end, mean over seeds and its {level:.0%} interval; dashed: the multiplicity p"
    return _headed(grid, title, runs, 1, 1)


def alignment(ax: Axes, curves: pd.DataFrame) -> Axes:
    """Draw where the neurons turn to, at each plane point."""
    return _by_point(ax, curves, figures.alignment, "Where the neurons turn to during training")


def training_curves(ax: Axes, curves: pd.DataFrame) -> Axes:
    """Draw loss and directions, at each plane point."""
    several = len(curves["seed"].unique()) > 1
    note = "; thin: the other seeds" if several else ""
    return _by_point(ax, curves, figures.training_curves, f"Loss and number of directions during training{note}")


def rank_one(ax: Axes, curves: pd.DataFrame) -> Axes:
    """Draw how W2 comes to rank one, at each plane point."""
    return _by_point(ax, curves, figures.rank_one, "Singular values of $W_2$ and alignment while small weights grow")


def singular_values(ax: Axes, curves: pd.DataFrame) -> Axes:
    """Draw the singular values of the product of factors, at each plane point."""
    return _by_point(ax, curves, figures.singular_values, "Singular values of the product of factors during training")


def _by_point(ax: Axes, curves: pd.DataFrame, draw: Callable[[pd.DataFrame, Axes], Axes], title: str) -> Axes:
    """Draw the runs of each plane point at its largest width."""
    place = point(curves)
    shown = widest(curves).sort_values([*place, "seed"])
    points = shown.drop_duplicates(place)
    rows = _spread(points)
    grid = panels(ax, len(rows))
    for here, (_, row) in zip(grid, rows.iterrows(), strict=True):
        runs = shown[np.logical_and.reduce([shown[name] == row[name] for name in place])]
        draw(runs, here).set_title(_place(row))
    share_legend(grid)
    return _headed(grid, title, shown, len(rows), len(points))


def moments(ax: Axes, name: str, run: pd.DataFrame) -> Axes:
    """Draw one picture of a run at its snapshots, at evenly chosen ones if they are many."""
    rows = _spread(run)
    title, draw = MOVING[name]
    grid = panels(ax, len(rows), square=name != "orientation")
    for here, (_, row) in zip(grid, rows.iterrows(), strict=True):
        counted = draw(row, here).get_title().rpartition(": ")[2]
        moment = f"step {row['step']}, loss {row['mse']:.3g}"
        here.set_title(moment if name == "orientation" else f"{moment}\n{counted}")
    if name == "cosine_matrices":
        cosine_bar(grid[0], grid)
    else:
        share_legend(grid)
    return _headed(grid, title, rows, 1, 1)


def _cosines(row: pd.Series[Any], ax: Axes) -> Axes:
    return figures.cosine_matrix(neurons(row["path"]), ax, bar=False)


def _field(row: pd.Series[Any], ax: Axes) -> Axes:
    velocities = None
    with contextlib.suppress(SnapshotError):  # of a run from before they were kept
        velocities = field(row["path"])
    drawn = figures.direction_field(neurons(row["path"]), ax, row["activation"] != "relu", velocities)
    if velocities is None:
        ax.plot([], [], " ", label="no arrows: this run kept no velocities")
    return drawn


def _angles(row: pd.Series[Any], ax: Axes) -> Axes:
    return figures.orientation(neurons(row["path"]), ax)


MOVING: Mapping[str, tuple[str, Callable[[pd.Series[Any], Axes], Axes]]] = {
    "orientation": ("Where the neurons point during training, and how large they are", _angles),
    "direction_field": ("Neurons during training in the plane of weight and bias, and their directions", _field),
    "cosine_matrices": ("Cosines between neurons during training", _cosines),
}
"""The pictures of one run that are drawn at its moments, with their titles."""


def _spread(rows: pd.DataFrame) -> pd.DataFrame:
    """Return at most as many rows as there are panels, evenly chosen."""
    return rows.iloc[evenly(len(rows), PANELS)]


def _place(row: pd.Series[Any]) -> str:
    """Name a plane point."""
    name, place = row["initialisation"], written(row)
    if "=" in name:  # spelled out; by numbers alone it has no place on the plane
        return spelled(str(name)) + (f"\n{place}" if "m" in name else "")
    return place if name == plane_of(row).name else f"{name}: {place}"


def _places(rows: pd.DataFrame) -> str:
    return " or ".join(_place(row) for _, row in rows.drop_duplicates(point(rows)).iterrows())


def _headed(axes: list[Axes], title: str, rows: pd.DataFrame, points: int, total: int) -> Axes:
    """Put the title of a figure of panels, and of which runs it is, above them."""
    widths, seeds = ([f"{value:g}" for value in np.unique(rows[name])] for name in ("width", "seed"))
    runs = f"width $m = {', '.join(widths)}$, seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}"
    some = f", {points} of {total} plane points" if points < total else ""
    figure = cast(Figure, axes[0].figure)
    letters = int(_LETTERS * figure.get_figwidth())
    figure.suptitle(titled(title, rows, f"{runs}{some}", letters=letters))
    return axes[0]
