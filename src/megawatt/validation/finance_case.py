"""Score the finance room against published answers of whole projects (JSON, schema ``finance-case/1``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue import Catalogue
from megawatt.errors import ScenarioError
from megawatt.finance.financing import Financing, finance_project
from megawatt.finance.measures import payback_month
from megawatt.finance.repayment import discount_to
from megawatt.finance.returns import dated_factors, dated_irr, dated_npv_usd, levelised
from megawatt.validation.finance_inputs import FinanceInputs, read_inputs
from megawatt.validation.scoring import Case, Skipped, result_entry

__all__ = ["answers", "score"]

FloatArray = NDArray[np.float64]
Answer = float | FloatArray

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
    try:
        case = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}", file=str(path)) from None
    outputs = case.get("outputs")
    if case.get("schema") != "finance-case/1" or not isinstance(outputs, Mapping):
        raise ScenarioError(
            f"{path}: schema {case.get('schema')!r}, must be 'finance-case/1' with inputs and outputs", file=str(path)
        )
    found = answers(read_inputs(case, path))
    cases: list[Case] = []
    skipped: list[Skipped] = []
    for name, reference in outputs.items():
        if name not in found:
            skipped.append(Skipped(name, "an output that the package does not compute"))
            continue
        try:
            cases += _cases(name, np.asarray(reference, dtype=np.float64), np.asarray(found[name]))
        except (TypeError, ValueError) as error:
            skipped.append(Skipped(name, f"the reference cannot be compared: {error}"))
    return _entries(path, cases, skipped)


def _cases(name: str, reference: FloatArray, found: FloatArray) -> Iterator[Case]:
    if reference.shape != found.shape:
        raise ValueError(f"{reference.size} values given, {found.size} computed")
    for index, (measured, predicted) in enumerate(zip(reference.flat, found.flat, strict=True)):
        case_id = name if reference.ndim == 0 else f"{name}[{index}]"
        yield Case(case_id, float(measured), float(predicted), groups=(f"output={name}",))


def _entries(path: Path, cases: list[Case], skipped: list[Skipped]) -> list[dict[str, Any]]:
    zero = [c for c in cases if abs(c.measured) < _ZERO_USD and not c.id.partition("[")[0].endswith(_RATES)]
    other = [c for c in cases if c not in zero]
    entries = [_entry(path, "outputs", "relative", other, skipped)]
    return entries + ([_entry(path, "outputs_at_zero", "absolute", zero, [])] if zero else [])


_RATES: Final = ("irr", "xirr", "irr_aftertax", "irr_pretax", "debt_fraction")


def _entry(path: Path, quantity: str, error: Any, cases: list[Case], skipped: list[Skipped]) -> dict[str, Any]:
    total = len(cases) + len(skipped)
    return result_entry(
        file=path.name, kind=_KIND, quantity=quantity, unit="as in the file", error=error, rows=total,
        scorable=total, cases=cases, skipped=skipped,
    )  # fmt: skip


def answers(case: FinanceInputs) -> dict[str, Answer]:
    """Every output that the package computes for a case, by its name in the file."""
    done = finance_project(case.periods, case.flows, case.debt, case.reserves, case.tax)
    build: Callable[[FinanceInputs, Financing], dict[str, Answer]] = _dated if case.dated else _annual
    return _common(case, done) | build(case, done)


def _common(case: FinanceInputs, done: Financing) -> dict[str, Answer]:
    """Outputs of both kinds of case: sizes, taxes, cover."""
    out: dict[str, Answer] = {
        "total_uses": float(done.uses[0]),
        "debt_size": float(done.size[0]),
        "debt_fraction": float(done.size[0] / done.uses[0]),
        "gearing": float(done.size[0] / done.uses[0]),
        "idc_total": float(done.interest[0, : _start(done) + 1].sum()),
        "fees_total": float(done.fees[0].sum()),
        "opex_reserve_initial": float(done.opex_reserve[0][_start(done)]),
        "dsra_initial": float(done.service_reserve[0][_start(done)]),
        "tax_paid_federal": done.federal_tax[0, 1:],
        "tax_paid_state": done.state_tax[0, 1:],
        "tax_paid": (done.federal_tax + done.state_tax)[0, 1:],
        "depreciation_federal": case.tax.federal_depreciation[1:],
        "depreciation_state": case.tax.state_depreciation[1:],
    }
    if done.window is None:
        return out
    cover = done.window.slice
    service, cash = done.service[0, cover], done.cfads[0, cover]
    ratio = cash[service > 0.0] / service[service > 0.0]
    factors = discount_to(_rates(case), done.window.first - 1)
    owed = done.size[0]
    out["dscr_min"], out["dscr_avg"] = float(ratio.min()), float(ratio.mean())
    out["llcr"] = out["llcr_at_cod"] = float(cash @ factors[cover] / owed)
    out["plcr"] = out["plcr_at_cod"] = float(done.cfads[0] @ factors / owed)
    return out


def _start(done: Financing) -> int:
    return done.window.first - 1 if done.window else 0


def _rates(case: FinanceInputs) -> FloatArray:
    return (case.debt.rate if case.debt else 0.0) * case.periods.fractions


def _annual(case: FinanceInputs, done: Financing) -> dict[str, Answer]:
    years, rate = case.periods.years, case.discount_rate
    factors = dated_factors(rate, years)
    real = dated_factors((1.0 + rate) / (1.0 + case.inflation_rate) - 1.0, years)
    revenue, units = np.atleast_2d(case.flows.revenue), case.units
    served = slice(1, done.window.last + 1) if done.window else slice(1, 1)
    cost = revenue - done.equity
    return {
        "equity_t0": float(-done.equity_pre_tax[0, 0]),
        "cfads": done.cfads[0, served],
        "debt_service": done.service[0, served],
        "interest": done.interest[0, served],
        "principal": done.principal[0, served],
        "debt_balance_end": done.balance[0, served],
        "dsra_balance_end": done.service_reserve[0],
        "opex_reserve_balance_end": done.opex_reserve[0],
        "equity_cashflow_aftertax": done.equity[0],
        "equity_cashflow_pretax": done.equity_pre_tax[0],
        "equity_irr_aftertax": float(dated_irr(done.equity, years).rate[0]),
        "equity_irr_pretax": float(dated_irr(done.equity_pre_tax, years).rate[0]),
        "equity_npv_aftertax": float(dated_npv_usd(done.equity, rate, years)[0]),
        "equity_npv_pretax": float(dated_npv_usd(done.equity_pre_tax, rate, years)[0]),
        "project_cashflow_unlevered_aftertax": done.project[0],
        "project_cashflow_unlevered_pretax": done.project_pre_tax[0],
        "project_irr_aftertax": float(dated_irr(done.project, years).rate[0]),
        "project_irr_pretax": float(dated_irr(done.project_pre_tax, years).rate[0]),
        "project_npv_aftertax": float(dated_npv_usd(done.project, rate, years)[0]),
        "project_npv_pretax": float(dated_npv_usd(done.project_pre_tax, rate, years)[0]),
        "levelised_cost_nominal": float(levelised(cost, units, factors, factors)[0]),
        "levelised_cost_real": float(levelised(cost, units, factors, real)[0]),
        "levelised_price_nominal": float(levelised(revenue, units, factors, factors)[0]),
    }


def _dated(case: FinanceInputs, done: Financing) -> dict[str, Answer]:
    years, rate = case.periods.years, case.discount_rate
    factors = dated_factors(rate, years)
    flows = case.flows
    net_cost = np.atleast_2d(flows.capex + flows.opex - flows.sale)
    out: dict[str, Answer] = {
        "interest": done.interest[0, 1:],
        "principal": done.principal[0, 1:],
        "balance_end": done.balance[0, 1:],
        "debt_service": done.service[0, 1:],
        "cfads": done.cfads[0, 1:],
        "draws": done.draws[0, 1:],
        "commitment": float(done.draws[0].sum()),
        "upfront_fee": float(case.debt.upfront_fee_frac * done.draws[0].sum()) if case.debt else 0.0,
        "idc_capitalised": float(done.capitalised[0].sum()),
        "debt_at_cod": float(done.size[0]),
        "total_cash_interest": float((done.interest - done.capitalised)[0].sum()),
        "equity_cashflow": done.equity[0],
        "equity_cashflow_aftertax": done.equity[0],
        "project_cashflow": done.project[0],
        "equity_xirr": float(dated_irr(done.equity, years).rate[0]),
        "project_xirr": float(dated_irr(done.project, years).rate[0]),
        "equity_irr": float(dated_irr(done.equity, years).rate[0]),
        "project_irr": float(dated_irr(done.project, years).rate[0]),
        "equity_npv": float(dated_npv_usd(done.equity, rate, years)[0]),
        "project_npv": float(dated_npv_usd(done.project, rate, years)[0]),
        "equity_xnpv": float(dated_npv_usd(done.equity, rate, years)[0]),
        "project_xnpv": float(dated_npv_usd(done.project, rate, years)[0]),
        "equity_payback_period": float(payback_month(done.equity)[0]),
        "project_payback_period": float(payback_month(done.project)[0]),
        "levelised_cost_per_chip_hour": float(levelised(net_cost, case.units, factors, factors)[0]),
        "dsra_balance_end": done.service_reserve[0, 1:],
    }
    if done.window is not None:
        out |= _tests(done, round(12.0 / case.periods.months))
    return out


def _tests(done: Financing, year: int) -> dict[str, Answer]:
    """Where cover is lowest, and over a year of so many periods."""
    assert done.window is not None, "called with a debt"
    cover = done.window.slice
    service, cash = done.service[0, cover], done.cfads[0, cover]
    ratio = np.where(service > 0.0, cash / np.where(service > 0.0, service, 1.0), np.inf)
    out: dict[str, Answer] = {
        "dscr_min_period": float(done.window.first + int(ratio.argmin())),
        "principal_instalment": float(done.principal[0, done.window.last]),
    }
    if service.size >= year:
        due, had = (np.convolve(part, np.ones(year), "valid") for part in (service, cash))
        out["dscr_trailing12_min"] = float((had / due).min())
    return out
