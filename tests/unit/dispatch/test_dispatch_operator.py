"""What an operator reads: the bill apart by energy and charges, hours off and what they saved, heat, carbon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.dispatch import Block, PeakCharge, Storage, block, ledger, optimise
from megawatt.dispatch.operator import operator_year
from megawatt.hours import HOURS_IN_YEAR, MONTH_OF_HOUR
from megawatt.results.operator import operator_rows, operator_summary, rows_as_csv
from tests.unit.dispatch.hourly_builders import small


def test_the_bill_is_energy_and_charges() -> None:
    price = [20.0, 20.0, 500.0, 20.0]
    problem = small([p + 5.0 for p in price], 4.0, peak_usd_per_mw=10.0, energy_usd_per_mwh=np.array(price),
                    uses=(block("bitcoin", 4, 10.0, 60.0),))  # fmt: skip
    year = operator_year(problem, optimise(problem))
    assert year.months == ("all hours",)
    assert year.energy_usd.sum() == pytest.approx(3 * 14 * 20.0 + 4 * 500.0)
    assert year.adders_usd.sum() == pytest.approx((3 * 14 + 4) * 5.0)
    assert year.charges_usd.sum() == pytest.approx(14 * 10.0)
    assert year.all_in_usd_per_mwh[0] == pytest.approx(year.bill_usd[0] / 46.0)
    assert year.curtailed_hours[0] == 1
    assert year.saved_usd[0] == pytest.approx(10 * (505.0 - 60.0))


def test_customers_machines_and_those_the_connection_cannot_feed_are_no_saving() -> None:
    # 10 MW of the owner's at 60 and 10 MW of a customer's at 70, beside a connection of 12 MW: at 20 all of the
    # customer's and 2 MW of the owner's run, and 8 have no room; at 65 the customer's alone, at 90 none
    use = Block("mining", np.full((3, 2), 10.0), np.tile([60.0, 70.0], (3, 1)))
    problem = small([20.0, 65.0, 90.0], 0.0, uses=(use,), import_limit_mw=12.0)
    year = operator_year(problem, optimise(problem), hosted=np.array([False, True]))
    assert year.curtailed_mwh[0] == pytest.approx(2.0 + 2.0)
    assert year.curtailed_hours[0] == 2
    assert year.hosted_off_mwh[0] == pytest.approx(10.0)
    assert year.saved_usd[0] == pytest.approx(2.0 * (65.0 - 60.0) + 2.0 * (90.0 - 60.0))


def test_months_sum_to_the_account() -> None:
    rng = np.random.default_rng(3)
    price = np.maximum(rng.normal(30.0, 25.0, HOURS_IN_YEAR), -3.0)
    july = PeakCharge("Jul", MONTH_OF_HOUR == 6, ((0.0, 1000.0),))
    problem = small(
        (price + 4.0).tolist(), 5.0, energy_usd_per_mwh=price, peaks=(july,),
        storage=Storage("battery", 5.0, 20.0, 0.9, 0.9), uses=(block("bitcoin", HOURS_IN_YEAR, 10.0, 45.0),),
    )  # fmt: skip
    problem = replace(problem, imports=replace(problem.imports, carbon_kg_per_mwh=np.full(HOURS_IN_YEAR, 400.0)))
    plan = optimise(problem)
    it_mw = 0.95 * (problem.firm_mw + plan.mw["bitcoin"])
    year, book = operator_year(problem, plan, it_mw), {e.name: e for e in ledger(problem, plan)}
    assert (year.energy_usd + year.adders_usd).sum() == pytest.approx(-book["import"].usd)
    assert year.charges_usd.sum() == pytest.approx(-book["peak charge Jul"].usd)
    assert np.flatnonzero(year.charges_usd).tolist() == [6]
    assert year.carbon_t.sum() == pytest.approx(book["import"].carbon_t)
    lost = float((plan.mw["battery.charge"] - plan.mw["battery.discharge"]).sum())
    assert year.heat_mwh.sum() == pytest.approx(0.05 * float((problem.firm_mw + plan.mw["bitcoin"]).sum()) + lost)
    summary = operator_summary(year)
    assert summary["saved_usd"] == pytest.approx(sum(m["saved_usd"] for m in summary["months"]))
    lines = rows_as_csv(operator_rows("site", "perfect", year)).splitlines()
    assert len(lines) == 14
    assert lines[0].startswith("use,plan,month,import_mwh")
    assert lines[-1].startswith("site,perfect,year")


def test_a_month_without_grid_energy_has_no_price() -> None:
    problem = small([50.0, 50.0], 0.0)
    year = operator_year(problem, optimise(problem))
    assert np.isnan(year.all_in_usd_per_mwh[0])
    assert operator_summary(year)["all_in_usd_per_mwh"] is None
