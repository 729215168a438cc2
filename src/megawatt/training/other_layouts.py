"""The layouts that a plan lists, each beside the best: its figures, what it loses, what it chooses otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from megawatt.catalogue.records import System
from megawatt.hardware import peak_precision
from megawatt.training.explain import Difference, changed_choices, differences
from megawatt.training.planning import Prices
from megawatt.training.records import Layouts, StepCost, TrainingPlan

__all__ = ["Alternative", "FrontStep", "against", "alternatives", "front_steps"]


@dataclass(frozen=True, slots=True)
class Alternative:
    """One layout beside another plan's best.

    ``layout`` and ``cost`` have length 1. ``more_s`` is how much longer its step takes, ``slower_by`` the same over the
    best's step, ``saves_frac`` what the best saves of this one's step. ``loses`` has the differences part by part (they
    add up to ``more_s``), the largest loss first; ``chooses`` what it does otherwise, in words. ``mfu`` counts the peak
    of its own precision; ``it_energy_j_per_token`` the whole machine; ``usd_per_million_tokens`` is known with prices.
    """

    layout: Layouts
    cost: StepCost
    precision: str
    step_time_s: float
    more_s: float
    slower_by: float
    saves_frac: float
    tokens_per_s_per_chip: float
    mfu: float
    it_energy_j_per_token: float
    loses: tuple[Difference, ...]
    chooses: tuple[str, ...]
    usd_per_million_tokens: float | None = None

    @property
    def lost(self) -> tuple[Difference, ...]:
        """Parts that take longer than the best's, the largest loss first."""
        return tuple(d for d in self.loses if d.more_s > 0.0)

    @property
    def won(self) -> tuple[Difference, ...]:
        """Parts that take less time than the best's, the largest gain first."""
        return tuple(d for d in reversed(self.loses) if d.more_s < 0.0)


@dataclass(frozen=True, slots=True)
class FrontStep:
    """A layout (length 1) that no other beats in time and energy of the machine; ``usd`` where chips and energy have
    prices."""

    layout: Layouts
    precision: str
    step_time_s: float
    it_energy_j: float
    usd: float | None


def alternatives(
    found: TrainingPlan, system: System, most: int = 10, prices: Prices | None = None
) -> tuple[Alternative, ...]:
    """The best layout of a plan and its runners-up, at most so many, by increasing rank.

    Parameters
    ----------
    found : TrainingPlan
        The plan.
    system : System
        Its machine.
    most : int
        Layouts to list, the best one included. >= 1
    prices : Prices, optional
        What chips and energy cost.
    """
    rows = [(found.layout, found.cost, 0), *((found.runners_up, found.runners_up_cost, i) for i in range(most - 1))]
    kept = zip(rows, found.precisions, strict=False)
    listed = tuple(_beside(found, system, *one, precision) for one, precision in kept)
    if prices is None or not prices.known:
        return listed
    return tuple(replace(one, usd_per_million_tokens=_usd(one, found, system, prices)) for one in listed)


def _usd(one: Alternative, found: TrainingPlan, system: System, prices: Prices) -> float:
    """Chips and energy of a million tokens. [USD]"""
    energy_j = one.cost.energy_j + system.overhead_w_per_chip * found.chips * one.cost.step_time_s
    return float(prices.usd(found.chips, one.cost.step_time_s, energy_j)[0]) / found.job.tokens * 1e6


def against(best: TrainingPlan, found: TrainingPlan, system: System) -> Alternative:
    """The best layout of one plan beside that of another of the same job and machine."""
    return _beside(best, system, found.layout, found.cost, 0, found.job.precision)


def _beside(
    best: TrainingPlan, system: System, layouts: Layouts, costs: StepCost, row: int, precision: str
) -> Alternative:
    layout, cost = layouts.take(np.array([row])), costs.take(np.array([row]))
    seconds = float(cost.step_time_s[0])
    ratio = best.step_time_s / seconds
    peaks = [system.accelerator.peak_flops_per_s[_kind(system, name)] for name in (best.job.precision, precision)]
    rate = best.tokens_per_s_per_chip * ratio
    return Alternative(
        layout=layout,
        cost=cost,
        precision=precision,
        step_time_s=seconds,
        more_s=seconds - best.step_time_s,
        slower_by=seconds / best.step_time_s - 1.0,
        saves_frac=1.0 - ratio,
        tokens_per_s_per_chip=rate,
        mfu=best.mfu * ratio * peaks[0] / peaks[1],
        it_energy_j_per_token=(float(cost.chip_power_w[0]) + system.overhead_w_per_chip) / rate,
        loses=tuple(differences(best.cost, cost)),
        chooses=tuple(changed_choices(best.layout, layout)),
    )


def _kind(system: System, precision: str) -> str:
    return peak_precision(system.accelerator, precision)


def front_steps(found: TrainingPlan, system: System, prices: Prices | None = None) -> tuple[FrontStep, ...]:
    """The front of step time and energy, by increasing time; empty where the plan has none.

    Parameters
    ----------
    found : TrainingPlan
        The plan.
    system : System
        Its machine, whose hosts, switches and supplies count.
    prices : Prices, optional
        What chips and energy cost; a step has a price where any of them is known.
    """
    if found.front is None or found.front_cost is None:
        return ()
    time = found.front_cost.step_time_s
    energy = found.front_cost.energy_j + system.overhead_w_per_chip * found.chips * time
    usd = prices.usd(found.chips, time, energy) if prices is not None and prices.known else None
    return tuple(
        FrontStep(
            found.front.take(np.array([i])),
            found.front_precisions[i],
            float(time[i]),
            float(energy[i]),
            None if usd is None else float(usd[i]),
        )
        for i in range(len(found.front))
    )
