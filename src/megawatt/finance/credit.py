"""What a lender reads of a base case: covers, gearing, events, every internal rate of return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.finance.debt import loan_schedule
from megawatt.finance.levelised import forward_dscr, interest_cover, project_life_cover
from megawatt.finance.rates_of_return import all_rates
from megawatt.finance.records import CashFlow
from megawatt.finance.spine import make_spine

__all__ = ["CreditMeasures", "credit_measures"]


@dataclass(frozen=True, slots=True)
class CreditMeasures:
    """Measures of the first path; None where there is no debt, or no month that they are defined in.

    Attributes
    ----------
    debt_usd : float
        Owed at the first payment, interest of construction included.
    gearing_frac : float
        That debt over capital spending and fee.
    min_dscr, average_dscr, min_forward_dscr, llcr, plcr, min_interest_cover : float
        As in docs/finance.md: CFADS after tax; trailing and forward over twelve months.
    lockup, breach, payment_default, insolvency : str
        First month of each event, ``YYYY-MM``.
    payback : str
        Month from whose end the undiscounted project flow stays at 0 or above.
    equity_roots : (rates,)
        Every annual rate at which the owners' flow is worth nothing.
    """

    debt_usd: float | None
    gearing_frac: float | None
    min_dscr: float | None
    average_dscr: float | None
    min_forward_dscr: float | None
    llcr: float | None
    plcr: float | None
    min_interest_cover: float | None
    lockup: str | None
    breach: str | None
    payment_default: str | None
    insolvency: str | None
    payback: str | None
    equity_roots: tuple[float, ...]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _lowest(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.min()) if known.size else None


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

    periods, service = terms.timing, np.zeros(terms.months)
    debt = None
    if loan is not None:
        service = loan_schedule(loan, periods).service.copy()
        service[: loan.first_payment_month] = 0.0
        debt = float(cash.debt_balance[0, loan.first_payment_month - 1])
    events = cash.events
    first = {
        name: label(int(getattr(events, name)[0])) if events is not None and loan is not None else None
        for name in ("lockup", "breach", "payment_default", "insolvency")
    }
    uses = float(cash.capex_total[0].sum() + cash.fees[0].sum())
    return CreditMeasures(
        debt_usd=debt,
        gearing_frac=debt / uses if debt is not None and uses > 0.0 else None,
        min_dscr=_finite(measures.min_dscr[0]),
        average_dscr=_finite(measures.average_dscr[0]),
        min_forward_dscr=_lowest(forward_dscr(cash.cfads[:1], service, periods.per_year)[0]),
        llcr=_finite(measures.llcr[0]),
        plcr=_finite(project_life_cover(cash, service)[0]) if debt else None,
        min_interest_cover=_lowest(interest_cover(cash, periods.per_year)[0]) if debt else None,
        payback=label(measures.payback_month[0]),
        equity_roots=all_rates((cash.distributions - cash.equity_in)[0], periods.years),
        **first,
    )
