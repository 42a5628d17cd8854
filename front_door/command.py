"""A command line from its import to the end of the process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

from front_door.ending import FULL, INTERRUPTED, end_at_once
from front_door.names import called
from front_door.paths import add_working_directory, hidden
from front_door.startup import importing

__all__ = ["run"]

BROKEN_PIPE = 128 + signal.SIGPIPE


def run(module: str) -> NoReturn:
    """Run the function `main` of a module, and end the process with the exit code that it returns.

    An interrupt before and after it ends the process without a word. An error that `main` does not answer for is told
    in a line that names the file of its traceback, which is printed instead where `FULL` is set.
    """
    package = module.partition(".")[0]
    full = FULL in os.environ  # our command line sets it for Hydra
    try:
        add_working_directory()
        if refused := hidden(package):
            sys.exit(refused)
        with importing():
            main = import_module(module).main
        status = _interruptible(main)
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:  # what reads the output, head say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = BROKEN_PIPE
    except Exception as error:
        _tell(package, error, full)
        status = 1
    end_at_once()
    sys.exit(status)


def _interruptible(main: Callable[[], int | None]) -> int | str | None:
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return main()
    except SystemExit as leaving:
        return leaving.code


def _tell(package: str, error: Exception, full: bool) -> None:
    """Say what was raised, and where its traceback is."""
    import traceback

    text = "".join(traceback.format_exception(error))
    if full:
        print(text, file=sys.stderr)
        return
    if isinstance(error, OSError) and error.filename is not None:
        told = f"{error.filename}: {error.strerror}\n"
    else:
        told = f"{type(error).__name__}: {error}\nNo message was made for this. "
    print(f"{called(package)}: {told}{_kept(package, text)}{FULL}=1 prints it", file=sys.stderr)


def _kept(package: str, text: str) -> str:
    """Write a traceback into a file, and return a text that says where."""
    import tempfile

    try:
        with tempfile.NamedTemporaryFile("w", prefix=f"{package}-error-", suffix=".txt", delete=False) as file:
            file.write(text)
    except OSError:
        return "It has a traceback: "
    return f"Its traceback is in {file.name}; "
