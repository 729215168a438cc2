"""Water or electricity, hour by hour: wetted pads run where they pay, within a yearly water right."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.facility.design import HallDesign
from megawatt.facility.hall import simulate
from megawatt.facility.records import FacilityYear, Weather
from megawatt.hours import HOURS_IN_YEAR
from megawatt.units import LITRE_PER_M3

__all__ = ["WaterChoice", "has_pads", "source_wue_l_per_kwh", "water_choice", "without_pads"]


@dataclass(frozen=True, slots=True)
class WaterChoice:
    """A year in which pads run only where water is worth it.

    Attributes
    ----------
    wet : array of bool, shape (8760,)
        Hours with pads in use.
    it_mw, facility_mw, water_l : array, shape (8760,)
        IT power served and facility power [MW], water [L].
    saving_usd : float
        Against the hall with its pads off all year: electricity and unserved IT avoided, less the water's price.
    marginal_usd_per_m3 : float
        What one more cubic metre would be worth beyond its price; 0 where the cap does not bind.
    always_wet, never_wet : FacilityYear
        The two years it is composed of.
    """

    wet: NDArray[np.bool_]
    it_mw: FloatArray
    facility_mw: FloatArray
    water_l: FloatArray
    saving_usd: float
    marginal_usd_per_m3: float
    always_wet: FacilityYear
    never_wet: FacilityYear

    @property
    def wet_hours(self) -> int:
        """Hours with pads in use."""
        return int(self.wet.sum())

    @property
    def water_m3(self) -> float:
        """Water of the year. [m3]"""
        return float(self.water_l.sum()) / LITRE_PER_M3

    @property
    def pue(self) -> float:
        """PUE of the year."""
        return float(self.facility_mw.sum() / self.it_mw.sum())


def has_pads(design: HallDesign) -> bool:
    """Whether the design has wetted pads that can be switched off."""
    return design.air.pads is not None or (design.liquid is not None and design.liquid.pads is not None)


def without_pads(design: HallDesign) -> HallDesign:
    """The design with its wetted pads switched off.

    Raises
    ------
    ScenarioError
        If it has none: a wet tower cannot be switched off without dry coolers beside it.
    """
    if not has_pads(design):
        raise ScenarioError(
            f"hall {design.key}: has no wetted pads, so there is no hourly choice between water and electricity; "
            "designs with pads: liquid-dry-cooler, air-evaporative, mining-immersion"
        )
    liquid = replace(design.liquid, pads=None) if design.liquid is not None else None
    return replace(design, liquid=liquid, air=replace(design.air, pads=None))


def water_choice(
    design: HallDesign,
    weather: Weather,
    it_mw: ArrayLike,
    *,
    electricity_usd_per_mwh: ArrayLike,
    water_usd_per_m3: float,
    it_value_usd_per_mwh: float,
    cap_m3: float | None = None,
) -> WaterChoice:
    """Run the pads in the hours where they are worth their water.

    In each hour the wet hall is compared with the dry one: electricity, water, and IT power that the dry hall could not
    cool. Under a cap hours are taken in the order of their worth per cubic metre, whole hours only (that is the optimum
    but for the last hour).

    Parameters
    ----------
    design : HallDesign
        With pads in its liquid or its air loop.
    weather : Weather
    it_mw : float or array, shape (8760,)
        IT power wanted. [MW]
    electricity_usd_per_mwh : float or array, shape (8760,)
        [USD/MWh]; where it is negative water is not used to save power.
    water_usd_per_m3 : float
        Supply and sewage. [USD/m3], >= 0
    it_value_usd_per_mwh : float
        What a MWh of IT energy is worth that the dry hall would have to shed. [USD/MWh], >= 0
    cap_m3 : float, optional
        Most water of the year. [m3], >= 0

    Raises
    ------
    ScenarioError
        If the design has no pads, or a price, the value or the cap is negative or not a number.
    """
    for name, value in (("water_usd_per_m3", water_usd_per_m3), ("it_value_usd_per_mwh", it_value_usd_per_mwh)):
        if not 0.0 <= value < float("inf"):
            raise ScenarioError(f"{name} = {value:g}, allowed: 0 or more")
    if cap_m3 is not None and not cap_m3 >= 0.0:
        raise ScenarioError(f"cap_m3 = {cap_m3:g} m3, allowed: 0 or more (none: no cap)")
    price = np.broadcast_to(np.asarray(electricity_usd_per_mwh, float), (HOURS_IN_YEAR,))
    if not np.isfinite(price).all():
        raise ScenarioError("electricity_usd_per_mwh: has hours that are not a number; one price per hour of the year")
    wanted_mw = np.broadcast_to(np.asarray(it_mw, float), (HOURS_IN_YEAR,))
    always, never = simulate(design, weather, wanted_mw), simulate(without_pads(design), weather, wanted_mw)
    worth = (never.facility_mw - always.facility_mw) * price
    worth = worth + (always.it_mw - never.it_mw) * (it_value_usd_per_mwh)
    used_m3 = always.water_l / LITRE_PER_M3
    net = worth - used_m3 * water_usd_per_m3
    wet = (used_m3 > 0.0) & (net > 0.0)
    marginal = 0.0
    if cap_m3 is not None and float(used_m3[wet].sum()) > cap_m3:
        wet, marginal = _within(wet, net, used_m3, cap_m3)
    return WaterChoice(
        wet=wet,
        it_mw=np.where(wet, always.it_mw, never.it_mw),
        facility_mw=np.where(wet, always.facility_mw, never.facility_mw),
        water_l=np.where(wet, always.water_l, 0.0),
        saving_usd=float(net[wet].sum()),
        marginal_usd_per_m3=marginal,
        always_wet=always,
        never_wet=never,
    )


def _within(
    wanted: NDArray[np.bool_], net_usd: FloatArray, used_m3: FloatArray, cap_m3: float
) -> tuple[NDArray[np.bool_], float]:
    """The wanted hours that fit the cap, best first, and the worth per cubic metre of the first that does not."""
    hours = np.flatnonzero(wanted)
    per_m3 = net_usd[hours] / used_m3[hours]
    order = np.argsort(-per_m3, kind="stable")
    fits = np.cumsum(used_m3[hours][order]) <= cap_m3
    wet = np.zeros_like(wanted)
    wet[hours[order][fits]] = True
    return wet, float(per_m3[order][~fits].max())


def source_wue_l_per_kwh(year: FacilityYear, electricity_l_per_kwh: float) -> float:
    """Site water plus the water of the electricity, per IT energy. [L/kWh]

    WUE_source = WUE_site + PUE x water intensity of the grid (The Green Grid, white paper 35).

    Parameters
    ----------
    year : FacilityYear
    electricity_l_per_kwh : float
        Water consumed in power stations per energy delivered. [L/kWh], 0 to 50; published (arXiv 2304.03271, table 1):
        US mean 3.14, Texas 1.29, Virginia 2.39, Iowa 3.10, Arizona 4.96, Washington 9.50 (reservoirs).

    Raises
    ------
    ScenarioError
        If the intensity is out of range.
    """
    if not 0.0 <= electricity_l_per_kwh <= 50.0:
        raise ScenarioError(f"electricity_l_per_kwh = {electricity_l_per_kwh:g} L/kWh, allowed: 0 to 50")
    return year.wue_l_per_kwh + year.pue * electricity_l_per_kwh
