"""What a tariff charges beside its price of an hour's energy, along the months of many paths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import BoolArray, FloatArray, IntArray
from megawatt.hours import HOURS_IN_MONTH, MONTH_OF_HOUR
from megawatt.tariff.bill import billed_demand, tiered
from megawatt.tariff.records import EnergyLine, Rate

__all__ = ["Metered", "charges_usd", "tier_lines", "tier_share"]


@dataclass(frozen=True, slots=True)
class Metered:
    """What a site is metered for, arrays (..., months).

    ``peaks_mw`` by demand line; ``tier_mwh`` by energy line with tiers, in its hours; ``hourly_usd`` what was charged
    on every MWh, of which ``tier_usd`` for the energy of those lines already.
    """

    peaks_mw: tuple[FloatArray, ...]
    tier_mwh: tuple[FloatArray, ...]
    hourly_usd: FloatArray
    tier_usd: FloatArray


def tier_lines(rate: Rate) -> tuple[EnergyLine, ...]:
    """Energy lines whose price depends on the month's energy."""
    return tuple(line for line in rate.energy if len(line.tiers) > 1)


def tier_share(line: EnergyLine) -> FloatArray:
    """Share of each month's hours that a line holds in, (12,)."""
    return np.bincount(MONTH_OF_HOUR, weights=line.hours, minlength=12) / HOURS_IN_MONTH


def charges_usd(rate: Rate, metered: Metered, months: IntArray, served: BoolArray) -> FloatArray:
    """Demand, energy by tiers beyond what the hours paid, fixed charges, what is missing to the minimum bill. [USD]

    Parameters
    ----------
    months : array of int, shape (months,)
        Calendar month of each, 0 = January; a ratchet looks back along them, and sees nothing before the first.
    served : array of bool, shape (months,)
        Months in which the site is connected; none before: then nothing is owed.
    """
    total = np.zeros(np.broadcast_shapes(metered.hourly_usd.shape, months.shape))
    for demand, peaks in zip(rate.demand, metered.peaks_mw, strict=True):
        billed = billed_demand(demand, peaks, months)
        total = total + tiered(billed, demand.tiers) * demand.by_month[months] * rate.marked_up("demand")
    for line, mwh in zip(tier_lines(rate), metered.tier_mwh, strict=True):
        total = total + tiered(mwh, line.tiers) * line.by_month[months] * rate.marked_up("energy")
    for fixed in rate.fixed:
        total = total + fixed.usd[months] * rate.marked_up("fixed")
    total = total - metered.tier_usd
    if rate.minimum_usd.any():
        total = np.maximum(total, rate.minimum_usd[months] * (1.0 + rate.tax_frac) - metered.hourly_usd)
    return np.asarray(total * served, dtype=np.float64)
