"""The two heat paths of a hall, hour by hour and load by load: the liquid loop and the air loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.facility.cooling import (
    Ambient,
    adiabatic_outlet_ratio,
    chiller_power_mw,
    chiller_power_per_heat,
    cube_law_mw,
    dry_cooler,
    evaporated_l_per_h,
    makeup_l_per_mwh,
    pad_outlet_c,
    tower_evaporation_l_per_mwh,
)
from megawatt.facility.design import AirLoop, DryCooler, LiquidLoop, Tower

__all__ = ["LoopLoad", "air_loop", "liquid_loop"]


_HEAT_SINK_EXPONENT: Final = 0.75
"""Heat over air flow of a finned surface near design, as of the coolers; a server's air at 18 degC is then 20 % less
than at 27 degC (assumed for all machines)."""

_COMPRESSOR_RELUCTANCE: Final = 2.0
"""Fan power that operators spend to save one unit of compressor power (wear, starts): fans go to full speed before the
first compressor wherever free cooling still carries most of the heat. Changes PUE by under 0.002."""


@dataclass(frozen=True, slots=True)
class LoopLoad:
    """What one loop draws and drinks, arrays of shape (hours, k).

    ``excess_mw``: heat that the loop cannot take at this load and weather (0: it can); the load must fall.
    """

    fans_mw: FloatArray
    pumps_mw: FloatArray
    heat_rejection_mw: FloatArray
    chiller_mw: FloatArray
    water_l: FloatArray
    excess_mw: FloatArray


def liquid_loop(loop: LiquidLoop, ambient: Ambient, it_heat_mw: FloatArray, design_it_heat_mw: float) -> LoopLoad:
    """Cold plates to outdoor air through CDU and dry coolers.

    Facility water is kept as warm as the racks allow (``supply_max_c`` less the CDU's approach, which shrinks with
    the load of tanks), which keeps fans slow.
    Pads are wet in hours whose dry bulb exceeds what the dry coolers carry at full load. Heat that they cannot take at
    full flow goes through the trim chiller.

    Parameters
    ----------
    it_heat_mw : array, shape (hours, k) or (1, k)
        IT heat into the loop. [MW]
    design_it_heat_mw : float
        The same at full load. [MW], > 0
    """
    it_heat = np.broadcast_to(it_heat_mw, np.broadcast_shapes(it_heat_mw.shape, ambient.dry_bulb_c.shape))
    pump_design = loop.pump_frac * design_it_heat_mw
    flow = np.maximum(it_heat / design_it_heat_mw, loop.pump_min_flow_frac)
    pumps = cube_law_mw(pump_design, flow, 0.0)
    design_heat = design_it_heat_mw + pump_design
    load = (it_heat + pumps) / design_heat
    # CDU pumps slow down with the load, which keeps the approach; that of tanks, stirred as ever, shrinks with it.
    approach_k = loop.cdu_approach_k * (np.minimum(load, 1.0) if loop.tanks else np.ones_like(load))
    facility_supply_c = loop.supply_max_c - approach_k
    entering_air_c, ratio_gain = _cooler_air(loop, ambient, loop.supply_max_c - loop.cdu_approach_k)

    difference = facility_supply_c + loop.range_k * load / flow - entering_air_c
    cooler, worth = loop.cooler, None
    if loop.chiller is not None:
        saved = chiller_power_per_heat(loop.chiller, facility_supply_c, ambient.dry_bulb_c)
        worth = _COMPRESSOR_RELUCTANCE * saved / cooler.fan_frac
    thin = ambient.density_ratio
    rejected, air_flow = dry_cooler(
        load, difference, cooler.approach_k + loop.range_k, cooler.exponent, cooler.fan_min_flow_frac, worth, thin
    )
    fans = cube_law_mw(cooler.fan_frac * design_heat, air_flow, 0.0) * thin
    water = evaporated_l_per_h(design_heat * air_flow * thin, cooler.air_rise_k, ratio_gain)
    left = (load - rejected) * design_heat
    chiller, excess = np.zeros_like(left), left
    if loop.chiller is not None:
        chiller = chiller_power_mw(loop.chiller, left, design_heat, facility_supply_c, ambient.dry_bulb_c)
        excess = left - loop.chiller.capacity_frac * design_heat
    return LoopLoad(
        fans_mw=np.zeros_like(load),
        pumps_mw=pumps,
        heat_rejection_mw=fans,
        chiller_mw=chiller,
        water_l=makeup_l_per_mwh(water, loop.pads.cycles) if loop.pads else water,
        excess_mw=np.maximum(excess, 0.0),
    )


def _cooler_air(loop: LiquidLoop, ambient: Ambient, facility_supply_c: float) -> tuple[FloatArray, FloatArray]:
    """Air entering the dry coolers at full load, (hours, 1), and the humidity it gained in the pads."""
    dry = ambient.dry_bulb_c
    if loop.pads is None:
        return dry, np.zeros_like(dry)
    cooler = loop.cooler
    needed_k = (cooler.approach_k + loop.range_k) / ambient.density_ratio**cooler.exponent
    wet = dry > facility_supply_c + loop.range_k - needed_k
    cooled = pad_outlet_c(dry, ambient.wet_bulb_c, loop.pads.effectiveness)
    gain = adiabatic_outlet_ratio(dry, ambient.ratio, cooled) - ambient.ratio
    return np.where(wet, cooled, dry), np.where(wet, gain, 0.0)


def air_loop(loop: AirLoop, ambient: Ambient, heat_mw: FloatArray, design_heat_mw: float) -> LoopLoad:
    """Air through the hall to outdoors.

    Parameters
    ----------
    heat_mw : array, shape (hours, k) or (1, k)
        Heat into the hall's air, without its fans. [MW]
    design_heat_mw : float
        The same at full load. [MW], > 0
    """
    heat = np.broadcast_to(heat_mw, np.broadcast_shapes(heat_mw.shape, ambient.dry_bulb_c.shape))
    if loop.mode == "outside-air":
        return _outside_air(loop, ambient, heat, design_heat_mw)
    fans = _hall_fans_mw(loop, ambient, heat / design_heat_mw, design_heat_mw)
    return _chilled_water(loop, ambient, heat + fans, fans, _with_fans(loop, ambient, design_heat_mw))


def _with_fans(loop: AirLoop, ambient: Ambient, design_heat_mw: float) -> FloatArray:
    """Design heat with that of the fans in the site's air: what chillers are sized for. [MW], shape (hours, 1)"""
    return np.asarray(design_heat_mw * (1.0 + loop.fan_frac / ambient.density_ratio**2))


def _hall_fans_mw(loop: AirLoop, ambient: Ambient, flow_frac: FloatArray, design_heat_mw: float) -> FloatArray:
    """Fans that move a mass of air: in thin air more volume at less pressure drop, P ~ flow^3 / density^2. [MW]"""
    fans = cube_law_mw(loop.fan_frac * design_heat_mw, flow_frac, loop.fan_min_flow_frac)
    return np.asarray(fans / ambient.density_ratio**2)


def _machines_flow(loop: AirLoop, inlet_c: FloatArray, load: FloatArray) -> FloatArray:
    """Air that the machines draw over that at the warmest supply and full load.

    Colder air carries the same heat from the same heat sinks with less flow; above the warmest supply it is what holds
    the exhaust at its limit.
    """
    sink = np.ones_like(inlet_c)
    if loop.component_c is not None:
        inlet = np.clip(inlet_c, loop.supply_min_c, loop.supply_max_c)
        sink = (loop.component_c - loop.supply_max_c) / (loop.component_c - inlet)
    room = 1.0 - np.maximum(inlet_c - loop.supply_max_c, 0.0) / loop.range_k
    warm = load / np.maximum(room, np.maximum(load, 1e-9))
    return np.asarray(np.where(inlet_c > loop.supply_max_c, warm, load * sink ** (1.0 / _HEAT_SINK_EXPONENT)))


def _outside_air(loop: AirLoop, ambient: Ambient, heat: FloatArray, design_heat_mw: float) -> LoopLoad:
    dry = ambient.dry_bulb_c
    inlet, gain = dry, np.zeros_like(dry)
    closed = ambient.dew_point_c > loop.dew_point_max_c
    if loop.pads is not None:
        # Media are wet or dry: once on, they cool below the supply temperature and warm return air is mixed in.
        wet = ~closed & (dry > loop.supply_max_c)
        inlet = np.where(wet, pad_outlet_c(dry, ambient.wet_bulb_c, loop.pads.effectiveness), dry)
        gain = np.where(wet, adiabatic_outlet_ratio(dry, ambient.ratio, inlet) - ambient.ratio, 0.0)
    # Air through the media leaves at the exhaust's temperature; return air makes up the rest of the flow.
    water = evaporated_l_per_h(heat, np.maximum(loop.supply_max_c + loop.range_k - inlet, loop.range_k), gain)
    supplied = (
        inlet if loop.chiller is None else np.where(closed, loop.supply_max_c, np.minimum(inlet, loop.supply_max_c))
    )
    fans = _hall_fans_mw(loop, ambient, _machines_flow(loop, supplied, heat / design_heat_mw), design_heat_mw)
    too_warm = np.maximum(inlet - loop.supply_max_c, 0.0) / loop.range_k
    if loop.chiller is None:
        # At full air flow the exhaust may reach supply_max + range, so each K too warm costs 1 / range of the load.
        excess = np.maximum(heat - design_heat_mw * np.maximum(1.0 - too_warm, 0.0), 0.0)
        chiller = np.zeros_like(heat)
    else:
        # Cooling the stream to supply temperature, or the whole heat once it is cheaper to close the dampers.
        mechanical = np.where(closed, heat + fans, np.minimum(heat * too_warm, heat + fans))
        cold = loop.supply_max_c - loop.coil_approach_k
        design_heat = _with_fans(loop, ambient, design_heat_mw)
        chiller = chiller_power_mw(loop.chiller, mechanical, design_heat, cold, dry)
        excess = np.maximum(mechanical - loop.chiller.capacity_frac * design_heat, 0.0)
    zero = np.zeros_like(heat)
    makeup = makeup_l_per_mwh(water, loop.pads.cycles) if loop.pads else water
    return LoopLoad(fans, zero, zero, chiller, makeup, excess)


def _chilled_water(
    loop: AirLoop, ambient: Ambient, heat_mw: FloatArray, fans: FloatArray, design_heat_mw: FloatArray
) -> LoopLoad:
    """Chilled water: free cooling first, the rest by chillers; the pumps' own heat is in it."""
    pump_design = loop.pump_frac * design_heat_mw
    flow = np.maximum(heat_mw / design_heat_mw, loop.pump_min_flow_frac)
    pumps = cube_law_mw(pump_design, flow, 0.0)
    design_heat = design_heat_mw + pump_design
    heat = heat_mw + pumps
    cold_c = loop.supply_max_c - loop.coil_approach_k
    return_c = cold_c + loop.water_range_k * (heat / design_heat) / flow
    if loop.tower is not None:
        rejection, chiller, water, left = _by_tower(loop, loop.tower, ambient, heat, return_c, design_heat)
    else:
        assert loop.cooler is not None  # HallDesign refuses a dry economiser without its cooler
        rejection, chiller, left = _by_dry_cooler(loop, loop.cooler, ambient, heat, return_c, design_heat)
        water = np.zeros_like(heat)
    assert loop.chiller is not None
    excess = np.maximum(left - loop.chiller.capacity_frac * design_heat, 0.0)
    return LoopLoad(fans, pumps, rejection, chiller, water, excess)


def _by_dry_cooler(
    loop: AirLoop, cooler: DryCooler, ambient: Ambient, heat: FloatArray, return_c: FloatArray, design_heat: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    assert loop.chiller is not None
    load = heat / design_heat
    design_difference = cooler.approach_k + loop.water_range_k
    cold_c = loop.supply_max_c - loop.coil_approach_k
    if not loop.economiser:
        return np.zeros_like(heat), chiller_power_mw(loop.chiller, heat, design_heat, cold_c, ambient.dry_bulb_c), heat
    saved = chiller_power_per_heat(loop.chiller, cold_c, ambient.dry_bulb_c)
    worth = _COMPRESSOR_RELUCTANCE * saved / cooler.fan_frac
    thin = ambient.density_ratio
    rejected, air_flow = dry_cooler(
        load, return_c - ambient.dry_bulb_c, design_difference, cooler.exponent, cooler.fan_min_flow_frac, worth, thin
    )
    left = (load - rejected) * design_heat
    chiller = chiller_power_mw(loop.chiller, left, design_heat, cold_c, ambient.dry_bulb_c)
    return cube_law_mw(cooler.fan_frac * design_heat, air_flow, 0.0) * thin, chiller, left


def _by_tower(
    loop: AirLoop, tower: Tower, ambient: Ambient, heat: FloatArray, return_c: FloatArray, design_heat: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    assert loop.chiller is not None
    load = heat / design_heat
    cold_c = loop.supply_max_c - loop.coil_approach_k
    # The tower's approach shrinks with the heat it rejects, as its fans follow the load.
    tower_water_c = ambient.wet_bulb_c + tower.approach_k * load
    free_c = tower_water_c + tower.exchanger_approach_k
    free = np.clip((return_c - free_c) / np.maximum(return_c - cold_c, 0.1), 0.0, 1.0) * loop.economiser
    left = heat * (1.0 - free)
    chiller = chiller_power_mw(loop.chiller, left, design_heat, cold_c, tower_water_c + tower.water_range_k)
    rejected = heat + chiller
    # Air flow follows the heat; where the water may leave warmer than at design, fans slow down in proportion.
    design_difference = tower.approach_k * load + loop.water_range_k
    difference = np.maximum(return_c - tower.exchanger_approach_k - ambient.wet_bulb_c, design_difference)
    flow = rejected / design_heat * design_difference / difference
    fans = cube_law_mw(tower.fan_frac * design_heat, flow, tower.fan_min_flow_frac)
    leaving_air_c = ambient.wet_bulb_c + tower.approach_k + 0.5 * tower.water_range_k
    evaporated = rejected * tower_evaporation_l_per_mwh(ambient, leaving_air_c)
    drift = tower.drift_frac * tower.flow_l_per_mwh * rejected
    return fans, chiller, makeup_l_per_mwh(evaporated, tower.cycles, drift), left
