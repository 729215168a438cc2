"""The report of a comparison: what its template reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from megawatt.catalogue.records import KINDS, Source
from megawatt.chain.records import Comparison
from megawatt.report import lender, listing, tables
from megawatt.report.charts.sections import chart_set
from megawatt.report.decision import answer
from megawatt.report.figure import use_colour
from megawatt.report.frame import fill
from megawatt.report.origins import origins
from megawatt.report.run_table import run_table

__all__ = ["render"]


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
    measures = tables.headline_measures(comparison.uses)
    context = {
        "comparison": comparison,
        "answer": answer(comparison),
        "charts": charts,
        "uses": _use_heads(comparison, measures[0]),
        "measures": measures,
        "origins": origins(comparison, measures),
        "sources": sources,
        "assumptions": listing.assumption_rows(comparison, sources),
        "kinds": KINDS,
        "site_lines": listing.site_lines(comparison),
        "warnings": listing.warnings_of(comparison),
        "manifest": listing.manifest_items(comparison.manifest),
        **_tables(comparison),
    }
    return fill("report.html", charts.all(), **context)


def _use_heads(comparison: Comparison, value: tables.Measure) -> list[dict[str, Any]]:
    """What the cards at the top show of each use."""
    return [
        {
            "title": use.title,
            "use": use.use,
            "colour": use_colour(i),
            "value": value.cells[i],
            "head": use.headline,
        }
        for i, use in enumerate(comparison.uses)
    ]


def _tables(comparison: Comparison) -> dict[str, Any]:
    uses = comparison.uses
    return {
        "chip": tables.chip_table(uses),
        "run": run_table(uses),
        "served": tables.served_table(uses),
        "fleet": tables.fleet_table(uses),
        "capital": tables.capital_table(uses),
        "unit_costs": lender.unit_cost_table(uses),
        "lender": lender.lender_table(uses),
        "partners": lender.partners_table(uses),
        "flips": [words for use in uses if (words := lender.flip_words(use))],
        "conversion": lender.conversion_table(comparison.conversion) if comparison.conversion else None,
        "conversion_note": lender.conversion_note(comparison.conversion) if comparison.conversion else "",
        "layouts": [
            (use.title, use_colour(i), tables.runner_up_table(use), tables.rejected_table(use))
            for i, use in enumerate(uses)
            if use.plan is not None
        ],
    }
