"""The tax section of a scenario as terms of the finance room; what it leaves open follows the law that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.finance import Spine, TaxTerms
from megawatt.finance.depreciation import bonus_frac
from megawatt.scenario.schema import Scenario, Tax

__all__ = ["passes_through", "tax_terms"]

_INTEREST_LIMIT: Final = 0.3
"""26 U.S.C. 163(j)(1)(B); income before depreciation again from 2025 on (Public Law 119-21, section 70303)."""
_LOSS_LIMIT: Final = 0.8
"""26 U.S.C. 172(a)(2)."""
_STORAGE_CREDIT: Final = 0.3
"""26 U.S.C. 48E(a)(2)(A)(ii), with the wages and apprenticeships that it asks for."""
_LONGEST_BONUS_YEARS: Final = 20.0
"""26 U.S.C. 168(k)(2)(A)(i)(I)."""
_BASIS_OF_CREDIT: Final = 0.5
"""Share of the credit that lowers the basis, 26 U.S.C. 50(c)(3)."""


def passes_through(scenario: Scenario) -> bool:
    """Whether income, losses and credits are the owners', as of a partnership."""
    return scenario.partnership is not None and scenario.partnership.taxed == "partners"


def tax_terms(
    scenario: Scenario,
    spine: Spine,
    capex_cost: Mapping[str, FloatArray],
    first_live: int,
    plant_lives: Mapping[str, float],
) -> TaxTerms:
    """Rates, depreciation, limits, payments and credits of a use.

    Parameters
    ----------
    capex_cost : mapping
        Spending by class, (months,). [USD]
    first_live : int
        Month index in which the first block is live: what is built goes into service then.
    plant_lives : mapping
        Tax lives of plants behind the meter by class; a battery earns the credit. [years]
    """
    tax, capex = scenario.tax, scenario.capex
    law = tax.law == "us"
    machines = tax.machines_table or ("macrs-5" if law else "straight-line")
    chosen = {"machines": machines, "shell": tax.shell_table}
    machine_life = capex.machines_tax_life_years.number()
    short = {name for name in capex_cost if plant_lives.get(name, 0.0) <= _LONGEST_BONUS_YEARS} - {"shell"}
    bonus = {name: _bonus(spine, capex_cost[name], first_live) for name in short if law}
    if machines == "straight-line":
        bonus.pop("machines", None)
    if tax.machines_bonus_frac is not None:
        bonus["machines"] = tax.machines_bonus_frac.number()
    credit = _or(tax.storage_credit_frac, _STORAGE_CREDIT if law else 0.0) or 0.0
    stored = capex_cost.get("battery")
    return TaxTerms(
        rate=tax.rate.number(),
        life_years={"shell": capex.shell_tax_life_years.number(), "machines": machine_life, **plant_lives},
        loss_offset_limit_frac=_or(tax.loss_offset_limit_frac, _LOSS_LIMIT if law else 1.0) or 0.0,
        state_rate=tax.state_rate.number(),
        tables={name: table for name, table in chosen.items() if table != "straight-line"},
        bonus_frac={name: share for name, share in bonus.items() if share > 0.0},
        losses="refund" if passes_through(scenario) else "carry-forward",
        paid=tax.paid or ("quarterly" if law else "annual"),
        interest_limit_frac=_or(tax.interest_limit_frac, _INTEREST_LIMIT if law else None),
        credits_usd=None if stored is None or credit == 0.0 else _credited(stored, credit, first_live),
        credit_basis_frac={"battery": _BASIS_OF_CREDIT * credit} if stored is not None else {},
    )


def _or(given: Tax | object, default: float | None) -> float | None:
    number = getattr(given, "number", None)
    return default if number is None else float(number())


def _bonus(spine: Spine, spent: FloatArray, first_live: int) -> float:
    paid = np.flatnonzero(spent)
    return bonus_frac(spine.label(int(paid[0])), int(spine.year[first_live])) if paid.size else 0.0


def _credited(spent: FloatArray, credit: float, first_live: int) -> FloatArray:
    """A credit is earned when what was paid for goes into service."""
    out = np.where(np.arange(spent.size) > first_live, credit * spent, 0.0)
    out[first_live] = credit * spent[: first_live + 1].sum()
    return out
