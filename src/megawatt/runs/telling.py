"""A whole run in words and rows, as the command prints it."""

from __future__ import annotations

from typing import Any

from megawatt.runs.records import TrainingRun
from megawatt.units import S_PER_DAY

__all__ = ["phase_rows", "run_dict", "run_rows", "run_sentences", "run_title"]


def run_title(found: TrainingRun) -> str:
    """Days with their range, tokens and steps."""
    span = f"80 %: {found.days_low:,.1f} to {found.days_high:,.1f}"
    return f"The run: {found.days:,.1f} days ({span}), {found.tokens:.4g} tokens in {found.steps:,} steps."


def run_rows(found: TrainingRun) -> list[tuple[str, str, str]]:
    """What the time goes into, its days, its share."""
    wall = found.parts.wall_s
    return [(name, f"{s / S_PER_DAY:,.2f}", f"{s / wall:.2%}") for name, s in found.shares_s.items()]


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
    parts = ", ".join(f"{name} {mwh:,.0f}" for name, mwh in power.energy_parts_mwh.items())
    return [
        f"Goodput {found.goodput:.1%}; {found.failures:,.0f} interruptions expected, {found.spares:,} spare nodes. "
        f"Checkpoints of {kept.bytes_ / 1e12:.3g} TB every {found.checkpoint_interval_s:,.0f} s of work hold the run "
        f"{kept.stall_s:,.2g} s and take {kept.write_s:,.3g} s to write (best by their stall alone: "
        f"{found.optimal_interval_s:,.0f} s, by Young and Daly {found.young_daly_interval_s:,.0f} s).",
        f"Energy of critical IT {found.energy_mwh:,.0f} MWh ({parts}). Power {power.average_mw:,.2f} MW on average, "
        f"{power.computing_mw:,.2f} computing, {power.saving_mw:,.2f} while a checkpoint holds it, "
        f"{power.idle_mw:,.2f} idle, {power.peak_mw:,.2f} at the caps; a machine {power.node_average_w / 1e3:,.2f} kW, "
        f"{power.node_peak_w / 1e3:,.2f} kW at its cap.",
    ]


def run_dict(found: TrainingRun) -> dict[str, Any]:
    """A run as plain values."""
    power, kept = found.power, found.checkpoint
    return {
        "tokens": found.tokens,
        "steps": found.steps,
        "days": found.days,
        "days_80": [found.days_low, found.days_high],
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
