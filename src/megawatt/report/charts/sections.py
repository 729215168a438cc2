"""Every chart of a comparison, by section of the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from megawatt.chain.records import Comparison
from megawatt.report.charts.chip import hashprice_chart, memory_chart, step_time_chart
from megawatt.report.charts.debt import balance_chart, cover_chart
from megawatt.report.charts.hall import air_chart, pue_map_chart
from megawatt.report.charts.hours import duration_chart, heat_chart, price_charts
from megawatt.report.charts.money import annual_charts, energy_bill_chart
from megawatt.report.charts.power import (
    overhead_chart,
    power_parts_chart,
    pue_chart,
    water_chart,
)
from megawatt.report.charts.risk import fan_charts, missed_chart
from megawatt.report.charts.value import tornado_chart, value_chart, value_histogram
from megawatt.report.figure import Chart

__all__ = ["ChartSet", "chart_set"]


@dataclass(frozen=True, slots=True)
class ChartSet:
    """Charts by section, in reading order."""

    decision: tuple[Chart, ...]
    drivers: tuple[Chart, ...]
    chip: tuple[Chart, ...]
    power: tuple[Chart, ...]
    money: tuple[Chart, ...]
    risk: tuple[Chart, ...]

    def all(self) -> tuple[Chart, ...]:
        """Every chart of the page."""
        return self.decision + self.drivers + self.chip + self.power + self.money + self.risk


def chart_set(comparison: Comparison) -> ChartSet:
    """Build every chart that the comparison's uses give reason for; those without data are left out."""
    uses = comparison.uses
    numbered = list(enumerate(uses))
    return ChartSet(
        decision=_there([value_chart(uses)]),
        drivers=_there(tornado_chart(use, i) for i, use in numbered),
        chip=_there([step_time_chart(uses), memory_chart(uses), hashprice_chart(uses)]),
        power=_there(
            [
                power_parts_chart(uses),
                overhead_chart(uses),
                *(heat_chart(use, i) for i, use in numbered),
                *price_charts(uses),
                duration_chart(uses),
                pue_chart(uses),
                *(pue_map_chart(use, i) for i, use in numbered),
                *(air_chart(use, i) for i, use in numbered),
                water_chart(uses),
            ]
        ),
        money=_there(
            [
                energy_bill_chart(uses),
                *annual_charts(uses),
                *(cover_chart(use, i) for i, use in numbered),
                *(balance_chart(use, i) for i, use in numbered),
            ]
        ),
        risk=_there([value_histogram(uses), missed_chart(uses), *fan_charts(uses)]),
    )


def _there(charts: Iterable[Chart | None]) -> tuple[Chart, ...]:
    return tuple(chart for chart in charts if chart is not None)
