"""Estimates of risk cases by the simulator's own steps, each with its standard error."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.risk import (
    conditional_default_probability,
    correlation_root,
    geometric_brownian,
    jump_diffusion,
    ornstein_uhlenbeck,
    regime_path,
    regime_returns,
    t_copula_normals,
)
from megawatt.validation.risk_forms import settled_chain

__all__ = ["SAMPLES", "Estimate"]

_PATHS: Final = 100_000
"""Paths of an estimate."""
_SEED: Final = 22
"""Of all estimates."""
Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A simulated number and the standard error that comes from the number of paths."""

    value: float
    standard_error: float


def _mean(values: FloatArray) -> Estimate:
    return Estimate(float(values.mean()), float(values.std() / math.sqrt(values.size)))


def _share(hits: Any) -> Estimate:
    """Of events; the standard error is never below that of one in so many paths."""
    p = float(np.mean(hits))
    kept = min(max(p, 1.0 / np.size(hits)), 1.0 - 1.0 / np.size(hits))
    return Estimate(p, math.sqrt(kept * (1.0 - kept) / np.size(hits)))


def _normals(*shape: int) -> FloatArray:
    return np.random.default_rng(_SEED).standard_normal(shape)


def _passage(i: Inputs) -> dict[str, Estimate]:
    out = {}
    for t in i["horizons_years"]:
        end = geometric_brownian(_normals(1, _PATHS), i["sigma"], i["mu"], step_years=float(t))[0]
        out[f"prob_end_below_barrier.{t}"] = _share(end < i["barrier"] / i["S0"])
    return out


def _lognormal(i: Inputs) -> dict[str, Estimate]:
    level = math.exp(i["log_mean"] + i["log_sd"] ** 2 / 2)
    return {"mean": _mean(level * geometric_brownian(_normals(1, _PATHS), i["log_sd"], 0.0, step_years=1.0)[0])}


def _reverting(i: Inputs) -> dict[str, Estimate]:
    steps = max(round(i["T"] / i.get("dt", 1 / 12)), 1)
    start = i["x0"] - i["theta"]
    x = i["theta"] + ornstein_uhlenbeck(_normals(steps, _PATHS), i["sigma"], i["kappa"], i["T"] / steps, start)[-1]
    return {
        "mean_at_T": _mean(x),
        "variance_at_T": _mean((x - x.mean()) ** 2),
        "exp_process_mean_at_T": _mean(np.exp(x)),
    } | ({"prob_below_level_at_T": _share(x < i["level"])} if "level" in i else {})


def _two(i: Inputs) -> dict[str, Estimate]:
    root = correlation_root(np.array([[1.0, i["rho"]], [i["rho"], 1.0]]))
    shocks = root @ _normals(2, _PATHS)
    a, b = (
        i[name]["S0"] * geometric_brownian(shocks[[n]], i[name]["sigma"], i[name]["mu"], step_years=i["T"])[0]
        for n, name in enumerate("AB")
    )
    low_a, low_b = a < i["A"]["threshold"], b < i["B"]["threshold"]
    return {
        "prob_A_below": _share(low_a),
        "prob_B_below": _share(low_b),
        "prob_both_below": _share(low_a & low_b),
        "prob_A_below_k_times_B": _share(a < i["ratio_threshold"] * b),
        "mean_max_A_minus_kB_0": _mean(np.maximum(a - i["ratio_threshold"] * b, 0.0)),
    }


def _firm(i: Inputs) -> dict[str, Estimate]:
    if "asset_value" not in i:  # what is asked is found by solving, not by drawing
        return {}

    def ends(drift: float) -> FloatArray:
        moved = geometric_brownian(_normals(1, _PATHS), i["asset_vol"], drift, step_years=i["T"])[0]
        return np.asarray(i["asset_value"] * moved)

    owed, factor = i["debt_face"], math.exp(-i["risk_free"] * i["T"])
    return {
        "prob_default_real_world": _share(ends(i.get("asset_drift", i["risk_free"])) < owed),
        "prob_default_risk_neutral": _share(ends(i["risk_free"]) < owed),
        "equity_value": _mean(factor * np.maximum(ends(i["risk_free"]) - owed, 0.0)),
    }


def _copula(i: Inputs) -> dict[str, Estimate]:
    from scipy.special import ndtri

    root = correlation_root(np.array([[1.0, i["rho"]], [i["rho"], 1.0]]))
    chi = np.random.default_rng(_SEED + 1).chisquare(i["df"], 4 * _PATHS)
    plain = root @ _normals(2, 4 * _PATHS)
    low = t_copula_normals(plain, chi, i["df"]) < float(ndtri(i["q"]))
    return {
        "joint_prob_both_below_q_t_copula": _share(low.all(axis=0)),
        "joint_prob_both_below_q_gaussian_copula": _share((plain < float(ndtri(i["q"]))).all(axis=0)),
    }


def _jumps(i: Inputs) -> dict[str, Estimate]:
    rng = np.random.default_rng(_SEED)
    steps = max(round(12 * i["T"]), 1)
    shape = (steps, _PATHS)
    level = jump_diffusion(
        rng.standard_normal(shape), rng.random(shape), rng.standard_normal(shape), volatility=i["sigma"],
        drift=i["mu"], jumps_per_year=i["lambda"], jump_mean=i["jump_mean"], jump_sd=i["jump_sd"],
        step_years=i["T"] / steps,
    )[-1]  # fmt: skip
    return {
        "mean_level": _mean(i["S0"] * level),
        "log_return_mean": _mean(np.log(level)),
        "log_return_variance": _mean((np.log(level) - np.log(level).mean()) ** 2),
        "prob_end_below_level": _share(level < i["level"] / i["S0"]),
    }


def _regimes(i: Inputs) -> dict[str, Estimate]:
    matrix = np.asarray(i["transition_matrix"], dtype=np.float64)
    settled = settled_chain(matrix)
    rng = np.random.default_rng(_SEED)
    shape = (i["n_steps"], _PATHS)
    states = regime_path(rng.random(shape), matrix, settled)
    returns = regime_returns(states, rng.standard_normal(shape), i["state_mean"], i["state_sd"])
    calm = regime_path(rng.random((i["n_steps"] + 1, _PATHS)), matrix, np.eye(len(matrix))[0])
    total = returns.sum(axis=0)
    return {
        "stationary_return_mean": _mean(returns[0]),
        "prob_return_below_level_stationary": _share(returns[-1] < i["level"]),
        "variance_of_sum_n_returns_stationary_start": _mean((total - total.mean()) ** 2),
        "prob_visit_state_1_within_n_from_state_0": _share((calm[1:] == 1).any(axis=0)),
    }


def _pool(i: Inputs) -> dict[str, Estimate]:
    rate = conditional_default_probability(i["pd"], i["rho"], _normals(_PATHS))
    return {"expected_loss": _mean(i["lgd"] * rate)}


SAMPLES: Final[Mapping[str, Callable[[Inputs], dict[str, Estimate]]]] = {
    "passage": _passage,
    "lognormal": _lognormal,
    "reverting": _reverting,
    "two": _two,
    "firm": _firm,
    "copula": _copula,
    "jumps": _jumps,
    "regimes": _regimes,
    "pool": _pool,
}
"""What is simulated of each case."""
