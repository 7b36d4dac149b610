"""Measures the node: `python -m benchmarks`, or `make bench`."""
