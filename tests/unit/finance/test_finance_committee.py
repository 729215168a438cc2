"""What a committee reads ties to the statements: sources to uses, years to months, losses to what is never repaid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.finance import CashFlow, LenderTerms, OperatingFlows, Refinancing, project
from megawatt.finance.committee import (
    covenants,
    credit_years,
    default_losses_usd,
    maturity,
    periods_of_year,
    sources_and_uses,
    yearly_dscr,
)
from tests.unit.results.test_results_workbook import example

CASES = ("level", "equal-principal", "sculpted", "bullet")


@pytest.mark.parametrize("shape", CASES)
@pytest.mark.parametrize("poor", [False, True])
def test_sources_equal_uses(shape: str, poor: bool) -> None:
    sources, uses = sources_and_uses(example(shape, poor=poor))
    assert sum(a.usd for a in sources) == pytest.approx(sum(a.usd for a in uses), abs=0.01)
    assert all(a.usd > 0 for a in (*sources, *uses))
    names = {a.name for a in sources}
    assert {"debt drawn", "owners", "customers' prepayments"} <= names
    assert ("interest added to the debt" in names) is (shape != "bullet"), "a bullet's interest is paid in cash here"


@pytest.mark.parametrize("poor", [False, True])
def test_years_sum_to_the_months(poor: bool) -> None:
    cash = example(poor=poor)
    years = credit_years(cash)
    for name, months in (
        ("revenue_usd", cash.revenue_total), ("opex_usd", cash.opex_total), ("tax_usd", cash.tax),
        ("cfads_usd", cash.cfads), ("interest_usd", cash.interest_paid), ("principal_usd", cash.principal_paid),
    ):  # fmt: skip
        assert sum(getattr(y, name) for y in years) == pytest.approx(float(months[0].sum()), abs=0.01), name
    for y in years:
        assert y.revenue_usd - y.opex_usd + y.other_usd - y.tax_usd == pytest.approx(y.cfads_usd, abs=0.01)
    assert [y.year for y in years] == [2027, 2028]
    assert years[0].balance_usd == pytest.approx(float(cash.debt_balance[0, 7])), "December of the first year"


def test_dscr_of_a_year_and_loan_to_value_by_hand() -> None:
    cash = example()
    _, place = periods_of_year(cash)
    service = np.atleast_2d(cash.service)[0]
    for k, y in enumerate(credit_years(cash)):
        mine = (place == k) & (service > 1e-6)
        assert y.dscr == pytest.approx(float(cash.cover_cash[0, mine].sum() / service[mine].sum()))
    rate, last = cash.terms.discount_rate, 7
    ahead = (cash.cfads + cash.residual_total - cash.capex_total)[0, last + 1 :]
    worth = float((ahead * (1 + rate) ** (-(np.arange(ahead.size) + 1) / 12)).sum())
    assert credit_years(cash)[0].ltv_frac == pytest.approx(float(cash.debt_balance[0, last]) / worth)


def test_headroom_agrees_with_the_engine_s_events() -> None:
    levels = np.arange(0.8, 3.0, 0.05)
    for level in levels:
        cash = example(poor=True, lender=LenderTerms(lockup_dscr=float(level), covenant_dscr=float(level) - 0.1))
        assert cash.events is not None
        for row, event in zip(covenants(cash), (cash.events.lockup, cash.events.breach), strict=True):
            assert row.headroom is not None
            assert row.lowest is not None
            assert row.level is not None
            assert (row.headroom < 0) is bool(event[0] >= 0), level
            assert row.headroom_frac == pytest.approx(1 - row.level / row.lowest)


def test_no_level_is_said_as_none() -> None:
    lockup, covenant = covenants(example())
    assert lockup.level is covenant.level is lockup.headroom is None
    assert lockup.lowest == pytest.approx(float(np.nanmin(example().dscr)), abs=0.5)


def test_a_loss_is_what_payments_after_the_default_are_not_worth() -> None:
    """Worth of all that is paid after the default, at the loan's rate, plus the loss is the exposure."""
    cash = example(poor=True, lender=LenderTerms())
    small = project(replace(cash.terms, residual={"all": np.zeros((1, cash.terms.months))}), _less(cash, 0.25))
    missed = int(small.missed[0])
    owed, lost, today = (float(v[0]) for v in default_losses_usd(small))
    assert missed > 0
    assert lost > 0
    later = small.interest_paid[0, missed + 1 :] + small.principal_paid[0, missed + 1 :]
    rate = small.terms.loan.rate / 12 if small.terms.loan else 0.0
    worth = float((later * (1 + rate) ** -(np.arange(later.size) + 1.0)).sum())
    assert worth + lost == pytest.approx(owed, abs=0.01)
    assert today == pytest.approx(lost * (1 + rate) ** -missed)
    assert [float(v[0]) for v in default_losses_usd(example())] == [0.0, 0.0, 0.0]


def _less(cash: CashFlow, share: float) -> OperatingFlows:
    flows = cash.flows
    after = np.where(np.arange(cash.terms.months) > 9, share, 1.0)
    return replace(flows, revenue={name: part * after for name, part in flows.revenue.items()})


def test_a_balloon_is_seen_as_a_new_lender_would() -> None:
    cash = example()
    due = maturity(cash)
    loan = cash.terms.loan
    assert due is not None
    assert loan is not None
    assert not due.agreed
    assert due.months_left == 1
    assert due.month == "2028-11"
    left = float(cash.cover_cash[0, -1])
    assert due.dscr == pytest.approx(left / (due.balloon_usd * (1 + loan.rate / 12)))
    assert due.debt_yield_frac == pytest.approx(left / due.balloon_usd)
    lender = LenderTerms(refinancing=Refinancing(0.1, 1, 1.2))
    again = maturity(project(replace(cash.terms, lender=lender), cash.flows))
    assert again is not None
    assert again.agreed
    assert again.new_loan_usd > 0
    assert again.rate == 0.1
    assert maturity(example("sculpted")) is None


def test_cover_of_paths_is_cover_of_each() -> None:
    cash = example()
    both = project(
        cash.terms, replace(cash.flows, revenue={"a": np.vstack([cash.revenue_total, cash.revenue_total * 0.8])})
    )
    one = project(cash.terms, replace(cash.flows, revenue={"a": cash.revenue_total * 0.8}))
    assert yearly_dscr(both)[1] == pytest.approx(yearly_dscr(one)[0])
