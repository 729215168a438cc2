"""Situations that operators have reported of tools like this one, each read or refused as its table says.

Where each case of the list is a test:

| case | here | and without the list's files in |
|---|---|---|
| F01, F02, F06, F08, F09, F11, F12, F14, F16, F17, F18, F21, F36, F38 | yes | unit/hourly/test_hourly_cases.py |
| F22 | yes | unit/dispatch/test_dispatch_exact.py |
| F23 | | unit/tariff, crosscheck/test_crosscheck_tariff_pysam.py |
| F24, F25 | yes | unit/finance/test_finance_sizing.py (negative cash) |
| F26 | | unit/finance/test_finance_sizing.py (a debt above all uses) |
| F27 | yes | unit/scenario/test_scenario_errors.py |
| F31 | yes | fuzz/test_fuzz_corpus.py |
| F33 | | unit/results/test_results_workbook_values.py |
| F34 | yes | unit/scenario/test_scenario_contradictions.py |
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from megawatt.cli.entry import main

pytestmark = pytest.mark.reference

REFUSED = {
    "dispatch F06_rows_are_not_hours/leap": "8,784 rows; allowed: 8760",
    "dispatch F06_rows_are_not_hours/quarter": "35,040 rows; allowed: 8760",
    "dispatch F08_timestamps_ignored/case_repeated_hours": "hourly.csv:14",
    "dispatch F02_json_bom/case_bad_json": "parameters.json:1",
    "dispatch F02_json_bom/case_list": "holds a list",
    "dispatch F11_missing_code/case": "energy_price_usd_mwh: line 25: '-9999'",
    "dispatch F38_message/case": "solar_cf: line 25: '-9999'",
    "show F08_timestamps_ignored/gap_and_duplicate.epw": "line 15",
    "show F11_missing_code/price.csv": "line 102: '-9999'",
    "show F17_hour_ending/price.csv": "price_hour_ending",
    "check F27_tenor_cut/site.toml": "debt.payments: 480",
    "validate F31_bad_series/alloc_text.json": "inputs.depreciation.alloc.macrs_5: '1'",
    "validate F31_bad_series/dates_null.json": "inputs.dates: None",
    "validate F31_bad_series/nan.json": "inputs.units[2]",
    "validate F31_bad_series/ragged.json": "inputs.units[0]: [1, 2]",
    "validate F31_bad_series/words.json": "inputs.units[0]: 'a'",
}
LIMITS = {
    "mining.it_mw=0": "mining.it_mw: 0 MW",
    'mining.network="bitcoin-2026-08"': "timeline.start: 2025-11, before the month",
    'power.price_file="F11_missing_code/price.csv"': "power.price_file: Price (USD/MWh): line 102: '-9999'",
}
"""What `check` opens and knows (F34): a setting of the base scenario, and what it says."""
READ = {
    "show F01_bom/price.csv": "30 USD/MWh",
    "show F01_bom/site.epw": "8760",
    "show F01_bom/weather.csv": "8760",
    "check F01_bom/site.toml": "valid",
    "show F08_timestamps_ignored/starts_in_july.epw": "put in the order of their stamps",
    "show F08_timestamps_ignored/utc_stamps.csv": "UTC+0",
    "show F09_leap_day_padded/leap2020_padded.epw": "29 February dropped, 24 h",
    "show F12_unit/price_usd_per_kwh.csv": "warning",
    "show F14_two_years/price_2022_2023.csv": "2022, 2023",
    "show F16_utc_offset/price_utc.csv": "30 USD/MWh",
    "show F18_quarter_hours/price.csv": "averaged",
    "show F36_psm3/psm3.csv": "nsrdb",
    "check F27_tenor_cut/site_60.toml": "valid",
    "check F12_unit/mean_price.toml": "is it USD/kWh?",
    "validate F24_all_negative_cash/fin.json": "outputs (finance-case)",
    "validate F25_negative_year/fin.json": "1 of 1 rows",
}
EARNED_USD = {
    "F01_bom/case": -3600.0,
    "F02_json_bom/case": -3600.0,
    "F21_semicolon/case": -3600.0,
    "F22_charge_and_discharge/case": 6777.6,
}


@pytest.fixture(scope="session")
def site_cases(reference_dir: Path) -> Path:
    folder = reference_dir.parent / "cases" / "site"
    if not folder.is_dir():
        pytest.skip("no cases")
    return folder


def _run(capfd: pytest.CaptureFixture[str], folder: Path, command: str, *more: str) -> tuple[int, str]:
    verb, _, path = command.partition(" ")
    with pytest.raises(SystemExit) as ended:
        main([verb, str(folder / path), *more])
    told = capfd.readouterr()
    return int(ended.value.code or 0), " ".join((told.out + told.err).split())


@pytest.mark.parametrize("command", REFUSED)
def test_refused_with_its_place(site_cases: Path, command: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, told = _run(capfd, site_cases, command)
    assert code == 2
    assert REFUSED[command] in told


@pytest.mark.parametrize("setting", LIMITS)
def test_check_knows_limits_and_opens_files(site_cases: Path, setting: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, told = _run(capfd, site_cases, "check base.toml", "--set", setting)
    assert code == 2
    assert LIMITS[setting] in told


@pytest.mark.parametrize("command", READ)
def test_read(site_cases: Path, command: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, told = _run(capfd, site_cases, command)
    assert code == 0, told
    assert READ[command] in told


@pytest.mark.parametrize("case", EARNED_USD)
def test_dispatched(site_cases: Path, case: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, told = _run(capfd, site_cases, f"dispatch {case}", "--json")
    assert code == 0, told
    (result,) = json.JSONDecoder().raw_decode(told[told.index("{") :])[0]["results"]
    assert result["plans"]["perfect"]["earned_usd"] == pytest.approx(EARNED_USD[case], abs=0.1)
