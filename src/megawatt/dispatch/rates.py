"""A tariff as terms of the hours: what is charged on every MWh, on peaks, by tiers, at least and in any case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.dispatch.hourly import EnergyTiers, MinimumBill, PeakCharge
from megawatt.hours import HOURS_IN_YEAR, MONTH_NAMES, MONTH_OF_HOUR
from megawatt.tariff import Rate, bill_of
from megawatt.tariff.charges import tier_lines
from megawatt.tariff.records import DemandLine, EnergyLine

__all__ = ["RateTerms", "hourly_adder", "other_usd", "rate_terms", "tier_adder", "tier_prices"]


@dataclass(frozen=True, slots=True)
class RateTerms:
    """What of a tariff does not stand in the price of an hour's energy."""

    peaks: tuple[PeakCharge, ...] = ()
    tiers: tuple[EnergyTiers, ...] = ()
    minimums: tuple[MinimumBill, ...] = ()
    fixed_usd: float = 0.0


def hourly_adder(rate: Rate) -> FloatArray:
    """Charges on every imported MWh, riders and taxes in them, (8760,). [USD/MWh]

    Coincident peaks are in it as their expectation; lines by tiers are left out.
    """
    adder = np.zeros(HOURS_IN_YEAR)
    for line in rate.energy:
        if len(line.tiers) == 1:
            price = line.tiers[0][1] * line.by_month[MONTH_OF_HOUR]
            adder += np.where(line.hours, price, 0.0) * rate.marked_up("energy")
    for peak in rate.coincident:
        adder += peak.usd_per_mwh * rate.marked_up("coincident")
    return adder


def tier_adder(rate: Rate, load_mw: float) -> FloatArray:
    """Price of energy in the tiers in which the months of a steady load end, (8760,). [USD/MWh]"""
    parts = (tier_prices(rate, line, load_mw) for line in tier_lines(rate))
    return np.asarray(sum(parts, np.zeros(HOURS_IN_YEAR)), dtype=np.float64)


def tier_prices(rate: Rate, line: EnergyLine, load_mw: float) -> FloatArray:
    """The line's part of `tier_adder`, (8760,). [USD/MWh]"""
    energy = np.bincount(MONTH_OF_HOUR, weights=line.hours, minlength=12) * load_mw
    starts, prices = (np.array(part) for part in zip(*line.tiers, strict=True))
    ends = prices[np.maximum(np.searchsorted(starts, energy, "left") - 1, 0)] * line.by_month
    return np.where(line.hours, ends[MONTH_OF_HOUR], 0.0) * rate.marked_up("energy")


def other_usd(rate: Rate, import_mw: FloatArray) -> float:
    """What the year's bill holds beside the hours' adders: demand, tiers, fixed, minimum; import (8760,). [USD]"""
    return float(bill_of(rate, import_mw).usd.sum() - hourly_adder(rate) @ import_mw)


def rate_terms(rate: Rate) -> RateTerms:
    """The tariff's other terms for a repeated year: its ratchets look at the same months of the year before."""
    fixed = sum((line.usd for line in rate.fixed), np.zeros(12)) * rate.marked_up("fixed")
    merged = not rate.minimum_usd.any()
    peaks: list[tuple[int, PeakCharge]] = []
    for line in rate.demand:
        charges, floor = _charges(line, rate.marked_up("demand"), merged)
        peaks += charges
        fixed = fixed + floor
    tiers = [
        (month, EnergyTiers(f"{line.name} {MONTH_NAMES[month]}", hours, _scaled(line.tiers, scale)))
        for line in rate.energy
        if len(line.tiers) > 1
        for month in range(12)
        if (hours := line.hours & (month == MONTH_OF_HOUR)).any()
        and (scale := float(line.by_month[month]) * rate.marked_up("energy"))
    ]
    return RateTerms(
        tuple(charge for _, charge in peaks),
        tuple(block for _, block in tiers),
        () if merged else _minimums(rate, fixed, peaks, tiers),
        float(np.sum(fixed)),
    )


def _minimums(
    rate: Rate, fixed: FloatArray, peaks: list[tuple[int, PeakCharge]], tiers: list[tuple[int, EnergyTiers]]
) -> tuple[MinimumBill, ...]:
    adder = hourly_adder(rate)
    least = rate.minimum_usd * (1.0 + rate.tax_frac) - fixed
    return tuple(
        MinimumBill(
            MONTH_NAMES[month],
            float(least[month]),
            np.where(month == MONTH_OF_HOUR, adder, 0.0),
            np.asarray(month == MONTH_OF_HOUR, dtype=np.bool_),
            tuple(
                [charge.name for billed, charge in peaks if billed == month]
                + [block.name for billed, block in tiers if billed == month]
            ),
        )
        for month in range(12)
        if least[month] > 0.0 and rate.minimum_usd[month] > 0.0
    )


def _charges(line: DemandLine, scale: float, merged: bool) -> tuple[list[tuple[int, PeakCharge]], FloatArray]:
    """Peak charges of a line by the month that they are billed in, and what its minimum costs in any case, (12,)."""
    billed = np.flatnonzero(line.by_month)
    floor = np.zeros(12)
    if line.yearly and merged and billed.size:
        tiers, least = _above(line, scale * float(line.by_month.sum()))
        floor[billed] = least / billed.size
        return ([(-1, PeakCharge(line.name, line.hours, tiers))] if line.hours.any() else []), floor
    found = []
    for month in billed.tolist():
        tiers, floor[month] = _above(line, scale * float(line.by_month[month]))
        weight = _weight(line, month)
        if weight.any():
            charge = PeakCharge(f"{line.name} {MONTH_NAMES[month]}", weight > 0.0, tiers)
            if line.ratchet_frac > 0.0:
                charge = PeakCharge(charge.name, charge.hours, tiers, weight)
            found.append((month, charge))
    return found, floor


def _weight(line: DemandLine, month: int) -> FloatArray:
    """What of each hour's power counts for a month's billed demand, (8760,)."""
    own: BoolArray = line.hours & (month == MONTH_OF_HOUR)
    weight = own.astype(np.float64)
    if line.ratchet_frac > 0.0:
        back = {(month - b) % 12 for b in range(1, line.ratchet_months + 1)}
        seen = [m for m in back if line.ratchet_of[m]]
        earlier = line.hours & np.isin(MONTH_OF_HOUR, seen)
        weight = np.maximum(weight, np.where(earlier, line.ratchet_frac, 0.0))
    return weight


def _above(line: DemandLine, scale: float) -> tuple[tuple[tuple[float, float], ...], float]:
    """Tiers beyond the minimum demand, which costs its own in any case. [USD]"""
    tiers, least = _scaled(line.tiers, scale), line.minimum_mw
    if least == 0.0:
        return tiers, 0.0
    owed = PeakCharge("", np.zeros(0, dtype=np.bool_), tiers).cost_usd(least)
    rate = max((start, price) for start, price in tiers if start <= least)[1]
    return ((0.0, 0.0), (least, rate), *((start, price) for start, price in tiers if start > least)), owed


def _scaled(tiers: tuple[tuple[float, float], ...], scale: float) -> tuple[tuple[float, float], ...]:
    return tuple((start, price * scale) for start, price in tiers)
