"""Rate sheets of the catalogue: whole tariffs as ``data/rate-*.toml``, their numbers as facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from typing import Any, Final

from megawatt.catalogue.records import KINDS, Entry, Fact
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.files import read_toml

__all__ = ["RATE_PREFIX", "rate_entry", "rate_numbers", "read_rate"]

RATE_PREFIX: Final = "rate-"
"""Files with this prefix are tariffs: a table ``[entry]`` (key, aliases, source, date, kind), and the rate sheet."""

_UNITS: Final = {
    "per_mwh": "/MWh",
    "per_kw_month": "/kW/month",
    "per_kw_year": "/kW/year",
    "per_kva_month": "/kVA/month",
    "per_mw_day": "/MW/day",
    "per_month": "/month",
    "minimum_per_month": "/month",
    "minimum_per_kw_month": "/kW/month",
    "minimum_per_day": "/day",
}
"""What stands under the currency, by the end of a field; others are MW, MWh, or plain numbers."""
_PLAIN: Final = {
    "minimum_mw": "MW",
    "from_mw": "MW",
    "contract_mw": "MW",
    "from_mwh": "MWh",
    "factor": "",
    "power_factor": "",
}


def read_rate(folder: Traversable, key: str) -> dict[str, Any]:
    """The rate sheet of a key as its file says it, without its entry.

    Raises
    ------
    CatalogueError
        If there is none.
    """
    item = folder / f"{RATE_PREFIX}{key}.toml"
    if not item.is_file():
        raise CatalogueError(f"catalogue: {key} is no tariff with a rate sheet")
    return {name: value for name, value in _content(item).items() if name != "entry"}


def rate_entry(item: Traversable) -> Entry:
    """The catalogue entry of a file: its numbers are facts.

    Raises
    ------
    CatalogueError
        If the file is malformed.
    """
    content = _content(item)
    about = content.get("entry", {})
    key, source, kind = (str(about.get(name, "")) for name in ("key", "source", "kind"))
    if item.name != f"{RATE_PREFIX}{key}.toml" or kind not in KINDS or not content.get("title"):
        raise CatalogueError(
            f"{item.name}: [entry] key = {key!r}, kind = {kind!r}: must be the file's, and a kind; title"
        )
    facts = {}
    for name, _, value in rate_numbers(content):
        own = value if isinstance(value, Mapping) else {"value": value}
        facts[name] = Fact(
            float(own["value"]),
            _unit(name, str(content.get("currency", "USD"))),
            own.get("kind", kind),
            str(own.get("source", source)),
            str(own.get("date", about.get("date", ""))),
            own.get("low"),
            own.get("high"),
            str(own.get("note", content.get("note", ""))),
        )
    return Entry(key, "tariff", str(content["title"]), facts, tuple(about.get("aliases", ())))


def rate_numbers(content: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str | int, ...], Any]]:
    """Name as a fact, path and value of every number of a rate sheet that is not a reference to another fact."""
    yield from _walk(content, ())


def _walk(node: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str, tuple[str | int, ...], Any]]:
    if isinstance(node, Mapping) and "value" not in node:
        for name, value in node.items():
            if name != "entry":
                yield from _walk(value, (*path, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _walk(value, (*path, index))
    elif path and _is_fact(str(path[-1])) and not isinstance(node, str | bool):
        yield "_".join(str(part + 1 if isinstance(part, int) else part) for part in path), path, node


def _is_fact(name: str) -> bool:
    return name in _UNITS or name in _PLAIN or name == "frac" or name.endswith(("_frac", "_per_year", "_per_currency"))


def _unit(name: str, currency: str) -> str:
    end = max((end for end in _UNITS if name.endswith(end)), key=len, default="")
    if end:
        return f"{currency}{_UNITS[end]}"
    return next((unit for ending, unit in _PLAIN.items() if name.endswith(ending)), "")


def _content(item: Traversable) -> dict[str, Any]:
    try:
        return read_toml(item, "a catalogue file")[0]
    except ScenarioError as error:
        raise CatalogueError(f"{item.name}: not valid TOML: {error}") from error
