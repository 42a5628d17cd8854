"""Training data: n inputs in R^d with scalar targets, known by name, read from a file, or given as arrays."""

from condense.data.choice import choice, load
from condense.data.dataset import Dataset
from condense.data.files import read_file
from condense.data.known import digits, four_ramps, mnist, parabola, sines_1d, sines_3d, sines_5d, two_ramps

__all__ = ["Dataset", "choice", "digits", "four_ramps", "load", "mnist", "parabola", "read_file", "sines_1d"]
__all__ += ["sines_3d", "sines_5d", "two_ramps"]
