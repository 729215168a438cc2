"""A backstop pays once, late, and never more than its cap or the rent that was owed."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import Hall, LenderTerms, LoanTerms, OperatingFlows, ProjectTerms, loan_schedule, project
from megawatt.finance.backstop import backstop_payments

HALLS = (Hall(2, 0.5), Hall(6, 0.5))


def paid(default: int, **change: object) -> np.ndarray:
    terms: dict[str, object] = {
        "cap_usd": 1000.0, "cap_at_end_frac": 0.2, "lag_months": 3, "rent_usd_per_month": 100.0,
        "escalator_frac": 0.0, "term_months": 20,
    }  # fmt: skip
    return backstop_payments(HALLS, 40, default_month=np.array([default]), **(terms | change))[0]  # type: ignore[arg-type]


def test_the_cap_falls_over_the_lease() -> None:
    # lease from month 2 to 26; in month 8 a quarter has passed: 1000 x (1 - 0.25 x 0.8) = 800
    fee = paid(8)
    assert fee[11] == pytest.approx(800.0)
    assert fee.sum() == fee[11]


def test_no_more_than_the_rent_that_was_owed() -> None:
    # in month 22 the first hall's term is over, the second has 4 months of 50 left
    assert paid(22).sum() == pytest.approx(200.0)
    assert paid(30).sum() == 0.0


def test_no_default_no_fee_and_none_after_the_end() -> None:
    assert not paid(-1).any()
    assert not paid(8, lag_months=35).any()


def test_rent_owed_grows_with_the_escalator() -> None:
    # second hall, its 17th to 20th month: 50 x 1.1 each
    assert paid(22, escalator_frac=0.1).sum() == pytest.approx(220.0)


def test_out_of_range_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"lease\.backstop"):
        paid(8, cap_at_end_frac=1.5)


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
