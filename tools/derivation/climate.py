"""``climate_normals.csv``: places and their monthly normals."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from statistics import median

from derivation.rows import ASSUMPTION, FROM_MEMORY, Row, number, slug, tidy
from derivation.sources import SourceBook

COLUMNS = (
    ("mean_dry_bulb_c", "mean_dry_bulb_c", "1"),
    ("mean_daily_max_c", "mean_daily_max_c", "1"),
    ("mean_daily_min_c", "mean_daily_min_c", "1"),
    ("mean_wet_bulb_c", "mean_wet_bulb_c", "1"),
    ("mean_dew_point_c", "mean_dew_point_c", "1"),
    ("mean_relative_humidity", "mean_rh_pct", "0.01"),
    ("pressure_pa", "pressure_kpa", "1000"),
    ("p99_dry_bulb_c", "p99_dry_bulb_c", "1"),
    ("p99_wet_bulb_c", "p99_wet_bulb_c", "1"),
)
"""Column of the catalogue's table, column of the reference, scale."""

_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_GUESSED = {"p99_dry_bulb_c": "mean_daily_max_c", "p99_wet_bulb_c": "mean_wet_bulb_c"}
"""Where the reference has no extreme: the column that it is guessed from."""

# Key and aliases where the plain name would mislead (a proxy station) or collide.
_NAMES = {
    "Lubbock (Abernathy) TX": ("lubbock-tx", "abernathy-tx"),
    "Odessa (Midland) TX": ("midland-tx", "odessa-tx"),
    "Corsicana (Waco) TX": ("waco-tx", "corsicana-tx"),
    "Denton (Fort Worth Alliance) TX": ("fort-worth-alliance-tx", "denton-tx"),
    "Dallas-Fort Worth TX": ("dallas-fort-worth-tx", "dallas-tx"),
    "Wink (Ward County/Pyote) TX": ("wink-tx", "ward-county-tx"),
    "Buffalo (Lake Mariner/Barker) NY": ("buffalo-ny", "lake-mariner-ny,barker-ny"),
    "Ashburn (Leesburg) VA": ("leesburg-va", "ashburn-va"),
    "New Carlisle IN (Lafayette proxy)": ("lafayette-in", "new-carlisle-in"),
    "Council Bluffs IA (Cedar Rapids proxy)": ("cedar-rapids-ia", ""),
    "Portland OR (lower Columbia; The Dalles is drier and hotter in summer)": ("portland-or", ""),
    "Duluth MN (cold Upper Midwest proxy)": ("duluth-mn", ""),
    "Canton (Jackson) MS": ("jackson-ms", "canton-ms"),
    "Council Bluffs (Omaha) IA": ("omaha-ne", "council-bluffs-ia"),
    "Nesquehoning (Panther Creek) PA": ("nesquehoning-pa", "panther-creek-pa"),
    "Sandersville (Macon) GA": ("macon-ga", "sandersville-ga"),
    "Ellendale/Jamestown ND": ("ellendale-nd", "jamestown-nd"),
}

Months = list[dict[str, str]]

_PRESSURE_TOLERANCE = 0.03
"""Monthly means of station pressure stay within about 1 % of the standard atmosphere; beyond 3 % the file is wrong."""


def climate(
    reference: Iterable[dict[str, str]], book: SourceBook, read_elsewhere: Collection[str] = ()
) -> tuple[list[Row], list[list[str]]]:
    """Facts of ``place.csv`` and lines of ``table-normals.csv`` (key, month, columns).

    Remembered places whose key or alias is in ``read_elsewhere`` are left out.
    """
    places: dict[str, Months] = {}
    for entry in reference:
        standard = _standard_pressure_kpa(float(entry["elev_m"]))
        off = abs(float(entry["pressure_kpa"]) / standard - 1) > _PRESSURE_TOLERANCE
        corrected = entry | {"pressure_kpa": f"{standard:.2f}", "corrected": "1"} if off else entry | {"corrected": ""}
        places.setdefault(entry["place"], []).append(corrected)
    excess = _median_excess(places.values())
    rows: list[Row] = []
    table: list[list[str]] = []
    for place, months in places.items():
        key, aliases = _NAMES.get(place, (slug(place), ""))
        if months[0]["confidence"] == "memory" and key in read_elsewhere:
            continue
        rows += _place_rows(key, place, aliases, months, book)
        for index, month in enumerate(months):
            cells = (_cell(month, index, target, origin, scale, excess) for target, origin, scale in COLUMNS)
            table.append([key, month["month"], *cells])
    return rows, table


def _standard_pressure_kpa(elevation_m: float) -> float:
    """Pressure of the standard atmosphere (ISO 2533 below 11 km). [kPa]"""
    return 101.325 * float((1 - 2.25577e-5 * elevation_m) ** 5.25588)


def _median_excess(places: Iterable[Months]) -> dict[str, list[float]]:
    """How far each extreme lies above its base column: median over the places that have both, by month. [K]"""
    full = [months for months in places if months[0]["p99_dry_bulb_c"]]
    return {
        column: [median(float(m[i][column]) - float(m[i][base]) for m in full) for i in range(12)]
        for column, base in _GUESSED.items()
    }


def _cell(
    month: dict[str, str], index: int, target: str, origin: str, scale: str, excess: dict[str, list[float]]
) -> str:
    if month[origin]:
        return number(month[origin], scale)
    return number(round(float(month[_GUESSED[target]]) + excess[target][index], 1))


def _place_rows(key: str, place: str, aliases: str, months: Months, book: SourceBook) -> list[Row]:
    first = months[0]
    remembered = first["confidence"] == "memory"
    source = ASSUMPTION if remembered else book.key(first["source_url"])
    kind = "assumed" if remembered else "derived"
    how = f"{FROM_MEMORY}: +-1 C, humidity +-5 points" if remembered else f"{first['source']}, {tidy(first['note'])}"
    if not first["p99_dry_bulb_c"]:
        how += "; the monthly 99th percentiles are guessed from the median excess over mean maxima at the other places"
    if any(month["corrected"] for month in months):
        how += "; pressure from the elevation, since the file's is that of another height"
    mean = sum(float(m["mean_dry_bulb_c"]) * days for m, days in zip(months, _DAYS, strict=True)) / sum(_DAYS)
    where = "from memory, unverified" if remembered else "location of the weather station"
    located = [
        Row(key, name, number(first[column]), unit, "", "", "assumed" if remembered else "reported", source, "", where)
        for name, column, unit in (
            ("latitude_deg", "lat", "degree"),
            ("longitude_deg", "lon", "degree"),
            ("elevation_m", "elev_m", "m"),
        )
    ]
    mean_note = f"monthly means weighted by days; normals of this place: {how}"
    return [
        Row(key, "title", place),
        *([Row(key, "aliases", aliases)] if aliases else []),
        *located,
        Row(key, "annual_mean_dry_bulb_c", number(round(mean, 2)), "degC", "", "", kind, source, "", mean_note),
    ]
