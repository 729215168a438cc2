"""Read a project finance case (JSON, schema ``finance-case/1``): every option is used, has no effect, or is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError, shown
from megawatt.evidence.case_options import Options, choice, is_number, optional, wrong
from megawatt.finance import (
    LenderTerms,
    LoanTerms,
    OperatingFlows,
    Periods,
    ProjectTerms,
    SizingTerms,
    TaxTerms,
    annual_periods,
    dated_periods,
)
from megawatt.finance.depreciation import table_depreciation, table_of
from megawatt.finance.periods import LENGTHS_MONTHS

__all__ = ["FinanceInputs", "read_inputs"]


_PROFILES: Final = {
    "sculpted": "sculpted", "dscr_sculpted": "sculpted", "level": "level", "annuity": "level", "mortgage": "level",
    "level_debt_service": "level", "equal_payments": "level", "bullet": "bullet",
    "bullet_at_maturity": "bullet", "interest_only": "bullet", "constant_principal": "equal-principal",
    "equal_principal": "equal-principal", "constant": "equal-principal", "fixed_principal": "equal-principal",
    "straight_line": "equal-principal", "linear": "equal-principal", "equal_principal_payments": "equal-principal",
}  # fmt: skip
_DAY_COUNTS: Final = {
    "ACT/360": "ACT/360", "ACT/365": "ACT/365", "ACT/365F": "ACT/365", "ACT/365FIXED": "ACT/365",
    "ACT/365(FIXED)": "ACT/365", "ACT/ACT": "ACT/ACT", "ACT/ACTISDA": "ACT/ACT", "ACT/ACT(ISDA)": "ACT/ACT",
    "30/360": "30/360", "30U/360": "30/360", "30/360US": "30/360", "30E/360": "30E/360",
}  # fmt: skip
_LOSSES: Final = {
    "refund": "refund", "refunded": "refund", "same_year_refund": "refund", "carry_forward": "carry-forward",
    "carryforward": "carry-forward", "carried_forward": "carry-forward", "loss_carry_forward": "carry-forward",
}  # fmt: skip
_MONTH_DAYS: Final = 365.25 / 12.0


@dataclass(frozen=True, slots=True)
class FinanceInputs:
    """A case in the finance room's records: owners pay whatever is missing, and the sale is revenue of its period.

    ``sizing`` is None without debt; ``inflation_rate`` is annual; ``units`` (periods,); ``dated`` marks cases with
    calendar dates. Index 0 of every array is the close.
    """

    dated: bool
    terms: ProjectTerms
    flows: OperatingFlows
    sizing: SizingTerms | None
    units: FloatArray
    inflation_rate: float


@dataclass(frozen=True, slots=True)
class _Debt:
    """A loan whose amount is open, and what limits it."""

    loan: LoanTerms
    sizing: SizingTerms


def read_inputs(case: Mapping[str, Any], path: Path) -> FinanceInputs:
    """Records of a case.

    Raises
    ------
    ScenarioError
        If an input is missing, malformed or an option that the package does not know.
    """
    inputs = case.get("inputs")
    if not isinstance(inputs, Mapping):
        raise ScenarioError(f"{path}: inputs: {inputs!r:.40}, must be a JSON object", file=str(path))
    reader = Options(inputs, "inputs")
    result = _dated(reader) if "dates" in inputs else _annual(reader)
    reader.finish()
    return result


def _after_close(series: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], series])


def _tables(names: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Depreciation tables: as given, else the published one of that name."""
    tables = {name: given[name] if name in given else table_of(name.replace("_", "-")) for name in names}
    for name, table in tables.items():
        if not isinstance(table, list | tuple) or not table or not all(is_number(share) for share in table):
            raise wrong(f"inputs.depreciation.tables.{name}", shown(table), "a list of shares by year")
    return tables


def _tax(reader: Options, basis_usd: float, periods: Periods) -> TaxTerms:
    depreciation = reader.section_of("depreciation")
    shares = depreciation.get("alloc", default={})
    given = depreciation.get("tables", default={})
    bonus, bonus_state = depreciation.get("bonus", default={}), depreciation.get("bonus_state", default={})
    depreciation.finish()
    for name, part in (("alloc", shares), ("bonus", bonus), ("bonus_state", bonus_state)):
        if not isinstance(part, Mapping):
            raise wrong(f"inputs.depreciation.{name}", shown(part), "a JSON object: a share of each class")
        for kind, share in part.items():
            if not (is_number(share) and 0.0 <= share <= 1.0):
                raise wrong(f"inputs.depreciation.{name}.{kind}", shown(share), "a share from 0 to 1")
    if not isinstance(given, Mapping):
        raise wrong("inputs.depreciation.tables", shown(given), "a JSON object: a list of shares of each class")
    if sum(shares.values()) > 1.0 + 1e-9:
        raise wrong("inputs.depreciation.alloc", f"shares that sum to {sum(shares.values()):g}", "at most 1")
    tables = _tables(shares, given)
    ends = np.flatnonzero(periods.settles)
    mode = choice(reader, _LOSSES, "loss_treatment", "losses", default="refund")
    forward = bool(reader.get("loss_carryforward", "loss_carry_forward", default=False)) or mode == "carry-forward"
    federal, state = np.zeros(periods.count), np.zeros(periods.count)
    for deductions, part in ((federal, bonus), (state, bonus_state)):
        # a year's deductions stand in the period in which its tax is settled
        deductions[ends] = table_depreciation(basis_usd, shares, tables, part, ends.size)
    if "tax_depreciation" in reader.section:
        federal = state = _after_close(reader.series("tax_depreciation", periods.count - 1))
    return TaxTerms(
        rate=reader.number("federal_tax_rate", "tax_rate", default=0.0),
        life_years={},
        state_rate=reader.number("state_tax_rate", default=0.0),
        deductions_usd=federal,
        state_deductions_usd=state,
        losses="carry-forward" if forward else "refund",
        loss_offset_limit_frac=reader.number("loss_offset_limit", "nol_limit_fraction", default=1.0),
    )


def _annual(reader: Options) -> FinanceInputs:
    count = reader.whole("n_years")
    periods = annual_periods(count)
    capex = reader.number("capex_t0")
    units = reader.series("units", count)
    revenue = (
        reader.series("revenue", count) if "price" not in reader.section else units * reader.series("price", count)
    )
    sale = reader.number("salvage_fraction_of_capex", default=0.0) * capex
    sale += reader.number("salvage_value", "residual_value", default=0.0)
    reserves = LenderTerms(
        reserve_months=reader.number("dsra_months", default=0.0),
        opex_reserve_months=reader.number("opex_reserve_months", default=0.0),
        reserve_rate=reader.number("reserves_interest_rate", default=0.0),
    )
    debt = _annual_debt(reader, count)
    terms = _terms(reader, periods, np.concatenate([[capex], np.zeros(count)]), debt, reserves)
    return FinanceInputs(
        dated=False,
        terms=terms,
        flows=_flows(revenue, reader.series("opex", count), sale),
        sizing=debt.sizing if debt else None,
        units=_after_close(units),
        inflation_rate=reader.number("inflation_rate", default=0.0),
    )


def _flows(revenue: FloatArray, opex: FloatArray, sale_usd: float) -> OperatingFlows:
    """Operation after the close, the sale in the last period."""
    sale = np.zeros(revenue.size)
    sale[-1] = sale_usd
    none = np.zeros((1, revenue.size + 1))
    earned = {"sales": _after_close(revenue)[None, :], "sale": _after_close(sale)[None, :]}
    return OperatingFlows(earned, {"site": _after_close(opex)[None, :]}, none, none)


def _terms(
    reader: Options,
    periods: Periods,
    capex: FloatArray,
    debt: _Debt | None,
    reserves: LenderTerms,
    start_year: int = 2000,
) -> ProjectTerms:
    """The project; annual cases have no calendar, so the year counts only where dates are given."""
    loan = debt.loan if debt else None
    if loan is not None:
        loan = replace(loan, deduct_fees=bool(reader.get("deduct_fees", default=False)))
        if debt is not None and debt.sizing.advance_rate is not None:
            drawn = np.where(np.arange(periods.count) < loan.first_payment_month, capex, 0.0)
            loan = replace(loan, draws=drawn, principal_usd=float(drawn.sum()))
    return ProjectTerms(
        start_year=start_year,
        start_month=1,
        months=periods.count,
        capex_cost={"all": capex},
        residual={},
        loan=loan,
        tax=_tax(reader, float(capex.sum()), periods),
        discount_rate=reader.number("discount_rate_nominal", "discount_rate"),
        operation_start_month=0,
        construction_months=loan.first_payment_month if loan else 1,
        lender=reserves,
        periods=periods,
        owners_pay_all=True,
    )


def _profile(debt: Options, *names: str) -> str:
    return str(choice(debt, {"none": "none", **_PROFILES}, *names, default="none"))


def _day_count(debt: Options) -> str:
    """The loan's day count; a loan whose day count is not stated has no certain interest."""
    given = debt.get("day_count", "day_count_convention")
    key = re.sub(r"[ _-]", "", str(given)).upper().replace("ACTUAL", "ACT")
    if key not in _DAY_COUNTS:
        raise wrong(f"{debt.path}.day_count", shown(given), ", ".join(_DAY_COUNTS))
    return _DAY_COUNTS[key]


def _annual_debt(reader: Options, count: int) -> _Debt | None:
    debt = reader.section_of("debt")
    profile = _profile(debt, "kind")
    if profile == "none":
        return None
    tenor = debt.whole("tenor_years")
    if not 1 <= tenor <= count:
        raise wrong("inputs.debt.tenor_years", f"{tenor}", f"1 to n_years = {count}")
    loan = LoanTerms(
        principal_usd=1.0,
        rate=debt.number("interest_rate", "rate", "coupon"),
        draw_month=0,
        first_payment_month=1,
        last_payment_month=tenor,
        shape=profile,
        interest_only=debt.whole("moratorium_years", default=0),
        upfront_fee_frac=debt.number("upfront_fee_fraction", default=0.0),
        closing_cost_usd=debt.number("closing_cost", default=0.0),
        balloon_frac=debt.number("balloon_fraction", "balloon", default=0.0),
    )
    sizing = SizingTerms(
        gearing=optional(debt, "debt_fraction", "max_debt_fraction", "gearing_cap"),
        target_dscr=optional(debt, "target_dscr", "min_dscr"),
        minimum_llcr=optional(debt, "min_llcr", "target_llcr"),
        cash_basis=_basis(debt),
        drawn="pro-rata",
        negative_service=True,
    )
    debt.finish()
    return _Debt(loan, sizing)


def _basis(debt: Options) -> Any:
    basis = str(debt.get("cfads_basis", "cash_basis", default="pre-tax")).replace("_", "-").replace(" ", "-")
    if basis not in ("pre-tax", "after-tax"):
        raise wrong(f"{debt.path}.cfads_basis", shown(basis), "pre-tax, after-tax")
    return basis


def _date(text: Any, path: str) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise wrong(path, shown(text), "a date as YYYY-MM-DD") from None


def _dated(reader: Options) -> FinanceInputs:
    given = reader.get("dates")
    if not isinstance(given, list) or not given:
        raise wrong("inputs.dates", shown(given), "a list of period ends as YYYY-MM-DD")
    ends = [_date(text, f"inputs.dates[{k}]") for k, text in enumerate(given)]
    close = _date(reader.get("close_date"), "inputs.close_date")
    count = len(ends)
    debt_reader = reader.section_of("debt")
    day_count = _day_count(debt_reader) if debt_reader.section else "ACT/365"
    length = (ends[-1] - close).days / count / _MONTH_DAYS
    months = min(LENGTHS_MONTHS, key=lambda nominal: abs(nominal - length))
    periods = dated_periods(close, ends, day_count, months)
    capex = _after_close(reader.series("capex", count))
    capex[0] = reader.number("capex_at_close", "capex_t0", default=0.0)
    construction = reader.whole("construction_months", "construction_periods", default=0)
    reserves = LenderTerms(
        reserve_months=reader.number("dsra_months", default=0.0) or debt_reader.number("dsra_months", default=0.0),
        opex_reserve_months=reader.number("opex_reserve_months", default=0.0),
        reserve_rate=reader.number("reserves_interest_rate", default=0.0),
    )
    if max(reserves.reserve_months, reserves.opex_reserve_months) > 0.0 and abs(length / months - 1.0) > 0.1:
        raise wrong("inputs.dates", f"periods of {length:.2f} months", "periods of whole months, for the reserves")
    debt = _dated_debt(debt_reader, construction)
    result = FinanceInputs(
        dated=True,
        terms=_terms(reader, periods, capex, debt, reserves, close.year),
        flows=_flows(
            reader.series("revenue", count),
            reader.series("opex", count),
            reader.number("residual_value_last_date", "residual_value", default=0.0),
        ),
        sizing=debt.sizing if debt else None,
        units=_after_close(reader.series("chip_hours" if "chip_hours" in reader.section else "units", count)),
        inflation_rate=reader.number("inflation_rate", default=0.0),
    )
    debt_reader.finish()
    return result


def _dated_debt(debt: Options, construction: int) -> _Debt | None:
    profile = _profile(debt, "repayment", "kind")
    if profile == "none":
        return None
    first = int(debt.number("first_repayment_period", "first_payment_period", default=float(construction + 1)))
    idc = str(debt.get("idc", default="paid")).lower()
    if re.search(r"\b(not|no)\b", idc) or not re.search("capital|paid|funded|pro rata", idc):
        raise wrong("inputs.debt.idc", shown(idc), "capitalised, paid, funded (pro rata)")
    commitment = debt.get("commitment", default="")
    advance = optional(debt, "advance_rate_on_capex")
    if first != construction + 1:
        raise wrong("inputs.debt.first_repayment_period", f"{first}", f"construction_months + 1 = {construction + 1}")
    if not isinstance(commitment, str) or "includ" in commitment.lower():
        raise wrong("inputs.debt.commitment", shown(commitment), "a text: the sum of the draws, interest excluded")
    limits = [n for n in ("gearing", "gearing_cap", "max_gearing", "debt_fraction", "target_dscr", "min_llcr",
                          "target_llcr") if debt.section.get(n) is not None]  # fmt: skip
    if advance is not None and limits:
        raise wrong(
            f"inputs.debt.{limits[0]}", "a limit beside advance_rate_on_capex", "one or the other sizes the debt"
        )
    loan = LoanTerms(
        principal_usd=1.0,
        rate=debt.number("interest_rate", "rate", "coupon"),
        draw_month=0,
        first_payment_month=first,
        last_payment_month=first + int(debt.number("n_repayments", "n_payments")) - 1,
        shape=profile,
        interest_only=int(debt.number("interest_only_periods", "moratorium_periods", default=0)),
        capitalise_interest="capital" in idc,
        balloon_frac=debt.number("balloon_fraction", "balloon", default=0.0),
        upfront_fee_frac=debt.number("upfront_fee_fraction_of_commitment", "upfront_fee_fraction", default=0.0),
        commitment_fee=debt.number("commitment_fee_rate", "commitment_fee", default=0.0),
        closing_cost_usd=debt.number("closing_cost", default=0.0),
    )
    sizing = SizingTerms(
        gearing=optional(debt, "gearing", "gearing_cap", "max_gearing", "debt_fraction"),
        target_dscr=optional(debt, "target_dscr"),
        minimum_llcr=optional(debt, "min_llcr", "target_llcr"),
        advance_rate=advance,
        cash_basis=_basis(debt),
        drawn="as-scheduled" if advance is not None else "pro-rata",
    )
    return _Debt(loan, sizing)
