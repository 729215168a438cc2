"""Tables of the commands about training: plans, sweeps, comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from megawatt.cli.output import console, emit_json, say
from megawatt.cli.tables import print_table
from megawatt.errors import counted

if TYPE_CHECKING:
    from megawatt.catalogue.records import System
    from megawatt.training import (
        Alternative,
        Job,
        MemoryAnswer,
        Prices,
        Scaled,
        TrainingPlan,
    )

__all__ = ["against_best", "show_memory", "show_plan", "show_sweep"]


def show_plan(system: System, found: TrainingPlan, top: int, prices: Prices | None = None) -> None:
    """Print the listed layouts, where the best one's time and memory go, and why the runner-up loses."""

    from megawatt.training import alternatives, describe_layout
    from megawatt.training.telling import CONVENTION

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
    if found.sure is not None:
        to.print(found.sure.sentence)
    rejected = ", ".join(f"{n:,} {reason}" for reason, n in sorted(found.rejected.items(), key=lambda i: -i[1]))
    considered = counted(found.considered, "layout")
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
        own = f"Without these choices the best of {counted(best.considered, 'layout')} takes {best.step_time_s:.3f} s"
        return f"{own} ({-given.more_s:.3f} s more)."
    parts = ", ".join(f"{d.part} -{d.more_s:.3f} s" for d in given.lost[:3])
    less = f"{best.step_time_s:.3f} s ({given.saves_frac:.1%} less)"
    return f"The best of {counted(best.considered, 'layout')} takes {less}: {other}; {parts}."


def show_sweep(scaled: Sequence[Scaled], target_s: float | None, as_json: bool) -> None:
    """Print a sweep over chips, and the fewest that meet a target."""

    from megawatt.training import per_chip_fracs, smallest_within
    from megawatt.training.explain import short_layout
    from megawatt.training.telling import sweep_dict

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
    from megawatt.training.telling import memory_dict

    if as_json:
        emit_json("train", [memory_dict(job, found)])
        return
    to = console()
    to.print(f"{job.arch.title or job.arch.key}: {describe_layout(found.layout)}\n")
    rows = [[name, f"{size / 1e9:.1f}", f"{share:.1%}"] for name, size, share in found.shares()]
    print_table(("fullest chip holds", "GB", f"of {found.capacity_bytes / 1e9:.1f} GB"), rows)
    to.print(
        f"\nLoading a checkpoint: sharded, nothing beside these; whole before it is sharded, "
        f"{found.loaded_bytes / 1e9:.1f} GB beside weights, states and reserve, "
        f"{found.loading_bytes / 1e9:.1f} GB in all: "
        f"{'fits' if found.loading_bytes <= found.capacity_bytes else 'does not fit'}."
    )
    if found.fits:
        to.print(f"\nIt fits; {found.free_bytes / 1e9:.1f} GB are free.")
        return
    to.print(f"\nIt does not fit: {abs(found.free_bytes) / 1e9:.1f} GB are missing. Each of these alone:\n")
    changes = [[c.words, f"{c.needed_bytes / 1e9:.1f}", "fits" if c.fits else "does not fit"] for c in found.changes]
    print_table(("change", "GB", ""), changes)
