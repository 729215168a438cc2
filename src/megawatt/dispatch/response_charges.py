"""A site year's tariff as its months see it: what is metered, what is owed whatever runs, how high miners may draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import BoolArray, FloatArray, IntArray
from megawatt.dispatch.halls import SiteHalls
from megawatt.dispatch.rates import hourly_adder, tier_prices
from megawatt.dispatch.records import SiteProblem
from megawatt.dispatch.response_peaks import MonthLevels, month_levels
from megawatt.hours import MONTH_OF_HOUR
from megawatt.tariff import Rate
from megawatt.tariff.bill import billed_demand, year_peaks
from megawatt.tariff.charges import Metered, tier_lines, tier_share

__all__ = ["Charged", "charged_of"]


@dataclass(frozen=True, slots=True)
class Charged:
    """The tariff of a site year beside its adders.

    ``ai_peaks_mw`` (lines, 12): highest draw of the AI halls in each charge's hours. ``tier_share`` (tiers, 12): share
    of a month's energy that a line by tiers counts; ``tier_usd`` (tiers, 12): price that the hours paid for it
    already; ``beside_usd_per_mwh`` adders that are not the tariff's. ``months`` are the levels at which miners may be
    held, empty without miners.
    """

    rate: Rate
    ai_peaks_mw: FloatArray
    tier_share: FloatArray
    tier_usd: FloatArray
    beside_usd_per_mwh: float
    months: tuple[MonthLevels, ...]

    def floors_mw(self, peaks_mw: FloatArray, months: IntArray) -> FloatArray:
        """Demand billed in the next month whatever it draws, (lines, paths), after these peaks (lines, paths, t)."""
        after = np.append(months, 0)
        before = np.concatenate((peaks_mw, np.zeros((*peaks_mw.shape[:2], 1))), axis=2)
        lines = (billed_demand(line, before[k], after)[:, -1] for k, line in enumerate(self.rate.demand))
        return np.array(list(lines)).reshape(peaks_mw.shape[:2])

    def metered(self, mwh: FloatArray, hourly_usd: FloatArray, peaks_mw: FloatArray, month: IntArray) -> Metered:
        """What months with this energy, adders and peaks are metered for."""
        tiers = tuple(mwh * share[month] for share in self.tier_share)
        paid = sum((t * price[month] for t, price in zip(tiers, self.tier_usd, strict=True)), np.zeros(mwh.shape))
        return Metered(tuple(peaks_mw), tiers, hourly_usd - self.beside_usd_per_mwh * mwh, paid)


def charged_of(problem: SiteProblem, halls: SiteHalls, ai_facility_mw: FloatArray) -> Charged | None:
    """The tariff's charges beside its adders; None where it has none."""
    rate = problem.rate
    if rate is None or not (rate.demand or rate.fixed or tier_lines(rate) or rate.minimum_usd.any()):
        return None
    most = float(problem.import_limit_mw.max(initial=0.0))
    lines = tier_lines(rate)
    paid = [_monthly_price(tier_prices(rate, line, most), line.hours) for line in lines]
    return Charged(
        rate,
        np.array([year_peaks(line, ai_facility_mw) for line in rate.demand]).reshape(len(rate.demand), 12),
        np.array([tier_share(line) for line in lines]).reshape(len(lines), 12),
        np.array(paid).reshape(len(lines), 12),
        float((problem.adder_usd_per_mwh - hourly_adder(rate)).mean()),
        month_levels(problem, rate, halls) if problem.mining_response is not None else (),
    )


def _monthly_price(price: FloatArray, hours: BoolArray) -> FloatArray:
    """The one price of a month's hours, (12,)."""
    return np.array([float(price[(month == MONTH_OF_HOUR) & hours].max(initial=0.0)) for month in range(12)])
