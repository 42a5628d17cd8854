"""Reading what Slurm prints, in the forms of the releases that are out.

22.05 as printed by the cluster of tests/slurm. Newer ones from their sources and pages, https://github.com/SchedMD/slurm:
`%i` and `%T` of squeue in src/squeue/print.c (slurm-24.11: "%u", "%u_%u", "%u+%u", "%u_[%s]"), the states in
https://slurm.schedmd.com/job_state_codes.html, the line of MaxArraySize in src/api/config_info.c (slurm-25.05:
"%-23s = %s"), job ids in https://slurm.schedmd.com/job_array.html.
"""

from pathlib import Path

import pytest

from sweeps.backends import QUEUED, RUNNING, Slurm
from sweeps.backends.slurm import DEFAULT_MAX_ARRAY_SIZE, QueueEntry, SlurmSilentError, max_array_size, read_queue

SCRIPT = "/a user's|folder/sweep/.sweep/003/array_1001/.submission_file_0123456789abcdef.sh"


@pytest.mark.parametrize(
    ("state", "alive"),
    [
        *((state, QUEUED) for state in ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT")),
        *((state, RUNNING) for state in ("RUNNING", "COMPLETING", "SUSPENDED", "STAGE_OUT", "SIGNALING", "EXPEDITING")),
        *((state, None) for state in ("COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "DEADLINE")),
    ],
)
def test_the_state_of_a_task(state, alive):
    entries = read_queue(f"1080_4|{state}|{SCRIPT}\n")
    folder = Path("/a user's|folder/sweep/.sweep/003")
    assert entries == ([QueueEntry("1080_4", alive, folder, 1005)] if alive else [])


def test_a_submission_of_one_task_is_no_array():
    assert read_queue(f"1080|RUNNING|{SCRIPT}")[0].pack == 1001


@pytest.mark.parametrize(
    "line",
    [
        "1082_3|PENDING|(null)",  # of --wrap
        "1082|RUNNING|/home/tux/my_script.sh",
        "1082_[5-1024]|PENDING|" + SCRIPT,  # the rest of an array, without --array
        "1082+0|RUNNING|" + SCRIPT,  # of a heterogeneous job
        "1082_3|PENDING",
        "",
        "slurm_load_jobs error: Invalid job id specified",
    ],
)
def test_other_lines_are_not_ours(line):
    assert read_queue(line) == []


def test_the_size_of_an_array():
    text = "Configuration data as of 2026-11-22T04:27:31\nMaxArraySize            = 50000\nMaxJobCount = 10000\n"
    assert max_array_size(text) == 50000
    assert max_array_size("MaxArraySize = 11") == 11
    assert max_array_size("") == max_array_size(None) == DEFAULT_MAX_ARRAY_SIZE == 1001


def test_nothing_is_said_to_be_cancelled_where_slurm_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SlurmSilentError, match="squeue does not answer here"):
        Slurm.cancel([])
