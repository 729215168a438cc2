"""Score what miners reported: coins of a month from hash rate, or fleet and uptime, and the network of the month."""

from __future__ import annotations

import calendar
import re
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from megawatt.catalogue import Catalogue
from megawatt.files import Row, read_table
from megawatt.mining import (
    BLOCKS_PER_DAY,
    NetworkState,
    hashprice_usd_per_ph_day,
    mined_btc,
    network_state,
    subsidy_by_month,
)
from megawatt.mining.fleets import OPERATIONS_KEY
from megawatt.validation.scoring import Case, Skipped, result_entry

__all__ = ["score"]

_NEEDED: Final = ("company", "month", "btc_mined")
_MOST_EH: Final = 10_000.0
"""Several times the whole network: no company's hash rate. [EH/s]"""


@dataclass(frozen=True, slots=True)
class _Month:
    """One reported month: its hash rate at work, and where that came from."""

    id: str
    company: str
    state: NetworkState
    days: int
    eh_per_s: float
    btc: float
    assumed: tuple[str, ...]


def score(path: Path | str, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Score a file of coins mined by company and month.

    Hash rate at work: ``average_eh_per_s``; else ``deployed_eh_per_s``, or ``mw`` over ``j_per_th``, times
    ``uptime_frac`` (the catalogue's where the row has none). Coins: its PH/s-days at the month's hash price in coins
    less the catalogue's pool fee. Null model: the company's mean coins per EH/s and day over its other months.

    Parameters
    ----------
    path : Path or str
        CSV with company, month (YYYY-MM), btc_mined and the columns above; others are left alone.
    catalogue : Catalogue
        Network states by month.

    Returns
    -------
    list of dict
        One entry, as `result_entry` makes it, with a group per company.

    Raises
    ------
    ScenarioError
        If a column is missing, or a cell is no number or month.
    """
    table = read_table(Path(path), _NEEDED).rows
    found = [_read(row, catalogue) for row in table]
    rows = [read for read in found if isinstance(read, _Month)]
    skipped = [read for read in found if isinstance(read, Skipped)]
    fee = catalogue.number(OPERATIONS_KEY, "pool_fee_frac")
    cases = [
        Case(row.id, row.btc, _predicted(row, fee), row.assumed, (f"company={row.company}",), _null(row, rows))
        for row in rows
    ]
    return [
        result_entry(
            file=str(path),
            kind="miner-production",
            quantity="btc_mined",
            unit="BTC",
            error="relative",
            rows=len(table),
            scorable=len(rows),
            cases=cases,
            skipped=skipped,
        )
    ]


def _read(row: Row, catalogue: Catalogue) -> _Month | Skipped:
    month, company = row["month"].strip(), row["company"].strip()
    name = f"{company} {month}"
    if not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", month):
        raise row.wrong("month", "a month as YYYY-MM")
    btc = row.number("btc_mined", low=0.0, unit="BTC")
    if btc == 0.0:
        return Skipped(name, "no coins mined: an error relative to nothing")
    if f"bitcoin-{month}" not in catalogue.entries:
        return Skipped(name, "no network state of the month (megawatt catalogue list network)")
    found = _hash_rate(row, catalogue)
    if isinstance(found, str):
        return Skipped(name, found)
    state = network_state(catalogue, f"bitcoin-{month}")
    days = calendar.monthrange(state.year, state.month)[1]
    return _Month(name, company, state, days, found[0], btc, found[1])


def _hash_rate(row: Row, catalogue: Catalogue) -> tuple[float, tuple[str, ...]] | str:
    """Hash rate at work [EH/s] and what had to be assumed, or why there is none."""

    def given(column: str, high: float) -> float | None:
        return row.number(column, low=0.0, high=high) if row.get(column, "").strip() else None

    average = given("average_eh_per_s", _MOST_EH)
    if average is not None:
        return (average, ()) if average > 0.0 else "no hash rate at work"
    deployed, mw, energy = given("deployed_eh_per_s", _MOST_EH), given("mw", 1e6), given("j_per_th", 500.0)
    if deployed is None and mw is not None and energy:
        deployed = mw / energy
    if not deployed:
        return "no hash rate: average_eh_per_s, deployed_eh_per_s, or mw and j_per_th"
    uptime = given("uptime_frac", 1.0)
    if uptime is None:
        return deployed * catalogue.number(OPERATIONS_KEY, "uptime_frac"), ("uptime_frac",)
    return (deployed * uptime, ()) if uptime > 0.0 else "no uptime"


def _predicted(row: _Month, pool_fee_frac: float) -> float:
    state = row.state
    subsidy = subsidy_by_month(state.year, state.month, 1) * BLOCKS_PER_DAY
    price = hashprice_usd_per_ph_day(subsidy, state.fees_btc_per_day, state.btc_price_usd, state.network_eh_per_s)
    return float(mined_btc(row.eh_per_s * 1000.0 * row.days, price, state.btc_price_usd, pool_fee_frac)[0])


def _null(row: _Month, rows: list[_Month]) -> float | None:
    others = [r.btc / r.eh_per_s / r.days for r in rows if r.company == row.company and r.id != row.id]
    return statistics.fmean(others) * row.eh_per_s * row.days if others else None
