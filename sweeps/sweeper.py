"""A grid of jobs: planned and checked as a whole, launched where results are missing, summed up from the files."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import CompactHydraException, ConfigCompositionException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict
from rich.console import Console

from durable.folders import refuse_unusable
from durable.manifest import Manifest
from front_door.text import quoted
from sweeps.backends import QUEUED, RUNNING
from sweeps.backends.packing import describe
from sweeps.job import ERROR_FILE, FAILED, Job
from sweeps.launcher import PackLauncher
from sweeps.planning.plan import Composer, Planned, swept_keys
from sweeps.planning.refusals import refuse_empty, refuse_idle, refuse_shared, refuse_taken, require
from sweeps.status import summary
from sweeps.status.progress import watched
from sweeps.status.sweep import DONE, Sweep, job_class
from sweeps.text import program

__all__ = ["GridSweeper"]


class NotAllDone(CompactHydraException):
    """Some jobs of a sweep raised, or did not come to their end."""


class GridSweeper(Sweeper):
    """The grids of Hydra's basic sweeper, except that it

    * checks every job of the grid before the first one starts, and refuses a folder with other settings;
    * gives every job its own folder by what it is, without a time stamp, so that the same command again computes only
      what is missing;
    * shows the progress and ends with a summary, read from the files, also when a job raised.

    Args:
        job: the dotted path of what makes jobs of configs (see sweeps/job.py).
        params: key: values, as on the command line.
        plan: tell what would be launched, and launch nothing.
        fail_fast: tell what runs to save and leave once a job has failed.
    """

    def __init__(
        self, job: str, params: dict[str, str] | None = None, plan: bool = False, fail_fast: bool = False
    ) -> None:
        for key, value in {"plan": plan, "fail_fast": fail_fast}.items():
            require(key, value, isinstance(value, bool), "true or false")
        self._job, self._params, self._plan_only, self._fail_fast = job, params or {}, plan, fail_fast
        self._console = Console()

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra hands over; the launcher is made when the folder is known.

        Raises:
            ConfigCompositionException: a setting of Hydra's that has no effect here.
        """
        refuse_idle(config.hydra)
        self._context, self._config, self._task_function = hydra_context, config, task_function

    def sweep(self, arguments: list[str]) -> None:
        """Run the grid of the command line and the config's params.

        Raises:
            ConfigCompositionException: a job's config or the folder is not allowed; nothing was started.
            NotAllDone: not all results are there at the end.
        """
        parsed = self._parsed(arguments)
        refuse_empty(parsed)
        [grid] = BasicSweeper.split_arguments(parsed, None)
        sweep, manifest, hydra = self._planned(grid, parsed)
        launcher = self._launcher()
        if self._plan_only:
            self._tell_plan(sweep, launcher)
            return
        self._claim(sweep, manifest)
        self._tell_start(sweep)
        if isinstance(launcher, PackLauncher) and launcher.backend.detach:
            launcher.run(sweep, hydra, self._fail_fast)
        else:
            with self._summed_up(sweep):
                self._launch(launcher, sweep, hydra)

    def _parsed(self, arguments: Sequence[str]) -> list[Override]:
        """Return the overrides of the config's params and the command line."""
        return self._composer.parse([*(f"{key}={value}" for key, value in self._params.items()), *arguments])

    @functools.cached_property
    def _composer(self) -> Composer:
        return Composer(self._context.config_loader, self._config)

    def _claim(self, sweep: Sweep, manifest: Manifest) -> None:
        """Write into the folder what its jobs share and their specs."""
        try:
            with sweep.locked():
                manifest.claim(sweep.folder, job_class(self._job).accepting)
                sweep.keep()
        except ValueError as error:
            raise ConfigCompositionException(str(error)) from error

    def _launch(self, launcher: Launcher, sweep: Sweep, hydra: Mapping[str, Any]) -> None:
        if isinstance(launcher, PackLauncher):
            launcher.run(sweep, hydra, self._fail_fast)
        else:
            self._launch_by_hydra(launcher, sweep)

    @contextlib.contextmanager
    def _summed_up(self, sweep: Sweep, if_whole: bool = True) -> Iterator[None]:
        """End with a summary, however the body ends; raise NotAllDone if results are missing.

        Args:
            if_whole: whether a sweep that has all its results is summed up too.
        """
        try:
            yield
        finally:
            statuses = sweep.look()
            counts = Counter(each.state for each in statuses)
            if if_whole or counts[DONE] < len(statuses):
                summary.show(sweep.folder, statuses, sweep.commands(), self._console)
        if counts[DONE] < len(statuses):
            traces = f", and {ERROR_FILE} in the folders of those that failed" if counts[FAILED] else ""
            missing = len(statuses) - counts[DONE] - counts[FAILED]
            raise NotAllDone(
                f"{counts[FAILED]} of {len(statuses)} jobs failed, {missing} are missing: see above{traces}"
            )

    def _launch_by_hydra(self, launcher: Launcher, sweep: Sweep) -> None:
        """Launch with a launcher of Hydra's, which knows nothing of sweep folders."""
        where = f"hydra.sweep.dir={quoted(sweep.folder)}"
        lines = [
            [*spec.overrides, where, f"hydra.sweep.subdir={quoted(spec.name)}"] for spec in sweep.undone(sweep.look())
        ]
        if lines:
            with watched(lambda: sweep.left(sweep.look()), sweep.total, self._console):
                launcher.launch(lines, initial_job_idx=0)

    def _launcher(self) -> Launcher:
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self._context, task_function=self._task_function, config=self._config
        )
        possible = isinstance(launcher, PackLauncher) or not self._fail_fast
        require("fail_fast", self._fail_fast, possible, "hydra/launcher=local or slurm, which can stop what runs")
        return launcher

    def _tell_start(self, sweep: Sweep) -> None:
        counts = Counter(each.state for each in sweep.look())
        others = counts[QUEUED] + counts[RUNNING]
        also = f", {others} queued or running already" if others else ""
        self._print(f"{sweep.folder}: {counts.total()} points, {counts[DONE]} of them complete already{also}")

    def _tell_plan(self, sweep: Sweep, launcher: Launcher) -> None:
        self._tell_start(sweep)
        todo = sweep.undone(sweep.look())
        packs = launcher.backend.fitted(todo).packs(todo) if isinstance(launcher, PackLauncher) else [todo]
        self._print(f"to compute: {describe(packs)}; nothing was launched" if todo else "nothing to compute")

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def _planned(
        self, grid: Sequence[Sequence[str]], parsed: Sequence[Override]
    ) -> tuple[Sweep, Manifest, Mapping[str, Any]]:
        """Return the sweep of these jobs, what they share, and of Hydra's own config too; every job is checked.

        Args:
            grid: the overrides of each job.
            parsed: those of the command, which say what is swept.
        """
        composed = [self._composer.compose(lines) for lines in grid]
        make = job_class(self._job)
        try:
            jobs = [make(each.config) for each in composed]
            folder, manifest = self._manifest(jobs, parsed)
            planned = [
                Planned(tuple(lines), ",".join([job.name, *_labels(lines, manifest.swept)]), job, each)
                for lines, job, each in zip(grid, jobs, composed, strict=True)
            ]
            once = {(each.name, *each.job.wanted): each for each in planned}.values()
            refuse_shared(once, manifest.swept)
            refuse_taken(once, Sweep.specs_in(folder), manifest.swept)
            specs = [each.spec(number) for number, each in enumerate(once)]
        except ValueError as error:
            raise ConfigCompositionException(str(error)) from error
        sweep = Sweep(folder, self._job, program(), specs)
        return sweep, manifest, composed[0].hydra

    def _manifest(self, jobs: Sequence[Job], parsed: Sequence[Override]) -> tuple[Path, Manifest]:
        """Return the folder of the sweep, and what its jobs share."""
        swept = {key for key in swept_keys(parsed) if key not in jobs[0].named_by}
        folder = self._folder(_shared(jobs[0], swept))
        refuse_unusable("hydra.sweep.dir", folder)
        held = Manifest.held(folder)
        if held is not None:  # a job of a sweep run again by itself has one value of a swept key
            swept |= {override.get_key_element() for override in parsed} & set(held.swept)
        manifest, *others = (_shared(job, swept) for job in jobs)
        for other in others:
            manifest.agree(other, "the jobs of this command differ in more than the keys swept")
        manifest = replace(manifest, sources={name: code for job in jobs for name, code in job.sources.items()})
        manifest.check(folder, jobs[0].accepting)
        return folder, manifest

    def _folder(self, manifest: Manifest) -> Path:
        """Return the folder that the config names; a grid without an experiment has one by its settings."""
        hydra = self._config.hydra
        chosen = any(str(line).lstrip("+").startswith("hydra.sweep.dir=") for line in hydra.overrides.hydra)
        if chosen or hydra.runtime.choices.get("experiment"):
            return Path(hydra.sweep.dir)
        folder = Path(hydra.sweep.dir).parent / f"grid_{manifest.digest}"
        with open_dict(self._config):
            hydra.sweep.dir = str(folder)
        return folder


def _shared(job: Job, swept: Collection[str]) -> Manifest:
    """Return what a job shares with all others of a sweep: what follows from a swept key is left out."""
    following = {name for key in swept for name in job.follows.get(key, ())}
    return Manifest.of({name: value for name, value in job.settings.items() if name not in following}, swept)


def _labels(lines: Sequence[str], swept: Sequence[str]) -> list[str]:
    """Return what tells this job from others besides its place: "activation=relu" for network.activation=relu."""
    values = dict(line.lstrip("+").split("=", 1) for line in lines)
    return [f"{key.rpartition('.')[2]}={values[key]}".replace("/", "_") for key in swept]
