"""The capital side of a use: when what is spent, borrowed, taxed, and what remains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from megawatt.finance import (
    Hall,
    LenderTerms,
    LoanTerms,
    Refinancing,
    Spine,
    TaxTerms,
    capex_by_hall,
    make_spine,
    residual_straight_line,
)
from megawatt.scenario.schema import Debt, Scenario, Timeline

__all__ = ["Calendar", "Capital", "calendar_of", "capital"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The project's months and the blocks of halls on them."""

    spine: Spine
    halls: tuple[Hall, ...]

    @property
    def last_live(self) -> int:
        """Month index in which the last block is live."""
        return max(h.month for h in self.halls)


@dataclass(frozen=True, slots=True)
class Capital:
    """Spending by asset class (months,), the shell's residual (1, months), loan and tax."""

    machines_cost_usd: float
    capex_cost: dict[str, FloatArray]
    shell_residual: FloatArray
    loan: LoanTerms | None
    reserve_months: float
    tax: TaxTerms
    lender: LenderTerms | None = None
    receivable_days: float = 0.0
    payable_days: float = 0.0


def _month_index(month: str, start: str) -> int:
    (year, number), (year0, number0) = (map(int, m.split("-")) for m in (month, start))
    return (year - year0) * 12 + number - number0


def calendar_of(timeline: Timeline) -> Calendar:
    """Month indices of the blocks, and a spine that ends ``operating_months`` after the last block is live."""
    halls = tuple(Hall(_month_index(h.live, timeline.start), h.share.number()) for h in timeline.halls)
    year, month = map(int, timeline.start.split("-"))
    return Calendar(make_spine(year, month, max(h.month for h in halls) + timeline.operating_months), halls)


def _paid_before(total_usd: float, calendar: Calendar, lead_months: int) -> FloatArray:
    """Each block's share of an amount, paid ``lead_months`` before it is live (in month 0 at the earliest)."""
    out = np.zeros(calendar.spine.months)
    for hall in calendar.halls:
        out[max(hall.month - lead_months, 0)] += total_usd * hall.share
    return out


def _loan(scenario: Scenario, calendar: Calendar, machines_cost_usd: float, first_draw: int) -> LoanTerms | None:
    debt = scenario.debt
    if debt is None:
        return None
    share = debt.share_of_machines_frac
    principal = (
        share.number() * machines_cost_usd if share else debt.principal_usd.number() if debt.principal_usd else 0.0
    )
    if principal == 0.0:
        return None
    first = min(calendar.last_live + 1, calendar.spine.months - 1)
    return LoanTerms(
        principal_usd=principal,
        rate=debt.rate.number(),
        draw_month=min(first_draw, first - 1),
        first_payment_month=first,
        last_payment_month=min(first + debt.payments - 1, calendar.spine.months - 1),
        shape=debt.shape,
        upfront_fee_frac=debt.upfront_fee_frac.number(),
        balloon_frac=debt.balloon_frac.number(),
    )


def _lender(debt: Debt | None) -> LenderTerms | None:
    """Sweep, cover tests and refinancing; None where the scenario asks for none of them."""
    if debt is None:
        return None
    refinancing = None
    if debt.refinance_payments > 0:
        rate = debt.refinance_rate or debt.rate
        refinancing = Refinancing(rate.number(), debt.refinance_payments, debt.refinance_dscr.number())
    terms = LenderTerms(
        sweep_frac=debt.sweep_frac.number(),
        lockup_dscr=debt.lockup_dscr.number() if debt.lockup_dscr else None,
        covenant_dscr=debt.covenant_dscr.number() if debt.covenant_dscr else None,
        refinancing=refinancing,
    )
    return None if terms == LenderTerms() else terms


def _tax(scenario: Scenario) -> TaxTerms:
    tax, capex = scenario.tax, scenario.capex
    chosen = {"machines": tax.machines_table, "shell": tax.shell_table}
    bonus = tax.machines_bonus_frac.number()
    return TaxTerms(
        rate=tax.rate.number(),
        life_years={
            "shell": capex.shell_tax_life_years.number(),
            "machines": capex.machines_tax_life_years.number(),
        },
        state_rate=tax.state_rate.number(),
        tables={name: table for name, table in chosen.items() if table != "straight-line"},
        bonus_frac={"machines": bonus} if bonus > 0.0 else {},
    )


def capital(scenario: Scenario, calendar: Calendar, *, it_mw: float, machines_cost_usd: float) -> Capital:
    """Spending, residual of the shell, loan and tax of a use.

    Parameters
    ----------
    it_mw : float
        Critical IT power that the shell is built for (mining: power of the miners).
    machines_cost_usd : float
        Chips or miners of the whole site.
    """
    capex = scenario.capex
    shell = capex_by_hall(
        capex.shell_usd_per_mw.number() * it_mw, calendar.halls, capex.build_months, calendar.spine.months
    )
    machines = _paid_before(machines_cost_usd, calendar, capex.chip_lead_months)
    life = capex.shell_life_years.number()
    first_live = min(h.month for h in calendar.halls)
    waits = scenario.working_capital
    return Capital(
        machines_cost_usd=machines_cost_usd,
        capex_cost={"shell": shell, "machines": machines},
        shell_residual=residual_straight_line(shell, life, first_live),
        loan=_loan(scenario, calendar, machines_cost_usd, int(np.argmax(machines > 0))),
        reserve_months=scenario.debt.reserve_months.number() if scenario.debt else 0.0,
        tax=_tax(scenario),
        lender=_lender(scenario.debt),
        receivable_days=waits.receivable_days.number() if waits else 0.0,
        payable_days=waits.payable_days.number() if waits else 0.0,
    )
