"""The way from a sweep folder to its results: collect, exponents, boundary."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from analysis.snapshots import located
from analysis.stats.boundary import Boundary
from analysis.stats.exponents import Exponents, LocalSlopes, blocks, seed_slopes
from analysis.stats.infinite import Infinite, infinite_width, main_runs
from analysis.stats.intervals import Interval
from analysis.stats.levels import LossExponents
from analysis.stats.regimes import order_parameter
from analysis.tables.collect import Collection, SweepError, collect
from analysis.tables.configured import configured_level, configured_losses
from analysis.tables.reductions import reductions
from analysis.tables.settings import by_setting
from condense import records
from condense.theory import behind

__all__ = ["Analysis", "analyse", "analyses"]


@dataclass(frozen=True)
class Analysis:
    """The results of one setting of a sweep.

    Virtual runs have their results in `infinite`; all others are of the real runs alone. Where there are none, they
    are of the virtual runs by the largest number of neurons.

    Attributes:
        runs: Every record that was read, a row a run.
        exponents: S of each block with interval, prediction and regime, a row a plane point.
        boundaries: The zeros of S of each block along each row of the plane, a row per y, gamma' say.
        local_slopes: S between neighbouring widths, a row per plane point and pair of widths.
        exponents_by_loss: S where the loss has fallen to shares of its first value, a row per plane point, share and
            pair of widths; no row if no share was asked for.
        reductions: How few neurons are left by merging, a row per plane point and width whose runs were reduced.
        level: The confidence level of all intervals.
        skipped: The files that could not be read, with the reason.
        notes: What else a reader must know of the records.
        snapshots: The files of weights that runs kept on their way, see `analysis.snapshots.snapshots`.
        infinite: What virtual widths say of infinite width, None without any.
        swept: The columns of the keys that the sweep varies besides the place on the plane.
    """

    runs: pd.DataFrame
    exponents: pd.DataFrame
    boundaries: Mapping[str, pd.DataFrame]
    local_slopes: pd.DataFrame
    reductions: pd.DataFrame
    exponents_by_loss: pd.DataFrame = field(default_factory=pd.DataFrame)
    level: float = 0.9
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    snapshots: pd.DataFrame = field(default_factory=pd.DataFrame)
    infinite: Infinite | None = None
    swept: tuple[str, ...] = ()

    @property
    def block(self) -> str:
        """The block of parameters whose exponent decides the regime, see `analysis.stats.regimes.order_parameter`."""
        return order_parameter(blocks(self.runs))

    @property
    def boundary(self) -> pd.DataFrame:
        """The zeros of the exponent that decides the regime."""
        return self.boundaries[self.block]

    @property
    def matrices(self) -> list[str]:
        """The other matrices of weights whose boundary is told beside it, of networks of three layers or more."""
        known = behind(self.runs).plane.blocks if behind(self.runs) else ()
        hidden = [block for block in known if block in self.boundaries and block[1:].isdigit()]
        return [block for block in hidden if block != self.block]

    @functools.cached_property
    def curves(self) -> pd.DataFrame:
        """What was measured of the runs on their way, a row a moment; no row if they were not looked at."""
        return records.curves(self.runs)


def analyses(folder: Path | str, level: float | None = None) -> dict[str, Analysis]:
    """Return the results of each setting that a sweep folder holds, by label; one setting has the label "".

    Without a level the intervals have the one of the sweep's config, measure.level, 0.9 by default.

    Raises:
        SweepError: the folder is missing, is no sweep, or has no readable record.
        ValueError: the level is not between 0 and 1.
    """
    interval = Interval(configured_level(folder) if level is None else level)
    collection = collect(folder)
    found, skipped = located(collection.runs, collection.folders)
    collection = replace(collection, skipped=(*collection.skipped, *skipped))
    settings = by_setting(collection.runs, collection.swept)
    losses = configured_losses(folder)
    return {label: _results(runs, interval, collection, found, losses) for label, runs in settings.items()}


def analyse(folder: Path | str, level: float | None = None) -> Analysis:
    """Return the results of a sweep folder: exponents, regimes, boundary, with intervals at this level.

    Raises:
        SweepError: as `analyses`; also if the folder mixes several settings, such as two activations.
        ValueError: the level is not between 0 and 1.
    """
    found = analyses(folder, level)
    if len(found) > 1:
        raise SweepError(f"{folder}: mixes the settings {'; '.join(found)}: use analysis.analyses(folder)")
    return next(iter(found.values()))


def _results(
    runs: pd.DataFrame,
    interval: Interval,
    collection: Collection,
    snapshots: pd.DataFrame,
    losses: tuple[float, ...],
) -> Analysis:
    virtual, runs = runs[runs["virtual"]], main_runs(runs)
    infinite = infinite_width(virtual, interval) if len(virtual) else None
    theory = behind(runs)
    decides = order_parameter(blocks(runs))
    boundaries = {
        block: Boundary(interval, block, theory)(seed_slopes(runs, block)) for block in {decides, *blocks(runs)}
    }
    return Analysis(
        runs=runs,
        exponents=Exponents(interval)(runs),
        boundaries=boundaries,
        local_slopes=LocalSlopes(interval)(runs),
        reductions=reductions(runs),
        exponents_by_loss=LossExponents(interval)(records.curves(runs), losses),
        level=interval.level,
        skipped=collection.skipped,
        notes=collection.notes,
        snapshots=snapshots[snapshots["key"].isin(runs["key"])].reset_index(drop=True),
        infinite=infinite,
        swept=collection.swept,
    )
