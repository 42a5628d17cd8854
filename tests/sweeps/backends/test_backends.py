"""How many workers a machine gets."""

import pytest

from sweeps.backends import local
from sweeps.backends.local import WORTH, Local
from sweeps.folder.spec import JobSpec


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Sixteen cores, 64 GB, no GPU."""
    monkeypatch.setattr(local, "cores", lambda: 16)
    monkeypatch.setattr(local, "memory", lambda: 64e9)
    monkeypatch.setattr(local, "gpus", list)


def specs(count, cost=10 * WORTH, memory_gb=1.0):
    return [JobSpec(str(k), (), {}, ("a",), cost, memory_gb) for k in range(count)]


@pytest.mark.parametrize(
    ("options", "todo", "workers"),
    [
        ({}, specs(100), 16),
        ({}, specs(3), 3),  # one pack at most for each
        ({}, specs(100, cost=0.1 * WORTH), 10),  # each has seconds to compute
        ({}, specs(100, memory_gb=8.0), 4),  # their largest runs fit into half of the memory
        ({}, specs(100, memory_gb=100.0), 1),
        ({"mem_gb": 16.0}, specs(100), 2),
        ({"cpus_per_task": 4}, specs(100), 4),
        ({"workers": 5}, specs(100), 5),
        ({}, specs(100, memory_gb=0.0), 1),  # nothing is known of their memory
    ],
)
def test_workers_are_as_many_as_cores_jobs_work_and_memory_allow(options, todo, workers):
    backend = Local(**options).fitted(todo)
    assert len(backend.packs(todo)) == backend.at_once == workers
    if not options:
        assert backend.memory_gb == pytest.approx(0.9 * 64 / workers)


def test_a_gpu_has_one_worker(monkeypatch):
    monkeypatch.setattr(local, "gpus", lambda: ["0", "1"])
    assert Local().fitted(specs(100)).at_once == 2


def test_what_is_submitted_next_is_fitted_anew():
    assert Local().sharing(3).at_once == 3
    assert Local(workers=2).sharing(3).at_once == 2
    assert Local().workers is None
