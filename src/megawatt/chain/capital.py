"""The capital side of a use: when what is spent, borrowed, taxed, and what remains."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.chain.loan import lender_terms, loan_terms, sizing_terms, timing
from megawatt.chain.plant_cost import PlantCost, plant_costs
from megawatt.chain.taxation import passes_through, tax_terms
from megawatt.finance import (
    Hall,
    LenderTerms,
    LoanTerms,
    SizingTerms,
    Spine,
    TaxTerms,
    capex_by_hall,
    chip_residual_share,
    loan_schedule,
    make_spine,
    residual_of_chips,
    residual_straight_line,
)
from megawatt.finance.periods import Periods
from megawatt.months import months_between
from megawatt.scenario.schema import Capex, Scenario, Timeline

__all__ = ["Calendar", "Capital", "calendar_of", "capital", "design_kept_frac"]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The project's months, the blocks of halls on them, and when they were planned (empty: as they come)."""

    spine: Spine
    halls: tuple[Hall, ...]
    planned: tuple[Hall, ...] = ()

    @property
    def paid_by(self) -> tuple[Hall, ...]:
        """Blocks as planned: what spending and the lender's dates follow."""
        return self.planned or self.halls

    @property
    def last_live(self) -> int:
        """Month index in which the last block is live."""
        return max(h.month for h in self.halls)

    def first_full_months(self) -> IntArray:
        """Months of the year that is dispatched: the first twelve with all halls live, fewer where the project ends."""
        months = self.spine.months
        first = min(self.last_live, max(months - 12, 0)) + np.arange(12)
        return first[first < months]


@dataclass(frozen=True, slots=True)
class Capital:
    """Spending by asset class (months,), the shell's residual (1, months), loan and tax.

    ``timing`` are the project's months where interest has another day count than 30/360. ``sizing`` limits a loan whose
    amount is still open; ``sized_by`` names the limit that set it. ``residual_frac`` is
    the worth of machines after five years over their cost. ``owners_taxed``: tax passes through to the owners.
    """

    machines_cost_usd: float
    capex_cost: dict[str, FloatArray]
    shell_residual: FloatArray
    loan: LoanTerms | None
    reserve_months: float
    tax: TaxTerms
    lender: LenderTerms | None = None
    receivable_days: float = 0.0
    payable_days: float = 0.0
    replacement: Replacement | None = None
    sizing: SizingTerms | None = None
    sized_by: str = ""
    residual_frac: float = 0.0
    plants: tuple[PlantCost, ...] = ()
    timing: Periods | None = None
    owners_taxed: bool = False

    def reserve_usd(self, months: int) -> float:
        """Months of average debt service, balloon left out, that stay in the account while the loan runs. [USD]"""
        loan = self.loan
        if loan is None or self.reserve_months == 0.0:
            return 0.0
        schedule = loan_schedule(loan, self.timing or months)
        length = loan.last_payment_month - loan.first_payment_month + 1
        paid = (schedule.service - schedule.balloon)[loan.first_payment_month :].sum()
        return float(paid / length * self.reserve_months)

    def machines_left_usd(self, calendar: Calendar, price_to_expected: FloatArray) -> FloatArray:
        """Resale of the machines in the last month by age and cost of those that then stand, (paths, months). [USD]"""
        months, plan = calendar.spine.months, self.replacement
        left = np.zeros((1, months))
        for hall in calendar.halls:
            replaced = plan.months_of(hall, months) if plan else range(0)
            cost = self.machines_cost_usd * hall.share * (plan.cost_frac if plan and replaced else 1.0)
            standing = Hall(replaced[-1] if replaced else hall.month, 1.0)
            left = left + residual_of_chips(
                cost,
                (standing,),
                months,
                share_at_five_years=self.residual_frac,
                price_to_expected=price_to_expected,
            )
        return left


@dataclass(frozen=True, slots=True)
class Replacement:
    """Machines are replaced every so many months of service, at a share of their first cost."""

    after_months: int
    cost_frac: float

    def months_of(self, hall: Hall, months: int) -> range:
        """Months in which a block's machines are replaced."""
        return range(hall.month + self.after_months, months, self.after_months)


def design_kept_frac(capex: Capex, calendar: Calendar) -> float:
    """What the age of its design leaves of a shell's worth at the end, beside wear: denser racks ask for other
    halls."""
    lost = capex.shell_obsolescence_per_year.number()
    return float((1.0 - lost) ** ((calendar.spine.months - min(h.month for h in calendar.halls)) / 12.0))


def _replacement(capex: Capex) -> Replacement | None:
    after, cost = capex.replace_after_months, capex.replacement_cost_frac
    if after == 0:
        return None
    worth = float(chip_residual_share(after / 12.0, capex.chip_residual_frac.number()))
    return Replacement(after, cost.number() if cost else 1.0 - worth)


def _replaced(
    total_usd: float, plan: Replacement, calendar: Calendar, lead_months: int
) -> tuple[FloatArray, FloatArray]:
    """Spending on replacements, and the reserve that fills evenly over the service before each of them."""
    months = calendar.spine.months
    spent, reserve = np.zeros(months), np.zeros(months)
    for hall in calendar.halls:
        cost = total_usd * hall.share * plan.cost_frac
        for due in plan.months_of(hall, months):
            paid, start = max(due - lead_months, 0), due - plan.after_months
            spent[paid] += cost
            reserve[start:paid] += cost * np.arange(1, paid - start + 1) / max(paid - start, 1)
    return spent, reserve


def calendar_of(timeline: Timeline) -> Calendar:
    """Month indices of the blocks, and a spine that ends ``operating_months`` after the last block is live."""
    planned = tuple(Hall(months_between(timeline.start, h.live), h.share.number()) for h in timeline.halls)
    halls = tuple(Hall(hall.month + timeline.delay_months, hall.share) for hall in planned)
    year, month = map(int, timeline.start.split("-"))
    return Calendar(make_spine(year, month, max(h.month for h in halls) + timeline.operating_months), halls, planned)


def _paid_before(total_usd: float, calendar: Calendar, lead_months: int) -> FloatArray:
    """Each block's share of an amount, paid ``lead_months`` before it is live (in month 0 at the earliest)."""
    out = np.zeros(calendar.spine.months)
    for hall in calendar.paid_by:
        out[max(hall.month - lead_months, 0)] += total_usd * hall.share
    return out


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
        capex.shell_usd_per_mw.number() * it_mw, calendar.paid_by, capex.build_months, calendar.spine.months
    )
    machines = _paid_before(machines_cost_usd, calendar, capex.chip_lead_months)
    bought = machines
    reserve, replacement = None, _replacement(capex)
    if replacement is not None:
        spent, reserve = _replaced(machines_cost_usd, replacement, calendar, capex.chip_lead_months)
        machines = machines + spent
    life = capex.shell_life_years.number()
    first_live = min(h.month for h in calendar.halls)
    waits = scenario.working_capital
    planned = min(h.month for h in calendar.paid_by)
    plants = plant_costs(scenario, calendar.spine.months, first_live, planned)
    spending = {"shell": shell, "machines": machines} | {plant.name: plant.spent for plant in plants}
    built = np.sum([*spending.values()], axis=0) - machines + bought
    debt = scenario.debt
    loan = loan_terms(scenario, calendar, machines_cost_usd, bought, built)
    lender = lender_terms(debt, calendar, loan)
    if reserve is not None:
        lender = replace(lender or LenderTerms(), other_reserve_usd=reserve)
    in_cash = debt is not None and debt.reserve_held_as == "cash"
    return Capital(
        machines_cost_usd=machines_cost_usd,
        capex_cost=spending,
        shell_residual=residual_straight_line(shell, life, first_live) * design_kept_frac(capex, calendar),
        loan=loan,
        reserve_months=debt.reserve_months.number() if debt and in_cash else 0.0,
        timing=timing(debt, calendar.spine),
        tax=tax_terms(
            scenario, calendar.spine, spending, first_live, {plant.name: plant.tax_life_years for plant in plants}
        ),
        lender=lender,
        replacement=replacement,
        sizing=sizing_terms(scenario.debt, machines_cost_usd),
        residual_frac=capex.chip_residual_frac.number(),
        plants=plants,
        owners_taxed=passes_through(scenario),
        receivable_days=waits.receivable_days.number() if waits else 0.0,
        payable_days=waits.payable_days.number() if waits else 0.0,
    )
