"""Training at a lower power cap: the best cap for energy, for dollars, for a fixed connection; the swing of power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from megawatt.catalogue.records import System
from megawatt.errors import ScenarioError
from megawatt.hardware import chip_power_w, power_model
from megawatt.runs.records import TrainingRun
from megawatt.training import TrainingPlan, evaluate
from megawatt.units import J_PER_MWH, S_PER_HOUR

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Cap", "Swing", "best_caps", "power_caps", "power_swing"]

_SHARES: Final = np.linspace(0.4, 1.0, 13)
"""Caps that are tried, over the chip's own."""
_EXPOSED: Final = ("dp", "shard", "optimizer", "straggler")
"""Parts of a step in which every chip leaves its multiplies at the same time."""
_BATTERY_KEY: Final = "battery-storage"
_BATTERY_FACTS: Final = ("energy_capex_usd2022_per_kwh", "power_capex_usd2022_per_kw", "round_trip_efficiency_frac")
_EDGE_S: Final = 0.1
"""Time in which chips go from one power to the other: tens of milliseconds, and what supplies hold back. [s]"""


@dataclass(frozen=True, slots=True)
class Cap:
    """A plan's layout at a power cap: speed, energy of a token of the machine, its cost, tokens of a watt that is
    provisioned for the cap."""

    cap_w: float
    tokens_per_s_per_chip: float
    j_per_token: float
    usd_per_million_tokens: float
    tokens_per_s_per_kw: float


def power_caps(
    plan: TrainingPlan, system: System, catalogue: Catalogue, *, usd_per_chip_hour: float = 0.0,
    usd_per_mwh: float = 0.0,
) -> list[Cap]:  # fmt: skip
    """The plan's layout at caps from 40 % of the chip's own to all of it.

    Parameters
    ----------
    plan, system, catalogue : TrainingPlan, System, Catalogue
        The layout, its machine, facts.
    usd_per_chip_hour, usd_per_mwh : float
        What a chip costs an hour without energy, and energy. >= 0
    """
    if usd_per_chip_hour < 0.0:
        raise ScenarioError(f"price of a chip-hour {usd_per_chip_hour:g}; allowed: 0 or more")
    found = []
    for share in _SHARES:
        cap_w = float(share) * system.accelerator.power_cap_w
        if cap_w <= system.accelerator.power_idle_w:
            continue
        lower = replace(system, accelerator=replace(system.accelerator, power_cap_w=cap_w))
        cost = evaluate(
            plan.job, lower, plan.layout, catalogue=catalogue, stack=plan.stack or None, offload=plan.offload,
            optimizer=plan.optimizer or None,
        )  # fmt: skip
        rate = plan.job.tokens / float(cost.step_time_s[0]) / plan.chips
        energy_j = (float(cost.chip_power_w[0]) + system.overhead_w_per_chip) / rate
        usd = 1e6 * (usd_per_chip_hour / S_PER_HOUR / rate + usd_per_mwh * energy_j / J_PER_MWH)
        found.append(Cap(cap_w, rate, energy_j, usd, 1e3 * rate / (cap_w + system.overhead_w_per_chip)))
    return found


def best_caps(caps: Sequence[Cap]) -> dict[str, Cap]:
    """The cap with the least energy, the fewest dollars (where they have prices), and the most tokens of a connection
    that chips fill."""
    dollars = min(caps, key=lambda c: (c.usd_per_million_tokens, -c.tokens_per_s_per_chip))
    return {
        "energy": min(caps, key=lambda c: c.j_per_token),
        **({"dollars": dollars} if any(c.usd_per_million_tokens for c in caps) else {}),
        "connection": max(caps, key=lambda c: c.tokens_per_s_per_kw),
    }


@dataclass(frozen=True, slots=True)
class Swing:
    """What the grid sees at the step's and at the checkpoint's period: amplitude [MW], steepness [MW/s], period [s];
    and what keeping the power level costs: extra energy of dummy work [MWh], or a battery's energy and power, its
    capital (of power and of energy, dollars of 2022) and what it loses over the run [MWh]."""

    step_mw: float
    step_period_s: float
    checkpoint_mw: float
    checkpoint_period_s: float
    steepest_mw_per_s: float
    dummy_work_mwh: float
    battery_kwh: float
    battery_mw: float
    battery_usd: float
    battery_loss_mwh: float

    def within(self, swing_mw: float, mw_per_s: float) -> bool:
        """Whether a rule of the interconnection allows it as it is."""
        return max(self.step_mw, self.checkpoint_mw) <= swing_mw and self.steepest_mw_per_s <= mw_per_s


def power_swing(plan: TrainingPlan, run: TrainingRun, system: System, catalogue: Catalogue) -> Swing:
    """Swing of a run's power between multiplies and what all chips wait for together, and between steps and stalls.

    Parts of a step that chips leave at different times (pipeline, tensor exchanges) even out over the machine and do
    not count. Source of the effect: Choukse et al. 2025 (arXiv 2508.14318).
    """
    parts = {name: float(value[0]) for name, value in plan.cost.parts_s.items()}
    low_s = sum(parts.get(name, 0.0) for name in _EXPOSED)
    busy_s = max(plan.step_time_s - low_s, 1e-12)
    model, one, none = power_model(catalogue, system.accelerator), np.ones(1), np.zeros(1)
    low_w = float(chip_power_w(model, none, none, one)[0])
    high_w = min(max((plan.chip_power_w * plan.step_time_s - low_w * low_s) / busy_s, low_w), model.cap_w)
    step_mw = plan.chips * (high_w - low_w) / 1e6 if low_s > 0.0 else 0.0
    power, stalled_s = run.power, run.parts.stall_s
    checkpoint_mw = power.computing_mw - power.saving_mw if stalled_s > 0.0 else 0.0
    steps = run.parts.useful_s / plan.step_time_s
    lost_mwh = (step_mw * low_s * steps + checkpoint_mw * stalled_s) / S_PER_HOUR
    longest_kwh = max(step_mw * low_s, checkpoint_mw * run.checkpoint.stall_s) * 1e3 / S_PER_HOUR
    worst = max(step_mw, checkpoint_mw)
    price_kwh, price_kw, returned = (catalogue.number(_BATTERY_KEY, name) for name in _BATTERY_FACTS)
    return Swing(
        step_mw=step_mw,
        step_period_s=plan.step_time_s,
        checkpoint_mw=checkpoint_mw,
        checkpoint_period_s=run.checkpoint_interval_s,
        steepest_mw_per_s=worst / _EDGE_S,
        dummy_work_mwh=lost_mwh,
        battery_kwh=longest_kwh,
        battery_mw=worst,
        battery_usd=longest_kwh * price_kwh + worst * 1e3 * price_kw,
        battery_loss_mwh=(1.0 - returned) * lost_mwh,
    )
