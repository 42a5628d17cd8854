"""The number that a job returns, for sweepers that seek the best of it: the mean of a column over its runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from condense.registry import nearest

if TYPE_CHECKING:
    import pandas as pd

    from condense.runs.problem import Problem

__all__ = ["check", "mean"]

ALWAYS = ("converged", "steps", "time", "wall_seconds")
"""The numbers that every run logs."""

LOSS = ("mse_initial", "mse_final")
"""And those that all but modules do."""

OF: Mapping[str, tuple[str, ...]] = {
    "clusters": (
        *("clusters", "clusters_initial", "lines", "clusters_capped", "clusters_exact"),
        *("clusters_initial_capped", "clusters_initial_exact"),
        *("two_direction_share", "two_direction_share_initial", "mean_abs_cosine"),
    ),
    "unweighted": (
        *("clusters_unweighted", "lines_unweighted"),
        *("clusters_unweighted_capped", "clusters_unweighted_exact"),
    ),
    "alignment": ("share_z", "cosine_z", "cosine_z_unweighted", "cosine_sign_z", "cosine_sign_z_unweighted"),
    "reduction": ("effective_width", "reduction_error"),
    "energy": ("energy", "z_norm", "sign_share"),
}
"""The numbers that an observable logs; what relative_change does depends on the network."""


def check(problem: Problem) -> None:
    """Refuse an objective that no run will have; what a user's own observables log is not known beforehand.

    Raises:
        ValueError: the message lists what is allowed.
    """
    name, observables = problem.config.objective, problem.config.measure.observables
    if name is None or any("." in each for each in observables):
        return
    if problem.modules is not None:
        from condense.runs.training import numbers

        logged = numbers(problem)
    else:
        logged = [*(column for each in observables for column in _columns(each, problem)), *LOSS]
    if name not in (*logged, *ALWAYS):
        raise ValueError(_refusal(name, [*logged, *ALWAYS]))


def mean(runs: pd.DataFrame, name: str) -> float:
    """Return the mean of a column over all runs, not a number if one of them has none.

    Raises:
        ValueError: no run has a number there.
    """
    numbers = runs.select_dtypes(["number", "bool", "boolean"]).dropna(axis="columns", how="all")
    if name not in numbers:
        raise ValueError(_refusal(name, numbers.columns))
    return float(numbers[name].astype(float).mean(skipna=False))


def _columns(observable: str, problem: Problem) -> tuple[str, ...]:
    if observable != "relative_change":
        return OF.get(observable, ())
    closed = ("w1", "w2", "a") if problem.three_layer else ("w", "a")
    blocks = closed if problem.user is None else tuple(problem.user.scales)
    more = ("rd_w2_op",) if problem.three_layer else ()
    return (*(f"rd_{block}{end}" for end in ("", "_sup") for block in (*blocks, "theta")), *more)


def _refusal(name: str, allowed: Iterable[str]) -> str:
    allowed = list(allowed)
    return (
        f"objective = {name!r} is not allowed: null, or a number that these runs log: {', '.join(allowed)}; "
        f"measure.observables adds others{nearest(name, allowed)}"
    )
