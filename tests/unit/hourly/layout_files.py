"""Files of one made-up year in the layouts of publishers, written from scratch."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

HOUR = timedelta(hours=1)


def instants(zone: str, year: int = 2023) -> list[datetime]:
    """Every hour of a year of a zone, in UTC."""
    place = ZoneInfo(zone)
    at, end = (datetime(y, 1, 1, tzinfo=place).astimezone(UTC) for y in (year, year + 1))
    return [at + i * HOUR for i in range(int((end - at) / HOUR))]


def prices(count: int) -> list[float]:
    """Prices with a daily shape, by hour."""
    return [round(float(p), 2) for p in 40 + 20 * np.sin(np.arange(count) * np.pi / 12) + np.arange(count) % 97 / 10]


def write(path: Path, head: list[str], rows: Iterable[list[object]], separator: str = ",") -> Path:
    """A text of cells."""
    with path.open("w", newline="", encoding="utf-8") as file:
        made = csv.writer(file, delimiter=separator)
        made.writerow(head)
        made.writerows(rows)
    return path


def _ercot(path: Path) -> Path:
    rows, seen = [], set()
    zone = ZoneInfo("America/Chicago")
    for at, price in _hours("America/Chicago"):
        wall = at.astimezone(zone)
        twice = wall.replace(tzinfo=None) in seen
        seen.add(wall.replace(tzinfo=None))
        for quarter in range(1, 5):
            rows.append(
                [wall.strftime("%m/%d/%Y"), wall.hour + 1, quarter, "Y" if twice else "N", "HB_WEST", "HU", price]
            )
    head = ["Delivery Date", "Delivery Hour", "Delivery Interval", "Repeated Hour Flag", "Settlement Point Name"]
    return write(path, [*head, "Settlement Point Type", "Settlement Point Price"], rows)


def _hours(zone: str) -> list[tuple[datetime, float]]:
    at = instants(zone)
    return list(zip(at, prices(len(at)), strict=True))


def _spp(path: Path) -> Path:
    rows = [
        [
            (at + HOUR).astimezone(ZoneInfo("America/Chicago")).strftime("%m/%d/%Y %H:%M:%S"),
            (at + HOUR).strftime("%m/%d/%Y %H:%M:%S"), "SPPNORTH_HUB", "SPPNORTH_HUB", price, 0, 0, price,
        ]
        for at, price in _hours("America/Chicago")
    ]  # fmt: skip
    return write(path, ["Interval", "GMTIntervalEnd", "Settlement Location", "Pnode", "LMP", "MLC", "MCC", "MEC"], rows)


def _iso_ne(path: Path) -> Path:
    zone = ZoneInfo("America/New_York")
    rows: list[list[object]] = [["C", "Day-Ahead Energy Market Hourly LMP Report"]]
    rows.append(
        ["H", "Date", "Hour Ending", "Location ID", "Location Name", "Location Type", "Locational Marginal Price"]
    )
    rows.append(["H", "Date", "String", "Number", "String", "String", "$/MWh"])
    seen = set()
    for at, price in _hours("America/New_York"):
        wall = at.astimezone(zone).replace(tzinfo=None)
        label = f"{wall.hour + 1:02d}{'X' if wall in seen else ''}"
        seen.add(wall)
        rows.append(["D", wall.strftime("%m/%d/%Y"), label, 4000, ".H.INTERNAL_HUB", "HUB", price])
    rows.append(["T", len(rows) - 3])
    return write(path, ["C", "ISO New England"], rows)


def _miso(path: Path) -> Path:
    hours = _hours("Etc/GMT+5")
    days = [hours[i : i + 24] for i in range(0, len(hours), 24)]
    zone = ZoneInfo("Etc/GMT+5")
    rows = [
        [
            day[0][0].astimezone(zone).strftime("%m/%d/%Y"),
            "INDIANA.HUB",
            "Hub",
            value,
            *(p if value == "LMP" else 0 for _, p in day),
        ]
        for day in days
        for value in ("LMP", "MCC", "MLC")
    ]
    return write(path, ["MARKET_DAY", "NODE", "TYPE", "VALUE", *(f"HE{h}" for h in range(1, 25))], rows)


def _aemo(path: Path) -> Path:
    zone = ZoneInfo("Etc/GMT-10")
    rows = [
        [
            "NSW1",
            (at + timedelta(minutes=5 * part + 5)).astimezone(zone).strftime("%Y/%m/%d %H:%M:%S"),
            7000,
            price,
            "TRADE",
        ]
        for at, price in _hours("Etc/GMT-10")
        for part in range(12)
    ]
    return write(path, ["REGION", "SETTLEMENTDATE", "TOTALDEMAND", "RRP", "PERIODTYPE"], rows)


def _pjm(path: Path) -> Path:
    rows = [
        [at.strftime("%m/%d/%Y %I:%M:%S %p"), "", 51291, "AEP", price, 0] for at, price in _hours("America/New_York")
    ]
    head = ["datetime_beginning_utc", "datetime_beginning_ept", "pnode_id", "pnode_name", "total_lmp_rt", "x"]
    return write(path, head, rows)


def _caiso(path: Path) -> Path:
    rows = [
        [at.strftime("%Y-%m-%dT%H:%M:%S-00:00"), "TH_NP15", kind, price if kind == "LMP" else 1]
        for at, price in _hours("America/Los_Angeles")
        for kind in ("LMP", "MCC")
    ]
    return write(path, ["INTERVALSTARTTIME_GMT", "NODE_ID", "LMP_TYPE", "MW"], rows)


def _nyiso(path: Path) -> Path:
    zone = ZoneInfo("America/New_York")
    rows = [[at.astimezone(zone).strftime("%m/%d/%Y %H:%M"), "NORTH", 61755, p] for at, p in _hours("America/New_York")]
    return write(path, ["Time Stamp", "Name", "PTID", "LBMP ($/MWHr)"], rows)


def _pjm_ept(path: Path) -> Path:
    zone = ZoneInfo("America/New_York")
    rows = [[at.astimezone(zone).strftime("%m/%d/%Y %I:%M:%S %p"), "AEP", p] for at, p in _hours("America/New_York")]
    return write(path, ["datetime_beginning_ept", "pnode_name", "total_lmp_da"], rows)


def _nyiso_report(path: Path, step: timedelta = 0 * HOUR) -> Path:
    zone = ZoneInfo("America/New_York")
    hours = [((at + step).astimezone(zone), p) for at, p in _hours("America/New_York")]
    rows = [[at.strftime("%m/%d/%Y %H:%M"), at.tzname(), "NORTH", 61755, p] for at, p in hours]
    kind = ("RTD End Time Stamp", "RTD Zonal LBMP") if step else ("Eastern Date Hour", "DAM Zonal LBMP")
    return write(path, [kind[0], "Eastern Date Hour Time Zone", "Zone Name", "Zone PTID", kind[1]], rows)


def _entsoe(path: Path) -> Path:
    zone = ZoneInfo("Europe/Brussels")
    form = "%d/%m/%Y %H:%M:%S"
    rows = [
        [f"{at.astimezone(zone):{form}} - {(at + HOUR).astimezone(zone):{form}}", "BZN|SE1", price]
        for at, price in _hours("Europe/Brussels")
    ]
    return write(path, ["MTU (CET/CEST)", "Area", "Day-ahead Price (EUR/MWh)"], rows)


def _entsoe_py(path: Path) -> Path:
    zone = ZoneInfo("Europe/Stockholm")
    return write(path, ["", "0"], [[at.astimezone(zone).isoformat(sep=" "), p] for at, p in _hours("Europe/Stockholm")])


def _nord_pool(path: Path) -> Path:
    zone = ZoneInfo("Europe/Oslo")
    form = "%d.%m.%Y %H:%M:%S"
    rows = [
        [f"{at.astimezone(zone):{form}}", f"{(at + HOUR).astimezone(zone):{form}}", str(price).replace(".", ",")]
        for at, price in _hours("Europe/Oslo")
    ]
    return write(path, ["Delivery Start (CET)", "Delivery End (CET)", "SE1 (EUR)"], rows, ";")


def _gridstatus(path: Path) -> Path:
    zone = ZoneInfo("America/Chicago")
    rows = [[at.astimezone(zone).isoformat(sep=" "), "HB_WEST", "DAM", p] for at, p in _hours("America/Chicago")]
    return write(path, ["Interval Start", "Location", "Market", "SPP"], rows)


def _own(path: Path) -> Path:
    zone = ZoneInfo("America/Chicago")
    rows = [[at.astimezone(zone).isoformat(sep=" "), p] for at, p in _hours("America/Chicago")]
    return write(path, ["Datetime", "Price (USD/MWh)"], rows)


def _nems(path: Path) -> Path:
    zone = ZoneInfo("Asia/Singapore")
    rows = [
        ["USEP", f"{at.astimezone(zone):%d %b %Y}", 2 * at.astimezone(zone).hour + half, price, 5800]
        for at, price in _hours("Asia/Singapore")
        for half in (1, 2)
    ]
    return write(path, ["INFORMATION TYPE", "DATE", "PERIOD", "USEP ($/MWh)", "DEMAND (MW)"], rows)


def _energinet(path: Path) -> Path:
    rows = [
        [f"{at:%Y-%m-%d %H:%M:%S}", "", "DK1", "", str(price).replace(".", ",")]
        for at, price in _hours("Europe/Copenhagen")
    ]
    return write(path, ["HourUTC", "HourDK", "PriceArea", "SpotPriceDKK", "SpotPriceEUR"], rows, ";")


def _wide(path: Path) -> Path:
    hours = _hours("America/Chicago")
    days = [hours[i : i + 24] for i in range(0, 8760, 24)]
    head = ["Date", *(f"H{hour:02d} (USD/MWh)" for hour in range(1, 25))]
    start = datetime(2023, 1, 1)
    rows = [[f"{start + i * 24 * HOUR:%m/%d/%Y}", *(price for _, price in day)] for i, day in enumerate(days)]
    return write(path, head, rows)


def _aeso(path: Path) -> Path:
    zone, seen, rows = ZoneInfo("America/Edmonton"), set(), []
    for at, price in _hours("America/Edmonton"):
        wall = at.astimezone(zone).replace(tzinfo=None)
        rows.append([f"{wall:%m/%d/%Y} {wall.hour + 1:02d}{'*' if wall in seen else ''}", price, 50, 9000])
        seen.add(wall)
    body: list[list[object]] = [
        ["January 1, 2023 to December 31, 2023"],
        ["Date (HE)", "Price ($)", "30Ravg ($)", "AIL"],
    ]
    return write(path, ["Pool Price"], [*body, *rows])


def _aeso_api(path: Path) -> Path:
    rows = [[f"{at:%Y-%m-%d %H:%M}", "", price, 1] for at, price in _hours("America/Edmonton")]
    return write(path, ["begin_datetime_utc", "begin_datetime_mpt", "pool_price", "rolling_30day_avg"], rows)


def _esios(path: Path) -> Path:
    zone = ZoneInfo("Europe/Madrid")
    rows = [[600, "Spot", 3, "España", p, at.astimezone(zone).isoformat()] for at, p in _hours("Europe/Madrid")]
    return write(path, ["id", "name", "geoid", "geoname", "value", "datetime"], rows, ";")


def counted_days(zone: str, per_hour: int = 1) -> list[tuple[datetime, int, float]]:
    """Day, step of the day counted on from its beginning, and price, in a zone that changes its clocks."""
    made, day, count = [], None, 0
    for at, price in _hours(zone):
        for _ in range(per_hour):
            wall = at.astimezone(ZoneInfo(zone))
            count = 1 if wall.date() != day else count + 1
            day = wall.date()
            made.append((wall, count, price))
    return made


def omie(path: Path, quarters_from: int = 13) -> Path:
    """Daily files one below the other, with quarter hours from a month on."""
    lines, hours, quarters = [], counted_days("Europe/Madrid"), counted_days("Europe/Madrid", 4)
    steps = [s for s in hours if s[0].month < quarters_from] + [s for s in quarters if s[0].month >= quarters_from]
    for wall, count, price in steps:
        lines += ["*", "MARGINALPDBC;"] if count == 1 and lines else ["MARGINALPDBC;"] if count == 1 else []
        lines.append(f"{wall:%Y;%m;%d};{count};{price + 1:.2f};{price:.2f};")
    path.write_text("\n".join([*lines, "*"]), encoding="latin-1")
    return path


def _elexon(path: Path) -> Path:
    rows: list[list[object]] = [[f"{d:%Y-%m-%d}", n, p, p] for d, n, p in counted_days("Europe/London", 2)]
    return write(path, ["SettlementDate", "SettlementPeriod", "SystemSellPrice", "SystemBuyPrice"], rows)


def _ieso(path: Path) -> Path:
    zone = ZoneInfo("Etc/GMT+5")
    rows = [[f"{(wall := at.astimezone(zone)):%Y-%m-%d}", wall.hour + 1, p, p] for at, p in _hours("Etc/GMT+5")]
    body: list[list[object]] = [["\\\\For 2023"], ["Date", "Hour", "HOEP", "Hour 1 Predispatch"]]
    return write(path, ["\\\\Yearly HOEP Report", "", ""], [*body, *rows])


def _hvakoster(path: Path) -> Path:
    zone = ZoneInfo("Europe/Oslo")
    rows = [
        [round(p / 100, 6), round(p / 1000, 6), 11.4, *(t.astimezone(zone).isoformat() for t in (at, at + HOUR))]
        for at, p in _hours("Europe/Oslo")
    ]
    return write(path, ["NOK_per_kWh", "EUR_per_kWh", "EXR", "time_start", "time_end"], rows)


PRICES: dict[str, tuple[Callable[[Path], Path], str, float | None]] = {
    "ercot": (_ercot, "USD", -6.0),
    "pjm": (_pjm, "USD", -5.0),
    "pjm-ept": (_pjm_ept, "USD", -5.0),
    "nyiso-report": (_nyiso_report, "USD", -5.0),
    "nyiso-rtd": (lambda path: _nyiso_report(path, HOUR), "USD", -5.0),
    "caiso": (_caiso, "USD", -8.0),
    "nyiso": (_nyiso, "USD", -5.0),
    "miso": (_miso, "USD", -5.0),
    "spp": (_spp, "USD", -6.0),
    "iso-ne": (_iso_ne, "USD", -5.0),
    "entsoe": (_entsoe, "EUR", 1.0),
    "entsoe-py": (_entsoe_py, "EUR", 1.0),
    "nord-pool": (_nord_pool, "EUR", 1.0),
    "gridstatus": (_gridstatus, "USD", -6.0),
    "aemo": (_aemo, "AUD", 10.0),
    "nems": (_nems, "SGD", 8.0),
    "energinet": (_energinet, "EUR", 1.0),
    "aeso": (_aeso, "CAD", -7.0),
    "aeso-api": (_aeso_api, "CAD", -7.0),
    "esios": (_esios, "EUR", 1.0),
    "omie": (omie, "EUR", 1.0),
    "elexon": (_elexon, "GBP", 0.0),
    "ieso": (_ieso, "CAD", -5.0),
    "hvakosterstrommen": (_hvakoster, "EUR", 1.0),
    "own-prices": (_own, "USD", -6.0),
    "own-wide": (_wide, "USD", None),
    "own-count": (lambda p: write(p, ["Hour", "Price (USD/MWh)"], _numbered(1)), "USD", None),
    "own-list": (lambda p: write(p, ["Price (USD/MWh)"], [row[1:] for row in _numbered(1)]), "USD", None),
}
"""Writer, currency and standard time of each layout of prices."""


def _numbered(first: int) -> list[list[object]]:
    return [[first + hour, price] for hour, price in enumerate(prices(8760))]


def dry_bulb() -> list[float]:
    """A year of temperatures, coldest in January. [degC]"""
    hours = np.arange(8760)
    return [
        round(float(t), 1)
        for t in 12 - 14 * np.cos(2 * np.pi * hours / 8760) + 5 * np.sin((hours % 24 - 9) / 12 * np.pi)
    ]


def _each(form: str) -> list[tuple[datetime, str, float]]:
    at = datetime(2023, 1, 1)
    return [(at + i * HOUR, f"{at + i * HOUR:{form}}", t) for i, t in enumerate(dry_bulb())]


def _epw(path: Path) -> Path:
    head = ["LOCATION,Town,XX,USA,x,1,40,-100,-6.0,300.0", *["x"] * 7]
    body = [f"2001,{w.month},{w.day},{w.hour + 1},60,?,{t},{t - 5:.1f},50,97000" for w, _, t in _each("%H")]
    path.write_text("\n".join(head + body), encoding="utf-8")
    return path


def _tmy3(path: Path) -> Path:
    head = ['1,"TOWN AP",XX,-6.0,40,-100,300']
    head.append("Date (MM/DD/YYYY),Time (HH:MM),Dry-bulb (C),Dew-point (C),Pressure (mbar)")
    body = [f"{day},{w.hour + 1:02d}:00,{t},{t - 5:.1f},970" for w, day, t in _each("%m/%d/1999")]
    path.write_text("\n".join(head + body), encoding="utf-8")
    return path


def _nsrdb(path: Path) -> Path:
    head = ["Source,City,State,Time Zone,Elevation,Local Time Zone", "NSRDB,-,-,-6,300,-6"]
    head.append("Year,Month,Day,Hour,Minute,Temperature,Dew Point,Pressure")
    body = [f"2021,{w.month},{w.day},{w.hour},30,{t},{t - 5:.1f},970" for w, _, t in _each("%H")]
    path.write_text("\n".join(head + body), encoding="utf-8")
    return path


def _open_meteo(path: Path) -> Path:
    head = ["latitude,longitude,elevation,utc_offset_seconds,timezone", "1,2,300.0,-21600,CST", ""]
    head.append("time,temperature_2m (°C),relative_humidity_2m (%),surface_pressure (hPa)")
    body = [f"{when},{t},50,970" for _, when, t in _each("%Y-%m-%dT%H:%M")]
    path.write_text("\n".join(head + body), encoding="utf-8")
    return path


def _meteostat(path: Path) -> Path:
    rows: list[list[object]] = [[day, w.hour, t, round(t - 5, 1), 50, 1013] for w, day, t in _each("%Y-%m-%d")]
    return write(path, ["date", "hour", "temp", "dwpt", "rhum", "pres"], rows)


def _era5(path: Path) -> Path:
    rows: list[list[object]] = [
        [s, round(t + 273.15, 2), round(t + 268.15, 2), 97000] for _, s, t in _each("%Y-%m-%d %H:%M:%S")
    ]
    return write(path, ["valid_time", "t2m", "d2m", "sp"], rows)


def _seklima(path: Path) -> Path:
    head = "Navn;Stasjon;Tid(norsk normaltid);Lufttemperatur;Relativ luftfuktighet"
    body = [f"Town;SN1;{when};{t};50".replace(".", ",").replace("_", ".") for _, when, t in _each("%d_%m_%Y %H:%M")]
    path.write_text("\n".join([head, *body, "Data er gyldig per 01.02.2024"]), encoding="utf-8")
    return path


def _own_weather(path: Path) -> Path:
    return write(path, ["dry_bulb_c", "relative_humidity"], [[t, 0.5] for t in dry_bulb()])


def _pvgis(path: Path) -> Path:
    head = ["Latitude (decimal degrees): 45.000", "Elevation (m): 300", "", "time(UTC),T2m,RH,SP"]
    body = [f"{2005 + w.month % 9}{w:%m%d:%H%M},{t},50.0,97000.0" for w, _, t in _each("%H")]
    path.write_text("\n".join([*head, *body, "", "T2m: 2-m air temperature (degree Celsius)"]), encoding="utf-8")
    return path


def _nasa_power(path: Path) -> Path:
    head = ["-BEGIN HEADER-", "NASA/POWER Hourly Data", "-END HEADER-", "YEAR,MO,DY,HR,T2M,RH2M,PS"]
    body = [f"{w.year},{w.month},{w.day},{w.hour},{t},50,97.0" for w, _, t in _each("%H")]
    path.write_text("\n".join(head + body), encoding="utf-8")
    return path


def _names(path: Path) -> Path:
    rows: list[list[object]] = [[day, f"{w:%H:%M}", round(t * 1.8 + 32, 6), 50] for w, day, t in _each("%d.%m.%Y")]
    return write(path, ["Dato", "Tid", "Temperatur (°F)", "Luftfuktighet (%)"], rows)


WEATHER: dict[str, Callable[[Path], Path]] = {
    "epw": _epw,
    "tmy3": _tmy3,
    "nsrdb": _nsrdb,
    "open-meteo": _open_meteo,
    "meteostat": _meteostat,
    "pvgis": _pvgis,
    "nasa-power": _nasa_power,
    "era5": _era5,
    "seklima": _seklima,
    "weather-names": _names,
    "own-weather": _own_weather,
}
"""Writer of each layout of weather."""


def _output(path: Path, titles: list[str]) -> Path:
    at = datetime(2023, 1, 1)
    rows: list[list[object]] = [[f"{at + i * HOUR:%Y-%m-%d %H:%M}", i % 24 / 24.0] for i in range(8760)]
    return write(path, titles, rows)


OUTPUT: dict[str, Callable[[Path], Path]] = {
    "ninja": lambda path: _output(path, ["time", "electricity"]),
    "own-output": lambda path: _output(path, ["Datetime", "Capacity factor"]),
}
"""Writer of each layout of a plant's output."""
