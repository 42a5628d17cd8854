"""Snapshots and curves of known networks, in the format that condense writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def write_snapshot(job: Path, key: str, step: int, width: int = 4, seed: int = 0, **arrays: Any) -> Path:
    """Write one snapshot with the scalars of every snapshot and these arrays."""
    path = job / "snapshots" / f"width={width},seed={seed},step={step:09d}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    scalars = {"key": key, "step": step, "time": step / 10, "mse": 1.0 / (1 + step), "kappa": 0.5, "copies": 1}
    np.savez(path, allow_pickle=False, **{"final": False, **scalars, **arrays})
    return path


def two_layer(w: Any, a: Any, active: Any = True, **arrays: Any) -> dict[str, Any]:
    """Arrays of a two-layer network from weights of shape (neurons, d)."""
    w, a = np.asarray(w, float), np.asarray(a, float)
    return {"w": w, "a": a, "active": np.broadcast_to(active, a.shape).copy(), **arrays}


def on_grid() -> dict[str, Values]:
    """The output x^2 on a grid, and four points of it."""
    x, data = np.linspace(-1, 1, 21), np.array([-0.5, -1 / 6, 1 / 6, 0.5])
    return {"x": x, "f": x**2, "data_x": data, "data_y": data**2}


def rays(angles: Any, lengths: Any) -> Values:
    """Neurons of shape (m, 2) at angles with lengths."""
    angles, lengths = np.broadcast_arrays(np.asarray(angles, float), np.asarray(lengths, float))
    return np.stack([lengths * np.cos(angles), lengths * np.sin(angles)], axis=1)


def curve(steps: Any, mse: Any, **columns: Any) -> list[dict[str, float]]:
    """The column `curve` of one run: a struct a moment; the time is a tenth of the step."""
    moments = [{"step": int(step), "time": step / 10, "mse": float(x)} for step, x in zip(steps, mse, strict=True)]
    for name, values in columns.items():
        for moment, value in zip(moments, values, strict=True):
            moment[name] = float(value)
    return moments
