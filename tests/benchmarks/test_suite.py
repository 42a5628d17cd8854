"""The helpers that measure, the kernel of the floor, and the command line; nothing here asserts on time."""

import json
import math

import numpy as np
import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.figures import log_log
from benchmarks.kernel import compiled, sums
from benchmarks.measure import Spread, call, cores, one_thread, run
from benchmarks.modules import RATE, Case, build
from benchmarks.report import Report
from condense import data, schema
from condense.networks.modules import from_module


@pytest.mark.parametrize("keep", [False, True])
def test_the_kernel_moves_neurons_and_sums_their_features(keep):
    generator = np.random.default_rng(0)
    w, a, x, v = (generator.standard_normal(shape) for shape in ((2, 50), 50, (4, 2), 4))
    z = x @ w
    h, g = np.maximum(z, 0), a * (z > 0)
    w1, a1 = w - x.T @ (v[:, None] * g), a - 0.3 * v @ h
    z1 = x @ w1
    h1, g1 = np.maximum(z1, 0), a1 * (z1 > 0)
    out, before = np.empty(sums(4)), (w.copy(), a.copy())
    compiled(4, 2, keep=keep)(w, a, x, v, 0.3, out)
    lower = np.tril_indices(4)
    np.testing.assert_allclose(out[:4], h1 @ a1)
    np.testing.assert_allclose(out[4::2], (h1 @ h1.T)[lower])
    np.testing.assert_allclose(out[5::2], (g1 @ g1.T)[lower])
    for moved, expected in zip((w, a), (w1, a1) if keep else before, strict=True):
        np.testing.assert_allclose(moved, expected)


def test_a_call_is_repeated_and_its_memory_seen():
    calls = call(lambda: float(np.ones(2**22).sum()), 3, warm=1)
    assert calls.results == (2.0**22,) * 3
    assert len(calls.seconds.values) == 3
    assert math.isnan(calls.peak_mb) or calls.peak_mb > 20


def test_a_command_is_timed_with_the_memory_of_its_children():
    child = "import time, numpy as np; x = np.ones(2**24); time.sleep(0.3); print(int(x.sum()))"
    done = run(["-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"])
    assert done.output.split() == [str(2**24)]
    assert done.peak_mb > 128
    with pytest.raises(RuntimeError, match="ended with 3"):
        run(["-c", "import sys; sys.exit(3)"])


def test_threads_are_limited_and_given_back():
    import torch

    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    assert cores() >= 1


def test_a_report_holds_every_measurement_and_no_nan(tmp_path):
    report = Report("some", {"repeat": 3})
    report.add("times", {"of": "this", "seconds": Spread.of([3.0, 1.0, 2.0]), "error": math.nan})
    found = json.loads(report.write(tmp_path).read_text())
    [row] = found["tables"]["times"]
    assert row["seconds"] == {"values": [3, 1, 2], "median": 2, "min": 1, "max": 3, "quartiles": [1.5, 2.5]}
    assert row["error"] is None
    assert {"processor", "cores", "python", "torch", "numpy", "numba", "commit", "date"} <= set(found["machine"])


def test_a_figure_is_drawn(tmp_path):
    curves = {name: {10.0**k: Spread.of([k + 1.0, k + 2.0]) for k in range(3)} for name in ("one", "two")}
    path = log_log(curves, tmp_path / "a" / "figure.png", x="width m", y="seconds", title="cost", slope=-1)
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["integrators", "floor", "modules", "layers"])
def test_a_quick_benchmark_prints_its_tables_and_writes_them(name, tmp_path, capsys):
    sizes = {
        "integrators": ["--widths", "30", "--budget", "0.05", "--rtol", "0.03"],
        "floor": ["--widths", "30"],
        "modules": ["--networks", "2", "--steps", "3"],
        "layers": ["--widths", "20"],
    }[name]
    assert main([name, "--quick", "--out", str(tmp_path), *sizes]) == 0
    found = json.loads((tmp_path / f"{name}.json").read_text())
    assert found["benchmark"] == name
    assert all(rows for rows in found["tables"].values())
    assert list(found["tables"])[-1] in " ".join(capsys.readouterr().out.split())


def test_help_names_every_benchmark(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("fig4", "scaling"))


def test_the_stack_of_the_benchmark_is_trained_as_its_plain_loop():
    flow = schema.Torch(optimiser="AdamW", kwargs={"lr": RATE}, loss="cross_entropy", batch_size=16, max_steps=30)
    case = Case(data.load(schema.Data(name="digits")), from_module(build), 5, flow, torch.float64)
    stacked, alone = case.stacked(2)[1], case.alone(1)[1]
    for ours, theirs in zip(stacked, alone, strict=True):
        np.testing.assert_allclose(ours[1], theirs, rtol=0, atol=1e-12)
