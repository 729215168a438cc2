"""Loan schedules against arithmetic by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import LoanTerms, calendar_periods, loan_schedule
from megawatt.finance.repayment import Window, service_per_dollar

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
    for rate in (0.0, 5e-324, 1e-9):
        payment = 1200.0 * service_per_dollar("level", np.full(13, rate), Window(1, 12))[0, 1]
        # 1e-9 a month: 100 x (1 + 13 x 1e-9 / 2)
        assert payment == pytest.approx(100.0 * (1 + 6.5 * rate), rel=1e-14)


def test_quarters_bear_a_quarter_of_a_years_interest() -> None:
    schedule = loan_schedule(LOAN, calendar_periods(2026, 1, 4, 3))
    # 1000 x 0.03 / (1 - 1.03^-2) = 522.610837; interest 30, then 3 % of 507.389163
    assert schedule.service.tolist() == pytest.approx([0, 522.6108374, 522.6108374, 0])
    assert schedule.interest_due.tolist() == pytest.approx([0, 30.0, 15.2216749, 0])


def test_interest_that_a_sculpted_payment_does_not_cover_is_added() -> None:
    weights = np.array([0.0, 0.0, 1.0, 0.0])
    schedule = loan_schedule(replace(LOAN, shape="sculpted", service_weights=weights), 4)
    assert schedule.capitalised.tolist() == pytest.approx([0, 10.0, 0, 0])
    assert schedule.balance.tolist() == pytest.approx([1000.0, 1010.0, 0, 0])
    assert schedule.service.tolist() == pytest.approx([0, 0, 1020.1, 0])


def test_fees_of_what_is_not_drawn_and_of_the_close() -> None:
    loan = replace(LOAN, draws=np.array([400.0, 600.0, 0, 0, 0]), first_payment_month=2, last_payment_month=4,
                   commitment_fee=0.012, closing_cost_usd=7.0, upfront_fee_frac=0.01)  # fmt: skip
    # 0.1 % a month on 1,000 in month 0 and on 600 in month 1
    schedule = loan_schedule(loan, 5)
    assert schedule.fee.tolist() == pytest.approx([10 + 7 + 1.0, 0.6, 0, 0, 0])
    assert schedule.fee_amortised.tolist() == pytest.approx([18.6 / 5] * 5)
    assert not loan_schedule(replace(loan, deduct_fees=False), 5).fee_amortised.any()


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
