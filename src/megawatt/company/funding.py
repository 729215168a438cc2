"""How a company pays: service, refinancing, machines left to lenders, growth, sites under construction, cash raised."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.company.records import Company, CompanyPaths, Debt, Practice
from megawatt.company.state import State, assets_usd
from megawatt.finance.money_market import moved_rate

__all__ = [
    "build",
    "coin_calls",
    "converted",
    "free_usd",
    "grow",
    "new_rates",
    "raise_cash",
    "refinanced",
    "service",
    "surrender",
]

_COIN_CALL: Final = 0.75
"""Loan over pledged coins at which a lender of coins calls (133 % collateral, Galaxy's line to Bitfarms of 2021)."""
_COINS_KEPT: Final = 0.98
"""Proceeds of coins sold over their price."""
_BUFFER_MONTHS: Final = 6.0
"""Months of fixed payments that are kept before growth is paid for."""


def new_rates(debts: tuple[Debt, ...], paths: CompanyPaths, month: int) -> FloatArray:
    """What each loan would cost if it were made in a month, at the path's rates and spreads, (paths, debts)."""
    rate, spread = paths.rate[:, month], paths.spread[:, month]
    rates = [moved_rate(debt.rate, paths.reference_rate, rate, spread) for debt in debts]
    return np.stack(rates, axis=1) if rates else np.zeros((rate.size, 0))


def service(debts: tuple[Debt, ...], state: State, month: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Interest (paths,), what amortises and what falls due (paths, debts) in a month. [USD]"""
    interest = state.interest_usd
    principal, maturing = np.zeros_like(state.owed), np.zeros_like(state.owed)
    for i, debt in enumerate(debts):
        left = debt.maturity_month - month
        if debt.amortising and left > 0:
            principal[:, i] = state.owed[:, i] / left
        elif left == 1 or (month == 0 and left <= 0):
            maturing[:, i] = state.owed[:, i]
    return interest, principal, maturing


def converted(
    company: Company,
    state: State,
    maturing: FloatArray,
    machine: FloatArray,
    price: FloatArray,
    shares: FloatArray,
    month: int,
) -> FloatArray:
    """What is left of maturities (paths, debts) when notes that convert have: into principal / ``conversion_usd`` new
    shares, where a share is worth that much with the note gone and its new shares counted.
    """
    for i, debt in enumerate(company.debts):
        if debt.conversion_usd <= 0.0 or not maturing[:, i].any():
            continue
        new = maturing[:, i] / debt.conversion_usd
        owed = state.owed.sum(axis=1) - maturing[:, i]
        worth = np.maximum(assets_usd(company, state, machine, price, month) - owed, 0.0) * shares
        into = state.alive & (worth >= debt.conversion_usd * (company.shares * (1.0 + state.issued) + new))
        repaid = np.where(into, maturing[:, i], 0.0)
        state.issued += repaid / debt.conversion_usd / company.shares
        state.owed[:, i] -= repaid
        maturing[:, i] -= repaid
    return maturing


def refinanced(
    company: Company,
    practice: Practice,
    state: State,
    maturing: FloatArray,
    machine: FloatArray,
    price: FloatArray,
    anew: FloatArray,
    month: int,
) -> FloatArray:
    """What must be paid of maturities: nothing where assets cover all debts well enough for new lenders, whose loan
    costs the path's rate of the month, ``anew`` (paths, debts).
    """
    if not maturing.any():
        return maturing
    owed = state.owed.sum(axis=1)
    cover = assets_usd(company, state, machine, price, month) / np.maximum(owed, 1.0)
    asked = [practice.site_cover if debt.kind == "project" else practice.refinance_cover for debt in company.debts]
    lent = (maturing > 0.0) & (cover[:, None] >= np.array(asked))
    state.rate = np.where(lent, anew, state.rate)
    return np.where(lent, 0.0, maturing)


def surrender(
    company: Company,
    practice: Practice,
    state: State,
    pledged: FloatArray,
    machine: FloatArray,
    net: FloatArray,
    price: FloatArray,
    month: int,
) -> None:
    """Machines are left to their lender where those ``pledged`` (share by fleet, (paths, fleets)) are worth less than
    the loan and the company earns less than its service.

    A borrower with recourse does so only when its liquidity is short; one without at once.
    """
    loans = [i for i, debt in enumerate(company.debts) if debt.kind == "machines"]
    if not loans or not company.mining:
        return
    balance = state.owed[:, loans].sum(axis=1)
    service = np.zeros_like(balance)
    for i in loans:
        debt = company.debts[i]
        left = max(debt.maturity_month - month, 1)
        service += state.owed[:, i] * (state.rate[:, i] / 12.0 + (1.0 / left if debt.amortising else 0.0))
    burn = np.maximum(state.interest_usd + service - net, 1.0)
    runway = (np.maximum(state.cash, 0.0) + free_usd(company, state, price)) / burn
    bound = any(company.debts[i].recourse for i in loans)
    leave = state.alive & (balance > 0.0) & (net < service)
    leave &= (machine * pledged).sum(axis=1) < practice.surrender_cover * balance
    if bound:
        leave &= runway < practice.surrender_runway_months
    state.first(state.surrender, leave, month)
    state.surrendered += np.where(leave, balance, 0.0)
    kept = np.where(leave[:, None], 1.0 - np.minimum(pledged, 1.0), 1.0)
    state.kept, state.bought = state.kept * kept, state.bought * kept
    state.pledged = np.where(leave[:, None], 0.0, state.pledged)
    state.owed[:, loans] = np.where(leave[:, None], 0.0, state.owed[:, loans])


def free_usd(company: Company, state: State, price: FloatArray) -> FloatArray:
    """Coins beyond what loans on them hold as collateral, (paths,). [USD]"""
    loans = [i for i, debt in enumerate(company.debts) if debt.kind == "coins"]
    return np.asarray(np.maximum(state.coins * price - state.owed[:, loans].sum(axis=1) / _COIN_CALL, 0.0))


def coin_calls(company: Company, state: State, price: FloatArray) -> None:
    """Loans on coins are brought back to their collateral, from coins themselves."""
    for i, debt in enumerate(company.debts):
        if debt.kind != "coins":
            continue
        excess = np.maximum(state.owed[:, i] - _COIN_CALL * state.coins * price, 0.0) / (1.0 - _COIN_CALL)
        paid = np.minimum(np.minimum(excess, state.owed[:, i]), state.coins * price * _COINS_KEPT) * state.alive
        state.coins -= paid / (price * _COINS_KEPT)
        state.owed[:, i] -= paid


def grow(
    company: Company,
    practice: Practice,
    state: State,
    machine: FloatArray,
    price: FloatArray,
    fixed: FloatArray,
    costs: FloatArray,
    anew: FloatArray,
    month: int,
) -> None:
    """Pay for machines on order from cash beyond six months of fixed payments, then by loans on them; cut the rest."""
    loans = [i for i, debt in enumerate(company.debts) if debt.kind == "machines"]
    for i, mining in enumerate(company.mining):
        if month >= mining.order_months or mining.ordered_eh_per_s == 0.0:
            continue
        wanted = mining.order_usd / mining.order_months * costs
        coins = free_usd(company, state, price) if "coins" in company.order else 0.0
        spare = state.cash + coins - company.minimum_cash_usd - _BUFFER_MONTHS * fixed
        part = np.clip(spare / np.maximum(wanted, 1.0), 0.0, 1.0)
        part = np.where(state.alive, part, 0.0)
        state.cash -= part * wanted
        if loans:
            room = assets_usd(company, state, machine, price, month) - practice.refinance_cover * state.owed.sum(axis=1)
            asked = (1.0 - part) * wanted * practice.order_loan_frac
            lent = np.minimum(asked, np.maximum(room, 0.0) / practice.refinance_cover)
            lent = np.where(state.alive & (state.surrender < 0), lent, 0.0)
            state.lend(loans[0], lent, anew[:, loans[0]])
            of_order = lent / np.maximum(wanted, 1.0)
            state.pledged[:, i] += mining.ordered_eh_per_s * of_order / mining.order_months
            part = part + of_order
        state.bought[:, i] += part / mining.order_months
        if "capex" in state.cuts:
            state.first(state.cuts["capex"], (part < 1.0) & state.alive, month)


def build(
    company: Company,
    practice: Practice,
    state: State,
    machine: FloatArray,
    price: FloatArray,
    fixed: FloatArray,
    anew: FloatArray,
    shares: FloatArray,
    month: int,
) -> None:
    """Spend on sites that are let and not finished: loans agreed, new loans on the site, cash to spare, new shares.

    What is still missing waits, and the rent with it.
    """
    projects = [i for i, debt in enumerate(company.debts) if debt.kind == "project"]
    for i, lease in enumerate(company.leases):
        if lease.capex_usd <= 0.0:
            continue
        plan = lease.capex_usd / max(lease.start_month, 1)
        wanted = np.minimum(plan, lease.capex_usd * (1.0 - state.built[:, i])) * state.alive
        left = wanted.copy()
        for j in range(len(company.debts)):
            drawn = np.minimum(left, state.undrawn[:, j])
            state.undrawn[:, j] -= drawn
            state.lend(j, drawn, np.full(drawn.size, company.debts[j].rate))
            left -= drawn
        if projects:
            worth = assets_usd(company, state, machine, price, month)
            room = np.maximum(worth / practice.site_cover - state.owed.sum(axis=1), 0.0)
            lent = np.minimum(left * practice.site_loan_frac, room)
            state.lend(projects[-1], lent, anew[:, projects[-1]])
            left -= lent
        spare = np.maximum(state.cash - company.minimum_cash_usd - 0.5 * _BUFFER_MONTHS * fixed, 0.0)
        paid = np.minimum(left, spare)
        state.cash -= paid
        left -= paid
        if "equity" in company.order:
            got = _issue(company, practice, state, machine, price, shares, left, month)
            state.cash -= got
            left -= got
        state.built[:, i] += (wanted - left) / lease.capex_usd
        state.first(state.delay, state.alive & (left > 0.01 * plan), month)


def _issue(
    company: Company,
    practice: Practice,
    state: State,
    machine: FloatArray,
    price: FloatArray,
    shares: FloatArray,
    asked: FloatArray,
    month: int,
) -> FloatArray:
    """Sell new shares at the path's price, at most a part of all a month; the cash that comes in, (paths,). [USD]

    All shares are worth what the company owns less what it owes, times shares at large over today's.
    """
    worth = np.maximum(assets_usd(company, state, machine, price, month) - state.owed.sum(axis=1), 0.0) * shares
    got = np.minimum(asked, practice.issue_frac_per_month * worth * (1.0 - practice.issue_discount)) * state.alive
    state.cash += got
    state.issued += got / np.maximum(worth * (1.0 - practice.issue_discount), 1.0)
    state.first(state.cuts["equity"], got > 0.0, month)
    return np.asarray(got)


def raise_cash(
    company: Company,
    practice: Practice,
    state: State,
    machine: FloatArray,
    price: FloatArray,
    shares: FloatArray,
    month: int,
) -> None:
    """Sell coins and issue shares, in the company's order, until cash is back at its minimum."""
    for cut in company.order:
        short = np.where(state.alive, np.maximum(company.minimum_cash_usd - state.cash, 0.0), 0.0)
        if cut == "coins":
            made = _sell_coins(company, state, price, short)
        elif cut == "equity":
            made = _issue(company, practice, state, machine, price, shares, short, month) > 0.0
        else:
            continue
        state.first(state.cuts[cut], made, month)


def _sell_coins(company: Company, state: State, price: FloatArray, short: FloatArray) -> BoolArray:
    """Sell free coins, then pledged ones, of whose price the lender is paid its part; where any was sold, (paths,)."""
    free = np.minimum(short / _COINS_KEPT, free_usd(company, state, price))
    state.cash += free * _COINS_KEPT
    state.coins -= free / price
    short = short - free * _COINS_KEPT
    sold = free > 0.0
    for i, debt in enumerate(company.debts):
        if debt.kind != "coins":
            continue
        worth = np.minimum(short / (_COINS_KEPT - _COIN_CALL), state.owed[:, i] / _COIN_CALL)
        worth = np.minimum(worth, state.coins * price)
        state.owed[:, i] -= worth * _COIN_CALL
        state.coins -= worth / price
        state.cash += worth * (_COINS_KEPT - _COIN_CALL)
        short = short - worth * (_COINS_KEPT - _COIN_CALL)
        sold |= worth > 0.0
    return sold
