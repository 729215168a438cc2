"""Of sites: dispatch a year, plan from chip to cash, mix, sweep, convert, risk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from megawatt.api.result import Figure, Result, columns_of, figures_of
from megawatt.api.site import Site, load
from megawatt.api.typed import at_least, typed
from megawatt.api.words import settings_of
from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.picture import Picture, bars, lines
from megawatt.repeatable import ONE_THREAD
from megawatt.scenario import LoadedComparison

if TYPE_CHECKING:
    from megawatt.chain import Comparison, ConversionResult
    from megawatt.chain.best import Best
    from megawatt.chain.hours import SiteYear
    from megawatt.dispatch import HourlyPlan
    from megawatt.dispatch.optimising import Solver

__all__ = ["Dispatched", "best", "convert", "dispatch", "plan", "risk", "sweep"]

Asked = Site | str | Path
"""A site, or its file."""


def _site(asked: Asked) -> Site:
    return asked if isinstance(asked, Site) else load(asked)


@dataclass(frozen=True)
class Dispatched(Result[Any]):
    """A dispatched year of each use of a site."""

    value: tuple[tuple[SiteYear, Mapping[str, HourlyPlan]], ...]

    __repr__ = Result.__str__

    def week(self, number: int = 28) -> Picture:
        """One week of the first use by the hour: power of every use of the connection, and the price.

        Parameters
        ----------
        number : int
            Week of the year, 1 to 52.
        """
        from megawatt.dispatch.trace import week_start

        year, plans = self.value[0]
        first = week_start(number, year.problem.hours)
        plan = next(iter(plans.values()))
        rows = {name: values[first : first + 168].tolist() for name, values in plan.mw.items() if values.any()}
        return lines(f"Week {number}: {year.name}", rows, "hours of the week", "MW")


@typed
def dispatch(
    site: Asked,
    *,
    battery: tuple[float, float] | None = None,
    demand_charge_usd_per_mw_year: float = 0.0,
    firm_ai_frac: float = 0.0,
    interruptible_usd_per_mwh: float | None = None,
    water_usd_per_m3: float = 0.0,
    water_cap_m3: float | None = None,
    foresight: bool = False,
    solver: Solver = "auto",
) -> Dispatched:
    """What the megawatts of a site do in every hour of a year, and what that earns.

    Parameters
    ----------
    site : Site, str or Path
        A scenario or a comparison.
    battery : (float, float), optional
        Power and energy of a battery to add. [MW], [MWh]
    demand_charge_usd_per_mw_year, firm_ai_frac, interruptible_usd_per_mwh, water_usd_per_m3, water_cap_m3
        As of `megawatt.chain.hours.Additions`.
    foresight : bool
        Also plan day by day and by simple rules.
    solver : str
        ``auto``, ``exact`` or ``highs``.

    Raises
    ------
    ScenarioError
        If the scenario is wrong.
    InfeasibleError
        If no plan keeps all limits.

    Examples
    --------
    >>> import megawatt as mw
    >>> year = mw.dispatch("examples/childress-bitcoin.toml")
    >>> year["uses.0.plans.perfect.earned_usd"] > 5e7
    True
    """
    from megawatt.chain.hours import Additions, site_year
    from megawatt.dispatch import optimise
    from megawatt.dispatch.foresight import foresight_plans
    from megawatt.results.operator import year_summary

    loaded = _site(site).uses()
    added = Additions(
        battery, demand_charge_usd_per_mw_year, firm_ai_frac, interruptible_usd_per_mwh, water_usd_per_m3, water_cap_m3
    )
    solved, rows, figures = [], [], []
    for use in loaded.uses:
        year = site_year(use, loaded.catalogue, added)
        plans = foresight_plans(year.problem) if foresight else {"perfect": optimise(year.problem, solver)}
        operated = {key: year.operated(plan) for key, plan in plans.items()}
        rows.append(year_summary(year, plans, operated, year.bill(plans["perfect"])))
        solved.append((year, plans))
        total = operated["perfect"].over_the_year()
        figures += [Figure(f"{year.name}: earns ({key})", plan["earned_usd"], "USD")
                    for key, plan in rows[-1]["plans"].items()]  # fmt: skip
        figures += [
            Figure(f"{year.name}: a MWh from the grid, all in", total.all_in_usd_per_mwh, "USD/MWh"),
            Figure(f"{year.name}: hours off or slower", total.curtailed_hours, "h"),
            Figure(f"{year.name}: saved by that", total.saved_usd, "USD"),
        ]
    first, (problem, plan) = rows[0], (solved[0][0].problem, solved[0][1]["perfect"])
    columns = {"price_usd_per_mwh": problem.price_usd_per_mwh} | {f"{n}_mw": v for n, v in plan.mw.items()}
    ledger = {entry["name"]: entry["usd"] for entry in first["plans"]["perfect"]["ledger"]}
    drawn = partial(bars, f"The year of {first['name']}", ledger, "USD")
    return Dispatched(loaded.title, tuple(solved), {"uses": rows}, tuple(figures), columns, drawn)


_HEADLINE: Final = {
    "value_usd_per_grid_mw_year": "value of a grid MW-year",
    "tokens_per_grid_mwh": "tokens per grid MWh",
    "worst_month_usd": "worst month",
    "probability_missed": "probability that debt service is missed",
    "min_dscr": "lowest debt cover",
    "pue": "PUE",
}


@typed
def plan(site: Asked, *, workers: int = 1) -> Result[Comparison]:
    """The whole chain on a site: chip, training job, hall, grid, contract, debt, risk.

    Parameters
    ----------
    site : Site, str or Path
        A scenario or a comparison.
    workers : int
        Processes of the simulation; results do not depend on it.

    Returns
    -------
    Result
        `megawatt.save` leaves it as a run folder, `megawatt.report` as one page.

    Raises
    ------
    ScenarioError
        If the scenario is wrong.
    InfeasibleError
        If no plan keeps all limits.

    Examples
    --------
    >>> import megawatt as mw
    >>> site = mw.load("examples/childress-bitcoin.toml", {"risk.paths": 64})
    >>> mw.plan(site)["uses.0.headline.pue.value"] < 1.1
    True
    """
    from dataclasses import replace

    from megawatt.chain import compare
    from megawatt.results import make_manifest, summary_of

    os.environ.update(ONE_THREAD)
    loaded = _site(site).uses()
    found = compare(loaded, loaded.catalogue, workers=workers)
    found = replace(found, manifest=make_manifest(found.manifest))
    told = summary_of(found)
    figures = tuple(
        Figure(f"{use['name']}: {label}", use["headline"][name]["value"], use["headline"][name]["unit"])
        for use in told["uses"]
        for name, label in _HEADLINE.items()
        if use["headline"][name]["value"] is not None
    )
    rows = [{"use": use["name"]} | {name: use["headline"][name]["value"] for name in use["headline"]}
            for use in told["uses"]]  # fmt: skip
    worth = {use["name"]: use["headline"]["value_usd_per_grid_mw_year"]["value"] or 0.0 for use in told["uses"]}
    drawn = partial(bars, "Value of a grid MW-year", worth, "USD")
    return Result(found.title, found, told, figures, columns_of(rows), drawn)


@typed
def best(site: Asked, *, ranges: bool = True, workers: int = 1) -> Result[Best]:
    """The best mix of uses behind one connection.

    Parameters
    ----------
    site : Site, str or Path
        A mixed site with candidates (docs/mixed-sites.md).
    ranges : bool
        Also look at the ranges of inputs and the map of prices: slower.
    workers : int
        Processes of the simulation; results do not depend on it.

    Raises
    ------
    ScenarioError
        If the file is no mixed site, or wrong.
    InfeasibleError
        If no mix keeps all limits.
    """
    from megawatt.chain.best import find_best
    from megawatt.results.mixed import best_summary

    os.environ.update(ONE_THREAD)
    asked = _site(site)
    if isinstance(asked.loaded, LoadedComparison):
        raise ScenarioError(f"{asked.title}: one use; allowed: a mixed site ([[parts]]), or plan")
    found = find_best(asked.loaded, workers, ranges=ranges)
    told = best_summary(found, asked.loaded.remarks)
    rows = [told["best"], *told["single_use"]]
    figures = tuple(Figure(row["name"], row["value_usd"], "USD") for row in rows)
    drawn = partial(bars, "Value of the site", {row["name"]: row["value_usd"] for row in rows}, "USD")
    return Result(asked.title, found, told, figures, columns_of(rows), drawn)


@typed
def sweep(
    file: str | Path,
    over: str | Iterable[str],
    out: str | Path,
    *,
    sample: int = 0,
    seed: int = 20260101,
    values: Mapping[str, Any] | None = None,
    workers: int = 1,
) -> Result[Path]:
    """Value a scenario at every point of a grid, or a sample, of its inputs.

    Parameters
    ----------
    file : str or Path
        A scenario or a mixed site.
    over : str or iterable of str
        Axes: ``power.price_scale=0.5..1.5:0.25``, ``site.grid_mw=100,200`` (docs/sweeps.md).
    out : str or Path
        Folder of the sweep; a sweep that was stopped goes on there.
    sample, seed : int
        Points of a Latin hypercube instead of the grid, and its seed.
    values : mapping, optional
        Values of all points, as of `load`.

    Raises
    ------
    ScenarioError
        If an axis is wrong, or the folder holds another sweep.
    """
    from megawatt.chain.sweep import axis_of
    from megawatt.results.sweeps import query_runs, run_sweep

    os.environ.update(ONE_THREAD)
    axes, target = [axis_of(text) for text in ([over] if isinstance(over, str) else over)], Path(out)
    points, computed = run_sweep(
        Path(file), load_catalogue(), axes, target, sample=sample, seed=seed, settings=settings_of(values or {}),
        workers=workers,
    )  # fmt: skip
    names, rows = query_runs(target.parent, f'SELECT * FROM "{target.name}" ORDER BY point')
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    plain = {"folder": str(target), "points": points, "computed": computed}
    figures = figures_of(plain, {"folder": ("folder", ""), "points": ("points", ""), "computed": ("computed now", "")})
    return Result(f"Sweep of {file}", target, plain, figures, columns)


@typed
def convert(site: Asked, *, workers: int = 1) -> Result[ConversionResult]:
    """What mining halls are worth, converted to AI now, later, partly, never, or as prices tell.

    Parameters
    ----------
    site : Site, str or Path
        A comparison with a section ``[conversion]``.
    workers : int
        Processes of the simulation; results do not depend on it.

    Raises
    ------
    ScenarioError
        If it has no such section, or is wrong.
    """
    from megawatt.chain import convert as value
    from megawatt.results import conversion_summary

    os.environ.update(ONE_THREAD)
    loaded = _site(site).uses()
    found = value(loaded, loaded.catalogue, workers=workers)
    told = conversion_summary(found)
    worth = {"never": found.never_usd} | {f"all halls in {date.month}": date.value_usd for date in found.dates}
    worth["as an option"] = found.option_usd
    figures = tuple(Figure(name, value, "USD") for name, value in worth.items())
    drawn = partial(bars, loaded.title, worth, "USD")
    return Result(loaded.title, found, told, figures, columns_of(told["dates"]), drawn)


@typed
def risk(
    site: Asked,
    *,
    paths: int = 2048,
    draws: Literal["plain", "antithetic", "stratified", "sobol"] = "plain",
    fat_tails: bool = False,
    workers: int = 1,
) -> Result[list[dict[str, Any]]]:
    """What breaks the debt of a site, when, why, how likely.

    Parameters
    ----------
    site : Site, str or Path
        A scenario or a comparison.
    paths : int
        Simulated paths.
    draws : str
        How they are drawn: plain, antithetic, stratified, sobol.
    fat_tails : bool
        Factors under the t copula, and bitcoin with the jumps of history.
    workers : int
        Processes of the simulation; results do not depend on it.

    Raises
    ------
    ScenarioError
        If the scenario is wrong.
    """
    from megawatt.chain import forge, risk_study

    at_least(1, paths=paths, workers=workers)
    loaded = _site(site).uses()
    rows = []
    for use in loaded.uses:
        links = forge(use.scenario, loaded.catalogue, use.folder)
        seed = use.scenario.seed
        rows.append(risk_study(links, kind=draws, paths=paths, seed=seed, workers=workers, fat_tails=fat_tails))
    figures = [Figure(f"{row['name']}: value", row["npv_usd"]["value"], "USD") for row in rows]
    figures += [Figure(f"{row['name']}: {name.replace('_', ' ')}", event["value"])
                for row in rows for name, event in row["events"].items()]  # fmt: skip
    first = {d["cause"].replace("_", " "): d["first_order_index"] for d in rows[0]["drivers"]}
    drawn = partial(bars, f"What moves the value of {rows[0]['title']}", first)
    return Result(loaded.title, rows, {"uses": rows}, tuple(figures), columns_of(rows[0]["drivers"]), drawn)
