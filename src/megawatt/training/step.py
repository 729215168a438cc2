"""Time, memory, power and energy of one optimizer step, over arrays of layouts."""

from __future__ import annotations

from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import System
from megawatt.hardware import chip_power_w
from megawatt.training.activations import Activations
from megawatt.training.exchange import exchange_s
from megawatt.training.memory import layout_memory, total_bytes
from megawatt.training.offload import offload_s
from megawatt.training.pipeline import pace
from megawatt.training.practice import Practice
from megawatt.training.records import Job, Layouts, StepCost
from megawatt.training.tables import LayerTables, layer_tables

__all__ = ["MEMORY_REASON", "micro_batches", "step_cost", "step_memory"]


MEMORY_REASON: Final = "memory"
_MEMORY: Final = ("vector", "optimizer")
_COMMUNICATION: Final = ("tp", "cp", "ep", "pp", "dp", "shard", "offload")


def micro_batches(layouts: Layouts, global_batch: int) -> FloatArray:
    """Micro-batches per replica and step, shape (n,); the last one of a replica may be short."""
    return np.ceil(global_batch / (layouts.dp * layouts.micro_batch).astype(np.float64))


def step_memory(
    job: Job,
    system: System,
    layouts: Layouts,
    *,
    practice: Practice,
    activations: Activations | None = None,
) -> dict[str, FloatArray]:
    """Memory of the fullest chip by part, the reserve included. [B], arrays of shape (n,)

    ``activations``: of these layouts (kinds, n), where they are known.
    """
    job = job.on(system.accelerator)
    count = micro_batches(layouts, job.global_batch)
    return layout_memory(job, layouts, practice, micro_batches=count, activations=activations)


def step_cost(
    job: Job,
    system: System,
    layouts: Layouts,
    *,
    practice: Practice,
    tables: LayerTables | None = None,
    memory: dict[str, FloatArray] | None = None,
) -> StepCost:
    """Cost of one optimizer step of each layout.

    t = n_micro * t_stage + (t_model - t_stage) / vpp + messages of the pipeline + exposed gradient and weight exchange
    + optimizer: the slowest stage sets the pace, the rest of one micro-batch's way through the model is the bubble
    (1F1B, divided by the number of virtual stages when interleaved; other schedules in `megawatt.training.pipeline`).
    Every part is of exposed time, so they add up.

    Parameters
    ----------
    job : Job
        What is trained.
    system : System
        The machine.
    layouts : Layouts
        Arrays of shape (n,).
    practice : Practice
        Achieved shares and stack.
    tables : LayerTables, optional
        Layer costs of these layouts, where they are known from a larger search.
    memory : dict, optional
        Their `step_memory`, where it is known.

    Returns
    -------
    StepCost
        Arrays of shape (n,). ``feasible`` looks at memory alone; layouts that do not divide are the business of
        `megawatt.training.division`.

    Raises
    ------
    ScenarioError
        If the chip has no such precision.

    Notes
    -----
    Sources: Narayanan 2021 (arXiv 2104.04473, section 2.2) for pipelines, Korthikanti 2022 (2205.05198) for sequence
    parallelism and memory, Rajbhandari 2020 (1910.02054) for ZeRO.
    """
    job = job.on(system.accelerator)
    if tables is None:
        tables = layer_tables(job, layouts, practice)
    count = micro_batches(layouts, job.global_batch)
    slowest = pace(job, layouts, practice, tables, count=count)
    parts = {name: count * value for name, value in slowest.parts_s.items()}
    parts["bubble"] = slowest.bubble_s
    parts["pp"] = slowest.messages_s
    parts |= exchange_s(job, layouts, practice, slowest, count)
    if practice.host is not None:
        parts |= offload_s(job, layouts, practice.host, practice, slowest, tables, parts, count=count)
    doublings = np.log2(layouts.dp * layouts.cp)
    parts["straggler"] = practice.straggler_frac * doublings * sum(parts.values())
    step_time_s = np.asarray(sum(parts.values()))
    if memory is None:
        memory = step_memory(job, system, layouts, practice=practice)
    memory_bytes = total_bytes(memory)
    fits = memory_bytes <= system.accelerator.hbm_bytes
    power_w = _power_w(practice, count * slowest.dynamic_j, parts, step_time_s)
    chips = (layouts.tp * layouts.pp * layouts.cp * layouts.dp).astype(np.float64)
    return StepCost(
        step_time_s=step_time_s,
        parts_s=parts,
        memory_bytes=memory_bytes,
        memory_parts_bytes=memory,
        chip_power_w=power_w,
        energy_j=power_w * step_time_s * chips,
        feasible=fits,
        reason=np.where(fits, "", MEMORY_REASON).astype(np.str_),
    )


def _power_w(
    practice: Practice, dynamic_j: FloatArray, parts: dict[str, FloatArray], step_time_s: FloatArray
) -> FloatArray:
    """Mean chip power from the energy of arithmetic and the shares of the other time."""

    def share(names: tuple[str, ...]) -> FloatArray:
        return np.asarray(sum(parts[n] for n in names if n in parts) / step_time_s)

    return chip_power_w(practice.power, dynamic_j / step_time_s, share(_MEMORY), share(_COMMUNICATION))
