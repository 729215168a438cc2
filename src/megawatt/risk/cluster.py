"""Calls on a cluster: a Dask scheduler that runs already, or one that is started here; the same results either way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from megawatt.errors import MachineError, Problem
from megawatt.repeatable import ONE_THREAD

__all__ = ["Cluster", "asked_cluster", "open_cluster"]

T = TypeVar("T")

_ALLOWED: Final = "local, or the address of a Dask scheduler (tcp://HOST:PORT, tls://HOST:PORT)"
_WAIT_S: Final = 30
"""Seconds that a scheduler has to answer, and its first worker to come."""
_WARNS_FROM: Final = "distributed.admin.large-graph-warning-threshold"
_KINDS: Final = ("tcp://", "tls://", "ucx://", "ws://", "wss://")


@dataclass(frozen=True)
class Cluster:
    """A cluster that takes calls; ``slots`` of them at once."""

    client: Any

    @property
    def slots(self) -> int:
        """Threads of all workers that are there now, at least one."""
        return max(sum(int(threads) for threads in self.client.nthreads().values()), 1)

    def run(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Results of calls in their order; those of a worker that dies are made by another.

        Raises
        ------
        MachineError
            If the workers die again and again, or all are gone.
        """
        with self.failing():
            return list(self.client.gather([self.submit(call) for call in calls]))

    def submit(self, call: Callable[[], Any]) -> Any:
        """The future of a call."""
        return self.client.submit(call, pure=False)

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """Inside, workers that are gone are one clear error."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        try:
            yield
        except (KilledWorker, FutureCancelledError, OSError) as error:
            found = str(error).splitlines()[0][:200] or "its workers are gone"
            raise _refused(f"the cluster failed: {found}", "workers with memory for a call, and a scheduler") from None


def _refused(found: str, allowed: str, hint: str = "docs/sweeps.md") -> MachineError:
    return MachineError(f"--cluster: {found}", [Problem("--cluster", found, allowed, hint)])


def _has_port(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port is not None
    except ValueError:
        return False


def asked_cluster(address: str | None, workers: int = 2) -> contextlib.AbstractContextManager[Cluster | None]:
    """`open_cluster` where an address is given, nothing otherwise."""
    return contextlib.nullcontext() if address is None else open_cluster(address, workers)


@contextlib.contextmanager
def open_cluster(address: str, workers: int = 2) -> Iterator[Cluster]:
    """A cluster for as long as the block lasts.

    Parameters
    ----------
    address : str
        ``local`` starts a scheduler and so many workers on this machine, each a process of one thread, and ends them
        after the block; else the address of a scheduler that runs, whose workers have this package and the same files.

    Raises
    ------
    MachineError
        If Dask is not installed (names the extra), nothing answers there, or no worker comes.
    """
    if address != "local" and not (address.startswith(_KINDS) and _has_port(address)):
        raise _refused(f"{address!r}", _ALLOWED)
    try:
        import dask
        import distributed
    except ImportError:
        allowed = "the extra cluster: pip install 'megawatt[cluster]'"
        raise _refused("Dask distributed is not installed", allowed) from None
    library: Any = distributed
    with contextlib.ExitStack() as stack:
        # A block of paths carries its normals: megabytes, which Dask would warn of.
        patient = {"distributed.comm.timeouts.connect": f"{_WAIT_S}s", _WARNS_FROM: "1GB"}
        stack.enter_context(dask.config.set(patient))
        target: Any = address
        if address == "local":
            target = stack.enter_context(
                library.LocalCluster(
                    n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, env=ONE_THREAD,
                    worker_dashboard_address=None, silence_logs=50,
                )
            )  # fmt: skip
        try:
            client = stack.enter_context(library.Client(target, timeout=_WAIT_S, set_as_default=False))
            client.wait_for_workers(1, timeout=_WAIT_S)
        except TimeoutError:
            raise _refused(f"no worker at {address} within {_WAIT_S} s", "a scheduler with workers") from None
        except OSError as error:
            raise _refused(f"nothing answers at {address} ({error})"[:200], "a scheduler that runs") from None
        yield Cluster(client)
