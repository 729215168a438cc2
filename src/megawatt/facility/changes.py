"""What a user changes of a catalogued hall design: temperatures, approaches, pads, containment, redundancy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, ValidationError

from megawatt.catalogue.quantity import quantity
from megawatt.catalogue.records import Assumption, Fact
from megawatt.catalogue.section import Section, as_problems
from megawatt.errors import Problem, ScenarioError, shown
from megawatt.facility.design import AirLoop, HallDesign, LiquidLoop, hall_design
from megawatt.facility.redundancy import redundant
from megawatt.facility.water import has_pads, without_pads
from megawatt.files import parse_toml_value

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue
    from megawatt.facility.design import FactSource

__all__ = ["HallChanges", "alike", "changed", "changed_hall", "read_changes"]

_RECIRCULATED: Final = {"full": 0.0, "partial": 0.05, "none": 0.15}
"""Share of exhaust air in what machines breathe, beside that of a contained hall; assumed (0 to 0.3 in practice)."""
_BYPASS: Final = {"full": 0.0, "partial": 0.15, "none": 0.3}
"""Supply air that passes by the machines, over what they draw; assumed (0.1 to 0.5 without containment)."""

_Level = Literal["N", "N+1", "2N"]


class HallChanges(Section):
    """Changes of a hall's design; what is left out stays as designed."""

    supply_air_max_c: Annotated[Fact, *quantity("degC", ge=10, le=50)] | None = Field(
        None, description="warmest air at the machines' inlet, degC", title="warmest supply air"
    )
    supply_air_min_c: Annotated[Fact, *quantity("degC", ge=-20, le=40)] | None = Field(
        None, description="coldest air at the machines' inlet where outside air cools them, degC"
    )
    coolant_supply_max_c: Annotated[Fact, *quantity("degC", ge=15, le=70)] | None = Field(
        None, description="warmest coolant at the racks (or the tanks), degC; at most what the machines accept",
        title="warmest coolant",
    )  # fmt: skip
    dry_cooler_approach_k: Annotated[Fact, *quantity("K", ge=2, le=25)] | None = Field(
        None,
        description="leaving water less outside air of the dry coolers at design, K",
        title="dry coolers' approach",
    )
    tower_approach_k: Annotated[Fact, *quantity("K", ge=1, le=15)] | None = Field(
        None, description="leaving water less wet bulb of the towers at design, K", title="towers' approach"
    )
    dew_point_max_c: Annotated[Fact, *quantity("degC", ge=0, le=30)] | None = Field(
        None, description="dew point above which an outside-air hall closes its dampers, degC"
    )
    pads: bool | None = Field(None, description="false: dry coolers or air inlets without wetted (adiabatic) pads")
    economiser: bool | None = Field(
        None, description="false: no free cooling of the chilled water, chillers carry the heat all year"
    )
    containment: Literal["full", "partial", "none"] | None = Field(
        None, description="of hot or cold aisles: without it exhaust is breathed again and supply air passes by"
    )
    power_redundancy: _Level | None = Field(None, description="of transformers and UPS: N, N+1 or 2N")
    cooling_redundancy: _Level | None = Field(None, description="of chillers: N, N+1 or 2N")
    redundancy_modules: int = Field(4, ge=1, le=100, description="modules that carry the full load together")
    ups_mode: Literal["double-conversion", "eco"] | None = Field(None, description="how the UPS runs")


def read_changes(settings: Iterable[str], catalogue: Catalogue) -> HallChanges:
    """Changes as text, ``name=value`` with values as in a scenario.

    Raises
    ------
    ScenarioError
        With every problem of them.
    """
    raw = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not value.strip():
            raise _refused(name.strip() or "change", shown(setting), "name=value, e.g. supply_air_max_c=24")
        raw[name.strip()] = parse_toml_value(value.strip())
    try:
        return HallChanges.model_validate(raw, context={"catalogue": catalogue, "source": "command line"})
    except ValidationError as error:
        problems = as_problems(HallChanges, error)
        raise ScenarioError("; ".join(map(str, problems)), problems) from None


def changed_hall(
    catalogue: FactSource,
    key: str,
    changes: HallChanges,
    *,
    it_capacity_mw: float,
    liquid_share: float | None = None,
    coolant_supply_max_c: float | None = None,
) -> HallDesign:
    """A catalogued design (`hall_design`) with a user's changes.

    Raises
    ------
    CatalogueError, ScenarioError
        As `hall_design`; if a change is of something that the design has not; if the coolant is warmer than the
        machines accept.
    """
    wanted = changes.coolant_supply_max_c
    if wanted is not None and coolant_supply_max_c is not None and wanted.number() > coolant_supply_max_c:
        allowed = f"at most {coolant_supply_max_c:g} degC, which the machines accept"
        raise _refused("coolant_supply_max_c", f"{wanted.number():g} degC", allowed)
    design = hall_design(
        catalogue,
        key,
        it_capacity_mw=it_capacity_mw,
        liquid_share=liquid_share,
        coolant_supply_max_c=coolant_supply_max_c if wanted is None else wanted.number(),
    )
    return changed(design, changes)


def alike(design: HallDesign, other: HallDesign) -> HallDesign:
    """The design with another's power train, and with the machines' air as the other has it (warmest inlet, rise), so
    that two of them differ in how they cool alone."""
    air = replace(
        design.air, supply_max_c=other.air.supply_max_c, range_k=other.air.range_k,
        supply_min_c=min(design.air.supply_min_c, other.air.supply_max_c),
    )  # fmt: skip
    return replace(design, electrical=other.electrical, air=air)


def _refused(name: str, found: str, allowed: str) -> ScenarioError:
    problem = Problem(f"hall.{name}", found, allowed)
    return ScenarioError(str(problem), [problem])


def changed(design: HallDesign, changes: HallChanges) -> HallDesign:
    """The design with a user's changes, each an assumption of it.

    Raises
    ------
    ScenarioError
        If a change is of something that the design has not.
    """
    for name, owned, what in _owners(design):
        if getattr(changes, name) is not None and not owned:
            raise _refused(name, f"{design.key} has no {what}", "a design that has them, or no such change")
    if changes.pads and not has_pads(design):
        raise _refused("pads", f"{design.key} has no pads", "a design that has them, or pads = false")
    air, liquid = _air(design.air, changes), _liquid(design.liquid, changes)
    told = {n: v for n in HallChanges.model_fields if isinstance(v := getattr(changes, n), Fact)}
    told |= {"containment": Fact(changes.containment, "", "assumed", "scenario")} if changes.containment else {}
    stated = tuple(Assumption(f"hall.{name}", "facility", fact) for name, fact in told.items())
    design = replace(design, air=air, liquid=liquid, assumptions=(*design.assumptions, *stated))
    if changes.pads is False and has_pads(design):
        design = without_pads(design)
    return redundant(
        design,
        power=changes.power_redundancy,
        cooling=changes.cooling_redundancy,
        modules=changes.redundancy_modules,
        ups_mode=changes.ups_mode,
    )


def _owners(design: HallDesign) -> tuple[tuple[str, bool, str], ...]:
    """Which change needs what, whether the design has it, and its name."""
    air, liquid = design.air, design.liquid
    coolers = air.cooler is not None or liquid is not None
    outside = air.mode == "outside-air"
    chillers = air.chiller is not None or (liquid is not None and liquid.chiller is not None)
    ups = design.electrical.ups_no_load_frac > 0.0 or design.electrical.ups_load_frac > 0.0
    return (
        ("coolant_supply_max_c", liquid is not None, "liquid loop"),
        ("dry_cooler_approach_k", coolers, "dry coolers"),
        ("tower_approach_k", air.tower is not None, "towers"),
        ("dew_point_max_c", outside and air.chiller is not None, "dampers with chillers behind them"),
        ("supply_air_min_c", outside, "outside air in the hall"),
        ("economiser", air.mode != "outside-air", "chilled water"),
        ("cooling_redundancy", chillers, "chillers"),
        ("ups_mode", ups, "UPS"),
    )


def _number(fact: Fact | None, own: float) -> float:
    return own if fact is None else fact.number()


def _air(loop: AirLoop, changes: HallChanges) -> AirLoop:
    """The air loop at its temperatures and containment: exhaust breathed again, supply air that passes by."""
    share = _RECIRCULATED[changes.containment or "full"]
    cooler, tower = loop.cooler, loop.tower
    if cooler is not None:
        cooler = replace(cooler, approach_k=_number(changes.dry_cooler_approach_k, cooler.approach_k))
    if tower is not None:
        tower = replace(tower, approach_k=_number(changes.tower_approach_k, tower.approach_k))
    supply_c = _number(changes.supply_air_max_c, loop.supply_max_c) - share / (1.0 - share) * loop.range_k
    return replace(
        loop,
        supply_max_c=supply_c,
        supply_min_c=_number(changes.supply_air_min_c, min(loop.supply_min_c, supply_c)),
        dew_point_max_c=_number(changes.dew_point_max_c, loop.dew_point_max_c),
        fan_frac=loop.fan_frac * (1.0 + _BYPASS[changes.containment or "full"]),
        cooler=cooler,
        tower=tower,
        economiser=loop.economiser and changes.economiser is not False,
    )


def _liquid(loop: LiquidLoop | None, changes: HallChanges) -> LiquidLoop | None:
    if loop is None:
        return None
    approach_k = _number(changes.dry_cooler_approach_k, loop.cooler.approach_k)
    return replace(
        loop,
        supply_max_c=_number(changes.coolant_supply_max_c, loop.supply_max_c),
        cooler=replace(loop.cooler, approach_k=approach_k),
    )
