"""Numbers for people: money, counts, shares and units with narrow spaces and a true minus sign."""

from __future__ import annotations

import math
import re
from typing import Final

__all__ = [
    "DASH",
    "MINUS",
    "NARROW",
    "chance",
    "count",
    "count_range",
    "factor",
    "fixed",
    "money",
    "money_range",
    "percent",
    "plain",
    "quantity",
    "unit_text",
]

NARROW: Final = "\u202f"
"""Narrow no-break space: between a number and its unit, and between thousands."""
MINUS: Final = "\u2212"
DASH: Final = "\u2013"
"""En dash; also what an absent number is shown as."""

_MONEY: Final = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))
_COUNT: Final = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_SI: Final = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_SI_UNITS: Final = {"B": 1.0, "B/s": 1.0, "W": 1.0, "Wh": 1.0}
_SHARE_NAMES: Final = re.compile(r"(frac|share|fraction|rate|growth|per_year|utilisation)$")
"""Endings of dimensionless names that people read as per cent."""
_COUNTED: Final = ("year", "month", "day", "hour")
_SUPERSCRIPT: Final = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_UNIT_WORDS: Final = {
    "byte": "B",
    "bytes": "B",
    "watt": "W",
    "kilowatt": "kW",
    "megawatt": "MW",
    "megawatt_hour": "MWh",
    "kilowatt_hour": "kWh",
    "second": "s",
    "hour": "h",
    "liter": "L",
    "litre": "L",
    "degC": "°C",
    "delta_degC": "K",
    "dimensionless": "",
    "percent": "%",
    "joule": "J",
    "meter": "m",
    "pascal": "Pa",
    "degree": "°",
    "terahash": "TH",
    "petahash": "PH",
    "exahash": "EH",
}


def _absent(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _digits(value: float, digits: int) -> str:
    """The size of a number with so many significant digits and narrow spaces between thousands."""
    size = float(f"{abs(value):.{digits - 1}e}") if abs(value) < 10**digits else abs(value)
    decimals = 0 if size == 0 else max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{size:,.{decimals}f}"
    return text.replace(",", NARROW)


def _signed(value: float, body: str) -> str:
    nothing = not re.search(r"[1-9]", body)
    return body if value >= 0 or nothing else MINUS + body


def _scaled(value: float, steps: tuple[tuple[float, str], ...], digits: int) -> tuple[str, str]:
    """Digits and suffix; a number that would round up to 1000 takes the next suffix (999.9k is 1.00m)."""
    for size, suffix in steps:
        if abs(value) >= size * (1 - 0.5 * 10.0**-digits):
            return _digits(value / size, digits), suffix
    return _digits(value, digits), ""


def money(usd: float | None, digits: int = 3, sign: bool = False) -> str:
    """Dollars: ``$1.23m``, ``−$450k``; a dash where there is none.

    Parameters
    ----------
    usd : float or None
        Amount. [USD]
    digits : int
        Significant digits.
    sign : bool
        Also write the plus of a gain.
    """
    if usd is None or _absent(usd):
        return DASH
    body, suffix = _scaled(usd, _MONEY, digits)
    text = _signed(usd, f"${body}{suffix}")
    return f"+{text}" if sign and usd > 0 else text


def money_range(low: float | None, high: float | None) -> str:
    """``$1.10m to $1.40m``, ends in order."""
    if low is None or high is None or _absent(low) or _absent(high):
        return DASH
    return f"{money(min(low, high))} to {money(max(low, high))}"


def count(value: float | None, unit: str = "", digits: int = 3) -> str:
    """Large counts in words: ``1.83 billion``, ``76 000``; optional unit behind."""
    if value is None or _absent(value):
        return DASH
    body, word = _scaled(value, _COUNT, digits)
    if not word:
        body = _digits(value, max(digits, len(str(int(abs(value))))))
        body = body.rstrip("0").rstrip(".") if "." in body else body
    return NARROW.join(part for part in (_signed(value, body), word, unit) if part)


def count_range(low: float | None, high: float | None) -> str:
    """``1.6 billion to 2.1 billion``."""
    if low is None or high is None or _absent(low) or _absent(high):
        return DASH
    return f"{count(min(low, high))} to {count(max(low, high))}"


def percent(share: float | None, digits: int = 2) -> str:
    """A share as per cent: 0.123 is ``12 %``; small shares keep significant digits, at most two decimals."""
    if share is None or _absent(share * 100):
        return DASH
    value = share * 100
    size = abs(value)
    decimals = 0 if size == 0 else min(2, max(0, digits - 1 - math.floor(math.log10(size))))
    if 0 < size < 0.005:
        return f"<{NARROW}0.01{NARROW}%"
    return _signed(value, f"{size:.{decimals}f}") + f"{NARROW}%"


def chance(probability: float | None) -> str:
    """A probability as per cent with one decimal, two below 1 %."""
    if probability is None or _absent(probability):
        return DASH
    value = probability * 100
    if 0 < value < 0.005:
        return f"<{NARROW}0.01{NARROW}%"
    return f"{value:.{2 if 0 < value < 1 else 1}f}{NARROW}%" if value > 0 else f"0{NARROW}%"


def fixed(value: float | None, unit: str = "", decimals: int = 1) -> str:
    """A number with fixed decimals and its unit: ``3.4 MW``."""
    if value is None or _absent(value):
        return DASH
    body = _signed(value, f"{abs(value):,.{decimals}f}".replace(",", NARROW))
    return f"{body}{NARROW}{unit}" if unit else body


def factor(value: float | None) -> str:
    """A ratio: ``1.35×``."""
    return DASH if value is None or _absent(value) else fixed(value, "", 2) + "×"


def plain(value: float | None, digits: int = 4) -> str:
    """A number without unit: at most so many significant digits, thousands apart, powers of ten at the extremes."""
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "unlimited" if value > 0 else MINUS + "unlimited"
    size = abs(value)
    if value != 0 and not 1e-4 <= size < 1e7:
        mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        power = str(int(exponent)).translate(_SUPERSCRIPT)
        return _signed(value, f"{mantissa}{NARROW}×{NARROW}10{power}")
    body = _digits(value, digits)
    return _signed(value, body.rstrip("0").rstrip(".") if "." in body else body)


def unit_text(unit: str) -> str:
    """A pint expression as people write it: ``megawatt_hour`` is MWh, ``m**2`` is m², ``USD/MW/year`` stays."""
    text = unit.strip().replace(" ", "")
    text = re.sub(r"\*\*\(?(-?\d+)\)?", lambda m: m.group(1).translate(_SUPERSCRIPT), text)
    text = re.sub(r"[A-Za-z_]+", lambda m: _UNIT_WORDS.get(m.group(0), m.group(0)), text)
    text = text.replace("*", "·").replace("_", " ")
    return "/" + text[2:] if text.startswith("1/") else text


def quantity(value: float | str, unit: str, name: str = "") -> str:
    """The value of a fact with its unit: dollars by their sign, bytes and watts with a prefix, shares as per cent.

    Parameters
    ----------
    value : float or str
        Number, or a word that is passed on.
    unit : str
        Pint expression; empty for dimensionless numbers and words.
    name : str
        Name of the fact: a dimensionless ``..._frac`` or ``..._share`` reads better as per cent.
    """
    if isinstance(value, str):
        return value
    text = unit_text(unit)
    if not math.isfinite(value):
        return plain(value)
    if text.startswith("USD"):
        per = text[3:]
        body = money(value) if abs(value) >= 1e4 else _signed(value, "$" + plain(abs(value)))
        return body + per
    if not text and abs(value) <= 2 and _SHARE_NAMES.search(name):
        return percent(value, 3)
    if text in _SI_UNITS:
        for size, prefix in _SI:
            if abs(value) >= size:
                return f"{plain(value / size)}{NARROW}{prefix}{text}"
    if not text:
        return plain(value)
    if text in _COUNTED and abs(value) != 1:
        text += "s"
    gap = "" if text.startswith("/") else NARROW
    return f"{plain(value)}{gap}{text}"
