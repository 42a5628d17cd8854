"""What is interrupted goes on to the same record, however it is packed then."""

import os
import zipfile

import numpy as np
import pytest
import torch

from condense import records, schema
from condense.job import Job
from condense.runs import checkpoint, pack
from condense.runs.checkpoint import Checkpoint, CheckpointError
from durable.execution import Execution
from durable.files import _unfinished

NET = """
import torch

class Net:
    scales = {"w": (0.5, -0.5), "a": (0.5, 0.5)}

    def init(self, generator, m):
        return {"w": torch.randn(m, 1, generator=generator), "a": torch.randn(m, generator=generator)}

    def forward(self, params, x):
        return torch.tanh((x + 1) @ params["w"].T) @ params["a"]
"""


def jobs(*gammas, **changes):
    settings = {"widths": [40], "seeds": [0, 1], **changes}
    return [Job(schema.Config(init=schema.Plane(gamma), **settings)) for gamma in gammas]


def run_together(jobs, folder, steps=None, minutes=10.0, **options):
    """Run jobs, stopping after some steps, with the scratch folder beside theirs."""
    asked = iter(range(steps or 10**9))
    stop = options.pop("stop", lambda: next(asked, None) is None)
    execution = Execution(stop=stop, scratch=folder / "scratch", checkpoint_minutes=minutes, **options)
    Job.run_together(jobs, [folder / job.name for job in jobs], [job.wanted for job in jobs], execution)


def table(folder, jobs):
    rows = [row for job in jobs for row in records.read(folder / job.name / records.FILE).to_dict("records")]
    return {row["key"]: row for row in rows}


def assert_same(found, expected):
    """Equal but for the time it took, and rounding."""
    assert found.keys() == expected.keys()
    for key, row in found.items():
        for name in row.keys() - {"wall_seconds", "attempt"}:
            if isinstance(row[name], float):
                np.testing.assert_allclose(row[name], expected[key][name], rtol=1e-8, err_msg=name)
            else:
                assert row[name] is expected[key][name] or row[name] == expected[key][name], name


@pytest.fixture
def eager(monkeypatch):
    """Save batches at a stop however short they ran."""
    monkeypatch.setattr(pack, "WORTH_SAVING", 0.0)


@pytest.fixture
def network(tmp_path, monkeypatch):
    (tmp_path / "checkpoint_net.py").write_text(NET)
    monkeypatch.syspath_prepend(tmp_path)
    return schema.Network(_target_="checkpoint_net.Net")


def files(folder):
    return sorted((folder / "scratch").glob("*")) if (folder / "scratch").exists() else []


FLOWS = {
    "exponential": {"flow": schema.Exponential()},
    "descent": {"flow": schema.Descent(stop=1e-4)},
    "adam": {"flow": schema.Adam(stop=1e-5)},
    "tanh": {"network": schema.Network(activation="tanh")},
    "dropout by descent": {
        "network": schema.Network(keep=0.8),
        "flow": schema.Descent(rule="fixed", rate=0.1, stop=0.0, max_steps=40),
    },
    "dropout by adam": {"network": schema.Network(keep=0.8), "flow": schema.Adam(stop=0.0, max_steps=40)},
    "float32": {"dtype": "float32", "flow": schema.Exponential(stop=1e-4)},
    "clusters in many dimensions": {"data": schema.Data(name="digits", samples=10), "flow": schema.Adam(stop=1.0)},
}


@pytest.mark.parametrize("case", [*FLOWS, "a network of one's own"])
def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, eager, network, case):
    changes = FLOWS.get(case, {"network": network, "widths": [10], "flow": schema.Exponential(stop=1e-3)})
    places = jobs(0.9, 1.2, **changes)
    run_together(places, tmp_path / "whole")
    run_together(places, tmp_path / "parts", steps=8)
    [saved] = files(tmp_path / "parts")
    before = dict(zip(Checkpoint.read(saved).keys, Checkpoint.read(saved).load()["seconds"], strict=True))
    run_together(places, tmp_path / "parts", steps=5, attempt=2)
    assert len(files(tmp_path / "parts")) == 1
    run_together(places, tmp_path / "parts", attempt=3)
    found = table(tmp_path / "parts", places)
    assert_same(found, table(tmp_path / "whole", places))
    assert all(found[key]["wall_seconds"] > seconds for key, seconds in before.items())
    assert {row["attempt"] for row in found.values()} == {3}
    assert not (tmp_path / "parts" / "scratch").exists()


def test_runs_packed_in_another_way_go_on(tmp_path, eager):
    places = jobs(0.8, 1.0, 1.2)
    run_together(places, tmp_path / "whole")
    run_together(places, tmp_path / "parts", steps=15)
    run_together(places[:1], tmp_path / "parts")
    [saved] = files(tmp_path / "parts")  # it holds runs of the others still
    assert set(Checkpoint.read(saved).keys) >= {key for job in places[1:] for key in job.wanted}
    run_together(places[1:2], tmp_path / "parts", steps=5)
    run_together([*places[1:], *jobs(1.4)], tmp_path / "parts")
    assert not files(tmp_path / "parts")
    found, expected = (table(tmp_path / name, places) for name in ("parts", "whole"))
    assert_same(found, expected)


def test_only_the_steps_that_were_left_are_taken(tmp_path, eager, monkeypatch):
    from condense.flows.exponential import ExponentialFlow

    [place] = jobs(1.0, seeds=[0])
    run_together([place], tmp_path, steps=11)
    steps, step = [], ExponentialFlow.step
    monkeypatch.setattr(ExponentialFlow, "step", lambda self, state: steps.append(1) or step(self, state))
    run_together([place], tmp_path)
    [row] = table(tmp_path, [place]).values()
    assert len(steps) == row["steps"] - 11


def test_long_work_is_saved_on_the_way(tmp_path):
    places, asked = jobs(0.8, 1.2), iter(range(13))

    def killed():
        if next(asked, None) is None:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        run_together(places, tmp_path, minutes=0.0, stop=killed)
    [saved] = files(tmp_path)
    assert (Checkpoint.read(saved).load()["steps"] >= 11).all()
    run_together(places, tmp_path)
    run_together(places, tmp_path / "whole")
    assert_same(table(tmp_path, places), table(tmp_path / "whole", places))
    assert not files(tmp_path)


def test_a_batch_of_a_moment_is_not_worth_a_file(tmp_path):
    run_together(jobs(1.0), tmp_path, steps=5)
    assert not (tmp_path / "scratch").exists()


def test_halves_that_wait_are_saved_too(tmp_path, eager, monkeypatch):
    from condense.flows.exponential import ExponentialFlow

    attempt = ExponentialFlow.attempt

    def in_halves(self, state):
        if len(state.run) > 1 and int(state.steps.max()) >= 10:
            raise MemoryError
        return attempt(self, state)

    monkeypatch.setattr(ExponentialFlow, "attempt", in_halves)
    [place] = jobs(1.0, seeds=[0, 1, 2, 3])
    run_together([place], tmp_path, steps=14)
    saved = [Checkpoint.read(path) for path in files(tmp_path)]
    assert sorted(key for each in saved for key in each.keys) == sorted(place.wanted)
    assert sorted(steps for each in saved for steps in each.load()["steps"].tolist()) == [10, 10, 10, 14]
    monkeypatch.undo()
    run_together([place], tmp_path)
    run_together([place], tmp_path / "whole")
    assert_same(table(tmp_path, [place]), table(tmp_path / "whole", [place]))


@pytest.fixture
def interrupted(tmp_path, eager):
    [place] = jobs(1.0)
    run_together([place], tmp_path, steps=10)
    return place, files(tmp_path)[0]


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    path.write_bytes(b"")


def flip(path):
    with zipfile.ZipFile(path) as archive:
        [array] = [each for each in archive.infolist() if each.filename == "displacement.0.npy"]
    content = bytearray(path.read_bytes())
    content[array.header_offset + 300] ^= 0xFF
    path.write_bytes(content)


def of_other_code(path):
    saved = Checkpoint.read(path)
    values = saved.load()
    del values["memory.dt"], values["keys"], values["folders"], values["origin"]
    Checkpoint(saved.keys, saved.folders, lambda: values, saved.origin).write(path)


def of_another_version(path):
    saved = Checkpoint.read(path)
    values = {name: array for name, array in saved.load().items() if name not in checkpoint.HEAD}
    Checkpoint(saved.keys, saved.folders, lambda: values, saved.origin + " ").write(path)


def from_before_origins(path):
    saved = dict(np.load(path))
    del saved["origin"]
    with path.open("wb") as file:
        np.savez(file, **saved)


@pytest.mark.parametrize("damage", [truncate, empty, flip, of_other_code, of_another_version, from_before_origins])
def test_a_damaged_checkpoint_is_told_and_ignored(tmp_path, interrupted, damage):
    place, path = interrupted
    damage(path)
    with pytest.warns(UserWarning, match="start anew"):
        run_together([place], tmp_path)
    run_together([place], tmp_path / "whole")
    assert_same(table(tmp_path, [place]), table(tmp_path / "whole", [place]))


def test_a_full_disk_is_told_and_training_goes_on(tmp_path, monkeypatch):
    write = Checkpoint.write

    def full(self, path):
        (path.parent).mkdir(parents=True, exist_ok=True)
        _unfinished(path).symlink_to("/dev/full")
        return write(self, path)

    monkeypatch.setattr(Checkpoint, "write", full)
    [place] = jobs(1.0, seeds=[0])
    with pytest.warns(UserWarning, match="no checkpoint was written: .*the disk is full"):
        run_together([place], tmp_path, minutes=0.0)
    assert len(table(tmp_path, [place])) == 1
    assert not files(tmp_path)


def test_a_file_without_pickle_gives_back_every_kind_of_part(tmp_path):
    saved = {"theta": (torch.rand(3, 2), torch.rand(3)), "memory": {"mean": (torch.rand(3, 1),), "k": torch.arange(3)}}
    arrays = checkpoint.arrays(saved)
    Checkpoint(("a", "b", "c"), ("x", "x", "y"), lambda: arrays).write(tmp_path / "some.npz")
    read = Checkpoint.read(tmp_path / "some.npz")
    assert (read.keys, read.folders) == (("a", "b", "c"), ("x", "x", "y"))
    back = checkpoint.restored(saved, read.of(["c", "a", "b"]))
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(back["theta"], tuple(x[order] for x in saved["theta"]), rtol=0, atol=0)
    torch.testing.assert_close(back["memory"]["k"], order)
    with pytest.raises(CheckpointError, match=r"without 'theta.1' of shape \(3,\)"):
        checkpoint.restored(saved, {"theta.0": saved["theta"][0].numpy()})
