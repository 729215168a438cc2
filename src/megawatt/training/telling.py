"""Plans, sweeps and comparisons of training as plain values: what a command prints as JSON, and Python reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from megawatt.catalogue.records import System
from megawatt.training.confidence import nearest_run
from megawatt.training.explain import short_layout
from megawatt.training.fitting import MemoryAnswer
from megawatt.training.machines import Machine
from megawatt.training.other_layouts import Alternative, FrontStep, alternatives, front_steps
from megawatt.training.planning import Prices, describe_layout
from megawatt.training.records import Job, Layouts, StepCost, TrainingPlan
from megawatt.training.scaling import Scaled
from megawatt.training.schedules import schedule_name

__all__ = ["CONVENTION", "machine_dict", "memory_dict", "plan_dict", "sweep_dict"]

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
        "nearest_run": nearest_run(found),
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


def machine_dict(machine: Machine) -> dict[str, Any]:
    """A machine of a comparison as plain values; ``why`` says why it has no plan."""
    row: dict[str, Any] = {"system": machine.system.key, "why": machine.why}
    if machine.plan is None:
        return row
    (low, _, high), (least_j, _, most_j) = machine.step_time_s, machine.j_per_token
    row |= plan_dict(machine.system, machine.plan, 1)
    row |= {
        "step_time_low_s": low,
        "step_time_high_s": high,
        "it_energy_low_j_per_token": least_j,
        "it_energy_high_j_per_token": most_j,
        "most_chips": machine.most_chips,
        "idle_chips": machine.idle_chips,
        "provisioned_it_mw": machine.provisioned_it_mw,
        "it_mw": machine.it_mw,
        "saved_by_twice": dict(machine.saved),
        "widest_inputs": [
            {"name": r.name, "low": r.low, "high": r.high, "step_time_s": [r.step_time_low_s, r.step_time_high_s]}
            for r in machine.ranges[:5]
        ],
    }
    if machine.usd_per_million_tokens is not None:
        low_usd, usd, high_usd = machine.usd_range
        row |= {"usd_per_million_tokens": usd, "usd_per_million_tokens_low": low_usd}
        row |= {"usd_per_million_tokens_high": high_usd}
    return row


def memory_dict(job: Job, found: MemoryAnswer) -> dict[str, Any]:
    """What fills the fullest chip of a layout, and what each change would need, as plain values."""
    return {
        "model": job.arch.key,
        "layout": _layout_dict(found.layout),
        "memory_parts_bytes": dict(found.parts_bytes),
        "memory_bytes": found.needed_bytes,
        "hbm_bytes": found.capacity_bytes,
        "fits": found.fits,
        "checkpoint": {
            "sharded_beside_bytes": 0.0,
            "whole_beside_bytes": found.loaded_bytes,
            "whole_memory_bytes": found.loading_bytes,
            "whole_fits": found.loading_bytes <= found.capacity_bytes,
        },
        "changes": [{"words": c.words, "memory_bytes": c.needed_bytes, "fits": c.fits} for c in found.changes],
    }
