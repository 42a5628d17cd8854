import errno as numbers
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from durable.files import locked, read_json, replacing, together, write, write_json


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


@pytest.fixture
def synced(monkeypatch):
    """What was synced, and what the first file held then."""
    order, fsync = [], os.fsync

    def sync(number):
        path = Path(os.readlink(f"/proc/self/fd/{number}"))
        order.append((path, {each.name: each.read_text() for each in path.parent.glob("file*")}))
        fsync(number)

    monkeypatch.setattr(os, "fsync", sync)
    return order


def test_a_file_is_on_the_disk_before_it_replaces_another_and_its_folder_after(tmp_path, synced):
    write(tmp_path / "file", "old")
    synced.clear()
    write(tmp_path / "file", "new")
    [(file, before), (folder, _)] = synced
    assert file.parent == tmp_path
    assert before == {"file": "old"}
    assert folder == tmp_path


def test_files_written_together_are_synced_before_the_first_is_replaced_and_their_folder_once(tmp_path, synced):
    with together():
        for k in range(40):
            write(tmp_path / f"file{k}", str(k))
        assert not list(tmp_path.glob("file*"))
    assert all(not before for _, before in synced[:40])
    assert [path for path, _ in synced[40:]] == [tmp_path]
    assert sorted(int(path.read_text()) for path in tmp_path.iterdir()) == list(range(40))


def test_files_written_together_before_an_error_stay(tmp_path):
    def half_of_two():
        with together():
            write(tmp_path / "whole", "x")
            with replacing(tmp_path / "half") as unfinished:
                unfinished.write_text("x")
                raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        half_of_two()
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


HOLD = """
import sys, time
from pathlib import Path
from durable.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""

WITHOUT_FLOCK = """
import ctypes, errno, struct

FLOCK = {"x86_64": 73, "aarch64": 32}["MACHINE"]
RULES = [(0x20, 0, 0, 0), (0x15, 0, 1, FLOCK), (0x06, 0, 0, 0x00050000 | errno.ERRNO), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in RULES))
libc = ctypes.CDLL(None, use_errno=True)
program = ctypes.create_string_buffer(struct.pack("HP", len(RULES), ctypes.addressof(code)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()
"""
"""Asks the kernel to answer flock with an error, as file systems without it do (seccomp, linux/filter.h)."""


def without_flock(errno):
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip(f"the number of flock on {platform.machine()} is not known here")
    return WITHOUT_FLOCK.replace("MACHINE", platform.machine()).replace("ERRNO", errno)


@pytest.mark.parametrize("errno", [None, "ENOSYS", "ENOLCK"])
def test_one_process_at_a_time_holds_a_lock_and_a_killed_one_lets_it_go(tmp_path, errno):
    code = (without_flock(errno) if errno else "") + HOLD
    command = [sys.executable, "-c", code, str(tmp_path / "a user's" / "lock")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    holder = subprocess.Popen([*command, "60"], **pipes)
    assert holder.stdout.readline() == "held\n"
    other = subprocess.Popen([*command, "0"], **pipes)
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(0.5)
    holder.kill()
    assert holder.wait() == -signal.SIGKILL
    said, told = other.communicate(timeout=60)
    assert (other.returncode, said) == (0, "held\n")
    line = f"{tmp_path}/a user's: no flock on its file system ({os.strerror(getattr(numbers, errno))})" if errno else ""
    assert told == (f"{line}: locks are files there\n" if errno else "")
    holder.communicate()


def test_a_lock_whose_holder_died_elsewhere_is_named(tmp_path):
    code = without_flock("ENOSYS") + "from durable import files\nfiles.PATIENCE = 0.2\n" + HOLD
    (tmp_path / "lock.held").write_text("17\nnode-7\n")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock"), "0"], capture_output=True, text=True)
    assert f"{tmp_path}/lock.held has been held for 0.2 s, by process 17 on node-7: if that is gone" in done.stderr
    assert (tmp_path / "lock.held").exists()


def test_a_lock_can_be_taken_again(tmp_path):
    for _ in range(2):
        with locked(tmp_path / "lock"):
            pass
