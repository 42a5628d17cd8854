"""Sweeps on Slurm through the command line: what they compute, what they need, and what is said of them meanwhile."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from cluster import MAX_ARRAY_SIZE
from terminal import NARROW, WIDE, WRONG, equal, gates

OWN = ("network._target_=mynet.Net", "data.path=my.npz", "flow.stop=1e-3", "seeds=[0]")

RAISED = f"NetworkError: network Net: forward at width {WRONG} raised RuntimeError: out of luck"

EXPERIMENT = """\
# @package _global_
widths: [20]
seeds: [0]
flow: {stop: 1e-3}
hydra: {sweeper: {params: {init.gamma: "0.8,1.2"}}}
"""


def test_a_grid_of_24_points_is_what_the_local_launcher_makes_of_it(terminal):
    grid = ("init.gamma=0.5,0.7,0.9,1.1,1.3,1.5", "init.gamma_prime=-0.4,-0.2,0,0.2", "widths=[50,100]", "seeds=[0,1]")
    slurm = ("hydra.sweep.dir=sweep", "hydra/launcher=slurm", "hydra.launcher.points_per_task=6")
    said = terminal.run("sweeps", "plan", sys.executable, "-m", "condense", "-m", *grid, *slurm)
    assert "24 points in 4 tasks" in said
    assert "nothing was launched" in said
    assert not (terminal.folder / "sweep").exists()
    local = terminal.start("condense", "-m", *grid, "hydra.sweep.dir=local")
    said = terminal.run("condense", "-m", *grid, *slurm)
    terminal.end(local)
    assert "24 of 24 points complete" in said
    assert [list(map(len, each.packs)) for each in terminal.submissions()] == [[6, 6, 6, 6]]
    assert len(terminal.runs()) == 24 * 2 * 2
    assert terminal.runs().clusters.notna().all()
    equal(terminal.runs(), terminal.runs("local"))
    assert terminal.points() == {"done": 24}


def test_three_layers_are_those_of_the_local_launcher(terminal):
    three = ("network=three_layer", "init=three_layer", "init.gamma3=1.5,2.5", "init.gamma2=0,0.5")
    small = ("widths=[30,60]", "seeds=[0,1]")
    local = terminal.start("condense", "-m", *three, *small, "hydra.sweep.dir=local")
    slurm = ("hydra.sweep.dir=sweep", "hydra/launcher=slurm", "hydra.launcher.points_per_task=2")
    said = terminal.run("condense", "-m", *three, *small, *slurm)
    terminal.end(local)
    assert "4 of 4 points complete" in said
    assert [list(map(len, each.packs)) for each in terminal.submissions()] == [[2, 2]]
    equal(terminal.runs(), terminal.runs("local"))


def test_a_line_is_refined_in_rounds_of_full_tasks(terminal):
    line = ("hydra/sweeper=boundary", "init.gamma=interval(0.6,1.5)", "init.gamma_prime=interval(-0.4,0.4)")
    small = ("widths=[60,3000]", "seeds=[0,1,2]", "measure.observables=[relative_change]")
    search = ("hydra.sweeper.start=[4,4]", "hydra.sweeper.precision=0.15")
    slurm = ("hydra/launcher=slurm", "hydra.launcher.points_per_task=5")
    local = terminal.start("condense", "-m", *line, *small, *search, "hydra.sweeper.round=10", "hydra.sweep.dir=local")
    said = terminal.run("condense", "-m", *line, *small, *search, *slurm, "hydra.sweep.dir=sweep")
    terminal.end(local)
    assert "known to hydra.sweeper.precision = 0.15 everywhere" in said
    assert sorted(map(len, terminal.submissions()[0].packs)) == [4, 4, 4, 4]
    assert max(len(pack) for each in terminal.submissions() for pack in each.packs) <= 5
    assert len(terminal.submissions()) > 1
    equal(terminal.runs(), terminal.runs("local"))


def test_more_tasks_than_an_array_takes_without_accounting(terminal, reference):
    terminal.only("sbatch", "squeue", "scontrol", "srun")
    said = terminal.end(terminal.launch(*gates(MAX_ARRAY_SIZE + 1), per_task=1))
    assert f"{MAX_ARRAY_SIZE + 1} of {MAX_ARRAY_SIZE + 1} points complete" in said
    assert len({word.job_id.partition("_")[0] for word in terminal.words()}) == 2
    assert len(terminal.calls()) == MAX_ARRAY_SIZE + 1
    equal(terminal.runs(), reference)


def test_a_sweep_ends_where_slurm_cannot_be_asked(terminal, reference):
    terminal.only("sbatch", "srun")
    terminal.end(terminal.launch(*gates(2), per_task=1))
    equal(terminal.runs(), reference.loc[terminal.runs().index])
    assert len(terminal.runs()) == 4


def test_a_task_has_its_gpu(terminal):
    terminal.close()
    terminal.launch(*gates(2), per_task=1, gpus_per_node=1)
    terminal.midway()
    environments = [Path(f"/proc/{word.pid}/environ").read_text().split("\0") for word in terminal.words()]
    given = [line for lines in environments for line in lines if line.startswith("CUDA_VISIBLE_DEVICES=")]
    assert len(given) == 2
    assert set(given) <= {"CUDA_VISIBLE_DEVICES=0", "CUDA_VISIBLE_DEVICES=1"}


def test_what_does_not_fit_into_the_memory_of_a_task_leaves_the_rest(terminal):
    """Four wide networks need more than there is, one does not; a wider one does."""
    options = ("network._target_=mynet.Hungry", *OWN[1:], f"widths=[{NARROW}],[{NARROW},{WIDE}],[{NARROW},{WRONG}]")
    grid = ("init.gamma=0.6,0.8,1.0,1.2", "flow.max_steps=3", *options)
    said = terminal.end(terminal.launch(*grid, per_task=12, setup="['ulimit -d 900000']"), status=1)
    assert "8 of 12 points complete" in said
    assert f"MemoryError: width {WRONG} does not fit into memory" in said
    assert [(word.phase, word.attempt) for word in terminal.words()] == [("ended", 1)]
    found = terminal.runs()
    assert (found.status == "failed").equals(found.width == WRONG)
    assert found[found.width == WIDE].wall_seconds.nunique() > 1  # a batch would share its time out evenly
    assert found.groupby("width").size().to_dict() == {NARROW: 12, WIDE: 4, WRONG: 4}


def test_a_sweep_is_submitted_from_inside_an_allocation(terminal, reference):
    """Its memory per processor would end the sweep's tasks, which have theirs per node."""
    sweep = ("hydra.sweep.dir=sweep", *gates(2), "hydra/launcher=slurm", "hydra.launcher.mem_gb=0.7")
    options = ("hydra.launcher.detach=true", "hydra.launcher.additional_parameters={mail-type:NONE}")
    task = ("srun", "--cpus-per-task=1", "--mem-per-cpu=900", f"--chdir={terminal.folder}")
    terminal.cluster.run(*task, sys.executable, "-m", "condense", "-m", *sweep, *options)
    assert "2 of 2 points complete" in terminal.run("sweeps", "wait", "sweep")
    equal(terminal.runs(), reference.loc[terminal.runs().index])


@pytest.fixture
def closed_partition(terminal):
    """A partition that takes tasks and starts none until `main` is up again."""
    terminal.cluster.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        yield lambda: terminal.cluster.run("scontrol", "update", "PartitionName=main", "State=UP")
    finally:
        terminal.cluster.run("scontrol", "update", "PartitionName=main", "State=UP")


def test_status_wait_cancel_and_resume(terminal, closed_partition):
    terminal.close()
    (terminal.folder / "broken").touch()
    points = (*OWN, f"widths=[{NARROW}],[{NARROW},{WIDE}],[{NARROW},{WRONG}]")
    said = terminal.end(terminal.launch(*points, per_task=1, detach="true", array_parallelism=1))
    assert "3 points handed out in 3 tasks" in said
    assert "python -m sweeps status sweep" in said
    assert "python -m sweeps wait sweep" in said
    assert terminal.points() == {"queued": 3}

    closed_partition()
    terminal.until(lambda: terminal.words()[1], "the second task")
    status = terminal.status(status=1)
    states = {each["name"]: (each["state"], each["reason"]) for each in status["jobs"]}
    name = "gamma=1,gamma_prime=0,widths=[{}]".format
    assert states == {
        name(f"{NARROW}"): ("queued", ""),
        name(f"{NARROW},{WIDE}"): ("running", ""),
        name(f"{NARROW},{WRONG}"): ("failed", RAISED),
    }

    assert "2 tasks told to save and leave" in terminal.run("sweeps", "cancel", "sweep")
    said = terminal.run("sweeps", "wait", "sweep", status=1)
    assert "0 of 3 points complete" in said
    assert "1 points missing: stopped by SIGTERM; what was finished is kept" in said
    assert "1 points missing: submitted as 001/002, and gone before it started" in said
    assert terminal.points(status=1) == {"failed": 1, "missing": 2}

    (terminal.folder / "broken").unlink()
    terminal.open()
    said = terminal.run("sweeps", "resume", "sweep", "array_parallelism=2", "detach=false")
    assert "3 points handed out in 3 tasks" in said
    assert terminal.points() == {"done": 3}
    assert terminal.runs().converged.all()
    assert "3 of 3 points complete" in terminal.run("sweeps", "wait", "sweep")


def test_conf_may_change_under_a_queued_sweep_and_code_may_not(terminal, closed_partition):
    experiment = terminal.folder / "conf" / "experiment" / "mine.yaml"
    experiment.parent.mkdir(parents=True)
    experiment.write_text(EXPERIMENT)
    module = terminal.folder / "mynet.py"
    sweeps = {"conf": "network.activation=tanh", "code": "network.activation=mynet.gate"}
    for sweep, activation in sweeps.items():
        options = ("experiment=mine", activation, f"hydra.sweep.dir={sweep}")
        terminal.end(terminal.launch(*options, detach="true"))
    experiment.write_text(EXPERIMENT.replace("20", "30"))
    module.write_text(module.read_text() + "\n# changed\n")
    closed_partition()
    terminal.run("sweeps", "wait", "conf")
    assert terminal.runs("conf").width.tolist() == [20, 20]

    terminal.run("sweeps", "wait", "code", status=1)
    refusal = f"the code has changed since this was submitted ({module}): nothing was computed"
    reasons = [each["reason"] for each in terminal.status("code", status=1)["jobs"]]
    assert all(reason.startswith(refusal) for reason in reasons), reasons
    assert terminal.runs("code").empty
    sacct = ("sacct", "-nPX", f"--jobs={terminal.words('code')[0].job_id}", "--format=State,ExitCode")
    terminal.until(lambda: terminal.cluster.run(*sacct).stdout.strip() == "FAILED|3:0", "sacct")

    said = terminal.run("sweeps", "resume", "code", "detach=false", status=2)
    assert "is not what was submitted: its results have other keys now" in said
    assert len(terminal.submissions("code")) == 1
    experiment.write_text(EXPERIMENT)
    said = terminal.end(terminal.launch(*options, detach="false"), status=1)
    [accept] = re.findall(r"accept_code=\[mynet.gate@\w+\]", said)
    terminal.end(terminal.launch(*options, accept, detach="false"))
    assert terminal.points("code") == {"done": 2}
    assert terminal.runs("code").width.tolist() == [20, 20]
