"""A debt drawn in proportion to all uses, fees, interest and reserves that depend on the debt itself included.

Total uses are affine in the debt, because fees, interest and reserves are proportional to it, so the debt at a given
gearing follows from two evaluations. Where cash flow sets the debt, the drawn share of each use is the unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError

__all__ = ["Drawn", "FundingTerms", "fund_pro_rata", "size_at_gearing"]


_BISECTIONS: Final = 80
"""Halvings of the drawn share between 0 and 1: to the last bit of a double."""


@dataclass(frozen=True, slots=True)
class FundingTerms:
    """What has to be paid before operation, on periods 0 (close) to ``last`` (end of construction).

    Attributes
    ----------
    capex : (paths, last + 1)
        Capital spending. [USD]
    rates : (last + 1,)
        Interest rate of each period, year fraction included; 0 at close.
    commitment_fee : (last + 1,)
        Fee on the undrawn commitment in each period, year fraction included.
    upfront_fee_frac : float
        Fee at close, share of the commitment.
    fixed_at_close, fixed_at_end : (paths,)
        Costs and reserves that do not depend on the debt, at close and at the end of construction. [USD]
    reserve_per_dollar : (paths,)
        Reserve funded at the end of construction per dollar of debt.
    """

    capex: FloatArray
    rates: FloatArray
    commitment_fee: FloatArray
    upfront_fee_frac: float
    fixed_at_close: FloatArray
    fixed_at_end: FloatArray
    reserve_per_dollar: FloatArray


@dataclass(frozen=True, slots=True)
class Drawn:
    """Construction on periods 0 to ``last``, (paths, last + 1). [USD]

    ``fees`` are upfront and commitment fees; ``interest`` is paid; ``uses`` are all costs that draws and equity pay.
    """

    draws: FloatArray
    interest: FloatArray
    fees: FloatArray
    uses: FloatArray
    balance: FloatArray


def _pro_rata(terms: FundingTerms, commitment: FloatArray, share: FloatArray) -> Drawn:
    """Every use of every period paid by debt and equity in the same proportion."""
    shape = np.broadcast_shapes(terms.capex.shape, (commitment.size, 1))
    capex = np.broadcast_to(terms.capex, shape)
    draws, interest, fees, uses, balance = (np.zeros(shape) for _ in range(5))
    owed = np.zeros(shape[0])
    last = shape[1] - 1
    for k in range(shape[1]):
        interest[:, k] = owed * terms.rates[k]
        fees[:, k] = (commitment - owed) * terms.commitment_fee[k]
        uses[:, k] = capex[:, k] + interest[:, k]
        if k == 0:
            fees[:, k] += terms.upfront_fee_frac * commitment
            uses[:, k] += terms.fixed_at_close
        if k == last:
            uses[:, k] += terms.fixed_at_end + terms.reserve_per_dollar * commitment
        uses[:, k] += fees[:, k]
        draws[:, k] = share * uses[:, k]
        owed = owed + draws[:, k]
        balance[:, k] = owed
    return Drawn(draws, interest, fees, uses, balance)


def size_at_gearing(terms: FundingTerms, gearing: FloatArray) -> FloatArray:
    """Debt that is a given share of total uses, fees, interest and reserves on it included, (paths,). [USD]

    Raises
    ------
    ScenarioError
        If costs that depend on the debt grow faster than it (no finite debt has this gearing).
    """
    nothing = _pro_rata(terms, np.zeros_like(gearing), gearing).balance[:, -1]
    # only what depends on the debt, so that a dollar is not lost among billions
    alone = replace(
        terms,
        capex=np.zeros_like(terms.capex),
        fixed_at_close=np.zeros_like(terms.fixed_at_close),
        fixed_at_end=np.zeros_like(terms.fixed_at_end),
    )
    per_dollar = _pro_rata(alone, np.ones_like(gearing), gearing).balance[:, -1]
    if np.any(per_dollar >= 1.0):
        raise ScenarioError(
            f"debt: fees and reserves take {per_dollar.max():.3f} of each dollar borrowed; lower fees, reserve months "
            "or the gearing"
        )
    return np.asarray(nothing / (1.0 - per_dollar), dtype=np.float64)


def fund_pro_rata(terms: FundingTerms, size: FloatArray) -> Drawn:
    """Construction with a commitment of a given size, drawn in proportion to uses in every period, (paths,).

    The drawn share is found by bisection so that the draws use up the commitment.

    Raises
    ------
    ScenarioError
        If the debt is more than all uses together.
    """
    size = np.broadcast_to(size, (max(size.size, terms.capex.shape[0]),)).copy()
    if terms.capex.shape[1] == 1:
        total = _pro_rata(terms, size, np.ones_like(size)).uses[:, -1]
        return _pro_rata(terms, size, size / np.where(total > 0.0, total, 1.0))
    low, high = np.zeros_like(size), np.ones_like(size)
    most = _pro_rata(terms, size, high).balance[:, -1]
    if np.any(most < size * (1.0 - 1e-12)):
        raise ScenarioError(
            f"debt of {size.max():,.0f} USD is more than the uses that it pays ({most.max():,.0f} USD); cap the gearing"
        )
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        below = _pro_rata(terms, size, middle).balance[:, -1] < size
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return _pro_rata(terms, size, 0.5 * (low + high))
