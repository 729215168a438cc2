"""What a project earns, runs and spends before tax and finance, summed over its parts, and its taxable income."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.finance.periods import Periods
from megawatt.finance.records import OperatingFlows, ProjectTerms
from megawatt.finance.tax import depreciation_by_class

__all__ = ["Totals", "before_interest", "operation_start_month", "taxable_income", "totals"]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over parts, money by period, (periods, paths); capex is the same on every path, (periods,)."""

    revenue: FloatArray
    opex: FloatArray
    prepayment: FloatArray
    credit: FloatArray
    residual: FloatArray
    capex: FloatArray
    working_capital: FloatArray | None

    @property
    def operating(self) -> FloatArray:
        """Cash of operation before tax: revenue - credit + prepayment - opex - growth of working capital."""
        cash = self.revenue - self.credit + self.prepayment - self.opex
        return cash if self.working_capital is None else cash - np.diff(self.working_capital, axis=0, prepend=0.0)

    @property
    def before_tax(self) -> FloatArray:
        """Cash of the project before tax and debt, (paths, periods)."""
        return (self.operating + self.residual - self.capex[:, None]).T


def operation_start_month(terms: ProjectTerms, revenue: FloatArray | None = None) -> int:
    """First month of operation: as stated, else the first with revenue (months, paths) on any path, else 0.

    State it in the terms when paths are simulated in blocks, so that every block sees the same month.
    """
    if terms.operation_start_month is not None:
        return terms.operation_start_month
    earning = np.flatnonzero((revenue > 0.0).any(axis=1)) if revenue is not None else np.array([], dtype=np.int64)
    return int(earning[0]) if earning.size else 0


def before_interest(terms: ProjectTerms, flows: OperatingFlows) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cash of operation before tax, taxable income of operation before interest, and that before depreciation too,
    arrays (periods, paths); the sale is in none. [USD]
    """
    periods = terms.timing
    found = totals(terms, periods, flows)
    income, adjusted, disposal = taxable_income(terms, periods, found, operation_start_month(terms, found.revenue))
    income[-1] -= disposal
    adjusted[-1] -= disposal
    return found.operating, income, adjusted


def totals(terms: ProjectTerms, periods: Periods, flows: OperatingFlows) -> Totals:
    named = {
        **{f"revenue.{name}": part for name, part in flows.revenue.items()},
        **{f"opex_cost.{name}": part for name, part in flows.opex_cost.items()},
        "prepayment": flows.prepayment,
        "prepayment_credit": flows.prepayment_credit,
        **{f"residual.{name}": part for name, part in terms.residual.items()},
    }
    paths = max(part.shape[0] for part in named.values())
    for name, part in named.items():
        if part.ndim != 2 or part.shape[1] != terms.months or part.shape[0] not in (1, paths):
            raise ScenarioError(f"{name}: shape {part.shape}, must be (paths, months) = ({paths} or 1, {terms.months})")
        if not np.all(np.isfinite(part)):
            raise ScenarioError(f"{name}: holds a value that is not finite; check the factors and prices it is made of")
    capex = np.zeros(terms.months)
    for spending in terms.capex_cost.values():
        capex += spending
    shape = (terms.months, paths)
    revenue, opex = _sum(flows.revenue, shape), _sum(flows.opex_cost, shape)
    credit = _sum({"": flows.prepayment_credit}, shape)
    return Totals(
        revenue=revenue,
        opex=opex,
        prepayment=_sum({"": flows.prepayment}, shape),
        credit=credit,
        residual=_sum(terms.residual, shape),
        capex=capex,
        working_capital=_working_capital(terms, periods, revenue - credit, opex),
    )


def _working_capital(
    terms: ProjectTerms, periods: Periods, invoiced: FloatArray, opex: FloatArray
) -> FloatArray | None:
    """Receivables less payables at period ends, (periods, paths): the days' share of the period's invoices and bills.

    More days than the period has hold more than its amount; the last period settles everything.
    """
    if terms.receivable_days == 0.0 and terms.payable_days == 0.0:
        return None
    days = periods.hours[:, None] / 24.0
    balance = (invoiced * terms.receivable_days - opex * terms.payable_days) / np.maximum(days, 1.0)
    balance[-1] = 0.0
    return np.asarray(balance, dtype=np.float64)


def _sum(parts: Mapping[str, FloatArray], shape: tuple[int, int]) -> FloatArray:
    """Sum of (paths or 1, months) parts as (months, paths): months first, so that a month is contiguous."""
    total = np.zeros(shape)
    for part in parts.values():
        total += part.T
    return total


def taxable_income(
    terms: ProjectTerms, periods: Periods, found: Totals, start: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Income before interest and before depreciation too, (periods, paths), and the disposal in the last, (paths,).

    Revenue counts as delivered, whoever paid it when.
    """
    if terms.tax is None:
        return np.zeros_like(found.revenue), np.zeros_like(found.revenue), np.zeros(found.revenue.shape[1])
    adjusted = found.revenue - found.opex
    basis_left = 0.0
    written_off = terms.tax.deductions_usd
    if written_off is None:
        written_off = np.zeros(periods.count)
        for part in depreciation_by_class(terms.capex_cost, terms.tax, start, periods).values():
            written_off += part
        kept = {name: 1.0 - share for name, share in terms.tax.credit_basis_frac.items()}
        basis = sum(float(spent.sum()) * kept.get(name, 1.0) for name, spent in terms.capex_cost.items())
        basis_left = basis - float(written_off.sum())
    uncredited = found.prepayment.sum(axis=0) - found.credit.sum(axis=0)
    disposal = found.residual.sum(axis=0) - basis_left + uncredited
    adjusted[-1] += disposal
    return adjusted - written_off[:, None], adjusted, disposal
