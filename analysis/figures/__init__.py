"""Figures: one function each, from tables of results to matplotlib axes."""

from __future__ import annotations

from analysis.figures.animation import animation
from analysis.figures.blow_up import blow_up, rank_one
from analysis.figures.canvas import NothingToDrawError, share_legend
from analysis.figures.cosines import cosine_matrix
from analysis.figures.counts import cluster_map, effective_width_map
from analysis.figures.curves import effective_ratio, output_curve, training_curves
from analysis.figures.field import direction_field
from analysis.figures.infinite import collapse, infinite_width, zero_line
from analysis.figures.initial import COUNTS, alignment, lines_by_scale
from analysis.figures.levels import exponent_by_loss
from analysis.figures.orientation import orientation, orientation_plate
from analysis.figures.over import number_over
from analysis.figures.phase import phase_diagram
from analysis.figures.regimes import regime_map
from analysis.figures.singular import singular_values
from analysis.figures.widths import relative_change, relative_change_map

__all__ = [
    "COUNTS",
    "NothingToDrawError",
    "alignment",
    "animation",
    "blow_up",
    "cluster_map",
    "collapse",
    "cosine_matrix",
    "direction_field",
    "effective_ratio",
]
__all__ += [
    "effective_width_map",
    "exponent_by_loss",
    "infinite_width",
    "lines_by_scale",
    "number_over",
    "orientation",
    "orientation_plate",
    "output_curve",
    "phase_diagram",
]
__all__ += [
    "rank_one",
    "regime_map",
    "relative_change",
    "relative_change_map",
    "share_legend",
    "singular_values",
    "training_curves",
    "zero_line",
]
