"""The way into a command line. What it imports takes no time, as an interrupt is to find it ready."""

from front_door.ending import end_at_once

__all__ = ["enter"]


def enter(module: str) -> None:
    """Run the function `main` of a module, condense.cli say, and end the process; see `front_door.command.run`."""
    end_at_once()
    from front_door.command import run

    run(module)
