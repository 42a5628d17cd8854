import numpy as np
import pytest

from condense import records, schema
from condense.job import Job


def job(**changes):
    return Job(schema.Config(**{"widths": [20], "seeds": [0], **changes}))


@pytest.mark.parametrize(
    ("init", "name"),
    [
        (schema.Plane(1.0, -0.1), "gamma=1,gamma_prime=-0.1"),
        (schema.Plane(0.1 + 0.2, 0), "gamma=0.3,gamma_prime=0"),
        (schema.Named("he"), "init=he"),
        (schema.SpelledOut("m", "2*m**-0.5", "1"), "alpha=m,beta1=2m^-0.5,beta2=1"),
    ],
)
def test_a_job_is_named_by_its_place(init, name):
    assert job(init=init).name == name


def test_settings_are_what_differs_from_the_defaults_without_the_place():
    plain = job().settings
    assert plain == job(init=schema.Plane(1.5, 0.3), widths=[30], seeds=[4], device="cpu").settings
    changed = job(flow=schema.Exponential(rtol=0.01), measure=schema.Measure(threshold=0.9)).settings
    assert changed == {**plain, "flow.rtol": 0.01, "measure.threshold": 0.9}
    assert job(init=schema.Plane(antisymmetric=False)).settings != plain


def test_the_path_of_user_data_does_not_matter_and_its_content_does(tmp_path):
    x, y = np.arange(3.0), np.ones(3)
    for name, target in (("one", y), ("two", y), ("other", 2 * y)):
        np.savez(tmp_path / f"{name}.npz", x=x, y=target)
    one, two, other = (job(data=schema.Data(path=str(tmp_path / f"{name}.npz"))) for name in ("one", "two", "other"))
    assert list(one.keys) == list(two.keys) != list(other.keys)
    assert one.settings == two.settings != other.settings


def test_a_job_computes_what_is_missing_and_nothing_else(tmp_path):
    first = job().run(tmp_path)
    assert job().missing(tmp_path) == []
    more = job(widths=[20, 30], seeds=[0, 1])
    assert len(more.missing(tmp_path)) == 3
    table = more.run(tmp_path).set_index("key")
    assert len(table) == 4
    assert table.wall_seconds[first.key[0]] == first.wall_seconds[0]
    assert more.outcome(tmp_path) == {"converged": 4, "missing": 0}
    assert len(job().run(tmp_path)) == 1


def test_an_error_leaves_failed_rows_a_traceback_and_what_was_done(tmp_path, monkeypatch):
    done = job().run(tmp_path)
    monkeypatch.setattr("condense.problem._train_batch", lambda pending: 1 / 0)
    bad = job(widths=[20, 30])
    with pytest.raises(ZeroDivisionError):
        bad.run(tmp_path)
    table = records.read(tmp_path / records.FILE).set_index("width")
    assert table.status.to_dict() == {20.0: "converged", 30.0: "failed"}
    assert table.error[30.0] == "ZeroDivisionError: division by zero"
    assert np.isnan(table.rd_w[30.0])
    assert table.wall_seconds[20.0] == done.wall_seconds[0]
    assert "Traceback" in (tmp_path / "error.txt").read_text()
    assert bad.outcome(tmp_path) == {"converged": 1, "failed": 1, "missing": 0}
    monkeypatch.undo()
    assert bad.run(tmp_path).converged.all()
    assert not (tmp_path / "error.txt").exists()
    assert {path.name for path in tmp_path.iterdir()} == {records.FILE, ".lock"}


def test_a_damaged_file_is_told_and_computed_again(tmp_path):
    job().run(tmp_path)
    (tmp_path / records.FILE).write_bytes(b"half")
    with pytest.warns(UserWarning, match=r"runs.parquet is damaged: its runs are computed again"):
        assert job().run(tmp_path).converged.all()


def test_a_file_from_before_a_column_was_added_keeps_its_rows(tmp_path):
    old = job().run(tmp_path)
    old.drop(columns=["mean_abs_cosine"]).to_parquet(tmp_path / records.FILE)
    assert job().missing(tmp_path) == []
    table = job(seeds=[0, 1]).run(tmp_path)
    assert len(table) == 2
    assert table.wall_seconds[0] == old.wall_seconds[0]
    assert table.mean_abs_cosine.isna().sum() == 1


def test_two_processes_in_one_folder_keep_each_others_rows(tmp_path, monkeypatch):
    from condense import job as module

    train = module.train

    def meanwhile(problems, wanted):
        monkeypatch.setattr(module, "train", train)
        job(seeds=[1]).run(tmp_path)
        return train(problems, wanted)

    monkeypatch.setattr(module, "train", meanwhile)
    job(seeds=[0]).run(tmp_path)
    assert sorted(records.read(tmp_path / records.FILE).seed) == [0, 1]
