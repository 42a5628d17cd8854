"""Where runs lie: the plane whose coordinates a table has, the columns that tell its points apart, their names."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from condense.planes import PLANES, Plane, with_columns

__all__ = ["all_axes", "axes", "fixed", "plain", "plane_of", "point", "spelled", "written"]

_FACTOR = re.compile(r"^(alpha|beta)_?([12]|w[12]|a)?=(?:m\^(-?[\d.]+)|([\d.]+(?:e[+-]?\d+)?))$")


def plane_of(table: pd.DataFrame | pd.Series[Any]) -> Plane:
    """Return the plane of runs of one setting, of results, or of a row of these: the one whose coordinates it has."""
    names = [str(name) for name in (*table.index.names, *(table.index if table.ndim == 1 else table.columns))]
    return with_columns({*names, *(name.removesuffix("_theory") for name in names)})


def axes(table: pd.DataFrame | pd.Series[Any]) -> list[str]:
    """Return the columns of both coordinates, the one that is drawn to the right first."""
    return list(plane_of(table).columns)


def point(table: pd.DataFrame) -> list[str]:
    """Return the columns that tell plane points apart: a named initialisation can share its place with a plain one."""
    return ["initialisation", *axes(table)]


def plain(table: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows are of plain points of the plane, not of a named initialisation."""
    return table["initialisation"] == plane_of(table).name


def written(row: Any) -> str:
    """Return the place of a row as a formula: gamma = 1, gamma' = 0."""
    return ", ".join(rf"${axis.symbol} = {row[axis.column]:g}$" for axis in plane_of(row).axes)


def fixed(table: pd.DataFrame, along: str) -> tuple[str, str]:
    """Return the column and the symbol of the coordinate that is not this one."""
    [other] = [axis for axis in plane_of(table).axes if axis.column != along]
    return other.column, other.symbol


def all_axes(runs: pd.DataFrame) -> list[list[str]]:
    """Return, of each plane that a table has columns of, these: of runs that may lie on several planes."""
    return [list(plane.columns) for plane in PLANES.values() if {*plane.columns} <= {*runs.columns}]


def spelled(name: str) -> str:
    """Write alpha=1,beta1=m^-0.5 as formulas; what is no power of m and no number stays as it is.

    >>> spelled("alpha=1,beta_w2=m^-0.5")
    '$\\\\alpha = 1$, $\\\\beta_2 = m^{-0.5}$'
    """
    return ", ".join(_FACTOR.sub(_formula, factor) for factor in name.split(","))


def _formula(found: re.Match[str]) -> str:
    letter, index, power, number = found.groups()
    index = f"_{index.removeprefix('w')}" if index else ""
    return rf"$\{letter}{index} = " + (f"m^{{{power}}}$" if power else f"{_number(number)}$")


def _number(text: str) -> str:
    """Write 1e-06 as a power of ten."""
    mantissa, _, exponent = text.partition("e")
    ten = f"10^{{{int(exponent)}}}" if exponent else ""
    return f"{mantissa} \\cdot {ten}" if ten and float(mantissa) != 1 else ten or mantissa
