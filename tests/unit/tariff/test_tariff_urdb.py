"""Rates of OpenEI's database: what is read, and what is refused by its key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.hours import HOURS_IN_YEAR
from megawatt.tariff import TariffSheet, bill_of, read_tariff_file, resolve
from megawatt.tariff.urdb import urdb_sheet

WEEK = [[0] * 8 + [1] * 12 + [0] * 4 for _ in range(12)]
NONE = [[0] * 24 for _ in range(12)]
RATE: dict[str, Any] = {
    "utility": "Example Power",
    "name": "Large general, time of use",
    "energyratestructure": [[{"rate": 0.05, "adj": 0.01, "unit": "kWh"}], [{"rate": 0.10}]],
    "energyweekdayschedule": WEEK,
    "energyweekendschedule": NONE,
    "demandratestructure": [[{"rate": 0.0}], [{"rate": 8.0, "max": 5000}, {"rate": 10.0}]],
    "demandweekdayschedule": WEEK,
    "demandweekendschedule": NONE,
    "flatdemandstructure": [[{"rate": 3.0}], [{"rate": 4.0}]],
    "flatdemandmonths": [0] * 5 + [1] * 4 + [0] * 3,
    "fixedchargefirstmeter": 2.0,
    "fixedchargeunits": "$/day",
    "mincharge": 500,
    "minchargeunits": "$/month",
    "fueladjustmentsmonthly": [0.001] * 6 + [0.002] * 6,
}
LOAD = np.where(np.arange(HOURS_IN_YEAR) % 24 < 12, 8.0, 6.0)


def bill(rate: Any, year: int = 2023) -> np.ndarray:
    sheet = TariffSheet.model_validate(urdb_sheet(rate, "rate.json"), context={"catalogue": load_catalogue()})
    made = resolve(sheet, key="k", grid_mw=10.0, year=year, market_usd_per_mwh=np.arange(HOURS_IN_YEAR, dtype=float))
    return bill_of(made, LOAD).usd


def test_a_rate_by_hand() -> None:
    # February 2023 has 20 weekdays: 4 hours of 8 MW and 8 of 6 MW in the period 8 to 20
    peak = 20 * (4 * 8_000 + 8 * 6_000)
    rest = 28 * 12 * 14_000 - peak
    demand = 8.0 * 5_000 + 10.0 * 3_000 + 3.0 * 8_000
    found = bill(RATE)
    assert found[1] == pytest.approx(0.06 * rest + 0.10 * peak + demand + 56.0 + 0.001 * (peak + rest))
    assert found[6] == pytest.approx(bill({**RATE, "fueladjustmentsmonthly": [0.0] * 12})[6] + 0.002 * 31 * 12 * 14_000)


def test_an_answer_of_the_api_and_capitals_are_the_same_rate() -> None:
    np.testing.assert_array_equal(bill({"items": [{k.upper(): v for k, v in RATE.items()}]}), bill(RATE))


def test_ratchets_by_months_back_and_by_named_months() -> None:
    plain = {k: v for k, v in RATE.items() if not k.startswith(("demand", "flat", "energy", "fuel", "min"))}
    plain |= {"flatdemandstructure": [[{"rate": 1.0}]], "flatdemandmonths": [0] * 12}
    back = bill({**plain, "lookbackPercent": 80, "lookbackRange": 11})
    named = bill({**plain, "lookbackPercent": 0.8, "lookbackMonths": [0] * 6 + [1] + [0] * 5})
    np.testing.assert_allclose(back, named)


def test_a_minimum_by_the_day_and_charges_of_further_meters() -> None:
    rate = {"fixedchargefirstmeter": 1.0, "fixedchargeeaaddl": 9.0, "mincharge": 50, "minchargeunits": "$/day"}
    assert bill(rate)[[0, 1]] == pytest.approx([50 * 31, 50 * 28])


def test_coincident_charges_bill_the_peak_of_each_month() -> None:
    plain = {"coincidentratestructure": [[{"rate": 0}], [{"rate": 7.0}]], "coincidentrateschedule": WEEK}
    # the dearest hour of a rising price is the month's last hour of the schedule: 6 MW after noon
    np.testing.assert_allclose(bill(plain), 7.0 * 6_000)


def test_seasonal_tiers_are_read() -> None:
    tiers = {
        "energyratestructure": [[{"rate": 0.05, "max": 1_000_000}, {"rate": 0.03}], [{"rate": 0.08}]],
        "energyweekdayschedule": [[0] * 24] * 6 + [[1] * 24] * 6,
        "energyweekendschedule": [[0] * 24] * 6 + [[1] * 24] * 6,
    }
    energy = 31 * 12 * 14_000
    found = bill(tiers)
    assert found[0] == pytest.approx(0.05 * 1e6 + 0.03 * (energy - 1e6))
    assert found[6] == pytest.approx(0.08 * energy)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (
            {"energyratestructure": [[{"rate": 0.1, "unit": "kWh daily"}], [{"rate": 0.1}]]},
            "energyratestructure[0][0].unit",
        ),
        (
            {"energyratestructure": [[{"rate": 0.1, "max": 5}, {"rate": 0.2}], [{"rate": 0.1}]]},
            "energyratestructure[0]",
        ),
        ({"energyratestructure": [[{"rate": "x"}], [{"rate": 0.1}]]}, "energyratestructure[0][0].rate"),
        ({"energyratestructure": "none"}, "energyratestructure"),
        ({"energyweekdayschedule": [[0] * 24] * 11}, "energyweekdayschedule"),
        ({"energyweekdayschedule": [[9] * 24] * 12}, "energyweekdayschedule[0][0]"),
        ({"demandrateunit": "kVA"}, "demandrateunit"),
        ({"demandreactivepowercharge": 0.25}, "demandreactivepowercharge"),
        ({"demandratchetpercentage": [0.8] * 12}, "demandratchetpercentage"),
        ({"fixedchargeunits": "$/fortnight"}, "fixedchargeunits"),
        ({"minchargeunits": "$/year"}, "minchargeunits"),
        ({"flatdemandunit": "kW daily"}, "flatdemandunit"),
        ({"annualmincharge": 10}, "annualmincharge"),
        ({"flatdemandmonths": [0]}, "flatdemandmonths"),
        ({"fueladjustmentsmonthly": [1.0]}, "fueladjustmentsmonthly"),
    ],
)
def test_what_is_not_costed_is_refused_by_its_key(change: dict[str, Any], path: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        urdb_sheet({**RATE, **change}, "rate.json")
    assert path in [p.path for p in caught.value.problems]


def test_all_problems_come_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        urdb_sheet({**RATE, "demandrateunit": "hp", "annualmincharge": 5, "flatdemandmonths": []}, "rate.json")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("content", [[], {}, {"items": []}, {"items": [RATE, RATE]}, 5, {"name": "x"}])
def test_what_is_no_rate_is_refused(content: Any, tmp_path: Path) -> None:
    file = tmp_path / "rate.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ScenarioError, match="rate"):
        read_tariff_file(file)
