"""Tables and JSON of the commands about training: plans, sweeps, comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from megawatt.cli.output import console, emit_json, say
from megawatt.cli.tables import print_table
from megawatt.errors import counted

if TYPE_CHECKING:
    from megawatt.catalogue.records import System
    from megawatt.training import (
        Alternative,
        FrontStep,
        Job,
        Layouts,
        MemoryAnswer,
        Prices,
        Scaled,
        StepCost,
        TrainingPlan,
    )

__all__ = ["against_best", "plan_dict", "show_memory", "show_plan", "show_sweep", "sweep_dict"]

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
    "zero_group",
    "cp_exchange",
    "first_layers",
    "last_layers",
)
CONVENTION: Final = (
    "MFU counts the FLOPs of the model without recompute, attention for the causal half, over the data sheet's rate; "
    "HFU adds what is recomputed."
)


def _layout_dict(layouts: Layouts) -> dict[str, Any]:
    from megawatt.training import describe_layout, schedule_name
    from megawatt.training.explain import short_layout

    values = {name: getattr(layouts, name)[0].item() for name in _FIELDS}
    words = {"text": describe_layout(layouts), "short": short_layout(layouts)}
    return values | {"schedule": schedule_name(layouts.schedule[0]) or None} | words


def _cost_dict(cost: StepCost) -> dict[str, Any]:
    return {
        "step_time_s": float(cost.step_time_s[0]),
        "parts_s": {n: float(v[0]) for n, v in sorted(cost.parts_s.items())},
        "memory_bytes": float(cost.memory_bytes[0]),
        "memory_parts_bytes": {n: float(v[0]) for n, v in sorted(cost.memory_parts_bytes.items())},
        "chip_power_w": float(cost.chip_power_w[0]),
        "energy_j": float(cost.energy_j[0]),
    }


def _alternative_dict(one: Alternative) -> dict[str, Any]:
    return {
        **_layout_dict(one.layout),
        "precision": one.precision,
        **_cost_dict(one.cost),
        "slower_by": one.slower_by,
        "usd_per_million_tokens": one.usd_per_million_tokens,
        "loses_s": {d.part: d.more_s for d in one.loses},
        "chooses": list(one.chooses),
    }


def _front_dict(one: FrontStep) -> dict[str, Any]:
    figures = {"precision": one.precision, "step_time_s": one.step_time_s, "it_energy_j": one.it_energy_j}
    return _layout_dict(one.layout) | figures | ({} if one.usd is None else {"usd": one.usd})


def plan_dict(system: System, found: TrainingPlan, top: int, prices: Prices | None = None) -> dict[str, Any]:
    """A plan as plain values: the question, figures of the best layout, the listed layouts and why they lose; with
    prices the front has what a step costs."""
    from megawatt.training import alternatives, front_steps

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
        "layouts": [_alternative_dict(one) for one in alternatives(found, system, top, prices)],
        "evidence": dict(found.evidence),
        "rests_on": found.rests_on,
        "notes": list(found.notes),
        "front": [_front_dict(one) for one in front_steps(found, system, prices)],
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


def _finite(value: float | str) -> float | str:
    """JSON has no infinity: the word stands for it that `show` uses too."""
    return "unlimited" if isinstance(value, float) and not math.isfinite(value) else value


def show_plan(system: System, found: TrainingPlan, top: int, prices: Prices | None = None) -> None:
    """Print the listed layouts, where the best one's time and memory go, and why the runner-up loses."""

    from megawatt.training import alternatives, describe_layout

    to = console()
    job = found.job
    question = f"{counted(job.global_batch, 'sequence')} of {job.seq_len:,} tokens, {job.precision}, {found.stack}"
    host = f", {' and '.join(found.offload)} in the host's memory" if found.offload else ""
    title = f"{job.arch.title or job.arch.key} on {found.chips:,} x {system.accelerator.key}"
    to.print(f"{title}: {question}{host}\n", style="bold")
    # The runner-up's loss is told even where the best layout alone is listed.
    listed = alternatives(found, system, max(top, 2), prices)
    _print_layouts(system, found, listed[:top])
    to.print(f"\nBest: {describe_layout(found.layout)}.\n")
    _print_parts(found)
    for line in (*_why(found, listed), *found.notes):
        to.print(line)
    rests = "; ".join(f"{name}: {what}" for name, what in found.evidence.items())
    to.print(f"Times rest on ({found.rests_on}): {rests}.")
    rejected = ", ".join(f"{n:,} {reason}" for reason, n in sorted(found.rejected.items(), key=lambda i: -i[1]))
    considered = "1 layout" if found.considered == 1 else f"{found.considered:,} layouts"
    to.print(f"\n{considered} considered; rejected: {rejected or 'none'}.")
    to.print(CONVENTION, style="dim")


def _print_layouts(system: System, found: TrainingPlan, listed: Sequence[Alternative]) -> None:
    from megawatt.training.explain import short_layout

    several = len(set(found.precisions)) > 1
    rows = [
        (
            " ".join([short_layout(one.layout), *([one.precision] if several else [])]),
            f"{one.step_time_s:.3f} s",
            f"{one.tokens_per_s_per_chip:,.0f}",
            f"{one.mfu:.1%}",
            f"{one.cost.memory_bytes[0] / 1e9:.0f}/{system.accelerator.hbm_bytes / 1e9:.0f} GB",
            f"{one.it_energy_j_per_token:.3g}",
            *([] if one.usd_per_million_tokens is None else [f"{one.usd_per_million_tokens:.4g}"]),
        )
        for one in listed
    ]
    usd = [] if listed[0].usd_per_million_tokens is None else ["$/M tok"]
    print_table(("layout", "step", "tok/s/chip", "MFU", "memory", "J/token", *usd), rows, fold="layout")


def _print_parts(found: TrainingPlan) -> None:
    from itertools import zip_longest

    from megawatt.training.explain import shares

    memory = sorted(((n, float(v[0])) for n, v in found.cost.memory_parts_bytes.items()), key=lambda item: -item[1])
    rows = [
        (
            time[0] if time else "",
            f"{time[1]:.3f}" if time else "",
            f"{time[2]:.1%}" if time else "",
            held[0] if held else "",
            f"{held[1] / 1e9:.1f}" if held else "",
        )
        for time, held in zip_longest(shares(found.cost), memory)
    ]
    columns = ("time of a step", "s", "share", "fullest chip holds", "GB")
    print_table(columns, rows, left=("fullest chip holds",))


def _why(found: TrainingPlan, listed: Sequence[Alternative]) -> list[str]:
    """Sentences: the best layout's efficiencies, and why the runner-up loses."""
    power = f"chip power {found.chip_power_w:,.0f} W, critical IT power {found.it_w_per_chip:,.0f} W per chip"
    lines = [f"\nMFU {found.mfu:.1%}, HFU {found.hfu:.1%}; {power}."]
    for second in listed[1:2]:
        other = ", ".join(second.chooses) or "the same choices"
        parts = ", ".join(f"{d.part} +{d.more_s:.3f} s" for d in second.lost[:3]) or "no part"
        gains = ", ".join(f"{d.part} {d.more_s:.3f} s" for d in second.won[:2])
        wins = f"; it wins {gains}" if gains else ""
        lines.append(f"The runner-up ({other}) takes {second.more_s:+.3f} s: {parts}{wins}.")
    return lines


def against_best(best: TrainingPlan, given: Alternative) -> str:
    """A sentence: how a given layout compares with the best of all."""
    from megawatt.training.explain import changed_choices

    other = ", ".join(changed_choices(given.layout, best.layout))
    if not other:
        return "This is the best of all layouts."
    if given.more_s < 0.0:
        own = f"Without these choices the best of {best.considered:,} layouts takes {best.step_time_s:.3f} s"
        return f"{own} ({-given.more_s:.3f} s more)."
    parts = ", ".join(f"{d.part} -{d.more_s:.3f} s" for d in given.lost[:3])
    less = f"{best.step_time_s:.3f} s ({given.saves_frac:.1%} less)"
    return f"The best of {best.considered:,} layouts takes {less}: {other}; {parts}."


def sweep_dict(scaled: Sequence[Scaled]) -> list[dict[str, Any]]:
    """A sweep as plain values; ``why`` says why there is no plan."""
    rows = []
    for s in scaled:
        row: dict[str, Any] = {"chips": s.chips, "global_batch": s.global_batch, "why": s.why}
        if s.plan is not None:
            row |= {
                "layout": _layout_dict(s.plan.layout),
                "step_time_s": s.plan.step_time_s,
                "tokens_per_s": s.plan.tokens_per_s,
                "mfu": s.plan.mfu,
                "it_energy_j_per_token": s.plan.it_energy_j_per_token,
            }
        rows.append(row)
    return rows


def show_sweep(scaled: Sequence[Scaled], target_s: float | None, as_json: bool) -> None:
    """Print a sweep over chips, and the fewest that meet a target."""

    from megawatt.training import per_chip_fracs, smallest_within
    from megawatt.training.explain import short_layout

    best = smallest_within(scaled, target_s) if target_s is not None else None
    if as_json:
        target = {"target_s": target_s, "smallest_chips": best.chips if best else None}
        emit_json("train", [{"sweep": sweep_dict(scaled)} | (target if target_s is not None else {})])
        return
    batches = {s.global_batch for s in scaled}
    columns = (
        "chips",
        *(["batch"] if len(batches) > 1 else []),
        "step",
        "tokens/s",
        "per chip",
        "MFU",
        "J/token",
        "layout",
    )
    rows = []
    for s, share in zip(scaled, per_chip_fracs(scaled), strict=True):
        row = [f"{s.chips:,}", *([f"{s.global_batch:,}"] if len(batches) > 1 else [])]
        if s.plan is None or share is None:
            rows.append([*row, "-", "-", "-", "-", "-", s.why])
            continue
        row += [f"{s.plan.step_time_s:.3f} s", f"{s.plan.tokens_per_s:,.0f}", f"{share:.1%}", f"{s.plan.mfu:.1%}"]
        rows.append([*row, f"{s.plan.it_energy_j_per_token:.3g}", short_layout(s.plan.layout)])
    if len(batches) == 1:
        say(f"{scaled[0].global_batch:,} sequences a step")
    print_table(columns, rows, fold="layout")
    if target_s is not None:
        say(f"Fewest chips with a step of {target_s:g} s or less: {best.chips if best else 'none of these numbers'}")


def show_memory(job: Job, found: MemoryAnswer, as_json: bool) -> None:
    """Print what fills the fullest chip of a layout and, where it does not fit, what each change would need."""
    from megawatt.training import describe_layout

    if as_json:
        emit_json("train", [{
            "model": job.arch.key,
            "layout": _layout_dict(found.layout),
            "memory_parts_bytes": dict(found.parts_bytes),
            "memory_bytes": found.needed_bytes,
            "hbm_bytes": found.capacity_bytes,
            "fits": found.fits,
            "changes": [{"words": c.words, "memory_bytes": c.needed_bytes, "fits": c.fits} for c in found.changes],
        }])  # fmt: skip
        return
    to = console()
    to.print(f"{job.arch.title or job.arch.key}: {describe_layout(found.layout)}\n")
    rows = [[name, f"{size / 1e9:.1f}", f"{share:.1%}"] for name, size, share in found.shares()]
    print_table(("fullest chip holds", "GB", f"of {found.capacity_bytes / 1e9:.1f} GB"), rows)
    if found.fits:
        to.print(f"\nIt fits; {found.free_bytes / 1e9:.1f} GB are free.")
        return
    to.print(f"\nIt does not fit: {abs(found.free_bytes) / 1e9:.1f} GB are missing. Each of these alone:\n")
    changes = [[c.words, f"{c.needed_bytes / 1e9:.1f}", "fits" if c.fits else "does not fit"] for c in found.changes]
    print_table(("change", "GB", ""), changes)
