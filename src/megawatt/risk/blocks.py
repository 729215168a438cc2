"""Run a simulation in blocks of fixed size, so that its result does not depend on the number of workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError

__all__ = ["BLOCK_PATHS", "Block", "run_blocks", "run_calls"]

T = TypeVar("T")

BLOCK_PATHS: Final = 2048
"""Paths of a block; the working set of a block stays in a core's cache."""

Block = Callable[[np.random.SeedSequence, int], Mapping[str, NDArray[Any]]]
"""Makes the results of one block from its seed and its number of paths; arrays with paths first."""


def run_calls(calls: Sequence[Callable[[], T]], workers: int) -> list[T]:
    """Results of calls in their order, in up to so many processes; what is called must then be picklable."""
    if workers == 1 or len(calls) == 1:
        return [call() for call in calls]
    from joblib import Parallel, delayed  # starts processes; not needed for one worker

    return list(Parallel(n_jobs=min(workers, len(calls)), backend="loky")(delayed(call)() for call in calls))


def run_blocks(function: Block, paths: int, seed: int, workers: int = 1) -> dict[str, NDArray[Any]]:
    """Results of all blocks joined along their first axis, in the order of the blocks.

    The root seed spawns one child per block (never per worker). With more than one worker, blocks run in processes,
    so ``function`` must be picklable: a module-level function or a functools.partial of one.

    Parameters
    ----------
    function : callable
        ``function(seed_sequence, paths_in_block)``, a mapping of names to arrays (paths_in_block, ...).
    paths : int
        Paths in all, >= 1; the last block holds the rest.
    seed : int
        Root seed, >= 0.
    workers : int
        Processes, >= 1; 1 runs in this one.

    Raises
    ------
    ScenarioError
        If a count is out of range.
    """
    if paths < 1 or workers < 1 or seed < 0:
        raise ScenarioError(
            f"simulation: {paths} paths, {workers} workers, seed {seed}; paths and workers must be 1 or more, seed 0 "
            "or more"
        )
    sizes = [min(BLOCK_PATHS, paths - start) for start in range(0, paths, BLOCK_PATHS)]
    children = np.random.SeedSequence(seed).spawn(len(sizes))
    results = run_calls([partial(function, child, size) for child, size in zip(children, sizes, strict=True)], workers)
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}
