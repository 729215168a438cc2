"""Weather files: hour order, leap day, missing values, humidity columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from megawatt.errors import ScenarioError
from megawatt.facility import read_weather_file
from megawatt.hours import DAYS_IN_MONTH


def _dates(leap: bool) -> list[tuple[int, int, int]]:
    days = DAYS_IN_MONTH.copy()
    days[1] += leap
    return [(m + 1, d + 1, h + 1) for m in range(12) for d in range(days[m]) for h in range(24)]


def _epw(path: Path, leap: bool = False, spoil: tuple[int, str] | None = None) -> Path:
    head = ["LOCATION,Town,XX,USA,x,1,40,-100,-6,300"] + ["x"] * 7
    body = []
    for i, (month, day, hour) in enumerate(_dates(leap)):
        dry = "99.9" if spoil == (i, "dry") else f"{month + hour / 100}"
        pressure = "999999" if spoil == (i, "pressure") else "97000"
        body.append(f"2001,{month},{day},{hour},0,flags,{dry},0.5,50,{pressure}")
    path.write_text("\n".join(head + body))
    return path


def _tmy3(path: Path, dew_point: str = "1.0") -> Path:
    head = [
        '1,"TOWN AP",XX,-6,40,-100,300',
        "Date (MM/DD/YYYY),Time (HH:MM),Dry-bulb (C),Dew-point (C),Pressure (mbar)",
    ]
    body = [f"{m:02d}/{d:02d}/1999,{h:02d}:00,{m + h / 100},{dew_point},970" for m, d, h in _dates(False)]
    path.write_text("\n".join(head + body))
    return path


def test_first_row_of_an_epw_is_hour_zero(tmp_path: Path) -> None:
    weather = read_weather_file(_epw(tmp_path / "a.epw"))
    np.testing.assert_allclose(weather.dry_bulb_c[[0, 23, 24, 8759]], [1.01, 1.24, 1.01, 12.24])
    assert weather.place == "Town, XX"
    assert "29 February" not in weather.origin


def test_leap_day_is_dropped_and_said(tmp_path: Path) -> None:
    weather = read_weather_file(_epw(tmp_path / "a.epw", leap=True))
    assert weather.dry_bulb_c[59 * 24] == pytest.approx(3.01)  # 1 March
    assert "29 February dropped, 24 h" in weather.origin


@pytest.mark.parametrize(("what", "name"), [("dry", "dry bulb"), ("pressure", "pressure")])
def test_missing_codes_name_their_line(tmp_path: Path, what: str, name: str) -> None:
    with pytest.raises(ScenarioError, match=f"a.epw:109: {name}: '99"):  # 8 header lines, row 100 is line 109
        read_weather_file(_epw(tmp_path / "a.epw", spoil=(100, what)))


def test_tmy3_equals_the_same_epw(tmp_path: Path) -> None:
    weather = read_weather_file(_tmy3(tmp_path / "a.csv", dew_point="0.5"))
    other = read_weather_file(_epw(tmp_path / "a.epw"))
    np.testing.assert_allclose(weather.wet_bulb_c, other.wet_bulb_c)
    np.testing.assert_allclose(weather.pressure_pa, 97000.0)
    assert weather.place == "Town Ap"


def test_tmy3_missing_dew_point(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"a\.csv:3: Dew-point \(C\): '-9900'"):
        read_weather_file(_tmy3(tmp_path / "a.csv", dew_point="-9900"))


def _csv(path: Path, header: str, row: str, rows: int = 8760) -> Path:
    path.write_text("\n".join([header] + [row] * rows))
    return path


def test_humidity_columns_agree(tmp_path: Path) -> None:
    # 25 degC, 50 % at sea level: dew point 13.86, wet bulb 17.9 degC (psychrometric chart)
    by_rh = read_weather_file(_csv(tmp_path / "a.csv", "dry_bulb_c,relative_humidity", "25,0.5"))
    assert by_rh.wet_bulb_c[0] == pytest.approx(17.9, abs=0.05)
    wet = by_rh.wet_bulb_c[0]
    by_wet = read_weather_file(_csv(tmp_path / "b.csv", "dry_bulb_c,wet_bulb_c", f"25,{wet}"))
    assert by_wet.relative_humidity[0] == pytest.approx(0.5, abs=1e-6)
    by_dew = read_weather_file(_csv(tmp_path / "c.csv", "dry_bulb_c,dew_point_c,pressure_pa", "25,13.86,101325"))
    assert by_dew.relative_humidity[0] == pytest.approx(0.5, abs=1e-3)


def test_csv_of_a_leap_year_and_of_a_high_place(tmp_path: Path) -> None:
    path = _csv(tmp_path / "a.csv", "dry_bulb_c,relative_humidity", "25,0.5", 8784)
    weather = read_weather_file(path, elevation_m=1000.0)
    assert weather.dry_bulb_c.shape == (8760,)
    assert weather.pressure_pa[0] == pytest.approx(89875, abs=10)
    assert "29 February dropped" in weather.origin


@pytest.mark.parametrize(
    ("header", "row", "rows", "message"),
    [
        ("dry_bulb_c", "25", 8760, "needed: dry_bulb_c and one of"),
        (
            "dry_bulb_c,relative_humidity",
            "25,50",
            8760,
            "a.csv:2: relative_humidity: '50' .* 0 to 1.1",
        ),
        ("dry_bulb_c,relative_humidity", "25,0.5", 8000, "8000 hours .*must be 8760"),
        ("dry_bulb_c,relative_humidity", "25,x", 8760, "'x' is not a number"),
        ("dry_bulb_c,relative_humidity", "nan,0.5", 8760, "dry_bulb_c: 'nan' is not a number"),
    ],
)
def test_bad_csv(tmp_path: Path, header: str, row: str, rows: int, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        read_weather_file(_csv(tmp_path / "a.csv", header, row, rows))


def test_no_such_file_or_format(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such file"):
        read_weather_file(tmp_path / "none.epw")
    (tmp_path / "b.epw").write_text("hello")
    with pytest.raises(ScenarioError, match="LOCATION"):
        read_weather_file(tmp_path / "b.epw")
    (tmp_path / "c.csv").write_text("")
    with pytest.raises(ScenarioError, match="is empty"):
        read_weather_file(tmp_path / "c.csv")
