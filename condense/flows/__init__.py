"""Flows: how parameters move, each a subject of its own file."""
