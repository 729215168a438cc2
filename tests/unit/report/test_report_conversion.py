"""The page of a conversion: every plan, when paths convert, and how many halls at once."""

from __future__ import annotations

from megawatt.chain.records import ConversionDate, ConversionResult
from megawatt.report.charts.conversion import conversion_charts, plan_table
from megawatt.report.conversion_page import render_conversion

RESULT = ConversionResult(
    mining="Miners",
    ai="Chips <b>",
    halls=2,
    months=120,
    paths=1024,
    discount_rate=0.09,
    never_usd=1.1e8,
    never_error_usd=1e6,
    dates=(ConversionDate("2026-01", -4e8, 2e6, 0.0), ConversionDate("2027-01", 2e8, 3e6, 0.25)),
    option_usd=3e8,
    option_error_usd=4e6,
    waiting_usd=1e8,
    partly_usd=(3e8, 1e8, -4e8),
    usd_per_grid_mw_year=0.001,
)


def test_every_plan_has_its_row_and_bar() -> None:
    table = plan_table(RESULT)
    assert [row[0] for row in table.rows] == [
        "never: mine to the end", "all halls in 2026-01", "all halls in 2027-01",
        "decided at each date, on what is known then",
    ]  # fmt: skip
    assert [row[1] for row in table.rows] == ["$110.0m", "\u2212$400.0m", "$200.0m", "$300.0m"]
    assert table.rows[0][2:] == ("$2.0m", "$55.00m", "$110k", "75\u202f%")
    plans, taken, partly = conversion_charts(RESULT)
    assert [round(bar) for bar in plans.option["series"][0]["data"]] == [110, -400, 200, 300]
    assert taken.option["series"][0]["data"] == [75.0, None, 25.0]
    assert partly.option["series"][0]["data"] == [300.0, 100.0, -400.0]


def test_the_page_says_the_answer_and_escapes_names() -> None:
    page = render_conversion("When <to> turn", RESULT, {})
    assert "all halls in 2027-01" in page
    assert "$100m more; 75" in page
    assert "convert none of the halls in 2026-01" in page
    assert "<to>" not in page
    assert "Chips <b>" not in page
