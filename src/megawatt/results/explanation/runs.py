"""Figures of a run folder explained from what the run recorded: summary, months, hours, paths, assumptions, moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from megawatt.chain.records import MISSED_PATHS, Comparison
from megawatt.errors import ScenarioError, shown
from megawatt.files import read_json
from megawatt.results.explanation import parts
from megawatt.results.explanation.parts import UseTables
from megawatt.results.explanation.records import Explanation, Input, Mover, Part, by_move, unit_of
from megawatt.results.glossary import FIGURES
from megawatt.results.parquet import read_columns
from megawatt.results.tables import tables_of
from megawatt.results.view import summary_of

__all__ = ["RunTables", "explain_run", "explained", "run_tables", "tables_in_memory"]

_TABLES: Final = ("monthly", "hourly", "paths", "assumptions")


@dataclass(frozen=True)
class RunTables:
    """What a run recorded: its summary and its tables, by name."""

    summary: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, Any]]

    def use(self, name: str) -> UseTables:
        """One use of the run: the first where no name is given.

        Raises
        ------
        ScenarioError
            If there is no use of that name.
        """
        name = name or next(iter(self._uses))
        if name not in self._uses:
            raise ScenarioError(f"use {shown(name)}; allowed: {', '.join(self._uses)}")
        return self._uses[name]

    @cached_property
    def _uses(self) -> dict[str, UseTables]:
        """Every use with its own rows."""
        own = {table: np.asarray(columns["use"]) for table, columns in self.tables.items()}
        return {
            str(use["name"]): UseTables(use, {
                table: {column: np.asarray(values)[own[table] == use["name"]] for column, values in columns.items()}
                for table, columns in self.tables.items()
            })
            for use in self.summary["uses"]
        }  # fmt: skip


def run_summary(folder: Path) -> dict[str, Any]:
    """The summary of a run folder, its uses with names.

    Raises
    ------
    ScenarioError
        If the folder is none of `megawatt plan`.
    """
    path = folder / "summary.json"
    summary: dict[str, Any] = read_json(path, _RUN)
    uses = summary.get("uses")
    if not (isinstance(uses, list) and uses and all(isinstance(use, dict) and "name" in use for use in uses)):
        raise ScenarioError(f"{path}: uses = {shown(uses)}; allowed: {_RUN}")
    return summary


def run_tables(folder: Path) -> RunTables:
    """What a run folder holds.

    Raises
    ------
    ScenarioError
        If it is none of `megawatt plan`.
    """
    return RunTables(run_summary(folder), {name: read_columns(folder / f"{name}.parquet") for name in _TABLES})


def tables_in_memory(comparison: Comparison) -> RunTables:
    """What a comparison would leave in its run folder."""
    tables = {table.name: table.columns for table in tables_of(comparison)}
    return RunTables(summary_of(comparison), tables)


_RUN: Final = "a run folder of megawatt plan"
_Parts = Callable[[UseTables], tuple[Part, ...]]
_FIGURES: Final[Mapping[str, tuple[str, _Parts]]] = {
    "value_usd_per_grid_mw_year": (
        "the level yearly amount over the months of operation that is worth as much as the project (NPV after tax, "
        "before debt), over the contracted grid power", parts.of_value,
    ),
    "value_p5": ("of the simulated paths' values, the one that 5 % are below", parts.of_paths),
    "value_p95": ("of the simulated paths' values, the one that 95 % are below", parts.of_paths),
    "value_low": ("the least value when each input goes to the ends of its range, one at a time", parts.of_end),
    "value_high": ("the greatest value when each input goes to the ends of its range, one at a time", parts.of_end),
    "value_usd_per_it_mw_year": ("the value of a grid MW-year times grid power over IT power", parts.of_it_value),
    "margin_usd_per_grid_mw_year": (
        "revenue less operating cost of the twelve months, over the contracted grid power", parts.of_margin,
    ),
    "tokens_per_grid_mwh": ("tokens a second of all chips times the seconds of a year, over the year's energy from the "
                            "grid", parts.of_tokens),
    "tokens_low": ("the fewest tokens when each input goes to the ends of its range", parts.of_end),
    "tokens_high": ("the most tokens when each input goes to the ends of its range", parts.of_end),
    "worst_month": ("the month of operation with the least cash after debt service", parts.of_worst_month),
    "worst_month_usd": ("cash available for debt service less interest and principal of that month",
                        parts.of_worst_month),
    "probability_missed": ("paths on which a payment is owed and not paid after all cash and reserves, over all paths",
                           parts.of_missed),
    "probability_missed_interval": ("Wilson's interval of that share: error of the simulation alone", parts.of_missed),
    "min_dscr": (
        "the least, over the months, of cash before debt service (tax as it accrues) over interest and instalments "
        "due, each of the last twelve months", parts.of_cover,
    ),
    "peak_mw": ("the greatest draw from the grid of any hour, AI halls with every chip busy", parts.of_peak),
    "pue": ("energy of the halls over energy of the machines, hour by hour, the year's sums", parts.of_pue),
    "project_irr": ("the rate at which the project's flows after tax and before debt are worth nothing",
                    parts.of_flows),
    "resale_usd_per_grid_mw_year": ("the sale of what is left, as the level yearly amount of its worth, over the grid "
                                    "power", parts.of_resale),
}  # fmt: skip
"""How each headline figure is worked out, and its parts out of the run's own tables; a test holds them together."""

_MOVES: Final[Mapping[str, str]] = {
    "tokens_per_grid_mwh": "tokens", "tokens_low": "tokens", "tokens_high": "tokens", "min_dscr": "dscr",
    "llcr": "llcr", "probability_missed": "missed", "probability_missed_interval": "missed",
}  # fmt: skip
"""Which figure's moves a run recorded for a figure; the value's for all others."""
_VALUE: Final = "value_usd_per_grid_mw_year"
_OF_PARTNER: Final[Mapping[str, tuple[str, str]]] = {
    "equity_usd": ("USD", "its share of what owners put in, base case (partnership.equity_frac)"),
    "received_usd": ("USD", "its share of distributions (partnership.cash_frac, after the flip cash_after_frac)"),
    "tax_usd": ("USD", "tax on its share of income less losses and credits, below 0 what it saves; 0 where the project "
                "pays (partnership.taxed)"),
    "npv_usd": ("USD", "worth of what it receives, less what it puts in and its tax, at the project's discount rate"),
    "irr": ("1/year", "the rate at which what it receives, less what it puts in and its tax, is worth nothing"),
}  # fmt: skip
"""What a partner of ``[partnership]`` has of a run: a figure's unit and meaning."""
_WORTH: Final = (_VALUE, "value_p5", "value_p95", "value_low", "value_high",
                 "value_usd_per_it_mw_year", "npv_usd")  # fmt: skip
"""Figures that move as the value does."""


def explained(use: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Every figure of a use's summary that can be explained, by name, as value, unit and meaning."""
    found: dict[str, Mapping[str, Any]] = dict(use["headline"])
    found |= dict(use.get("unit_costs") or {})
    for name, value in {**use, **(use.get("lender") or {}), **(use.get("training") or {})}.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            found.setdefault(name, {"value": value, "unit": unit_of(name), "means": FIGURES.get(name, "")})
    both = (use.get("partners") or {}).get("partners", ())
    for role, partner in zip(("investor", "sponsor"), both, strict=False):
        for name, (unit, words) in _OF_PARTNER.items():
            found[f"{role}_{name}"] = {"value": partner[name], "unit": unit, "means": f"{partner['name']}: {words}"}
    return found


def explain_run(run: RunTables, number: str, use: str = "") -> Explanation:
    """Where a figure of a run comes from.

    Parameters
    ----------
    run : RunTables
        From `run_tables`.
    number : str
        A figure's name, or ``USE.NAME``.
    use : str
        Use of the run; empty: the first.

    Raises
    ------
    ScenarioError
        If there is no such figure; names the nearest.
    """
    head, dot, tail = number.partition(".")
    if dot and any(head == one["name"] for one in run.summary["uses"]):
        use, number = head, tail
    tables = run.use(use)
    figures = explained(tables.summary)
    if number not in figures:
        import difflib

        near = difflib.get_close_matches(number, figures, 1)
        raise ScenarioError(f"{shown(number)}: no figure{f' ({near[0]}?)' if near else ''}; allowed: "
                            f"{', '.join(figures)}")  # fmt: skip
    figure = figures[number]
    formula, made = _FIGURES.get(number, (str(figure.get("means", "")), parts.of_record))
    value = figure.get("value")
    moved = _MOVES.get(number, "value")
    movers = _movers(tables.summary, moved)
    inputs = by_move(movers, _inputs(tables, figure, number))
    own = moved != "value" or number in _WORTH
    if not own:
        rest = {one.name for one in inputs}
        movers = tuple(mover for mover in movers if mover.name in rest)
    of = _moved(moved, number)
    words = str(figure.get("means") or "")
    return Explanation(
        str(tables.summary["name"]), number, parts.plain(value), str(figure.get("unit", "")),
        f"{words}: {figure['why_none']}" if figure.get("why_none") else words, formula,
        driver=_driver(tables, number, movers if own else (), of),
        parts=() if value is None else made(tables.about(number, value)),
        movers=movers, moved=of if movers else "", inputs=inputs,
    )  # fmt: skip


def _moved(what: str, number: str) -> str:
    """What the moves are of, where it is not the figure itself."""
    if what == "missed":
        return f"the share of {MISSED_PATHS} paths of the same seed, one of which is {1.0 / MISSED_PATHS:.2%}"
    return _VALUE if what == "value" and number != _VALUE else ""


def _movers(use: Mapping[str, Any], what: str) -> tuple[Mover, ...]:
    rows = [
        Mover(s["name"], s["unit"], s["low"], s["base"], s["high"], s.get(f"{what}_at_low"), s.get(f"{what}_at_high"))
        for s in use["sensitivities"]
    ]
    return tuple(sorted((row for row in rows if row.swing > 0.0), key=lambda row: (-row.swing, row.name)))


def _inputs(tables: UseTables, figure: Mapping[str, Any], number: str) -> list[Input]:
    """Inputs of the rooms that the figure rests on; of what has none recorded, those that move it."""
    rows = tables.inputs()
    names = figure.get("rests_on")
    if names is None:
        names = [s["name"] for s in tables.summary["sensitivities"]]
    return [rows[name] for name in names if name in rows]


def _driver(tables: UseTables, number: str, movers: tuple[Mover, ...], of: str) -> str:
    """What the figure hangs on most, in a sentence; ``of``: the figure whose moves they are, where it is another."""
    if number.startswith("probability_missed"):
        return parts.missed_driver(tables)
    if not movers:
        return ""
    first = movers[0]
    ends = f"{first.at_low:,.6g} at {first.low:,.6g} and {first.at_high:,.6g} at {first.high:,.6g} {first.unit}"
    return f"{first.name} moves {of or 'it'} most: {ends.rstrip()}."
