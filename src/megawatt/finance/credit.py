"""What a lender reads of a base case: covers, gearing, events, every internal rate of return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.finance.debt import loan_schedule
from megawatt.finance.levelised import forward_dscr, interest_cover, project_life_cover
from megawatt.finance.rates_of_return import all_rates
from megawatt.finance.records import CashFlow, equity_of_construction
from megawatt.finance.spine import make_spine

__all__ = ["CreditMeasures", "credit_measures", "uses_usd"]


@dataclass(frozen=True, slots=True)
class CreditMeasures:
    """Measures of the first path; None where there is no debt, or no month that they are defined in.

    Attributes
    ----------
    debt_usd : float
        Owed at the first payment, interest of construction included.
    uses_usd : float
        Spending before the first payment, fees, and interest until then whether it was paid or added to the loan.
    gearing_frac, equity_frac : float
        That debt, and the owners' money, over the uses.
    min_dscr, average_dscr, min_forward_dscr, llcr, plcr, min_interest_cover : float
        As in docs/finance.md: CFADS after tax accrued, balloons left out; trailing and forward over twelve months.
    balloon_usd, refinancing_cover : float
        What the last payment repays at once, and the worth of what comes after it over that; None without a balloon.
    lockup, breach, payment_default, balloon_default, insolvency : str
        First month of each event, ``YYYY-MM``.
    payback : str
        Month from whose end the undiscounted project flow stays at 0 or above.
    equity_roots : (rates,)
        Every annual rate at which the owners' flow is worth nothing.
    """

    debt_usd: float | None
    uses_usd: float | None
    gearing_frac: float | None
    equity_frac: float | None
    min_dscr: float | None
    average_dscr: float | None
    min_forward_dscr: float | None
    llcr: float | None
    plcr: float | None
    min_interest_cover: float | None
    balloon_usd: float | None
    refinancing_cover: float | None
    lockup: str | None
    breach: str | None
    payment_default: str | None
    balloon_default: str | None
    insolvency: str | None
    payback: str | None
    equity_roots: tuple[float, ...]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _lowest(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.min()) if known.size else None


def uses_usd(cash: CashFlow) -> float:
    """All that has to be paid before the first payment of the loan, interest included; first path. [USD]"""
    loan = cash.terms.loan
    if loan is None:
        return float(cash.capex_total[0].sum())
    first = loan.first_payment_month
    added = float(
        cash.debt_balance[0, first - 1] - cash.debt_draw[0, :first].sum() + cash.principal_paid[0, :first].sum()
    )
    paid = cash.capex_total[0, :first].sum() + cash.interest_paid[0, :first].sum() + cash.fees[0, :first].sum()
    return float(paid) + added


def _roots(cash: CashFlow) -> tuple[float, ...]:
    """Every rate of the owners' flow; none where they put nothing in."""
    if cash.terms.loan is not None and np.isnan(cash.measures.equity_irr[0]) and not cash.equity_in[0].any():
        return ()
    return all_rates(cash.owners_flow[0], cash.terms.timing.years)


def credit_measures(cash: CashFlow) -> CreditMeasures:
    """Measures of a cash flow's first path.

    Parameters
    ----------
    cash : CashFlow
        Result of `project`.
    """
    terms, measures, loan = cash.terms, cash.measures, cash.terms.loan
    spine = make_spine(terms.start_year, terms.start_month, terms.months)

    def label(month: float) -> str | None:
        return spine.label(int(month)) if np.isfinite(month) and month >= 0 else None

    periods, due, balloon = terms.timing, np.zeros(terms.months), 0.0
    debt = None
    if loan is not None:
        schedule = loan_schedule(loan, periods)
        due = schedule.service.copy()
        due[: loan.first_payment_month] = 0.0
        balloon = float(schedule.balloon.max())
        debt = float(cash.debt_balance[0, loan.first_payment_month - 1])
    events = cash.events
    first = {
        name: label(int(getattr(events, name)[0])) if events is not None and loan is not None else None
        for name in ("lockup", "breach", "payment_default", "balloon_default", "insolvency")
    }
    uses = uses_usd(cash) if debt is not None else 0.0
    return CreditMeasures(
        debt_usd=debt,
        uses_usd=uses or None,
        equity_frac=float(equity_of_construction(cash)[0].sum()) / uses if uses > 0.0 else None,
        gearing_frac=debt / uses if debt is not None and uses > 0.0 else None,
        min_dscr=_finite(measures.min_dscr[0]),
        average_dscr=_finite(measures.average_dscr[0]),
        min_forward_dscr=_lowest(
            forward_dscr(cash.cover_cash[:1], np.atleast_2d(cash.service)[0], periods.per_year)[0]
        ),
        llcr=_finite(measures.llcr[0]),
        plcr=_finite(project_life_cover(cash, due)[0]) if debt else None,
        min_interest_cover=_lowest(interest_cover(cash, periods.per_year)[0]) if debt else None,
        balloon_usd=balloon if debt is not None else None,
        refinancing_cover=_finite(measures.refinancing_cover[0]),
        payback=label(measures.payback_month[0]),
        equity_roots=_roots(cash),
        **first,
    )
