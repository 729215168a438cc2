"""``megawatt hall``: what a hall draws and drinks at a place, and how much a connection carries."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from megawatt.cli.options import Number, Whole, force_option
from megawatt.cli.output import console, emit_json
from megawatt.cli.tables import print_table

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue
    from megawatt.facility import DesignDay, FacilityYear, HallDesign, Weather

__all__ = ["hall"]

_WORDS = ("design", "power", "cooling", "UPS")
_LEVELS = click.Choice(["N", "N+1", "2N"])


@click.command(
    context_settings={"ignore_unknown_options": True},  # "-33.9, 18.4" is a place, not an option
    epilog='Example: megawatt hall "-33.9, 18.4, 42" --design liquid-dry-cooler --it-mw 200 --grid-mw 300',
)
@click.argument("place")
@click.option("--design", "keys", multiple=True, help="Hall design (repeatable); without it, all: catalogue list hall.")
@click.option("--it-mw", type=Number(high=1e6), default=100.0, show_default=True, help="IT capacity [MW].")
@click.option("--load", "load_frac", type=Number(0.0, 1.0, above=True), default=1.0, show_default=True,
              help="IT load over IT capacity.")  # fmt: skip
@click.option(
    "--grid-mw",
    type=Number(0.0, 1e6, above=True),
    help="Connection to fill [MW]; adds the IT capacity that it carries.",
)
@click.option("--shed-hours", type=Whole(0, 8759), default=0, show_default=True,
              help="Worst hours of the year in which IT may be held back (with --grid-mw).")  # fmt: skip
@click.option(
    "--worst-day",
    type=click.Choice(["20-year", "0.4%", "typical-year"]),
    default="20-year",
    show_default=True,
    help="Day beside the year that --grid-mw has to carry.",
)
@click.option("--design-day", "stated", multiple=True, metavar="DRY/WET",
              help="Design day of given dry and wet bulb [degC] instead, e.g. 46/24 (repeatable).")  # fmt: skip
@click.option(
    "--shift-k", type=Number(-50.0, 50.0), default=0.0, show_default=True, help="Climate shift added to every hour [K]."
)
@click.option("--power", type=_LEVELS, help="Redundancy of transformers and UPS, instead of the design's own.")
@click.option("--cooling", type=_LEVELS, help="Redundancy of chillers, instead of the design's own.")
@click.option("--ups", type=click.Choice(["double-conversion", "eco"]), help="UPS mode, instead of the design's own.")
@click.option("--change", "changes", multiple=True, metavar="NAME=VALUE",
              help="Change the design (repeatable): supply_air_max_c=24, pads=false (docs/facility.md).")  # fmt: skip
@click.option("--grid-water", type=Number(0.0, 50.0), help="Water of electricity [L/kWh]; adds source WUE.")
@click.option("--water-price", type=Number(0.0), help="Run pads only where they pay: water [USD/m3].")
@click.option("--power-price", type=Number(), help="Electricity that the pads save [USD/MWh] (with --water-price).")
@click.option("--it-value", type=Number(0.0), help="IT energy that a dry hall sheds [USD/MWh] (likewise).")
@click.option("--water-cap", type=Number(0.0), help="Most water of the year [m3] (with --water-price).")
@click.option("--screen", type=click.Choice(["pue", "water", "cost"]),
              help="Rank designs with every redundancy and UPS mode; cost: at the three prices.")  # fmt: skip
@click.option("--top", type=Whole(1), default=10, show_default=True, help="Designs to list (--screen).")
@click.option(
    "--seed", type=Whole(0, 9_223_372_036_854_775_807), default=0, show_default=True, help="Seed of synthesised hours."
)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="HTML file to write charts into.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/cli.md).")
def hall(place: str, keys: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """PUE, worst hours, water and chiller hours of a hall at PLACE.

    PLACE is a catalogued place, a weather file (EPW, TMY3, CSV) or "latitude, longitude[, elevation]", which takes the
    place nearest in climate and says which and how far.
    """
    from megawatt.catalogue import load_catalogue
    from megawatt.facility import load_weather, redundant, steady_year
    from megawatt.facility.changes import changed_hall, read_changes
    from megawatt.writing import check_text

    _check_prices(options)
    if options["report"]:
        check_text(options["report"], force=options["force"])
    catalogue = load_catalogue()
    weather = load_weather(place, catalogue, options["seed"], options["shift_k"])
    if options["screen"]:
        _screen(weather, catalogue, keys, options, as_json)
        return
    changes = read_changes(options["changes"], catalogue)
    rows, years = [], []
    for key in keys or catalogue.keys("hall"):
        design = changed_hall(catalogue, key, changes, it_capacity_mw=options["it_mw"])
        design = redundant(design, power=options["power"], cooling=options["cooling"], ups_mode=options["ups"])
        years.append(steady_year(design, weather, options["load_frac"]))
        rows.append(_row(design, weather, years[-1], options))
    if options["report"]:
        _write(options["report"], options["force"], weather, rows, years, catalogue)
    if as_json:
        emit_json("hall", rows)
        return
    _print(weather, rows)


def _check_prices(options: dict[str, Any]) -> None:
    """Choosing hours for the pads takes three prices, ranking by cost too; one error names those that are missing."""
    names = ("water_price", "power_price", "it_value")
    missing = ["--" + name.replace("_", "-") for name in names if options[name] is None]
    ranked = options["screen"] == "cost"
    wanted = ranked or options["water_cap"] is not None or len(missing) < len(names)
    if wanted and missing:
        why = "cost is electricity, water and IT not served" if ranked else "pads run where water is worth its price"
        raise click.UsageError(f"also give {', '.join(missing)}: {why}")
    apart = [
        name for name in ("grid_mw", "shed_hours", "grid_water", "water_cap", "report", "changes") if options[name]
    ]
    if options["screen"] and apart:
        words = ", ".join("--" + name.replace("_", "-") for name in apart)
        raise click.UsageError(f"--screen ranks designs; give {words} with the design that you choose")


def _screen(
    weather: Weather, catalogue: Catalogue, keys: tuple[str, ...], options: dict[str, Any], as_json: bool
) -> None:
    """Designs with every redundancy, the best first."""
    from megawatt.facility import HallPrices, hall_variants, screened_halls

    fixed = {"power": options["power"], "cooling": options["cooling"], "ups_mode": options["ups"]}
    variants = hall_variants(catalogue, keys, it_capacity_mw=options["it_mw"], **fixed)
    names = ("power_price", "water_price", "it_value")
    prices = None if options["water_price"] is None else HallPrices(*(options[name] for name in names))
    found = screened_halls(variants, weather, by=options["screen"], load_frac=options["load_frac"], prices=prices)
    rows = [
        {
            "design": one.variant.design.key,
            "power": one.variant.power,
            "cooling": one.variant.cooling,
            "ups": one.variant.ups_mode,
            "place": weather.place,
            "weather": weather.origin,
            "stand_in": list(weather.stand_ins),
            "pue": one.pue,
            "pue_worst_hour": one.pue_worst_hour,
            "facility_peak_mw": one.facility_peak_mw,
            "wue_l_per_kwh": one.wue_l_per_kwh,
            "chiller_hours": one.mechanical_hours,
            "unserved_frac": one.unserved_frac,
            "usd_per_it_mwh": one.usd_per_it_mwh,
        }
        for one in found[: options["top"]]
    ]
    if as_json:
        emit_json("hall", rows)
        return
    costs = () if prices is None else (("$/IT MWh", lambda r: f"{r['usd_per_it_mwh']:,.2f}"),)
    _table(weather, rows, [*_SCREENED, *costs])
    listed = f"{len(rows)} of {len(found)} halls (--top)" if len(rows) < len(found) else f"{len(found)} halls"
    console().print(f"{listed}, ranked by {options['screen']} on a year of 512 states of air; own: as designed.")


def _write(
    path: Path,
    force: bool,
    weather: Weather,
    rows: list[dict[str, Any]],
    years: list[FacilityYear],
    catalogue: Catalogue,
) -> None:
    """Charts and assumptions as one HTML file."""
    from megawatt.report import HallRun, render_hall
    from megawatt.writing import write_text

    halls = [HallRun(row["design"], weather, year) for row, year in zip(rows, years, strict=True)]
    lines = [f"{weather.place}, {weather.origin}; {rows[0]['it_mw']:g} MW of IT.", *map(_sentence, rows[0]["stand_in"])]
    write_text(path, render_hall(halls, lines, catalogue.sources), force=force)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _row(design: HallDesign, weather: Weather, year: FacilityYear, options: dict[str, Any]) -> dict[str, Any]:
    """Everything known of one design at the place, as plain numbers."""
    from megawatt.facility import (
        capacity_plan,
        design_hours,
        has_pads,
        pue_by_hour,
        pue_by_month,
        source_wue_l_per_kwh,
        steady_load_mw,
        water_m3_by_month,
    )

    it_mw = steady_load_mw(design, options["load_frac"])
    row: dict[str, Any] = {
        "design": design.key,
        "place": weather.place,
        "weather": weather.origin,
        "stand_in": list(weather.stand_ins),
        "it_mw": it_mw,
        "pue": year.pue,
        "pue_worst_hour": year.pue_worst_hour,
        "facility_peak_mw": year.facility_peak_mw,
        "wue_l_per_kwh": year.wue_l_per_kwh,
        "water_m3": year.water_m3,
        "trim_hours": year.trim_hours,
        "chiller_hours": year.mechanical_hours,
        "wet_hours": year.wet_hours,
        "derated_hours": year.derated_hours,
        "derated_mwh": year.derated_mwh,
        "design_hours": [
            {
                "rank": h.rank,
                "hour": h.hour,
                "dry_bulb_c": h.dry_bulb_c,
                "wet_bulb_c": h.wet_bulb_c,
                "facility_per_it": h.facility_per_it,
                "it_frac": h.it_frac,
                "words": h.words(),
            }
            for h in design_hours(design, weather)
        ],
        "pue_by_month": [float(v) for v in pue_by_month(year)],
        "pue_by_hour": [float(v) for v in pue_by_hour(year)],
        "water_m3_by_month": [float(v) for v in water_m3_by_month(year)],
    }
    if options["grid_water"] is not None:
        row["wue_source_l_per_kwh"] = source_wue_l_per_kwh(year, options["grid_water"])
    if options["water_price"] is not None and has_pads(design):
        row["water_choice"] = _choice(design, weather, it_mw, options)
    if options["grid_mw"] is not None:
        plan = capacity_plan(design, weather, options["grid_mw"], options["shed_hours"], _days(weather, options))
        row["capacity"] = {
            "grid_mw": plan.grid_mw,
            "it_mw": plan.it_mw,
            "carried_it_mw": plan.carried_it_mw,
            "binding_hour": plan.hour,
            "worst": dataclasses.asdict(plan.worst),
            "hottest": dataclasses.asdict(plan.hottest),
            "sets": plan.words(),
            "derated_hours": plan.derated_hours,
            "derated_mwh": plan.derated_mwh,
            "shed_hours": plan.shed_hours,
            "shed_mwh": plan.shed_mwh,
            "shed_max_mw": plan.shed_max_mw,
            "spare_mwh": plan.spare_mwh,
        }
    return row


def _days(weather: Weather, options: dict[str, Any]) -> tuple[DesignDay, ...]:
    """Days beside the year: as stated, or the extremes of the weather."""
    from megawatt.facility import design_days, stated_day

    if not options["stated"]:
        return design_days(weather, options["worst_day"])
    days = []
    for text in options["stated"]:
        dry, _, wet = text.partition("/")
        try:
            dry_c, wet_c = float(dry), float(wet)
        except ValueError:
            raise click.UsageError(f"--design-day {text}: allowed: dry and wet bulb in degC, e.g. 46/24") from None
        days.append(stated_day(text, dry_c, wet_c, None, weather))
    return tuple(days)


def _choice(design: HallDesign, weather: Weather, it_mw: float, options: dict[str, Any]) -> dict[str, Any]:
    """The year with pads only in the hours where they pay."""
    from megawatt.facility import water_choice

    chosen = water_choice(
        design,
        weather,
        it_mw,
        electricity_usd_per_mwh=options["power_price"],
        water_usd_per_m3=options["water_price"],
        it_value_usd_per_mwh=options["it_value"],
        cap_m3=options["water_cap"],
    )
    return {
        "wet_hours": chosen.wet_hours,
        "water_m3": chosen.water_m3,
        "pue": chosen.pue,
        "saving_usd": chosen.saving_usd,
        "marginal_usd_per_m3": chosen.marginal_usd_per_m3,
    }


def _ratio(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"


_COLUMNS: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("design", lambda r: r["design"]),
    ("PUE", lambda r: _ratio(r["pue"])),
    ("worst", lambda r: _ratio(r["pue_worst_hour"])),
    ("peak MW", lambda r: f"{r['facility_peak_mw']:,.1f}"),
    ("L/kWh", lambda r: _ratio(r["wue_l_per_kwh"])),
    ("trim h", lambda r: f"{r['trim_hours']:,}"),
    ("chill h", lambda r: f"{r['chiller_hours']:,}"),
    ("lost h", lambda r: f"{r['derated_hours']:,}"),
)
_SCREENED: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("design", lambda r: r["design"]),
    ("power", lambda r: r["power"] or "own"),
    ("cooling", lambda r: r["cooling"] or "own"),
    ("UPS", lambda r: r["ups"].partition("-")[0] or "own"),
    ("PUE", lambda r: f"{r['pue']:.3f}"),
    ("worst", lambda r: "-" if r["pue_worst_hour"] is None else f"{r['pue_worst_hour']:.3f}"),
    ("L/kWh", lambda r: f"{r['wue_l_per_kwh']:.3f}"),
    ("lost IT", lambda r: f"{r['unserved_frac']:.2%}"),
)
_SOURCE = ("source", lambda r: f"{r['wue_source_l_per_kwh']:.2f}")
_CAPACITY = (
    ("IT MW", lambda r: f"{r['capacity']['it_mw']:,.1f}"),
    ("worst day", lambda r: f"{r['capacity']['carried_it_mw']:,.1f}"),
    ("shed MWh", lambda r: f"{r['capacity']['shed_mwh']:,.0f}"),
    ("lost h", lambda r: f"{r['capacity']['derated_hours']:,}"),
)


def _table(
    weather: Weather, rows: list[dict[str, Any]], columns: Sequence[tuple[str, Callable[[dict[str, Any]], str]]]
) -> None:
    """The place, what stands in for it, and a row per hall."""
    to = console()
    to.print(f"{weather.place}, {weather.origin}", style="bold")
    for note in weather.stand_ins:
        to.print(note)
    print_table([title for title, _ in columns], [[cell(row) for _, cell in columns] for row in rows], left=_WORDS)


def _print(weather: Weather, rows: list[dict[str, Any]]) -> None:
    extra = [*([_SOURCE] if "wue_source_l_per_kwh" in rows[0] else []), *(_CAPACITY if "capacity" in rows[0] else ())]
    lost = [] if "capacity" in rows[0] else _COLUMNS[7:]
    columns = [*_COLUMNS[:3], *extra, _COLUMNS[4], *lost] if extra else list(_COLUMNS)  # 80 characters either way
    _table(weather, rows, columns)
    to = console()
    for row in rows:
        if "water_choice" in row:
            chosen = row["water_choice"]
            to.print(
                f"{row['design']}: pads pay in {chosen['wet_hours']:,} h, {chosen['water_m3']:,.0f} m3, PUE "
                f"{chosen['pue']:.3f}, worth ${chosen['saving_usd']:,.0f} a year; one more m3 "
                f"${chosen['marginal_usd_per_m3']:.2f}"
            )
    ranks = [f"hour {h['rank']}" for h in rows[0]["design_hours"]]
    worst = [[h["words"] for h in row["design_hours"]] for row in rows]
    to.print("\nWorst hours by rank: facility MW per IT MW (dry/wet bulb, degC)", style="dim")
    print_table(("design", *ranks), [[row["design"], *cells] for row, cells in zip(rows, worst, strict=True)])
    if "capacity" in rows[0]:
        to.print("\nWhat sets the capacity", style="dim")
        for row in rows:
            to.print(f"{row['design']}: {row['capacity']['sets']}")
