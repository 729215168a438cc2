"""Rates of OpenEI's Utility Rate Database (JSON of its API) as rate sheets; what is not costed is refused by its key.

Keys as its API documents them (https://openei.org/services/doc/rest/util_rates/), in any case. Money is USD a kWh, kW
and meter there; energy schedules, demand windows and coincident schedules are 12 x 24 tables of periods.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from megawatt.errors import Problem, ScenarioError, shown
from megawatt.hours import DAYS_IN_MONTH

__all__ = ["URDB_KEYS", "urdb_sheet"]

URDB_KEYS: Final = (
    "energyratestructure", "energyweekdayschedule", "energyweekendschedule", "demandratestructure",
    "demandweekdayschedule", "demandweekendschedule", "flatdemandstructure", "flatdemandmonths",
    "coincidentratestructure", "coincidentrateschedule", "fixedchargefirstmeter", "fixedchargeunits",
    "fixedmonthlycharge", "mincharge", "minchargeunits", "minmonthlycharge", "fueladjustmentsmonthly",
    "lookbackpercent", "lookbackrange", "lookbackmonths", "demandrateunit", "flatdemandunit", "coincidentrateunit",
    "demandunits",
)  # fmt: skip
"""Keys that are costed."""
_REFUSED: Final = {
    "demandreactivepowercharge": "reactive power",
    "reactivepowercharge": "reactive power",
    "demandratchetpercentage": "ratchets by month; use lookbackpercent with lookbackrange or lookbackmonths",
    "annualmincharge": "a minimum of the year",
}
"""Keys with money that is not costed; refused where they hold any."""
_SHARED: Final = "not costed: blocks of the month's energy that its periods share in proportion"
_EPOCH_DIGITS: Final = 10
"""Digits of seconds since 1970, at most."""
_LONGEST: Final = 8760
"""Entries of a list that are looked at."""


def urdb_sheet(content: Any, file: str) -> dict[str, Any]:
    """A rate as a raw section ``tariff``.

    Raises
    ------
    ScenarioError
        With every key that is not costed or malformed.
    """
    rate = _rate(content, file)
    found: list[Problem] = []
    for key, what in _REFUSED.items():
        if _nonzero(rate.get(key)):
            found.append(Problem(key, shown(rate[key]), "none", f"not costed: {what}"))
    for key in ("demandrateunit", "flatdemandunit", "coincidentrateunit", "demandunits"):
        if rate.get(key, "kW") not in ("kW", "", None):
            found.append(Problem(key, shown(rate[key]), "kW"))
    parts: dict[str, Any] = {}
    for part in (_about, _energy, _demand, _flat, _coincident, _fixed, _minimum, _fuel):
        try:
            for name, value in part(rate).items():
                parts[name] = [*parts[name], *value] if isinstance(value, list) and name in parts else value
        except ScenarioError as error:
            found += error.problems
    if found:
        raise ScenarioError(f"{file}: {len(found)} keys are not costed or malformed: {found[0]}", found, file)
    return parts


def _rate(content: Any, file: str) -> dict[str, Any]:
    """The one rate of an answer of the API or of a rate saved by itself, its keys in lower case."""
    items = content.get("items") if isinstance(content, dict) else content
    if isinstance(items, list):
        if len(items) != 1:
            raise _wrong("items", f"{len(items)} rates", "one rate a file")
        content = items[0]
    rate = {str(key).lower(): value for key, value in content.items()} if isinstance(content, dict) else {}
    if not any(key in rate for key in URDB_KEYS):
        problem = Problem(
            "", "none of the keys of a rate", "JSON of OpenEI's rate database with energyratestructure, ..."
        )
        raise ScenarioError(f"{file}: not a rate of OpenEI's database", [problem], file)
    return rate


def _wrong(path: str, found: str, allowed: str, hint: str = "") -> ScenarioError:
    return ScenarioError(f"{path}: {found}", [Problem(path, found, allowed, hint)])


def _nonzero(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_nonzero, value[:_LONGEST]))
    return isinstance(value, int | float) and not isinstance(value, bool) and value != 0


def _number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(path, shown(value), "a number")
    return float(value)


def _about(rate: Mapping[str, Any]) -> dict[str, Any]:
    words = {name: str(rate.get(name, ""))[:200] for name in ("utility", "name", "uri", "source", "startdate", "label")}
    if words["startdate"].isdigit() and len(words["startdate"]) <= _EPOCH_DIGITS:
        words["startdate"] = datetime.fromtimestamp(int(words["startdate"]), UTC).date().isoformat()
    title = ", ".join(word for word in (words["utility"], words["name"]) if word)
    about = {"title": title[:200], "source": words["uri"] or words["source"], "date": words["startdate"][:40]}
    return {name: value for name, value in about.items() if value}


def _periods(rate: Mapping[str, Any], key: str) -> list[list[Mapping[str, Any]]]:
    """Tiers by period."""
    structure = rate.get(key)
    if structure in (None, []):
        return []
    if not isinstance(structure, list) or not all(isinstance(p, list) and p for p in structure):
        raise _wrong(key, shown(structure), "a list of periods, each a list of tiers")
    for number, tiers in enumerate(structure):
        for place, tier in enumerate(tiers):
            if not isinstance(tier, dict):
                raise _wrong(f"{key}[{number}][{place}]", shown(tier), "a tier with its rate")
    return structure


def _schedule(rate: Mapping[str, Any], key: str, periods: int) -> list[list[int]]:
    table = rate.get(key)
    right = isinstance(table, list) and len(table) == 12 and all(isinstance(r, list) and len(r) == 24 for r in table)
    if not right:
        raise _wrong(key, "missing" if table is None else "another shape", "12 months of 24 hours")
    for month, row in enumerate(table or []):
        for hour, period in enumerate(row):
            if not isinstance(period, int) or isinstance(period, bool) or not 0 <= period < periods:
                raise _wrong(f"{key}[{month}][{hour}]", shown(period), f"a period from 0 to {periods - 1}")
    return list(table or [])


def _windows(week: Sequence[Sequence[int]], weekend: Sequence[Sequence[int]], period: int) -> list[dict[str, Any]]:
    """Months, days and hours of a period; months with the same hours together."""
    by_hours: dict[tuple[str, tuple[int, ...]], list[int]] = defaultdict(list)
    for month in range(12):
        hours = [tuple(h for h in range(24) if table[month][h] == period) for table in (week, weekend)]
        kinds = (("all", hours[0]),) if hours[0] == hours[1] else (("weekdays", hours[0]), ("weekends", hours[1]))
        for days, own in kinds:
            if own:
                by_hours[days, own].append(month + 1)
    return [{"months": months, "days": days, "hours": list(_spans(own))} for (days, own), months in by_hours.items()]


def _spans(hours: Sequence[int]) -> Iterator[str]:
    start = previous = hours[0]
    for hour in (*hours[1:], 99):
        if hour != previous + 1:
            yield f"{start}-{previous + 1}"
            start = hour
        previous = hour


def _line(name: str, windows: list[dict[str, Any]], tiers: list[dict[str, float]], price: str) -> dict[str, Any]:
    priced: dict[str, Any] = {price: tiers[0][price]} if len(tiers) == 1 else {"tiers": tiers}
    return {"name": name, **windows[0], "also": windows[1:], **priced} if windows else {}


def _tiers(
    tiers: Sequence[Mapping[str, Any]], path: str, level: str, price: str, per: float, units: tuple[str, ...]
) -> list[dict[str, float]]:
    """Prices by level; ``max`` ends a tier, ``adj`` is added to its rate."""
    found, start = [], 0.0
    for place, tier in enumerate(tiers):
        where = f"{path}[{place}]"
        if tier.get("unit") not in (None, "", *units):
            raise _wrong(f"{where}.unit", shown(tier["unit"]), " or ".join(units), "all tiers alike; no days")
        rate = sum(_number(tier.get(name, 0.0) or 0.0, f"{where}.{name}") for name in ("rate", "adj"))
        found.append({level: start, price: rate * per})
        end = tier.get("max")
        if end is None:
            break
        start = _number(end, f"{where}.max") / 1000.0
    return found


def _energy(rate: Mapping[str, Any]) -> dict[str, Any]:
    key = "energyratestructure"
    periods = _periods(rate, key)
    if not periods:
        return {}
    week, weekend = (_schedule(rate, f"energy{days}schedule", len(periods)) for days in ("weekday", "weekend"))
    lines = []
    for number, tiers in enumerate(periods):
        of_use = tiers[0].get("unit") == "kWh/kW"
        level, units = ("from_hours", ("kWh/kW",)) if of_use else ("from_mwh", ("kWh",))
        priced = _tiers(tiers, f"{key}[{number}]", level, "per_mwh", 1000.0, units)
        windows = _windows(week, weekend, number)
        shared = [m + 1 for w in windows for m in w["months"] if {*week[m - 1], *weekend[m - 1]} != {number}]
        if len(priced) > 1 and shared:
            found = f"{len(priced)} tiers in months with other periods"
            raise _wrong(f"{key}[{number}]", found, "tiers where a month has one period", _SHARED)
        line = _line(f"energy, period {number + 1}", windows, priced, "per_mwh")
        if of_use and "tiers" in line:
            line["hours_of_use"] = [{**tier, level: tier[level] * 1000.0} for tier in line.pop("tiers")]
        lines.append(line)
    return {"bundled": True, "energy": [line for line in lines if line]}


def _lookback(rate: Mapping[str, Any]) -> dict[str, Any]:
    """The ratchet of all demand charges."""
    share = rate.get("lookbackpercent") or 0.0
    if not _number(share, "lookbackpercent"):
        return {}
    months = rate.get("lookbackmonths")
    frac = share / 100.0 if share > 1.0 else float(share)
    if isinstance(months, list) and any(months):
        return {"ratchet_frac": frac, "ratchet_of": [m + 1 for m, on in enumerate(months[:12]) if on]}
    back = int(_number(rate.get("lookbackrange") or 0, "lookbackrange"))
    return {"ratchet_frac": frac, "ratchet_months": back} if back > 0 else {}


def _demand(rate: Mapping[str, Any]) -> dict[str, Any]:
    key = "demandratestructure"
    periods = _periods(rate, key)
    if not periods:
        return {}
    week, weekend = (_schedule(rate, f"demand{days}schedule", len(periods)) for days in ("weekday", "weekend"))
    lines = []
    for number, tiers in enumerate(periods):
        priced = _tiers(tiers, f"{key}[{number}]", "from_mw", "per_kw_month", 1.0, ("kW",))
        windows = _windows(week, weekend, number)
        if any(tier["per_kw_month"] for tier in priced):
            lines.append(_line(f"demand, period {number + 1}", windows, priced, "per_kw_month"))
    return {"demand": [{**line, **_lookback(rate)} for line in lines if line]}


def _flat(rate: Mapping[str, Any]) -> dict[str, Any]:
    key = "flatdemandstructure"
    periods = _periods(rate, key)
    if not periods:
        return {}
    months = rate.get("flatdemandmonths")
    if not isinstance(months, list) or len(months) != 12:
        raise _wrong("flatdemandmonths", shown(months), "a period for each of 12 months")
    lines = []
    for number, tiers in enumerate(periods):
        own = [month + 1 for month, period in enumerate(months) if period == number]
        priced = _tiers(tiers, f"{key}[{number}]", "from_mw", "per_kw_month", 1.0, ("kW",))
        if own and any(tier["per_kw_month"] for tier in priced):
            window = [{"months": own}]
            lines.append(_line(f"demand, any time {number + 1}", window, priced, "per_kw_month"))
    return {"demand": [{**line, **_lookback(rate)} for line in lines]}


def _coincident(rate: Mapping[str, Any]) -> dict[str, Any]:
    """A charge on the power in the system's peak of each month: expected in the dearest hour of its schedule."""
    key = "coincidentratestructure"
    periods = _periods(rate, key)
    if not periods:
        return {}
    table = _schedule(rate, "coincidentrateschedule", len(periods))
    lines = []
    for number, tiers in enumerate(periods):
        priced = _tiers(tiers, f"{key}[{number}]", "from_mw", "per_kw_month", 1.0, ("kW",))
        if len(priced) > 1:
            raise _wrong(f"{key}[{number}]", f"{len(priced)} tiers", "one tier")
        if not priced[0]["per_kw_month"]:
            continue
        for window in _windows(table, table, number):
            yearly = priced[0]["per_kw_month"] * len(window["months"])
            lines.append({"name": f"coincident peak, period {number + 1}", **window, "per_kw_year": yearly})
    return {"coincident": lines}


def _fixed(rate: Mapping[str, Any]) -> dict[str, Any]:
    amount = rate.get("fixedchargefirstmeter", rate.get("fixedmonthlycharge")) or 0.0
    if not _number(amount, "fixedchargefirstmeter"):
        return {}
    units = rate.get("fixedchargeunits") or "$/month"
    name = "fixed charge"
    if units == "$/month":
        return {"fixed": [{"name": name, "per_month": amount}]}
    if units == "$/year":
        return {"fixed": [{"name": name, "per_month": amount / 12.0}]}
    if units == "$/day":
        days = sorted(set(DAYS_IN_MONTH.tolist()))
        months = {d: [m + 1 for m in range(12) if DAYS_IN_MONTH[m] == d] for d in days}
        return {"fixed": [{"name": f"{name}, {d} days", "per_month": amount * d, "months": months[d]} for d in days]}
    raise _wrong("fixedchargeunits", shown(units), "$/month, $/day or $/year")


def _minimum(rate: Mapping[str, Any]) -> dict[str, Any]:
    amount = rate.get("mincharge", rate.get("minmonthlycharge")) or 0.0
    if not _number(amount, "mincharge"):
        return {}
    units = rate.get("minchargeunits") or "$/month"
    if units == "$/month":
        return {"minimum_per_month": amount}
    if units in ("$/kW", "$/kW/month"):
        return {"minimum_per_kw_month": amount}
    if units == "$/day":
        return {"minimum_per_day": amount}
    raise _wrong("minchargeunits", shown(units), "$/month, $/day or $/kW", "a minimum of the year is not costed")


def _fuel(rate: Mapping[str, Any]) -> dict[str, Any]:
    months = rate.get("fueladjustmentsmonthly")
    if not _nonzero(months):
        return {}
    if not isinstance(months, list) or len(months) != 12:
        raise _wrong("fueladjustmentsmonthly", shown(months), "12 numbers")
    prices = [_number(value, f"fueladjustmentsmonthly[{m}]") for m, value in enumerate(months)]
    own = {price: [m + 1 for m in range(12) if prices[m] == price] for price in dict.fromkeys(prices) if price}
    return {
        "energy": [{"name": f"fuel, from month {m[0]}", "months": m, "per_mwh": p * 1000.0} for p, m in own.items()]
    }
