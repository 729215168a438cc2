"""Rates, spreads and shares of a path reach the loan: what floats, what is hedged, what is lent anew, what converts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import CashFlow, LenderTerms, LoanTerms, OperatingFlows, ProjectTerms, Refinancing, project
from megawatt.finance.debt_terms import FloatingRate, JuniorTerms
from megawatt.finance.money_market import MoneyPaths
from megawatt.finance.tranches import stack_below, tranche_losses

MONTHS, PATHS = 48, 3
LEVELS = np.array([[1.0], [2.0], [0.25]])
"""Rates as expected, doubled, at a quarter."""


def money(rate: np.ndarray = LEVELS, spread: float = 1.0, equity: np.ndarray = LEVELS) -> MoneyPaths:
    return MoneyPaths(*(np.broadcast_to(x, (PATHS, MONTHS)) for x in (rate, np.array(spread), equity)))


def run(loan: LoanTerms, earned: float = 60.0, lender: LenderTerms | None = None, **change: object) -> CashFlow:
    """1,000 spent in three months; every path earns the same."""
    capex = np.where(np.arange(MONTHS) < 3, 1000.0 / 3, 0.0)
    zero = np.zeros((1, MONTHS))
    sales = np.where(np.arange(MONTHS) < 4, 0.0, earned)[None, :]
    terms = ProjectTerms(2026, 1, MONTHS, {"all": capex}, {}, loan, None, 0.1, lender=lender, construction_months=4)
    flows = OperatingFlows({"rent": sales}, {"site": zero}, zero, zero)
    return project(replace(terms, **change), flows)  # type: ignore[arg-type]


def floating(part: float, floor: float = 0.0) -> LoanTerms:
    """Reference 4 %, margin 2 %, the hedged part at 6 %; principal in equal parts, interest of construction in cash."""
    return LoanTerms(
        500.0, 0.06, 0, 4, 39, shape="equal-principal", capitalise_interest=False,
        rate_by_period=np.full(MONTHS, 0.06), floating=FloatingRate(part, np.full(MONTHS, 0.04), floor),
    )  # fmt: skip


def test_interest_follows_the_path_and_principal_stays() -> None:
    cash = run(floating(1.0), money=money())
    # 500 at 6, 10 and 3 % a year
    assert cash.interest_paid[:, 4] == pytest.approx(500.0 * np.array([0.06, 0.10, 0.03]) / 12)
    assert cash.principal_paid == pytest.approx(np.broadcast_to(cash.principal_paid[0], (PATHS, MONTHS)))
    assert cash.debt_balance[:, 39] == pytest.approx(np.zeros(PATHS))
    # what cover counts has the interest of the path
    assert cash.service[:, 4] == pytest.approx(500.0 / 36 + 500.0 * np.array([0.06, 0.10, 0.03]) / 12)
    assert np.diff(cash.measures.min_dscr[[1, 0, 2]]).min() > 0.0


def test_the_hedged_part_and_the_floor_hold() -> None:
    half = run(floating(0.5), money=money())
    assert half.interest_paid[:, 4] == pytest.approx(500.0 * np.array([0.06, 0.08, 0.045]) / 12)
    floor = run(floating(1.0, floor=0.03), money=money())
    assert floor.interest_paid[2, 4] == pytest.approx(500.0 * 0.05 / 12)
    hedged = run(floating(0.0), money=money())
    assert hedged.interest_paid == pytest.approx(np.broadcast_to(run(floating(0.0)).interest_paid, (PATHS, MONTHS)))


def test_base_levels_change_nothing() -> None:
    still = money(np.ones((1, 1)), equity=np.ones((1, 1)))
    for loan, lender in ((floating(1.0), None), (balloon(), LenderTerms(refinancing=Refinancing(0.1, 8, 1.2, 0.04)))):
        there, without = run(loan, lender=lender, money=still), run(loan, lender=lender)
        for name in ("interest_paid", "principal_paid", "closing_cash", "debt_draw", "dscr"):
            found = np.broadcast_to(getattr(without, name), (PATHS, MONTHS))
            assert np.nan_to_num(getattr(there, name)) == pytest.approx(np.nan_to_num(found), abs=1e-9)


def balloon() -> LoanTerms:
    return LoanTerms(500.0, 0.12, 0, 4, 39, capitalise_interest=False, balloon_frac=0.5)


def test_a_new_loan_costs_the_rate_and_the_spread_of_its_day() -> None:
    new = Refinancing(0.10, 8, 1.2, reference_rate=0.04)
    cash = run(balloon(), 40.0, LenderTerms(refinancing=new), money=money(spread=1.5))
    rates = 0.04 * np.array([1.0, 2.0, 0.25]) + 0.06 * 1.5
    assert cash.debt_draw[:, 39] == pytest.approx(np.full(PATHS, 250.0))
    assert cash.interest_paid[:, 40] == pytest.approx(250.0 * rates / 12)
    level = 250.0 * (rates / 12) / (1 - (1 + rates / 12) ** -8)
    assert (cash.interest_paid + cash.principal_paid)[:, 40:47] == pytest.approx(np.tile(level[:, None], 7))
    assert cash.debt_balance[:, 47] == pytest.approx(np.zeros(PATHS), abs=1e-9)
    assert cash.not_refinanced == pytest.approx(np.zeros(PATHS))


def test_what_no_lender_takes_is_told_apart() -> None:
    new = Refinancing(0.10, 8, 1.2, reference_rate=0.04)
    cash = run(balloon(), 25.0, LenderTerms(refinancing=new), money=money(spread=8.0))
    rates = 0.04 * np.array([1.0, 2.0, 0.25]) + 0.06 * 8.0
    carried = 25.0 / 1.2 * (1 - (1 + rates / 12) ** -8) / (rates / 12)
    assert carried.max() < 250.0
    assert cash.not_refinanced == pytest.approx(250.0 - carried)
    assert cash.events is not None
    assert (cash.events.balloon_default == 39).all()
    assert run(floating(1.0)).not_refinanced is None


def test_shares_of_the_path_decide_what_converts() -> None:
    note = JuniorTerms("notes", "convertible", 40.0, 0.0, 0.05, 4, 40, converted_worth=0.9, share_beta=1.0)
    cash = run(floating(0.0), money=money(), juniors=(note,))
    (found,) = tranche_losses(cash)
    assert not found.owed.any()
    tranche = stack_below(cash, cash.terms.juniors).tranches[0]
    # worth 0.9, 1.8 and 0.225 a dollar: the second path alone is repaid in shares
    assert (tranche.converted[:, 40] > 0.0).tolist() == [False, True, False]
    assert tranche.principal_paid[0, 40] > 40.0
    assert tranche.principal_paid[1, 40] == 0.0


def test_bad_paths_are_refused() -> None:
    with pytest.raises(ScenarioError, match=r"money.rate: shape \(1, 3\)"):
        run(floating(1.0), money=MoneyPaths(*(np.ones((1, 3)),) * 3))
    with pytest.raises(ScenarioError, match="levels above 0"):
        run(floating(1.0), money=replace(money(), spread=np.zeros((1, MONTHS))))
