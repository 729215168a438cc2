"""Fit the few parameters of a chip's kernels on measured ones."""
