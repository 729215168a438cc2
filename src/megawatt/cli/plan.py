"""``megawatt plan``: the main job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from megawatt.cli.credit import print_credit
from megawatt.cli.options import SETTING, Whole
from megawatt.cli.output import console, emit_json, note
from megawatt.cli.tables import print_table
from megawatt.repeatable import ONE_THREAD

if TYPE_CHECKING:
    from megawatt.chain import Comparison, Headline, UseResult
    from megawatt.chain.records import StressResult
    from megawatt.finance.tranches import Tranche

__all__ = ["plan"]


@click.command(epilog="Example: megawatt plan examples/childress-compare.toml --set site.grid_mw=320")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"), show_default=True,
              help="Folder that holds the run folders.")  # fmt: skip
@click.option(
    "--set",
    "settings",
    type=SETTING,
    multiple=True,
    metavar="PATH=VALUE",
    help="Replace a value, e.g. site.grid_mw=320.",
)
@click.option("--keep", is_flag=True, help="Replace no run: write OUT/<name>-2, -3 ... where the name is taken.")
@click.option("--workers", type=Whole(1), default=1, show_default=True,
              help="Processes for simulation and sensitivities; results do not depend on it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def plan(scenario: Path, out: Path, settings: tuple[str, ...], keep: bool, workers: int, as_json: bool) -> None:
    """Run the whole chain on SCENARIO: chip, training job, hall, grid, contract, debt, risk.

    Leaves OUT/<name>/ with report.html, Parquet tables, summary.json and manifest.json, and where a use has debt
    credit.html, two sheets for a credit committee: the whole folder or, if stopped before the end, the one that was
    there before. A folder of that name which holds anything but an unchanged run is
    never replaced.
    """
    os.environ.update(ONE_THREAD)
    import dataclasses

    from megawatt.catalogue import load_catalogue
    from megawatt.chain import compare
    from megawatt.report import render, render_credit
    from megawatt.results import make_manifest, save, summary_of
    from megawatt.scenario import load
    from megawatt.writing import check_folder

    loaded = load(scenario, load_catalogue(), settings)
    check_folder(out.joinpath(loaded.name), keep=keep)
    comparison = compare(loaded, loaded.catalogue, workers=workers, progress=note)
    comparison = dataclasses.replace(comparison, manifest=make_manifest(comparison.manifest))
    note("report")
    folder = save(
        comparison,
        out.joinpath(comparison.name),
        {"report.html": render(comparison, loaded.catalogue.sources)} | render_credit(comparison),
        keep=keep,
        workers=workers,
    )
    if as_json:
        emit_json("plan", [{"folder": str(folder)} | summary_of(comparison)])
        return
    _print_summary(comparison, folder)
    note(
        f"\nNext: megawatt explain {folder} value_usd_per_grid_mw_year   where a figure comes from\n"
        f"      megawatt risk {scenario}   what breaks, when, how likely\n"
        f"      megawatt plan {scenario} --keep --set PATH=VALUE, then megawatt runs diff   what a change moves"
    )


def _print_summary(comparison: Comparison, folder: Path) -> None:

    from megawatt.results import without_formulas

    to = console()
    to.print(f"\n{comparison.title}", style="bold")
    if comparison.question:
        to.print(comparison.question, style="dim")
    for use in comparison.uses:
        to.print(f"{use.name}: {use.title}")
    _print_uses(comparison)
    print_credit(comparison)
    if comparison.conversion is not None:
        from megawatt.cli.convert import print_conversion

        print_conversion(comparison.conversion)
    for use in comparison.uses:
        weather = (f"Weather: {use.weather.place}, {use.weather.origin}", *use.weather.stand_ins)
        to.print(f"{use.name}: {'; '.join(weather)}.", style="dim")
        for text in (*_worst(use), *([use.run_cost.words()] if use.run_cost else ())):
            to.print(f"{use.name}: {text}", style="dim")
        for tranche in use.stack.tranches if use.stack else ():
            to.print(f"{use.name}: {_tranche_text(tranche)}", style="dim")
        if use.venture is not None:
            to.print(f"{use.name}: {_venture_text(use)}", style="dim")
        for stress in use.stresses:
            to.print(f"{use.name}: {_stress_text(stress)}", style="dim")
        for text in (*use.blocks, *(use.rests_on or use.warnings[-1:])):
            to.print(f"{use.name}: {text}", style="dim")
        if without := without_formulas(use.cash):
            to.print(f"{use.name}: No workbook: it has no formulas for {', '.join(without)}.", style="dim")
    to.print(f"\nReport: {folder.joinpath('report.html')}", soft_wrap=True)


def _tranche_text(tranche: Tranche) -> str:
    """A tranche behind the loan in one line."""
    left = tranche.unpaid_at_end_usd
    owed = f", {left / 1e6:,.1f}m still owed at the end" if left >= 1.0 else ""
    drawn = f"{tranche.drawn_usd / 1e6:,.1f}m USD drawn, {tranche.paid_usd / 1e6:,.1f}m paid"
    shares = f", {tranche.converted_usd / 1e6:,.1f}m repaid in shares" if tranche.converted_usd else ""
    return f"{tranche.terms.name} ({tranche.terms.kind}): {drawn}{shares}{owed}."


def _venture_text(use: UseResult) -> str:
    """The partners of a use in one paragraph."""
    from megawatt.report.lender import flip_words, partners_table

    table = partners_table([use])
    rows = () if table is None else table.rows
    told = [
        f"{name} puts in {put}, receives {got}, tax {tax}, NPV {npv}, IRR {rate}"
        for name, put, got, tax, npv, rate in rows
    ]
    return f"{flip_words(use)} {'; '.join(told)}."


def _stress_text(stress: StressResult) -> str:
    """A named stress in one line."""
    moved = ", ".join(f"{name} {change:+.0%}" for name, change in stress.changes.items() if change != 0.0)
    cover = "" if stress.min_dscr is None else f", lowest DSCR {stress.min_dscr:.2f}"
    events = (
        ("lock-up", stress.lockup),
        ("covenant breached", stress.breach),
        ("payment missed", stress.payment_default),
        ("balloon not repaid", stress.balloon_default),
    )
    came = "".join(f", {name} in {month}" for name, month in events if month is not None)
    unpaid = f", {stress.unpaid_usd / 1e6:,.1f}m USD unpaid at the most" if stress.unpaid_usd > 0.0 else ""
    worth = f"value of a grid MW-year {_million(stress.value_usd_per_grid_mw_year)}"
    default = f", tenant fails in {stress.tenant_defaults}" if stress.tenant_defaults else ""
    told = f"{stress.source}; {moved or 'no market moves'}{default}"
    return f"Under '{stress.name}' ({told}): {worth}{cover}{came}{unpaid}."


def _print_uses(comparison: Comparison) -> None:
    """A column for each use of the site."""
    uses = comparison.uses
    rows = [(label, *(cell(use, use.headline) for use in uses)) for label, cell in _ROWS]
    for name, label in _UNIT_ROWS:
        costs = [next((c for c in use.unit_costs if c.name == name), None) for use in uses]
        if any(costs):
            rows.append((label, *("-" if c is None else f"${c.value:,.2f}" for c in costs)))
    head = "per use of the site"
    print_table((head, *(use.name for use in uses)), rows, fold=head)


_UNIT_ROWS = (
    ("usd_per_chip_hour", "levelised cost of a chip-hour"),
    ("break_even_usd_per_chip_hour", "break-even price of a chip-hour"),
    ("paid_ahead_usd_per_chip_hour", "  of the difference, worth of being paid ahead"),
    ("usd_per_kw_month", "levelised cost of a kW rented for a month"),
    ("break_even_usd_per_kw_month", "break-even rent of a kW and month"),
    ("usd_per_it_mwh", "levelised cost of a MWh of IT energy"),
    ("usd_per_million_tokens", "levelised cost of a million tokens"),
    ("usd_per_mined_mwh", "levelised cost of a MWh at the miners"),
    ("break_even_usd_per_mined_mwh", "break-even revenue of a MWh at the miners"),
)


def _worst(use: UseResult) -> list[str]:
    """The hour that sizes the halls, and the one in which their cooling carries least where that is not all."""
    worst, hot = use.worst_hour, use.hottest_hour
    lines = [] if worst is None else [f"Worst hour: {worst.words()}."]
    if hot is not None and hot.loses:
        lines.append(f"Hottest hour: {hot.words()}.")
    return lines


def _million(value: float) -> str:
    return f"{'-' if value < 0 else ''}${abs(value) / 1e6:,.2f}m"


def _value_range(use: UseResult, h: Headline) -> str:
    return f"{_million(h.value_p5)} to {_million(h.value_p95)}"


def _envelope(use: UseResult, h: Headline) -> str:
    return f"{_million(h.value_low)} to {_million(h.value_high)}"


def _of_two(use: UseResult, name: str, other_name: str, unit: str) -> str:
    value, other = getattr(use.footprint, name, None), getattr(use.footprint, other_name, None)
    return "-" if value is None else f"{value:,.0f} {unit}" + ("" if other is None else f" ({other:,.0f})")


def _tokens(use: UseResult, h: Headline) -> str:
    return "-" if h.tokens_per_grid_mwh is None else f"{h.tokens_per_grid_mwh / 1e6:,.0f}m"


def _token_range(use: UseResult, h: Headline) -> str:
    return (
        "-"
        if h.tokens_low is None or h.tokens_high is None
        else f"{h.tokens_low / 1e6:,.0f}m to {h.tokens_high / 1e6:,.0f}m"
    )


def _missed(use: UseResult, h: Headline) -> str:
    return "no debt" if h.probability_missed is None else f"{h.probability_missed:.1%}"


def _missed_range(use: UseResult, h: Headline) -> str:
    if h.probability_missed_interval is None:
        return "-"
    low, high = h.probability_missed_interval
    return f"{low:.1%} to {high:.1%}"


_ROWS = (
    ("value of a grid MW-year, after all capital", lambda u, h: _million(h.value_usd_per_grid_mw_year)),
    ("  markets, 5th to 95th percentile", _value_range),
    ("  ranges of inputs, one at a time", _envelope),
    ("  part that is the sale of what is left", lambda u, h: _million(h.resale_usd_per_grid_mw_year)),
    ("operating margin of a grid MW-year", lambda u, h: _million(h.margin_usd_per_grid_mw_year)),
    ("project IRR, after tax, before debt", lambda u, h: "-" if h.project_irr is None else f"{h.project_irr:.1%}"),
    ("tokens per grid MWh", _tokens),
    ("  ranges of inputs", _token_range),
    ("worst month, cash after debt service", lambda u, h: f"{h.worst_month} {_million(h.worst_month_usd)}"),
    ("probability that debt service is missed", _missed),
    ("  its 95 % interval", _missed_range),
    ("lowest debt cover (DSCR), base case", lambda u, h: "-" if h.min_dscr is None else f"{h.min_dscr:.2f}"),
    (
        "revenue of a mined MWh, first full year",
        lambda u, h: "-" if u.mined is None else f"${u.mined.usd_per_mwh:,.2f}",
    ),
    (
        "  power price above which miners stop",
        lambda u, h: "-" if u.mined is None else f"${u.mined.strike_usd_per_mwh:,.2f}",
    ),
    ("chips", lambda u, h: f"{u.chips:,}" if u.chips else "-"),
    (
        "carbon of a year, location (market)",
        lambda u, h: _of_two(u, "carbon_t", "carbon_market_t", "t"),
    ),
    (
        "water of a year on site (at source)",
        lambda u, h: _of_two(u, "water_m3", "source_water_m3", "m3"),
    ),
    ("peak import, PUE", lambda u, h: f"{h.peak_mw:,.0f} MW, " + ("-" if h.pue is None else f"{h.pue:.3f}")),
    ("idle of the connection", lambda u, h: f"{u.idle_mw:,.0f} MW"),
)
