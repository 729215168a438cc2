"""Covers of many base cases at once are those of the statements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.finance import LoanTerms, OperatingFlows, ProjectTerms, TaxTerms, project
from megawatt.finance.engine import missed_period
from megawatt.finance.scheduled import cover_case, scheduled_covers

MONTHS = 60


def case(
    price: float, rate: float = 0.08, tax: TaxTerms | None = None, **loan: object
) -> tuple[ProjectTerms, OperatingFlows]:
    spent = np.zeros(MONTHS)
    spent[:3] = 400.0
    sold = np.where(np.arange(MONTHS) > 3, price, 0.0)[None, :]
    cost = np.where(np.arange(MONTHS) > 3, 6.0, 0.0)[None, :]
    zero = np.zeros((1, MONTHS))
    terms = ProjectTerms(
        2026, 4, MONTHS, {"all": spent}, {"all": np.where(np.arange(MONTHS) == MONTHS - 1, 300.0, 0.0)[None, :]},
        LoanTerms(600.0, rate, 1, 4, 52, upfront_fee_frac=0.02, **loan),  # type: ignore[arg-type]
        tax, 0.1,
    )  # fmt: skip
    return terms, OperatingFlows({"sales": sold}, {"site": cost}, zero, zero)


US = TaxTerms(0.21, {"all": 5.0}, paid="quarterly", interest_limit_frac=0.3, state_rate=0.05)


def test_covers_are_those_of_the_statements() -> None:
    cases = [
        case(40.0, tax=US),
        case(34.0, tax=US),
        case(40.0, 0.12, US, shape="equal-principal"),
        case(45.0, tax=replace(US, rate=0.3)),
        case(40.0, tax=replace(US, life_years={"all": 3.0}), balloon_frac=0.3),
        case(40.0),
    ]
    found = scheduled_covers([cover_case(*each) for each in cases])
    for each, cover in zip(cases, found, strict=True):
        done = project(*each).measures
        assert cover.min_dscr == pytest.approx(done.min_dscr[0], rel=1e-12)
        assert cover.average_dscr == pytest.approx(done.average_dscr[0], rel=1e-12)
        assert cover.llcr == pytest.approx(done.llcr[0], rel=1e-12)


def test_a_case_without_a_loan_has_no_cover() -> None:
    terms, flows = case(40.0, tax=US)
    cover = scheduled_covers([cover_case(replace(terms, loan=None), flows)])[0]
    assert np.isnan([cover.min_dscr, cover.average_dscr, cover.llcr]).all()


@pytest.mark.parametrize("price", [10.0, 16.0, 19.0, 25.0, 40.0])
def test_missed_payments_alone_are_those_of_the_statements(price: float) -> None:
    terms, flows = case(price, tax=US)
    done = project(terms, flows)
    missed, paid_in = missed_period(terms, flows)
    assert missed.tolist() == done.missed.tolist()
    assert paid_in == pytest.approx(done.equity_in.sum(axis=1))
