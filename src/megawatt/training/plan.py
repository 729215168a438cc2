"""The best parallel layout of a model on a machine."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Assumption, System
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.hardware import peak_precision
from megawatt.training.layouts import enumerate_layouts, layout_reasons
from megawatt.training.practice import Practice, practice_for
from megawatt.training.records import Layouts, StepCost, TrainingPlan
from megawatt.training.step import MEMORY_REASON, step_cost, step_memory
from megawatt.workload import ModelArch, model_flops_per_token

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Objective", "describe_layout", "evaluate", "plan"]

Objective = Literal["time", "energy"]
_CHUNK: Final = 16_384
"""Layouts priced at once: some hundred arrays of this length stay within about 20 MB."""
_RUNNERS_UP: Final = 9


def evaluate(
    arch: ModelArch,
    system: System,
    layouts: Layouts,
    *,
    seq_len: int,
    global_batch: int,
    precision: str,
    catalogue: Catalogue,
    stack: str | None = None,
) -> StepCost:
    """Cost of given layouts; ``feasible`` and ``reason`` look at division and at memory.

    Parameters
    ----------
    arch, system, layouts
        Model, machine and layouts (n,); the chips are those that each layout uses.
    seq_len, global_batch : int
        Sequence length in tokens and sequences per step.
    precision : str
        Precision of the linear layers.
    catalogue : Catalogue
        Achieved shares and stacks.
    stack : str, optional
        Key of a training stack.

    Returns
    -------
    StepCost
        Arrays of shape (n,), also where a layout is not feasible.
    """
    practice = practice_for(catalogue, system, stack)
    cost = step_cost(
        arch, system, layouts, seq_len=seq_len, global_batch=global_batch, precision=precision, practice=practice
    )
    chips = layouts.tp * layouts.pp * layouts.cp * layouts.dp
    reasons = [
        layout_reasons(arch, layouts.take(np.array([i])), chips=int(n), seq_len=seq_len, global_batch=global_batch)[0]
        for i, n in enumerate(chips)
    ]
    reason = np.array([r or str(m) for r, m in zip(reasons, cost.reason, strict=True)], dtype=np.str_)
    return _replace_reason(cost, reason)


def _replace_reason(cost: StepCost, reason: NDArray[np.str_]) -> StepCost:
    return StepCost(
        cost.step_time_s,
        cost.parts_s,
        cost.memory_bytes,
        cost.memory_parts_bytes,
        cost.chip_power_w,
        cost.energy_j,
        reason == "",
        reason,
    )


def _take(cost: StepCost, index: NDArray[np.int64]) -> StepCost:
    return StepCost(
        step_time_s=cost.step_time_s[index],
        parts_s={n: v[index] for n, v in cost.parts_s.items()},
        memory_bytes=cost.memory_bytes[index],
        memory_parts_bytes={n: v[index] for n, v in cost.memory_parts_bytes.items()},
        chip_power_w=cost.chip_power_w[index],
        energy_j=cost.energy_j[index],
        feasible=cost.feasible[index],
        reason=cost.reason[index],
    )


def describe_layout(layouts: Layouts, index: int = 0) -> str:
    """One layout in a line, e.g. ``tp 8, pp 16 x 8, dp 64, micro-batch 1, zero 1``."""
    y = layouts.take(np.array([index]))
    words = [f"tp {y.tp[0]}", f"pp {y.pp[0]}" + (f" x {y.vpp[0]}" if y.vpp[0] > 1 else ""), f"dp {y.dp[0]}"]
    words += [f"cp {y.cp[0]}"] if y.cp[0] > 1 else []
    words += [f"ep {y.ep[0]}" + (f" (etp {y.etp[0]})" if y.etp[0] > 1 else "")] if y.ep[0] > 1 else []
    words += [f"micro-batch {y.micro_batch[0]}", f"zero {y.zero[0]}"]
    words += [f"{('no', 'selective', 'full')[y.recompute[0]]} recompute"]
    return ", ".join(words)


def plan(
    arch: ModelArch,
    system: System,
    chips: int,
    *,
    seq_len: int,
    global_batch: int,
    precision: str,
    catalogue: Catalogue,
    objective: Objective = "time",
    stack: str | None = None,
    layouts: Layouts | None = None,
) -> TrainingPlan:
    """Search all layouts for the one with the shortest step, or the least energy.

    Parameters
    ----------
    arch : ModelArch
        The model.
    system : System
        The machine.
    chips : int
        Chips to use, all of them.
    seq_len : int
        Sequence length. [tokens]
    global_batch : int
        Sequences per optimizer step.
    precision : str
        Precision of the linear layers, as the chip has it.
    catalogue : Catalogue
        Achieved shares and stacks.
    objective : {'time', 'energy'}
        What is least. Energy counts the whole machine (hosts, switches and supplies too), not the chips alone.
    stack : str, optional
        Key of a training stack; the usual one of the chip if not given.
    layouts : Layouts, optional
        Choose among these alone; all layouts of the chips if not given.

    Returns
    -------
    TrainingPlan
        The layout, its cost, the next best, and every assumption.

    Raises
    ------
    ScenarioError
        If the precision is unknown to the chip or nothing divides evenly.
    InfeasibleError
        If no layout fits in memory; names the nearest one and what it lacks.
    """
    if objective not in ("time", "energy"):
        raise ScenarioError(f"objective = {objective!r}; allowed: time, energy")
    peak_precision(system.accelerator, precision)
    practice = practice_for(catalogue, system, stack)
    if layouts is None:
        layouts = enumerate_layouts(arch, chips, seq_len=seq_len, global_batch=global_batch)
    candidates = layouts
    memory = _chunked_memory(arch, system, candidates, seq_len, global_batch, practice)
    fits = np.flatnonzero(memory <= system.accelerator.hbm_bytes)
    if not len(fits):
        raise InfeasibleError(_too_large(arch, system, chips, candidates, memory))
    score = _chunked_score(arch, system, candidates, fits, objective, seq_len, global_batch, precision, practice)
    best = fits[np.argsort(score, kind="stable")[: 1 + _RUNNERS_UP]]
    chosen = candidates.take(best)
    cost = step_cost(
        arch, system, chosen, seq_len=seq_len, global_batch=global_batch, precision=precision, practice=practice
    )
    rejected = Counter({MEMORY_REASON: len(candidates) - len(fits)})
    return _assemble(
        arch, system, chips, seq_len, global_batch, precision, practice, chosen, cost, len(candidates), rejected
    )


def _chunked_memory(
    arch: ModelArch, system: System, layouts: Layouts, seq_len: int, global_batch: int, practice: Practice
) -> NDArray[np.float64]:
    """Memory of the fullest chip of every layout, in pieces. [B]"""
    total = np.empty(len(layouts))
    for start in range(0, len(layouts), _CHUNK):
        index = np.arange(start, min(start + _CHUNK, len(layouts)))
        parts = step_memory(
            arch, system, layouts.take(index), seq_len=seq_len, global_batch=global_batch, practice=practice
        )
        total[index] = sum(parts.values())
    return total


def _chunked_score(
    arch: ModelArch,
    system: System,
    layouts: Layouts,
    index: NDArray[np.int64],
    objective: Objective,
    seq_len: int,
    global_batch: int,
    precision: str,
    practice: Practice,
) -> NDArray[np.float64]:
    """What is to be least, for the layouts at ``index``, in pieces. [s] or [J per chip]"""
    score = np.empty(len(index))
    for start in range(0, len(index), _CHUNK):
        piece = index[start : start + _CHUNK]
        cost = step_cost(
            arch,
            system,
            layouts.take(piece),
            seq_len=seq_len,
            global_batch=global_batch,
            precision=precision,
            practice=practice,
        )
        watts = cost.chip_power_w + system.overhead_w_per_chip if objective == "energy" else 1.0
        score[start : start + len(piece)] = cost.step_time_s * watts
    return score


def _too_large(arch: ModelArch, system: System, chips: int, layouts: Layouts, memory: NDArray[np.float64]) -> str:
    """The message of a model that fits in no layout."""
    nearest = int(np.argmin(memory))
    have, need = system.accelerator.hbm_bytes, memory[nearest]
    return (
        f"{arch.key} on {chips} x {system.accelerator.key}: none of {len(layouts):,} layouts fits in memory. The "
        f"nearest ({describe_layout(layouts, nearest)}) needs {need / 1e9:.1f} GB per chip of {have / 1e9:.1f} GB: "
        f"{(need - have) / 1e9:.1f} GB are missing. Use more chips, a shorter sequence, or an accelerator "
        "with more memory"
    )


def _hfu(arch: ModelArch, seq_len: int, layouts: Layouts, mfu: float) -> float:
    """MFU with what the chosen layout recomputes: a whole forward pass (a third of the model FLOPs) or nothing."""
    repeated = 1.0 / 3.0 if int(layouts.recompute[0]) == 2 else 0.0
    head = 2.0 * arch.vocab * arch.hidden / model_flops_per_token(arch, seq_len)
    return mfu * (1.0 + max(repeated - head, 0.0))


def _assemble(
    arch: ModelArch,
    system: System,
    chips: int,
    seq_len: int,
    global_batch: int,
    precision: str,
    practice: Practice,
    chosen: Layouts,
    cost: StepCost,
    considered: int,
    rejected: Counter[str],
) -> TrainingPlan:
    """The plan record of the best layout (first of ``chosen``)."""
    first, rest = np.arange(1), np.arange(1, len(chosen))
    step_time_s = float(cost.step_time_s[0])
    tokens_per_s = global_batch * seq_len / step_time_s
    peak = system.accelerator.peak_flops_per_s[peak_precision(system.accelerator, precision)]
    mfu = model_flops_per_token(arch, seq_len) * tokens_per_s / (chips * peak)
    chip_power_w = float(cost.chip_power_w[0])
    it_w = chip_power_w + system.overhead_w_per_chip
    used: dict[str, Assumption] = {a.name: a for a in (*arch.assumptions, *practice.assumptions)}
    return TrainingPlan(
        model=arch.key,
        system=system.key,
        chips=chips,
        seq_len=seq_len,
        global_batch=global_batch,
        precision=precision,
        layout=chosen.take(first),
        cost=_take(cost, first),
        runners_up=chosen.take(rest),
        runners_up_cost=_take(cost, rest),
        considered=considered,
        rejected={reason: count for reason, count in rejected.items() if count},
        step_time_s=step_time_s,
        tokens_per_s=tokens_per_s,
        tokens_per_s_per_chip=tokens_per_s / chips,
        mfu=mfu,
        hfu=_hfu(arch, seq_len, chosen, mfu),
        chip_power_w=chip_power_w,
        it_w_per_chip=it_w,
        it_energy_j_per_token=it_w * chips / tokens_per_s,
        assumptions=tuple(used.values()),
    )
