"""How runs were made: network, activation, data, flow and stop, and the theory in a table of results."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.tables.places import plane_of
from condense.theory import NONE, Theory, named

__all__ = ["MADE", "made", "theory_of", "told"]

MADE = ("network", "activation", "data", "flow", "stop")
"""The columns that `made` gives and that titles of figures tell."""

_RELATIVE = 0.01
"""Stops from this share of the first loss up are told as a share too."""


def made(runs: pd.DataFrame) -> dict[str, str]:
    """Return how runs of one setting were made, by `MADE`; "" where it is not known, several values joined by +.

    A table of results that has these columns gives them as they are.
    """
    found = {name: "+".join(_values(runs, name)) for name in MADE[:-1]}
    return {**found, "stop": " or ".join(_stops(runs))}


def told(table: pd.DataFrame) -> str:
    """Say how runs, or those behind a table of results, were made, as far as it is known."""
    known = made(table)
    network = " ".join(part for part in (known["activation"], known["network"]) if part)
    flow = known["flow"] and f"{known['flow']} flow" + (f" to {known['stop']}" if known["stop"] else "")
    return ", ".join(part for part in (network, known["data"], flow) if part)


def theory_of(table: pd.DataFrame) -> Theory:
    """Return the theory behind the predictions in a table of results."""
    held = named(str(table["theory"].iloc[0])) if "theory" in table and len(table) else NONE
    return held.over(plane_of(table))


def _values(runs: pd.DataFrame, name: str) -> list[str]:
    return [str(value) for value in runs[name].dropna().unique() if value != ""] if name in runs else []


def _stops(runs: pd.DataFrame) -> list[str]:
    if "stop" not in runs or not pd.api.types.is_numeric_dtype(runs["stop"]):
        return _values(runs, "stop")
    first = runs.get("mse_initial", np.nan)
    stops = pd.DataFrame({"stop": runs["stop"], "share": runs["stop"] / first})
    stops = stops[stops["stop"] > 0].groupby("stop")["share"].median().reset_index()
    return [
        f"mse {stop:.3g}" + (f" ({share:.3g} of the first loss)" if share >= _RELATIVE else "")
        for stop, share in stops.to_numpy(float)
    ]
