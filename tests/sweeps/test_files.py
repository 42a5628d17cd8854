import subprocess
import sys

import pytest

from sweeps.files import locked, read_json, write, write_json


def test_a_file_is_written_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "a user's" / "file.json"
    write_json(path, {"x": [1, None]})
    assert read_json(path) == {"x": [1, None]}
    assert [each.name for each in path.parent.iterdir()] == ["file.json"]
    assert read_json(tmp_path / "none") is None


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file"
    write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "half.json").write_text('{"x":')
    with pytest.raises(ValueError, match="half.json is damaged"):
        read_json(tmp_path / "half.json")


def test_one_process_at_a_time_holds_a_lock_and_a_killed_one_lets_it_go(tmp_path):
    path = tmp_path / "lock"
    hold = f"import sys, time; from sweeps.files import locked\nwith locked(__import__('pathlib').Path({str(path)!r})):"
    code = hold + "\n print('held', flush=True)\n time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    other = subprocess.Popen([sys.executable, "-c", hold + "\n  print('got it')"], stdout=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(0.5)
    holder.kill()
    assert other.communicate(timeout=20)[0] == "got it\n"
    holder.communicate()
    with locked(path):
        pass
