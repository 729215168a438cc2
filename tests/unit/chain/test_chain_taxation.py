"""The tax section of a scenario: what the law fills in, and what a scenario says itself."""

from __future__ import annotations

import pytest

from megawatt.finance.depreciation import bonus_frac
from tests.unit.chain.test_chain_capital import linked


def test_the_law_of_the_united_states_by_default() -> None:
    tax = linked("childress-gb300.toml").base.terms.tax
    assert tax is not None
    assert tax.tables == {"machines": "macrs-5"}
    # paid from April 2026 on
    assert tax.bonus_frac == {"machines": 1.0}
    assert (tax.interest_limit_frac, tax.loss_offset_limit_frac, tax.paid) == (0.3, 0.8, "quarterly")


def test_another_country_writes_off_in_equal_parts() -> None:
    tax = linked("dublin-gb300.toml").base.terms.tax
    assert tax is not None
    assert (tax.tables, tax.bonus_frac, tax.interest_limit_frac) == ({}, {}, None)
    assert (tax.rate, tax.loss_offset_limit_frac, tax.paid) == (0.15, 1.0, "annual")


def test_what_a_scenario_says_goes_before_the_law() -> None:
    said = ("tax.machines_bonus_frac=0.4", 'tax.paid="annual"', "tax.interest_limit_frac=0.5")
    tax = linked("childress-gb300.toml", *said).base.terms.tax
    assert tax is not None
    assert (tax.bonus_frac, tax.paid, tax.interest_limit_frac) == ({"machines": 0.4}, "annual", 0.5)


def test_straight_line_machines_have_no_bonus_unless_it_is_given() -> None:
    tax = linked("childress-gb300.toml", 'tax.machines_table="straight-line"').base.terms.tax
    assert tax is not None
    assert tax.bonus_frac == {}


@pytest.mark.parametrize(
    ("acquired", "placed", "share"),
    [
        ("2025-02", 2025, 1.0),
        ("2027-06", 2028, 1.0),
        ("2025-01", 2025, 0.4),
        ("2024-06", 2026, 0.2),
        ("2024-12", 2027, 0.0),
        ("2019-01", 2020, 1.0),
    ],
)
def test_bonus_by_the_date_of_purchase(acquired: str, placed: int, share: float) -> None:
    assert bonus_frac(acquired, placed) == share


def test_batteries_earn_a_credit_and_lower_their_basis() -> None:
    links = linked("childress-gb300.toml", "battery.mw=20", "battery.mwh=80")
    tax, spent = links.base.terms.tax, links.base.terms.capex_cost["battery"]
    assert tax is not None
    assert tax.credits_usd is not None
    # earned when it goes into service, on its cost
    assert tax.credits_usd.sum() == pytest.approx(0.3 * spent.sum())
    assert tax.credits_usd[: links.model.calendar.halls[0].month].sum() == 0.0
    assert tax.credit_basis_frac == {"battery": 0.15}
    without = linked("childress-gb300.toml", "battery.mw=20", "battery.mwh=80", "tax.storage_credit_frac=0")
    assert without.base.measures.npv_usd[0] < links.base.measures.npv_usd[0]
