"""Agreement with pyxirr and numpy-financial, and with the annual reference cases as far as the room covers them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy_financial as npf
import pytest
import pyxirr

from megawatt.finance import (
    LoanTerms,
    discount_factors,
    irr,
    loan_schedule,
    net_present_value_usd,
    period_dscr,
)
from megawatt.finance.repayment import Window, service_per_dollar


def ordinary_flows(rows: int, periods: int, seed: int) -> np.ndarray:
    """Investments followed by returns: one change of sign each."""
    rng = np.random.default_rng(seed)
    flows = rng.uniform(0, 1, (rows, periods)) * 10.0 ** rng.uniform(0, 9, (rows, 1))
    flows[:, : periods // 4] *= -rng.uniform(0.5, 3.0, (rows, 1))
    return flows


@pytest.mark.parametrize("periods", [8, 84, 300])
def test_irr_agrees_with_pyxirr(periods: int) -> None:
    flows = ordinary_flows(40, periods, seed=periods)
    found = irr(flows, np.arange(float(flows.shape[1])))
    assert (found.reason == 0).all()
    # pyxirr stops at an amount of 1e-3, so it is given flows of one size
    expected = [pyxirr.irr(1e6 * row / np.abs(row).max()) for row in flows]
    assert found.rate == pytest.approx(np.array(expected), rel=1e-7, abs=1e-9)


def test_irr_agrees_with_numpy_financial() -> None:
    flows = ordinary_flows(20, 12, seed=3)
    expected = [npf.irr(row) for row in flows]
    assert irr(flows, np.arange(float(flows.shape[1]))).rate == pytest.approx(np.array(expected), rel=1e-8)


def test_monthly_irr_is_the_annual_effective_rate() -> None:
    flows = ordinary_flows(10, 60, seed=4)
    monthly = np.array([pyxirr.irr(row / np.abs(row).max()) for row in flows])
    assert irr(flows).rate == pytest.approx((1 + monthly) ** 12 - 1, rel=1e-6)


def test_npv_agrees_with_both() -> None:
    flows = ordinary_flows(10, 84, seed=5)
    monthly = 1.09 ** (1 / 12) - 1
    # both put the first flow at time 0; here it falls at the end of month 0
    for row, found in zip(flows, net_present_value_usd(flows, 0.09), strict=True):
        assert found == pytest.approx(npf.npv(monthly, row) / (1 + monthly), rel=1e-12)
        assert found == pytest.approx(pyxirr.npv(monthly, row) / (1 + monthly), rel=1e-12)


@pytest.mark.parametrize(("rate", "payments"), [(0.09, 60), (0.0775, 300), (0.005, 7)])
def test_level_loan_agrees_with_numpy_financial(rate: float, payments: int) -> None:
    loan = LoanTerms(2.5e9, rate, 0, 1, payments)
    schedule = loan_schedule(loan, payments + 1)
    assert schedule.service[1:] == pytest.approx([-npf.pmt(rate / 12, payments, 2.5e9)] * payments, rel=1e-12)
    periods = np.arange(1, payments + 1)
    assert schedule.interest_due[1:] == pytest.approx(-npf.ipmt(rate / 12, periods, payments, 2.5e9), rel=1e-9)
    assert schedule.principal[1:] == pytest.approx(-npf.ppmt(rate / 12, periods, payments, 2.5e9), rel=1e-9)


@pytest.fixture(params=["fin-a1", "fin-a2"])
def annual_case(request: pytest.FixtureRequest, reference_dir: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((reference_dir / "finance_cases" / f"{request.param}.json").read_text())
    return case


@pytest.mark.reference
@pytest.mark.parametrize("flow", ["equity_cashflow_aftertax", "project_cashflow_unlevered_aftertax"])
def test_returns_of_annual_cases(annual_case: dict[str, Any], flow: str) -> None:
    outputs, kind = annual_case["outputs"], flow.split("_")[0]
    row = np.array([outputs[flow]])
    years = np.arange(float(row.size))
    assert irr(row, years).rate[0] == pytest.approx(outputs[f"{kind}_irr_aftertax"], abs=1e-8)
    rate = annual_case["inputs"]["discount_rate_nominal"]
    assert net_present_value_usd(row, rate, years)[0] == pytest.approx(outputs[f"{kind}_npv_aftertax"], rel=1e-9)
    # the same by the room's own convention: month-end flows a year apart, moved to the first of them
    monthly = np.zeros((1, 12 * (row.shape[1] - 1) + 1))
    monthly[0, ::12] = row
    moved = net_present_value_usd(monthly, rate)[0] / discount_factors(rate, 1)[0]
    assert moved == pytest.approx(outputs[f"{kind}_npv_aftertax"], rel=1e-9)


@pytest.mark.reference
def test_cover_ratios_of_annual_cases(annual_case: dict[str, Any]) -> None:
    outputs = annual_case["outputs"]
    ratio = period_dscr(np.array([outputs["cfads"]]), np.array(outputs["debt_service"]))
    assert ratio.min() == pytest.approx(outputs["dscr_min"], rel=1e-9)
    assert ratio.mean() == pytest.approx(outputs["dscr_avg"], rel=1e-9)


@pytest.mark.reference
def test_level_debt_of_the_gpu_cloud_case(reference_dir: Path) -> None:
    case = json.loads((reference_dir / "finance_cases" / "fin-a2.json").read_text())
    debt, outputs = case["inputs"]["debt"], case["outputs"]
    rates = np.r_[0.0, np.full(debt["tenor_years"], debt["interest_rate"])]
    payment = service_per_dollar("level", rates, Window(1, debt["tenor_years"]))[0, 1:] * outputs["debt_size"]
    assert payment == pytest.approx(outputs["debt_service"], rel=1e-9)
