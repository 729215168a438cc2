"""Of places: weather, halls, prices of power, tariffs, miners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from megawatt.api.result import Figure, Result, columns_of, figures_of
from megawatt.api.typed import at_least, numbers, typed
from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.files import is_file
from megawatt.hours import HOURS_IN_YEAR, MONTH_NAMES, monthly_sum
from megawatt.picture import Picture, bars, lines

if TYPE_CHECKING:
    from megawatt.dispatch import PriceYear
    from megawatt.facility import FacilityYear, Weather
    from megawatt.mining import MinerFleet
    from megawatt.tariff import Bill, TariffSheet

__all__ = ["TariffResult", "hall", "miners", "prices", "tariff", "weather"]


def _of_hours(title: str, values: ArrayLike, unit: str) -> Picture:
    """A year by the hour, sorted from the highest on."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))[::-1]
    return lines(title, {"": ordered.tolist()}, "hours of the year, the highest first", unit)


@typed
def weather(place: str | Path, *, seed: int = 0, shift_k: float = 0.0) -> Result[Weather]:
    """A year of weather by the hour.

    Parameters
    ----------
    place : str or Path
        A catalogued place, ``"latitude, longitude[, elevation]"``, a place file, or a weather file (EPW, TMY3, CSV).
    seed : int
        Of hours that are synthesised from monthly normals.
    shift_k : float
        Climate shift added to every hour. [K]

    Raises
    ------
    CatalogueError
        If the place is not known.
    ScenarioError
        If a file is wrong.

    Examples
    --------
    >>> import megawatt as mw
    >>> len(mw.weather("dublin").columns["dry_bulb_c"])
    8760
    """
    from megawatt.facility import load_weather

    found = load_weather(place, load_catalogue(), seed, shift_k)
    plain = {
        "place": found.place,
        "origin": found.origin,
        "stand_ins": list(found.stand_ins),
        "dry_bulb_mean_c": float(found.dry_bulb_c.mean()),
        "dry_bulb_max_c": float(found.dry_bulb_c.max()),
        "wet_bulb_max_c": float(found.wet_bulb_c.max()),
    }
    wanted = {
        "origin": ("weather", ""), "dry_bulb_mean_c": ("mean dry bulb", "degC"),
        "dry_bulb_max_c": ("highest dry bulb", "degC"), "wet_bulb_max_c": ("highest wet bulb", "degC"),
    }  # fmt: skip
    columns = {"dry_bulb_c": found.dry_bulb_c, "wet_bulb_c": found.wet_bulb_c, "pressure_pa": found.pressure_pa}
    drawn = partial(_of_hours, f"Dry bulb: {found.place}", found.dry_bulb_c, "degC")
    return Result(f"Weather of {found.place}", found, plain, figures_of(plain, wanted), columns, drawn)


@typed
def hall(
    place: str | Path,
    designs: str | Sequence[str] = (),
    *,
    it_mw: float = 100.0,
    load_frac: float = 1.0,
    grid_mw: float | None = None,
    shed_hours: int = 0,
    worst_day: Literal["20-year", "0.4%", "typical-year"] = "20-year",
    power: str | None = None,
    cooling: str | None = None,
    ups: str | None = None,
    changes: Sequence[str] = (),
    seed: int = 0,
    shift_k: float = 0.0,
) -> Result[list[FacilityYear]]:
    """What halls draw and drink at a place, hour by hour.

    Parameters
    ----------
    place : str or Path
        As of `weather`.
    designs : str or sequence of str
        Hall designs; none: all of the catalogue.
    it_mw, load_frac : float
        IT capacity [MW] and the share of it that is on.
    grid_mw : float, optional
        Connection to fill, with ``shed_hours`` held back and a ``worst_day`` carried beside the year. [MW]
    power, cooling, ups : str, optional
        Redundancy (N, N+1, 2N) and UPS mode (double-conversion, eco) instead of the design's own.
    changes : sequence of str
        ``name=value`` of the design (docs/facility.md).

    Raises
    ------
    CatalogueError
        If a design or the place is not known.
    ScenarioError
        If a value is out of range.

    Examples
    --------
    >>> import megawatt as mw
    >>> mw.hall("dublin", "liquid-dry-cooler", it_mw=50)["halls.0.pue"] < 1.2
    True
    """
    from megawatt.facility import load_weather, redundant, steady_year
    from megawatt.facility.changes import changed_hall, read_changes
    from megawatt.facility.telling import HallQuestion, days_of, hall_row

    known = load_catalogue()
    air = load_weather(place, known, seed, shift_k)
    at_least(0, shed_hours=shed_hours)
    days = () if grid_mw is None else days_of(air, worst_day)
    asked = HallQuestion(load_frac, grid_mw, shed_hours, days)
    changed, years, rows = read_changes(tuple(changes), known), [], []
    for key in (designs,) if isinstance(designs, str) else designs or known.keys("hall"):
        design = changed_hall(known, key, changed, it_capacity_mw=it_mw)
        design = redundant(design, power=power, cooling=cooling, ups_mode=ups)
        years.append(steady_year(design, air, load_frac))
        rows.append(hall_row(design, air, years[-1], asked))
    figures = tuple(
        Figure(f"{row['design']}: {label}", row[name], unit)
        for row in rows
        for name, label, unit in (
            ("pue", "PUE", ""), ("facility_peak_mw", "peak", "MW"), ("wue_l_per_kwh", "water", "L/kWh"),
        )
    )  # fmt: skip
    drawn = partial(bars, f"PUE: {air.place}", {row["design"]: row["pue"] for row in rows})
    title = f"{it_mw:g} MW of IT at {air.place}, {air.origin}"
    return Result(title, years, {"halls": rows}, figures, columns_of(rows), drawn)


@typed
def prices(source: str | Path, year: int = 2023) -> Result[PriceYear]:
    """A year of market prices by the hour.

    Parameters
    ----------
    source : str or Path
        A grid of the catalogue with a table of the year, or an export of a market (docs/hourly-files.md).
    year : int
        Of the table, or of a file that holds several.

    Raises
    ------
    CatalogueError
        If there is no such grid, or no table of the year.
    ScenarioError
        If the file cannot be read.

    Examples
    --------
    >>> import megawatt as mw
    >>> mw.prices("ercot-hub", 2023)["mean_usd_per_mwh"] > 20
    True
    """
    from megawatt.dispatch import PriceYear, price_year, read_prices
    from megawatt.hourly import FilePart

    if is_file(Path(source)):
        found = read_prices(Path(source), FilePart(year=year))
    else:
        found = PriceYear(price_year(load_catalogue().price_shape(str(source), year)), year, 0, 0)
    price = found.price_usd_per_mwh
    plain = {
        "source": str(source),
        "year": found.year,
        "mean_usd_per_mwh": float(price.mean()),
        "min_usd_per_mwh": float(price.min()),
        "max_usd_per_mwh": float(price.max()),
        "hours_below_zero": int((price < 0.0).sum()),
        "remarks": list(found.remarks),
        "warnings": list(found.warnings),
    }
    wanted = {
        "mean_usd_per_mwh": ("mean", "USD/MWh"), "min_usd_per_mwh": ("lowest", "USD/MWh"),
        "max_usd_per_mwh": ("highest", "USD/MWh"), "hours_below_zero": ("hours below zero", ""),
    }  # fmt: skip
    title = f"Prices of {source}, {found.year}"
    drawn = partial(_of_hours, title, price, "USD/MWh")
    return Result(title, found, plain, figures_of(plain, wanted), {"price_usd_per_mwh": price}, drawn)


@dataclass(frozen=True)
class TariffResult(Result[Any]):
    """A rate sheet, which bills a year of power."""

    value: TariffSheet

    __repr__ = Result.__str__

    def bill(
        self, import_mw: ArrayLike, price_usd_per_mwh: ArrayLike = 0.0, *, grid_mw: float | None = None,
        year: int = 2023,
    ) -> Result[Bill]:  # fmt: skip
        """The bill of a year, line by line and month by month.

        Parameters
        ----------
        import_mw : float or array, shape (8760,)
            Metered power. [MW]
        price_usd_per_mwh : float or array, shape (8760,)
            Market price of energy: its dearest hours are the grid's peaks.
        grid_mw : float, optional
            Contracted capacity, where the sheet names none; None: the highest power.
        year : int
            Calendar of the weekdays.

        Raises
        ------
        ScenarioError
            If there are not 8,760 hours, or one of them is none.
        """
        from megawatt.tariff import bill_of, resolve

        drawn_mw = numbers(import_mw, HOURS_IN_YEAR, "import_mw")
        price = numbers(price_usd_per_mwh, HOURS_IN_YEAR, "price_usd_per_mwh")
        grid = float(drawn_mw.max()) if grid_mw is None else grid_mw
        rate = resolve(self.value, key=self.title, grid_mw=grid, year=year, market_usd_per_mwh=price)
        found = bill_of(rate, drawn_mw, monthly_sum(price * drawn_mw))
        rows: list[dict[str, Any]] = [{"line": name, "year_usd": a, "least_month_usd": b, "dearest_month_usd": c}
                for name, a, b, c in found.yearly()]  # fmt: skip
        figures = (*(Figure(r["line"], r["year_usd"], "USD") for r in rows),
                   Figure("all in", found.usd_per_mwh, "USD/MWh"))  # fmt: skip
        months = dict(zip(MONTH_NAMES, found.usd.tolist(), strict=True))
        return Result(f"Bill: {self.title}", found, found.as_dict(), figures, columns_of(rows),
                      partial(bars, f"Bill by month: {self.title}", months, "USD"))  # fmt: skip


@typed
def tariff(name: str | Path) -> TariffResult:
    """A rate sheet: what a grid or a supplier charges.

    Parameters
    ----------
    name : str or Path
        A tariff of the catalogue, a tariff file (TOML), or JSON of OpenEI (docs/tariffs.md).

    Raises
    ------
    CatalogueError
        If the key is not known.
    ScenarioError
        If the file is wrong; names every problem.

    Examples
    --------
    >>> import megawatt as mw
    >>> mw.tariff("ercot-transmission").bill(100.0, 30.0)["usd_per_mwh"] > 30
    True
    """
    from megawatt.api.known import catalogue as described
    from megawatt.tariff import TariffSheet, catalogued_sheet, is_tariff_file, read_tariff_file

    known, told = load_catalogue(), described(str(name))
    if is_tariff_file(str(name)):
        sheet = TariffSheet.model_validate(read_tariff_file(Path(name))[0], context={"catalogue": known})
    else:
        sheet = catalogued_sheet(known, str(name))[0]
    return TariffResult(sheet.title or str(name), sheet, told.plain, told.figures, told.columns)


@typed
def miners(miner: str, it_mw: float = 1.0, *, hashprice_usd_per_ph_day: float | None = None) -> Result[MinerFleet]:
    """A fleet of miners of one model, and what a MWh earns in it.

    Parameters
    ----------
    miner : str
        A key, e.g. ``antminer-s21``.
    it_mw : float
        Power that the machines draw. [MW], >= 0
    hashprice_usd_per_ph_day : float, optional
        What a PH/s earns a day: adds the revenue of a MWh, which is the price of power above which it stops.

    Raises
    ------
    CatalogueError
        If the key is not known.
    ScenarioError
        If a number is out of range.

    Examples
    --------
    >>> import megawatt as mw
    >>> round(mw.miners("antminer-s21", 100, hashprice_usd_per_ph_day=40)["usd_per_mwh"])
    93
    """
    from megawatt.mining import fleet, revenue_usd_per_mwh

    found = fleet(load_catalogue(), miner, it_mw)
    plain: dict[str, Any] = {
        "miner": found.key,
        "it_mw": found.it_mw,
        "hashrate_eh_per_s": found.hashrate_eh_per_s,
        "efficiency_j_per_th": found.efficiency_j_per_th,
        "machines": found.machines,
        "price_usd_per_th": found.price_usd_per_th,
        "cost_usd": found.price_usd_per_th * found.hashrate_eh_per_s * 1e6,
    }
    if hashprice_usd_per_ph_day is not None:
        if not (np.isfinite(hashprice_usd_per_ph_day) and hashprice_usd_per_ph_day >= 0.0):
            raise ScenarioError(f"hashprice_usd_per_ph_day = {hashprice_usd_per_ph_day}; allowed: a number, 0 or more")
        plain["usd_per_mwh"] = float(revenue_usd_per_mwh(found, hashprice_usd_per_ph_day))
    wanted = {
        "machines": ("machines", ""), "hashrate_eh_per_s": ("hash rate", "EH/s"), "cost_usd": ("cost", "USD"),
        "usd_per_mwh": ("a MWh earns, and stops above", "USD/MWh"),
    }  # fmt: skip
    return Result(f"{it_mw:g} MW of {found.key}", found, plain, figures_of(plain, wanted))
