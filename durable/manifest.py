"""What a folder of results holds: the settings that all its jobs share, so that two sweeps never mix in one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from durable.files import write

__all__ = ["FILE", "Manifest", "OtherSweepError"]

FILE = "sweep.json"

UNKNOWN = "unknown"
"""The hash of code from before it was noted."""


class OtherSweepError(ValueError):
    """The folder holds a sweep with other settings."""


@dataclass(frozen=True)
class Manifest:
    """The settings shared by all jobs of a sweep, by dotted key, the keys that vary besides the place, and the code.

    `sources` has the hashes of the user's code in the sweep, by name; None where that was not noted yet.
    """

    settings: Mapping[str, Any]
    swept: tuple[str, ...]
    sources: Mapping[str, str] | None = None

    @classmethod
    def of(
        cls, settings: Mapping[str, Any], swept: Collection[str], sources: Mapping[str, str] | None = None
    ) -> Manifest:
        """Return the manifest of settings as they read back from JSON, the swept keys left out."""
        plain = json.loads(json.dumps(dict(settings)))
        shared = {key: plain[key] for key in sorted(plain) if not _below(key, swept)}
        return cls(shared, tuple(sorted(swept)), sources)

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
        content = json.dumps({"settings": dict(self.settings), "swept": self.swept}, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:8]

    def check(
        self, folder: Path, accepting: Callable[[Mapping[str, str]], str], elsewhere: str = ""
    ) -> Manifest | None:
        """Return the manifest of a folder if this one agrees with it, None if there is none.

        Args:
            folder: where results are.
            accepting: returns the setting by which results of other code count as those of the code as it is now.
            elsewhere: how another folder is named.

        Raises:
            OtherSweepError: the folder holds a sweep with other settings or code; the message shows the differences.
        """
        held = Manifest.held(folder)
        if held is None:
            return None
        elsewhere = elsewhere or f"name another folder: hydra.sweep.dir={folder}_2"
        self.agree(
            held,
            f"{folder} holds a sweep with other settings",
            f"Points, widths and seeds can be added to a sweep; for anything else {elsewhere}",
        )
        old, new = held._sources_of(self), self.sources or {}
        if lines := [f"  {name}: there {old[name]}, now {new[name]}" for name in old if old[name] != new[name]]:
            raise OtherSweepError(
                "\n".join([f"{folder} holds results of other code of yours:", *lines])
                + f"\nNothing was started. For the code as it is now {elsewhere}. Or, if you know that both give the "
                f"same, add {accepting(old)}: what is there stays, and what is missing is computed by the code as it "
                "is now"
            )
        return held

    def _sources_of(self, other: Manifest) -> dict[str, str]:
        """Return the hashes here of the code that another manifest names too."""
        names = other.sources or {}
        here = dict.fromkeys(names, UNKNOWN) if self.sources is None else self.sources
        return {name: here[name] for name in names if name in here}

    def claim(self, folder: Path, accepting: Callable[[Mapping[str, str]], str], elsewhere: str = "") -> None:
        """Write the manifest into a folder, or agree with the one that is there.

        Raises:
            OtherSweepError: as `check`.
        """
        held = self.check(folder, accepting, elsewhere)
        there = {} if held is None else held.sources or {}
        both = replace(self, sources={**there, **(self.sources or {})})
        if both != held:
            write(folder / FILE, json.dumps(asdict(both), indent=1) + "\n")

    def agree(self, other: Manifest, complaint: str, advice: str = "") -> None:
        """Raise OtherSweepError with the differences if the settings of another manifest are not the same."""
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
        return Manifest(held["settings"], tuple(held["swept"]), held.get("sources"))
    except (ValueError, KeyError, TypeError) as error:
        raise OtherSweepError(
            f"{path} is damaged ({error}): it says what the sweep in this folder is. Move it away, and the next launch "
            "writes it anew; records made with other settings would then mix"
        ) from error
