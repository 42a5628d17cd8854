"""Bounds: counts of directions that are at least, or about, what the rule counts, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

__all__ = ["bounds", "flags", "sign"]

MEANINGS: Mapping[str, str] = {
    "≥": "the count stopped at its cap",
    "≈": "about, as not every neuron was tried as a centre, or as the records do not say",
}


def sign(capped: bool, exact: bool) -> str:
    """Return what is written before a count: "≥" if it stopped at its cap, "≈" if it is not exact, else nothing.

    >>> f"{sign(capped=False, exact=False)}{12}"
    '≈12'
    """
    return "≥" if capped else "" if exact else "≈"


def flags(table: pd.DataFrame, count: str = "clusters") -> pd.DataFrame:
    """Return which counts of a table stopped at their cap and which are exact: `capped` and `exact`, without NA.

    A count is exact only if it says so: records from before this was logged do not tell. Where nothing was counted
    there is nothing to say.
    """
    counted = table[count].notna() if count in table else pd.Series(False, index=table.index)
    told = table.reindex(columns=[f"{count}_capped", f"{count}_exact"]).astype("boolean").fillna(False).astype(bool)
    capped, exact = (told[name] for name in told)
    return pd.DataFrame({"capped": capped & counted, "exact": exact | ~counted})


def bounds(known: pd.DataFrame) -> tuple[pd.Series[str], str]:
    """Return what is written before each count, given `flags`, and what these signs mean, "" without any."""
    signs = pd.Series(list(map(sign, known["capped"], known["exact"])), index=known.index, dtype=object)
    return signs, "; ".join(f"{mark}: {meaning}" for mark, meaning in MEANINGS.items() if signs.eq(mark).any())
