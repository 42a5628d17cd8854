"""A job: one place on the plane with all its widths and seeds, and the folder that holds its records."""

from __future__ import annotations

import fcntl
import traceback
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from condense import identity, records, schema
from condense.problem import Problem, train
from condense.records import FILE, RecordsError

__all__ = ["ERROR_FILE", "Job"]

ERROR_FILE = "error.txt"
LOCK_FILE = ".lock"


class Job:
    """A checked config and its runs; everything about them is read from and written to the job's folder.

    Raises:
        ValueError: the config is not allowed; nothing was started.
    """

    def __init__(self, config: schema.Config) -> None:
        config.refuse_unknown_keys()
        self.config = config
        self.problem = Problem.of(config)
        self.keys = self.problem.keys()

    @property
    def name(self) -> str:
        """The folder name: "gamma=1,gamma_prime=0", "init=ntk", or "alpha=m,beta1=1,beta2=1"."""
        init = self.config.init
        if isinstance(init, schema.Plane):
            return f"gamma={init.gamma:.12g},gamma_prime={init.gamma_prime:.12g}"
        return f"init={init.name}" if isinstance(init, schema.Named) else str(init.name)

    named_by = ("init", *(f"init.{key}" for key in ("gamma", "gamma_prime", "name", "alpha", "beta1", "beta2")))

    @property
    def settings(self) -> dict[str, Any]:
        """What all jobs of a sweep share, by dotted key: what differs from the defaults, the place left out."""
        facts = {**identity.without_place(self.problem.facts), "measure": identity.delta(self.config.measure)}
        if self.config.data.path is None:
            facts["data"] = {"name": self.problem.data.name, **facts["data"]}
        return dict(_flat(facts))

    def recorded(self, folder: Path) -> pd.DataFrame:
        """Return the records the folder holds; a file that is missing or damaged holds none."""
        try:
            return records.read(folder / FILE)
        except RecordsError:
            return records.empty()

    def missing(self, folder: Path) -> list[str]:
        """Return the keys of the runs that the folder does not hold, failed ones included."""
        table = self.recorded(folder)
        done = set(table.key[table.status != "failed"])
        return [key for key in self.keys if key not in done]

    def outcome(self, folder: Path) -> Counter[str]:
        """Return how many of the wanted runs ended with which status; "missing" counts those without a record."""
        table = self.recorded(folder)
        found = table.status[table.key.isin(list(self.keys))]
        return Counter({**Counter(found), "missing": len(self.keys) - len(found)})

    def run(self, folder: Path) -> pd.DataFrame:
        """Compute the missing runs, write them batch by batch, and return the records of all wanted runs.

        An error in a run leaves the finished ones in place, marks the others failed, keeps the traceback in
        error.txt, and is raised.
        """
        folder.mkdir(parents=True, exist_ok=True)
        missing = set(self.missing(folder))
        try:
            for batch in train([self.problem], missing.__contains__):
                self._record(folder, batch)
            (folder / ERROR_FILE).unlink(missing_ok=True)
        except Exception as error:
            (folder / ERROR_FILE).write_text(traceback.format_exc())
            self._record(folder, self._failed(folder, error))
            raise
        table = self.recorded(folder)
        return table[table.key.isin(list(self.keys))].reset_index(drop=True)

    def _failed(self, folder: Path, error: Exception) -> list[dict[str, Any]]:
        reason = f"{type(error).__name__}: {error}"
        lost = [self.problem.row(*self.keys[key]) for key in self.missing(folder)]
        return [{**row, "status": "failed", "error": reason} for row in lost]

    def _record(self, folder: Path, rows: list[dict[str, Any]]) -> None:
        """Add rows to the file, in place of rows of the same runs, beside what other processes add."""
        path, new = folder / FILE, records.frame(rows)
        with (folder / LOCK_FILE).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            table = self.recorded(folder)
            if table.empty and path.exists():
                path.rename(path.with_suffix(".damaged"))
                warnings.warn(
                    f"{path} is damaged: its runs are computed again, and it is kept as .damaged", stacklevel=2
                )
            table = table[~table.key.isin(new.key)]
            records.write(new if table.empty else pd.concat([table, new], ignore_index=True), path)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in tree.items():
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return pairs
