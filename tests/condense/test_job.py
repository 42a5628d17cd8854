import os
import socket
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from condense import records, schema
from condense.flows.exponential import ExponentialFlow
from condense.job import Job, RunFailedError

REFERENCE = Path(__file__).parents[2] / "multirun" / "reference"


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
    assert one.wanted == two.wanted != other.wanted
    assert one.settings == two.settings != other.settings


def test_plain_containers_make_the_same_job_as_the_dataclasses():
    config = schema.Config(init=schema.Named("he"), widths=[20], seeds=[0])
    assert Job(asdict(config)).wanted == Job(config).wanted


def test_wanted_are_the_keys_width_by_width_in_the_order_of_the_config():
    several = job(widths=[30, 20], seeds=[1, 0])
    assert several.wanted == [job(widths=[m], seeds=[s]).wanted[0] for m in (30, 20) for s in (1, 0)]


def states(folder):
    return Counter(state for state, _ in Job.held(folder).values())


def test_a_job_computes_what_is_missing_and_nothing_else(tmp_path):
    first = job().run(tmp_path)
    more = job(widths=[20, 30], seeds=[0, 1])
    assert len(set(more.wanted) - set(Job.held(tmp_path))) == 3
    table = more.run(tmp_path).set_index("key")
    assert len(table) == 4
    assert table.wall_seconds[first.key[0]] == first.wall_seconds[0]
    assert states(tmp_path) == {"converged": 4}
    assert len(job().run(tmp_path)) == 1


def test_held_tells_state_and_origin_without_torch(tmp_path):
    [row] = job().run(tmp_path).to_dict("records")
    code = f"""if True:
        import sys
        from pathlib import Path
        from condense.job import Job
        print(Job.held(Path({str(tmp_path)!r})), "torch" in sys.modules)"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    origin = " ".join(filter(None, [row["version"], row["commit"][:7], "dirty" if row["dirty"] is True else ""]))
    assert told == f"{{'{row['key']}': ('converged', '{origin}')}} False\n"


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing"])
def test_a_file_that_is_missing_or_damaged_holds_nothing(tmp_path, content):
    assert Job.held(tmp_path) == {}
    (tmp_path / records.FILE).write_bytes(content)
    with pytest.warns(UserWarning, match="runs.parquet is damaged: its runs are computed again"):
        assert Job.held(tmp_path) == {}


def test_the_reference_sweep_is_complete_and_readable():
    folders = sorted(path.parent for path in REFERENCE.glob("*/" + records.FILE))
    assert len(folders) == 45
    for folder in folders:
        table = records.read(folder / records.FILE)
        place = schema.Plane(table.gamma[0], table.gamma_prime[0])
        asked = job(init=place, widths=list(table.width.unique()), seeds=list(table.seed.unique()))
        assert folder.name == asked.name
        assert {Job.held(folder)[key][0] for key in asked.wanted} == {"converged"}
        assert list(table)[: len(records.COLUMNS)] == list(records.COLUMNS)
        assert table.host.eq("").all()
        assert table.attempt.isna().all()


def test_an_error_leaves_failed_rows_a_traceback_and_what_was_done(tmp_path, monkeypatch):
    done = job().run(tmp_path)
    monkeypatch.setattr(ExponentialFlow, "attempt", lambda self, state: 1 / 0)
    with pytest.raises(RunFailedError, match=r"^ZeroDivisionError: division by zero\nIts traceback is in .*error.txt$"):
        job(widths=[20, 30]).run(tmp_path)
    table = records.read(tmp_path / records.FILE).set_index("width")
    assert table.status.to_dict() == {20.0: "converged", 30.0: "failed"}
    assert table.error[30.0] == "ZeroDivisionError: division by zero"
    assert np.isnan(table.rd_w[30.0])
    assert table.wall_seconds[20.0] == done.wall_seconds[0]
    assert "Traceback" in (tmp_path / "error.txt").read_text()
    assert states(tmp_path) == {"converged": 1, "failed": 1}
    monkeypatch.undo()
    assert job(widths=[20, 30]).run(tmp_path).converged.all()
    assert not (tmp_path / "error.txt").exists()
    assert {path.name for path in tmp_path.iterdir()} == {records.FILE, ".lock"}


def test_a_damaged_file_is_told_and_computed_again(tmp_path):
    job().run(tmp_path)
    (tmp_path / records.FILE).write_bytes(b"half")
    with pytest.warns(UserWarning, match=r"runs.parquet is damaged: its runs are computed again"):
        assert job().run(tmp_path).converged.all()
    assert (tmp_path / "runs.damaged").read_bytes() == b"half"


def test_a_file_from_before_a_column_was_added_keeps_its_rows(tmp_path):
    old = job().run(tmp_path)
    old.drop(columns=["mean_abs_cosine", "host", "attempt"]).to_parquet(tmp_path / records.FILE)
    assert states(tmp_path) == {"converged": 1}
    table = job(seeds=[0, 1]).run(tmp_path)
    assert len(table) == 2
    assert table.wall_seconds[0] == old.wall_seconds[0]
    assert table.mean_abs_cosine.isna().sum() == 1
    assert table.attempt.isna().tolist() == [True, False]


def test_two_processes_in_one_folder_keep_each_others_rows(tmp_path, monkeypatch):
    start = ExponentialFlow.start

    def meanwhile(*batch):
        monkeypatch.setattr(ExponentialFlow, "start", start)
        job(seeds=[1]).run(tmp_path)
        return start(*batch)

    monkeypatch.setattr(ExponentialFlow, "start", meanwhile)
    job(seeds=[0]).run(tmp_path)
    assert sorted(records.read(tmp_path / records.FILE).seed) == [0, 1]


def test_the_host_and_the_attempt_are_noted(tmp_path):
    [row] = job().run(tmp_path).to_dict("records")
    assert (row["host"], row["attempt"]) == (socket.gethostname(), 1)
    environment = {**os.environ, "SLURMD_NODENAME": "node7"}
    code = "from condense.runs.provenance import provenance; print(provenance()['host'])"
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "node7"
