"""Loan schedules against arithmetic by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import LoanTerms, level_payment_usd, loan_schedule

LOAN = LoanTerms(principal_usd=1000.0, rate=0.12, draw_month=0, first_payment_month=1, last_payment_month=2)


def test_level_loan_pays_equal_amounts() -> None:
    schedule = loan_schedule(LOAN, 4)
    # 1000 x 0.01 / (1 - 1.01^-2) = 507.512438; interest 10, then 1 % of 502.487562
    assert schedule.service.tolist() == pytest.approx([0, 507.5124378, 507.5124378, 0])
    assert schedule.interest_due.tolist() == pytest.approx([0, 10.0, 5.0248756, 0])
    assert schedule.balance.tolist() == pytest.approx([1000.0, 502.4875622, 0.0, 0.0])


def test_interest_before_the_first_payment_is_added_to_the_loan() -> None:
    schedule = loan_schedule(replace(LOAN, first_payment_month=3, last_payment_month=4), 5)
    assert schedule.capitalised.tolist() == pytest.approx([0, 10.0, 10.1, 0, 0])
    assert schedule.balance[2] == pytest.approx(1020.1)
    assert schedule.principal.sum() == pytest.approx(1020.1)


def test_interest_before_the_first_payment_can_be_due_in_cash() -> None:
    schedule = loan_schedule(replace(LOAN, first_payment_month=3, last_payment_month=3, capitalise_interest=False), 4)
    assert schedule.service.tolist() == pytest.approx([0, 10.0, 10.0, 1010.0])


def test_sculpted_loan_pays_in_proportion_to_its_weights() -> None:
    weights = np.array([9.0, 2.0, 1.0, 0.0])
    schedule = loan_schedule(replace(LOAN, shape="sculpted", service_weights=weights), 4)
    # k (2 / 1.01 + 1 / 1.01^2) = 1000, so k = 337.7814570: payments of 2 k and k; 1010 - 2 k stays after the first
    assert schedule.service.tolist() == pytest.approx([0, 675.5629139, 337.7814570, 0])
    assert schedule.balance.tolist() == pytest.approx([1000.0, 334.4370861, 0.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("weights", [None, np.zeros(4), np.array([1.0, 1.0]), np.array([0.0, -1.0, 3.0, 0.0])])
def test_a_sculpted_loan_needs_weights(weights: np.ndarray | None) -> None:
    with pytest.raises(ScenarioError, match="service_weights"):
        loan_schedule(replace(LOAN, shape="sculpted", service_weights=weights), 4)


def test_equal_principal_and_bullet() -> None:
    equal = loan_schedule(replace(LOAN, shape="equal-principal", last_payment_month=4), 5)
    assert equal.principal.tolist() == pytest.approx([0, 250, 250, 250, 250])
    assert equal.interest_due.tolist() == pytest.approx([0, 10.0, 7.5, 5.0, 2.5])
    bullet = loan_schedule(replace(LOAN, shape="bullet"), 4)
    assert bullet.service.tolist() == pytest.approx([0, 10.0, 1010.0, 0])


def test_the_fee_is_paid_at_the_draw_and_deducted_over_the_life() -> None:
    schedule = loan_schedule(replace(LOAN, upfront_fee_frac=0.03), 4)
    assert schedule.fee.tolist() == [30.0, 0, 0, 0]
    assert schedule.fee_amortised.tolist() == [10.0, 10.0, 10.0, 0]


def test_without_interest_payments_are_plain_parts() -> None:
    assert level_payment_usd(1200.0, 0.0, 12) == 100.0
    assert level_payment_usd(1200.0, 5e-324, 12) == 100.0
    # 1.2e-8 a year is 1e-9 a month: 100 x (1 + 13 x 1e-9 / 2), and the same where the quotient takes over
    assert level_payment_usd(1200.0, 1.2e-8, 12) == pytest.approx(100.0 * (1 + 6.5e-9), rel=1e-15)
    assert level_payment_usd(1200.0, 1.2e-6, 12) == pytest.approx(100.0 * (1 + 6.5e-7), rel=1e-12)


def test_no_loan_is_all_zeros() -> None:
    schedule = loan_schedule(None, 3)
    assert not schedule.service.any()
    assert not schedule.balance.any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": "balloon"}, "shape"),
        ({"principal_usd": 0.0}, "principal_usd"),
        ({"rate": 9.0}, "rate"),
        ({"upfront_fee_frac": 1.0}, "fee"),
        ({"first_payment_month": 0}, "first payment"),
        ({"last_payment_month": 4}, "last payment"),
    ],
)
def test_bad_terms_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        loan_schedule(replace(LOAN, **change), 4)  # type: ignore[arg-type]
