"""A financing over any periods, annual or dated: debt sized, drawn, served; reserves, tax, flows to owners.

Index 0 of the period axis is financial close. Rules:

* CFADS = revenue - opex + sale; before tax, or after tax (``cash_basis``), never with reserve movements.
* The debt is the smallest of what cover, gearing and loan life cover allow; ``binding`` says which.
* Reserves are funded when construction ends and follow the service or opex ahead; a fall is cash to owners.
* Tax of a tax year falls in its last period; state tax is deducted from federal income. Losses are refunded in the same
  year or carried forward, as the terms say. After-tax sizing is circular through interest and is iterated to rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError, SolverError
from megawatt.finance.construction import Drawn, FundingTerms, fund_advance, fund_pro_rata, size_at_gearing
from megawatt.finance.periods import Periods
from megawatt.finance.repayment import Repaid, Window, discount_to, repay, service_per_dollar
from megawatt.finance.reserves import ahead, movement
from megawatt.finance.taxes import TaxBase, income_taxes

__all__ = ["DebtTerms", "Financing", "ProjectFlows", "ReserveTerms", "finance_project"]

FloatArray = NDArray[np.float64]

_PASSES: Final = 200
_REST_USD: Final = 1e-7


@dataclass(frozen=True, slots=True)
class ProjectFlows:
    """The project before finance, USD by period, arrays (paths or 1, periods + 1) with the close at index 0.

    ``sale`` is what remains at the end (salvage, residual value): cash of operation of its period.
    """

    revenue: FloatArray
    opex: FloatArray
    capex: FloatArray
    sale: FloatArray

    @property
    def ebitda(self) -> FloatArray:
        """Revenue - opex + sale. [USD]"""
        return np.asarray(self.revenue - self.opex + self.sale, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class DebtTerms:
    """A debt and what limits it.

    Attributes
    ----------
    profile : str
        ``sculpted``, ``level``, ``equal-principal`` or ``bullet``.
    rate : float
        Annual nominal rate.
    window : Window
        Periods with service; construction is everything before.
    gearing : float, optional
        Largest share of total uses, reserves and financing costs included.
    target_dscr : float, optional
        Cover that the sculpted service keeps; for other profiles the lowest cover allowed.
    minimum_llcr : float, optional
        Lowest loan life cover at the start of the window.
    advance_rate : float, optional
        Draws are this share of capital spending, instead of any of the limits.
    capitalise : bool
        With ``advance_rate``: interest of construction is added to the balance.
    upfront_fee_frac, commitment_fee, closing_cost_usd : float
        Fee on the commitment at close, annual rate on what is undrawn, fixed cost at close.
    cash_basis : {'pre-tax', 'after-tax'}
        CFADS that sizes and sculpts.
    negative_service : bool
        Sculpted service follows negative CFADS too, instead of paying nothing then.
    balloon_frac : float
        Share of the debt that is left for the last service, bearing interest till then (not for ``sculpted``).
    """

    profile: str
    rate: float
    window: Window
    gearing: float | None = None
    target_dscr: float | None = None
    minimum_llcr: float | None = None
    advance_rate: float | None = None
    capitalise: bool = False
    upfront_fee_frac: float = 0.0
    commitment_fee: float = 0.0
    closing_cost_usd: float = 0.0
    cash_basis: Literal["pre-tax", "after-tax"] = "pre-tax"
    negative_service: bool = False
    balloon_frac: float = 0.0


@dataclass(frozen=True, slots=True)
class ReserveTerms:
    """Months of service and of opex ahead that are held, and the interest they earn. [annual rate]"""

    service_months: float = 0.0
    opex_months: float = 0.0
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Financing:
    """Statements, (paths, periods + 1), USD; sizes (paths,).

    ``interest`` is what accrues, ``capitalised`` the part that is not paid in cash. ``tax_base`` is what tax was
    computed on without the debt. ``binding`` names the limit that set the size, by path.
    """

    periods: Periods
    window: Window | None
    size: FloatArray
    uses: FloatArray
    binding: tuple[str, ...]
    cfads: FloatArray
    draws: FloatArray
    fees: FloatArray
    interest: FloatArray
    capitalised: FloatArray
    principal: FloatArray
    balance: FloatArray
    service_reserve: FloatArray
    opex_reserve: FloatArray
    reserve_interest: FloatArray
    federal_tax: FloatArray
    state_tax: FloatArray
    equity_pre_tax: FloatArray
    project_pre_tax: FloatArray
    project_tax: FloatArray

    @property
    def service(self) -> FloatArray:
        """Interest paid in cash and principal, in the periods of service. [USD]"""
        if self.window is None:
            return np.zeros_like(self.interest)
        inside = np.arange(self.interest.shape[1]) >= self.window.first
        return np.where(inside, self.interest - self.capitalised + self.principal, 0.0)

    @property
    def equity(self) -> FloatArray:
        """Flow to owners after tax. [USD]"""
        return self.equity_pre_tax - self.federal_tax - self.state_tax

    @property
    def project(self) -> FloatArray:
        """Flow of the project without debt, after its own tax. [USD]"""
        return self.project_pre_tax - self.project_tax


@dataclass(frozen=True, slots=True)
class _Debt:
    size: FloatArray
    binding: tuple[str, ...]
    drawn: Drawn
    repaid: Repaid
    service: FloatArray


def finance_project(
    periods: Periods,
    flows: ProjectFlows,
    debt: DebtTerms | None,
    reserves: ReserveTerms,
    tax: TaxBase,
) -> Financing:
    """Size the debt, serve it and say what is left for owners, on every path.

    Parameters
    ----------
    periods : Periods
        Accrual, discounting and tax years.
    flows : ProjectFlows
        The project before finance.
    debt : DebtTerms or None
        The debt; None for a project paid by its owners.
    reserves : ReserveTerms
        Reserves and their interest.
    tax : TaxBase
        Rates, depreciation and what happens to losses.

    Raises
    ------
    ScenarioError
        If terms are out of range or contradict each other.
    SolverError
        If after-tax sizing does not come to rest.
    """
    ebitda = np.atleast_2d(flows.ebitda)
    paths = max(part.shape[0] for part in (ebitda, np.atleast_2d(flows.capex)))
    ebitda = np.broadcast_to(ebitda, (paths, periods.count + 1))
    construction = debt.window.first - 1 if debt else 0
    opex_reserve = np.broadcast_to(
        ahead(np.atleast_2d(flows.opex), reserves.opex_months / periods.months, construction), ebitda.shape
    )
    rates = debt.rate * periods.fractions if debt else np.zeros(periods.count + 1)
    loan, interest_tax = _settle(periods, flows, debt, reserves, tax, ebitda, opex_reserve, rates)
    federal, state, cash = interest_tax
    earned = _reserve_interest(periods, reserves, loan.service_reserve + opex_reserve)
    opex_only = _reserve_interest(periods, reserves, opex_reserve)
    plain_federal, plain_state = income_taxes(ebitda + opex_only, tax, periods.tax_year)
    capex = np.broadcast_to(np.atleast_2d(flows.capex), ebitda.shape)
    project_flow = ebitda - capex - movement(opex_reserve) + opex_only
    financing_cost = loan.fees + loan.interest - loan.capitalised + loan.principal
    equity = ebitda - capex - movement(loan.service_reserve + opex_reserve) + earned + loan.draws - financing_cost
    return Financing(
        periods=periods,
        window=debt.window if debt else None,
        size=loan.size,
        uses=loan.uses,
        binding=loan.binding,
        cfads=cash,
        draws=loan.draws,
        fees=loan.fees,
        interest=loan.interest,
        capitalised=loan.capitalised,
        principal=loan.principal,
        balance=loan.balance,
        service_reserve=loan.service_reserve,
        opex_reserve=opex_reserve,
        reserve_interest=earned,
        federal_tax=federal,
        state_tax=state,
        equity_pre_tax=equity,
        project_pre_tax=project_flow,
        project_tax=plain_federal + plain_state,
    )


@dataclass(frozen=True, slots=True)
class _Loan:
    """The debt laid on the whole period axis."""

    size: FloatArray
    uses: FloatArray
    binding: tuple[str, ...]
    draws: FloatArray
    fees: FloatArray
    interest: FloatArray
    capitalised: FloatArray
    principal: FloatArray
    balance: FloatArray
    service_reserve: FloatArray


def _reserve_interest(periods: Periods, reserves: ReserveTerms, balance: FloatArray) -> FloatArray:
    """Interest on the balance at the end of the period before. [USD]"""
    out = np.zeros_like(balance)
    # the nominal length, not the debt's day count
    out[:, 1:] = reserves.rate * periods.months / 12.0 * balance[:, :-1]
    return out


def _settle(
    periods: Periods,
    flows: ProjectFlows,
    debt: DebtTerms | None,
    reserves: ReserveTerms,
    tax: TaxBase,
    ebitda: FloatArray,
    opex_reserve: FloatArray,
    rates: FloatArray,
) -> tuple[_Loan, tuple[FloatArray, FloatArray, FloatArray]]:
    """The loan with its taxes and CFADS; iterated where tax decides the size and interest decides the tax."""
    taxes = np.zeros_like(ebitda)
    for _ in range(_PASSES):
        cash = ebitda - taxes if debt is not None and debt.cash_basis == "after-tax" else ebitda
        loan = _loan(periods, flows, debt, reserves, cash, opex_reserve, rates)
        earned = _reserve_interest(periods, reserves, loan.service_reserve + opex_reserve)
        deductible = loan.interest + (_spread_fees(loan, debt) if tax.deduct_fees else 0.0)
        federal, state = income_taxes(ebitda + earned - deductible, tax, periods.tax_year)
        moved = float(np.abs(federal + state - taxes).max())
        taxes = federal + state
        if debt is None or debt.cash_basis == "pre-tax" or moved <= _REST_USD:
            return loan, (federal, state, cash)
    raise SolverError(
        f"after-tax debt sizing moves by {moved:,.2f} USD after {_PASSES} passes: tax and size chase each other; "
        "size on pre-tax cash or lower the tax rate"
    )


def _spread_fees(loan: _Loan, debt: DebtTerms | None) -> FloatArray:
    """Upfront and commitment fees deducted evenly from close to the last service."""
    out = np.zeros_like(loan.interest)
    if debt is not None:
        out[:, 1 : debt.window.last + 1] = loan.fees.sum(axis=1, keepdims=True) / debt.window.last
    return out


def _loan(
    periods: Periods,
    flows: ProjectFlows,
    debt: DebtTerms | None,
    reserves: ReserveTerms,
    cash: FloatArray,
    opex_reserve: FloatArray,
    rates: FloatArray,
) -> _Loan:
    shape = cash.shape
    capex = np.broadcast_to(np.atleast_2d(flows.capex), shape)
    if debt is None:
        none = np.zeros(shape)
        uses = capex.sum(axis=1) + opex_reserve[:, 0]
        return _Loan(np.zeros(shape[0]), uses, ("none",) * shape[0], none, none, none, none, none, none, none)
    start = debt.window.first - 1
    service = _service_per_dollar(debt, rates, cash)
    reserve = ahead(service, reserves.service_months / periods.months, start)
    terms = FundingTerms(
        capex=capex[:, : start + 1],
        rates=rates[: start + 1],
        commitment_fee=debt.commitment_fee * periods.fractions[: start + 1],
        upfront_fee_frac=debt.upfront_fee_frac,
        fixed_at_close=np.full(shape[0], debt.closing_cost_usd),
        fixed_at_end=opex_reserve[:, start],
        reserve_per_dollar=np.broadcast_to(reserve[:, start], shape[:1]),
    )
    if debt.advance_rate is not None:
        drawn = fund_advance(terms, debt.advance_rate, capitalise=debt.capitalise)
        size, binding = drawn.balance[:, -1], ("advance rate",) * shape[0]
    else:
        size, binding = _size(debt, terms, service, cash, rates)
        drawn = fund_pro_rata(terms, size)
    repaid = repay(size, size[:, None] * service, rates, debt.window)
    fees = _laid(drawn.fees, shape)
    fees[:, 0] += debt.closing_cost_usd
    balance = repaid.balance.copy()
    balance[:, : start + 1] = drawn.balance
    return _Loan(
        size=size,
        uses=drawn.uses.sum(axis=1),
        binding=binding,
        draws=_laid(drawn.draws, shape),
        fees=fees,
        interest=_laid(drawn.interest, shape) + repaid.interest,
        capitalised=_laid(drawn.capitalised, shape),
        principal=repaid.principal,
        balance=balance,
        service_reserve=size[:, None] * reserve,
    )


def _service_per_dollar(debt: DebtTerms, rates: FloatArray, cash: FloatArray) -> FloatArray:
    """Service per dollar of debt: the profile's on what is repaid by instalments, a bullet's on the balloon."""
    share = debt.balloon_frac
    if not 0.0 <= share <= 1.0 or (share > 0.0 and debt.profile == "sculpted"):
        raise ScenarioError(f"debt.balloon_frac = {share} with {debt.profile}, must be 0 to 1, and 0 where sculpted")
    service = service_per_dollar(debt.profile, rates, debt.window, cash, negative=debt.negative_service)
    if share == 0.0:
        return service
    return (1.0 - share) * service + share * service_per_dollar("bullet", rates, debt.window)


def _laid(early: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Construction's columns on the whole period axis, zeros after."""
    out = np.zeros(shape)
    out[:, : early.shape[1]] = early
    return out


def _size(
    debt: DebtTerms, terms: FundingTerms, service: FloatArray, cash: FloatArray, rates: FloatArray
) -> tuple[FloatArray, tuple[str, ...]]:
    """Smallest of the allowed sizes and the name of the limit that set it, by path."""
    paid = cash[:, debt.window.slice]
    limits: dict[str, FloatArray] = {}
    if debt.target_dscr is not None:
        if not debt.target_dscr > 0.0:
            raise ScenarioError(f"debt.target_dscr = {debt.target_dscr}, must be above 0 (1.35 is usual)")
        shape = service[:, debt.window.slice]
        worst = np.where(shape > 0.0, paid / np.where(shape > 0.0, shape, 1.0), np.inf).min(axis=1)
        limits["DSCR"] = np.maximum(worst, 0.0) / debt.target_dscr
    if debt.minimum_llcr is not None:
        worth = paid @ discount_to(rates, debt.window.first - 1)[debt.window.slice]
        limits["LLCR"] = np.maximum(worth, 0.0) / debt.minimum_llcr
    if debt.gearing is not None:
        if not 0.0 < debt.gearing <= 1.0:
            raise ScenarioError(f"debt.gearing = {debt.gearing}, must be above 0 and at most 1 (share of total uses)")
        limits["gearing"] = size_at_gearing(terms, np.full(cash.shape[0], debt.gearing))
    if not limits:
        raise ScenarioError("debt: nothing sizes it; give a target DSCR, a gearing, an LLCR or an advance rate")
    names, sizes = list(limits), np.stack(list(limits.values()))
    smallest = sizes.argmin(axis=0)
    return sizes.min(axis=0), tuple(names[i] for i in smallest)
