"""A line instead of a grid: points where an observed value takes a level."""
