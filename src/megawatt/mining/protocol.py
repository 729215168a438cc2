"""Rules of the Bitcoin protocol that money depends on: subsidy, halvings, difficulty, retarget, hashprice."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError

__all__ = [
    "BLOCKS_PER_DAY",
    "difficulty",
    "halving_time",
    "hashprice_usd_per_ph_day",
    "mined_btc",
    "network_eh_per_s",
    "retarget",
    "subsidy_btc",
    "subsidy_by_month",
]


# Consensus rules: Bitcoin Core, validation.cpp (GetBlockSubsidy), pow.cpp (CalculateNextWorkRequired) and
# kernel/chainparams.cpp (nSubsidyHalvingInterval, nPowTargetTimespan, nPowTargetSpacing).
FIRST_SUBSIDY_BTC: Final = 50.0
HALVING_BLOCKS: Final = 210_000
"""Blocks between halvings of the subsidy (consensus rule)."""
RETARGET_BLOCKS: Final = 2016
"""Blocks between changes of difficulty (consensus rule)."""
BLOCK_S: Final = 600.0
"""Time that a block is to take (consensus rule). [s]"""
RETARGET_CLAMP: Final = 4.0
"""Largest factor by which difficulty changes at once (consensus rule)."""
SATOSHI_PER_BTC: Final = 100_000_000
"""Smallest units of a bitcoin."""
BLOCKS_PER_DAY: Final = 86_400.0 / BLOCK_S
HASHES_PER_DIFFICULTY: Final = 2.0**32
"""Expected hashes to find a block at difficulty 1 (exactly 2^48 / 65535, 15 parts per million more)."""

_PAST_HALVINGS: Final = (datetime(2012, 11, 28), datetime(2016, 7, 9), datetime(2020, 5, 11), datetime(2024, 4, 20))
"""First days (UTC) of the subsidies 25, 12.5, 6.25 and 3.125 BTC, read from daily issuance over block count."""


def subsidy_btc(height: ArrayLike) -> FloatArray:
    """Block subsidy at a height, in whole satoshi as the consensus rule has it. [BTC]

    Parameters
    ----------
    height : array of int, shape (...)
        Block height, >= 0.

    Examples
    --------
    >>> subsidy_btc([0, 209_999, 210_000, 840_000]).tolist()
    [50.0, 50.0, 25.0, 3.125]
    """
    halvings = np.asarray(height, dtype=np.int64) // HALVING_BLOCKS
    whole = np.int64(FIRST_SUBSIDY_BTC * SATOSHI_PER_BTC)
    satoshi = np.where(halvings < 64, whole >> np.minimum(halvings, 63), 0)
    return np.asarray(satoshi / SATOSHI_PER_BTC, dtype=np.float64)


def halving_time(number: int) -> datetime:
    """When the n-th halving happened, or will at ten-minute blocks (UTC).

    Growing hash rate makes blocks a little faster than ten minutes: the past three eras of 1,458 nominal days took
    1,319, 1,402 and 1,440, so the true date tends to come days or weeks earlier.

    Parameters
    ----------
    number : int
        1 is the halving of 2012; 5 the one of 2028.

    Raises
    ------
    ScenarioError
        If number < 1.
    """
    if number < 1:
        raise ScenarioError(f"halving number {number}, must be >= 1 (1 is November 2012)")
    if number <= len(_PAST_HALVINGS):
        return _PAST_HALVINGS[number - 1]
    eras = number - len(_PAST_HALVINGS)
    return _PAST_HALVINGS[-1] + eras * HALVING_BLOCKS * timedelta(seconds=BLOCK_S)


def subsidy_by_month(start_year: int, start_month: int, months: int) -> FloatArray:
    """Block subsidy by month; the month of a halving has the average over its days. [BTC per block], shape (months,)

    Raises
    ------
    ScenarioError
        If the start lies before 2013 or the month is none.
    """
    if not 1 <= start_month <= 12 or start_year < 2013:
        raise ScenarioError(f"start {start_year}-{start_month}: must be January 2013 or later, month 1 to 12")
    first = start_year * 12 + start_month - 1
    edges = [date((first + i) // 12, (first + i) % 12 + 1, 1).toordinal() for i in range(months + 1)]
    subsidy = np.empty(months)
    for i, (begin, end) in enumerate(itertools.pairwise(edges)):
        number = 1
        while _ordinal(halving_time(number + 1)) <= begin:
            number += 1
        before = min(_ordinal(halving_time(number + 1)), float(end)) - begin
        old, new = (float(subsidy_btc(n * HALVING_BLOCKS)) for n in (number, number + 1))
        subsidy[i] = (old * before + new * (end - begin - before)) / (end - begin)
    return subsidy


def _ordinal(when: datetime) -> float:
    return when.toordinal() + (when.hour * 3600 + when.minute * 60 + when.second) / 86_400.0


def difficulty(network_eh_per_s: ArrayLike) -> FloatArray:
    """Difficulty at which this hash rate finds a block every ten minutes. [-]

    Parameters
    ----------
    network_eh_per_s : array
        Hash rate. [EH/s], >= 0
    """
    return np.asarray(np.asarray(network_eh_per_s, dtype=np.float64) * 1e18 * BLOCK_S / HASHES_PER_DIFFICULTY)


def network_eh_per_s(difficulty: ArrayLike, block_s: float = BLOCK_S) -> FloatArray:
    """Hash rate that finds a block every ``block_s`` seconds at this difficulty. [EH/s]

    Parameters
    ----------
    difficulty : array
        Network difficulty, >= 0.
    block_s : float
        Mean time between blocks. [s], > 0
    """
    return np.asarray(np.asarray(difficulty, dtype=np.float64) * HASHES_PER_DIFFICULTY / block_s / 1e18)


def retarget(difficulty: ArrayLike, period_s: ArrayLike) -> FloatArray:
    """Difficulty of the next 2,016 blocks, from the time that the last 2,016 took. [-]

    next = difficulty * (2016 * 600 s) / period, the ratio held between 1/4 and 4. The rule measures 2,015 intervals
    against 2,016 spacings (an off-by-one in the consensus code); ``period_s`` is what it measures.

    Parameters
    ----------
    difficulty : array
        Difficulty of the period.
    period_s : array
        Time from its first to its last block. [s], > 0
    """
    target = RETARGET_BLOCKS * BLOCK_S
    measured = np.clip(np.asarray(period_s, dtype=np.float64), target / RETARGET_CLAMP, target * RETARGET_CLAMP)
    return np.asarray(np.asarray(difficulty, dtype=np.float64) * target / measured)


def hashprice_usd_per_ph_day(
    subsidy_btc_per_day: ArrayLike, fees_btc_per_day: ArrayLike, btc_price_usd: ArrayLike, network_eh_per_s: ArrayLike
) -> FloatArray:
    """Revenue of one PH/s for a day: the network's reward shared by hash rate. [USD/PH/day]

    (subsidy + fees per day in BTC) * price / network PH/s; all arguments broadcast.

    Parameters
    ----------
    subsidy_btc_per_day, fees_btc_per_day : array
        New coins and fees of a day. [BTC/day]
    btc_price_usd : array
        Price of a bitcoin. [USD]
    network_eh_per_s : array
        Network hash rate. [EH/s], > 0
    """
    reward_usd = (np.asarray(subsidy_btc_per_day) + np.asarray(fees_btc_per_day)) * np.asarray(btc_price_usd)
    return np.asarray(reward_usd / (np.asarray(network_eh_per_s) * 1000.0), dtype=np.float64)


def mined_btc(
    ph_days: ArrayLike, hashprice_usd_per_ph_day: ArrayLike, btc_price_usd: ArrayLike, pool_fee_frac: float
) -> FloatArray:
    """Coins that accepted hashes earn at a pool that pays by difficulty. [BTC]

    PH/s-days * hash price / price of a bitcoin * (1 - fee).

    Parameters
    ----------
    ph_days : array, shape (...)
        Accepted hash rate times days. [PH/s * day], >= 0
    hashprice_usd_per_ph_day, btc_price_usd : array, broadcastable to it
        Of the same days. [USD/PH/day], [USD], > 0
    pool_fee_frac : float
        0 to 1.
    """
    per_ph_day = np.asarray(hashprice_usd_per_ph_day, dtype=np.float64) / np.asarray(btc_price_usd, dtype=np.float64)
    return np.asarray(np.asarray(ph_days, dtype=np.float64) * per_ph_day * (1.0 - pool_fee_frac))
