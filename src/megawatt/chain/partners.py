"""What the partners of a use put in, get and are taxed on, base case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.finance import Spine, irr, net_present_value_usd
from megawatt.finance.partnership import Partner, Partners, PartnershipTerms, split
from megawatt.months import months_between
from megawatt.scenario.partnership_section import Partnership

if TYPE_CHECKING:
    from megawatt.chain.links import Links

__all__ = ["PartnerResult", "Venture", "partnership_terms", "venture"]


@dataclass(frozen=True, slots=True)
class PartnerResult:
    """A partner's totals over the project. [USD]

    ``tax_usd`` is what it pays on its share of the income, below 0 what it saves; 0 where the project pays. ``irr`` and
    ``npv_usd`` (at the project's discount rate) are after tax; None: no or several rates.
    """

    name: str
    equity_usd: float
    received_usd: float
    tax_usd: float
    npv_usd: float
    irr: float | None


@dataclass(frozen=True, slots=True)
class Venture:
    """Partners of the base case: the investor, then the sponsor.

    ``terms`` holds the shares; ``flip`` is the first month with the later ones, ``YYYY-MM``, None for never.
    """

    partners: tuple[PartnerResult, PartnerResult]
    taxed: str
    terms: PartnershipTerms
    flip: str | None


def partnership_terms(section: Partnership, spine: Spine) -> PartnershipTerms:
    """Shares of a scenario's partnership, what it leaves open filled in."""
    equity = section.equity_frac.number()
    cash = section.cash_frac.number() if section.cash_frac else equity
    after = section.cash_after_frac.number() if section.cash_after_frac else None
    taxed_after = section.tax_after_frac.number() if section.tax_after_frac else after
    return PartnershipTerms(
        equity_frac=equity,
        cash_frac=cash,
        tax_frac=section.tax_frac.number() if section.tax_frac else cash,
        cash_after_frac=after,
        tax_after_frac=taxed_after,
        flip_irr=section.flip_irr.number() if section.flip_irr else None,
        flip_period=months_between(spine.label(0), section.flip_month) if section.flip_month else None,
    )


def venture(links: Links) -> Venture | None:
    """What each partner has of a use; None where it has no partnership."""
    section, spine = links.scenario.partnership, links.model.calendar.spine
    if section is None:
        return None
    terms, found = partnership_terms(section, spine), partners(links, section)
    cash, flip = links.base.terms, int(found.flip)
    both = (
        _result(name, partner, cash.discount_rate, cash.timing.years)
        for name, partner in ((section.investor, found.investor), (section.sponsor, found.sponsor))
    )
    investor, sponsor = both
    return Venture(
        partners=(investor, sponsor),
        taxed=section.taxed,
        terms=terms,
        flip=spine.label(flip + 1) if 0 <= flip < spine.months - 1 else None,
    )


def partners(links: Links, section: Partnership) -> Partners:
    """Both partners by month, base case: behind the tranches that stand before the owners."""
    cash, stack = links.base, links.stack
    put_in, paid = (stack or cash).equity_in[0], (stack or cash).distributions[0]
    tax = np.zeros_like(paid) if cash.owners_tax is None else cash.owners_tax[0]
    return split(partnership_terms(section, links.model.calendar.spine), put_in, paid, tax, cash.terms.timing.years)


def _result(name: str, partner: Partner, discount_rate: float, years: FloatArray) -> PartnerResult:
    rate = float(irr(partner.flow[None], years).rate[0])
    return PartnerResult(
        name=name,
        equity_usd=float(partner.equity_in.sum()),
        received_usd=float(partner.distributions.sum()),
        tax_usd=float(partner.tax.sum()),
        npv_usd=float(net_present_value_usd(partner.flow[None], discount_rate, years)[0]),
        irr=rate if np.isfinite(rate) and partner.equity_in.any() else None,
    )
