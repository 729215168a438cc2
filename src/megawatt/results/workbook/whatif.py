"""Scenarios of the cash flow workbook: one switch, and what each setting of it does to prices, use, cost and time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from megawatt.finance.agreements import OperatingTerms
from megawatt.results.workbook.sheet import Book, Scalar

__all__ = ["LEVERS", "add_scenarios", "add_switch", "scenarios"]

LEVERS: Final[Mapping[str, tuple[str, float, str, str]]] = {
    "x_price": ("price of all that is sold, times", 1.0, "", "contract and market; prepayments as they were paid"),
    "x_use": ("use of halls and machines, times", 1.0, "", "what stands empty saves energy where its bill is computed"),
    "x_opex": ("operating cost, times", 1.0, "", ""),
    "x_capex": ("capital spending, times", 1.0, "", "the loan and the sale stay"),
    "x_rate": ("interest a year, added to the loan's rate", 0.0, "", ""),
    "x_late": ("months by which every block is late", 0.0, "months", "spending, lender's dates, project's end stay"),
}
"""Label, value in the base case, unit and note of each lever."""

_MOVES: Final[Mapping[str, Mapping[str, float]]] = {
    "lower price and use": {"x_price": 0.9, "x_use": 0.95},
    "late": {"x_late": 3.0},
    "dearer": {"x_opex": 1.1, "x_capex": 1.05, "x_rate": 0.01},
}
"""What scenarios move; assumed, to be changed."""


def scenarios(operating: OperatingTerms | None) -> dict[str, dict[str, float]]:
    """Every lever in each scenario, by name in the order of the switch.

    Months of delay are there where revenue follows from a contract: monthly inputs cannot move in time.
    """
    late = operating is not None and operating.agreement is not None
    levers = {name: value for name, (_, value, _, _) in LEVERS.items() if late or name != "x_late"}
    moves = {name: move for name, move in _MOVES.items() if late or name != "late"}
    together = {name: value for move in moves.values() for name, value in move.items()}
    named = {"base case": {}, **moves, "all of these": together, "your own": {}}
    return {name: levers | dict(move) for name, move in named.items()}


def add_switch(book: Book, operating: OperatingTerms | None) -> None:
    """The switch and the values of every scenario, as inputs."""
    found = scenarios(operating)
    named = ", ".join(f"{number} {name}" for number, name in enumerate(found, start=1))
    book.add("Inputs", "Scenario", Scalar("scenario", "scenario in use (what if)", 1.0, "", named, choices=len(found)))
    for lever in next(iter(found.values())):
        label, _, unit, note = LEVERS[lever]
        book.add(
            "Inputs",
            f"What if: {label}",
            *(
                Scalar(f"{lever}_{number}", f"{number} {name}", values[lever], unit, note or "assumed")
                for number, (name, values) in enumerate(found.items(), start=1)
            ),
        )


def add_scenarios(book: Book, operating: OperatingTerms | None) -> None:
    """What the scenario in use sets each lever to."""
    found = scenarios(operating)
    for lever, (label, base, unit, _) in LEVERS.items():
        choices = ",".join(f"{{{lever}_{number}}}" for number in range(1, len(found) + 1))
        formula = f"=CHOOSE({{scenario}},{choices})" if lever in found["base case"] else f"={base:g}"
        book.add("Timing", Scalar(lever, f"in use: {label}", formula, unit))
