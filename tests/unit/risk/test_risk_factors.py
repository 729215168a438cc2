"""Factor paths: exact steps, expectations, correlation, default months."""

from __future__ import annotations

import math

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.risk import (
    base_factors,
    conditional_default_probability,
    exponential_ornstein_uhlenbeck,
    geometric_brownian,
    ornstein_uhlenbeck,
    simulate_factors,
)
from megawatt.risk.factors import innovation_correlation
from megawatt.risk.ratings import default_months
from tests.unit.risk.factor_sample import sample_terms


def test_brownian_steps_by_hand() -> None:
    # one year steps, volatility 0.5, drift 0.1: log steps 0.5 x 1 + 0.1 - 0.125 and -0.5 + 0.1 - 0.125
    levels = geometric_brownian(np.array([[1.0], [-1.0]]), 0.5, 0.1, step_years=1.0)
    assert levels[:, 0].tolist() == pytest.approx([math.exp(0.475), math.exp(0.475 - 0.525)])


def test_reverting_steps_by_hand() -> None:
    keep, scale = math.exp(-2.0 * 0.5), 0.3 * math.sqrt((1 - math.exp(-2.0)) / 4.0)
    levels = ornstein_uhlenbeck(np.array([[1.0], [2.0]]), 0.3, 2.0, step_years=0.5, start=0.4)
    first = 0.4 * keep + scale
    assert levels[:, 0].tolist() == pytest.approx([first, first * keep + 2 * scale])


def test_without_reversion_it_is_a_brownian_motion() -> None:
    shocks = np.random.default_rng(3).standard_normal((5, 4))
    plain = exponential_ornstein_uhlenbeck(shocks, 0.4, 0.0, drift=0.1)
    assert plain == pytest.approx(geometric_brownian(shocks, 0.4, 0.1))


def test_without_volatility_every_path_is_the_base_case() -> None:
    still = sample_terms(
        btc_volatility=0.0,
        power_volatility=0.0,
        compute_volatility=0.0,
        demand_volatility=0.0,
        tenant_annual_default=0.0,
    )
    paths, base = simulate_factors(still, 30, 4, np.random.SeedSequence(1)), base_factors(still, 30)
    for name in ("btc", "power", "compute", "demand"):
        assert getattr(paths, name) == pytest.approx(np.repeat(getattr(base, name), 4, axis=0))
    assert paths.tenant_default_month.tolist() == [-1] * 4
    assert base.compute[0, 11] == pytest.approx(math.exp(-0.15))  # a year at -0.15


def test_expectations_hold_within_monte_carlo_error() -> None:
    terms = sample_terms(btc_drift=0.1)
    paths = simulate_factors(terms, 60, 40_000, np.random.SeedSequence(11))
    for name, drift in (("btc", 0.1), ("power", 0.0), ("compute", -0.15), ("demand", 0.0)):
        for month in (0, 11, 59):
            level = getattr(paths, name)[:, month]
            error = level.std() / math.sqrt(level.size)
            assert abs(level.mean() - math.exp(drift * (month + 1) / 12)) < 4 * error, (name, month)


def test_monthly_innovations_have_the_exact_correlation() -> None:
    # Brownian motions correlated 0.6, reversions 1 and 0.5 a year over a month
    wanted = innovation_correlation(np.array([[1.0, 0.6], [0.6, 1.0]]), np.array([1.0, 0.5]))[0, 1]
    g = {k: (1 - math.exp(-k / 12)) / k for k in (1.0, 1.5, 2.0)}
    assert wanted == pytest.approx(0.6 * g[1.5] / math.sqrt(g[2.0] * g[1.0]))
    paths = simulate_factors(sample_terms(), 1, 60_000, np.random.SeedSequence(5))
    seen = np.corrcoef(np.log(paths.compute[:, 0]), np.log(paths.demand[:, 0]))[0, 1]
    assert abs(seen - wanted) < 4 * (1 - wanted**2) / math.sqrt(60_000)


def test_conditional_probability_moves_with_the_year() -> None:
    good, bad = conditional_default_probability(0.02, 0.3, np.array([1.0, -1.0]))
    assert good < 0.02 < bad
    assert conditional_default_probability(0.02, 0.0, np.array([3.0]))[0] == pytest.approx(0.02)
    assert conditional_default_probability(0.0, 0.3, np.array([-9.0]))[0] == 0.0


def test_default_month_is_the_uniforms_place_below_the_probability() -> None:
    # no correlation: probability 0.12 a year, so each 0.01 of the uniform is a month
    uniforms = np.array([[0.005, 0.055, 0.119, 0.121], [0.9, 0.9, 0.9, 0.045]])
    months = default_months(np.zeros((24, 4)), uniforms, (0.12,), 0.0)
    assert months.tolist() == [0, 5, 11, 12 + 4]


def test_default_probability_of_each_year_is_the_stated_one() -> None:
    paths = simulate_factors(sample_terms(), 30, 100_000, np.random.SeedSequence(2))
    month = paths.tenant_default_month
    alive = month.size
    for start, length in ((0, 12), (12, 12), (24, 6)):
        wanted = 1 - 0.95 ** (length / 12)
        defaults = np.count_nonzero((month >= start) & (month < start + length))
        error = math.sqrt(wanted * (1 - wanted) / alive)
        assert abs(defaults / alive - wanted) < 4 * error
        alive -= defaults


def test_defaults_come_in_bad_years_for_demand() -> None:
    paths = simulate_factors(sample_terms(tenant_correlation=0.5), 12, 20_000, np.random.SeedSequence(4))
    failed = paths.tenant_default_month >= 0
    assert paths.demand[failed, -1].mean() < 0.9 * paths.demand[~failed, -1].mean()


def test_same_seed_same_paths() -> None:
    one, two, other = (simulate_factors(sample_terms(), 6, 10, np.random.SeedSequence(s)) for s in (9, 9, 10))
    assert np.array_equal(one.power, two.power)
    assert not np.array_equal(one.power, other.power)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"btc_volatility": -0.1}, "btc_volatility"),
        ({"power_reversion": float("nan")}, "power_reversion"),
        ({"tenant_annual_default": 1.0}, "tenant_annual_default"),
        ({"tenant_correlation": 1.0}, "tenant_correlation"),
        ({"relet_lag_months": -1}, "relet_lag_months"),
        ({"correlation": np.eye(3)}, r"must be \(7, 7\)"),
    ],
)
def test_bad_terms_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        simulate_factors(sample_terms(**change), 12, 10, np.random.SeedSequence(1))


def test_empty_simulations_are_refused() -> None:
    with pytest.raises(ScenarioError, match="0 paths"):
        simulate_factors(sample_terms(), 12, 0, np.random.SeedSequence(1))


def test_a_longer_project_sees_the_same_markets_in_its_first_months() -> None:
    short, long = (simulate_factors(sample_terms(), months, 64, np.random.SeedSequence(5)) for months in (36, 60))
    for name in ("btc", "power", "compute", "demand"):
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[:, :36])
