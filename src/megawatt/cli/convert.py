"""``megawatt convert``: mining halls that may become AI halls."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from megawatt.cli.options import SETTING, Whole, force_option
from megawatt.cli.output import console, emit_json, note, say
from megawatt.cli.tables import print_table
from megawatt.repeatable import ONE_THREAD

if TYPE_CHECKING:
    from megawatt.chain import ConversionResult

__all__ = ["convert", "print_conversion"]


@click.command(epilog="Example: megawatt convert examples/childress-convert.toml --report convert.html")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--set", "settings", type=SETTING, multiple=True, metavar="PATH=VALUE",
              help="Replace a value of both uses, or of the section: conversion.halls=8.")  # fmt: skip
@click.option("--workers", type=Whole(1), default=1, show_default=True,
              help="Processes for the simulation; results do not depend on it.")  # fmt: skip
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="HTML file: plans, dates, halls.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def convert(
    scenario: Path, settings: tuple[str, ...], workers: int, report: Path | None, force: bool, as_json: bool
) -> None:
    """What are SCENARIO's mining halls worth, converted to AI now, later, partly, never, or as prices tell?

    SCENARIO is a comparison with a section [conversion]. Every plan is valued along the same simulated paths of
    bitcoin, power, compute prices and demand, after tax and before debt.
    """
    os.environ.update(ONE_THREAD)
    from megawatt.catalogue import load_catalogue
    from megawatt.chain import convert as value
    from megawatt.results import conversion_summary
    from megawatt.scenario import load
    from megawatt.writing import check_text, write_text

    if report:
        check_text(report, force=force)
    loaded = load(scenario, load_catalogue(), settings)
    note("conversion")
    result = value(loaded, loaded.catalogue, workers=workers)
    if report:
        from megawatt.report.conversion_page import render_conversion

        write_text(report, render_conversion(loaded.title, result, loaded.catalogue.sources), force=force)
    if as_json:
        emit_json("convert", [{"name": loaded.name, "title": loaded.title} | conversion_summary(result)])
        return
    say(loaded.title)
    print_conversion(result)
    if report:
        say(f"page: {report}")


def print_conversion(result: ConversionResult) -> None:
    """The plans as a table: worth of the site, of a hall, and per grid megawatt and year."""
    rows: list[tuple[str, ...]] = []

    def row(plan: str, value: float, error: float | None, share: str = "") -> None:
        cells = (f"{value / 1e6:,.1f}", "" if error is None else f"{error / 1e6:,.1f}")
        per = (f"{result.per_hall_usd(value) / 1e6:,.1f}", f"{result.per_grid_mw_year_usd(value):,.0f}")
        rows.append((plan, *cells, *per, share))

    row("never: mine to the end", result.never_usd, result.never_error_usd, f"{result.never_frac:.1%} never")
    for date in result.dates:
        row(f"all halls in {date.month}", date.value_usd, date.error_usd, f"{date.converts_frac:.1%}")
    for number, value in enumerate(result.partly_usd[1:-1], start=1):
        row(f"{number} of {result.halls} halls in {result.dates[0].month}, option on the rest", value, None)
    row("option on all halls (lower bound)", result.option_usd, result.option_error_usd)
    to = console()
    to.print(f"{result.mining} -> {result.ai}", style="dim")
    print_table(("plan", "site, $m", "s.e.", "hall, $m", "$/grid MW-year", "converts"), rows, fold="plan")
    to.print(
        f"Worth of waiting over the best plan fixed today: ${result.waiting_usd / 1e6:,.1f}m. After tax, before debt, "
        f"at {result.discount_rate:.1%} a year over {result.months} months, {result.paths:,} paths. The option's rule "
        "is learned on half of the paths and measured on the others: a lower bound; its error is that of the gain over "
        "never.",
        style="dim",
    )
    for text in result.warnings:
        to.print(text)
