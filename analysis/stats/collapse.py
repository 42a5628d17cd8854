"""Collapse: whether the number of neurons that stand for a width matters."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from analysis.stats.exponents import usable
from analysis.stats.ladder import climbed
from analysis.tables.places import point

__all__ = ["ALPHA", "collapse", "failing", "verdicts"]

ALPHA = 0.01
"""The probability at which a collapse that holds is said to fail, for all plane points and widths together."""


def collapse(runs: pd.DataFrame, block: str) -> pd.DataFrame:
    """Return the table of `collapse.csv`: log RD by other numbers of neurons against the largest, by Welch's test.

    The largest is that of the plane point, which may have been given more neurons than others. A row for each plane
    point, width and other number: `difference` of the means over seeds, its standard `error`, z = difference / error,
    `p` by Student's t, and whether it `fails`: p below `ALPHA` over the number of all rows (Bonferroni). Rungs that a
    number of neurons did not climb are left out; z needs two seeds.
    """
    logs, place = _logs(runs, block), [*point(runs), "width"]
    of_point = runs.assign(most=runs.groupby(point(runs))["neurons"].transform("max"))
    most = of_point.groupby(place)["most"].first().reindex(logs.index)
    counts = sorted(set(logs.columns.get_level_values("neurons")), reverse=True)
    found = [
        _compared(*_pair(logs[most == against], against, count)).assign(neurons=count, against=against)
        for against, count in combinations(counts, 2)
    ]
    if not any(map(len, found)):
        return pd.DataFrame(columns=[*place, "neurons", "against", "difference", "error", "z", "p", "fails"])
    table = pd.concat([each for each in found if len(each)]).reset_index()
    table["fails"] = table["p"] < ALPHA / max(table["p"].notna().sum(), 1)
    return table[[*place, "neurons", "against", "difference", "error", "z", "p", "fails"]]


def failing(table: pd.DataFrame) -> pd.DataFrame:
    """Return of each plane point the z farthest from 0 and whether the collapse fails at a width of it."""
    place = point(table)
    farthest = table.sort_values("z", key=abs, na_position="first").groupby(place)["z"].last()
    return pd.DataFrame({"collapse_z": farthest, "fails": table.groupby(place)["fails"].any()})


def verdicts(runs: pd.DataFrame, table: pd.DataFrame, block: str, level: float) -> pd.DataFrame:
    """Return a row for each other number of neurons: what the tests say together.

    All places of a seed share its draw, so their z are not independent. `difference` is therefore that of the seeds'
    means over all places that all of them have, with the Welch interval `low`, `high`. The verdict is "fails" if its
    p is below `ALPHA` or a single test fails, else "holds"; "untested" with one seed or without such a place.
    """
    logs, found = _logs(runs, block), []
    for (count, against), tests in table.groupby(["neurons", "against"], sort=False):
        places = pd.MultiIndex.from_frame(tests[logs.index.names])
        means = logs.loc[places, [against, count]].dropna().mean().to_frame().T
        together = _compared(*_pair(means, against, count)).reindex([0])
        difference, error, dof, p = together[["difference", "error", "dof", "p"]].to_numpy(float)[0]
        half = special.stdtrit(dof, (1 + level) / 2) * error
        z = tests["z"].dropna()
        failed = p < ALPHA or tests["fails"].any()
        found.append(
            {
                "neurons": count,
                "against": against,
                "tests": len(z),
                "difference": difference,
                "low": difference - half,
                "high": difference + half,
                "rms_z": np.sqrt((z**2).mean()),
                "share_beyond_2": (z.abs() > 2).mean(),
                "failing": int(tests["fails"].sum()),
                "verdict": "untested" if np.isnan(p) else "fails" if failed else "holds",
            }
        )
    return pd.DataFrame(found)


def _logs(runs: pd.DataFrame, block: str) -> pd.DataFrame:
    """Return log RD: plane points and widths by numbers of neurons and seeds."""
    place = point(runs)
    known = usable(climbed(runs, [*place, "neurons"]), block)
    return known.assign(log=np.log(known[f"rd_{block}"])).pivot_table("log", [*place, "width"], ["neurons", "seed"])


def _pair(logs: pd.DataFrame, *counts: Any) -> tuple[pd.DataFrame, ...]:
    """Return the columns of each of these numbers of neurons: seeds."""
    return tuple(logs[[count]].droplevel("neurons", axis=1) for count in counts)


def _compared(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return Welch's test of the rows of two tables whose columns are seeds; no row where either has none."""
    both = one.index.intersection(other.index)
    means, parts, dofs = [], [], []
    for table in (one.loc[both], other.loc[both]):
        seeds = table.notna().sum(axis=1)
        means.append(table.mean(axis=1))
        parts.append(table.var(axis=1) / seeds)
        dofs.append(parts[-1] ** 2 / (seeds - 1).where(seeds > 1))
    error = np.sqrt(parts[0] + parts[1])
    found = pd.DataFrame({"difference": means[1] - means[0], "error": error})
    found["dof"] = error**4 / (dofs[0] + dofs[1])
    found["z"] = found["difference"] / error.where(error > 0)
    found["p"] = 2 * special.stdtr(found["dof"], -found["z"].abs())
    return found.dropna(subset="difference")
