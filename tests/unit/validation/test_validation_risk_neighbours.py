"""Closed forms at the edges of their inputs, with inputs missing; clearing with self-loops, ties and no recovery."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from megawatt.catalogue import load_catalogue
from megawatt.contagion import clear
from megawatt.validation import risk_forms as forms
from megawatt.validation.risk_case import score

OU = {"kappa": 1.8, "theta": 3.7, "sigma": 0.65, "x0": 3.2, "T": 0.75}
FIRM = {"debt_face": 9.8e9, "risk_free": 0.041, "T": 1.5}


@pytest.fixture
def case(tmp_path: Path) -> Any:
    def scored(inputs: dict[str, Any], outputs: dict[str, Any]) -> dict[str, float]:
        path = tmp_path / "case.json"
        path.write_text(json.dumps({"schema": "risk-case/1", "inputs": inputs, "outputs": outputs}))
        entries = score(path, load_catalogue())
        return {row["id"]: row["predicted"] for entry in entries for row in entry["cases"]}

    return scored


def test_cases_without_what_an_output_needs_give_the_others(case: Any) -> None:
    passage = {"S0": 100.0, "mu": 0.5, "sigma": 0.3, "barrier": 60.0, "horizons_years": [1]}
    found = case(passage, {"prob_ever_below_barrier": 0.1})
    assert found["prob_ever_below_barrier"] == pytest.approx(0.6 ** (2 * (0.5 - 0.045) / 0.09), rel=1e-12)
    assert case(OU, {"mean_at_T": 3.5})["mean_at_T"] == pytest.approx(3.7 - 0.5 * math.exp(-1.35), rel=1e-12)
    still = case(OU | {"kappa": 0.0}, {"variance_at_T": 0.3, "mean_at_T": 3.0})
    assert still == pytest.approx({"variance_at_T": 0.65**2 * 0.75, "mean_at_T": 3.2}, rel=1e-12)
    firm = FIRM | {"asset_value": 1.42e10, "asset_vol": 0.38}
    assert case(firm, {"prob_default_real_world": 0.2})["prob_default_real_world"] == pytest.approx(
        case(firm, {"prob_default_risk_neutral": 0.2})["prob_default_risk_neutral"], rel=1e-12
    )


def test_the_firm_behind_its_equity_is_found(case: Any) -> None:
    known = forms.merton_firm(1.42e10, 9.8e9, 0.041, 0.38, 1.5)
    asked = FIRM | {"equity_value": known["equity_value"], "equity_vol": known["equity_vol"]}
    found = case(asked, {"asset_value": 1.0, "asset_vol": 1.0})
    assert found == pytest.approx({"asset_value": 1.42e10, "asset_vol": 0.38}, rel=1e-9)


def test_correlations_of_events_keep_their_digits() -> None:
    for h, k, rho in ((-1.8, -0.5, 0.45), (-2.0, -2.0, -0.9), (0.3, 1.0, 0.99)):
        p, q, both = norm.cdf(h), norm.cdf(k), forms.bivariate_normal(h, k, rho)
        expected = (both - p * q) / math.sqrt(p * (1 - p) * q * (1 - q))
        assert forms.joint_correlation(h, k, rho) == pytest.approx(expected, rel=1e-9)
    assert forms.joint_correlation(-1.0, -1.0, 1.0) == pytest.approx(1.0, rel=1e-9)
    # one in a million each: both is far below what differences of probabilities can show
    rare = float(norm.ppf(1e-6))
    assert (
        0.0
        < forms.joint_correlation(rare, rare, 1e-4)
        == pytest.approx(1e-4 * math.exp(-rare * rare) / (2 * math.pi) / 1e-6, rel=5e-3)
    )


def test_edges_of_dependence() -> None:
    assert forms.bivariate_t(-1.0, 0.5, 1.0, 4.0) == pytest.approx(float(student.cdf(-1.0, 4.0)))
    assert forms.tail_dependence(-1.0, 4.0) == 0.0
    assert forms.tail_dependence(1.0, 4.0) == pytest.approx(1.0)
    assert forms.exchange_value(3.0, 2.0, 0.0) == 1.0
    assert forms.brownian_hits(1.2, 0.1, 0.3, 1.0) == 1.0


def test_chains_of_three_states_by_brute_force() -> None:
    matrix = np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    mean, sd, steps = np.array([0.01, 0.0, -0.05]), np.array([0.05, 0.1, 0.2]), 4
    found = forms.regime_moments(matrix, mean, sd, steps, -0.1)
    settled = np.linalg.matrix_power(matrix, 500)[0]
    variance = visits = 0.0
    for path in np.ndindex(*(3,) * steps):
        chance = settled[path[0]] * np.prod([matrix[a, b] for a, b in pairwise(path)])
        variance += chance * ((sd[list(path)] ** 2).sum() + (mean[list(path)].sum() - steps * settled @ mean) ** 2)
        from_0 = matrix[0, path[0]] * np.prod([matrix[a, b] for a, b in pairwise(path)])
        visits += from_0 * (1 in path)
    assert found["variance_of_sum_n_returns_stationary_start"] == pytest.approx(variance, rel=1e-10)
    assert found["prob_visit_state_1_within_n_from_state_0"] == pytest.approx(visits, rel=1e-10)
    assert found["stationary_distribution"] == pytest.approx(settled, rel=1e-10)


def test_what_a_node_owes_itself_comes_back() -> None:
    # owes 1 to itself and 1 outside, has 0.5: pays p = 0.5 + p / 2
    alone = clear(np.array([[1.0]]), np.array([0.5]), np.array([1.0]))
    assert alone.payments[0] == pytest.approx(1.0, rel=1e-12)
    assert alone.recovery[0] == pytest.approx(0.5, rel=1e-12)


def test_the_greatest_of_several_equilibria_is_taken() -> None:
    ring = np.array([[0.0, 1.0], [1.0, 0.0]])
    full = clear(ring, np.zeros(2))
    assert full.payments == pytest.approx([1.0, 1.0])
    assert not full.defaulted.any()
    # a cent is missing and a defaulter hands nothing on: all of the ring falls
    fallen = clear(ring, np.zeros(2), np.array([0.01, 0.0]), alpha=0.0, beta=0.0)
    assert fallen.payments == pytest.approx([0.0, 0.0])
    assert fallen.rounds == ((0,), (1,))


def test_random_networks_with_and_without_recovery_by_iteration() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        size = int(rng.integers(1, 7))
        owed = rng.random((size, size)) * (rng.random((size, size)) < 0.6)
        assets, outside = rng.random(size) * rng.choice([0.0, 0.3, 1.0]), rng.random(size) * rng.choice([0.05, 1.0])
        alpha, beta = rng.choice([0.0, 0.5, 1.0], 2)
        total = owed.sum(axis=1) + outside
        shares, paid = owed / total[:, None], total.copy()
        for _ in range(4000):
            received = shares.T @ paid
            paid = np.where(assets + received >= total - 1e-13, total, alpha * assets + beta * received)
        found = clear(owed, assets, outside, alpha=float(alpha), beta=float(beta))
        assert found.payments == pytest.approx(paid, rel=1e-9, abs=1e-9)
