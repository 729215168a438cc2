"""Clearing by hand, against a linear programme, and where seniority and default costs decide."""

from __future__ import annotations

import numpy as np
import pytest

from megawatt.contagion import clear
from megawatt.errors import ScenarioError

CIRCLE = np.array([[0.0, 20.0, 10.0], [5.0, 0.0, 24.0], [10.0, 0.0, 0.0]])
TEN = np.array([10.0, 10.0, 10.0])


def test_a_circle_of_debts_by_hand() -> None:
    found = clear(CIRCLE, TEN)
    assert found.payments == pytest.approx([270 / 11, 290 / 11, 10], rel=1e-14)
    assert found.rounds == ((0,), (1,))
    assert found.equity == pytest.approx([0.0, 0.0, 30.0])


def test_default_costs_take_from_what_a_failed_node_hands_on() -> None:
    owed = np.array([[0.0, 10.0], [0.0, 0.0]])
    found = clear(owed, np.array([6.0, 0.0]), alpha=0.5)
    assert found.payments[0] == pytest.approx(3.0)
    assert clear(owed, np.array([10.0, 0.0]), alpha=0.5).payments[0] == 10.0


def test_the_senior_class_is_paid_first() -> None:
    senior = np.array([[0.0, 6.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    junior = np.array([[0.0, 0.0, 6.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = clear(np.stack([senior, junior]), np.array([8.0, 0.0, 0.0]))
    assert found.flows[0] == pytest.approx([0.0, 6.0, 2.0])
    assert clear(senior + junior, np.array([8.0, 0.0, 0.0])).flows[0] == pytest.approx([0.0, 4.0, 4.0])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("costs", [(1.0, 1.0), (0.7, 0.9)])
def test_payments_are_the_greatest_fixed_point(seed: int, classes: int, costs: tuple[float, float]) -> None:
    rng = np.random.default_rng(seed)
    owed = rng.exponential(size=(classes, 8, 8)) * (rng.random((classes, 8, 8)) < 0.4)
    owed[:, np.arange(8), np.arange(8)] = 0.0
    outside = rng.exponential(0.6, 8)
    owed_outside = rng.exponential(0.2, (classes, 8))
    found = clear(owed, outside, owed_outside, alpha=costs[0], beta=costs[1])
    due = owed.sum(axis=2) + owed_outside
    shares = np.divide(owed, due[:, :, None], out=np.zeros_like(owed), where=due[:, :, None] > 0)
    above, total = np.cumsum(due, axis=0) - due, due.sum(axis=0)
    paid = total.copy()
    for _ in range(5000):  # from full payment, sweep by sweep, down to the greatest fixed point
        received = (shares * np.clip(paid - above, 0, due)[:, :, None]).sum(axis=(0, 1))
        fails = outside + received < total - 1e-12
        paid = np.where(fails, costs[0] * outside + costs[1] * received, total)
    assert found.payments == pytest.approx(paid, rel=1e-9, abs=1e-12)


def test_eisenberg_noe_solves_the_linear_programme() -> None:
    from scipy.optimize import linprog

    rng = np.random.default_rng(5)
    owed = rng.exponential(size=(6, 6))
    np.fill_diagonal(owed, 0.0)
    outside = rng.exponential(0.5, 6)
    total = owed.sum(axis=1)
    best = linprog(
        -np.ones(6), A_ub=np.eye(6) - (owed / total[:, None]).T, b_ub=outside, bounds=[(0, t) for t in total]
    )
    assert clear(owed, outside).payments == pytest.approx(best.x, rel=1e-9)


def test_a_closed_circle_without_means_still_pays() -> None:
    owed = np.array([[0.0, 5.0], [5.0, 0.0]])
    assert not clear(owed, np.zeros(2)).defaulted.any()
    assert clear(owed * [[0, 1], [2, 0]], np.zeros(2)).payments == pytest.approx([5.0, 5.0])


@pytest.mark.parametrize(
    ("owed", "outside", "kwargs"),
    [
        ([[0.0, -1.0], [0.0, 0.0]], [1.0, 1.0], {}),
        ([[0.0, 1.0], [0.0, 0.0]], [1.0], {}),
        ([[0.0, 1.0], [0.0, 0.0]], [1.0, np.nan], {}),
        ([[0.0, 1.0], [0.0, 0.0]], [1.0, 1.0], {"alpha": 1.5}),
    ],
)
def test_what_is_no_network_is_refused(owed: list[list[float]], outside: list[float], kwargs: dict[str, float]) -> None:
    with pytest.raises(ScenarioError, match="clearing"):
        clear(np.array(owed), np.array(outside), **kwargs)


@pytest.mark.reference
def test_published_cases_are_exact(reference_dir: object) -> None:
    from pathlib import Path

    from megawatt.catalogue import load_catalogue
    from megawatt.validation import validate

    for path in sorted((Path(str(reference_dir)) / "clearing_cases").glob("*.json")):
        for entry in validate(path, load_catalogue()):
            assert entry["scored"] == entry["scorable"]
            assert max(abs(case["error"]) for case in entry["cases"]) < 1e-9


def test_a_small_debt_beside_great_ones_is_not_taken_for_rounding() -> None:
    """A node that owes 1 and has nothing fails, whatever others hold; one that is paid just enough does not."""
    owed = np.zeros((4, 4))
    owed[0, 1], owed[2, 3] = 1.0, 1e13
    found = clear(owed, np.array([0.0, 0.0, 1e13, 0.0]))
    assert found.rounds == ((0,),)
    assert found.recovery == pytest.approx([0.0, 1.0, 1.0, 1.0], abs=0.0)
    assert found.equity == pytest.approx([0.0, 0.0, 0.0, 1e13])
