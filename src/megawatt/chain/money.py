"""From a dispatched site to cash, for one base case and for every simulated path alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.chain.businesses import AIMoney, MiningMoney
from megawatt.chain.capital import Calendar, Capital
from megawatt.chain.ground import Business, Ground, PowerIndex
from megawatt.dispatch import MonthlyResponse
from megawatt.finance import (
    CashFlow,
    LenderTerms,
    OperatingFlows,
    ProjectTerms,
    commit_equity,
    project,
    size_loan,
    value_usd_per_grid_mw_year,
)
from megawatt.finance.engine import EQUITY_CONTINGENCY_FRAC, missed_period
from megawatt.finance.money_market import MoneyPaths
from megawatt.finance.records import JuniorTerms
from megawatt.finance.scheduled import CoverCase, cover_case
from megawatt.finance.totals import totals
from megawatt.risk import FactorPaths, FactorTerms, base_factors

__all__ = ["CashModel"]

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class CashModel:
    """Cash flows of a use as a function of factor paths. Picklable, so that blocks of paths can run in workers.

    Energy, AI: the year's bill by month x (let share + idle share x empty share), market part x power level. Energy,
    mining: exact response of the dispatched year to hash value and power level. Resale follows age and the
    market at the end relative to its expectation.
    """

    calendar: Calendar
    capital: Capital
    response: MonthlyResponse
    terms: FactorTerms
    power: PowerIndex
    businesses: tuple[Business, ...]
    grid_mw: float
    discount_rate: float
    committed_equity_usd: float | None = None
    juniors: tuple[JuniorTerms, ...] = ()

    @property
    def ground(self) -> Ground:
        """What the businesses read."""
        return Ground(self.calendar, self.response, self.terms, self.power)

    def find(self, kind: type[B]) -> B | None:
        """The business of a kind; None where the site has none."""
        return next((business for business in self.businesses if isinstance(business, kind)), None)

    def sculpted(self) -> CashModel:
        """The same model with its loan found from the base case: sized where it has limits, its service sculpted.

        A sculpted loan of a given amount follows cash before debt and tax, prepaid cash left out, so service follows
        what deliveries earn; a sized one follows the cash that sizes it. Where no month of repayment earns anything, no
        lender sculpts a loan: there is none.
        """
        capital, loan = self.capital, self.capital.loan
        if loan is None or (loan.shape != "sculpted" and capital.sizing is None):
            return self
        terms, flows = self.without_loan().case(base_factors(self.terms, self.calendar.spine.months))
        if capital.sizing is not None:
            found = size_loan(replace(terms, loan=loan, lender=capital.lender), flows, capital.sizing)
            return replace(self, capital=replace(capital, loan=found.loan, sized_by=found.binding[0]))
        free = totals(terms, terms.timing, flows)
        cash = loan.gathered((free.revenue - free.opex - free.credit)[:, 0])
        if not (cash[loan.first_payment_month : loan.last_payment_month + 1] > 0.0).any():
            unlent = capital.lender and replace(capital.lender, refinancing=None)
            return replace(self, capital=replace(capital, loan=None, lender=unlent))
        shaped = replace(loan, service_weights=np.maximum(cash, 0.0))
        return replace(self, capital=replace(capital, loan=shaped))

    def without_loan(self) -> CashModel:
        """The same model paid for by equity alone; its value before debt is the same."""
        return replace(self, capital=replace(self.capital, loan=None))

    def base(self) -> CashFlow:
        """The base case: every factor at its expectation, the tenant pays."""
        return self(base_factors(self.terms, self.calendar.spine.months))

    def base_end(self) -> tuple[float, CoverCase]:
        """What a megawatt of the connection is worth a year in the base case, as the cash flow says it [USD], and what
        the covers of its loan need.
        """
        factors = base_factors(self.terms, self.calendar.spine.months)
        terms, flows = self.project_terms(factors), self.flows(factors)
        value = value_usd_per_grid_mw_year(terms, flows, grid_mw=self.grid_mw)
        return float(value[0]), cover_case(terms, flows)

    def committed(self, base: CashFlow, juniors: tuple[JuniorTerms, ...] = ()) -> CashModel:
        """The same model with the owner's equity limited to what the base case's construction took, and with the
        tranches behind the loan that come in their place.
        """
        equity = commit_equity(base.terms, base).committed_equity_usd
        return replace(self, committed_equity_usd=equity, juniors=juniors)

    def __call__(self, factors: FactorPaths) -> CashFlow:
        """Cash flows (paths, months) under factor paths."""
        return project(*self.case(factors), grid_mw=self.grid_mw)

    def missed(self, factors: FactorPaths) -> IntArray:
        """Month in which service is first missed, (paths,), -1 if never; owners commit what the base case takes."""
        _, equity = missed_period(*self.case(base_factors(self.terms, self.calendar.spine.months)))
        committed = float(equity[0]) * (1.0 + EQUITY_CONTINGENCY_FRAC)
        return missed_period(*replace(self, committed_equity_usd=committed).case(factors))[0]

    def case(self, factors: FactorPaths) -> tuple[ProjectTerms, OperatingFlows]:
        """Terms and flows under factor paths; lenders have the account that a termination fee goes to."""
        flows, terms = self.flows(factors), self.project_terms(factors)
        fee = flows.revenue.get("backstop")
        if fee is None:
            return terms, flows
        asked, default = terms.lender or LenderTerms(), factors.tenant_default_month
        until = np.where(default < 0, -1, default + self.terms.relet_lag_months)
        return replace(terms, lender=replace(asked, proceeds_usd=fee, proceeds_until=until)), flows

    def flows(self, factors: FactorPaths) -> OperatingFlows:
        """Revenue, running cost and prepayments of all businesses under factor paths."""
        revenue: dict[str, FloatArray] = {}
        cost: dict[str, FloatArray] = {}
        prepaid = credited = np.zeros((1, self.calendar.spine.months))
        for business in self.businesses:
            part = business.flows(self.ground, factors)
            revenue |= part.revenue
            cost |= part.opex_cost
            prepaid, credited = prepaid + part.prepayment, credited + part.prepayment_credit
        return OperatingFlows(revenue, cost, prepaid, credited)

    def _market_at_end(self, factors: FactorPaths) -> tuple[FloatArray, FloatArray]:
        """Worth in the last month over the expected one, (paths,): of machines, and of halls.

        Chips fetch what their hours do, miners what their hashes do. Halls outlast what passes: their rents count by
        how
        much of a deviation from trend lasts, discounted, the rate over the rate plus the speed of return.
        """
        terms, rate = self.terms, self.discount_rate

        def lasting(reversion: float) -> float:
            return rate / (rate + reversion) if rate + reversion > 0.0 else 1.0

        expected = base_factors(self.terms, self.calendar.spine.months)
        miners, hours = self.find(MiningMoney), factors.compute[:, -1] / expected.compute[0, -1]
        if miners is None:
            let = lasting(terms.demand_reversion) * (factors.demand[:, -1] - 1.0)
            let = let + lasting(terms.compute_reversion) * (hours**terms.hall_rent_elasticity - 1.0)
            let = np.maximum(1.0 + let, 0.0)
            return hours if self.find(AIMoney) is not None else np.ones_like(hours), let
        if np.array_equal(factors.btc, expected.btc):
            return np.ones(1), np.ones(1)
        earned = (miners.economics(self.ground, f).usd_per_mwh[:, -1] for f in (factors, expected))
        found, planned = earned
        hashes = found / np.where(planned > 0.0, planned, 1.0)
        return hashes, hashes**terms.hall_rent_elasticity

    def project_terms(self, factors: FactorPaths) -> ProjectTerms:
        """Calendar, capital, loan and tax; resale follows the market that the paths have."""
        spine, capital = self.calendar.spine, self.capital
        lender = capital.lender if capital.loan is not None or capital.replacement is not None else None
        market, rents = self._market_at_end(factors)
        machines = capital.machines_left_usd(self.calendar, market)
        return ProjectTerms(
            start_year=spine.start_year,
            start_month=spine.start_month,
            months=spine.months,
            capex_cost=capital.capex_cost,
            residual={"shell": capital.shell_residual * rents[:, None], "machines": machines}
            | {plant.name: plant.residual for plant in capital.plants},
            loan=capital.loan,
            tax=capital.tax,
            discount_rate=self.discount_rate,
            periods=capital.timing,
            minimum_cash_usd=capital.reserve_usd(spine.months),
            juniors=self.juniors,
            lender=self._refinanced_by(lender),
            money=self._money(factors),
            owners_taxed=capital.owners_taxed,
            committed_equity_usd=self.committed_equity_usd,
            operation_start_month=min(h.month for h in self.calendar.halls),
            construction_months=self.calendar.last_live,
            receivable_days=capital.receivable_days,
            payable_days=capital.payable_days,
        )

    def _refinanced_by(self, lender: LenderTerms | None) -> LenderTerms | None:
        """The lender with the floating part of the new loan's rate: what the old one expects then, else today's."""
        loan = self.capital.loan
        if lender is None or lender.refinancing is None or loan is None:
            return lender
        floats = loan.floating
        reference = float(floats.reference[loan.last_payment_month]) if floats else self.terms.reference_rate
        return replace(lender, refinancing=replace(lender.refinancing, reference_rate=reference))

    def _money(self, factors: FactorPaths) -> MoneyPaths | None:
        """Rates, spreads and shares of the paths, where the loan floats, is refinanced, or a tranche converts."""
        loan, lender = self.capital.loan, self.capital.lender
        floats = loan is not None and loan.floating is not None
        anew = loan is not None and lender is not None and lender.refinancing is not None
        if floats or anew or any(junior.converted_worth is not None for junior in self.juniors):
            return MoneyPaths(factors.rate, factors.spread, factors.equity)
        return None
