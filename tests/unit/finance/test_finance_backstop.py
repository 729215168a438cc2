"""A guarantor makes good what is lost, late, and never more than its amount."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import LenderTerms, LoanTerms, OperatingFlows, ProjectTerms, loan_schedule, project
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


def test_a_mandatory_prepayment_lowers_every_later_instalment() -> None:
    months = 30
    capex = np.where(np.arange(months) == 0, 1000.0, 0.0)
    fee = np.zeros((1, months))
    fee[0, 10] = 250.0
    cash = np.full((1, months), 40.0) + fee
    cash[0, 0] = 0.0
    loan = LoanTerms(600.0, 0.12, 0, 1, 24, shape="equal-principal")
    lender = LenderTerms(mandatory_prepayment_usd=fee)
    zero = np.zeros((1, months))
    terms = ProjectTerms(2026, 1, months, {"all": capex}, {}, loan, None, 0.1, construction_months=1, lender=lender)
    done = project(terms, OperatingFlows({"rent": cash}, {"site": zero}, zero, zero))
    # after ten payments 350 is owed and 250 of it is prepaid: 100 left, in 14 parts
    assert loan_schedule(loan, months).balance[10] == pytest.approx(350.0)
    assert done.swept is not None
    assert done.swept[0, 10] == pytest.approx(250.0)
    assert done.principal_paid[0, 11:25] == pytest.approx(np.full(14, 100 / 14))
    assert done.missed[0] == -1
