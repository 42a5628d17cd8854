"""Orchestration of Hydra sweeps: jobs and folders. Knows nothing of what a job computes."""
