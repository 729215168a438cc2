"""What holds for every lease and guarantee: a default never makes the landlord richer where nobody else rents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from megawatt.chain.lease import LeaseMoney, lease_flows
from megawatt.finance import Hall, OperatingFlows, ProjectTerms, TaxTerms, project
from megawatt.finance.backstop import GUARANTEES, Guarantee, fee_schedule
from megawatt.risk import base_factors
from tests.unit.risk.factor_sample import sample_terms

MONTHS = 60


@st.composite
def leases(draw: st.DrawFn) -> tuple[LeaseMoney, tuple[Hall, ...]]:
    start = draw(st.integers(0, 12))
    term = draw(st.integers(1, MONTHS - start - 6))
    halls = (Hall(start, 0.5), Hall(start + draw(st.integers(0, 6)), 0.5))
    most = draw(st.floats(0.0, 1e9))
    pays = draw(st.sampled_from(GUARANTEES))
    cap = None if pays == "step-in" else fee_schedule({start: most, MONTHS: most * draw(st.floats(0, 2))}, MONTHS)
    lease = LeaseMoney(
        it_mw=10.0,
        rent_usd_per_kw_month=draw(st.floats(50.0, 300.0)),
        escalator_frac=draw(st.floats(0.0, 0.1)),
        term_months=term,
        owner_power_frac=0.0,
        market_rent_usd_per_kw_month=draw(st.floats(0.0, 500.0)),
        market_utilisation_frac=draw(st.floats(0.0, 1.0)),
        guarantee=draw(st.sampled_from([None, Guarantee(pays, draw(st.integers(0, 8)), cap)])),
        discount_rate=draw(st.floats(0.0, 0.2)),
    )
    return lease, halls


def values(lease: LeaseMoney, halls: tuple[Hall, ...], default: int, lag: int, tax: TaxTerms | None) -> np.ndarray:
    """Worth before debt without and with a default."""
    months = np.array([-1, default])
    one = np.ones((2, MONTHS))
    factors = replace(
        base_factors(sample_terms(), MONTHS), power=one, demand=one, compute=one, tenant_default_month=months
    )
    revenue, energy, _ = lease_flows(lease, halls, np.zeros((1, MONTHS)), factors, one, lag)
    none = np.zeros((1, MONTHS))
    capex = np.where(np.arange(MONTHS) == 0, 5e7, 0.0)
    terms = ProjectTerms(
        2026, 1, MONTHS, {"shell": capex}, {}, None, tax, lease.discount_rate, operation_start_month=0,
        construction_months=1,
    )  # fmt: skip
    done = project(terms, OperatingFlows(revenue, {"energy": energy}, none, none))
    return done.measures.npv_usd


@settings(max_examples=150, deadline=None)
@given(leases(), st.integers(0, MONTHS - 1), st.integers(0, 12))
def test_a_default_without_mitigation_never_raises_the_value(
    case: tuple[LeaseMoney, tuple[Hall, ...]], default: int, lag: int
) -> None:
    """Nobody rents before the lease would have ended: the lag reaches past it."""
    lease, halls = case
    paying, defaulting = values(lease, halls, default, MONTHS, None)
    assert defaulting <= paying + 1e-6 * (1 + abs(paying))


@settings(max_examples=150, deadline=None)
@given(leases(), st.integers(0, MONTHS - 1), st.integers(0, 12))
def test_re_letting_below_the_old_rent_never_raises_the_value(
    case: tuple[LeaseMoney, tuple[Hall, ...]], default: int, lag: int
) -> None:
    lease, halls = case
    worse = replace(
        lease, market_rent_usd_per_kw_month=min(lease.market_rent_usd_per_kw_month, lease.rent_usd_per_kw_month)
    )
    paying, defaulting = values(worse, halls, default, lag, None)
    assert defaulting <= paying + 1e-6 * (1 + abs(paying))
