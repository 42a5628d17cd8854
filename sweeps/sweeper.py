"""A grid of jobs: planned and checked as a whole, launched where results are missing, summed up from the files."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException, ConfigCompositionException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict
from rich.console import Console

from sweeps.job import ERROR_FILE, Job, MakeJob
from sweeps.manifest import Manifest, OtherSweepError
from sweeps.plan import Composer, Planned, quoted, swept_keys
from sweeps.progress import watched
from sweeps.summary import summarise

__all__ = ["GridSweeper"]

PROGRAM = "python -m condense"


class JobsFailed(CompactHydraException):
    """Some jobs of a sweep raised."""


class GridSweeper(BasicSweeper):
    """Hydra's basic sweeper, except that it

    * checks every job of the grid before the first one starts, and refuses a folder with other settings;
    * gives every job its own folder by what it is, without a time stamp, so that the same command again computes only
      what is missing;
    * shows the progress and ends with a summary, read from the files, also when a job raised.
    """

    def __init__(self, job: str, params: dict[str, str] | None = None) -> None:
        super().__init__(None, params)
        self._make_job = _locate(job)
        self._console = Console()

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra hands over; the launcher is made when the folder is known."""
        self._context, self._config, self._task_function = hydra_context, config, task_function

    def sweep(self, arguments: list[str]) -> Any:
        """Run the grid of the command line and the config's params.

        Raises:
            ConfigCompositionException: a job's config or the folder is not allowed; nothing was started.
        """
        folder, planned = self._plan(arguments)
        todo = [each for each in planned if not each.complete]
        self._console.print(
            f"{folder}: {len(planned)} points, {len(planned) - len(todo)} of them complete already",
            highlight=False,
            soft_wrap=True,
        )
        try:
            with watched(todo, len(planned) - len(todo), self._console):
                returns = self._launch(todo) if todo else []
        finally:
            summarise(folder, planned, PROGRAM).show(self._console)
        self._tell_failures(returns)
        return returns

    @staticmethod
    def _tell_failures(returns: Sequence[JobReturn]) -> None:
        """Raise if a job raised; the summary has told which, and their tracebacks are in their folders."""
        failed = [each for each in returns if each.status is JobStatus.FAILED]
        if failed:
            raise JobsFailed(
                f"{len(failed)} of {len(returns)} jobs failed: see above, and {ERROR_FILE} in their folders"
            )

    def _plan(self, arguments: list[str]) -> tuple[Path, list[Planned]]:
        composer = Composer(self._context.config_loader, self._config, self._make_job)
        parsed = composer.parse([*self._parse_config(), *arguments])
        [grid] = self.split_arguments(parsed, None)
        jobs = [composer.job(lines) for lines in grid]
        try:
            folder, swept = self._claim(jobs, parsed)
        except OtherSweepError as error:
            raise ConfigCompositionException(str(error)) from error
        planned = {}
        for job, lines in zip(jobs, grid, strict=True):
            place = folder / ",".join([job.name, *_labels(lines, swept)])
            planned[place] = Planned(tuple(lines), place, job)
        return folder, list(planned.values())

    def _claim(self, jobs: Sequence[Job], parsed: Sequence[Override]) -> tuple[Path, tuple[str, ...]]:
        """Return the folder of the sweep, its own from here on, and the keys that vary in it besides the place."""
        swept = {key for key in swept_keys(parsed) if key not in jobs[0].named_by}
        folder = self._folder(Manifest.of(jobs[0].settings, swept))
        held = Manifest.held(folder)
        if held is not None:  # a job of a sweep run again by itself has one value of a swept key
            swept |= {override.get_key_element() for override in parsed} & set(held.swept)
        manifest, *others = (Manifest.of(job.settings, swept) for job in jobs)
        for other in others:
            manifest.agree(other, "the jobs of this command differ in more than the keys swept")
        manifest.claim(folder)
        return folder, manifest.swept

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

    def _launch(self, todo: Sequence[Planned]) -> Sequence[JobReturn]:
        from hydra.core.plugins import Plugins

        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self._context, task_function=self._task_function, config=self._config
        )
        lines = [
            [
                *each.overrides,
                f"hydra.sweep.dir={quoted(each.folder.parent)}",
                f"hydra.sweep.subdir={quoted(each.folder.name)}",
            ]
            for each in todo
        ]
        return launcher.launch(lines, initial_job_idx=0)


def _locate(path: str) -> MakeJob:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]


def _labels(lines: Sequence[str], swept: Sequence[str]) -> list[str]:
    """Return what tells this job from others besides its place: "activation=relu" for network.activation=relu."""
    values = dict(line.split("=", 1) for line in lines)
    return [f"{key.rpartition('.')[2]}={values[key]}".replace("/", "_") for key in swept]
