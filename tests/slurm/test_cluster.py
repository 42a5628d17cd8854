"""The cluster itself: nodes, GPUs, signals, preemption, accounting, and a start after a crash."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import DAEMONS, GRACE, MAX_ARRAY_SIZE, Cluster, _processes, stop_abandoned, wait_until

WHOLE = ("--nodes=2", "--exclusive")


@pytest.fixture(autouse=True)
def _leave_empty(slurm: Cluster) -> Iterator[None]:
    yield
    slurm.empty()


def submit(slurm: Cluster, output: Path, script: str, *options: str) -> str:
    return slurm.submit(script, f"--output={output}", f"--error={output}.err", "--open-mode=append", *options)


def await_lines(output: Path, *lines: str, timeout: float = 20) -> None:
    def there() -> bool:
        return output.exists() and output.read_text().splitlines() == list(lines)

    wait_until(there, timeout, f"{lines} in {output}")


@pytest.mark.parametrize("node", ["n1", "n2"])
def test_a_job_knows_its_node(slurm, tmp_path, node):
    submit(slurm, tmp_path / "out", "echo $SLURMD_NODENAME", f"--nodelist={node}")
    await_lines(tmp_path / "out", node)


def test_a_job_sees_the_gpus_it_asked_for(slurm):
    asked = {count: slurm.run("srun", f"--gres=gpu:{count}", "printenv", "CUDA_VISIBLE_DEVICES") for count in (1, 2)}
    assert asked[1].stdout.strip() in {"0", "1"}
    assert asked[2].stdout.strip() == "0,1"


def test_a_signal_reaches_a_step(slurm, tmp_path):
    step = """srun bash -c 'trap "echo caught; exit" USR2; echo ready; while :; do sleep .1; done'"""
    job = submit(slurm, tmp_path / "out", step)
    await_lines(tmp_path / "out", "ready")
    slurm.run("scancel", "--signal=USR2", job)
    await_lines(tmp_path / "out", "ready", "caught")


def test_urgent_jobs_requeue_those_of_main(slurm, tmp_path):
    script = 'echo ${SLURM_RESTART_COUNT-first}; [ "$SLURM_RESTART_COUNT" ] || sleep 100'
    job = submit(slurm, tmp_path / "out", script, *WHOLE)
    await_lines(tmp_path / "out", "first")
    slurm.run("srun", "--partition=urgent", *WHOLE, "true")
    assert slurm.queue()[job] == "PENDING"
    await_lines(tmp_path / "out", "first", "1")


def test_urgent_jobs_signal_those_of_grace_ahead(slurm, tmp_path):
    script = "trap 'echo caught; exit' USR2; echo ready; sleep 100 & wait"
    submit(slurm, tmp_path / "out", script, "--partition=grace", "--signal=B:USR2@60", *WHOLE)
    await_lines(tmp_path / "out", "ready")
    slurm.run("srun", "--partition=urgent", *WHOLE, "true", timeout=GRACE)
    await_lines(tmp_path / "out", "ready", "caught")


def test_accounting_knows_a_job_that_is_gone(slurm, tmp_path):
    job = submit(slurm, tmp_path / "out", "exit 3", "--array=4")

    def line() -> str:
        return slurm.run("sacct", "-nPX", f"--jobs={job}", "--format=JobID,State,ExitCode").stdout.strip()

    wait_until(lambda: line() == f"{job}_4|FAILED|3:0", 10, "the job in sacct", every=0.3)


def test_arrays_are_limited(slurm):
    assert slurm.submit("true", f"--array=0-{MAX_ARRAY_SIZE - 1}", "--hold").isdigit()
    assert len(slurm.queue()) == MAX_ARRAY_SIZE
    with pytest.raises(RuntimeError, match="Invalid job array specification"):
        slurm.submit("true", f"--array={MAX_ARRAY_SIZE}")


def test_a_job_moves_from_a_node_that_crashed(slurm, tmp_path):
    script = 'echo $SLURMD_NODENAME; [ "$SLURM_RESTART_COUNT" ] || sleep 100'
    submit(slurm, tmp_path / "out", script)
    wait_until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text(), 10)
    node = (tmp_path / "out").read_text().strip()
    slurm.node_down(node)
    try:
        await_lines(tmp_path / "out", node, {"n1": "n2", "n2": "n1"}[node])
    finally:
        slurm.node_up(node)


def test_a_cluster_that_was_killed_starts_again_beside_another(slurm, tmp_path):
    second = Cluster(tmp_path / "a user's folder")
    try:
        second.start()
        submit(second, tmp_path / "out", "echo ready; sleep 100")
        await_lines(tmp_path / "out", "ready")
        for pid in _processes(DAEMONS, second.environment):
            os.kill(pid, signal.SIGKILL)
        second = Cluster(tmp_path / "a user's folder").start(owned=True)
        assert second.queue() == {}
        stop_abandoned()
        assert second.idle()
    finally:
        second.stop()
    assert not _processes(None, second.environment)
    assert slurm.idle()
