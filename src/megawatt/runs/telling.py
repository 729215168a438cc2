"""A whole run in words and rows, as the command prints it."""

from __future__ import annotations

import math
from typing import Any, Final

from megawatt.errors import counted
from megawatt.runs.records import TrainingRun
from megawatt.units import S_PER_DAY

__all__ = ["figure", "phase_rows", "run_dict", "run_rows", "run_sentences", "run_title"]

_WAITS_FRAC: Final = 0.05
"""Share of a run above which what it waits for is said."""


def figure(value: float) -> str:
    """A figure in words: three digits below a hundred, whole above."""
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def run_title(found: TrainingRun) -> str:
    """Days with their range, tokens and steps."""
    shown = "{:,.1f}" if found.days_low >= 1.0 else "{:.2g}"
    low, days, high = (shown.format(value) for value in (found.days_low, found.days, found.days_high))
    mean = "" if found.days_low <= found.days <= found.days_high else " on average"
    ends = f"{low} to {high}" if found.days_high < math.inf else f"{low} to more than 100 times the work"
    if found.days_low == math.inf:
        ends = "more than 100 times the work"
    return f"The run: {days} days{mean} (80 %: {ends}), {found.tokens:.4g} tokens in {counted(found.steps, 'step')}."


def run_rows(found: TrainingRun) -> list[tuple[str, str, str]]:
    """What the time goes into, its days, its share."""
    wall = found.parts.wall_s
    places = 2 if wall >= S_PER_DAY else 5
    return [(name, f"{s / S_PER_DAY:,.{places}f}", f"{s / wall:.2%}") for name, s in found.shares_s.items()]


def phase_rows(found: TrainingRun) -> list[tuple[str, str, str, str, str]]:
    """Phases: tokens, batch, steps, days of work."""
    return [
        (p.name, f"{p.tokens:.3g}", f"{p.global_batch:,} x {p.seq_len:,}", f"{p.steps:,}",
         f"{p.work_s / S_PER_DAY:,.2f}")
        for p in found.phases
    ]  # fmt: skip


def run_sentences(found: TrainingRun) -> list[str]:
    """Goodput and checkpoints; energy and power."""
    kept, power = found.checkpoint, found.power
    parts = ", ".join(f"{name} {figure(mwh)}" for name, mwh in power.energy_parts_mwh.items())
    waits = found.shares_s["waiting for nodes"] / found.parts.wall_s
    told = [
        f"Of the mean, {waits:.0%} waits for the repair of nodes, in few runs and long: more --spares, or --shortage "
        "elastic, shorten it."
    ]
    return [
        *(told if waits > _WAITS_FRAC else ()),
        f"Goodput {found.goodput:.1%}; {figure(found.failures)} interruptions expected, "
        f"{counted(found.spares, 'spare node')}. "
        f"Checkpoints of {kept.bytes_ / 1e12:.3g} TB every {found.checkpoint_interval_s:,.0f} s of work hold the run "
        f"{kept.stall_s:,.2g} s and take {kept.write_s:,.3g} s to write (best by their stall alone: "
        f"{found.optimal_interval_s:,.0f} s, by Young and Daly {found.young_daly_interval_s:,.0f} s).",
        f"Energy of critical IT {figure(found.energy_mwh)} MWh ({parts}). Power {figure(power.average_mw)} MW on "
        f"average, {figure(power.computing_mw)} computing, {figure(power.saving_mw)} while a checkpoint holds it, "
        f"{figure(power.idle_mw)} idle, {figure(power.peak_mw)} at the caps; a machine "
        f"{power.node_average_w / 1e3:,.2f} kW, {power.node_peak_w / 1e3:,.2f} kW at its cap.",
    ]


def run_dict(found: TrainingRun) -> dict[str, Any]:
    """A run as plain values."""
    power, kept = found.power, found.checkpoint
    return {
        "tokens": found.tokens,
        "steps": found.steps,
        "days": found.days,
        "days_80": [end if end < math.inf else None for end in (found.days_low, found.days_high)],
        "goodput": found.goodput,
        "interruptions": found.failures,
        "parts_s": found.shares_s,
        "spare_nodes": found.spares,
        "spare_chips": found.spare_chips,
        "checkpoint": {
            "bytes": kept.bytes_,
            "write_s": kept.write_s,
            "stall_s": kept.stall_s,
            "interval_s": found.checkpoint_interval_s,
            "young_daly_interval_s": found.young_daly_interval_s,
            "optimal_interval_s": found.optimal_interval_s,
        },
        "phases": [
            {
                "name": p.name,
                "tokens": p.tokens,
                "steps": p.steps,
                "seq_len": p.seq_len,
                "global_batch": p.global_batch,
                "work_s": p.work_s,
                "chip_power_w": p.chip_power_w,
                "layout": p.layout,
            }
            for p in found.phases
        ],
        "energy_mwh": found.energy_mwh,
        "energy_parts_mwh": dict(power.energy_parts_mwh),
        "average_it_mw": power.average_mw,
        "peak_it_mw": power.peak_mw,
        "computing_it_mw": power.computing_mw,
        "saving_it_mw": power.saving_mw,
        "idle_it_mw": power.idle_mw,
        "node_average_w": power.node_average_w,
        "node_peak_w": power.node_peak_w,
        "assumptions": {a.name: a.fact.value for a in found.assumptions if a.name.startswith("training-run.")},
    }
