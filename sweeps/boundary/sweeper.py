"""A line instead of a grid: points in rounds where an observed value takes a level, repeats where it is uncertain."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import Override
from hydra.errors import CompactHydraException, ConfigCompositionException
from hydra.plugins.launcher import Launcher

from durable.files import read_json, write_json
from front_door.names import called
from sweeps.boundary.points import PointJobs, spanned
from sweeps.folder.submission import STATE_FOLDER
from sweeps.launcher import PackLauncher
from sweeps.planning.refusals import require
from sweeps.status.sweep import DONE, Sweep, located
from sweeps.sweeper import GridSweeper

if TYPE_CHECKING:
    import pandas as pd

    from sweeps.boundary.refine import Level, Line, Observed, Point

__all__ = ["BoundarySweeper", "NoLine"]

ROUND = 8
"""Points of a round, unless it is said, or a few more fill the packs."""

Asked = dict["Point", int]
"""The repeats of every point that is asked for, the first ones first."""


class NoLine(CompactHydraException):
    """The observed value does not take the level in the rectangle; what was computed is kept."""


class BoundarySweeper(GridSweeper):
    """Refines the plane of two keys around the line on which an observed value takes a level: see refine.py.

    What is asked for is in the folder before it is launched, so the same command again goes on with the round that was
    interrupted, and ends with the same points. Points that the folder holds from a grid are known points too, if they
    have all results that the command wants.

    Args:
        job, params, plan, fail_fast: as of a `GridSweeper`.
        observe: the dotted path of a function (folder, column) -> table with a row a point: the last parts of the
            coordinates' keys, value, low, high and repeats. It raises ValueError for a column that it does not know,
            whatever the folder holds, and returns no row for a folder that is not there.
        column: what is observed.
        coordinates: two keys whose values span the rectangle; the line is the first as a function of the second.
        level: the value on the line.
        start: points of the even grid to start from, along each coordinate.
        start_from: the folder of a sweep; its points around the line are started from instead.
        round: points a round.
        precision: half of the interval of the line, along the first coordinate, that is good enough; None: go on until
            a budget is spent.
        points, repeats, minutes: the budgets: points, the start included; repeats of a point; time, after which no
            further round begins.
        repeated: the key of the list that grows by repeats, such as seeds; None: there are no repeats.
    """

    def __init__(
        self,
        job: str,
        observe: str,
        column: str,
        coordinates: Sequence[str],
        level: float = 0.0,
        start: Sequence[int] = (5, 5),
        start_from: str | None = None,
        round: int | None = None,
        precision: float | None = None,
        points: int = 100,
        repeats: int = 32,
        minutes: float | None = None,
        repeated: str | None = None,
        params: dict[str, str] | None = None,
        plan: bool = False,
        fail_fast: bool = False,
    ) -> None:
        super().__init__(job, params, plan, fail_fast)
        require("coordinates", coordinates, _several(coordinates) and len(set(coordinates)) == 2, "two different keys")
        fine = _several(start) and len(start) == 2 and all(_whole(each, 2) for each in start)
        require("start", start, fine, "how many points along each coordinate, 2 or more: [5,5], say")
        require("column", column, isinstance(column, str), "the name of what is observed")
        require("level", level, _number(level), "a number")
        require("round", round, round is None or _whole(round, 1), "an integer, 1 or above, or null")
        positive = precision is None or (_number(precision) and precision > 0)
        require("precision", precision, positive, "a number above 0, or null")
        require("points", points, _whole(points, 4), "4 or above, as the corners of the rectangle are among them")
        require("repeats", repeats, _whole(repeats, 1), "an integer, 1 or above")
        positive = minutes is None or (_number(minutes) and minutes > 0)
        require("minutes", minutes, positive, "a number above 0, or null")
        self._observe, self._column, self._coordinates = _function(observe), column, tuple(coordinates)
        self._level, self._precision, self._repeats = float(level), precision, repeats if repeated else 1
        self._start, self._start_from, self._size = tuple(start), start_from, round
        self._points, self._minutes, self._repeated = points, minutes, repeated

    def sweep(self, arguments: list[str]) -> None:
        """Find the line, round by round.

        Raises:
            ConfigCompositionException: the command or the folder is not allowed; nothing was started.
            NotAllDone: jobs of a round failed or are missing.
            NoLine: the value does not take the level in the rectangle.
        """
        began = time.monotonic()
        parsed = list({each.get_key_element(): each for each in self._parsed(arguments)}.values())
        level, launcher = self._rectangle(parsed), self._launcher()
        _refuse_detached(launcher)
        jobs = PointJobs.of(self._composer, parsed, self._coordinates, self._repeated)
        repeats = len(jobs.repeats) or 1
        corners = dict.fromkeys(level.grid(2, 2), repeats)
        folder = self._planned(jobs.lines(corners), parsed)[0].folder
        known = self._known(folder)  # raises if it does not know the column
        state = folder / STATE_FOLDER / "boundary.json"
        asked = _read(state)
        if not corners.keys() <= asked.keys():  # new, or another rectangle than before
            asked |= {point: repeats for point in self._first(level) if point not in asked}
        others = [point for point in known if level.inside(point) and point not in asked]
        lacking: set[Point] = set()
        if others:
            lacking = self._lacking(others, self._planned(jobs.lines(dict.fromkeys(others, repeats)), parsed)[0])
        if self._plan_only:
            self._tell_plan(self._planned(jobs.lines(asked), parsed)[0], launcher)
            self._print(f"then rounds of {self._round(launcher)} points, {self._points} points in all at most")
            return
        while True:
            sweep, manifest, hydra = self._planned(jobs.lines(asked), parsed)
            self._claim(sweep, manifest)
            write_json(state, {"asked": [[*point, repeats] for point, repeats in asked.items()]})
            with self._summed_up(sweep, if_whole=False):
                self._launch(launcher, sweep, hydra)
            line = self._line(level, folder, lacking - asked.keys())
            here = {point: repeats for point, repeats in asked.items() if level.inside(point)}
            self._tell(line, here)
            further = {} if self._late(began) else self._further(line, here, launcher)
            if not further:
                break
            asked |= further
        with self._summed_up(sweep):
            self._print(self._why(line, here, began))

    def _rectangle(self, parsed: Sequence[Override]) -> Level:
        """Return the level in the rectangle that the command spans."""
        try:
            from sweeps.boundary.refine import Level
        except ImportError as error:
            raise ConfigCompositionException(
                f"hydra/sweeper=boundary needs a package that is missing ({error}): pip install adaptive"
            ) from error
        given = {each.get_key_element(): each for each in parsed}
        several = [key for key, each in given.items() if each.is_sweep_override() and key not in self._coordinates]
        if several:
            raise ConfigCompositionException(
                f"{several[0]} takes several values: hydra/sweeper=boundary refines one plane at a time; give the "
                "command once for each value, each in a folder of its own: hydra.sweep.dir=.."
            )
        x, y = (spanned(key, given.get(key)) for key in self._coordinates)
        return Level((x, y), self._level, self._precision, self._repeats)

    def _first(self, level: Level) -> list[Point]:
        """Return the points of the first round."""
        if self._start_from is None:
            first = level.grid(*self._start)
            require("points", self._points, len(first) <= self._points, f"the start has {len(first)} alone")
            return first
        known = self._known(Path(self._start_from))
        crossed = level.line(known) is not None
        what = (
            f"a sweep in whose points {self._column} crosses {self._level:g} within the rectangle ({len(known)} points)"
        )
        require("start_from", self._start_from, crossed, what)
        return level.around(known)

    def _known(self, folder: Path) -> dict[Point, Observed]:
        from sweeps.boundary.refine import Observed

        try:
            table: pd.DataFrame = self._observe(folder, self._column)
        except ValueError as error:
            raise ConfigCompositionException(str(error)) from error
        places = [key.rpartition(".")[2] for key in self._coordinates]
        if table.empty:
            return {}
        rows = table[[*places, "value", "low", "high", "repeats"]].itertuples(index=False, name=None)
        return {(x, y): Observed(value, (high - low) / 2, int(n)) for x, y, value, low, high, n in rows}

    def _lacking(self, points: Sequence[Point], sweep: Sweep) -> set[Point]:
        """Return which points lack a result that their specs in a sweep want: other widths are another surface."""
        states = {each.name: each.state for each in sweep.look()}
        return {point for point, spec in zip(points, sweep.specs, strict=True) if states[spec.name] != DONE}

    def _line(self, level: Level, folder: Path, but: Set[Point]) -> Line:
        """Return what the folder tells of the line, but for some points."""
        known = {at: each for at, each in self._known(folder).items() if level.inside(at) and at not in but}
        line = level.line(known)
        if line is not None:
            return line
        values = [each.value for each in known.values() if each.value == each.value]
        ranges = zip(self._coordinates, level.bounds, strict=True)
        where = " and ".join(f"{key} in [{low:g}, {high:g}]" for key, (low, high) in ranges)
        if not values:
            raise NoLine(
                f"{self._column} has no value at any point with {where}; {called('analysis')} {folder} says why"
            )
        side = "below" if values[0] < self._level else "not below"
        raise NoLine(
            f"{self._column} is {side} {self._level:g} at all {len(values)} points with {where}: no line to refine. "
            "Widen the ranges; the runs are kept"
        )

    def _late(self, began: float) -> bool:
        return self._minutes is not None and time.monotonic() - began > 60 * self._minutes

    def _further(self, line: Line, asked: Asked, launcher: Launcher) -> Asked:
        """Return what the next round is to compute; nothing at the end."""
        new = line.new(min(self._round(launcher), max(0, self._points - len(asked))))
        wanted = {}
        for point, repeats in line.more().items():
            there = line.known[point].repeats  # fewer than were asked for, where some do not count
            wanted[point] = min(self._repeats, asked.get(point, there) + repeats - there)
        return new | {point: repeats for point, repeats in wanted.items() if repeats > asked.get(point, 0)}

    def _round(self, launcher: Launcher) -> int:
        if self._size is not None:
            return self._size
        return launcher.backend.filled(ROUND) if isinstance(launcher, PackLauncher) else ROUND

    def _tell(self, line: Line, asked: Asked) -> None:
        half, where = line.uncertainty.half, self._where(line)
        known = f"is known to {half:.2g} where it is known least, at" if half < math.inf else "has no interval yet at"
        self._print(
            f"{len(asked)} points, {sum(asked.values())} repeats: the line {self._column} = {self._level:g} "
            f"{known} {where}"
        )

    def _where(self, line: Line) -> str:
        """Return where the line is known least."""
        x, y = line.uncertainty.at
        return f"{self._coordinates[0]}={x:.3g} {self._coordinates[1]}={y:.3g}"

    def _why(self, line: Line, asked: Asked, began: float) -> str:
        """Say why it is over."""
        if line.settled:
            return f"known to hydra.sweeper.precision = {self._precision:g} everywhere"
        if self._late(began):
            return f"hydra.sweeper.minutes = {self._minutes:g} are over; the same command again goes on"
        if len(asked) >= self._points:
            return f"hydra.sweeper.points = {self._points} are spent; more go on from here"
        if line.uncertainty.half == math.inf:
            return (
                f"no interval at {self._where(line)}: of a point there fewer than two repeats count, and more are not "
                "asked for"
            )
        return f"hydra.sweeper.repeats = {self._repeats} are spent where they are needed; more go on from here"


def _several(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _function(path: str) -> Callable[[Path, str], pd.DataFrame]:
    try:
        return located(path, "hydra.sweeper.observe")  # type: ignore[no-any-return]
    except ValueError as error:
        raise ConfigCompositionException(str(error)) from error


def _refuse_detached(launcher: Launcher) -> None:
    if isinstance(launcher, PackLauncher) and launcher.backend.detach:
        raise ConfigCompositionException(
            "hydra.launcher.detach = True is not allowed with hydra/sweeper=boundary: every round needs the values of "
            "the one before. Leave this command running, in tmux, by nohup or as a small job of its own; if it is "
            "killed, the same command again goes on where it was"
        )


def _read(state: Path) -> Asked:
    """Return what was asked for in a folder."""
    return read_json(state, lambda plain: {(x, y): repeats for x, y, repeats in plain["asked"]}) or {}
