"""What a reader must know of a use's debt before believing its numbers."""

from __future__ import annotations

from typing import Final

from megawatt.chain.links import Links
from megawatt.finance.credit import credit_measures
from megawatt.risk import Risk

__all__ = ["debt_notes", "handed_back_notes", "lending_notes"]


def debt_notes(links: Links) -> list[str]:
    """How the loan was sized, and the balloon that is due in cash."""
    capital = links.model.capital
    if capital.loan is None:
        return []
    notes, credit = [], credit_measures(links.base)
    if capital.sized_by:
        said = {"amount": "the amount that the scenario states as the most", "uses": "what there is to pay for"}
        limit = said.get(capital.sized_by, capital.sized_by)
        notes.append(f"The loan of {capital.loan.principal_usd:,.0f} USD is sized from the base case; {limit} binds.")
    if credit.balloon_usd and links.scenario.debt is not None and links.scenario.debt.refinance_payments == 0:
        notes.append(
            f"A balloon of {credit.balloon_usd:,.0f} USD is due in cash at the last payment; DSCR leaves it out."
        )
    return notes


def lending_notes(links: Links) -> list[str]:
    """What makes a loan none that a lender grants: nothing lent, more than is spent, hardly any money of the owners."""
    debt, notes = links.scenario.debt, []
    if links.model.capital.loan is None:
        amount = None if debt is None else debt.principal_usd or debt.share_of_machines_frac
        if amount is not None and amount.number() == 0.0:
            beside = "" if not debt or not debt.junior else " but what stands behind it"
            return [f"[debt] lends nothing{beside}: the amount of the loan is 0, so none of its terms counts."]
        return ["There is no loan: no month in which it is repaid earns anything that it could follow."] if debt else []
    credit = credit_measures(links.base)
    if credit.gearing_frac is not None and credit.gearing_frac > 1.0:
        notes.append(
            f"The loan is {credit.gearing_frac:.0%} of all that it could pay for (spending, fees, interest of "
            "construction): no lender lends more than is spent."
        )
    if credit.equity_frac is not None and credit.equity_frac < _LITTLE_EQUITY:
        notes.append(
            f"Owners put in {credit.equity_frac:.1%} of the uses: a return on next to nothing says nothing of the site."
        )
    return notes


_LITTLE_EQUITY: Final = 0.05
"""Share of the uses below which a return on the owners' money is called meaningless; assumed."""


def handed_back_notes(risk: Risk) -> list[str]:
    """A probability of default that is the tenant's own, put in and handed back."""
    credit = risk.credit
    if credit is None or not credit.handed_back or credit.tenant_default is None:
        return []
    return [
        f"The probability that debt service is missed ({credit.payment_default.probability:.2%}) is the tenant's "
        f"default probability that was put in ({credit.tenant_default:.2%} over the project): nothing else brings the "
        "loan down."
    ]
