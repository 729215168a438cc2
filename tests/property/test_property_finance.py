"""What holds for every project: cash balances, values add up, a better price is never worse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.finance import (
    Hall,
    LoanTerms,
    OperatingFlows,
    ProjectTerms,
    TaxTerms,
    gpu_cloud_revenue,
    live_share,
    loan_schedule,
    make_spine,
    net_present_value_usd,
    prepayment_flows,
    project,
    tenancy,
)
from tests.cash_identity import cash_gap

PATHS = 5


@st.composite
def loans(draw: st.DrawFn, months: int) -> LoanTerms:
    drawn, first, last = sorted(draw(st.lists(st.integers(0, months - 1), min_size=3, max_size=3, unique=True)))
    return LoanTerms(
        principal_usd=draw(st.floats(1e3, 5e9)),
        rate=draw(st.floats(0.0, 0.3)),
        draw_month=drawn,
        first_payment_month=first,
        last_payment_month=last,
        shape=draw(st.sampled_from(["level", "equal-principal", "bullet"])),
        upfront_fee_frac=draw(st.floats(0.0, 0.05)),
        capitalise_interest=draw(st.booleans()),
    )


@st.composite
def projects(draw: st.DrawFn) -> tuple[ProjectTerms, OperatingFlows]:
    months = draw(st.integers(3, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e2, 1e6, 1e9]))
    capex = {name: scale * rng.uniform(0, 5, months) * (rng.random(months) < 0.2) for name in ("chips", "shell")}
    residual = np.zeros((PATHS, months))
    residual[:, -1] = scale * rng.uniform(0, 3, PATHS)
    tax = TaxTerms(draw(st.floats(0, 0.5)), {"chips": 1.5, "shell": 20.0}, draw(st.floats(0, 1)))
    terms = ProjectTerms(
        start_year=2026,
        start_month=draw(st.integers(1, 12)),
        months=months,
        capex_cost=capex,
        residual={"all": residual},
        loan=draw(st.none() | loans(months)),
        tax=draw(st.sampled_from([tax, None])),
        discount_rate=draw(st.floats(0.0, 0.3)),
        minimum_cash_usd=draw(st.sampled_from([0.0, scale])),
        committed_equity_usd=draw(st.sampled_from([None, 0.0, scale])),
        construction_months=draw(st.none() | st.integers(0, months)),
    )
    revenue = scale * rng.uniform(0, 2, (PATHS, months)) * (rng.random((PATHS, months)) < 0.9)
    opex = scale * rng.uniform(0, 1, (1, months))
    prepaid = scale * rng.uniform(0, 1, (PATHS, months)) * (rng.random((PATHS, months)) < 0.1)
    credit = np.repeat(prepaid.sum(axis=1, keepdims=True) / months, months, axis=1)
    return terms, OperatingFlows({"sales": revenue}, {"site": opex}, prepaid, credit)


@settings(max_examples=60, deadline=None)
@given(projects(), st.sampled_from([0.0, 15.0, 60.0]), st.sampled_from([0.0, 30.0, 90.0]))
def test_cash_balances_to_the_cent_and_nobody_is_paid_out_of_turn(
    case: tuple[ProjectTerms, OperatingFlows], receivable_days: float, payable_days: float
) -> None:
    terms, flows = case
    terms = replace(terms, receivable_days=receivable_days, payable_days=payable_days)
    cash = project(terms, flows)
    # working capital only moves cash between months
    everything = (cash.revenue_total - flows.prepayment_credit + flows.prepayment - cash.opex_total - cash.tax).sum(
        axis=1
    )
    assert np.allclose(cash.cfads.sum(axis=1), everything, rtol=1e-9, atol=0.01)
    assert cash_gap(cash) < 0.005
    assert (cash.distributions >= 0).all()
    assert (cash.equity_in >= 0).all()
    assert (cash.arrears >= 0).all()
    assert (cash.interest_paid >= 0).all()
    assert (cash.principal_paid >= 0).all()
    schedule = loan_schedule(terms.loan, terms.months)
    # owners get nothing in a month that leaves the loan behind its schedule, nor out of cash that is not there
    behind = cash.debt_balance - schedule.balance > 0.01
    assert not cash.distributions[behind].any()
    assert (cash.closing_cash[cash.distributions > 0] >= -0.005).all()
    # an unpaid payment is still owed: the loan is never below its schedule
    assert (cash.debt_balance >= schedule.balance - 0.01).all()
    if terms.committed_equity_usd is not None:
        assert (cash.equity_in.sum(axis=1) <= terms.committed_equity_usd + 0.005).all()
    assert cash.events is not None
    # whatever is owed and unpaid is a missed payment or an unpaid balloon
    failed = (cash.missed >= 0) | (cash.events.balloon_default >= 0)
    assert (failed == (cash.arrears > 0).any(axis=1)).all()


@settings(max_examples=40, deadline=None)
@given(projects(), st.floats(1.0, 3.0))
def test_value_never_falls_when_the_price_rises(case: tuple[ProjectTerms, OperatingFlows], factor: float) -> None:
    terms, flows = case
    dearer = replace(flows, revenue={name: part * factor for name, part in flows.revenue.items()})
    # the first month with revenue must not move, or depreciation would start elsewhere
    fixed = replace(terms, operation_start_month=0)
    low, high = project(fixed, flows).measures, project(fixed, dearer).measures
    slack = 1e-9 * (1 + np.abs(low.npv_usd))
    assert (high.npv_usd >= low.npv_usd - slack).all()
    assert (high.npv_pre_tax_usd >= low.npv_pre_tax_usd - slack).all()


@settings(max_examples=40, deadline=None)
@given(projects(), projects(), st.floats(-0.5, 0.5))
def test_present_values_add_up(
    one: tuple[ProjectTerms, OperatingFlows], two: tuple[ProjectTerms, OperatingFlows], rate: float
) -> None:
    months = min(one[0].months, two[0].months)
    a, b = (flows.revenue["sales"][:, :months] for _, flows in (one, two))
    together = net_present_value_usd(a + b, rate)
    assert np.allclose(together, net_present_value_usd(a, rate) + net_present_value_usd(b, rate), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(projects())
def test_value_before_debt_does_not_depend_on_the_loan(case: tuple[ProjectTerms, OperatingFlows]) -> None:
    terms, flows = case
    levered, plain = project(terms, flows).measures, project(replace(terms, loan=None), flows).measures
    assert np.array_equal(levered.npv_usd, plain.npv_usd)
    assert np.array_equal(levered.project_irr, plain.project_irr, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(st.integers(4, 60).flatmap(lambda months: st.tuples(st.just(months), loans(months))))
def test_loans_end_at_zero_and_repay_what_was_lent(case: tuple[int, LoanTerms]) -> None:
    months, loan = case
    schedule = loan_schedule(loan, months)
    lent = schedule.draw.sum() + schedule.capitalised.sum()
    assert abs(schedule.principal.sum() - lent) < 1e-9 * lent
    assert schedule.balance[loan.last_payment_month] == 0.0
    assert (schedule.balance >= -1e-9 * lent).all()


@st.composite
def halls(draw: st.DrawFn) -> tuple[Hall, ...]:
    months = draw(st.lists(st.integers(0, 30), min_size=1, max_size=4))
    return tuple(Hall(month, 1.0 / len(months)) for month in months)


@settings(max_examples=60, deadline=None)
@given(halls(), st.integers(31, 80), st.integers(1, 60), st.integers(0, 20), st.integers(0, 12), st.data())
def test_credits_return_the_whole_prepayment(
    ramp: tuple[Hall, ...], months: int, term: int, lead: int, delay: int, data: st.DataObject
) -> None:
    amounts = np.array(data.draw(st.lists(st.floats(0, 1e9), min_size=len(ramp), max_size=len(ramp))))
    default = np.array([-1, data.draw(st.integers(0, months - 1))])
    paid, credit = prepayment_flows(
        ramp,
        months,
        amounts_usd=amounts,
        lead_months=lead,
        term_months=term,
        default_month=default,
        credit_after_months=min(delay, term - 1),
    )
    assert abs(paid[0].sum() - amounts.sum()) <= 1e-12 * amounts.sum()
    assert abs(credit[0].sum() - paid[0].sum()) <= 1e-12 * amounts.sum()
    # no credit before its cash, with or without default
    assert (np.cumsum(paid - credit, axis=1) >= -1e-9 * (1 + amounts.sum())).all()
    assert not paid[1, default[1] :].any()
    assert not credit[1, default[1] :].any()


@settings(max_examples=60, deadline=None)
@given(halls(), st.integers(31, 80), st.integers(1, 60), st.integers(0, 12), st.integers(0, 79))
def test_no_capacity_is_let_twice(ramp: tuple[Hall, ...], months: int, term: int, lag: int, default: int) -> None:
    let = tenancy(ramp, months, term_months=term, default_month=np.array([-1, default % months]), relet_lag_months=lag)
    live = live_share(ramp, months)
    assert (let.contracted + let.market <= live + 1e-12).all()
    assert np.allclose(let.contracted[0] + let.market[0], live)
    # a default never earns the owner contract rent
    assert (let.contracted[1] <= let.contracted[0] + 1e-12).all()


@settings(max_examples=30, deadline=None)
@given(halls(), st.floats(0, 10), st.floats(0, 10))
def test_gpu_revenue_is_proportional_to_price(ramp: tuple[Hall, ...], price: float, extra: float) -> None:
    spine, one = make_spine(2026, 1, 40), np.ones((1, 40))
    let = tenancy(ramp, 40, term_months=20)

    def total(usd_per_chip_hour: float) -> float:
        earned = gpu_cloud_revenue(
            spine,
            let,
            chips=1000,
            price_usd_per_chip_hour=usd_per_chip_hour,
            availability_frac=0.99,
            market_price_usd_per_chip_hour=1.0,
            market_price_factor=one,
            market_utilisation_frac=0.5 * one,
        )
        return float(earned.contract.sum())

    assert np.isclose(total(price + extra), total(price) + total(extra), rtol=1e-12, atol=1e-6)
