"""Chart options: plain JSON, finite, and true to the records they come from."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from megawatt.chain.records import Comparison, UseResult
from megawatt.report.axes import literal, nice_bounds
from megawatt.report.charts.chip import exposed_loss, memory_chart, step_time_chart
from megawatt.report.charts.debt import cover_chart
from megawatt.report.charts.hours import duration_chart, heat_chart, price_charts
from megawatt.report.charts.money import annual_charts, by_year, energy_bill_chart, years_axis
from megawatt.report.charts.power import overhead_chart, power_parts_chart, pue_chart, water_chart
from megawatt.report.charts.risk import fan_charts, is_running, missed_chart
from megawatt.report.charts.sections import chart_set
from megawatt.report.charts.value import tornado_chart, value_chart, value_histogram
from megawatt.report.figure import PARTS, USES, Chart, bar_heights, months_axis, significant, wording
from tests.report_sample import mining_alone, sample_comparison


@pytest.fixture(scope="module")
def sample() -> Comparison:
    return sample_comparison()


@pytest.fixture(scope="module")
def gb300(sample: Comparison) -> UseResult:
    return sample.uses[0]


def _series(chart: Chart, name: str) -> list[float]:
    return next(s["data"] for s in chart.option["series"] if s["name"] == name)


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [n for v in value.values() for n in _numbers(v)]
    if isinstance(value, list | tuple):
        return [n for v in value for n in _numbers(v)]
    return [float(value)] if isinstance(value, int | float) else []


@pytest.mark.parametrize("comparison", [sample_comparison(), mining_alone()], ids=["three", "bare"])
def test_every_option_is_finite_json_without_python_types(comparison: Comparison) -> None:
    charts = chart_set(comparison).all()
    assert charts
    for chart in charts:
        assert json.loads(json.dumps(chart.option, allow_nan=False)) == json.loads(json.dumps(chart.option))
        assert all(math.isfinite(n) for n in _numbers(chart.option)), chart.id
        assert chart.table.rows, chart.id
        assert {len(row) for row in chart.table.rows} == {len(chart.table.columns)}, chart.id


def test_chart_ids_are_unique(sample: Comparison) -> None:
    ids = [chart.id for chart in chart_set(sample).all()]
    assert len(set(ids)) == len(ids)


def test_legends_name_series_that_exist(sample: Comparison) -> None:
    for chart in chart_set(sample).all():
        if not chart.id.startswith("fan-"):  # bands of a fan have no series of their own
            names = {series["name"] for series in chart.option["series"]}
            assert {entry.name for entry in chart.legend} <= names, chart.id


def test_missing_parts_leave_their_charts_out() -> None:
    charts = chart_set(mining_alone())
    ids = {chart.id for chart in charts.all()}
    assert not charts.drivers
    assert not charts.chip
    assert not charts.risk
    assert {"value", "heat-0", "duration", "pue", "annual-0", "cover-0"} <= ids
    assert "water" not in ids  # the mining hall of the sample draws none


def _contrast(a: str, b: str) -> float:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#171b21"], ids=["light", "dark"])
def test_use_colours_stand_out_on_both_pages(page: str) -> None:
    assert all(_contrast(colour, page) >= 3.0 for colour in USES)  # WCAG 2.1, 1.4.11
    assert len(set(PARTS)) == len(PARTS)


def test_value_chart_marks_the_headline_numbers(sample: Comparison) -> None:
    chart = value_chart(sample.uses)
    diamonds = [s["data"][0] for s in chart.option["series"] if s.get("symbol") == "diamond"]
    assert [d[0] for d in diamonds] == [1.23, 0.81, -0.061]
    axis = chart.option["xAxis"]
    heads = [use.headline for use in sample.uses]
    assert axis["min"] <= min(min(h.value_p5, h.value_low) for h in heads) / 1e6
    assert axis["max"] >= max(max(h.value_p95, h.value_high) for h in heads) / 1e6
    assert chart.option["series"][0]["markLine"]["data"] == [{"xAxis": 0}]


def test_tornado_is_ordered_by_swing_and_shows_changes_from_the_base(gb300: UseResult) -> None:
    chart = tornado_chart(gb300, 0)
    assert chart is not None
    low = [item["value"] for item in _series(chart, "input at its low end")]
    high = [item["value"] for item in _series(chart, "input at its high end")]
    swings = [abs(a - b) for a, b in zip(low, high, strict=True)]
    assert swings == sorted(swings, reverse=True)
    # compute price: value falls by 0.62m at the low end and rises by 0.21m at the high end
    assert low[0] == pytest.approx(-0.62)
    assert high[0] == pytest.approx(0.21)
    assert chart.option["series"][0]["data"][0]["label"]["formatter"] == "$1.2/h"


def test_tornado_labels_of_bars_on_one_side_stay_apart(gb300: UseResult) -> None:
    base = gb300.headline.value_usd_per_grid_mw_year
    both_up = replace(gb300.sensitivities[0], value_at_low=base, value_at_high=base + 1e6)
    up_and_less = replace(gb300.sensitivities[1], value_at_low=base + 0.2e6, value_at_high=base + 0.9e6)
    chart = tornado_chart(replace(gb300, sensitivities=(both_up, up_and_less)), 0)
    assert chart is not None
    low, high = (series["data"] for series in chart.option["series"])
    assert [item["label"]["position"] for item in low] == ["left", "left"]
    assert [item["label"]["position"] for item in high] == ["right", "right"]


def test_tornado_marks_zero_only_where_it_is_reached(sample: Comparison) -> None:
    gb300, trn3 = tornado_chart(sample.uses[0], 0), tornado_chart(sample.uses[1], 1)
    assert gb300 is not None
    assert trn3 is not None
    assert "markLine" not in gb300.option["series"][0]  # $1.23m away, bars end at 0.62m
    assert trn3.option["series"][0]["markLine"]["data"] == [{"xAxis": -0.81}]


def test_histogram_shares_sum_to_all_paths(sample: Comparison) -> None:
    chart = value_histogram(sample.uses)
    assert chart is not None
    for series in chart.option["series"]:
        assert sum(point[1] for point in series["data"]) == pytest.approx(100, abs=0.2)


def test_histogram_skips_paths_without_a_value(gb300: UseResult) -> None:
    sample = np.array([1e6, 2e6, np.nan, 3e6])
    use = replace(gb300, risk=replace(gb300.risk, samples={"value_usd_per_grid_mw_year": sample}))
    chart = value_histogram([use])
    assert chart is not None
    assert chart.table.rows[0][1] == "3"
    none = replace(gb300, risk=replace(gb300.risk, samples={}))
    assert value_histogram([none]) is None


def test_step_and_memory_parts_sum_to_the_plan(sample: Comparison) -> None:
    step, memory = step_time_chart(sample.uses), memory_chart(sample.uses)
    assert step is not None
    assert memory is not None
    for row, use in enumerate(sample.uses[:2]):
        assert use.plan is not None
        assert sum(s["data"][row] for s in step.option["series"]) == pytest.approx(use.plan.step_time_s, rel=1e-3)
        total = sum(s["data"][row] for s in memory.option["series"])
        assert total == pytest.approx(use.plan.cost.memory_bytes[0] / 1e9, rel=1e-3)


def test_runner_up_loses_where_its_exposed_parts_grow() -> None:
    best = {"compute": np.array([4.0]), "bubble": np.array([0.3])}
    other = {"compute": np.array([4.0]), "bubble": np.array([0.5]), "tp": np.array([0.04])}
    assert exposed_loss(best, other, 0) == "bubble +0.2\u202fs, tensor parallel +40\u202fms"
    assert exposed_loss(best, best, 0) == "–"


def test_power_shares_sum_to_one_hundred_and_overhead_to_the_pue(sample: Comparison) -> None:
    shares, overhead = power_parts_chart(sample.uses), overhead_chart(sample.uses)
    assert shares is not None
    assert overhead is not None
    for row, use in enumerate(sample.uses):
        assert sum(s["data"][row] or 0 for s in shares.option["series"]) == pytest.approx(100, abs=0.05)
        added = sum(s["data"][row] or 0 for s in overhead.option["series"])
        assert added == pytest.approx(100 * (use.facility.pue - 1), abs=0.01)
    colours = {s["name"]: s["itemStyle"]["color"] for s in shares.option["series"]}
    assert all(colours[s["name"]] == s["itemStyle"]["color"] for s in overhead.option["series"])
    chips = 198 * 8760 * 1150 / 1730 / float(np.sum(sample.uses[0].facility.facility_mw)) * 100
    assert _series(shares, "chips")[0] == pytest.approx(chips, rel=1e-3)
    assert _series(shares, "miners")[0] is None


def test_heat_map_holds_every_hour_of_the_year_at_its_place(gb300: UseResult) -> None:
    hourly = np.arange(8760, dtype=np.float64)
    chart = heat_chart(replace(gb300, dispatch=replace(gb300.dispatch, import_mw=hourly)), 0)
    cells = chart.option["series"][0]["data"]
    assert len(cells) == 8760
    assert cells[0] == [0, 0, 0]
    assert cells[24 * 31 + 5] == [31, 5, 749]  # 1 February, 05:00
    assert chart.option["xAxis"]["data"][31] == "1 Feb"
    assert chart.table.rows[0][0] == "Jan"
    assert chart.table.rows[0][1] == "371.5\u202fMW"  # mean of 0 to 743


def test_price_maps_are_shared_where_prices_are(sample: Comparison) -> None:
    assert [chart.title for chart in price_charts(sample.uses)] == ["Price of energy in every hour"]
    dearer = replace(sample.uses[2], price_usd_per_mwh=sample.uses[2].price_usd_per_mwh + 1)
    charts = price_charts([*sample.uses[:2], dearer])
    assert [chart.id for chart in charts] == ["price-0", "price-2"]
    assert charts[1].title.endswith(dearer.title)


def test_duration_curve_falls_from_the_peak_to_the_least_hour(sample: Comparison) -> None:
    chart = duration_chart(sample.uses)
    for use, series in zip(sample.uses, chart.option["series"], strict=True):
        loads = [point[1] for point in series["data"]]
        assert loads == sorted(loads, reverse=True)
        assert loads[0] == pytest.approx(use.dispatch.import_mw.max(), rel=1e-3)
        assert loads[-1] == pytest.approx(use.dispatch.import_mw.min(), rel=1e-3)
        assert series["data"][-1][0] == 8759
    assert chart.option["series"][0]["markLine"]["data"] == [{"yAxis": 250}]


def test_pue_by_month_is_energy_weighted_and_gaps_where_nothing_ran(gb300: UseResult) -> None:
    it = np.full(8760, 100.0)
    it[:744] = 0.0  # January off
    hall = replace(gb300.facility, it_mw=it, facility_mw=it * 1.1)
    values = pue_chart([replace(gb300, facility=hall)]).option["series"][0]["data"]
    assert values[0] is None
    assert values[1:] == [1.1] * 11


def test_water_sums_to_the_year(sample: Comparison) -> None:
    chart = water_chart(sample.uses)
    assert chart is not None
    drawn = sum(v or 0 for v in chart.option["series"][0]["data"])
    assert drawn == pytest.approx(sample.uses[0].dispatch.water_l.sum() / 1e6, rel=1e-3)


def test_years_start_in_the_month_of_the_project(gb300: UseResult) -> None:
    # July 2026 and 66 months: 6 months of 2026, five whole years to December 2031
    assert months_axis(gb300)[0] == "2026-07"
    assert months_axis(gb300)[-1] == "2031-12"
    assert years_axis(gb300) == ["2026", "2027", "2028", "2029", "2030", "2031"]
    assert list(by_year(gb300, np.ones((1, 66)))) == [6, 12, 12, 12, 12, 12]


def test_annual_bars_sum_to_cash_for_debt_service_without_prepayment(gb300: UseResult) -> None:
    chart = annual_charts([gb300])[0]
    bars = [s["data"] for s in chart.option["series"] if s["type"] == "bar"]
    line = next(s["data"] for s in chart.option["series"] if s["type"] == "line")
    for year, cfads in enumerate(line):
        assert sum(bar[year] or 0 for bar in bars) == pytest.approx(cfads, abs=0.5)


def test_a_part_has_one_colour_in_all_uses(sample: Comparison) -> None:
    seen: dict[str, str] = {}
    for chart in annual_charts(sample.uses):
        for series in chart.option["series"]:
            if series["type"] == "bar":
                assert seen.setdefault(series["name"], series["itemStyle"]["color"]) == series["itemStyle"]["color"]


def test_energy_bill_is_per_megawatt_hour(sample: Comparison) -> None:
    chart = energy_bill_chart(sample.uses)
    assert chart is not None
    assert _series(chart, "energy") == [34, 34, 34]
    assert _series(chart, "curtailment credits") == [None, None, -3.2]


def test_cover_has_a_dscr_panel_only_with_debt(sample: Comparison) -> None:
    debt, none = cover_chart(sample.uses[0], 0), cover_chart(sample.uses[2], 2)
    assert len(debt.option["grid"]) == 2
    assert [s["name"] for s in none.option["series"]] == ["cash for debt service"]
    dscr = [v for v in _series(debt, "DSCR, trailing year") if v is not None]
    assert min(dscr) == pytest.approx(sample.uses[0].headline.min_dscr, rel=1e-2)


def test_what_was_due_and_not_paid_is_marked(gb300: UseResult) -> None:
    short = np.zeros((1, 66))
    short[0, 30] = 7.5e6
    chart = cover_chart(replace(gb300, cash=replace(gb300.cash, arrears=short)), 0)
    dots = _series(chart, "owed and unpaid")
    assert [m for m, v in enumerate(dots) if v is not None] == [30]
    assert dots[30] == 7.5


def test_fan_bands_stack_up_to_the_95th_percentile(gb300: UseResult) -> None:
    chart = fan_charts([gb300])[0]
    bands = [s["data"] for s in chart.option["series"] if s["name"] == "band"]
    top = _series(chart, "P95")
    for month in range(len(top)):
        assert sum(band[month] for band in bands) == pytest.approx(top[month], rel=2e-3, abs=1e-3)


def test_unknown_fans_get_a_plain_title(gb300: UseResult) -> None:
    fan = np.arange(5.0)[:, None] * np.ones(12)
    charts = fan_charts([replace(gb300, risk=replace(gb300.risk, fans={"gpu_price_usd": fan}))])
    assert charts[0].title == "GPU price: GB300 under the Microsoft contract"
    assert len(charts[0].option["xAxis"]["data"]) == 12


def test_uses_share_the_fan_of_a_factor_drawn_once(sample: Comparison) -> None:
    factor = np.outer(np.linspace(0.5, 2.0, 5), np.ones(66))
    uses = [replace(use, risk=replace(use.risk, fans={"btc": factor})) for use in sample.uses]
    assert [chart.title for chart in fan_charts(uses)] == ["Bitcoin price"]
    uses[2] = replace(uses[2], risk=replace(uses[2].risk, fans={"btc": factor * 2}))
    assert [chart.title for chart in fan_charts(uses)] == ["Bitcoin price", f"Bitcoin price: {uses[2].title}"]


def test_a_few_peaks_do_not_flatten_the_other_months(gb300: UseResult) -> None:
    fan = np.outer(np.linspace(0.8, 1.2, 5), np.full(66, 50e6))
    fan[:, 65] = 3000e6
    chart = fan_charts([replace(gb300, risk=replace(gb300.risk, fans={"net_cash_usd": fan}))])[0]
    assert 60 < chart.option["yAxis"]["max"] < 100  # 1.2 x 50m and some air, not 3,000m
    assert "leaves out" in chart.caption
    assert chart.table.rows[65][3] == "$3.00bn"
    even = replace(gb300, risk=replace(gb300.risk, fans={"net_cash_usd": fan[:, :60]}))
    assert "max" not in fan_charts([even])[0].option["yAxis"]


def test_missed_curve_says_whether_it_counts_up(sample: Comparison) -> None:
    chart = missed_chart(sample.uses)
    assert chart is not None
    assert "by the end of the month" in chart.caption
    assert is_running(np.array([0.0, 0.1, 0.3]), 0.3)
    assert not is_running(np.array([0.1, 0.0, 0.2]), 0.3)
    assert missed_chart(sample.uses[2:]) is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6))
def test_axis_ends_hold_zero_and_every_value_on_whole_steps(values: list[float]) -> None:
    low, high, step = nice_bounds(values)
    assert low <= min(0.0, *values)
    assert high >= max(0.0, *values)
    assert high > low
    assert (high - low) / step == pytest.approx(round((high - low) / step), abs=1e-6)


def test_rounding_keeps_size_down_and_gaps_open() -> None:
    assert significant([1234.56, math.nan, 2.0, 0.00012345]) == [1235, None, 2, 0.0001234]
    assert significant(np.array([[1.0, 2.5]])) == [[1, 2.5]]
    assert bar_heights([0.0, 3.0, math.inf]) == [None, 3, None]


def test_words_for_keys() -> None:
    assert wording("hosts_and_switches") == "hosts and switches"
    assert wording("ups_mw") == "UPS"
    assert wording("tensor parallel beyond the scale-up domain") == "tensor parallel beyond the scale-up domain"
    assert literal("{a} | b") == "(a) / b"
