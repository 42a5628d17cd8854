"""`python -m sweeps`."""

from front_door.door import enter

if __name__ == "__main__":
    enter("sweeps.cli")
