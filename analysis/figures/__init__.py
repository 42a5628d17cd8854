"""Figures: one function each, from tables of results to matplotlib axes."""

from __future__ import annotations

from analysis.figures.canvas import NothingToDrawError
from analysis.figures.clusters import cluster_map
from analysis.figures.phase import phase_diagram
from analysis.figures.widths import relative_change, relative_change_map

__all__ = ["NothingToDrawError", "cluster_map", "phase_diagram", "relative_change", "relative_change_map"]
