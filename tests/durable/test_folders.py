import os

import pytest

from durable.folders import new_folder, refuse_unusable


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "lost").symlink_to("nowhere")
    (tmp_path / "there").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", ["there", "there/new/newer", "new", ".", "..", "é" * 127])
def test_a_folder_that_can_be_made_is_allowed_and_not_made(here, name):
    refuse_unusable("folder", here / name)
    refuse_unusable("folder", here.relative_to(here) / name)
    assert sorted(os.listdir(here)) == ["file", "lost", "there"]
    assert os.listdir("there") == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file", "file is not a folder"),
        ("file/x/y", "file is not a folder"),
        ("lost/x", "lost is not a folder"),
        ("é" * 128, "a name has at most 255 bytes"),
        ("new/" + "a" * 256 + "/b", "a name has at most 255 bytes"),
        ("a\0b", "a name has no zero byte"),
        ("/proc/new", "/proc: "),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused_by_its_key_with_what_stands_in_the_way(here, name, reason):
    with pytest.raises(ValueError, match="is not allowed: a folder to write to") as refused:
        refuse_unusable("hydra.sweep.dir", here / name)
    assert str(refused.value).startswith(f"hydra.sweep.dir = {str(here / name)!r} ")
    assert reason in str(refused.value)


def test_a_new_folder_has_the_first_name_that_is_free(here):
    made = [new_folder(here / "new" / "a") for _ in range(3)]
    assert [str(each.relative_to(here)) for each in made] == ["new/a", "new/a_2", "new/a_3"]
    assert new_folder(here / "file").name == "file_2"
    with pytest.raises(NotADirectoryError):
        new_folder(here / "file" / "x")
