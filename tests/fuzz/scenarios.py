"""Scenarios that may be wrong: the examples, changed in a few places as their JSON Schema and spite suggest."""

from __future__ import annotations

import copy
import math
import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from megawatt.catalogue import load_catalogue
from megawatt.scenario import json_schema

EXAMPLES = Path(__file__).parents[2] / "examples"
BASES = ("childress-bitcoin.toml", "childress-gb300.toml", "childress-trn3.toml", "deals/*.toml")
_FAMILY = {"place": "place", "grid": "grid", "tariff": "tariff", "design": "hall", "system": "system",
           "miner": "miner", "model": "model",
           "network": "network", "parity_system": "system", "predecessor_system": "system"}  # fmt: skip
SPITE: tuple[Any, ...] = (
    math.nan, math.inf, -math.inf, -1, 0, 1e-300, 1e300, 10**300, -(10**400), True, False, "", "9**9**9", "1/0", "(((",
    "0.12-0.08", "2026-05", "300 MVA", "1_000", "²", "\x1b[2J", "a\nb", "x" * 5000, [], {}, [[[]]], {"value": 1},
    {"value": "@x.y", "low": 3}, {"value": 5, "low": 1, "high": 2}, "@a.b", "@", "/dev/zero", "../", "a\u0000b",
    "2026-13", "1999-01", "2099-12", "nan", "1e999", -0.0, 0.5, 2**63,
)  # fmt: skip


_UNIT = re.compile(r"converted to (?!a plain)(\S+?)\)")
_MONTHS = ("as_of", "live", "start")
_OF_USE = ("ai", "training", "contract", "lease", "mining")
"""Sections that belong to a use: a scenario without one of its own is refused for that alone."""


def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def bases() -> list[dict[str, Any]]:
    """The examples of one use each, as plain data."""
    found = [_read(file) for pattern in BASES for file in sorted(EXAMPLES.glob(pattern))]
    return [data | {"risk": data.get("risk", {}) | {"paths": 64}} for data in found if "use" in data]


class Mutator:
    """Changed scenarios; equal seeds give equal ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.schema = json_schema()
        self.catalogue = load_catalogue()
        self.bases = bases()
        self.single, several, *_ = self.schema["anyOf"]
        self.sections = {"": self.single} | self._tables(self.single)
        self.conversion_fields = self._tables(several)["conversion"]["properties"]

    def _model(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            node = self.schema["$defs"][node["$ref"].rpartition("/")[2]]
        return node

    def _tables(self, top: dict[str, Any]) -> dict[str, dict[str, Any]]:
        found = {}
        for name, node in top["properties"].items():
            options = [self._model(o) for o in (node, *node.get("anyOf", ()))]
            found.update((name, o) for o in options if "properties" in o and "value" not in o["properties"])
        return found

    def _number(self, option: dict[str, Any], now: Any) -> float:
        """A number inside its limits: near what is there, at an end, or anywhere by its order of magnitude."""
        pick = self.random
        low, high = float(option.get("minimum", -1e6)), float(option.get("maximum", 1e6))
        usual = now["value"] if isinstance(now, dict) and "value" in now else now
        if isinstance(usual, int | float) and not isinstance(usual, bool) and pick.random() < 0.7:
            value = usual * pick.choice([0.5, 0.9, 1.0, 1.1, 2.0, 10.0 ** pick.uniform(-2, 2)])
        elif pick.random() < 0.4:
            value = pick.choice([low, high, 0.0, 1.0, low + pick.random() * (high - low)])
        else:
            value = 10.0 ** pick.uniform(math.log10(max(low, high * 1e-6, 1e-9)), math.log10(max(high, 1e-9)))
        value = min(max(value, low), high)
        return round(value) if option["type"] == "integer" else float(f"{value:.6g}")

    def value_of(self, name: str, node: dict[str, Any], now: Any) -> Any:
        """A value that the schema of a field allows, or nearly; None where it is to go."""
        pick, node = self.random, self._model(node)
        if name in _FAMILY:
            return pick.choice(self.catalogue.keys(_FAMILY[name]))
        if name == "halls" and isinstance(now, list):
            return self._halls(now)
        options = [self._model(o) for o in node.get("anyOf", [node])]
        number = next((o for o in options if o.get("type") in ("number", "integer")), None)
        option = pick.choice([o for o in options if o.get("type") != "null" or pick.random() < 0.3] or options)
        if "enum" in option or "const" in option:
            return pick.choice(option.get("enum") or [option["const"]])
        if option.get("type") == "null":
            return None
        if option.get("type") == "array" and "enum" in option.get("items", {}):
            return [mode for mode in option["items"]["enum"] if pick.random() < 0.5]
        if option.get("type") == "boolean":
            return pick.random() < 0.5
        if number is not None:
            value = self._number(number, now)
            unit = _UNIT.search(option.get("description", ""))
            if option is number or (option.get("type") == "string" and unit is None):
                return value
            if unit is not None:
                return f"{value!r} {unit[1]}"
            return {"value": value, "low": value * pick.choice([1, 0.5, 0.9]), "high": value * pick.choice([1, 1.1, 2])}
        if isinstance(now, str) and len(now) == 7 and now[4:5] == "-":
            return self._month(int(now[:4]))
        if name in _MONTHS and now is None:
            return self._month(2025)
        return self._nested(option) or now

    def _nested(self, option: dict[str, Any]) -> Any:
        """A section inside a section, or a list of one to three; shares in a list sum to 1. None for anything else."""
        pick = self.random
        if "properties" in option:
            return self._made(option) | {
                name: value
                for name, field in option["properties"].items()
                if pick.random() < 0.3 and (value := self.value_of(name, field, None)) is not None
            }
        items = self._model(option.get("items", {}))
        if option.get("type") != "array" or "properties" not in items:
            return None
        made = [self._nested(items) for _ in range(pick.randint(1, 3))]
        return [each | {"share": 1.0 / len(made)} for each in made] if "share" in items["properties"] else made

    def _month(self, near: int) -> str:
        year = near + self.random.choice([0, 0, 1, 1, 2, 5, -1, self.random.randint(-20, 20)])
        return f"{year}-{self.random.randint(1, 12):02d}"

    def _halls(self, now: list[dict[str, Any]]) -> list[dict[str, Any]]:
        count = self.random.randint(1, 4)
        months = sorted(self._month(int(now[0]["live"][:4])) for _ in range(count))
        return [{"live": month, "share": 1.0 / count} for month in months]

    def _exchange_sections(self, data: dict[str, Any]) -> None:
        """Now and then a section leaves, comes from another example, or is made of its required fields."""
        pick = self.random
        for name in self.sections:
            if name and name not in self.single["required"] and pick.random() < (0.02 if name in _OF_USE else 0.12):
                donors = [base[name] for base in self.bases if name in base]
                if name in data and pick.random() < 0.5:
                    del data[name]
                elif name != "risk":
                    data[name] = copy.deepcopy(pick.choice(donors)) if donors else self._made(self.sections[name])

    def _made(self, section: dict[str, Any]) -> dict[str, Any]:
        fields = section["properties"]
        return {name: self.value_of(name, fields[name], None) or 0 for name in section.get("required", ())}

    def _move(self, table: dict[str, Any], fields: dict[str, Any], name: str) -> None:
        value = self.value_of(name, fields[name], table.get(name))
        if value is not None:
            table[name] = value
        elif name in table:
            del table[name]

    def mild(self) -> dict[str, Any]:
        """An example with one to six fields set to values of their type, and sections of others."""
        pick = self.random
        data = copy.deepcopy(pick.choice(self.bases))
        self._exchange_sections(data)
        for _ in range(pick.randint(1, 6)):
            name = pick.choice([s for s in self.sections if not s or isinstance(data.get(s), dict)])
            fields = self.sections[name]["properties"]
            allowed = [f for f in fields if name or f in ("discount_rate", "seed")]
            self._move(data[name] if name else data, fields, pick.choice(allowed))
        data.setdefault("risk", {})["paths"] = 64
        return data

    def conversion(self) -> dict[str, Any]:
        """The example of a conversion with one to four of its fields set to values of their type."""
        pick, data = self.random, _read(EXAMPLES / "childress-convert.toml")
        data["compare"] = [str(EXAMPLES / name) for name in data["compare"]]
        for _ in range(pick.randint(1, 4)):
            self._move(data["conversion"], self.conversion_fields, pick.choice(list(self.conversion_fields)))
        if pick.random() < 0.5:
            data["conversion"]["dates"] = sorted({self._month(2026) for _ in range(pick.randint(1, 6))})
        data["conversion"]["paths"] = 64
        return data

    def _spite(self) -> Any:
        """A value that nobody means, of its own: the next change may go into it."""
        return copy.deepcopy(self.random.choice(SPITE))

    def spiteful(self) -> dict[str, Any]:
        """An example with a few values, keys or sections replaced by what nobody means."""
        pick, data = self.random, copy.deepcopy(self.random.choice(self.bases))
        for _ in range(pick.randint(1, 3)):
            places = list(_places(data))
            holder, key = pick.choice(places)
            act = pick.random()
            if act < 0.15:
                del holder[key]
            elif act < 0.25 and isinstance(holder, dict):
                holder["x" * pick.choice([1, 100, 5000])] = self._spite()
            else:
                holder[key] = self._spite()
            if not data:
                break
        return data


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from _places(node[key])


def as_toml(data: dict[str, Any]) -> str:
    """The data as a TOML file (inline tables throughout; TOML needs no more)."""
    return "".join(f"{_key(k)} = {_value(v)}\n" for k, v in data.items())


def _key(text: str) -> str:
    return _value(str(text))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        body = "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in value)
        return f'"{body}"'
    if isinstance(value, float):
        return str(value) if math.isfinite(value) else {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    return str(value)
