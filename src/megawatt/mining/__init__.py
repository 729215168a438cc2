"""What a hash earns, at this price, difficulty and halving epoch."""

from megawatt.mining.fleet import aged, break_even_usd_per_mwh, fleet, hash_economics, revenue_usd_per_mwh
from megawatt.mining.network import (
    HashResponse,
    NetworkPath,
    NetworkState,
    follow_revenue,
    hash_response,
    network_state,
    project_network,
)
from megawatt.mining.protocol import (
    difficulty,
    halving_time,
    hashprice_usd_per_ph_day,
    network_eh_per_s,
    retarget,
    subsidy_btc,
    subsidy_by_month,
)
from megawatt.mining.records import HashEconomics, MinerFleet

__all__ = [
    "HashEconomics",
    "HashResponse",
    "MinerFleet",
    "NetworkPath",
    "NetworkState",
    "aged",
    "break_even_usd_per_mwh",
    "difficulty",
    "fleet",
    "follow_revenue",
    "halving_time",
    "hash_economics",
    "hash_response",
    "hashprice_usd_per_ph_day",
    "network_eh_per_s",
    "network_state",
    "project_network",
    "retarget",
    "revenue_usd_per_mwh",
    "subsidy_btc",
    "subsidy_by_month",
]
