"""The pages of the best mix and of a mixed site."""

from __future__ import annotations

import re

import pytest

from megawatt.report.charts.mixed import adds_chart, idle_chart, mix_table, use_of_connection
from megawatt.report.charts.mixed_choice import frontier_chart, map_chart, ranges_chart
from megawatt.report.charts.mixed_week import mixed_week_chart
from megawatt.report.mixed_page import render_best, render_mix
from tests.mixed_sample import ADDS, PARTS, best_told, mix_told, sample_year


def _words(page: str) -> str:
    return re.sub("[\u202f\u2060]", lambda m: " " if m[0] == "\u202f" else "", page)


def test_the_best_page_says_the_answer_idle_megawatts_and_what_flips_it() -> None:
    page = _words(render_best("Best <of> it", "What?", best_told(), sample_year(), {}))
    for text in (
        "chips × 1 + miners &lt;b&gt; × 0.5, with battery_mw 20.0, worth $225.0m, $75.0m more than the best single use",
        "Idle: 13 MW of 300 MW with the best mix.",
        "chips alone leaves 163 MW idle and is worth $100.0m.",
        "In 1 of the 2 widest ranges the same parts stay in the best mix.",
        "input turns: another mix is best from $62/MWh",
        "one more megawatt of connection",
        "one more parts.0.most (chips)",
        "of the plans that are fixed today the best is “in steps”, $170.0m. Deciding later",
        "their scenario&#39;s connection is the site&#39;s here",
        "$81.00m of it (90.0 %) knowing prices a day ahead; 88.0 % of the bound at real-time prices",
        "not the whole chain on every path",
    ):
        assert text in page, text
    assert "<of>" not in page
    assert "<b>" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)


def test_without_ranges_or_other_uses_the_page_still_stands() -> None:
    told = best_told()
    told |= {"robust": {"inputs": 0, "inputs_that_flip": 0, "flips": [], "map": []}, "single_use": [], "adds": []}
    told |= {
        "shadow_prices": {"usd_per_grid_mw": 0.0},
        "bounds": [],
        "over_time": None,
        "left_out": [{"name": "chips", "why": "its lowest DSCR is 0.9"}],
    }
    page = render_best("Best", "", told, sample_year(), {})
    assert "The ranges of inputs were not looked at" in page
    assert "No limit of the site binds: one more of any is worth nothing." in page
    assert "Left out: chips: its lowest DSCR is 0.9." in page


def test_a_single_use_that_is_best_is_said_so() -> None:
    told = best_told()
    told["best"] = told["single_use"][1] | {"name": "mix"}
    assert "a single use, miners &lt;b&gt;, is best" in render_best("Best", "", told, sample_year(), {})


def test_used_and_idle_megawatts_make_up_the_connection() -> None:
    drawn, idle = (series["data"] for series in use_of_connection(best_told()).option["series"])
    assert [(a or 0.0) + (b or 0.0) for a, b in zip(drawn, idle, strict=True)] == [300.0] * 3
    assert idle == [13, 163, None]
    assert [row[2].replace("\u202f", " ") for row in mix_table(best_told()).rows] == ["13 MW", "163 MW", "0 MW"]


def test_what_parts_add_sums_to_the_site() -> None:
    adds, site = (series["data"] for series in adds_chart(ADDS).option["series"])
    assert sum(v or 0.0 for v in adds) == site[-1] == pytest.approx(225.0)
    assert idle_chart(mix_told()).option["series"][0]["data"] == [13] * 12 + [163] * 12


def test_the_frontier_holds_every_point_and_each_use_alone() -> None:
    curve, chips, miners = frontier_chart(best_told()).option["series"]
    assert curve["data"] == [[-75, 225], [20, 160]]
    assert (chips["data"], miners["data"]) == ([[-200, 100]], [[-150, 150]])


def test_ranges_that_flip_come_first_and_their_end_is_marked() -> None:
    chart = ranges_chart(best_told())
    assert chart is not None
    assert chart.option["yAxis"]["data"] == ["input turns", "input steady"]
    _, same, other = chart.option["series"]
    assert other["data"] == [[50, 0]]
    assert same["data"] == [[300, 0], [300, 1], [50, 1]]


def test_the_map_has_a_cell_for_each_pair_of_prices_and_frames_today() -> None:
    chart = map_chart(best_told())
    assert chart is not None
    cells = [cell for series in chart.option["series"] for cell in series["data"]]
    assert len(cells) == 9
    assert [cell["value"][:2] for cell in cells if "itemStyle" in cell] == [[1, 1]]
    dear = next(series for series in chart.option["series"] if series["name"].endswith(": chips"))
    assert [cell["value"][:2] for cell in dear["data"]] == [[0, 1], [0, 2], [1, 2]]
    assert {cell["label"]["formatter"][0] for cell in dear["data"]} == {dear["name"][0]}
    assert len(chart.table.rows) == 3


def test_the_week_is_the_one_in_which_the_draw_moves_most_and_balances() -> None:
    year = sample_year()
    chart = mixed_week_chart(year.hours, PARTS, year.grid_mw)
    assert chart.title.startswith("Week 3 of")
    series = {line["name"]: line["data"] for line in chart.option["series"]}
    taken = [series[name] for name in ("halls at no load", "chips", "miners <b>", "battery charges")]
    given = [series[name] for name in ("grid import", "battery discharges")]
    for hour in range(168):
        assert sum(values[hour] for values in taken) == pytest.approx(sum(values[hour] for values in given))
    assert set(series["charges"]) == {5}


def test_the_mix_page_has_parts_adds_idle_and_why_foresight_is_not_told() -> None:
    page = _words(render_mix("Mixed", "", mix_told(), sample_year(), {}))
    for text in (
        "Idle: 88 MW of 300 MW in the mean month, 13 MW at least.",
        "some payment missed: no debt",
        "is not told: energy tiers are planned with the year in view.",
        "shared: plants, services, charges",
    ):
        assert text in page, text
