"""Score the finance room against published answers of whole projects (JSON, schema ``finance-case/1``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.errors import InfeasibleError, shown
from megawatt.evidence.finance_inputs import FinanceInputs, read_inputs
from megawatt.files import read_json, refused
from megawatt.finance import (
    CashFlow,
    SizedLoan,
    discount_factors,
    irr,
    llcr,
    net_present_value_usd,
    payback_month,
    period_dscr,
    project,
    size_loan,
    trailing_dscr,
)
from megawatt.finance.levelised import levelised
from megawatt.validation.answers import Answer, answer_entries, compared
from megawatt.validation.scoring import Case

__all__ = ["answers", "score"]

_KIND: Final = "finance-case"
_ZERO_USD: Final = 0.01
"""References below a cent are zero: their error is stated as a difference."""


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Finance the case's project and compare every output of the file.

    Parameters
    ----------
    path : Path
        JSON file with ``inputs`` and ``outputs``.
    catalogue : Catalogue
        Not used: the case brings all its numbers.

    Returns
    -------
    list of dict
        ``outputs``: relative errors, one case per output (``name``) or element of an output (``name[k]``, counted from
        0 as in the file); ``outputs_at_zero``: absolute errors where the reference is zero.

    Raises
    ------
    ScenarioError
        If the file is malformed, or holds an option that the package does not know.
    """
    case = read_json(path, "a finance case")
    outputs = case.get("outputs")
    if case.get("schema") != "finance-case/1" or not isinstance(outputs, Mapping):
        found = f"schema {shown(case.get('schema'))}"
        raise refused(path, found, "'finance-case/1' with inputs and outputs", where="schema")
    computed = answers(read_inputs(case, path))
    cases, skipped = compared(outputs, computed)
    return answer_entries(path, _KIND, cases, skipped, _is_zero)


_RATES: Final = ("irr", "xirr", "irr_aftertax", "irr_pretax", "debt_fraction")
"""Outputs that are rates: small, and yet not zero."""


def _is_zero(case: Case) -> bool:
    return abs(case.measured) < _ZERO_USD and not case.id.partition("[")[0].endswith(_RATES)


@dataclass(frozen=True, slots=True)
class _Run:
    """A case through the engine, with its debt and without; first path, (periods,) with the close at index 0. [USD]"""

    case: FinanceInputs
    sized: SizedLoan | None
    cash: CashFlow
    plain: CashFlow

    @property
    def start(self) -> int:
        """Last period of construction."""
        return self.sized.loan.first_payment_month - 1 if self.sized else 0

    @property
    def later(self) -> NDArray[np.bool_]:
        """Periods from the first payment on."""
        return np.arange(self.cash.cfads.shape[1]) > self.start

    @property
    def capitalised(self) -> FloatArray:
        """Interest added to the balance."""
        return self.sized.schedule.capitalised[0] if self.sized else np.zeros(self.later.size)

    @property
    def interest(self) -> FloatArray:
        """Interest that accrues."""
        return np.asarray(self.cash.interest_paid[0] + self.capitalised, dtype=np.float64)

    @property
    def service(self) -> FloatArray:
        """Interest paid and principal, less what the lender pays in where service is negative."""
        paid = self.cash.interest_paid[0] + self.cash.principal_paid[0] - self.cash.debt_draw[0]
        return np.where(self.later, paid, 0.0)

    @property
    def principal(self) -> FloatArray:
        """Service less interest, negative where the debt grows."""
        return np.where(self.later, self.service - self.interest, 0.0)

    @property
    def cfads(self) -> FloatArray:
        """Cash that the case's covers count: before tax or after."""
        after_tax = self.case.sizing is not None and self.case.sizing.cash_basis == "after-tax"
        return np.asarray((self.cash.cover_cash if after_tax else self.cash.cfads + self.cash.tax)[0], dtype=np.float64)

    def flow(self, cash: CashFlow, *, taxed: bool = True) -> FloatArray:
        """Flow to owners."""
        paid = cash.distributions - cash.equity_in
        return np.asarray((paid if taxed else paid + cash.tax)[0], dtype=np.float64)


def answers(case: FinanceInputs) -> dict[str, Answer]:
    """Every output that the package computes for a case, by its name in the file."""
    sized = _sized(case)
    loan, schedule = (sized.loan, sized.schedule) if sized else (None, None)
    cash = project(replace(case.terms, loan=loan), case.flows, schedule=schedule)
    run = _Run(case, sized, cash, project(replace(case.terms, loan=None), case.flows))
    return _common(run) | (_dated(run) if case.dated else _annual(run))


def _sized(case: FinanceInputs) -> SizedLoan | None:
    """The case's loan; None where it has none, or no cash that a lender would lend on."""
    try:
        return size_loan(case.terms, case.flows, case.sizing) if case.sizing else None
    except InfeasibleError:
        return None


def _common(run: _Run) -> dict[str, Answer]:
    """Outputs of both kinds of case: sizes, taxes, cover."""
    case, cash, tax = run.case, run.cash, run.case.terms.tax
    assert cash.reserve_balance is not None, "the engine always says"
    assert run.plain.reserve_balance is not None, "the engine always says"
    assert tax is not None, "every case has tax terms"
    federal, state = tax.deductions_usd, tax.state_deductions_usd
    assert federal is not None, "every case has its deductions"
    assert state is not None, "every case has its deductions"
    opex_reserve = run.plain.reserve_balance[0]
    state_tax = cash.state_tax[0] if cash.state_tax is not None else np.zeros(run.later.size)
    uses = float(run.sized.uses[0]) if run.sized else float(cash.capex_total.sum() + opex_reserve[0])
    size = float(run.sized.size[0]) if run.sized else 0.0
    out: dict[str, Answer] = {
        "total_uses": uses,
        "debt_size": size,
        "debt_fraction": size / uses,
        "gearing": size / uses,
        "idc_total": float(run.interest[: run.start + 1].sum()),
        "fees_total": float(cash.fees[0].sum()),
        "opex_reserve_initial": float(opex_reserve[run.start]),
        "dsra_initial": float((cash.reserve_balance[0] - opex_reserve)[run.start]),
        "tax_paid_federal": (cash.tax[0] - state_tax)[1:],
        "tax_paid_state": state_tax[1:],
        "tax_paid": cash.tax[0, 1:],
        "depreciation_federal": federal[1:],
        "depreciation_state": state[1:],
    }
    if run.sized is None:
        return out
    service, cfads = run.service[None, :], run.cfads[None, :]
    rates = run.sized.loan.rate * case.terms.timing.fractions
    if not (service > 0.0).any():
        # a loan of nothing has no cover
        return out
    out["dscr_min"] = float(np.nanmin(trailing_dscr(cfads, service, 1)))
    out["dscr_avg"] = float(np.nanmean(period_dscr(cfads, service)))
    out["llcr"] = out["llcr_at_cod"] = float(llcr(cfads, service, rates, size)[0])
    out["plcr"] = out["plcr_at_cod"] = float(llcr(cfads, service, rates, size, to_end=True)[0])
    return out


def _returns(run: _Run) -> dict[str, Answer]:
    """Flows of owners and of the project without debt, before and after tax, with rate and value."""
    years, rate = run.case.terms.timing.years, run.case.terms.discount_rate
    out: dict[str, Answer] = {}
    for who, cash, flow in (
        ("equity", run.cash, "equity_cashflow"),
        ("project", run.plain, "project_cashflow_unlevered"),
    ):
        for basis, taxed in (("aftertax", True), ("pretax", False)):
            paid = run.flow(cash, taxed=taxed)
            out[f"{flow}_{basis}"] = paid
            out[f"{who}_irr_{basis}"] = float(irr(paid[None, :], years).rate[0])
            out[f"{who}_npv_{basis}"] = float(net_present_value_usd(paid[None, :], rate, years)[0])
    return out


def _annual(run: _Run) -> dict[str, Answer]:
    case, terms = run.case, run.case.terms
    years, rate = terms.timing.years, terms.discount_rate
    factors = discount_factors(rate, years)
    real = discount_factors((1.0 + rate) / (1.0 + case.inflation_rate) - 1.0, years)
    revenue, units = case.flows.revenue["sales"], case.units
    served = slice(1, run.sized.loan.last_payment_month + 1) if run.sized else slice(1, 1)
    assert run.cash.reserve_balance is not None, "the engine always says"
    assert run.plain.reserve_balance is not None, "the engine always says"
    cost = revenue - run.flow(run.cash)
    return _returns(run) | {
        "equity_t0": float(-run.flow(run.cash, taxed=False)[0]),
        "cfads": run.cfads[served],
        "debt_service": run.service[served],
        "interest": run.interest[served],
        "principal": run.principal[served],
        "debt_balance_end": run.cash.debt_balance[0, served],
        "dsra_balance_end": (run.cash.reserve_balance - run.plain.reserve_balance)[0],
        "opex_reserve_balance_end": run.plain.reserve_balance[0],
        "levelised_cost_nominal": float(levelised(cost, units, factors, factors)[0]),
        "levelised_cost_real": float(levelised(cost, units, factors, real)[0]),
        "levelised_price_nominal": float(levelised(revenue, units, factors, factors)[0]),
    }


def _dated(run: _Run) -> dict[str, Answer]:
    case, cash = run.case, run.cash
    factors = discount_factors(case.terms.discount_rate, case.terms.timing.years)
    net_cost = (cash.capex_total + cash.opex_total)[:1] - case.flows.revenue["sale"]
    built = slice(0, run.start + 1)
    drawn = float(cash.debt_draw[0, built].sum())
    assert cash.reserve_balance is not None, "the engine always says"
    assert run.plain.reserve_balance is not None, "the engine always says"
    found = _returns(run)
    out: dict[str, Answer] = {
        "interest": run.interest[1:],
        "principal": run.principal[1:],
        "balance_end": cash.debt_balance[0, 1:],
        "debt_service": run.service[1:],
        "cfads": run.cfads[1:],
        "draws": np.where(run.later, 0.0, cash.debt_draw[0])[1:],
        "commitment": drawn,
        "upfront_fee": run.sized.loan.upfront_fee_frac * drawn if run.sized else 0.0,
        "idc_capitalised": float(run.capitalised[built].sum()),
        "debt_at_cod": float(run.sized.size[0]) if run.sized else 0.0,
        "total_cash_interest": float(cash.interest_paid[0].sum()),
        "equity_cashflow": found["equity_cashflow_aftertax"],
        "equity_cashflow_aftertax": found["equity_cashflow_aftertax"],
        "project_cashflow": found["project_cashflow_unlevered_aftertax"],
        "levelised_cost_per_chip_hour": float(levelised(net_cost, case.units, factors, factors)[0]),
        "dsra_balance_end": (cash.reserve_balance - run.plain.reserve_balance)[0, 1:],
    }
    for who, flow in (("equity", run.flow(cash)), ("project", run.flow(run.plain))):
        out[f"{who}_irr"] = out[f"{who}_xirr"] = found[f"{who}_irr_aftertax"]
        out[f"{who}_npv"] = out[f"{who}_xnpv"] = found[f"{who}_npv_aftertax"]
        out[f"{who}_payback_period"] = float(payback_month(flow[None, :])[0])
    return out | _tests(run)


def _tests(run: _Run) -> dict[str, Answer]:
    """Where cover is lowest, and over a year of periods."""
    if run.sized is None:
        return {}
    loan, year = run.sized.loan, run.case.terms.timing.per_year
    ratio = trailing_dscr(run.cfads[None, :], run.service[None, :], 1)[0]
    out: dict[str, Answer] = {
        "dscr_min_period": float(np.nanargmin(ratio)),
        "principal_instalment": float(run.principal[loan.last_payment_month]),
    }
    if loan.last_payment_month - run.start >= year:
        out["dscr_trailing12_min"] = float(np.nanmin(trailing_dscr(run.cfads[None, :], run.service, year)))
    return out
