"""Benchmarks: figures against a stated limit or a peer measured in the same run. ``python -m benchmarks``."""
