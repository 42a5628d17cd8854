"""A real Slurm cluster of two make-believe nodes on this machine: installed from Debian's packages, started, stopped.

By hand, as root: `python tests/slurm/cluster.py up DIR` and `python tests/slurm/cluster.py down DIR`.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import random
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

PACKAGES = (
    "munge",
    "slurmctld",
    "slurmd",
    "slurm-client",
    "slurmdbd",
    "mariadb-server-core",
    "mariadb-client-core",
)
PROGRAMS = (
    "munged",
    "slurmctld",
    "slurmd",
    "slurmdbd",
    "sbatch",
    "sacctmgr",
    "mariadbd",
    "mariadb-install-db",
    "my_print_defaults",
)
DAEMONS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd")
NODES = ("n1", "n2")
CPUS = 2  # of each node
GPUS = 2  # of each node
MAX_ARRAY_SIZE = 5  # an array's indices are 0 to 4
GRACE = 20  # seconds from the signal to the requeue of a preempted job of `grace`, at least: Slurm looks every 30 s

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/bin", "/bin"])
RUN = Path("/run")
PREFIX = "condense-slurm-"  # of a cluster's link
MARK = ".condense_slurm"
OWNER = "owner"
NODE_VARIABLE = "CONDENSE_SLURM_NODE"  # which slurmstepd takes over from its slurmd

CONFIG = """\
ClusterName={name}
SlurmctldHost={host}({address})
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/slurmctld
SlurmctldPidFile={folder}/slurmctld/pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/%n
SlurmdPidFile={folder}/%n/pid
SlurmdLogFile={folder}/%n.log
SlurmdParameters=config_overrides
{communication}
AuthType=auth/munge
# the default of 120 s would put off every requeue by two minutes; Slurm takes no less than 5
AuthInfo=socket={folder}/munge.socket,cred_expire=5
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={address}
AccountingStoragePort={database_port}
AccountingStoragePass={folder}/munge.socket
AccountingStorageTRES=gres/gpu
# no cgroups, so that it works in a container
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
DefMemPerCPU={memory_per_cpu}
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
JobRequeue=1
KillWait=5
MinJobAge=5
MaxArraySize={max_array_size}
SlurmdTimeout=60
ReturnToService=2
PartitionName=main Nodes={nodes} Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=0 MaxTime=INFINITE State=UP
PartitionName=grace Nodes={nodes} PriorityTier=1 PreemptMode=REQUEUE GraceTime={grace} MaxTime=INFINITE State=UP
PartitionName=urgent Nodes={nodes} PriorityTier=10 PreemptMode=OFF MaxTime=INFINITE State=UP
"""

NODE = (
    "NodeName={node} NodeHostname={host} NodeAddr={address} Port={port}"
    " CPUs={cpus} CoresPerSocket={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN\n"
)

DATABASE_CONFIG = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost={host}
DbdAddr={address}
DbdPort={database_port}
SlurmUser=root
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
{communication}
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm
"""


class UnavailableError(Exception):
    """Slurm is not installed and cannot be: the reason."""


class StartError(Exception):
    """A part of the cluster did not start: which, and the end of its log."""


def wait_until(condition: Callable[[], Any], timeout: float, what: str = "it", every: float = 0.05) -> Any:
    """Return the condition's value once it is true."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(every)
    return value


# Installing


def missing_programs() -> list[str]:
    return [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]


def install() -> None:
    """Install what is missing, one caller at a time."""
    if os.geteuid() != 0:
        raise UnavailableError("Slurm's daemons need root")
    with open(RUN / "condense-slurm.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (missing := missing_programs()):
            return
        if shutil.which("apt-get", path=PATH) is None:
            raise UnavailableError(f"no {', '.join(missing)}, and no apt-get to install them")
        with _no_services():
            # without package lists, or with stale ones, the first attempt fails
            if _apt_get("install", *PACKAGES).returncode:
                _apt_get("update")
                done = _apt_get("install", *PACKAGES)
                if done.returncode:
                    raise UnavailableError(f"apt-get cannot install Slurm: {_tail(done.stdout)}")
    if missing := missing_programs():
        raise UnavailableError(f"these packages of Slurm have no {', '.join(missing)}")


def _apt_get(*arguments: str) -> subprocess.CompletedProcess[str]:
    options = ("--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300")
    return subprocess.run(
        ["apt-get", *options, *arguments],
        env={**os.environ, "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Keep packages from starting their services, by the machine's own policy where it has one."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def _tail(text: str, lines: int = 15) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])


# Processes


def _runs(pid: int, programs: Collection[str] | None, environment: Mapping[str, str]) -> bool:
    """Tell whether a process lives, runs one of these programs and was started in such an environment."""
    folder = Path("/proc") / str(pid)
    try:
        # Debian's Slurm is behind alternatives: /usr/sbin/slurmd is slurmd-wlm
        if programs is not None and os.path.basename(os.readlink(folder / "exe")).removesuffix("-wlm") not in programs:
            return False
        given = set((folder / "environ").read_bytes().split(b"\0"))
    except OSError:
        return False
    return given >= {f"{name}={value}".encode() for name, value in environment.items()} and _lives(pid)


def _processes(programs: Collection[str] | None, environment: Mapping[str, str]) -> list[int]:
    pids = (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))
    return [pid for pid in pids if _runs(pid, programs, environment)]


def _lives(pid: int) -> bool:
    """Tell whether a process runs: a stopped daemon nobody waits for stays on as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _end(pids: list[int], timeout: float = 5) -> None:
    """Ask processes to end, and kill those that do not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            _signal(pid, number)
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not any(map(_lives, pids)), timeout)
            return


# The network


def own_address() -> str:
    """The loopback address the host name stands for, else 127.0.0.1."""
    with contextlib.suppress(OSError):
        address = socket.gethostbyname(socket.gethostname())
        if address.startswith("127."):
            return address
    return "127.0.0.1"


def loopback_only() -> str:
    """What binds Slurm to what the host name stands for, empty where that is no loopback address."""
    with contextlib.suppress(OSError):
        if socket.gethostbyname(socket.gethostname()).startswith("127."):
            return "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny"
    return ""


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, below the range that outgoing connections take theirs from."""
    found: list[int] = []
    for port in random.SystemRandom().sample(range(20000, 32000), 1000):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("", port))
            found.append(port)
        if len(found) == count:
            return found
    raise StartError(f"no {count} free ports")


class Cluster:
    """Two nodes of two CPUs and two make-believe GPUs, with accounting and preemption, all in one folder.

    Partitions: `main` (the default) and `grace`, both preempted by `urgent`: jobs of `main` are requeued at once, those
    of `grace` get the signal they asked for by --signal and are requeued GRACE seconds later or so. A start is always
    from scratch: the folder's previous cluster is stopped and forgotten.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).resolve()
        self.name = "c" + hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:10]
        # in slurm.conf a space ends a value, and a socket's path has at most 107 characters: Slurm sees a short link
        self.link = RUN / f"{PREFIX}{self.name}"
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._owner: IO[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What the environment of a command needs so that the command talks to this cluster."""
        return {"SLURM_CONF": str(self.link / "slurm.conf")}

    @property
    def export(self) -> str:
        """The environment as a line for a shell."""
        return "export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in self.environment.items())

    # Starting and stopping

    def install(self) -> None:
        """Install Slurm where it is missing."""
        install()

    def start(self, owned: bool = False) -> Cluster:
        """Start from scratch and return once all nodes are idle.

        An owned cluster is tied to this process: if that dies without stopping it, `stop_abandoned` does.
        """
        self.stop()
        self._make_folder(owned)
        try:
            self._write_configuration()
            self._start_munge()
            self._start_database()
            self._start_accounting()
            self._launch("slurmctld", "slurmctld", "-D")
            for node in NODES:
                self._start_node(node)
            self._wait(self.idle, "slurmctld", *NODES)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop all daemons and whatever jobs run, also those of a cluster that was not stopped properly."""
        self._end("slurmctld")
        self._end(*NODES)
        self._kill_jobs(*NODES)
        for name in ("slurmdbd", "mariadb", "munge"):
            self._end(name)
        _end(_processes(DAEMONS, self.environment))
        if (self.folder / MARK).exists():
            shutil.rmtree(self.folder / "mariadb", ignore_errors=True)
        self.link.unlink(missing_ok=True)
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def running(self) -> bool:
        """Tell whether all daemons run."""
        names = ("munge", "mariadb", "slurmdbd", "slurmctld", *NODES)
        return all(self._pid(name) for name in names)

    def idle(self) -> bool:
        """Tell whether all nodes are idle."""
        done = self.run("sinfo", "--noheader", "--Node", "--format=%N %t", check=False)
        return done.returncode == 0 and set(done.stdout.split("\n")) == {"", *(f"{node} idle" for node in NODES)}

    # Using it

    def run(
        self, *command: str | Path, check: bool = True, environment: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that talks to this cluster, and take its output."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
        options = {"capture_output": True, "text": True, "timeout": 60, **options}
        done = subprocess.run(
            [str(word) for word in command],
            env={**clean, "PATH": PATH, **self.environment, **(environment or {})},
            **options,
        )
        if check and done.returncode:
            raise RuntimeError(f"{shlex.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}")
        return done

    def submit(self, script: str, *options: str | Path) -> str:
        """Submit a shell script and return the job's id."""
        return self.run("sbatch", "--parsable", *options, "--wrap", script).stdout.strip()

    def queue(self) -> dict[str, str]:
        """The state of every job in the queue, a task of an array being a job."""
        lines = self.run("squeue", "--noheader", "--array", "--format=%i %T").stdout.splitlines()
        return dict(line.split(maxsplit=1) for line in lines)

    def empty(self) -> None:
        """Cancel all jobs and wait until they are gone and the nodes idle."""
        self.run("scancel", "--full", "--user=root")
        wait_until(lambda: not self.queue() and self.idle(), 30, "an empty queue", every=0.2)

    def node_down(self, node: str) -> None:
        """Let a node crash: all that runs there is killed at once, and Slurm knows."""
        if pid := self._pid(node):
            _signal(pid, signal.SIGKILL)
            wait_until(lambda: not _lives(pid), 5, f"the end of {node}")
        self._kill_jobs(node)
        self.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=crash")

    def node_up(self, node: str) -> None:
        """Bring a node back, and wait until Slurm would start jobs there."""
        self._start_node(node)
        # refused where its own word has brought it back already; that it is back is waited for
        self.run("scontrol", "update", f"NodeName={node}", "State=RESUME", check=False)
        up = ("idle", "mixed", "allocated")
        self._wait(
            lambda: (
                self.run("sinfo", "--noheader", f"--nodes={node}", "--partition=main", "--format=%T").stdout.strip()
                in up
            ),
            node,
        )

    # Its folder

    def _make_folder(self, owned: bool) -> None:
        """Empty the folder, one that a cluster was in before or a new one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        present = list(self.folder.iterdir())
        if present and not (self.folder / MARK).exists():
            raise FileExistsError(f"{self.folder} has files that are no Slurm cluster's")
        (self.folder / MARK).touch()
        for path in present:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != MARK:
                path.unlink()
        for name in ("pids", "slurmctld", *NODES):
            (self.folder / name).mkdir()
        if owned:
            self._owner = open(self.folder / OWNER, "w")  # noqa: SIM115
            fcntl.flock(self._owner, fcntl.LOCK_EX)
        self.link.symlink_to(self.folder)

    def _write_configuration(self) -> None:
        controller_port, database_port, *node_ports = free_ports(2 + len(NODES))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 // len(NODES)
        values = {
            "name": self.name,
            "folder": self.link,
            "host": socket.gethostname().partition(".")[0],
            "address": own_address(),
            "communication": loopback_only(),
            "controller_port": controller_port,
            "database_port": database_port,
            "nodes": ",".join(NODES),
            "memory": memory,
            "memory_per_cpu": memory // CPUS,
            "max_array_size": MAX_ARRAY_SIZE,
            "grace": GRACE,
            "cpus": CPUS,
            "gpus": GPUS,
        }
        nodes = [NODE.format(node=node, port=port, **values) for node, port in zip(NODES, node_ports, strict=True)]
        (self.folder / "slurm.conf").write_text(CONFIG.format(**values) + "".join(nodes))
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.link}/gpu[0-{GPUS - 1}]\n")
        for index in range(GPUS):
            os.mknod(self.folder / f"gpu{index}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        if self._version() >= (24, 5):
            (self.folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        self._write_secret("slurmdbd.conf", DATABASE_CONFIG.format(**values).encode())
        self._write_secret("munge.key", os.urandom(128))

    def _version(self) -> tuple[int, int]:
        """Slurm's year and month."""
        year, month = self.run("slurmctld", "-V").stdout.split()[-1].split(".")[:2]
        return int(year), int(month)

    def _write_secret(self, name: str, content: bytes) -> None:
        with open(os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)

    # Its daemons

    def _start_munge(self) -> None:
        files = [f"--{name}={self.link}/munge.{name.partition('-')[0]}" for name in ("key-file", "socket", "pid-file")]
        files += [f"--log-file={self.link}/munge.log", f"--seed-file={self.link}/munge.seed"]
        # forced, as it dislikes a folder that is its owner's alone
        self._launch("munge", "munged", "--foreground", "--force", "--num-threads=1", *files)
        self._wait((self.folder / "munge.socket").exists, "munge")

    def _start_database(self) -> None:
        data = f"--datadir={self.link}/mariadb"
        (self.folder / "mariadb-tmp").mkdir(exist_ok=True)  # in one that is shared, another server's start empties it
        # quick and small rather than safe: a start is from scratch anyway
        options = (
            "--no-defaults",
            data,
            f"--tmpdir={self.link}/mariadb-tmp",
            "--user=root",
            "--innodb-log-file-size=8M",
            "--innodb-buffer-pool-size=16M",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-flush-method=nosync",
            "--skip-innodb-doublewrite",
            "--innodb-lock-wait-timeout=900",
            "--skip-innodb-use-native-aio",
        )
        self.run("mariadb-install-db", *options, "--auth-root-authentication-method=socket", "--skip-test-db")
        files = (f"--socket={self.link}/mariadb.socket", f"--pid-file={self.link}/mariadb.pid")
        self._launch("mariadb", "mariadbd", *options, *files, "--skip-networking")
        self._wait((self.folder / "mariadb.socket").exists, "mariadb")

    def _start_accounting(self) -> None:
        # slurmdbd has no setting for the socket, but the library it uses has
        self._launch("slurmdbd", "slurmdbd", "-D", MYSQL_UNIX_PORT=f"{self.link}/mariadb.socket")
        add = ("sacctmgr", "--immediate", "--quiet", "add")
        self._wait(lambda: self.run(*add, "cluster", self.name, check=False).returncode == 0, "slurmdbd")
        self.run(*add, "account", "condense", f"cluster={self.name}")
        self.run(*add, "user", "root", "account=condense", f"cluster={self.name}")

    def _start_node(self, node: str) -> None:
        self._launch(node, "slurmd", "-D", "-N", node, **{NODE_VARIABLE: node})

    def _launch(self, name: str, *command: str, **environment: str) -> None:
        """Start a daemon in a session of its own and note its pid."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SLURM")}
        with open(self.folder / f"{name}.out", "ab") as output:
            child = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**clean, "PATH": PATH, **self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self.folder / "pids" / name).write_text(str(child.pid))
        self._children[name] = child

    def _wait(self, condition: Callable[[], Any], *names: str, timeout: float = 60) -> None:
        """Wait for a condition as long as these daemons live."""

        def done() -> bool:
            ended = next((name for name in names if not self._pid(name)), None)
            if ended is not None:
                raise StartError(self._why(ended))
            return bool(condition())

        try:
            wait_until(done, timeout)
        except TimeoutError:
            raise StartError("\n".join(self._why(name) for name in names)) from None

    def _why(self, name: str) -> str:
        logs = [path for path in (self.folder / f"{name}.out", self.folder / f"{name}.log") if path.exists()]
        return "\n".join([f"{name} did not start", *(_tail(path.read_text(errors="replace")) for path in logs)])

    def _pid(self, name: str) -> int | None:
        """The pid of a daemon that runs; a number that another process has by now is none."""
        if (child := self._children.get(name)) is not None:
            return child.pid if child.poll() is None else None
        try:
            pid = int((self.folder / "pids" / name).read_text())
        except (OSError, ValueError):
            return None
        return pid if _runs(pid, DAEMONS, self.environment) else None

    def _end(self, *names: str) -> None:
        """Stop daemons by their pid files."""
        pids = {name: pid for name in names if (pid := self._pid(name))}
        _end(list(pids.values()))
        for name in names:
            if child := self._children.pop(name, None):
                child.wait()
        for name in pids:
            (self.folder / "pids" / name).unlink(missing_ok=True)

    def _kill_jobs(self, *nodes: str) -> None:
        """Kill all processes of the jobs on these nodes, and what watches over them."""
        for node in nodes:
            for pid in _processes({"slurmstepd"}, {**self.environment, NODE_VARIABLE: node}):
                _signal(pid, signal.SIGKILL)
            for pid in _processes(None, {"SLURM_CLUSTER_NAME": self.name, "SLURMD_NODENAME": node}):
                _signal(pid, signal.SIGKILL)


def stop_abandoned() -> None:
    """Stop the clusters whose owner died and those whose folder was deleted."""
    for link in RUN.glob(PREFIX + "*"):
        # what another caller stops meanwhile is no error
        with contextlib.suppress(OSError):
            cluster = Cluster(os.readlink(link))
            if not link.exists():
                cluster.stop()
                continue
            with open(link / OWNER, "r+") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                cluster.stop()


def main() -> None:
    """Start a cluster in a folder and leave it running, or stop it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("action", choices=("up", "down"))
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new folder, or one that a cluster was in before")
    arguments = parser.parse_args()
    cluster = Cluster(arguments.folder)
    if arguments.action == "down":
        cluster.stop()
        return
    cluster.install()
    if not cluster.running():
        cluster.start()
    print(cluster.export)


if __name__ == "__main__":
    main()
