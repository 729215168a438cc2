"""What the mining room hands on: a fleet and what its hashes earn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Assumption

__all__ = ["HashEconomics", "MinerFleet"]


@dataclass(frozen=True, slots=True)
class MinerFleet:
    """Miners, of one model or of several ``parts``.

    ``it_mw`` is what they draw in the rated mode; their hash rate, ageing included, is it_mw / efficiency, and
    ``price_usd_per_th`` is what that was bought for.
    """

    key: str
    it_mw: float
    efficiency_j_per_th: float
    hashrate_eh_per_s: float
    machines: float
    pool_fee_frac: float
    uptime_frac: float
    price_usd_per_th: float
    assumptions: tuple[Assumption, ...] = ()
    parts: tuple[MinerFleet, ...] = ()


@dataclass(frozen=True, slots=True)
class HashEconomics:
    """Revenue of one MWh of miner power, by month (paths, months), with the network that implies it.

    ``hashprice_usd_per_ph_day`` = (subsidy + fees per day in BTC) x price / network PH/s. ``usd_per_mwh`` is after
    pool fee and uptime, at the machine's plug.
    """

    usd_per_mwh: NDArray[np.float64]
    hashprice_usd_per_ph_day: NDArray[np.float64]
    network_eh_per_s: NDArray[np.float64]
    btc_price_usd: NDArray[np.float64]
    subsidy_btc: NDArray[np.float64]
    assumptions: tuple[Assumption, ...] = ()
