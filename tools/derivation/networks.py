"""``bitcoin_daily.csv``: the Bitcoin network month by month."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from itertools import groupby

from derivation.rows import Row

FIRST = "2021-01"
"""First month that the catalogue holds."""
CURATED = frozenset({"2025-08", "2025-10", "2025-11", "2026-08"})
"""Months with a curated entry of their own."""
SOURCE = "coinmetrics-copy"
HASHES_PER_DIFFICULTY = 2.0**32
BLOCK_S = 600.0
BLOCKS_PER_DAY = 86_400.0 / BLOCK_S


def network_rows(daily: Iterable[dict[str, str]]) -> list[Row]:
    """Facts of every whole month: averages of its days."""
    rows: list[Row] = []
    for month, days in groupby(sorted(daily, key=lambda day: day["date"]), key=lambda day: day["date"][:7]):
        whole = list(days)
        year, number = map(int, month.split("-"))
        if month >= FIRST and month not in CURATED and len(whole) == calendar.monthrange(year, number)[1]:
            rows += _month(month, year, number, whole)
    return rows


def _month(month: str, year: int, number: int, days: list[dict[str, str]]) -> Iterator[Row]:
    def column(name: str) -> list[float]:
        return [float(day[name]) for day in days]

    key = f"bitcoin-{month}"
    price, difficulty, hashprice = (column(n) for n in ("PriceUSD", "DiffMean_derived", "hashprice_usd_per_ph_day"))
    blocks, fees = sum(column("BlkCnt")), sum(column("FeeTotNtv"))
    hashes = sum(difficulty) / len(days) * HASHES_PER_DIFFICULTY * blocks / (86_400.0 * len(days)) / 1e18

    def fact(field: str, value: float, unit: str, digits: int, note: str, span: list[float] | None = None) -> Row:
        low, high = (_short(min(span), digits), _short(max(span), digits)) if span else ("", "")
        return Row(key, field, _short(value, digits), unit, low, high, "derived", SOURCE, month, note)

    title = f"Bitcoin network, averages of {calendar.month_name[number]} {year}"
    yield Row(key, "title", title)
    yield Row(key, "year", str(year), kind="derived", source=SOURCE, date=month, note="month of the averages")
    yield Row(key, "month", str(number), kind="derived", source=SOURCE, date=month, note="month of the averages")
    yield fact(
        "btc_price_usd", _mean(price), "USD/BTC", 6, "mean of the days; low and high: lowest and highest day", price
    )
    yield fact("difficulty", _mean(difficulty), "", 6, "mean of the days; low and high: of a day", difficulty)
    yield fact("hashrate_eh_per_s", hashes, "exahash/s", 5,
               "what found the month's blocks. For comparison only: revenue is paid by difficulty")  # fmt: skip
    yield fact("fees_btc_per_day", fees / blocks * BLOCKS_PER_DAY, "BTC/day", 4,
               "fees of the month over its blocks, times 144 blocks a day")  # fmt: skip
    yield fact("hashprice_usd_per_ph_day", _mean(hashprice), "USD/(petahash/s)/day", 5,
               "mean of the days' own price, difficulty and fees. A check of the identity")  # fmt: skip


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _short(value: float, digits: int) -> str:
    number = float(f"{value:.{digits}g}")
    if number >= 1e9:
        return f"{number:.{digits - 1}e}"
    return format(number, "g") if number < 1e5 else str(int(number))
