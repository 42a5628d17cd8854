"""The user's own code: what of it a run depends on, and its hash."""
