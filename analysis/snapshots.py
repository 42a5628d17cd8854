"""Snapshots: the weights that runs kept on their way, as tables."""

from __future__ import annotations

import math
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.tables.collect import collect
from analysis.tables.places import all_axes, point
from condense.records import SNAPSHOTS

__all__ = [
    "MANY",
    "Output",
    "SnapshotError",
    "contents",
    "coordinates",
    "evenly",
    "field",
    "gathered",
    "layers",
    "located",
    "neurons",
    "output",
]
__all__ += ["snapshots"]

Values = NDArray[np.float64]

MANY = 20_000
"""Neurons of a snapshot that a picture of many runs shows, at most."""

MOMENT = ("step", "time", "mse", "final")
"""What a snapshot says of its moment; a run has columns of some of these names for its end."""


class SnapshotError(ValueError):
    """A snapshot that cannot be used: damaged, foreign, or without what is asked for."""


class Output(NamedTuple):
    """The output of a network of one input: `curve` with columns x and f on a grid, `data` with columns x and y."""

    curve: pd.DataFrame
    data: pd.DataFrame


def snapshots(folder: Path | str) -> pd.DataFrame:
    """Return the snapshots of all runs below a folder, a row a file, in the order of places, runs and steps.

    The columns are those of the runs, with step, time, mse and final those of the snapshot, and path. A file that
    cannot be read is skipped and named by a warning.

    Raises:
        SweepError: the folder does not exist or holds no record that can be read.
    """
    collection = collect(folder)
    found, skipped = located(collection.runs, collection.folders)
    for message in skipped:
        warnings.warn(message, stacklevel=2)
    return found


def located(runs: pd.DataFrame, folders: Iterable[Path]) -> tuple[pd.DataFrame, list[str]]:
    """Return the snapshots below the folders of jobs with the columns of their runs, and what was skipped and why."""
    rows: list[dict[str, Any]] = []
    skipped: list[str] = []
    known = set(runs["key"])
    for path in (path for job in folders for path in sorted((job / SNAPSHOTS).glob("*.npz"))):
        try:
            rows.append({**_moment(path, known), "path": path})
        except SnapshotError as error:
            skipped.append(str(error))
    moments = pd.DataFrame(rows, columns=["key", *MOMENT, "path"])
    about = runs.drop(columns=[*MOMENT, "curve"], errors="ignore")
    found = moments.merge(about, on="key", how="left", validate="many_to_one")
    place = [name for names in all_axes(found) for name in names]
    order = ["initialisation", *place, "setting", "width", "seed", "step"]
    return found.sort_values(order, kind="stable", ignore_index=True), skipped


def neurons(path: Path | str) -> pd.DataFrame:
    r"""Return the neurons of a two-layer network at a snapshot, a row each, in the order of the network.

    Columns: copy (0, or 1 for the second one of an antisymmetric network); active (it sees a data point); w_0, w_1, ..
    the normalised input weights, the bias last, in an orthonormal basis of the span of the data where that is smaller
    than the input space; a the normalised output weight; length |w|; amplitude |a||w|; relative_amplitude, at
    most 1; in two dimensions angle = atan2(w_1, w_0) in (-pi, pi]; step, time, mse of the snapshot.

    Raises:
        SnapshotError: the file is damaged, or of a network of another kind.
    """
    held = _load(path)
    if "active" not in held:
        blocks = ", ".join(_matrices(held)) or "no matrix"
        raise SnapshotError(
            f"{path}: of a network of your own or a deep one, with the blocks {blocks}: "
            "use analysis.snapshots.layers(path)"
        )
    return _table(held, held["w"], held["a"], held["active"])


def layers(path: Path | str) -> dict[str, pd.DataFrame]:
    """Return the neurons of each layer of a network by the name of its block of weights; "w" of a two-layer network.

    Columns as in `neurons`; in networks of more layers without a, and amplitude is the length of a neuron's weights.
    A block of one neuron is no layer.

    Raises:
        SnapshotError: the file is damaged, or holds no layer of two neurons or more.
    """
    held = _load(path)
    if "active" in held:
        return {"w": neurons(path)}
    found = {name: _table(held, block.reshape(-1, block.shape[-1])) for name, block in _matrices(held).items()}
    if not found:
        raise SnapshotError(f"{path}: no layer in it, a block of shape (copies, neurons, inputs) with two neurons")
    return found


def output(path: Path | str) -> Output:
    """Return the output of a network of one input on a grid, and the data.

    Raises:
        SnapshotError: the file is damaged, or holds no output on a grid.
    """
    held = _load(path)
    if "f" not in held:
        raise SnapshotError(f"{path}: no output on a grid in it; it is kept for data of one input only")
    curve = pd.DataFrame({"x": held["x"], "f": held["f"]})
    return Output(curve, pd.DataFrame({"x": held["data_x"], "y": held["data_y"]}))


def field(path: Path | str) -> pd.DataFrame:
    """Return where neurons of one input were moving: angle of (weight, bias), v_0 and v_1, which are dw/dt for a = 1.

    The velocities are of neurons of the median length. A neuron with a < 0 moves the other way.

    Raises:
        SnapshotError: the file is damaged, or holds no velocities.
    """
    held = _load(path)
    if "field_velocity" not in held:
        raise SnapshotError(
            f"{path}: no velocities in it; they are kept for two-layer networks of one input and a bias"
        )
    v = held["field_velocity"]
    return pd.DataFrame({"angle": held["field_angle"], "v_0": v[:, 0], "v_1": v[:, 1]})


def contents(path: Path | str) -> set[str]:
    """Return what a snapshot allows to be drawn.

    That is "output" on a grid; of a "two_layer" network the neurons by "angle" in two dimensions, and in more, or for
    another network, by "layers".

    Raises:
        SnapshotError: the file is damaged.
    """
    held = _load(path)
    kept = {"output"} if "f" in held else set()
    if "active" in held:
        return kept | {"two_layer", "angle" if held["w"].shape[1] == 2 else "layers"}
    return kept | {"layers"} if _matrices(held) else kept


def gathered(rows: pd.DataFrame, most: int = MANY) -> pd.DataFrame:
    """Return the neurons of several rows of `snapshots` as one table, with the run's place, width and seed.

    Of a snapshot with more than `most` neurons it is the half of them that is largest in amplitude, and an even choice
    of the others.
    """
    about = [*point(rows), "width", "seed"]
    tables = (_thinned(neurons(row["path"]), most).assign(**row[about]) for _, row in rows.iterrows())
    return pd.concat(tables, ignore_index=True)


def _thinned(table: pd.DataFrame, most: int) -> pd.DataFrame:
    if len(table) <= most:
        return table
    order = np.argsort(-table["amplitude"].to_numpy(), kind="stable")
    largest, others = order[: most // 2], order[most // 2 :]
    chosen = others[evenly(len(others), most - len(largest))]
    return table.iloc[np.sort(np.concatenate([largest, chosen]))]


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """Return the places of at most so many of `count` things, evenly chosen with the first and the last.

    >>> evenly(9, 3).tolist(), evenly(2, 3).tolist()
    ([0, 4, 8], [0, 1])
    """
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def coordinates(table: pd.DataFrame) -> Values:
    """Return the weights of a table of neurons as an array of shape (neurons, d)."""
    names = [name for name in table.columns if name.startswith("w_")]
    return table[names].to_numpy(np.float64)


def _table(held: Mapping[str, Any], w: Values, a: Values | None = None, active: Any = True) -> pd.DataFrame:
    w = np.asarray(w, np.float64)
    length = np.linalg.norm(w, axis=1)
    amplitude = length if a is None else np.abs(np.asarray(a, np.float64)) * length
    columns: dict[str, Any] = {"copy": np.arange(len(w)) // math.ceil(len(w) / int(held["copies"])), "active": active}
    columns |= {f"w_{place}": column for place, column in enumerate(w.T)}
    columns |= {} if a is None else {"a": np.asarray(a, np.float64)}
    columns |= {"length": length, "amplitude": amplitude, "relative_amplitude": amplitude / (amplitude.max() or 1.0)}
    if w.shape[1] == 2:
        columns["angle"] = np.arctan2(w[:, 1] + 0.0, w[:, 0])  # + 0.0 makes -0.0 to 0.0, so that -pi is pi
    return pd.DataFrame(columns).assign(**{name: held[name].item() for name in MOMENT if name != "final"})


def _matrices(held: Mapping[str, Any]) -> dict[str, Values]:
    """Return the blocks that are layers, of shape (copies, neurons, inputs)."""
    return {name: block for name, block in held.items() if block.ndim == 3 and block.shape[1] > 1}


def _moment(path: Path, known: set[str]) -> dict[str, Any]:
    held = _load(path, ("key", *MOMENT), whole=True)
    if any(value.size != 1 for value in held.values()):
        raise SnapshotError(f"{path}: not a snapshot of condense, one of {', '.join(held)} is not a single value")
    moment = {name: value.item() for name, value in held.items()}
    if moment["key"] not in known:
        raise SnapshotError(f"{path}: no record has its run ({moment['key']}); perhaps the run has not ended")
    return moment


def _load(path: Path | str, names: Iterable[str] = (), whole: bool = False) -> dict[str, Any]:
    """Return arrays of a snapshot by name, all without names; `whole` reads the others too to see that they can be."""
    try:
        with zipfile.ZipFile(path) as archive:
            held = {member.removesuffix(".npy") for member in archive.namelist()}
            if whole and (damaged := archive.testzip()):
                raise SnapshotError(f"{path}: not a readable snapshot, {damaged} in it is damaged")
        absent = [name for name in ("key", *MOMENT, "copies") if name not in held]
        if absent:
            raise SnapshotError(f"{path}: not a snapshot of condense, it has no {', '.join(absent)}")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names or arrays.files}
    except FileNotFoundError as error:
        raise SnapshotError(f"{path}: no such snapshot") from error
    except SnapshotError:
        raise
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise SnapshotError(f"{path}: not a readable snapshot, half-written perhaps ({error})") from error
