from dataclasses import replace

import pytest

from durable.manifest import Manifest, OtherSweepError

SETTINGS = {"flow.rtol": 0.01, "network.activation": "relu"}


def test_a_folder_is_claimed_once_and_agreed_with_after(tmp_path):
    folder = tmp_path / "my sweep's"
    assert Manifest.held(folder) is None
    manifest = Manifest.of(SETTINGS, ())
    manifest.claim(folder, str)
    manifest.claim(folder, str)
    assert Manifest.held(folder) == replace(manifest, sources={})
    assert [path.name for path in folder.iterdir()] == ["sweep.json"]


def test_other_settings_are_refused_and_shown(tmp_path):
    Manifest.of(SETTINGS, ()).claim(tmp_path, str)
    other = Manifest.of({"flow.rtol": 0.02, "network.activation": "relu", "flow.stop": 1e-4}, ("data.seed",))
    with pytest.raises(OtherSweepError) as error:
        other.claim(tmp_path, str)
    lines = str(error.value).splitlines()
    assert lines[0] == f"{tmp_path} holds a sweep with other settings:"
    assert lines[1:4] == [
        "  flow.rtol: there 0.01, now 0.02",
        "  flow.stop: there the default, now 0.0001",
        "  swept keys: there [], now ['data.seed']",
    ]
    assert lines[4].endswith(f"hydra.sweep.dir={tmp_path}_2")


def test_swept_keys_and_what_lies_below_them_are_no_settings():
    manifest = Manifest.of({**SETTINGS, "network.name": "two_layer"}, ("network",))
    assert manifest.settings == {"flow.rtol": 0.01}
    assert manifest.digest != Manifest.of(SETTINGS, ()).digest


@pytest.mark.parametrize("content", ["", "{", "[]", '{"settings": {}}'])
def test_a_damaged_manifest_is_named(tmp_path, content):
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(OtherSweepError, match="sweep.json is damaged .* Move it away"):
        Manifest.of(SETTINGS, ()).claim(tmp_path, str)
