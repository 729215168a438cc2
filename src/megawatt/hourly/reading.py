"""An hourly file as site years: one reader for prices, weather, meters and cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray, IntArray
from megawatt.errors import ScenarioError
from megawatt.files import refused
from megawatt.hourly.cells import QUANTITIES, Unit, currency_size, price_unit, read_column, unit_of
from megawatt.hourly.clocks import LEAP_YEAR, Clock, read_clock, wrong_row
from megawatt.hourly.layouts import Layout, recognise
from megawatt.hourly.stamps import RULES, Stamps, from_wall
from megawatt.hourly.tables import Cells, Sheet, read_sheet
from megawatt.hourly.years import Rows, Years, site_years, step_min
from megawatt.hours import HOURS_IN_YEAR

__all__ = ["FilePart", "HourlyFile", "kind_of_rows", "layout_of_rows", "price_doubts", "read_hourly"]

_YEAR: Final = 2001
"""The year of rows without stamps: it has 8,760 hours."""
_SUMMER_MIN: Final = 60
"""Summer time is that much before standard time, or less."""
_WEEK_MIN: Final = 7 * 24 * 60
"""Minutes of a week."""
_LOWEST_MEAN: Final = 1.0
"""No market's year has a smaller mean in size: it would be a price of a kWh. [1/MWh]"""
_HIGHEST_MEAN: Final = 1000.0
"""No market's year has had a higher mean in dollars or euros. [1/MWh]"""
_SPIKE: Final = 20_000.0
"""Above the caps of all markets: read, and said. [1/MWh]"""


@dataclass(frozen=True, slots=True)
class FilePart:
    """What is chosen of a file where it does not say it itself.

    ``utc_offset_hours`` and ``zone`` are the site's; ``year`` the one that is wanted; ``hour_ending``: stamps are ends;
    ``quantity`` is what ``column`` holds.
    ``gaps``: hours may be missing, and are NaN.
    """

    column: str = ""
    unit: str = ""
    node: str = ""
    utc_offset_hours: float | None = None
    zone: str = ""
    year: int | None = None
    hour_ending: bool = False
    quantity: str = "price"
    gaps: bool = False


@dataclass(frozen=True, slots=True)
class HourlyFile:
    """What an hourly file holds.

    Attributes
    ----------
    file, place : str
        Path; name of the place that the file gives, or the file's.
    layout : Layout
    years : tuple of int
        Whole years; (0,) for a typical year.
    values : mapping of str to array, shape (years, 8760)
        By quantity, in the units of `QUANTITIES`; prices in ``currency`` per MWh.
    currency : str
    utc_offset_hours : float or None
        The clock of the hours; None where neither file nor site says it.
    elevation_m, latitude_deg, longitude_deg : float or None
        Of the place, where the file says them.
    remarks, warnings : tuple of str
        What was done; what looks wrong.
    dropped_hours, outside_hours : int
        Of 29 February; of years that are not whole or not wanted.
    """

    file: str
    place: str
    layout: Layout
    years: tuple[int, ...]
    values: Mapping[str, FloatArray]
    currency: str
    utc_offset_hours: float | None
    elevation_m: float | None
    latitude_deg: float | None
    longitude_deg: float | None
    remarks: tuple[str, ...]
    warnings: tuple[str, ...]
    dropped_hours: int
    outside_hours: int


def kind_of_rows(rows: Cells) -> str:
    """The kind of the layout of some rows ("prices", "weather", "meter"); "" where none is known."""
    found = recognise(rows)
    return found[0].kind if found else ""


def layout_of_rows(rows: Cells, wanted: str = "") -> str:
    """Key of the first layout of the wanted kind (any where empty) that some rows have; "" where none is known."""
    found = recognise(rows, wanted)
    return found[0].key if found else ""


def read_hourly(path: Path, kind: str, part: FilePart | None = None) -> HourlyFile:
    """Read an hourly file of any known layout, or of columns of one's own.

    Parameters
    ----------
    path : Path
        CSV, EPW, TMY3 or spreadsheet.
    kind : str
        "prices", "weather", "output" or "meter".
    part : FilePart, optional
        What the file does not say.

    Raises
    ------
    ScenarioError
        If the layout is not known, or a time or value is missing, double or impossible; names line, column and value.
    MissingDependencyError
        If a spreadsheet is given and its reader is not installed.
    """
    part = part or FilePart()
    sheet = read_sheet(path, kind, column=part.column, node=part.node, quantity=part.quantity)
    values, units, remarks = _values(sheet, part)
    clock = read_clock(sheet, part.hour_ending)
    if "energy" in values:
        values = _powered(sheet, values, clock, remarks)
    table = np.stack(list(values.values()), axis=1)
    years, said = _years(sheet, part, clock, table)
    hours = {name: years.values[:, :, i] for i, name in enumerate(values)}
    currency = units["price"].currency if "price" in units else ""
    place = sheet.about("place")
    return HourlyFile(
        file=str(path),
        place=place.title() if place.isupper() and len(place) > 3 else place or path.stem,
        layout=sheet.layout,
        years=(0,) if sheet.layout.typical or clock is None else years.years,
        values=hours,
        currency=currency,
        utc_offset_hours=said.offset_h,
        elevation_m=sheet.number("elevation_m"),
        latitude_deg=sheet.number("latitude_deg"),
        longitude_deg=sheet.number("longitude_deg"),
        remarks=(*remarks, *years.remarks, *said.remarks),
        warnings=price_doubts(hours["price"], currency) if kind == "prices" else (),
        dropped_hours=years.dropped_hours,
        outside_hours=years.outside_hours,
    )


def _values(sheet: Sheet, part: FilePart) -> tuple[dict[str, FloatArray], dict[str, Unit], list[str]]:
    """Columns by quantity, their units, and what was assumed or done."""
    layout, header = sheet.layout, sheet.header
    wanted = layout.values or {"price": "price"}
    values: dict[str, FloatArray] = {}
    units: dict[str, Unit] = {}
    remarks: list[str] = []
    for name, alternatives in wanted.items():
        at = header.find(alternatives)
        if at is None:
            continue
        unit = _unit(sheet, name, at, part, remarks)
        column = header.titles[at] or "(blank)"
        read = read_column(sheet.file, column, QUANTITIES[name], sheet.cells(at), unit, separated=sheet.separated)
        values[name], units[name] = read[0], unit
        if read[1]:
            remarks.append(f"decimal commas in {column}")
    if layout.kind == "weather" and not ({"dew_point", "wet_bulb", "humidity"} & set(values)):
        found = f"columns {', '.join(header.titles)}"
        needed = (
            "needed: dry_bulb_c and one of dew_point_c, wet_bulb_c, relative_humidity (0 to 1); optional: pressure_pa"
        )
        raise refused(sheet.file, found, needed, line=sheet.head[-1][0] if sheet.head else 1)
    return values, units, remarks


def _powered(
    sheet: Sheet, values: dict[str, FloatArray], clock: Clock | None, remarks: list[str]
) -> dict[str, FloatArray]:
    """Values with the mean power of each step in place of its energy, unless power is there too."""
    rest = {name: value for name, value in values.items() if name != "energy"}
    if "power" in rest:
        return rest
    energy = values["energy"]
    if energy.size > 1 and np.all(np.diff(energy) >= 0.0) and energy[-1] > energy[0]:
        found = "energy that only grows: readings of a register"
        raise refused(sheet.file, found, "the energy of each step", line=sheet.rows[0][0])
    step = 60 if clock is None else step_min(clock.minute)
    remarks.append(f"energy of steps of {step} min read as power")
    return {"power": energy * (60.0 / step), **rest}


def _unit(sheet: Sheet, name: str, at: int, part: FilePart, remarks: list[str]) -> Unit:
    header, layout = sheet.header, sheet.layout
    if name == "price" and part.unit:
        unit = price_unit(part.unit)
        if unit is None:
            raise refused(
                sheet.file, f"unit {part.unit!r}", "a unit of price: EUR/MWh, USD/kWh, ct/kWh", where=header.titles[at]
            )
        return unit
    usual = layout.unit if name == "price" else layout.units.get(name, QUANTITIES[name].unit)
    unit = unit_of(name, header.bracket(at), header.titles[at], usual)
    if unit is None:
        raise refused(
            sheet.file,
            "no unit in the title",
            "a unit such as (EUR/MWh)",
            where=header.titles[at],
            hint="power.price_unit",
        )
    if name == "price" and not layout.unit_said:
        remarks.append(f"the file says no unit: {unit.name}")
    elif unit.factor != 1.0:
        to = f"{unit.currency}/MWh" if name == "price" else QUANTITIES[name].unit
        remarks.append(f"{header.titles[at]}: {unit.name} read as {to}")
    return unit


@dataclass(frozen=True, slots=True)
class _Said:
    offset_h: float | None
    remarks: tuple[str, ...] = ()


def _years(sheet: Sheet, part: FilePart, clock: Clock | None, table: FloatArray) -> tuple[Years, _Said]:
    lines = np.array([line for line, _ in sheet.rows], dtype=np.int64)
    if clock is None:
        return site_years(Rows(sheet.file, _in_order(sheet), table, lines)), _Said(None, ("no stamps: hours in order",))
    if clock.bare is not None:
        return _bare_years(sheet, part, clock.bare, Rows(sheet.file, clock.minute, table, lines))
    own = clock.offset_min or 0
    site = None if part.utc_offset_hours is None else round(part.utc_offset_hours * 60)
    remarks = (clock.remark,) if clock.remark else ()
    if not clock.labelled:
        _refuse_endings(sheet, clock.minute + own, lines)
    if sheet.layout.kind == "weather":
        return _weather_years(sheet, part, clock, Rows(sheet.file, clock.minute + own, table, lines), site)
    target = own if site is None else site
    if site is None and not sheet.layout.zone:
        target = _whole_offset(clock.minute, own)
    rows = Rows(sheet.file, clock.minute + target, table, lines)
    hint = "" if target == own else (
        f"the file's own clock is {_utc(own)} and the site's {_utc(target)}: power.utc_offset_hours says another; "
        "or its stamps are ends of hours: power.price_hour_ending = true"
    )  # fmt: skip
    folds = _folds(rows.minute) or _begins_in_summer_time(clock.first_wall, rows.minute)
    return site_years(rows, year=part.year, folds=folds, hint=hint, gaps=part.gaps), _Said(
        target / 60, (*remarks, f"hours in {_utc(target)}")
    )


def _utc(offset_min: int) -> str:
    return f"UTC{offset_min / 60:+g}"


def _begins_a_month(minute: IntArray) -> bool:
    first = np.int64(minute.min() // 60 * 60).astype("datetime64[m]")
    return bool(first == first.astype("datetime64[M]").astype("datetime64[m]"))


def _folds(minute: IntArray) -> bool:
    """Whether twelve months may begin here: with a month, or a week and more away from a new year."""
    first = np.int64(minute.min())
    year = (first + _WEEK_MIN).astype("datetime64[m]").astype("datetime64[Y]").astype("datetime64[m]").astype(np.int64)
    return _begins_a_month(minute) or abs(int(first) - int(year)) > _WEEK_MIN


def _begins_in_summer_time(wall: int, minute: IntArray) -> bool:
    """Whether a file begins with a month of wall time an hour before that of standard time: July, or in the south."""
    return _begins_a_month(np.array([wall])) and 0 < wall - int(minute.min()) <= _SUMMER_MIN


def _whole_offset(minute: IntArray, own: int) -> int:
    """The clock on which a file begins with a year, if it begins within a day of one; else its own. [min]"""
    first = int(minute.min())
    nearest = np.datetime64(first + 1440, "m").astype("datetime64[Y]").astype("datetime64[m]").astype(np.int64)
    shift = int(nearest) - first
    return shift if -12 * 60 <= shift <= 14 * 60 and not _begins_a_month(minute + own) else own


def _refuse_endings(sheet: Sheet, minute: IntArray, lines: IntArray) -> None:
    """Stamps from 01:00 on 1 January to 00:00 of the next: ends of hours that are taken for beginnings."""
    step = step_min(minute)
    first, last = int(minute.min()), int(minute.max())
    shifted = np.array([first - step, last]).astype("datetime64[m]")
    if np.all(shifted == shifted.astype("datetime64[Y]").astype("datetime64[m]")):
        line = int(lines[np.argmin(minute)])
        found = "00:00 of 1 January is missing and that of the year after is there: the stamps look hour-ending"
        hint = "power.price_hour_ending = true shifts them by a step; or stamp the beginning of each hour"
        raise refused(sheet.file, found, "stamps of the beginning of each hour", line=line, hint=hint)


def _weather_years(sheet: Sheet, part: FilePart, clock: Clock, rows: Rows, site: int | None) -> tuple[Years, _Said]:
    """Years on the file's own clock, turned to the site's."""
    own = clock.offset_min or 0
    years = site_years(rows, year=part.year, folds=True)
    local = sheet.number("local_h")
    target = site if site is not None else own if local is None else round(local * 60)
    turn = round((target - own) / 60)
    if not turn:
        return years, _Said(own / 60, (f"hours in {_utc(own)}",))
    remark = f"{_utc(own)} turned to the site's {_utc(target)} ({abs(turn)} h wrapped around the year)"
    return replace(years, values=np.roll(years.values, turn, axis=1)), _Said(target / 60, (remark,))


def _bare_years(sheet: Sheet, part: FilePart, stamps: Stamps, rows: Rows) -> tuple[Years, _Said]:
    """Years of stamps without any offset: standard time, or wall time if the only gap and double are clock changes."""
    single = np.unique(rows.minute).size == rows.minute.size
    if single and sheet.layout.key.startswith("own") and not part.hour_ending:
        _refuse_endings(sheet, rows.minute, rows.line)
    if part.hour_ending:
        rows = replace(rows, minute=rows.minute - step_min(rows.minute))
    folds = sheet.layout.kind == "weather" or _folds(rows.minute)
    try:
        years = site_years(rows, year=part.year, folds=folds, gaps=part.gaps)
    except ScenarioError as error:
        return _wall_years(sheet, part, stamps, rows, error)
    return years, _Said(part.utc_offset_hours, ("no offsets in the stamps: standard time of the site",))


def _wall_years(sheet: Sheet, part: FilePart, stamps: Stamps, rows: Rows, wrong: ScenarioError) -> tuple[Years, _Said]:
    """Years of wall time in the first zone whose changes of clocks explain what is wrong; else the error is raised."""
    for zone in filter(None, (part.zone, *RULES)):
        try:
            minute, standard = from_wall(replace(stamps, minute=rows.minute), zone, wrong_row(sheet))
        except ScenarioError:
            continue
        try:
            timed = replace(rows, minute=minute + standard)
            first = int(rows.minute.min())
            folds = _folds(rows.minute) and first - int(timed.minute.min()) <= _SUMMER_MIN
            years = site_years(timed, year=part.year, folds=folds, gaps=part.gaps)
        except ScenarioError as error:
            wrong = error if zone == part.zone else wrong
            continue
        like = f"wall time of {zone}" if zone == part.zone else f"wall time with the clock changes of {zone}"
        return years, _Said(part.utc_offset_hours, (f"{like} put to standard time",))
    raise wrong


def _in_order(sheet: Sheet) -> IntArray:
    count = len(sheet.rows)
    if count not in (HOURS_IN_YEAR, HOURS_IN_YEAR + 24):
        found = f"{count} hours without stamps"
        raise refused(sheet.file, found, "must be 8760, or 8784 of a leap year (one whole year, no gaps)")
    year = LEAP_YEAR if count > HOURS_IN_YEAR else _YEAR
    start = int(np.datetime64(f"{year}-01-01", "m").astype(np.int64))
    return start + 60 * np.arange(count)


def price_doubts(price: FloatArray, currency: str) -> tuple[str, ...]:
    """What is not plausible in prices of a MWh, in sentences: a mean below 1 or above 1000, hours above every cap."""
    size = currency_size(currency)
    mean, highest = float(price.mean()), float(price.max())
    doubts = []
    if abs(mean) < _LOWEST_MEAN * size:
        doubts.append(f"A mean of {mean:.3g} {currency}/MWh is not plausible: is it {currency}/kWh?")
    elif mean > _HIGHEST_MEAN * size:
        doubts.append(f"A mean of {mean:,.0f} {currency}/MWh is not plausible: is the unit or currency another?")
    if highest > _SPIKE * size:
        count = int((price > _SPIKE * size).sum())
        what = f"above every market's cap ({count} hours above {_SPIKE * size:,.0f})"
        doubts.append(f"The highest price, {highest:,.0f} {currency}/MWh, is {what}.")
    return tuple(doubts)
