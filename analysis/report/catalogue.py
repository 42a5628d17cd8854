"""The catalogue of figures: what each shows, what the runs must have for it, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis import figures
from analysis.figures import NothingToDrawError
from analysis.pipeline import Analysis
from analysis.report import sheets
from analysis.snapshots import contents, neurons
from analysis.stats.exponents import blocks
from analysis.stats.infinite import Infinite
from analysis.tables.places import axes, point

__all__ = ["ANIMATIONS", "COMPARISONS", "FIGURES", "Comparison", "Figure", "chosen_runs", "drawings"]

MOVING = 10
"""Snapshots of a run that is worth an animation."""


class Figure(NamedTuple):
    """A figure of one setting: the words of the docs, and the function, which raises NothingToDrawError."""

    shows: str
    needs: str
    draw: Callable[[Analysis, Axes], Axes]


class Comparison(NamedTuple):
    """A figure of several settings, which are given by their labels."""

    shows: str
    needs: str
    draw: Callable[[Mapping[str, Analysis], Axes], Axes]


def drawings(analysis: Analysis) -> Mapping[str, Callable[[Axes], Axes]]:
    """Return all figures of an analysis by name; those that its runs do not allow raise NothingToDrawError."""
    named = {name: partial(figure.draw, analysis) for name, figure in FIGURES.items()}
    others = [block for block in blocks(analysis.runs) if block != analysis.block]
    return named | {f"phase_diagram_{block}": partial(_phase_diagram, analysis, block=block) for block in others}


def _phase_diagram(analysis: Analysis, ax: Axes, block: str = "") -> Axes:
    block = block or analysis.block
    return figures.phase_diagram(analysis.exponents, analysis.boundaries.get(block), block, ax)


def _regime_map(analysis: Analysis, ax: Axes) -> Axes:
    hidden = [block for block in blocks(analysis.runs) if block in ("w1", "w2")]
    if len(hidden) < 2:
        raise NothingToDrawError("no regimes of two matrices to draw: the networks have not both w1 and w2")
    return figures.regime_map(analysis.exponents, ("w1", "w2"), ax)


def _relative_change(analysis: Analysis, ax: Axes) -> Axes:
    return figures.relative_change(analysis.runs, analysis.exponents, analysis.block, ax)


def _relative_change_map(analysis: Analysis, ax: Axes) -> Axes:
    return figures.relative_change_map(analysis.runs, analysis.block, ax)


def _clusters(analysis: Analysis, ax: Axes) -> Axes:
    return figures.cluster_map(analysis.exponents, analysis.block, ax)


def _effective_width(analysis: Analysis, ax: Axes) -> Axes:
    return figures.effective_width_map(analysis.exponents, analysis.block, ax)


def _exponent_by_loss(analysis: Analysis, ax: Axes) -> Axes:
    return figures.exponent_by_loss(analysis.exponents_by_loss, analysis.exponents, analysis.block, ax)


def _infinite(analysis: Analysis) -> Infinite:
    if analysis.infinite is None:
        raise NothingToDrawError("no infinite width to draw: the sweep has no virtual widths, virtual.widths=[..]")
    return analysis.infinite


def _infinite_width(analysis: Analysis, ax: Axes) -> Axes:
    infinite = _infinite(analysis)
    real = not analysis.runs["virtual"].any()
    beside = (analysis.exponents, analysis.boundary) if real else (infinite.first, infinite.first_boundary)
    widths = np.unique(analysis.runs["width"])[: None if real else 2]
    told = f"{widths[0]:g} to {widths[-1]:g}"
    return figures.infinite_width(infinite.exponents, infinite.boundary, *beside, told, analysis.block, ax)


def _zero_line(analysis: Analysis, ax: Axes) -> Axes:
    return figures.zero_line(_infinite(analysis).zero_line, analysis.block, ax)


def _collapse(analysis: Analysis, ax: Axes) -> Axes:
    found = _infinite(analysis)
    return figures.collapse(found.runs, found.tests, found.collapse, found.verdicts, analysis.block, ax)


def _training_curves(analysis: Analysis, ax: Axes) -> Axes:
    return sheets.training_curves(ax, _looked_at(analysis))


def _alignment(analysis: Analysis, ax: Axes) -> Axes:
    why = "no alignment to draw: add alignment to measure.observables"
    return sheets.alignment(ax, _measured(analysis, "cosine_z", why))


def _blow_up(analysis: Analysis, ax: Axes) -> Axes:
    return figures.blow_up(_looked_at(analysis), ax)


def _looked_at(analysis: Analysis) -> pd.DataFrame:
    curves = analysis.curves
    if curves.empty or curves.groupby("key").size().max() <= 2:  # start and end are no curve
        raise NothingToDrawError("no curve to draw: the runs were not looked at on their way, snapshots.per_decade=5")
    return curves


def _rank_one(analysis: Analysis, ax: Axes) -> Axes:
    why = "no singular values of W2 to draw: add energy to measure.observables"
    return sheets.rank_one(ax, _measured(analysis, "singular_w2_1", why))


def _singular_values(analysis: Analysis, ax: Axes) -> Axes:
    why = "no singular values to draw: add product to measure.observables"
    return sheets.singular_values(ax, _measured(analysis, "singular_1", why))


def _measured(analysis: Analysis, column: str, why: str) -> pd.DataFrame:
    """Return the curves if they have a column."""
    curves = _looked_at(analysis)
    if column not in curves:
        raise NothingToDrawError(why)
    return curves


def _lines_by_scale(analysis: Analysis, ax: Axes) -> Axes:
    return _scales(analysis.runs, analysis.level, ax)


def _scales(runs: pd.DataFrame, level: float, ax: Axes) -> Axes:
    """Draw lines against the scale of the weights, if it is what these runs differ in."""
    spelled = "lines_unweighted" in runs and runs["initialisation"].str.contains("=", regex=False).all()
    if not spelled or len(runs["beta2"].unique()) < 2 or len(runs["width"].unique()) > 1:
        raise NothingToDrawError("no lines against the scale: it takes one width and init=spelled_out, several scales")
    return sheets.lines_by_scale(ax, runs, level)


def _kept(analysis: Analysis, array: str) -> pd.DataFrame:
    """Return the last snapshot of a run a plane point, if snapshots hold this."""
    last = chosen_runs(analysis.snapshots) if len(analysis.snapshots) else analysis.snapshots
    if last.empty or array not in _contents(analysis):
        raise NothingToDrawError(f"no {array} to draw: no snapshot of these runs has one")
    return last


def _contents(analysis: Analysis) -> set[str]:
    return contents(analysis.snapshots["path"].iloc[0])


def _output_curves(analysis: Analysis, ax: Axes) -> Axes:
    return sheets.output_curves(ax, _kept(analysis, "output"))


def _planar(analysis: Analysis, few: bool = True) -> pd.DataFrame:
    last = _kept(analysis, "angle")
    if (len(last) <= sheets.PANELS) != few:
        raise NothingToDrawError(f"{len(last)} plane points: up to {sheets.PANELS} are panels, more are a plate")
    return last


def _orientation(analysis: Analysis, ax: Axes) -> Axes:
    return sheets.orientation(ax, _planar(analysis), analysis.snapshots)


def _direction_field(analysis: Analysis, ax: Axes) -> Axes:
    return sheets.direction_field(ax, _planar(analysis))


def _orientation_plate(analysis: Analysis, ax: Axes) -> Axes:
    _planar(analysis, few=False)
    return sheets.plate(ax, analysis.snapshots)


def _cosine_matrices(analysis: Analysis, ax: Axes) -> Axes:
    last = _kept(analysis, "layers")
    if "angle" in _contents(analysis):
        raise NothingToDrawError("neurons of one input are drawn by their angles")
    return sheets.cosine_matrices(ax, last)


def _cosine_matrices_before(analysis: Analysis, ax: Axes) -> Axes:
    last = _kept(analysis, "layers")
    first = analysis.snapshots.sort_values("step").drop_duplicates("key").set_index("key")
    if "angle" in _contents(analysis) or (first.loc[last["key"], "step"] > 0).any():
        raise NothingToDrawError("no cosines before training to draw: no snapshot of these runs is of their start")
    return sheets.cosine_matrices(ax, first.loc[last["key"]].reset_index(), when="before training")


def _moments(name: str, analysis: Analysis, ax: Axes) -> Axes:
    """Draw a figure of snapshots at the moments of the one run there is."""
    last = _kept(analysis, "layers" if name == "cosine_matrices" else "angle")
    run = analysis.snapshots[analysis.snapshots["key"] == last["key"].iloc[0]]
    apart = (name == "cosine_matrices") == ("angle" in _contents(analysis))
    if len(last) > 1 or len(run) <= 2 or "two_layer" not in _contents(analysis) or apart:
        raise NothingToDrawError("moments are drawn of one run with three snapshots or more")
    return sheets.moments(ax, name, run)


def chosen_runs(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Return the snapshot at the end of one run a plane point: the smallest seed at its largest width."""
    last = snapshots[snapshots["final"]].sort_values(["width", "seed"], ascending=[False, True])
    return last.drop_duplicates(point(last)).sort_values(point(last), ignore_index=True)


FIGURES: Mapping[str, Figure] = {
    "phase_diagram": Figure(
        "the exponent S over the plane with the theory's line and the measured zeros; "
        "of other blocks as phase_diagram_a, phase_diagram_theta",
        "two widths",
        _phase_diagram,
    ),
    "regime_map": Figure(
        "which of the first two matrices are linear, which condensed, over the plane",
        "a grid, two widths, two seeds, blocks w1 and w2",
        _regime_map,
    ),
    "relative_change": Figure(
        "RD against the width at some plane points, with the fit", "two widths", _relative_change
    ),
    "relative_change_map": Figure(
        "RD over the plane at the largest width", "runs that converged", _relative_change_map
    ),
    "clusters": Figure("clusters of neurons over the plane", "the observable clusters", _clusters),
    "effective_width": Figure(
        "neurons left when condensed ones are merged, over the plane", "the observable reduction", _effective_width
    ),
    "exponent_by_loss": Figure("S while the loss falls", "snapshots.losses, two widths", _exponent_by_loss),
    "infinite": Figure(
        "the phase diagram at infinite width beside the measured one", "virtual.widths", _infinite_width
    ),
    "zero_line": Figure("where S = 0 between two widths, against the width", "virtual.widths", _zero_line),
    "collapse": Figure("RD by two numbers of neurons, and their ratio", "virtual.widths", _collapse),
    "training_curves": Figure("loss and number of directions during training", "snapshots", _training_curves),
    "alignment": Figure(
        "cosine between neurons and z during training", "snapshots, the observable alignment", _alignment
    ),
    "blow_up": Figure(
        "the energy of three small layers to the power -1/3 during training, and the line that it ends on",
        "snapshots, the observable energy, network=three_layer",
        _blow_up,
    ),
    "rank_one": Figure(
        "singular values of W2, alignment and signs of three small layers during training",
        "snapshots, the observable energy, network=three_layer up to m = 512",
        _rank_one,
    ),
    "singular_values": Figure(
        "singular values of a product of factors during training, lines and rank of factors",
        "snapshots, the observable product, network=factorisation",
        _singular_values,
    ),
    "lines_by_scale": Figure(
        "lines of neurons against the scale of the weights",
        "init=spelled_out at two scales, one width",
        _lines_by_scale,
    ),
    "output_curves": Figure("the network's output and the data", "snapshots, data of one input", _output_curves),
    "orientation": Figure("angle and amplitude of every neuron", "snapshots, data of one input", _orientation),
    "orientation_plate": Figure(
        "the same in a box a plane point",
        f"snapshots, data of one input, more than {sheets.PANELS} points",
        _orientation_plate,
    ),
    "direction_field": Figure(
        "neurons in the plane of weight and bias", "snapshots, data of one input", _direction_field
    ),
    "cosine_matrices": Figure("cosines between neurons", "snapshots, data of several inputs", _cosine_matrices),
    "cosine_matrices_before": Figure(
        "the same before training", "snapshots, data of several inputs", _cosine_matrices_before
    ),
    **{
        f"{name}_training": Figure(
            f"{name} at the moments of one run", "three snapshots of the only run", partial(_moments, name)
        )
        for name in sheets.MOVING
    },
}
"""Every figure of one setting, by the name of its files."""


def _compared_scales(analyses: Mapping[str, Analysis], ax: Axes) -> Axes:
    runs = pd.concat([analysis.runs for analysis in analyses.values()], ignore_index=True)
    return _scales(runs, next(iter(analyses.values())).level, ax)


def _compared_cosines(analyses: Mapping[str, Analysis], ax: Axes) -> Axes:
    """Draw the matrices of the first plane point of each setting."""
    tables = {label: analysis.snapshots for label, analysis in analyses.items() if len(analysis.snapshots)}
    last = {label: chosen_runs(table).head(1) for label, table in tables.items()}
    last = {label: row for label, row in last.items() if len(row) and "layers" in contents(row["path"].iloc[0])}
    if len(last) < 2:
        raise NothingToDrawError("no cosines to compare: no two settings have snapshots of several inputs")
    rows = pd.concat([row.assign(label=label) for label, row in last.items()], ignore_index=True)
    return sheets.cosine_matrices(ax, rows)


def _compared_ratios(analyses: Mapping[str, Analysis], ax: Axes) -> Axes:
    """Draw the effective ratio of the first plane point of each setting, at its largest width."""
    tables = {label: analysis.curves for label, analysis in analyses.items()}
    counted = [_first_point(table).assign(setting=label) for label, table in tables.items() if "clusters" in table]
    if len(counted) < 2 or len({flow for table in counted for flow in table["flow"]}) > 1:  # clocks of flows differ
        raise NothingToDrawError("no ratios to compare: no two settings of one flow counted directions on their way")
    table = pd.concat(counted, ignore_index=True)
    return sheets.effective_ratio(ax, table, next(iter(analyses.values())).level)


def _first_point(curves: pd.DataFrame) -> pd.DataFrame:
    place = point(curves)
    first = curves.sort_values([*place, "width"], ascending=[True, True, True, False], kind="stable").iloc[0]
    return curves[np.logical_and.reduce([curves[name] == first[name] for name in [*place, "width"]])]


COMPARISONS: Mapping[str, Comparison] = {
    "effective_ratio": Comparison(
        "directions over neurons during training", "snapshots, the observable clusters, one flow", _compared_ratios
    ),
    "cosine_matrices": Comparison("cosines between neurons", "snapshots", _compared_cosines),
    "lines_by_scale": Comparison("lines against the scale of the weights", "init=spelled_out", _compared_scales),
}
"""Every figure that compares the settings of a sweep, by the name of its files."""


def _moving_orientation(analysis: Analysis, path: Path) -> None:
    """Write the animation of the run with most snapshots, of the largest x, gamma, among equals, if there are ten."""
    snapshots = analysis.snapshots
    if snapshots.empty or "angle" not in _contents(analysis):
        raise NothingToDrawError("no angles to draw: no snapshot of these runs has one")
    count = snapshots.groupby("key")["step"].transform("size")
    most = snapshots[count == count.max()].sort_values([axes(snapshots)[0], "width"], ascending=False, kind="stable")
    run = snapshots[snapshots["key"] == most["key"].iloc[0]]
    if len(run) < MOVING:
        raise NothingToDrawError(f"{len(run)} snapshots of a run, an animation takes {MOVING}: snapshots.per_decade=5")
    figures.animation([neurons(moment) for moment in run["path"]], path)


ANIMATIONS: Mapping[str, Callable[[Analysis, Path], Any]] = {"orientation.gif": _moving_orientation}
"""What moves, by the name of its file."""
