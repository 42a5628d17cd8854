"""What a sweep folder holds: the settings all its jobs share, so that two sweeps never mix in one folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from durable.files import write

__all__ = ["FILE", "Manifest", "OtherSweepError"]

FILE = "sweep.json"


class OtherSweepError(ValueError):
    """The folder holds a sweep with other settings."""


@dataclass(frozen=True)
class Manifest:
    """The settings shared by all jobs of a sweep, by dotted key, and the keys that vary besides the place."""

    settings: Mapping[str, Any]
    swept: tuple[str, ...]

    @classmethod
    def of(cls, settings: Mapping[str, Any], swept: Collection[str]) -> Manifest:
        """Return the manifest of settings as they read back from JSON, the swept keys left out."""
        plain = json.loads(json.dumps(dict(settings)))
        shared = {key: plain[key] for key in sorted(plain) if not _below(key, swept)}
        return cls(shared, tuple(sorted(swept)))

    @classmethod
    def held(cls, folder: Path) -> Manifest | None:
        """Return the manifest of a folder, None if it has none.

        Raises:
            OtherSweepError: it is damaged.
        """
        path = folder / FILE
        return _read(path) if path.exists() else None

    @property
    def digest(self) -> str:
        """A short hash for a folder name."""
        content = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:8]

    def claim(self, folder: Path) -> None:
        """Write the manifest into a folder, or agree with the one that is there.

        Raises:
            OtherSweepError: the folder holds a sweep with other settings; the message shows the differences.
        """
        held = Manifest.held(folder)
        if held is not None:
            self.agree(
                held,
                f"{folder} holds a sweep with other settings",
                "Points, widths and seeds can be added to a sweep; for anything else name another folder: "
                f"hydra.sweep.dir={folder}_2",
            )
            return
        write(folder / FILE, json.dumps(asdict(self), indent=1) + "\n")

    def agree(self, other: Manifest, complaint: str, advice: str = "") -> None:
        """Raise OtherSweepError with the differences if another manifest is not the same."""
        old, new = ({**m.settings, "swept keys": list(m.swept)} for m in (other, self))
        lines = [
            f"  {key}: there {_shown(old, key)}, now {_shown(new, key)}"
            for key in sorted({*old, *new})
            if old.get(key) != new.get(key)
        ]
        if lines:
            raise OtherSweepError("\n".join([f"{complaint}:", *lines, f"Nothing was started. {advice}".strip()]))


def _below(key: str, groups: Collection[str]) -> bool:
    return any(key == group or key.startswith(f"{group}.") for group in groups)


def _shown(settings: Mapping[str, Any], key: str) -> str:
    return repr(settings[key]) if key in settings else "the default"


def _read(path: Path) -> Manifest:
    try:
        held = json.loads(path.read_text())
        return Manifest(held["settings"], tuple(held["swept"]))
    except (ValueError, KeyError, TypeError) as error:
        raise OtherSweepError(
            f"{path} is damaged ({error}): it says what the sweep in this folder is. Move it away, and the next launch "
            "writes it anew; records made with other settings would then mix"
        ) from error
