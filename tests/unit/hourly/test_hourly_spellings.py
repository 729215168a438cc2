"""One year of prices as operators of many countries write it: each spelling gives the same hours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from megawatt.catalogue import load_catalogue
from megawatt.errors import ScenarioError
from megawatt.hourly import FilePart, read_hourly
from megawatt.inspection import describe
from tests.unit.hourly.layout_files import instants, prices

HOUR = dt.timedelta(hours=1)
START = dt.datetime(2023, 1, 1)
PRICE = prices(8760)
WANTED = np.array(PRICE)


def comma(price: float) -> str:
    return str(price).replace(".", ",")


SPELLINGS: dict[str, tuple[str, Callable[[int, dt.datetime, float], str], str]] = {
    "German, day and clock apart, cents": ("Datum;Uhrzeit;Preis (ct/kWh)",
        lambda i, t, p: f"{t:%d.%m.%Y};{t:%H:%M};{comma(round(p / 10, 6))}", "EUR"),
    "German, from and to": ("Datum von;Datum bis;Deutschland [€/MWh] Auflösung",
        lambda i, t, p: f"{t:%d.%m.%Y %H:%M};{t + HOUR:%d.%m.%Y %H:%M};{comma(p)}", "EUR"),
    "Spanish, hours from 0": ("Fecha;Hora;Precio (USD/MWh)",
        lambda i, t, p: f"{t:%d/%m/%Y};{t.hour};{comma(p)}", "USD"),
    "Spanish, hours to 24": ("Fecha;Hora;Precio (USD/MWh)",
        lambda i, t, p: f"{t:%d/%m/%Y};{t.hour + 1};{comma(p)}", "USD"),
    "Norwegian, hundredths": ("Dato,Tid,Pris (øre/kWh)",
        lambda i, t, p: f"{t:%Y-%m-%d},{t:%H:%M},{round(p / 10, 6)}", "NOK"),
    "British, pence": ("Time,Price (p/kWh)", lambda i, t, p: f"{t:%d/%m/%Y %H:%M},{round(p / 10, 6)}", "GBP"),
    "months in letters": ("Datetime,Price (USD/MWh)", lambda i, t, p: f"{t:%d-%b-%Y %H:%M},{p}", "USD"),
    "months first, in letters": ("Datetime,Price (USD/MWh)", lambda i, t, p: f'"{t:%B %d, %Y %I:%M %p}",{p}', "USD"),
    "compact": ("Datetime,Price (USD/MWh)", lambda i, t, p: f"{t:%Y%m%dT%H%M},{p}", "USD"),
    "spreadsheet days": ("Date,Price (USD/MWh)", lambda i, t, p: f"{44927 + i / 24:.8f},{p}", "USD"),
    "signs of money, thousands": ("Datetime,Price (USD/MWh)", lambda i, t, p: f'{t},"$ {p + 1000:,.2f}"', "USD"),
    "blanks between thousands": ("Datetime;Price (EUR/MWh)",
        lambda i, t, p: f"{t};{f'{p + 1000:,.2f}'.replace(',', ' ').replace('.', ',')}", "EUR"),
    "the zone's letters": ("Datetime,Price (R$/MWh)", lambda i, t, p: f"{t:%Y-%m-%d %H:%M} MST,{p}", "BRL"),
    "the zone's letters in brackets": ("Time,price_eur_kwh",
        lambda i, t, p: f"{t:%d/%m/%Y %H:%M:%S} (CET) - {t + HOUR:%d/%m/%Y %H:%M} (CET),{round(p / 1000, 8)}", "EUR"),
    "seconds of a logger": ("Timestamp,MCP (Rs/MWh)", lambda i, t, p: f"{t:%Y-%m-%d %H:%M}:{i % 6:02d},{p}", "INR"),
    "lines about the file, empty columns": ("# exported, by X\n\n#zone NO1\nDatetime , Price (EUR/MWh) ,,",
        lambda i, t, p: f"{t},{p},,", "EUR"),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_one_year(spelling: str, tmp_path: Path) -> None:
    head, row, currency = SPELLINGS[spelling]
    lines = [head, *(row(i, START + i * HOUR, price) for i, price in enumerate(PRICE))]
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    file = read_hourly(tmp_path / "p.csv", "prices")
    assert file.currency == currency
    more = 1000.0 if "thousands" in spelling else 0.0
    assert file.values["price"][0] == pytest.approx(WANTED + more, abs=1e-6)


def test_what_is_negative_in_brackets(tmp_path: Path) -> None:
    lines = [f"{START + i * HOUR},{'($12.50)' if i == 5 else '$30.25'}" for i in range(8760)]
    (tmp_path / "p.csv").write_text("Datetime,Price (USD/MWh)\n" + "\n".join(lines), encoding="utf-8")
    assert read_hourly(tmp_path / "p.csv", "prices").values["price"][0, 4:7].tolist() == [30.25, -12.5, 30.25]


@pytest.mark.parametrize("per", [1, 1000])
def test_seconds_since_1970(per: int, tmp_path: Path) -> None:
    first = int(START.replace(tzinfo=dt.UTC).timestamp()) + 6 * 3600
    lines = [f"{(first + 3600 * i) * per},{price}" for i, price in enumerate(PRICE)]
    (tmp_path / "p.csv").write_text("timestamp,price\n" + "\n".join(lines), encoding="utf-8")
    part = FilePart(utc_offset_hours=-6.0, unit="USD/MWh")
    assert read_hourly(tmp_path / "p.csv", "prices", part).values["price"][0] == pytest.approx(WANTED)


@pytest.mark.parametrize("offsets", [True, False])
@pytest.mark.parametrize(
    ("zone", "first", "standard"),
    [("Australia/Sydney", 1, 10.0), ("America/Asuncion", 1, -4.0), ("America/New_York", 7, -5.0)],
)
def test_a_year_that_begins_in_summer_time(
    zone: str, first: int, standard: float, offsets: bool, tmp_path: Path
) -> None:
    place = ZoneInfo(zone)
    at = instants(zone) if first == 1 else [dt.datetime(2022, 7, 1, 4, tzinfo=dt.UTC) + i * HOUR for i in range(8760)]
    wall = [t.astimezone(place) for t in at]
    lines = [f"{t.isoformat() if offsets else t.replace(tzinfo=None)},{i}" for i, t in enumerate(wall)]
    (tmp_path / "p.csv").write_text("Datetime,Price (USD/MWh)\n" + "\n".join(lines), encoding="utf-8")
    file = read_hourly(tmp_path / "p.csv", "prices", FilePart(utc_offset_hours=standard, zone=zone, year=2023))
    shift = dt.timedelta(hours=standard)
    place_of = [((t + shift).replace(tzinfo=None).replace(year=2023) - START) // HOUR for t in at]
    assert file.values["price"][0][place_of].tolist() == list(range(8760))


def test_a_month_of_a_meter_is_shown(tmp_path: Path) -> None:
    lines = [f"{START + i * HOUR},{30_000 + i},20" for i in range(744)]
    (tmp_path / "m.csv").write_text("time,power_kw,temp_c\n" + "\n".join(lines), encoding="utf-8")
    found = describe(str(tmp_path / "m.csv"), load_catalogue())
    assert (found.kind, found.problems) == ("meter", ())
    assert any("8,016 hours of 2023 missing" in remark for remark in found.assumed)


def test_a_table_in_text_is_no_log(tmp_path: Path) -> None:
    lines = [f"{START + i * HOUR}\t{comma(price)}" for i, price in enumerate(PRICE)]
    (tmp_path / "p.txt").write_text("Datetime\tPrice (USD/MWh)\n" + "\n".join(lines), encoding="utf-16")
    assert describe(str(tmp_path / "p.txt"), load_catalogue()).kind == "prices"


def test_a_word_at_the_end_is_refused_with_its_line(tmp_path: Path) -> None:
    lines = [f"{START + i * HOUR},{price}" for i, price in enumerate(PRICE)]
    (tmp_path / "p.csv").write_text("Datetime,Price (USD/MWh)\n" + "\n".join([*lines, "Mean,46"]), encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"p.csv:8762: Datetime: 'Mean'"):
        read_hourly(tmp_path / "p.csv", "prices")
