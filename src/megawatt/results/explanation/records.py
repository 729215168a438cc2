"""The tree of a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from megawatt.words import amount

__all__ = ["Explanation", "Input", "Mover", "Part", "unit_of"]

_ENDINGS = (
    ("usd_per_grid_mw_year", "USD/MW/year"), ("usd_per_it_mw_year", "USD/MW/year"),
    ("usd_per_kw_month", "USD/kW/month"),
    ("usd_per_chip_hour", "USD/hour"), ("usd_per_million_tokens", "USD"), ("usd_per_ph_day", "USD/PH/day"),
    ("tokens_per_s_per_chip", "1/s"), ("tokens_per_grid_mwh", "1/MWh"), ("tokens_per_s", "1/s"),
    ("usd_per_mwh", "USD/MWh"),
    ("usd_per_btc", "USD/BTC"), ("l_per_kwh", "L/kWh"), ("j_per_token", "J"), ("eh_per_s", "EH/s"),
    ("per_year", "1/year"),
    ("_usd", "USD"), ("_mwh", "MWh"), ("_mw", "MW"), ("_m3", "m3"), ("_bytes", "byte"), ("_hours", "h"),
    ("_months", "month"),
    ("_days", "day"), ("_w", "W"), ("_s", "s"), ("_c", "degC"), ("_btc", "BTC"), ("_t", "t"), ("_j", "J"), ("_l", "L"),
)  # fmt: skip
"""Units by the end of a name, longer ends first."""


def unit_of(name: str) -> str:
    """The unit that a name ends in; empty where it has none."""
    return next((unit for end, unit in _ENDINGS if name.endswith(end)), "")


@dataclass(frozen=True, slots=True)
class Part:
    """A number that a figure is made of, and what it is itself made of."""

    name: str
    value: float | int | str | None
    unit: str = ""
    words: str = ""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Input:
    """An input with its source."""

    name: str
    value: float | str | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    kind: str = ""
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Mover:
    """An input at both ends of its range, and what the figure is there."""

    name: str
    unit: str
    low: float
    base: float
    high: float
    at_low: float | None
    at_high: float | None

    @property
    def swing(self) -> float:
        """How far the figure moves between the ends."""
        return 0.0 if self.at_low is None or self.at_high is None else abs(self.at_high - self.at_low)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a figure comes from.

    Attributes
    ----------
    use, name : str
        Of the run.
    value : float, str or None
        The figure; None where there is none, and ``words`` says why.
    unit, words, formula : str
        Its unit, what it means, how it is worked out.
    driver : str
        What it hangs on most, in a sentence; empty where that was not recorded.
    parts : tuple of Part
        What it is made of.
    movers : tuple of Mover
        Inputs at the ends of their ranges, the largest move first.
    moved : str
        What the movers move, where it is another figure.
    inputs : tuple of Input
        What it rests on: those that move it first.
    """

    use: str
    name: str
    value: float | int | str | None
    unit: str
    words: str
    formula: str
    driver: str = ""
    parts: tuple[Part, ...] = ()
    movers: tuple[Mover, ...] = ()
    moved: str = ""
    inputs: tuple[Input, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def tree(self) -> Iterator[tuple[int, str]]:
        """The parts in words, each with the columns that it stands in."""
        yield from _lines(self.parts, _INDENT)


_INDENT: Final = 2
"""Columns that a part stands right of what it is a part of."""


def _lines(parts: Sequence[Part], indent: int) -> Iterator[tuple[int, str]]:
    for part in parts:
        words = [part.name if part.value is None else f"{part.name} {amount(part.value, part.unit)}", part.words]
        yield indent, ", ".join(filter(None, words))
        yield from _lines(part.parts, indent + _INDENT)


def by_move(movers: Sequence[Mover], inputs: Sequence[Input]) -> tuple[Input, ...]:
    """Inputs in the order in which they move a figure; the others after them, as they came."""
    place = {mover.name: number for number, mover in enumerate(movers)}
    return tuple(sorted(inputs, key=lambda one: place.get(one.name, len(place))))
