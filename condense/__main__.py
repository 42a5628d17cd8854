"""`python -m condense`."""

from front_door.door import enter

if __name__ == "__main__":
    enter("condense.cli")
