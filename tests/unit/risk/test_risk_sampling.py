"""Draws that know more: against closed forms, against plain draws, the same for any order; reverse stress by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.risk import (
    FACTORS,
    KINDS_OF_DRAWS,
    FactorPaths,
    breaking_points,
    demand_scenarios,
    draw,
    episode_factors,
    estimate,
    factors_of,
    named_episodes,
)
from megawatt.risk.sampling import from_modes, to_modes
from tests.unit.risk.factor_sample import sample_terms

MONTHS = 36
TERMS = sample_terms()
TERMS_PAYING = replace(TERMS, tenant_annual_default=0.0)


def end_of_btc(kind: str, shift: np.ndarray | None = None, seed: int = 1) -> tuple[np.ndarray, object]:
    drawn = draw(kind, MONTHS, 4096, seed, shift)  # type: ignore[arg-type]
    return factors_of(TERMS_PAYING, drawn.normals, drawn.uniforms).btc[:, -1], drawn


@pytest.mark.parametrize("kind", KINDS_OF_DRAWS)
def test_every_way_of_drawing_is_unbiased(kind: str) -> None:
    shift = np.zeros((len(FACTORS), MONTHS))
    shift[0] = -0.15
    values, drawn = end_of_btc(kind, shift)
    found = estimate(values, drawn, kind)  # type: ignore[arg-type]
    exact = math.exp(TERMS.btc_drift * MONTHS / 12)
    assert abs(found.value - exact) < 4 * found.standard_error
    assert found.interval[0] < found.value < found.interval[1]


@pytest.mark.parametrize("kind", ["antithetic", "stratified", "sobol"])
def test_even_draws_are_worth_more_than_plain_ones(kind: str) -> None:
    values, drawn = end_of_btc(kind)
    assert estimate(np.log(values), drawn, kind).worth_paths > 4096  # type: ignore[arg-type]


def test_importance_sampling_agrees_with_plain_and_with_the_closed_form_where_it_is_rare() -> None:
    volatility, years = TERMS.btc_volatility, MONTHS / 12
    scale = volatility * math.sqrt(years)
    for distance, plain_sees in ((1.5, True), (4.0, False)):
        level = math.exp((TERMS.btc_drift - volatility**2 / 2) * years - distance * scale)
        exact = 0.5 * math.erfc(distance / math.sqrt(2))
        shift = np.zeros((len(FACTORS), MONTHS))
        shift[0] = -distance / math.sqrt(MONTHS)
        values, drawn = end_of_btc("importance", shift)
        found = estimate(values < level, drawn, "importance")
        assert abs(found.value - exact) < 4 * found.standard_error
        if plain_sees:
            values, drawn = end_of_btc("plain")
            plain = estimate(values < level, drawn, "plain")
            assert abs(plain.value - found.value) < 4 * math.hypot(plain.standard_error, found.standard_error)
        else:
            assert found.standard_error < 0.1 * exact


def test_modes_are_an_orthonormal_change_of_months() -> None:
    months = np.random.default_rng(3).standard_normal((len(FACTORS), MONTHS, 5))
    assert from_modes(to_modes(months)) == pytest.approx(months)
    assert (to_modes(months) ** 2).sum() == pytest.approx((months**2).sum())


def test_the_nearest_breaking_shock_of_a_price_at_the_end_is_the_straight_one() -> None:
    distance = 2.0
    scale = TERMS.btc_volatility * math.sqrt(MONTHS / 12)
    level = math.exp((TERMS.btc_drift - TERMS.btc_volatility**2 / 2) * MONTHS / 12 - distance * scale)

    def breaks(factors: FactorPaths) -> np.ndarray:
        return factors.btc[:, -1] < level

    (found,) = breaking_points(breaks, TERMS_PAYING, MONTHS)
    assert found.distance == pytest.approx(distance, rel=0.06)
    assert found.distance >= distance - 1e-9
    assert not found.tenant_fails
    assert found.likelihood == pytest.approx(0.5 * math.erfc(distance / math.sqrt(2)), rel=0.35)


def test_what_cannot_break_has_no_breaking_point_and_a_tenant_can_be_it() -> None:
    assert breaking_points(lambda f: np.zeros(f.btc.shape[0], dtype=bool), TERMS_PAYING, MONTHS) == ()
    weak = replace(TERMS, tenant_annual_default=0.02)
    (found,) = breaking_points(lambda f: f.tenant_default_month >= 0, weak, MONTHS)
    assert found.tenant_fails
    assert found.likelihood == pytest.approx(1 - 0.98**3)


def test_episodes_begin_at_their_month_and_weights_add_up() -> None:
    catalogue = load_catalogue()
    keys = {episode.key for episode in named_episodes(catalogue)}
    assert {"stress-2025-11", "stress-2022", "stress-2018", "stress-telecom-2001", "stress-2008"} == keys
    crash = next(s for s in named_episodes(catalogue) if s.key == "stress-2022")
    path = episode_factors(crash, TERMS, MONTHS, begins=6)
    base = episode_factors(replace(crash, points={}), TERMS, MONTHS)
    assert path.btc[0, 5] == pytest.approx(base.btc[0, 5])
    assert path.btc[0, 17] / base.btc[0, 17] == pytest.approx(0.36)
    assert sum(s.weight or 0.0 for s in demand_scenarios(catalogue)) == pytest.approx(1.0)


def test_fat_tails_keep_expectation_and_variance_and_fall_together() -> None:
    from megawatt.risk.tails import Tails, fat_tailed

    drawn = draw("plain", 12, 60_000, 6)
    thin = factors_of(TERMS_PAYING, drawn.normals, drawn.uniforms)
    fat = fat_tailed(TERMS_PAYING, Tails(4.0, 0.5, -0.3, 0.1), drawn.normals, drawn.uniforms, drawn.extras)
    error = fat.btc[:, -1].std() / math.sqrt(60_000)
    assert abs(fat.btc[:, -1].mean() - thin.btc.mean(axis=0)[-1]) < 5 * error
    first_fat, first_thin = np.log(fat.btc[:, 0]), np.log(thin.btc[:, 0])
    assert first_fat.var() == pytest.approx(first_thin.var(), rel=0.05)
    assert ((first_fat - first_fat.mean()) ** 4).mean() / first_fat.var() ** 2 > 3.5

    def together(paths: FactorPaths) -> float:
        low = [np.log(getattr(paths, name)[:, 0]) for name in ("compute", "demand")]
        return float(np.mean(np.all([x < np.quantile(x, 0.01) for x in low], axis=0)))

    assert together(fat) > 1.1 * together(thin)


@pytest.mark.parametrize("volatility", [0.0, 0.2])
def test_jumps_add_nothing_to_a_bitcoin_that_moves_less_than_they_would_make_it(volatility: float) -> None:
    from megawatt.risk.tails import Tails, fat_tailed

    drawn = draw("plain", 12, 20_000, 6)
    terms = replace(TERMS_PAYING, btc_volatility=volatility, btc_drift=0.1)
    fat = fat_tailed(terms, Tails(10.0, 0.5, -0.3, 0.1), drawn.normals, drawn.uniforms, drawn.extras)
    assert np.log(fat.btc[:, -1]).std() == pytest.approx(volatility, rel=0.05)
    assert fat.btc[:, -1].mean() == pytest.approx(math.exp(0.1), abs=1e-9 + 5 * volatility / math.sqrt(20_000))
    none = fat_tailed(terms, Tails(10.0, 0.0, 0.0, 0.0), drawn.normals, drawn.uniforms, drawn.extras)
    assert np.log(none.btc[:, -1]).std() == pytest.approx(volatility, rel=0.05)
