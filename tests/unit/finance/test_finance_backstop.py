"""A guarantor makes good what is lost, late, and never more than its amount."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import CashFlow, LenderTerms, LoanTerms, OperatingFlows, ProjectTerms, loan_schedule, project
from megawatt.finance.backstop import Guarantee, fee_schedule, guarantee_payments

MONTHS = 40
LOST = np.full((1, MONTHS), 100.0) * (np.arange(MONTHS) < 30)
"""Rent of a lease that ends in month 30."""


def paid(default: int, lost: np.ndarray = LOST, rate: float = 0.0, **change: object) -> np.ndarray:
    terms: dict[str, object] = {"pays": "fee", "lag_months": 3, "cap_usd": np.full(MONTHS, 1e9)}
    guarantee = Guarantee(**(terms | change))  # type: ignore[arg-type]
    return guarantee_payments(guarantee, lost, np.array([default]), rate)[0]


def test_amounts_by_date_with_a_straight_line_between() -> None:
    cap = fee_schedule({2: 1000.0, 12: 600.0, 22: 0.0}, MONTHS)
    assert cap[[0, 2, 7, 12, 17, 30]] == pytest.approx([1000, 1000, 800, 600, 300, 0])


def test_a_fee_is_paid_once_and_is_no_more_than_its_amount_at_the_default() -> None:
    fee = paid(8, cap_usd=fee_schedule({0: 800.0, 40: 0.0}, MONTHS))
    assert fee[11] == pytest.approx(640.0)
    assert fee.sum() == fee[11]


def test_a_fee_is_the_worth_of_the_rent_that_is_lost() -> None:
    # months 20 to 29, seen from the payment in month 23 at 1 % a month
    fee = paid(20, rate=1.01**12 - 1)
    assert fee[23] == pytest.approx(sum(100 * 1.01 ** (23 - m) for m in range(20, 30)))


def test_what_is_let_to_others_is_not_recovered_twice() -> None:
    relet = np.where(np.arange(MONTHS) >= 26, 60.0, 0.0) * (LOST > 0)
    assert paid(20, LOST - relet).sum() == pytest.approx(10 * 100 - 4 * 60)
    # better tenants than the old one: no damage, no fee
    assert not paid(20, LOST - 300.0 * (LOST > 0)).any()


def test_rent_as_due_catches_up_after_the_lag_and_stops_at_its_amount() -> None:
    rent = paid(20, pays="rent")
    assert rent[22:31].tolist() == pytest.approx([0, 400, 100, 100, 100, 100, 100, 100, 0])
    capped = paid(20, pays="rent", cap_usd=np.full(MONTHS, 650.0))
    assert capped[23:28].tolist() == pytest.approx([400, 100, 100, 50, 0])
    # months in which re-letting brings more than the rent owe nothing and give nothing back
    better = LOST - np.where(np.arange(MONTHS) >= 25, 150.0, 0.0)
    assert paid(20, better, pays="rent").sum() == pytest.approx(500)


def test_no_default_no_payment_and_none_after_the_end() -> None:
    assert not paid(-1).any()
    assert not paid(8, lag_months=35).any()


@pytest.mark.parametrize("change", [{"pays": "gift"}, {"lag_months": -1}, {"cap_usd": np.full(MONTHS, -1.0)}], ids=str)
def test_out_of_range_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ScenarioError, match=r"lease\.backstop"):
        paid(8, **change)
    with pytest.raises(ScenarioError, match=r"lease\.backstop"):
        fee_schedule({3: -1.0}, MONTHS)


def after_default(until: int | None, fee_usd: float, order: Literal["pro-rata", "inverse"] = "pro-rata") -> CashFlow:
    """600 in 24 equal parts at 1 %; the tenant stops in period 10 and pays a fee, halls earn again after ``until``."""
    months = 30
    fee = np.zeros((1, months))
    fee[0, 10] = fee_usd
    earned = np.where(np.arange(months) > 15, 40.0, 0.0) + np.where(np.arange(months) < 10, 40.0, 0.0)
    capex = np.where(np.arange(months) == 0, 1000.0, 0.0)
    cash = earned[None, :] + fee
    cash[0, 0] = 0.0
    loan = LoanTerms(600.0, 0.12, 0, 1, 24, shape="equal-principal")
    held = None if until is None else np.array([until])
    lender = LenderTerms(proceeds_usd=fee, proceeds_until=held, prepayment_order=order)
    zero = np.zeros((1, months))
    terms = ProjectTerms(2026, 1, months, {"all": capex}, {}, loan, None, 0.1, construction_months=1, lender=lender)
    return project(terms, OperatingFlows({"rent": cash}, {"site": zero}, zero, zero))


def test_a_fee_is_held_for_the_empty_months_before_it_prepays() -> None:
    at_once, held = after_default(None, 250.0), after_default(15, 250.0)
    # all of it prepays, and the empty months are missed; held, they are served
    assert at_once.missed[0] == 11
    assert held.missed[0] == -1
    # 350 is owed after period 10; service of 11 to 15 is 5 x 25 + 1 % of 350, 325, ... 250 = 140;
    # of 225 (250 less the 28.75 of period 10) 221.25 - 140 = 81.25 is spare and lowers that service by as much again
    service_10 = 25.0 + 0.01 * 375.0
    spare = 250.0 - service_10 - 140.0
    prepaid = spare / (1.0 - 140.0 / 350.0)
    assert held.swept is not None
    assert held.swept[0, 10] == pytest.approx(prepaid)
    assert held.principal_paid[0, 11:25] == pytest.approx(np.full(14, (350.0 - prepaid) / 14))
    assert held.reserve_balance is not None
    assert held.reserve_balance[0, 15] == pytest.approx(0.0, abs=1e-9)
    assert not held.distributions[0, 10:16].any()
    # cover counts the service that is left
    assert held.service[0, 11] == pytest.approx((1.0 - prepaid / 350.0) * (25.0 + 3.5))


def test_a_fee_may_take_away_the_last_instalments() -> None:
    held = after_default(15, 250.0, "inverse")
    assert held.swept is not None
    assert held.swept[0, 10] == pytest.approx(250.0 - 28.75 - 140.0)
    # instalments stay as they are, and the interest that is saved prepays too
    instalments = held.principal_paid - held.swept
    assert instalments[0, 11:20] == pytest.approx(np.full(9, 25.0))
    assert held.swept[0, 11:16].sum() == pytest.approx(81.25 * (1.01**5 - 1.0))
    assert held.principal_paid[0, 11:22].sum() == pytest.approx(350.0 - (250.0 - 28.75 - 140.0))
    assert not held.principal_paid[0, 22:].any()
    assert held.missed[0] == -1


def test_a_fee_above_the_debt_repays_it_and_the_rest_is_the_owners() -> None:
    rich = after_default(15, 1000.0)
    assert rich.debt_balance[0, 10] == pytest.approx(0.0)
    assert rich.distributions[0, 10] == pytest.approx(1000.0 - 28.75 - 350.0)


@pytest.mark.parametrize("until", [11, 13, 20, 29])
@pytest.mark.parametrize("order", ["pro-rata", "inverse"])
@pytest.mark.parametrize("fee_usd", [40.0, 120.0, 300.0])
def test_holding_a_fee_never_makes_a_default_earlier(
    until: int, order: Literal["pro-rata", "inverse"], fee_usd: float
) -> None:
    at_once, held = after_default(None, fee_usd, order), after_default(until, fee_usd, order)
    assert held.missed[0] == -1 or held.missed[0] >= at_once.missed[0] > 0
    assert (held.debt_balance >= -1e-9).all()
    used = held.closing_cash - held.reserve_balance
    assert (used >= -1e-9).all()


def test_a_mandatory_prepayment_lowers_every_later_instalment() -> None:
    months = 30
    capex = np.where(np.arange(months) == 0, 1000.0, 0.0)
    fee = np.zeros((1, months))
    fee[0, 10] = 250.0
    cash = np.full((1, months), 40.0) + fee
    cash[0, 0] = 0.0
    loan = LoanTerms(600.0, 0.12, 0, 1, 24, shape="equal-principal")
    lender = LenderTerms(proceeds_usd=fee)
    zero = np.zeros((1, months))
    terms = ProjectTerms(2026, 1, months, {"all": capex}, {}, loan, None, 0.1, construction_months=1, lender=lender)
    done = project(terms, OperatingFlows({"rent": cash}, {"site": zero}, zero, zero))
    # after ten payments 350 is owed and 250 of it is prepaid: 100 left, in 14 parts
    assert loan_schedule(loan, months).balance[10] == pytest.approx(350.0)
    assert done.swept is not None
    assert done.swept[0, 10] == pytest.approx(250.0)
    assert done.principal_paid[0, 11:25] == pytest.approx(np.full(14, 100 / 14))
    assert done.missed[0] == -1
