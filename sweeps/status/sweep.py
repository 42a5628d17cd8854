"""A sweep: its jobs as they were submitted, and how every job of it stands, told by the files."""

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
from sweeps.backends import BACKENDS, QUEUED, RUNNING, Backend, Live
from sweeps.folder.spec import JobSpec, merged
from sweeps.folder.submission import LEFT, STATE_FOLDER, Submission, Word, submissions
from sweeps.folder.submission import RUNNING as AT_WORK
from sweeps.job import ERROR_FILE, FAILED, Job
from sweeps.text import again

__all__ = ["DONE", "MISSING", "STATES", "JobStatus", "NoSweepError", "Sweep", "job_class", "located"]

DONE, MISSING = "done", "missing"
STATES = (DONE, RUNNING, QUEUED, FAILED, MISSING)
"""The states of a job: all its results are there; a worker has it; it waits; it raised; nobody has it."""


class NoSweepError(ValueError):
    """A folder holds no sweep."""


@dataclass(frozen=True)
class JobStatus:
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
    """The folder of a sweep, with the jobs that are looked at: all that it holds, or those of one command.

    Args:
        folder: the sweep's.
        specs: those looked at.
        job: the dotted path of what makes jobs of configs; None if the task function is run for one job after another.
        program: how the app is called, python -m condense.
    """

    def __init__(
        self, folder: Path, job: str | None, program: Sequence[str] = (), specs: Sequence[JobSpec] = ()
    ) -> None:
        self.folder, self.job, self.program, self.specs = folder, job, tuple(program), list(specs)
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
    def specs_in(folder: Path) -> list[JobSpec]:
        """Return the specs that a folder holds, none if it is no sweep's."""
        held = _held(folder)
        return [] if held is None else list(held["specs"])

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from adding jobs and submitting in this folder meanwhile."""
        with locked(self.folder / STATE_FOLDER / "lock"):
            yield

    def keep(self) -> None:
        """Add the jobs to those that the folder holds. The lock must be held."""
        plain = [spec.plain() for spec in merged(self.specs_in(self.folder), self.specs)]
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
    def _slowest(self) -> type[Backend]:
        return max((BACKENDS[each.backend] for each in self.submissions), key=lambda backend: backend.patience)

    def live(self) -> dict[tuple[Path, int], str]:
        """Return which packs are queued or running."""
        return {pack: state for backend, mine in self._by_backend() for pack, state in backend.live(mine).items()}

    def cancel(self) -> int:
        """End what is queued or running, and return how many packs were told."""
        return sum(backend.cancel(mine) for backend, mine in self._by_backend())

    def give_up(self) -> None:
        """Take for lost what seems queued or running."""
        handed = {each.folder: each for each in self.submissions}
        for folder, k in self.live():
            word = handed[folder].word(k) or Word.of_nobody()
            handed[folder].say(k, word, phase=LEFT, reason="taken for lost")

    def _by_backend(self) -> list[tuple[type[Backend], list[Submission]]]:
        """Return the backends that something was handed out to, with it."""
        mine: dict[str, list[Submission]] = {}
        for each in self.submissions:
            mine.setdefault(each.backend, []).append(each)
        return [(BACKENDS[kind], handed) for kind, handed in mine.items()]

    def look(self, live: Live | None = None) -> list[JobStatus]:
        """Return how the jobs stand, in the order in which they were given."""
        live = self.live() if live is None else live
        handed = _Handed.of(self.submissions, live)
        wanted: dict[str, set[str]] = {}
        for spec in self.specs:
            wanted.setdefault(spec.name, set()).update(spec.wanted)
        return [self._status(name, keys, handed) for name, keys in wanted.items()]

    def undone(self, statuses: Iterable[JobStatus], states: Iterable[str] = (FAILED, MISSING)) -> list[JobSpec]:
        """Return specs of what jobs in one of these states lack and nobody is to compute, every result in one."""
        shares = self._shares({each.name: each.free for each in statuses if each.state in states})
        return [replace(spec, wanted=keys) for spec, keys in shares]

    @property
    def total(self) -> float:
        """The cost of all that is asked for, in seconds of one worker."""
        wanted: dict[str, set[str]] = {}
        for spec in self.specs:
            wanted.setdefault(spec.name, set()).update(spec.wanted)
        return _cost(self._shares(wanted))

    def left(self, statuses: Iterable[JobStatus]) -> float:
        """Return the cost of the results that are not there, each a like share of its job's."""
        return _cost(self._shares({each.name: each.lacking for each in statuses}))

    def _shares(self, results: Mapping[str, Set[str]]) -> list[tuple[JobSpec, tuple[str, ...]]]:
        """Return the specs of some results, given by job, each with those that no later spec wants."""
        left = {name: set(keys) for name, keys in results.items()}
        shares = []
        for spec in reversed(self.specs):
            mine = tuple(key for key in spec.wanted if key in left.get(spec.name, ()))
            if mine:
                left[spec.name].difference_update(mine)
                shares.append((spec, mine))
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
        return {spec.name: again(self.program, spec.overrides, self.folder) for spec in self.specs}

    def _status(self, name: str, wanted: set[str], handed: _Handed) -> JobStatus:
        held = self._held(name)
        results = Counter(held[key][0] if key in held else MISSING for key in wanted)
        origins = frozenset(held[key][1] for key in wanted if key in held)
        lacking = frozenset(key for key in wanted if held.get(key, (FAILED,))[0] == FAILED)
        free = lacking - handed.live.get(name, {}).keys()
        facts: dict[str, Any] = {"results": results, "origins": origins, "lacking": lacking, "free": free}
        if not lacking:
            return JobStatus(name, DONE, **facts)
        on_its_way = handed.state(name, lacking)
        if on_its_way:
            return JobStatus(name, on_its_way, **facts)
        error = _last_line(self.folder / name / ERROR_FILE)
        if error:
            return JobStatus(name, FAILED, error, **facts)
        return JobStatus(name, MISSING, handed.reason(name), killed=handed.killed(name), **facts)


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
            for spec in each.specs(k) if (each.folder, k) in live else ():
                alive.setdefault(spec.name, {}).update(dict.fromkeys(spec.wanted, live[each.folder, k]))
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


def _cost(shares: Iterable[tuple[JobSpec, Sequence[str]]]) -> float:
    return sum(spec.cost * len(keys) / len(spec.wanted) for spec, keys in shares)


def _held(folder: Path) -> dict[str, Any] | None:
    """Return what a folder's file of jobs holds, None if there is none.

    Raises:
        ValueError: it is damaged, or has a job outside of the folder; the message names it.
    """
    held: dict[str, Any] | None = read_json(
        _file(folder),
        lambda plain: {
            "job": plain["job"],
            "program": plain["program"],
            "specs": [JobSpec.read(each) for each in plain["orders"]],
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
