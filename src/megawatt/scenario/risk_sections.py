"""The section of a scenario about risk: every parameter of the factors and of the tenant, else the catalogue's."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from megawatt.catalogue.quantity import quantity
from megawatt.catalogue.records import Fact
from megawatt.catalogue.section import Section
from megawatt.scenario.section import ratio

__all__ = ["Risk"]

_volatility: Any = quantity(ge=0, le=5)
_reversion: Any = quantity("1/year", ge=0, le=100)
_drift: Any = quantity("1/year", ge=-5, le=5)
_correlation: Any = quantity(ge=-1, le=1)


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
    tenant_default_by_year: tuple[Annotated[Fact, *quantity(ge=0, le=0.999)], ...] = Field(
        (),
        max_length=60,
        description="probability that the tenant defaults in each year of the project, if it has not before; the last "
        "holds for all later years; default: that of its class (payer) in every year",
    )
    tenant_correlation: Annotated[Fact, *quantity(ge=0, le=0.999)] | None = Field(
        None, description="correlation of the tenant's health with demand for compute", title="tenant and demand"
    )
    relet_lag_months: Annotated[Fact, *quantity("month", ge=0, le=1200)] | None = Field(
        None, description="months that halls stand empty after a default", title="months until halls are let again"
    )
    hall_rent_elasticity: Annotated[Fact, *ratio] | None = Field(
        None,
        description="per cent that rents of halls let anew move with each per cent of the price of compute",
        title="rents of halls over compute",
    )
