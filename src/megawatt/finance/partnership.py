"""A joint venture's cash and tax among its partners: shares, and a flip once the investor has its return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.rates_of_return import irr

__all__ = ["Partners", "PartnershipTerms", "split"]


@dataclass(frozen=True, slots=True)
class PartnershipTerms:
    """The investor's shares; the sponsor has the rest.

    Attributes
    ----------
    equity_frac : float
        Of what owners put in.
    cash_frac, tax_frac : float
        Of distributions, and of income, losses and credits, until the flip.
    cash_after_frac, tax_after_frac : float
        From the period after the flip on; None: there is no flip, as in a plain joint venture.
    flip_irr : float, optional
        Annual return after tax that the investor has to have reached for the flip.
    """

    equity_frac: float
    cash_frac: float
    tax_frac: float
    cash_after_frac: float | None = None
    tax_after_frac: float | None = None
    flip_irr: float | None = None


@dataclass(frozen=True, slots=True)
class Partners:
    """What both get after tax, (periods,) each [USD], and the period of the flip; None for never."""

    investor: FloatArray
    sponsor: FloatArray
    flip: int | None


def split(
    terms: PartnershipTerms, equity_in: FloatArray, distributions: FloatArray, tax: FloatArray, years: FloatArray
) -> Partners:
    """Flows of both partners, one path.

    Taxes pass through to them: a tax below 0 is a saving that they use at once, credits included. Shares change in the
    period after the one in which the investor's return to date has first reached its target.

    Parameters
    ----------
    equity_in, distributions : (periods,)
        Before the owners' taxes. [USD]
    tax : (periods,)
        On the project's income at the partners' rate, less credits. [USD]
    years : (periods,)
        When each period's flows fall.

    Raises
    ------
    ScenarioError
        If a share is out of range, or a flip lacks its shares or its return.
    """
    _check(terms)
    cash, taxed, flip = terms.cash_frac, terms.tax_frac, None
    investor = np.zeros(distributions.size)
    for k in range(distributions.size):
        investor[k] = cash * distributions[k] - taxed * tax[k] - terms.equity_frac * equity_in[k]
        if terms.flip_irr is None or flip is not None:
            continue
        reached = float(irr(investor[None, : k + 1], years[: k + 1]).rate[0])
        if reached >= terms.flip_irr:
            flip = k
            assert terms.cash_after_frac is not None, "checked"
            assert terms.tax_after_frac is not None, "checked"
            cash, taxed = terms.cash_after_frac, terms.tax_after_frac
    return Partners(investor, distributions - tax - equity_in - investor, flip)


def _check(terms: PartnershipTerms) -> None:
    shares = (terms.equity_frac, terms.cash_frac, terms.tax_frac, terms.cash_after_frac, terms.tax_after_frac)
    if not all(share is None or 0.0 <= share <= 1.0 for share in shares):
        raise ScenarioError(f"partnership: shares {shares}, must be between 0 and 1")
    given = [value is not None for value in (terms.cash_after_frac, terms.tax_after_frac, terms.flip_irr)]
    if any(given) and not all(given):
        raise ScenarioError("partnership: a flip needs cash_after_frac, tax_after_frac and flip_irr together")
