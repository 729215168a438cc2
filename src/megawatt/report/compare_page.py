"""The page of machines side by side: figures with their ranges, charts, what holds each back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from megawatt.report.figure import Chart, Option, Table, use_colour
from megawatt.report.format import DASH, count, fixed, percent, plain
from megawatt.report.frame import fill

__all__ = ["render_compare"]

_RANGED = (
    ("step_time{}_s", "Step", "s"),
    ("it_energy{}_j_per_token", "Energy of a token", "J"),
    ("usd_per_million_tokens{}", "A million tokens", "USD"),
)
"""Figures that have a range: name with the place of its end, title, unit."""


def render_compare(title: str, lead: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """One offline HTML file on machines side by side.

    Parameters
    ----------
    title, lead : str
        The model; what the machines are equal in.
    rows : sequence of mapping
        Of `megawatt.training.telling.machine_dict`; ``why`` says of a machine that it has no plan.
    """
    planned = [row for row in rows if not row["why"]]
    charts = [_bars(planned, "tokens_per_s", "Tokens", "tokens/s")] if planned else []
    for name, what, unit in _RANGED:
        if planned and all(_named(name, "") in row for row in planned):
            charts.append(_bars(planned, name, what, unit))
    return fill("compare.html", charts, title=title, lead=lead, summary=_summary(rows), charts=charts, held=_held(rows))


def _named(name: str, end: str) -> str:
    """A figure's name, of its low or high end."""
    if name.startswith("usd") and end:
        return name.format(f"_{end}")
    return name.format(f"_{end}" if end else "")


def _bars(rows: Sequence[Mapping[str, Any]], name: str, what: str, unit: str) -> Chart:
    """A bar a machine; ends of the range in the table."""
    values = [float(row[_named(name, "")]) for row in rows]
    keys = [str(row["system"]) for row in rows]
    option: Option = {
        "grid": {"left": 8, "right": 16, "top": 8, "bottom": 40, "containLabel": True},
        "xAxis": {"type": "value", "name": unit, "nameLocation": "middle", "nameGap": 26},
        "yAxis": {"type": "category", "data": keys[::-1], "axisLabel": {"width": 150, "overflow": "break"}},
        "tooltip": {"trigger": "item"},
        "series": [
            {"type": "bar", "name": what,
             "data": [{"value": value, "itemStyle": {"color": use_colour(i)}} for i, value in enumerate(values)][::-1]}
        ],
    }  # fmt: skip
    ends = [tuple(plain(row[_named(name, end)]) if "{" in name else DASH for end in ("low", "high")) for row in rows]
    table = Table(
        ("Machine", unit, "least", "most"),
        tuple((key, plain(value), *end) for key, value, end in zip(keys, values, ends, strict=True)),
    )
    return Chart(
        id=f"compare-{unit.replace('/', '-').lower()}", title=f"{what}, {unit}",
        caption="Best layout of each; the table has the ends of the range when inputs move within theirs, one at a "
        "time.", option=option, table=table, units=(unit,), height_px=90 + 36 * len(rows),
    )  # fmt: skip


def _summary(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = ("Machine", "Chips", "Idle", "Batch", "Step", "Tokens/s", "MFU", "IT power")
    cells = [
        (row["system"], *(DASH for _ in columns[1:])) if row["why"] else
        (row["system"], count(row["chips"]), count(row["idle_chips"]), count(row["global_batch"]),
         fixed(row["step_time_s"], "s", 3), count(row["tokens_per_s"]), percent(row["mfu"], 3),
         fixed(row["it_mw"], "MW", 2))
        for row in rows
    ]  # fmt: skip
    return Table(columns, tuple(cells))


def _held(rows: Sequence[Mapping[str, Any]]) -> Table:
    cells = [
        (row["system"], row["why"], DASH) if row["why"] else
        (row["system"], row["layouts"][0]["short"],
         ", ".join(f"{name} {share:.0%}" for name, share in row["saved_by_twice"].items() if share > 0.0))
        for row in rows
    ]  # fmt: skip
    return Table(("Machine", "Layout, or why there is none", "Twice as much of it saves"), tuple(cells))
