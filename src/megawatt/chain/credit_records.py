"""What a credit committee reads of a use: debt by tranche, break-evens, the paper that holds them."""

from __future__ import annotations

from dataclasses import dataclass

from megawatt.finance.committee import Amount, Covenant, CreditYear, Maturity
from megawatt.risk.records import CreditRisk

__all__ = ["BreakEven", "CreditPaper", "Tranche"]


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where one input breaks one test of the loan, everything else as in the base case.

    Attributes
    ----------
    test : str
        ``lock-up``, ``covenant``, ``DSCR of 1.00×``, ``missed payment`` or ``balloon unpaid``.
    level : float or None
        Cover of the test; None for what is owed and unpaid.
    lever, unit : str
        The input that moves, e.g. the rent, and its unit.
    base : float
        The input in the base case.
    value : float or None
        The input at which the test is just broken; None where no value in the range breaks it, or mends a test that is
        broken in the base case.
    month : str or None
        Month of the event there, or in the base case where that is broken already.
    broken : bool
        The test is broken in the base case already: ``value`` is then what would mend it.
    """

    test: str
    level: float | None
    lever: str
    unit: str
    base: float
    value: float | None
    month: str | None
    broken: bool


@dataclass(frozen=True, slots=True)
class Tranche:
    """A loan of the base case: terms, and what is owed at the end of each calendar year. [USD]

    ``late_usd`` is what is due and unpaid at its last payment, ``repaid`` the month in which the last dollar is paid;
    None for never.
    """

    name: str
    drawn_usd: float
    rate: float
    shape: str
    first_payment: str
    last_payment: str
    balance_usd: tuple[float, ...]
    late_usd: float
    repaid: str | None


@dataclass(frozen=True, slots=True)
class CreditPaper:
    """What a credit committee reads of a use with debt.

    ``verdict`` says in sentences what breaks first, at which price, when, and what lenders lose. ``debt_usd`` is owed
    at the first payment; ``years`` are calendar years, ``tranches`` hold a balance for each of them.
    """

    verdict: tuple[str, ...]
    debt_usd: float
    sources: tuple[Amount, ...]
    uses: tuple[Amount, ...]
    years: tuple[CreditYear, ...]
    tranches: tuple[Tranche, ...]
    covenants: tuple[Covenant, ...]
    break_evens: tuple[BreakEven, ...]
    maturity: Maturity | None
    risk: CreditRisk
