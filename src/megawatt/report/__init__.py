"""How a person sees it: one offline HTML file, and the chart specifications in it. See README.md of this room."""

from megawatt.report.charts.sections import ChartSet, chart_set
from megawatt.report.committee import credit_tables, render_credit
from megawatt.report.compare_page import render_compare
from megawatt.report.decision import Answer, answer
from megawatt.report.dispatch_page import DispatchRun, dispatch_charts, render_dispatch
from megawatt.report.figure import Chart, Legend, Table
from megawatt.report.hall_page import HallRun, hall_charts, render_hall
from megawatt.report.page import render

__all__ = [
    "Answer",
    "Chart",
    "ChartSet",
    "DispatchRun",
    "HallRun",
    "Legend",
    "Table",
    "answer",
    "chart_set",
    "credit_tables",
    "dispatch_charts",
    "hall_charts",
    "render",
    "render_compare",
    "render_credit",
    "render_dispatch",
    "render_hall",
]
