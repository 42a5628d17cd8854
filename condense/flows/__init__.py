"""Flows: how parameters move, each a subject of its own file."""

from condense.flows.base import Flow, State

__all__ = ["Flow", "State"]
