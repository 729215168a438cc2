"""From a plan to a run: tokens to days, with everything that interrupts it, and what it draws."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from megawatt.catalogue.records import System
from megawatt.errors import InfeasibleError, ScenarioError, counted
from megawatt.runs.phases import phases_of
from megawatt.runs.power import run_power
from megawatt.runs.process import Process, elapsed_days, expected
from megawatt.runs.records import TrainingRun
from megawatt.runs.reliability import Reclaimed, reliability
from megawatt.runs.settings import RunSettings
from megawatt.runs.simulation import simulate
from megawatt.training import Confidence, TrainingPlan
from megawatt.units import S_PER_DAY

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["PATHS", "run"]

PATHS: Final = 200
"""Runs that are drawn where a range is printed."""

_ENDS: Final = (0.1, 0.9)
"""Quantiles between which 80 % lie."""
_END: Final = 1.2816
"""Standard deviations to those ends of a normal distribution."""
_SEED: Final = 21
"""Of the drawn runs, so that an answer is the same twice."""
_LONGEST: Final = 100.0
"""A run that takes so many times its work counts as endless."""
_ENDLESS_S: Final = 1e300
"""Stands for the time of a run that does not end. [s]"""
_WIDEST: Final = 2.0
"""Standard deviations at which rates of operators are cut."""


def run(
    plan: TrainingPlan,
    *,
    system: System,
    tokens: float,
    catalogue: Catalogue,
    settings: RunSettings | None = None,
    paths: int = 0,
    reclaimed: Reclaimed | None = None,
) -> TrainingRun:
    """A run of a plan over so many tokens, with interruptions as published runs have them.

    Parameters
    ----------
    plan : TrainingPlan
        Step time and power of the first phase.
    system : System
        The plan's machine.
    tokens : float
        Tokens of the first phase. > 0
    catalogue : Catalogue
        Rates, downtimes, storage.
    settings : RunSettings, optional
        What is said of the run.
    paths : int
        Runs to draw for the range of days; 0 draws none. Their steps differ as the plan's do from measured ones.
    reclaimed : Reclaimed, optional
        How a cloud takes spot capacity back.

    Raises
    ------
    ScenarioError
        If tokens are not positive, the machine is not the plan's, or a phase is none.
    InfeasibleError
        If failures come faster than the run restarts, or a phase does not fit.
    """
    if not tokens > 0 or not np.isfinite(tokens):
        raise ScenarioError(f"tokens = {tokens:g}; allowed: above 0")
    if system.key != plan.system:
        raise ScenarioError(f"run: the plan is of {plan.system}, got {system.key}")
    settings = settings or RunSettings()
    phases = phases_of(plan, tokens, settings, system, catalogue)
    step_s = sum(p.work_s for p in phases)
    found = reliability(plan, system, settings, catalogue, step_s, reclaimed)
    work_s = step_s * (1.0 + found.slow_frac)
    try:
        parts = expected(found.process, work_s)
        low, high = _days(found.process, work_s, found.rate_spread, paths, plan.sure)
    except InfeasibleError as error:
        raise InfeasibleError(f"{plan.job.arch.key} on {counted(plan.chips, 'chip')}: {error}") from None
    chip_w = sum(p.work_s * p.chip_power_w for p in phases) / step_s
    power = run_power(parts, found, system, plan.chips, chip_w, catalogue)
    used = {a.name: a for a in (*plan.assumptions, *found.assumptions, *power.assumptions)}
    return TrainingRun(
        tokens=sum(p.tokens for p in phases),
        steps=sum(p.steps for p in phases),
        phases=tuple(phases),
        days=elapsed_days(parts),
        days_low=low,
        days_high=high,
        goodput=parts.goodput,
        failures=parts.interruptions,
        parts=parts,
        checkpoint=found.checkpoint,
        checkpoint_interval_s=found.process.interval_s,
        young_daly_interval_s=found.young_daly_s,
        optimal_interval_s=found.optimal_s,
        spares=found.process.spares,
        spare_chips=found.spare_chips,
        power=power,
        assumptions=tuple(used.values()),
    )


def _days(process: Process, work_s: float, spread: float, paths: int, sure: Confidence | None) -> tuple[float, float]:
    """80 % of runs whose rate is an operator's and whose step is off as predictions are. [days]"""
    if paths < 1:
        return float("nan"), float("nan")
    draws = np.random.default_rng(_SEED).standard_normal((2, paths))
    # A path at an extreme rate would not end: it stops at two deviations.
    rates = spread ** np.clip(draws[0], -_WIDEST, _WIDEST)
    low, high = (math.log(end) for end in ((sure.low, sure.high) if sure else (1.0, 1.0)))
    steps = np.exp(np.where(draws[1] < 0.0, -low, high) * draws[1] / _END)
    ends = np.array([_ends(process, work_s, rate) for rate in rates])
    wall_s = np.full(paths, _ENDLESS_S)
    if ends.any():
        drawn = simulate(
            process, work_s, paths=int(ends.sum()), seed=_SEED, rate_factor=rates[ends], work_factor=steps[ends]
        )
        wall_s[ends] = drawn.wall_s
    # Beside an endless path there is no quantile to interpolate.
    beside = np.quantile(wall_s, _ENDS, method="higher") < _ENDLESS_S
    low, high = np.where(beside, np.quantile(wall_s, _ENDS) / S_PER_DAY, math.inf)
    return float(low), float(high)


def _ends(process: Process, work_s: float, rate: float) -> bool:
    """Whether a run at another rate of interruptions ends: drawing one that hardly does takes for ever, too."""
    faster = replace(process, interruptions=tuple(replace(i, per_s=rate * i.per_s) for i in process.interruptions))
    try:
        return expected(faster, work_s).wall_s < _LONGEST * work_s
    except InfeasibleError:
        return False
