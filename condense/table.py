"""The table that a single run prints."""

from __future__ import annotations

import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Column, Table

from condense import records, theory

__all__ = ["show"]

_FLAGS = [f"clusters{when}_{flag}" for when in ("", "_initial") for flag in ("capped", "exact")]


def show(table: pd.DataFrame, folder: Path, console: Console) -> None:
    """Print the records of one job, a row a run, and where they are."""
    first = table.iloc[0]
    console.print(f"{_placed(first)}{_predicted(table)}", highlight=False)
    blocks = [block for block in records.relative_changes(table.columns) if table[f"rd_{block}"].notna().any()]
    sizes = ["width", "neurons"] if table["virtual"].any() else ["width"]
    grid = Table(
        *_columns(*sizes, "seed", *(f"RD_{block}" for block in blocks), "clusters", "mse", "steps", "status"),
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    told = table.fillna(dict.fromkeys(_FLAGS, False))
    for row in told.sort_values(["virtual", "width", "neurons", "seed"]).to_dict("records"):
        changes = [f"{row[f'rd_{block}']:.4g}" for block in blocks]
        clusters = "" if pd.isna(row["clusters"]) else f"{_count(row, 'clusters_initial')} -> {_count(row, 'clusters')}"
        cells = *(f"{row[name]:g}" for name in sizes), str(row["seed"]), *changes, clusters, f"{row['mse_final']:.3g}"
        grid.add_row(*cells, str(row["steps"]), str(row["status"]))
    console.print(grid)
    console.print(f"records: {folder / records.FILE}", highlight=False, soft_wrap=True)


def _count(row: dict[Hashable, Any], name: str) -> str:
    """Return a count of clusters, with ">=" before one that stopped at its cap and "~" before one that is not exact."""
    sign = ">=" if row[f"{name}_capped"] else "" if row[f"{name}_exact"] else "~"
    return f"{sign}{row[name]}"


def _placed(run: pd.Series[Any]) -> str:
    return f"{run['initialisation']}: gamma = {run['gamma']:g}, gamma' = {run['gamma_prime']:g}"


def _predicted(table: pd.DataFrame) -> str:
    """Return what the theory says of the place, where there is one of these runs."""
    first, held = table.iloc[0], theory.behind(table)
    place = first.initialisation, first.gamma, first.gamma_prime
    regime = held.regime(*place)
    exponent = held.exponents(*place)["w"]
    power = "" if math.isnan(exponent) else f", RD_w ~ m^{exponent:.3g}"
    return f"; theory of {held.name}: {regime}{power}" if regime else ""


def _columns(*names: str) -> list[Column]:
    return [Column(name, no_wrap=True) for name in names]
