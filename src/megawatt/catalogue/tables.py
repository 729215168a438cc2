"""Monthly normals and price shapes: the catalogue's small tables, turned into arrays."""

from __future__ import annotations

from functools import cache
from importlib.resources.abc import Traversable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.loader import read_table
from megawatt.catalogue.records import Entry, Fact, Normals, PriceShape
from megawatt.errors import CatalogueError
from megawatt.hours import DAYS_IN_MONTH

__all__ = ["NORMALS_COLUMNS", "build_normals", "build_price_shape"]

NORMALS_COLUMNS: Final = (
    "mean_dry_bulb_c",
    "mean_daily_max_c",
    "mean_daily_min_c",
    "mean_wet_bulb_c",
    "mean_dew_point_c",
    "mean_relative_humidity",
    "pressure_pa",
    "p99_dry_bulb_c",
    "p99_wet_bulb_c",
)
"""Columns of the tables of normals after ``key,month``; humidity is a fraction, an empty cell an unknown value."""

_NORMALS_TABLES: Final = ("table-normals.csv", "table-normals-stations.csv", "table-normals-world.csv")
"""Normals of the reference, of stations read by ``tools/derive_climates.py``, and of the other places."""


def build_normals(folder: Traversable, entry: Entry, fact: Fact) -> Normals:
    """Monthly normals of one place.

    Parameters
    ----------
    folder : Traversable
        Data folder of the catalogue.
    entry : Entry
        The place, with ``latitude_deg``, ``longitude_deg`` and ``elevation_m``.
    fact : Fact
        What the normals were computed from.

    Raises
    ------
    CatalogueError
        If the tables do not hold twelve months of this place.

    Notes
    -----
    Unknown values (99th percentiles of places without an hourly file) are NaN.
    """
    header, by_place = _rows_by_place(folder)  # type: ignore[arg-type]  # folders are hashable
    mine = by_place.get(entry.key, [])
    if [row[1] for row in mine] != [str(month) for month in range(1, 13)]:
        raise CatalogueError(
            f"{' and '.join(_NORMALS_TABLES)}: {entry.key} has {len(mine)} rows, must be months 1 to 12 in order"
        )
    table = np.array([[float(cell or "nan") for cell in row[2:]] for row in mine], dtype=np.float64)
    column = {name: table[:, header.index(name) - 2] for name in NORMALS_COLUMNS}
    return Normals(
        place=entry.key,
        title=entry.title,
        latitude_deg=entry.facts["latitude_deg"].number(),
        longitude_deg=entry.facts["longitude_deg"].number(),
        elevation_m=entry.facts["elevation_m"].number(),
        fact=fact,
        humidity_fact=entry.facts.get("annual_mean_dew_point_c"),
        **column,
    )


@cache
def _rows_by_place(folder: Traversable) -> tuple[list[str], dict[str, list[list[str]]]]:
    """Header, and the rows of each place from all tables of normals that the folder holds, read once."""
    header: list[str] = []
    rows: dict[str, list[list[str]]] = {}
    for name in _NORMALS_TABLES:
        if name != _NORMALS_TABLES[0] and not (folder / name).is_file():
            continue
        header, found = read_table(folder, name)
        for row in found:
            rows.setdefault(row[0], []).append(row)
    return header, rows


def build_price_shape(folder: Traversable, entry: Entry, year: int, fact: Fact) -> PriceShape:
    """Price shape of one grid and year, from its two tables (bins and day ranks).

    Raises
    ------
    CatalogueError
        If a table is missing or has the wrong number of rows.
    """
    bin_frac, prices, ranks = _prices(folder, entry.key, year)  # type: ignore[arg-type]  # folders are hashable
    return PriceShape(
        grid=entry.key,
        title=entry.title,
        year=year,
        bin_frac=bin_frac,
        price_usd_per_mwh=prices,
        day_rank_frac=ranks,
        fact=fact,
    )


@cache
def _prices(folder: Traversable, grid: str, year: int) -> tuple[NDArray[np.float64], ...]:
    """Bins (k,), prices (12, 24, k) and ranks of days (365,) as their tables have them; read-only."""
    name = f"table-price-{grid}-{year}.csv"
    header, rows = read_table(folder, name)
    bin_frac = np.array([float(cell) for cell in header[2:]], dtype=np.float64)
    if len(rows) != 12 * 24:
        raise CatalogueError(f"{name}: {len(rows)} rows, must be 288 (month by hour of day)")
    prices = np.array([[float(cell) for cell in row[2:]] for row in rows], dtype=np.float64)
    found = (bin_frac, prices.reshape(12, 24, bin_frac.size), _day_ranks(folder, grid, year))
    for table in found:
        table.flags.writeable = False
    return found


def _day_ranks(folder: Traversable, grid: str, year: int) -> NDArray[np.float64]:
    name = f"table-dayrank-{grid}-{year}.csv"
    _, rows = read_table(folder, name)
    if len(rows) != int(DAYS_IN_MONTH.sum()):
        raise CatalogueError(f"{name}: {len(rows)} rows, must be 365 (29 February dropped)")
    return np.array([float(row[2]) for row in rows], dtype=np.float64)
