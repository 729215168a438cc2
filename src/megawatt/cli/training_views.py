"""Tables and JSON of the commands about training: plans, sweeps, comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from megawatt.cli.output import emit_json

if TYPE_CHECKING:
    from rich.table import Table

    from megawatt.catalogue.records import System
    from megawatt.training import Layouts, Prices, Scaled, StepCost, TrainingPlan

__all__ = ["against_best", "plan_dict", "show_plan", "show_sweep", "sweep_dict"]

_FIELDS: Final = (
    "tp",
    "pp",
    "vpp",
    "cp",
    "ep",
    "etp",
    "dp",
    "micro_batch",
    "zero",
    "recompute",
    "sequence_parallel",
)
CONVENTION: Final = (
    "MFU counts the FLOPs of the model without recompute, attention for the causal half, over the data sheet's rate; "
    "HFU adds what is recomputed."
)


def _layout_dict(layouts: Layouts, row: int) -> dict[str, Any]:
    from megawatt.training import describe_layout

    values = {name: getattr(layouts, name)[row].item() for name in _FIELDS}
    return values | {"text": describe_layout(layouts, row)}


def _cost_dict(cost: StepCost, row: int) -> dict[str, Any]:
    return {
        "step_time_s": float(cost.step_time_s[row]),
        "parts_s": {n: float(v[row]) for n, v in sorted(cost.parts_s.items())},
        "memory_bytes": float(cost.memory_bytes[row]),
        "memory_parts_bytes": {n: float(v[row]) for n, v in sorted(cost.memory_parts_bytes.items())},
        "chip_power_w": float(cost.chip_power_w[row]),
        "energy_j": float(cost.energy_j[row]),
    }


def _listed(found: TrainingPlan, top: int) -> list[tuple[Layouts, StepCost, int, str]]:
    """Layouts and costs with the row to look at, and the precision of each."""
    shown = range(min(top - 1, len(found.runners_up)))
    rest = [(found.runners_up, found.runners_up_cost, i, found.precisions[i + 1]) for i in shown]
    return [(found.layout, found.cost, 0, found.job.precision), *rest]


def plan_dict(system: System, found: TrainingPlan, top: int, prices: Prices | None = None) -> dict[str, Any]:
    """A plan as plain values: the question, figures of the best layout, the listed layouts and why they lose; with
    prices the front has what a step costs."""
    import numpy as np

    from megawatt.training.explain import changed_choices, differences

    layouts = []
    for layout, cost, row, precision in _listed(found, top):
        item = _layout_dict(layout, row) | {"precision": precision} | _cost_dict(cost, row)
        item["slower_by"] = float(cost.step_time_s[row]) / found.step_time_s - 1.0
        item["loses_s"] = {d.part: d.more_s for d in differences(found.cost, cost, row)}
        item["chooses"] = changed_choices(found.layout, layout, row)
        layouts.append(item)
    front = []
    if found.front is not None and found.front_cost is not None:
        overhead = system.overhead_w_per_chip * found.chips
        for i in range(len(found.front)):
            seconds = float(found.front_cost.step_time_s[i])
            energy = float(found.front_cost.energy_j[i]) + overhead * seconds
            item = _layout_dict(found.front, i) | {"precision": found.front_precisions[i]}
            item |= {"step_time_s": seconds, "it_energy_j": energy}
            if prices is not None and prices.known:
                item["usd"] = float(prices.usd(found.chips, np.array(seconds), np.array(energy)))
            front.append(item)
    return {
        "model": found.job.arch.key,
        "system": found.system,
        "chips": found.chips,
        "seq_len": found.job.seq_len,
        "global_batch": found.job.global_batch,
        "precision": found.job.precision,
        "stack": found.stack,
        "offload": list(found.offload),
        "step_time_s": found.step_time_s,
        "tokens_per_s": found.tokens_per_s,
        "tokens_per_s_per_chip": found.tokens_per_s_per_chip,
        "mfu": found.mfu,
        "hfu": found.hfu,
        "flops_convention": CONVENTION,
        "chip_power_w": found.chip_power_w,
        "it_w_per_chip": found.it_w_per_chip,
        "it_energy_j_per_token": found.it_energy_j_per_token,
        "hbm_bytes": system.accelerator.hbm_bytes,
        "considered": found.considered,
        "rejected": dict(found.rejected),
        "layouts": layouts,
        "front": front,
        "assumptions": [
            {
                "name": a.name,
                "value": _finite(a.fact.value),
                "unit": a.fact.unit,
                "kind": a.fact.kind,
                "source": a.fact.source,
            }
            for a in found.assumptions
        ],
    }


def _finite(value: float | str) -> float | str | None:
    """JSON has no infinity: an unlimited number is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(show_header=True, header_style="bold", pad_edge=False, box=None)
    for i, name in enumerate(columns):
        table.add_column(name, justify="left" if i == 0 else "right", overflow="fold")
    return table


def show_plan(system: System, found: TrainingPlan, top: int) -> None:
    """Print the listed layouts, where the best one's time and memory go, and why the runner-up loses."""
    from rich.console import Console

    console = Console(highlight=False)
    job = found.job
    question = f"{job.global_batch:,} sequences of {job.seq_len:,} tokens, {job.precision}, {found.stack}"
    question += f", {' and '.join(found.offload)} in the host's memory" if found.offload else ""
    console.print(
        f"[bold]{job.arch.title or job.arch.key} on {found.chips:,} x {system.accelerator.key}[/bold]: {question}\n"
    )
    console.print(_layout_table(system, found, top))
    console.print()
    console.print(_parts_table(found))
    for line in _why(found):
        console.print(line)
    rejected = ", ".join(f"{n:,} {reason}" for reason, n in sorted(found.rejected.items(), key=lambda i: -i[1]))
    console.print(f"\n{found.considered:,} layouts considered; rejected: {rejected or 'none'}.")
    console.print(CONVENTION, style="dim")


def _layout_table(system: System, found: TrainingPlan, top: int) -> Table:
    from megawatt.training import describe_layout

    table = _table("layout", "step", "tokens/s/chip", "MFU", "memory", "chip power", "IT energy/token")
    peak, several = _peak(system, found.job.precision), len(set(found.precisions)) > 1
    for layout, cost, row, precision in _listed(found, top):
        seconds, watts = float(cost.step_time_s[row]), float(cost.chip_power_w[row])
        ratio = found.step_time_s / seconds
        mfu = found.mfu * ratio * peak / _peak(system, precision)
        per_token = (watts + system.overhead_w_per_chip) / (found.tokens_per_s_per_chip * ratio)
        table.add_row(
            describe_layout(layout, row) + (f", {precision}" if several else ""),
            f"{seconds:.3f} s",
            f"{found.tokens_per_s_per_chip * ratio:,.0f}",
            f"{mfu:.1%}",
            f"{cost.memory_bytes[row] / 1e9:.0f} of {system.accelerator.hbm_bytes / 1e9:.0f} GB",
            f"{watts:,.0f} W",
            f"{per_token:.3g} J",
        )
    return table


def _peak(system: System, precision: str) -> float:
    """Data sheet's rate of the chip in a precision. [FLOP/s]"""
    from megawatt.hardware import peak_precision

    return system.accelerator.peak_flops_per_s[peak_precision(system.accelerator, precision)]


def _parts_table(found: TrainingPlan) -> Table:
    from itertools import zip_longest

    from megawatt.training.explain import shares

    table = _table("where the time goes", "", "", "memory of the fullest chip", "")
    memory = sorted(((n, float(v[0])) for n, v in found.cost.memory_parts_bytes.items()), key=lambda item: -item[1])
    for time, held in zip_longest(shares(found.cost), memory):
        name, seconds, share = time or ("", None, None)
        table.add_row(
            name,
            "" if seconds is None else f"{seconds:.3f} s",
            "" if share is None else f"{share:.1%}",
            held[0] if held else "",
            f"{held[1] / 1e9:.1f} GB" if held else "",
        )
    return table


def _why(found: TrainingPlan) -> list[str]:
    """Sentences: the best layout's efficiencies, and why the runner-up loses."""
    from megawatt.training.explain import changed_choices, differences

    lines = [f"\nMFU {found.mfu:.1%}, HFU {found.hfu:.1%}; critical IT power {found.it_w_per_chip:,.0f} W per chip."]
    if len(found.runners_up):
        gap = float(found.runners_up_cost.step_time_s[0]) - found.step_time_s
        other = ", ".join(changed_choices(found.layout, found.runners_up)) or "the same choices"
        lost = [d for d in differences(found.cost, found.runners_up_cost) if d.more_s > 0.0][:3]
        parts = ", ".join(f"{d.part} +{d.more_s:.3f} s" for d in lost) or "no part"
        won = [d for d in differences(found.cost, found.runners_up_cost) if d.more_s < 0.0][-2:]
        gains = f"; it wins {', '.join(f'{d.part} {d.more_s:.3f} s' for d in reversed(won))}" if won else ""
        lines.append(f"The runner-up ({other}) takes {gap:+.3f} s: {parts}{gains}.")
    return lines


def against_best(found: TrainingPlan, best: TrainingPlan) -> str:
    """A sentence: how a given layout compares with the best of all."""
    from megawatt.training.explain import changed_choices, differences

    other = ", ".join(changed_choices(found.layout, best.layout))
    if not other:
        return "This is the best of all layouts."
    gap = 1.0 - best.step_time_s / found.step_time_s
    lost = [d for d in differences(best.cost, found.cost) if d.more_s > 0.0][:3]
    parts = ", ".join(f"{d.part} -{d.more_s:.3f} s" for d in lost)
    return f"The best of {best.considered:,} layouts takes {best.step_time_s:.3f} s ({gap:.1%} less): {other}; {parts}."


def sweep_dict(scaled: Sequence[Scaled]) -> list[dict[str, Any]]:
    """A sweep as plain values; ``why`` says why there is no plan."""
    rows = []
    for s in scaled:
        row: dict[str, Any] = {"chips": s.chips, "global_batch": s.global_batch, "why": s.why}
        if s.plan is not None:
            row |= {
                "layout": _layout_dict(s.plan.layout, 0),
                "step_time_s": s.plan.step_time_s,
                "tokens_per_s": s.plan.tokens_per_s,
                "mfu": s.plan.mfu,
                "it_energy_j_per_token": s.plan.it_energy_j_per_token,
            }
        rows.append(row)
    return rows


def show_sweep(scaled: Sequence[Scaled], target_s: float | None, as_json: bool) -> None:
    """Print a sweep over chips, and the fewest that meet a target."""
    from rich.console import Console

    from megawatt.training import describe_layout, smallest_within

    best = smallest_within(scaled, target_s) if target_s is not None else None
    if as_json:
        target = {"target_s": target_s, "smallest_chips": best.chips if best else None}
        emit_json("train", [{"sweep": sweep_dict(scaled)} | (target if target_s is not None else {})])
        return
    table = _table("chips", "batch", "step", "tokens/s", "per chip", "MFU", "J/token", "layout")
    first = next((s.plan for s in scaled if s.plan is not None), None)
    for s in scaled:
        if s.plan is None or first is None:
            table.add_row(f"{s.chips:,}", f"{s.global_batch:,}", "-", "-", "-", "-", "-", s.why)
            continue
        table.add_row(
            f"{s.chips:,}",
            f"{s.global_batch:,}",
            f"{s.plan.step_time_s:.3f} s",
            f"{s.plan.tokens_per_s:,.0f}",
            f"{s.plan.tokens_per_s_per_chip / first.tokens_per_s_per_chip:.1%}",
            f"{s.plan.mfu:.1%}",
            f"{s.plan.it_energy_j_per_token:.3g}",
            describe_layout(s.plan.layout),
        )
    Console(highlight=False).print(table)
    if target_s is not None:
        click.echo(
            f"Fewest chips with a step of {target_s:g} s or less: {best.chips if best else 'none of these numbers'}"
        )
