"""Levelised cost, break-even and cover ratios, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import LoanTerms, OperatingFlows, ProjectTerms, TaxTerms, loan_schedule, project
from megawatt.finance.levelised import (
    break_even_factor,
    forward_dscr,
    interest_cover,
    levelised_cost,
    project_life_cover,
)

MONTHS = 36


def case(*, taxed: bool, price: float = 2.0) -> tuple[ProjectTerms, OperatingFlows]:
    """1,000 USD spent in month 0; 50 units a month from month 1 on, costing 20 a month."""
    live = (np.arange(MONTHS) > 0).astype(float)
    capex = np.where(np.arange(MONTHS) == 0, 1000.0, 0.0)
    tax = TaxTerms(0.21, {"all": 3.0}) if taxed else None
    terms = ProjectTerms(2026, 1, MONTHS, {"all": capex}, {}, None, tax, 0.12, operation_start_month=1)
    none = np.zeros((1, MONTHS))
    return terms, OperatingFlows({"hours": 50 * price * live[None, :]}, {"site": 20 * live[None, :]}, none, none)


def test_levelised_cost_by_hand() -> None:
    terms, flows = case(taxed=False)
    units = 50.0 * (np.arange(MONTHS) > 0)
    factors = 1.12 ** (-(np.arange(MONTHS) + 1) / 12)
    # capital over discounted units, plus 20 / 50 a unit
    expected = 1000 * factors[0] / (50 * factors[1:].sum()) + 0.4
    assert levelised_cost(project(terms, flows), units)[0] == pytest.approx(expected, rel=1e-12)
    # the cost does not depend on the price while there is no tax
    assert levelised_cost(project(*case(taxed=False, price=9.0)), units)[0] == pytest.approx(expected, rel=1e-12)
    # real money: units count at 1.12 / 1.02 - 1
    real = (1.12 / 1.02) ** (-(np.arange(MONTHS) + 1) / 12)
    scaled = expected * (50 * factors[1:].sum()) / (50 * real[1:].sum())
    assert levelised_cost(project(terms, flows), units, inflation=0.02)[0] == pytest.approx(scaled, rel=1e-12)
    with pytest.raises(ScenarioError, match="no units"):
        levelised_cost(project(terms, flows), np.zeros(MONTHS))


@pytest.mark.parametrize("taxed", [False, True])
def test_at_the_break_even_price_cost_is_price_and_value_is_zero(taxed: bool) -> None:
    terms, flows = case(taxed=taxed)
    factor = break_even_factor(terms, flows, "hours")
    at = project(terms, replace(flows, revenue={"hours": flows.revenue["hours"] * factor}))
    assert at.measures.npv_usd[0] == pytest.approx(0.0, abs=1e-6)
    assert levelised_cost(at, 50.0 * (np.arange(MONTHS) > 0))[0] == pytest.approx(2.0 * factor, rel=1e-9)


def test_break_even_needs_revenue() -> None:
    with pytest.raises(ScenarioError, match="earns nothing"):
        break_even_factor(*case(taxed=True), "rent")


def test_cover_ahead_interest_cover_and_project_life() -> None:
    terms, flows = case(taxed=False)
    loan = LoanTerms(600.0, 0.12, 0, 1, 24, shape="equal-principal")
    done = project(replace(terms, loan=loan), flows)
    service = np.where(np.arange(MONTHS) >= 1, loan_schedule(loan, MONTHS).service, 0.0)
    ahead = forward_dscr(done.cfads, service)
    # service of month k is 25 + 6 - 0.25 (k - 1): twelve from month 1 sum to 12 x 31 - 0.25 x 66
    assert ahead[0, 1] == pytest.approx(12 * 80 / (372 - 16.5))
    assert np.isnan(ahead[0, 14])
    assert not np.isnan(ahead[0, 13])
    # interest of months 1 to 12: 72 - 16.5
    assert interest_cover(done)[0, 12] == pytest.approx(12 * 80 / 55.5)
    worth = sum(80 / 1.01**k for k in range(1, 36))
    assert project_life_cover(done, service)[0] == pytest.approx(worth / 600)
