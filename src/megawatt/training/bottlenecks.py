"""What holds a step back: the share of it that twice as much of one thing would save, each tried in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from megawatt.catalogue.memo import Memo
from megawatt.catalogue.records import System
from megawatt.errors import InfeasibleError
from megawatt.training.planning import plan
from megawatt.training.practice import practice_for
from megawatt.training.records import TrainingPlan
from megawatt.training.step import step_cost

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["savings"]


def _doubled(system: System) -> dict[str, System]:
    """The machine with twice as much of one thing at a time."""
    chip = system.accelerator

    def other(**fields: Any) -> System:
        return replace(system, accelerator=replace(chip, **fields))

    links = tuple(replace(link, link_bytes_per_s=2.0 * link.link_bytes_per_s) for link in system.links)
    return {
        "FLOPs": other(peak_flops_per_s={name: 2.0 * rate for name, rate in chip.peak_flops_per_s.items()}),
        "memory rate": other(hbm_bytes_per_s=2.0 * chip.hbm_bytes_per_s),
        "links": replace(system, links=links),
        "power": other(power_cap_w=2.0 * chip.power_cap_w),
    }


def savings(found: TrainingPlan, system: System, catalogue: Catalogue, asked: Mapping[str, Any]) -> dict[str, float]:
    """Share of the step that twice the FLOPs, memory rate, links, power or memory size would save, and that a host
    which never keeps the chip waiting would; the largest first.

    Rates and power: the same layout on such a machine. Memory size: the best layout on it, since more memory changes
    nothing but the choice.

    Parameters
    ----------
    found : TrainingPlan
        The plan.
    system, catalogue : System, Catalogue
        Its machine.
    asked : mapping
        What `plan` was asked beside job, machine and chips.
    """
    set_up: dict[str, Any] = {"stack": found.stack, "offload": found.offload, "optimizer": found.optimizer}
    saved = {"host": float(found.cost.parts_s["host"][0]) / found.step_time_s if "host" in found.cost.parts_s else 0.0}
    facts, made = Memo(catalogue), partial(practice_for, jobs=[found.job], **set_up)
    for name, other in _doubled(system).items():
        practice = facts("practice", made, other)
        # Its memory is the plan's.
        memory = dict(found.cost.memory_parts_bytes)
        cost = step_cost(found.job, other, found.layout, practice=practice, memory=memory)
        saved[name] = 1.0 - float(cost.step_time_s[0]) / found.step_time_s
    chip = replace(system.accelerator, hbm_bytes=2.0 * system.accelerator.hbm_bytes)
    try:
        larger = plan(found.job, replace(system, accelerator=chip), found.chips, catalogue=catalogue, **asked)
        saved["memory size"] = 1.0 - larger.step_time_s / found.step_time_s
    except InfeasibleError:
        saved["memory size"] = 0.0
    return dict(sorted(((name, max(share, 0.0)) for name, share in saved.items()), key=lambda item: -item[1]))
