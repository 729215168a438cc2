"""Who pays what when all settle at once: the greatest clearing vector of a network of debts, with default costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray, IntArray
from megawatt.errors import ScenarioError, SolverError

__all__ = ["Clearing", "clear"]

_ROUNDING: Final = 1e-12
"""Differences that rounding makes, relative to what is owed."""
_SWEEPS: Final = 25
"""Rounds of payments between two attempts to solve for their limit."""
_ATTEMPTS: Final = 4000
"""Attempts at most; each that fails has moved a payment into another class, or is near the limit anyway."""


@dataclass(frozen=True, slots=True)
class Clearing:
    """What every node pays at the greatest fixed point, arrays (nodes,), in the unit of the debts.

    Attributes
    ----------
    payments : array
        Paid in all, the part to creditors outside the network included.
    obligations : array
        Owed in all.
    received : array
        Received from the other nodes.
    equity : array
        What a solvent node keeps; 0 for one that defaulted.
    recovery : array
        Paid over owed, 1 where nothing is owed.
    default_round : array
        Wave in which a node fails, from 1; 0: never. Wave 1 fails even if everyone else pays.
    flows : array, (nodes, nodes)
        Paid from row to column.
    """

    payments: FloatArray
    obligations: FloatArray
    received: FloatArray
    equity: FloatArray
    recovery: FloatArray
    default_round: IntArray
    flows: FloatArray

    @property
    def defaulted(self) -> BoolArray:
        """Nodes that do not pay in full."""
        return self.default_round > 0

    @property
    def rounds(self) -> tuple[tuple[int, ...], ...]:
        """Nodes (from 0) that fail in each wave."""
        waves = range(1, int(self.default_round.max(initial=0)) + 1)
        return tuple(tuple(int(i) for i in np.flatnonzero(self.default_round == wave)) for wave in waves)


@dataclass(frozen=True, slots=True)
class _Debts:
    """Debts by class, the most senior first: owed (classes, nodes, nodes), due (classes, nodes) with those outside."""

    owed: FloatArray
    due: FloatArray

    @property
    def shares(self) -> FloatArray:
        """Part of a class that goes to each node, (classes, nodes, nodes)."""
        due = self.due[:, :, None]
        return np.divide(self.owed, due, out=np.zeros_like(self.owed), where=due > 0.0)

    @property
    def above(self) -> FloatArray:
        """Owed to classes before each, (classes, nodes)."""
        return np.asarray(np.cumsum(self.due, axis=0) - self.due)


def clear(
    liabilities: FloatArray,
    external_assets: FloatArray,
    external_liabilities: FloatArray | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> Clearing:
    """Greatest clearing vector of Eisenberg and Noe, with the default costs of Rogers and Veraart and with seniority.

    A node whose assets reach what it owes pays in full; any other pays ``alpha`` of what it has outside and ``beta`` of
    what it receives, class after class, within a class pro rata.

    Parameters
    ----------
    liabilities : array, (nodes, nodes) or (classes, nodes, nodes)
        What row owes column, >= 0; with several classes the most senior first. What a node owes itself it receives.
    external_assets : array, (nodes,)
        What each has apart from the network, >= 0.
    external_liabilities : array, (nodes,) or (classes, nodes), optional
        Owed outside, ranking equally with the liabilities of the same class (given without classes: of the first).
    alpha, beta : float
        Share of outside assets and of receipts that a defaulted node still has, 0 to 1.

    Raises
    ------
    ScenarioError
        If shapes do not fit, or a number is out of range.
    SolverError
        If payments do not settle.

    Notes
    -----
    Fictitious defaults from full payment; between waves the linear system of those who fail is solved, so results are
    exact to rounding. Sources: Eisenberg and Noe (2001), Manag. Sci. 47, 236; Rogers and Veraart (2013), Manag. Sci.
    59, 882; Elsinger (2009) for seniority.
    """
    debts, outside = _checked(liabilities, external_assets, external_liabilities, alpha, beta)
    total = debts.due.sum(axis=0)
    wave = np.zeros(total.size, dtype=np.int64)
    payments, number = total.copy(), 0
    while True:
        flows = _flows(debts, payments)
        received = flows.sum(axis=0)
        failing = (wave == 0) & (outside + received < (1.0 - _ROUNDING) * total)
        if not failing.any():
            break
        number += 1
        wave[failing] = number
        payments = _settled(debts, payments, wave > 0, alpha * outside, beta)
    solvent = wave == 0
    return Clearing(
        payments=payments,
        obligations=total,
        received=received,
        equity=np.where(solvent, np.maximum(outside + received - total, 0.0), 0.0),
        recovery=np.divide(payments, total, out=np.ones_like(total), where=total > 0.0),
        default_round=wave,
        flows=flows,
    )


def _checked(
    liabilities: FloatArray,
    external_assets: FloatArray,
    external_liabilities: FloatArray | None,
    alpha: float,
    beta: float,
) -> tuple[_Debts, FloatArray]:
    owed = np.asarray(liabilities, dtype=np.float64)
    owed = owed[None] if owed.ndim == 2 else owed
    assets = np.asarray(external_assets, dtype=np.float64)
    if owed.ndim != 3 or owed.shape[1] != owed.shape[2] or assets.shape != owed.shape[1:2]:
        raise ScenarioError(
            f"clearing: liabilities {np.shape(liabilities)}, external assets {assets.shape}; must be (n, n) or "
            "(classes, n, n), and (n,)"
        )
    due = owed.sum(axis=2)
    if external_liabilities is not None:
        given = np.asarray(external_liabilities, dtype=np.float64)
        if given.shape not in (assets.shape, due.shape):
            raise ScenarioError(f"clearing: external liabilities {given.shape}, must be (n,) or (classes, n)")
        due = due + given if given.ndim == 2 else np.concatenate([due[:1] + given, due[1:]])
        owed_outside = given
    else:
        owed_outside = np.zeros(1)
    for name, values in (("liabilities", owed), ("external_assets", assets), ("external_liabilities", owed_outside)):
        if not np.all(np.isfinite(values)) or np.any(values < 0.0):
            raise ScenarioError(f"clearing: {name} must be finite and 0 or more")
    for name, share in (("alpha", alpha), ("beta", beta)):
        if not 0.0 <= share <= 1.0:
            raise ScenarioError(f"clearing: {name} = {share}, must be between 0 and 1")
    return _Debts(owed, due), assets


def _flows(debts: _Debts, payments: FloatArray) -> FloatArray:
    """Paid from row to column when nodes pay these totals, (nodes, nodes)."""
    by_class = np.clip(payments - debts.above, 0.0, debts.due)
    return np.asarray((debts.shares * by_class[:, :, None]).sum(axis=0))


def _settled(debts: _Debts, payments: FloatArray, failed: BoolArray, outside: FloatArray, beta: float) -> FloatArray:
    """Greatest payments below ``payments`` with which those who failed hand on all they have, (nodes,)."""
    total = debts.due.sum(axis=0)
    close = _ROUNDING * max(float(total.max(initial=0.0)), 1e-300)

    def step(paid: FloatArray) -> FloatArray:
        has = outside + beta * _flows(debts, paid).sum(axis=0)
        return np.asarray(np.where(failed, np.minimum(has, total), total))

    current = payments
    for _ in range(_ATTEMPTS):
        for _ in range(_SWEEPS):
            current = step(current)
        limit = _linear_limit(debts, current, failed, outside, beta)
        if limit is not None and np.all(np.abs(step(limit) - limit) <= close) and np.all(limit <= current + close):
            return np.asarray(np.clip(limit, 0.0, total))
        if np.all(np.abs(step(current) - current) <= 1e-3 * close):
            return current
    raise SolverError("clearing: payments do not settle; a cycle of debts hands on almost everything for ever")


def _linear_limit(
    debts: _Debts, paid: FloatArray, failed: BoolArray, outside: FloatArray, beta: float
) -> FloatArray | None:
    """Payments at which the linear system of this state holds: each node's last dollar in the class it is in now."""
    nodes = np.arange(paid.size)
    total = debts.due.sum(axis=0)
    marginal = np.maximum((paid > debts.above).sum(axis=0) - 1, 0)  # classes before are paid in full
    base = debts.above[marginal, nodes]
    shares = debts.shares
    full = np.where(np.arange(debts.due.shape[0])[:, None] < marginal, debts.due, 0.0)
    fixed = (shares * full[:, :, None]).sum(axis=0).sum(axis=0) - shares[marginal, nodes].T @ base
    matrix = np.eye(paid.size)
    matrix[failed] -= beta * shares[marginal, nodes].T[failed]
    given = np.where(failed, outside + beta * fixed, total)
    try:
        return np.asarray(np.linalg.solve(matrix, given), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
