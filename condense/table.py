"""The table that a single run prints."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Column, Table

from condense import plane, records

__all__ = ["show"]

_FLAGS = [f"clusters{when}_{flag}" for when in ("", "_initial") for flag in ("capped", "exact")]


def show(table: pd.DataFrame, folder: Path, console: Console) -> None:
    """Print the records of one job, a row a run, and where they are."""
    first = table.iloc[0]
    predicted = plane.exponent(first.gamma, first.gamma_prime)
    regime = plane.regime(first.gamma, first.gamma_prime)
    console.print(
        f"{first.initialisation}: gamma = {first.gamma:g}, gamma' = {first.gamma_prime:g}; "
        f"theory of two-layer ReLU: {regime}, RD_w ~ m^{predicted:.3g}",
        highlight=False,
    )
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


def _columns(*names: str) -> list[Column]:
    return [Column(name, no_wrap=True) for name in names]
