"""What the dispatch room takes and hands on: the year's problem and its optimum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import Assumption
from megawatt.dispatch.rates import tier_adder
from megawatt.facility.records import FacilityResponse
from megawatt.tariff import Rate

__all__ = ["Collar", "Dispatch", "SiteProblem"]


@dataclass(frozen=True, slots=True)
class Collar:
    """A floor and a cap on every hour's market price: what is charged is ``scale`` times the price within them.

    ``market_usd_per_mwh`` (8760,) is the price before; ``scale`` what losses make of a metered MWh.
    """

    market_usd_per_mwh: FloatArray
    floor_usd_per_mwh: float
    cap_usd_per_mwh: float
    scale: float = 1.0

    def charged(self, level: float) -> FloatArray:
        """Price of a MWh where the market is at this level, (8760,). [USD/MWh]"""
        clipped = np.clip(level * self.market_usd_per_mwh, self.floor_usd_per_mwh, self.cap_usd_per_mwh)
        return np.asarray(self.scale * clipped, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class SiteProblem:
    """One site year: what may run in each hour, and what it earns and costs.

    Attributes
    ----------
    price_usd_per_mwh : (8760,)
        Energy price at the connection.
    adder_usd_per_mwh : (8760,)
        Delivery charges on imported energy, coincident-peak (4CP) charges spread on their hours included.
    import_limit_mw : (8760,)
        Contracted capacity (``grid_mw``), less where an hour's limit is lower.
    ai_it_mw : (8760,)
        AI load offered (critical IT power drawn when running).
    ai_value_usd_per_mwh : float
        What a served MWh of AI IT power earns: the penalty of curtailing it. Contracted load is worth its price.
    ai_response : FacilityResponse or None
        The AI halls' response; None when ``ai_it_mw`` is zero all year.
    mining_it_mw : float
        Most power that miners may draw (at their plug).
    mining_value_usd_per_mwh : (8760,)
        Revenue of a MWh at the miner's plug.
    mining_response : FacilityResponse or None
        The mining halls' response.
    carbon_kg_per_mwh : (8760,)
        Intensity of imported energy; accounting only.
    mining_modes : tuple of arrays, shape (j,), or None
        Widths of the miners' mode segments along their power [MW], and what a MWh of each earns relative to
        ``mining_value_usd_per_mwh``, falling (`megawatt.mining.power_segments`); None: the rated mode alone.
    hosted_frac : float
        Share of the mining halls that customers' machines fill, 0 to 1.
    hosted_value_usd_per_mwh : (8760,) or None
        What a MWh at a customer's plug brings the site.
    collar : Collar or None
        Where the price is that of a collar: how it follows the market's level.
    rate : Rate or None
        The tariff; what it charges on every MWh is in ``adder_usd_per_mwh``, energy by tiers left out.
    """

    price_usd_per_mwh: FloatArray
    adder_usd_per_mwh: FloatArray
    import_limit_mw: FloatArray
    ai_it_mw: FloatArray
    ai_value_usd_per_mwh: float
    ai_response: FacilityResponse | None
    mining_it_mw: float
    mining_value_usd_per_mwh: FloatArray
    mining_response: FacilityResponse | None
    carbon_kg_per_mwh: FloatArray
    assumptions: tuple[Assumption, ...] = ()
    mining_modes: tuple[FloatArray, FloatArray] | None = None
    hosted_frac: float = 0.0
    hosted_value_usd_per_mwh: FloatArray | None = None
    collar: Collar | None = None
    rate: Rate | None = None

    @property
    def marginal_usd_per_mwh(self) -> FloatArray:
        """What does not follow the market in a MWh's price: adders, and the tier in which a full load ends."""
        if self.rate is None:
            return self.adder_usd_per_mwh
        return self.adder_usd_per_mwh + tier_adder(self.rate, float(self.import_limit_mw.max(initial=0.0)))


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The optimal year; hourly arrays have shape (8760,).

    ``import_mw`` = facility power of AI and mining halls; ``mining_usd`` what the miners of an hour earn.
    ``energy_cost_usd`` and ``revenue_usd`` are the year's totals by part; ``objective_usd`` = revenue - cost as the
    solver saw it. ``binding`` counts the hours in which each limit binds.
    """

    import_mw: FloatArray
    ai_it_mw: FloatArray
    ai_facility_mw: FloatArray
    mining_it_mw: FloatArray
    mining_facility_mw: FloatArray
    mining_usd: FloatArray
    ai_curtailed_mw: FloatArray
    water_l: FloatArray
    carbon_t: float
    peak_mw: float
    energy_cost_usd: Mapping[str, float]
    revenue_usd: Mapping[str, float]
    objective_usd: float
    binding: Mapping[str, int]
    solver: str
    assumptions: tuple[Assumption, ...] = ()
