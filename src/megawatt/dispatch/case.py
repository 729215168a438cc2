"""The published hourly reference case: battery, solar, wind, gas, export, bitcoin and an annual peak charge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.dispatch.hourly import HourlyProblem, PeakCharge, Storage
from megawatt.dispatch.solvers.blocks import block
from megawatt.errors import Problem, ScenarioError, shown
from megawatt.files import parse_number, read_json, refused
from megawatt.hourly import QUANTITIES, read_case_columns

__all__ = ["PEAK", "ReferenceCase", "case_problem", "change_case", "load_case"]


UNSERVED_MAX_MW: Final = 1000.0
"""Bound of unserved load in the definition of the case."""

PEAK: Final = "annual"

_PARAMETERS: Final = (
    "solar_mw",
    "wind_mw",
    "solar_om_usd_mwh",
    "wind_om_usd_mwh",
    "battery_power_mw",
    "battery_energy_mwh",
    "eta_charge",
    "eta_discharge",
    "standing_loss_per_hour",
    "battery_discharge_cost_usd_mwh",
    "import_limit_mw",
    "import_adder_usd_mwh",
    "demand_charge_usd_mw_year",
    "export_limit_mw",
    "export_spread_usd_mwh",
    "bitcoin_max_mw",
    "bitcoin_value_usd_mwh",
    "gas_mw",
    "gas_cost_usd_mwh",
    "gas_ef_kg_mwh",
    "carbon_price_usd_t",
    "voll_usd_mwh",
)
_HOURS: Final = "hours"
_WHAT: Final = "a dispatch case: a folder with parameters.json and hourly.csv"
_MOST: Final = 1e9
"""Largest number of a case: beyond any MW, MWh or USD of a site."""
_MOST_HOURS: Final = 8784
"""Hours of a leap year."""
_COLUMNS: Final = {
    "ai_load_mw": ("ai_load_mw", QUANTITIES["amount"]),
    "solar_cf": ("solar_cf", QUANTITIES["share"]),
    "wind_cf": ("wind_cf", QUANTITIES["share"]),
    "price_usd_per_mwh": ("energy_price_usd_mwh", QUANTITIES["price"]),
    "carbon_kg_per_mwh": ("grid_ci_kg_mwh", QUANTITIES["amount"]),
    "import_cap_mw": ("grid_import_cap_mw", QUANTITIES["amount"]),
}


@dataclass(frozen=True, slots=True)
class ReferenceCase:
    """Inputs of the case: ``parameters`` by their published names, and hourly arrays of shape (hours,)."""

    parameters: Mapping[str, float]
    ai_load_mw: FloatArray
    solar_cf: FloatArray
    wind_cf: FloatArray
    price_usd_per_mwh: FloatArray
    carbon_kg_per_mwh: FloatArray
    import_cap_mw: FloatArray


def load_case(folder: Path) -> ReferenceCase:
    """Read ``parameters.json`` and ``hourly.csv`` of a case.

    Raises
    ------
    ScenarioError
        If a file, parameter or column is missing, an hour is missing or double, or a cell is no number that it can be.
    """
    parameters = _read_parameters(folder / "parameters.json")
    path = folder / "hourly.csv"
    columns, _ = read_case_columns(path, _COLUMNS, _WHAT)
    rows = columns["ai_load_mw"].size
    hours = parameters.pop(_HOURS, float(rows))
    if not rows or rows != hours or rows > _MOST_HOURS:
        wanted = f"{hours:g} rows, as {_HOURS} of parameters.json says" if hours != rows else "hours of one year"
        raise refused(path, f"{rows:,} rows", f"{wanted}, at most {_MOST_HOURS:,}", hint="average finer steps")
    return ReferenceCase(MappingProxyType(parameters), **columns)


def _read_parameters(path: Path) -> dict[str, float]:
    raw = read_json(path, _WHAT)
    names = [*_PARAMETERS, *([_HOURS] if _HOURS in raw else [])]
    problems = [
        Problem(name, shown(raw[name]) if name in raw else "missing", f"a number from {-_MOST:g} to {_MOST:g}")
        for name in names
        if not isinstance(raw.get(name), int | float) or isinstance(raw[name], bool) or not abs(raw[name]) <= _MOST
    ]
    if problems:
        raise ScenarioError(f"{path}: {len(problems)} parameters are wrong: {problems[0]}", problems, str(path))
    return {name: float(raw[name]) for name in names}


def change_case(case: ReferenceCase, change: Mapping[str, float | str]) -> ReferenceCase:
    """A case with some parameters replaced; a text ``x2`` multiplies by two.

    Raises
    ------
    ScenarioError
        If a name is no parameter of the problem, or a value is neither a number nor a factor.
    """
    parameters = dict(case.parameters)
    for name, value in change.items():
        if name not in parameters:
            raise ScenarioError(f"variant: {name} is no parameter of the problem; known: {', '.join(_PARAMETERS)}")
        if isinstance(value, str):
            factor = parse_number(value.removeprefix("x")) if value.startswith("x") else None
            changed = None if factor is None else parameters[name] * factor
        else:
            changed = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        if changed is None or not abs(changed) <= _MOST:
            raise ScenarioError(f"variant: {name} = {shown(value)}, must be a number or a factor such as 'x2'")
        parameters[name] = float(changed)
    return replace(case, parameters=MappingProxyType(parameters))


def case_problem(case: ReferenceCase) -> HourlyProblem:
    """The case as an hourly problem: balance import + solar + wind + gas + unserved + discharge = AI load + bitcoin
    + charge + export; battery cyclic over the year; demand charges on the highest import of the year or month.
    """
    p, hours = case.parameters, case.ai_load_mw.size
    price, carbon_usd = case.price_usd_per_mwh, p["carbon_price_usd_t"] / 1000.0
    import_cost = price + p["import_adder_usd_mwh"] + carbon_usd * case.carbon_kg_per_mwh
    gas_cost = p["gas_cost_usd_mwh"] + carbon_usd * p["gas_ef_kg_mwh"]
    everywhere = np.ones(hours, dtype=np.bool_)
    return HourlyProblem(
        firm_mw=case.ai_load_mw,
        imports=block("import", hours, case.import_cap_mw, import_cost, case.carbon_kg_per_mwh),
        supplies=(
            block("solar", hours, p["solar_mw"] * case.solar_cf, p["solar_om_usd_mwh"]),
            block("wind", hours, p["wind_mw"] * case.wind_cf, p["wind_om_usd_mwh"]),
            block("gas", hours, p["gas_mw"], gas_cost, p["gas_ef_kg_mwh"]),
            block("unserved", hours, UNSERVED_MAX_MW, p["voll_usd_mwh"]),
        ),
        uses=(
            block("bitcoin", hours, p["bitcoin_max_mw"], p["bitcoin_value_usd_mwh"]),
            block("export", hours, p["export_limit_mw"], price - p["export_spread_usd_mwh"]),
        ),
        storages=(
            Storage(
                "battery",
                power_mw=p["battery_power_mw"],
                energy_mwh=p["battery_energy_mwh"],
                charge_efficiency=p["eta_charge"],
                discharge_efficiency=p["eta_discharge"],
                standing_loss_per_hour=p["standing_loss_per_hour"],
                discharge_cost_usd_per_mwh=p["battery_discharge_cost_usd_mwh"],
            ),
        ),
        peaks=(PeakCharge(PEAK, everywhere, ((0.0, p["demand_charge_usd_mw_year"]),)),),
        import_limit_mw=p["import_limit_mw"],
        last_resort=("unserved",),
        energy_usd_per_mwh=price,
    )
