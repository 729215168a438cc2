"""The hall's charts and page: cells by hand, and nothing that is not in the records."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

from megawatt.catalogue.records import Assumption, Fact
from megawatt.facility.records import FacilityYear, Weather
from megawatt.report import HallRun, hall_charts, render_hall
from megawatt.report.charts.hall import air_chart, pue_map_chart
from tests.report_sample import SOURCES

HOURS = 8760
HOUR_OF_DAY = np.arange(HOURS) % 24


def _weather() -> Weather:
    """20 degC by night and 30 degC by day at 50 % and sea level: 7.26 and 13.3 g/kg."""
    dry = np.where(HOUR_OF_DAY < 12, 20.0, 30.0)
    half = np.full(HOURS, 0.5)
    stand_in = Fact("perth", "", "assumed", "assumption", note="climate of perth stands in")
    fact = Assumption("perth.stand_in", "facility", stand_in)
    return Weather("Perth", "made up", dry, dry - 6.0, half, np.full(HOURS, 101325.0), (fact,))


def _hall(title: str = "a hall", it_mw: float = 10.0, water_l: float = 0.0) -> HallRun:
    """PUE 1.1 in the first half of each day and 1.3 in the second."""
    it = np.full(HOURS, it_mw)
    drawn = it * np.where(HOUR_OF_DAY < 12, 1.1, 1.3)
    year = FacilityYear(it, drawn, np.full(HOURS, water_l), {"it": it, "fans": drawn - it}, 1.2, 1.3, 0.0)
    return HallRun(title, _weather(), year)


def test_pue_by_month_and_hour_of_the_day() -> None:
    chart = pue_map_chart(_hall(), 0)
    assert chart is not None
    cells = {(m, h): v for m, h, v in chart.option["series"][0]["data"]}
    assert len(cells) == 12 * 24
    assert cells[0, 11] == pytest.approx(1.1)
    assert cells[11, 12] == pytest.approx(1.3)
    assert chart.table.rows[0] == ("Jan", "1.2", "1.1 at 00:00", "1.3 at 12:00")
    assert (chart.option["visualMap"]["min"], chart.option["visualMap"]["max"]) == (1.1, 1.3)


def test_a_hall_without_it_has_no_pue_map_and_no_dots() -> None:
    idle = _hall(it_mw=0.0)
    assert pue_map_chart(idle, 0) is None
    assert air_chart(idle, 0).option["series"][0]["data"] == []


def test_each_dot_is_a_cell_of_air_with_its_hours_and_pue() -> None:
    chart = air_chart(_hall(), 0)
    assert sorted(chart.option["series"][0]["data"]) == [[20.5, 7.5, 4380, 1.1], [30.5, 13.5, 4380, 1.3]]
    assert [row[1] for row in chart.table.rows] == ["4\u202f380", "4\u202f380"]
    saturated = dict(chart.option["series"][1]["data"])
    assert saturated[20.0] == pytest.approx(14.7, abs=0.05)  # ASHRAE Fundamentals 2017, chapter 1, table 2: 14.76


def test_charts_are_finite_and_tabled() -> None:
    halls = (_hall("one", water_l=1000.0), _hall("two"))
    charts = hall_charts(halls)
    assert [c.id for c in charts] == ["pue", "duration", "water", "pue-map-0", "pue-map-1", "air-0", "air-1"]
    for chart in charts:
        json.dumps(chart.option, allow_nan=False)
        assert {len(row) for row in chart.table.rows} == {len(chart.table.columns)}, chart.id
    duration = charts[1]
    assert duration.table.rows[0][1:] == ("13.0\u202fMW",) * 3 + ("11.0\u202fMW",) * 2
    assert "markLine" not in duration.option["series"][0]
    assert "water" not in {c.id for c in hall_charts((_hall("dry"),))}


def test_the_page_is_one_offline_file_that_names_the_stand_in() -> None:
    page = render_hall((_hall("<one>"),), ("Climate of perth.",), SOURCES)
    assert page == render_hall((_hall("<one>"),), ("Climate of perth.",), SOURCES)
    assert "Climate of perth." in page
    assert "perth.<wbr>stand_<wbr>in" in page
    assert "<one>" not in page
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=\"http", page)
    specs = json.loads(re.search(r'id="specs">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    assert specs["pue-map-0"]["hours"] == []
    assert math.isclose(specs["pue-map-0"]["option"]["series"][0]["data"][0][2], 1.1)
