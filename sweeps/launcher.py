"""Hydra's side of launching: `hydra/launcher=` any of `sweeps.backends.BACKENDS`."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, setup_globals
from hydra.core.utils import JobStatus as Returned
from hydra.errors import ConfigCompositionException, HydraException
from hydra.experimental.callback import Callback
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict
from rich.console import Console

from front_door.names import called
from sweeps.alone import TaskCall
from sweeps.backends import QUEUED, RUNNING, Backend
from sweeps.folder.spec import JobSpec
from sweeps.folder.submission import Submission
from sweeps.job import Job
from sweeps.launch import Launch
from sweeps.planning.plan import plain_hydra
from sweeps.planning.refusals import refuse_numbered
from sweeps.status.sweep import DONE, JobStatus, Sweep, job_class
from sweeps.text import program

__all__ = ["PackLauncher", "launcher_of"]


class PackLauncher(Launcher):
    """Computes many jobs in one process, as one batch where the app offers that (`hydra.launcher.job`)."""

    backend_class: ClassVar[type[Backend]]

    def __init__(self, **parameters: Any) -> None:
        self._parameters: Any = OmegaConf.to_container(OmegaConf.create(parameters), resolve=True)
        self.console = Console()

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra hands over, and check the parameters: not when this is made, as Hydra hides errors then.

        Raises:
            ConfigCompositionException: one of them is not known, or its value is not allowed.
        """
        self._context, self._config, self._task_function = hydra_context, config, task_function
        try:
            self.backend = self.backend_class.of(self._parameters)
        except ValueError as error:
            raise ConfigCompositionException(str(error)) from error
        if self.backend.job is not None:
            _refuse_calls_for_one_job(hydra_context.callbacks.callbacks, self.backend.kind)
            _refuse_other_folders(config, self.backend.kind)

    def run(self, sweep: Sweep, hydra: Mapping[str, Any], fail_fast: bool = False) -> None:
        """Compute what a sweep lacks; with detach=true only hand it out.

        Args:
            fail_fast: end all of it once a job has failed.

        Raises:
            ConfigCompositionException: it cannot be handed out; the message says why.
        """
        task = TaskCall.frozen(self._task_function) if sweep.job is None else None
        launch = Launch(sweep, self.backend, hydra, task, fail_fast=fail_fast)
        try:
            with sweep.locked():
                submission = launch.submit()
            if self.backend.detach:
                self._tell(sweep, submission)
            else:
                launch.attend(self.console)
        except ValueError as error:
            raise ConfigCompositionException(str(error)) from error

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Compute jobs for a sweeper of Hydra's or another's."""
        setup_globals()
        configs = [self._compose(lines, initial_job_idx + k) for k, lines in enumerate(job_overrides)]
        ordered = [_specified(self.backend.job, config) for config in configs]
        specs = [spec for _, spec in ordered]
        sweep = Sweep(Path(self._config.hydra.sweep.dir), self.backend.job, program(), specs)
        with sweep.locked():
            if sweep.job is not None:
                refuse_numbered(specs, Sweep.specs_in(sweep.folder))
            sweep.keep()
        self.run(sweep, plain_hydra(configs[0]))
        statuses = {each.name: each for each in sweep.look()}
        return [_returned(sweep, job, spec, statuses[spec.name], self.backend.detach) for job, spec in ordered]

    def _compose(self, lines: Sequence[str], number: int) -> DictConfig:
        config = self._context.config_loader.load_sweep_config(self._config, list(lines))
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
        return config

    def _tell(self, sweep: Sweep, submission: Submission | None) -> None:
        folder = shlex.quote(str(sweep.folder))
        if submission is None:
            self.console.print("nothing to hand out", highlight=False)
        else:
            points, tasks = sum(map(len, submission.packs)), len(submission.packs)
            self.console.print(f"{points} points handed out in {tasks} tasks; this command is done", highlight=False)
        for what in ("status", "wait"):
            self.console.print(f"  {called('sweeps')} {what} {folder}", highlight=False, soft_wrap=True)


def launcher_of(backend: type[Backend], module: str) -> type[PackLauncher]:
    """Return the class by which Hydra, which looks for it in this module, launches on a backend."""
    content = {"backend_class": backend, "__module__": module, "__doc__": f"hydra/launcher={backend.kind}."}
    return type(f"{backend.__name__}Launcher", (PackLauncher,), content)


def _refuse_calls_for_one_job(callbacks: Iterable[object], launcher: str) -> None:
    """Refuse callbacks that Hydra would call for one job at a time, where many are computed together."""
    for callback in callbacks:
        for method in ("on_job_start", "on_job_end"):
            default = getattr(Callback, method)
            if getattr(type(callback), method, default) is not default:
                raise ConfigCompositionException(
                    f"hydra.callbacks: {type(callback).__name__}.{method} has no effect with "
                    f"hydra/launcher={launcher}, which computes many points in one process; hydra/launcher=basic calls "
                    "it for each"
                )


def _refuse_other_folders(config: DictConfig, launcher: str) -> None:
    """Refuse that every job runs in a folder of its own, where many are computed together."""
    if config.hydra.job.chdir:
        raise ConfigCompositionException(
            f"hydra.job.chdir = True has no effect with hydra/launcher={launcher}, whose workers compute many points "
            "at once and stay where the command was typed; hydra/launcher=basic honours it"
        )


def _specified(job: str | None, config: DictConfig) -> tuple[Job, JobSpec]:
    """Return the job of a fully composed config, and its spec."""
    outer = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)  # for ${hydra:...} in the app's config
    try:
        name = str(config.hydra.sweep.subdir)
        app = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        OmegaConf.set_struct(app, False)
        plain: Any = OmegaConf.to_container(app, resolve=True, enum_to_str=True)
        made = job_class(job)(plain)
    except ValueError as error:
        raise ConfigCompositionException(str(error)) from error
    finally:
        HydraConfig.instance().cfg = outer
    hydra = plain_hydra(config)
    return made, JobSpec.of(
        made,
        name=name,
        overrides=tuple(hydra["overrides"]["task"]),
        config=plain,
        number=hydra["job"]["num"],
        choices=hydra["runtime"]["choices"],
    )


def _returned(sweep: Sweep, job: Job, spec: JobSpec, status: JobStatus, detached: bool) -> JobReturn:
    """Return what Hydra's sweepers are told of a job."""
    returned = JobReturn(overrides=spec.overrides, cfg=OmegaConf.create(dict(spec.config)))
    returned.working_dir = str(sweep.folder / spec.name)
    if detached and status.state in (QUEUED, RUNNING):
        returned.status = Returned.COMPLETED  # there is no value yet
    elif status.state == DONE:
        returned.status, returned.return_value = _value(job, sweep.folder / spec.name)
    else:
        returned.status = Returned.FAILED
        returned.return_value = HydraException(f"{spec.name} is {status.state}: {status.reason}".rstrip(": "))
    return returned


def _value(job: Job, folder: Path) -> tuple[Returned, Any]:
    try:
        return Returned.COMPLETED, job.value(folder)
    except ValueError as error:
        return Returned.FAILED, ConfigCompositionException(str(error))
