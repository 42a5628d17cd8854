"""What is given for Slurm, on the command line and in the docs, and what sbatch is given of it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException
from hydra.types import HydraContext

from condense.cli import config_folder, register_schema
from sweeps import cli
from sweeps.backends import Local, Slurm, allocation, machine
from sweeps.folder.submission import Submission

DOCS = (Path(__file__).parents[3] / "docs" / "slurm.md").read_text()
SETTING = re.compile(r"^[+~]?(hydra[./]|[a-z_]+=)")


def launcher(*overrides):
    """Make a launcher of overrides, as the command line does."""
    register_schema()
    with initialize_config_dir(str(config_folder()), job_name="condense", version_base="1.3"):
        config = compose("config", overrides=list(overrides), return_hydra_config=True)
    context = HydraContext(config_loader=None, callbacks=Callbacks(config))
    return Plugins.instance().instantiate_launcher(hydra_context=context, task_function=None, config=config)


def settings(text):
    return [word for word in shlex.split(text) if SETTING.match(word)]


def test_what_the_docs_say_for_the_command_line_is_taken():
    prose = re.sub(r"^```.*?^```", "", DOCS, flags=re.DOTALL | re.MULTILINE)
    spans = [
        *(" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)),
        *re.findall(r"^python -m condense.*", DOCS, re.MULTILINE),
    ]
    given = [settings(span) for span in spans if "hydra.launcher." in span]
    given = [words for words in given if not any(".." in word or "package." in word for word in words)]
    assert len(given) >= 5
    for words in given:
        assert launcher(*words, "hydra/launcher=slurm").backend.kind == "slurm"
    assert launcher(*settings(ADDITIONAL), "hydra/launcher=slurm").backend.additional_parameters == {"mail-type": "END"}


ADDITIONAL = "hydra.launcher.additional_parameters={mail-type:END}"


def test_the_example_is_in_the_docs():
    assert f"`{ADDITIONAL}`" in DOCS


def test_what_the_docs_say_for_a_site_is_taken():
    [text] = re.findall(r"^```yaml\n(.*?)^```", DOCS, re.DOTALL | re.MULTILINE)
    assert Slurm.of(yaml.safe_load(text)).partition == "cpu"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "partitio=cpu",
            "partitio = 'cpu': hydra/launcher=slurm has no such parameter. Did you mean partition?",
        ),
        ("mail_type=END", "Other options of sbatch go into hydra.launcher.additional_parameters={mail-type: ..}"),
        ("time=60", "Write hydra.launcher.timeout_min=.."),
        ("ntasks=2", "A task is one process on one node"),
        ("additional_parameters={mem: 4G}", "{mem: 4G} is not allowed: write hydra.launcher.mem_gb=.."),
        ("additional_parameters={cpus_per_task: 4}", "is not allowed: write hydra.launcher.cpus_per_task=.."),
        ("additional_parameters={ntasks: 2}", "{ntasks: 2} is not allowed: the launcher needs it as it is"),
        ("retries=-1", "hydra.launcher.retries = -1 is not allowed: an integer, 0 or above"),
    ],
)
def test_what_is_not_known_is_refused_with_what_to_write(given, said):
    with pytest.raises(ConfigCompositionException) as refused:
        launcher("hydra/launcher=slurm", f"hydra.launcher.{given}")
    assert said in str(refused.value)
    assert "Error in call to target" not in str(refused.value)


def test_resume_refuses_what_a_launch_refuses(squares, capsys):
    squares.run({"x": 1})
    folder = str(squares.sweep.folder)
    assert cli.main(["resume", folder, "worker=2"]) == 2
    assert "hydra.launcher.worker = 2: hydra/launcher=local has no such parameter. Did you mean workers?" in (
        capsys.readouterr().err
    )
    assert cli.main(["resume", folder, "mem_gb=x"]) == 2
    assert "hydra.launcher.mem_gb: Value 'x' of type 'str'" in capsys.readouterr().err
    for line in ("mem_gb", "~mem_gb", "mem_gb=1,2"):
        assert cli.main(["resume", folder, line]) == 2
        assert "resume takes key=value" in capsys.readouterr().err


FAKE = """#!/bin/bash
cp "$1" script
env > environment
echo Submitted batch job 7
"""


@pytest.fixture
def sbatch(tmp_path, monkeypatch, squares):
    """What sbatch is given for a sweep of one point: the options, the lines of the script, the environment."""
    for name, text in {"sbatch": FAKE, **dict.fromkeys(["srun", "squeue", "scontrol"], "#!/bin/bash\n")}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)

    def submitted(**parameters):
        squares.spec({"x": 1})
        launch = squares.launch()
        launch.backend = Slurm.of({"job": "counting.Job", **parameters})
        with squares.sweep.locked():
            launch.submit()
        lines = Path("script").read_text().splitlines()
        options = dict(line.removeprefix("#SBATCH --").partition("=")[::2] for line in lines if "#SBATCH" in line)
        return options, lines, dict(line.partition("=")[::2] for line in Path("environment").read_text().splitlines())

    yield submitted
    shutil.rmtree(squares.sweep.folder, ignore_errors=True)  # nothing will ever run there


def test_sbatch_is_given_no_more_than_what_was_asked_for(sbatch):
    options, lines, _ = sbatch(mem_gb=2, additional_parameters={"mail-type": "END", "exclusive": True, "hold": False})
    assert options["mail-type"] == "END"
    assert options["exclusive"] == options["requeue"] == ""
    assert options["mem"] == "2048M"
    assert not {"wckey", "hold", "partition", "account"} & options.keys()
    assert lines[-1].split()[:2] == ["srun", "--unbuffered"]
    assert f" {shlex.quote(sys.executable)} -u -P -c " in lines[-1]


def test_the_accounting_key_and_the_interpreter_of_the_nodes(sbatch):
    options, lines, _ = sbatch(wckey="mine", python="singularity exec 'a b.sif' python3")
    assert options["wckey"] == "mine"
    assert " singularity exec 'a b.sif' python3 -u -P -c " in lines[-1]
    assert sys.executable not in lines[-1]


def test_a_submission_that_is_not_to_be_requeued(sbatch):
    assert not {"requeue"} & sbatch(additional_parameters={"no-requeue": True})[0].keys()


INSIDE = {
    "SLURM_JOB_ID": "5",
    "SLURM_CPUS_ON_NODE": "3",
    "SLURM_MEM_PER_NODE": "1000",
    "SLURM_ARRAY_TASK_ID": "4",
    "SLURM_CPUS_PER_TASK": "2",
    "SRUN_DEBUG": "3",
    "CUDA_VISIBLE_DEVICES": "1",
}


@pytest.fixture
def inside(monkeypatch):
    """An allocation of three processors, two a task, and a thousand megabytes."""
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    for name, value in INSIDE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    monkeypatch.setenv("SBATCH_ACCOUNT", "mine")


def test_what_an_allocation_sets_stays_in_it(sbatch, inside):
    before = dict(os.environ)
    _, _, environment = sbatch()
    assert not INSIDE.keys() & environment.keys()
    assert environment["SLURM_CONF"] == "/etc/slurm.conf"
    assert environment["SBATCH_ACCOUNT"] == "mine"
    assert dict(os.environ) == before


def test_workers_on_this_machine_keep_to_the_allocation(inside, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    assert machine.cores() == 2
    assert machine.memory() == 1000 * 2**20
    assert Local(workers=2).memory_gb == pytest.approx(0.45e-9 * 1000 * 2**20)
    monkeypatch.delenv("SLURM_MEM_PER_NODE")
    monkeypatch.setenv("SLURM_MEM_PER_CPU", "300")
    assert machine.memory() == 600 * 2**20
    monkeypatch.delenv("SLURM_CPUS_PER_TASK")
    assert allocation.cpus() == 3
    monkeypatch.delenv("SLURM_CPUS_ON_NODE")  # what salloc starts where it was called
    assert allocation.cpus() is allocation.memory() is None


def test_control_groups_limit_what_lies_in_them(tmp_path, monkeypatch):
    own = Path("/proc/self/cgroup").read_text().splitlines()[-1].partition("::/")[2]
    inner = tmp_path / own
    inner.mkdir(parents=True, exist_ok=True)
    (tmp_path / "memory.max").write_text("4000000\n")
    (inner / "memory.max").write_text("max\n" if own else "4000000\n")
    (inner / "cpu.max").write_text("100000 100000\n")
    monkeypatch.setattr(machine, "GROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    assert machine.memory() == 4_000_000
    assert machine.cores() == 1


def test_a_site_that_a_sweep_was_not_launched_at_is_that_of_the_config(sbatch, tmp_path, capsys):
    """Launched here, resumed at Slurm from another folder."""
    own = tmp_path / "own"
    (own / "conf" / "local").mkdir(parents=True)
    (own / "conf" / "local" / "slurm.yaml").write_text(
        "partition: theirs\nadditional_parameters: {hint: nomultithread}\n"
    )
    grid = ("init.gamma=1.0,1.1", "init.gamma_prime=0", "widths=[20]", "seeds=[0]", "flow.max_steps=2")
    command = [sys.executable, "-m", "condense", "-m", *grid, "hydra.sweep.dir=sweep"]
    subprocess.run(command, cwd=own, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, check=False)
    for path in own.glob("sweep/*/runs.parquet"):
        path.unlink()
    changes = ("hydra/launcher=slurm", "detach=true", "hydra.launcher.additional_parameters={mail-type:END}")
    assert cli.main(["resume", str(own / "sweep"), *changes]) == 0
    assert "2 points handed out in 1 tasks" in capsys.readouterr().out
    text = Path("script").read_text()
    for line in ("partition=theirs", "hint=nomultithread", "mail-type=END", "job-name=condense"):
        assert f"#SBATCH --{line}\n" in text


def test_another_interpreter_takes_the_users_folders_and_no_packages_of_the_first(tmp_path):
    facts = {"backend": "slurm", "parameters": {}, "job": None, "packs": [], "hydra": {}, "code": {}}
    path, installed = ["/me", "/venv/lib/python3.11/site-packages", "/old/lib-dynload"], ["/venv/lib", "/old"]
    submission = Submission(tmp_path, **facts, path=path, installed=installed)
    assert submission.search_path(["/node/site-packages"]) == ["/me", "/node/site-packages"]
    assert submission.search_path(path[1:]) == path
