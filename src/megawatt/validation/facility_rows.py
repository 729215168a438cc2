"""Score published PUE and water use by site against halls simulated in the nearest known climate.

Which hall an operator runs is chosen by a rule that knows the operator and, for AWS, the market, never a site's PUE.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Normals
from megawatt.facility import Weather, hall_design, load_weather, nearest_place, simulate
from megawatt.facility.places import distance_km, known_places
from megawatt.files import Row, read_table
from megawatt.hours import HOURS_IN_YEAR
from megawatt.validation.scoring import Case, Skipped, result_entry

__all__ = ["design_of", "score", "stand_in"]

_KIND: Final = "facility"
_COLUMNS: Final = ("id", "site", "operator", "climate", "lat", "lon", "year", "pue", "wue_l_per_kwh", "wue_scope")

# AWS at home builds its own sites; abroad it mostly rents: 2015's list of sites names its colocation partners in Japan,
# China, Singapore, Australia, Brazil and Germany [dcd-aws-property-2022]; 440 colocation sites in 2024, most of them
# abroad and up to whole complexes in Frankfurt and Tokyo, renting being the way into a new market [bloomberg-aws-900].
# Abroad, these regions are reported as AWS's own buildings: Dublin [dcd-aws-property-2022], Aragon [aws-aragon-2024]
# and Stockholm (Vasteras, Eskilstuna, Katrineholm) [dcd-aws-stockholm-2018].
_AWS_HOME: Final = "us-"
_AWS_OWN_ABROAD: Final = ("eu-west-1", "eu-south-2", "eu-north-1")

# Own designs: AWS and Microsoft cool with outside air and wetted media [aws-water, microsoft-dublin-95f]; Google with
# warm chilled water from towers and batteries in the servers [datacenterknowledge-google-2009]; Meta with outside air
# and misters, no chilled water [mvdirona-open-compute-2011]; OVHcloud with water to the processors and dry coolers, no
# air conditioning [environnement-magazine-ovh-2010]. Equinix, Digital Realty, Oracle and other names let or rent halls
# with chillers [servethehome-equinix-sv11].
_OWN_DESIGN: Final = {
    "aws": "air-evaporative",
    "microsoft": "air-evaporative",
    "meta": "air-evaporative",
    "google": "air-tower-free",
    "ovhcloud": "liquid-dry-cooler",
}
_OTHER_NAMES: Final = {
    "amazon": "aws",
    "amazon web services": "aws",
    "azure": "microsoft",
    "microsoft azure": "microsoft",
    "facebook": "meta",
    "google cloud": "google",
    "gcp": "google",
    "ovh": "ovhcloud",
}
# Scaleway's fifth hall at Paris, also its zone 2, has outside air and wetted media; its others are chilled water
# [silicon-scaleway-2022, ultimatepocket-scaleway-dc5-2020].
_SCALEWAY_EVAPORATIVE: Final = ("dc5", "par2", "par-2")
# Microsoft's first two large regions, before its chiller-less design of 2009: San Antonio, chilled water from towers
# [microsoft-san-antonio-2011], and Chicago, a developer's building that Microsoft leases [microsoft-northlake-2007].
_MICROSOFT_BEFORE_2009: Final = ("southcentralus", "northcentralus")

# Rented halls: tenants' chilled water; from towers where summers are humid (free dry cooling is of little use there),
# from air-cooled machines with dry free cooling elsewhere.
_COLOCATION_HUMID: Final = "air-chiller"
_COLOCATION: Final = "air-economiser-chiller"

_LOAD_FRAC: Final = 1.0
"""IT load over IT capacity. Halls are filled one after the other and shares such as "fans 4 % of IT" are published for
halls in operation, so each hall stands at its design point; a site's average load is not published."""

_WRONG_PLACE_KM: Final = 1000.0
"""Farther than this from the city that the row names, the coordinates are wrong."""
_CITIES: Final = {"paulo": (-23.55, -46.63)}
"""Cities whose coordinates the published file is known to give wrongly."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One published row that has a place."""

    cells: Row
    latitude_deg: float
    longitude_deg: float
    design: str
    place: str


def design_of(operator: str, site: str, climate: str) -> str:
    """Catalogue key of the hall design that an operator's site is taken to have, by the rule of this module.

    Parameters
    ----------
    operator, site : str
        Operator, and its own code of the region.
    climate : str
        Koeppen class of the place (may be followed by words), or empty.
    """
    name = operator.strip().lower()
    name, site = _OTHER_NAMES.get(name, name), site.strip().lower()
    rented = _COLOCATION_HUMID if climate.startswith("A") or climate[1:3] == "fa" else _COLOCATION
    if name == "aws":
        own = site.startswith(_AWS_HOME) or site in _AWS_OWN_ABROAD
        return _OWN_DESIGN[name] if own else rented
    if name == "microsoft" and site in _MICROSOFT_BEFORE_2009:
        return _COLOCATION_HUMID
    if name == "scaleway" and any(hall in site for hall in _SCALEWAY_EVAPORATIVE):
        return _OWN_DESIGN["aws"]
    return _OWN_DESIGN.get(name, rented)


def stand_in(places: Sequence[Normals], latitude_deg: float, longitude_deg: float, climate: str) -> str:
    """Key of the catalogued place whose climate stands in for a point (`nearest_place`; elevation unknown)."""
    return nearest_place(places, latitude_deg, longitude_deg, climate=climate).key


def _why_not(row: Row) -> str:
    """Why a row has no usable place; empty if it has one."""
    latitude, longitude = row.optional("lat"), row.optional("lon")
    if latitude is None or longitude is None:
        return "no place: the row gives no coordinates"
    if abs(latitude) > 90.0 or abs(longitude) > 180.0:
        return f"no place: {latitude:g}, {longitude:g} are no degrees of latitude and longitude"
    for name, (city_latitude, city_longitude) in _CITIES.items():
        if name in row.get("city", "").lower():
            away = distance_km(latitude, longitude, city_latitude, city_longitude)
            if away > _WRONG_PLACE_KM:
                return f"wrong place: {latitude:g}, {longitude:g} is {away:,.0f} km from {row['city']}"
    return ""


def _simulator(catalogue: Catalogue) -> Callable[[str, str], tuple[float, float]]:
    @cache
    def weather(place: str) -> Weather:
        return load_weather(place, catalogue, seed=0)

    @cache
    def run(design_key: str, place: str) -> tuple[float, float]:
        design = hall_design(catalogue, design_key, it_capacity_mw=1.0)
        year = simulate(design, weather(place), np.full(HOURS_IN_YEAR, _LOAD_FRAC))
        return year.pue, year.wue_l_per_kwh

    return run


def score(path: Path | str, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Score a file of published PUE and WUE by site.

    Each row's hall (`design_of`) runs at constant load in the climate of its `stand_in`; errors of PUE are differences,
    of WUE fractions where the published value is not zero. Null model: the median of the operator's scored rows.

    Parameters
    ----------
    path : Path or str
        CSV with the columns of the published table (site, operator, climate, lat, lon, year, pue, wue_l_per_kwh, ...).
    catalogue : Catalogue

    Returns
    -------
    list of dict
        Two entries, ``pue`` and ``wue`` (rows with ``wue_scope`` = site), as `result_entry` makes them.

    Raises
    ------
    ScenarioError
        If a column is missing.
    """
    path = Path(path)
    table = read_table(path, _COLUMNS).rows
    places = known_places(catalogue)
    reasons = {row["id"]: _why_not(row) for row in table}
    rows = [
        _Row(
            row,
            row.number("lat"),
            row.number("lon"),
            design_of(row["operator"], row["site"], row["climate"]),
            stand_in(places, row.number("lat"), row.number("lon"), row["climate"]),
        )
        for row in table
        if not reasons[row["id"]]
    ]
    skipped = [Skipped(key, why) for key, why in reasons.items() if why]
    run = _simulator(catalogue)
    predicted = {row.cells["id"]: run(row.design, row.place) for row in rows}
    with_pue = [row for row in rows if (row.cells.optional("pue") or 0.0) >= 1.0]
    with_wue = [
        row for row in rows if row.cells["wue_scope"] == "site" and (row.cells.optional("wue_l_per_kwh") or 0.0) > 0.0
    ]
    return [
        _entry(path, "pue", "1", table, with_pue, {k: v[0] for k, v in predicted.items()}, skipped),
        _entry(path, "wue", "L/kWh", table, with_wue, {k: v[1] for k, v in predicted.items()}, skipped),
    ]


def _assumed(row: _Row) -> tuple[str, ...]:
    common = (f"design={row.design}", f"weather={row.place}", f"load_frac={_LOAD_FRAC}")
    return (*common, "projected by the operator") if "projected" in row.cells.get("notes", "") else common


def _entry(
    path: Path,
    quantity: str,
    unit: str,
    table: Sequence[Row],
    rows: Sequence[_Row],
    predicted: Mapping[str, float],
    skipped: Sequence[Skipped],
) -> dict[str, Any]:
    column = "pue" if quantity == "pue" else "wue_l_per_kwh"
    measured = {row.cells["id"]: row.cells.number(column) for row in rows}
    by_operator: dict[str, list[float]] = {}
    for row in rows:
        by_operator.setdefault(row.cells["operator"], []).append(measured[row.cells["id"]])
    median = {operator: statistics.median(values) for operator, values in by_operator.items()}
    cases = [
        Case(
            id=row.cells["id"],
            measured=measured[row.cells["id"]],
            predicted=predicted[row.cells["id"]],
            assumed=_assumed(row),
            groups=(
                f"operator={row.cells['operator']}",
                f"year={row.cells['year']}",
                f"climate={row.cells['climate'] or 'unknown'}",
            ),
            null=median[row.cells["operator"]],
        )
        for row in rows
    ]
    ids = {row["id"] for row in table if row.optional(column) is not None}
    return result_entry(
        file=path.name,
        kind=_KIND,
        quantity=quantity,
        unit=unit,
        error="absolute" if quantity == "pue" else "relative",
        rows=len(table),
        scorable=len(cases),
        cases=cases,
        skipped=[s for s in skipped if s.id in ids],
    )
