"""What every page of the report shares: templates, scripts, the policy that pins them, chart specifications."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Final

import jinja2
from markupsafe import Markup

from megawatt.files import read_text
from megawatt.hours import HOURS_IN_YEAR
from megawatt.report import tables
from megawatt.report.figure import Chart, Option
from megawatt.report.format import DASH, quantity

__all__ = ["fill"]

_ROOM: Final = "megawatt.report"
_HTML_SAFE: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def fill(template: str, drawn: Iterable[Chart], /, **context: object) -> str:
    """Fill a page's template with its charts, style and scripts; the page asks nothing of the network.

    Parameters
    ----------
    template : str
        Name of the page's template.
    drawn : iterable of Chart
        Every chart that the template draws.
    **context
        What else the template reads.

    Raises
    ------
    ValueError
        If a chart holds a number that is not finite.
    """
    charts = tuple(drawn)
    scripts = {
        "echarts": _asset("vendor", "echarts.min.js") if charts else "",
        "early": _asset("templates", "early.js"),
        "charts": _asset("templates", "charts.js"),
        "report": _asset("templates", "report.js"),
    }
    frame = {
        "specs": _specs(charts),
        "style": _asset("templates", "style.css"),
        "scripts": scripts,
        "policy": _policy(scripts),
    }
    return _environment().get_template(template).render({**frame, **context})


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(_ROOM, "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["negative_text"] = tables.is_negative
    environment.filters["breakable"] = _breakable
    environment.filters["glued"] = _glued
    environment.filters["told"] = _told
    return environment


def _breakable(name: str) -> Markup:
    """A dotted name that may break after its dots and underscores."""
    parts = re.split(r"(?<=[._])", name)
    return Markup("<wbr>").join(parts)


def _glued(text: str) -> str:
    """A sentence in which no line breaks between a minus sign and its amount (word joiner, Unicode U+2060)."""
    return text.replace("\u2212$", "\u2212\u2060$")


def _told(value: float | str | None, unit: str = "", name: str = "") -> str:
    """A number of an explanation with its unit; a dash where there is none."""
    return DASH if value is None else quantity(value, unit, name)


def _asset(folder: str, name: str) -> str:
    return read_text(files(_ROOM) / folder / name)


def _policy(scripts: Mapping[str, str]) -> str:
    """Content security policy: nothing from anywhere, these scripts by hash, styles of this file."""
    hashes = [base64.b64encode(sha256(text.encode()).digest()).decode() for text in scripts.values() if text]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    rest = "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {allowed}; {rest}"


def _specs(charts: Iterable[Chart]) -> str:
    """Chart specifications as JSON that is safe inside a script element; ValueError on a number that is not finite."""
    specs = {}
    for chart in charts:
        option, hours = _packed(chart.option)
        specs[chart.id] = {"option": option, "units": chart.units, "renderer": chart.renderer, "hours": hours}
    return json.dumps(specs, allow_nan=False, ensure_ascii=False, separators=(",", ":")).translate(_HTML_SAFE)


def _packed(option: Option) -> tuple[Option, list[float | None]]:
    """An option and, apart, the hours of its heat map as one list: a third of the size of (day, hour, value) cells."""
    series = option["series"]
    if not series or series[0]["type"] != "heatmap" or 24 * len(option["xAxis"]["data"]) != HOURS_IN_YEAR:
        return option, []
    hours: list[float | None] = [None] * HOURS_IN_YEAR
    for day, hour, value in series[0]["data"]:
        hours[24 * day + hour] = value
    return {**option, "series": [{**series[0], "data": []}]}, hours
