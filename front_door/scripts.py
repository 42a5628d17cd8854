"""The console scripts: what `python -m` does too, but that the working directory is looked in last for modules.

It could hide ours otherwise: people have an analysis.py of their own.
"""

from front_door.door import enter

__all__ = ["analysis", "condense", "sweeps"]


def condense() -> None:
    """`condense [-m] [key=value ...]`."""
    enter("condense.cli")


def sweeps() -> None:
    """`condense-sweeps status|wait|cancel|resume|plan ...`."""
    enter("sweeps.cli")


def analysis() -> None:
    """`condense-analysis DIR`."""
    enter("analysis.cli")
