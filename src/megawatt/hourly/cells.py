"""Columns of numbers: decimal commas, thousands, units, codes of missing values, and what can be measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError, shown
from megawatt.files import parse_number, refused

__all__ = ["QUANTITIES", "Quantity", "Unit", "currency_size", "price_unit", "read_column", "titled_unit", "unit_of"]

_COMMA: Final = re.compile(r"[+-]?\d*,\d+")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_EUROPEAN: Final = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d*")
_CODES: Final = (9900.0, 9999.0, 9999.9, 9999.99, 99999.0)
"""Numbers that files write where a value is missing."""
_FILL: Final = "fill gaps before reading, or use another year"


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a column may hold: its name in messages, its range in ``unit``, and codes of missing values."""

    name: str
    unit: str
    low: float
    high: float
    codes: tuple[float, ...] = ()


QUANTITIES: Final = {
    # Above every cap or floor of a power market (Australia's cap is near 20,000 AUD/MWh; 0.1 USD per yen or rupee).
    "price": Quantity("price", "USD/MWh", -100_000.0, 100_000.0, (-999.0, *_CODES, *(-code for code in _CODES))),
    # What an instrument can read on Earth; the formats' missing codes (99.9, 999, -9900, 999999) all lie outside.
    "dry_bulb": Quantity("dry bulb", "degC", -70.0, 60.0),
    "dew_point": Quantity("dew point", "degC", -80.0, 40.0),
    "wet_bulb": Quantity("wet bulb", "degC", -70.0, 45.0),
    "humidity": Quantity("relative humidity", "1", 0.0, 1.1),
    "pressure": Quantity("pressure", "Pa", 50e3, 110e3),
    "power": Quantity("power", "MW", -1e5, 1e5, (-999.0, *_CODES, *(-code for code in _CODES))),
    "energy": Quantity("energy of a step", "MWh", -1e5, 1e5, (-999.0, *_CODES, *(-code for code in _CODES))),
    "hash_rate": Quantity("hash rate", "PH/s", 0.0, 1e9),
    "share": Quantity("share of capacity", "1", 0.0, 1.5),
    "amount": Quantity("amount", "", 0.0, 1e9),
}
"""Quantities by the names that layouts use."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as a file says it: ``factor`` and ``offset`` give the quantity's own; ``currency`` of a price."""

    name: str
    factor: float = 1.0
    offset: float = 0.0
    currency: str = ""


_PLAIN: Final = {
    "c": Unit("degC"), "°c": Unit("degC"), "degc": Unit("degC"), "celsius": Unit("degC"),
    "f": Unit("degF", 5 / 9, -160 / 9), "°f": Unit("degF", 5 / 9, -160 / 9), "degf": Unit("degF", 5 / 9, -160 / 9),
    "k": Unit("K", 1.0, -273.15), "%": Unit("%", 0.01), "1": Unit("1"), "pa": Unit("Pa"), "hpa": Unit("hPa", 100.0),
    "mbar": Unit("mbar", 100.0), "kpa": Unit("kPa", 1000.0), "mw": Unit("MW"), "kw": Unit("kW", 1e-3),
    "mwh": Unit("MWh"), "kwh": Unit("kWh", 1e-3),
    "ph/s": Unit("PH/s"), "th/s": Unit("TH/s", 1e-3), "eh/s": Unit("EH/s", 1e3),
}  # fmt: skip
_SIGNS: Final = {
    "$": "USD", "us$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "¢": "USD", "a$": "AUD", "c$": "CAD", "s$": "SGD",
    "r$": "BRL", "nz$": "NZD", "hk$": "HKD", "mx$": "MXN", "₹": "INR", "rs": "INR", "rs.": "INR", "zł": "PLN",
    "kč": "CZK",
}  # fmt: skip
_HUNDREDTHS: Final = {
    "¢": "USD", "c": "USD", "cent": "USD", "cents": "USD", "ct": "EUR", "p": "GBP", "øre": "NOK", "ore": "NOK",
    "öre": "SEK",
}  # fmt: skip
"""Hundredths of a currency; a Dane's øre are named NOK, which changes nothing, as the rate is the user's."""
_CURRENCIES: Final = (
    "usd", "eur", "gbp", "aud", "cad", "nok", "sek", "dkk", "chf", "brl", "inr", "jpy", "pln", "czk", "huf", "ron",
    "bgn", "try", "zar", "mxn", "clp", "cop", "pen", "krw", "cny", "sgd", "nzd", "isk", "pyg", "uah", "ars", "uyu",
    "idr", "vnd", "php", "thb", "myr", "kzt", "uzs", "pkr", "bdt", "lkr", "ngn", "kes", "ghs", "egp", "mad",
    "aed", "sar", "omr", "kwd", "ils", "gel", "amd", "etb", "bob", "crc", "dop", "gtq", "lak", "mnt", "rsd", "all",
    "irr", "hkd", "twd",
)  # fmt: skip
_PER_USD: Final = {
    1e1: "nok sek dkk czk mxn try zar uah cny thb egp bob gtq mad ghs",
    1e2: "jpy inr huf isk php pkr bdt kes rsd uyu dop etb all lkr amd crc",
    1e3: "krw clp kzt ngn ars mnt",
    1e4: "pyg cop idr vnd uzs lak",
    1e5: "irr",
}
_SIZES: Final = {name.upper(): size for size, names in _PER_USD.items() for name in names.split()}


def currency_size(currency: str) -> float:
    """Units of a currency per USD by order of magnitude, for what is plausible in it alone."""
    return _SIZES.get(currency, 1.0)


_ENERGY: Final = {"": 1.0, "mwh": 1.0, "mwhr": 1.0, "mwhe": 1.0, "kwh": 1000.0, "gwh": 0.001}
_PRICE: Final = re.compile(
    r"((?:us|nz|hk|mx|a|c|s|r)?\$|[€£¥¢₹]|rs\.?|zł|kč|[øöo]re|[a-z]{3}|ct|cents?|p|c)"
    r"(?:[ _/]*(?:per)?[ _/]*(mwhr|mwhe|mwh|kwh|gwh))?"
)
_IN_NAME: Final = re.compile(rf"(?<![a-z])({'|'.join(_CURRENCIES)})[ _/]*(?:per)?[ _/]*(mwh|kwh|gwh)\b")


def titled_unit(title: str) -> Unit | None:
    """The unit of price that a name ends in, as ``price_usd_kwh`` or ``LMP EUR per MWh``; None where there is none."""
    named = _IN_NAME.search(title.lower())
    return price_unit(f"{named[1]}/{named[2]}") if named else None


def price_unit(text: str) -> Unit | None:
    """A unit of price such as ``EUR/MWh``, ``$/MWHr``, ``ct/kWh`` or ``EUR`` (a MWh is meant); None if it is none."""
    found = _PRICE.fullmatch(text.strip().lower())
    if found is None:
        return None
    sign, energy = found[1], found[2] or ""
    if sign in _HUNDREDTHS:
        return Unit(text.strip(), _ENERGY[energy] * 0.01, 0.0, _HUNDREDTHS[sign])
    if len(sign) == 3 and sign.isalpha() and sign not in _CURRENCIES:
        return None
    return Unit(text.strip(), _ENERGY[energy], 0.0, _SIGNS.get(sign) or sign.upper())


def unit_of(quantity: str, bracket: str, title: str, usual: str) -> Unit | None:
    """The unit of a column: in brackets in its title, at the end of its name, or the layout's usual one."""
    if quantity == "price":
        if "$" in bracket and usual:
            return price_unit(usual)  # of which dollars, the market says
        return price_unit(bracket) or titled_unit(title) or price_unit(usual)
    said = _PLAIN.get(bracket.lower().replace(" ", ""))
    tail = re.search(r"[ _](mwh?|kwh?)$", title.lower())
    return said or (_PLAIN[tail[1]] if tail and quantity in ("power", "energy") else None) or _PLAIN.get(usual.lower())


def _comma_means(file: str, column: str, cells: Sequence[tuple[int, str]], separated: bool) -> str:
    """What commas and dots of a column are: "" none, "decimal", "thousands", or "european" (1.234,5)."""
    commas = [(line, text) for line, text in cells if "," in text]
    if not commas:
        return ""
    if any(_EUROPEAN.fullmatch(text) for _, text in commas):
        return "european"
    if all(_GROUPED.fullmatch(text) for _, text in commas):
        if any("." in text for _, text in cells):
            return "thousands"
        if not separated:
            line, text = commas[0]
            found = f"{shown(text)}: a decimal comma or thousands"
            raise refused(file, found, "decimals in some cells, so that it can be told", where=column, line=line)
    return "decimal" if any(_COMMA.fullmatch(text) for _, text in commas) else ""


_MONEY: Final = re.compile(r"[$€£]|(?<=\d)[ \u00a0\u202f'’](?=\d)")


def _bare(text: str) -> str:
    """A number without signs of money and blanks between its thousands; in brackets it is negative."""
    bare = _MONEY.sub("", text).strip()
    return f"-{bare[1:-1].strip()}" if bare[:1] == "(" and bare[-1:] == ")" else bare


def _numbers(cells: Sequence[tuple[int, str]], commas: str) -> list[float | None]:
    if commas == "thousands":
        return [parse_number(text.replace(",", "")) for _, text in cells]
    if commas == "european":
        return [parse_number(text.replace(".", ""), decimal_comma=True) for _, text in cells]
    return [parse_number(text, decimal_comma=commas == "decimal") for _, text in cells]


def read_column(
    file: str,
    column: str,
    quantity: Quantity,
    cells: Sequence[tuple[int, str]],
    unit: Unit,
    *,
    separated: bool = False,
) -> tuple[FloatArray, bool]:
    """Numbers of a column in the quantity's unit (a price in its own currency), and whether commas were decimal.

    Parameters
    ----------
    file, column : str
        For messages.
    quantity : Quantity
        What it is.
    cells : sequence of (int, str)
        Line and text of each row.
    unit : Unit
        Of the file.
    separated : bool
        The file's separator is no comma, so that commas are decimal.

    Raises
    ------
    ScenarioError
        If a cell holds no number, the code of a missing value, or what cannot be; names line, column and value.
    """
    cells = [(line, text.strip()) for line, text in cells]
    if any(_MONEY.search(text) or text.startswith("(") for _, text in cells):
        cells = [(line, _bare(text)) for line, text in cells]
    commas = _comma_means(file, column, cells, separated)
    numbers = _numbers(cells, commas)
    none = next((row for row, number in enumerate(numbers) if number is None), None)
    if none is not None:
        line, text = cells[none]
        raise _refused(file, column, quantity, unit, line, text, "is not a number" if text else "is empty")
    raw = np.array(numbers, dtype=np.float64)
    size = currency_size(unit.currency)
    own = unit.factor == 1.0 and size == 1.0  # in smaller units 9,900 may be what is meant
    missing = np.isin(raw, quantity.codes) & (own | (raw < 0.0))
    if missing.any():
        line, text = cells[int(np.argmax(missing))]
        raise _refused(file, column, quantity, unit, line, text, "is the code of a missing value")
    values = raw * unit.factor + unit.offset
    wrong = (values < quantity.low * size) | (values > quantity.high * size)
    if wrong.any():
        line, text = cells[int(np.argmax(wrong))]
        raise _refused(file, column, quantity, unit, line, text, "is a missing code or wrong", _doubt(quantity, raw))
    return values, commas in ("decimal", "european")


def _doubt(quantity: Quantity, raw: FloatArray) -> str:
    """What unit the numbers look like, where they do."""
    middle = float(np.median(raw))
    if quantity.name in ("dry bulb", "dew point", "wet bulb"):
        if 230.0 <= middle <= 320.0:
            return "these look like kelvin: degC is needed"
        if 30.0 <= middle <= 120.0:
            return "these look like Fahrenheit: degC is needed, or (F) in the column's title"
    if quantity.name == "relative humidity" and middle > quantity.high:
        return "these look like per cent: a share of 0 to 1 is needed, or (%) in the column's title"
    if quantity.name == "pressure" and 500.0 <= middle <= 1100.0:
        return "these look like hPa: Pa is needed, or (hPa) in the column's title"
    return ""


def _refused(
    file: str, column: str, quantity: Quantity, unit: Unit, line: int, text: str, what: str, doubt: str = ""
) -> ScenarioError:
    limits = f"{quantity.low:g} to {quantity.high:g} {quantity.unit.removeprefix('1')}".rstrip()
    named = "" if unit.name == quantity.unit else f" {unit.name}"
    found = f"{shown(text)}{named} {what}" if text else what
    return refused(
        file, found, f"{quantity.name}: finite numbers of {limits}", where=column, line=line, hint=doubt or _FILL
    )
