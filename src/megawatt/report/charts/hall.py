"""Charts of a hall in its weather: PUE by month and hour of the day, and the air it stands in."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.facility import psychrometrics as psy
from megawatt.facility.records import FacilityYear, Weather
from megawatt.hours import HOURS_IN_YEAR, MONTH_NAMES, MONTH_OF_HOUR
from megawatt.report.axes import category_x, line, named_value_x, nice_bounds, option, value_y
from megawatt.report.figure import HEAT, LINE_INK, Chart, Legend, Option, Table, significant, use_colour
from megawatt.report.format import DASH, count, fixed, plain

__all__ = ["HasHall", "air_chart", "colour_scale", "pue_map_chart"]


_HOUR_OF_DAY: Final = np.arange(HOURS_IN_YEAR) % 24
_CELL_K: Final = 1.0
"""Width of a cell. [K]"""
_CELL_G_PER_KG: Final = 1.0
"""Height of a cell. [g/kg]"""
_BANDS_K: Final = 5.0
"""Width of a band of outdoor temperature. [K]"""


class HasHall(Protocol):
    """What a hall's charts read: a title, the year of weather, the hall's year in it."""

    @property
    def title(self) -> str:
        """Name in titles and legends."""
        ...

    @property
    def weather(self) -> Weather:
        """Hours of weather."""
        ...

    @property
    def facility(self) -> FacilityYear:
        """Hours of the hall."""
        ...


def colour_scale(low: float, high: float, text: tuple[str, str], dimension: int | None = None) -> Option:
    """A horizontal colour scale from ``low`` to ``high``; ``text`` labels the upper and the lower end."""
    scale: Option = {
        "type": "continuous",
        "min": significant(low),
        "max": significant(high if high > low else low + 1.0),
        "orient": "horizontal",
        "left": "center",
        "bottom": 0,
        "itemWidth": 12,
        "itemHeight": 110,
        "text": list(text),
        "inRange": {"color": list(HEAT)},
        "outOfRange": {"color": [HEAT[0], HEAT[-1]]},
        "hoverLink": False,
    }
    return scale if dimension is None else scale | {"dimension": dimension, "seriesIndex": 0}


def _ratio(facility_mw: FloatArray, it_mw: FloatArray) -> float:
    """PUE of some hours; NaN where no IT ran."""
    energy = float(it_mw.sum())
    return float(facility_mw.sum()) / energy if energy > 0 else float("nan")


def pue_map_chart(use: HasHall, index: int) -> Chart | None:
    """PUE by month and hour of the day: energy of all hours of a cell over their IT energy. [1]"""
    year = use.facility
    cells = np.array(
        [
            [_ratio(year.facility_mw[here], year.it_mw[here]) for hour in range(24)
             for here in [(month == MONTH_OF_HOUR) & (hour == _HOUR_OF_DAY)]]
            for month in range(12)
        ]
    )  # fmt: skip
    if not np.isfinite(cells).any():
        return None
    low, high = float(np.nanmin(cells)), float(np.nanmax(cells))
    y = value_y("hour of the day", type="category", data=[f"{hour:02d}:00" for hour in range(24)])
    y |= {"axisLabel": {"interval": 5}, "axisTick": {"show": False}}
    data = [[m, h, v] for m in range(12) for h, v in enumerate(significant(cells[m])) if v is not None]
    series: list[Option] = [{"type": "heatmap", "name": "PUE", "data": data, "emphasis": {"disabled": True}}]
    grid = {"left": 8, "right": 14, "top": 30, "bottom": 64}
    chart = option(grid, category_x(MONTH_NAMES, axisTick={"show": False}), y, series)
    chart["tooltip"] = {"trigger": "item", "confine": True}
    chart["visualMap"] = colour_scale(low, high, (plain(high), plain(low)))
    return Chart(
        id=f"pue-map-{index}",
        title=f"PUE by month and hour of the day: {use.title}",
        caption="Facility energy over IT energy of all days of the month at that hour (standard time).",
        option=chart,
        table=Table(
            ("Month", "Mean", "Least hour of the day", "Greatest hour of the day"),
            tuple((name, *_month_cells(use, m, cells[m])) for m, name in enumerate(MONTH_NAMES)),
        ),
        use=use.title,
        colour=use_colour(index),
    )


def _month_cells(use: HasHall, month: int, by_hour: FloatArray) -> tuple[str, str, str]:
    if not np.isfinite(by_hour).any():
        return DASH, DASH, DASH
    here = month == MONTH_OF_HOUR
    mean = _ratio(use.facility.facility_mw[here], use.facility.it_mw[here])
    ends = (int(np.nanargmin(by_hour)), int(np.nanargmax(by_hour)))
    least, most = (f"{plain(float(by_hour[h]))} at {h:02d}:00" for h in ends)
    return plain(mean), least, most


def air_chart(use: HasHall, index: int) -> Chart:
    """Psychrometric chart: each dot is the air of 1 K by 1 g/kg, its colour the hall's PUE in those hours.

    x dry bulb [degC], y humidity ratio [g of water per kg of dry air]; the lines are saturated air and half of it at
    the mean pressure of the year.
    """
    weather, year = use.weather, use.facility
    dry = weather.dry_bulb_c
    vapour = weather.relative_humidity * psy.saturation_pressure_pa(dry)
    grams = 1e3 * psy.humidity_ratio(vapour, weather.pressure_pa)
    keys, cell = np.unique(
        np.stack([np.floor(dry / _CELL_K), np.floor(grams / _CELL_G_PER_KG)]), axis=1, return_inverse=True
    )
    cell = np.asarray(cell).ravel()
    hours, it, drawn = (np.bincount(cell, weights=w) for w in (np.ones(dry.size), year.it_mw, year.facility_mw))
    pue = np.divide(drawn, it, out=np.full(it.size, np.nan), where=it > 0)
    x, y = (keys[0] + 0.5) * _CELL_K, (keys[1] + 0.5) * _CELL_G_PER_KG
    known = np.isfinite(pue)
    dots = [[x[i], y[i], int(hours[i]), significant(float(pue[i]))] for i in np.flatnonzero(known)]
    low, high = (float(np.min(pue[known])), float(np.max(pue[known]))) if known.any() else (1.0, 2.0)
    chart = option(
        {"left": 8, "right": 20, "top": 34, "bottom": 96},
        named_value_x("dry bulb [degC]", min=int(np.floor(dry.min() / 5) * 5), max=int(np.ceil(dry.max() / 5) * 5)),
        value_y(
            "humidity [g of water per kg of dry air]",
            min=0,
            max=nice_bounds([float(grams.max())])[1],
            axisLine={"onZero": False},
        ),
        [_dots(dots), *_humidity_lines(dry, grams, float(weather.pressure_pa.mean()))],
    )
    chart["tooltip"] = {"trigger": "item", "confine": True}
    chart["visualMap"] = colour_scale(low, high, (f"PUE {plain(high)}", plain(low)), dimension=3)
    return Chart(
        id=f"air-{index}",
        title=f"The air and what it costs: {use.title}",
        caption=f"Every hour of the year at {weather.place} by dry bulb and humidity, in cells of 1 K and 1 g/kg; "
        "colour is the PUE of those hours. Lines: air at 100 % and 50 % relative humidity.",
        option=chart,
        table=_air_table(dry, weather.wet_bulb_c, weather.relative_humidity, year),
        units=("", "g/kg", "g/kg"),
        legend=(Legend("100 %", LINE_INK, "solid"), Legend("50 %", LINE_INK, "dashed")),
        height_px=360,
        use=use.title,
        colour=use_colour(index),
    )


def _dots(points: list[list[float | int | None]]) -> Option:
    return {
        "type": "scatter",
        "name": "hours",
        "dimensions": ["dry bulb [degC]", "humidity [g/kg]", "hours of the year", "PUE"],
        "encode": {"x": 0, "y": 1, "tooltip": [0, 1, 2, 3]},
        "data": points,
        "symbol": "rect",
        "symbolSize": 6,
    }


def _humidity_lines(dry: FloatArray, grams: FloatArray, pressure_pa: float) -> list[Option]:
    """Lines of constant relative humidity over the year's temperatures, no higher than the year's air."""
    at = np.arange(np.floor(dry.min()), np.ceil(dry.max()) + 1.0)
    top = nice_bounds([float(grams.max())])[1]
    lines = []
    for share, dash in ((1.0, "solid"), (0.5, "dashed")):
        ratio = 1e3 * psy.humidity_ratio(share * psy.saturation_pressure_pa(at), pressure_pa)
        points = [[float(t), w] for t, w in zip(at, significant(ratio), strict=True) if w is not None and w <= top]
        style = {"width": 1, "type": dash, "color": LINE_INK}
        lines.append(line(f"{share * 100:.0f} %", LINE_INK, points, lineStyle=style, silent=True))
    return lines


def _air_table(dry: FloatArray, wet: FloatArray, humidity: FloatArray, year: FacilityYear) -> Table:
    """Hours, wet bulb, humidity and PUE by bands of 5 K of dry bulb."""
    band = np.floor(dry / _BANDS_K).astype(np.int64)
    rows = []
    for number in np.unique(band):
        here = band == number
        pue = _ratio(year.facility_mw[here], year.it_mw[here])
        rows.append(
            (
                f"{number * _BANDS_K:.0f} to {(number + 1) * _BANDS_K:.0f} degC",
                count(float(here.sum()), digits=4),
                fixed(float(wet[here].mean()), "degC", 1),
                fixed(100 * float(humidity[here].mean()), "%", 0),
                plain(pue) if np.isfinite(pue) else DASH,
            )
        )
    return Table(("Dry bulb", "Hours", "Mean wet bulb", "Mean relative humidity", "PUE"), tuple(rows))
