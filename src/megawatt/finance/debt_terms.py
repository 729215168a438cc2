"""What lenders and owners agree: the loan, what is asked beside payment on time, facilities, money behind the loan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.finance.periods import Periods
from megawatt.finance.repayment import Window, gathered

__all__ = ["FacilityTerms", "FloatingRate", "JuniorTerms", "LenderTerms", "LoanTerms", "Refinancing"]


@dataclass(frozen=True, slots=True)
class FloatingRate:
    """The part of a loan that is not hedged: its share, the reference rate expected by period, (periods,), and its
    floor; annual rates.
    """

    part_frac: float
    reference: FloatArray
    floor: float = 0.0


@dataclass(frozen=True, slots=True)
class LoanTerms:
    """A term loan, drawn once during construction or in parts.

    Attributes
    ----------
    principal_usd : float
        Amount drawn, all draws together (capitalised interest comes on top where ``capitalise_interest``).
    rate : float
        Annual nominal rate; interest is rate x year fraction (a month: 1/12, 30/360) on the opening balance.
    draw_month, first_payment_month, last_payment_month : int
        Indices of the project's periods.
    shape : str
        ``level`` (equal payments), ``equal-principal``, ``sculpted`` (payments follow ``service_weights``), ``dated``
        (principal as ``principal_frac`` says) or ``bullet``.
    upfront_fee_frac, closing_cost_usd : float
        Fee on the principal and fixed cost, paid in ``draw_month``.
    commitment_fee : float
        Annual rate on what is not drawn yet, paid until the period before the first payment.
    deduct_fees : bool
        Fees are deducted for tax evenly from the draw to the last payment.
    interest_only : int
        Payments at the start that repay nothing (``level``, ``equal-principal``).
    service_weights : (months,), optional
        For ``sculpted``: interest plus principal of each payment is in proportion to these, >= 0; usually the base
        case's
        cash before debt, so that cover is even over the loan's life.
    draws : (months,), optional
        Delayed draws; they sum to ``principal_usd``. None: all of it in ``draw_month``.
    clock_months : int, optional
        Each draw is repaid on a clock of its own: its last payment falls this many months after it, its first
        ``first_payment_month`` - ``draw_month`` months after it. ``last_payment_month`` is then the last draw's.
    balloon_frac : float
        Share of what is owed at the first payment that is left for the last payment on top of it (not for ``bullet``).
    rate_by_period : (months,), optional
        Annual rate of each period, for a loan that floats; ``rate`` is then not used.
    floating : FloatingRate, optional
        What of it moves on paths of money (`MoneyPaths`): scheduled principal stays, interest follows the path.
    every : int
        Periods of the project in a payment period: 3 pays the months of a quarter together at its end. Payment periods
        start with ``first_payment_month``; interest is simple within one. Before it interest falls each period.
    principal_frac : (months,), optional
        For ``dated``: share of what is owed at the first payment that is repaid in each period; the rest falls to the
        last payment.
    """

    principal_usd: float
    rate: float
    draw_month: int
    first_payment_month: int
    last_payment_month: int
    shape: str = "level"
    upfront_fee_frac: float = 0.0
    capitalise_interest: bool = True
    service_weights: FloatArray | None = None
    draws: FloatArray | None = None
    clock_months: int | None = None
    balloon_frac: float = 0.0
    interest_only: int = 0
    commitment_fee: float = 0.0
    closing_cost_usd: float = 0.0
    deduct_fees: bool = True
    rate_by_period: FloatArray | None = None
    floating: FloatingRate | None = None
    every: int = 1
    principal_frac: FloatArray | None = None

    def period_rates(self, periods: Periods) -> FloatArray:
        """Interest that falls due in each period on its opening balance, year fraction included, (periods,)."""
        annual = self.rate if self.rate_by_period is None else self.rate_by_period
        return self.gathered(np.asarray(annual * periods.fractions, dtype=np.float64))

    def gathered(self, flows: FloatArray) -> FloatArray:
        """Flows of each payment period, (..., periods), in the period of its payment."""
        return gathered(flows, self.first_payment_month, self.every)

    @property
    def first_due_month(self) -> int:
        """Period of the first payment: the last of the first payment period."""
        return self.first_payment_month + self.every - 1

    @property
    def payments(self) -> int:
        """Number of payments."""
        return (self.last_payment_month - self.first_payment_month + 1) // self.every

    @property
    def left_for_last(self) -> float:
        """Share of what is owed at the first payment that the last one repays at once."""
        if self.principal_frac is not None:
            return max(1.0 - float(self.principal_frac.sum()), 0.0)
        return 1.0 if self.shape == "bullet" else self.balloon_frac

    @property
    def window(self) -> Window:
        """Periods with service."""
        return Window(self.first_payment_month, self.last_payment_month, self.interest_only, self.every)


@dataclass(frozen=True, slots=True)
class Refinancing:
    """A new level loan that repays what the old one leaves at its last payment.

    Attributes
    ----------
    rate : float
        Annual nominal rate of the new loan.
    payments : int
        Payments of the new loan, from the period after on.
    minimum_dscr : float
        The new lender lends at most what the last twelve months' CFADS carries at this cover; the rest is due in cash.
    reference_rate : float
        Part of the rate that moves with floating rates on paths of money; the rest moves with credit spreads.
    """

    rate: float
    payments: int
    minimum_dscr: float
    reference_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class LenderTerms:
    """What lenders ask for beside payment on time.

    Attributes
    ----------
    reserve_months : float
        Months of debt service ahead that are kept (DSRA); filled from cash before owners are paid, used before a
        payment is missed, released with the debt.
    opex_reserve_months : float
        Months of running cost ahead that are kept beside, from the end of construction on.
    reserve_rate : float
        Interest on all reserves, annual rate on the balance at the end of the period before; taxed, not in CFADS.
    reserve_at_close : bool
        Owners fill the reserves in the last period of construction.
    interest_reserve : bool
        Interest that falls due in cash before the first payment is put aside at the draw and paid from there.
    other_reserve_usd : (months,), optional
        Further restricted cash, e.g. for replacing chips, filled after the debt service reserve.
    sweep_frac : float
        Share of the cash that owners would get that prepays the loan, the last instalments first.
    lockup_dscr : float, optional
        Below this trailing-twelve-month cover nothing is distributed.
    lockup_release_tests : int
        Clean tests in a row after which distributions resume.
    covenant_dscr : float, optional
        Below this cover the covenant is breached.
    test_every_months : int
        Months between tests, counted from the first payment; the first test needs twelve months of service.
    proceeds_usd : (paths, months), optional
        Termination and insurance payments. They are in the cash of operation; after arrears and reserves they are held
        for service and bills until ``proceeds_until``, meanwhile owners get nothing; the rest prepays the loan.
    proceeds_until : (paths,) of int, optional
        Last period that they are held for: when the halls are let again. None: all of it prepays at once.
    prepayment_order : {'pro-rata', 'inverse'}
        They lower every later instalment in proportion, or take the last ones away.
    refinancing : Refinancing, optional
        How the balloon is refinanced; None: it is due in cash.
    target_frac : (months,), optional
        Balance below which the sweep takes nothing, as a share of what is owed at the first payment; infinite where it
        takes nothing at all.
    prepaid_frac : (months,), optional
        Principal, a share of the same, that owners repay ahead, from what they would get and else from their pocket:
        the last instalments first; not while they are locked up or service is unpaid.
    premium_frac : (months,), optional
        Premium on whatever is prepaid in each period (a call price less 1).
    make_whole_rate : float, optional
        Until ``par_month`` the premium is what the prepaid instalments, their interest and the call price are worth at
        this annual rate, less what is prepaid.
    par_month : int, optional
        First period with a call price; None: the last payment.
    cures_most, cures_per_year : int
        Breaches of the covenant that owners cure, in all and within twelve months: they put in what the cash of the
        tested year lacks. It counts in that year's tests, and while it counts nothing is distributed.
    facilities : tuple of FacilityTerms
        Drawn in this order before a payment is missed.
    """

    reserve_months: float = 0.0
    reserve_at_close: bool = False
    interest_reserve: bool = False
    other_reserve_usd: FloatArray | None = None
    sweep_frac: float = 0.0
    lockup_dscr: float | None = None
    lockup_release_tests: int = 1
    covenant_dscr: float | None = None
    test_every_months: int = 3
    refinancing: Refinancing | None = None
    proceeds_usd: FloatArray | None = None
    proceeds_until: NDArray[np.int64] | None = None
    prepayment_order: Literal["pro-rata", "inverse"] = "pro-rata"
    opex_reserve_months: float = 0.0
    reserve_rate: float = 0.0
    target_frac: FloatArray | None = None
    prepaid_frac: FloatArray | None = None
    premium_frac: FloatArray | None = None
    make_whole_rate: float | None = None
    par_month: int | None = None
    cures_most: int = 0
    cures_per_year: int = 0
    facilities: tuple[FacilityTerms, ...] = ()


@dataclass(frozen=True, slots=True)
class FacilityTerms:
    """A revolver, or a letter of credit that stands in for a debt service reserve.

    It is drawn where service cannot be paid in cash, between the loan's first and last payment, and repaid from the
    first cash after service. Interest on what is drawn is added to it. What is drawn at the last payment is due then.

    Attributes
    ----------
    name : str
        What it is called.
    limit_usd : float
        Most that is drawn, interest included.
    limit_months : float
        The same in months of the loan's mean service, balloon left out; added to ``limit_usd``.
    rate : float
        Annual rate on what is drawn.
    fee : float
        Annual fee on what is not drawn, paid before service.
    pays_bills : bool
        Drawn for bills of operation too.
    """

    name: str
    limit_usd: float = 0.0
    limit_months: float = 0.0
    rate: float = 0.0
    fee: float = 0.0
    pays_bills: bool = False


@dataclass(frozen=True, slots=True)
class JuniorTerms:
    """A junior tranche.

    Attributes
    ----------
    name, kind : str
        What it is called, and what it is; the kind changes no number.
    amount_usd : float
        Drawn in proportion to the owners' money, in whose place it comes.
    rate, pik_rate : float
        Annual rates paid in cash, and added to the balance. Cash interest that cannot be paid is added too.
    first_payment_month, last_payment_month : int
        Periods between which principal falls due; cash interest is owed from the first on.
    shape : str
        ``bullet``: all of it in the last period; ``equal-principal``.
    sweep_frac : float
        Share of what is left after what is due that prepays it.
    converted_worth : float, optional
        Worth of the shares that a dollar of principal converts into at the last payment; 1 or more: it converts, and
        nothing of it is paid in cash. None: it cannot convert.
    share_beta : float
        Per cent that this worth moves with each per cent of shares at large, on paths of money.
    """

    name: str
    kind: str
    amount_usd: float
    rate: float
    pik_rate: float
    first_payment_month: int
    last_payment_month: int
    shape: str = "bullet"
    sweep_frac: float = 0.0
    converted_worth: float | None = None
    share_beta: float = 0.0
