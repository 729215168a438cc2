"""Score the dispatch optimiser against a published reference case and its variants."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.dispatch import optimise
from megawatt.dispatch.case import PEAK, ReferenceCase, case_problem, change_case, load_case
from megawatt.dispatch.optimising import Solver
from megawatt.dispatch.solvers.lp import Method
from megawatt.errors import MegawattError
from megawatt.files import is_file, parse_json, read_json, read_table
from megawatt.validation.scoring import Case, Skipped, result_entry

__all__ = ["CaseResult", "score", "solve_case"]


BASE: Final = "base"
_KIND: Final = "dispatch-case"


@dataclass(frozen=True, slots=True)
class _Quantity:
    """One entry of the answer: which totals it compares, and how (zero references make a ratio meaningless)."""

    name: str
    unit: str
    error: Literal["relative", "absolute"]
    suffixes: tuple[str, ...]


_OBJECTIVE: Final = _Quantity("objective", "USD", "relative", ("objective_usd",))
_TOTALS: Final = (
    _Quantity("annual_energy", "MWh", "absolute", ("_mwh",)),
    _Quantity("peak", "MW", "absolute", ("_mw",)),
    _Quantity("emissions", "t", "absolute", ("emissions_t",)),
    _Quantity("bill_parts", "USD", "absolute", ("_usd",)),
)
_POWER_BLOCKS: Final = ("import", "export", "bitcoin", "solar", "wind", "gas", "unserved", "charge", "discharge")
_NOT_TOTALS: Final = ("objective_usd", "objective_recomputed_usd")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """Optimum of the case.

    ``objective_usd`` is the year's cost. ``totals`` uses the names of the published answers (MWh, MW, t, USD).
    ``hourly`` holds MW by block and ``soc_mwh``, shape (hours,).
    """

    objective_usd: float
    totals: Mapping[str, float]
    hourly: Mapping[str, FloatArray]
    solver: str
    build_s: float
    solve_s: float


def solve_case(case: ReferenceCase, method: Method = "ipm", *, solver: Solver = "auto") -> CaseResult:
    """Least-cost year of the case.

    Parameters
    ----------
    case : ReferenceCase
        Inputs.
    method : str
        HiGHS method; the default is the fastest measured on the published case.
    solver : {'auto', 'exact', 'highs'}
        As in `optimise`.

    Raises
    ------
    ScenarioError
        If a parameter is out of range.
    InfeasibleError
        If load cannot be met even with 1,000 MW unserved.
    SolverError
        If the solver gives up.
    """
    started = time.perf_counter()
    problem = case_problem(case)
    build_s = time.perf_counter() - started
    plan = optimise(problem, solver, method)
    hourly = {name: plan.mw[name] for name in _POWER_BLOCKS if name not in ("charge", "discharge")}
    hourly |= {flow: plan.mw[f"battery.{flow}"] for flow in ("charge", "discharge")}
    totals = _totals(case, hourly, plan.peak_mw[PEAK])
    hourly["soc_mwh"] = plan.mw["battery.state"]
    return CaseResult(plan.objective_usd, totals, MappingProxyType(hourly), plan.solver, build_s, plan.solve_s)


def _totals(case: ReferenceCase, mw: Mapping[str, FloatArray], peak_mw: float) -> Mapping[str, float]:
    """Annual totals under their published names; one-hour steps, so MW and MWh are the same number."""
    p = case.parameters
    total = {name: float(mw[name].sum()) for name in _POWER_BLOCKS}
    available = {
        "solar": float(p["solar_mw"] * case.solar_cf.sum()),
        "wind": float(p["wind_mw"] * case.wind_cf.sum()),
    }
    grid_t = float(mw["import"] @ case.carbon_kg_per_mwh) / 1000.0
    emissions_t = grid_t + total["gas"] * p["gas_ef_kg_mwh"] / 1000.0
    prices = case.price_usd_per_mwh
    return MappingProxyType(
        {
            "ai_load_mwh": float(case.ai_load_mw.sum()),
            **{f"{name}_mwh": total[name] for name in ("import", "export", "bitcoin", "charge", "discharge")},
            **{f"{name}_mwh": total[name] for name in ("gas", "unserved")},
            **{f"{name}_used_mwh": total[name] for name in available},
            **{f"{name}_available_mwh": value for name, value in available.items()},
            "curtailed_mwh": sum(available.values()) - total["solar"] - total["wind"],
            "peak_import_mw": float(mw["import"].max()),
            "peak_billed_mw": peak_mw,
            "energy_purchase_usd": float(mw["import"] @ (prices + p["import_adder_usd_mwh"])),
            "export_revenue_usd": float(mw["export"] @ (prices - p["export_spread_usd_mwh"])),
            "bitcoin_revenue_usd": total["bitcoin"] * p["bitcoin_value_usd_mwh"],
            "demand_charge_usd": peak_mw * p["demand_charge_usd_mw_year"],
            "gas_cost_usd": total["gas"] * p["gas_cost_usd_mwh"],
            "battery_cost_usd": total["discharge"] * p["battery_discharge_cost_usd_mwh"],
            "renewable_om_usd": total["solar"] * p["solar_om_usd_mwh"] + total["wind"] * p["wind_om_usd_mwh"],
            "carbon_cost_usd": emissions_t * p["carbon_price_usd_t"],
            "emissions_t": emissions_t,
        }
    )


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Solve the case of a folder and each row of its ``variants.csv``; compare objectives and annual totals.

    A variant is the case with some parameters replaced (``change``: JSON object; the text ``x2`` doubles).

    Parameters
    ----------
    path : Path
        Folder with ``parameters.json``, ``hourly.csv``, ``reference.json`` and, optionally, ``variants.csv``.
    catalogue : Catalogue
        Not used: the case brings all its numbers.

    Returns
    -------
    list of dict
        Entries for the objective (relative), annual energy, peak, emissions and parts of the bill (absolute). Cases
        are named ``base`` for ``reference.json`` and ``variants:NAME`` for rows of the variants.

    Raises
    ------
    ScenarioError
        If a file is missing or malformed.
    """
    case = load_case(path)
    solved: dict[str, CaseResult] = {"{}": solve_case(case)}
    answers: dict[str, tuple[Mapping[str, float], CaseResult]] = {BASE: (_reference(path), solved["{}"])}
    skipped = []
    for name, change, row in _variants(path):
        key = json.dumps(change, sort_keys=True)
        try:
            if key not in solved:
                solved[key] = solve_case(change_case(case, change))
        except MegawattError as error:
            skipped.append(Skipped(f"variants:{name}", str(error)))
            continue
        answers[f"variants:{name}"] = (row, solved[key])
    entries = [_entry(path, _OBJECTIVE, answers, skipped)]
    entries += [_entry(path, quantity, answers, skipped) for quantity in _TOTALS]
    return [entry for entry in entries if entry["rows"]]


def _entry(
    path: Path,
    quantity: _Quantity,
    answers: Mapping[str, tuple[Mapping[str, float], CaseResult]],
    skipped: list[Skipped],
) -> dict[str, Any]:
    cases = [case for name, (row, result) in answers.items() for case in _cases(quantity, name, row, result)]
    scorable = len(cases) + len(skipped)
    return result_entry(
        file=path.name,
        kind=_KIND,
        quantity=quantity.name,
        unit=quantity.unit,
        error=quantity.error,
        rows=scorable if cases else 0,
        scorable=scorable,
        cases=cases,
        skipped=skipped,
    )


def _cases(quantity: _Quantity, name: str, row: Mapping[str, float], result: CaseResult) -> Iterator[Case]:
    file = "reference.json" if name == BASE else "variants.csv"
    groups = (f"file={file}",)
    if quantity is _OBJECTIVE:
        if "objective_usd" in row:
            yield Case(name, row["objective_usd"], result.objective_usd, groups=groups)
        return
    for total, predicted in result.totals.items():
        if total in row and total not in _NOT_TOTALS and total.endswith(quantity.suffixes):
            yield Case(f"{name}:{total}", row[total], predicted, groups=(*groups, f"total={total}"))


def _reference(path: Path) -> dict[str, float]:
    file = path / "reference.json"
    raw = read_json(file, "the answers of a dispatch case")
    return {n: float(v) for n, v in raw.items() if isinstance(v, int | float) and not isinstance(v, bool)}


def _variants(path: Path) -> Iterator[tuple[str, dict[str, float | str], dict[str, float]]]:
    file = path / "variants.csv"
    if not is_file(file):
        return
    for row in read_table(file, ("variant", "change", "objective_usd")).rows:
        change = parse_json(row["change"], file, line=row.line)
        if not isinstance(change, dict):
            raise row.wrong("change", 'a JSON object such as {"solar_mw": 0}')
        # An answer that is no number (a variant without an optimum) is not compared.
        numbers = {n: row.optional(n) for n in row if n not in ("variant", "change")}
        yield row["variant"], change, {n: v for n, v in numbers.items() if v is not None}
