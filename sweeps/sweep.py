"""A sweep: what was ordered in a folder, and how every job of it stands, told by the files."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from durable.files import locked, read_json, write_json
from sweeps import alone
from sweeps.job import ERROR_FILE, FAILED, Job
from sweeps.order import Order, merged
from sweeps.sites import QUEUED, RUNNING, SITES, Live, Site
from sweeps.submission import LEFT, STATE_FOLDER, Submission, Word, submissions
from sweeps.submission import RUNNING as AT_WORK
from sweeps.text import again

__all__ = ["DONE", "MISSING", "STATES", "NoSweepError", "Standing", "Sweep", "job_class", "located"]

DONE, MISSING = "done", "missing"
STATES = (DONE, RUNNING, QUEUED, FAILED, MISSING)
"""The states of a job: all its results are there; a worker has it; it waits; it raised; nobody has it."""


class NoSweepError(ValueError):
    """A folder holds no sweep."""


@dataclass(frozen=True)
class Standing:
    """How a job stands."""

    name: str
    state: str
    reason: str = ""
    results: Counter[str] = field(default_factory=Counter)
    origins: frozenset[str] = frozenset()
    lacking: frozenset[str] = frozenset()  # the results that are missing or failed
    free: frozenset[str] = frozenset()  # those of them that nobody is to compute
    killed: bool = False  # its last worker ended without a word


class Sweep:
    """The folder of a sweep, with the orders that are looked at: all that it holds, or those of one command.

    Args:
        folder: the sweep's.
        orders: those looked at.
        job: the dotted path of what makes jobs of configs; None if the task function is run for one job after another.
        program: how the app is called, python -m condense.
    """

    def __init__(
        self, folder: Path, job: str | None, program: Sequence[str] = (), orders: Sequence[Order] = ()
    ) -> None:
        self.folder, self.job, self.program, self.orders = folder, job, tuple(program), list(orders)
        self._seen: dict[str, tuple[int, Mapping[str, tuple[str, str]]]] = {}

    @classmethod
    def open(cls, folder: Path) -> Sweep:
        """Return the sweep of a folder.

        Raises:
            NoSweepError: there is none.
        """
        held = _held(folder)
        if held is None:
            raise NoSweepError(
                f"{folder} holds no sweep ({_file(folder)} is missing): name the folder that a launch printed, "
                "such as multirun/quickstart"
            )
        return cls(folder, **held)

    @staticmethod
    def ordered(folder: Path) -> list[Order]:
        """Return the orders that a folder holds, none if it is no sweep's."""
        held = _held(folder)
        return [] if held is None else list(held["orders"])

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from ordering and submitting in this folder meanwhile."""
        with locked(self.folder / STATE_FOLDER / "lock"):
            yield

    def keep(self) -> None:
        """Add the orders to those that the folder holds. The lock must be held."""
        plain = [order.plain() for order in merged(self.ordered(self.folder), self.orders)]
        write_json(_file(self.folder), {"job": self.job, "program": self.program, "orders": plain})

    @property
    def submissions(self) -> list[Submission]:
        """What was submitted in this folder, the oldest first."""
        return submissions(self.folder)

    @property
    def patience(self) -> float:
        """Seconds between two looks at what lives: a queue is not to be asked too often."""
        return self._slowest.patience

    def pause(self) -> None:
        """Return when it is time to look again at what lives."""
        self._slowest.pause()

    @property
    def _slowest(self) -> type[Site]:
        return max((SITES[each.site] for each in self.submissions), key=lambda site: site.patience)

    def live(self) -> dict[tuple[Path, int], str]:
        """Return which packs are queued or running."""
        return {pack: state for site, mine in self._by_site() for pack, state in site.live(mine).items()}

    def cancel(self) -> int:
        """End what is queued or running, and return how many packs were told."""
        return sum(site.cancel(mine) for site, mine in self._by_site())

    def give_up(self) -> None:
        """Take for lost what seems queued or running."""
        handed = {each.folder: each for each in self.submissions}
        for folder, k in self.live():
            word = handed[folder].word(k) or Word.of_nobody()
            handed[folder].say(k, word, phase=LEFT, reason="taken for lost")

    def _by_site(self) -> list[tuple[type[Site], list[Submission]]]:
        """Return the sites that something was handed out to, with it."""
        mine: dict[str, list[Submission]] = {}
        for each in self.submissions:
            mine.setdefault(each.site, []).append(each)
        return [(SITES[kind], handed) for kind, handed in mine.items()]

    def look(self, live: Live | None = None) -> list[Standing]:
        """Return how the jobs stand, in the order in which they were ordered."""
        live = self.live() if live is None else live
        handed = _Handed.of(self.submissions, live)
        wanted: dict[str, set[str]] = {}
        for order in self.orders:
            wanted.setdefault(order.name, set()).update(order.wanted)
        return [self._standing(name, keys, handed) for name, keys in wanted.items()]

    def undone(self, standings: Iterable[Standing], states: Iterable[str] = (FAILED, MISSING)) -> list[Order]:
        """Return orders of what jobs in one of these states lack and nobody is to compute, every result in one."""
        shares = self._shares({each.name: each.free for each in standings if each.state in states})
        return [replace(order, wanted=keys) for order, keys in shares]

    @property
    def total(self) -> float:
        """The cost of all that is ordered, in seconds of one worker."""
        wanted: dict[str, set[str]] = {}
        for order in self.orders:
            wanted.setdefault(order.name, set()).update(order.wanted)
        return _cost(self._shares(wanted))

    def left(self, standings: Iterable[Standing]) -> float:
        """Return the cost of the results that are not there, each a like share of its order's."""
        return _cost(self._shares({each.name: each.lacking for each in standings}))

    def _shares(self, results: Mapping[str, Set[str]]) -> list[tuple[Order, tuple[str, ...]]]:
        """Return the orders of some results, given by job, each with those that no later order wants."""
        left = {name: set(keys) for name, keys in results.items()}
        shares = []
        for order in reversed(self.orders):
            mine = tuple(key for key in order.wanted if key in left.get(order.name, ()))
            if mine:
                left[order.name].difference_update(mine)
                shares.append((order, mine))
        return shares[::-1]

    def _held(self, name: str) -> Mapping[str, tuple[str, str]]:
        """Return what a job's folder holds, read again only if the folder has changed."""
        folder = self.folder / name
        written = folder.stat().st_mtime_ns if folder.exists() else 0
        if name not in self._seen or self._seen[name][0] != written:
            self._seen[name] = written, job_class(self.job).held(folder)
        return self._seen[name][1]

    def commands(self) -> dict[str, str]:
        """Return what runs a job by itself again, by its name."""
        return {order.name: again(self.program, order.overrides, self.folder) for order in self.orders}

    def _standing(self, name: str, wanted: set[str], handed: _Handed) -> Standing:
        held = self._held(name)
        results = Counter(held[key][0] if key in held else MISSING for key in wanted)
        origins = frozenset(held[key][1] for key in wanted if key in held)
        lacking = frozenset(key for key in wanted if held.get(key, (FAILED,))[0] == FAILED)
        free = lacking - handed.live.get(name, {}).keys()
        facts: dict[str, Any] = {"results": results, "origins": origins, "lacking": lacking, "free": free}
        if not lacking:
            return Standing(name, DONE, **facts)
        on_its_way = handed.state(name, lacking)
        if on_its_way:
            return Standing(name, on_its_way, **facts)
        error = _last_line(self.folder / name / ERROR_FILE)
        if error:
            return Standing(name, FAILED, error, **facts)
        return Standing(name, MISSING, handed.reason(name), killed=handed.killed(name), **facts)


@dataclass(frozen=True)
class _Handed:
    """Who has which job, or had it last."""

    live: Mapping[str, Mapping[str, str]]  # by job and result
    last: Mapping[str, tuple[Submission, int]]

    @classmethod
    def of(cls, handed: Sequence[Submission], live: Live) -> _Handed:
        packs = [(each, k, names) for each in handed for k, names in enumerate(each.packs)]
        alive: dict[str, dict[str, str]] = {}
        for each, k, _ in packs:
            for order in each.orders(k) if (each.folder, k) in live else ():
                alive.setdefault(order.name, {}).update(dict.fromkeys(order.wanted, live[each.folder, k]))
        return cls(alive, {name: (each, k) for each, k, names in packs for name in names})

    def state(self, name: str, missing: Iterable[str]) -> str | None:
        """Return whether these results of a job are all on their way: running, or queued."""
        alive = self.live.get(name, {})
        states = {alive.get(key) for key in missing}
        if None in states or not states:
            return None
        return RUNNING if RUNNING in states else QUEUED

    def killed(self, name: str) -> bool:
        """Whether the last worker on a job ended without a word."""
        word = self.last[name][0].word(self.last[name][1]) if name in self.last else None
        return word is not None and word.phase == AT_WORK

    def reason(self, name: str) -> str:
        """Return why nobody has a job."""
        if name not in self.last:
            return "not submitted"
        submission, k = self.last[name]
        word = submission.word(k)
        if word is None and submission.failed is not None:
            return submission.stopped
        if word is None:
            return f"submitted as {submission.folder.name}/{k:03d}, and gone before it started"
        if word.phase == AT_WORK:
            return f"its worker was killed on {word.host} (out of memory? see the logs in {submission.folder})"
        return word.reason or f"its worker {word.phase}, see the logs in {submission.folder}"


def job_class(path: str | None) -> type[Job]:
    """Return what a config's `job` names; without one, jobs are calls of the task function."""
    if path is None:
        return alone.TaskCall
    return located(path, "job")  # type: ignore[no-any-return]


def located(path: str, key: str) -> Any:
    """Return the object that a config key names by a dotted path.

    Raises:
        ValueError: there is none, or its module raises when it is imported.
    """
    try:
        return resolve_name(path)
    except Exception as error:
        raise ValueError(
            f"{key} = {path!r} cannot be imported ({type(error).__name__}: {error}): a dotted path, "
            "package.module.name, that lies in the folder you start from or is installed"
        ) from error


def _cost(shares: Iterable[tuple[Order, Sequence[str]]]) -> float:
    return sum(order.cost * len(keys) / len(order.wanted) for order, keys in shares)


def _held(folder: Path) -> dict[str, Any] | None:
    """Return what a folder's file of orders holds, None if there is none.

    Raises:
        ValueError: it is damaged, or orders something outside of the folder; the message names it.
    """
    held: dict[str, Any] | None = read_json(
        _file(folder),
        lambda plain: {
            "job": plain["job"],
            "program": plain["program"],
            "orders": [Order.read(each) for each in plain["orders"]],
        },
    )
    return held


def _file(folder: Path) -> Path:
    return folder / STATE_FOLDER / "orders.json"


def _last_line(path: Path) -> str:
    """Return the last line of a traceback, the kind of error without the modules that it is from."""
    try:
        line = (path.read_text().strip().splitlines() or ["no message"])[-1]
    except FileNotFoundError:
        return ""
    return re.sub(r"^(\w+\.)+(?=\w+:)", "", line)
