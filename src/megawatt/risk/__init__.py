"""Risk: how bad it can get. Factor paths, cash flows on them, summaries with their uncertainty."""

from megawatt.risk.base import BASE_KEY, factor_terms, payer_classes
from megawatt.risk.blocks import BLOCK_PATHS, run_blocks, run_calls, start_workers, stream_calls
from megawatt.risk.cluster import Cluster, asked_cluster, open_cluster
from megawatt.risk.correlation import correlation_root, nearest_correlation
from megawatt.risk.dynamics import (
    jump_diffusion,
    regime_path,
    regime_returns,
    t_copula_normals,
)
from megawatt.risk.episodes import Episode, demand_scenarios, episode_factors, episode_levels, named_episodes
from megawatt.risk.factors import (
    FACTORS,
    base_factors,
    exponential_ornstein_uhlenbeck,
    factors_of,
    geometric_brownian,
    ornstein_uhlenbeck,
    simulate_factors,
)
from megawatt.risk.ratings import conditional_default_probability
from megawatt.risk.records import Chance, CreditRisk, Distribution, FactorPaths, FactorTerms, Risk
from megawatt.risk.reverse import BreakingPoint, breaking_points
from megawatt.risk.sampling import KINDS_OF_DRAWS, Draws, Estimated, draw, estimate
from megawatt.risk.simulation import FAN_PATHS, net_cash_usd, operating_months, simulate
from megawatt.risk.summary import drivers, fan, summarise, tail_mean, wilson_interval

__all__ = [
    "BASE_KEY",
    "BLOCK_PATHS",
    "FACTORS",
    "FAN_PATHS",
    "KINDS_OF_DRAWS",
    "BreakingPoint",
    "Chance",
    "Cluster",
    "CreditRisk",
    "Distribution",
    "Draws",
    "Episode",
    "Estimated",
    "FactorPaths",
    "FactorTerms",
    "Risk",
    "asked_cluster",
    "base_factors",
    "breaking_points",
    "conditional_default_probability",
    "correlation_root",
    "demand_scenarios",
    "draw",
    "drivers",
    "episode_factors",
    "episode_levels",
    "estimate",
    "exponential_ornstein_uhlenbeck",
    "factor_terms",
    "factors_of",
    "fan",
    "geometric_brownian",
    "jump_diffusion",
    "named_episodes",
    "nearest_correlation",
    "net_cash_usd",
    "open_cluster",
    "operating_months",
    "ornstein_uhlenbeck",
    "payer_classes",
    "regime_path",
    "regime_returns",
    "run_blocks",
    "run_calls",
    "simulate",
    "simulate_factors",
    "start_workers",
    "stream_calls",
    "summarise",
    "t_copula_normals",
    "tail_mean",
    "wilson_interval",
]
