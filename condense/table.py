"""The table that a single run prints."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Column, Table

from condense import records, theory
from condense.planes import PLANES

__all__ = ["show"]

_GAP = 2
"""Spaces between columns."""

_OPTIONAL = ("effective_width", "reduction_error")
"""Columns of every record that have a value only where their observable was asked for."""

_TOLD = ("rd_", "beta_", "clusters_unweighted_", "loss_initial")
"""How columns begin that are told otherwise, or follow from the place."""

_FLAGS = [f"clusters{when}_{flag}" for when in ("", "_initial") for flag in ("capped", "exact")]

_OF_ROWS = [
    *("clusters", "clusters_initial", "lines", "mean_abs_cosine"),
    *("two_direction_share", "two_direction_share_initial"),
    *_FLAGS,
]
"""What is logged of the rows of each matrix of a module; the table has the clusters alone."""


def show(table: pd.DataFrame, folder: Path, console: Console) -> None:
    """Print the records of one job, a row a run, and where they are; side by side as much as fits the terminal."""
    first = table.iloc[0]
    console.print(f"{_placed(first)}{_predicted(table)}", highlight=False)
    ordered = table.fillna(dict.fromkeys(_FLAGS, False)).sort_values(["virtual", "width", "neurons", "seed"])
    sizes = ["width", "neurons"] if table["virtual"].any() else ["width"]
    which = {name: [f"{value:g}" for value in ordered[name]] for name in sizes} | {"seed": _texts(ordered["seed"])}
    for part in _parts(which, _told(ordered), console.width):
        grid = Table(*_columns(*part), box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
        for cells in zip(*part.values(), strict=True):
            grid.add_row(*cells)
        console.print(grid)
    console.print(f"records: {folder / records.FILE}", highlight=False, soft_wrap=True)


def _told(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return what is told of the runs, by column: what was measured, and how they ended."""
    blocks = [block for block in records.relative_changes(table.columns) if table[f"rd_{block}"].notna().any()]
    found = {f"RD_{block}": [f"{value:.4g}" for value in table[f"rd_{block}"]] for block in blocks}
    if table["clusters"].notna().any():
        found["clusters"] = [
            "" if pd.isna(row["clusters"]) else f"{_count(row, 'clusters_initial')} -> {_count(row, 'clusters')}"
            for row in table.to_dict("records")
        ]
    for name in records.matrices(table.columns):
        pairs = zip(table[f"clusters_initial_{name}"], table[f"clusters_{name}"], strict=True)
        found[f"clusters_{name}"] = [f"{before:g} -> {after:g}" for before, after in pairs]
    if "loss_final" in table:
        found["loss"] = [f"{value:.3g}" for value in table["loss_final"]]
    else:
        found["mse"] = [f"{value:.3g}" for value in table["mse_final"]]
    found["steps"] = _texts(table["steps"])
    found["status"] = _texts(table["status"])
    return found | {name: _texts(table[name]) for name in _asked_for(table)}


def _asked_for(table: pd.DataFrame) -> list[str]:
    """Return the columns that are there only where their observable was asked for."""
    known = {name for name in table if str(name).startswith(_TOLD)}
    known |= {axis.column for plane in PLANES.values() for axis in plane.axes}
    known |= {"loss_final", *(f"{column}_{name}" for name in records.matrices(table.columns) for column in _OF_ROWS)}
    more = [name for name in table if name not in {*records.COLUMNS, *known, records.CURVE}]
    return [str(name) for name in (*_OPTIONAL, *more) if name in table and table[name].notna().any()]


def _texts(column: pd.Series[Any]) -> list[str]:
    return [f"{value:.4g}" if isinstance(value, float) else str(value) for value in column]


def _parts(which: dict[str, list[str]], told: dict[str, list[str]], room: int) -> Iterator[dict[str, list[str]]]:
    """Return the columns in tables that fit, each beginning with those that say which run it is."""
    widths = {name: max(map(len, [name, *cells])) + _GAP for name, cells in {**which, **told}.items()}
    fixed = sum(widths[name] for name in which)
    part, used = dict(which), fixed
    for name, cells in told.items():
        if used + widths[name] - _GAP > room and len(part) > len(which):
            yield part
            part, used = dict(which), fixed
        part[name] = cells
        used += widths[name]
    yield part


def _count(row: dict[Hashable, Any], name: str) -> str:
    """Return a count of clusters, with ">=" before one that stopped at its cap and "~" before one that is not exact."""
    sign = ">=" if row[f"{name}_capped"] else "" if row[f"{name}_exact"] else "~"
    return f"{sign}{row[name]}"


def _placed(run: pd.Series[Any]) -> str:
    axes = theory.of_runs(run.to_frame().T).axes
    return f"{run['initialisation']}: {', '.join(f'{axis.text} = {run[axis.column]:g}' for axis in axes)}"


def _predicted(table: pd.DataFrame) -> str:
    """Return what the theory says of the place, where there is one of these runs."""
    first, held = table.iloc[0], theory.behind(table)
    x, y = held.plane.columns
    place = first.initialisation, first[x], first[y]
    block = next(iter(held.plane.blocks), "")
    regime = held.regime(*place, block)
    exponent = held.exponents(*place).get(block, math.nan)
    power = "" if math.isnan(exponent) else f", RD_{block} ~ m^{exponent:.3g}"
    return f"; theory of {held.name}: {regime}{power}" if regime else ""


def _columns(*names: str) -> list[Column]:
    return [Column(name, no_wrap=True) for name in names]
