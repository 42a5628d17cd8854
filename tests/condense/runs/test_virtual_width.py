"""Widths for which fewer neurons stand: M of them with kappa = m^(1-gamma) / M are a sample of width m."""

import numpy as np
import pandas as pd
import pytest
import torch

import condense
from condense import records, schema
from condense.job import Job
from condense.planes.two_layer import exponent
from condense.runs.batches import Member, batches
from condense.runs.problem import Problem
from condense.runs.training import stack


def ladder(*widths, neurons=(20_000, 5000)):
    return schema.Virtual(widths=list(widths), neurons=list(neurons))


def test_as_many_neurons_as_the_width_are_the_network_itself():
    runs = condense.simulate([0.7, 1.3], 0.2, widths=[500], seeds=[0, 1], virtual=ladder(500, neurons=[500, 100]))
    real, virtual = runs[~runs.virtual], runs[runs.virtual & (runs.neurons == 500)]
    assert len(runs) == 3 * len(real) == 3 * len(virtual)
    assert set(real.key).isdisjoint(virtual.key)
    same = [name for name in real if name not in ("key", "virtual", "wall_seconds")]
    pd.testing.assert_frame_equal(real[same].reset_index(drop=True), virtual[same].reset_index(drop=True))


@pytest.mark.parametrize(("gamma", "gamma_prime"), [(0.7, 0.3), (0.9, -0.2), (1.1, 0.0), (1.2, 0.1), (1.4, 0.3)])
def test_neurons_that_stand_for_a_width_change_as_its_own_do(gamma, gamma_prime):
    """Collapse: equal arguments, different numbers of neurons; the sd of log RD over seeds is about 2.2 / sqrt(m)."""
    counts = [2000, 1000]
    runs = condense.simulate(gamma, gamma_prime, widths=[8000], seeds=range(4), virtual=ladder(8000, neurons=counts))
    logs = np.log(runs.rd_w).groupby(runs.neurons).mean()
    for count in counts:
        assert logs[count] == pytest.approx(logs[8000], abs=3 * 2.2 / np.sqrt(4 * count))


def test_slopes_far_out_are_those_of_infinite_width():
    """Without the closed form; outside the wedge 1 < gamma < 1 - gamma', where the end of training is another."""
    options = {"widths": [], "seeds": [0], "virtual": ladder(1e20, 1e30, neurons=[4000, 10])}
    runs = condense.simulate([0.6, 0.8, 1.25], [-0.2, 0.0, 0.2, 0.4], **options)
    runs = runs[(runs.neurons == 4000) & runs.converged]  # at (1.25, -0.2) more neurons are needed
    table = runs.pivot_table(values="rd_w", index=["gamma", "gamma_prime"], columns="width")
    slopes = (np.log(table[1e30] / table[1e20]) / np.log(1e10)).dropna()
    assert len(slopes) >= 11
    for (gamma, gamma_prime), slope in slopes.items():
        if not 1 < gamma < 1 - gamma_prime:
            assert slope == pytest.approx(exponent(gamma, gamma_prime), abs=0.01), (gamma, gamma_prime)


def test_changes_far_below_the_rounding_of_the_weights_are_as_accurate_as_others():
    """At (1.1, 0.4) a block moves by 1e-18 of its size, and its change is a power of the width from 1e14 on."""
    options = {"widths": [], "seeds": [0], "virtual": ladder(1e14, 1e22, 1e30, neurons=[1000, 10])}
    runs = condense.simulate(1.1, 0.4, **options)
    runs = runs[runs.neurons == 1000]
    assert runs.rd_w.min() < 1e-17
    levels = runs.rd_w / runs.width ** exponent(1.1, 0.4)
    assert levels.max() / levels.min() < 1.005


def test_the_widths_of_one_number_of_neurons_are_a_batch_from_one_draw():
    problem = Problem.of(schema.Config(widths=[], seeds=[0], virtual=ladder(1e3, 1e12, 1e30, neurons=[100, 50])))
    few, many = batches(Member(problem, run) for run in problem.runs.values())
    assert [len(batch.members) for batch in (few, many)] == [3, 3]
    assert [problem.row(member.run)["kappa"] for member in many.members] == pytest.approx([0.01] * 3)  # gamma = 1
    drawn = [stack(problem, [batch.members[0].run]).drawn[0][0] for batch in (few, many)]
    assert [w.shape[1] for w in drawn] == [50, 100]
    assert not torch.isin(drawn[0], drawn[1]).any()


def test_keys_and_settings_of_real_runs_are_those_from_before_there_were_virtual_ones():
    """Sweeps on disk stay valid, and virtual widths can be added to them."""
    plain = Job(schema.Config(widths=[500, 1000], seeds=[0, 1]))
    with_ladder = Job(schema.Config(widths=[500, 1000], seeds=[0, 1], virtual=ladder(1e3, 1e8)))
    assert plain.wanted == ["a552851221cdf59f", "0703c5411bae3ec3", "b6c64a8db5101292", "52080d3c710659e1"]
    assert with_ladder.wanted[:4] == plain.wanted
    assert len(set(with_ladder.wanted)) == 4 + 2 * 2 * 2
    assert {plain.problem.setting, with_ladder.problem.setting} == {"8469d1b771f1a7dd"}
    assert with_ladder.settings == plain.settings


def test_a_width_is_the_same_run_however_it_is_written():
    keys = [Job(schema.Config(widths=[], virtual=ladder(width))).wanted for width in (10**30, 1e30)]
    assert keys[0] == keys[1]


def test_records_say_which_runs_are_virtual_and_older_ones_are_not(tmp_path):
    runs = condense.simulate(widths=[20], seeds=[0], virtual=ladder(1e30, neurons=[30, 10]), folder=tmp_path)
    assert runs.virtual.tolist() == [False, True, True]
    assert runs.width.tolist() == [20, 1e30, 1e30]
    assert runs.neurons.tolist() == [20, 10, 30]
    assert set(runs.setting) == {runs.setting[0]}
    records.write(runs.drop(columns="virtual"), tmp_path / "old.parquet")
    assert not records.read(tmp_path / "old.parquet").virtual.any()


def test_virtual_widths_can_be_added_to_a_folder(tmp_path):
    options = {"widths": [20], "seeds": [0], "folder": tmp_path}
    before = condense.simulate(**options)
    after = condense.simulate(**options, virtual=ladder(1e6, neurons=[30, 10]))
    assert len(after) == 3
    pd.testing.assert_frame_equal(after[~after.virtual], before)


def test_snapshots_of_several_neurons_that_stand_for_a_width_do_not_collide(tmp_path):
    looks = schema.Snapshots(steps=[0], widths=[1e30])
    condense.simulate(widths=[20], seeds=[0], virtual=ladder(1e30, neurons=[30, 10]), folder=tmp_path, snapshots=looks)
    names = {path.name.rpartition(",")[0] for path in tmp_path.rglob("*.npz")}
    assert names == {"width=1e+30,neurons=30,seed=0", "width=1e+30,neurons=10,seed=0"}


def test_what_is_computed_decides_what_it_costs():
    cheap = Problem.of(schema.Config(widths=[], seeds=[0], virtual=ladder(1e30, neurons=[100, 50])))
    assert [run.neurons for run in cheap.runs.values()] == [100, 50]
    assert all(Member(cheap, run).seconds < 1 for run in cheap.runs.values())
    wide = schema.Config(widths=[100], virtual=ladder(1e30, neurons=[10, 10**6]))
    assert Job(wide).memory_gb > Job(schema.Config(widths=[100])).memory_gb


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"widths": [0.5]}, r"virtual.widths = \[0.5\] is not allowed: whole numbers, 1 or above, each once in"),
        (
            {"widths": [1e30, 1.0000000000001e30]},
            r"virtual.widths = \[1e\+30, 1.0000000000001e\+30\] is not allowed: .*, each once in twelve digits",
        ),
        ({"widths": [1000.5]}, r"virtual.widths = \[1000.5\] is not allowed: whole numbers"),
        ({"widths": [float("inf")]}, r"virtual.widths = \[inf\] is not allowed: whole numbers"),
        ({"widths": [float("nan")]}, r"virtual.widths = \[nan\] is not allowed: whole numbers"),
        ({"widths": ["x"]}, r"virtual.widths = 'x' is not allowed: a number"),
        ({"widths": 1e3}, r"virtual.widths = 1000.0 is not allowed: a list, such as virtual.widths=\[1000.0\]"),
        ({"widths": [1000, 1e3]}, r"virtual.widths = \[1000.0, 1000.0\] is not allowed: .*, each once"),
        ({"neurons": [100]}, r"virtual.neurons = \[100\] is not allowed: two different integers or more, 1 or above: "),
        ({"neurons": [100, 100]}, r"virtual.neurons = \[100, 100\] is not allowed: two different integers"),
        (
            {"neurons": [100, 0]},
            r"virtual.neurons = \[100, 0\] is not allowed: .* the largest is measured, the others ",
        ),
    ],
)
def test_what_is_no_width_or_number_of_neurons_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        schema.Virtual(**options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"init": schema.Plane(antisymmetric=False)},
            r"virtual.widths = \[1000.0\] is not allowed: \[\] with init.antisymmetric=false, whose f\(0\) depends on",
        ),
        (
            {"dtype": "float32"},
            r"virtual.widths = \[1000.0\] is not allowed: \[\] with dtype=float32, in which the squares of small",
        ),
        (
            {"network": schema.Network(keep=0.9), "flow": schema.Adam()},
            r"virtual.widths = \[1000.0\] is not allowed: \[\] with dropout, whose noise depends on the number of neu",
        ),
        (
            {"snapshots": schema.Snapshots(steps=[0], widths=[30])},
            r"snapshots.widths = \[30\] is not allowed: null, or some of widths = \[500, 1000, 2000, 4000, 1000.0\]",
        ),
    ],
)
def test_what_no_neurons_can_stand_for_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        schema.Config(**options, virtual=ladder(1e3))


def test_deep_networks_have_widths_of_their_own():
    with pytest.raises(
        ValueError, match=r"virtual.widths = \[1000.0\] is not allowed: \[\] for deep networks and netw"
    ):
        condense.simulate(widths=[5], seeds=[0], network="residual", data="sines_3d", virtual=ladder(1e3))


def test_a_place_whose_scales_overflow_at_a_virtual_width_is_refused():
    with pytest.raises(ValueError, match="init: at width 1e\\+30 a scale is 0 or infinite in floating point"):
        condense.simulate(20.0, widths=[], seeds=[0], virtual=ladder(1e30))


def test_the_python_door_takes_virtual_widths_as_their_dataclass():
    with pytest.raises(ValueError, match=r"virtual = 5 is not allowed: a condense.schema.Virtual\(...\)"):
        condense.simulate(widths=[20], seeds=[0], virtual=5)
