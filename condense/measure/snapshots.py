"""Runs on their way: at which moments to look at them, and what is kept of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condense import schema
from condense.data import Dataset
from condense.flows.base import State
from condense.networks.base import Network, OfNeurons
from condense.records import SNAPSHOTS
from condense.run import Run
from durable import files

__all__ = ["Moments", "Snapshot"]

ANGLES = 144
"""Directions at which the velocity of neurons is kept, for networks of one input and a bias."""

ROUNDING = 1e-9
"""A residual that is smaller than the targets by this factor may be rounding."""

GRID = 401
"""Points at which the output of a network of one input is kept, a quarter of the data's extent beyond them."""


class Moments:
    """The moments of the runs of a batch: chosen steps, and the first steps at or below chosen losses."""

    def __init__(self, config: schema.Snapshots, most: int) -> None:
        self._steps = torch.tensor(config.moments(most), dtype=torch.int64)
        self._losses = torch.tensor(sorted(config.losses, reverse=True), dtype=torch.float64)
        self._passed: dict[int, int] = {}

    def due(self, state: State, first: Tensor) -> Tensor:
        """Return which runs are at a moment, as a mask, given the loss at which each began."""
        due = torch.isin(state.steps, self._steps.to(state.steps.device))
        if len(self._losses):
            share = (state.loss / first).double().cpu()
            passed = (share[:, None] <= self._losses).sum(dim=1)
            for place, (run, count) in enumerate(zip(state.run.tolist(), passed.tolist(), strict=True)):
                if count > self._passed.get(run, 0):
                    due[place] = True
                    self._passed[run] = count
        return due

    def restore(self, run: int, least: float) -> None:
        """Let a run go on for which the least share of the first mean square residual was this so far."""
        self._passed[run] = int((self._losses >= least).sum())


@dataclass(frozen=True)
class Snapshot:
    """The weights of a run at a moment: arrays and numbers by name, as they are in its file."""

    run: Run
    step: int
    arrays: Mapping[str, Any]

    @classmethod
    def of(cls, state: State, run: Run, final: bool, data: Dataset) -> Snapshot:
        """Return the snapshot of a single run."""
        network = state.network
        numbers = {"step": state.steps, "time": state.time, **state.losses, "kappa": network.kappa}
        arrays = {
            "key": run.key,
            **{name: value.item() for name, value in numbers.items()},
            "final": final,
            "copies": network.copies,
            **{name: block[0].cpu().numpy() for name, block in network.weights(state.displacement).items()},
            **_on_grid(state, data),
            **_field(state),
        }
        return cls(run, int(state.steps), arrays)

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.run.label},step={self.step:09d}.npz"

    def write(self, job: Path) -> None:
        """Write it below the folder of a job, atomically and without pickle.

        Raises:
            OSError: there is no space left, say.
        """
        with files.replacing(job / SNAPSHOTS / self.name) as unfinished, unfinished.open("wb") as file:
            np.savez(file, allow_pickle=False, **self.arrays)


def _on_grid(state: State, data: Dataset) -> dict[str, NDArray[np.float64]]:
    """Return the output of a run on a grid and the data, if inputs are numbers; else nothing."""
    if data.x.shape[1:] != (1,) or data.y.ndim > 1:
        return {}
    low, high = data.x.min(), data.x.max()
    margin = (high - low) / 4 or 1.0
    grid = np.linspace(low - margin, high + margin, GRID)
    network: Network | None = state.network.on(grid[:, None])
    if network is None:
        return {}
    outputs = network.stage(state.displacement, kernel=False).outputs[0].cpu().numpy()
    return {"x": grid, "f": outputs, "data_x": data.x[:, 0], "data_y": data.y}


def _field(state: State) -> dict[str, NDArray[np.float64]]:
    """Return where neurons are moving: dw/dt for a = 1 at angles of (weight, bias), at the length most have; for r = 2.

    It is the velocity of gradient flow on the whole network, whatever the flow in use. A neuron of another a moves a
    times as fast, backwards where a < 0. Of a residual that is rounding there is none.
    """
    network = state.network
    if not isinstance(network, OfNeurons) or (state.mse <= ROUNDING**2 * state.targets.square().mean(dim=1)).all():
        return {}
    w = network.weights(state.displacement)["w"]
    if w.shape[-1] != 2:
        return {}
    angle = np.linspace(-np.pi, np.pi, ANGLES, endpoint=False)
    units = torch.as_tensor(np.stack([np.cos(angle), np.sin(angle)])).to(w)
    velocity = network.velocity(w.norm(dim=-1).median() * units[None], state.residual)
    return {"field_angle": angle, "field_velocity": velocity[0].T.cpu().numpy()}
