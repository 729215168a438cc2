"""The reference problem on a year short enough to solve by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from megawatt.dispatch.case import ReferenceCase, change_case, load_case
from megawatt.errors import ScenarioError
from megawatt.validation.dispatch_case import solve_case

PARAMETERS = {
    "solar_mw": 0.0,
    "wind_mw": 0.0,
    "solar_om_usd_mwh": 0.0,
    "wind_om_usd_mwh": 0.0,
    "battery_power_mw": 0.0,
    "battery_energy_mwh": 0.0,
    "eta_charge": 0.9,
    "eta_discharge": 0.8,
    "standing_loss_per_hour": 0.0,
    "battery_discharge_cost_usd_mwh": 1.0,
    "import_limit_mw": 100.0,
    "import_adder_usd_mwh": 0.0,
    "demand_charge_usd_mw_year": 0.0,
    "export_limit_mw": 0.0,
    "export_spread_usd_mwh": 0.0,
    "bitcoin_max_mw": 0.0,
    "bitcoin_value_usd_mwh": 50.0,
    "gas_mw": 0.0,
    "gas_cost_usd_mwh": 90.0,
    "gas_ef_kg_mwh": 500.0,
    "carbon_price_usd_t": 0.0,
    "voll_usd_mwh": 9000.0,
}


def _case(price: list[float], load: float = 10.0, cap: float = 100.0, **changes: float) -> ReferenceCase:
    n = len(price)
    ones = np.ones(n)
    return ReferenceCase(
        {**PARAMETERS, **changes}, load * ones, ones, 0.0 * ones, np.array(price), 400.0 * ones, cap * ones
    )


def test_a_battery_moves_energy_with_its_losses() -> None:
    result = solve_case(_case([10.0, 100.0], battery_power_mw=20.0, battery_energy_mwh=9.0))
    # 10 MWh charged at 0.9 fill 9 MWh, which discharge 7.2; so (10 + 10) x 10 + 2.8 x 100 + 7.2 x 1
    assert result.objective_usd == pytest.approx(200.0 + 280.0 + 7.2)
    assert result.totals["discharge_mwh"] == pytest.approx(7.2)
    assert result.hourly["soc_mwh"].tolist() == pytest.approx([9.0, 0.0], abs=1e-6)


def test_the_peak_charge_buys_gas_instead() -> None:
    dear = _case([20.0, 20.0, 20.0], gas_mw=4.0, demand_charge_usd_mw_year=500.0)
    result = solve_case(dear)
    # a MW less of peak saves 500 and costs 3 x (90 - 20) = 210: all 4 MW of gas run
    assert result.totals["peak_billed_mw"] == pytest.approx(6.0)
    assert result.objective_usd == pytest.approx(3 * (6 * 20 + 4 * 90) + 6 * 500)
    # 18 MWh at 400 and 12 MWh at 500 kg
    assert result.totals["emissions_t"] == pytest.approx(18 * 0.4 + 12 * 0.5)


def test_bitcoin_export_and_curtailment_follow_prices() -> None:
    case = _case(
        [40.0, 60.0],
        solar_mw=20.0,
        bitcoin_max_mw=6.0,
        export_limit_mw=3.0,
        export_spread_usd_mwh=1.0,
        solar_om_usd_mwh=2.0,
    )
    result = solve_case(case)
    # sun covers 10 MW of load; hour 0: 6 MW mine at 50, 3 MW sell at 39, 1 MW is curtailed; hour 1 likewise at 59
    assert result.totals["bitcoin_mwh"] == pytest.approx(12.0)
    assert result.totals["export_revenue_usd"] == pytest.approx(3 * 39 + 3 * 59)
    assert result.totals["curtailed_mwh"] == pytest.approx(2.0)
    assert result.objective_usd == pytest.approx(38 * 2.0 - 600.0 - 294.0)


def test_load_beyond_the_cap_goes_unserved_at_its_value() -> None:
    result = solve_case(_case([20.0], cap=7.0))
    assert result.totals["unserved_mwh"] == pytest.approx(3.0)
    assert result.objective_usd == pytest.approx(7 * 20 + 3 * 9000)


def test_changes_set_and_scale() -> None:
    case = change_case(_case([1.0]), {"gas_mw": 3, "import_limit_mw": "x2"})
    assert (case.parameters["gas_mw"], case.parameters["import_limit_mw"]) == (3.0, 200.0)
    with pytest.raises(ScenarioError, match="no parameter"):
        change_case(case, {"gas": 1.0})
    with pytest.raises(ScenarioError, match="number or a factor"):
        change_case(case, {"gas_mw": "double"})


def _write(folder: Path, hourly: str, parameters: object = PARAMETERS) -> Path:
    (folder / "parameters.json").write_text(json.dumps(parameters), encoding="utf-8")
    (folder / "hourly.csv").write_text(hourly, encoding="utf-8")
    return folder


COLUMNS = "ai_load_mw,solar_cf,wind_cf,energy_price_usd_mwh,grid_ci_kg_mwh,grid_import_cap_mw"


def test_a_case_is_read_from_its_files(tmp_path: Path) -> None:
    case = load_case(_write(tmp_path, f"{COLUMNS}\n10,0,0,20,400,50\n"))
    assert solve_case(case).objective_usd == pytest.approx(200.0)


@pytest.mark.parametrize(
    ("hourly", "parameters", "words"),
    [
        ("ai_load_mw\n10\n", PARAMETERS, "no column solar_cf"),
        (f"{COLUMNS}\n10,0,0,abc,400,50\n", PARAMETERS, ":2: energy_price_usd_mwh: 'abc'"),
        (f"{COLUMNS}\n", PARAMETERS, "0 rows"),
        (f"{COLUMNS}\n10,0,0,20,400,50\n", {**PARAMETERS, "gas_mw": None}, "gas_mw: None"),
    ],
)
def test_broken_cases_say_what_is_wrong(tmp_path: Path, hourly: str, parameters: object, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        load_case(_write(tmp_path, hourly, parameters))


def test_a_folder_without_a_case(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such file"):
        load_case(tmp_path)
