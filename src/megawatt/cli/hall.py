"""``megawatt hall``: what a hall draws and drinks at a place, and how much a connection carries."""

from __future__ import annotations

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
    from megawatt.facility import FacilityYear, Weather

__all__ = ["hall"]

_WORDS = ("design", "power", "cooling", "UPS")
_ASKED = ("load_frac", "grid_mw", "shed_hours", "grid_water", "water_price", "power_price", "it_value", "water_cap")
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
    from megawatt.facility.telling import HallQuestion, days_of, hall_row
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
    asked = HallQuestion(
        days=days_of(weather, options["worst_day"], options["stated"]) if options["grid_mw"] is not None else (),
        **{name: options[name] for name in _ASKED},
    )
    rows, years = [], []
    for key in keys or catalogue.keys("hall"):
        design = changed_hall(catalogue, key, changes, it_capacity_mw=options["it_mw"])
        design = redundant(design, power=options["power"], cooling=options["cooling"], ups_mode=options["ups"])
        years.append(steady_year(design, weather, options["load_frac"]))
        rows.append(hall_row(design, weather, years[-1], asked))
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
