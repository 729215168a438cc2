"""What the risk room takes and hands on: factors, paths, distributions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import Assumption

__all__ = ["Chance", "CreditRisk", "Distribution", "FactorPaths", "FactorTerms", "Risk", "TrancheRisk"]


@dataclass(frozen=True, slots=True)
class FactorTerms:
    """Parameters of the factors and their correlation.

    Bitcoin price and shares: geometric Brownian motion. Power price level, compute price, demand, floating rate and
    credit spread: exponential Ornstein-Uhlenbeck around their trend (mean reversion per year, volatility per
    square-root year). Each is the
    level relative to the base case: 1 today, expectation 1 times the stated drift. Rents of halls that are let anew are
    the compute price over its expectation to the power ``hall_rent_elasticity``. ``tenant_default_by_year``, where it
    is given, takes the place of ``tenant_annual_default``: each year's probability given survival, the last for all
    later; with ``tenant_rating`` they follow from how the rating wanders on each path. ``tenant_spread_frac`` is the
    weight of credit spreads, beside demand, in what makes a year bad for tenants. ``reference_rate`` is the part of a
    new loan's rate that moves with floating rates, ``share_beta`` the per cent that the owner's shares move with each
    per cent of shares at large.
    ``claim_recovery_frac`` of a landlord's claim is paid ``claim_lag_months`` after a default.
    """

    btc_volatility: float
    btc_drift: float
    power_volatility: float
    power_reversion: float
    compute_volatility: float
    compute_reversion: float
    compute_drift: float
    demand_volatility: float
    demand_reversion: float
    correlation: FloatArray
    tenant_annual_default: float
    tenant_correlation: float
    relet_lag_months: int
    hall_rent_elasticity: float = 0.0
    tenant_default_by_year: tuple[float, ...] = ()
    claim_recovery_frac: float = 0.0
    claim_lag_months: int = 0
    rate_volatility: float = 0.0
    rate_reversion: float = 0.0
    spread_volatility: float = 0.0
    spread_reversion: float = 0.0
    equity_volatility: float = 0.0
    equity_drift: float = 0.0
    tenant_spread_frac: float = 0.0
    tenant_rating: str = ""
    reference_rate: float = 0.0
    share_beta: float = 0.0
    assumptions: tuple[Assumption, ...] = ()


@dataclass(frozen=True, slots=True)
class FactorPaths:
    """Simulated factors relative to the base case, (paths, months), and the month a tenant stops paying (-1: never)."""

    btc: FloatArray
    power: FloatArray
    compute: FloatArray
    demand: FloatArray
    rate: FloatArray
    spread: FloatArray
    equity: FloatArray
    tenant_default_month: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Distribution:
    """Summary of a simulated quantity: mean with its standard error, percentiles, tail mean (CVaR of the worst 5 %)."""

    mean: float
    standard_error: float
    p5: float
    p25: float
    p50: float
    p75: float
    p95: float
    cvar5: float


@dataclass(frozen=True, slots=True)
class Chance:
    """Probability of an event on some path of a simulation, with its 95 % interval (error of the number of paths)."""

    probability: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TrancheRisk:
    """What can happen to a tranche behind the loan, or to a facility beside it, on the simulated paths.

    Attributes
    ----------
    name : str
        What it is called.
    late : Chance
        Something that is due to it is not paid in some month; of a facility: it is drawn.
    unpaid : Chance
        It is not repaid at its last payment.
    expected_loss_usd : float
        Mean of all paths of what is never repaid, brought back to the start at its own rate.
    loss_given_frac : float or None
        What is never repaid over what is owed at the last payment, both means of the paths on which it is not repaid
        then; None without any.
    """

    name: str
    late: Chance
    unpaid: Chance
    expected_loss_usd: float
    loss_given_frac: float | None


@dataclass(frozen=True, slots=True)
class CreditRisk:
    """What can happen to lenders on the simulated paths.

    Attributes
    ----------
    lockup, breach, payment_default, balloon_default, insolvency : Chance
        Of each event in any month; ``breach`` and ``lockup`` are 0 where no level is set.
    exposure_usd, loss_usd : float or None
        Owed at the first missed payment or unpaid balloon, and never repaid as of then; means of the paths with one.
        None without any.
    loss_given_default_frac : float or None
        Mean loss over mean exposure.
    expected_loss_usd, expected_loss_error_usd : float
        Mean of all paths as of the first period at the loan's rate, and its standard error.
    years, dscr : (years,), (5, years)
        Calendar years with service, and percentiles 5, 25, 50, 75, 95 of each year's DSCR.
    below_one : (years,)
        Share of paths on which a year's DSCR is below 1.
    tenant_default : float or None
        Share of paths on which the tenant fails; None without a tenant that can.
    missed_with, missed_without : float or None
        Share of paths with a missed payment among those on which the tenant fails, and among the others.
    handed_back : bool
        The probability of a missed payment is that of the tenant, put in and handed back.
    input_range, input_per_year : tuple of float, float or None
        The tenant's yearly default probability: low and high end, and as used; None where nothing says.
    probability_at_range : tuple of float or None
        Probability of a missed payment at those ends, by the weight of each path.
    tranches : tuple of TrancheRisk
        Facilities beside the loan and tranches behind it, in their order.
    """

    lockup: Chance
    breach: Chance
    payment_default: Chance
    balloon_default: Chance
    insolvency: Chance
    exposure_usd: float | None
    loss_usd: float | None
    loss_given_default_frac: float | None
    expected_loss_usd: float
    expected_loss_error_usd: float
    years: tuple[int, ...]
    dscr: FloatArray
    below_one: FloatArray
    tenant_default: float | None
    missed_with: float | None
    missed_without: float | None
    handed_back: bool
    input_per_year: float | None
    input_range: tuple[float, float] | None
    probability_at_range: tuple[float, float] | None
    tranches: tuple[TrancheRisk, ...] = ()


@dataclass(frozen=True, slots=True)
class Risk:
    """What can happen to one use of the site.

    Probabilities come with a 95 % confidence interval. A balloon that is not repaid is no missed payment: it has a
    probability of its own. ``samples`` holds per-path values (paths,) of the
    headline quantities, and
    ``fans`` percentiles by month (5, months) at 5, 25, 50, 75, 95 %. ``credit`` is None without debt.
    """

    paths: int
    seed: int
    value_usd_per_grid_mw_year: Distribution
    npv_usd: Distribution
    probability_missed: float | None
    probability_missed_interval: tuple[float, float] | None
    probability_missed_by_month: FloatArray | None
    probability_balloon_unpaid: float | None
    worst_month_usd: Distribution
    samples: Mapping[str, FloatArray]
    fans: Mapping[str, FloatArray]
    drivers: Mapping[str, float]
    assumptions: tuple[Assumption, ...] = ()
    credit: CreditRisk | None = None
