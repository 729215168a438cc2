"""Fill the templates, inline style and scripts, and pin every script by its hash."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import jinja2
from markupsafe import Markup

from megawatt.catalogue.records import KINDS, Source
from megawatt.chain.records import Comparison
from megawatt.hours import HOURS_IN_YEAR
from megawatt.report import lender, listing, tables
from megawatt.report.charts import ChartSet, chart_set
from megawatt.report.decision import answer
from megawatt.report.figure import Option, use_colour

__all__ = ["render"]

_ROOM: Final = "megawatt.report"
_HTML_SAFE: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def render(comparison: Comparison, sources: Mapping[str, Source] | None = None) -> str:
    """The report of a comparison as one HTML file that asks nothing of the network.

    Parameters
    ----------
    comparison : Comparison
        One or more uses of the same site.
    sources : mapping of str to Source, optional
        What the source keys of the assumptions mean; the shipped catalogue's when left out.

    Returns
    -------
    str
        HTML, deterministic for equal input.

    Raises
    ------
    CatalogueError
        If ``sources`` is left out and the shipped catalogue is malformed.
    """
    if sources is None:
        from megawatt.catalogue import load_catalogue

        sources = load_catalogue().sources
    charts = chart_set(comparison)
    scripts = {
        "echarts": _asset("vendor", "echarts.min.js"),
        "early": _asset("templates", "early.js"),
        "report": _asset("templates", "report.js"),
    }
    context = {
        "comparison": comparison,
        "answer": answer(comparison),
        "charts": charts,
        "specs": _specs(charts),
        "style": _asset("templates", "style.css"),
        "scripts": scripts,
        "policy": _policy(scripts),
        "uses": _use_heads(comparison),
        "assumptions": listing.assumption_rows(comparison, sources),
        "kinds": KINDS,
        "site_lines": listing.site_lines(comparison),
        "warnings": listing.warnings_of(comparison),
        "manifest": listing.manifest_items(comparison.manifest),
        **_tables(comparison),
    }
    return _environment().get_template("base.html").render(context)


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
    return environment


def _breakable(name: str) -> Markup:
    """A dotted name that may break after its dots and underscores."""
    parts = re.split(r"(?<=[._])", name)
    return Markup("<wbr>").join(parts)


def _glued(text: str) -> str:
    """A sentence in which no line breaks between a minus sign and its amount (word joiner, Unicode U+2060)."""
    return text.replace("\u2212$", "\u2212\u2060$")


def _asset(folder: str, name: str) -> str:
    return (files(_ROOM) / folder / name).read_text(encoding="utf-8")


def _policy(scripts: Mapping[str, str]) -> str:
    """Content security policy: nothing from anywhere, these scripts by hash, styles of this file."""
    hashes = [base64.b64encode(sha256(text.encode()).digest()).decode() for text in scripts.values()]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    rest = "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {allowed}; {rest}"


def _specs(charts: ChartSet) -> str:
    """Chart specifications as JSON that is safe inside a script element; ValueError on a number that is not finite."""
    specs = {}
    for chart in charts.all():
        option, hours = _packed(chart.option)
        specs[chart.id] = {"option": option, "units": chart.units, "renderer": chart.renderer, "hours": hours}
    return json.dumps(specs, allow_nan=False, ensure_ascii=False, separators=(",", ":")).translate(_HTML_SAFE)


def _packed(option: Option) -> tuple[Option, list[float | None]]:
    """An option and, apart, the hours of its heat map as one list: a third of the size of (day, hour, value) cells."""
    series = option["series"]
    if not series or series[0]["type"] != "heatmap":
        return option, []
    hours: list[float | None] = [None] * HOURS_IN_YEAR
    for day, hour, value in series[0]["data"]:
        hours[24 * day + hour] = value
    return {**option, "series": [{**series[0], "data": []}]}, hours


def _use_heads(comparison: Comparison) -> list[dict[str, Any]]:
    """What the cards at the top show of each use."""
    measures = tables.headline_measures(comparison.uses)
    return [
        {
            "title": use.title,
            "use": use.use,
            "colour": use_colour(i),
            "value": measures[0].cells[i],
            "head": use.headline,
        }
        for i, use in enumerate(comparison.uses)
    ]


def _tables(comparison: Comparison) -> dict[str, Any]:
    uses = comparison.uses
    return {
        "measures": tables.headline_measures(uses),
        "chip": tables.chip_table(uses),
        "run": tables.run_table(uses),
        "fleet": tables.fleet_table(uses),
        "capital": tables.capital_table(uses),
        "unit_costs": lender.unit_cost_table(uses),
        "lender": lender.lender_table(uses),
        "conversion": lender.conversion_table(comparison.conversion) if comparison.conversion else None,
        "conversion_note": lender.conversion_note(comparison.conversion) if comparison.conversion else "",
        "layouts": [
            (use.title, use_colour(i), tables.runner_up_table(use), tables.rejected_table(use))
            for i, use in enumerate(uses)
            if use.plan is not None
        ],
    }
