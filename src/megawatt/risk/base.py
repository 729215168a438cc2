"""Factor terms from the catalogue, with every fact that they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption, Fact
from megawatt.errors import ScenarioError
from megawatt.risk.factors import FACTORS, OF_GOODS
from megawatt.risk.records import FactorTerms

__all__ = ["BASE_KEY", "factor_terms", "payer_classes"]

BASE_KEY: Final = "risk-base"
"""Catalogue key of the base parameters."""

_PAYER, _PER_YEAR = "tenant_default_", "_frac_per_year"


_ACROSS: Final = tuple(f"correlation_{goods}_{money}" for goods in FACTORS[:OF_GOODS] for money in FACTORS[OF_GOODS:])
"""Correlations of goods with money."""


def _yielding(correlation: FloatArray) -> FloatArray:
    """The matrix with the catalogue's correlations of goods with money made smaller where others that were given leave
    no room for them."""
    for kept in np.linspace(1.0, 0.0, 21):
        tried = correlation.copy()
        tried[:OF_GOODS, OF_GOODS:] *= kept
        tried[OF_GOODS:, :OF_GOODS] *= kept
        if np.linalg.eigvalsh(tried)[0] > 0.0:
            return tried
    return correlation


def payer_classes(catalogue: Catalogue, key: str = BASE_KEY) -> tuple[str, ...]:
    """Classes of tenants that the catalogue has a default probability for, sorted."""
    return tuple(
        sorted(
            field.removeprefix(_PAYER).removesuffix(_PER_YEAR).replace("_", "-")
            for field in catalogue.get(key).facts
            if field.startswith(_PAYER)
        )
    )


def factor_terms(
    catalogue: Catalogue,
    key: str = BASE_KEY,
    payer: str | None = None,
    given: Mapping[str, Fact] = MappingProxyType({}),
    default_by_year: tuple[float, ...] = (),
) -> FactorTerms:
    """Factor terms of one risk entry of the catalogue.

    Parameters
    ----------
    catalogue : Catalogue
        Where the facts are.
    key : str
        Entry with the parameters of the factors.
    payer : str, optional
        Class of the tenant (see `payer_classes`); None where there is no tenant (mining): it then never defaults.

    given : mapping, optional
        Parameters by the catalogue's field name that take the place of its own.
    default_by_year : tuple of float, optional
        Probability that the tenant defaults in each year, given that it has not before; instead of its class's.

    Raises
    ------
    ScenarioError
        If the class of the tenant is not known.
    CatalogueError
        If a fact is missing.
    """
    if payer is not None and payer not in payer_classes(catalogue, key):
        raise ScenarioError(f"contract.payer = {payer!r}, must be one of {', '.join(payer_classes(catalogue, key))}")
    used: list[Assumption] = []

    def number(field: str) -> float:
        if field in given:
            used.append(Assumption(f"risk.{field}", "risk", given[field]))
            return given[field].number()
        used.append(catalogue.assume(key, field, "risk"))
        return catalogue.number(key, field)

    correlation = np.eye(len(FACTORS))
    for i, first in enumerate(FACTORS):
        for j in range(i):
            correlation[i, j] = correlation[j, i] = number(f"correlation_{FACTORS[j]}_{first}")
    if not any(name in given for name in _ACROSS):
        correlation = _yielding(correlation)
    return FactorTerms(
        btc_volatility=number("btc_volatility_per_sqrt_year"),
        btc_drift=number("btc_drift_per_year"),
        power_volatility=number("power_volatility_per_sqrt_year"),
        power_reversion=number("power_reversion_per_year"),
        compute_volatility=number("compute_volatility_per_sqrt_year"),
        compute_reversion=number("compute_reversion_per_year"),
        compute_drift=number("compute_drift_per_year"),
        demand_volatility=number("demand_volatility_per_sqrt_year"),
        demand_reversion=number("demand_reversion_per_year"),
        correlation=correlation,
        tenant_annual_default=0.0
        if payer is None or default_by_year
        else number(_PAYER + payer.replace("-", "_") + _PER_YEAR),
        tenant_default_by_year=default_by_year if payer is not None else (),
        tenant_correlation=number("tenant_correlation"),
        tenant_spread_frac=number("tenant_spread_frac"),
        rate_volatility=number("rate_volatility_per_sqrt_year"),
        rate_reversion=number("rate_reversion_per_year"),
        spread_volatility=number("spread_volatility_per_sqrt_year"),
        spread_reversion=number("spread_reversion_per_year"),
        equity_volatility=number("equity_volatility_per_sqrt_year"),
        equity_drift=number("equity_drift_per_year"),
        reference_rate=number("reference_rate_frac"),
        share_beta=number("share_beta"),
        relet_lag_months=round(number("relet_lag_months")),
        hall_rent_elasticity=number("hall_rent_elasticity"),
        assumptions=tuple(used),
    )
