"""The page of a conversion: mining halls that become AI halls now, later, partly or never."""

from __future__ import annotations

from collections.abc import Mapping

from megawatt.catalogue.records import KINDS, Source
from megawatt.chain.records import ConversionResult
from megawatt.report import listing
from megawatt.report.charts.conversion import conversion_charts, plan_table, plans_of
from megawatt.report.format import money, percent
from megawatt.report.frame import fill

__all__ = ["render_conversion"]


def render_conversion(title: str, result: ConversionResult, sources: Mapping[str, Source]) -> str:
    """One offline HTML file on a conversion.

    Parameters
    ----------
    title : str
        Of the comparison.
    result : ConversionResult
    sources : mapping of str to Source
        What the source keys of the assumptions mean.
    """
    charts = conversion_charts(result)
    return fill(
        "conversion.html",
        charts,
        title=title,
        lines=_lines(result),
        summary=plan_table(result),
        charts=charts,
        assumptions=listing.listed([(title, result.assumptions)], sources),
        warnings=[(title, text) for text in result.warnings],
        kinds=KINDS,
    )


def _lines(result: ConversionResult) -> tuple[str, ...]:
    """The answer in a few sentences."""
    name, usd, _ = max(plans_of(result)[:-1], key=lambda plan: plan[1])
    most = max(range(len(result.partly_usd)), key=result.partly_usd.__getitem__)
    return (
        f"{result.mining} to {result.ai}, {result.halls} halls: of the plans that are fixed today the best is "
        f"“{name}”, {money(usd, 4)}.",
        f"Deciding at each date is worth {money(result.option_usd, 4)}, {money(result.waiting_usd)} more; "
        f"{percent(result.never_frac)} of the paths never convert.",
        f"With the option on the rest it is best to convert {most or 'none'} of the halls in {result.dates[0].month}: "
        f"{money(result.partly_usd[most], 4)}.",
    )
