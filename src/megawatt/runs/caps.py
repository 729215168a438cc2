"""Training at a lower power cap: the best cap for energy, for dollars, for a fixed connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from megawatt.catalogue.records import System
from megawatt.errors import ScenarioError
from megawatt.training import TrainingPlan, evaluate
from megawatt.units import J_PER_MWH, S_PER_HOUR

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Cap", "best_caps", "power_caps"]

_SHARES: Final = np.linspace(0.4, 1.0, 13)
"""Caps that are tried, over the chip's own."""


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
