"""A run event by event: the distribution of its days."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import InfeasibleError
from megawatt.runs.process import Process

__all__ = ["Simulated", "simulate"]

_MOST_EVENTS: Final = 400_000
"""Events of one path until a run counts as endless."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """Paths of a run, arrays of shape (paths,). [s], and interruptions"""

    wall_s: FloatArray
    interruptions: FloatArray


def simulate(
    process: Process,
    work_s: float,
    *,
    paths: int,
    seed: int,
    rate_factor: FloatArray | float = 1.0,
    work_factor: FloatArray | float = 1.0,
) -> Simulated:
    """Runs of a process, each event drawn: interruptions, restarts that fail, repairs, waits, planned stops.

    Parameters
    ----------
    process, work_s : Process, float
        As `megawatt.runs.process.expected`.
    paths : int
        Runs to draw.
    seed : int
        Of the generator; the same seed gives the same paths.
    rate_factor, work_factor : float or array, shape (paths,)
        Rate of interruptions and useful time of each path over those of the process.

    Raises
    ------
    InfeasibleError
        If a path does not end.
    """
    writes = max(1, math.ceil(work_s / (process.interval_s * process.per_write) - 1e-9))
    own = replace(process, interval_s=work_s / (writes * process.per_write))
    state = _State(own, writes, np.random.default_rng(seed), paths, rate_factor, work_factor)
    events = 0
    while state.step():
        events += 1
        if events > _MOST_EVENTS:
            raise InfeasibleError("the run makes no progress: more than 400,000 events. Use fewer chips")
    wall = state.wall_s
    if own.planned_every_s:
        # Stops are as likely to begin with the run as at any time after.
        wall = wall + own.planned_s * np.floor(wall / own.planned_every_s + state.rng.random(paths))
    return Simulated(wall, state.count)


class _State:
    """All paths at once; each step is the next event of every path that has not ended."""

    def __init__(
        self, process: Process, writes: int, rng: np.random.Generator, paths: int, rates: FloatArray | float,
        work: FloatArray | float,
    ) -> None:  # fmt: skip
        self.process, self.rng = process, rng
        self.rate = process.per_s * np.broadcast_to(np.asarray(rates, dtype=float), (paths,))
        shares = np.array([i.per_s for i in process.interruptions]) / process.per_s if process.per_s else np.zeros(0)
        self.ends = np.cumsum(shares)
        self.downtime = np.array([i.downtime_s for i in process.interruptions])
        self.keeps = np.array([i.keeps_memory for i in process.interruptions], dtype=bool)
        self.breaks = np.array([i.breaks_node for i in process.interruptions], dtype=bool)
        stretch = process.interval_s * np.broadcast_to(np.asarray(work, dtype=float), (paths,)) + process.stall_s
        self.stretch = np.array(stretch)
        self.lag = process.lag
        self.end = writes * process.per_write + self.lag  # stretches until the last write is safe
        self.place = np.zeros(paths)  # stretches done
        self.safe = np.zeros(paths)  # stretches that are safe in storage
        self.ended = np.zeros(paths, dtype=bool)
        self.down = np.zeros(paths)  # rest of a restart [s]
        self.lost = np.zeros(paths, dtype=bool)  # storage is needed when it restarts
        self.wall_s, self.count = np.zeros(paths), np.zeros(paths)
        self.broken = self._broken_at_start(paths)

    def _broken_at_start(self, paths: int) -> FloatArray:
        process = self.process
        if process.broken <= 0.0:
            return np.zeros(paths)
        from scipy.stats import poisson  # slow to load; only drawn runs need it

        draws = self.rng.random(paths)
        most = 1.0 if process.shortage == "elastic" else float(poisson.cdf(process.spares, process.broken))
        return np.asarray(np.maximum(poisson.ppf(draws * most, process.broken), 0.0))

    def _speed(self, at: np.ndarray[tuple[int], np.dtype[np.intp]]) -> FloatArray:
        if self.process.shortage != "elastic":
            return np.ones(len(at))
        lacking = np.maximum(self.broken[at] - self.process.spares, 0.0)
        return np.asarray(np.maximum(1.0 - lacking * self.process.replica_frac, 0.0))

    def step(self) -> bool:
        """The next event of every path; False when all have ended."""
        at = np.nonzero(~self.ended)[0]
        if not len(at):
            return False
        down = self.down[at] > 0.0
        speed = self._speed(at)
        with np.errstate(divide="ignore"):
            pace = speed / self.stretch[at]
            ready = np.where(down, self.down[at], (self.end - self.place[at]) / pace)
            failed = self.rng.standard_exponential(len(at)) / self.rate[at]
        repaired = self._next_repair(at)
        passed = np.minimum(np.minimum(ready, failed), repaired)
        self.wall_s[at] += passed
        self._repair(at, passed, repaired <= np.minimum(ready, failed))
        self.place[at] += np.where(down, 0.0, passed * pace)
        self.down[at] = np.where(down, np.maximum(self.down[at] - passed, 0.0), 0.0)
        done = (ready <= failed) & (ready <= repaired)
        self._restarted(at[done & down])
        self.ended[at[done & ~down]] = True
        self._interrupted(at[(failed < ready) & (failed < repaired)])
        return True

    def _next_repair(self, at: np.ndarray[tuple[int], np.dtype[np.intp]]) -> FloatArray:
        """Repairs are events of their own where they change the speed of an elastic run."""
        short = self.broken[at] > self.process.spares
        if self.process.shortage != "elastic" or not short.any():
            return np.full(len(at), np.inf)
        drawn = self.rng.standard_exponential(len(at)) * self.process.repair_s
        return np.asarray(np.where(short, drawn / np.maximum(self.broken[at], 1.0), np.inf))

    def _repair(
        self, at: np.ndarray[tuple[int], np.dtype[np.intp]], passed: FloatArray, event: np.ndarray
    ) -> None:  # fmt: skip
        process = self.process
        if process.broken <= 0.0:
            return
        quiet = (self.broken[at] <= process.spares) | (process.shortage != "elastic")
        back = self.rng.binomial(self.broken[at].astype(np.int64), -np.expm1(-passed / process.repair_s))
        self.broken[at] -= np.where(quiet, back, event.astype(float))

    def _restarted(self, at: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
        self.place[at] = np.where(self.lost[at], self.safe[at], np.floor(self.place[at] + 1e-9))
        self.lost[at] = False

    def _interrupted(self, at: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
        if not len(at):
            return
        kind = np.minimum(np.searchsorted(self.ends, self.rng.random(len(at))), len(self.ends) - 1)
        self.count[at] += 1.0
        per_write = self.process.per_write
        written = np.floor((self.place[at] - self.lag) / per_write + 1e-12) * per_write
        self.safe[at] = np.maximum(self.safe[at], written)
        self.lost[at] |= ~self.keeps[kind]
        self.down[at] = np.maximum(self.downtime[kind], 1e-9)
        self._break(at[self.breaks[kind]])

    def _break(self, at: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
        process = self.process
        if not len(at) or process.repair_s <= 0.0:
            return
        self.broken[at] += 1.0
        if process.shortage == "wait":
            short = at[self.broken[at] > process.spares]
            waits = self.rng.standard_exponential(len(short)) * process.repair_s / np.maximum(self.broken[short], 1.0)
            self.wall_s[short] += waits
            self.broken[short] -= 1.0
