"""Faults under load, and what clients see of them: `make chaos`."""
