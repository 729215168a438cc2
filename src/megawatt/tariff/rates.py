"""From a rate sheet to a tariff on the hours of a site year, in USD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray, IntArray
from megawatt.catalogue.records import Assumption
from megawatt.hours import DAYS_IN_MONTH, HOURS_IN_YEAR, MONTH_OF_HOUR
from megawatt.tariff.records import CoincidentLine, DemandLine, EnergyLine, FixedLine, HoursLine, Rate
from megawatt.tariff.sheet import CoincidentCharge, DemandCharge, EnergyCharge, FixedCharge, TariffSheet
from megawatt.tariff.windows import day_of_year, weekday_hours

__all__ = ["peak_candidates", "resolve"]

_KW: Final = 1000.0
"""kW in a MW."""
_DAYS: Final = 365.0
"""Days of a year without 29 February."""


def resolve(
    sheet: TariffSheet,
    *,
    key: str,
    grid_mw: float,
    year: int,
    market_usd_per_mwh: FloatArray,
    assumptions: tuple[Assumption, ...] = (),
) -> Rate:
    """A tariff on the hours of a site year.

    Parameters
    ----------
    sheet : TariffSheet
        As the rate sheet says it.
    key : str
        What it is called.
    grid_mw : float
        The site's contracted capacity, where the sheet names none. [MW]
    year : int
        Calendar of the weekdays.
    market_usd_per_mwh : array, shape (8760,)
        Market price: its dearest hours stand for the grid's peaks where these are not measured.
    """
    usd = sheet.usd_per_currency.number() if sheet.usd_per_currency and sheet.currency != "USD" else 1.0
    contract = sheet.contract_mw.number() if sheet.contract_mw else grid_mw
    weekday, names = weekday_hours(year, sheet.holidays), sheet.names()
    by_use = tuple(
        _by_hours_of_use(name, line, weekday, usd)
        for name, line in zip(names["energy"], sheet.energy, strict=True)
        if line.hours_of_use
    )
    return Rate(
        key=key,
        title=sheet.title or key,
        energy=tuple(
            _energy(name, line, weekday, usd) for name, line in zip(names["energy"], sheet.energy, strict=True)
        ),
        demand=tuple(
            _demand(name, line, weekday, usd, contract, sheet.power_factor.number())
            for name, line in zip(names["demand"], sheet.demand, strict=True)
        )
        + tuple(
            DemandLine(f"{line.name}, hours of use", line.hours, ((0.0, line.usd_per_mw),), line.by_month)
            for line in by_use
        ),
        coincident=tuple(
            _coincident(name, line, weekday, market_usd_per_mwh, usd)
            for name, line in zip(names["coincident"], sheet.coincident, strict=True)
        ),
        fixed=tuple(_fixed(name, line, usd, contract) for name, line in zip(names["fixed"], sheet.fixed, strict=True)),
        riders=tuple((rider.name, rider.frac.number(), rider.on) for rider in sheet.riders),
        minimum_usd=np.asarray(
            usd
            * (
                sheet.minimum_per_month.number()
                + sheet.minimum_per_kw_month.number() * contract * _KW
                + sheet.minimum_per_day.number() * DAYS_IN_MONTH
            ),
            dtype=np.float64,
        ),
        tax_frac=sheet.tax_frac.number(),
        supply_tax_frac=sheet.supply_tax_frac.number(),
        bundled=sheet.bundled,
        loss_frac=sheet.loss_frac.number(),
        growth_per_year=sheet.growth_per_year.number(),
        assumptions=assumptions,
        hours_of_use=by_use,
    )


def _months(months: Sequence[int]) -> BoolArray:
    return np.isin(np.arange(1, 13), months) if months else np.ones(12, dtype=np.bool_)


def _energy(name: str, line: EnergyCharge, weekday: IntArray, usd: float) -> EnergyLine:
    tiers = tuple((tier.from_mwh.number(), tier.per_mwh.number() * usd) for tier in line.tiers)
    if line.per_mwh is not None:
        tiers = ((0.0, line.per_mwh.number() * usd),)
    if line.hours_of_use:
        tiers = ((0.0, line.hours_of_use[-1].per_mwh.number() * usd),)
    return EnergyLine(name, line.covered(weekday), tiers, np.ones(12))


def _by_hours_of_use(name: str, line: EnergyCharge, weekday: IntArray, usd: float) -> HoursLine:
    tiers = tuple((tier.from_hours.number(), tier.per_mwh.number() * usd) for tier in line.hours_of_use)
    return HoursLine(name, line.covered(weekday), tiers, line.held_in().astype(np.float64))


def _demand(
    name: str, line: DemandCharge, weekday: IntArray, usd: float, contract_mw: float, power_factor: float
) -> DemandLine:
    tiers = tuple((tier.from_mw.number(), tier.per_kw_month.number() * _KW * usd) for tier in line.tiers)
    ratchet, months, of = line.ratchet_frac.number(), line.ratchet_months, _months(line.ratchet_of)
    if line.per_kw_month is not None:
        tiers = ((0.0, line.per_kw_month.number() * _KW * usd),)
    if line.per_kva_month is not None:
        tiers = ((0.0, line.per_kva_month.number() * _KW * usd / power_factor),)
    if line.per_kw_year is not None:
        # a year's highest bills every month: a ratchet of the whole of it
        tiers, ratchet, months = ((0.0, line.per_kw_year.number() * _KW * usd / 12.0),), 1.0, 11
    billed = np.ones(12) if line.per_kw_year is not None else line.held_in().astype(np.float64)
    return DemandLine(
        name=name,
        hours=_metered(line, weekday, ratchet),
        tiers=tiers,
        by_month=billed,
        minimum_mw=line.least_mw(contract_mw),
        ratchet_frac=ratchet,
        ratchet_months=months,
        ratchet_of=of,
    )


def _metered(line: DemandCharge, weekday: IntArray, ratchet: float) -> BoolArray:
    """Hours whose power counts: those of its months, and with a ratchet those of the months that it looks at."""
    hours = line.covered(weekday)
    if not (ratchet and line.months) or line.per_kw_year is not None:
        return hours
    seen = tuple(sorted({*line.months, *(line.ratchet_of or range(1, 13))}))
    return np.asarray(hours | line.model_copy(update={"months": seen}).mask(weekday), dtype=np.bool_)


def _fixed(name: str, line: FixedCharge, usd: float, contract_mw: float) -> FixedLine:
    if line.per_month is not None:
        amount = np.full(12, line.per_month.number())
    elif line.per_kw_month is not None:
        amount = np.full(12, line.per_kw_month.number() * contract_mw * _KW)
    else:
        assert line.per_mw_day is not None
        amount = line.per_mw_day.number() * contract_mw * DAYS_IN_MONTH
    return FixedLine(name, np.asarray(amount * usd * _months(line.months), dtype=np.float64))


def _coincident(name: str, line: CoincidentCharge, weekday: IntArray, market: FloatArray, usd: float) -> CoincidentLine:
    """The expected charge by the hour.

    The bill is on the mean load of the peaks. Each of n peaks falls with the chance ``1 - miss`` in one of its expected
    hours, alike, else in any other hour of its months: an hour's MWh costs its chance of a peak times charge / n.
    """
    per_mw = line.per_kw_year.number() * _KW if line.per_kw_year else line.per_mw_day.number() * _DAYS  # type: ignore[union-attr]
    per_mw *= line.factor.number() * usd
    candidates, beside = peak_candidates(line, weekday, market)
    expected, miss = np.zeros(HOURS_IN_YEAR, dtype=np.bool_), line.miss_frac.number()
    caught, missed = np.zeros((2, HOURS_IN_YEAR))
    for hours in candidates:
        expected[hours] = True
    for hours, others in zip(candidates, beside, strict=True):
        rest = others[~expected[others]]
        elsewhere = miss if rest.size else 0.0
        caught[hours] += (1.0 - elsewhere) / hours.size / len(candidates)
        if elsewhere:
            missed[rest] += elsewhere / rest.size / len(candidates)
    outside = missed * per_mw
    return CoincidentLine(name, caught * per_mw + outside, expected, outside, len(candidates), miss)


def peak_candidates(
    line: CoincidentCharge, weekday: IntArray, market: FloatArray
) -> tuple[list[IntArray], list[IntArray]]:
    """Hours in which each peak is expected, and the hours of the months that it falls in.

    Measured peaks are known hours. Else price stands in for load: of each month, or of the season's dearest days (one
    peak a day), the dearest hours. An operator that sits out these alone and knows them (``sit_out_hours`` 1,
    ``miss_frac`` 0) is an upper bound of what avoidance saves.
    """
    inside = line.covered(weekday)
    if line.peak_hours:
        days = [text.partition(" ") for text in line.peak_hours]
        known = [day_of_year(day) * 24 + int(hour.removesuffix(":00")) for day, _, hour in days]
        return [np.array([hour]) for hour in known], [
            np.flatnonzero(MONTH_OF_HOUR[hour] == MONTH_OF_HOUR) for hour in known
        ]
    if line.peaks is None:
        months = [np.flatnonzero(inside & (month == MONTH_OF_HOUR)) for month in range(12)]
        months = [hours for hours in months if hours.size]
        return [_dearest(market, hours, line.sit_out_hours) for hours in months], months
    by_day = np.where(inside, market, -np.inf).reshape(-1, 24)
    best = np.argsort(-by_day.max(axis=1), kind="stable")[: min(line.peaks, int(inside.reshape(-1, 24).any(1).sum()))]
    groups = [day * 24 + np.flatnonzero(inside.reshape(-1, 24)[day]) for day in best.tolist()]
    return [_dearest(market, hours, line.sit_out_hours) for hours in groups], [np.flatnonzero(inside)] * len(groups)


def _dearest(market: FloatArray, hours: IntArray, count: int) -> IntArray:
    """The dearest of some hours, the first of equals. [index]"""
    return hours[np.sort(np.argsort(-market[hours], kind="stable")[:count])]
