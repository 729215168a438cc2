"""The simulator's building blocks against closed forms: estimates must lie within four standard errors."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from megawatt.risk import (
    conditional_default_probability,
    correlation_root,
    exponential_ornstein_uhlenbeck,
    geometric_brownian,
    ornstein_uhlenbeck,
    tail_mean,
)
from megawatt.risk.factors import MONTH
from megawatt.risk.ratings import default_months

pytestmark = pytest.mark.reference

PATHS = 100_000


def case(reference_dir: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((reference_dir / "risk_cases" / f"{name}.json").read_text())
    return found


def normals(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def assert_probability(hits: np.ndarray, exact: float) -> None:
    assert abs(hits.mean() - exact) < 4 * math.sqrt(exact * (1 - exact) / hits.size)


def assert_mean(values: np.ndarray, exact: float) -> None:
    assert abs(values.mean() - exact) < 4 * values.std() / math.sqrt(values.size)


def test_r1_brownian_ends_below_the_barrier(reference_dir: Path) -> None:
    r1 = case(reference_dir, "r1-gbm-first-passage")
    given = r1["inputs"]
    levels = given["S0"] * geometric_brownian(normals(1, 60, PATHS), given["sigma"], given["mu"])
    for years, exact in r1["outputs"]["prob_end_below_barrier"].items():
        assert_probability(levels[12 * int(years) - 1] < given["barrier"], exact)


def test_r2_tails_of_a_lognormal(reference_dir: Path) -> None:
    r2 = case(reference_dir, "r2-lognormal-tail")
    mean, sd = r2["inputs"]["log_mean"], r2["inputs"]["log_sd"]
    # one step of a year with volatility sd: ln S has mean -sd^2 / 2
    values = math.exp(mean + sd**2 / 2) * geometric_brownian(normals(2, 1, PATHS), sd, 0.0, step_years=1.0)[0]
    assert_mean(values, r2["outputs"]["mean"])
    for tail in r2["inputs"]["tail_probabilities"]:
        exact = r2["outputs"][f"lower_{tail}"]
        below = values[values <= np.quantile(values, tail)]
        # asymptotic variance of a tail mean: (Var(X | tail) + (1 - p)(quantile - tail mean)^2) / (n p)
        spread = below.var() + (1 - tail) * (exact["quantile"] - exact["mean_below_quantile"]) ** 2
        error = math.sqrt(spread / (PATHS * tail))
        assert abs(tail_mean(values, tail) - exact["mean_below_quantile"]) < 4 * error
        assert_probability(values < exact["quantile"], tail)
        upper = r2["outputs"][f"upper_{tail}"]
        above = values[values >= np.quantile(values, 1 - tail)]
        spread = above.var() + (1 - tail) * (upper["quantile"] - upper["mean_above_quantile"]) ** 2
        assert abs(-tail_mean(-values, tail) - upper["mean_above_quantile"]) < 4 * math.sqrt(spread / (PATHS * tail))


def test_r3_ornstein_uhlenbeck(reference_dir: Path) -> None:
    r3 = case(reference_dir, "r3-ornstein-uhlenbeck")
    given, exact = r3["inputs"], r3["outputs"]
    steps = round(given["T"] / given["dt"])
    assert given["dt"] == pytest.approx(MONTH)
    shocks = normals(3, steps, PATHS)
    x = given["theta"] + ornstein_uhlenbeck(
        shocks, given["sigma"], given["kappa"], given["dt"], given["x0"] - given["theta"]
    )
    assert_mean(x[-1], exact["mean_at_T"])
    assert_mean((x[-1] - exact["mean_at_T"]) ** 2, exact["variance_at_T"])
    assert_probability(x[-1] < given["level"], exact["prob_below_level_at_T"])
    assert_mean(np.exp(x[-1]), exact["exp_process_mean_at_T"])
    # the step itself, without noise: intercept + coefficient x, and the innovation's variance
    still = given["theta"] + ornstein_uhlenbeck(
        np.array([[0.0, 1.0]]), given["sigma"], given["kappa"], given["dt"], 1.0
    )
    one_above = exact["ar1_intercept"] + exact["ar1_coefficient"] * (given["theta"] + 1.0)
    assert still[0, 0] == pytest.approx(one_above, rel=1e-12)
    assert (still[0, 1] - still[0, 0]) ** 2 == pytest.approx(exact["ar1_innovation_variance"], rel=1e-9)
    # the factor form keeps its expectation: exp(x) over its own mean, from the same shocks
    factor = exponential_ornstein_uhlenbeck(shocks, given["sigma"], given["kappa"])
    assert np.exp(x[-1]) == pytest.approx(exact["exp_process_mean_at_T"] * factor[-1], rel=1e-10)


def test_r4_two_correlated_brownians(reference_dir: Path) -> None:
    r4 = case(reference_dir, "r4-two-correlated-gbm")
    given, exact = r4["inputs"], r4["outputs"]
    root = correlation_root(np.array([[1.0, given["rho"]], [given["rho"], 1.0]]))
    shocks = np.einsum("ij,jsp->isp", root, normals(4, 2, round(12 * given["T"]), PATHS))
    a, b = (
        given[name]["S0"] * geometric_brownian(shocks[i], given[name]["sigma"], given[name]["mu"])[-1]
        for i, name in enumerate("AB")
    )
    low_a, low_b = a < given["A"]["threshold"], b < given["B"]["threshold"]
    assert_probability(low_a, exact["prob_A_below"])
    assert_probability(low_b, exact["prob_B_below"])
    assert_probability(low_a & low_b, exact["prob_both_below"])
    assert_probability(low_a | low_b, exact["prob_at_least_one_below"])
    assert_probability(a < given["ratio_threshold"] * b, exact["prob_A_below_k_times_B"])
    assert_mean(np.maximum(a - given["ratio_threshold"] * b, 0.0), exact["mean_max_A_minus_kB_0"])


def test_r9_vasicek_pool(reference_dir: Path) -> None:
    from scipy.special import ndtri

    r9 = case(reference_dir, "r9-vasicek-pool")
    given, exact = r9["inputs"], r9["outputs"]
    for level in given["confidence"]:
        worst = conditional_default_probability(given["pd"], given["rho"], np.array([-ndtri(level)]))[0]
        assert worst == pytest.approx(exact[str(level)]["conditional_default_rate"], rel=1e-8)
        assert given["lgd"] * worst == pytest.approx(exact[str(level)]["loss_quantile"], rel=1e-8)
    rate = conditional_default_probability(given["pd"], given["rho"], normals(9, PATHS))
    assert_mean(given["lgd"] * rate, exact["expected_loss"])
    for level in (0.95, 0.99):
        loss, tail = given["lgd"] * rate, 1 - level
        beyond = loss[loss >= np.quantile(loss, level)]
        spread = (
            beyond.var() + level * (exact[str(level)]["loss_quantile"] - exact[str(level)]["expected_shortfall"]) ** 2
        )
        error = math.sqrt(spread / (PATHS * tail))
        assert abs(-tail_mean(-loss, tail) - exact[str(level)]["expected_shortfall"]) < 4 * error


def test_r9_two_tenants_of_the_simulator_default_together_as_often(reference_dir: Path) -> None:
    r9 = case(reference_dir, "r9-vasicek-pool")
    given = r9["inputs"]
    rng = np.random.default_rng(10)
    shocks = rng.standard_normal((12, PATHS))  # demand innovations of one year, shared by both tenants
    one, two = (default_months(shocks, rng.random((1, PATHS)), (given["pd"],), given["rho"]) >= 0 for _ in range(2))
    assert_probability(one, given["pd"])
    joint = given["pd"] ** 2 + r9["outputs"]["default_correlation"] * given["pd"] * (1 - given["pd"])
    assert_probability(one & two, joint)


def test_all_nine_cases_by_the_command(reference_dir: Path) -> None:
    from megawatt.catalogue import load_catalogue
    from megawatt.validation import validate

    catalogue = load_catalogue()
    for path in sorted((reference_dir / "risk_cases").glob("*.json")):
        outputs = validate(path, catalogue)[0]
        assert max(abs(row["error"]) for row in outputs["cases"]) < 1e-8, path.name
        assert outputs["scored"] == outputs["scorable"]
        assert outputs["simulated"]["within_4"] == outputs["simulated"]["n"] > 0
