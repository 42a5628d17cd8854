"""A job: one place on the plane with all its widths and seeds, and the folder that holds its records."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from condense import records, registry, schema
from condense.code import own
from condense.records import FILE
from condense.runs import estimate, objective
from condense.runs.problem import Problem
from durable.execution import Execution
from front_door.startup import importing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Job", "RunFailedError"]


class RunFailedError(RuntimeError):
    """A run raised an error, as a rule in code of the user's; the message tells it, and the file of its traceback."""


class Job:
    """A checked config and its runs; everything about them is read from and written to the job's folder.

    Raises:
        ValueError: the config is not allowed; nothing was started.
    """

    def __init__(self, config: Mapping[str, Any] | schema.Config) -> None:
        self.config = config if isinstance(config, schema.Config) else schema.Config.of(config)
        self.problem = Problem.of(self.config)
        if set(self.config.measure.observables) - registry.REGISTRY["observable"].keys():
            with importing():
                from condense.runs.training import rehearse

            rehearse(self.problem)
        objective.check(self.problem)

    @property
    def name(self) -> str:
        """The folder name: "gamma=1,gamma_prime=0", "init=ntk", or "alpha=m,beta1=1,beta2=1"."""
        return str(self.config.init.folder)

    named_by = ("init", *(f"init.{key}" for key in sorted(schema.PLACE)))

    follows: ClassVar[Mapping[str, Sequence[str]]] = {
        f"data.{key}": ("data.name", "data.content") for key in ("name", "path", "samples", "seed", "test")
    }

    @property
    def settings(self) -> dict[str, Any]:
        """What all jobs of a sweep share, by dotted key: what differs from the defaults, the place left out."""
        return self.problem.settings

    @property
    def sources(self) -> Mapping[str, str]:
        """The hashes that the user's code in its runs counts as, by name."""
        return self.problem.sources

    accepting = staticmethod(own.accepting)

    @property
    def wanted(self) -> list[str]:
        """The keys of its runs, widths in the order of the config and the seeds of each, virtual widths last."""
        return list(self.problem.runs)

    @property
    def cost(self) -> float:
        """About how many seconds its runs take on one core, one after another: see `condense.runs.estimate`."""
        return sum(estimate.seconds(self.problem, run.neurons) for run in self.problem.runs.values())

    @property
    def memory_gb(self) -> float:
        """About how much memory its largest run takes at its peak, the program included (`condense.runs.estimate`)."""
        return max(estimate.memory_gb(self.problem, run.neurons) for run in self.problem.runs.values())

    @staticmethod
    def held(folder: Path) -> dict[str, tuple[str, str]]:
        """Return how every run in a folder ended and which code it comes from, "0.1.0 7ae49b8 dirty" say, by key.

        A file that is missing or damaged holds nothing.
        """
        return records.held(folder / FILE)

    @classmethod
    def run_together(
        cls,
        jobs: Sequence[Self],
        folders: Sequence[Path],
        wanted: Sequence[Collection[str]],
        execution: Execution,
    ) -> None:
        """Compute which of these runs the jobs' folders lack, in batches of equal width, small widths first.

        A run that raises leaves the finished runs of its job in place, marks the others failed and its traceback in
        error.txt; the other jobs go on.

        Args:
            wanted: the keys of the runs of each job that are to be computed; others may be others' work.
            execution: batches are made as large as is estimated to fit into its memory; those that take longer than
                its minutes are saved, and all of some seconds at a stop, and go on from where they were.

        Raises:
            OSError: a record cannot be written, the disk being full say.
        """
        with importing():  # torch, which takes seconds: status tools read jobs too
            from condense.runs.pack import Pack

        Pack([job.problem for job in jobs], folders, wanted, execution).compute()

    def run(self, folder: Path) -> pd.DataFrame:
        """Compute the runs that the folder lacks, and return the records of all wanted ones.

        Raises:
            RunFailedError: a run raised; see `run_together`.
        """
        with importing():
            from condense.runs.pack import ERROR_FILE, Pack

        failures = Pack([self.problem], [folder]).compute()
        for failure in failures.values():
            what = f"{type(failure.error).__name__}: {failure.error}"
            raise RunFailedError(f"{what}\nIts traceback is in {folder / ERROR_FILE}") from failure.error
        return self.runs(folder)

    def runs(self, folder: Path) -> pd.DataFrame:
        """Return the records of all wanted runs that the folder holds."""
        table = records.read(folder / FILE)
        return table[table.key.isin(self.wanted)].reset_index(drop=True)

    def value(self, folder: Path) -> float | None:
        """Return the objective of the config, the mean of that column over its runs; None if it has none.

        Raises:
            ValueError: the runs have no such number.
        """
        name = self.config.objective
        return None if name is None else objective.mean(self.runs(folder), name)
