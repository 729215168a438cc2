"""Bills of published tariffs against PySAM's utility-rate module, to the cent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import PySAM.Utilityrate5 as Utilityrate5
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.hours import HOURS_IN_YEAR, MONTH_OF_HOUR, hour_of_day
from megawatt.tariff import Rate, TariffSheet, bill_of, catalogued_sheet, resolve, weekday_hours
from megawatt.tariff.bill import year_peaks

YEAR = 2018
"""Begins on a Monday, as PySAM's years do."""
NO_END = 1e38

Hours = np.ndarray


def rate_of(key: str) -> Rate:
    sheet, _ = catalogued_sheet(load_catalogue(), key)
    price = 40.0 + 20.0 * np.random.default_rng(3).standard_normal(HOURS_IN_YEAR)
    return resolve(sheet, key=key, grid_mw=50.0, year=YEAR, market_usd_per_mwh=price)


def drawn_load(seed: int) -> Hours:
    """A load of a few MW that is off in some weeks. [MW]"""
    rng = np.random.default_rng(seed)
    load = rng.uniform(0.2, 1.0, HOURS_IN_YEAR) * rng.uniform(1.0, 30.0)
    return load * (rng.random(HOURS_IN_YEAR // 24 + 1) > 0.1).repeat(24)[:HOURS_IN_YEAR]


def schedules(by_hour: Hours) -> tuple[list[list[int]], list[list[int]], list[float]]:
    """Hourly prices as periods: schedules of weekdays and weekends (12, 24), and the price of each period."""
    levels = sorted(set(by_hour.tolist()))
    weekend = weekday_hours(YEAR) >= 5
    tables = []
    for days in (~weekend, weekend):
        table = []
        for month in range(12):
            row = []
            for hour in range(24):
                here = by_hour[days & (month == MONTH_OF_HOUR) & (hour_of_day() == hour)]
                assert np.unique(here).size == 1, "a price that no schedule of months and hours holds"
                row.append(levels.index(float(here[0])) + 1)
            table.append(row)
        tables.append(table)
    return tables[0], tables[1], levels


def pysam_bill(rate: Rate, load_mw: Hours) -> Hours:
    """The same lines in PySAM: energy by periods, demand by month or period, fixed charges, minimum, ratchet."""
    model: Any = Utilityrate5.new()
    _demand(_energy(model, rate, load_mw), rate, load_mw)
    model.execute()
    return np.array(model.Outputs.year1_monthly_utility_bill_wo_sys)


def _energy(model: Any, rate: Rate, load_mw: Hours) -> Any:
    rates = model.ElectricityRates
    model.Load.load = (load_mw * 1000.0).tolist()
    model.SystemOutput.gen = [0.0] * HOURS_IN_YEAR
    model.SystemOutput.degradation = [0.0]
    model.Lifetime.analysis_period, model.Lifetime.inflation_rate = 1, 0.0
    model.Lifetime.system_use_lifetime_output = 0
    price = sum(
        (np.where(line.hours, line.tiers[0][1] * line.by_month[MONTH_OF_HOUR], 0.0) for line in rate.energy),
        np.zeros(HOURS_IN_YEAR),
    )
    week, weekend, levels = schedules(np.round(price, 9))
    rates.en_electricity_rates, rates.ur_metering_option, rates.rate_escalation = 1, 0, [0.0]
    rates.ur_ec_tou_mat = [[k + 1, 1, NO_END, 0, level / 1000.0, 0.0] for k, level in enumerate(levels)]
    rates.ur_ec_sched_weekday, rates.ur_ec_sched_weekend = week, weekend
    rates.ur_en_ts_sell_rate = rates.ur_en_ts_buy_rate = rates.ur_sell_eq_buy = 0
    rates.ur_nm_yearend_sell_rate = 0.0
    rates.ur_monthly_fixed_charge = float(sum(line.usd[0] for line in rate.fixed))
    rates.ur_monthly_min_charge, rates.ur_annual_min_charge = float(rate.minimum_usd[0]), 0.0
    rates.ur_enable_billing_demand = 0
    return rates


def _demand(rates: Any, rate: Rate, load_mw: Hours) -> None:
    plain = [line for line in rate.demand if line.hours.all() or line.ratchet_frac]
    flat: list[list[float]] = []
    for month in range(12):
        for line in plain:
            if line.by_month[month]:
                ends = [*(start for start, _ in line.tiers[1:]), NO_END / 1000.0]
                flat += [
                    [month, k + 1, end * 1000.0, usd / 1000.0]
                    for k, ((_, usd), end) in enumerate(zip(line.tiers, ends, strict=True))
                ]
    seasonal = [line for line in rate.demand if line not in plain and (line.by_month == 0.0).any()]
    for line in seasonal:
        flat += [[m, 1, NO_END, line.tiers[0][1] / 1000.0] for m in range(12) if line.by_month[m]]
    rates.ur_dc_enable = 1
    rates.ur_dc_flat_mat = sorted(flat) or [[month, 1, NO_END, 0.0] for month in range(12)]
    rates.ur_dc_tou_mat = [[1, 1, NO_END, 0.0]]
    rates.ur_dc_sched_weekday = rates.ur_dc_sched_weekend = [[1] * 24] * 12
    ratchets = [line for line in rate.demand if line.ratchet_frac]
    if ratchets:
        line = ratchets[0]
        rates.ur_enable_billing_demand = 1
        rates.ur_billing_demand_minimum = line.minimum_mw * 1000.0
        rates.ur_billing_demand_lookback_period = line.ratchet_months
        rates.ur_billing_demand_lookback_percentages = [[line.ratchet_frac * 100.0, 1.0]] * 12
        rates.ur_yearzero_usage_peaks = (year_peaks(line, load_mw) * 1000.0).tolist()
        rates.ur_dc_billing_demand_periods = [[1, 1]]


def test_no_two_of_the_tariffs_are_alike() -> None:
    load = drawn_load(0)
    totals = [bill_of(rate_of(key), load).usd.sum() for key in TARIFFS]
    assert len(set(np.round(totals, 2))) == len(TARIFFS)


TARIFFS = ("chelan-30", "chelan-36", "hydro-quebec-cb", "bkk-high-voltage", "telemark-nett", "osage-large-industrial")


@pytest.mark.parametrize("key", TARIFFS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_bill_is_pysams_to_the_cent(key: str, seed: int) -> None:
    rate, load = rate_of(key), drawn_load(seed)
    if key == "hydro-quebec-cb":
        load = np.maximum(load, 5.0)  # PySAM bills a minimum demand with a ratchet alone
    np.testing.assert_allclose(bill_of(rate, load).usd, pysam_bill(rate, load), atol=0.005, rtol=0.0)


@pytest.mark.parametrize("key", ["ande-220kv", "ande-intensive-220kv"])
def test_paraguay_with_peaks_on_weekdays_alone_is_pysams(key: str) -> None:
    # PySAM knows weekdays and weekends: Saturday's four hours of peak are billed by hand
    rate, load = rate_of(key), drawn_load(6)
    saturday = np.asarray((weekday_hours(YEAR) == 5) & (hour_of_day() >= 18) & (hour_of_day() < 22))
    peak, off = rate.energy[0], rate.energy[1]
    weekdays = replace(peak, hours=peak.hours & ~saturday)
    plain = replace(rate, energy=(weekdays, replace(off, hours=off.hours | saturday), *rate.energy[2:]))
    more = np.bincount(MONTH_OF_HOUR, weights=np.where(saturday, load, 0.0)) * (peak.tiers[0][1] - off.tiers[0][1])
    np.testing.assert_allclose(bill_of(rate, load).usd, pysam_bill(plain, load) + more, atol=0.005, rtol=0.0)


def test_each_window_of_con_edison_is_pysams() -> None:
    """Windows that overlap are no periods of PySAM: each is a bill of its own, of one period, and they add up."""
    rate, load = rate_of("coned-sc9-rate-3"), drawn_load(7)
    windows = [line for line in rate.demand if not line.hours.reshape(-1, 24).all(axis=1).any()]
    total = pysam_bill(replace(rate, demand=tuple(line for line in rate.demand if line not in windows)), load)
    for line in windows:
        total = total + pysam_window(replace(rate, energy=(), demand=(line,), fixed=()), load)
    assert len(windows) == 3
    np.testing.assert_allclose(bill_of(rate, load).usd, total, atol=0.005, rtol=0.0)


def pysam_window(rate: Rate, load_mw: Hours) -> Hours:
    """A demand charge of one window as a period of PySAM's time-of-use demand."""
    (line,) = rate.demand
    model: Any = Utilityrate5.new()
    rates = _energy(model, rate, load_mw)
    week, weekend, levels = schedules(np.where(line.hours, line.tiers[0][1] * line.by_month[MONTH_OF_HOUR], 0.0))
    rates.ur_dc_enable = 1
    rates.ur_dc_flat_mat = [[month, 1, NO_END, 0.0] for month in range(12)]
    rates.ur_dc_tou_mat = [[k + 1, 1, NO_END, level / 1000.0] for k, level in enumerate(levels)]
    rates.ur_dc_sched_weekday, rates.ur_dc_sched_weekend = week, weekend
    model.execute()
    return np.array(model.Outputs.year1_monthly_utility_bill_wo_sys)


def test_what_coincident_peaks_add_is_beside_the_same_bill() -> None:
    rate, load = rate_of("oncor-transmission"), drawn_load(4)
    bill = bill_of(rate, load)
    peaks = sum(line.usd for line in bill.lines if line.kind == "coincident")
    np.testing.assert_allclose(bill.usd - peaks, pysam_bill(rate, load), atol=0.005, rtol=0.0)


def test_a_minimum_bill_is_pysams() -> None:
    rate, load = rate_of("chelan-36"), drawn_load(5)
    totals = bill_of(rate, load).usd
    rate = replace(rate, minimum_usd=np.full(12, np.median(totals)))
    np.testing.assert_allclose(bill_of(rate, load).usd, pysam_bill(rate, load), atol=0.005, rtol=0.0)


def test_the_schedules_of_a_line_are_its_hours() -> None:
    week, weekend, levels = schedules(np.where((weekday_hours(YEAR) >= 5), 1.0, 2.0))
    assert levels == [1.0, 2.0]
    assert {cell for row in week for cell in row} == {2}
    assert {cell for row in weekend for cell in row} == {1}


def test_energy_by_hours_of_use() -> None:
    tiers = [{"from_hours": 0, "per_mwh": 90}, {"from_hours": 200, "per_mwh": 60}, {"from_hours": 400, "per_mwh": 40}]
    sheet = TariffSheet.model_validate(
        {"bundled": True, "energy": [{"hours_of_use": tiers}], "fixed": [{"per_month": 500}]},
        context={"catalogue": load_catalogue()},
    )
    rate = resolve(sheet, key="used", grid_mw=50.0, year=YEAR, market_usd_per_mwh=np.zeros(HOURS_IN_YEAR))
    for load in (drawn_load(5), 20.0 + drawn_load(5)):
        model: Any = Utilityrate5.new()
        rates = _energy(model, rate, load)
        rates.ur_ec_tou_mat = [[1, 1, 200, 1, 0.09, 0], [1, 2, 400, 1, 0.06, 0], [1, 3, NO_END, 1, 0.04, 0]]
        rates.ur_dc_enable = 0
        model.execute()
        theirs = np.array(model.Outputs.year1_monthly_utility_bill_wo_sys)
        np.testing.assert_allclose(bill_of(rate, load).usd, theirs, atol=0.01)
