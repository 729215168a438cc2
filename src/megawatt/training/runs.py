"""A whole training run: failures, checkpoints, days, energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from megawatt.catalogue.records import Assumption, System
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.hardware import PRACTICE_KEY
from megawatt.training.records import TrainingPlan, TrainingRun
from megawatt.units import J_PER_MWH
from megawatt.workload import parameters

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["checkpoint_interval_s", "expected_wall_s", "run"]

_SECONDS_PER_DAY: Final = 86_400.0
"""Seconds of a day."""
_CHECKPOINT_BYTES: Final = 14.0
"""Per parameter: a 16-bit weight, and 32-bit master and two moments."""
_FIELDS: Final = (
    "interruptions",
    "interruptions_days",
    "interruptions_chips",
    "restart_s",
    "checkpoint_bytes_per_s_per_chip",
)


def checkpoint_interval_s(checkpoint_s: float, mean_time_between_failures_s: float) -> float:
    """Time of useful work between checkpoints that loses least. [s]

    sqrt(2 C M) - C for C < M / 2, else M.

    Parameters
    ----------
    checkpoint_s : float
        Time to write a checkpoint while training waits. [s], > 0
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
    if checkpoint_s <= 0 or mean_time_between_failures_s <= 0:
        raise ScenarioError(
            f"checkpoint {checkpoint_s:g} s, time between failures {mean_time_between_failures_s:g} s; allowed: above 0"
        )
    if checkpoint_s >= mean_time_between_failures_s / 2.0:
        return mean_time_between_failures_s
    return float(np.sqrt(2.0 * checkpoint_s * mean_time_between_failures_s) - checkpoint_s)


def expected_wall_s(
    useful_s: float, interval_s: float, checkpoint_s: float, restart_s: float, mean_time_between_failures_s: float
) -> float:
    """Expected wall time of a run with exponential failures. [s]

    M e^(R/M) (e^((tau + C)/M) - 1) T / tau: failures may also strike while a checkpoint is written or the run restarts.

    Parameters
    ----------
    useful_s, interval_s, checkpoint_s, restart_s, mean_time_between_failures_s : float
        Work T, work between checkpoints tau, checkpoint C, restart R, mean time between failures M. [s]

    Notes
    -----
    Sources: Daly 2006 (doi 10.1016/j.future.2004.11.016), equation 13.
    """
    m = mean_time_between_failures_s
    with np.errstate(over="ignore"):
        return float(m * np.exp(restart_s / m) * np.expm1((interval_s + checkpoint_s) / m) * useful_s / interval_s)


@dataclass(frozen=True, slots=True)
class _Reliability:
    mtbf_s: float
    restart_s: float
    checkpoint_s: float
    assumptions: tuple[Assumption, ...]


def _reliability(catalogue: Catalogue, chips: int, params: int) -> _Reliability:
    """Failures scale with chips; checkpoints are written by all chips together."""
    used = tuple(catalogue.assume(PRACTICE_KEY, name, "training") for name in _FIELDS)
    count, days, of_chips, restart_s, store = (a.fact.number() for a in used)
    mtbf_s = days * _SECONDS_PER_DAY * of_chips / (count * chips)
    return _Reliability(mtbf_s, restart_s, _CHECKPOINT_BYTES * params / (store * chips), used)


def run(plan: TrainingPlan, *, system: System, tokens: float, catalogue: Catalogue) -> TrainingRun:
    """A run of a plan over so many tokens, with interruptions at the published rate.

    Parameters
    ----------
    plan : TrainingPlan
        Step time and power.
    system : System
        The plan's machine.
    tokens : float
        Tokens to train on. > 0
    catalogue : Catalogue
        Failure rate, restart time, checkpoint rate.

    Returns
    -------
    TrainingRun
        Days, goodput (useful over wall time), energy of critical IT (facility losses not included). While it restarts
        a machine idles; peak is every chip at its cap.

    Raises
    ------
    ScenarioError
        If tokens are not positive, or the machine is not the plan's.
    InfeasibleError
        If failures come faster than the run restarts.
    """
    if not tokens > 0 or not np.isfinite(tokens):
        raise ScenarioError(f"tokens = {tokens:g}; allowed: above 0")
    if system.key != plan.system:
        raise ScenarioError(f"run: the plan is of {plan.system}, got {system.key}")
    counts = parameters(plan.job.arch)
    rates = _reliability(catalogue, plan.chips, counts.total + counts.mtp)
    interval_s = checkpoint_interval_s(rates.checkpoint_s, rates.mtbf_s)
    useful_s = tokens / plan.tokens_per_s
    wall_s = expected_wall_s(useful_s, interval_s, rates.checkpoint_s, rates.restart_s, rates.mtbf_s)
    if not np.isfinite(wall_s) or rates.restart_s > rates.mtbf_s:
        raise InfeasibleError(
            f"{plan.job.arch.key} on {plan.chips} chips: a failure every {rates.mtbf_s:.0f} s, restart takes "
            f"{rates.restart_s:.0f} s: the run makes no progress. Use fewer chips or a shorter {PRACTICE_KEY}.restart_s"
        )
    failures = wall_s / rates.mtbf_s
    restarting_s = min(failures * rates.restart_s, wall_s - useful_s)
    idle_w = system.accelerator.power_idle_w + system.overhead_w_per_chip
    energy_j = plan.chips * (plan.it_w_per_chip * (wall_s - restarting_s) + idle_w * restarting_s)
    used = {a.name: a for a in (*plan.assumptions, *rates.assumptions)}
    return TrainingRun(
        tokens=tokens,
        days=wall_s / _SECONDS_PER_DAY,
        goodput=useful_s / wall_s,
        failures=failures,
        checkpoint_interval_s=interval_s,
        energy_mwh=energy_j / J_PER_MWH,
        average_it_mw=energy_j / wall_s / 1e6,
        peak_it_mw=plan.chips * (system.accelerator.power_cap_w + system.overhead_w_per_chip) / 1e6,
        assumptions=tuple(used.values()),
    )
