import json
import os
import subprocess
import sys

import pytest

from condense import schema
from condense.job import Job
from condense.runs import estimate
from condense.runs.problem import Problem

PEAK = """if True:
    import json, sys
    from condense.runs.batches import Batch, Member
    from condense.runs.problem import Problem
    from condense.schema import Config
    from condense.runs.training import Trainer
    problem = Problem.of(Config.of(json.loads(sys.argv[1])))
    runs = [Member(problem, run) for run in problem.runs.values()]
    assert not any(progress.failed for progress in Trainer(Batch(tuple(runs))))
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))"""

MODULES = {
    "network": {"name": "module", "build": "benchmarks.modules.build"},
    "flow": {"name": "torch", "loss": "cross_entropy", "optimiser": "Adam", "batch_size": 64, "max_steps": 2},
    "data": {"name": "digits", "samples": 1437},
    "seeds": [0, 1, 2, 3],
}

LARGE = {
    "modules": {**MODULES, "widths": [3000]},
    "modules and their sharpness": {
        **MODULES,
        "widths": [500],
        "measure": {"observables": ["relative_change", "sharpness"]},
    },
    "one dimension": {"widths": [200_000], "seeds": [0, 1]},
    "images": {"widths": [20_000], "data": {"name": "digits", "samples": 45}},
    "adam": {"widths": [300_000], "flow": {"name": "adam", "max_steps": 2}},
    "dropout": {"widths": [300_000], "network": {"keep": 0.9}, "flow": {"name": "adam", "max_steps": 2}},
}


@pytest.mark.parametrize("case", LARGE)
def test_memory_is_estimated_a_little_above_what_is_measured(case):
    config = {"seeds": [0], "flow": {"max_steps": 2}, **LARGE[case]}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PEAK, json.dumps(config)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    problem = Problem.of(schema.Config.of(config))
    measured = float(done.stdout) * 1024 / 1e9
    estimated = estimate.memory_gb(problem, config["widths"][0], len(config["seeds"]))
    assert measured < estimated < 1.5 * measured + 0.1


def test_a_job_costs_what_its_runs_cost_and_needs_what_its_largest_run_needs():
    one, all_of_them = Job(schema.Config(widths=[4000], seeds=[0])), Job(schema.Config(seeds=[0, 1, 2]))
    assert all_of_them.cost == pytest.approx(3 * sum(estimate.seconds(one.problem, m) for m in (500, 1000, 2000, 4000)))
    assert all_of_them.memory_gb == one.memory_gb


@pytest.mark.parametrize("flow", [schema.Exponential(), schema.Descent(), schema.Adam()])
def test_what_is_larger_takes_more(flow):
    problem = Problem.of(schema.Config(flow=flow))
    images = Problem.of(schema.Config(flow=flow, data=schema.Data(name="digits")))
    for measured in (estimate.seconds, estimate.memory_gb):
        assert measured(problem, 10**5) < measured(problem, 10**6) < measured(images, 10**6)
