"""A launcher: workers on this machine that let others go first."""

from dataclasses import dataclass
from typing import ClassVar

import psutil

from durable.files import read_json
from sweeps.backends import BACKENDS, Local


@dataclass
class Nice(Local):
    """hydra/launcher=nice."""

    _target_: str = "hydra_plugins.condense_sweeps.NiceLauncher"
    niceness: int = 10  # 19 lets all others go first

    kind: ClassVar[str] = "nice"

    def __post_init__(self):
        super().__post_init__()
        self.require("niceness", 0 <= self.niceness <= 19, "an integer from 0 to 19")

    def start(self, submission):
        super().start(submission)
        for file in submission.folder.glob("*.start.json"):
            psutil.Process(read_json(file)["pid"]).nice(self.niceness)


BACKENDS["nice"] = Nice
