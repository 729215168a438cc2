"""What changes of a company from month to month, and what it earns in one."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray, IntArray
from megawatt.company.records import Company, CompanyPaths, Mining, Practice

__all__ = ["State", "assets_usd", "hash_rates", "leases_usd", "machines", "machines_usd", "margins", "rents"]

_HOURS: Final = 730.0
"""Hours of a month."""
_DAYS: Final = 365.0 / 12.0
"""Days of a month."""
_DISCOUNT: Final = 0.07
"""Rate at which rent to come is worth something to lenders: coupons of secured notes of 2025. [1/year]"""
_LEFT: Final = 0.3
"""Part of a site's cost that it is worth after its lease: shell, power, cooling."""


class State:
    """Everything that changes from month to month, arrays (paths,) or (paths, items)."""

    def __init__(self, company: Company, practice: Practice, paths: int) -> None:
        self.cash = np.full(paths, float(company.cash_usd))
        self.coins = np.full(paths, float(company.coins_btc))
        self.owed = np.tile([float(d.principal_usd) for d in company.debts], (paths, 1)).reshape(paths, -1)
        self.undrawn = np.tile([float(d.undrawn_usd) for d in company.debts], (paths, 1)).reshape(paths, -1)
        self.rate = np.tile([debt.rate for debt in company.debts], (paths, 1)).reshape(paths, -1)
        self.bought = np.zeros((paths, len(company.mining)))
        self.kept = np.ones((paths, len(company.mining)))
        self.pledged = np.tile(_pledged_eh(company, practice), (paths, 1)).reshape(paths, -1)
        self.built = np.tile([0.0 if lease.capex_usd else 1.0 for lease in company.leases], (paths, 1)).reshape(
            paths, -1
        )
        self.issued, self.surrendered, self.lost = np.zeros(paths), np.zeros(paths), np.zeros(paths)
        never = np.full(paths, -1, dtype=np.int64)
        self.default, self.surrender, self.breach, self.delay = (never.copy() for _ in range(4))
        self.cuts = {cut: never.copy() for cut in company.order}

    @property
    def alive(self) -> BoolArray:
        """Paths without a default so far."""
        return self.default < 0

    @property
    def interest_usd(self) -> FloatArray:
        """Interest of a month on all that is owed, (paths,)."""
        return np.asarray((self.owed * self.rate).sum(axis=1) / 12.0)

    def lend(self, place: int, lent: FloatArray, rate: FloatArray) -> None:
        """Add to a loan at a rate of its own, (paths,); the loan then costs the mean of both."""
        owed = self.owed[:, place] + lent
        of_new = np.divide(lent, owed, out=np.zeros_like(owed), where=owed > 0.0)
        self.rate[:, place] += of_new * (rate - self.rate[:, place])
        self.owed[:, place] = owed

    def first(self, marks: IntArray, hit: BoolArray, month: int) -> None:
        """Write the month where something happens for the first time."""
        marks[hit & (marks < 0)] = month


def _pledged_eh(company: Company, practice: Practice) -> FloatArray:
    """Own machines that secure loans at the start by fleet, (fleets,): what such loans pay for, all of them at most."""
    owed = sum(debt.principal_usd for debt in company.debts if debt.kind == "machines")
    worth = np.array([m.hash_eh_per_s * 1e6 * m.machine_usd_per_th for m in company.mining])
    asked = owed / practice.order_loan_frac if practice.order_loan_frac > 0.0 else np.inf if owed else 0.0
    share = min(asked / worth.sum(), 1.0) if worth.sum() > 0.0 else float(owed > 0.0)
    return np.array([m.hash_eh_per_s * share for m in company.mining])


def hash_rates(company: Company, state: State) -> FloatArray:
    """Own hash rate at work, (paths, fleets): of the start less what was surrendered, and what was paid for."""
    start = np.array([m.hash_eh_per_s for m in company.mining])
    ordered = np.array([m.ordered_eh_per_s for m in company.mining])
    return np.asarray(start * state.kept + ordered * state.bought)


def margins(company: Company, paths: CompanyPaths, hash_now: FloatArray, month: int) -> FloatArray:
    """Mining and hosting less power by fleet, (paths, fleets). [USD a month]"""
    hashprice, power = paths.hashprice_usd_per_ph_day[:, month], paths.power[:, month]
    out = np.zeros_like(hash_now)
    for i, mining in enumerate(company.mining):
        power_usd = mining.power_usd_per_mwh * power
        # EH/s at J/TH are MW
        per_eh = hashprice * 1000.0 * _DAYS - mining.efficiency_j_per_th * _HOURS * power_usd
        own = hash_now[:, i] * mining.uptime_frac * np.maximum(per_eh, 0.0)
        hosted = mining.hosted_eh_per_s * mining.efficiency_j_per_th * _HOURS * mining.hosting_usd_per_mwh
        out[:, i] = own + np.where(per_eh > 0.0, hosted * mining.uptime_frac, 0.0)
    return out


def machines_usd(mining: Mining, hash_eh: FloatArray, hashprice_relative: FloatArray, elasticity: float) -> FloatArray:
    """What machines would sell for, shape of ``hash_eh``: their price of today moved by hash price. [USD]"""
    return np.asarray(hash_eh * 1e6 * mining.machine_usd_per_th * hashprice_relative**elasticity)


def machines(company: Company, paths: CompanyPaths, hash_now: FloatArray, practice: Practice, month: int) -> FloatArray:
    """What the machines would sell for, (paths, fleets). [USD]"""
    moved = paths.hashprice_usd_per_ph_day[:, month] / paths.hashprice_usd_per_ph_day[:, 0]
    out = np.zeros_like(hash_now)
    for i, mining in enumerate(company.mining):
        out[:, i] = paths.resale * machines_usd(mining, hash_now[:, i], moved, practice.machine_elasticity)
    return out


def rents(company: Company, state: State, tenant_month: IntArray, month: int) -> FloatArray:
    """Net rent of the month, (paths,): of the halls that are built and due and whose tenant pays. [USD]"""
    rent = np.zeros(state.cash.size)
    for i, lease in enumerate(company.leases):
        begins = lease.start_month + lease.late_months
        if not begins <= month < begins + lease.months:
            continue
        gone = (tenant_month[:, i] >= 0) & (tenant_month[:, i] <= month)
        pays = np.where(gone, 1.0 - lease.rent_at_risk_frac, 1.0)
        rent += lease.net_rent_usd_per_month * pays * np.minimum(state.built[:, i], 1.0)
    return rent


def leases_usd(company: Company, state: State, month: int) -> FloatArray:
    """Rent still to come, discounted, less what is left to build, never below zero for a site, (paths,). [USD]"""
    total = np.zeros(state.cash.size)
    for i, lease in enumerate(company.leases):
        first, last = max(lease.start_month - month, 0), max(lease.start_month + lease.months - month, 0)
        worth = lease.net_rent_usd_per_month * float(np.exp(-_DISCOUNT * np.arange(first, last) / 12.0).sum())
        worth += _LEFT * lease.capex_usd * float(np.exp(-_DISCOUNT * last / 12.0))
        total += np.maximum(worth - lease.capex_usd * (1.0 - state.built[:, i]), 0.0)
    return total


def assets_usd(company: Company, state: State, machine: FloatArray, price: FloatArray, month: int) -> FloatArray:
    """What is there for creditors, (paths,). [USD]"""
    return np.asarray(
        state.cash + state.coins * price + machine + leases_usd(company, state, month) + company.other_assets_usd
    )
