"""Grid carbon and the price shapes of real years."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from derivation.rows import Row, number, tidy
from derivation.sources import SourceBook

BIN_FRAC = (0.25, 0.25, 0.25, 0.15, 0.10)
"""Share of the days in each price bin, cheapest first; the dearest tenth keeps the spikes apart."""

CENTRAL_STANDARD = timedelta(hours=-6)
HUB_YEARS = (2022, 2023)
_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_PRICE_URL = "https://github.com/HewlettPackard/sustain-cluster"
_ZONES = {
    "US-TEX-ERCO": ("us-tex-erco", "ERCOT (Electricity Maps zone)", "ercot"),
    "US-MIDA-PJM": ("us-mida-pjm", "PJM", "pjm"),
    "US-MIDW-MISO": ("us-midw-miso", "MISO", "miso"),
    "US-SE-SOCO": ("us-se-soco", "Southern Company", "soco"),
    "US-NW-BPAT": ("us-nw-bpat", "Bonneville", "bpa"),
    "US-CAL-CISO": ("us-cal-ciso", "CAISO", "caiso"),
    "CA-QC": ("ca-qc", "Quebec", "quebec"),
    "CA-ON": ("ca-on", "Ontario", "ontario"),
    "CA-BC": ("ca-bc", "British Columbia", "british-columbia"),
    "SE": ("se", "Sweden (Electricity Maps zone)", ""),
    "IE": ("ie", "Ireland (Electricity Maps zone)", ""),
    "SG": ("sg", "Singapore (Electricity Maps zone)", ""),
    "JP-TK": ("jp-tk", "Tokyo area (Electricity Maps zone)", ""),
    "ISL": ("isl", "Iceland", "iceland"),
    "IRL": ("irl", "Ireland", "ireland"),
    "SWE": ("swe", "Sweden", "sweden"),
    "SGP": ("sgp", "Singapore, national mix", ""),
    "JPN": ("jpn", "Japan", "japan"),
    "CAN": ("can", "Canada", "canada"),
    "USA": ("usa", "United States", ""),
}


def grid_rows(reference: Iterable[dict[str, str]], means: dict[int, float], book: SourceBook) -> list[Row]:
    """Facts of ``grid.csv``: the ERCOT hub with its price years, then carbon by region."""
    regions: dict[str, list[dict[str, str]]] = {}
    for entry in reference:
        if entry["co2_kg_per_mwh"]:
            regions.setdefault(entry["region"], []).append(entry)
    rows = _hub_rows(regions, means, book)
    for region, entries in regions.items():
        key, title, aliases = _ZONES.get(
            region, (f"egrid-{region.lower()}", f"{entries[0]['name']} (eGRID {region})", region.lower())
        )
        rows.append(Row(key, "title", title))
        rows += [Row(key, "aliases", aliases)] if aliases and aliases != key else []
        rows += _carbon_rows(key, entries, book)
    return rows


def _carbon_rows(key: str, entries: list[dict[str, str]], book: SourceBook) -> list[Row]:
    by_year = {entry["year"]: entry for entry in entries}
    latest = max(by_year)
    rows = [_carbon(key, "carbon_kg_per_mwh", by_year[latest], book)]
    rows += [_carbon(key, f"carbon_{year}_kg_per_mwh", by_year[year], book) for year in sorted(by_year)]
    return rows


def _carbon(key: str, field: str, entry: dict[str, str], book: SourceBook) -> Row:
    basis = tidy(entry["basis"]).replace("CO2 rate", "rate")
    name = entry["name"] if entry["name"] != "same" else ""
    egrid = "eGRID" in basis
    kind = "regulated" if egrid else "derived" if "estimate" in basis else "reported"
    note = f"{basis}, CO2 only, read from a copy of EPA's table" if egrid else f"{basis}; {name}".rstrip("; ")
    source = book.key(entry["source_url"].split(" ")[0], entry["year"])
    return Row(key, field, number(entry["co2_kg_per_mwh"]), "kg/MWh", "", "", kind, source, entry["year"], note)


def _hub_rows(regions: dict[str, list[dict[str, str]]], means: dict[int, float], book: SourceBook) -> list[Row]:
    rates = {entry["year"]: entry for entry in regions["ERCT"]}
    zone = [entry for entry in regions["US-TEX-ERCO"] if entry["year"] >= "2023"]
    low, high = (pick(zone, key=lambda entry: float(entry["co2_kg_per_mwh"])) for pick in (min, max))
    latest = _carbon("ercot-hub", "carbon_kg_per_mwh", rates["2023"], book)
    ends = f"low: {low['name']}, {low['year']}; high: Electricity Maps, consumption based, life cycle, {high['year']}"
    rows = [
        Row("ercot-hub", "title", "ERCOT hub average (day-ahead)"),
        Row("ercot-hub", "aliases", "ercot-hub-average"),
        Row("ercot-hub", "utc_offset_h", "-6", "hour", "", "", "regulated", book.key(_PRICE_URL), "", "standard time"),
        replace(
            latest,
            low=number(low["co2_kg_per_mwh"]),
            high=number(high["co2_kg_per_mwh"]),
            note=f"{latest.note}; {ends}",
        ),
        *(_carbon("ercot-hub", f"carbon_{year}_kg_per_mwh", rates[year], book) for year in sorted(rates)),
    ]
    for year, mean in means.items():
        note = (
            "mean of 8,760 hourly settlement prices, hub average; West differs by congestion. The shape table keeps "
            "this mean by month and hour of the day, averaged in bins of days"
        )
        name = f"price_{year}_mean_usd_per_mwh"
        rows.append(
            Row(
                "ercot-hub",
                name,
                number(round(mean, 4)),
                "USD/MWh",
                "",
                "",
                "derived",
                book.key(_PRICE_URL),
                str(year),
                note,
            )
        )
    return rows


def hub_series(path: Path, year: int) -> NDArray[np.float64]:
    """Hourly prices of a year in fixed Central Standard Time, 29 February dropped; shape (8760,). [USD/MWh]"""
    hours: dict[datetime, float] = {}
    with path.open(encoding="utf-8", newline="") as handle:
        for line in csv.DictReader(handle):
            standard = datetime.fromisoformat(line["Datetime"]).astimezone(UTC) + CENTRAL_STANDARD
            hours[standard.replace(tzinfo=None)] = float(line["Price (USD/MWh)"])
    wanted = [datetime(year, 1, 1) + timedelta(hours=hour) for hour in range(366 * 24)]
    wanted = [time for time in wanted if time.year == year and (time.month, time.day) != (2, 29)]
    missing = [time for time in wanted if time not in hours]
    if missing:
        raise SystemExit(f"{path.name}: {len(missing)} hours of {year} are missing, first {missing[0]}")
    return np.array([hours[time] for time in wanted])


def price_bins(hourly: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean price of each bin of days by month and hour of the day, cheapest first; shape (12, 24, bins).

    Days are split between bins in fractions, so that the bins weighted by their share give the month's mean exactly.
    """
    bins = np.empty((12, 24, len(BIN_FRAC)))
    edges = np.concatenate(([0.0], np.cumsum(BIN_FRAC)))
    start = 0
    for month, days in enumerate(_DAYS):
        block = np.sort(hourly[start * 24 : (start + days) * 24].reshape(days, 24), axis=0)
        cumulative = np.vstack([np.zeros(24), np.cumsum(block, axis=0)])
        places = np.arange(days + 1) / days
        for hour in range(24):
            at_edges = np.interp(edges, places, cumulative[:, hour])
            bins[month, hour] = np.diff(at_edges) / (np.array(BIN_FRAC) * days)
        start += days
    return bins


def day_ranks(hourly: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place of each day among its month's days by daily mean price, (rank + 0.5) / days; shape (365,)."""
    daily = hourly.reshape(365, 24).mean(axis=1)
    ranks = np.empty(365)
    start = 0
    for days in _DAYS:
        order = np.argsort(daily[start : start + days], kind="stable")
        ranks[start + order] = (np.arange(days) + 0.5) / days
        start += days
    return ranks


def shape_table(bins: NDArray[np.float64]) -> tuple[list[str], list[list[str]]]:
    header = ["month", "hour", *(number(frac) for frac in BIN_FRAC)]
    lines = [
        [str(month + 1), str(hour), *(f"{price:.4f}" for price in bins[month, hour])]
        for month in range(12)
        for hour in range(24)
    ]
    return header, lines


def rank_table(ranks: NDArray[np.float64]) -> tuple[list[str], list[list[str]]]:
    month = np.repeat(np.arange(12), _DAYS) + 1
    day = np.concatenate([np.arange(days) + 1 for days in _DAYS])
    lines = [[str(m), str(d), f"{rank:.6f}"] for m, d, rank in zip(month, day, ranks, strict=True)]
    return ["month", "day", "rank_frac"], lines
