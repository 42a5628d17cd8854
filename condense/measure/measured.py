"""What is measured of runs: the columns of all observables, those of the user's own checked for what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from condense import records, registry
from condense.data import Dataset
from condense.flows.base import State
from condense.networks.errors import out_of_memory
from condense.registry import said
from condense.schema import Measure

__all__ = ["ObservableError", "measured", "on_test_set"]

KEY = "measure.observables"

Row = dict[str, Any]

Columns = dict[str, list[Any]]


class ObservableError(ValueError):
    """An observable of the user's own raised an error, or gave something else than columns; the message says what."""


@torch.no_grad()
def measured(state: State, measure: Measure) -> list[Row]:
    """Return the columns of the observables, a row a run.

    Raises:
        ObservableError: one of the user's own failed.
    """
    columns: dict[str, list[Any]] = {name: values.tolist() for name, values in state.scores.items()}
    for name in measure.observables:
        function = registry.resolve("observable", name, KEY)
        known = name in registry.REGISTRY["observable"]
        columns |= function(state, measure) if known else _of_own(name, function, state, measure, columns)
    plain = {
        name: [value.item() if isinstance(value, np.generic) else value for value in columns[name]] for name in columns
    }
    rows = [dict(zip(plain, values, strict=True)) for values in zip(*plain.values(), strict=True)]
    return rows or [{} for _ in range(len(state.run))]


@torch.no_grad()
def on_test_set(state: State, data: Dataset) -> list[float]:
    """Return the mean square residual on the test set, of every run."""
    network: Any = state.network.on(data.x_test)  # type: ignore[arg-type]
    outputs = network.stage(state.displacement, kernel=False).outputs
    miss = outputs - torch.as_tensor(data.y_test).to(outputs)
    return miss.square().mean(dim=1).tolist()  # type: ignore[no-any-return]


def _of_own(
    name: str, function: Any, state: State, measure: Measure, others: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """Return the columns of an observable of the user's own."""
    own, allowed = f"{KEY} = {name!r}", "allowed is {column: a number, or a text, for each run}"
    try:
        found = function(state, measure)
    except Exception as error:
        if out_of_memory(error):
            raise
        raise ObservableError(f"{own} raised {said(error)}") from error
    if not isinstance(found, Mapping) or not all(isinstance(column, str) and column for column in found):
        raise ObservableError(f"{own} returned {type(found).__name__}; {allowed}")
    runs = len(state.run)
    columns = {}
    for column, values in found.items():
        if column in records.COLUMNS or column in others:
            raise ObservableError(
                f"{own} returned a column {column}, which the records have already: name it otherwise"
            )
        listed = values.tolist() if hasattr(values, "tolist") else values
        if not isinstance(listed, list | tuple) or len(listed) != runs:
            held = f"{len(listed)} values" if isinstance(listed, list | tuple) else type(values).__name__
            raise ObservableError(f"{own} returned {held} of {column} for {runs} runs; {allowed}")
        columns[column] = [value.item() if hasattr(value, "item") else value for value in listed]
        if odd := [value for value in columns[column] if not isinstance(value, int | float | str | None)]:
            raise ObservableError(f"{own} returned {type(odd[0]).__name__} for a run in {column}; {allowed}")
    return columns
