"""What a site earns and pays by: each business turns factor paths into its own flows."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.ageing import hashes_kept_frac
from megawatt.chain.capital import Replacement
from megawatt.chain.ground import Ground, earned
from megawatt.dispatch.response import MiningMonths
from megawatt.finance import (
    OperatingFlows,
    escalator,
    gpu_cloud_revenue,
    gpu_contract_values_usd,
    live_share,
    market_utilisation,
    prepayment_flows,
    site_opex_cost,
    tenancy,
)
from megawatt.mining import (
    HashEconomics,
    HashResponse,
    Hedge,
    Hosted,
    MinerFleet,
    NetworkState,
    Treasury,
    coins_sold,
    hash_economics,
    hedge_settlement_usd,
    hosted_usd_per_mwh,
    project_network,
)
from megawatt.risk import FactorPaths

__all__ = ["AIMoney", "MiningMoney", "RunningCost", "ShedMoney"]


@dataclass(frozen=True, slots=True)
class RunningCost:
    """Cost of running beside energy: IT power [MW], USD per kW and month, growth a year."""

    it_mw: float
    usd_per_kw_month: float
    growth_per_year: float

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """Cost of the live halls, the same on every path."""
        index = live_share(ground.calendar.halls, ground.months) * escalator(ground.months, self.growth_per_year)
        return earned(ground.months, cost={"site": site_opex_cost(self.it_mw, self.usd_per_kw_month, index)})


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

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """Revenue from the tenant and at market terms, energy of the halls, prepayments."""
        spine, halls, months = ground.calendar.spine, ground.calendar.halls, ground.months
        let = tenancy(
            halls,
            months,
            term_months=self.term_months,
            default_month=factors.tenant_default_month,
            relet_lag_months=ground.terms.relet_lag_months,
        )
        used = market_utilisation(factors.demand, self.market_utilisation_frac)
        paid = gpu_cloud_revenue(
            spine,
            let,
            chips=self.chips,
            price_usd_per_chip_hour=self.price_usd_per_chip_hour,
            availability_frac=self.availability_frac * self.served_frac,
            market_price_usd_per_chip_hour=self.price_usd_per_chip_hour,
            market_price_factor=factors.compute,
            market_utilisation_frac=used,
            take_or_pay_frac=self.take_or_pay_frac,
            tenant_use_frac=self.tenant_use_frac,
        )
        values = gpu_contract_values_usd(
            spine,
            halls,
            chips=self.chips,
            price_usd_per_chip_hour=self.price_usd_per_chip_hour,
            availability_frac=self.availability_frac,
            term_months=self.term_months,
        )
        prepaid, credited = prepayment_flows(
            halls,
            months,
            amounts_usd=values * self.prepayment_frac,
            lead_months=self.prepayment_lead_months,
            term_months=self.term_months,
            credit_after_months=self.prepayment_credit_after_months,
            default_month=factors.tenant_default_month,
        )
        occupied = let.contracted + let.market * used
        running = occupied + self.idle_frac * np.maximum(live_share(halls, months) - occupied, 0.0)
        return OperatingFlows(
            {"contract": paid.contract, "market": paid.market},
            {"energy_ai": ground.ai_energy_usd(factors) * running} | ground.ai_charges_usd(running),
            prepaid,
            credited,
        )


@dataclass(frozen=True, slots=True)
class MiningMoney:
    """What miners earn by: the fleet, the network it starts from, how hash rate follows revenue.

    ``called_frac`` is the share of their hours that a demand response programme takes; ``hash_loss_per_year`` the share
    of hash rate that a machine loses every year, ``age_months`` its age when its block goes live, ``replaced`` when new
    ones take its place. Customers' machines, hash rate sold forward and coins that are kept: `megawatt.mining.selling`.
    ``price_scale``, (paths, 1), is on the price of a coin in every month, and no hash rate follows it.
    """

    fleet: MinerFleet
    state: NetworkState
    follows: HashResponse
    called_frac: float = 0.0
    hash_loss_per_year: float = 0.0
    age_months: int = 0
    replaced: Replacement | None = None
    hosted: Hosted | None = None
    hedge: Hedge | None = None
    treasury: Treasury | None = None
    price_scale: FloatArray | None = None

    def economics(self, ground: Ground, factors: FactorPaths) -> HashEconomics:
        """What a MWh earns in the fleet along each path, network response and halvings included."""
        spine = ground.calendar.spine
        path = project_network(
            self.state,
            spine.start_year,
            spine.start_month,
            spine.months,
            factors.btc,
            elasticity=self.follows.elasticity,
            lag_months=self.follows.lag_months,
            growth=self.follows.growth,
        )
        if self.price_scale is not None:
            price, hashprice = path.btc_price_usd * self.price_scale, path.hashprice_usd_per_ph_day * self.price_scale
            path = replace(path, btc_price_usd=price, hashprice_usd_per_ph_day=hashprice)
        return hash_economics(self.fleet, path, self._kept(ground))

    def _kept(self, ground: Ground) -> FloatArray:
        return hashes_kept_frac(ground.calendar, self.replaced, self.hash_loss_per_year, self.age_months)

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """Revenue and energy of the hours that are worth mining."""
        economics = self.economics(ground, factors)
        year, scale = self._year(ground, factors, economics)
        mined = year.revenue_usd * scale
        revenue = {"mining": mined}
        if self.treasury is not None:
            held = coins_sold(self.treasury, mined / economics.btc_price_usd) * economics.btc_price_usd
            revenue = {"mining": mined * (1.0 - self.treasury.held_frac), "treasury": held}
        if self.hosted is not None:
            revenue["hosting"] = year.hosted_usd * scale
        if self.hedge is not None:
            revenue["hash_hedge"] = self._hedged(self.hedge, ground, economics)
        cost = {"energy_mining": year.energy_cost_usd * scale}
        if year.charges_usd is not None:
            cost["power_charges"] = year.charges_usd
        return earned(ground.months, revenue=revenue, cost=cost)

    def _hedged(self, hedge: Hedge, ground: Ground, economics: HashEconomics) -> FloatArray:
        """What the buyer of hash rate pays: on all that live machines can hash, whatever hours they run."""
        spine = ground.calendar.spine
        own = self.fleet.hashrate_eh_per_s * 1000.0 * self.fleet.uptime_frac
        ph = own * self._kept(ground) * live_share(ground.calendar.halls, spine.months)
        return hedge_settlement_usd(hedge, economics.hashprice_usd_per_ph_day, ph, spine.hours / 24.0)

    def months(self, ground: Ground, factors: FactorPaths) -> MiningMonths:
        """Energy, bill and revenue of the live halls by month, (paths, months)."""
        year, scale = self._year(ground, factors, self.economics(ground, factors))
        scaled = {f.name: getattr(year, f.name) * scale for f in fields(MiningMonths) if f.name != "charges_usd"}
        return MiningMonths(**scaled, charges_usd=year.charges_usd)

    def hosted_usd_per_mwh(self, economics: HashEconomics) -> FloatArray:
        """What a MWh at customers' plugs brings, (paths, months); nothing without any."""
        if self.hosted is None:
            return np.zeros((1, 1))
        return hosted_usd_per_mwh(self.hosted, economics.usd_per_mwh)

    def _year(self, ground: Ground, factors: FactorPaths, economics: HashEconomics) -> tuple[MiningMonths, FloatArray]:
        """Months with every hall live, and the share of them that counts."""
        spine = ground.calendar.spine
        live = live_share(ground.calendar.halls, spine.months)
        year = ground.response.mining(
            economics.usd_per_mwh,
            ground.power.level(factors),
            first_month=spine.start_month,
            delivery_level=ground.power.other,
            live=live,
            hosted_usd_per_mwh=self.hosted_usd_per_mwh(economics),
        )
        plain = np.where(spine.hours == 29 * 24.0, 28 * 24.0, spine.hours)
        return year, live * spine.hours / plain * (1.0 - self.called_frac)


@dataclass(frozen=True, slots=True)
class ShedMoney:
    """Pay for being ready to shed load while all halls are live. [USD a month]"""

    usd_per_month: float

    def flows(self, ground: Ground, factors: FactorPaths) -> OperatingFlows:
        """Pay in the share of halls that is live."""
        live = live_share(ground.calendar.halls, ground.months)
        return earned(ground.months, revenue={"demand_response": (self.usd_per_month * live)[None, :]})
