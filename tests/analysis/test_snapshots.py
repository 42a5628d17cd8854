from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from synthetic_snapshots import on_grid, two_layer, write_snapshot
from synthetic_sweep import power_law_rows

from analysis.snapshots import SnapshotError, coordinates, gathered, layers, located, neurons, output, snapshots
from analysis.tables.collect import collect
from condense import records

PLAIN = two_layer(
    [[3.0, 4.0], [-1.0, 0.0], [-1.0, -0.0], [0.0, -2.0]], [2.0, -1.0, 0.0, 0.5], [True, True, False, True]
)


@pytest.fixture
def job(tmp_path):
    """The folder of a job of two seeds at (1.2, 0), with its records."""
    rows = power_law_rows(1.2, 0.0, widths=(4.0,), seeds=2)
    rows = [{**row, "key": f"key{row['seed']}", "time": 99.0} for row in rows]
    records.write(records.frame(rows), tmp_path / "job" / records.FILE)
    return tmp_path / "job"


def test_snapshots_are_rows_in_order_with_the_columns_of_their_runs(job):
    for seed, step in ((1, 10), (0, 100), (0, 0)):
        write_snapshot(job, f"key{seed}", step, seed=seed, final=step == 100, **PLAIN)
    found = snapshots(job.parent)
    assert found[["key", "seed", "step"]].to_numpy().tolist() == [["key0", 0, 0], ["key0", 0, 100], ["key1", 1, 10]]
    assert found["final"].tolist() == [False, True, False]
    assert found["time"].tolist() == [0.0, 10.0, 1.0]  # of the snapshot, not of the end of the run
    assert found["gamma"].tolist() == [1.2] * 3
    assert found["activation"].unique().tolist() == ["relu"]
    assert found["path"][1].name == "width=4,seed=0,step=000000100.npz"


def test_a_sweep_without_snapshots_has_an_empty_table(job):
    found = snapshots(job.parent)
    assert found.empty
    assert {"key", "step", "path", "gamma"} <= set(found.columns)


def test_the_analysis_folder_is_not_searched(job):
    write_snapshot(job.parent / "analysis", "key0", 0, **PLAIN)
    assert snapshots(job.parent).empty


def test_damaged_foreign_and_lost_files_are_skipped_and_named(job):
    whole = write_snapshot(job, "key0", 0, **PLAIN)
    content, folder = whole.read_bytes(), whole.parent
    (folder / "half.npz").write_bytes(content[: len(content) // 2])
    (folder / "empty.npz").touch()
    place = content.index(b"w.npy") + 200
    (folder / "body.npz").write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    np.savez(folder / "foreign.npz", weights=np.ones(3))
    several = dict.fromkeys(("key", "step", "time", "mse", "final", "copies"), np.ones(2))
    np.savez(folder / "several.npz", **several)
    np.savez(folder / "pickled.npz", **{**several, "key": np.array([{}])})
    write_snapshot(job, "unknown", 7, **PLAIN)
    collection = collect(job.parent)
    found, skipped = located(collection.runs, collection.folders)
    assert found["path"].tolist() == [whole]
    body, empty, foreign, half, pickled, separate, lost = sorted(skipped)
    assert "body.npz: not a readable snapshot, w.npy in it is damaged" in body
    assert "empty.npz: not a readable snapshot, half-written perhaps" in empty
    assert "foreign.npz: not a snapshot of condense, it has no key, step, time, mse, final, copies" in foreign
    assert "half.npz: not a readable snapshot, half-written perhaps" in half
    assert "pickled.npz: not a readable snapshot, half-written perhaps (Object arrays cannot be loaded" in pickled
    assert "several.npz: not a snapshot of condense, one of key, step, time, mse, final is not a single" in separate
    assert "no record has its run (unknown); perhaps the run has not ended" in lost
    with pytest.warns(UserWarning, match="snapshots") as told:
        assert len(snapshots(job.parent)) == 1
    assert [str(each.message) for each in told] == skipped


def test_neurons_have_their_length_amplitude_and_angle(tmp_path):
    table = neurons(write_snapshot(tmp_path, "k", 10, **PLAIN))
    assert table["length"].tolist() == [5.0, 1.0, 1.0, 2.0]
    assert table["amplitude"].tolist() == [10.0, 1.0, 0.0, 1.0]
    assert table["relative_amplitude"].tolist() == [1.0, 0.1, 0.0, 0.1]
    np.testing.assert_allclose(table["angle"], [math.atan2(4, 3), math.pi, math.pi, -math.pi / 2])
    assert table["active"].tolist() == [True, True, False, True]
    assert coordinates(table).tolist() == PLAIN["w"].tolist()
    assert table["copy"].tolist() == [0] * 4
    assert (table["step"].unique(), table["time"].unique()) == ([10], [1.0])
    assert table["mse"].unique() == [1 / 11]


def test_the_second_copy_of_an_antisymmetric_network_is_told(tmp_path):
    assert neurons(write_snapshot(tmp_path, "k", 0, copies=2, **PLAIN))["copy"].tolist() == [0, 0, 1, 1]


def test_weights_in_the_span_of_the_data_keep_lengths_and_have_no_angle(tmp_path):
    held = two_layer([[1.0, 2.0, 2.0]], [3.0], basis=np.eye(7)[:, :3])
    table = neurons(write_snapshot(tmp_path, "k", 0, **held))
    assert coordinates(table).shape == (1, 3)
    assert table["amplitude"].tolist() == [9.0]
    assert "angle" not in table


def test_a_network_of_zeros_has_no_amplitude(tmp_path):
    table = neurons(write_snapshot(tmp_path, "k", 0, **two_layer(np.zeros((2, 2)), [0.0, 0.0])))
    assert table["relative_amplitude"].tolist() == [0.0, 0.0]


def test_layers_of_a_deep_network(tmp_path):
    first, second = np.arange(24.0).reshape(2, 3, 4), np.ones((2, 3, 5))
    path = write_snapshot(tmp_path, "k", 0, w1=first, w2=second, a=np.ones((2, 3)), last=np.ones((2, 1, 3)), copies=2)
    found = layers(path)
    assert list(found) == ["w1", "w2"]
    np.testing.assert_array_equal(coordinates(found["w1"]), first.reshape(6, 4))
    assert found["w1"]["copy"].tolist() == [0, 0, 0, 1, 1, 1]
    assert found["w2"]["amplitude"].tolist() == [math.sqrt(5)] * 6
    with pytest.raises(SnapshotError, match=r"with the blocks w1, w2: use analysis\.snapshots\.layers\(path\)"):
        neurons(path)


def test_the_layer_of_a_two_layer_network_is_w(tmp_path):
    path = write_snapshot(tmp_path, "k", 0, **PLAIN)
    pd.testing.assert_frame_equal(layers(path)["w"], neurons(path))


def test_output_and_data(tmp_path):
    found = output(write_snapshot(tmp_path, "k", 0, **PLAIN, **on_grid()))
    np.testing.assert_allclose(found.curve["f"], found.curve["x"] ** 2)
    np.testing.assert_allclose(found.data["y"], [0.25, 1 / 36, 1 / 36, 0.25])
    with pytest.raises(SnapshotError, match="no output on a grid in it; it is kept for data of one input only"):
        output(write_snapshot(tmp_path, "k", 1, **PLAIN))


def test_what_cannot_be_read_says_why(tmp_path):
    with pytest.raises(SnapshotError, match=r"nothing\.npz: no such snapshot"):
        neurons(tmp_path / "nothing.npz")
    with pytest.raises(SnapshotError, match="no layer in it, a block of shape"):
        layers(write_snapshot(tmp_path, "k", 0, b=np.ones((1, 3))))
    path = write_snapshot(tmp_path, "k", 1, **PLAIN)
    content = bytearray(path.read_bytes())
    place = content.index(PLAIN["w"].tobytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(SnapshotError, match="not a readable snapshot"):
        neurons(path)


def test_neurons_of_several_runs_are_one_table(job):
    for seed in (0, 1):
        write_snapshot(job, f"key{seed}", 5, seed=seed, **PLAIN)
    thin = gathered(snapshots(job.parent), most=2)
    assert thin.groupby("seed").size().tolist() == [2] * thin["seed"].nunique()
    table = gathered(snapshots(job.parent))
    largest = table.groupby("seed")["amplitude"].max()
    assert thin.groupby("seed")["amplitude"].max().equals(largest)
    assert table["seed"].tolist() == [0] * 4 + [1] * 4
    assert set(table["gamma"]) == {1.2}
    assert set(table["width"]) == {4.0}
