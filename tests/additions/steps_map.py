"""A figure: the steps that runs took, over the plane."""

from matplotlib.colors import LogNorm

from analysis.figures import NothingToDrawError
from analysis.figures.maps import draw_map, write_values
from analysis.figures.quantity import Quantity
from analysis.report.catalogue import Figure
from analysis.tables.places import point


def draw(analysis, ax):
    if not analysis.runs["converged"].any():
        raise NothingToDrawError("no steps to draw: no run converged")
    table = analysis.runs.groupby(point(analysis.runs))["steps"].max().reset_index()
    most = Quantity("steps", "Steps of the longest run", "steps", LogNorm(1, table["steps"].max()), "{:.0f}".format)
    draw_map(ax, table, most)
    ax.set_title(most.title)
    write_values(ax, table, most)
    return ax


STEPS = Figure("the steps that runs took", "runs that converged", draw)
