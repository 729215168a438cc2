"""The page of halls at a place: PUE by hour and month, load duration, water by month, the air they stand in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from megawatt.catalogue.records import KINDS, Source
from megawatt.facility.records import FacilityYear, Weather
from megawatt.report import listing
from megawatt.report.charts.hall import air_chart, pue_map_chart
from megawatt.report.charts.hours import load_curves
from megawatt.report.charts.power import pue_chart, water_bars
from megawatt.report.figure import Chart, Table
from megawatt.report.format import count, fixed, plain
from megawatt.report.frame import fill

__all__ = ["HallRun", "hall_charts", "render_hall"]


@dataclass(frozen=True, slots=True)
class HallRun:
    """One design's year at a place; ``title`` names it in charts."""

    title: str
    weather: Weather
    facility: FacilityYear


def hall_charts(halls: Sequence[HallRun]) -> tuple[Chart, ...]:
    """Charts of the halls in reading order; those without data are left out."""
    caption = "Hours sorted by the facility's power, cooling and losses included."
    numbered = list(enumerate(halls))
    charts = [
        pue_chart(halls),
        load_curves(halls, [hall.facility.facility_mw for hall in halls], (), "facility power [MW]", caption),
        water_bars(halls, [hall.facility.water_l for hall in halls]),
        *(pue_map_chart(hall, i) for i, hall in numbered),
        *(air_chart(hall, i) for i, hall in numbered),
    ]
    return tuple(chart for chart in charts if chart is not None)


def render_hall(halls: Sequence[HallRun], lines: Sequence[str], sources: Mapping[str, Source]) -> str:
    """One offline HTML file on halls at one place.

    Parameters
    ----------
    halls : sequence of HallRun
        At least one, all in the same weather.
    lines : sequence of str
        What to say of the place: its weather, what stands in for it.
    sources : mapping of str to Source
        What the source keys of the assumptions mean.
    """
    charts = hall_charts(halls)
    assumptions = [(hall.title, (*hall.weather.assumptions, *hall.facility.assumptions)) for hall in halls]
    return fill(
        "hall.html",
        charts,
        title=halls[0].weather.place,
        lines=lines,
        summary=_summary(halls),
        charts=charts,
        assumptions=listing.listed(assumptions, sources),
        warnings=(),
        kinds=KINDS,
    )


def _summary(halls: Sequence[HallRun]) -> Table:
    """A line of figures per hall."""
    rows = []
    for hall in halls:
        year = hall.facility
        rows.append(
            (
                hall.title,
                plain(year.pue),
                plain(year.pue_worst_hour),
                fixed(float(year.facility_mw.max()), "MW", 1),
                f"{plain(year.wue_l_per_kwh, 3)}\u202fL/kWh",
                count(float(year.mechanical_hours), "h", 4),
                count(float(year.wet_hours), "h", 4),
                count(float(year.derated_hours), "h", 4),
            )
        )
    columns = ("Hall", "PUE", "Worst hour", "Peak", "Site water", "Chillers run", "Water in use", "Derated")
    return Table(columns, tuple(rows))
