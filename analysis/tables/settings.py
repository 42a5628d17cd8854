"""Settings: what a sweep varies besides the place on the plane, such as the activation."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from analysis.tables.names import plain_name
from analysis.tables.places import all_axes
from condense.theory import of_runs

__all__ = ["by_setting"]

_TELLING = ["network", "activation", "keep", "data", "flow", "antisymmetric", "rtol", "dtype"]

_LAST = "stop"
"""Told only where two settings are alike in all others: a share of the first loss is another stop for other data."""


def by_setting(runs: pd.DataFrame, swept: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
    """Return the runs of each setting by a label that says what is different in it: "activation=tanh", "rate=0.01".

    The label is empty if there is one setting only, and the hash of the setting if two have the same label.

    Args:
        runs: records.
        swept: columns of keys that were varied: these tell settings apart first.
    """
    setting = _filled(runs["setting"].fillna(""))
    groups = {str(name): rows for name, rows in runs.groupby(setting, sort=False)}
    groups = {name: _on_its_plane(rows) for name, rows in groups.items()}
    if len(groups) == 1:
        return {"": next(iter(groups.values()))}
    differing = [name for name in [*_TELLING, _LAST] if len(runs[name].dropna().unique()) > 1]
    varied = [name for name in swept if len(runs[name].unique()) > 1]
    for names in (varied, [name for name in differing if name != _LAST], differing, [*varied, *differing]):
        labels = {group: _label(rows, names) for group, rows in groups.items()}
        if len({label for label in labels.values() if label}) == len(groups):
            break
    else:
        labels = {group: plain_name(f"setting={group or 'none'}") for group in groups}
    return {labels[name]: rows.reset_index(drop=True) for name, rows in groups.items()}


def _on_its_plane(runs: pd.DataFrame) -> pd.DataFrame:
    """Return runs of one setting without the coordinates of planes that they do not lie on."""
    others = {name for place in all_axes(runs) for name in place} - {*of_runs(runs).columns}
    return runs.drop(columns=list(others))


def _filled(setting: pd.Series[str]) -> pd.Series[str]:
    """Give rows without a setting (their job raised early) the only one there is."""
    known = setting[setting != ""].unique()
    return setting.replace("", known[0]) if len(known) == 1 else setting


def _label(rows: pd.DataFrame, names: list[str]) -> str:
    parts = [f"{name.rpartition('.')[2]}={'+'.join(map(str, rows[name].unique()))}" for name in names]
    return plain_name(re.sub(r"[^\w=.,+-]", "_", ",".join(parts))) if parts else ""
