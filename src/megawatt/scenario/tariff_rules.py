"""What a tariff may not say twice or in vain: rules between the fields of a raw section, all reported at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from megawatt.catalogue import Catalogue, Fact
from megawatt.catalogue.quantity import quantity
from megawatt.errors import Problem

__all__ = ["tariff_problems"]

_MEGAWATTS: TypeAdapter[Fact] = TypeAdapter(Annotated[Fact, *quantity("MW")])
_LINES = ("energy", "demand", "coincident", "fixed")


def tariff_problems(raw: Mapping[str, Any], catalogue: Catalogue) -> Iterator[Problem]:
    """Contradictions in a raw scenario's section ``tariff``; wrong types are left to the schema."""
    sheet = raw.get("tariff")
    if not isinstance(sheet, dict):
        return
    yield from _money(sheet)
    for kind in _LINES:
        for index, line in enumerate(_tables(sheet.get(kind))):
            where = f"tariff.{kind}.{index}"
            yield from _months(where, line)
            for i, window in enumerate(_tables(line.get("also"))):
                yield from _months(f"{where}.also.{i}", window)
            if kind == "demand":
                yield from _demand(where, line)
            elif kind == "coincident":
                yield from _coincident(where, line)
    contract, grid = (
        _mw(value, catalogue) for value in (sheet.get("contract_mw"), _table(raw.get("site")).get("grid_mw"))
    )
    if contract > grid:
        yield Problem("tariff.contract_mw", f"{contract:g} MW", f"at most site.grid_mw = {grid:g} MW")


def _mw(value: Any, catalogue: Catalogue) -> float:
    """Megawatts as a number, a text with a unit, or a reference; NaN where they are none."""
    try:
        return _MEGAWATTS.validate_python(value, context={"catalogue": catalogue}).number()
    except ValidationError:
        return math.nan


def _money(sheet: Mapping[str, Any]) -> Iterator[Problem]:
    if sheet.get("currency", "USD") == "USD" and "usd_per_currency" in sheet:
        yield Problem(
            "tariff.usd_per_currency", "a rate of exchange", "none, because currency is USD", 'e.g. currency = "NOK"'
        )
    minimums = [
        name for name in ("minimum_per_month", "minimum_per_kw_month", "minimum_per_day") if _given(sheet, name)
    ]
    if len(minimums) > 1:
        yield Problem(f"tariff.{minimums[1]}", f"a second minimum beside {minimums[0]}", "one of them")
    if _given(sheet, "power_factor") and not any("per_kva_month" in line for line in _tables(sheet.get("demand"))):
        yield Problem("tariff.power_factor", "a power factor without a charge on kVA", "per_kva_month in a demand line")
    if sheet.get("bundled") is True:
        if not sheet.get("energy"):
            yield Problem("tariff.energy", "no lines", "prices of energy, because bundled = true: no market is paid")
        for name in ("loss_frac", "supply_tax_frac"):
            if _given(sheet, name):
                hint = "no energy is bought beside a bundled tariff"
                yield Problem(f"tariff.{name}", "a share of the market's price", "none where bundled = true", hint)


def _months(where: str, line: Mapping[str, Any]) -> Iterator[Problem]:
    if line.get("months") == []:
        yield Problem(f"{where}.months", "no months", "months 1 to 12, or leave it out for all")


def _demand(where: str, line: Mapping[str, Any]) -> Iterator[Problem]:
    if not _given(line, "ratchet_frac"):
        for name in ("ratchet_of", "ratchet_months"):
            if name in line:
                yield Problem(f"{where}.{name}", "a ratchet without its share", "ratchet_frac above 0 beside it")
    elif line.get("ratchet_of") == []:
        yield Problem(f"{where}.ratchet_of", "no months", "months 1 to 12, or leave it out for all")
    given = [name for name in ("minimum_mw", "minimum_frac", "minimum_by_contract") if _given(line, name)]
    for name in given[1:]:
        yield Problem(f"{where}.{name}", f"a second minimum beside {given[0]}", "one of them")


def _coincident(where: str, line: Mapping[str, Any]) -> Iterator[Problem]:
    months, peaks = line.get("months"), line.get("peak_hours")
    if isinstance(months, list) and isinstance(peaks, list):
        outside = [
            text for text in peaks if isinstance(text, str) and text[:2].isdigit() and int(text[:2]) not in months
        ]
        if months and outside:
            yield Problem(f"{where}.peak_hours", outside[0], f"hours of its months, {', '.join(map(str, months))}")


def _given(table: Mapping[str, Any], name: str) -> bool:
    return name in table and table[name] != 0


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
