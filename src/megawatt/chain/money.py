"""From a dispatched site to cash, for one base case and for every simulated path alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from megawatt.chain.capital import Calendar, Capital
from megawatt.chain.lease import LeaseMoney, lease_flows
from megawatt.dispatch import MonthlyResponse
from megawatt.dispatch.response import MiningMonths
from megawatt.finance import (
    CashFlow,
    Hall,
    LenderTerms,
    OperatingFlows,
    ProjectTerms,
    commit_equity,
    escalator,
    gpu_cloud_revenue,
    gpu_contract_values_usd,
    live_share,
    loan_schedule,
    market_utilisation,
    prepayment_flows,
    project,
    repeat_year,
    residual_of_chips,
    site_opex_cost,
    size_loan,
    tenancy,
)
from megawatt.mining import HashEconomics, HashResponse, MinerFleet, NetworkState, hash_economics, project_network
from megawatt.risk import FactorPaths, FactorTerms, base_factors

__all__ = ["AIMoney", "CashModel", "MiningMoney", "ShedMoney"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AIMoney:
    """What an AI use earns and costs, beside energy: contract terms resolved to numbers.

    ``idle_frac`` is the share of the halls' energy that stays when nobody rents them; ``served_frac`` the share of the
    offered load that the dispatch served.
    """

    chips: int
    price_usd_per_chip_hour: float
    availability_frac: float
    served_frac: float
    term_months: int
    prepayment_frac: float
    prepayment_lead_months: int
    prepayment_credit_after_months: int
    idle_frac: float
    market_utilisation_frac: float
    take_or_pay_frac: float = 1.0
    tenant_use_frac: float = 1.0


@dataclass(frozen=True, slots=True)
class MiningMoney:
    """What miners earn by: the fleet, the network it starts from, how hash rate follows revenue."""

    fleet: MinerFleet
    state: NetworkState
    follows: HashResponse


@dataclass(frozen=True, slots=True)
class ShedMoney:
    """Pay for being ready to shed load while all halls are live, and the share of mining that calls switch off."""

    usd_per_month: float
    called_frac: float


@dataclass(frozen=True, slots=True)
class CashModel:
    """Cash flows of a use as a function of factor paths. Picklable, so that blocks of paths can run in workers.

    Energy, AI: the year's bill by month x (let share + idle share x empty share), market part x power level. Energy,
    mining: exact response of the dispatched year to hash value and power level. Chips' resale follows the compute
    price relative to its expectation; miners' follows age alone.
    """

    calendar: Calendar
    capital: Capital
    response: MonthlyResponse
    terms: FactorTerms
    grid_mw: float
    opex_it_mw: float
    opex_usd_per_kw_month: float
    opex_growth_per_year: float
    residual_frac: float
    discount_rate: float
    ai: AIMoney | None = None
    mining: MiningMoney | None = None
    lease: LeaseMoney | None = None
    demand_response: ShedMoney | None = None
    committed_equity_usd: float | None = None

    def sculpted(self) -> CashModel:
        """The same model with its loan found from the base case: sized where it has limits, its service sculpted.

        A sculpted loan of a given amount follows cash before debt and tax, prepaid cash left out, so service follows
        what deliveries earn; a sized one follows the cash that sizes it.
        """
        capital, loan = self.capital, self.capital.loan
        if loan is None or (loan.shape != "sculpted" and capital.sizing is None):
            return self
        free = self.without_loan().base()
        if capital.sizing is not None:
            found = size_loan(replace(free.terms, loan=loan), free.flows, capital.sizing)
            return replace(self, capital=replace(capital, loan=found.loan, sized_by=found.binding[0]))
        cash = (free.revenue_total - free.opex_total - free.flows.prepayment_credit)[0]
        shaped = replace(loan, service_weights=np.maximum(cash, 0.0))
        return replace(self, capital=replace(capital, loan=shaped))

    def without_loan(self) -> CashModel:
        """The same model paid for by equity alone; its value before debt is the same."""
        return replace(self, capital=replace(self.capital, loan=None))

    def base(self) -> CashFlow:
        """The base case: every factor at its expectation, the tenant pays."""
        return self(base_factors(self.terms, self.calendar.spine.months))

    def committed(self, base: CashFlow) -> CashModel:
        """The same model with the owner's equity limited to what the base case's construction took."""
        equity = commit_equity(base.terms, base).committed_equity_usd
        return replace(self, committed_equity_usd=equity)

    def __call__(self, factors: FactorPaths) -> CashFlow:
        """Cash flows (paths, months) under factor paths."""
        flows = self.flows(factors)
        terms = self.project_terms(factors)
        if "backstop" in flows.revenue:
            # lenders take a termination fee first
            asked = terms.lender or LenderTerms()
            terms = replace(terms, lender=replace(asked, mandatory_prepayment_usd=flows.revenue["backstop"]))
        return project(terms, flows, grid_mw=self.grid_mw)

    def flows(self, factors: FactorPaths) -> OperatingFlows:
        """Revenue, running cost and prepayments under factor paths."""
        revenue: dict[str, FloatArray] = {}
        cost: dict[str, FloatArray] = {"site": self._site_opex()}
        shape = factors.power.shape
        prepaid = credited = np.zeros((1, shape[1]))
        if self.ai is not None:
            ai_revenue, energy, prepaid, credited = self._ai_flows(self.ai, factors)
            revenue |= ai_revenue
            cost["energy_ai"] = energy
        if self.lease is not None:
            revenue, cost["energy_ai"] = lease_flows(
                self.lease, self.calendar.halls, self.ai_energy_usd(factors), factors, self.terms.relet_lag_months
            )
        if self.mining is not None:
            revenue["mining"], cost["energy_mining"] = self._mining_flows(self.mining, factors)
        if self.demand_response is not None:
            live = live_share(self.calendar.halls, shape[1])
            revenue["demand_response"] = (self.demand_response.usd_per_month * live)[None, :]
        return OperatingFlows(revenue, cost, prepaid, credited)

    def _site_opex(self) -> FloatArray:
        calendar = self.calendar
        months = calendar.spine.months
        index = live_share(calendar.halls, months) * escalator(months, self.opex_growth_per_year)
        return site_opex_cost(self.opex_it_mw, self.opex_usd_per_kw_month, index)

    def _ai_flows(
        self, ai: AIMoney, factors: FactorPaths
    ) -> tuple[dict[str, FloatArray], FloatArray, FloatArray, FloatArray]:
        spine, halls, months = self.calendar.spine, self.calendar.halls, self.calendar.spine.months
        let = tenancy(
            halls,
            months,
            term_months=ai.term_months,
            default_month=factors.tenant_default_month,
            relet_lag_months=self.terms.relet_lag_months,
        )
        used = market_utilisation(factors.demand, ai.market_utilisation_frac)
        earned = gpu_cloud_revenue(
            spine,
            let,
            chips=ai.chips,
            price_usd_per_chip_hour=ai.price_usd_per_chip_hour,
            availability_frac=ai.availability_frac * ai.served_frac,
            market_price_usd_per_chip_hour=ai.price_usd_per_chip_hour,
            market_price_factor=factors.compute,
            market_utilisation_frac=used,
            take_or_pay_frac=ai.take_or_pay_frac,
            tenant_use_frac=ai.tenant_use_frac,
        )
        values = gpu_contract_values_usd(
            spine,
            halls,
            chips=ai.chips,
            price_usd_per_chip_hour=ai.price_usd_per_chip_hour,
            availability_frac=ai.availability_frac,
            term_months=ai.term_months,
        )
        prepaid, credited = prepayment_flows(
            halls,
            months,
            amounts_usd=values * ai.prepayment_frac,
            lead_months=ai.prepayment_lead_months,
            term_months=ai.term_months,
            credit_after_months=ai.prepayment_credit_after_months,
            default_month=factors.tenant_default_month,
        )
        occupied = let.contracted + let.market * used
        running = occupied + ai.idle_frac * np.maximum(live_share(halls, months) - occupied, 0.0)
        return (
            {"contract": earned.contract, "market": earned.market},
            self.ai_energy_usd(factors) * running,
            prepaid,
            credited,
        )

    def ai_energy_usd(self, factors: FactorPaths) -> FloatArray:
        """Energy bill of the AI halls with every hall let, (paths, months). [USD a month]"""
        spine = self.calendar.spine
        market = repeat_year(spine, self.response.ai_market_usd)
        delivery = repeat_year(spine, self.response.ai_delivery_usd)
        return factors.power * market + delivery

    def hash_economics(self, mining: MiningMoney, factors: FactorPaths) -> HashEconomics:
        """What a MWh earns in the fleet along each path, network response and halvings included."""
        spine = self.calendar.spine
        path = project_network(
            mining.state,
            spine.start_year,
            spine.start_month,
            spine.months,
            factors.btc,
            elasticity=mining.follows.elasticity,
            lag_months=mining.follows.lag_months,
            growth=mining.follows.growth,
        )
        return hash_economics(mining.fleet, path)

    def _mining_flows(self, mining: MiningMoney, factors: FactorPaths) -> tuple[FloatArray, FloatArray]:
        year, scale = self._mining_year(mining, factors)
        return year.revenue_usd * scale, year.energy_cost_usd * scale

    def mined_mwh(self, factors: FactorPaths) -> FloatArray:
        """Energy at the miners' plug, (paths, months); zero without miners. [MWh a month]"""
        if self.mining is None:
            return np.zeros((1, self.calendar.spine.months))
        year, scale = self._mining_year(self.mining, factors)
        return year.mwh * scale

    def _mining_year(self, mining: MiningMoney, factors: FactorPaths) -> tuple[MiningMonths, FloatArray]:
        """Months with every hall live, and the share of them that counts."""
        spine = self.calendar.spine
        value = self.hash_economics(mining, factors).usd_per_mwh
        year = self.response.mining(value, factors.power, first_month=spine.start_month)
        runs = 1.0 - (self.demand_response.called_frac if self.demand_response else 0.0)
        return year, live_share(self.calendar.halls, spine.months) * spine.hours / _plain_hours(spine.hours) * runs

    def _reserve_usd(self) -> float:
        """Months of average debt service, balloon left out, that stay in the account while the loan runs. [USD]"""
        loan = self.capital.loan
        if loan is None or self.capital.reserve_months == 0.0:
            return 0.0
        schedule = loan_schedule(loan, self.calendar.spine.months)
        payments = loan.last_payment_month - loan.first_payment_month + 1
        balloon = loan.balloon_frac * schedule.balance[loan.first_payment_month - 1]
        paid = schedule.service[loan.first_payment_month :].sum() - balloon
        return float(paid / payments * self.capital.reserve_months)

    def _machines_left(self, price_to_expected: FloatArray) -> FloatArray:
        """Resale of the machines in the last month by age and cost of those that then stand, (paths, months). [USD]"""
        months, plan = self.calendar.spine.months, self.capital.replacement
        left = np.zeros((1, months))
        for hall in self.calendar.halls:
            replaced = plan.months_of(hall, months) if plan else range(0)
            cost = self.capital.machines_cost_usd * hall.share * (plan.cost_frac if plan and replaced else 1.0)
            standing = Hall(replaced[-1] if replaced else hall.month, 1.0)
            left = left + residual_of_chips(
                cost,
                (standing,),
                months,
                share_at_five_years=self.residual_frac,
                price_to_expected=price_to_expected,
            )
        return left

    def project_terms(self, factors: FactorPaths) -> ProjectTerms:
        """Calendar, capital, loan and tax; resale of chips follows the factor paths."""
        spine, capital = self.calendar.spine, self.capital
        paths = factors.power.shape[0]
        resale = np.ones(paths)
        if self.ai is not None:
            resale = factors.compute[:, -1] / base_factors(self.terms, spine.months).compute[0, -1]
        machines = self._machines_left(resale)
        return ProjectTerms(
            start_year=spine.start_year,
            start_month=spine.start_month,
            months=spine.months,
            capex_cost=capital.capex_cost,
            residual={"shell": capital.shell_residual, "machines": machines},
            loan=capital.loan,
            tax=capital.tax,
            discount_rate=self.discount_rate,
            minimum_cash_usd=self._reserve_usd(),
            lender=capital.lender if capital.loan is not None or capital.replacement is not None else None,
            committed_equity_usd=self.committed_equity_usd,
            operation_start_month=min(h.month for h in self.calendar.halls),
            construction_months=self.calendar.last_live,
            receivable_days=capital.receivable_days,
            payable_days=capital.payable_days,
        )


def _plain_hours(hours: FloatArray) -> FloatArray:
    """Hours of each month without the leap day."""
    return np.where(hours == 29 * 24.0, 28 * 24.0, hours)
