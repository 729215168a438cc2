"""What holds for every loan, reserve, sweep and lock-up: cash balances, nothing is paid twice or out of turn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.arrays import FloatArray
from megawatt.finance import (
    CashFlow,
    LenderTerms,
    LoanTerms,
    OperatingFlows,
    ProjectTerms,
    Refinancing,
    SizingTerms,
    TaxTerms,
    calendar_periods,
    fit_loan,
    project,
)
from megawatt.finance.construction import FundingTerms, fund_pro_rata, size_at_gearing
from megawatt.finance.debt_terms import FacilityTerms
from megawatt.finance.repayment import PROFILES, Window, repay, service_per_dollar
from tests.cash_identity import cash_gap

PATHS = 4


def _options(draw: st.DrawFn, rng: np.random.Generator, months: int, principal: float) -> dict[str, Any]:
    """Facilities, cures, call prices, prepayments at will, a target balance: each there in some cases."""
    credit = FacilityTerms("letter of credit", limit_months=6.0, rate=0.08, fee=0.02)
    revolver = FacilityTerms("revolver", 0.05 * principal, rate=0.1, fee=0.01, pays_bills=True)
    ahead = np.where(rng.random(months) < 0.1, 0.1, 0.0)
    return {
        "facilities": draw(st.sampled_from([(), (credit,), (revolver,), (credit, revolver)])),
        "cures_most": draw(st.sampled_from([0, 3])),
        "cures_per_year": 2,
        "premium_frac": draw(st.sampled_from([None, np.linspace(0.03, 0.0, months)])),
        "make_whole_rate": draw(st.sampled_from([None, 0.04])),
        "par_month": draw(st.sampled_from([None, months // 2])),
        "prepaid_frac": draw(st.sampled_from([None, None, ahead])),
        "target_frac": draw(st.sampled_from([None, np.linspace(1.0, 0.0, months)])),
    }


def _service_owed(cash: CashFlow) -> FloatArray:
    """Periods with service owed and unpaid that could be paid: on dates of payment."""
    loan, lender = cash.terms.loan, cash.terms.lender
    assert loan is not None
    assert lender is not None
    place = np.arange(cash.terms.months)
    dates = (place < loan.first_payment_month) | ((place - loan.first_payment_month + 1) % loan.every == 0)
    dates |= (place > loan.last_payment_month) & (lender.refinancing is not None)
    dates[-1] = True
    return (cash.arrears > 0) & dates


def _lines(cash: CashFlow) -> FloatArray:
    return np.sum([np.zeros_like(cash.cfads), *(line.balance for line in cash.facilities)], axis=0)


@st.composite
def structures(draw: st.DrawFn) -> tuple[ProjectTerms, OperatingFlows]:
    """Random calendars, loans in parts or with balloons, reserves, sweeps, tests, refinancing, tax with tables."""
    months = draw(st.integers(20, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e3, 1e6, 1e9]))
    first = draw(st.integers(2, 6))
    every = draw(st.sampled_from([1, 1, 3, 6]))
    last = first - 1 + every * draw(st.integers(1 if every > 1 else 2, (months - 1 - first) // every))
    new = Refinancing(draw(st.floats(0.0, 0.2)), draw(st.integers(1, months - last - 1)), draw(st.floats(0.8, 2.0)))
    shape = draw(st.sampled_from(["level", "equal-principal", "bullet", "sculpted", "dated"]))
    length = draw(st.sampled_from([1, 3, 6, 12]))
    start_month = draw(st.integers(1, 12))
    weights = rng.random(months) * (rng.random(months) < 0.7)
    weights[last] = 1.0
    parts = rng.random(first) * (rng.random(first) < 0.7)
    draws = np.zeros(months)
    draws[:first] = parts if parts.sum() > 0 else 1.0
    principal = scale * draw(st.floats(0.5, 5.0))
    dated, steps = np.zeros(months), np.arange(first + every - 1, last + 1, every)
    dated[steps] = rng.dirichlet(np.ones(steps.size)) * draw(st.floats(0.0, 1.0))
    loan = LoanTerms(
        principal_usd=principal,
        rate=draw(st.floats(0.0, 0.25)),
        draw_month=0,
        first_payment_month=first,
        last_payment_month=last,
        shape=shape,
        upfront_fee_frac=draw(st.floats(0.0, 0.05)),
        capitalise_interest=draw(st.booleans()),
        draws=draw(st.sampled_from([None, principal * draws / draws.sum()])),
        balloon_frac=0.0 if shape in ("bullet", "dated") else draw(st.floats(0.0, 1.0)),
        service_weights=weights if shape == "sculpted" else None,
        every=every,
        principal_frac=dated if shape == "dated" else None,
        interest_only=draw(st.integers(0, steps.size - 1)) if shape in ("level", "equal-principal") else 0,
        commitment_fee=draw(st.sampled_from([0.0, 0.02])),
        closing_cost_usd=draw(st.sampled_from([0.0, 0.01 * scale])),
    )
    lender = LenderTerms(
        reserve_months=draw(st.sampled_from([0.0, 1.5, 3.0, 6.0])),
        reserve_at_close=draw(st.booleans()),
        other_reserve_usd=draw(st.sampled_from([None, scale * rng.uniform(0, 0.1, months)])),
        sweep_frac=draw(st.sampled_from([0.0, 0.3, 1.0])),
        lockup_dscr=draw(st.sampled_from([None, 1.2, 2.0])),
        lockup_release_tests=draw(st.integers(1, 3)),
        covenant_dscr=draw(st.sampled_from([None, 1.05])),
        test_every_months=draw(st.sampled_from([1, 3, 6])),
        refinancing=draw(st.sampled_from([None, new])),
        opex_reserve_months=draw(st.sampled_from([0.0, 4.0])),
        reserve_rate=draw(st.sampled_from([0.0, 0.05])),
        **_options(draw, rng, months, principal),
    )
    capex = np.where(np.arange(months) < first, scale * rng.uniform(0, 2, months), 0.0)
    residual = np.zeros((1, months))
    residual[:, -1] = scale * rng.uniform(0, 3)
    tax = TaxTerms(0.21, {}, state_rate=0.06, tables={"all": "macrs-5"}, bonus_frac={"all": draw(st.floats(0, 1))})
    terms = ProjectTerms(
        start_year=2026,
        start_month=start_month,
        months=months,
        capex_cost={"all": capex},
        residual={"all": residual},
        loan=loan,
        tax=draw(st.sampled_from([tax, None])),
        discount_rate=0.1,
        minimum_cash_usd=draw(st.sampled_from([0.0, 0.1 * scale])),
        committed_equity_usd=draw(st.sampled_from([None, scale])),
        construction_months=first,
        lender=lender,
        periods=calendar_periods(2026, start_month, months, length),
    )
    revenue = scale * draw(st.floats(0.05, 1.0)) * rng.uniform(0, 1.5, (PATHS, months))
    none = np.zeros((1, months))
    return terms, OperatingFlows({"sales": revenue}, {"site": scale * 0.02 + none}, none, none)


@settings(max_examples=60, deadline=None)
@given(structures())
def test_cash_balances_to_the_cent_in_every_month(case: tuple[ProjectTerms, OperatingFlows]) -> None:
    terms, flows = case
    cash = project(terms, flows)
    assert cash_gap(cash) < 0.005
    for part in (cash.distributions, cash.equity_in, cash.arrears, cash.interest_paid, cash.principal_paid):
        assert (part >= 0).all()


@settings(max_examples=60, deadline=None)
@given(structures())
def test_the_loan_account_balances_and_never_goes_below_zero(case: tuple[ProjectTerms, OperatingFlows]) -> None:
    cash = project(*case)
    loan, lender = case[0].loan, case[0].lender
    assert loan is not None
    assert lender is not None
    rate = np.full(cash.debt_balance.shape[1], loan.rate / cash.terms.timing.per_year)
    for start in range(loan.first_payment_month, rate.size, loan.every):
        months = range(start, min(start + loan.every, rate.size))
        rate[months] = [0.0] * (len(months) - 1) + [rate[start] * len(months)]
    if lender.refinancing:
        rate[loan.last_payment_month + 1 :] = lender.refinancing.rate / cash.terms.timing.per_year
    opening = np.concatenate([np.zeros((PATHS, 1)), cash.debt_balance[:, :-1]], axis=1)
    # what accrues is paid or owed, whatever happens
    closing = opening * (1 + rate) + cash.debt_draw - cash.interest_paid - cash.principal_paid
    size = 1.0 + loan.principal_usd
    assert np.abs(closing - cash.debt_balance).max() < 1e-9 * size + 0.005
    assert cash.debt_balance.min() > -1e-9 * size


@settings(max_examples=60, deadline=None)
@given(structures())
def test_owners_wait_for_reserves_and_lock_up(case: tuple[ProjectTerms, OperatingFlows]) -> None:
    terms, flows = case
    cash = project(terms, flows)
    assert cash.reserve_balance is not None
    assert cash.swept is not None
    assert cash.events is not None
    paid = cash.distributions[:, :-1] > 0.005
    # whoever is paid leaves the reserves and the minimum cash behind
    loan = terms.loan
    before = np.arange(terms.months) < (loan.first_payment_month if loan else terms.months)
    minimum = np.where((cash.debt_balance > 0.005) | before, terms.minimum_cash_usd, 0.0)
    held = (cash.closing_cash - cash.reserve_balance - minimum)[:, :-1]
    assert (held[paid] > -0.01 - 1e-9 * np.abs(cash.closing_cash).max()).all()
    assert (
        cash.reserve_balance <= np.maximum(cash.closing_cash, 0) + cash.distributions + cash.swept + cash.fees + 0.005
    ).all()
    assert (cash.swept <= cash.principal_paid + 0.005).all()
    # equity comes only while the project is built, to cure a covenant, or to prepay what owners decided
    cures = 0.0 if cash.cures is None else cash.cures
    later = (cash.equity_in - cures)[:, terms.construction_months :]
    asked = terms.lender.prepaid_frac if terms.lender else None
    assert not later[:, (np.zeros(terms.months) if asked is None else asked)[terms.construction_months :] == 0.0].any()
    assert cash.balloon_unpaid is not None
    short = cash.arrears > cash.balloon_unpaid
    first_missed = np.where(short.any(axis=1), short.argmax(axis=1), -1)
    assert np.array_equal(cash.events.payment_default, first_missed)
    assert (cash.balloon_unpaid <= cash.arrears).all()


@settings(max_examples=60, deadline=None)
@given(structures())
def test_a_default_is_unpaid_debt_beside_an_empty_account(case: tuple[ProjectTerms, OperatingFlows]) -> None:
    cash = project(*case)
    assert cash.swept is not None
    short = _service_owed(cash)
    # whoever is owed has had every cent that there was; what is unpaid is part of the debt
    assert (cash.closing_cash[short] <= 0.005).all()
    assert (cash.arrears <= cash.debt_balance + _lines(cash) + 0.005).all()
    assert not cash.distributions[cash.arrears > 0].any()
    for line in cash.facilities:
        before = np.concatenate([np.zeros((PATHS, 1)), line.balance[:, :-1]], axis=1)
        assert line.balance == pytest.approx(before + line.interest + line.draw - line.repaid)
        assert (line.balance <= line.limit[:, None] + np.cumsum(line.interest, axis=1) + 0.005).all()
        # the bank pays for no distribution: what is left of a draw is the rounding of sums of this size
        assert (
            cash.distributions[line.draw > 0.005] <= 4 * np.spacing(np.abs(cash.cfads).max() + line.limit.max())
        ).all()
    # no more is owed than was drawn and accrued
    opening = np.concatenate([np.zeros((PATHS, 1)), cash.debt_balance[:, :-1]], axis=1)
    accrued = cash.debt_balance - opening - cash.debt_draw + cash.interest_paid + cash.principal_paid
    most = np.cumsum(cash.debt_draw + np.maximum(accrued, 0.0), axis=1)
    assert (cash.debt_balance <= most * (1 + 1e-9) + 0.005).all()


@settings(max_examples=40, deadline=None)
@given(structures())
def test_more_reserve_never_brings_a_default_forward(case: tuple[ProjectTerms, OperatingFlows]) -> None:
    terms, flows = case
    assert terms.lender is not None
    plain = replace(terms.lender, sweep_frac=0.0, refinancing=None, reserve_months=0.0, other_reserve_usd=None)
    without = project(replace(terms, lender=plain), flows).missed
    with_reserve = project(replace(terms, lender=replace(plain, reserve_months=3.0)), flows).missed
    never = terms.months
    assert (np.where(with_reserve < 0, never, with_reserve) >= np.where(without < 0, never, without)).all()


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(PROFILES),
    st.integers(2, 40),
    st.floats(0.0, 0.3),
    st.integers(0, 2**32 - 1),
    st.floats(1.0, 1e10),
)
def test_a_profile_repays_what_it_is_worth(profile: str, count: int, rate: float, seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    rates = np.r_[0.0, rate / 12 * rng.uniform(0.9, 1.1, count)]
    window = Window(1, count, 0 if profile in ("sculpted", "bullet") else int(rng.integers(0, count)))
    cash = np.c_[np.zeros((3, 1)), rng.uniform(0.1, 1.0, (3, count))]
    dated = np.r_[0.0, rng.dirichlet(np.ones(count))] if profile == "dated" else None
    service = service_per_dollar(profile, rates, window, cash, principal_frac=dated)
    done = repay(np.full(3, size), service, rates, window)
    assert np.allclose(done.principal.sum(axis=1), size, rtol=1e-9)
    assert not done.balance[:, -1].any()
    assert np.allclose(done.interest + done.principal, size * service, rtol=1e-9, atol=1e-9 * size)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.floats(0.05, 0.95), st.floats(0.0, 0.3), st.floats(0, 0.05), st.integers(0, 2**32 - 1))
def test_gearing_is_met_with_every_cost_of_the_debt(
    periods: int, gearing: float, rate: float, fee: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    terms = FundingTerms(
        capex=rng.uniform(1, 100, (3, periods)),
        rates=np.r_[0.0, np.full(periods - 1, rate / 12)],
        commitment_fee=np.r_[0.0, np.full(periods - 1, 0.005 / 12)],
        upfront_fee_frac=fee,
        fixed_at_close=rng.uniform(0, 5, 3),
        fixed_at_end=rng.uniform(0, 5, 3),
        reserve_per_dollar=rng.uniform(0, 0.05, 3),
    )
    size = size_at_gearing(terms, np.full(3, gearing))
    drawn = fund_pro_rata(terms, size)
    assert np.allclose(size / drawn.uses.sum(axis=1), gearing, rtol=1e-9)
    assert np.allclose(drawn.draws.sum(axis=1), size, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.2), st.floats(1.0, 3.0), st.booleans())
def test_sculpted_cover_is_even_and_equals_loan_life_cover(
    seed: int, rate: float, target: float, capitalise: bool
) -> None:
    rng = np.random.default_rng(seed)
    cash = rng.uniform(1.0, 5.0, (PATHS, 40))
    loan = LoanTerms(1.0, rate, 1, 4, 37, shape="sculpted", capitalise_interest=capitalise)
    terms = ProjectTerms(2026, 1, 40, {}, {}, loan, None, 0.1)
    schedule = fit_loan(terms, cash, SizingTerms(target)).schedule
    drawn = schedule.draw.sum(axis=1)
    assert np.allclose(cash[:, 4:38] / schedule.service[:, 4:38], target)
    assert np.allclose(schedule.principal.sum(axis=1), drawn + schedule.capitalised.sum(axis=1), rtol=1e-9)
    factors = (1 + rate / 12) ** -np.arange(1.0, 35.0)
    assert np.allclose(cash[:, 4:38] @ factors / schedule.balance[:, 3], target)


@settings(max_examples=60, deadline=None)
@given(
    structures(), st.integers(1, 30), st.integers(0, 12), st.floats(0.0, 2.0), st.sampled_from(["pro-rata", "inverse"])
)
def test_a_termination_fee_keeps_every_identity(
    case: tuple[ProjectTerms, OperatingFlows],
    month: int,
    held: int,
    size: float,
    order: Literal["pro-rata", "inverse"],
) -> None:
    terms, flows = case
    assert terms.loan is not None
    fee, name, month = np.zeros((PATHS, terms.months)), next(iter(flows.revenue)), month % terms.months
    fee[:, month] = size * terms.loan.principal_usd
    paid = replace(flows, revenue={**flows.revenue, name: flows.revenue[name] + fee})
    until = np.full(PATHS, month + held)
    lender = replace(terms.lender or LenderTerms(), proceeds_usd=fee, proceeds_until=until, prepayment_order=order)
    cash = project(replace(terms, lender=lender), paid)
    loss = 1e-9 * (1.0 + np.abs(cash.closing_cash).max()) + 0.005
    assert cash.swept is not None
    assert cash.reserve_balance is not None
    opening = np.concatenate([np.zeros((PATHS, 1)), cash.debt_balance[:, :-1]], axis=1)
    accrued = cash.debt_balance - opening - cash.debt_draw + cash.interest_paid + cash.principal_paid
    assert accrued.min() > -loss
    assert cash.debt_balance.min() > -loss
    # debt is never above what was drawn and what was added to it; whoever is owed has had every cent there was
    assert (cash.debt_balance <= np.cumsum(cash.debt_draw + accrued, axis=1) + loss).all()
    assert (cash.closing_cash[_service_owed(cash)] <= 0.005).all()
    paid = cash.distributions + cash.swept + cash.fees
    assert (cash.reserve_balance <= np.maximum(cash.closing_cash, 0.0) + paid + loss).all()
