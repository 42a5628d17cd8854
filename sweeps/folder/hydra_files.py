"""The .hydra folder of a job: the same content as Hydra writes, without composing the config anew for each."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from durable.files import write
from front_door.text import quoted
from sweeps.folder.spec import JobSpec

__all__ = ["hydra_node", "write_hydra_files"]

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def hydra_node(shared: Mapping[str, Any], spec: JobSpec, sweep: Path, job_id: str) -> dict[str, Any]:
    """Return the hydra node of a job's config: what all jobs of a submission share, and what is this job's own."""
    node = copy.deepcopy(dict(shared))
    folder = node["sweep"]["dir"]
    node["sweep"]["subdir"] = spec.name
    node["overrides"]["task"] = list(spec.overrides)
    node["overrides"]["hydra"] += [f"hydra.sweep.dir={quoted(folder)}", f"hydra.sweep.subdir={quoted(spec.name)}"]
    node["job"] |= {"id": job_id, "num": spec.number}
    if "override_dirname" in node["job"]:
        node["job"]["override_dirname"] = _dirname(spec, node["job"]["config"]["override_dirname"])
    node["runtime"] |= {"choices": dict(spec.choices), "output_dir": str(sweep / spec.name)}
    return node


def write_hydra_files(folder: Path, config: Mapping[str, Any], hydra: Mapping[str, Any]) -> None:
    """Write config.yaml, hydra.yaml and overrides.yaml where Hydra does."""
    if hydra["output_subdir"] is None:
        return
    texts = {"config": _parts(config), "hydra": _parts(hydra, "hydra"), "overrides": _yaml(hydra["overrides"]["task"])}
    for name, text in texts.items():
        write(folder / hydra["output_subdir"] / f"{name}.yaml", text)


def _yaml(content: Any) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _parts(content: Mapping[str, Any], below: str = "") -> str:
    """Return a mapping as YAML, below a key if there is one; what jobs have in common is dumped once."""
    head = f"{below}:\n" if below else ""
    texts = []
    for item in content.items():
        known = below, repr(item)
        if known not in _PARTS:
            if len(_PARTS) > MOST:  # what is a job's own comes once
                _PARTS.clear()
            part = dict([item])
            _PARTS[known] = _yaml({below: part} if below else part).removeprefix(head)
        texts.append(_PARTS[known])
    return "".join([head, *texts]) if texts else _yaml({below: {}} if below else {})


MOST = 1000
"""Parts remembered."""

_PARTS: dict[tuple[str, str], str] = {}


def _dirname(spec: JobSpec, style: Mapping[str, Any]) -> str:
    pairs = sorted(line.split("=", 1) for line in spec.overrides)
    kept = [style["kv_sep"].join(pair) for pair in pairs if pair[0] not in style["exclude_keys"]]
    return str(style["item_sep"].join(kept))
