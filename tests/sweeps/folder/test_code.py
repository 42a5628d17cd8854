import importlib
import sys

import pytest

from sweeps.folder.code import changed, fingerprint


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "mypackage" / "sub").mkdir(parents=True)
    (tmp_path / "mypackage" / "__init__.py").write_text("")
    (tmp_path / "mypackage" / "sub" / "late.py").write_text("x = 1\n")
    (tmp_path / "mymodule.py").write_text("import mypackage\n")
    (tmp_path / "unrelated.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("mymodule")
    yield tmp_path
    for name in ("mypackage", "mymodule"):
        del sys.modules[name]


def test_the_users_own_modules_and_packages_are_told_apart_from_installed_ones(own):
    files = [path for path in fingerprint() if path.startswith(str(own))]
    assert files == [str(own / name) for name in ("mymodule.py", "mypackage/__init__.py", "mypackage/sub/late.py")]
    assert not any("site-packages" in path for path in fingerprint())
    assert any("site-packages/pytest/" in path for path in fingerprint(["pytest.any"]))
    assert str(own / "unrelated.py") in fingerprint(files=[str(own / "unrelated.py")])


def test_a_changed_or_lost_file_is_named(own):
    before = fingerprint()
    assert changed(before) == []
    (own / "mypackage" / "sub" / "late.py").write_text("x = 2\n")
    (own / "mymodule.py").unlink()
    assert changed(before) == [str(own / "mymodule.py"), str(own / "mypackage/sub/late.py")]
