"""What happens after service in a period: reserves, prepayments, the lock-up, owners."""

from __future__ import annotations

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.finance.accounts import Run, held
from megawatt.finance.measures import CENT
from megawatt.finance.records import LenderTerms

__all__ = ["distribute"]


def distribute(run: Run, m: int, set_aside: FloatArray, shut: BoolArray) -> None:
    """Reserves, sweep, lock-up test, distribution: in this order.

    ``set_aside`` is tax that has accrued and is not paid, ``shut`` marks paths on which owners are paid nothing.
    """
    terms, guard, acc, done = run.terms, run.guard, run.acc, run.done
    last = m == run.last
    lender: LenderTerms = guard.lender
    reserve = held(run, m)
    done.reserve[m] = np.clip(acc.cash, 0.0, reserve)
    if lender.proceeds_usd is not None:
        acc.proceeds = acc.proceeds + lender.proceeds_usd[:, m]
    if (m < run.inputs.construction and not last and not terms.owners_pay_all) or not guard.pays[m]:
        return
    floor = set_aside + reserve + (0.0 if last else terms.minimum_cash_usd * guard.keeps(m, acc.balance))
    free = np.where(done.arrears[m] > 0.0, 0.0, np.maximum(acc.cash - floor, 0.0))
    if guard.holds_proceeds:
        free = _hold(run, m, free)
    if lender.sweep_frac > 0.0 and guard.repaying(m):
        asked = guard.prices.affordable(m, lender.sweep_frac * free, acc.prepaid, acc.scale)
        if lender.target_frac is not None:
            target = lender.target_frac[m] * np.maximum(guard.owed, CENT)
            asked = np.minimum(asked, np.maximum(acc.balance - target, 0.0))
        free = _prepay_last(run, m, asked, free)
    shut = shut | (acc.proceeds > CENT) if guard.holds_proceeds else shut
    if lender.prepaid_frac is not None and lender.prepaid_frac[m] > 0.0 and guard.repaying(m):
        free = _prepay_at_will(run, m, ~shut & (done.arrears[m] == 0.0), free)
    if not last:
        free = np.where(shut & (acc.balance > CENT), 0.0, free)
    done.distributions[m] = free
    acc.cash = acc.cash - free


def _prepay_last(run: Run, m: int, asked: FloatArray, free: FloatArray) -> FloatArray:
    """Prepay the last instalments; returns the cash that is left."""
    acc, before = run.acc, run.acc.balance
    amount = np.minimum(asked, np.maximum(before, 0.0))
    free = _prepay(run, m, amount, run.guard.prices.premium(m, amount, acc.prepaid, acc.scale), free)
    acc.prepaid = acc.prepaid + before - acc.balance
    return free


def _prepay_at_will(run: Run, m: int, may: BoolArray, free: FloatArray) -> FloatArray:
    """What owners have decided to repay ahead, with their own money where there is not enough; returns what is left."""
    acc, guard, asked = run.acc, run.guard, run.guard.lender.prepaid_frac
    assert asked is not None, "the caller has looked"
    wanted = np.where(may, np.minimum(asked[m] * guard.owed, np.maximum(acc.balance, 0.0)), 0.0)
    added = np.maximum(wanted + guard.prices.premium(m, wanted, acc.prepaid, acc.scale) - free, 0.0)
    run.done.equity_in[m] += added
    acc.cash = acc.cash + added
    return _prepay_last(run, m, wanted, free + added)


def _hold(run: Run, m: int, free: FloatArray) -> FloatArray:
    """Termination payments at a period's end, (paths,): reserves were filled, what service and bills until the halls
    are let again need is held, the rest prepays; returns the cash above what is held.
    """
    guard, acc, done = run.guard, run.acc, run.done
    price = 1.0 + guard.prices.even[m]
    acc.proceeds = np.minimum(acc.proceeds, free)
    if not acc.proceeds.any():
        return free
    before, pro_rata = acc.balance, guard.lender.prepayment_order == "pro-rata"
    service, bills = guard.until_let(m)
    service = service * acc.scale
    spare = np.maximum(acc.proceeds - service - bills, 0.0)
    had = free
    if pro_rata:
        # it lowers the service that is held for, so more than the spare can be prepaid
        share = service / np.where(before > CENT, before, 1.0)
        less = share < price
        asked = np.where(less, spare / np.where(less, price - share, 1.0), np.where(spare > 0.0, before, 0.0))
        amount = np.minimum(np.minimum(asked, acc.proceeds / price), np.maximum(before, 0.0))
        free = _prepay(run, m, amount, amount * guard.prices.even[m], free)
        left = np.where(before > 0.0, acc.balance / np.where(before > 0.0, before, 1.0), 1.0)
        acc.scale, acc.prepaid = acc.scale * left, acc.prepaid * left
    else:
        free = _prepay_last(run, m, guard.prices.affordable(m, spare, acc.prepaid, acc.scale), free)
    acc.proceeds = np.where(acc.balance > CENT, np.maximum(acc.proceeds - (had - free), 0.0), 0.0)
    done.reserve[m] += acc.proceeds
    return np.asarray(free - acc.proceeds)


def _prepay(run: Run, m: int, amount: FloatArray, premium: FloatArray, free: FloatArray) -> FloatArray:
    """Repay principal ahead of time with its premium; returns the cash that is left."""
    acc, done = run.acc, run.done
    done.swept[m] += amount
    done.principal_paid[m] += amount
    done.charges[m] += premium
    acc.premium = acc.premium + premium
    acc.balance, acc.cash = acc.balance - amount, acc.cash - amount - premium
    # price and share may round to a hair more than there is
    return np.asarray(np.maximum(free - amount - premium, 0.0))
