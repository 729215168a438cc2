"""Month by month: what a company earns, owes, sells, issues, and when it can pay no longer."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.company.funding import (
    build,
    coin_calls,
    converted,
    free_usd,
    grow,
    new_rates,
    raise_cash,
    refinanced,
    service,
    surrender,
)
from megawatt.company.records import Company, CompanyPaths, Outcome, Practice
from megawatt.company.state import State, hash_rates, leases_usd, machines, margins, rents

__all__ = ["run_company"]

_ROUNDING_USD: Final = 1.0
"""A dollar missing is rounding, not a default."""


def run_company(company: Company, paths: CompanyPaths, practice: Practice) -> Outcome:
    """Run a company along paths of its markets.

    Each month it earns (mining margin, never below zero: machines stop; hosting; leases), pays overhead, interest,
    what amortises, what falls due and what it has promised, builds the sites that are let, and buys machines. What it
    can put off is decided in its own order: growth is bought only with cash to spare or loans on it; coins are sold;
    shares are issued at the path's price, at most a fraction a month. Notes convert at maturity where a share is worth
    the conversion price or more, else they are refinanced or paid. New loans cost the path's rates and spreads. It
    defaults in the first month in which cash stays below zero.

    Parameters
    ----------
    company : Company
        At its date; month 0 is the month after.
    paths : CompanyPaths
        (paths, months), months >= 1.
    practice : Practice
        How companies behave.

    Returns
    -------
    Outcome
        Money in USD.
    """
    count, months = paths.btc_usd.shape
    state = State(company, practice, count)
    liquidity, debt, due = (np.zeros((count, months)) for _ in range(3))
    overhead = company.overhead_usd_per_month * paths.costs
    least = max((one.minimum_liquidity_usd for one in company.debts), default=0.0)
    for month in range(months):
        price = paths.btc_usd[:, month]
        anew, shares = new_rates(company.debts, paths, month), paths.equity[:, month]
        hash_now = hash_rates(company, state)
        earned = margins(company, paths, hash_now, month) * paths.own[:, [month]]
        machine = machines(company, paths, hash_now, practice, month)
        owned = machine.sum(axis=1)
        pledged = np.divide(state.pledged, hash_now, out=np.zeros_like(hash_now), where=hash_now > 0.0)
        net = earned.sum(axis=1) + rents(company, state, paths.tenant_month, month) - overhead
        surrender(company, practice, state, pledged, machine, net, price, month)
        interest, principal, maturing = service(company.debts, state, month)
        maturing = converted(company, state, maturing, owned, price, shares, month)
        maturing = refinanced(company, practice, state, maturing, owned, price, anew, month)
        promised = company.commitments_usd / company.commitment_months if month < company.commitment_months else 0.0
        paid = interest + principal.sum(axis=1) + maturing.sum(axis=1)
        state.cash += np.where(state.alive, net - promised - paid, 0.0)
        state.owed -= np.where(state.alive[:, None], principal + maturing, 0.0)
        coin_calls(company, state, price)
        build(company, practice, state, owned, price, paid + overhead, anew, shares, month)
        grow(company, practice, state, owned, price, paid + overhead, paths.costs, anew, month)
        raise_cash(company, practice, state, owned, price, shares, month)
        failed = state.alive & (state.cash < -_ROUNDING_USD)
        worth = np.maximum(state.cash, 0.0) + state.coins * price + owned + leases_usd(company, state, month)
        # what was due and had no cash is owed as much as what was not due yet
        claims = state.owed.sum(axis=1) + np.maximum(-state.cash, 0.0)
        state.lost = np.where(failed, np.maximum(claims - worth, 0.0), state.lost)
        state.default[failed] = month
        liquidity[:, month] = np.where(state.alive, state.cash + free_usd(company, state, price), 0.0)
        debt[:, month] = state.owed.sum(axis=1)
        due[:, month] = paid
        if least > 0.0:
            state.first(state.breach, state.alive & (liquidity[:, month] < least), month)
    final = worth + company.other_assets_usd - state.owed.sum(axis=1)
    return Outcome(
        default_month=state.default,
        surrender_month=state.surrender,
        surrendered_usd=state.surrendered,
        breach_month=state.breach,
        delay_month=state.delay,
        cut_month=state.cuts,
        issued_frac=state.issued,
        equity_usd=np.where(state.alive, np.maximum(final, 0.0), 0.0),
        lost_given_default_usd=state.lost,
        liquidity_usd=liquidity,
        debt_usd=debt,
        due_usd=due,
    )
