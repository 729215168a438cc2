"""A run as a process of work, snapshots and interruptions: what it takes on average, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from scipy.special import gammaln, lambertw, pdtr, pdtrc, xlogy

from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.units import S_PER_DAY

__all__ = [
    "Expected",
    "Interruption",
    "Process",
    "best_interval_s",
    "elapsed_days",
    "expected",
    "optimal_interval_s",
    "young_daly_interval_s",
]

_RARE: Final = 1e-12
"""Interruptions of a stretch of work below which there are none."""
_LEAST_SPEED: Final = 0.01
"""Share of its replicas that an elastic run needs on average."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """One class of interruptions of the whole machine.

    ``per_s``: its rate [1/s]; ``downtime_s``: to detect, replace, restart and load [s]; ``keeps_memory``: snapshots in
    the memory of other nodes outlast it; ``breaks_node``: a node goes to repair.
    """

    name: str
    per_s: float
    downtime_s: float
    keeps_memory: bool = False
    breaks_node: bool = False


@dataclass(frozen=True, slots=True)
class Process:
    """Work in stretches of ``interval_s`` useful seconds, each followed by a snapshot that holds the run for
    ``stall_s``. Every ``per_write`` snapshots one is written to storage and safe ``lag_s`` after it was taken; an
    interruption returns to the last snapshot if memory outlasts it, else to the last one that is safe in storage.

    ``spares`` nodes stand by for ``nodes``; a broken one is back after ``repair_s`` on average. With more broken than
    spares the run waits, or, ``elastic``, goes on without the replicas that lack a node (each a share ``replica_frac``
    of the run). Every ``planned_every_s`` (0: never) it is stopped for ``planned_s``.
    """

    interruptions: tuple[Interruption, ...]
    interval_s: float
    stall_s: float = 0.0
    per_write: int = 1
    lag_s: float = 0.0
    nodes: int = 1
    spares: int = 1_000_000
    repair_s: float = 0.0
    shortage: Literal["wait", "elastic"] = "wait"
    replica_frac: float = 0.0
    planned_every_s: float = 0.0
    planned_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no process."""
        times = [self.stall_s, self.lag_s, self.repair_s, self.planned_every_s, self.planned_s]
        times += [x for i in self.interruptions for x in (i.per_s, i.downtime_s)]
        if not (0.0 < self.interval_s < math.inf and all(0.0 <= t < math.inf for t in times)):
            raise ScenarioError(
                f"run: interval {self.interval_s:g} s, times {times}; allowed: finite, the first above 0"
            )
        if self.per_write < 1 or self.nodes < 1 or self.spares < 0:
            raise ScenarioError(
                f"run: {self.per_write} snapshots a write, {self.nodes} nodes, {self.spares} spares; "
                "allowed: 1 or more, spares 0 or more"
            )

    @property
    def per_s(self) -> float:
        """Interruptions of all classes. [1/s]"""
        return sum(i.per_s for i in self.interruptions)

    @property
    def stretch_s(self) -> float:
        """Useful work and its snapshot. [s]"""
        return self.interval_s + self.stall_s

    @property
    def lag(self) -> float:
        """Snapshots between the one that is written and its being safe; whole where memory can hold them."""
        return self._lag(self.stretch_s, any(i.keeps_memory for i in self.interruptions))

    def _lag(self, stretch_s: float, whole: bool) -> float:
        lag = self.lag_s / stretch_s
        return math.ceil(lag - 1e-9) if whole else lag

    @property
    def broken(self) -> float:
        """Nodes in repair on average, if all that break are replaced at once."""
        return sum(i.per_s for i in self.interruptions if i.breaks_node) * self.repair_s

    @property
    def speed(self) -> float:
        """Replicas at work over all of them, on average; 1 unless the run is elastic."""
        if self.shortage != "elastic" or self.broken <= 0.0:
            return 1.0
        lacking = np.arange(1, max(1, math.ceil(1.0 / max(self.replica_frac, 1e-6))) + 1)
        missing = float(pdtrc(self.spares + lacking - 1, self.broken).sum())
        return 1.0 - missing * self.replica_frac

    def wait_frac(self) -> float:
        """Time that a run waits for a node over the time that it does not; 0 for an elastic one."""
        if self.shortage != "wait" or self.broken <= 0.0:
            return 0.0
        breaks = self.broken / self.repair_s
        # A Poisson law's probability of so many, over that of no more.
        exactly = xlogy(self.spares, self.broken) - gammaln(self.spares + 1) - self.broken
        with np.errstate(divide="ignore"):
            full = float(np.exp(exactly - np.log(pdtr(self.spares, self.broken))))
        return breaks * full * self.repair_s / (self.spares + 1.0)


@dataclass(frozen=True, slots=True)
class Expected:
    """Where the wall time of a run goes on average; parts add up to ``wall_s``. [s]

    ``useful_s``: the work at full strength; ``slower_s``: what fewer replicas add to it; ``stall_s``: snapshots that
    hold the run; ``redone_s``: work and snapshots that are lost and done again, and the last write; ``down_s``:
    detecting and restarting; ``waiting_s``: for a node; ``planned_s``: planned stops. ``interruptions`` counts those
    unplanned, ``restarting_frac`` is their share of the time.
    """

    wall_s: float
    useful_s: float
    slower_s: float
    stall_s: float
    redone_s: float
    down_s: float
    waiting_s: float
    planned_s: float
    interruptions: float

    @property
    def goodput(self) -> float:
        """Useful over wall time."""
        return self.useful_s / self.wall_s


def elapsed_days(parts: Expected) -> float:
    """Days from a run's first to its last step, with everything that interrupts it."""
    return parts.wall_s / S_PER_DAY


def expected(process: Process, work_s: float) -> Expected:
    """Expected wall time of a run, until its last snapshot is safe.

    With rate l, p_i the share of class i and R_i its downtime, a restart that is interrupted begins anew and takes
    D = q / l / (1 - q), q = sum p_i (1 - e^(-l R_i)); memory outlasts it with probability
    g = sum_m p_m e^(-l R_m) / (1 - sum_m p_m (1 - e^(-l R_m))), m over classes that keep memory. With stretches of u,
    n to a write that is safe m stretches later, N writes take

    (1/l + D) / (1 - g) ((b^(n + m) - 1) + (N - 1) (b^n - 1) b^m),    b = 1 + (1 - g) (e^(l u) - 1).

    Without memory and lag this is Daly's M e^(R/M) (e^((tau + C)/M) - 1) N.

    Parameters
    ----------
    process : Process
        The run.
    work_s : float
        Useful time. [s], > 0

    Raises
    ------
    InfeasibleError
        If interruptions come so fast that the run does not end.

    Notes
    -----
    Source of the special case: Daly 2006 (doi 10.1016/j.future.2004.11.016), equation 13. Waits are those of a loss
    system (Erlang); nodes in repair at the start are as many as in the long run.
    """
    if not 0.0 < work_s < math.inf:
        raise ScenarioError(f"run: {work_s:g} s of work; allowed: above 0")
    writes = max(1, math.ceil(work_s / (process.interval_s * process.per_write) - 1e-9))
    own = replace(process, interval_s=work_s / (writes * process.per_write))
    speed = own.speed
    if speed < _LEAST_SPEED:
        raise _no_progress(process)
    n, lag, stretch = own.per_write, own.lag, own.stretch_s / speed
    rate = own.per_s
    down, outlasts = _restart(own)
    running = _running(rate, down, outlasts, stretch, n, lag, writes)
    if not math.isfinite(running) or running > 1e4 * work_s + 1e4 * stretch:
        raise _no_progress(process)
    down_frac = sum(i.per_s * _within(rate, i.downtime_s) for i in own.interruptions)
    waiting, stalls = running * own.wait_frac(), own.stall_s * n * writes
    planned = (running + waiting) * own.planned_s / own.planned_every_s if own.planned_every_s else 0.0
    slower = writes * n * stretch - work_s - stalls
    return Expected(
        wall_s=running + waiting + planned,
        useful_s=work_s,
        slower_s=max(slower, 0.0),
        stall_s=stalls,
        redone_s=running * (1.0 - down_frac) - work_s - stalls - slower,
        down_s=running * down_frac,
        waiting_s=waiting,
        planned_s=planned,
        interruptions=rate * running,
    )


def _within(rate: float, time_s: float) -> float:
    """Expected part of a time that passes before the next interruption. [s]"""
    return time_s if rate * time_s < _RARE else -math.expm1(-rate * time_s) / rate


def _restart(process: Process) -> tuple[float, float]:
    """Expected length of a restart with those that interrupt it [s], and the chance that memory outlasts them."""
    rate = process.per_s
    if rate <= 0.0:
        return 0.0, 0.0
    shares = [(i.per_s / rate, -math.expm1(-rate * i.downtime_s), i.keeps_memory) for i in process.interruptions]
    broken = sum(share * again for share, again, _ in shares)
    if broken >= 1.0:
        raise _no_progress(process)
    kept = sum(share * (1.0 - again) for share, again, keeps in shares if keeps)
    return broken / rate / (1.0 - broken), kept / (1.0 - sum(share * again for share, again, keeps in shares if keeps))


def _running(rate: float, down: float, outlasts: float, stretch: float, n: int, lag: float, writes: int) -> float:
    if rate * stretch < _RARE:
        return (writes * n + lag) * stretch
    lost = 1.0 - outlasts
    try:
        grown = math.expm1(rate * stretch)
        if lost < _RARE:
            return (1.0 / rate + down) * grown * (writes * n + lag)
        power = math.log1p(lost * grown)
        first, later = math.expm1((n + lag) * power), math.expm1(n * power) * math.exp(lag * power)
    except OverflowError:
        return math.inf
    return (1.0 / rate + down) / lost * (first + (writes - 1) * later)


def _no_progress(process: Process) -> InfeasibleError:
    every = 1.0 / process.per_s if process.per_s else math.inf
    longest = max((i.downtime_s for i in process.interruptions), default=0.0)
    return InfeasibleError(
        f"the run makes no progress: an interruption every {every:,.0f} s, a restart takes up to {longest:,.0f} s, a "
        f"snapshot holds it {process.stall_s:,.0f} s. Use fewer chips, faster restarts or checkpoints, or more spares"
    )


def young_daly_interval_s(checkpoint_s: float, mean_time_between_failures_s: float) -> float:
    """Useful work between checkpoints that loses least, to second order. [s]

    sqrt(2 C M) - C for C < M / 2, else M.

    Parameters
    ----------
    checkpoint_s : float
        Time that a checkpoint holds the run. [s], > 0
    mean_time_between_failures_s : float
        Of the whole machine. [s], > 0

    Raises
    ------
    ScenarioError
        If a time is not positive.

    Notes
    -----
    Sources: Young 1974 (doi 10.1145/361147.361115), Daly 2006 (doi 10.1016/j.future.2004.11.016).
    """
    _positive(checkpoint_s, mean_time_between_failures_s)
    if checkpoint_s >= mean_time_between_failures_s / 2.0:
        return mean_time_between_failures_s
    return math.sqrt(2.0 * checkpoint_s * mean_time_between_failures_s) - checkpoint_s


def optimal_interval_s(checkpoint_s: float, mean_time_between_failures_s: float) -> float:
    """Useful work between checkpoints at which Daly's wall time is least, exactly. [s]

    M (1 + W(-e^(-1 - C/M))), W the upper branch of Lambert's function; the restart does not move it.

    Parameters
    ----------
    checkpoint_s, mean_time_between_failures_s : float
        As `young_daly_interval_s`.
    """
    _positive(checkpoint_s, mean_time_between_failures_s)
    inner = -math.exp(-1.0 - checkpoint_s / mean_time_between_failures_s)
    return float(mean_time_between_failures_s * (1.0 + lambertw(inner).real))


def _positive(checkpoint_s: float, mtbf_s: float) -> None:
    if not (0.0 < checkpoint_s < math.inf and 0.0 < mtbf_s < math.inf):
        raise ScenarioError(f"checkpoint {checkpoint_s:g} s, time between failures {mtbf_s:g} s; allowed: above 0")


def best_interval_s(process: Process, *, least_s: float, most_s: float, write_s: float = 0.0) -> float:
    """Useful work between snapshots at which the expected wall time is least, within limits. [s]

    Parameters
    ----------
    process : Process
        Its interval does not matter.
    least_s, most_s : float
        A step, and the whole run. [s]
    write_s : float
        Shortest time between two writes to storage: snapshots in between stay in memory. [s]
    """
    from scipy.optimize import minimize_scalar  # slow to load; only runs that may choose need it

    def per_useful_s(log_interval: float) -> float:
        interval = math.exp(log_interval)
        stretch = interval + process.stall_s
        per_write = max(1, math.ceil(write_s / stretch)) if write_s else process.per_write
        wall = _running(rate, down, outlasts, stretch, per_write, process._lag(stretch, whole), times)
        return min(wall / (times * per_write * interval), 1e30)

    rate, times = process.per_s, 100
    if least_s >= most_s or rate <= 0.0:
        return most_s
    (down, outlasts), whole = _restart(process), any(i.keeps_memory for i in process.interruptions)
    logs = np.linspace(math.log(least_s), math.log(most_s), 60)
    values = [per_useful_s(float(x)) for x in logs]
    at = int(np.argmin(values))
    low, high = float(logs[max(at - 1, 0)]), float(logs[min(at + 1, 59)])
    found = minimize_scalar(per_useful_s, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return math.exp(float(found.x)) if found.fun < values[at] else math.exp(float(logs[at]))
