"""The section of a scenario about risk: every parameter of the factors and of the tenant, else the catalogue's."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from megawatt.catalogue.quantity import quantity
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.scenario.section import Month, ratio

__all__ = ["Risk", "Stress"]

_volatility: Any = quantity(ge=0, le=5)
_reversion: Any = quantity("1/year", ge=0, le=100)
_drift: Any = quantity("1/year", ge=-5, le=5)
_change: Any = quantity(ge=-0.99, le=20)
_correlation: Any = quantity(ge=-1, le=1)


class Stress(Section):
    """A named slump (or boom) with a date: the base case is run again under it. Markets that are not given follow those
    that are, by their correlation and volatility.
    """

    name: str = Field(min_length=1, max_length=80, description="what it is called")
    start: Month = Field(description="month in which it begins, YYYY-MM")
    over_months: int = Field(6, ge=1, le=240, description="months until it is at its worst")
    hold_months: int = Field(0, ge=0, le=240, description="months that it stays there")
    back_months: int | None = Field(None, ge=1, le=480, description="months of the way back; default: it stays")
    compute_change_frac: Annotated[Fact, *_change] | None = Field(
        None, description="change of the price of compute at the worst, -0.5 for half", title="change of compute"
    )
    demand_change_frac: Annotated[Fact, *_change] | None = Field(
        None, description="change of demand at market terms", title="change of demand"
    )
    btc_change_frac: Annotated[Fact, *_change] | None = Field(
        None, description="change of the bitcoin price", title="change of bitcoin"
    )
    power_change_frac: Annotated[Fact, *_change] | None = Field(
        None, description="change of power prices", title="change of power"
    )
    rate_change_frac: Annotated[Fact, *_change] | None = Field(
        None, description="change of floating rates, 0.5 for half as much again", title="change of rates"
    )
    spread_change_frac: Annotated[Fact, *_change] | None = Field(
        None, description="change of credit spreads, 2 for three times", title="change of spreads"
    )
    equity_change_frac: Annotated[Fact, *_change] | None = Field(
        None, description="change of shares at large", title="change of shares"
    )
    tenant_defaults: Month | None = Field(None, description="month from which the tenant pays nothing, YYYY-MM")
    source: str = Field("assumed", max_length=200, description="where it is from")


class Risk(Section):
    """The Monte Carlo; what is not given here is the catalogue's (megawatt show risk-base)."""

    paths: int = Field(4096, ge=64, le=2_000_000, description="number of paths")
    btc_drift_per_year: Annotated[Fact, *_drift] | None = Field(
        None, description="growth of the expected bitcoin price a year", title="drift of bitcoin"
    )
    btc_volatility_per_sqrt_year: Annotated[Fact, *_volatility] | None = Field(
        None, description="volatility of the bitcoin price", title="volatility of bitcoin"
    )
    power_volatility_per_sqrt_year: Annotated[Fact, *_volatility] | None = Field(
        None, description="volatility of the level of power prices", title="volatility of power"
    )
    power_reversion_per_year: Annotated[Fact, *_reversion] | None = Field(
        None, description="speed at which power prices return to their level", title="return of power"
    )
    compute_drift_per_year: Annotated[Fact, *_drift] | None = Field(
        None, description="growth of the expected price of compute a year", title="drift of compute"
    )
    compute_volatility_per_sqrt_year: Annotated[Fact, *_volatility] | None = Field(
        None, description="volatility of the price of compute", title="volatility of compute"
    )
    compute_reversion_per_year: Annotated[Fact, *_reversion] | None = Field(
        None, description="speed at which the price of compute returns to its trend", title="return of compute"
    )
    demand_volatility_per_sqrt_year: Annotated[Fact, *_volatility] | None = Field(
        None, description="volatility of demand for capacity at market terms", title="volatility of demand"
    )
    demand_reversion_per_year: Annotated[Fact, *_reversion] | None = Field(
        None, description="speed at which demand returns", title="return of demand"
    )
    rate_volatility_per_sqrt_year: Annotated[Fact, *_volatility] | None = Field(
        None, description="volatility of floating rates, in logs", title="volatility of rates"
    )
    rate_reversion_per_year: Annotated[Fact, *_reversion] | None = Field(
        None, description="speed at which floating rates return to what is expected", title="return of rates"
    )
    spread_volatility_per_sqrt_year: Annotated[Fact, *_volatility] | None = Field(
        None, description="volatility of credit spreads, in logs", title="volatility of spreads"
    )
    spread_reversion_per_year: Annotated[Fact, *_reversion] | None = Field(
        None, description="speed at which credit spreads return", title="return of spreads"
    )
    equity_volatility_per_sqrt_year: Annotated[Fact, *_volatility] | None = Field(
        None, description="volatility of shares at large", title="volatility of shares"
    )
    equity_drift_per_year: Annotated[Fact, *_drift] | None = Field(
        None, description="growth of the expected level of shares a year", title="drift of shares"
    )
    share_beta: Annotated[Fact, *quantity(ge=-5, le=10)] | None = Field(
        None,
        description="per cent that the owner's share moves with each per cent of shares at large (convertibles)",
        title="beta of the owner's share",
    )
    reference_rate_frac: Annotated[Fact, *quantity(ge=0, le=0.5)] | None = Field(
        None,
        description="part of a refinancing's rate that moves with floating rates; the rest moves with credit spreads",
        title="floating rate of today",
    )
    correlation_btc_power: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of bitcoin and power", title="bitcoin and power"
    )
    correlation_btc_compute: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of bitcoin and compute", title="bitcoin and compute"
    )
    correlation_btc_demand: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of bitcoin and demand", title="bitcoin and demand"
    )
    correlation_power_compute: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of power and compute", title="power and compute"
    )
    correlation_power_demand: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of power and demand", title="power and demand"
    )
    correlation_compute_demand: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of compute and demand", title="compute and demand"
    )
    correlation_btc_spread: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of bitcoin and credit spreads", title="bitcoin and credit spreads"
    )
    correlation_btc_equity: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of bitcoin and shares", title="bitcoin and shares"
    )
    correlation_compute_spread: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of compute and credit spreads", title="compute and credit spreads"
    )
    correlation_compute_equity: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of compute and shares", title="compute and shares"
    )
    correlation_demand_spread: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of demand and credit spreads", title="demand and credit spreads"
    )
    correlation_demand_equity: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of demand and shares", title="demand and shares"
    )
    correlation_rate_spread: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of rates and credit spreads", title="rates and credit spreads"
    )
    correlation_rate_equity: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of rates and shares", title="rates and shares"
    )
    correlation_spread_equity: Annotated[Fact, *_correlation] | None = Field(
        None, description="correlation of credit spreads and shares", title="credit spreads and shares"
    )
    tenant_default_by_year: tuple[Annotated[Fact, *quantity(ge=0, le=0.999)], ...] = Field(
        (),
        max_length=60,
        description="probability that the tenant defaults in each year of the project, if it has not before; the last "
        "holds for all later years; default: that of its class (payer) in every year",
    )
    tenant_rating: Literal["AAA", "AA", "A", "BBB", "BB", "B", "CCC"] | None = Field(
        None,
        description="the tenant's rating today; it wanders on each path with demand and credit spreads, down to "
        "default; instead of its class and of tenant_default_by_year",
    )
    claim_recovery_frac: Annotated[Fact, *ratio] = Field(
        0.0,
        validate_default=True,
        description="share of the landlord's claim that a tenant's estate pays where nobody guarantees the lease; the "
        "claim is the rent lost, at most a year's, or that of 15 % of the rest of the term up to three years (11 "
        "U.S.C. 502(b)(6))",
        title="recovery of a claim on the tenant",
    )
    claim_lag_months: int = Field(24, ge=0, le=240, description="months from a default to that payment (assumed)")
    tenant_correlation: Annotated[Fact, *quantity(ge=0, le=0.999)] | None = Field(
        None,
        description="correlation of the tenant's health with demand for compute and credit spreads",
        title="tenant and demand",
    )
    tenant_spread_frac: Annotated[Fact, *ratio] | None = Field(
        None,
        description="weight of credit spreads, beside demand, in what makes a year bad for tenants",
        title="spreads in a tenant's health",
    )
    relet_lag_months: Annotated[Fact, *quantity("month", ge=0, le=1200)] | None = Field(
        None, description="months that halls stand empty after a default", title="months until halls are let again"
    )
    hall_rent_elasticity: Annotated[Fact, *ratio] | None = Field(
        None,
        description="per cent that rents of halls let anew move with each per cent of the price of compute",
        title="rents of halls over compute",
    )
    stress: tuple[Stress, ...] = Field((), max_length=40, description="named stresses, each a table [[risk.stress]]")
