"""Bills of tariffs by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from megawatt.catalogue import load_catalogue
from megawatt.hours import DAYS_IN_MONTH, HOURS_IN_MONTH, HOURS_IN_YEAR, MONTH_OF_HOUR, hour_of_day
from megawatt.results.operator import peak_lines
from megawatt.tariff import Bill, Rate, TariffSheet, bill_of, catalogued_sheet, resolve

CAD, NOK = 0.72, 0.095
FLAT = np.full(HOURS_IN_YEAR, 20.0)
SPIKE = FLAT + np.where(np.arange(HOURS_IN_YEAR) == 100, 10.0, 0.0)
"""20 MW, and 30 MW in one hour of January."""


def own(**sheet: Any) -> Rate:
    read = TariffSheet.model_validate(sheet, context={"catalogue": load_catalogue()})
    price = np.arange(HOURS_IN_YEAR, dtype=np.float64)
    return resolve(read, key="own", grid_mw=40.0, year=2023, market_usd_per_mwh=price)


def published(key: str) -> Rate:
    sheet, assumptions = catalogued_sheet(load_catalogue(), key)
    assert assumptions
    return resolve(sheet, key=key, grid_mw=40.0, year=2023, market_usd_per_mwh=np.arange(HOURS_IN_YEAR, dtype=float))


def usd(bill: Bill, name: str) -> np.ndarray:
    return next(line.usd for line in bill.lines if line.name == name)


def test_oncor_by_hand() -> None:
    bill = bill_of(published("oncor-transmission"), SPIKE)
    assert bill.usd[0] == pytest.approx(258.80 + 321.63 + 0.331004 * 30_000)
    assert bill.usd[1] == pytest.approx(258.80 + 321.63 + 0.331004 * 20_000)
    # a flat load pays its 4CP charge in full, wherever the peaks fall: 12 x 6.260839 USD/kW
    assert usd(bill, "transmission cost recovery, 4CP").sum() == pytest.approx(12 * 6.260839 * 20_000, rel=1e-9)


def test_hydro_quebec_by_hand() -> None:
    bill = bill_of(published("hydro-quebec-cb"), SPIKE)
    assert bill.usd[0] == pytest.approx(CAD * (0.04025 * (20_000 * 744 + 10_000) + 15.426 * 30_000))
    idle = bill_of(published("hydro-quebec-cb"), np.zeros(HOURS_IN_YEAR))
    np.testing.assert_allclose(idle.usd, CAD * 15.426 * 5_000)


def test_bkk_by_hand() -> None:
    bill = bill_of(published("bkk-high-voltage"), SPIKE)
    january = 25_800 / 12 + (0.038 + 0.0951) * (20_000 * 744 + 10_000) + 63.3 * 30_000
    july = 25_800 / 12 + (0.035 + 0.1644) * 20_000 * 744 + 50.1 * 20_000
    october = 25_800 / 12 + (0.038 + 0.1644) * 20_000 * 744 + 63.3 * 20_000
    assert bill.usd[[0, 6, 9]] == pytest.approx(NOK * np.array([january, july, october]))


def test_telemark_by_hand() -> None:
    bill = bill_of(published("telemark-nett"), FLAT)
    power = 62 * 50 + 48 * 150 + 36 * 19_800
    assert bill.usd[1] == pytest.approx(NOK * (1067 + 67 + 0.3984 * 20_000 * 672 + power))


def test_chelan_by_hand() -> None:
    assert bill_of(published("chelan-36"), SPIKE).usd[0] == pytest.approx(995 + 0.0304 * 14_890_000 + 6.4 * 30_000)
    bill = bill_of(published("chelan-30"), FLAT)
    # February 2023: 20 weekdays of 16 hours at the peak
    peak = 20_000 * 20 * 16
    assert bill.usd[1] == pytest.approx(142 + 0.018 * peak + 0.012 * (20_000 * 672 - peak) + 3.6 * 20_000)


def test_ande_by_hand() -> None:
    pyg, days = 0.000137, 31
    bill = bill_of(published("ande-220kv"), SPIKE)
    # January 2023: five Sundays; four hours of peak on the other 26 days; the hour of 30 MW (100th) is off peak
    peak = 20_000 * 26 * 4
    energy = 232.4 * peak + 165.4 * (20_000 * 24 * days - peak + 10_000)
    assert bill.usd[0] == pytest.approx(pyg * (energy + 31_033 * 40_000))
    bill = bill_of(published("ande-intensive-220kv"), FLAT)
    energy = 0.03725 * peak + 0.03105 * (20_000 * 24 * days - peak)
    assert bill.usd[0] == pytest.approx(energy + 5.27 * 40_000)


def test_con_edison_by_hand() -> None:
    hours = np.arange(HOURS_IN_YEAR) % 24
    load = np.where((hours >= 8) & (hours < 18), 10.0, np.where((hours >= 18) & (hours < 22), 8.0, 12.0))
    bill = bill_of(published("coned-sc9-rate-3"), load)
    summer = 10_000 * (10.56 + 22.66) + 12_000 * 21.67
    assert bill.usd[6] == pytest.approx(summer + 0.0079 * 31 * 1000 * (10 * 10 + 4 * 8 + 10 * 12))
    winter = 10_000 * 14.67 + 12_000 * 6.21
    assert bill.usd[1] == pytest.approx(winter + 0.0079 * 28 * 1000 * (10 * 10 + 4 * 8 + 10 * 12))


@pytest.mark.parametrize(("days", "hours"), [("mon-sat", 313), ("sun", 52), ("sat-sun", 105), ("fri-mon", 209)])
def test_days_of_the_week_by_name(days: str, hours: int) -> None:
    # 2022 begins on a Saturday and has 53 of them
    assert int(own_year(2022, days).sum()) == 24 * hours


def own_year(year: int, days: str) -> np.ndarray:
    from megawatt.tariff import Window, weekday_hours

    return Window(days=days).mask(weekday_hours(year))


def test_osage_by_hand() -> None:
    bill = bill_of(published("osage-large-industrial"), SPIKE)
    assert bill.usd[0] == pytest.approx(55 + 0.0811 * (20_000 * 744 + 10_000) + 7 * 30_000)
    # three quarters of January's 30 MW, in the eleven months after
    np.testing.assert_allclose(bill.usd[1:], 55 + 0.0811 * 20_000 * HOURS_IN_MONTH[1:] + 7 * 22_500)


def test_dominions_terms_bill_contracted_megawatts() -> None:
    bill = bill_of(published("dominion-gs-5"), np.zeros(HOURS_IN_YEAR))
    least = 185.34 + (3.316 + 2.277) * 0.85 * 40_000 + 8.976 * 0.60 * 40_000
    np.testing.assert_allclose(bill.usd, least)


@pytest.mark.parametrize(
    ("contract_mw", "least_mw"), [(25, 15), (50, 36.25), (75, 57.5), (100, 82.5), (150, 127.5), (300, 255)]
)
def test_the_minimum_of_aep_ohios_data_centres_by_brackets(contract_mw: float, least_mw: float) -> None:
    # 15 MW and 85 % of what is above 25 MW; 57.5 MW and all above 75 MW, never more than 85 % of the contract
    sheet, _ = catalogued_sheet(load_catalogue(), "aep-ohio-dct")
    market = np.zeros(HOURS_IN_YEAR)
    rate = resolve(sheet, key="aep", grid_mw=contract_mw, year=2023, market_usd_per_mwh=market)
    np.testing.assert_allclose(bill_of(rate, market).usd, 26_800 + 8.0 * 1000 * least_mw)
    full = bill_of(rate, market + 0.5 * least_mw + 0.5 * contract_mw)
    np.testing.assert_allclose(full.usd, 26_800 + 8.0 * 1000 * 0.5 * (least_mw + contract_mw))


USED = [{"from_hours": 0, "per_mwh": 90}, {"from_hours": 200, "per_mwh": 60}, {"from_hours": 400, "per_mwh": 40}]


def test_energy_by_hours_of_use_of_the_months_highest_power() -> None:
    rate = own(energy=[{"hours_of_use": USED}], bundled=True)
    # 20 MW all the time: 200 h at 90, 200 h at 60, the rest of the month at 40
    np.testing.assert_allclose(bill_of(rate, FLAT).usd, 20 * (200 * 90 + 200 * 60 + (HOURS_IN_MONTH - 400) * 40))
    assert len(bill_of(rate, FLAT).lines) == 2, "energy at the last price, and what a MW costs"
    # 10 hours a day: 310 hours of use in January end in the second block, 280 in February
    some = np.where(hour_of_day() < 10, 20.0, 0.0)
    days = HOURS_IN_MONTH / 24.0
    np.testing.assert_allclose(bill_of(rate, some).usd, 20 * (200 * 90 + (10 * days - 200) * 60))
    assert bill_of(rate, some).lines[-1].name == "energy 1, fewer hours of use"
    np.testing.assert_allclose(bill_of(rate, np.zeros(HOURS_IN_YEAR)).usd, 0.0)
    scaled = bill_of(rate.scaled(np.full(12, 1.1)), some).usd
    np.testing.assert_allclose(scaled, 1.1 * bill_of(rate, some).usd)
    for wrong in (
        {"energy": [{"hours_of_use": USED[::-1]}]},
        {"energy": [{"hours_of_use": [USED[0], {"from_hours": 200, "per_mwh": 99}]}]},
        {"energy": [{"hours_of_use": USED, "per_mwh": 5}]},
        {"energy": [{"hours_of_use": USED}], "riders": [{"frac": 0.1, "on": ["energy"]}]},
    ):
        with pytest.raises(ValidationError):
            own(**wrong)


def test_minimum_demand_of_85_percent() -> None:
    rate = own(demand=[{"per_kw_month": 10, "minimum_frac": 0.85}], contract_mw=100)
    np.testing.assert_allclose(bill_of(rate, FLAT).usd, 10 * 85_000)
    np.testing.assert_allclose(bill_of(rate, 5.0 * FLAT).usd, 10 * 100_000)


def test_a_ratchet_of_summer_months_alone() -> None:
    load = FLAT + np.where(MONTH_OF_HOUR == 0, 30.0, 0.0) + np.where(MONTH_OF_HOUR == 6, 10.0, 0.0)
    rate = own(demand=[{"per_kw_month": 1, "ratchet_frac": 0.9, "ratchet_of": [6, 7, 8, 9]}])
    np.testing.assert_allclose(bill_of(rate, load).usd / 1000, [50] + [27] * 5 + [30] + [27] * 5)


def test_a_window_meters_its_hours_alone() -> None:
    load = np.where(np.arange(HOURS_IN_YEAR) % 24 < 12, 10.0, 20.0)
    rate = own(demand=[{"per_kw_month": 2, "hours": ["0-12"], "months": [7, 8]}, {"per_kw_year": 12}])
    np.testing.assert_allclose(bill_of(rate, load).usd, [20_000.0] * 6 + [40_000.0] * 2 + [20_000.0] * 4)


def test_riders_minimum_and_taxes_in_their_order() -> None:
    rate = own(
        energy=[{"per_mwh": 10}],
        fixed=[{"per_month": 1000}],
        riders=[{"name": "surcharge", "frac": 0.1, "on": ["energy"]}],
        minimum_per_month=200_000,
        tax_frac=0.05,
    )
    bill = bill_of(rate, FLAT)
    energy = 10 * 20 * HOURS_IN_MONTH
    np.testing.assert_allclose(usd(bill, "surcharge"), 0.1 * energy)
    np.testing.assert_allclose(bill.usd, 1.05 * np.maximum(1.1 * energy + 1000, 200_000))


def test_capacity_by_the_day_on_coincident_peaks_and_on_contract() -> None:
    rate = own(coincident=[{"per_mw_day": 329.17, "factor": 1.1, "peaks": 5}], fixed=[{"per_mw_day": 2}])
    bill = bill_of(rate, FLAT)
    assert bill.lines[0].usd.sum() == pytest.approx(329.17 * 365 * 1.1 * 20)
    np.testing.assert_allclose(bill.lines[1].usd, 2 * 40 * DAYS_IN_MONTH)
    # the five peaks fall on five days of the season
    assert len(set((np.flatnonzero(rate.coincident[0].expected) // 24).tolist())) == 5


def test_hours_sat_out_save_the_peaks_that_are_not_missed() -> None:
    rate = own(coincident=[{"per_kw_year": 60, "sit_out_hours": 6, "miss_frac": 0.25}])
    line = rate.coincident[0]
    assert line.expected.sum() == 24
    out = np.where(line.expected, 0.0, 20.0)
    assert bill_of(rate, out).usd.sum() == pytest.approx(0.25 * 60 * 20_000)
    assert bill_of(rate, FLAT).usd.sum() == pytest.approx(60 * 20_000)
    (chance,) = bill_of(rate, out).chances
    assert (chance.peaks, chance.hours, chance.caught_usd) == (4, 24, pytest.approx(0.0, abs=1e-6))
    assert chance.missed_usd == pytest.approx(60 * 20_000), "every peak is met in full"
    assert chance.none_missed_frac == pytest.approx(0.75**4)
    (told,) = peak_lines(bill_of(rate, out))
    assert "none is in 31.6%; 0 kUSD if none is, 1,200 kUSD if all are, 300 in the mean" in told
    (known,) = peak_lines(bill_of(own(coincident=[{"per_kw_year": 60}]), FLAT))
    assert "never in another" in known


def test_measured_peaks_are_the_hours_that_were() -> None:
    rate = own(coincident=[{"per_kw_year": 60, "peak_hours": ["06-23 16", "07-28 16", "08-16 16:00", "09-20 16"]}])
    line = rate.coincident[0]
    assert np.flatnonzero(line.expected).tolist() == [24 * day + 16 for day in (173, 208, 227, 262)]
    np.testing.assert_allclose(line.usd_per_mwh[line.expected], 15_000.0)


def test_apparent_power_and_a_minimum_by_the_day() -> None:
    rate = own(
        power_factor=0.8, demand=[{"per_kva_month": "2 USD/kVA/month", "minimum_mw": 24.0}], minimum_per_day=2_100.0
    )
    # 30 MW at 0.8 are 37,500 kVA; below the minimum demand 30,000 kVA, below the minimum bill 31 days of it
    march = 31 * 2_100.0
    assert bill_of(rate, SPIKE).usd[:3] == pytest.approx([75_000.0, 60_000.0, march])
    np.testing.assert_allclose(rate.scaled(np.full(12, 1.5)).minimum_usd[2], 1.5 * march)


def test_growth_inside_the_year_scales_the_months() -> None:
    steps = np.where(np.arange(12) < 6, 1.0, 1.1)
    rate = own(energy=[{"per_mwh": 5}], demand=[{"per_kw_month": 3}], fixed=[{"per_month": 10}])
    np.testing.assert_allclose(bill_of(rate.scaled(steps), FLAT).usd, steps * bill_of(rate, FLAT).usd)


def test_a_bill_as_a_table_and_as_json_adds_up() -> None:
    bill = bill_of(published("oncor-transmission"), FLAT, np.full(12, 1000.0))
    head, *rows = bill.rows()
    assert rows[0][0] == "energy at the market"
    assert len({len(row) for row in (head, *rows)}) == 1
    assert float(rows[-1][-1]) == pytest.approx(bill.usd.sum(), abs=0.01)
    told = bill.as_dict()
    assert told["usd_year"] == pytest.approx(bill.usd.sum())
    assert bill.usd_per_mwh == pytest.approx(bill.usd.sum() / (20 * 8760))
    assert np.isnan(bill_of(published("chelan-36"), np.zeros(HOURS_IN_YEAR)).usd_per_mwh)
