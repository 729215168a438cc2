"""``megawatt mix`` and ``best``: several uses behind one connection, and the best of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from megawatt.cli.options import SETTING, Whole, force_option
from megawatt.cli.output import console, emit_json, note, say
from megawatt.cli.tables import print_table
from megawatt.repeatable import ONE_THREAD

__all__ = ["best", "mix"]

_setting = click.option(
    "--set", "settings", type=SETTING, multiple=True, metavar="PATH=VALUE",
    help="Replace a value of the file (parts.0.scale=0.5), or of every part's scenario.",
)  # fmt: skip
_workers = click.option(
    "--workers", type=Whole(1), default=1, show_default=True,
    help="Processes for the simulation; results do not depend on it.",
)  # fmt: skip
_report = click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), metavar="PAGE.html",
    help="Write an HTML page that needs no network.",
)  # fmt: skip
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")


@click.command(epilog="Example: megawatt mix examples/childress-mixed.toml --report mix.html")
@click.argument("file", type=click.Path(path_type=Path))
@_setting
@click.option("--paths", type=Whole(0), default=2048, show_default=True, help="Simulated paths; 0: base case.")
@click.option("--months", type=click.Path(path_type=Path), metavar="FILE.csv",
              help="Write the statements of every part and of the site by month.")  # fmt: skip
@click.option("--hours", type=click.Path(path_type=Path), metavar="FILE.csv",
              help="Write the fullest year of the site by the hour.")  # fmt: skip
@_report
@_workers
@force_option
@_json
def mix(
    file: Path, settings: tuple[str, ...], paths: int, months: Path | None, hours: Path | None, report: Path | None,
    workers: int, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Several businesses behind one connection: FILE names their scenarios, sizes and dates ([[parts]]).

    Hour by hour behind one tariff, then to the cash and debt of each and of the site; what every part adds, with and
    without it, so that the parts sum to the whole.
    """
    os.environ.update(ONE_THREAD)
    from megawatt.catalogue import load_catalogue
    from megawatt.chain.mixed import mixed_site
    from megawatt.chain.mixed_risk import simulate_mixed
    from megawatt.chain.mixed_value import contributions
    from megawatt.results.mixed import columns_as_csv, mixed_hours, mixed_months, mixed_summary
    from megawatt.scenario.mixed import load_mix
    from megawatt.writing import check_text, write_text

    for target in (months, hours, report):
        if target is not None:
            check_text(target, force=force)
    loaded = load_mix(file, load_catalogue(), settings)
    site = mixed_site(loaded, note)
    note("what each part adds")
    adds = contributions(loaded, site)
    risk = simulate_mixed(site, paths, loaded.mix.seed, workers) if paths else None
    for target, columns in ((months, mixed_months), (hours, mixed_hours)):
        if target is not None:
            write_text(target, columns_as_csv(columns(site)), force=force, seal=False)
    found = mixed_summary(site, adds, risk, loaded.remarks)
    if report is not None:
        from megawatt.report.mixed_page import render_mix, year_of

        page = render_mix(loaded.mix.title, loaded.mix.question, found, year_of(site), loaded.catalogue.sources)
        write_text(report, page, force=force)
    if as_json:
        emit_json("mix", [{"title": loaded.mix.title} | found])
        return
    say(loaded.mix.title)
    _print_mix(found)
    for text in loaded.remarks:
        console().print(f"{text}.")
    if report is not None:
        say(f"page: {report}")


def _million(usd: float | None) -> str:
    return "-" if usd is None else f"{usd / 1e6:,.1f}"


def _print_mix(found: dict[str, Any]) -> None:
    rows = [
        (
            part["name"], f"{part['scale']:g}", f"{part['peak_mw']:,.1f}",
            f"{part['first_month']} to {part['last_month']}",
            _million(part["capital_usd"]), _million(part["value_usd"]),
            "-" if part["min_dscr"] is None else f"{part['min_dscr']:.2f}", _million(part["adds_usd"]),
        )
        for part in found["parts"]
    ]  # fmt: skip
    rows += [
        (row["name"], "", "", "", "", _million(found["shared_usd"]), "", _million(row["adds_usd"]))
        for row in found["adds"]
        if row["name"] not in {part["name"] for part in found["parts"]}
    ]
    if found["shared_usd"] and len(found["adds"]) == len(found["parts"]):
        rows.append(("shared", "", "", "", "", _million(found["shared_usd"]), "", ""))
    whole = found["value_usd"]
    rows.append(("site", "", f"{found['grid_mw']:,.1f}", "", "", _million(whole), "", _million(whole)))
    print_table(
        ("part", "size", "MW at most", "runs", "capital", "value", "DSCR", "adds"), rows, left=("runs",), fold="runs"
    )
    idle = found["idle_mw"]
    to = console()
    to.print("Capital and value in million USD at the first month; adds: mean over the orders in which parts may come.")
    to.print(
        f"Idle: {idle['mean']:,.1f} of {found['grid_mw']:,.1f} MW in the mean month, {idle['least']:,.1f} at least."
    )
    _print_foresight(found["foresight"])
    risk = found.get("risk")
    if risk:
        missed = risk["probability_missed"]
        to.print(
            f"Over {risk['paths']:,} paths: mean {_million(risk['mean_usd'])}, worst twentieth "
            f"{_million(risk['tail_usd'])} million USD; some loan misses a payment: "
            + ("no debt" if missed is None else f"{missed:.1%}")
            + "."
        )


def _print_foresight(known: dict[str, Any]) -> None:
    to = console()
    if "why_not" in known:
        to.print(f"What prices known only a day ahead cost is not told: {known['why_not']}.")
    elif known["achieved_frac"] is None:
        to.print("Nothing in the site follows prices.")
    else:
        to.print(
            f"Fullest year: uses that follow prices earn {_million(known['flexible_usd'])} million USD with perfect "
            f"foresight (the bound), {_million(known['achieved_usd'])} ({known['achieved_frac']:.1%}) knowing prices a "
            "day ahead"
            + (
                "."
                if known["real_time_achieved_frac"] is None
                else f"; {known['real_time_achieved_frac']:.1%} of the bound at real-time prices that differ by "
                f"{known['real_time_error_frac']:.0%} (assumed)."
            )
        )


@click.command(epilog="Example: megawatt best examples/childress-best.toml --report best.html")
@click.argument("file", type=click.Path(path_type=Path))
@_setting
@click.option("--no-ranges", is_flag=True, help="Leave out the ranges of inputs and the map of prices: faster.")
@_report
@_workers
@force_option
@_json
def best(
    file: Path,
    settings: tuple[str, ...],
    no_ranges: bool,
    report: Path | None,
    workers: int,
    force: bool,
    as_json: bool,
) -> None:
    """The best mix of uses behind one connection: FILE names candidates, bounds and limits ([[parts]], [best]).

    Sizes and hours are chosen together by one linear programme over 8,760 hours; the mix and every use alone are then
    valued by the whole chain on the same simulated paths.
    """
    os.environ.update(ONE_THREAD)
    from megawatt.catalogue import load_catalogue
    from megawatt.chain.best import find_best
    from megawatt.results.mixed import adds_rows, best_summary
    from megawatt.scenario.mixed import load_mix
    from megawatt.writing import check_text, write_text

    if report is not None:
        check_text(report, force=force)
    loaded = load_mix(file, load_catalogue(), settings, candidates=True)
    found = find_best(loaded, workers, note, ranges=not no_ranges)
    told = best_summary(found, loaded.remarks)
    if report is not None:
        from megawatt.chain.mixed_value import contributions
        from megawatt.report.mixed_page import render_best, year_of

        note("what each part adds")
        told_all = told | {"adds": adds_rows(contributions(loaded, found.site))}
        page = render_best(
            loaded.mix.title, loaded.mix.question, told_all, year_of(found.site), loaded.catalogue.sources
        )
        write_text(report, page, force=force)
    if as_json:
        emit_json("best", [{"name": loaded.mix.name, "title": loaded.mix.title} | told])
        return
    say(loaded.mix.title)
    _print_best(told)
    for text in loaded.remarks:
        console().print(f"{text}.")
    if report is not None:
        say(f"page: {report}")


def _print_over_time(told: dict[str, Any] | None) -> None:
    """Plans of a conversion behind the connection."""
    if told is None:
        return
    rows = [
        (row["name"], _million(row["value_usd"]), _million(row["standard_error_usd"]))
        for row in (*told["fixed"], *told["options"])
    ]
    print_table((f"{told['mining']} -> {told['ai']}", "value", "s.e."), rows)
    moved = ", ".join(f"{mw:,.0f}" for mw in told["displaced_mw"])
    console().print(
        f"Halls of {told['ai_mw']:,.0f} MW beside {told['mining_mw']:,.0f} MW of miners displace {moved} MW of them, "
        f"hall by hall. Best fixed today: {told['best_fixed']}; deciding later is worth "
        f"{_million(told['waiting_usd'])} million USD more ({told['best_option']}; at most "
        f"{_million(told['bound_usd'])} knowing all beforehand). After tax, before debt, over {told['months']} months."
    )


def _print_best(told: dict[str, Any]) -> None:
    to, names = console(), list(told["best"]["scales"])
    rows = [
        (
            row["name"],
            *(f"{row['scales'][name]:.3g}" if row["scales"][name] else "-" for name in names),
            _million(row["value_usd"]), _million(row["tail_usd"]), _million(row["capital_usd"]),
            "-" if row["probability_missed"] is None else f"{row['probability_missed']:.1%}", f"{row['idle_mw']:,.0f}",
        )
        for row in (told["best"], *told["single_use"])
    ]  # fmt: skip
    print_table(("", *names, "value", "worst 5 %", "capital", "missed", "idle MW"), rows)
    rate = told["cost_of_equity"]
    owners = "" if rate is None else f" to owners, after debt, at {rate:.1%} a year"
    to.print(f"Sizes over each scenario's own; value{owners}: mean over the paths, million USD at the first month.")
    plants = {name: size for name, size in told["best"]["plants"].items() if size > 0.0}
    if plants:
        to.print("Plants: " + ", ".join(f"{name} {size:,.1f}" for name, size in plants.items()) + ".")
    _print_foresight(told["foresight"])
    gap = told["gap"]
    to.print(
        f"Programme {_million(gap['programme_usd'])}, chain {_million(gap['chain_usd'])} million USD: "
        f"gap {gap['gap_frac']:.2%} ({gap['solver']}, {gap['seconds']:.1f} s)."
    )
    for name, usd in told["shadow_prices"].items():
        to.print(f"One more {name.removeprefix('usd_per_')}: {usd:,.4g} USD.")
    for row in told["bounds"]:
        per_mw = "" if row["usd_per_mw"] is None else f", {row['usd_per_mw']:,.4g} USD a MW that it draws"
        to.print(f"One more {row['path']} ({row['name']}): {row['usd_per_unit']:,.4g} USD{per_mw}.")
    if len(told["frontier"]) > 1:
        print_table(
            ("frontier: value", "worst 5 %", "missed", *names),
            [
                (
                    _million(point["value_usd"]), _million(point["tail_usd"]),
                    "-" if point["probability_missed"] is None else f"{point['probability_missed']:.1%}",
                    *(f"{point['scales'][name]:.3g}" for name in names),
                )
                for point in told["frontier"]
            ],
        )  # fmt: skip
    _print_over_time(told["over_time"])
    robust = told["robust"]
    if robust["inputs"]:
        to.print(f"{robust['inputs_that_flip']} of {robust['inputs']} widest ranges change which parts are in the mix:")
        for row in robust["flips"]:
            if row["flips_at"] is not None:
                ends = f"{row['low']:,.4g} to {row['high']:,.4g}"
                to.print(f"  {row['title']}: at {row['flips_at']:,.4g} {row['unit']} (base {row['base']:,.4g}, {ends})")
    for row in told["single_use"]:
        if row["note"]:
            to.print(f"{row['name']} alone: {row['note']}.")
    for row in told["left_out"]:
        to.print(f"Left out: {row['name']}: {row['why']}.")
