"""A week of a plan as a trace that Chrome's trace viewer and Perfetto open: one counter track per block."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from megawatt.dispatch.hourly import HourlyPlan, HourlyProblem
from megawatt.errors import ScenarioError
from megawatt.hours import HOURS_IN_YEAR, hour_name

__all__ = ["HOURS_IN_WEEK", "week_start", "week_trace"]

HOURS_IN_WEEK: Final = 168
"""Hours of a week."""
_HOUR_US: Final = 3.6e9
"""Microseconds of an hour: traces count in microseconds, so that the viewer's clock reads true hours."""


def week_start(week: int, hours: int) -> int:
    """First hour of a week, 1 the year's first; a week that the hours do not hold is their last one."""
    return max(min((week - 1) * HOURS_IN_WEEK, hours - HOURS_IN_WEEK), 0)


def week_trace(problem: HourlyProblem, plan: HourlyPlan, first_hour: int) -> dict[str, Any]:
    """Trace of a week, in the JSON format of Chrome's trace viewer (``chrome://tracing``, ui.perfetto.dev).

    Parameters
    ----------
    problem, plan
        An hourly problem and its plan.
    first_hour : int
        First hour of the week.

    Returns
    -------
    dict
        ``traceEvents`` with a counter (``"ph": "C"``) per hour and block, in MW, and one of prices in USD/MWh.

    Raises
    ------
    ScenarioError
        If the week is not within the plan.
    """
    if not 0 <= first_hour <= problem.hours - HOURS_IN_WEEK:
        raise ScenarioError(f"trace: first hour {first_hour}, must be 0 to {problem.hours - HOURS_IN_WEEK}")
    price = problem.price_usd_per_mwh
    tracks = {f"{name} [{'MWh' if name.endswith('.state') else 'MW'}]": mw for name, mw in plan.mw.items()}
    tracks |= {"firm load [MW]": problem.firm_mw, "import price [USD/MWh]": price}
    if np.isfinite(plan.bus_usd_per_mwh).all():
        tracks["bus price [USD/MWh]"] = plan.bus_usd_per_mwh
    hours = range(first_hour, first_hour + HOURS_IN_WEEK)
    events = [
        {"name": name, "ph": "C", "pid": 1, "ts": (t - first_hour) * _HOUR_US, "args": {"value": round(float(v[t]), 6)}}
        for name, v in tracks.items()
        for t in hours
    ]
    start = hour_name(first_hour) if problem.hours == HOURS_IN_YEAR else f"hour {first_hour}"
    process = {"name": "process_name", "ph": "M", "pid": 1, "args": {"name": f"site, week from {start}"}}
    return {"traceEvents": [process, *events], "displayTimeUnit": "ms"}
