"""Every layout is read hour by hour, whoever publishes it; the page of layouts is the table's own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
import xlsxwriter

from megawatt.errors import ScenarioError
from megawatt.hourly import FilePart, layout_table, layouts, read_hourly
from tests.unit.hourly.layout_files import OUTPUT, PRICES, WEATHER, dry_bulb, omie, prices, write

PAGE = Path(__file__).parents[3] / "docs" / "hourly-files.md"


def test_every_layout_has_a_file_here() -> None:
    assert {*PRICES, *WEATHER, *OUTPUT, "meter"} == {layout.key for layout in layouts()}


@pytest.mark.parametrize("key", PRICES)
def test_prices_come_out_hour_by_hour(key: str, tmp_path: Path) -> None:
    writer, currency, offset = PRICES[key]
    file = read_hourly(writer(tmp_path / "p.csv"), "prices")
    years = (0,) if key in ("own-count", "own-list") else (2023,)
    assert (file.layout.key, file.currency, file.years, file.utc_offset_hours) == (key, currency, years, offset)
    assert file.values["price"][0] == pytest.approx(np.array(prices(8760)), abs=1e-9)


def test_a_day_counts_on_in_quarters_from_the_month_in_which_its_market_changed(tmp_path: Path) -> None:
    file = read_hourly(omie(tmp_path / "p.csv", quarters_from=10), "prices")
    assert file.values["price"][0] == pytest.approx(np.array(prices(8760)), abs=1e-9)
    other = read_hourly(omie(tmp_path / "p.csv"), "prices", FilePart(column="portugal"))
    assert other.values["price"][0] == pytest.approx(np.array(prices(8760)) + 1.0, abs=1e-9)
    text = (tmp_path / "p.csv").read_text(encoding="latin-1").splitlines()
    (tmp_path / "p.csv").write_text(
        "\n".join([*text[:2000], "2023;03;21;101;40.0;40.0;", *text[2001:]]), encoding="latin-1"
    )
    with pytest.raises(ScenarioError, match=r"2001: .*101"):
        read_hourly(tmp_path / "p.csv", "prices")


@pytest.mark.parametrize("key", WEATHER)
def test_weather_comes_out_hour_by_hour(key: str, tmp_path: Path) -> None:
    file = read_hourly(WEATHER[key](tmp_path / f"w.{'epw' if key == 'epw' else 'csv'}"), "weather")
    assert file.layout.key == key
    assert file.values["dry_bulb"][0] == pytest.approx(np.array(dry_bulb()), abs=1e-9)
    if "pressure" in file.values:
        assert file.values["pressure"] == pytest.approx(97000.0)


@pytest.mark.parametrize("key", OUTPUT)
def test_output_comes_out_hour_by_hour(key: str, tmp_path: Path) -> None:
    file = read_hourly(OUTPUT[key](tmp_path / "o.csv"), "output", FilePart(utc_offset_hours=0.0))
    assert file.layout.key == key
    assert file.values["share"][0] == pytest.approx(np.arange(8760) % 24 / 24.0, abs=1e-9)


def test_the_page_of_layouts_is_made_from_the_table() -> None:
    assert "\n".join(layout_table()) in PAGE.read_text(encoding="utf-8")


def test_a_spreadsheet_of_months_is_read_as_one_file(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    book = xlsxwriter.Workbook(tmp_path / "p.xlsx")
    at = [dt.datetime(2023, 1, 1) + i * dt.timedelta(hours=1) for i in range(8760)]
    stamp = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    made = prices(8760)
    for month in range(1, 13):
        sheet = book.add_worksheet(f"{month}")
        sheet.write_row(0, 0, ["Datetime", "Price (USD/MWh)"])
        for row, hour in enumerate([i for i, when in enumerate(at) if when.month == month], 1):
            sheet.write_datetime(row, 0, at[hour], stamp)
            sheet.write_number(row, 1, made[hour])
    book.close()
    file = read_hourly(tmp_path / "p.xlsx", "prices")
    assert file.values["price"][0] == pytest.approx(np.array(made))
    (tmp_path / "broken.xlsx").write_bytes((tmp_path / "p.xlsx").read_bytes()[:5000])
    with pytest.raises(ScenarioError, match="no spreadsheet"):
        read_hourly(tmp_path / "broken.xlsx", "prices")


def test_a_meter_is_read_with_its_units(tmp_path: Path) -> None:
    start = dt.datetime(2023, 1, 1)
    rows = [[(start + i * dt.timedelta(hours=1)).isoformat(), 40_000 + i, 2.5] for i in range(8760)]
    file = read_hourly(write(tmp_path / "m.csv", ["Time", "Power (kW)", "Hash rate (EH/s)"], rows), "meter")
    assert file.values["power"][0, [0, 8759]] == pytest.approx([40.0, 48.759])
    assert file.values["hash_rate"].mean() == pytest.approx(2500.0)


def test_energy_of_each_step_is_power_and_a_register_is_refused(tmp_path: Path) -> None:
    times = [dt.datetime(2023, 1, 1) + i * dt.timedelta(minutes=15) for i in range(4 * 8760)]
    rows: list[list[object]] = [["usage", t.date().isoformat(), f"{t:%H:%M}", 10_000 + t.hour] for t in times]
    file = read_hourly(write(tmp_path / "m.csv", ["Type", "Date", "Start time", "Usage (kWh)"], rows), "meter")
    np.testing.assert_allclose(file.values["power"][0], 40.0 + np.arange(8760) % 24 * 0.004)
    grown = [[*row[:3], 100.0 * i] for i, row in enumerate(rows)]
    with pytest.raises(ScenarioError, match="register"):
        read_hourly(write(tmp_path / "m.csv", ["Type", "Date", "Start time", "Usage (kWh)"], grown), "meter")


def test_one_place_of_several_is_chosen(tmp_path: Path) -> None:
    rows: list[list[object]] = []
    for i in range(8760):
        when = dt.datetime(2023, 1, 1) + i * dt.timedelta(hours=1)
        rows += [[f"{when}-06:00", place, "DAM", price] for place, price in (("HB_WEST", 20.0), ("HB_NORTH", 30.0))]
    path = write(tmp_path / "g.csv", ["Interval Start", "Location", "Market", "LMP"], rows)
    assert read_hourly(path, "prices", FilePart(node="hb_north")).values["price"].mean() == 30.0
    with pytest.raises(ScenarioError, match=r"2 places.*HB_WEST, HB_NORTH"):
        read_hourly(path, "prices")


def test_columns_of_ones_own_are_named(tmp_path: Path) -> None:
    zone = dt.timedelta(hours=1)
    rows = [[f"{dt.datetime(2023, 1, 1) + i * zone}+01:00", f"{i % 7},5", i] for i in range(8760)]
    path = write(tmp_path / "o.csv", ["Quand", "Prix", "Autre"], rows)
    file = read_hourly(path, "prices", FilePart(column="prix", unit="ct/kWh"))
    assert file.currency == "EUR"
    assert file.values["price"][0, 0] == pytest.approx(5.0)  # 0.5 ct/kWh
    with pytest.raises(ScenarioError, match="no unit in the title"):
        read_hourly(path, "prices", FilePart(column="prix"))
    with pytest.raises(ScenarioError, match="columns Quand, Prix, Autre"):
        read_hourly(path, "prices")
