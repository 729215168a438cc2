"""The catalogue's base parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.catalogue.records import Fact
from megawatt.errors import ScenarioError
from megawatt.risk import base_factors, factor_terms, payer_classes, simulate_factors


def test_base_terms_can_be_simulated_and_carry_their_facts() -> None:
    catalogue = load_catalogue()
    for payer in payer_classes(catalogue):
        terms = factor_terms(catalogue, payer=payer)
        simulate_factors(terms, 12, 8, np.random.SeedSequence(1))
        names = {assumption.name for assumption in terms.assumptions}
        assert f"risk-base.tenant_default_{payer.replace('-', '_')}_frac_per_year" in names
        assert len(names) == len(terms.assumptions)


def test_mining_has_no_tenant() -> None:
    assert factor_terms(load_catalogue()).tenant_annual_default == 0.0


def test_stronger_payers_default_less() -> None:
    catalogue = load_catalogue()
    ladder = [
        factor_terms(catalogue, payer=p).tenant_annual_default for p in ("hyperscaler", "backstopped", "speculative")
    ]
    assert ladder == sorted(ladder)
    assert ladder[0] > 0


def test_unknown_payers_are_refused() -> None:
    with pytest.raises(ScenarioError, match=r"contract\.payer = 'bank'.*hyperscaler"):
        factor_terms(load_catalogue(), payer="bank")


def test_derived_power_volatility_reproduces_the_spread_of_annual_means() -> None:
    # stationary OU with reversion k: variance of its mean over T is s^2 / k^2 / T x (1 - (1 - exp(-kT)) / (kT))
    terms = factor_terms(load_catalogue())
    k, s = terms.power_reversion, terms.power_volatility
    spread = s / k * math.sqrt(1 - (1 - math.exp(-k)) / k)
    assert spread == pytest.approx(0.45, abs=0.01)


def test_base_case_of_power_is_flat() -> None:
    assert np.all(base_factors(factor_terms(load_catalogue()), 24).power == 1.0)


def test_what_a_scenario_gives_takes_the_catalogues_place() -> None:
    volatility, lag = Fact(0.8, "", "assumed", "mine"), Fact(9, "month", "assumed", "mine")
    given = {"compute_volatility_per_sqrt_year": volatility, "relet_lag_months": lag}
    terms = factor_terms(load_catalogue(), payer="speculative", given=given, default_by_year=(0.5, 0.0))
    assert (terms.compute_volatility, terms.relet_lag_months) == (0.8, 9)
    names = [a.name for a in terms.assumptions]
    assert "risk.compute_volatility_per_sqrt_year" in names
    assert "risk-base.compute_volatility_per_sqrt_year" not in names
    # half of the tenants fall in the first year, none later
    drawn = simulate_factors(terms, 48, 4000, np.random.SeedSequence(1)).tenant_default_month
    assert ((drawn >= 0) & (drawn < 12)).mean() == pytest.approx(0.5, abs=0.03)
    assert not (drawn >= 12).any()
