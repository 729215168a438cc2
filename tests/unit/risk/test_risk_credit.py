"""Lenders' summary of paths: losses add up, another default rate weighs the same paths, inputs are called inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.catalogue.records import Assumption, Fact
from megawatt.finance import CashFlow
from megawatt.risk.credit import credit_risk
from megawatt.risk.records import CreditRisk, FactorTerms
from tests.unit.results.test_results_workbook import example
from tests.unit.risk.factor_sample import sample_terms

PATHS, MONTHS = 20_000, 20


def _terms(rate: float, low: float | None, high: float | None) -> FactorTerms:
    fact = Fact(rate, "", "assumed", "none", "2026", low, high, "")
    return replace(
        sample_terms(), tenant_annual_default=rate, assumptions=(Assumption("a.tenant_default_x_frac", "risk", fact),)
    )


def _found(failed: np.ndarray, missed: np.ndarray, terms: FactorTerms, base: CashFlow | None = None) -> CreditRisk:
    owed = np.where(missed >= 0, 100.0, 0.0)
    none = np.full(missed.size, -1)
    samples = {
        "missed_month": missed, "tenant_default_month": failed, "lockup_month": none, "breach_month": none,
        "insolvency_month": none, "balloon_month": none, "exposure_usd": owed, "loss_usd": 0.4 * owed,
        "loss_today_usd": 0.3 * owed,
    }  # fmt: skip
    yearly = np.stack([np.linspace(0.5, 1.5, missed.size), np.full(missed.size, np.nan)], axis=1)
    return credit_risk(base or example(), terms, samples, yearly)


def _failed(rate: float, seed: int) -> np.ndarray:
    """Months of default of tenants that fail with this probability a year."""
    rng = np.random.default_rng(seed)
    month = np.floor(np.log(rng.random(PATHS)) / np.log1p(-rate) * 12).astype(np.int64)
    return np.where(month < MONTHS, month, -1)


def test_losses_add_up() -> None:
    missed = np.full(1000, -1)
    missed[:50] = 7
    found = _found(np.full(1000, -1), missed, _terms(0.0, None, None))
    assert found.payment_default.probability == 0.05
    assert found.payment_default.low < 0.05 < found.payment_default.high
    assert (found.exposure_usd, found.loss_usd, found.loss_given_default_frac) == (100.0, 40.0, 0.4)
    assert found.expected_loss_usd == pytest.approx(0.05 * 30.0)
    assert found.expected_loss_error_usd == pytest.approx(30.0 * np.sqrt(0.05 * 0.95 / 1000), rel=1e-3)
    assert found.years == (2027,), "a year without service has no cover"
    assert found.dscr[:, 0] == pytest.approx([0.55, 0.75, 1.0, 1.25, 1.45])
    assert found.below_one[0] == pytest.approx(0.5)
    assert (found.handed_back, found.tenant_default, found.input_range) == (False, None, None)


def test_no_missed_payment_has_no_loss_given_default() -> None:
    found = _found(np.full(10, -1), np.full(10, -1), _terms(0.0, None, None))
    assert found.loss_given_default_frac is found.loss_usd is found.exposure_usd is None
    assert found.expected_loss_usd == 0.0


def test_a_probability_that_was_put_in_is_said_to_be() -> None:
    failed = _failed(0.05, 1)
    found = _found(failed, failed, _terms(0.05, 0.01, 0.1))
    assert found.handed_back
    assert found.missed_with == 1.0
    assert found.missed_without == 0.0
    market = np.where(np.arange(PATHS) % 3 == 0, 5, -1)
    assert not _found(failed, market, _terms(0.05, 0.01, 0.1)).handed_back


@pytest.mark.parametrize("end", [0, 1])
def test_another_default_rate_is_the_weight_of_the_same_paths(end: int) -> None:
    """Service is missed where the tenant fails in its first year: at another rate that has a closed form."""
    rates = (0.02, 0.2)
    failed = _failed(0.08, 2)
    missed = np.where((failed >= 0) & (failed < 12), failed, -1)
    found = _found(failed, missed, _terms(0.08, *rates))
    assert found.probability_at_range is not None
    # the share of first-year defaults among all is that of the sample: 1,000 of them
    assert found.probability_at_range[end] == pytest.approx(rates[end], rel=0.03)


def test_at_no_default_what_is_left_is_the_market() -> None:
    failed = _failed(0.08, 3)
    missed = np.where((failed >= 0) | (np.arange(PATHS) % 10 == 0), 3, -1)
    found = _found(failed, missed, _terms(0.08, 0.0, 0.08))
    assert found.probability_at_range is not None
    assert found.probability_at_range[0] == pytest.approx(float((missed[failed < 0] >= 0).mean()))
    assert found.probability_at_range[1] == pytest.approx(found.payment_default.probability, abs=0.005)
