"""Headline numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.chain.headline import operating_margin_usd_per_year, tokens_per_grid_mwh, worst_month
from megawatt.finance import CashFlow, OperatingFlows, ProjectTerms, project
from megawatt.risk import operating_months


def cash() -> CashFlow:
    months = 27
    revenue = np.full((1, months), 10.0)
    revenue[0, 0] = 0.0
    revenue[0, 17] = 4.0
    cost = np.full((1, months), 3.0)
    terms = ProjectTerms(
        start_year=2025,
        start_month=11,
        months=months,
        capex_cost={"plant": np.array([50.0] + [0.0] * (months - 1))},
        residual={},
        loan=None,
        tax=None,
        discount_rate=0.1,
    )
    nothing = np.zeros((1, months))
    return project(terms, OperatingFlows({"sales": revenue}, {"site": cost}, nothing, nothing), grid_mw=2.0)


def test_tokens_per_mwh_at_the_connection() -> None:
    # 1e6 tokens a second for a year over 100 MW for a year: 1e6 x 3600 / 100
    assert tokens_per_grid_mwh(1e6, np.full(8760, 100.0)) == pytest.approx(3.6e7)


def test_margin_is_of_the_first_full_year() -> None:
    assert operating_margin_usd_per_year(cash(), 1) == pytest.approx(12 * 7.0)
    assert operating_margin_usd_per_year(cash(), 6) == pytest.approx(12 * 7.0 - 6.0)


def test_worst_month_is_named_and_leaves_out_the_last() -> None:
    # month 17 after November 2025 is April 2027: 4 - 3
    assert worst_month(cash()) == ("Apr 2027", pytest.approx(1.0))
    # the same months count on every simulated path: from the end of construction, without the last
    assert operating_months(cash()) == slice(1, 26)
