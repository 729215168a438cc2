"""Plans of mining halls that may become AI halls: what each is worth, when paths convert, and halls kept for later."""

from __future__ import annotations

from megawatt.chain.records import ConversionResult
from megawatt.report.axes import bar_rows, category_x, line, option, value_y
from megawatt.report.figure import Chart, Option, Table, bar_heights, part_colour, significant, use_colour
from megawatt.report.format import money, percent

__all__ = ["conversion_charts", "plan_table", "plans_of"]

_TWO_ERRORS = 2.0
"""Standard errors to each side of a worth, as it is told."""


def plans_of(result: ConversionResult) -> tuple[tuple[str, float, float], ...]:
    """Name, worth and standard error of each plan that is fixed today, and of the option. [USD]"""
    dates = ((f"all halls in {date.month}", date.value_usd, date.error_usd) for date in result.dates)
    option_plan = ("decided at each date, on what is known then", result.option_usd, result.option_error_usd)
    return (("never: mine to the end", result.never_usd, result.never_error_usd), *dates, option_plan)


def plan_table(result: ConversionResult) -> Table:
    """Plans with their worth of the site, of a hall and of a grid megawatt and year, and how many paths take them."""
    shares = (result.never_frac, *(date.converts_frac for date in result.dates), None)
    rows = tuple(
        (
            name,
            money(usd, 4),
            money(_TWO_ERRORS * error, 2),
            money(result.per_hall_usd(usd), 4),
            money(result.per_grid_mw_year_usd(usd), 3),
            "" if share is None else percent(share),
        )
        for (name, usd, error), share in zip(plans_of(result), shares, strict=True)
    )
    return Table(("Plan", "Site", "2 s.e.", "A hall", "Grid MW-year", "Option takes it"), rows)


def conversion_charts(result: ConversionResult) -> tuple[Chart, ...]:
    """Worth of every plan, when the option converts, and worth by the halls that are converted at once."""
    return (_worths(result), _taken(result), _partly(result))


def _worths(result: ConversionResult) -> Chart:
    plans = plans_of(result)
    return Chart(
        id="plans",
        title="What the site is worth under each plan",
        caption=f"After tax, before debt, at {percent(result.discount_rate)} a year over {result.months} months. "
        f"Deciding later is worth {money(result.waiting_usd)} over the best plan that is fixed today; a lower bound.",
        option=bar_rows(
            [name for name, _, _ in plans],
            [("worth", use_colour(0), [usd / 1e6 for _, usd, _ in plans])],
            "worth of the site [$m]",
        ),
        table=plan_table(result),
        units=("$m",),
        height_px=60 + 52 * len(plans),
    )


def _taken(result: ConversionResult) -> Chart:
    names = ["never", *(date.month for date in result.dates)]
    shares = [result.never_frac, *(date.converts_frac for date in result.dates)]
    series: list[Option] = [
        {
            "type": "bar",
            "name": "share of paths",
            "data": bar_heights([100.0 * share for share in shares]),
            "itemStyle": {"color": part_colour(1)},
        }
    ]
    rows = tuple((name, percent(share)) for name, share in zip(names, shares, strict=True))
    grid = {"left": 8, "right": 14, "top": 34, "bottom": 30}
    return Chart(
        id="taken",
        title="When the option converts",
        caption=f"Share of {result.paths:,} paths of bitcoin, power, compute and demand that convert at each date.",
        option=option(grid, category_x(names), value_y("[% of paths]", min=0), series, "shadow"),
        table=Table(("Date", "Share of paths"), rows),
        units=("%",),
    )


def _partly(result: ConversionResult) -> Chart:
    names = [str(halls) for halls in range(result.halls + 1)]
    worth = [usd / 1e6 for usd in result.partly_usd]
    series: list[Option] = [line("worth", use_colour(0), significant(worth), showSymbol=True)]
    first = result.dates[0].month
    rows = tuple((name, money(usd, 4)) for name, usd in zip(names, result.partly_usd, strict=True))
    grid = {"left": 8, "right": 14, "top": 34, "bottom": 48}
    below = {"name": f"halls converted in {first}", "nameLocation": "middle", "nameGap": 30}
    return Chart(
        id="partly",
        title="How many halls at once",
        caption=f"Worth of the site by the halls converted in {first}; the rest may follow at each later date.",
        option=option(grid, category_x(names, **below), value_y("[$m]", scale=True), series),
        table=Table((f"Halls converted in {first}", "Worth of the site"), rows),
        units=("$m",),
    )
