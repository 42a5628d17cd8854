"""Gaps: what the runs of a sweep cannot tell, why, and what to add."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.pipeline import Analysis
from analysis.stats.exponents import blocks
from analysis.stats.infinite import Infinite
from analysis.tables.places import plain, plane_of
from condense import records

__all__ = ["gaps"]

_FEW = 6


def gaps(analysis: Analysis) -> list[str]:
    """Return a sentence for each thing that could not be given: exponents, intervals, zeros, clusters."""
    exponents, slope = analysis.exponents, f"S_{analysis.block}"
    found = [*_exponent_gaps(analysis.runs, exponents, slope), *_interval_gaps(exponents, slope)]
    if slope in exponents and exponents[slope].notna().any():
        found += _boundary_gaps(analysis.boundary, exponents, slope)
    if exponents["clusters"].isna().all():
        found.append(_without_clusters(analysis.runs))
    return found if analysis.infinite is None else [*found, *_infinite_gaps(analysis.infinite)]


def _without_clusters(runs: pd.DataFrame) -> str:
    if matrices := records.matrices(runs.columns):
        return f"clusters are those of each matrix: --value clusters_{matrices[0]}, over --x and --y"
    return (
        "no cluster counts: no run that converged has any; without clusters among measure.observables, or of networks "
        "of your own, there are none"
    )


def _infinite_gaps(infinite: Infinite) -> list[str]:
    """Return where, and why, S at infinite width is not known."""
    exponents = infinite.exponents
    found = [
        f"at infinite width not settled ({reason}) at {_places(points)}"
        for reason, points in exponents[~exponents["settled"]].groupby("reason", sort=False)
    ]
    cut = exponents[exponents["refused"] != ""]
    if len(cut):
        text = "from the first width at which a run did not converge a ladder is not used (infinite.csv, refused)"
        found.append(f"{text}: {_places(cut)}; more neurons reach farther, e.g. virtual.neurons=[80000,20000]")
    if len(exponents) and exponents["seeds"].max() == 1:
        found.append(
            "one seed: no interval at infinite width and no test of the collapse; add seeds, e.g. seeds=[0,1,2]"
        )
    return found


def _exponent_gaps(runs: pd.DataFrame, exponents: pd.DataFrame, slope: str) -> list[str]:
    without = exponents[exponents[slope].isna()] if slope in exponents else exponents
    if without.empty:
        return []
    if not runs["converged"].any():
        return [
            "no run converged: no exponent; see the status of the runs above "
            "(max_steps is meant where flow.stop is 0; what was seen on the way is drawn)"
        ]
    if not blocks(runs):
        return ["no exponent: relative changes were not measured; add relative_change to measure.observables"]
    if len(runs["width"].unique()) == 1:
        return ["one width: no exponent; add widths, e.g. widths=[500,1000,2000]"]
    return [f"no exponent at {_places(without)}: no seed there has two converged widths"]


def _interval_gaps(exponents: pd.DataFrame, slope: str) -> list[str]:
    if slope not in exponents:
        return []
    single = exponents[exponents[slope].notna() & (exponents["method"] == "none")]
    if single.empty:
        return []
    advice = "no interval and no regime; add seeds, e.g. seeds=[0,1,2]"
    return [f"one seed{'' if len(single) == len(exponents) else ' at ' + _places(single)}: {advice}"]


def _boundary_gaps(boundary: pd.DataFrame, exponents: pd.DataFrame, slope: str) -> list[str]:
    if boundary.empty:
        x, y = plane_of(boundary).axes
        return [f"no boundary: no two plain plane points share a {y.text}; add {x.text}s to a row"]
    if boundary["interpolation"].notna().any():
        return _line_gaps(boundary, slope)
    return [reason for _, row in boundary.iterrows() for reason in _row_gaps(row, exponents, slope)]


def _line_gaps(boundary: pd.DataFrame, slope: str) -> list[str]:
    x, y = plane_of(boundary).axes
    outside = boundary.loc[boundary[f"{x.column}_local"].isna(), y.column]
    told = f"{slope} is not zero between the points at {y.text} = {_listed(outside)}; widen {x.text}"
    found = [told] if len(outside) else []
    if boundary[f"{x.column}_local_low"].isna().all():
        found.append("no interval of the line: points beside it have one seed; add seeds, e.g. seeds=[0,1,2]")
    return found


def _listed(values: pd.Series[float]) -> str:
    texts = [f"{value:g}" for value in values]
    return ", ".join(texts) if len(texts) <= _FEW else f"{texts[0]}, .. {texts[-1]} ({len(texts)} values)"


def _row_gaps(row: pd.Series[Any], exponents: pd.DataFrame, slope: str) -> list[str]:
    x, y = plane_of(exponents).axes
    name = f"{y.text} = {row[y.column]:g}"
    cells = exponents[(exponents[y.column] == row[y.column]) & plain(exponents)]
    span = f"{x.text} = {cells[x.column].min():g} and {cells[x.column].max():g}"
    if pd.isna(row[f"{x.column}_local"]):
        side = "larger" if (cells[slope].dropna() < 0).all() else "smaller"
        return [f"{name}: {slope} does not rise through zero between {span}; add {side} {x.text}s"]
    rules = {f"{x.column}_local": "interpolation", f"{x.column}_regression": "regression"}
    found = []
    if pd.isna(row[f"{x.column}_regression"]):
        found.append(f"{name}: the line regressed over |{slope}| < 0.5 has no root between {span}")
    for rule, word in rules.items():
        if row["seeds_most"] > 1 and pd.notna(row[rule]) and pd.isna(row[f"{rule}_low"]):
            found.append(f"{name}: no interval by {word}, a cell that it is made of has one seed; add seeds there")
    return found


def _places(points: pd.DataFrame) -> str:
    x, y = plane_of(points).axes
    pairs = [f"({here:g}, {there:g})" for here, there in points[[x.column, y.column]].to_numpy()]
    more = f" and {len(pairs) - _FEW} more points" if len(pairs) > _FEW else ""
    return f"({x.text}, {y.text}) = {', '.join(pairs[:_FEW])}{more}"
