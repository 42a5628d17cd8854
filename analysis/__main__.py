"""`python -m analysis DIR`."""

from front_door.door import enter

if __name__ == "__main__":
    enter("analysis.cli")
