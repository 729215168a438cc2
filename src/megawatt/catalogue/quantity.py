"""Numbers in a file of ours: plain, with a unit, from the catalogue, or with a range.

``grid_mw = 300``                       a number in the field's unit
``grid_mw = "0.3 GW"``                  a number with a unit, converted
``chips = "@iren-microsoft.gpu_count"`` a catalogue fact, with its source and range
``grid_mw = { value = 300, low = 280, high = 320, source = "...", note = "..." }``  with a range of its own
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import functools
import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from megawatt.catalogue.records import KINDS, Fact
from megawatt.errors import CatalogueError, shown

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["SCENARIO_SOURCE", "Month", "catalogue_key", "is_number", "quantity", "refusal"]

SCENARIO_SOURCE: Final = "scenario"
"""Source of a number that the user wrote into the scenario without naming another."""

_NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?(?![0-9.eE_])"
)
"""A decimal number as text: no expression, no separator of thousands."""
_POWER: Final = ("W", "kW", "MW", "GW")
_TIME: Final = tuple(name for base in ("hour", "day", "week", "month", "year") for name in (base, f"{base}s"))


def _sizes(end: str) -> tuple[str, ...]:
    """Units of bytes (or of bytes per second) with decimal and binary prefixes."""
    return (end, *(f"{prefix}{end}" for prefix in ("k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti")))


_UNITS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "": ("%", "bp", "bps"),
        "byte": _sizes("B"),
        "byte/s": (*_sizes("B/s"), "Mbit/s", "Gbit/s", "Tbit/s", "Gb/s", "Gbps", "Tb/s", "Tbps"),
        "FLOP/s": tuple(f"{prefix}FLOP{end}" for prefix in "GTPE" for end in ("/s", "S")),
        "s": ("s", "ms", "us", "ns"),
        "degC": ("degC",),
        "K": ("K",),
        "g/kWh": ("g/kWh", "kg/MWh", "t/MWh", "lb/MWh"),
        "L/kWh": ("L/kWh", "L/MWh", "m3/MWh"),
        "m3": ("m3", "L", "ML"),
        "t/year": ("t/year", "kg/year"),
        "W": _POWER,
        "MW": _POWER,
        "MW/min": ("MW/min", "MW/s", "kW/s", "MW/hour"),
        "kg": ("kg", "t"),
        "MWh": ("kWh", "MWh", "GWh"),
        "USD": ("USD", "kUSD", "MUSD"),
        "USD/MW": ("USD/kW", "USD/MW", "USD/GW", "MUSD/MW"),
        "USD/MWh": ("USD/kWh", "USD/MWh"),
        "USD/MMBtu": ("USD/MMBtu",),
        "MMBtu/MWh": ("MMBtu/MWh",),
        "USD/hour": ("USD/hour", "USD/h", "USD/day"),
        "J/terahash": ("J/TH", "W/TH", "J/GH"),
        "terahash/s": ("TH/s", "PH/s"),
        "exahash/s": ("EH/s", "PH/s", "ZH/s"),
        "USD/(terahash/s)": ("USD/TH", "USD/PH"),
        "USD/(petahash/s)/day": ("USD/PH/day", "USD/TH/day"),
        "USD/BTC": ("USD/BTC",),
        "BTC/day": ("BTC/day",),
        "BTC": ("BTC",),
        "USD/kW/month": ("USD/kW/month", "USD/MW/month", "USD/kW/year", "USD/MW/year"),
        "USD/kVA/month": ("USD/kVA/month", "USD/MVA/month", "USD/kVA/year", "USD/MVA/year"),
        "USD/kW/year": ("USD/kW/year", "USD/MW/year", "USD/kW/month", "USD/MW/month"),
        "USD/MW/day": ("USD/MW/day", "USD/kW/day"),
        "1/year": ("%/year", "1/year"),
    }
    | dict.fromkeys(("hour", "day", "month", "year"), _TIME)
)
"""Units that a text may carry, by the field's own; of apparent power only charges: nothing else has a power factor."""
_PINT_NAMES: Final = MappingProxyType(
    {
        "m3": "m**3",
        "%": "percent",
        "bp": "basis_point",
        "bps": "basis_point",
        "%/year": "percent/year",
        "Gb/s": "Gbit/s",
        "Gbps": "Gbit/s",
        "Tb/s": "Tbit/s",
        "Tbps": "Tbit/s",
    }
    | {"J/TH": "J/terahash", "W/TH": "W/(terahash/s)", "J/GH": "J/gigahash"}
    | {
        f"{short}H/s": f"{prefix}hash/s"
        for short, prefix in (("T", "tera"), ("P", "peta"), ("E", "exa"), ("Z", "zetta"))
    }
    | {"USD/TH": "USD/(terahash/s)", "USD/PH": "USD/(petahash/s)"}
    | {"USD/PH/day": "USD/(petahash/s)/day", "USD/TH/day": "USD/(terahash/s)/day"}
    | {f"{prefix}FLOPS": f"{prefix}FLOP/s" for prefix in "GTPE"}
)
"""What pint calls a unit, where people write it otherwise."""

_TABLE_KEYS: Final = ("value", "low", "high", "kind", "source", "note", "date")


def refusal(found: str, allowed: str, hint: str = "") -> PydanticCustomError:
    """The error of a value that cannot be: what was found, what is allowed, what to try."""
    return PydanticCustomError("megawatt", "{found}", {"found": found, "allowed": allowed, "hint": hint})


def _month(raw: Any) -> str:
    if isinstance(raw, str) and re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", raw):
        return raw
    raise refusal(shown(raw), 'a month as "YYYY-MM", 2000 to 2099')


Month = Annotated[str, BeforeValidator(_month)]
"""A month as text, YYYY-MM."""


def _catalogue(info: ValidationInfo) -> Catalogue:
    context = info.context or {}
    return cast("Catalogue", context["catalogue"])


def _own_source(info: ValidationInfo) -> str:
    """What a number is from that names no source of its own: the file that is read."""
    return str((info.context or {}).get("source", SCENARIO_SOURCE))


@functools.cache
def _units() -> Any:
    import pint

    registry: Any = pint.UnitRegistry()
    registry.define("USD = [currency]")
    registry.define("chip = [chip]")
    registry.define("hash = [hash]")
    registry.define("BTC = [bitcoin]")
    registry.define("FLOP = []")
    registry.define("basis_point = 1e-4")
    return registry


def is_number(text: str) -> bool:
    """Whether a text is one decimal number and nothing else."""
    return _NUMBER.fullmatch(text) is not None


def _with_unit(text: str, unit: str, allowed: str) -> float:
    """A number as text, with or without one of the units that stand for ``unit``; nothing else is computed."""
    match = _NUMBER.match(text.strip())
    other = "" if match is None else text.strip()[match.end() :].strip()
    if match is None or (other and other not in _UNITS[unit]):
        units = ", ".join(_UNITS[unit])
        near = difflib.get_close_matches(other[:40], _UNITS[unit], 1, 0.6)
        hint = f"did you mean {near[0]}?" if near else 'write "300" or "number unit", or "@key.field"'
        raise refusal(shown(text), f"{allowed}; units: {units}", hint)
    return float(match[0]) * _factor(_PINT_NAMES.get(other, other) or unit, unit)


@functools.cache
def _factor(other: str, unit: str) -> float:
    if other == unit:
        return 1.0
    return float(_units().Quantity(1.0, other).to(_PINT_NAMES.get(unit, unit) or "dimensionless").magnitude)


def _reference(text: str, info: ValidationInfo, unit: str) -> Fact:
    key, _, field = text[1:].rpartition(".")
    try:
        fact = _catalogue(info).fact(key, field)
    except CatalogueError as error:
        raise refusal(shown(text), "a catalogue fact as @key.field", str(error)) from None
    if isinstance(fact.value, str):
        raise refusal(f"{text} is the word {fact.value!r}", "a numeric catalogue fact")
    if not _same_dimension(fact.unit, unit):
        raise refusal(f"{text} is in {fact.unit or 'plain numbers'}", f"a fact in {unit or 'plain numbers'}")
    scale = _scale(fact.unit, unit)
    return dataclasses.replace(
        fact,
        value=fact.value * scale,
        unit=unit,
        low=None if fact.low is None else fact.low * scale,
        high=None if fact.high is None else fact.high * scale,
        note=f"{text}; {fact.note}".rstrip("; "),
    )


def _scale(unit: str, to: str) -> float:
    return 1.0 if unit == to or not unit or not to else float(_units().Quantity(1.0, unit).to(to).magnitude)


def _same_dimension(unit: str, to: str) -> bool:
    """Counted things (chips, machines) may stand for plain numbers; anything else must convert."""
    if unit == to or not unit or not to:
        return True
    try:
        return bool(_units().Quantity(1.0, unit).check(_units().Quantity(1.0, to).dimensionality))
    except Exception:
        return False


def _number(raw: Any, unit: str, allowed: str) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise refusal(shown(raw), allowed)
    try:
        return _with_unit(raw, unit, allowed) if isinstance(raw, str) else float(raw)
    except OverflowError:
        raise refusal(shown(raw), allowed) from None


def _table(raw: dict[str, Any], unit: str, allowed: str, base: Fact | None, source: str) -> Fact:
    for key in raw:
        if key not in _TABLE_KEYS:
            near = difflib.get_close_matches(key[:80], _TABLE_KEYS, 1)
            hint = f"did you mean {near[0]}?" if near else ""
            raise refusal(f"unknown key {shown(key)}", f"one of {', '.join(_TABLE_KEYS)}", hint)
    if "value" not in raw:
        raise refusal("no value", "value = number, with low, high, source, note beside it")
    kind = raw.get("kind", base.kind if base else "assumed")
    if not isinstance(kind, str) or kind not in KINDS:
        raise refusal(f"kind = {shown(kind)}", f"one of {', '.join(KINDS)}")
    for key in ("source", "date", "note"):
        if not isinstance(raw.get(key, ""), str | datetime.date):
            raise refusal(f"{key} = {shown(raw[key])}", "text in quotes")
    start = base or Fact(_number(raw["value"], unit, allowed), unit, "assumed", source)
    return dataclasses.replace(
        start,
        kind=kind,
        low=_number(raw["low"], unit, allowed) if "low" in raw else start.low,
        high=_number(raw["high"], unit, allowed) if "high" in raw else start.high,
        source=str(raw.get("source", start.source)),
        date=str(raw.get("date", start.date)),
        note=str(raw.get("note", start.note)),
    )


def _check_range(fact: Fact, ge: float, le: float, allowed: str) -> None:
    shown = f" {fact.unit}" if fact.unit else ""
    for name, value in (("value", fact.number()), ("low", fact.low), ("high", fact.high)):
        if value is not None and not (math.isfinite(value) and ge <= value <= le):
            raise refusal(f"{'' if name == 'value' else name + ' = '}{value:g}{shown}", allowed)
    low = fact.number() if fact.low is None else fact.low
    high = fact.number() if fact.high is None else fact.high
    if not low <= fact.number() <= high:
        raise refusal(f"value {fact.number():g}, low {low:g}, high {high:g}", "low <= value <= high")


def quantity(unit: str = "", *, ge: float = -math.inf, le: float = math.inf, whole: bool = False) -> Any:
    """Annotations of a scenario number: a pydantic validator that gives a :class:`Fact` in ``unit``.

    Parameters
    ----------
    unit : str
        Canonical unit (pint), '' for plain numbers.
    ge, le : float
        Allowed range, ends included.
    whole : bool
        Only whole numbers.
    """
    ends = [f">= {ge:g}" if ge > -math.inf else "", f"<= {le:g}" if le < math.inf else ""]
    allowed = " ".join(filter(None, ["a whole number" if whole else "a number", *ends, unit]))

    def read(raw: Any, info: ValidationInfo) -> Fact:
        source = _own_source(info)
        if isinstance(raw, Fact):
            fact = raw
        elif isinstance(raw, dict):
            base = raw.get("value")
            linked = isinstance(base, str) and base.startswith("@")
            fact = _table(raw, unit, allowed, _reference(cast("str", base), info, unit) if linked else None, source)
        elif isinstance(raw, str) and raw.startswith("@"):
            fact = _reference(raw, info, unit)
        else:
            note = f"set in the {'scenario' if source == SCENARIO_SOURCE else 'file'}"
            fact = Fact(_number(raw, unit, allowed), unit, "assumed", source, note=note)
        _check_range(fact, ge, le, allowed)
        if whole and fact.number() != round(fact.number()):
            raise refusal(f"{fact.number():g}", allowed)
        return fact

    return BeforeValidator(read), WithJsonSchema(_json_schema(unit, ge, le))


def _json_schema(unit: str, ge: float, le: float) -> dict[str, Any]:
    number: dict[str, Any] = {"type": "number"}
    if ge > -math.inf:
        number["minimum"] = ge
    if le < math.inf:
        number["maximum"] = le
    properties: dict[str, Any] = {k: {"type": "string"} for k in ("kind", "source", "note", "date")}
    properties |= {k: {"anyOf": [number, {"type": "string"}]} for k in ("value", "low", "high")}
    table = {"type": "object", "properties": properties, "required": ["value"], "additionalProperties": False}
    text = {"type": "string", "description": f"'number unit' (converted to {unit or 'a plain number'}) or '@key.field'"}
    return {"anyOf": [number, text, table]}


_ELSE: Final = {
    "grid": "; or no grid, with prices of one's own and power.carbon_g_per_kwh",
    "place": "; or anywhere, as 'latitude, longitude, elevation in m': '27.5, -99.5, 130'",
}
"""What will do instead of a key of a family."""


def catalogue_key(family: str) -> Any:
    """Annotations of a scenario string that must be a key of this catalogue family."""

    def read(raw: Any, info: ValidationInfo) -> str:
        if not isinstance(raw, str):
            raise refusal(shown(raw), f"a key of the catalogue family {family}")
        catalogue = _catalogue(info)
        try:
            return catalogue.get(raw, family).key
        except CatalogueError:
            near = catalogue.near(raw, family)
            hint = f"nearest: {', '.join(near)}; " if near else ""
            allowed = f"a key of the catalogue family {family}"
            raise refusal(
                shown(raw), allowed, f"{hint}megawatt catalogue list {family}{_ELSE.get(family, '')}"
            ) from None

    return BeforeValidator(read)
