"""Whatever the scenario's numbers: energy and cash balance, and more price is never worse."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from megawatt.catalogue import load_catalogue
from megawatt.chain.inputs import move
from megawatt.chain.links import Links, forge, reforge
from megawatt.dispatch import solve_merit
from megawatt.risk import simulate_factors
from megawatt.scenario import load
from tests.cash_identity import cash_gap

EXAMPLES = Path(__file__).parents[2] / "examples"


@cache
def links(name: str) -> Links:
    return forge(
        load(EXAMPLES / f"childress-{name}.toml", load_catalogue()).uses[0].scenario, load_catalogue(), EXAMPLES
    )


_QUICK = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_QUICK
@given(
    name=st.sampled_from(["gb300", "trn3", "bitcoin"]),
    scale=st.floats(0.2, 4.0),
    opex=st.floats(0.0, 150.0),
    seed=st.integers(0, 2**32),
)
def test_cash_balances_to_the_cent_on_every_path(name: str, scale: float, opex: float, seed: int) -> None:
    before = links(name)
    scenario = move(move(before.scenario, "power.price_scale", scale), "opex.site_usd_per_kw_month", opex)
    after = reforge(before, scenario, before.catalogue)
    model = after.model.sculpted()
    months = model.calendar.spine.months
    factors = simulate_factors(after.terms, months, 16, np.random.SeedSequence(seed))
    base = model.base()
    assert cash_gap(base) <= 0.01
    assert cash_gap(model.committed(base)(factors)) <= 0.01


@_QUICK
@given(
    name=st.sampled_from(["gb300", "bitcoin"]),
    scale=st.floats(0.1, 5.0),
    grid_mw=st.floats(120.0, 400.0),
    value=st.floats(0.0, 300.0),
)
def test_energy_balances_in_every_hour(name: str, scale: float, grid_mw: float, value: float) -> None:
    before = links(name)
    scenario = move(move(before.scenario, "power.price_scale", scale), "site.grid_mw", grid_mw)
    after = reforge(before, scenario, before.catalogue)
    year = solve_merit(replace(after.problem, mining_value_usd_per_mwh=np.full(8760, value)))
    np.testing.assert_allclose(year.import_mw, year.ai_facility_mw + year.mining_facility_mw, rtol=0, atol=1e-9)
    np.testing.assert_allclose(year.ai_it_mw + year.ai_curtailed_mw, after.problem.ai_it_mw, rtol=0, atol=1e-9)
    assert (year.import_mw <= after.problem.import_limit_mw + 1e-6).all()
    cost = float(year.import_mw @ (after.problem.price_usd_per_mwh + after.problem.adder_usd_per_mwh))
    np.testing.assert_allclose(sum(year.energy_cost_usd.values()), cost, rtol=1e-9, atol=1e-3)


@_QUICK
@given(low=st.floats(0.5, 5.0), rise=st.floats(0.0, 5.0))
def test_value_never_falls_when_the_price_of_a_chip_hour_rises(low: float, rise: float) -> None:
    before = links("gb300")
    worth = [
        reforge(before, move(before.scenario, "contract.price_usd_per_chip_hour", p), before.catalogue)
        for p in (low, low + rise)
    ]
    a, b = (w.base.measures.npv_usd[0] for w in worth)
    assert b >= a - 1e-6 * abs(a)
