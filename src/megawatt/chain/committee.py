"""The paper of a credit committee: one use's loan from sources to loss, and what breaks it first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.chain.break_even import break_evens
from megawatt.chain.credit_records import BreakEven, CreditPaper, Tranche
from megawatt.chain.debt_notes import lending_notes
from megawatt.chain.links import Links
from megawatt.finance import CashFlow, make_spine
from megawatt.finance.committee import (
    Amount,
    Maturity,
    covenants,
    credit_years,
    maturity,
    periods_of_year,
    sources_and_uses,
)
from megawatt.finance.facilities import Facility
from megawatt.finance.measures import CENT
from megawatt.finance.tranches import Tranche as Junior
from megawatt.risk import CreditRisk, Risk

__all__ = ["credit_paper"]


def credit_paper(links: Links, risk: Risk) -> CreditPaper | None:
    """What a committee reads of a use; None where it carries no debt.

    Parameters
    ----------
    links : Links
        The base case.
    risk : Risk
        Its simulation.
    """
    cash = links.base
    if cash.terms.loan is None or risk.credit is None:
        return None
    sources, uses = sources_and_uses(cash)
    years, found = credit_years(cash), break_evens(links)
    owed = float(cash.debt_balance[0, cash.terms.loan.first_payment_month - 1])
    due = maturity(cash)
    return CreditPaper(
        verdict=(*lending_notes(links), *_verdict(found, risk.credit, owed, due), *_cured(cash), *_drawn(cash)),
        debt_usd=owed,
        sources=_behind(links, cash, sources),
        uses=uses,
        years=years,
        tranches=_tranches(links, cash, tuple(year.balance_usd for year in years)),
        covenants=covenants(cash),
        break_evens=found,
        maturity=due,
        risk=risk.credit,
    )


def _behind(links: Links, cash: CashFlow, sources: tuple[Amount, ...]) -> tuple[Amount, ...]:
    """Sources with what tranches behind the loan bring in place of the owners' money."""
    loan, stack = cash.terms.loan, links.stack
    if stack is None or loan is None:
        return sources
    drawn = [Amount(t.terms.name, float(t.draw[0, : loan.first_payment_month].sum())) for t in stack.tranches]
    theirs = sum(amount.usd for amount in drawn)
    rows = [Amount(a.name, a.usd - theirs) if a.name == "owners" else a for a in sources]
    place = next((k for k, a in enumerate(rows) if a.name == "owners"), len(rows))
    return tuple(a for a in (*rows[:place], *drawn, *rows[place:]) if abs(a.usd) > CENT)


def _tranches(links: Links, cash: CashFlow, balances: tuple[float, ...]) -> tuple[Tranche, ...]:
    loan, spine = cash.terms.loan, links.model.calendar.spine
    if loan is None:
        return ()
    rate = loan.rate if loan.rate_by_period is None else float(loan.rate_by_period[loan.first_payment_month])
    first, last = spine.label(loan.first_due_month), spine.label(loan.last_payment_month)
    # what facilities are owed after the last payment is arrears of theirs
    lent = sum((line.balance[0] for line in cash.facilities), np.zeros(cash.terms.months))
    ends = _ends(np.maximum(cash.arrears[0] - lent, 0.0), cash.debt_balance[0], loan.last_payment_month, spine.label)
    senior = Tranche("loan", float(cash.debt_draw[0].sum()), rate, loan.shape, first, last, balances, *ends)
    stack = links.stack
    beside = tuple(_facility(line, cash, spine.label) for line in cash.facilities)
    return (senior, *beside, *(_junior(junior, cash, spine.label) for junior in (stack.tranches if stack else ())))


def _facility(line: Facility, cash: CashFlow, label: Callable[[int], str]) -> Tranche:
    """A facility beside the loan: what is drawn of it."""
    loan, ends = cash.terms.loan, np.flatnonzero(np.diff(periods_of_year(cash)[1], append=-1))
    assert loan is not None, "no facility without a loan"
    late = float(line.balance[0, loan.last_payment_month])
    owing = np.flatnonzero(line.balance[0] > CENT)
    after = int(owing[-1]) + 1 if owing.size else 0
    return Tranche(
        name=line.terms.name,
        drawn_usd=float(line.draw[0].sum()),
        rate=line.terms.rate,
        shape="as cash allows",
        first_payment=label(loan.first_due_month),
        last_payment=label(loan.last_payment_month),
        balance_usd=tuple(float(usd) for usd in line.balance[0, ends]),
        late_usd=late if late > CENT else 0.0,
        repaid=label(after) if 0 < after < line.balance.shape[1] else None,
    )


def _junior(junior: Junior, cash: CashFlow, label: Callable[[int], str]) -> Tranche:
    """A tranche behind the loan; its rate is what it costs, paid or added."""
    terms, ends = junior.terms, np.flatnonzero(np.diff(periods_of_year(cash)[1], append=-1))
    every = cash.terms.loan.every if cash.terms.loan else 1
    late, repaid = _ends(junior.arrears[0], junior.balance[0], terms.last_payment_month, label)
    return Tranche(
        name=terms.name,
        drawn_usd=float(junior.draw[0].sum()),
        rate=terms.rate + terms.pik_rate,
        shape=terms.shape,
        first_payment=label(terms.first_payment_month + every - 1),
        last_payment=label(terms.last_payment_month),
        balance_usd=tuple(float(usd) for usd in junior.balance[0, ends]),
        late_usd=late,
        repaid=repaid,
    )


def _ends(arrears: FloatArray, balance: FloatArray, last: int, label: Callable[[int], str]) -> tuple[float, str | None]:
    """What is due and unpaid after the last payment, and the month from which on nothing is owed; None for never."""
    owing = np.flatnonzero(balance > CENT)
    after = int(owing[-1]) + 1 if owing.size else last
    return float(arrears[last]), label(after) if after < balance.size else None


def _verdict(found: Sequence[BreakEven], risk: CreditRisk, debt_usd: float, due: Maturity | None) -> tuple[str, ...]:
    lines = [*_breaks(found), _probability(risk), _loss(risk, debt_usd)]
    if due is not None:
        lines.append(_refinanced(due))
    return tuple(line for line in lines if line)


def _cured(cash: CashFlow) -> list[str]:
    """What owners put in to cure the covenant in the base case."""
    paid = np.zeros(1) if cash.cures is None else cash.cures[0][cash.cures[0] > CENT]
    if not paid.sum() > 0.0:
        return []
    times = "once" if paid.size == 1 else f"{paid.size} times"
    put_in = f"${paid.sum() / 1e6:,.1f}m"
    return [f"Owners cure the covenant {times} in the base case, with {put_in}: cover is shown without it."]


def _drawn(cash: CashFlow) -> list[str]:
    """What banks have to pay in the base case out of facilities beside the loan."""
    label, said = make_spine(cash.terms.start_year, cash.terms.start_month, cash.terms.months).label, []
    for line in cash.facilities:
        owed, drawn = line.balance[0], np.flatnonzero(line.draw[0] > CENT)
        if not drawn.size:
            continue
        after = int(np.flatnonzero(owed > CENT)[-1]) + 1 if (owed > CENT).any() else int(drawn[-1])
        repaid = f"repaid by {label(after)}" if after < owed.size else "not repaid to the end of the project"
        most = f"${max(float(owed.max()), float(line.draw[0].max())) / 1e6:,.1f}m"
        said.append(
            f"The {line.terms.name} is drawn in the base case: first in {label(int(drawn[0]))}, in {drawn.size} "
            f"month{'s' if drawn.size > 1 else ''}, {most} at most, {repaid}."
        )
    return said


def _test(row: BreakEven) -> str:
    """A test in words: ``the covenant (DSCR 1.10x)``."""
    if row.level is None:
        return "a missed payment" if row.test == "missed payment" else "debt that is due at once and not repaid"
    return f"the {row.test} (DSCR {row.level:.2f}×)" if row.test in ("lock-up", "covenant") else "a DSCR of 1.00×"


def _amount(row: BreakEven, value: float) -> str:
    if not row.unit:
        return f"{value:.1%}"
    return f"${value:,.2f}" if value < 1000.0 else f"${value:,.0f}"


def _breaks(found: Sequence[BreakEven]) -> list[str]:
    """What breaks first and what a missed payment takes: by price, utilisation and delay."""
    by_test = {test: [row for row in found if row.test == test] for test in dict.fromkeys(row.test for row in found)}
    broken = [rows[0] for rows in by_test.values() if rows[0].broken]
    lines = _already(broken) if broken else []
    priced = [rows for rows in by_test.values() if rows[0].value is not None and not rows[0].broken]
    if priced:
        first = max(priced, key=lambda rows: rows[0].value or 0.0)
        lines.append(f"{'Next' if broken else 'First'} to break as prices fall: {_test(first[0])}, {_causes(first)}.")
        missed = by_test["missed payment"]
        lines.append(f"A payment is missed {_causes(missed)}." if first is not missed and not missed[0].broken else "")
    elif not broken:
        lines.append("No fall of the price breaks a test of the loan.")
    if not {"lock-up", "covenant"} & set(by_test):
        lines.append("No lock-up and no covenant is set: lenders can act only on a missed payment.")
    return lines


def _already(broken: Sequence[BreakEven]) -> list[str]:
    lines = [f"Broken in the base case: {_joined([f'{_test(r)} in {r.month}' for r in broken])}."]
    worst = max(broken, key=lambda row: row.value or 0.0)
    if worst.value is not None and all(row.value is not None for row in broken):
        more = worst.value / worst.base - 1.0
        lines.append(f"None is broken from {_amount(worst, worst.value)} {_PER[worst.unit]} on (up {more:.0%}).")
    return lines


def _causes(rows: Sequence[BreakEven]) -> str:
    said = [_cause(row) for row in rows if row.value is not None]
    return "at " + _joined(said, "or") if said else "in no case tried"


def _cause(row: BreakEven) -> str:
    value = row.value or 0.0
    if row.unit == "months":
        return f"{value:.0f} month{'s' if value > 1.0 else ''} of delay ({row.month})"
    fall = f"down {1.0 - value / row.base:.1%}, {row.month}" if row.unit else f"{row.month}"
    return f"{_amount(row, value)} {row.lever if not row.unit else _PER[row.unit]} ({fall})"


_PER: Final = {
    "USD/h": "a chip-hour",
    "USD/kW/month": "a kW-month",
    "USD/PH/day": "a PH-day",
    "USD": "a bitcoin that the network's hash rate follows",
    "USD/million": "a million tokens",
}
"""What a price is for, in words."""


def _joined(parts: Sequence[str], word: str = "and") -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _probability(risk: CreditRisk) -> str:
    found = risk.payment_default
    text = (
        f"Probability of a missed payment: {found.probability:.2%} (95 % of sampling {found.low:.2%} to "
        f"{found.high:.2%})"
    )
    if risk.handed_back:
        text += "; it is the tenant's default probability, put in and handed back"
    ends = risk.probability_at_range
    if risk.input_per_year is not None and risk.input_range is not None and ends is not None and ends[0] < ends[1]:
        (low, high), (at_low, at_high) = risk.input_range, ends
        text += (
            f". The tenant's default rate is an input, {risk.input_per_year:.2%} a year: over its range of {low:.2%} "
            f"to {high:.2%} the probability is {at_low:.2%} to {at_high:.2%}"
        )
    return text + "."


def _loss(risk: CreditRisk, debt_usd: float) -> str:
    share = risk.expected_loss_usd / debt_usd if debt_usd > 0.0 else 0.0
    if risk.loss_usd is None or risk.exposure_usd is None or risk.loss_given_default_frac is None:
        return "Nothing is missed on any path: no loss is seen."
    error = 1e4 * risk.expected_loss_error_usd / debt_usd if debt_usd > 0.0 else 0.0
    return (
        f"At default lenders are owed ${risk.exposure_usd / 1e6:,.0f}m and lose "
        f"{risk.loss_given_default_frac:.1%} of it (${risk.loss_usd / 1e6:,.1f}m): what cash and the sale never repay. "
        f"Expected loss ${risk.expected_loss_usd / 1e6:,.2f}m, {1e4 * share:,.1f} bp of the debt (sampling error "
        f"{error:,.1f} bp)."
    )


def _refinanced(due: Maturity) -> str:
    if due.dscr is None:
        seen = "nothing comes after it"
    else:
        value = "" if due.ltv_frac is None else f", LTV {due.ltv_frac:.0%}"
        seen = f"repaid to the end of the project it has a DSCR of {due.dscr:.2f}×{value}"
    agreed = f"; the case lends ${due.new_loan_usd / 1e6:,.0f}m anew" if due.agreed else ""
    return f"Refinancing: ${due.balloon_usd / 1e6:,.0f}m fall due in {due.month}; {seen}{agreed}."
