"""The capital side of a use: when what is spent, borrowed, taxed, and what remains."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.chain.plant_cost import PlantCost, plant_costs
from megawatt.chain.taxation import tax_terms
from megawatt.finance import (
    Hall,
    LenderTerms,
    LoanTerms,
    Refinancing,
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
from megawatt.finance.tranches import JuniorTerms
from megawatt.scenario.schema import Capex, Debt, Scenario, Timeline

__all__ = ["Calendar", "Capital", "calendar_of", "capital", "design_kept_frac", "junior_terms", "months_between"]


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

    ``sizing`` limits a loan whose amount is still open; ``sized_by`` names the limit that set it. ``residual_frac`` is
    the worth of machines after five years over their cost.
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

    def reserve_usd(self, months: int) -> float:
        """Months of average debt service, balloon left out, that stay in the account while the loan runs. [USD]"""
        loan = self.loan
        if loan is None or self.reserve_months == 0.0:
            return 0.0
        schedule = loan_schedule(loan, months)
        payments = loan.last_payment_month - loan.first_payment_month + 1
        balloon = loan.balloon_frac * schedule.balance[loan.first_payment_month - 1]
        paid = schedule.service[loan.first_payment_month :].sum() - balloon
        return float(paid / payments * self.reserve_months)

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


def months_between(start: str, month: str) -> int:
    """Months from one ``YYYY-MM`` to another."""
    (year0, number0), (year, number) = (map(int, m.split("-")) for m in (start, month))
    return (year - year0) * 12 + number - number0


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


def _amount_usd(debt: Debt, machines_cost_usd: float) -> float | None:
    """Amount that the scenario states, or a share of the machines; None where it states none."""
    if debt.share_of_machines_frac:
        return debt.share_of_machines_frac.number() * machines_cost_usd
    return debt.principal_usd.number() if debt.principal_usd else None


def _sizing(debt: Debt | None, machines_cost_usd: float) -> SizingTerms | None:
    """What limits the loan; None where its amount is given alone."""
    limits = debt and (debt.target_dscr, debt.gearing_frac, debt.minimum_llcr, debt.maximum_ltv, debt.advance_frac)
    if debt is None or not any(limits or ()):
        return None
    return SizingTerms(
        target_dscr=debt.target_dscr.number() if debt.target_dscr else None,
        gearing=debt.gearing_frac.number() if debt.gearing_frac else None,
        minimum_llcr=debt.minimum_llcr.number() if debt.minimum_llcr else None,
        maximum_ltv=debt.maximum_ltv.number() if debt.maximum_ltv else None,
        advance_rate=debt.advance_frac.number() if debt.advance_frac else None,
        amount_usd=_amount_usd(debt, machines_cost_usd),
        cash_basis=debt.sizing_cash,
    )


def _loan(
    scenario: Scenario, calendar: Calendar, machines_cost_usd: float, machines: FloatArray, spent: FloatArray
) -> LoanTerms | None:
    """The loan; ``machines`` and ``spent`` are what the first machines, and all that is built, cost by month."""
    debt = scenario.debt
    if debt is None:
        return None
    principal = _amount_usd(debt, machines_cost_usd)
    if principal is None and _sizing(debt, machines_cost_usd) is not None:
        principal = 1.0  # a pattern: its amount is found from the base case
    if not principal:
        return None
    first = max(*(h.month for h in calendar.paid_by), 1)
    drawn_for = spent if debt.drawn == "with-spending" else machines
    last = first + (debt.payments - 1)
    if debt.clock_months is not None:
        last = int(np.flatnonzero(drawn_for)[-1]) + debt.clock_months
    else:
        # what is paid in the month of the first payment or later is drawn before it
        drawn_for = np.concatenate(
            [drawn_for[: first - 1], [drawn_for[first - 1 :].sum()], np.zeros(drawn_for.size - first)]
        )
    delayed = debt.drawn != "at-once" and drawn_for.sum() > 0.0
    first_draw = int(np.argmax((drawn_for if delayed else machines if machines.any() else spent) > 0))
    return LoanTerms(
        draws=principal * drawn_for / drawn_for.sum() if delayed else None,
        clock_months=debt.clock_months,
        principal_usd=principal,
        rate=debt.rate.number(),
        draw_month=min(first_draw, first - 1),
        first_payment_month=first,
        last_payment_month=last,
        capitalise_interest=debt.interest_of_construction == "capitalised",
        shape=debt.shape,
        # a discount is a fee that is taken off what is paid out
        upfront_fee_frac=debt.upfront_fee_frac.number() + debt.oid_frac.number(),
        commitment_fee=debt.commitment_fee_per_year.number(),
        interest_only=debt.interest_only_payments,
        rate_by_period=_floating(debt, calendar),
        balloon_frac=debt.balloon_frac.number(),
    )


def _floating(debt: Debt, calendar: Calendar) -> FloatArray | None:
    """Annual rate by month of a loan that floats in part, (months,)."""
    part, spine = debt.floating_frac.number(), calendar.spine
    if part == 0.0:
        return None
    years = spine.start_year + (spine.start_month - 1 + np.arange(spine.months)) // 12
    at = [row.year for row in debt.forward_rates]
    row = np.clip(np.searchsorted(at, years, side="right") - 1, 0, len(at) - 1)
    expected = np.array([row.rate.number() for row in debt.forward_rates])[row]
    floats = np.maximum(expected, debt.floating_floor.number()) + debt.floating_margin.number()
    return np.asarray((1.0 - part) * debt.rate.number() + part * floats)


def junior_terms(debt: Debt | None, loan: LoanTerms | None, equity_usd: float) -> tuple[JuniorTerms, ...]:
    """Tranches behind the loan; ``equity_usd`` is what the project asks of its owners."""
    if debt is None or loan is None:
        return ()
    first = loan.first_payment_month
    return tuple(
        JuniorTerms(
            name=row.name,
            kind=row.kind,
            amount_usd=row.principal_usd.number() if row.principal_usd else
            (row.share_of_equity_frac.number() if row.share_of_equity_frac else 0.0) * equity_usd,
            rate=row.rate.number(),
            pik_rate=row.pik_rate.number(),
            first_payment_month=first,
            last_payment_month=first + row.payments - 1,
            shape=row.shape,
            sweep_frac=row.sweep_frac.number(),
        )
        for row in debt.junior
    )  # fmt: skip


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
        interest_reserve=debt.interest_of_construction == "reserve",
        prepayment_order=debt.prepayment_order,
        opex_reserve_months=debt.opex_reserve_months.number(),
        test_every_months=debt.test_every_months,
        lockup_release_tests=debt.lockup_release_tests,
    )
    plain = LenderTerms(test_every_months=debt.test_every_months, lockup_release_tests=debt.lockup_release_tests)
    return None if terms == plain else terms


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
    lender, replacement = _lender(scenario.debt), _replacement(capex)
    if replacement is not None:
        spent, reserve = _replaced(machines_cost_usd, replacement, calendar, capex.chip_lead_months)
        machines = machines + spent
        lender = replace(lender or LenderTerms(), other_reserve_usd=reserve)
    life = capex.shell_life_years.number()
    first_live = min(h.month for h in calendar.halls)
    waits = scenario.working_capital
    planned = min(h.month for h in calendar.paid_by)
    plants = plant_costs(scenario, calendar.spine.months, first_live, planned)
    spending = {"shell": shell, "machines": machines} | {plant.name: plant.spent for plant in plants}
    built = np.sum([*spending.values()], axis=0) - machines + bought
    return Capital(
        machines_cost_usd=machines_cost_usd,
        capex_cost=spending,
        shell_residual=residual_straight_line(shell, life, first_live) * design_kept_frac(capex, calendar),
        loan=_loan(scenario, calendar, machines_cost_usd, bought, built),
        reserve_months=scenario.debt.reserve_months.number() if scenario.debt else 0.0,
        tax=tax_terms(
            scenario, calendar.spine, spending, first_live, {plant.name: plant.tax_life_years for plant in plants}
        ),
        lender=lender,
        replacement=replacement,
        sizing=_sizing(scenario.debt, machines_cost_usd),
        residual_frac=capex.chip_residual_frac.number(),
        plants=plants,
        receivable_days=waits.receivable_days.number() if waits else 0.0,
        payable_days=waits.payable_days.number() if waits else 0.0,
    )
