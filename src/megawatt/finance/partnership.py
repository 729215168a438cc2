"""A joint venture's cash and tax among its partners: shares, a flip at a date or once the investor has its return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError

__all__ = ["Partner", "Partners", "PartnershipTerms", "split"]

_ROUNDING = 1e-12
"""Share of what was put in by which a return may fall short of its target: rounding."""


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
    flip_period : int, optional
        First period with the later shares, instead.
    """

    equity_frac: float
    cash_frac: float
    tax_frac: float
    cash_after_frac: float | None = None
    tax_after_frac: float | None = None
    flip_irr: float | None = None
    flip_period: int | None = None


@dataclass(frozen=True, slots=True)
class Partner:
    """What a partner puts in, gets and pays in tax (below 0: saves), (..., periods). [USD]"""

    equity_in: FloatArray
    distributions: FloatArray
    tax: FloatArray

    @property
    def flow(self) -> FloatArray:
        """After tax. [USD]"""
        return np.asarray(self.distributions - self.tax - self.equity_in)


@dataclass(frozen=True, slots=True)
class Partners:
    """Both partners, and the last period with the first shares, (...,); -1 for never."""

    investor: Partner
    sponsor: Partner
    flip: IntArray


def split(
    terms: PartnershipTerms, equity_in: FloatArray, distributions: FloatArray, tax: FloatArray, years: FloatArray
) -> Partners:
    """Flows of both partners on every path.

    Taxes pass through to them: a tax below 0 is a saving that they use at once, credits included. Shares change in the
    period after the one in which what the investor has got, discounted at its target, has first repaid what it put in.

    Parameters
    ----------
    equity_in, distributions : (..., periods)
        Before the owners' taxes. [USD]
    tax : (..., periods)
        On the project's income at the partners' rate, less credits. [USD]
    years : (periods,)
        When each period's flows fall.

    Raises
    ------
    ScenarioError
        If a share is out of range, or a flip lacks its shares or its return.
    """
    _check(terms)
    shape = distributions.shape
    cash, taxed = np.full(shape, terms.cash_frac), np.full(shape, terms.tax_frac)
    flipped, flip = np.zeros(shape[:-1], dtype=np.bool_), np.full(shape[:-1], -1, dtype=np.int64)
    worth = put_in = np.zeros(shape[:-1])
    invested = np.zeros(shape[:-1], dtype=np.bool_)
    growth = (1.0 + (terms.flip_irr or 0.0)) ** -years
    for k in range(shape[-1]):
        if terms.cash_after_frac is None or terms.tax_after_frac is None:
            break
        cash[..., k] = np.where(flipped, terms.cash_after_frac, cash[..., k])
        taxed[..., k] = np.where(flipped, terms.tax_after_frac, taxed[..., k])
        paid = terms.equity_frac * equity_in[..., k]
        got = cash[..., k] * distributions[..., k] - taxed[..., k] * tax[..., k]
        worth, put_in = worth + (got - paid) * growth[k], put_in + paid * growth[k]
        # whoever has never been out of pocket has no return
        short = worth < -_ROUNDING * put_in
        invested, reached = invested | short, invested & ~short
        reached = reached if terms.flip_period is None else np.full(shape[:-1], k + 1 >= terms.flip_period)
        flip, flipped = np.where(reached & ~flipped, k, flip), flipped | reached
    investor = Partner(terms.equity_frac * equity_in, cash * distributions, taxed * tax)
    sponsor = Partner((1.0 - terms.equity_frac) * equity_in, (1.0 - cash) * distributions, (1.0 - taxed) * tax)
    return Partners(investor, sponsor, flip)


def _check(terms: PartnershipTerms) -> None:
    shares = (terms.equity_frac, terms.cash_frac, terms.tax_frac, terms.cash_after_frac, terms.tax_after_frac)
    if not all(share is None or 0.0 <= share <= 1.0 for share in shares):
        raise ScenarioError(f"partnership: shares {shares}, must be between 0 and 1")
    given = [terms.cash_after_frac is not None, terms.tax_after_frac is not None]
    dates = (terms.flip_irr is not None) + (terms.flip_period is not None)
    if any(given) != all(given) or dates != any(given):
        raise ScenarioError(
            "partnership: a flip needs cash_after_frac, tax_after_frac and one of flip_irr, flip_period together"
        )
