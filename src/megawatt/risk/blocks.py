"""Run a simulation in blocks of fixed size, so that its result does not depend on the number of workers."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from multiprocessing.resource_tracker import ensure_running
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import MachineError, Problem, ScenarioError
from megawatt.repeatable import ONE_THREAD
from megawatt.risk.cluster import Cluster
from megawatt.stopping import end_with_parent

__all__ = ["BLOCK_PATHS", "Block", "block_sizes", "run_blocks", "run_calls", "start_workers", "stream_calls"]

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")

BLOCK_PATHS: Final = 2048
"""Paths of a block; the working set of a block stays in a core's cache."""
_IN_HAND: Final = 2
"""Calls that each process or thread has before it in a stream: one to make while the result of another is fetched."""

Block = Callable[[np.random.SeedSequence, int], Mapping[str, NDArray[Any]]]
"""Makes the results of one block from its seed and its number of paths; arrays with paths first."""


def run_calls(calls: Sequence[Callable[[], T]], workers: int, cluster: Cluster | None = None) -> list[T]:
    """Results of calls in their order, in up to so many processes; what is called must then be picklable.

    This process is one of them: it takes calls from the end until it meets one that another has begun. A ``cluster``,
    where given, takes all of them (`open_cluster`).

    Raises
    ------
    MachineError
        If a process was killed.
    """
    if cluster is not None:
        return cluster.run(calls)
    if workers == 1 or len(calls) <= 1:
        return [call() for call in calls]
    with _whole_pool():
        futures = _submitted(calls[:-1], min(workers, len(calls)) - 1)
        here = [calls[-1]()]
        while len(here) < len(calls) and futures[-len(here)].cancel():
            here.append(calls[-len(here) - 1]())
        return [future.result() for future in futures[: len(calls) - len(here)]] + here[::-1]


def stream_calls(calls: Sequence[Callable[[], T]], workers: int, cluster: Cluster | None = None) -> Iterator[T]:
    """Results of calls one by one in their order; the next call is handed out as soon as any comes back.

    More than one worker are so many processes beside this one, which is free for what becomes of the results.

    Raises
    ------
    MachineError
        If a process was killed, or the cluster failed.
    """
    if cluster is None and (workers == 1 or len(calls) <= 1):
        yield from (call() for call in calls)
        return
    slots = min(workers, len(calls))
    back: SimpleQueue[int] = SimpleQueue()
    given, came, told = dict[int, Any](), set[int](), 0
    while told < len(calls):
        with _whole_pool() if cluster is None else cluster.failing():
            most = _IN_HAND * (slots if cluster is None else cluster.slots)
            while told + len(given) < len(calls) and len(given) - len(came) < most:
                number, call = told + len(given), calls[told + len(given)]
                given[number] = cluster.submit(call) if cluster is not None else _submitted([call], slots)[0]
                given[number].add_done_callback(lambda _, number=number: back.put(number))
            came.add(back.get())
        while told in came:
            with _whole_pool() if cluster is None else cluster.failing():
                result = given.pop(told).result()
            came.remove(told)
            told += 1
            yield result


@contextlib.contextmanager
def _whole_pool() -> Iterator[None]:
    """Inside, a process that was killed is one clear error."""
    from joblib.externals.loky import BrokenProcessPool  # not needed for one worker

    try:
        yield
    except BrokenProcessPool:
        found = "a worker process was killed, most likely by the system for want of memory"
        problem = Problem("--workers", found, "memory for all workers", "fewer workers, or fewer paths")
        raise MachineError(f"simulation: {found}", [problem]) from None


def start_workers(workers: int, *modules: str) -> None:
    """Start the processes of `run_calls` and let them import modules, while this one goes on."""
    _submitted([partial(_import, modules)] * (workers - 1), workers - 1)


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        importlib.import_module(module)


def _submitted(calls: Sequence[Callable[[], T]], processes: int) -> list[Future[T]]:
    """Calls on their way to so many processes."""
    if not calls:
        return []
    from joblib.externals.loky import get_reusable_executor  # not needed for one worker

    with _quiet_start():
        executor = get_reusable_executor(
            max_workers=processes,
            initializer=end_with_parent,
            initargs=(os.getpid(),),
            env=ONE_THREAD,
        )
        return [executor.submit(call) for call in calls]


@contextlib.contextmanager
def _quiet_start() -> Iterator[None]:
    """Processes started inside never hear Ctrl-C, nor warn of what a stopped command leaves them to tidy."""
    sys.warnoptions.append("ignore:resource_tracker")
    ensure_running()  # the standard library's tracker, once: its start ends by unblocking signals
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        sys.warnoptions.remove("ignore:resource_tracker")


def block_sizes(paths: int) -> list[int]:
    """Paths of each block; the last holds the rest."""
    return [min(BLOCK_PATHS, paths - start) for start in range(0, paths, BLOCK_PATHS)]


def run_blocks(
    function: Block, paths: int, seed: int, workers: int = 1, cluster: Cluster | None = None
) -> dict[str, NDArray[Any]]:
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
    cluster : Cluster, optional
        Takes the blocks instead; results are the same.

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
    sizes = block_sizes(paths)
    children = np.random.SeedSequence(seed).spawn(len(sizes))
    results = run_calls(
        [partial(function, child, size) for child, size in zip(children, sizes, strict=True)], workers, cluster
    )
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}
