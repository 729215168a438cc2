"""Halls that sell answers: what a chip serves, how much of the day it is asked for, what that earns and draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.chain.ground import Ground, earned
from megawatt.errors import InfeasibleError
from megawatt.finance import OperatingFlows, escalator, live_share
from megawatt.risk import FactorPaths
from megawatt.scenario.schema import Serving
from megawatt.serving import Layout, ServingPlan, Targets, serve
from megawatt.units import S_PER_HOUR
from megawatt.workload import load_model

__all__ = ["Demand", "ServedChips", "ServingMoney", "demand_of", "served_chips", "serving_plan"]

_MEGA: Final = 1e6
"""Tokens of a million."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked for over what all chips can serve.

    Attributes
    ----------
    day : tuple of float, (24,)
        By hour of the day, over the busiest hour.
    at_start_frac : float
        Busiest hour of the first month over what all chips serve.
    growth_per_year : float
        Of all hours.
    most_frac : float
        Share of what all chips serve that is sold at most; what is asked beyond it is turned away.
    """

    day: tuple[float, ...]
    at_start_frac: float
    growth_per_year: float
    most_frac: float

    def busy_by_hour(self) -> FloatArray:
        """Share of the chips that serve in each hour of the first day, (24,): they are filled to the most load."""
        return np.minimum(self._asked(), 1.0)

    @property
    def first_busy_frac(self) -> float:
        """Mean share of the chips that serve on the first day."""
        return float(self.busy_by_hour().mean())

    def _asked(self) -> FloatArray:
        return np.array(self.day) * self.at_start_frac / self.most_frac

    def busy_frac(self, level: FloatArray) -> FloatArray:
        """Mean share of the chips that serve at a level of demand over the first day's, in the level's shape."""
        asked = self._asked()
        alike, hours = np.unique(asked, return_counts=True)
        busy = np.zeros_like(level, dtype=np.float64)
        for share, count in zip(alike, hours, strict=True):
            busy += count * np.minimum(share * level, 1.0)
        return busy / asked.size


@dataclass(frozen=True, slots=True)
class ServedChips:
    """What a chip of the fleet serves and earns while it serves, and what it draws.

    Attributes
    ----------
    plan : ServingPlan
        Layout and load.
    tokens_per_s_per_chip : float
        Output tokens at the most load. [1/s]
    usd_per_chip_hour : float
        Of a chip that serves, prompts and answers together. [USD]
    serving_w, spare_w : float
        IT power of a chip that serves, and of one that does not: idle, or at the training job. [W]
    """

    plan: ServingPlan
    demand: Demand
    tokens_per_s_per_chip: float
    usd_per_chip_hour: float
    serving_w: float
    spare_w: float

    @property
    def usd_per_million_tokens(self) -> float:
        """What a million tokens of answers bring, prompts included. [USD]"""
        return self.usd_per_chip_hour / (self.tokens_per_s_per_chip * S_PER_HOUR) * _MEGA

    def mean_w(self) -> tuple[float, ...]:
        """IT power of a chip by hour of the first day, averaged over the fleet, (24,). [W]"""
        return tuple(self.power_w(self.demand.busy_by_hour()).tolist())

    def power_w(self, busy_frac: FloatArray) -> FloatArray:
        """IT power of a chip, averaged over a fleet of which a share serves, in the share's shape. [W]"""
        return self.spare_w + busy_frac * (self.serving_w - self.spare_w)


def demand_of(serving: Serving) -> Demand:
    """The scenario's demand in numbers."""
    return Demand(
        serving.day,
        serving.demand_frac.number(),
        serving.demand_growth_per_year.number(),
        serving.most_load_frac.number(),
    )


def serving_plan(
    catalogue: Catalogue, serving: Serving, system: str, folder: Path, *, layout: Layout | None = None
) -> ServingPlan:
    """Layout and load that serve the scenario's traffic within its latencies; a layout that is given is held.

    Raises
    ------
    InfeasibleError
        If the model does not fit, or no load keeps the latencies.
    """
    machine = catalogue.system(system)
    asked = serving.question(machine)
    asked["layout"] = layout or asked["layout"]
    first, later = (math.inf if limit is None else limit.number() for limit in (serving.ttft_s, serving.tpot_s))
    try:
        arch = load_model(serving.model, catalogue, folder)
        return serve(arch, machine, catalogue=catalogue, targets=Targets(first, later), **asked)
    except InfeasibleError as error:
        raise InfeasibleError(f"serving: {error}") from None


def served_chips(serving: Serving, plan: ServingPlan, *, other_w: float, spare_w: float) -> ServedChips:
    """A fleet that serves by a plan.

    Parameters
    ----------
    other_w : float
        Power of a chip's share of storage, CPUs and network beyond its system. [W]
    spare_w : float
        IT power of a chip that does not serve. [W]
    """
    demand = demand_of(serving)
    rate = plan.best.tokens_per_s_per_chip * demand.most_frac
    return ServedChips(
        plan=plan,
        demand=demand,
        tokens_per_s_per_chip=rate,
        usd_per_chip_hour=rate * S_PER_HOUR * usd_per_output_token(serving),
        serving_w=plan.best.it_power_w_per_chip + other_w,
        spare_w=spare_w,
    )


def usd_per_output_token(serving: Serving) -> float:
    """What a token of an answer brings, with its share of the prompt. [USD]"""
    prompt, cached = serving.input_tokens.number(), serving.prefix_hit_frac.number()
    fresh = serving.usd_per_million_input_tokens.number()
    kept = fresh if serving.usd_per_million_cached_tokens is None else serving.usd_per_million_cached_tokens.number()
    asked = prompt * ((1.0 - cached) * fresh + cached * kept) / serving.output_tokens.number()
    return (serving.usd_per_million_output_tokens.number() + asked) / _MEGA


@dataclass(frozen=True, slots=True)
class ServingMoney:
    """What halls that serve earn and pay for energy: tokens at market prices, nobody bound to buy them.

    Prices follow the market of compute and a growth of their own; demand its factor and its growth. Chips that serve
    nobody train at ``spare_usd_per_chip_hour``, where it is given. ``served_frac`` is the share of the offered load
    that the dispatch served.
    """

    chips: int
    fleet: ServedChips
    price_growth_per_year: float
    availability_frac: float
    served_frac: float
    spare_usd_per_chip_hour: float

    def busy_frac(self, ground: Ground, factors: FactorPaths) -> FloatArray:
        """Share of the live chips that serve, (paths, months)."""
        growth = escalator(ground.months, self.fleet.demand.growth_per_year)
        return self.fleet.demand.busy_frac(factors.demand * growth)

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """Revenue of tokens and of spare chips, energy of the halls."""
        live = live_share(ground.calendar.halls, ground.months)
        busy = self.busy_frac(ground, factors)
        chip_hours = self.chips * ground.calendar.spine.hours * live * self.availability_frac * self.served_frac
        price = factors.compute * escalator(ground.months, self.price_growth_per_year)
        revenue = {"served_tokens": chip_hours * busy * self.fleet.usd_per_chip_hour * price}
        if self.spare_usd_per_chip_hour > 0.0:
            spare = chip_hours * (1.0 - busy) * self.spare_usd_per_chip_hour
            revenue["spare_chips"] = spare * factors.compute
        running = live * self._load_frac(busy)
        cost: Mapping[str, FloatArray] = {"energy_ai": ground.ai_energy_usd(factors) * running}
        return earned(ground.months, revenue=revenue, cost={**cost, **ground.ai_charges_usd(running)})

    def _load_frac(self, busy: FloatArray) -> FloatArray:
        """Load over that of the first day, which the site year is dispatched with."""
        return self.fleet.power_w(busy) / np.mean(self.fleet.mean_w())
