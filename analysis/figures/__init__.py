"""Figures: one function each, from tables of results to matplotlib axes."""

from __future__ import annotations

from analysis.figures.canvas import NothingToDrawError
from analysis.figures.counts import cluster_map, effective_width_map
from analysis.figures.phase import phase_diagram
from analysis.figures.widths import relative_change, relative_change_map

__all__ = ["NothingToDrawError", "cluster_map", "effective_width_map", "phase_diagram", "relative_change"]
__all__ += ["relative_change_map"]
