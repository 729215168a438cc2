"""A training question as plain named figures: the step, and where tokens are given the whole run."""

from __future__ import annotations

import math
from dataclasses import replace

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import System
from megawatt.errors import ScenarioError
from megawatt.runs.reliability import Reclaimed
from megawatt.runs.settings import RunSettings
from megawatt.runs.whole import run
from megawatt.training import Job, TrainingPlan, best_within, chips_within
from megawatt.workload import load_model

__all__ = ["training_figures"]

_HOURS_PER_DAY = 24.0
"""Hours of a day."""


def training_figures(
    catalogue: Catalogue,
    *,
    system: str,
    model: str,
    seq_len: int,
    global_batch: int,
    precision: str,
    units: float | None = None,
    chips: int | None = None,
    power_mw: float | None = None,
    tokens: float | None = None,
    chip_power_w: float | None = None,
    usd_per_chip_hour: float | None = None,
    interruptions: float | None = None,
    reclaimed_per_1000_node_days: float = 0.0,
    refill_hours: float = 0.0,
    plans: dict[str, TrainingPlan] | None = None,
) -> dict[str, float]:
    """The fastest plan of a model on a machine within one limit.

    Parameters
    ----------
    catalogue : Catalogue
        Facts.
    system, model, seq_len, global_batch, precision
        The machine and the job; sequences a step.
    units, chips, power_mw : float, optional
        One of: whole machines, chips, provisioned IT power [MW].
    tokens : float, optional
        Of a whole run: its days, goodput, energy and cost follow.
    chip_power_w : float, optional
        Power cap in place of the catalogue's. [W]
    usd_per_chip_hour : float, optional
        Price of a chip-hour. [USD]
    interruptions : float, optional
        Unplanned ones, as `RunSettings` has them; default: the catalogue's.
    reclaimed_per_1000_node_days, refill_hours : float
        Spot capacity: how often a node is taken back, and how long until there are as many again.
    plans : dict, optional
        Plans found before, by question; added to.

    Returns
    -------
    dict
        ``chips``, ``tokens_per_s``, ``tokens_per_s_per_chip``, ``step_time_s``, ``mfu``, ``chip_w``, ``it_w_per_chip``,
        ``it_mw``, ``j_per_token``, ``tokens_per_s_per_w``, ``provisioned_mw``; with tokens ``days``, ``goodput``,
        ``failures``, ``energy_mwh``, ``chip_hours`` (of all chips to the end, those that wait too); with a price
        ``usd``, and ``usd_per_million_tokens`` (of the run, or of the step where no tokens are given).
    """
    machine = _capped(catalogue.system(system), chip_power_w)
    job = Job(load_model(model, catalogue), seq_len, global_batch, precision).on(machine.accelerator)
    if sum(limit is not None for limit in (units, chips, power_mw)) != 1:
        raise ScenarioError(
            f"{system}: units {units}, chips {chips}, power_mw {power_mw}; allowed: exactly one of them"
        )
    limit = chips_within(machine, chips=chips, power_mw=power_mw, units=units)
    asked = repr((system, chip_power_w, model, seq_len, global_batch, precision, limit))
    known = {} if plans is None else plans
    if asked not in known:
        known[asked] = best_within(job, machine, limit, catalogue=catalogue)
    plan = known[asked]
    told = {
        "chips": float(plan.chips),
        "tokens_per_s": plan.tokens_per_s,
        "tokens_per_s_per_chip": plan.tokens_per_s_per_chip,
        "step_time_s": plan.step_time_s,
        "mfu": plan.mfu,
        "chip_w": plan.chip_power_w,
        "it_w_per_chip": plan.it_w_per_chip,
        "it_mw": plan.it_w_per_chip * plan.chips / 1e6,
        "provisioned_mw": machine.provisioned_w_per_chip * plan.chips / 1e6,
        "j_per_token": plan.it_energy_j_per_token,
        "tokens_per_s_per_w": 1.0 / plan.it_energy_j_per_token,
    }
    price = math.nan if usd_per_chip_hour is None else usd_per_chip_hour
    if tokens is None:
        return {**told, "usd_per_million_tokens": price / 3600.0 / plan.tokens_per_s_per_chip * 1e6}
    settings = RunSettings(interruptions=interruptions)
    spot = Reclaimed(reclaimed_per_1000_node_days, refill_hours) if reclaimed_per_1000_node_days else None
    found = run(plan, system=machine, tokens=tokens, catalogue=catalogue, settings=settings, reclaimed=spot)
    hours = (plan.chips + found.spare_chips) * found.days * _HOURS_PER_DAY
    return {
        **told,
        "days": found.days,
        "goodput": found.goodput,
        "failures": found.failures,
        "energy_mwh": found.energy_mwh,
        "chip_hours": hours,
        "usd": hours * price,
        "usd_per_million_tokens": hours * price / tokens * 1e6,
    }


def _capped(system: System, chip_power_w: float | None) -> System:
    """The machine with another power cap of its chips."""
    if chip_power_w is None:
        return system
    chip = system.accelerator
    return replace(
        system, accelerator=replace(chip, power_cap_w=chip_power_w, power_idle_w=min(chip.power_idle_w, chip_power_w))
    )
