"""Slurm: packs as the tasks of job arrays, submitted through submitit; asked through squeue and scontrol alone."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from sweeps.backends.base import QUEUED, RUNNING, SILENCE, Backend, Live, SubmissionError, worker_command
from sweeps.backends.packing import balanced, multiple, packs_for
from sweeps.folder.spec import JobSpec
from sweeps.folder.submission import AGAIN, ENDED, REFUSED, Submission
from sweeps.folder.submission import RUNNING as AT_WORK

__all__ = ["QueueEntry", "Slurm", "max_array_size", "read_queue"]

FORMAT = "%i|%T|%o"
"""What squeue prints of a task: its id, its state, and the script, whose folder tells the submission."""

WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
"""The states before a task runs, https://slurm.schedmd.com/job_state_codes.html."""

OVER = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "BOOT_FAIL", "DEADLINE"}
"""The states after it. Any other is a task that runs."""

DEFAULT_MAX_ARRAY_SIZE = 1001

PAUSES = (0.0, 1.0, 4.0)
"""Seconds before each attempt to ask Slurm something."""

OURS = ("_target_", "job", "detach", "checkpoint_minutes", "points_per_task", "minutes_per_task", "retries", "python")
"""The parameters that sbatch knows nothing of."""

SUBMITIT_NAMES = {"name": "job_name", "timeout_min": "time"}
"""Those that hydra-submitit-launcher, whose names ours are, calls otherwise than submitit."""

INSTEAD = {"job-name": "name", "time": "timeout_min", "mem": "mem_gb", "signal": "signal_delay_s"}
INSTEAD |= {"array": "array_parallelism", "requeue": "retries"}
"""The parameters to use instead of options of sbatch that have other names."""

FIXED = {"nodes", "ntasks", "ntasks-per-node", "output", "error", "open-mode", "wrap", "parsable", "quiet", "test-only"}
"""Options of sbatch that no task of ours survives."""


@dataclass
class Slurm(Backend):
    """hydra/launcher=slurm. Parameters without a comment are sbatch's, https://slurm.schedmd.com/sbatch.html."""

    _target_: str = "hydra_plugins.condense_sweeps.SlurmLauncher"
    points_per_task: int | None = None  # jobs of a pack; null: as minutes_per_task says
    minutes_per_task: float = 20.0  # about; by the estimated cost of the jobs
    retries: int = 20  # how often a task that was told to make way is queued again
    timeout_min: int = 60  # time limit
    cpus_per_task: int | None = None
    gpus_per_node: int | None = None  # of a task: tasks are jobs of one node
    gpus_per_task: int | None = None
    cpus_per_gpu: int | None = None
    mem_per_gpu: str | None = None
    mem_per_cpu: str | None = None
    name: str = "sweep"
    partition: str | None = None
    qos: str | None = None
    account: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    nodelist: str | None = None
    gres: str | None = None
    comment: str | None = None
    dependency: str | None = None
    wckey: str | None = None
    python: str | None = None  # the command of the nodes' interpreter; null: this one, by its path
    signal_delay_s: int = 120  # SIGUSR2 this long before the limit: time to save
    array_parallelism: int = 256  # tasks of an array at the same time
    setup: list[str] = field(default_factory=list)  # commands before the worker: module load .., source ..
    srun_args: list[str] = field(default_factory=list)
    additional_parameters: dict[str, Any] = field(default_factory=dict)  # options of sbatch without one of ours

    kind: ClassVar[str] = "slurm"
    patience: ClassVar[float] = 5.0
    ends_with_launcher: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("points_per_task", "timeout_min", "array_parallelism"):
            value = getattr(self, key)
            self.require(key, value is None or value >= 1, "an integer, 1 or above")
        self.require("minutes_per_task", self.minutes_per_task > 0, "a number above 0")
        self.require("retries", self.retries >= 0, "an integer, 0 or above")
        limit = 60 * self.timeout_min
        self.require("signal_delay_s", 0 <= self.signal_delay_s < limit, f"below the time limit, {limit} s")
        for option, value in self.additional_parameters.items():
            self._check_option(option.replace("_", "-"), value)

    def _check_option(self, option: str, value: Any) -> None:
        """Raise ValueError if an additional option of sbatch would undo another parameter, or what a task is."""
        ours = {name.replace("_", "-"): name for name in vars(self) if name not in OURS} | INSTEAD
        said = f"hydra.launcher.additional_parameters = {{{option}: {value}}} is not allowed"
        if option in ours:
            raise ValueError(f"{said}: write hydra.launcher.{ours[option]}=..")
        if option in FIXED:
            raise ValueError(f"{said}: the launcher needs it as it is, a task being one process on one node")

    @classmethod
    def _unknown(cls, key: str, known: Sequence[str]) -> str:
        option = key.replace("_", "-")
        if option in INSTEAD:
            advice = f"Write hydra.launcher.{INSTEAD[option]}=.."
        elif option in FIXED:
            advice = "A task is one process on one node"
        else:
            advice = f"Other options of sbatch go into hydra.launcher.additional_parameters={{{option}: ..}}"
        return f"{super()._unknown(key, known)}\n{advice}"

    @property
    def at_once(self) -> None:
        """Slurm has a queue."""

    def filled(self, jobs: int) -> int:
        """Return the next multiple of points_per_task, where that is given."""
        return multiple(jobs, self.points_per_task or 1)

    def packs(self, specs: Sequence[JobSpec]) -> list[list[JobSpec]]:
        """Return packs of so many points at most, or of about so many minutes."""
        packs = packs_for(specs, self.points_per_task, self.minutes_per_task)
        return balanced(specs, packs, self.points_per_task)

    def start(self, submission: Submission) -> None:
        """Submit the packs, in as many arrays as MaxArraySize asks for."""
        from sweeps.backends.sbatch import RefusedError, submit  # with submitit, which workers and status do without

        if "%" in str(submission.folder):
            raise SubmissionError(0, f"{submission.folder}: Slurm reads % as a pattern; choose another hydra.sweep.dir")
        size = max_array_size(_ask("scontrol", "show", "config"))
        for first in range(0, len(submission.packs), size):
            count = min(size, len(submission.packs) - first)
            try:
                submit(_array_folder(submission, first), self._parameters(), self._command(submission, first), count)
            except RefusedError as error:
                told = f"sbatch refused after {first} of {len(submission.packs)} tasks: {str(error).strip()}"
                advice = (
                    "The same command again submits what is missing. Where the number of tasks is limited, "
                    "hydra.launcher.points_per_task=.. makes fewer"
                )
                raise SubmissionError(first, f"{told}\n{advice}") from error

    def _command(self, submission: Submission, pack: int) -> str:
        """Return the line of a script that starts a worker."""
        interpreter, *rest = worker_command(submission, pack)
        return f"{self.python or shlex.quote(interpreter)} {shlex.join(rest)}"

    def _parameters(self) -> dict[str, Any]:
        """Return those of submitit's executor."""
        own = {key: value for key, value in asdict(self).items() if key not in OURS}
        parameters: dict[str, Any] = {SUBMITIT_NAMES.get(key, key): value for key, value in own.items()}
        mem_gb = parameters.pop("mem_gb")
        parameters["mem"] = None if mem_gb is None else f"{round(1024 * mem_gb)}M"
        if self.cpus_per_task is not None:  # from Slurm 22.05 on srun does not take it from sbatch
            parameters["srun_args"] = [f"--cpus-per-task={self.cpus_per_task}", *self.srun_args]
        others = {key: value for key, value in self.additional_parameters.items() if value not in (None, False)}
        requeued = {} if {"no-requeue", "no_requeue"} & others.keys() else {"requeue": True}
        given = {key: value for key, value in parameters.items() if value not in (None, [])}
        return {**given, "wckey": self.wckey, "additional_parameters": {**requeued, **others}}

    @classmethod
    def live(cls, submissions: Sequence[Submission]) -> Live:
        """Return what squeue lists; where it cannot be asked, what the files tell."""
        queue = _queue()
        if queue is None:
            return {(each.folder, k): state for each in submissions for k, state in _by_files(each)}
        known = {each.folder: each for each in submissions}
        return {
            (task.folder, task.pack): task.state
            for task in queue
            if task.folder in known and not _finished(known[task.folder], task.pack)
        }

    @classmethod
    def cancel(cls, submissions: Sequence[Submission]) -> int:
        """Cancel the tasks that squeue lists.

        Raises:
            SlurmSilentError: it cannot be asked here.
        """
        queue, folders = _queue(), {each.folder for each in submissions}
        if queue is None:
            raise SlurmSilentError("squeue does not answer here: cancel where Slurm's commands work")
        tasks = [task.id for task in queue if task.folder in folders]
        if tasks:
            subprocess.run(["scancel", *tasks], check=True)
        return len(tasks)


class SlurmSilentError(ValueError):
    """Slurm's commands are missing or fail."""


def _array_folder(submission: Submission, first: int) -> Path:
    return submission.folder / f"array_{first}"


class QueueEntry(NamedTuple):
    """A task that squeue lists."""

    id: str
    state: str  # QUEUED or RUNNING
    folder: Path  # the submission's
    pack: int


def read_queue(text: str) -> list[QueueEntry]:
    """Return the tasks of ours in what `squeue --noheader --array --format=FORMAT` prints.

    >>> read_queue("7_2|PENDING|/s/.sweep/001/array_10/.submission_file_ab.sh\\n8|RUNNING|(null)")
    [QueueEntry(id='7_2', state='queued', folder=PosixPath('/s/.sweep/001'), pack=12)]
    """
    entries = []
    for line in text.splitlines():
        task, state, script = [*line.strip().split("|", 2), "", ""][:3]
        array, index = Path(script).parent, re.fullmatch(r"\d+(?:_(\d+))?", task)
        first = re.fullmatch(r"array_(\d+)", array.name)
        if index and first and state not in OVER:
            place = int(first[1]) + int(index[1] or 0)
            entries.append(QueueEntry(task, QUEUED if state in WAITING else RUNNING, array.parent, place))
    return entries


def _queue() -> list[QueueEntry] | None:
    """Return our tasks in the queue, None if Slurm cannot be asked."""
    listed = _ask("squeue", "--noheader", "--array", "--me", f"--format={FORMAT}")
    return None if listed is None else read_queue(listed)


def max_array_size(told: str | None) -> int:
    """Return how many tasks an array may have, by what `scontrol show config` tells."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", told or "", re.MULTILINE)
    return int(found[1]) if found else DEFAULT_MAX_ARRAY_SIZE


def _ask(*command: str) -> str | None:
    """Return what Slurm answers, None if it does not; a controller that is busy is asked again."""
    if shutil.which(command[0]) is None:
        return None
    for pause in PAUSES:
        time.sleep(pause)
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        if told.returncode == 0:
            return told.stdout
    return None


def _finished(submission: Submission, k: int) -> bool:
    """Whether a worker has said its last word on a pack, its task only being cleared away."""
    word = submission.word(k)
    return word is not None and word.phase in (ENDED, REFUSED)


def _by_files(submission: Submission) -> list[tuple[int, str]]:
    """Return what the words of workers tell; where a Slurm is only busy, one that is silent may be queued again."""
    busy = shutil.which("squeue") is not None
    words = [(k, submission.word(k)) for k in range(len(submission.packs))]
    waiting = [(k, QUEUED) for k, word in words if word is None or word.phase == AGAIN]
    at_work = [(k, submission.heard(k) < SILENCE) for k, word in words if word and word.phase == AT_WORK]
    return [*waiting, *((k, RUNNING if heard else QUEUED) for k, heard in at_work if heard or busy)]
