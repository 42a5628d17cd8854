"""Jobs of an app that offers no batched execution: its task function, called for one config after another.

Hydra is imported where it is needed: workers on jobs of other kinds, and status, look in here too.
"""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from durable.execution import Execution
from durable.files import read_json, write, write_json
from sweeps.job import ERROR_FILE

if TYPE_CHECKING:
    from hydra.types import TaskFunction

__all__ = ["TaskCall", "value_of"]

VALUE_FILE = "returned.json"
"""Where a call leaves what it returned, in the folder of its job."""


class TaskCall:
    """A call of a task function. Its result is that it returned; what it returned is kept if JSON can hold it."""

    cost = 60.0  # nothing is known of it
    memory_gb = 0.0
    name = ""
    named_by = ()
    follows: ClassVar[Mapping[str, Sequence[str]]] = {}

    task_function: ClassVar[Any]

    @classmethod
    def frozen(cls, task_function: TaskFunction) -> bytes:
        """Return a task function, with what Hydra knows in this process, as a worker takes it up by `thaw`."""
        import cloudpickle
        from hydra.core.singleton import Singleton

        return cloudpickle.dumps((task_function, Singleton.get_state()))  # type: ignore[no-any-return]

    @classmethod
    def thaw(cls, frozen: bytes) -> None:
        """Make this the task function that is called."""
        import cloudpickle
        from hydra.core.singleton import Singleton

        function, state = cloudpickle.loads(frozen)
        Singleton.set_state(state)
        cls.task_function = staticmethod(function)

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.settings: Mapping[str, Any] = {}
        self.sources: Mapping[str, str] = {}

    @staticmethod
    def accepting(sources: Mapping[str, str]) -> str:
        """Return nothing: it is not known what the function depends on."""
        return ""

    @property
    def wanted(self) -> Sequence[str]:
        """The hash of its config."""
        app = {key: value for key, value in self.config.items() if key != "hydra"}
        return [hashlib.sha256(json.dumps(app, sort_keys=True, default=repr).encode()).hexdigest()[:16]]

    def value(self, folder: Path) -> Any:
        """Return what the call in a folder returned."""
        return value_of(folder)

    @staticmethod
    def held(folder: Path) -> Mapping[str, tuple[str, str]]:
        """Return which call has returned."""
        return read_json(folder / VALUE_FILE, lambda returned: {returned["key"]: ("done", "")}) or {}

    @classmethod
    def run_together(
        cls,
        jobs: Sequence[Self],
        folders: Sequence[Path],
        wanted: Sequence[Collection[str]],
        execution: Execution,
    ) -> None:
        """Call the task function for one job after another."""
        from hydra.core.utils import setup_globals

        setup_globals()
        for job, folder in zip(jobs, folders, strict=True):
            if execution.stop():
                return
            if job.wanted[0] not in cls.held(folder):
                job._call(folder)
            execution.done(job.cost)

    def _call(self, folder: Path) -> None:
        from hydra._internal.callbacks import Callbacks
        from hydra.conf import HydraConf
        from hydra.core.utils import JobStatus, run_job
        from hydra.types import HydraContext
        from omegaconf import OmegaConf

        config = OmegaConf.create(dict(self.config))
        schema = OmegaConf.structured(HydraConf, flags={"struct": False})
        config.hydra = OmegaConf.merge(schema, self.config["hydra"])
        context = HydraContext(config_loader=None, callbacks=Callbacks(config))  # type: ignore[arg-type]
        done = run_job(
            hydra_context=context,
            task_function=self.task_function,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        if done.status is JobStatus.COMPLETED:
            (folder / ERROR_FILE).unlink(missing_ok=True)
            write_json(folder / VALUE_FILE, {"key": self.wanted[0], "value": _kept(done._return_value)})
        else:
            write(folder / ERROR_FILE, "".join(traceback.format_exception(done._return_value)))


def value_of(folder: Path) -> Any:
    """Return what the call in a folder returned, None if none has."""
    return read_json(folder / VALUE_FILE, lambda returned: returned["value"])


def _kept(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return None
