"""The report: what was read, what was found, what could not be given, and where it lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from analysis.pipeline import Analysis
from analysis.report.gaps import gaps
from analysis.stats.infinite import Infinite
from analysis.stats.regimes import CRITICAL, REGIMES
from analysis.tables.made import told
from analysis.tables.places import axes, plane_of, point
from analysis.tables.reductions import widest

__all__ = ["report", "show"]


MOST_ROWS = 20
"""Rows of the table of a boundary that are shown, about; boundary.csv has all."""


def report(analysis: Analysis, files: Iterable[Path], label: str = "") -> list[RenderableType]:
    """Return the parts of a report: lines of text and tables."""
    parts: list[RenderableType] = [f"Setting {label}"] if label else []
    parts += _read(analysis)
    parts += _listed("Take care:", [*_cautions(analysis.runs), *analysis.notes])
    parts += ["", *_regimes(analysis)]
    if len(analysis.boundary):
        parts += ["", _boundary(analysis, analysis.block)]
        parts += [part for block in analysis.matrices for part in ("", _boundary(analysis, block))]
    if len(analysis.reductions):
        parts += ["", _reductions(analysis.reductions)]
    if analysis.infinite is not None:
        parts += ["", *_infinite(analysis.infinite, analysis.block)]
    parts += _listed("Could not be given:", gaps(analysis))
    parts += _listed("Files skipped:", analysis.skipped)
    return [*parts, *_listed("Written:", [str(path) for path in files])]


def show(parts: Iterable[RenderableType], console: Console) -> None:
    """Print the parts of a report; lines of text are never broken, so that paths can be copied."""
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str), markup=False, highlight=False)


def _listed(title: str, lines: Sequence[str]) -> list[RenderableType]:
    return ["", title, *(f"  {line}" for line in lines)] if lines else []


def _read(analysis: Analysis) -> list[RenderableType]:
    runs = analysis.runs
    widths = sorted(runs["width"].dropna().unique())
    statuses = runs["status"].value_counts()
    return [
        *filter(None, [told(analysis.exponents)]),
        f"Points {len(analysis.exponents)}, runs {len(runs)}, seeds {runs['seed'].nunique()}, "
        f"widths {', '.join(f'{width:g}' for width in widths)}",
        f"Status: {', '.join(f'{count} {status}' for status, count in statuses.items())}; "
        f"{runs['converged'].sum()} of {len(runs)} runs converged and are used",
        *_failures(runs),
    ]


def _failures(runs: pd.DataFrame) -> list[str]:
    failed = runs[runs["status"] == "failed"]
    reasons = failed["error"].fillna("").map(lambda text: (str(text).strip().splitlines() or ["no reason logged"])[-1])
    points = failed.assign(reason=reasons).drop_duplicates([*point(runs), "reason"])
    return [f"  failed at {count} point(s): {reason}" for reason, count in points["reason"].value_counts().items()]


def _cautions(runs: pd.DataFrame) -> list[str]:
    commits = [commit for commit in runs["commit"].dropna().unique() if commit]
    dirty = runs["dirty"].astype("boolean").fillna(False)
    found = []
    if len(commits) > 1:
        found.append(f"the runs mix {len(commits)} commits of the code: {', '.join(name[:10] for name in commits)}")
    if dirty.any():
        found.append(f"{dirty.sum()} of {len(runs)} runs were made with uncommitted changes of the code")
    found += _mixed(runs)
    widths = {tuple(sorted(each)) for each in runs.groupby(point(runs))["width"].unique()}
    if len(widths) > 1:
        found.append(f"the points have {len(widths)} different lists of widths: their exponents differ by that")
    return found


def _mixed(runs: pd.DataFrame) -> list[str]:
    """Say which code of the user's there is in several versions."""
    if "code" not in runs:
        return []
    versions = Counter(version for code in runs["code"].fillna("") for version in str(code).split())
    named: dict[str, list[str]] = {}
    for version, count in sorted(versions.items()):
        named.setdefault(version.partition("@")[0], []).append(f"{version} ({count} runs)")
    return [f"the runs mix versions of your code: {', '.join(mine)}" for mine in named.values() if len(mine) > 1]


def _regimes(analysis: Analysis) -> list[RenderableType]:
    exponents = analysis.exponents
    critical = (
        f"critical: the interval contains 0 at these widths and lies within +-{CRITICAL:g}; "
        "undetermined: it goes beyond, or there is none."
    )
    return [_regime_table(exponents, "Regimes (points)"), *_agreement(exponents, critical)]


def _regime_table(exponents: pd.DataFrame, title: str) -> Table:
    theories = list(REGIMES[:3]) if exponents["regime_predicted"].ne("").any() else [""]
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    table.add_column("measured", justify="left")
    for theory in theories:
        table.add_column(f"theory: {theory}" if theory else "points", justify="right")
    counts = pd.crosstab(exponents["regime"], exponents["regime_predicted"])
    counts = counts.reindex(index=list(REGIMES), columns=theories, fill_value=0)
    for regime, row in counts.iterrows():
        if row.any():
            table.add_row(str(regime), *(str(count) for count in row))
    return table


def _agreement(exponents: pd.DataFrame, critical: str) -> list[str]:
    determined = exponents[exponents["regime"] != "undetermined"]
    pair = determined.loc[determined["regime_predicted"] != "", ["regime", "regime_predicted"]]
    if exponents["regime_predicted"].eq("").all():
        return [f"No theory is known for these networks, flow and stop; {critical}"]
    if pair.empty:
        return [critical[:1].upper() + critical[1:]]
    same = pair["regime"] == pair["regime_predicted"]
    opposite = pair.isin(["linear", "condensed"]).all(axis=1) & ~same
    return [
        f"Same as the theory ({exponents['theory'].iloc[0]}, infinite width) at {same.sum()} of {len(pair)} points, "
        f"opposite at {opposite.sum()}; {critical}"
    ]


def _boundary(analysis: Analysis, block: str) -> Table:
    rows = analysis.boundaries[block]
    x, y = plane_of(rows).axes
    title = f"Boundary: zero of S_{block} along {x.text}, {analysis.level:.0%} intervals"
    rows = rows.iloc[:: max(1, len(rows) // MOST_ROWS)]
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for column in (y.text, "interpolated", "", "regressed", "", "theory", "seeds"):
        table.add_column(column, justify="right")
    for _, row in rows.iterrows():
        zeros = [text for rule in (f"{x.column}_local", f"{x.column}_regression") for text in _zero(row, rule)]
        theory = "-" if pd.isna(row[f"{x.column}_theory"]) else f"{row[f'{x.column}_theory']:g}"
        table.add_row(f"{row[y.column]:g}", *zeros, theory, _seeds(row))
    return table


def _seeds(row: pd.Series[Any]) -> str:
    fewest, most = row["seeds"], row["seeds_most"]
    return f"{fewest:g}" if fewest == most else f"{fewest:g} to {most:g}"


def _infinite(found: Infinite, block: str) -> list[RenderableType]:
    """Return what virtual widths say: regimes, the zero line on its way, whether the number of neurons matters."""
    exponents = found.exponents
    settled = f"settled at {exponents['settled'].sum()} of {len(exponents)} points"
    known = exponents.dropna(subset=f"S_{block}")
    neurons = " or ".join(str(count) for count in sorted(found.runs["neurons"].unique(), reverse=True))
    top = f", by ladders up to m = {known['width_high'].max():g}" if len(known) else ""
    parts: list[RenderableType] = [
        f"Infinite width{top}, {neurons} neurons: S_{block} has {settled}",
        "",
        _regime_table(exponents, "Regimes at infinite width (points)"),
        *_agreement(
            exponents, f"undetermined: the interval contains 0, and S has not settled or it goes beyond +-{CRITICAL:g}."
        ),
    ]
    if found.zero_line[axes(found.zero_line)[0]].notna().any():
        parts += ["", _approach(found.zero_line, block)]
    return [*parts, "", *(_verdict(row, block) for _, row in found.verdicts.iterrows())]


def _approach(zero_line: pd.DataFrame, block: str) -> Table:
    """Return the zeros less the theory by rows and widths."""
    x, y = axes(zero_line)
    rows = zero_line[y].unique()
    shown = zero_line[zero_line[y].isin(rows[:: max(1, len(rows) // MOST_ROWS)])]
    theory = shown[f"{x}_theory"].notna().any()
    off = shown.assign(off=shown[x] - (shown[f"{x}_theory"] if theory else 0.0))
    shown = off.pivot_table("off", y, "width")
    less = ", less the theory" if theory else ""
    title = f"Zero of S_{block} between neighbouring widths{less}, at the geometric mean of the two"
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for column in (plane_of(zero_line).axes[1].text, *(f"{width:.2g}" for width in shown.columns)):
        table.add_column(column, justify="right")
    for value, row in shown.iterrows():
        table.add_row(f"{value:g}", *("-" if pd.isna(zero) else f"{round(zero, 4) + 0.0:.4f}" for zero in row))
    return table


def _verdict(row: pd.Series[Any], block: str) -> str:
    pair = f"Collapse, {row['neurons']} against {row['against']} neurons"
    if row["verdict"] == "untested":
        known = f"mean difference of log RD_{block} {row['difference']:+.4f}; "
        return f"{pair}: {'' if pd.isna(row['difference']) else known}a test needs two seeds, at the same places"
    return (
        f"{pair}: {row['verdict']}; mean difference of log RD_{block} {row['difference']:+.4f} "
        f"[{row['low']:.4f}, {row['high']:.4f}], {row['tests']} tests, rms z {row['rms_z']:.2f}, "
        f"|z| > 2 at {row['share_beyond_2']:.1%}, {row['failing']} beyond chance"
    )


def _reductions(reductions: pd.DataFrame) -> Table:
    """Return a row for each row of the plane, at the largest widths of its points."""
    x, y = plane_of(reductions).axes
    table = Table(
        title="Reduction: neurons left by merging, at the largest width", box=box.SIMPLE, title_justify="left"
    )
    ends = ("fewest", f"at {x.text}", "most", f"at {x.text}")
    for column in (y.text, "width", "neurons", *ends, "change of the output"):
        table.add_column(column, justify="right")
    for _, row in widest(reductions).groupby(y.column):
        found = row.sort_values("effective_width")[["effective_width", x.column]].to_numpy()[[0, -1]]
        numbers = [f"{number:g}" for number in (*row[[y.column, "width", "neurons"]].max(), *found.flat)]
        table.add_row(*numbers, f"<= {row['reduction_error'].max():.1e}")
    return table


def _zero(row: pd.Series[Any], rule: str) -> tuple[str, str]:
    value, low, high = (row[f"{rule}{end}"] for end in ("", "_low", "_high"))
    interval = f"[{low:.3f}, {high:.3f}]" if pd.notna(low) else ""
    return (f"{value:.3f}" if pd.notna(value) else "-"), interval
