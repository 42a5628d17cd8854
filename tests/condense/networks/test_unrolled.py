"""Compiled kernels against the reference by torch."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from condense import schema, simulate
from condense.data import Dataset, parabola
from condense.networks import unrolled
from condense.networks.batched import where
from condense.networks.fused import FusedStage
from condense.networks.two_layer import TwoLayer
from condense.planes.two_layer import PlanePoint, Scales
from condense.run import Run
from condense.runs.problem import Problem
from condense.runs.training import stack


def network(m=700, points=((0.8, 0.3), (1.3, -0.4)), seeds=(0, 1), data=None, **options):
    runs = [Run(Scales.at(PlanePoint(*point), m), m, seed) for point in points for seed in seeds]
    return TwoLayer.build(runs, data or parabola(), stages=FusedStage.at, **options)


def random(shape, seed):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def away(network):
    return tuple(0.3 * random(block.shape, seed) for seed, block in enumerate(network.rest))


def agree(one, two):
    """Compare what is of the size of its largest number."""
    torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12 * float(two.abs().max()))


def plane_points(n, r):
    """Return n points that span r dimensions, bias included."""
    return Dataset(np.random.default_rng(0).normal(size=(n, r - 1)), np.arange(n) / n, "drawn")


DATA = {
    "four points": parabola(),
    "one point": Dataset(np.array([[0.5]]), np.array([1.0])),
    "eight in 4-D": plane_points(8, 4),
}


@pytest.mark.parametrize("antisymmetric", [True, False])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize("data", list(DATA))
def test_a_step_is_that_of_the_reference(data, activation, antisymmetric):
    options = {"data": DATA[data], "activation": activation, "antisymmetric": antisymmetric}
    fused = network(m=unrolled.CHUNK // 2 + 11, **options)
    here, expected = fused.stage(away(fused)), fused.reference(away(fused))
    assert isinstance(here, FusedStage)
    p, v, w = (0.02 * random(here.outputs.shape, seed) for seed in range(3))
    predicted, expected_predicted = here.predict(p), expected.predict(p)
    assert 0.005 < expected_predicted.crossed.double().mean() < 0.5
    there, gauge = here.correct(v, predicted, w)
    expected_there, expected_gauge = expected.correct(v, expected_predicted, w)
    for one, two in ((here, expected), (predicted, expected_predicted), (there, expected_there)):
        agree(one.outputs, two.outputs)
        agree(one.kernel, two.kernel)
    for one, two in ((gauge, expected_gauge), ([there.displacement], [expected_there.displacement])):
        for blocks in zip(one, two, strict=True):
            for x, y in zip(*blocks, strict=True):
                agree(x, y)
    for block, change in there.relative_change().items():
        agree(change, expected_there.relative_change()[block])


def test_a_rejected_step_leaves_its_run_where_it_was():
    fused = network()
    here = fused.stage(away(fused))
    before = here.displacement
    v = 0.05 * random(here.outputs.shape, 0)
    there, _ = here.correct(v, here.predict(v), 0 * v)
    after = there.displacement
    accepted = torch.tensor([True, False, True, False])
    mixed = where(accepted, there, here)
    for block, old, new in zip(mixed.displacement, before, after, strict=True):
        for run, taken in enumerate(accepted):
            assert torch.equal(block[run], (new if taken else old)[run])
            assert not torch.equal(old[run], new[run])
    further, _ = mixed.correct(v, mixed.predict(v), 0 * v)
    expected = where(accepted, *(fused.reference(at) for at in (after, before)))
    agree(further.outputs, expected.correct(v, expected.predict(v), 0 * v)[0].outputs)


def test_the_order_of_sums_does_not_depend_on_threads_or_on_other_runs(monkeypatch):
    wide = network(m=2 * unrolled.CHUNK + 5, points=[(1.1, 0.1)], seeds=(0, 1, 2))
    v = 0.05 * random((3, 4), 0)
    stage = wide.stage(away(wide))
    monkeypatch.setattr("condense.networks.fused.LEAST", 1)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        shared = stage.predict(v)
        torch.set_num_threads(1)
        assert torch.equal(stage.predict(v).kernel, shared.kernel)
    finally:
        torch.set_num_threads(threads)
    alone = stage.select(torch.tensor([2])).predict(v[2:])
    assert torch.equal(alone.outputs, shared.outputs[2:])
    assert torch.equal(alone.kernel, shared.kernel[2:])


def test_whole_runs_agree_with_the_reference(change_only):
    options = {"widths": [60, 900], "seeds": [0, 1], "measure": change_only}
    compiled, reference = (
        simulate([0.6, 1.0, 1.2], [-0.3, 0.0, 0.3], compiled=compiled, **options) for compiled in (True, False)
    )
    assert compiled.key.tolist() == reference.key.tolist()
    lazy = (compiled.rd_w < 0.1) & (compiled.rd_a < 0.1)
    assert lazy.any()
    assert not lazy.all()
    changes = ["rd_w", "rd_a", "rd_theta", "rd_w_sup"]
    np.testing.assert_allclose(compiled[lazy][changes], reference[lazy][changes], rtol=1e-8)
    rtol = 0.1 * schema.Exponential().rtol
    np.testing.assert_allclose(compiled[changes], reference[changes], rtol=rtol)


@pytest.mark.parametrize(
    ("change", "fused"),
    [
        ({}, True),
        ({"network": schema.Network(activation="leaky_relu")}, True),
        ({"compiled": False}, False),
        ({"network": schema.Network(activation="tanh")}, False),
        ({"network": schema.Network(keep=0.9), "flow": schema.Adam()}, False),
        ({"flow": schema.Descent()}, False),
        ({"dtype": "float32"}, False),
        ({"data": schema.Data(name="digits", samples=12)}, False),
    ],
    ids=str,
)
def test_who_steps_by_compiled_kernels(change, fused):
    problem = Problem.of(schema.Config(widths=[5], seeds=[0], **change))
    stage = stack(problem, [Run(Scales(1.0, 1.0, 1.0), 5, 0)]).stage()
    assert isinstance(stage, FusedStage) is problem.fused is fused


def test_a_bad_number_does_not_pass_for_a_good_one():
    fused = network(m=50)
    displacement = fused.rest
    displacement[0][1, 0, 7] = float("nan")
    here = fused.stage(displacement)
    _, gauge = here.correct(0 * here.outputs, here.predict(0 * here.outputs), 0 * here.outputs)
    assert [bool(size.isfinite()) for size in gauge.size[0]] == [True, False, True, True]


PROGRAM = """
import condense
import numpy as np
from condense.networks import unrolled
condense.simulate(1.0, 0.0, widths=5, seeds=0, data=(np.array([[0.5]]), np.array([1.0])))
kernels = unrolled.kernels(1, 1, 0.0)
print(unrolled._folder(), len(kernels.predict.signatures), sum(kernels.predict.stats.cache_hits.values()))
"""


def kept(tmp_path, cache):
    """Return the folder that a process keeps kernels in, the kernels it has, and how many it found there."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    folder, compiled, found = done.stdout.split()
    return folder, int(compiled), int(found)


def test_kernels_are_kept_for_the_next_process_and_a_damaged_source_is_mended(tmp_path):
    folder = str(tmp_path / "condense")
    assert kept(tmp_path, tmp_path) == (folder, 1, 0)
    assert kept(tmp_path, tmp_path) == (folder, 1, 1)
    [source] = (tmp_path / "condense").glob("*.py")
    source.write_text("damaged")
    assert kept(tmp_path, tmp_path)[:2] == (folder, 1)
    assert "Written by condense" in source.read_text()


def test_where_nothing_can_be_kept_kernels_are_compiled_for_the_process(tmp_path):
    (tmp_path / "cache").touch()
    folder, compiled, found = kept(tmp_path, tmp_path / "cache")
    assert folder.startswith(str(tmp_path / "condense"))
    assert (compiled, found) == (1, 0)
    assert not os.path.exists(folder)


def test_the_pace_is_that_of_the_reference():
    fused = network()
    here, expected = fused.stage(away(fused)), fused.reference(away(fused))
    v = 0.05 * random(here.outputs.shape, 0)
    for one, two in zip(here.pace(v), expected.pace(v), strict=True):
        for x, y in zip(one, two, strict=True):
            agree(x, y)


def test_the_draw_is_shared_by_runs_of_one_seed():
    fused = network(points=[(0.7, 0.0), (1.0, 0.0), (1.3, 0.2)], seeds=(4, 9))
    assert len(fused.drawn[0]) == 2
    assert fused.parameters(fused.rest)[0].shape[0] == 6
