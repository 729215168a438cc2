"""The scenario's numbers as assumptions of the rooms that use them, and how to move one of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final, cast

from pydantic import BaseModel

from megawatt.catalogue.records import Assumption, Fact
from megawatt.scenario.schema import Scenario

__all__ = ["ROOM_OF_SECTION", "field_title", "is_number", "move", "scenario_assumptions"]

ROOM_OF_SECTION: Final = {
    "site": "facility",
    "hall": "facility",
    "power": "dispatch",
    "tariff": "dispatch",
    "timeline": "finance",
    "ai": "training",
    "training": "training",
    "serving": "serving",
    "solar": "dispatch",
    "wind": "dispatch",
    "gas": "dispatch",
    "battery": "dispatch",
    "export": "dispatch",
    "services": "dispatch",
    "curtailment": "dispatch",
    "large_load": "dispatch",
    "contract": "finance",
    "lease": "finance",
    "mining": "mining",
    "capex": "finance",
    "opex": "finance",
    "working_capital": "finance",
    "demand_response": "finance",
    "debt": "finance",
    "partnership": "finance",
    "tax": "finance",
    "risk": "risk",
    "discount_rate": "finance",
}
"""The room under which a report lists the numbers of a section."""


def _facts(value: Any, path: str) -> Iterator[tuple[str, Fact]]:
    if isinstance(value, Fact):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _facts(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _facts(item, f"{path}.{index}")


def scenario_assumptions(scenario: Scenario) -> tuple[Assumption, ...]:
    """Every number of the scenario as an assumption, named by its dotted path."""
    return tuple(Assumption(path, ROOM_OF_SECTION[path.split(".")[0]], fact) for path, fact in _facts(scenario, ""))


def is_number(scenario: Scenario, path: str) -> bool:
    """Whether a dotted path leads to a number of the scenario."""
    node: Any = scenario
    for part in path.split("."):
        if isinstance(node, tuple) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            node = getattr(node, part, None) if isinstance(node, BaseModel) else None
    return isinstance(node, Fact)


def move(scenario: Scenario, path: str, value: float) -> Scenario:
    """The scenario with the number at a dotted path replaced; everything else shared."""
    return cast("Scenario", _moved(scenario, path.split("."), value))


def _moved(node: Any, path: list[str], value: float) -> Any:
    if not path:
        return dataclasses.replace(node, value=value)
    head, rest = path[0], path[1:]
    if isinstance(node, tuple):
        index = int(head)
        return (*node[:index], _moved(node[index], rest, value), *node[index + 1 :])
    return node.model_copy(update={head: _moved(getattr(node, head), rest, value)})


def field_title(scenario: Scenario, path: str) -> str | None:
    """What the scenario's fields call the number at a dotted path; None where they give it no name."""
    node: Any = scenario
    title: str | None = None
    for part in path.split("."):
        if isinstance(node, BaseModel):
            field = type(node).model_fields.get(part)
            title = field.title if field else None
            node = getattr(node, part, None)
        elif isinstance(node, tuple) and part.isdigit():
            node = node[int(part)]
    return title
