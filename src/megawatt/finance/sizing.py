"""How much a project can borrow, and the loan that follows: cover, gearing, loan life cover or a share of spending.

Service of every profile is proportional to the debt, so every limit is a linear equation; only a size on cash after tax
is circular (interest lowers tax) and is iterated to rest.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final, Literal

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import InfeasibleError, ScenarioError, SolverError
from megawatt.finance.construction import FundingTerms, fund_pro_rata, size_at_gearing
from megawatt.finance.debt import LoanSchedule, one_draw, schedule_of, unit_service
from megawatt.finance.engine import construction_months, project
from megawatt.finance.periods import Periods
from megawatt.finance.records import LenderTerms, LoanTerms, OperatingFlows, ProjectTerms
from megawatt.finance.repayment import discount_to
from megawatt.finance.reserves import ahead

__all__ = ["SizedLoan", "SizingTerms", "fit_loan", "size_loan"]


_PASSES: Final = 200
"""Rounds of debt, interest, tax and cash at most."""
_REST: Final = 1e-12
"""Movement of cash, as a share of the largest, that ends them."""


@dataclass(frozen=True, slots=True)
class SizingTerms:
    """What limits a loan: the smallest of the limits that are given, and never more than all uses.

    Attributes
    ----------
    target_dscr : float, optional
        Cover that sculpted service keeps in every period; for other profiles the lowest cover allowed.
    gearing : float, optional
        Largest share of total uses: capital spending, fees, interest of construction, reserves at close.
    minimum_llcr : float, optional
        Lowest loan life cover at the first payment.
    advance_rate : float, optional
        Largest share of capital spending that is drawn.
    maximum_ltv : float, optional
        Largest share of the site's worth at the first payment: ``appraisal_usd``, else the cash that sizes, from then
        to the end of the project, at the project's discount rate.
    appraisal_usd : float, optional
        That worth as somebody else has found it.
    amount_usd : float, optional
        Most that is drawn.
    cash_basis : {'pre-tax', 'after-tax'}
        CFADS that sizes and sculpts; tax counts as it accrues over the year, not when it is paid.
    drawn : {'as-scheduled', 'pro-rata'}
        Draws by the loan's own dates, or in proportion to all uses of every period of construction, whose interest
        they then pay.
    negative_service : bool
        Sculpted service follows negative CFADS too, instead of paying nothing then.
    above_uses : bool
        More may be lent than there is to pay for (as the System Advisor Model has it).
    """

    target_dscr: float | None = None
    gearing: float | None = None
    minimum_llcr: float | None = None
    advance_rate: float | None = None
    maximum_ltv: float | None = None
    appraisal_usd: float | None = None
    amount_usd: float | None = None
    cash_basis: Literal["pre-tax", "after-tax"] = "after-tax"
    drawn: Literal["as-scheduled", "pro-rata"] = "as-scheduled"
    negative_service: bool = False
    above_uses: bool = False


@dataclass(frozen=True, slots=True)
class SizedLoan:
    """A loan whose amount and profile were found.

    Attributes
    ----------
    loan : LoanTerms
        The first path's loan in full: amount, draws, sculpting weights.
    schedule : LoanSchedule
        Every path's own, arrays (paths, periods).
    size : (paths,)
        Owed at the first payment. [USD]
    uses : (paths,)
        Capital spending, fees, interest of construction and reserves at close. [USD]
    binding : tuple of str
        The limit that set the size, by path: ``DSCR``, ``gearing``, ``LLCR``, ``LTV``, ``advance rate``,
        ``amount`` or ``uses``.
    """

    loan: LoanTerms
    schedule: LoanSchedule
    size: FloatArray
    uses: FloatArray
    binding: tuple[str, ...]


def size_loan(terms: ProjectTerms, flows: OperatingFlows, sizing: SizingTerms) -> SizedLoan:
    """Largest loan that meets every limit, on every path.

    Parameters
    ----------
    terms : ProjectTerms
        With a loan whose periods, rate, shape and fees are used, draws as a pattern; its amount is found.
    flows : OperatingFlows
        Cash of operation.
    sizing : SizingTerms
        Limits.

    Returns
    -------
    SizedLoan
        Where another limit than cover binds, service keeps its profile and cover is higher than the target.

    Raises
    ------
    ScenarioError
        If there is no loan, or nothing limits it.
    InfeasibleError
        If there is no cash to borrow on.
    SolverError
        If after-tax sizing does not come to rest.
    """
    if terms.loan is None or terms.loan.clock_months is not None:
        raise ScenarioError(
            "size_loan: the terms need a loan without clocks of its draws (its rate and months are used)"
        )
    asked = terms.lender or LenderTerms()
    kept = LenderTerms(asked.reserve_months, reserve_rate=asked.reserve_rate, facilities=asked.facilities,
                       opex_reserve_months=asked.opex_reserve_months)  # fmt: skip
    trial = replace(terms, loan=None, lender=kept, minimum_cash_usd=0.0, owners_pay_all=True)
    flow, before = project(trial, flows), np.full(1, np.inf)
    for _ in range(_PASSES):
        cash = flow.cover_cash if sizing.cash_basis == "after-tax" else flow.cfads + flow.tax
        sized = fit_loan(terms, cash, sizing, flow.opex_total)
        moved = float(np.abs(cash - before).max())
        if sizing.cash_basis == "pre-tax" or terms.tax is None or moved <= _REST * float(np.abs(cash).max()):
            return sized
        before = cash
        flow = project(replace(trial, loan=sized.loan), flows, schedule=sized.schedule)
    raise SolverError(
        f"size_loan: cash after tax moves by {moved:,.2f} USD after {_PASSES} passes: tax and size chase each other; "
        "size on pre-tax cash"
    )


def fit_loan(terms: ProjectTerms, cash: FloatArray, sizing: SizingTerms, opex: FloatArray | None = None) -> SizedLoan:
    """The loan that given cash carries; `size_loan` finds that cash.

    Parameters
    ----------
    terms : ProjectTerms
        As in `size_loan`.
    cash : array, (paths, periods)
        CFADS that sizes and sculpts. [USD]
    sizing : SizingTerms
        Limits.
    opex : array, (paths, periods), optional
        Running cost, for its reserve. [USD]

    Raises
    ------
    ScenarioError
        If a limit is out of range, or none is given.
    InfeasibleError
        If there is no cash to borrow on.
    """
    assert terms.loan is not None, "checked by the callers"
    periods = terms.timing
    loan = replace(terms.loan, principal_usd=1.0, closing_cost_usd=0.0)
    monthly, cash = cash, loan.gathered(cash)
    service = unit_service(loan, periods, cash, negative=sizing.negative_service)
    funding = _funding(terms, periods, service, opex, cash.shape[0])
    limits = _limits(terms, sizing, cash, service)
    if sizing.maximum_ltv is not None:
        limits["LTV"] = sizing.maximum_ltv * _worth(terms, sizing, monthly)
    if sizing.drawn == "pro-rata":
        loan = replace(loan, capitalise_interest=False)
        unit = per_dollar = None
        own = np.ones(1)
    else:
        pattern = one_draw(loan, periods.count) if loan.draws is None else loan.draws
        if not pattern.sum() > 0.0:
            raise ScenarioError("loan.draws: all zero; nothing is spent that a loan could be drawn for")
        unit = schedule_of(loan, periods, (pattern / pattern.sum())[None, :], service)
        built = slice(0, loan.first_payment_month)
        own = unit.balance[:, loan.first_payment_month - 1]
        per_dollar = (unit.fee + unit.capitalised + unit.interest_due)[:, built].sum(axis=1) / own
        per_dollar = per_dollar + funding.reserve_per_dollar
    fixed = (funding.capex.sum(axis=1) + funding.fixed_at_close + funding.fixed_at_end) * np.ones(cash.shape[0])
    if sizing.gearing is not None:
        limits["gearing"] = (
            size_at_gearing(funding, np.full(cash.shape[0], sizing.gearing))
            if per_dollar is None
            else _at_gearing(fixed, per_dollar, sizing.gearing)
        )
    # a loan that pays for nothing is sized on cash alone
    if sizing.above_uses:
        pass
    elif per_dollar is None and np.all(fixed > 0.0):
        limits["uses"] = size_at_gearing(funding, np.ones(cash.shape[0]))
    elif per_dollar is not None and np.all((per_dollar < 1.0) & (fixed > 0.0)):
        limits["uses"] = _at_gearing(fixed, per_dollar, 1.0)
    if sizing.advance_rate is not None:
        limits["advance rate"] = sizing.advance_rate * funding.capex.sum(axis=1) * own
    if sizing.amount_usd is not None:
        limits["amount"] = sizing.amount_usd * own
    if not set(limits) - {"uses"}:
        raise ScenarioError(
            "debt: nothing sizes it; give a target DSCR, a gearing, an LLCR, an LTV, an advance rate or an amount"
        )
    size, binding = _smallest(limits, cash.shape[0])
    if unit is None or per_dollar is None:
        drawn, draws = fund_pro_rata(funding, size), np.zeros(cash.shape)
        draws[:, : loan.first_payment_month] = drawn.draws
        schedule, uses = schedule_of(loan, periods, draws, service), drawn.uses.sum(axis=1)
    else:
        schedule = LoanSchedule(*((size / own)[:, None] * getattr(unit, f.name) for f in fields(unit)))
        uses = fixed + size * per_dollar
    draws = np.where(np.arange(periods.count) < loan.first_payment_month, schedule.draw[0], 0.0)
    schedule = _with_cost(schedule, terms.loan, periods)
    return SizedLoan(_found(loan, terms, draws, cash[0]), schedule, size, uses, binding)


def _at_gearing(fixed: FloatArray, per_dollar: FloatArray, gearing: float) -> FloatArray:
    """Debt that is this share of all uses, of which so much per dollar depends on it, (paths,). [USD]"""
    share = 1.0 - gearing * per_dollar
    if np.any(share <= 0.0):
        raise ScenarioError(
            f"debt: fees, interest of construction and reserves take {per_dollar.max():.3f} of each dollar borrowed; "
            "lower them or the gearing"
        )
    return gearing * fixed / share


def _found(loan: LoanTerms, terms: ProjectTerms, draws: FloatArray, cash: FloatArray) -> LoanTerms:
    """The first path's loan."""
    assert terms.loan is not None, "checked by the callers"
    several = np.count_nonzero(draws) > 1 or terms.loan.draws is not None
    return replace(
        loan,
        principal_usd=float(draws.sum()),
        draws=draws if several else None,
        closing_cost_usd=terms.loan.closing_cost_usd,
        service_weights=np.maximum(cash, 0.0) if loan.shape == "sculpted" else None,
    )


def _with_cost(schedule: LoanSchedule, loan: LoanTerms, periods: Periods) -> LoanSchedule:
    """The schedule with the closing cost, which does not depend on the debt."""
    if loan.closing_cost_usd == 0.0:
        return schedule
    only = schedule_of(
        replace(loan, upfront_fee_frac=0.0, commitment_fee=0.0),
        periods,
        np.zeros((1, periods.count)),
        np.zeros((1, periods.count)),
    )
    return replace(schedule, fee=schedule.fee + only.fee, fee_amortised=schedule.fee_amortised + only.fee_amortised)


def _funding(
    terms: ProjectTerms, periods: Periods, service: FloatArray, opex: FloatArray | None, paths: int
) -> FundingTerms:
    """What has to be paid until the period before the first payment."""
    loan, lender = terms.loan, terms.lender or LenderTerms()
    assert loan is not None, "checked by the callers"
    start = loan.first_payment_month - 1
    capex = np.sum([np.zeros(periods.count), *terms.capex_cost.values()], axis=0)
    funded = lender.reserve_at_close or terms.owners_pay_all
    held = lender.reserve_months / periods.months if funded else 0.0
    end = construction_months(terms) - 1
    stored = np.zeros(paths)
    if opex is not None and funded:
        stored = stored + ahead(opex, lender.opex_reserve_months / periods.months, max(end, 0))[:, start]
    return FundingTerms(
        capex=capex[None, : start + 1],
        rates=loan.period_rates(periods)[: start + 1],
        commitment_fee=(loan.commitment_fee * periods.fractions)[: start + 1],
        upfront_fee_frac=loan.upfront_fee_frac,
        fixed_at_close=np.full(paths, loan.closing_cost_usd),
        fixed_at_end=stored,
        reserve_per_dollar=ahead(service, held, start)[:, start] * np.ones(paths),
    )


def _limits(terms: ProjectTerms, sizing: SizingTerms, cash: FloatArray, service: FloatArray) -> dict[str, FloatArray]:
    """Largest debt at the first payment under each limit on cash, (paths,), and a check of all limits."""
    loan = terms.loan
    assert loan is not None, "checked by the callers"
    for name in ("target_dscr", "minimum_llcr", "amount_usd", "appraisal_usd"):
        given = getattr(sizing, name)
        if given is not None and not given > 0.0:
            raise ScenarioError(f"debt.{name} = {given}, must be above 0")
    for name in ("gearing", "advance_rate", "maximum_ltv"):
        given = getattr(sizing, name)
        if given is not None and not 0.0 < given <= 1.0:
            raise ScenarioError(f"debt.{name} = {given}, must be above 0 and at most 1")
    if sizing.target_dscr is not None and loan.shape == "sculpted" and loan.balloon_frac > 0.0:
        raise ScenarioError(f"debt.balloon_frac = {loan.balloon_frac}, must be 0 where service is sculpted to a cover")
    limits: dict[str, FloatArray] = {}
    life = loan.window.slice
    if sizing.target_dscr is not None:
        asked, paid = service[:, life].copy(), cash[:, life]
        asked[:, -1] -= loan.left_for_last
        worst = np.where(asked > 0.0, paid / np.where(asked > 0.0, asked, 1.0), np.inf).min(axis=1)
        # a path without cash has no sculpted service to divide by
        limits["DSCR"] = np.where(np.isfinite(worst), np.maximum(worst, 0.0), 0.0) / sizing.target_dscr
    if sizing.minimum_llcr is not None:
        factors = discount_to(loan.period_rates(terms.timing), loan.first_payment_month - 1)
        limits["LLCR"] = np.maximum(cash[:, life] @ factors[life], 0.0) / sizing.minimum_llcr
    return limits


def _worth(terms: ProjectTerms, sizing: SizingTerms, cash: FloatArray) -> FloatArray:
    """The site's worth at the first payment, (paths,): as appraised, else what cash to the end is worth. [USD]"""
    if sizing.appraisal_usd is not None:
        return np.full(cash.shape[0], sizing.appraisal_usd)
    assert terms.loan is not None, "checked by the callers"
    years, first = terms.timing.years, terms.loan.first_payment_month
    ahead_of = (1.0 + terms.discount_rate) ** -(years[first:] - years[first - 1])
    return np.asarray(np.maximum(cash[:, first:] @ ahead_of, 0.0))


_FIELDS: Final = {
    "DSCR": "debt.target_dscr",
    "LLCR": "debt.minimum_llcr",
    "gearing": "debt.gearing_frac",
    "LTV": "debt.maximum_ltv",
}
"""Field of a scenario that asks for a limit."""


def _smallest(limits: dict[str, FloatArray], paths: int) -> tuple[FloatArray, tuple[str, ...]]:
    """Smallest of the allowed sizes and the name of the limit that set it, by path."""
    names, sizes = list(limits), np.stack([np.broadcast_to(limit, (paths,)) for limit in limits.values()])
    size = sizes.min(axis=0)
    if not np.any(size > 0.0):
        binding = _FIELDS.get(names[int(sizes[:, 0].argmin())], "debt")
        raise InfeasibleError(
            f"{binding}: no cash before debt while the loan is repaid: nothing to borrow on; "
            "earn more than it costs to run, or leave [debt] out"
        )
    return size, tuple(names[i] for i in sizes.argmin(axis=0))
