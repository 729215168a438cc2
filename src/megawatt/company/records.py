"""A company: what it owns, owes and has promised, and what a simulation finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.catalogue.records import Assumption

__all__ = ["CUTS", "Company", "CompanyPaths", "Cut", "Debt", "DebtKind", "Lease", "Mining", "Outcome", "Practice"]

DebtKind = Literal["machines", "coins", "convertible", "corporate", "project"]
"""What secures a loan: mining machines, coins, nothing (convertible, corporate), or a leased site of its own."""
Cut = Literal["capex", "coins", "equity"]
CUTS: Final[tuple[Cut, ...]] = ("capex", "coins", "equity")
"""What a company can give up when cash runs short, in the usual order."""


@dataclass(frozen=True, slots=True)
class Mining:
    """Machines at work and on order.

    ``ordered_eh_per_s`` comes in evenly over ``order_months`` as far as it is paid for; ``order_usd`` is still owed on
    it and can be cut. Hosted machines are other people's: they pay ``hosting_usd_per_mwh`` above the power price.
    """

    hash_eh_per_s: float
    efficiency_j_per_th: float
    power_usd_per_mwh: float
    uptime_frac: float = 0.95
    ordered_eh_per_s: float = 0.0
    order_months: int = 12
    order_usd: float = 0.0
    hosted_eh_per_s: float = 0.0
    hosting_usd_per_mwh: float = 12.0
    machine_usd_per_th: float = 0.0


@dataclass(frozen=True, slots=True)
class Lease:
    """A site let to a tenant: net rent by month from ``start_month`` on for ``months``, and what is left to build.

    Months count from the company's date. ``default_per_year`` is the tenant's; ``rent_at_risk_frac`` of the rent is
    lost when it fails (the rest is guaranteed or let again).
    """

    name: str
    net_rent_usd_per_month: float
    start_month: int
    months: int
    capex_usd: float = 0.0
    default_per_year: float = 0.0
    rent_at_risk_frac: float = 1.0
    late_months: int = 0


@dataclass(frozen=True, slots=True)
class Debt:
    """One loan. ``rate`` is paid in cash each month; it amortises evenly or falls due at ``maturity_month``.

    A loan with ``recourse`` False can be left to its lender with what secures it. ``undrawn_usd`` can still be drawn
    for capital spending of the sites. ``minimum_liquidity_usd`` is a covenant. ``conversion_usd`` above 0: the price of
    a share at which it converts at maturity.
    """

    name: str
    kind: DebtKind
    principal_usd: float
    rate: float
    maturity_month: int
    amortising: bool = False
    recourse: bool = True
    conversion_usd: float = 0.0
    undrawn_usd: float = 0.0
    minimum_liquidity_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Company:
    """A company at a date; money in USD, coins in BTC. ``assumed`` names what its file left open."""

    key: str
    title: str
    year: int
    month: int
    cash_usd: float
    coins_btc: float = 0.0
    overhead_usd_per_month: float = 0.0
    shares: float = 0.0
    share_usd: float = 0.0
    mining: tuple[Mining, ...] = ()
    leases: tuple[Lease, ...] = ()
    debts: tuple[Debt, ...] = ()
    commitments_usd: float = 0.0
    commitment_months: int = 12
    other_assets_usd: float = 0.0
    minimum_cash_usd: float = 0.0
    order: tuple[Cut, ...] = CUTS
    assumed: tuple[str, ...] = ()
    assumptions: tuple[Assumption, ...] = ()


@dataclass(frozen=True, slots=True)
class Practice:
    """How companies behave, the same for all.

    Attributes
    ----------
    issue_frac_per_month : float
        Most new shares of a month, over the value of all at the path's price.
    issue_discount : float
        Below that price.
    machine_elasticity : float
        Per cent that machines gain with each per cent of hash price.
    surrender_cover : float
        Machines over their loan below which they are left to the lender where its service exceeds what they earn.
    surrender_runway_months : float
        Liquidity in months of burn above which a company with recourse debt keeps paying.
    refinance_cover : float
        Assets over debts above which a maturity is refinanced.
    site_loan_frac : float
        Part of a let site's cost that lenders pay beyond what is agreed, while assets cover debts ``site_cover`` times.
    site_cover : float
        Likewise.
    order_loan_frac : float
        Part of an order that lenders on machines pay where cash does not reach.
    operations_volatility : float
        Of a company's own margin, per square-root year, independent of markets.
    power_volatility : float
        Of its power price, per square-root year.
    uncertainty : float
        Log-scale doubt of its costs, of what its machines earn and of what they would sell for.
    """

    issue_frac_per_month: float
    issue_discount: float
    machine_elasticity: float
    surrender_cover: float
    surrender_runway_months: float
    refinance_cover: float
    site_loan_frac: float
    site_cover: float
    order_loan_frac: float
    operations_volatility: float
    power_volatility: float
    uncertainty: float
    assumptions: tuple[Assumption, ...] = ()


@dataclass(frozen=True, slots=True)
class CompanyPaths:
    """Markets that a company lives in, (paths, months).

    ``own`` and ``power`` are relative moves of its margin and of its power price; ``tenant_month`` (paths, leases) when
    a tenant fails, -1: never; ``costs`` and ``resale`` (paths,) what overhead and orders cost, and what machines would
    sell for, over what is thought. ``rate``, ``spread`` and ``equity`` are floating rates, credit spreads and shares at
    large over today's: the price of new loans, whose floating part today is ``reference_rate``, and of new shares.
    """

    btc_usd: FloatArray
    hashprice_usd_per_ph_day: FloatArray
    own: FloatArray
    power: FloatArray
    tenant_month: IntArray
    costs: FloatArray
    resale: FloatArray
    rate: FloatArray
    spread: FloatArray
    equity: FloatArray
    reference_rate: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happens to a company on each path; months count from 0, -1: never.

    ``delay_month`` is when a site first waits for money; ``cut_month`` holds, by cut, when it is first made.
    ``equity_usd`` is assets less debts at the end, 0 on paths with a default; ``issued_frac`` new shares over old; by
    month (paths, months): ``liquidity_usd`` cash and free coins, ``debt_usd``, ``due_usd`` (service and maturities).
    """

    default_month: IntArray
    surrender_month: IntArray
    surrendered_usd: FloatArray
    breach_month: IntArray
    delay_month: IntArray
    cut_month: Mapping[Cut, IntArray]
    issued_frac: FloatArray
    equity_usd: FloatArray
    lost_given_default_usd: FloatArray
    liquidity_usd: FloatArray
    debt_usd: FloatArray
    due_usd: FloatArray

    @property
    def distressed(self) -> NDArray[np.bool_]:
        """Paths with a missed payment or machines left to their lender."""
        return (self.default_month >= 0) | (self.surrender_month >= 0)
