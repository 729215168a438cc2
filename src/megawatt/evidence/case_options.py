"""Options of a case in JSON: each is read by one of its names, or has no effect, or is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import Problem, ScenarioError, shown

__all__ = ["Options", "choice", "is_number", "optional", "wrong"]


_MOST_PERIODS: Final = 10_000
"""Longest series of a case."""
_LARGEST: Final = 1e15
"""No amount of a case is larger: ten times the yearly product of the world, in USD."""
_NOTES: Final = ("periods", "note", "notes", "unit_name", "description", "title", "currency", "label", "source")


@dataclass(slots=True)
class Options:
    """Reads options of one section and remembers which; what was never read must have no effect."""

    section: Mapping[str, Any]
    path: str
    read: set[str] = field(default_factory=set)

    def get(self, *names: str, default: Any = None) -> Any:
        """Value of the first of these names that is given."""
        self.read |= set(names)
        for name in names:
            if self.section.get(name) is not None:
                return self.section[name]
        return default

    def number(self, *names: str, default: float | None = None) -> float:
        """A number; the first name is the one that errors use."""
        value = self.get(*names, default=default)
        if not is_number(value):
            raise wrong(f"{self.path}.{names[0]}", shown(value), "a number")
        return float(value)

    def series(self, name: str, length: int) -> FloatArray:
        """One number per period."""
        value = self.get(name)
        for index, one in enumerate(value if isinstance(value, list) else ()):
            if not is_number(one):
                raise wrong(f"{self.path}.{name}[{index}]", shown(one), "a number")
        if not isinstance(value, list) or len(value) != length:
            found = f"{len(value)} numbers" if isinstance(value, list) else shown(value)
            raise wrong(f"{self.path}.{name}", found, f"{length} numbers, one per period")
        return np.asarray(value, dtype=np.float64)

    def whole(self, *names: str, default: float | None = None) -> int:
        """A whole number from 0 to 10,000: periods and their like."""
        value = self.number(*names, default=default)
        if not 0 <= value <= _MOST_PERIODS:
            raise wrong(f"{self.path}.{names[0]}", f"{value:g}", f"0 to {_MOST_PERIODS:,}")
        return int(value)

    def section_of(self, name: str) -> Options:
        """A nested section, empty where it is missing."""
        value = self.get(name, default={})
        if not isinstance(value, Mapping):
            raise wrong(f"{self.path}.{name}", shown(value), "a JSON object")
        return Options(value, f"{self.path}.{name}")

    def finish(self) -> None:
        """Refuse options that were not read, unless they have no effect (zero, empty) or are notes."""
        for name, value in self.section.items():
            if name in self.read or name in _NOTES or value in (None, 0, "", False, [], {}):
                continue
            raise wrong(f"{self.path}.{name}", f"{value!r:.80}", f"one of {', '.join(sorted(self.read))}")


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def wrong(path: str, found: str, allowed: str) -> ScenarioError:
    return ScenarioError(f"{path}: {found}; allowed: {allowed}", [Problem(path, found, allowed)])


def _word(value: Any) -> str:
    return re.sub(r"[ -]+", "_", str(value).strip().lower())


_CHANGES: Final = ("balloon", "bullet", "step", "sweep", "interest_only", "grace", "not", "until", "then")
"""Words that make a description say more than the option that it starts with."""


def choice(reader: Options, known: Mapping[str, Any], *names: str, default: str) -> Any:
    """What a word stands for; unknown words are refused, never guessed."""
    value = reader.get(*names, default=default)
    key = _word(value).removesuffix("_payment")
    if key not in known:
        # a description that starts with an option and adds nothing to it: "equal principal instalments"
        starts = [name for name in known if key.startswith(f"{name}_") and not any(w in key for w in _CHANGES)]
        key = max(starts, key=len, default=key)
    if key not in known:
        raise wrong(f"{reader.path}.{names[0]}", shown(value), ", ".join(known))
    return known[key]


def optional(reader: Options, *names: str) -> float | None:
    return None if reader.get(*names) is None else reader.number(*names)
