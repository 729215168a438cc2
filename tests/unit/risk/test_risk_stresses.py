"""Named stresses move the markets that they name, and the others with them; ratings wander into default."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.catalogue.records import Fact
from megawatt.errors import ScenarioError
from megawatt.risk import FACTORS, base_factors, factor_terms, simulate_factors
from megawatt.risk.ratings import GRADES, defaults_of_rating, rated_default_months
from megawatt.risk.stresses import Stress, moved_together, stressed_factors

TERMS = factor_terms(load_catalogue(), payer="speculative")
GLUT = Stress("glut", 24, 6, 0, 36, {"compute": -0.5})


def test_half_the_price_in_six_months_and_back_in_three_years() -> None:
    base, path = base_factors(TERMS, 120), stressed_factors(TERMS, 120, GLUT)
    ratio = (path.compute / base.compute)[0]
    assert ratio[:24] == pytest.approx(np.ones(24))
    # equal steps of the logarithm: half way down after three months, at the worst after six, back after 36 more
    assert ratio[26] == pytest.approx(np.sqrt(0.5))
    assert ratio[29] == pytest.approx(0.5)
    assert ratio[47] == pytest.approx(np.sqrt(0.5))
    assert ratio[65:] == pytest.approx(np.ones(55))


def test_others_follow_by_correlation_and_volatility() -> None:
    moved = moved_together(TERMS, {"compute": -0.5})
    # one factor given: correlation times the ratio of volatilities times its logarithm
    names = ("btc", "power", "compute", "demand")
    for i, name in enumerate(names):
        beta = TERMS.correlation[i, 2] * getattr(TERMS, f"{name}_volatility") / TERMS.compute_volatility
        assert np.log1p(moved[name]) == pytest.approx(beta * np.log(0.5))
    assert moved["compute"] == -0.5
    assert moved_together(TERMS, {"compute": -0.5, "btc": 0.0})["btc"] == 0.0


def test_what_is_given_is_kept_and_nothing_moves_without_volatility() -> None:
    assert moved_together(TERMS, {}) == dict.fromkeys(FACTORS, 0.0)
    still = replace(TERMS, compute_volatility=0.0)
    assert moved_together(still, {"compute": -0.5}) == dict.fromkeys(FACTORS, 0.0) | {"compute": -0.5}


def test_a_stress_may_stay_and_may_take_the_tenant() -> None:
    path = stressed_factors(TERMS, 60, replace(GLUT, back_months=None, hold_months=3, default_month=40))
    assert (path.compute / base_factors(TERMS, 60).compute)[0, 29:] == pytest.approx(np.full(31, 0.5))
    assert path.tenant_default_month.tolist() == [40]


@pytest.mark.parametrize(
    "change", [{"start_month": 120}, {"over_months": 0}, {"default_month": 120}, {"changes": {"oil": 0.1}},
               {"changes": {"compute": -1.0}}], ids=str
)  # fmt: skip
def test_out_of_range_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ScenarioError, match=r"risk\.stress"):
        stressed_factors(TERMS, 120, replace(GLUT, **change))  # type: ignore[arg-type]


def test_a_rating_wanders_into_default() -> None:
    years = {grade: defaults_of_rating(grade, 20) for grade in GRADES}
    # the first year is the table's own
    assert years["BBB"][0] == pytest.approx(0.0022, rel=1e-3)
    assert years["B"][0] == pytest.approx(0.053, rel=1e-3)
    # good grades worsen, the worst that survive improve
    assert years["A"][10] > years["A"][0]
    assert years["CCC"][10] < years["CCC"][0]
    survived = {grade: np.prod(1.0 - np.array(each)) for grade, each in years.items()}
    assert list(survived.values()) == sorted(survived.values(), reverse=True)
    with pytest.raises(ScenarioError, match=r"risk\.tenant_rating"):
        defaults_of_rating("D", 3)


def test_ratings_wander_with_the_common_factor_and_keep_their_defaults() -> None:
    years, paths = 6, 60_000
    rng = np.random.default_rng(5)
    shocks, uniforms = rng.standard_normal((12 * years, paths)), rng.random((years, paths))
    for grade in ("BBB", "B", "CCC"):
        failed = rated_default_months(shocks, uniforms, grade, 0.24)
        kept = np.cumprod(1.0 - np.array(defaults_of_rating(grade, years)))
        for year in range(years):
            share = float(((failed >= 0) & (failed < 12 * (year + 1))).mean())
            expected = 1.0 - kept[year]
            assert abs(share - expected) < 4.5 * np.sqrt(expected * (1 - expected) / paths)
    # a bad first year brings defaults at once, and in the good years after it too: the rating has fallen
    bad = shocks.copy()
    bad[:12] -= 0.5
    fallen, usual = (rated_default_months(s, uniforms, "BB", 0.24) for s in (bad, shocks))
    for first, last in ((0, 12), (12, 72)):
        assert ((fallen >= first) & (fallen < last)).sum() > 1.1 * ((usual >= first) & (usual < last)).sum()


def test_tenants_fail_when_demand_falls_and_spreads_widen() -> None:
    terms = replace(
        TERMS, tenant_correlation=0.5, tenant_annual_default=0.1, demand_reversion=0.0, spread_reversion=0.0
    )
    found = simulate_factors(terms, 12, 20_000, np.random.SeedSequence(3))
    failed = found.tenant_default_month >= 0
    assert failed.mean() == pytest.approx(0.1, abs=0.01)
    assert np.log(found.demand[failed, -1]).mean() < np.log(found.demand[~failed, -1]).mean() - 0.1
    assert np.log(found.spread[failed, -1]).mean() > np.log(found.spread[~failed, -1]).mean() + 0.3


def test_wide_correlations_that_were_given_leave_money_room() -> None:
    catalogue = load_catalogue()
    given = {"correlation_btc_demand": Fact(-0.5, "", "assumed", "scenario")}
    terms = factor_terms(catalogue, given=given)
    assert terms.correlation[0, 3] == -0.5
    assert np.linalg.eigvalsh(terms.correlation)[0] > 0.0
    assert np.array_equal(terms.correlation[4:, 4:], factor_terms(catalogue).correlation[4:, 4:])
