"""An app for the tests of the orchestration: its jobs square numbers, slowly if asked, and can fail in many ways."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

FILE = "squares.json"


class Job:
    named_by = ("x",)
    follows = {}
    cost = 1.0
    memory_gb = 0.1

    def __init__(self, config):
        if not isinstance(config["x"], int):
            raise ValueError(f"x = {config['x']!r} is not allowed: an integer")
        self.config = config
        self.name = f"x={config['x']}"
        self.settings = {"power": config.get("power", 2)}
        self.sources = {}
        self.wanted = [f"{config['x']}:{repeat}" for repeat in range(config.get("first", 0), config.get("repeats", 2))]

    @staticmethod
    def accepting(sources):
        return ""

    @staticmethod
    def held(folder: Path):
        path = folder / FILE
        return {key: tuple(value[:2]) for key, value in json.loads(path.read_text()).items()} if path.exists() else {}

    @classmethod
    def run_together(cls, jobs, folders, wanted, execution):
        for job, folder, keys in zip(jobs, folders, wanted, strict=True):
            for key in keys:
                if key not in cls.held(folder) and not job._one(key, folder, execution.stop, execution.attempt):
                    return
            execution.done(job.cost)

    def _one(self, key, folder, stop, attempt):
        folder.mkdir(parents=True, exist_ok=True)
        how = self.config.get("how")
        with (folder / "tries").open("a") as tries:
            tries.write(f"{key} {attempt}\n")
        if how == "raises":
            (folder / "error.txt").write_text("Traceback ...\nRuntimeError: out of luck\n")
            return True
        if how == "killed" or (how == "killed once" and not (folder / "killed").exists()):
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        end = time.monotonic() + self.config.get("seconds", 0)
        while time.monotonic() < end:
            if stop():
                return False
            time.sleep(0.02)
        held = json.loads((folder / FILE).read_text()) if (folder / FILE).exists() else {}
        held[key] = ["converged", "version 1", self.config["x"] ** 2]
        (folder / "unfinished").write_text(json.dumps(held))
        (folder / "unfinished").replace(folder / FILE)
        return True
