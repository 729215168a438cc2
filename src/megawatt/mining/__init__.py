"""What a hash earns, at this price, difficulty and halving epoch."""

from megawatt.mining.fleets import fleet, hash_economics, hash_kept_frac, revenue_usd_per_mwh
from megawatt.mining.modes import MinerModes, miner_modes, mode_segments
from megawatt.mining.network import (
    HashResponse,
    NetworkPath,
    NetworkState,
    follow_revenue,
    hash_response,
    network_state,
    project_network,
)
from megawatt.mining.prediction import RetargetPrior, predict_difficulty, retarget_prior
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
from megawatt.mining.switchoff import (
    NetworkFleet,
    installed_eh_per_s,
    network_fleet,
    running_eh_per_s,
    running_share,
)

__all__ = [
    "HashEconomics",
    "HashResponse",
    "MinerFleet",
    "MinerModes",
    "NetworkFleet",
    "NetworkPath",
    "NetworkState",
    "RetargetPrior",
    "difficulty",
    "fleet",
    "follow_revenue",
    "halving_time",
    "hash_economics",
    "hash_kept_frac",
    "hash_response",
    "hashprice_usd_per_ph_day",
    "installed_eh_per_s",
    "miner_modes",
    "mode_segments",
    "network_eh_per_s",
    "network_fleet",
    "network_state",
    "predict_difficulty",
    "project_network",
    "retarget",
    "retarget_prior",
    "revenue_usd_per_mwh",
    "running_eh_per_s",
    "running_share",
    "subsidy_btc",
    "subsidy_by_month",
]
