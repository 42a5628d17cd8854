"""Settings: what a sweep varies besides the place on the plane, such as the activation."""

from __future__ import annotations

import re

import pandas as pd

from analysis.names import plain_name

__all__ = ["by_setting"]

_TELLING = ["network", "activation", "keep", "data", "flow", "antisymmetric", "rtol", "stop", "dtype"]


def by_setting(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the runs of each setting by a label that says what is different in it: "activation=tanh".

    The label is empty if there is one setting only, and the hash of the setting if two have the same label.
    """
    setting = _filled(runs["setting"].fillna(""))
    groups = {str(name): rows for name, rows in runs.groupby(setting, sort=False)}
    if len(groups) == 1:
        return {"": runs}
    differing = [name for name in _TELLING if len(runs[name].dropna().unique()) > 1]
    labels = {name: _label(rows, differing) for name, rows in groups.items()}
    telling = [label for label in labels.values() if label]
    if len(set(telling)) < len(groups):
        labels = {name: plain_name(f"setting={name or 'none'}") for name in groups}
    return {labels[name]: rows.reset_index(drop=True) for name, rows in groups.items()}


def _filled(setting: pd.Series[str]) -> pd.Series[str]:
    """Give rows without a setting (their job raised early) the only one there is."""
    known = setting[setting != ""].unique()
    return setting.replace("", known[0]) if len(known) == 1 else setting


def _label(rows: pd.DataFrame, names: list[str]) -> str:
    parts = [f"{name}={'+'.join(str(value) for value in rows[name].unique())}" for name in names]
    return plain_name(re.sub(r"[^\w=.,+-]", "_", ",".join(parts))) if parts else ""
