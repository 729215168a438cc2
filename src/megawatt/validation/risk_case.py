"""Score closed forms of risk (JSON, schema ``risk-case/1``), and the simulator's own steps against them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from megawatt.catalogue import Catalogue
from megawatt.errors import ScenarioError, shown
from megawatt.files import read_json, refused
from megawatt.validation import risk_forms as forms
from megawatt.validation.answers import Answer, answer_entries, compared
from megawatt.validation.risk_samples import SAMPLES, Estimate

__all__ = ["score"]

_KIND: Final = "risk-case"
Inputs = Mapping[str, Any]


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Compute each output of the case in closed form, and estimate what is simulated by the engine's own steps.

    Parameters
    ----------
    path : Path
        JSON file with ``inputs`` and ``outputs``; which case it is, is read from the names of its inputs.
    catalogue : Catalogue
        Not used: the case brings all its numbers.

    Returns
    -------
    list of dict
        ``outputs`` (and ``outputs_at_zero``) in closed form; in the first also ``simulated``: each estimate with its
        distance in standard errors, and how many lie within four.

    Raises
    ------
    ScenarioError
        If the file is malformed, or its inputs are those of no known case.
    """
    case = read_json(path, "a risk case")
    inputs, outputs = case.get("inputs"), case.get("outputs")
    if case.get("schema") != "risk-case/1" or not isinstance(inputs, Mapping) or not isinstance(outputs, Mapping):
        raise refused(path, f"schema {shown(case.get('schema'))}", "'risk-case/1' with inputs, outputs", where="schema")
    name = next((n for n, (needed, _) in _FORMS.items() if needed <= set(inputs)), None)
    if name is None:
        raise refused(path, f"inputs {', '.join(map(str, inputs))[:200]}", "those of a known case", where="inputs")
    try:
        computed = _flat(_FORMS[name][1](inputs))
        estimates = SAMPLES[name](inputs)
    except (TypeError, ValueError, KeyError, ZeroDivisionError, OverflowError, IndexError) as error:
        raise refused(path, f"{type(error).__name__}: {error}", "numbers of this case", where="inputs") from None
    except ScenarioError as error:
        raise refused(path, str(error), "numbers of this case", where="inputs") from None
    told = {key: value for key, value in _flat(outputs).items() if not isinstance(value, str)}
    cases, skipped = compared(told, computed)
    entries = answer_entries(path, _KIND, cases, skipped, lambda c: c.measured == 0.0)
    entries[0]["simulated"] = _simulated(told, estimates)
    return entries


def _simulated(told: Mapping[str, Any], estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {
            "id": name,
            "measured": float(told[name]),
            "estimate": found.value,
            "standard_errors": (found.value - float(told[name])) / max(found.standard_error, 1e-300),
        }
        for name, found in estimates.items()
        if name in told
    ]
    sizes = [abs(row["standard_errors"]) for row in rows]
    return {"n": len(rows), "within_4": sum(z <= 4.0 for z in sizes), "largest": max(sizes, default=0.0), "cases": rows}


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _passage(i: Inputs) -> dict[str, Any]:
    level, mu, sigma = i["barrier"] / i["S0"], i["mu"], i["sigma"]
    years, bridge = i["horizons_years"], i.get("bridge")
    nu = mu - sigma**2 / 2
    out: dict[str, Any] = {
        "prob_min_below_barrier_continuous": {str(t): forms.brownian_hits(level, mu, sigma, t) for t in years},
        "prob_end_below_barrier": {str(t): forms.brownian_below(level, mu, sigma, t) for t in years},
        "prob_ever_below_barrier": forms.brownian_hits(level, mu, sigma),
    }
    if nu < 0.0:
        out["mean_first_passage_time_years"] = max(math.log(level) / nu, 0.0)
    if bridge is not None:
        ends = bridge["S_start"], bridge["S_end"]
        crossing = forms.bridge_crossing(*ends, i["barrier"], sigma, bridge["dt"]) if min(ends) > i["barrier"] else 1.0
        out["brownian_bridge_crossing_prob"] = crossing
    return out


def _lognormal(i: Inputs) -> dict[str, Any]:
    mean, sd = i["log_mean"], i["log_sd"]
    level = math.exp(mean + sd**2 / 2)
    out: dict[str, Any] = {"mean": level, "sd": level * math.sqrt(math.expm1(sd**2))}
    for tail in i["tail_probabilities"]:
        for side, word in (("lower", "below"), ("upper", "above")):
            quantile, beyond = forms.lognormal_tail(mean, sd, tail, upper=side == "upper")
            out[f"{side}_{tail}"] = {"quantile": quantile, f"mean_{word}_quantile": beyond}
    return out


def _reverting(i: Inputs) -> dict[str, Any]:
    found = forms.ornstein_uhlenbeck_moments(i["kappa"], i["theta"], i["sigma"], i["x0"], i["T"], i.get("dt", 1 / 12))
    if "level" not in i:
        return found
    below = (i["level"] - found["mean_at_T"]) / math.sqrt(found["variance_at_T"])
    return found | {"prob_below_level_at_T": 0.5 * math.erfc(-below / math.sqrt(2.0))}


def _two(i: Inputs) -> dict[str, Any]:
    rho, years, k = i["rho"], i["T"], i["ratio_threshold"]
    root = math.sqrt(years)
    ends = {}
    for name in "AB":
        one = i[name]
        low = forms.brownian_below(one["threshold"] / one["S0"], one["mu"], one["sigma"], years)
        z = (math.log(one["threshold"] / one["S0"]) - (one["mu"] - one["sigma"] ** 2 / 2) * years) / (
            one["sigma"] * root
        )
        ends[name] = (low, z, one["S0"] * math.exp(one["mu"] * years), one["sigma"])
    (p, zp, a, sa), (q, zq, b, sb) = ends["A"], ends["B"]
    both = forms.bivariate_normal(zp, zq, rho)
    spread = math.sqrt((sa**2 + sb**2 - 2 * rho * sa * sb) * years)
    log_ratio = math.log(a / (k * b)) - (sa**2 - sb**2) * years / 2
    linear = math.expm1(rho * sa * sb * years) / math.sqrt(math.expm1(sa**2 * years) * math.expm1(sb**2 * years))
    return {
        "prob_A_below": p,
        "prob_B_below": q,
        "prob_both_below": both,
        "prob_at_least_one_below": p + q - both,
        "default_correlation": forms.joint_correlation(zp, zq, rho),
        "prob_A_below_k_times_B": 0.5 * math.erfc(log_ratio / max(spread, 1e-300) / math.sqrt(2.0)),
        "mean_max_A_minus_kB_0": forms.exchange_value(a, k * b, spread),
        "linear_correlation_of_levels": linear,
    }


def _firm(i: Inputs) -> dict[str, Any]:
    worth, moves = _assets(i)
    found = forms.merton_firm(worth, i["debt_face"], i["risk_free"], moves, i["T"], i.get("asset_drift"))
    if "asset_value" not in i:
        found |= {"asset_value": worth, "asset_vol": moves}
    if "kmv_default_point" in i:
        found["kmv_distance_to_default_simple"] = (worth - i["kmv_default_point"]) / (worth * moves)
    return found


def _assets(i: Inputs) -> tuple[float, float]:
    """Value and volatility of the firm's assets: given, or found from those of its equity."""
    if "asset_value" in i:
        return i["asset_value"], i["asset_vol"]
    return forms.firm_behind(i["equity_value"], i["equity_vol"], i["debt_face"], i["risk_free"], i["T"])


def _copula(i: Inputs) -> dict[str, Any]:
    from scipy.special import ndtri, stdtrit

    df, rho, q = i["df"], i["rho"], i["q"]
    t, z = float(stdtrit(df, q)), float(ndtri(q))
    joint = forms.bivariate_t(t, t, rho, df)
    return {
        "kendall_tau": 2.0 / math.pi * math.asin(rho),
        "lower_tail_dependence": forms.tail_dependence(rho, df),
        "joint_prob_both_below_q_t_copula": joint,
        "joint_prob_both_below_q_gaussian_copula": forms.bivariate_normal(z, z, rho),
        "conditional_prob_t": joint / q,
        "spearman_rho_gaussian": 6.0 / math.pi * math.asin(rho / 2.0),
    }


def _jumps(i: Inputs) -> dict[str, Any]:
    found = forms.jump_moments(
        i["mu"], i["sigma"], i["lambda"], i["jump_mean"], i["jump_sd"], i["T"], i["level"] / i["S0"]
    )
    return found | {"mean_level": i["S0"] * found["mean_level"]}


def _regimes(i: Inputs) -> Mapping[str, Any]:
    return forms.regime_moments(i["transition_matrix"], i["state_mean"], i["state_sd"], i["n_steps"], i["level"])


def _pool(i: Inputs) -> dict[str, Any]:
    pd, rho, lgd = i["pd"], i["rho"], i["lgd"]
    from scipy.special import ndtri

    c = float(ndtri(pd))
    out: dict[str, Any] = {str(a): forms.vasicek_tail(pd, rho, lgd, a) for a in i["confidence"]}
    return out | {"expected_loss": pd * lgd, "default_correlation": forms.joint_correlation(c, c, rho)}


_FORMS: Final[Mapping[str, tuple[frozenset[str], Callable[[Inputs], Mapping[str, Answer | Any]]]]] = {
    "passage": (frozenset({"S0", "mu", "sigma", "barrier", "horizons_years"}), _passage),
    "lognormal": (frozenset({"log_mean", "log_sd", "tail_probabilities"}), _lognormal),
    "reverting": (frozenset({"kappa", "theta", "sigma", "x0", "T"}), _reverting),
    "two": (frozenset({"rho", "T", "A", "B", "ratio_threshold"}), _two),
    "firm": (frozenset({"debt_face", "risk_free", "T"}), _firm),
    "copula": (frozenset({"df", "rho", "q"}), _copula),
    "jumps": (frozenset({"S0", "mu", "sigma", "lambda", "jump_mean", "jump_sd", "T", "level"}), _jumps),
    "regimes": (frozenset({"transition_matrix", "state_mean", "state_sd", "n_steps", "level"}), _regimes),
    "pool": (frozenset({"pd", "rho", "lgd", "confidence"}), _pool),
}
