"""``megawatt dispatch``: what the megawatts do in every hour of a year, and what that earns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from megawatt.cli.dispatch_views import kusd, operator_lines, print_beside, print_year
from megawatt.cli.options import SETTING, Number, Whole, force_option
from megawatt.cli.output import console, emit_json, note
from megawatt.errors import Problem, ScenarioError
from megawatt.files import is_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from megawatt.catalogue import Catalogue
    from megawatt.chain.hours import SiteYear
    from megawatt.dispatch import HourlyPlan, HourlyProblem
    from megawatt.dispatch.operator import OperatorYear
    from megawatt.dispatch.optimising import Solver
    from megawatt.scenario import LoadedScenario
    from megawatt.tariff import Bill

__all__ = ["dispatch"]


def _year_list(context: click.Context, option: click.Parameter, text: str | None) -> tuple[int, ...]:
    """Years, each once, in the order given."""
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(","))) if text else ()
    except ValueError:
        raise click.BadParameter(f"{text!r}, must be years, e.g. 2022,2023") from None


@click.command(epilog="Example: megawatt dispatch examples/childress-bitcoin.toml --battery 50:200 --foresight")
@click.argument("source", metavar="CASE_DIR|SCENARIO", type=click.Path(path_type=Path))
@click.option("--solver", type=click.Choice(["auto", "exact", "highs"]), default="auto", show_default=True,
              help="auto: the exact solver where the problem is of its structure, HiGHS elsewhere.")  # fmt: skip
@click.option("--foresight", is_flag=True, help="Also plan day by day, and by simple rules, and compare.")
@click.option("--battery", metavar="MW:MWH", help="Add a battery (scenarios), e.g. 50:200.")
@click.option("--demand-charge", type=Number(0.0), default=0.0, metavar="USD_PER_MW_YEAR",
              help="Add a charge on the year's highest import (scenarios).")  # fmt: skip
@click.option("--firm-ai", type=Number(0, 1), default=0.0, metavar="SHARE",
              help="Share of the AI load that must run; the rest is interruptible (scenarios).")  # fmt: skip
@click.option("--interruptible-value", type=Number(0.0), metavar="USD_PER_MWH",
              help="What a MWh of interruptible AI load earns (scenarios).")  # fmt: skip
@click.option("--water-price", type=Number(0.0), default=0.0, metavar="USD_PER_M3",
              help="Run pads only in hours where they are worth their water (scenarios).")  # fmt: skip
@click.option("--water-cap", type=Number(0.0), metavar="M3",
              help="Yearly right of water, spent on the hours worth most (scenarios).")  # fmt: skip
@click.option("--price-years", metavar="YEAR,YEAR", callback=_year_list,
              help="Solve these years of the grid's price table, and print mean and range (scenarios).")  # fmt: skip
@click.option("--trace", "trace_file", type=click.Path(path_type=Path, dir_okay=False),
              help="Write a week as a trace for chrome://tracing or ui.perfetto.dev.")  # fmt: skip
@click.option("--report", "report_file", type=click.Path(path_type=Path, dir_okay=False),
              help="HTML file to write charts into: duration, price response, battery, money, a week.")  # fmt: skip
@click.option("--bill", "bill_file", type=click.Path(path_type=Path, dir_okay=False),
              help="CSV file to write the power bill into, line by line and month by month (scenarios).")  # fmt: skip
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False),
              help="CSV file to write months into: energy, bill, hours off, heat, carbon, coins.")  # fmt: skip
@force_option
@click.option("--week", type=Whole(1, 52), default=28, show_default=True, help="Week of trace and report.")
@click.option(
    "--set", "settings", type=SETTING, multiple=True, metavar="PATH=VALUE", help="Replace a value of the scenario."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def dispatch(
    source: Path,
    solver: Solver,
    foresight: bool,
    battery: str | None,
    demand_charge: float,
    firm_ai: float,
    interruptible_value: float | None,
    water_price: float,
    water_cap: float | None,
    price_years: tuple[int, ...],
    trace_file: Path | None,
    report_file: Path | None,
    bill_file: Path | None,
    csv_file: Path | None,
    force: bool,
    week: int,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Solve a site year hour by hour: a folder with parameters.json and hourly.csv, or a scenario."""
    from megawatt.dispatch import optimise
    from megawatt.dispatch.foresight import foresight_plans
    from megawatt.results.operator import week_lines, year_summary
    from megawatt.writing import check_text

    for file in filter(None, (trace_file, report_file, bill_file, csv_file)):
        check_text(file, force=force)
    additions = {
        "--battery": _battery(battery),
        "--demand-charge": demand_charge,
        "--firm-ai": firm_ai,
        "--interruptible-value": interruptible_value,
        "--water-price": water_price,
        "--water-cap": water_cap,
    }
    if price_years:
        if foresight or trace_file or report_file or bill_file or csv_file:
            raise ScenarioError(
                "--price-years: is not for --foresight, --trace, --report, --bill or --csv: they show one year"
            )
        _many_years(source, settings, additions, price_years, solver, as_json)
        return
    results, solved = [], []
    bills: dict[str, Bill | None] = {}
    for year in _years(source, settings, additions):
        name, problem = year.name, year.problem
        if foresight:
            note("three plans: perfect, day-ahead, rules")
            plans = foresight_plans(problem)
        else:
            plans = {"perfect": optimise(problem, solver)}
        if trace_file is not None:
            _write_trace(trace_file, force, problem, plans["perfect"], week)
        operated = {key: year.operated(plan) for key, plan in plans.items()}
        solved.append((year, plans, operated))
        bills[name] = bill = year.bill(plans["perfect"])
        results.append(year_summary(year, plans, operated, bill))
        if not as_json:
            print_year(name, problem, plans)
            print_beside(year, bill)
            for line in week_lines(problem, plans["perfect"], week):
                note(line)
            console().print(operator_lines(next(iter(operated.values()))))
    _write_tables(bill_file, csv_file, force, bills, solved)
    if report_file is not None:
        _write_report(report_file, force, source, solved, week)
    if as_json:
        emit_json("dispatch", results)


def _years(source: Path, settings: tuple[str, ...], given: Mapping[str, Any]) -> Iterator[SiteYear]:
    """The hourly problems of a folder or a scenario; ``given`` holds what the options add to a scenario's site."""
    from megawatt.catalogue import load_catalogue
    from megawatt.chain.hours import SiteYear
    from megawatt.dispatch.case import case_problem, load_case
    from megawatt.scenario import load

    if is_folder(source):
        used = [*(name for name, value in given.items() if value not in (None, 0.0)), *(["--set"] if settings else [])]
        if used:
            raise ScenarioError(f"{source}: {', '.join(used)} is for scenarios; edit parameters.json")
        yield SiteYear(source.name, case_problem(load_case(source)), None, False)
        return
    loaded = load(source, load_catalogue(), settings)
    yield from _site_years(loaded.uses, loaded.catalogue, given)


def _site_years(uses: Iterable[LoadedScenario], catalogue: Catalogue, given: Mapping[str, Any]) -> Iterator[SiteYear]:
    from megawatt.chain.hours import Additions, site_year

    for use in uses:
        note(f"{use.scenario.name}: halls, weather, prices")
        year = site_year(use, catalogue, Additions(*given.values()))
        if year.held_by_contract:
            note("contracted AI load: planned to run in every hour, accounted at the pay of its first contract year")
        yield year


def _many_years(
    source: Path,
    settings: tuple[str, ...],
    given: Mapping[str, Any],
    years: tuple[int, ...],
    solver: Solver,
    as_json: bool,
) -> None:
    """The site in several price years: what each earns, their mean and range."""
    from megawatt.catalogue import load_catalogue
    from megawatt.dispatch import optimise_years
    from megawatt.scenario import load_price_years

    if source.is_dir():
        raise ScenarioError(f"{source}: --price-years is for scenarios; edit hourly.csv")
    loaded = load_price_years(source, load_catalogue(), years, settings)
    results = []
    for uses in zip(*(one.uses for one in loaded), strict=True):
        name = uses[0].scenario.name
        problems = (year.problem for year in _site_years(uses, loaded[0].catalogue, given))
        solved = optimise_years(problems, solver=solver)
        earned = dict(zip(years, map(float, solved.earned_usd), strict=True))
        low, high = solved.range_usd
        results.append(
            {"name": name, "earned_usd": earned, "mean_usd": solved.mean_usd, "low_usd": low, "high_usd": high}
        )
        if not as_json:
            for year, usd in earned.items():
                click.echo(f"{name} {year}: revenue less cost {kusd(usd)} kUSD")
            click.echo(f"{name}: mean {kusd(solved.mean_usd)} kUSD, {kusd(low)} to {kusd(high)} kUSD")
    if as_json:
        emit_json("dispatch", results)


def _write_tables(
    bill_file: Path | None,
    csv_file: Path | None,
    force: bool,
    bills: Mapping[str, Bill | None],
    solved: Sequence[tuple[SiteYear, Mapping[str, HourlyPlan], Mapping[str, OperatorYear]]],
) -> None:
    """The bill and the months as CSV, where asked for."""
    if bill_file is not None:
        _write_bills(bill_file, force, bills)
    if csv_file is not None:
        _write_months(csv_file, force, solved)


def _write_months(
    path: Path,
    force: bool,
    solved: Sequence[tuple[SiteYear, Mapping[str, HourlyPlan], Mapping[str, OperatorYear]]],
) -> None:
    from megawatt.results.operator import operator_rows, rows_as_csv
    from megawatt.writing import write_text

    rows = [
        row
        for year, _, operated in solved
        for key, one in operated.items()
        for row in operator_rows(year.name, key, one, year.mined)
    ]
    write_text(path, rows_as_csv(rows), force=force, seal=False)
    note(f"months: {path}")


def _battery(text: str | None) -> tuple[float, float] | None:
    """``MW:MWH`` as numbers."""
    if text is None:
        return None
    try:
        power_mw, energy_mwh = (float(part) for part in text.split(":"))
    except ValueError:
        problem = Problem("--battery", text, "power and energy as MW:MWH", "e.g. 50:200")
        raise ScenarioError(f"--battery {text}: must be MW:MWH, e.g. 50:200", [problem]) from None
    return power_mw, energy_mwh


def _write_bills(path: Path, force: bool, bills: Mapping[str, Bill | None]) -> None:
    import csv
    import io

    from megawatt.writing import write_text

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for index, (name, bill) in enumerate(bills.items()):
        if bill is None:
            raise ScenarioError(f"--bill: {name} has no tariff; it is for scenarios")
        head, *rows = bill.rows()
        writer.writerows([["plan", *head]] if index == 0 else [])
        writer.writerows([name, *row] for row in rows)
    write_text(path, text.getvalue(), force=force, seal=False)
    note(f"bill: {path}")


def _write_trace(path: Path, force: bool, problem: HourlyProblem, plan: HourlyPlan, week: int) -> None:
    from megawatt.dispatch.trace import week_start, week_trace
    from megawatt.writing import write_text

    write_text(path, json.dumps(week_trace(problem, plan, week_start(week, problem.hours))), force=force)
    note(f"trace: {path}")


def _write_report(
    path: Path,
    force: bool,
    source: Path,
    solved: Sequence[tuple[SiteYear, Mapping[str, HourlyPlan], Mapping[str, OperatorYear]]],
    week: int,
) -> None:
    from megawatt.report import DispatchRun, render_dispatch
    from megawatt.writing import write_text

    runs = [
        DispatchRun(year.name, year.problem, plans, operated, year.bill(next(iter(plans.values()))), year.mined)
        for year, plans, operated in solved
    ]
    title = runs[0].title if len(runs) == 1 else source.stem
    write_text(path, render_dispatch(title, runs, week), force=force)
    note(f"report: {path}")
