"""The waterfall on cases small enough to do by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import (
    CashFlow,
    LenderTerms,
    LoanTerms,
    OperatingFlows,
    ProjectTerms,
    TaxTerms,
    calendar_periods,
    commit_equity,
    loan_schedule,
    project,
)

PAYMENT = 50 * 0.01 / (1 - 1.01**-2)  # 25.3756: 50 USD at 1 % a month in two payments
LOAN = LoanTerms(principal_usd=50.0, rate=0.12, draw_month=0, first_payment_month=1, last_payment_month=2)


def terms(months: int = 4, **change: object) -> ProjectTerms:
    capex = np.zeros(months)
    capex[0] = 100.0
    base = ProjectTerms(
        start_year=2026,
        start_month=1,
        months=months,
        capex_cost={"plant": capex},
        residual={},
        loan=LOAN,
        tax=None,
        discount_rate=1.01**12 - 1,
    )
    return replace(base, **change)  # type: ignore[arg-type]


def flows(*revenue: float, opex: float = 10.0) -> OperatingFlows:
    earned = np.array([revenue])
    zero = np.zeros_like(earned)
    return OperatingFlows({"sales": earned}, {"site": np.where(earned > 0, opex, 0.0)}, zero, zero)


def assert_cash_balances(cash: CashFlow) -> None:
    opening = np.concatenate([np.zeros((cash.cfads.shape[0], 1)), cash.closing_cash[:, :-1]], axis=1)
    moved = opening + cash.cfads + cash.equity_in + cash.debt_draw + cash.residual_total
    spent = cash.capex_total + cash.fees + cash.interest_paid + cash.principal_paid + cash.distributions
    assert np.abs(moved - spent - cash.closing_cash).max() < 0.005


def test_a_project_that_pays_on_time() -> None:
    cash = project(terms(), flows(0, 60, 60, 60), grid_mw=2.0)
    assert_cash_balances(cash)
    assert cash.equity_in[0].tolist() == pytest.approx([50, 0, 0, 0])
    assert (cash.interest_paid + cash.principal_paid)[0].tolist() == pytest.approx([0, PAYMENT, PAYMENT, 0])
    assert cash.distributions[0].tolist() == pytest.approx([0, 50 - PAYMENT, 50 - PAYMENT, 50])
    assert cash.debt_balance[0, 2] == pytest.approx(0.0, abs=1e-9)
    assert cash.missed.tolist() == [-1]
    measures = cash.measures
    npv = -100 / 1.01 + 50 * (1.01**-2 + 1.01**-3 + 1.01**-4)
    assert measures.npv_usd[0] == pytest.approx(npv)
    # operating months 1 to 3: level monthly amount x 12 / 2 MW
    assert measures.value_usd_per_grid_mw_year[0] == pytest.approx(npv / (1.01**-2 + 1.01**-3 + 1.01**-4) * 12 / 2)
    assert measures.min_dscr[0] == pytest.approx(50 / PAYMENT)
    assert measures.llcr[0] == pytest.approx((50 / 1.01 + 50 / 1.01**2) / 50)
    assert measures.payback_month[0] == 2  # -100, -50, 0
    growth = (1 + measures.project_irr[0]) ** (1 / 12)
    assert -100 + 50 / growth + 50 / growth**2 + 50 / growth**3 == pytest.approx(0, abs=1e-8)


def test_a_missed_payment_is_carried_at_the_loans_rate_and_made_up() -> None:
    cash = project(terms(), flows(0, 20, 70, 60))
    assert_cash_balances(cash)
    # month 1: 10 of cash pay interest 0.5 and 9.5 of principal; month 2 owes 0.405 and the whole 40.5
    assert cash.interest_paid[0].tolist() == pytest.approx([0, 0.5, 0.405, 0])
    assert cash.principal_paid[0].tolist() == pytest.approx([0, 9.5, 40.5, 0])
    assert cash.arrears[0].tolist() == pytest.approx([0, PAYMENT - 10, 0, 0])
    assert cash.distributions[0].tolist() == pytest.approx([0, 0, 60 - 40.905, 50])
    assert cash.missed.tolist() == [1]


def test_unpaid_interest_is_added_to_the_loan() -> None:
    cash = project(terms(), flows(0, 10, 40, 60))
    assert_cash_balances(cash)
    assert cash.debt_balance[0, 1] == pytest.approx(50.5)
    # month 2: 30 of cash against interest 0.505 and 50.5; month 3 pays the rest with interest
    assert cash.principal_paid[0, 2] == pytest.approx(30 - 0.505)
    left = 50.5 - (30 - 0.505)
    assert cash.interest_paid[0, 3] == pytest.approx(left * 0.01)
    assert cash.principal_paid[0, 3] == pytest.approx(left)
    assert cash.distributions[0, 3] == pytest.approx(50 - left * 1.01)
    # 30 is more than month 2 was scheduled to pay, but not all that is owed then: the default lasts until all is paid
    assert cash.arrears[0].tolist() == pytest.approx([0, PAYMENT, 50.5 + 0.505 - 30, 0])


def test_a_loan_ahead_of_its_schedule_owes_nothing_and_is_in_no_default() -> None:
    """A sweep leaves less interest to add than the schedule adds, so the debt falls below the scheduled balance; the
    payments that the schedule then asks for are made, as far as anything is owed."""
    weights = np.array([0.0, 1, 1, 0, 0, 1, 1, 1])
    loan = LoanTerms(100.0, 0.12, 0, 1, 7, shape="sculpted", service_weights=weights)
    swept = terms(8, loan=loan, construction_months=1, lender=LenderTerms(sweep_frac=0.5))
    cash = project(swept, flows(0, 60, 30, 0.1, 0.1, 25, 25, 25, opex=0.0))
    assert_cash_balances(cash)
    behind_schedule = cash.debt_balance[0] > loan_schedule(loan, 8).balance + 0.005
    assert not behind_schedule.any()
    assert not cash.arrears.any()
    assert cash.missed.tolist() == [-1]


def test_a_debt_that_is_never_repaid_leaves_owners_nothing() -> None:
    cash = project(terms(), flows(0, 20, 20, 20))
    assert_cash_balances(cash)
    assert not cash.distributions.any()
    assert cash.debt_balance[0, 3] > 0
    assert np.isnan(cash.measures.equity_irr[0])
    assert "equity IRR: no flow is positive" in cash.measures.irr_note


def test_a_sculpted_loan_that_grows_by_its_terms_is_not_in_default() -> None:
    """No payment in month 1 by the loan's own terms; owners are paid, and the loan is served as it is scheduled."""
    loan = replace(LOAN, shape="sculpted", service_weights=np.array([0.0, 0.0, 1.0, 0.0]))
    cash = project(terms(loan=loan), flows(0, 60, 80, 60))
    assert_cash_balances(cash)
    assert cash.debt_balance[0].tolist() == pytest.approx([50, 50.5, 0, 0])
    assert cash.distributions[0].tolist() == pytest.approx([0, 50, 70 - 50.5 * 1.01, 50])
    assert cash.missed.tolist() == [-1]
    assert cash.events is not None
    assert cash.events.payment_default.tolist() == [-1]


def test_owners_who_pay_all_miss_nothing() -> None:
    cash = project(terms(owners_pay_all=True), flows(0, 20, 70, 60))
    assert_cash_balances(cash)
    assert cash.equity_in[0].tolist() == pytest.approx([50, PAYMENT - 10, 0, 0])
    assert cash.missed.tolist() == [-1]


def test_periods_and_months_must_agree() -> None:
    with pytest.raises(ScenarioError, match="number of periods"):
        project(terms(periods=calendar_periods(2026, 1, 5, 3)), flows(0, 60, 60, 60))
    with pytest.raises(ScenarioError, match="1, 3, 6, 12"):
        calendar_periods(2026, 1, 5, 4)


def test_unpaid_bills_come_before_debt_service() -> None:
    cash = project(terms(), flows(0, 5, 60, 60))
    assert_cash_balances(cash)
    assert cash.closing_cash[0, 1] == pytest.approx(-5)
    assert cash.interest_paid[0, 1] == 0
    # month 2: 50 - 5 of bills leaves 45 for 0.505 + 50.5
    assert (cash.interest_paid + cash.principal_paid)[0, 2] == pytest.approx(45)


def test_committed_equity_is_all_there_is() -> None:
    cash = project(terms(committed_equity_usd=30.0), flows(0, 60, 60, 60))
    assert_cash_balances(cash)
    assert cash.equity_in[0].tolist() == [30, 0, 0, 0]
    assert cash.closing_cash[0, 0] == pytest.approx(-20)
    # month 1: 50 - 20 still covers the payment of 25.4
    assert cash.missed.tolist() == [-1]


def test_equity_commitment_follows_the_base_case() -> None:
    base = project(terms(), flows(0, 60, 60, 60))
    assert commit_equity(terms(), base, contingency_frac=0.1).committed_equity_usd == pytest.approx(55.0)


def test_interest_due_in_construction_is_paid_by_equity() -> None:
    loan = replace(LOAN, first_payment_month=3, last_payment_month=4, capitalise_interest=False)
    cash = project(terms(6, loan=loan, construction_months=3), flows(0, 0, 0, 60, 60, 60))
    assert_cash_balances(cash)
    assert cash.equity_in[0].tolist() == pytest.approx([50, 0.5, 0.5, 0, 0, 0])
    assert cash.missed.tolist() == [-1]


def test_minimum_cash_is_built_up_serves_debt_and_is_released_with_the_last_payment() -> None:
    cash = project(terms(minimum_cash_usd=20.0), flows(0, 60, 20, 60))
    assert_cash_balances(cash)
    assert cash.closing_cash[0, 1] == pytest.approx(20)
    # month 2: 10 of cash flow and 15.4 of the minimum pay the debt
    assert cash.missed.tolist() == [-1]
    assert cash.distributions[0, 2] == pytest.approx(30 - PAYMENT)
    assert cash.closing_cash[0, 2:].tolist() == [0, 0]


def test_covers_count_the_tax_of_their_own_window() -> None:
    """Twelve months up to any month hold twelve months of tax, though two Decembers' tax or none may be paid in
    them."""
    months = 40
    tax = TaxTerms(rate=0.25, life_years={"plant": 1000.0})
    loan = replace(LOAN, principal_usd=100.0, rate=0.0, last_payment_month=36)
    paid = {}
    for when in ("annual", "quarterly"):
        plan = terms(months, loan=loan, tax=replace(tax, paid=when), capex_cost={"plant": np.zeros(months)})
        cash = project(plan, flows(0, *[20.0] * (months - 1), opex=0.0))
        # 20 a month at 25 % leaves 15 for a service of 100 / 36
        assert cash.dscr[0, 12:37] == pytest.approx(15 / (100 / 36), rel=1e-3)
        assert cash.tax_accrued[0, 2:11] == pytest.approx(5.0, rel=0.02)
        assert cash.tax.sum() == pytest.approx(cash.tax_accrued.sum())
        paid[when] = cash.tax[0]
    # January 2026 is month 0: a year's tax in December, or in April, June, September and December as it accrues
    assert np.flatnonzero(paid["annual"]).tolist() == [11, 23, 35, 39]
    assert np.flatnonzero(paid["quarterly"][:24]).tolist() == [3, 5, 8, 11, 15, 17, 20, 23]
    assert paid["quarterly"][12:24][[3, 5, 8, 11]] == pytest.approx([20.0, 10.0, 15.0, 15.0], abs=0.01)
    assert paid["annual"][12:24].sum() == pytest.approx(paid["quarterly"][12:24].sum())


def test_a_balloon_is_no_instalment_and_has_a_cover_of_its_own() -> None:
    """Interest only with everything at the end: cover is of interest; what comes after the balloon covers the
    balloon."""
    months = 40
    loan = LoanTerms(100.0, 0.12, 0, 1, 24, shape="bullet", capitalise_interest=False)
    plan = terms(months, loan=loan, capex_cost={"plant": np.where(np.arange(months) == 0, 120.0, 0.0)})
    cash = project(plan, flows(0, *[8.0] * (months - 1), opex=0.0))
    assert cash.service[1:25] == pytest.approx(1.0)
    assert cash.measures.min_dscr[0] == pytest.approx(8.0)
    after = 8.0 * (1 - 1.01**-15) / 0.01
    assert cash.measures.refinancing_cover[0] == pytest.approx(after / 100.0)
    assert np.isnan(project(terms(), flows(0, 60, 60, 60)).measures.refinancing_cover[0])


def test_tax_is_settled_in_december_and_set_aside_before() -> None:
    tax = TaxTerms(rate=0.2, life_years={"plant": 1.0})
    plan = terms(24, loan=None, tax=tax, capex_cost={"plant": np.array([120.0] + [0.0] * 23)})
    cash = project(plan, flows(*([0.0] + [30.0] * 23), opex=0.0))
    assert_cash_balances(cash)
    # depreciation 10 a month in months 1 to 12; 2026: 11 x 20 = 220; 2027: 12 x 30 - 10 = 350
    assert cash.tax[0, [11, 23]].tolist() == pytest.approx([44.0, 70.0])
    assert cash.tax[0].sum() == pytest.approx(114.0)
    assert cash.distributions[0, 1] == pytest.approx(26.0)
    assert cash.distributions[0, 11] == pytest.approx(26.0)  # 30 + 40 set aside - 44 of tax
    assert cash.distributions[0].sum() == pytest.approx(23 * 30 - 114)


def test_interest_and_fee_lower_the_tax_but_not_the_projects_value() -> None:
    tax = TaxTerms(rate=0.2, life_years={"plant": 100.0}, loss_offset_limit_frac=1.0)
    loan = replace(LOAN, upfront_fee_frac=0.03)
    levered = project(terms(tax=tax, loan=loan), flows(0, 60, 60, 60))
    plain = project(terms(tax=tax, loan=None), flows(0, 60, 60, 60))
    interest = 0.5 + (50 - (PAYMENT - 0.5)) * 0.01
    assert plain.tax.sum() - levered.tax.sum() == pytest.approx(0.2 * (interest + 1.5))
    assert plain.measures.npv_usd[0] == levered.measures.npv_usd[0]
    assert_cash_balances(levered)


def test_sale_is_taxed_against_the_basis_that_is_left() -> None:
    tax = TaxTerms(rate=0.5, life_years={"plant": 1.0})
    residual = np.array([[0.0, 0.0, 0.0, 100.0]])
    cash = project(terms(tax=tax, loan=None, residual={"plant": residual}), flows(0, 60, 60, 60))
    # operation: 150 - 3 x 100/12 of depreciation = 125, taxed 62.5; sale: 100 - 75 of basis = 25, taxed 12.5
    assert cash.tax[0].tolist() == pytest.approx([0, 0, 0, 62.5])
    assert cash.residual_total[0].tolist() == pytest.approx([0, 0, 0, 87.5])
    assert_cash_balances(cash)


def test_prepaid_revenue_is_cash_once() -> None:
    prepaid = replace(
        flows(0, 60, 60, 60),
        prepayment=np.array([[30.0, 0, 0, 0]]),
        prepayment_credit=np.array([[0.0, 10, 10, 10]]),
    )
    cash = project(terms(loan=None), prepaid)
    assert_cash_balances(cash)
    assert cash.equity_in[0, 0] == pytest.approx(70.0)
    assert cash.cfads[0].tolist() == [30, 40, 40, 40]


def test_a_prepayment_that_is_kept_is_income_in_the_end() -> None:
    tax = TaxTerms(rate=0.5, life_years={"plant": 1.0})
    kept = replace(flows(0, 60, 60, 60), prepayment=np.array([[30.0, 0, 0, 0]]))
    with_it, without = (project(terms(loan=None, tax=tax), f) for f in (kept, flows(0, 60, 60, 60)))
    assert with_it.tax.sum() == without.tax.sum()  # not of operation: settled with the sale
    assert with_it.residual_total.sum() - without.residual_total.sum() == pytest.approx(-15.0)


def test_many_paths_are_each_their_own_case() -> None:
    rng = np.random.default_rng(7)
    revenue = rng.uniform(0, 80, (50, 4))
    zero = np.zeros((1, 4))
    tax = TaxTerms(rate=0.21, life_years={"plant": 3.0})
    together = project(terms(tax=tax), OperatingFlows({"s": revenue}, {"o": zero + 8}, zero, zero), grid_mw=1.0)
    for path in (0, 17, 49):
        one = OperatingFlows({"s": revenue[path : path + 1]}, {"o": zero + 8}, zero, zero)
        alone = project(terms(tax=tax, operation_start_month=0), one, grid_mw=1.0)
        assert np.array_equal(alone.closing_cash[0], together.closing_cash[path])
        assert alone.measures.npv_usd[0] == together.measures.npv_usd[path]
        assert alone.missed[0] == together.missed[path]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"minimum_cash_usd": -1.0}, "minimum_cash_usd"),
        ({"committed_equity_usd": -1.0}, "committed_equity_usd"),
        ({"discount_rate": -1.0}, "discount_rate"),
        ({"operation_start_month": 4}, "operation_start_month"),
        ({"construction_months": 5}, "construction_months"),
        ({"capex_cost": {"plant": np.array([1.0, -1.0, 0, 0])}}, r"capex_cost\.plant"),
        ({"residual": {"plant": np.zeros((1, 3))}}, r"residual\.plant"),
    ],
)
def test_bad_terms_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        project(terms(**change), flows(0, 60, 60, 60))


def test_nan_is_an_error_not_zero() -> None:
    with pytest.raises(ScenarioError, match=r"revenue\.sales.*not finite"):
        project(terms(), flows(0, 60, np.nan, 60))


def test_grid_must_be_positive() -> None:
    with pytest.raises(ScenarioError, match="grid_mw"):
        project(terms(), flows(0, 60, 60, 60), grid_mw=0.0)


def test_receivables_and_payables_move_cash_to_later_months() -> None:
    """January has 31 days, February 28, March 31, April 30; 15 days of revenue and 7 of bills stay open."""
    plain, late = terms(loan=None), terms(loan=None, receivable_days=15.0, payable_days=7.0)
    before, after = (project(case, flows(0, 60, 60, 60)) for case in (plain, late))
    assert after.working_capital is not None
    held = [0.0, 60 * 15 / 28 - 10 * 7 / 28, 60 * 15 / 31 - 10 * 7 / 31, 0.0]
    assert after.working_capital[0].tolist() == pytest.approx(held)
    moved = np.diff(held, prepend=0.0)
    assert after.cfads[0].tolist() == pytest.approx((before.cfads[0] - moved).tolist())
    assert after.measures.npv_usd[0] < before.measures.npv_usd[0]
    assert_cash_balances(after)
    assert before.working_capital is None


@pytest.mark.parametrize("name", ["receivable_days", "payable_days"])
def test_days_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ScenarioError, match=name):
        project(terms(**{name: 400.0}), flows(0, 60, 60, 60))
