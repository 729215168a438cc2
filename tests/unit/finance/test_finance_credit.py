"""What a lender reads, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.finance import CashFlow, LenderTerms, LoanTerms, OperatingFlows, ProjectTerms, project
from megawatt.finance.credit import credit_measures

MONTHS = 26


def rented(loan: LoanTerms | None, lender: LenderTerms | None = None, income: float = 10.0) -> CashFlow:
    """100 spent in month 0, then ``income`` a month for 25 months, no tax."""
    earned = np.where(np.arange(MONTHS) > 0, income, 0.0)[None, :]
    none = np.zeros((1, MONTHS))
    terms = ProjectTerms(
        start_year=2026,
        start_month=1,
        months=MONTHS,
        capex_cost={"plant": np.where(np.arange(MONTHS) == 0, 100.0, 0.0)},
        residual={},
        loan=loan,
        tax=None,
        discount_rate=0.1,
        lender=lender,
    )
    return project(terms, OperatingFlows({"rent": earned}, {"site": none}, none, none))


def test_a_loan_without_interest() -> None:
    # 60 in 20 payments of 3; cover 10 / 3; the loan's life brings 200, the project's 250
    found = credit_measures(rented(LoanTerms(60.0, 0.0, 0, 1, 20)))
    assert found.debt_usd == pytest.approx(60)
    assert found.gearing_frac == pytest.approx(0.6)
    assert found.min_dscr == found.average_dscr == pytest.approx(10 / 3)
    assert found.min_forward_dscr == pytest.approx(10 / 3)
    assert found.llcr == pytest.approx(200 / 60)
    assert found.plcr == pytest.approx(250 / 60)
    assert found.min_interest_cover is None
    # 100 is back after ten months of 10: at the end of November 2026
    assert found.payback == "2026-11"
    assert (found.lockup, found.breach, found.payment_default, found.insolvency) == (None,) * 4
    assert len(found.equity_roots) == 1


def test_events_are_told_apart() -> None:
    # 80 in 16 payments of 5 out of 4 a month
    found = credit_measures(
        rented(LoanTerms(80.0, 0.0, 0, 1, 16), LenderTerms(lockup_dscr=1.2, covenant_dscr=1.1), income=4.0)
    )
    assert found.min_dscr == pytest.approx(0.8)
    # the first test needs twelve months of service: January 2027 is month 12
    assert found.lockup == found.breach == "2027-01"
    assert found.payment_default == "2026-02"


def test_without_debt_there_is_no_cover() -> None:
    found = credit_measures(rented(None))
    assert found.debt_usd is found.llcr is found.plcr is found.min_dscr is found.lockup is None
    assert found.payback == "2026-11"
