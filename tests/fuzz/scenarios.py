"""Scenarios that may be wrong: the examples, changed in a few places as their JSON Schema and spite suggest."""

from __future__ import annotations

import copy
import math
import random
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


def bases() -> list[dict[str, Any]]:
    """The examples of one use each, as plain data."""
    files = [file for pattern in BASES for file in sorted(EXAMPLES.glob(pattern))]
    found = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
    return [data | {"risk": data.get("risk", {}) | {"paths": 64}} for data in found if "use" in data]


class Mutator:
    """Changed scenarios; equal seeds give equal ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.schema = json_schema()
        self.catalogue = load_catalogue()
        self.bases = bases()

    def _model(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            node = self.schema["$defs"][node["$ref"].rpartition("/")[2]]
        return node

    def _sections(self) -> dict[str, dict[str, Any]]:
        top = self._model(self.schema["anyOf"][0])
        found = {"": top}
        for name, node in top["properties"].items():
            options = [self._model(o) for o in (node, *node.get("anyOf", ()), *node.get("allOf", ()))]
            found.update((name, o) for o in options if "properties" in o)
        return found

    def value_of(self, name: str, node: dict[str, Any], now: Any) -> Any:
        """A value that the schema of a field allows, or nearly."""
        pick = self.random
        node = self._model(node)
        if name in _FAMILY:
            return pick.choice(self.catalogue.keys(_FAMILY[name]))
        if isinstance(now, str) and len(now) == 7 and now[4:5] == "-":
            return f"20{pick.randint(20, 40)}-{pick.randint(1, 12):02d}"
        options = [self._model(o) for o in node.get("anyOf", [node])]
        option = pick.choice(options)
        if "enum" in option:
            return pick.choice(option["enum"])
        if "const" in option:
            return option["const"]
        if option.get("type") in ("number", "integer"):
            low, high = option.get("minimum", -1e6), option.get("maximum", 1e6)
            usual = now if isinstance(now, int | float) and not isinstance(now, bool) else (low + high) / 2
            spread = [low, high, usual * 2, usual / 2, low + pick.random() * (high - low), usual * 1.1, 0, 1]
            value = pick.choice(spread)
            return round(value) if option["type"] == "integer" or pick.random() < 0.3 else value
        if option.get("type") == "boolean":
            return pick.random() < 0.5
        if option.get("type") == "object" and "value" in option.get("properties", {}):
            return {"value": pick.choice([0, 1, 0.5, 100]), "low": 0, "high": 1000}
        return now

    def mild(self) -> dict[str, Any]:
        """An example with one to three fields set to values of their type."""
        data = copy.deepcopy(self.random.choice(self.bases))
        sections = self._sections()
        for _ in range(self.random.randint(1, 3)):
            name = self.random.choice([s for s in sections if not s or isinstance(data.get(s), dict)])
            table = data if not name else data[name]
            fields = sections[name]["properties"]
            field = self.random.choice([f for f in fields if name or f in ("discount_rate", "seed", "risk", "tax")])
            value = self.value_of(field, fields[field], table.get(field))
            if value is None or (not name and field in ("risk", "tax")):
                continue
            table[field] = value
        if self.random.random() < 0.2:
            halls = data["timeline"]["halls"]
            self.random.choice(halls)["live"] = f"20{self.random.randint(25, 45)}-{self.random.randint(1, 12):02d}"
        data.setdefault("risk", {})["paths"] = 64
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
