"""`python -m condense`."""

from condense.startup import importing

with importing():
    from condense.cli import main

if __name__ == "__main__":
    main()
