"""What is said of a run beside its plan and tokens, read and checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Final

from megawatt.errors import Problem, ScenarioError, shown
from megawatt.files import parse_number
from megawatt.run_options import SETTINGS

__all__ = ["Phase", "Ramp", "RunSettings", "wrong_settings"]


@dataclass(frozen=True, slots=True)
class Ramp:
    """A batch that grows from ``batch`` sequences, evenly with the tokens, over ``tokens``."""

    batch: int
    tokens: float


@dataclass(frozen=True, slots=True)
class Phase:
    """A further phase; 0 and empty where nothing differs from the first."""

    tokens: float
    seq_len: int = 0
    global_batch: int = 0
    layout: str = ""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Settings of a run by `megawatt.run_options.SETTINGS`; None where nothing is said.

    Raises
    ------
    ScenarioError
        If a value is none that its setting may have; names the setting.
    """

    ramp: str | None = None
    phase: tuple[str, ...] = ()
    interruptions: float | None = None
    recovery: str = "automatic"
    spares: int | None = None
    shortage: str = "wait"
    checkpoint: str = "async"
    interval_s: float | None = None
    storage_gb_per_s: float | None = None
    planned_stops: float | None = None

    def __post_init__(self) -> None:
        """Refuse the first wrong value."""
        for problem in wrong_settings({f.name: getattr(self, f.name) for f in fields(self)}):
            raise ScenarioError(f"{problem.path} = {problem.found}; allowed: {problem.allowed}")

    @property
    def said(self) -> tuple[str, ...]:
        """Names of the settings that are not their defaults."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) != f.default)

    @property
    def growing(self) -> Ramp | None:
        """The ramp of the batch."""
        return None if self.ramp is None else _ramp(self.ramp)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Phases after the first."""
        return tuple(_phase(text) for text in self.phase)


def wrong_settings(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything that is wrong with values of `megawatt.run_options.SETTINGS`; None is nothing said."""
    for name, setting in SETTINGS.items():
        value: Any = values.get(name)
        if value is None:
            continue
        if setting.words and value not in setting.words:
            yield Problem(name, shown(value), ", ".join(setting.words))
        elif setting.text:
            for text in value if setting.repeated else [value]:
                yield from _wrong_text(name, text)
        elif not setting.words and not (setting.low <= value <= setting.high and (value > 0.0 or not setting.above)):
            least = "above 0" if setting.above else f"{setting.low:g}"
            yield Problem(name, shown(value), f"{least} to {setting.high:g}")


def _wrong_text(name: str, text: str) -> Iterator[Problem]:
    try:
        _ = _ramp(text) if name == "ramp" else _phase(text)
    except ScenarioError as error:
        found, _, allowed = str(error).partition("; allowed: ")
        yield Problem(name, found.partition(" = ")[2], allowed)


def _ramp(text: str) -> Ramp:
    batch, colon, tokens = text.partition(":")
    start, over = parse_number(batch), parse_number(tokens)
    if not colon or start is None or over is None or start < 1 or start != int(start) or not 0.0 < over <= 1e16:
        raise ScenarioError(f"ramp = {shown(text)}; allowed: BATCH:TOKENS, such as 192:20e9")
    return Ramp(int(start), over)


_WORDS: Final = MappingProxyType({"tokens": "tokens", "seq": "seq_len", "batch": "global_batch", "layout": "layout"})


def _phase(text: str) -> Phase:
    found: dict[str, Any] = {}
    allowed = "tokens=N, and seq=N, batch=N, layout='tp8 cp4', such as tokens=800e9,seq=131072,batch=128"
    wrong = ScenarioError(f"phase = {shown(text)}; allowed: {allowed}")
    for part in filter(None, re.split(r",(?=\s*[a-z]+=)", text)):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or name not in _WORDS or _WORDS[name] in found or not value:
            raise wrong
        if name == "layout":
            found["layout"] = value.strip("'\"")
            continue
        number = parse_number(value)
        most = 1e16 if name == "tokens" else 1e7
        if number is None or not 1 <= number <= most or (name != "tokens" and number != int(number)):
            raise wrong
        found[_WORDS[name]] = number if name == "tokens" else int(number)
    if "tokens" not in found:
        raise wrong
    return Phase(**found)
