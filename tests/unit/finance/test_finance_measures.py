"""Returns and cover ratios by hand, and every reason for which there is no rate."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.finance import (
    discount_factors,
    irr,
    level_annuity_usd_per_year,
    llcr,
    net_present_value_usd,
    payback_month,
    period_dscr,
    trailing_dscr,
)


def test_monthly_flows_fall_at_month_ends() -> None:
    factors = discount_factors(1.01**12 - 1, 3)
    assert factors.tolist() == pytest.approx([1 / 1.01, 1 / 1.01**2, 1 / 1.01**3])
    npv = net_present_value_usd(np.array([[-100.0, 0.0, 110.0]]), 1.01**12 - 1)
    assert npv[0] == pytest.approx(-100 / 1.01 + 110 / 1.01**3)


def test_level_annuity_spreads_value_over_operating_months() -> None:
    # no interest: 300 over 6 months of operation is 50 a month, 600 a year
    assert level_annuity_usd_per_year(np.array([300.0]), 0.0, 4, 10)[0] == pytest.approx(600.0)
    # with interest the annuity's present value is the value again
    annual = level_annuity_usd_per_year(np.array([1000.0]), 0.08, 6, 66)[0]
    flows = np.where(np.arange(66) >= 6, annual / 12, 0.0)[None, :]
    assert net_present_value_usd(flows, 0.08)[0] == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("flows", "periods", "rate"),
    [
        ([-100, 110], 1, 0.10),
        ([-100, 101], 12, 1.01**12 - 1),
        ([-100, 0, 0, 95], 1, 0.95 ** (1 / 3) - 1),
        ([-100, 100], 12, 0.0),
        ([100, -110], 1, 0.10),  # a loan seen by the borrower
        ([-1, 0, 1e8], 1, 1e4 - 1),
        ([-1e9] + [2e7] * 84, 12, None),
    ],
)
def test_rate_balances_the_flows(flows: list[float], periods: int, rate: float | None) -> None:
    result = irr(np.array([flows], dtype=float), np.arange(len(flows)) / periods)
    if rate is not None:
        assert result.rate[0] == pytest.approx(rate, abs=1e-10, rel=1e-10)
    growth = (1 + result.rate[0]) ** (1 / periods)
    value = sum(f / growth**k for k, f in enumerate(flows))
    assert value == pytest.approx(0.0, abs=1e-9 * max(abs(f) for f in flows))


@pytest.mark.parametrize(
    ("flows", "words"),
    [
        ([0, 0, 0], "every flow is zero"),
        ([5, 0, 7], "nothing is invested"),
        ([-5, 0, -7], "nothing comes back"),
        ([-100, 230, -132], "several rates"),  # 10 % and 20 %
        ([10, -1, 10], "no rate between"),  # value above zero at every rate
        ([-1, 1e9], "no rate between"),
    ],
)
def test_no_rate_comes_with_a_reason(flows: list[float], words: str) -> None:
    result = irr(np.array([flows], dtype=float), np.arange(float(len(flows))))
    assert np.isnan(result.rate[0])
    assert words in result.note()


def test_several_changes_of_sign_with_one_rate() -> None:
    result = irr(np.array([[-100.0, 50.0, -10.0, 90.0]]), np.arange(4.0))
    growth = 1 + result.rate[0]
    assert -100 + 50 / growth - 10 / growth**2 + 90 / growth**3 == pytest.approx(0.0, abs=1e-9)


def test_rows_do_not_influence_each_other() -> None:
    rows = np.array([[-100.0, 60.0, 60.0], [-100.0, 10.0, 10.0], [1.0, 1.0, 1.0]])
    years = np.arange(float(rows.shape[1]))
    together = irr(rows, years).rate
    alone = [irr(row[None, :], years).rate[0] for row in rows]
    assert np.array_equal(together, np.array(alone), equal_nan=True)


def test_cover_ratios() -> None:
    cfads = np.array([[0.0, 30.0, 10.0, 20.0, 99.0]])
    service = np.array([0.0, 10.0, 10.0, 20.0, 0.0])
    assert period_dscr(cfads, service)[0, 1:4].tolist() == [3.0, 1.0, 1.0]
    trailing = trailing_dscr(cfads, service, window=2)[0]
    # (30 + 10) / 20, then (10 + 20) / 30; no value before two months of service, none after the loan
    assert trailing[2:4].tolist() == [2.0, 1.0]
    assert np.isnan(trailing[[0, 1, 4]]).all()
    # three payments are fewer than twelve: one value, 60 / 40
    assert trailing_dscr(cfads, service)[0, 3] == 1.5
    # 12 % a year: (30/1.01 + 10/1.01^2 + 20/1.01^3) / 40
    assert llcr(cfads, service, np.full(service.size, 0.01), 40.0)[0] == pytest.approx(
        (30 / 1.01 + 10 / 1.01**2 + 20 / 1.01**3) / 40
    )


def test_payback_counts_only_when_it_lasts() -> None:
    flows = np.array([[-10.0, 12.0, -5.0, 4.0], [-10.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    # 2, then -3, then 1: back for good in month 3
    assert payback_month(flows).tolist() == pytest.approx([3.0, np.nan, 0.0], nan_ok=True)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ScenarioError, match="finite"):
        irr(np.array([[1.0, np.nan]]))
    with pytest.raises(ScenarioError, match="discount_rate"):
        discount_factors(-1.0, 3)
    with pytest.raises(ScenarioError, match="operation starts"):
        level_annuity_usd_per_year(np.ones(1), 0.1, 3, 3)
