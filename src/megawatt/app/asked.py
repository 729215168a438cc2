"""What a link says: which scenario, which use, which inputs at which values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import QueryParams

from megawatt.errors import ScenarioError

__all__ = ["Asked", "read_asked", "whole"]

_MOST_MOVES: Final = 24
"""Inputs that a link may move."""
_DIGITS: Final = 40
"""Longest text of a number in a link."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A use of a scenario with inputs at other values; ``moves`` in the order of their names."""

    scenario: str
    use: int
    moves: tuple[tuple[str, float], ...] = ()

    @property
    def by_name(self) -> Mapping[str, float]:
        """The moves by name."""
        return dict(self.moves)


def read_asked(query: QueryParams, first: str) -> Asked:
    """Read ``scenario``, ``use`` and every ``set=NAME:VALUE`` of a link; the first scenario where none is named.

    Raises
    ------
    ScenarioError
        If a move is none, or there are more than two dozen.
    """
    return Asked(query.get("scenario") or first, whole(query, "use", 0), _moves(query.getlist("set")))


def _moves(texts: Iterable[str]) -> tuple[tuple[str, float], ...]:
    moves: dict[str, float] = {}
    for text in texts:
        name, colon, value = text.rpartition(":")
        moves[name] = _number(f"set {text[:80]!r}", value) if colon and name else _refuse(text)
    if len(moves) > _MOST_MOVES:
        raise ScenarioError(f"set: {len(moves)} inputs; allowed: at most {_MOST_MOVES}")
    return tuple(sorted(moves.items()))


def _refuse(text: str) -> float:
    raise ScenarioError(f"set {text[:80]!r}: allowed: NAME:VALUE, as in set=discount_rate:0.1")


def _number(what: str, text: str) -> float:
    try:
        value = float(text) if len(text) <= _DIGITS and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ScenarioError(f"{what}: allowed: a finite number")
    return value


def whole(query: QueryParams, name: str, default: int, most: int = 10_000) -> int:
    """A whole number of a link, 0 to ``most``.

    Raises
    ------
    ScenarioError
        If it is none.
    """
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < _DIGITS and int(text) <= most):
        raise ScenarioError(f"{name} = {text[:80]!r}; allowed: a whole number from 0 to {most}")
    return int(text)
