from __future__ import annotations

import json

import pytest
from synthetic_sweep import power_law_rows

import analysis
import condense
from analysis.cli import main
from analysis.tables.collect import SweepError
from analysis.tables.configured import configured_level, configured_losses
from condense import records, schema


def folder_with(folder, name, content):
    """Return a folder with records in a job of it, and a file of settings."""
    records.write(records.frame(power_law_rows(1.0, 0.0)), folder / "job" / records.FILE)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)
    return folder


SWEEP = json.dumps({"settings": {"measure.level": 0.95, "snapshots.losses": [0.5, 0.1]}, "swept": []})
SIMULATED = json.dumps({"measure.level": 0.95, "snapshots.losses": [0.5, 0.1]})
CONFIG = "measure:\n  level: 0.95\nsnapshots:\n  losses: [0.5, 0.1]\n"
FILES = {"sweep.json": SWEEP, "simulate.json": SIMULATED, ".hydra/config.yaml": CONFIG}


@pytest.mark.parametrize("name", FILES)
def test_the_settings_are_those_of_the_sweep_of_simulate_and_of_a_single_run(tmp_path, name):
    folder = folder_with(tmp_path, name, FILES[name])
    assert configured_level(folder) == 0.95
    assert configured_losses(folder) == (0.5, 0.1)
    assert (analysis.analyse(folder).exponents["level"] == 0.95).all()
    assert (analysis.analyse(folder, level=0.8).exponents["level"] == 0.8).all()


@pytest.mark.parametrize(("name", "content"), [("sweep.json", '{"settings": {}}'), (".hydra/config.yaml", "a: 1")])
def test_what_differs_from_the_defaults_in_nothing_has_the_default_level(tmp_path, name, content):
    folder = folder_with(tmp_path, name, content)
    assert configured_level(folder) == 0.9
    assert configured_losses(folder) == ()


def test_a_folder_that_notes_nothing_or_is_not_there_has_the_default_level(tmp_path):
    assert configured_level(tmp_path) == configured_level(tmp_path / "none") == 0.9


def test_a_job_of_a_sweep_and_a_folder_of_sweeps_have_the_level_of_the_sweep(tmp_path):
    folder_with(tmp_path / "one", "simulate.json", SIMULATED)
    assert configured_level(tmp_path / "one" / "job") == 0.95
    assert configured_level(tmp_path) == 0.95
    folder_with(tmp_path / "two", "sweep.json", '{"settings": {}}')
    with pytest.raises(SweepError, match=r"measure\.level is 0\.9 by .*two/sweep\.json, .*; choose one: --level"):
        configured_level(tmp_path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", ["{", "[]", '{"settings": 3', "a: [", "\x00"])
def test_damaged_settings_are_refused_by_the_name_of_their_file(tmp_path, capsys, name, content):
    folder = folder_with(tmp_path, name, content)
    for level in ([], ["--level", "0.9"]):
        assert main([str(folder), *level]) == 2
        told = capsys.readouterr().err
        assert f"{folder / name}: not readable as settings" in told
        assert "Restore it, or move it away: the level is then 0.9, or what --level says" in told
    assert not (folder / "analysis").exists()


@pytest.mark.parametrize("level", ["90", '"high"', "true", "null", "0"])
def test_a_level_that_is_none_is_refused(tmp_path, level):
    folder = folder_with(tmp_path, "simulate.json", f'{{"measure.level": {level}}}')
    with pytest.raises(SweepError, match=r"simulate\.json: measure\.level = .* is not a number between 0 and 1"):
        configured_level(folder)


@pytest.mark.parametrize("losses", ["0.5", '["half"]', '{"a": 1}'])
def test_losses_that_are_none_are_refused(tmp_path, losses):
    folder = folder_with(tmp_path, "simulate.json", f'{{"snapshots.losses": {losses}}}')
    with pytest.raises(SweepError, match=r"simulate\.json: snapshots\.losses = .* is not a "):
        configured_losses(folder)


def test_what_simulate_wrote_is_analysed_at_its_level(tmp_path):
    options = {"widths": [20, 40], "seeds": [0, 1], "folder": tmp_path}
    measure = schema.Measure(level=0.99, observables=["relative_change"])
    condense.simulate(1.2, **options, measure=measure)
    assert analysis.analyse(tmp_path).level == 0.99
