"""Junior tranches: each one's identity, their order, and the senior loan that does not see them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.finance import CashFlow, LenderTerms, LoanTerms, OperatingFlows, ProjectTerms, project
from megawatt.finance.records import JuniorTerms
from megawatt.finance.tranches import stack_below

MONTHS = 48
MEZZANINE = JuniorTerms("mezzanine", "mezzanine", 200.0, 0.12, 0.0, 4, 40)
PREFERRED = JuniorTerms("preferred", "preferred", 100.0, 0.0, 0.12, 4, 47, sweep_frac=0.5)


def senior(cash: np.ndarray) -> CashFlow:
    """1,000 spent in three periods, 500 borrowed; rows of ``cash`` are paths."""
    capex = np.where(np.arange(MONTHS) < 3, 1000.0 / 3, 0.0)
    earned = cash.copy()
    earned[:, :4] = 0.0
    zero = np.zeros((1, MONTHS))
    terms = ProjectTerms(2026, 1, MONTHS, {"all": capex}, {}, LoanTerms(500.0, 0.06, 0, 4, 40), None, 0.1,
                         lender=LenderTerms(reserve_months=2.0, lockup_dscr=1.1))  # fmt: skip
    return project(terms, OperatingFlows({"rent": earned}, {"site": zero}, zero, zero))


def test_a_bullet_pays_interest_and_then_itself() -> None:
    cash = senior(np.full((1, MONTHS), 60.0))
    stack = stack_below(cash, [MEZZANINE])
    mezzanine = stack.tranches[0]
    assert mezzanine.draw.sum() == pytest.approx(200.0)
    assert stack.equity_in.sum() == pytest.approx(cash.equity_in.sum() - 200.0)
    # before its first payment interest is added; then 1 % a month of what is owed
    owed = mezzanine.balance[0, 3]
    assert owed > 200.0
    assert mezzanine.interest_paid[0, 10] == pytest.approx(0.01 * mezzanine.balance[0, 9])
    assert not mezzanine.arrears[0, 7:40].any()


def test_the_second_waits_for_the_first() -> None:
    cash = senior(np.full((1, MONTHS), 20.0))
    stack = stack_below(cash, [MEZZANINE, PREFERRED])
    first, second = stack.tranches
    behind = first.arrears[0] > 0.0
    assert behind.any()
    assert not (second.interest_paid + second.principal_paid)[0, behind].any()
    assert not stack.distributions[0, behind].any()
    # the senior loan is served as it would be without them
    assert np.array_equal(cash.debt_balance, senior(np.full((1, MONTHS), 20.0)).debt_balance)


def test_equal_principal_is_paid_down_evenly() -> None:
    stack = stack_below(senior(np.full((1, MONTHS), 80.0)), [replace(MEZZANINE, shape="equal-principal")])
    balance = stack.tranches[0].balance[0]
    assert balance[40] == pytest.approx(0.0)
    assert np.diff(balance[20:40]) == pytest.approx(np.full(19, np.diff(balance[20:22])[0]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.0, 90.0), min_size=3, max_size=3), st.integers(0, 2**31), st.floats(0.0, 1.0))
def test_identities_hold_whatever_happens(levels: list[float], seed: int, sweep: float) -> None:
    noise = np.random.default_rng(seed).uniform(0.3, 1.7, (3, MONTHS))
    cash = senior(np.array(levels)[:, None] * noise)
    stack = stack_below(cash, [replace(MEZZANINE, sweep_frac=sweep), PREFERRED])
    paid, drawn = np.zeros_like(cash.distributions), np.zeros_like(cash.equity_in)
    for tranche in stack.tranches:
        opening = np.concatenate([np.zeros((3, 1)), tranche.balance[:, :-1]], axis=1)
        closing = opening + tranche.draw + tranche.accrued - tranche.interest_paid - tranche.principal_paid
        assert np.abs(closing - tranche.balance).max() < 1e-9
        assert tranche.balance.min() > -1e-9
        # never more than was drawn and accrued
        assert (tranche.balance <= np.cumsum(tranche.draw + tranche.accrued, axis=1) + 1e-9).all()
        assert (tranche.arrears <= tranche.balance + 0.005).all()
        paid, drawn = paid + tranche.interest_paid + tranche.principal_paid, drawn + tranche.draw
    assert stack.distributions + paid == pytest.approx(cash.distributions)
    assert stack.equity_in + drawn == pytest.approx(cash.equity_in)
    # who is behind has had all the cash that there was, and the owners none of it
    assert (stack.distributions[stack.tranches[-1].arrears > 0.0] < 0.005).all()


@pytest.mark.parametrize(
    "change", [{"amount_usd": 0.0}, {"shape": "level"}, {"rate": -0.1}, {"sweep_frac": 2.0},
               {"last_payment_month": MONTHS}, {"first_payment_month": 41}], ids=str
)  # fmt: skip
def test_out_of_range_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ScenarioError, match=r"debt\.junior"):
        stack_below(senior(np.full((1, MONTHS), 60.0)), [replace(MEZZANINE, **change)])  # type: ignore[arg-type]


def test_more_than_owners_are_asked_for_is_refused() -> None:
    with pytest.raises(InfeasibleError, match=r"debt\.junior"):
        stack_below(senior(np.full((1, MONTHS), 60.0)), [replace(MEZZANINE, amount_usd=900.0)])


def quarterly(cash: np.ndarray, lender: LenderTerms | None = None) -> CashFlow:
    """As `senior`, paid in quarters."""
    base = senior(cash)
    terms = replace(base.terms, loan=LoanTerms(500.0, 0.06, 0, 4, 39, every=3), lender=lender)
    return project(terms, base.flows)


def test_a_tranche_is_paid_on_the_loans_dates() -> None:
    """Owners get nothing between the quarters, and no interest is late for that."""
    notes = stack_below(quarterly(np.full((1, MONTHS), 60.0)), [replace(MEZZANINE, last_payment_month=39)]).tranches[0]
    paid = np.flatnonzero(notes.interest_paid[0])
    assert not notes.arrears[0, :39].any()
    assert set(np.diff(paid)) == {3}
    # simple interest of three months at 1 %
    assert notes.interest_paid[0, 9] == pytest.approx(0.03 * notes.balance[0, 6])


def test_owners_pay_cures_themselves() -> None:
    """No tranche lends for what cures a covenant long after it was drawn."""
    terms = LenderTerms(covenant_dscr=1.3, cures_most=2, cures_per_year=2)
    cash = quarterly(np.full((1, MONTHS), 19.0), terms)
    assert cash.cures is not None
    assert cash.cures[0].sum() > 1.0
    stack = stack_below(cash, [MEZZANINE])
    assert not stack.tranches[0].draw[0, 5:].any()
    assert stack.equity_in[0, 5:] == pytest.approx(cash.cures[0, 5:])
