"""The cash identity of a project, for every test that holds cash flows against it."""

from __future__ import annotations

import numpy as np

from megawatt.finance import CashFlow


def cash_gap(cash: CashFlow) -> float:
    """Largest difference between closing cash and opening cash plus what came in less what went out. [USD]"""
    opening = np.concatenate([np.zeros((cash.closing_cash.shape[0], 1)), cash.closing_cash[:, :-1]], axis=1)
    into = opening + cash.cfads + cash.equity_in + cash.debt_draw + cash.residual_total
    if cash.reserve_interest is not None:
        into = into + cash.reserve_interest
    for line in cash.facilities:
        into = into + line.draw - line.repaid
    out = cash.capex_total + cash.fees + cash.interest_paid + cash.principal_paid + cash.distributions
    return float(np.abs(into - out - cash.closing_cash).max())
