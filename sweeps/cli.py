"""`python -m sweeps status|wait|cancel|resume DIR` and `python -m sweeps plan COMMAND`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from front_door.ending import INTERRUPTED
from front_door.names import called, version
from sweeps.backends import BACKENDS, Backend, configured
from sweeps.folder import code
from sweeps.launch import FailedFastError, Launch, wait
from sweeps.status import report, summary
from sweeps.status.sweep import DONE, MISSING, Sweep

__all__ = ["main"]

REFRESH = 2.0
"""Seconds between two looks of status --watch."""

EXIT_INCOMPLETE = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0; 1 if points are failed or missing (status, wait, resume); 2 for a bad command."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED


def status(options: argparse.Namespace) -> int:
    """Print how the jobs of a sweep stand."""
    console = Console()
    sweep = Sweep.open(options.folder)
    if options.json:
        print(report.as_json(sweep))
    elif options.watch:
        from rich.live import Live

        with Live(console=console, auto_refresh=False) as display:
            while True:
                live = sweep.live()
                display.update(report.as_table(sweep, live), refresh=True)
                if not live:
                    break
                time.sleep(max(REFRESH, sweep.patience))
    else:
        console.print(report.as_table(sweep), soft_wrap=True, highlight=False)
    return _exit_status(sweep)


def wait_for(options: argparse.Namespace) -> int:
    """Return when nothing of a sweep is queued or running."""
    sweep = Sweep.open(options.folder)
    wait(sweep, Console())
    return _summed_up(sweep)


def cancel(options: argparse.Namespace) -> int:
    """End what is queued or running; it is saved first."""
    sweep = Sweep.open(options.folder)
    told, folder = sweep.cancel(), shlex.quote(str(sweep.folder))
    print(f"{told} tasks told to save and leave; {called('sweeps')} resume {folder} goes on")
    return 0


def resume(options: argparse.Namespace) -> int:
    """Submit what is neither done nor queued nor running, as it was submitted last, and wait unless detached."""
    sweep, console = Sweep.open(options.folder), Console()
    backend = _site(sweep, options.change)
    last = sweep.submissions[-1] if sweep.submissions else None
    changed = code.changed(last.code) if last else []
    launch = Launch.again(sweep, backend)
    if changed:
        launch.check()
        files = f"{changed[0]} and {len(changed) - 1} more files" if len(changed) > 1 else changed[0]
        console.print(f"the code as it is now is taken: {files} changed", highlight=False, soft_wrap=True)
    with sweep.locked():
        submission = launch.submit(lost=options.lost)
    tasks = 0 if submission is None else len(submission.packs)
    console.print(f"{sum(map(len, submission.packs)) if submission else 0} points handed out in {tasks} tasks")
    if backend.detach:
        return 0
    try:
        launch.attend(console)
    except FailedFastError as error:
        print(error, file=sys.stderr)
    return _summed_up(sweep)


def plan(options: argparse.Namespace) -> int:
    """Run a command of a sweep that only tells what it would launch; without -m, what it would launch with it."""
    if not options.command:
        raise ValueError(f"name the command: {called('sweeps')} plan {called('condense')} -m experiment=quickstart")
    command = [*options.command, "hydra.sweeper.plan=true", "--multirun"]
    os.execvp(command[0], command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=called("sweeps"), description="Look after the sweep in a folder.")
    parser.add_argument("--version", action="version", version=f"condense {version()}")
    commands = parser.add_subparsers(required=True, metavar="status|wait|cancel|resume|plan")

    def command(name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        made.set_defaults(run=run)
        if name != "plan":
            made.add_argument(
                "folder", type=Path, metavar="DIR", help="the sweep's folder, such as multirun/quickstart"
            )
        return made

    seen = command("status", status)
    seen.add_argument("--watch", action="store_true", help="go on looking until nothing is queued or running")
    seen.add_argument("--json", action="store_true", help="print it for programs")
    command("wait", wait_for)
    command("cancel", cancel)
    again = command("resume", resume)
    again.add_argument("change", nargs="*", metavar="key=value", help="a parameter of hydra.launcher to change")
    again.add_argument("--lost", action="store_true", help="take what seems queued or running for lost")
    planned = command("plan", plan)
    planned.add_argument("command", nargs=argparse.REMAINDER, help=f"{called('condense')} -m experiment=quickstart")
    return parser


def _site(sweep: Sweep, changes: Sequence[str]) -> Backend:
    """Return the backend of the last submission, with parameters changed: key=value, or hydra/launcher=slurm.

    The parameters are those of the last submission to it; without one, those of the config, as a launch has them.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    handed = sweep.submissions
    given = _parsed(changes)
    kind = given.pop("hydra/launcher", handed[-1].backend if handed else "local")
    if kind not in BACKENDS:
        raise ValueError(f"hydra/launcher={kind} is not known: {', '.join(BACKENDS)}")
    alike = [each.parameters for each in handed if each.backend == kind]
    parameters = dict(alike[-1]) if alike else configured.launcher(kind, handed[-1]) if handed else {}
    config = OmegaConf.structured(BACKENDS[kind], flags={"struct": False})
    try:
        config.merge_with({**parameters, "job": sweep.job})
        for key, value in given.items():
            OmegaConf.update(config, key, value)
    except OmegaConfBaseException as error:
        raise ValueError(f"hydra.launcher.{error.full_key}: {str(error).splitlines()[0]}") from error
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return BACKENDS[kind].of(plain)


def _parsed(changes: Sequence[str]) -> dict[str, Any]:
    """Return what lines as on the command line of a launch set, by key below hydra.launcher.

    Raises:
        ValueError: a line is not key=value.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    try:
        lines = OverridesParser.create().parse_overrides(list(changes))
    except OverrideParseException as error:
        raise ValueError(f"{error.override}: resume takes key=value ({str(error).splitlines()[1]})") from error
    for line in lines:
        if line.is_delete() or line.is_sweep_override():
            raise ValueError(f"{line.input_line}: resume takes key=value, one value each, of hydra.launcher")
    return {line.key_or_group.removeprefix("hydra.launcher."): line.value() for line in lines}


def _exit_status(sweep: Sweep) -> int:
    return EXIT_INCOMPLETE if any(each.state in ("failed", MISSING) for each in sweep.look()) else 0


def _summed_up(sweep: Sweep) -> int:
    statuses = sweep.look()
    summary.show(sweep.folder, statuses, sweep.commands(), Console())
    return 0 if all(each.state == DONE for each in statuses) else EXIT_INCOMPLETE
