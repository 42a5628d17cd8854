"""Runs looked at on their way: when, what is kept, and that it changes nothing."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import condense
from condense import records, schema
from condense.networks.blocks import TAKEN
from condense.runs import pack, training
from condense.runs.batches import Member, batches
from condense.runs.pack import Pack
from condense.runs.problem import Problem
from condense.runs.training import Trainer
from durable.execution import Execution

MEASURE = schema.Measure(observables=["relative_change", "clusters", "unweighted", "alignment"])
LOOKS = schema.Snapshots(steps=[3, 12], losses=[0.5, 1e-3], per_decade=1)


def problem(snapshots=LOOKS, **changes):
    return Problem.of(schema.Config(widths=[30], seeds=[0, 1], measure=MEASURE, snapshots=snapshots, **changes))


def arrays(path):
    with np.load(path) as file:  # without pickle
        return dict(file)


def test_moments_are_the_start_the_end_and_what_was_chosen(tmp_path):
    runs = condense.simulate(1.5, widths=[40], seeds=[0, 1], snapshots=LOOKS, folder=tmp_path)
    curves = records.curves(runs)
    for run in runs.itertuples():
        curve = curves[curves.key == run.key]
        assert curve.step.iloc[0] == 0
        assert curve.step.iloc[-1] == run.steps
        assert curve.step.is_monotonic_increasing
        assert curve.step.is_unique
        assert {1, 3, 10, 12} <= set(curve.step)
        for share in LOOKS.losses:  # the first moment below a loss is at most one accepted step below it
            assert (curve.mse <= share * run.mse_initial).any()
        last = curve.iloc[-1]
        assert (last.mse, last.time) == (run.mse_final, run.time)
        assert (last.rd_w, last.clusters, last.lines) == (run.rd_w, run.clusters, run.lines)
        files = sorted(tmp_path.rglob(f"width=40,seed={run.seed},*.npz"))
        assert [int(arrays(path)["step"]) for path in files] == curve.step.tolist()
        assert [bool(arrays(path)["final"]) for path in files] == [False] * (len(files) - 1) + [True]


@pytest.mark.parametrize("flow", ["exponential", "descent", "adam"])
def test_looking_changes_no_result(tmp_path, flow):
    kind = {"exponential": schema.Exponential, "descent": schema.Descent, "adam": schema.Adam}[flow]
    options = {"widths": [30], "seeds": [0, 1], "flow": kind(max_steps=60)}
    looked = condense.simulate([0.6, 1.4], snapshots=LOOKS, folder=tmp_path, **options)
    plain = condense.simulate([0.6, 1.4], **options)
    same = [name for name in plain if name not in ("wall_seconds", "attempt")]
    pd.testing.assert_frame_equal(looked[same], plain[same], check_dtype=False)


def test_weights_give_the_outputs_of_the_record(tmp_path):
    [run] = condense.simulate(1.2, 0.1, widths=[50], seeds=[3], snapshots=LOOKS, folder=tmp_path).itertuples()
    for path in tmp_path.rglob("*.npz"):
        found = arrays(path)
        assert sorted({*found} - {"w", "a"}) == sorted(TAKEN)  # no block has the name of something else
        w, a, kappa = found["w"], found["a"], found["kappa"]
        data = np.column_stack([found["data_x"], np.ones(4)])
        f = kappa * a @ np.maximum(w @ data.T, 0)
        assert np.mean((f - found["data_y"]) ** 2) == pytest.approx(float(found["mse"]), rel=1e-9)
        on_grid = kappa * a @ np.maximum(w @ np.column_stack([found["x"], np.ones(401)]).T, 0)
        np.testing.assert_allclose(found["f"], on_grid, atol=1e-12)
        np.testing.assert_array_equal(found["active"], (w @ data.T > 0).any(axis=1))
        drift = run.kappa_prime**2 * a**2 - (w**2).sum(axis=1)  # conserved
        if found["step"] == 0:
            assert (w[:50] == w[50:]).all()
            assert (a[:50] == -a[50:]).all()
            start = drift
    assert np.abs(drift - start).max() < 0.05 * np.abs(start).max()


def test_weights_beyond_the_span_of_the_data_come_with_their_basis(tmp_path):
    x = np.random.default_rng(0).standard_normal((3, 7))
    options = {"widths": [20], "seeds": [0], "data": (x, x[:, 0]), "snapshots": schema.Snapshots(steps=[0])}
    condense.simulate(1.0, folder=tmp_path / "flow", **options)
    condense.simulate(1.0, folder=tmp_path / "adam", flow=schema.Adam(max_steps=3), **options)
    spanned = arrays(min((tmp_path / "flow").rglob("*.npz")))
    whole = arrays(min((tmp_path / "adam").rglob("*.npz")))
    assert spanned["w"].shape == (40, 3)
    assert "basis" not in whole
    assert "f" not in whole
    np.testing.assert_allclose(whole["w"] @ spanned["basis"], spanned["w"], atol=1e-12)


def test_only_the_chosen_weights_are_kept(tmp_path):
    chosen = schema.Snapshots(steps=[0], widths=[20], seeds=[1])
    runs = condense.simulate(1.0, widths=[10, 20], seeds=[0, 1], snapshots=chosen, folder=tmp_path)
    assert {path.name[:15] for path in tmp_path.rglob("*.npz")} == {"width=20,seed=1"}
    assert records.curves(runs).key.nunique() == 4


def test_a_network_of_ones_own_gives_its_blocks(tmp_path):
    class Net:
        scales = {"w": (0.5, -0.5), "a": (0.5, 0.5)}

        def init(self, generator, m):
            return {"w": torch.randn(m, 2, generator=generator), "a": torch.randn(m, generator=generator)}

        def forward(self, params, x):
            return torch.tanh(x @ params["w"][:, :1].T + params["w"][:, 1]) @ params["a"]

    condense.simulate(1.0, widths=[6], seeds=[0], network=Net(), snapshots=schema.Snapshots(steps=[0]), folder=tmp_path)
    start, end = (arrays(path) for path in sorted(tmp_path.rglob("*.npz")))
    assert start["w"].shape == (2, 6, 2)
    assert np.abs(start["f"]).max() < 1e-15
    near = np.abs(end["x"][:, None] - end["data_x"]).argmin(axis=0)
    np.testing.assert_allclose(end["f"][near], end["data_y"], atol=5e-3)


def stopped_and_resumed(tmp_path, after):
    """The records of a pack that is stopped after so many steps, and then goes on from its checkpoint."""
    one, job = problem(), tmp_path / "job"
    trainer, place = Trainer(next(batches(wanted(one)))), 0
    for place, _ in enumerate(trainer):
        if place == after:
            break
    [rest] = trainer.rest
    for progress in Trainer(rest):
        yield from (row for _, row in progress.ended)
    assert not job.exists()


def wanted(one):
    return [Member(one, run) for run in one.runs.values()]


@pytest.mark.parametrize("after", [5, 15])
def test_a_run_that_is_resumed_keeps_its_curve(tmp_path, after):
    straight = [row for progress in Trainer(next(batches(wanted(problem())))) for _, row in progress.ended]
    resumed = list(stopped_and_resumed(tmp_path, after))
    curves = [{row["key"]: row["curve"] for row in rows} for rows in (straight, resumed)]
    assert curves[0].keys() == curves[1].keys()
    for key, curve in curves[0].items():
        for moment, again in zip(curve, curves[1][key], strict=True):
            assert again == pytest.approx(moment, rel=1e-9)


def test_records_with_curves_are_read_back_and_merged(tmp_path):
    first = Pack([problem()], [tmp_path])
    first.compute()
    more = Problem.of(schema.Config(widths=[30, 40], seeds=[0, 1], measure=MEASURE, snapshots=LOOKS))
    Pack([more], [tmp_path]).compute()
    runs = records.read(tmp_path / records.FILE)
    assert len(runs) == 4
    curves = records.curves(runs)
    assert curves.groupby("key").step.max().to_dict() == dict(zip(runs.key, runs.steps, strict=True))
    assert {"gamma", "width", "seed", "mse", "rd_w", "clusters", "cosine_z"} <= set(curves)


def test_runs_without_curves_have_none():
    runs = condense.simulate(1.0, widths=[10], seeds=[0])
    assert "curve" not in runs
    assert records.curves(runs).empty


@given(st.lists(st.integers(0, 500), max_size=5), st.integers(0, 20), st.integers(1, 1000))
def test_moments_are_in_order_and_within_the_run(steps, per_decade, most):
    found = schema.Snapshots(steps=steps, per_decade=per_decade).moments(most)
    assert found == sorted(set(found))
    assert all(0 <= step <= most for step in found)
    assert {step for step in steps if step <= most} <= set(found)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"steps": [-1]}, r"snapshots.steps = \[-1\] is not allowed: step numbers, 0 or above"),
        ({"steps": [1.5]}, r"snapshots.steps = 1.5 is not allowed: integers alone"),
        ({"losses": [2]}, r"snapshots.losses = \[2.0\] is not allowed: shares of the first mean square residual"),
        (
            {"per_decade": -2},
            r"snapshots.per_decade = -2 is not allowed: moments a decade of steps, 0 for none, at most",
        ),
        ({"per_decade": 10**6}, r"snapshots.per_decade = 1000000 is not allowed"),
    ],
)
def test_bad_moments_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        schema.Snapshots(**options)


def test_a_folder_that_cannot_serve_is_refused(tmp_path):
    options = {"widths": [10], "seeds": [0]}
    with pytest.raises(ValueError, match="snapshots keep weights: give a folder"):
        condense.simulate(1.0, snapshots=LOOKS, **options)
    condense.simulate(1.0, folder=tmp_path, **options)
    differing = {
        "snapshots.steps: there the default, now [2]": {"snapshots": schema.Snapshots(steps=[2])},
        "measure.observables: there the default, now ['alignment']": {"measure": schema.Measure(["alignment"])},
        "network.activation: there the default, now 'tanh'": {"activation": "tanh"},
    }
    for said, change in differing.items():
        with pytest.raises(
            ValueError, match=r"(?s)holds a sweep with other settings.*else give another folder"
        ) as refused:
            condense.simulate(1.0, folder=tmp_path, **options, **change)
        assert said in str(refused.value)
    starts = [schema.Named("he"), schema.Named("he", antisymmetric=False)]
    with pytest.raises(ValueError, match="(?s)differ in more than where .*init.antisymmetric: there True, now False"):
        condense.simulate(init=starts, folder=tmp_path / "other", **options)
    with pytest.raises(ValueError, match="would share gamma=1,gamma_prime=0; give each its own folder"):
        condense.simulate([1.0, 1 + 1e-13], folder=tmp_path / "other", **options)
    (tmp_path / "sweep.json").unlink()
    with pytest.raises(ValueError, match=r"holds runs, but no sweep.json says how they were made; give another folder"):
        condense.simulate(1.0, folder=tmp_path, **options)


NOTED = """{
 "setting.init.antisymmetric": true,
 "setting.network.name": "two_layer",
 "setting.data.content": "f6e7e3d29b5ba291",
 "setting.flow.name": "exponential",
 "setting.dtype": "float64",
 "setting.schema": 2
}"""
"""What version 0.1.0 noted in a folder."""


def test_a_folder_of_a_version_before_goes_on_and_keeps_to_its_settings(tmp_path):
    options = {"widths": [10], "seeds": [0], "folder": tmp_path}
    first = condense.simulate(1.0, **options)
    written = (tmp_path / "sweep.json").read_text()
    (tmp_path / "sweep.json").unlink()
    (tmp_path / "simulate.json").write_text(NOTED)
    with pytest.raises(ValueError, match="network.activation: there the default, now 'tanh'"):
        condense.simulate(1.0, activation="tanh", **options)
    again = condense.simulate([1.0, 1.2], **options)
    assert again.wall_seconds[0] == first.wall_seconds[0]
    assert (tmp_path / "sweep.json").read_text() == written
    assert not (tmp_path / "simulate.json").exists()


def test_a_kept_folder_is_not_computed_again(tmp_path):
    options = {"widths": [10], "seeds": [0], "folder": tmp_path, "snapshots": LOOKS}
    first = condense.simulate(1.0, **options)
    more = condense.simulate([1.0, 1.2], **options)
    assert more[more.gamma == 1.0].wall_seconds.tolist() == first.wall_seconds.tolist()


def test_alignment_to_the_direction_in_which_small_weights_grow():
    """w_z(t) = w_z(0) cosh(lt) + kappa' a(0) sinh(lt) while the output is small, the rest of w as it was; l = |z|."""
    x = np.random.default_rng(1).standard_normal((12, 3))
    y = np.sin(x[:, 0]) + 0.3
    small = schema.SpelledOut("1", "1e-4", "1e-4", antisymmetric=False)
    z = np.column_stack([x, np.ones(12)]).T @ y / 12
    # a network of width 400, drawn as the run draws it
    looks = schema.Snapshots(per_decade=8, weights=False)
    flow = schema.Exponential(stop=0.99, relative=True, rtol=1e-3)
    runs = condense.simulate(
        init=small, widths=[400], seeds=[0], activation="tanh", data=(x, y), flow=flow, snapshots=looks, measure=MEASURE
    )
    curve = records.curves(runs)
    from condense.networks.draws import drawn
    from condense.networks.span import span_basis

    basis = span_basis(np.column_stack([x, np.ones(12)]))
    w, a, _ = drawn(0, 400, basis, True)
    unit = (z @ basis) / np.linalg.norm(z)
    along = unit @ w
    rest = (w**2).sum() - (along**2).sum()
    length = np.linalg.norm(z)
    grown = [along * np.cosh(length * t) + a * np.sinh(length * t) for t in curve.time]  # kappa' = 1
    share = [np.sqrt((each**2).sum() / ((each**2).sum() + rest)) for each in grown]
    early = curve.mse > 0.999 * curve.mse.iloc[0]
    assert early.sum() > 8
    np.testing.assert_allclose(curve.share_z[early], np.array(share)[early], rtol=2e-3)
    assert curve.cosine_z.iloc[-1] > 0.9


def test_the_stop_may_be_close_to_the_start():
    """A fall of one in a hundred is met within one in fifty of it."""
    flow = schema.Exponential(stop=0.99, relative=True)
    runs = condense.simulate([0.6, 1.4], widths=[100], seeds=[0, 1], flow=flow)
    fall = 1 - runs.mse_final / runs.mse_initial
    assert runs.converged.all()
    assert ((fall >= 0.01) & (fall <= 0.01021)).all()


def test_weights_of_no_run_at_all_are_refused():
    with pytest.raises(ValueError, match=r"snapshots.widths = \[99\] is not allowed: null, or some of widths = \[10\]"):
        schema.Config(widths=[10], snapshots=schema.Snapshots(steps=[0], widths=[99]))


def numpy_count(state, measure):
    """An observable of a user's that returns numbers of numpy."""
    return {"count": list(np.arange(len(state.run)))}


def test_numbers_of_numpy_survive_a_checkpoint():
    measure = schema.Measure(observables=[f"{__name__}.numpy_count"])
    one = Problem.of(schema.Config(widths=[30], seeds=[0, 1], measure=measure, snapshots=LOOKS))
    trainer = Trainer(next(batches(wanted(one))))
    for place, _ in enumerate(trainer):
        if place == 5:
            break
    [rest] = trainer.rest
    rows = [row for progress in Trainer(rest) for _, row in progress.ended]
    assert all(moment["count"] in (0, 1) for row in rows for moment in row["curve"])


@pytest.mark.parametrize("call", [3, 4, 5, 9])
def test_a_look_that_raises_once_loses_no_moment(call, monkeypatch):
    straight = [row for progress in Trainer(next(batches(wanted(problem())))) for _, row in progress.ended]
    measured, calls = training.measured, []

    def raises(state, measure):
        calls.append(len(state.run))
        if len(calls) == call:
            raise RuntimeError("once")
        return measured(state, measure)

    monkeypatch.setattr(training, "measured", raises)
    taken, ended = [], {}
    for progress in Trainer(next(batches(wanted(problem())))):
        taken += [(run.key, snapshot.step) for run, snapshot in progress.snapshots]
        ended |= {row["key"]: row for _, row in progress.ended}
        assert not progress.failed
    for row in straight:
        steps = [moment["step"] for moment in row["curve"]]
        assert [moment["step"] for moment in ended[row["key"]]["curve"]] == steps
        assert {step for key, step in taken if key == row["key"]} == set(steps)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_components_of_z_that_are_zero_by_symmetry_have_no_sign(dtype):
    x = np.linspace(-1, 1, 30)
    runs = condense.simulate(1.2, widths=[20], seeds=[0], data=(x, x**2), measure=MEASURE, dtype=dtype)
    assert runs.cosine_sign_z.to_numpy() == pytest.approx(runs.cosine_z.to_numpy())  # z lies along the bias


@pytest.mark.parametrize("asked", [2, 9, 18])
def test_a_pack_that_is_stopped_and_goes_on_leaves_every_snapshot(tmp_path, monkeypatch, asked):
    monkeypatch.setattr(pack, "WORTH_SAVING", 0.0)
    folders = [tmp_path / "straight", tmp_path / "stopped"]
    Pack([problem()], folders[:1]).compute()
    questions = []

    def stop():
        questions.append(None)
        return len(questions) > asked

    Pack([problem()], folders[1:], execution=Execution(stop=stop, scratch=tmp_path / "scratch")).compute()
    assert any((tmp_path / "scratch").glob("*.npz")) == (len(questions) > 1)
    Pack([problem()], folders[1:], execution=Execution(scratch=tmp_path / "scratch")).compute()
    straight, stopped = (sorted(folder.rglob("*.npz")) for folder in folders)
    assert [path.name for path in straight] == [path.name for path in stopped]
    for one, other in zip(straight, stopped, strict=True):
        assert arrays(one)["w"] == pytest.approx(arrays(other)["w"], rel=1e-9)
    curves = [records.curves(records.read(folder / records.FILE)).sort_values(["key", "step"]) for folder in folders]
    pd.testing.assert_frame_equal(*(curve.reset_index(drop=True) for curve in curves), check_dtype=False, rtol=1e-9)


@pytest.mark.parametrize(("activation", "slope"), [("relu", lambda z: z > 0), ("tanh", lambda z: 1 - np.tanh(z) ** 2)])
def test_the_field_is_the_velocity_of_neurons(tmp_path, activation, slope):
    options = {"widths": [30], "seeds": [0], "activation": activation, "data": "sines_1d", "folder": tmp_path}
    [run] = condense.simulate(1.0, 0.2, snapshots=LOOKS, flow=schema.Exponential(max_steps=20), **options).itertuples()
    found = arrays(max(tmp_path.rglob("*.npz")))
    x = np.column_stack([found["data_x"], np.ones(40)])
    h = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh}[activation]
    beta2 = run.beta2
    residual = found["kappa"] * found["a"] @ h(beta2 * found["w"] @ x.T) / beta2 - found["data_y"]
    lengths = np.sort(np.linalg.norm(found["w"], axis=1))
    w = lengths[(len(lengths) - 1) // 2] * np.stack([np.cos(found["field_angle"]), np.sin(found["field_angle"])])
    expected = -(run.kappa_prime / 40) * x.T @ (residual[:, None] * slope(beta2 * x @ w))
    np.testing.assert_allclose(found["field_velocity"], expected.T, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("folder", ["file", "file/x", "a" * 300, "/proc/new", "a\0b"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is not allowed: a folder to write to; ") as refused:
        condense.simulate(1.0, widths=[10], seeds=[0], folder=folder)
    assert str(refused.value).startswith(f"folder = {folder!r} ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
