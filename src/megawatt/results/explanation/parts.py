"""The parts of each figure of a use, out of the tables of its run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.hours import MONTH_NAMES
from megawatt.results.explanation.records import Input, Part, unit_of
from megawatt.risk import drivers

__all__ = ["UseTables", "missed_driver", "plain"]

_S_PER_YEAR: Final = 8760 * 3600
"""Seconds of the year that is dispatched. [s]"""
_LEAST: Final = 1e-9
"""Sums below this are left out of the parts."""


def plain(value: Any) -> float | int | str | None:
    """A value for JSON and tables; an interval in words."""
    if isinstance(value, list | tuple):
        return " to ".join(f"{end:.4g}" for end in value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, int | str) else str(value)


@dataclass(frozen=True)
class UseTables:
    """One use's summary and rows of every table; ``number`` and ``value`` are what is explained."""

    summary: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, NDArray[Any]]]
    number: str = ""
    value: Any = None

    def about(self, number: str, value: Any) -> UseTables:
        """The same, for a figure."""
        return replace(self, number=number, value=value)

    def column(self, table: str, name: str) -> NDArray[Any]:
        """A column of a table."""
        return self.tables[table][name]

    @property
    def grid(self) -> Part:
        """Contracted power."""
        return Part("grid_mw", self.summary["grid_mw"], "MW", "contracted power at the connection")

    def inputs(self) -> dict[str, Input]:
        """Assumptions by name."""
        rows = self.tables["assumptions"]
        count = len(rows["name"])

        def end(name: str, place: int) -> float | None:
            value = float(rows[name][place])
            return None if math.isnan(value) else value

        return {
            str(rows["name"][i]): Input(
                str(rows["name"][i]), str(rows["text"][i]) or end("value", i), str(rows["unit"][i]), end("low", i),
                end("high", i), str(rows["kind"][i]), str(rows["source"][i]), str(rows["note"][i]),
            )
            for i in range(count)
        }  # fmt: skip

    def sums(self, rows: slice, *starts: str) -> tuple[Part, ...]:
        """Sums of the months' columns that start so, over some months."""
        found = {name: float(np.nansum(values[rows])) for name, values in self.tables["monthly"].items()
                 if name.startswith(starts)}  # fmt: skip
        return tuple(Part(name, usd, unit_of(name)) for name, usd in found.items() if abs(usd) > _LEAST)


_ALL: Final = slice(None)
_FLOWS: Final = ("revenue_", "opex_", "prepayment_", "tax_usd", "capex_total", "residual_total")


def of_flows(use: UseTables) -> tuple[Part, ...]:
    """Flows of the base case, summed over all months."""
    return use.sums(_ALL, *_FLOWS)


def of_record(use: UseTables) -> tuple[Part, ...]:
    """Nothing more than what the summary says."""
    return ()


def of_value(use: UseTables) -> tuple[Part, ...]:
    """NPV, what it is spread over, and the flows behind it."""
    npv, grid = float(use.summary["npv_usd"]), float(use.summary["grid_mw"])
    level = float(use.value) * grid / npv if npv else math.nan
    return (
        Part("npv_usd", npv, "USD", "after tax, before debt, at the discount rate; flows of the base case, summed over "
             "all months:", of_flows(use)),
        Part("level_per_year", plain(level), "1/year", "level yearly amount of a dollar of worth, months of operation"),
        use.grid,
    )  # fmt: skip


def of_it_value(use: UseTables) -> tuple[Part, ...]:
    """The value of a grid MW-year, grid and IT power."""
    value = use.summary["headline"]["value_usd_per_grid_mw_year"]["value"]
    return (Part("value_usd_per_grid_mw_year", value, "USD/MW/year"), use.grid,
            Part("it_mw", use.summary["it_mw"], "MW", "critical IT power"))  # fmt: skip


def of_paths(use: UseTables) -> tuple[Part, ...]:
    """How many paths, and what their values hang on."""
    values = use.column("paths", "value_usd_per_grid_mw_year")
    causes = {name: row for name, row in use.tables["paths"].items() if name.startswith("mean_")}
    told = drivers(causes, np.nan_to_num(values))
    ranked = sorted(told.items(), key=lambda item: -abs(item[1]))
    return (
        Part("paths", len(values), "", "simulated; rank correlation of the value with the mean of each factor:",
             tuple(Part(f"{name.removeprefix('mean_')} level", round(r, 3)) for name, r in ranked)),
        Part("mean", float(np.nanmean(values)), "USD/MW/year"),
    )  # fmt: skip


def of_end(use: UseTables) -> tuple[Part, ...]:
    """The input, and its end, at which the least or greatest is found."""
    what = "tokens" if use.number.startswith("tokens") else "value"
    for s in use.summary["sensitivities"]:
        for end in ("low", "high"):
            at = s.get(f"{what}_at_{end}")
            if at is not None and math.isclose(at, float(use.value), rel_tol=1e-12):
                return (Part(s["name"], s[end], s["unit"], f"base {s['base']:,.6g}, range {s['low']:,.6g} to "
                             f"{s['high']:,.6g}"),)  # fmt: skip
    return (Part("base case", use.value, unit_of(use.number), "no range of an input goes beyond it"),)


def of_margin(use: UseTables) -> tuple[Part, ...]:
    """Revenue and cost of the twelve months that the margin is of, found again in the months."""
    months = use.tables["monthly"]
    net = sum(values for name, values in months.items() if name.startswith("revenue_")) - sum(
        values for name, values in months.items() if name.startswith("opex_")
    )
    sums = np.convolve(np.asarray(net, dtype=np.float64), np.ones(12), "valid")
    first = int(np.argmin(np.abs(sums - float(use.value) * float(use.summary["grid_mw"]))))
    year = slice(first, first + 12)
    label = f"{_month(use, first)} to {_month(use, min(first + 11, len(months['month']) - 1))}"
    return (Part("months", label, "", "first twelve with every hall live:", use.sums(year, "revenue_", "opex_")),
            use.grid)  # fmt: skip


def _month(use: UseTables, place: int) -> str:
    months = use.tables["monthly"]
    return f"{MONTH_NAMES[int(months['calendar_month'][place]) - 1]} {int(months['year'][place])}"


def of_tokens(use: UseTables) -> tuple[Part, ...]:
    """Tokens of a year and the energy that is drawn for them."""
    drawn = float(use.column("hourly", "import_mw").sum())
    chip = (use.summary.get("training") or use.summary.get("serving") or {}).get("tokens_per_s_per_chip")
    return (
        Part("tokens", float(use.value) * drawn, "", "of the year: tokens a second of a chip, chips that are on:", (
            Part("tokens_per_s_per_chip", chip, "1/s"), Part("chips", use.summary["chips"]),
            Part("seconds", _S_PER_YEAR, "s"),
        )),
        Part("import_mwh", drawn, "MWh", "energy from the grid"),
    )  # fmt: skip


def of_worst_month(use: UseTables) -> tuple[Part, ...]:
    """The month's flows."""
    name = use.summary["headline"]["worst_month"]["value"]
    place = next(i for i in range(len(use.column("monthly", "month"))) if _month(use, i) == name)
    rows = slice(place, place + 1)
    return (Part("month", name, "", "its flows:", use.sums(rows, "revenue_", "opex_", "interest_paid",
                                                           "principal_paid", "prepayment_")),)  # fmt: skip


def of_missed(use: UseTables) -> tuple[Part, ...]:
    """Paths with a missed payment, with and without a default of the tenant."""
    missed, failed = _missed(use)
    paths, name, count = Part("paths", len(missed)), "paths_with_a_missed_payment", int(missed.sum())
    if not failed.any():
        return paths, Part(name, count)
    return (paths, Part(name, count, "", "of these, by what happened to the tenant:", (
        Part("tenant_fails", int((missed & failed).sum()), "", f"of {int(failed.sum()):,} paths on which it does"),
        Part("tenant_pays", int((missed & ~failed).sum()), "", f"of {int((~failed).sum()):,} others"),
    )))  # fmt: skip


def _missed(use: UseTables) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Paths with a missed payment, and those on which the tenant fails."""
    rows = use.tables["paths"]
    none = np.full(len(next(iter(rows.values()))), -1)
    return rows.get("missed_month", none) >= 0, rows.get("tenant_default_month", none) >= 0


def missed_driver(use: UseTables) -> str:
    """What a missed payment hangs on most, in a sentence: the tenant, or the factor that moves with it."""
    missed, failed = _missed(use)
    if use.summary["headline"]["probability_missed"]["value"] is None:
        return ""
    if not missed.any():
        return "No simulated path misses a payment."
    causes: dict[str, Any] = {
        name.removeprefix("mean_"): row for name, row in use.tables["paths"].items() if name.startswith("mean_")
    }
    causes["the tenant's default"] = failed.astype(np.float64)
    told = drivers(causes, missed.astype(np.float64))
    first, strength = max(told.items(), key=lambda item: abs(item[1]))
    sentence = f"{first} drives it (rank correlation {strength:+.2f} over {len(missed):,} paths)"
    if not failed.any():
        return f"{sentence}."
    share = float((missed & failed).sum() / missed.sum())
    return f"{sentence}; on {share:.0%} of the paths that miss a payment the tenant fails."


def of_cover(use: UseTables) -> tuple[Part, ...]:
    """The month of the least cover, and the twelve months that it counts."""
    cover = use.column("monthly", "dscr")
    place = int(np.nanargmin(cover))
    first = int(np.argmax(use.column("monthly", "service_usd") > 0.0))
    year = slice(max(place - 11, first), place + 1)
    return (Part("month", _month(use, place), "", "its last twelve months with service:",
                 use.sums(year, "cover_cash", "service")),)  # fmt: skip


def of_peak(use: UseTables) -> tuple[Part, ...]:
    """The hour of the greatest draw, and what draws."""
    drawn = use.column("hourly", "import_mw")
    hour = int(np.argmax(drawn))
    names = ("dry_bulb_c", "ai_facility_mw", "mining_facility_mw")
    return (Part("hour", hour, "h", "of the dispatched year, 0 its first:",
                 tuple(Part(n, float(use.column("hourly", n)[hour]), unit_of(n)) for n in ("import_mw", *names))),
            use.grid)  # fmt: skip


def of_pue(use: UseTables) -> tuple[Part, ...]:
    """Energy of machines, and of everything else in the halls."""
    hours = use.tables["hourly"]
    it = float(hours["ai_it_mw"].sum() + hours["mining_it_mw"].sum())
    halls = float(hours["ai_facility_mw"].sum() + hours["mining_facility_mw"].sum())
    beside = {name: float(np.nansum(row)) for name, row in hours.items() if name.startswith("part_")}
    rest = sorted(beside.items(), key=lambda item: -item[1])
    told = [(name.removeprefix("part_").removesuffix("_mw"), mwh) for name, mwh in rest if mwh > _LEAST]
    return (
        Part("facility_mwh", halls, "MWh", "of it:", tuple(Part(name, mwh, "MWh") for name, mwh in told)),
        Part("it_mwh", it, "MWh"),
    )


def of_resale(use: UseTables) -> tuple[Part, ...]:
    """What is sold at the end."""
    return (*use.sums(_ALL, "residual_total"), use.grid)
