"""To whom hashes are sold beside the pool: hosted customers, buyers of hash rate forward, and one's own treasury."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from megawatt.arrays import FloatArray

__all__ = ["Hedge", "Hosted", "Treasury", "coins_sold", "hedge_settlement_usd", "hosted_usd_per_mwh"]


class Hosted(NamedTuple):
    """Customers' machines: their share of the halls' power, price of energy at their plugs, the site's share of coins.

    ``efficiency_ratio`` is the site's own energy per hash over theirs: what their MWh mines over what one's own does.
    """

    share: float
    usd_per_mwh: float
    btc_share_frac: float
    efficiency_ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Hedge:
    """Hash rate sold forward: share of one's own, price [USD/PH/day], first month of the project and how many."""

    share: float
    usd_per_ph_day: float
    first_month: int
    months: int


@dataclass(frozen=True, slots=True)
class Treasury:
    """Coins held: share of those mined, and months after which they are sold (None: at the end)."""

    held_frac: float
    months: int | None


def hosted_usd_per_mwh(hosted: Hosted, mined_usd_per_mwh: FloatArray) -> FloatArray:
    """What a MWh at a customer's plug brings the site: energy sold and its share of the coins. [USD/MWh]

    Nothing where what the customer keeps of the coins does not pay the energy: they switch off.

    Parameters
    ----------
    hosted : Hosted
        Terms.
    mined_usd_per_mwh : array, shape (...)
        What a MWh mines in machines like the site's own, >= 0. [USD/MWh]
    """
    mined = mined_usd_per_mwh * hosted.efficiency_ratio
    stays = (1.0 - hosted.btc_share_frac) * mined >= hosted.usd_per_mwh
    return np.where(stays, hosted.usd_per_mwh + hosted.btc_share_frac * mined, 0.0)


def hedge_settlement_usd(
    hedge: Hedge, hashprice_usd_per_ph_day: FloatArray, ph: FloatArray, days: FloatArray
) -> FloatArray:
    """Cash from the buyer of hash rate: share * PH/s * days * (forward price - hash price); below 0 it is paid. [USD]

    Parameters
    ----------
    hedge : Hedge
        Terms.
    hashprice_usd_per_ph_day : array, shape (paths, months)
        Hash price of the month. [USD/PH/day]
    ph : array, shape (months,)
        The fleet's own hash rate in every hour. [PH/s]
    days : array, shape (months,)
        Days of the month.
    """
    month = np.arange(days.size)
    within = (month >= hedge.first_month) & (month < hedge.first_month + hedge.months)
    gain = hedge.usd_per_ph_day - hashprice_usd_per_ph_day
    return np.asarray(hedge.share * ph * days * within * gain, dtype=np.float64)


def coins_sold(treasury: Treasury, mined_btc: FloatArray) -> FloatArray:
    """Coins sold in each month out of the treasury; what is left is sold in the last month. [BTC], (paths, months)

    Parameters
    ----------
    treasury : Treasury
        Terms.
    mined_btc : array, shape (paths, months)
        Coins mined.
    """
    held = treasury.held_frac * mined_btc
    months = held.shape[1]
    wait = months if treasury.months is None else min(treasury.months, months)
    sold = np.zeros_like(held)
    sold[:, wait:] = held[:, : months - wait]
    sold[:, -1] += held[:, months - wait :].sum(axis=1)
    return sold
