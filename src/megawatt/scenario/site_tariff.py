"""The tariff of a scenario: its own section, a file that it names, or a key of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from megawatt.catalogue import Assumption, Catalogue
from megawatt.errors import MegawattError, Problem
from megawatt.scenario.site_sections import Power
from megawatt.tariff import TariffSheet, catalogued_sheet, is_tariff_file, read_tariff_file

__all__ = ["SiteSheet", "site_sheet", "with_own_tariff"]


@dataclass(frozen=True, slots=True)
class SiteSheet:
    """A rate sheet, what it is called, and the facts of the catalogue that it rests on."""

    sheet: TariffSheet
    key: str
    assumptions: tuple[Assumption, ...] = ()


def site_sheet(catalogue: Catalogue, power: Power, own: TariffSheet | None) -> SiteSheet:
    """The rate sheet of a scenario, with the peaks that its operator expects.

    Raises
    ------
    CatalogueError
        If the key is none of a tariff with a rate sheet.
    """
    if own is not None:
        return SiteSheet(_peaks_expected(own, power), "tariff")
    if power.tariff is None:
        return SiteSheet(TariffSheet.model_validate({}, context={"catalogue": catalogue}), "none")
    sheet, assumptions = catalogued_sheet(catalogue, power.tariff)
    return SiteSheet(_peaks_expected(sheet, power), power.tariff, assumptions)


def _peaks_expected(sheet: TariffSheet, power: Power) -> TariffSheet:
    """The sheet with the operator's own hours and chance; hours of measured peaks are known and stay."""
    said = {"sit_out_hours": power.peak_sit_out_hours, "miss_frac": power.peak_miss_frac}
    given = {name: value for name, value in said.items() if value is not None}
    if not given:
        return sheet
    measured = {name: value for name, value in given.items() if name == "miss_frac"}
    lines = (line.model_copy(update=measured if line.peak_hours else given) for line in sheet.coincident)
    return sheet.model_copy(update={"coincident": tuple(lines)})


def with_own_tariff(
    raw: Mapping[str, Any], catalogue: Catalogue, folder: Path
) -> tuple[dict[str, Any], Catalogue, list[Problem]]:
    """The raw scenario with the tariff file that it names as its section ``tariff``, and problems.

    A scenario has one tariff: ``power.tariff`` (a key, or the path of a TOML or JSON file) or the section.
    """
    found, power = dict(raw), raw.get("power")
    if not isinstance(power, dict):
        return found, catalogue, []
    name = power.get("tariff")
    if name is None and "tariff" not in raw:
        allowed = "a key of the catalogue, the path of a tariff file, or a section [tariff]"
        return found, catalogue, [Problem("power.tariff", "missing", allowed, "megawatt catalogue list tariff")]
    if name is not None and "tariff" in raw:
        return found, catalogue, [Problem("power.tariff", "a second tariff", "none beside the section [tariff]")]
    if not isinstance(name, str) or not is_tariff_file(name):
        return found, catalogue, []
    try:
        content, digest = read_tariff_file(folder / name)
    except MegawattError as error:
        told = error.problems or [Problem("", str(error), "a tariff file")]
        return found, catalogue, [replace(p, path=f"power.tariff: {p.path}".removesuffix(": ")) for p in told]
    found["power"] = {key: value for key, value in power.items() if key != "tariff"}
    found["tariff"] = content
    return found, replace(catalogue, files={**catalogue.files, name: digest}), []
