"""Figures that the project promises: `python -m benchmarks` prints them all."""
