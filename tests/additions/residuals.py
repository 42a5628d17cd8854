"""An observable: the largest residual on the data, by which a fit that is even is told from one that is not."""

from condense.registry import REGISTRY
from condense.runs.objective import OF


def largest_residual(state, measure):
    return {"largest_residual": state.residual.abs().amax(dim=1).tolist()}


REGISTRY["observable"]["largest_residual"] = "residuals.largest_residual"
OF["largest_residual"] = ("largest_residual",)
