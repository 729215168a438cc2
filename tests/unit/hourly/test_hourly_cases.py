"""Files as operators have them: what was misread or refused without reason, each as small as it could be made."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.dispatch import read_prices
from megawatt.dispatch.case import load_case
from megawatt.errors import ScenarioError
from megawatt.facility import read_weather_file, site_clock
from megawatt.hourly import FilePart, read_hourly
from megawatt.hours import MONTH_OF_HOUR
from megawatt.inspection import check, describe
from tests.fuzz.data_files import PARAMETERS, case_rows
from tests.unit.hourly.layout_files import WEATHER, dry_bulb, write

SITE = FilePart(utc_offset_hours=-6.0, zone="America/Chicago", year=2023)
HOUR = dt.timedelta(hours=1)
TEXT = "Datetime,Price (USD/MWh)\n"


def _rows(year: int = 2023, hours: int = 8760, offset: str = "-06:00", first: int = 0) -> list[str]:
    start = dt.datetime(year, 1, 1)
    return [f"{start + (first + i) * HOUR}{offset},{20 + i % 24}" for i in range(hours)]


def _file(path: Path, rows: list[str], head: str = TEXT, encoding: str = "utf-8") -> Path:
    path.write_text(head + "\n".join(rows) + "\n", encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings_do_not_matter(encoding: str, tmp_path: Path) -> None:  # F01
    rows = [f"{row},é" for row in _rows()]
    path = _file(tmp_path / "p.csv", rows, "Datetime,Price (USD/MWh),Zone d'étude\n", encoding)
    assert read_prices(path, SITE).price_usd_per_mwh.mean() == pytest.approx(31.5)


def test_a_weather_file_with_a_mark_is_the_same(tmp_path: Path) -> None:  # F01
    path = WEATHER["epw"](tmp_path / "w.epw")
    (tmp_path / "m.epw").write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    a, b = (read_weather_file(tmp_path / name) for name in ("w.epw", "m.epw"))
    assert np.array_equal(a.wet_bulb_c, b.wet_bulb_c)


def _case(folder: Path, hourly: str, parameters: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    text = json.dumps(PARAMETERS | {"hours": 24}) if parameters is None else parameters
    (folder / "parameters.json").write_text(text, encoding="utf-8-sig")
    (folder / "hourly.csv").write_text(hourly, encoding="utf-8-sig")
    return folder


def test_a_case_with_marks_is_read(tmp_path: Path) -> None:  # F01, F02
    assert load_case(_case(tmp_path / "c", case_rows())).ai_load_mw.size == 24


@pytest.mark.parametrize(("text", "words"), [('{"solar_mw": 1,', "parameters.json:1"), ("[1, 2]", "parameters.json")])
def test_parameters_that_are_cut_off_or_a_list_are_refused(text: str, words: str, tmp_path: Path) -> None:  # F02
    with pytest.raises(ScenarioError, match=words):
        load_case(_case(tmp_path / "c", case_rows(), text))


@pytest.mark.parametrize("rows", [96, 25])
def test_a_case_with_other_rows_than_hours_is_refused(rows: int, tmp_path: Path) -> None:  # F06
    with pytest.raises(ScenarioError, match=rf"{rows} rows; allowed: 24 rows, as hours"):
        load_case(_case(tmp_path / "c", _with_hours(list(range(rows)))))


def _with_hours(index: list[int]) -> str:
    head = case_rows().splitlines()[0]
    return "\n".join([head, *(f"{hour},5,0.2,0,{20 + hour},200,60" for hour in index)])


def test_hours_of_a_case_are_sorted_and_each_is_there_once(tmp_path: Path) -> None:  # F08
    with pytest.raises(ScenarioError, match=r"hourly.csv:14: hour: '8'.*again"):
        load_case(_case(tmp_path / "c", _with_hours([*range(12), 8, *range(13, 24)])))
    with pytest.raises(ScenarioError, match=r"hourly.csv:14: hour: '13'.*after '11'"):
        load_case(_case(tmp_path / "c", _with_hours([*range(12), *range(13, 25)])))
    text = _with_hours(list(range(23, -1, -1)))
    lines = text.splitlines()
    price = lines[0].split(",").index("energy_price_usd_mwh")
    expected = [float(line.split(",")[price]) for line in lines[:0:-1]]
    assert load_case(_case(tmp_path / "c", text)).price_usd_per_mwh.tolist() == expected


@pytest.mark.parametrize(("column", "value"), [("energy_price_usd_mwh", -9999), ("solar_cf", -9999), ("solar_cf", 2)])
def test_a_code_in_a_case_names_its_line_and_column(column: str, value: float, tmp_path: Path) -> None:  # F11, F38
    lines = case_rows().splitlines()
    cells = lines[24].split(",")
    cells[lines[0].split(",").index(column)] = str(value)
    with pytest.raises(ScenarioError, match=rf"hourly.csv:25: {column}: '{value}'"):
        load_case(_case(tmp_path / "c", "\n".join([*lines[:24], ",".join(cells)])))


def test_a_case_with_semicolons_and_decimal_commas_is_read(tmp_path: Path) -> None:  # F21
    text = case_rows()
    a = load_case(_case(tmp_path / "a", text))
    b = load_case(_case(tmp_path / "b", text.replace(",", ";").replace(".", ",")))
    assert np.array_equal(a.price_usd_per_mwh, b.price_usd_per_mwh)


def _epw_rows(path: Path) -> tuple[list[str], list[str]]:
    lines = WEATHER["epw"](path).read_text(encoding="utf-8").splitlines()
    return lines[:8], lines[8:]


def test_weather_that_starts_in_july_is_put_in_order(tmp_path: Path) -> None:  # F08
    head, rows = _epw_rows(tmp_path / "w.epw")
    half = 181 * 24
    (tmp_path / "j.epw").write_text("\n".join([*head, *rows[half:], *rows[:half]]), encoding="utf-8")
    weather = read_weather_file(tmp_path / "j.epw")
    assert weather.dry_bulb_c == pytest.approx(np.array(dry_bulb()))
    assert "order of their stamps" in weather.origin


def test_weather_with_a_gap_and_a_double_is_refused(tmp_path: Path) -> None:  # F08
    head, rows = _epw_rows(tmp_path / "w.epw")
    (tmp_path / "g.epw").write_text("\n".join([*head, *rows[:100], rows[99], *rows[101:]]), encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"g.epw:109: the time of line 108 is given twice"):
        read_weather_file(tmp_path / "g.epw")


def test_weather_in_utc_is_turned_to_the_site(tmp_path: Path) -> None:  # F08
    start = dt.datetime(2021, 1, 1)
    rows = [[f"{start + i * HOUR}+00:00", t, t - 5] for i, t in enumerate(dry_bulb())]
    path = write(tmp_path / "u.csv", ["time", "dry_bulb_c", "dew_point_c"], rows)
    weather = read_weather_file(path, utc_offset_hours=-6.0)
    assert weather.dry_bulb_c[:8754] == pytest.approx(np.array(dry_bulb())[6:])
    assert "UTC+0 turned to the site's UTC-6" in weather.origin


def test_a_padded_leap_day_is_dropped(tmp_path: Path) -> None:  # F09
    head = ["LOCATION,Town,XX,USA,x,1,40,-100,-6.0,300.0", *["x"] * 7]
    start = dt.datetime(2020, 1, 1)
    body = [f"2020,{w:%m,%d},{w.hour + 1:02d},60,?,10,5,50,97000" for w in (start + i * HOUR for i in range(8784))]
    (tmp_path / "l.epw").write_text("\n".join(head + body), encoding="utf-8")
    assert "29 February dropped, 24 h" in read_weather_file(tmp_path / "l.epw").origin


@pytest.mark.parametrize("text", ["-9999", "9999", "-999", "n/e", "", "99999"])
def test_a_missing_price_names_its_line(text: str, tmp_path: Path) -> None:  # F11
    rows = _rows()
    rows[98] = f"{rows[98].split(',')[0]},{text}"
    with pytest.raises(ScenarioError, match=r"p.csv:100: Price \(USD/MWh\): "):
        read_prices(_file(tmp_path / "p.csv", rows), SITE)


@pytest.mark.parametrize(("title", "factor"), [("Price (JPY/MWh)", 1.0), ("Price (EUR/kWh)", 1000.0)])
def test_a_code_of_large_units_is_a_value_of_small_ones(title: str, factor: float, tmp_path: Path) -> None:
    rows = [f"{row.partition(',')[0]},{9900 / factor:g}" for row in _rows()]
    file = read_hourly(_file(tmp_path / "p.csv", rows, f"Datetime,{title}\n"), "prices")
    np.testing.assert_allclose(file.values["price"], 9900.0)


def test_a_price_of_a_kwh_is_warned_of(tmp_path: Path) -> None:  # F12
    rows = [f"{row.split(',')[0]},{float(row.split(',')[1]) / 1000}" for row in _rows()]
    path = _file(tmp_path / "p.csv", rows)
    found = check(path, load_catalogue())
    assert found.warnings == ("A mean of 0.0315 USD/MWh is not plausible: is it USD/kWh?",)
    part = FilePart(utc_offset_hours=-6.0, unit="USD/kWh")
    assert read_prices(path, part).price_usd_per_mwh.mean() == pytest.approx(31.5)


def test_the_year_of_two_is_chosen(tmp_path: Path) -> None:  # F14
    path = _file(tmp_path / "p.csv", [*(f"{r.split(',')[0]},100" for r in _rows(2022)), *_rows(2023)])
    assert read_prices(path, SITE).price_usd_per_mwh.mean() == pytest.approx(31.5)
    assert read_prices(path, FilePart(utc_offset_hours=-6.0, year=2022)).price_usd_per_mwh.mean() == 100.0
    with pytest.raises(ScenarioError, match="whole years 2022, 2023; asked for 2024"):
        read_prices(path, FilePart(utc_offset_hours=-6.0, year=2024))
    assert describe(str(path), load_catalogue()).title == "hourly prices of 2022, 2023, USD/MWh"


def test_the_clock_is_that_of_the_place(tmp_path: Path) -> None:  # F16
    catalogue = load_catalogue()
    clocks = {place: site_clock(place, catalogue).utc_offset_hours for place in ("dublin", "childress-tx", "mumbai")}
    assert clocks == {"dublin": 0.0, "childress-tx": -6.0, "mumbai": 5.5}
    assert site_clock("34.4, -100.3", catalogue).zone == "America/Chicago"
    assert site_clock("-30, -140", catalogue).utc_offset_hours == -9.0  # at sea: by the longitude
    path = _file(tmp_path / "p.csv", _rows(offset="+00:00"))
    assert read_prices(path, FilePart(utc_offset_hours=0.0)).price_usd_per_mwh[0] == 20.0
    with pytest.raises(ScenarioError) as error:
        read_prices(path, SITE)
    assert "the file's own clock is UTC+0 and the site's UTC-6" in error.value.problems[0].hint


def test_hour_ending_labels_are_named_and_shifted(tmp_path: Path) -> None:  # F17
    path = _file(tmp_path / "p.csv", _rows(first=1))
    with pytest.raises(ScenarioError, match="look hour-ending") as error:
        read_prices(path, SITE)
    assert "price_hour_ending = true" in error.value.problems[0].hint
    part = FilePart(utc_offset_hours=-6.0, hour_ending=True)
    assert read_prices(path, part).price_usd_per_mwh[:3].tolist() == [20.0, 21.0, 22.0]


@pytest.mark.parametrize("minutes", [5, 15, 30])
def test_finer_steps_are_averaged_and_said(minutes: int, tmp_path: Path) -> None:  # F18
    step = dt.timedelta(minutes=minutes)
    parts = 60 // minutes
    start = dt.datetime(2023, 1, 1)
    rows = [f"{start + i * step}-06:00,{i // parts % 24 + i % parts}" for i in range(8760 * parts)]
    year = read_prices(_file(tmp_path / "p.csv", rows), SITE)
    assert year.price_usd_per_mwh[:2] == pytest.approx([(parts - 1) / 2, 1 + (parts - 1) / 2])
    assert f"{parts} rows an hour ({minutes} min) averaged to hours" in year.remarks
    with pytest.raises(ScenarioError, match=r"q.csv:[0-9]+: steps of this hour are missing"):
        read_prices(_file(tmp_path / "q.csv", rows[:1000] + rows[1001:]), SITE)


def test_a_market_may_change_its_step(tmp_path: Path) -> None:  # F18
    quarter = dt.timedelta(minutes=15)
    change = dt.datetime(2023, 10, 1)
    rows = [row for row in _rows() if row < f"{change}"]
    rows += [f"{change + i * quarter}-06:00,50" for i in range(92 * 96)]
    assert read_prices(_file(tmp_path / "p.csv", rows), SITE).price_usd_per_mwh[-1] == 50.0


@pytest.mark.parametrize("separator", [";", "\t"])
def test_separators_and_decimal_commas(separator: str, tmp_path: Path) -> None:  # F21
    rows = [row.replace(",", separator) + ",5" for row in _rows()]
    path = _file(tmp_path / "p.csv", rows, TEXT.replace(",", separator))
    assert read_prices(path, SITE).price_usd_per_mwh.mean() == pytest.approx(32.0)
    quoted = [f'{row.split(",")[0]},"{row.split(",")[1]},5"' for row in _rows()]
    assert read_prices(_file(tmp_path / "q.csv", quoted), SITE).price_usd_per_mwh.mean() == pytest.approx(32.0)
    thousands = [f'{row.split(",")[0]},"1,{100 + int(row.split(",")[1])}.25"' for row in _rows()]
    assert read_prices(_file(tmp_path / "t.csv", thousands), SITE).price_usd_per_mwh.mean() == pytest.approx(1131.75)
    unclear = [f'{row.split(",")[0]},"1,{100 + int(row.split(",")[1])}"' for row in _rows()]
    with pytest.raises(ScenarioError, match="decimal comma or thousands"):
        read_prices(_file(tmp_path / "u.csv", unclear), SITE)


def test_wall_time_without_offsets(tmp_path: Path) -> None:
    from zoneinfo import ZoneInfo

    at = [dt.datetime(2023, 1, 1, 6, tzinfo=dt.UTC) + i * HOUR for i in range(8760)]
    wall = [f"{when.astimezone(ZoneInfo('America/Chicago')):%Y-%m-%d %H:%M:%S},{i}" for i, when in enumerate(at)]
    for part in (SITE, FilePart()):
        year = read_prices(_file(tmp_path / "p.csv", wall), part)
        assert np.array_equal(year.price_usd_per_mwh, np.arange(8760.0))
        assert any("wall time" in remark for remark in year.remarks)
    with pytest.raises(ScenarioError, match="is missing"):
        read_prices(_file(tmp_path / "q.csv", wall[:4000] + wall[4001:]), SITE)


def test_twelve_months_from_july_are_put_in_order(tmp_path: Path) -> None:
    path = _file(tmp_path / "p.csv", _rows(2022, 8760, first=181 * 24))
    year = read_prices(path, FilePart(utc_offset_hours=-6.0))
    assert "Jul 2022 to Jun 2023, put in the order of one calendar year" in year.remarks
    assert year.price_usd_per_mwh[:24].tolist() == [20.0 + h for h in range(24)]


@pytest.mark.parametrize("first", ["2022-07-15T06:00", "2022-10-01T06:00", "2022-12-20T06:00"])
def test_twelve_months_from_any_day_are_put_in_order(first: str, tmp_path: Path) -> None:
    at = np.datetime64(first, "h") + np.arange(8760)
    rows = (f"{t}:00Z,{20 + int(str(t)[5:7])}\n" for t in at)
    (tmp_path / "p.csv").write_text("Datetime,Price (USD/MWh)\n" + "".join(rows), encoding="utf-8")
    file = read_hourly(tmp_path / "p.csv", "prices", FilePart(utc_offset_hours=0.0))
    np.testing.assert_array_equal(file.values["price"][0], 21 + MONTH_OF_HOUR)


def test_another_currency_needs_its_rate(tmp_path: Path) -> None:
    path = _file(tmp_path / "p.csv", _rows(), "Datetime,Price (EUR/MWh)\n")
    with pytest.raises(ScenarioError, match="prices in EUR/MWh") as error:
        read_prices(path, SITE)
    assert error.value.problems[0].hint == "power.usd_per_currency"
    year = read_prices(path, SITE, 1.1)
    assert year.price_usd_per_mwh.mean() == pytest.approx(34.65)
    assert "EUR at 1.1 USD" in year.remarks


@pytest.mark.parametrize(
    ("title", "change", "hint"),
    [
        ("dry_bulb_c", lambda t: f"{t * 1.8 + 32:.1f}", "Fahrenheit"),
        ("dry_bulb_c", lambda t: f"{t + 273.15:.2f}", "kelvin"),
    ],
)
def test_other_units_of_weather_are_named(
    title: str, change: Callable[[float], str], hint: str, tmp_path: Path
) -> None:
    rows: list[list[object]] = [[change(t), 0.5] for t in dry_bulb()]
    with pytest.raises(ScenarioError) as error:
        read_hourly(write(tmp_path / "w.csv", [title, "relative_humidity"], rows), "weather")
    assert hint in error.value.problems[0].hint
    fahrenheit = read_hourly(write(tmp_path / "f.csv", ["dry_bulb_c (°F)", "relative_humidity"],
                                   [[f"{t * 1.8 + 32:.2f}", 0.5] for t in dry_bulb()]), "weather")  # fmt: skip
    assert fahrenheit.values["dry_bulb"].mean() == pytest.approx(np.mean(dry_bulb()), abs=1e-6)
