"""Tax depreciation by tables: MACRS, straight line with the half-year convention, bonus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError

__all__ = ["MACRS", "bonus_frac", "table_depreciation", "table_of"]


MACRS: Final[Mapping[str, tuple[float, ...]]] = {
    "macrs-3": (0.3333, 0.4445, 0.1481, 0.0741),
    "macrs-5": (0.2, 0.32, 0.192, 0.1152, 0.1152, 0.0576),
    "macrs-7": (0.1429, 0.2449, 0.1749, 0.1249, 0.0893, 0.0892, 0.0893, 0.0446),
    "macrs-15": (0.05, 0.095, 0.0855, 0.077, 0.0693, 0.0623, 0.059, 0.059,
                 0.0591, 0.059, 0.0591, 0.059, 0.0591, 0.059, 0.0591, 0.0295),
    "macrs-20": (0.0375, 0.07219, 0.06677, 0.06177, 0.05713, 0.05285, 0.04888, 0.04522, 0.04462, 0.04461, 0.04462,
                 0.04461, 0.04462, 0.04461, 0.04462, 0.04461, 0.04462, 0.04461, 0.04462, 0.04461, 0.02231),
}  # fmt: skip
"""Shares of the basis by tax year, half-year convention. Rev. Proc. 87-57, table 1 (Publication 946, A-1)."""


def table_of(name: str) -> tuple[float, ...]:
    """Depreciation table of a class: ``macrs-5`` and the like, or ``sl-N`` (straight line, half-year convention).

    Raises
    ------
    ScenarioError
        If there is no such class.
    """
    if name in MACRS:
        return MACRS[name]
    kind, _, years = name.partition("-")
    if kind == "sl" and years.isdigit() and int(years) > 0:
        half = 0.5 / int(years)
        return (half, *([2 * half] * (int(years) - 1)), half)
    raise ScenarioError(f"depreciation class {name!r}, must be one of {', '.join(MACRS)} or sl-N (straight line)")


def bonus_frac(acquired: str, placed_year: int) -> float:
    """Share of machines and equipment that may be deducted in the first year.

    Everything that was acquired after 19 January 2025 (a month counts as a whole, so from February on); before, by the
    year placed in service. Source: 26 U.S.C. 168(k)(6) as amended by Public Law 119-21, section 70301.

    Parameters
    ----------
    acquired : str
        Month of the purchase, ``YYYY-MM``.
    placed_year : int
        Calendar year in which it goes into service.
    """
    return 1.0 if acquired >= "2025-02" else _PHASE_DOWN.get(placed_year, 0.0 if placed_year > 2022 else 1.0)


_PHASE_DOWN: Final[Mapping[int, float]] = {2023: 0.8, 2024: 0.6, 2025: 0.4, 2026: 0.2}
"""By year placed in service, for what was bought before; all from 28 September 2017 to 2022."""


def table_depreciation(
    basis_usd: float, shares: Mapping[str, float], tables: Mapping[str, Sequence[float]], bonus: Mapping[str, float],
    years: int,
) -> FloatArray:  # fmt: skip
    """Deduction of tax years 1 to ``years``, (years,). [USD]

    The bonus share of a class is deducted in year 1 and the class's table applies to the rest; what lies beyond the
    last year is cut. Source: 26 U.S.C. 168(k) for the bonus.

    Parameters
    ----------
    basis_usd : float
        Depreciable cost.
    shares : mapping
        Share of the basis in each class.
    tables : mapping
        Yearly fractions by class.
    bonus : mapping
        Share deducted at once by class; missing: none.

    Raises
    ------
    ScenarioError
        If a class has no table, or a share is out of range.
    """
    out = np.zeros(years)
    for name in bonus:
        if name not in shares:
            raise ScenarioError(f"depreciation.bonus.{name}: no such class; given: {', '.join(shares)}")
    if sum(shares.values()) > 1.0 + 1e-9 or min(shares.values(), default=0.0) < 0.0:
        raise ScenarioError(f"depreciation.alloc sums to {sum(shares.values()):g}, shares must be 0 or more, at most 1")
    for name, share in shares.items():
        if name not in tables:
            raise ScenarioError(f"depreciation.tables.{name}: missing; given: {', '.join(tables) or 'none'}")
        at_once = bonus.get(name, 0.0)
        if not 0.0 <= at_once <= 1.0:
            raise ScenarioError(f"depreciation.bonus.{name} = {at_once}, must be between 0 and 1")
        table = np.asarray(tables[name], dtype=np.float64)[:years]
        out[: table.size] += basis_usd * share * (1.0 - at_once) * table
        out[0] += basis_usd * share * at_once
    return out
