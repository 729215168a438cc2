"""A hall's design: the parameters of its electrical chain, liquid loop and air loop, from the catalogue or by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final, Protocol, TypeVar

from megawatt.catalogue.records import Assumption, Entry, Fact
from megawatt.errors import CatalogueError, Problem, ScenarioError
from megawatt.facility.cooling import Chiller
from megawatt.facility.electrical import ElectricalChain

__all__ = [
    "AIR_MODES",
    "AirLoop",
    "DryCooler",
    "FactSource",
    "HallDesign",
    "LiquidLoop",
    "Pads",
    "Tower",
    "hall_design",
]

AIR_MODES: Final = ("outside-air", "dry-economiser", "tower-economiser")

_ROOM: Final = "facility"


@dataclass(frozen=True, slots=True)
class DryCooler:
    """Air-cooled water cooler. Approach: leaving water less entering air at design; fan power over design heat."""

    approach_k: float
    fan_frac: float
    exponent: float
    fan_min_flow_frac: float
    air_rise_k: float


@dataclass(frozen=True, slots=True)
class Pads:
    """Wetted pads: effectiveness (0: none) and cycles of concentration of their sump."""

    effectiveness: float
    cycles: float


@dataclass(frozen=True, slots=True)
class Tower:
    """Wet cooling tower with a plate heat exchanger for free cooling."""

    approach_k: float
    water_range_k: float
    exchanger_approach_k: float
    fan_frac: float
    fan_min_flow_frac: float
    cycles: float
    drift_frac: float
    flow_l_per_mwh: float


@dataclass(frozen=True, slots=True)
class LiquidLoop:
    """Cold plates or immersion tanks - CDU - facility water - dry coolers, trimmed by pads, then by a chiller.

    ``supply_max_c``: warmest coolant at the rack's inlet; the facility water must be colder by ``cdu_approach_k``. Pump
    powers are fractions of the loop's design heat. ``tanks``: no machine breathes the hall's air; what the air does not
    take of the heat stays in the fluid.
    """

    supply_max_c: float
    range_k: float
    cdu_approach_k: float
    pump_frac: float
    pump_min_flow_frac: float
    cooler: DryCooler
    pads: Pads | None
    chiller: Chiller | None
    tanks: bool = False


@dataclass(frozen=True, slots=True)
class AirLoop:
    """Air through the hall, and what cools it.

    mode : ``outside-air`` (outside air straight through, pads, then chiller; closed above ``dew_point_max_c``),
    ``dry-economiser`` (chilled water from dry coolers, then air-cooled chillers) or ``tower-economiser`` (from wet
    towers, then water-cooled chillers). ``supply_max_c``: warmest air at the servers' inlet; ``range_k``: its rise.
    Powers are fractions of the loop's design heat. Without a chiller ``supply_max_c`` is the warmest inlet at full
    load; above it the load must fall, so that the exhaust stays below ``supply_max_c + range_k``. An outside-air hall
    has no chilled water: its trim is direct expansion, and ``water_range_k`` and pumps stay zero. Its supply floats
    with the outside air down to ``supply_min_c`` (return air is mixed in below), and machines draw less of colder air:
    their heat sinks at ``component_c`` give off flow^0.75 x (component - inlet); without it their flow follows the load
    alone. Closed halls hold ``supply_max_c``.
    """

    mode: str
    supply_max_c: float
    range_k: float
    fan_frac: float
    fan_min_flow_frac: float
    chiller: Chiller | None
    dew_point_max_c: float = 100.0
    coil_approach_k: float = 0.0
    water_range_k: float = 0.0
    pump_frac: float = 0.0
    pump_min_flow_frac: float = 0.0
    pads: Pads | None = None
    cooler: DryCooler | None = None
    tower: Tower | None = None
    supply_min_c: float = 18.0
    component_c: float | None = None
    economiser: bool = True


@dataclass(frozen=True, slots=True)
class HallDesign:
    """A hall of ``it_capacity_mw``, equipment sized in proportion; ``liquid_share`` of IT heat leaves by liquid.

    ``without_spares`` is the same hall with its redundant units out, where it has been given some (`redundant`).
    """

    key: str
    it_capacity_mw: float
    liquid_share: float
    electrical: ElectricalChain
    liquid: LiquidLoop | None
    air: AirLoop
    assumptions: tuple[Assumption, ...] = ()
    without_spares: HallDesign | None = None

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise ScenarioError(f"hall {self.key}: " + "; ".join(str(p) for p in problems), problems)


def _problems(d: HallDesign) -> list[Problem]:
    problems = []
    component_c = math.inf if d.air.component_c is None else d.air.component_c
    if not d.air.supply_min_c <= d.air.supply_max_c < component_c:
        found = f"supply {d.air.supply_min_c:g} to {d.air.supply_max_c:g} degC, components {component_c:g} degC"
        problems.append(Problem("hall.air", found, "lowest supply <= warmest supply < components"))
    if not 0 < d.it_capacity_mw < 1e5:
        problems.append(Problem("hall.it_capacity_mw", f"{d.it_capacity_mw:g} MW", "> 0 and below 100,000 MW"))
    if not 0 <= d.liquid_share <= 1:
        problems.append(Problem("hall.liquid_share", f"{d.liquid_share:g}", "0 to 1", "share of heat, not percent"))
    if d.liquid_share > 0 and d.liquid is None:
        problems.append(
            Problem(
                "hall.design",
                f"{d.key} has no liquid loop, but {d.liquid_share:.0%} of the heat leaves by liquid",
                "a design with a liquid loop",
                "liquid-dry-cooler, or mining-immersion for miners",
            )
        )
    if d.liquid is not None and not 15 <= d.liquid.supply_max_c <= 70:
        problems.append(Problem("hall.coolant_supply_max_c", f"{d.liquid.supply_max_c:g} degC", "15 to 70 degC"))
    if d.air.mode not in AIR_MODES:
        problems.append(Problem("hall.air.mode", repr(d.air.mode), " or ".join(AIR_MODES)))
    wanted = {"dry-economiser": d.air.cooler, "tower-economiser": d.air.tower}
    if wanted.get(d.air.mode, True) is None:
        problems.append(Problem(f"hall.air ({d.air.mode})", "its heat rejection is missing", "a dry cooler or a tower"))
    if d.air.mode in wanted and (d.air.chiller is None or d.air.water_range_k <= 0):
        problems.append(Problem(f"hall.air ({d.air.mode})", "no chiller or no water range", "both, range > 0 K"))
    return problems


class FactSource(Protocol):
    """The part of the catalogue that this room reads."""

    def get(self, key: str, family: str | None = None) -> Entry:
        """The entry of a key."""
        ...


_Equipment = TypeVar("_Equipment")


class _Reader:
    """Reads equipment from one entry's facts and remembers what it used."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.used: dict[str, Fact] = {}

    def fact(self, name: str) -> Fact:
        fact = self.entry.facts.get(name)
        if fact is None:
            raise CatalogueError(f"catalogue: hall {self.entry.key} has no fact {name!r}; add it to hall.csv")
        self.used[name] = fact
        return fact

    def number(self, name: str) -> float:
        fact = self.fact(name)
        if isinstance(fact.value, str):
            raise CatalogueError(
                f"catalogue: hall {self.entry.key}.{name} = {fact.value!r} is a word, needed: a number"
            )
        return fact.value

    def has(self, prefix: str) -> bool:
        return any(name.startswith(prefix) for name in self.entry.facts)

    def equipment(self, cls: type[_Equipment], prefix: str) -> _Equipment:
        """An instance of a dataclass of numbers, each field read from ``prefix + name``."""
        names = [f.name for f in fields(cls)]  # type: ignore[arg-type]
        return cls(**{name: self.number(prefix + name) for name in names})

    def assumptions(self) -> tuple[Assumption, ...]:
        return tuple(Assumption(f"{self.entry.key}.{name}", _ROOM, fact) for name, fact in self.used.items())


def hall_design(
    catalogue: FactSource,
    key: str,
    *,
    it_capacity_mw: float,
    liquid_share: float | None = None,
    coolant_supply_max_c: float | None = None,
) -> HallDesign:
    """A hall of a catalogued design, sized to an IT capacity.

    Parameters
    ----------
    catalogue : Catalogue
    key : str
        Design: liquid-dry-cooler, air-evaporative, air-tower-free, air-chiller, air-economiser-chiller, mining-air,
        mining-immersion, or any other entry of the family "hall".
    it_capacity_mw : float
        Critical IT power at full load. [MW], > 0
    liquid_share : float, optional
        Share of IT heat that leaves by liquid (`System.liquid_share`); by default the design's own. [-], 0 to 1
    coolant_supply_max_c : float, optional
        Warmest coolant the racks accept (`System.coolant_supply_max_c`); by default the design's own. [degC]

    Raises
    ------
    CatalogueError
        If the design is unknown or a parameter is missing.
    ScenarioError
        If the design cannot take the racks (liquid-cooled racks in an air hall), or a number is out of range.
    """
    reader = _Reader(catalogue.get(key, "hall"))
    own_share = reader.number("liquid_share") if liquid_share is None else float(liquid_share)
    return HallDesign(
        key=reader.entry.key,
        it_capacity_mw=float(it_capacity_mw),
        liquid_share=own_share,
        electrical=reader.equipment(ElectricalChain, ""),
        liquid=_liquid_loop(reader, coolant_supply_max_c) if reader.has("liquid_range_k") else None,
        air=_air_loop(reader),
        assumptions=reader.assumptions(),
    )


def _liquid_loop(reader: _Reader, supply_max_c: float | None) -> LiquidLoop:
    return LiquidLoop(
        supply_max_c=reader.number("liquid_supply_max_c") if supply_max_c is None else float(supply_max_c),
        range_k=reader.number("liquid_range_k"),
        cdu_approach_k=reader.number("liquid_cdu_approach_k"),
        pump_frac=reader.number("liquid_pump_frac"),
        pump_min_flow_frac=reader.number("liquid_pump_min_flow_frac"),
        cooler=reader.equipment(DryCooler, "liquid_cooler_"),
        pads=reader.equipment(Pads, "liquid_pads_") if reader.has("liquid_pads_") else None,
        chiller=reader.equipment(Chiller, "liquid_chiller_") if reader.has("liquid_chiller_") else None,
        tanks=reader.has("liquid_kind") and reader.fact("liquid_kind").value == "tanks",
    )


def _air_loop(reader: _Reader) -> AirLoop:
    chiller = reader.equipment(Chiller, "air_chiller_") if reader.has("air_chiller_") else None
    some = ("dew_point_max_c", "supply_min_c", "component_c", "water_range_k", "pump_frac", "pump_min_flow_frac")
    return AirLoop(
        mode=str(reader.fact("air_mode").value),
        supply_max_c=reader.number("air_supply_max_c"),
        range_k=reader.number("air_range_k"),
        fan_frac=reader.number("air_fan_frac"),
        fan_min_flow_frac=reader.number("air_fan_min_flow_frac"),
        chiller=chiller,
        pads=reader.equipment(Pads, "air_pads_") if reader.has("air_pads_") else None,
        cooler=reader.equipment(DryCooler, "air_cooler_") if reader.has("air_cooler_") else None,
        tower=reader.equipment(Tower, "air_tower_") if reader.has("air_tower_") else None,
        economiser=True,
        **({"coil_approach_k": reader.number("air_coil_approach_k")} if chiller else {}),
        **{name: reader.number("air_" + name) for name in some if reader.has("air_" + name)},
    )
