"""``megawatt risk``: what breaks, when, why, how likely, what would do it; and the factors fitted from history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from megawatt.cli.options import SETTING, Whole, cluster_option
from megawatt.cli.output import console, emit_json, problem_dicts
from megawatt.cli.tables import print_table

__all__ = ["risk"]

_KINDS = click.Choice(["plain", "antithetic", "stratified", "sobol"])


class _Scenario(click.Group):
    """A word that is no command is a scenario."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["scenario", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_Scenario, epilog="Example: megawatt risk examples/childress-gb300.toml --draws sobol")
def risk() -> None:
    """Risk of a scenario (megawatt risk SCENARIO), or its factors from history (megawatt risk calibrate FILES)."""


@risk.command(epilog="Example: megawatt risk scenario examples/childress-gb300.toml --draws sobol")
@click.argument("file", metavar="SCENARIO", type=click.Path(path_type=Path))
@click.option("--set", "settings", type=SETTING, multiple=True, metavar="PATH=VALUE", help="Replace a value.")
@click.option("--draws", type=_KINDS, default="plain", show_default=True, help="How paths are drawn.")
@click.option("--paths", type=Whole(32, 1_000_000), help="Simulated paths; default: the scenario's.")
@click.option("--fat-tails", is_flag=True, help="Factors under the t copula and bitcoin with the jumps of history.")
@click.option("--workers", type=Whole(1, 256), default=1, show_default=True, help="Processes; the result is the same.")
@cluster_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/risk.md).")
def scenario(
    file: Path, settings: tuple[str, ...], draws: Any, paths: int | None, fat_tails: bool, workers: int,
    cluster: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Probability and month of lock-up, breach and default, what drives them, the nearest breaking shock, episodes."""
    from megawatt.catalogue import load_catalogue
    from megawatt.chain import forge, risk_study
    from megawatt.risk import asked_cluster
    from megawatt.scenario import load

    loaded = load(file, load_catalogue(), settings)
    rows, how = [], {"kind": draws, "workers": workers, "fat_tails": fat_tails}
    with asked_cluster(cluster, workers) as there:
        for use in loaded.uses:
            links = forge(use.scenario, loaded.catalogue, use.folder)
            asked = paths or use.scenario.risk.paths
            rows.append(risk_study(links, paths=asked, seed=use.scenario.seed, cluster=there, **how))
    if as_json:
        emit_json("risk", rows)
        return
    for row in rows:
        _print(row)


@risk.command(epilog="Example: megawatt risk calibrate market_daily.csv --until 2021-12")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--until", metavar="YYYY-MM", default="", help="Last month that is read.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/risk.md).")
def calibrate(files: tuple[Path, ...], until: str, as_json: bool) -> None:
    """Fit drifts, volatilities, jumps, reversion, correlations and tails from daily FILES, with standard errors."""
    from megawatt.calibration.factor_fit import fit_factors

    found, left_out = fit_factors(files, until)
    fits = [fit.row() for fit in found]
    if as_json:
        emit_json("risk calibrate", fits, problem_dicts(left_out, ""))
        return
    cells = [
        [fit["series"], fit["parameter"], f"{fit['value']:.4g}", f"{fit['standard_error']:.2g}", str(fit["months"])]
        for fit in fits
    ]
    print_table(("series", "parameter", "value", "error", "months"), cells, left=("parameter",))
    for problem in left_out:
        console().print(f"left out: {problem}")


def _usd(value: float) -> str:
    return f"{value / 1e6:,.0f}"


def _print(row: dict[str, Any]) -> None:
    to = console()
    to.print(f"{row['title']} ({row['paths']:,} paths, {row['draws']})", style="bold")
    npv = row["npv_usd"]
    low, high = map(_usd, npv["interval"])
    to.print(f"value {_usd(npv['value'])} m USD ({low} to {high}); worst 5 %: {_usd(row['expected_shortfall_5_usd'])}")
    events = [
        [name.replace("_", " "), f"{e['value']:.2%}", f"{e['interval'][0]:.2%} to {e['interval'][1]:.2%}",
         e["median_month"] or "-"]
        for name, e in row["events"].items()
    ]  # fmt: skip
    if events:
        print_table(("", "probability", "95 %", "median month"), events)
    if row["loss_given_default"]:
        to.print(f"loss given default {row['loss_given_default']['mean_frac']:.0%} of what was owed then")
    anew = row["refinancing"]
    if anew:
        to.print(
            f"refinancing: a part finds no lender in {anew['probability']['value']:.1%} of the paths, then "
            f"{_usd(anew['not_refinanced_usd'] or 0.0)} m USD on average; expected {_usd(anew['expected_usd'])} m USD; "
            f"rate of the new loan {anew['rate_p5']:.1%} to {anew['rate_p95']:.1%}"
        )
    if row["refinancing_option"]:
        _print_option(row["refinancing_option"])
    if row["payment_default_importance"]:
        rare = row["payment_default_importance"]
        low, high = (f"{end:.3%}" for end in rare["interval"])
        to.print(f"payment default drawn towards the breaking point: {rare['value']:.3%} ({low} to {high})")
    drivers = [
        [d["cause"].replace("_", " "), f"{d['first_order_index']:.0%}", f"{d['first_order_index_of_default']:.0%}",
         f"{d['mean']:.2f}", "-" if d["mean_given_default"] is None else f"{d['mean_given_default']:.2f}"]
        for d in row["drivers"]
    ]  # fmt: skip
    print_table(("driver", "of value", "of default", "mean", "mean if it fails"), drivers)
    for point in row["breaking_points"]:
        _print_point(point)
    told = [*row["episodes"], *row["demand"]["scenarios"]]
    cells = [
        [one["title"], "" if one["weight"] is None else f"{one['weight']:.0%}", _usd(one["npv_usd"]),
         "-" if one["min_dscr"] is None else f"{one['min_dscr']:.2f}",
         ", ".join(f"{name.replace('_', ' ')} {month}" for name, month in one["first_month"].items() if month) or "-"]
        for one in told
    ]  # fmt: skip
    columns = ("episode", "weight", "value m", "least cover", "first month of")
    print_table(columns, cells, fold="episode", left=("first month of",))
    demand = row["demand"]
    to.print(f"demand scenarios by weight: value {_usd(demand['weighted_npv_usd'])} m USD, default in "
             f"{demand['weight_with_default']:.0%} of the weight")  # fmt: skip


def _print_option(option: dict[str, Any]) -> None:
    low, high = (_usd(end) for end in option["interval"])
    console().print(
        f"option to refinance at the path's rate ({option['rate']:.2%} today): {_usd(option['option_gain_usd'])} m USD "
        f"({low} to {high}) to the owners, {_usd(option['over_best_date_usd'])} over the best date fixed today; "
        f"held to the end in {option['held_to_the_end']:.0%} of the paths; a payment is missed in "
        f"{option['payment_default_decided']:.2%} of them, {option['payment_default_held']:.2%} if held"
    )
    cells = [
        [date["month"], f"{date['lent']:.0%}", f"{date['taken']:.0%}", _usd(date["gain_usd"]),
         f"{date['rate_p5']:.1%} to {date['rate_p95']:.1%}"]
        for date in option["dates"]
    ]  # fmt: skip
    print_table(("refinanced in", "all is lent", "taken", "gain if fixed m", "rate"), cells)


def _print_point(point: dict[str, Any]) -> None:
    who = "with the tenant's default" if point["tenant_fails"] else "while the tenant pays"
    console().print(
        f"nearest shock that breaks the debt {who}: {point['distance_sd']:.1f} standard deviations, "
        f"likelihood {point['likelihood']:.2%}"
    )
    cells = [
        [f"year {at['year']}", *(f"{level:.2f}" for name, level in at.items() if name != "year")]
        for at in point["levels"]
    ]
    print_table(("over today", *(name for name in point["levels"][0] if name != "year")), cells)
