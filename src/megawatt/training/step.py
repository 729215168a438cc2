"""Time, memory, power and energy of one optimizer step, over arrays of layouts."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import System
from megawatt.errors import ScenarioError
from megawatt.hardware import all_gather_s, all_reduce_s, chip_power_w, peak_precision, send_receive_s
from megawatt.training.layer import BlockTime, head_time, layer_time
from megawatt.training.memory import layout_memory, shard_degrees, stage_parameters
from megawatt.training.practice import Practice
from megawatt.training.records import Layouts, StepCost
from megawatt.training.stages import stage_layers
from megawatt.workload import ACTIVATION_BYTES, ModelArch, layer_kinds, parameters

__all__ = ["MEMORY_REASON", "micro_batches", "step_cost", "step_memory"]

FloatArray = NDArray[np.float64]

MEMORY_REASON: Final = "memory"
_OPTIMIZER_TRAFFIC_BYTES: Final = 30.0
"""Adam per parameter: read and write three 32-bit states, read a 32-bit gradient, write a 16-bit weight."""
_ARITHMETIC: Final = ("gemm", "attention", "recompute")
_MEMORY: Final = ("vector", "optimizer")
_COMMUNICATION: Final = ("tp", "cp", "ep", "pp", "dp", "shard")


def micro_batches(layouts: Layouts, global_batch: int) -> FloatArray:
    """Micro-batches per replica and step, shape (n,); the last one of a replica may be short."""
    return np.ceil(global_batch / (layouts.dp * layouts.micro_batch).astype(np.float64))


def step_memory(
    arch: ModelArch,
    system: System,
    layouts: Layouts,
    *,
    seq_len: int,
    global_batch: int,
    practice: Practice,
) -> dict[str, FloatArray]:
    """Memory of the fullest chip by part, the reserve included. [B], arrays of shape (n,)"""
    return layout_memory(
        arch,
        layouts,
        seq_len=seq_len,
        micro_batches=micro_batches(layouts, global_batch),
        stack=practice.stack,
        reserve_bytes=practice.memory_reserve_frac * system.accelerator.hbm_bytes,
    )


def step_cost(
    arch: ModelArch,
    system: System,
    layouts: Layouts,
    *,
    seq_len: int,
    global_batch: int,
    precision: str,
    practice: Practice,
) -> StepCost:
    """Cost of one optimizer step of each layout.

    t = n_micro * t_stage + (t_model - t_stage) / vpp + messages of the pipeline + exposed gradient and weight exchange
    + optimizer: the fullest stage sets the pace, the rest of one micro-batch's way through the model is the bubble
    (1F1B, divided by the number of virtual stages when interleaved). Every part is of exposed time, so they add up.

    Parameters
    ----------
    arch : ModelArch
        The model.
    system : System
        The machine.
    layouts : Layouts
        Arrays of shape (n,).
    seq_len : int
        Sequence length. [tokens], >= 1
    global_batch : int
        Sequences per step, >= 1.
    precision : str
        Precision of the linear layers: bf16, fp16, fp8, nvfp4, ... as the chip has it.
    practice : Practice
        Achieved shares and stack.

    Returns
    -------
    StepCost
        Arrays of shape (n,). ``feasible`` looks at memory alone; layouts that do not divide are the business of
        `megawatt.training.layouts`.

    Raises
    ------
    ScenarioError
        If the chip has no such precision, or a size is not positive.

    Notes
    -----
    Sources: Narayanan 2021 (arXiv 2104.04473, section 2.2) for pipelines, Korthikanti 2022 (2205.05198) for sequence
    parallelism and memory, Rajbhandari 2020 (1910.02054) for ZeRO.
    """
    if seq_len < 1 or global_batch < 1:
        raise ScenarioError(f"seq_len = {seq_len} tokens, global_batch = {global_batch} sequences; allowed: 1 or more")
    kind = peak_precision(system.accelerator, precision)
    dense, moe = layer_kinds(arch)
    layer = layer_time(arch, layouts, practice, seq_len=seq_len, precision=kind, moe=False) if dense else None
    mixture = layer_time(arch, layouts, practice, seq_len=seq_len, precision=kind, moe=True) if moe else None
    head = head_time(arch, layouts, practice, seq_len=seq_len)
    count = micro_batches(layouts, global_batch)
    stage, bubble_s = _pace(arch, layouts, count, layer, mixture, head)
    parts = {name: count * value for name, value in stage.parts.items()}
    parts["bubble"] = bubble_s
    parts["pp"] = _pipeline_s(arch, layouts, practice, seq_len, count)
    parts |= _exchange_s(arch, layouts, practice, stage, count)
    doublings = np.log2(layouts.dp * layouts.cp)
    parts["straggler"] = practice.straggler_frac * doublings * sum(parts.values())
    step_time_s = np.asarray(sum(parts.values()))
    memory = step_memory(arch, system, layouts, seq_len=seq_len, global_batch=global_batch, practice=practice)
    memory_bytes = np.asarray(sum(memory.values()))
    fits = memory_bytes <= system.accelerator.hbm_bytes
    power_w = _power_w(practice, parts, step_time_s)
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


class _Stage:
    """The fullest stage for one micro-batch: its parts, forward and backward time, and its layers."""

    def __init__(self, parts: dict[str, FloatArray], forward_s: FloatArray, layers: FloatArray) -> None:
        self.parts = parts
        self.forward_s = forward_s
        self.total_s = np.asarray(sum(parts.values()))
        self.backward_s = self.total_s - forward_s
        self.layers = layers


def _combine(blocks: list[tuple[BlockTime, FloatArray]], layers: FloatArray) -> _Stage:
    """Add blocks, each taken so many times."""
    parts: dict[str, FloatArray] = {}
    forward = np.zeros_like(layers)
    for block, times in blocks:
        for half in (block.forward, block.backward):
            for name, seconds in half.items():
                parts[name] = parts.get(name, 0.0) + times * seconds
        parts["recompute"] = parts.get("recompute", 0.0) + times * block.recompute
        forward = forward + times * block.forward_s()
    return _Stage(parts, forward, layers)


def _pace(
    arch: ModelArch,
    layouts: Layouts,
    count: FloatArray,
    layer: BlockTime | None,
    mixture: BlockTime | None,
    head: BlockTime,
) -> tuple[_Stage, FloatArray]:
    """The slowest stage of one micro-batch, and the time a step loses filling and draining the pipeline. [s]"""
    first_n, last_n, middle_n = stage_layers(arch.layers, layouts)
    dense, _ = layer_kinds(arch)
    one, none = np.ones_like(first_n), np.zeros_like(first_n)

    def stage(layers: FloatArray, dense_here: FloatArray, heads: FloatArray) -> _Stage:
        blocks = [(head, heads)]
        if layer is not None:
            blocks.append((layer, dense_here))
        if mixture is not None:
            blocks.append((mixture, layers - dense_here))
        if arch.mtp_layers:
            extra = mixture if mixture is not None else layer
            assert extra is not None  # a model has layers of one kind at least
            blocks.append((extra, heads * arch.mtp_layers))
        return _combine(blocks, layers)

    lead = np.minimum(float(dense), first_n) if arch.experts else first_n
    single = layouts.pp == 1
    after = none if arch.experts else one
    first = stage(first_n, lead, np.where(single, one, none))
    middle = stage(middle_n, after * middle_n, none)
    last = stage(last_n, np.where(single, lead, after * last_n), one)
    whole = stage(one * arch.layers, one * dense, one)
    candidates = (first, middle, last)
    times = np.stack([first.total_s, np.where(layouts.pp >= 3, middle.total_s, 0.0), last.total_s])
    slowest = np.argmax(times, axis=0)
    names = set().union(*(c.parts for c in candidates))
    parts = {n: np.choose(slowest, [c.parts.get(n, none) for c in candidates]) for n in sorted(names)}
    pace = _Stage(
        parts,
        np.choose(slowest, [c.forward_s for c in candidates]),
        np.choose(slowest, [c.layers for c in candidates]),
    )
    rest = np.where(single, 0.0, np.maximum(whole.total_s - pace.total_s, 0.0))
    # However many virtual stages: no step is shorter than one micro-batch's way through the whole model.
    way = np.where(single, 0.0, whole.total_s - count * pace.total_s)
    return pace, np.maximum(rest / layouts.vpp, way)


def _pipeline_s(arch: ModelArch, layouts: Layouts, practice: Practice, seq_len: int, count: FloatArray) -> FloatArray:
    """Exposed messages between stages: one forward and one backward per micro-batch and virtual stage. [s]"""
    tp, cp, pp = (getattr(layouts, n).astype(np.float64) for n in ("tp", "cp", "pp"))
    payload = ACTIVATION_BYTES * layouts.micro_batch * seq_len / cp * arch.hidden
    payload = np.where(layouts.sequence_parallel, payload / tp, payload)
    stride = (layouts.tp * layouts.cp * layouts.dp).astype(np.float64)
    message = send_receive_s(practice.fabric, payload, pp, stride)
    exposed = 2.0 * message * (count * layouts.vpp * (1.0 - practice.stack.pp_overlap_frac) + pp - 1.0)
    return np.where(pp > 1, exposed, 0.0)


def _exchange_s(
    arch: ModelArch, layouts: Layouts, practice: Practice, stage: _Stage, count: FloatArray
) -> dict[str, FloatArray]:
    """Exposed exchange of gradients and weights between replicas, and the optimizer. [s]"""
    stack, fabric = practice.stack, practice.fabric
    tp = layouts.tp.astype(np.float64)
    replicas = (layouts.dp * layouts.cp).astype(np.float64)
    expert_stride = (layouts.ep * layouts.etp).astype(np.float64)
    expert_replicas = np.maximum(replicas * tp / expert_stride, 1.0)
    dense, experts = stage_parameters(arch, layouts, stage.layers)
    counts = parameters(arch)
    dense = dense + (counts.embedding + np.where(layouts.pp == 1, counts.output, 0)) / tp
    shard, expert_shard = shard_degrees(layouts)

    def gather(width: float) -> FloatArray:
        inside = all_gather_s(fabric, width * dense, shard, tp)
        return inside + np.where(experts > 0, all_gather_s(fabric, width * experts, expert_shard, expert_stride), 0.0)

    def reduce_outside(width: float) -> FloatArray:
        outside = all_reduce_s(fabric, width * dense / shard, replicas / shard, tp * shard)
        rest = expert_replicas / expert_shard
        beyond = all_reduce_s(fabric, width * experts / expert_shard, rest, expert_stride * expert_shard)
        return outside + np.where(experts > 0, beyond, 0.0)

    gradients, weights = gather(stack.gradient_exchange_bytes), gather(ACTIVATION_BYTES)
    across = reduce_outside(stack.gradient_exchange_bytes)
    fully_sharded = layouts.zero == 3
    # Once per step: gradients behind the last backward pass, weights behind the first forward pass.
    # Without ZeRO the second half of the exchange carries reduced gradients instead of updated weights.
    back = np.where(layouts.zero == 0, gradients, weights)
    once = np.where(fully_sharded, 0.0, gradients + back)
    hidden = np.minimum(stack.dp_overlap_frac * once + stack.across_overlap_frac * across, stage.total_s)
    # Fully sharded weights are gathered for every forward and backward pass, their gradients scattered each time.
    per_pass = (2.0 * weights + gradients) / stack.shard_link_frac
    behind = np.minimum(stack.dp_overlap_frac * per_pass, stage.total_s)
    optimizer = _OPTIMIZER_TRAFFIC_BYTES * (
        dense / np.where(layouts.zero >= 1, shard, 1.0) + experts / np.where(layouts.zero >= 1, expert_shard, 1.0)
    )
    return {
        "dp": once + across - hidden,
        "shard": np.where(fully_sharded, count * (per_pass - behind), 0.0),
        "optimizer": optimizer / practice.kernels.hbm_flow_bytes_per_s,
    }


def _power_w(practice: Practice, parts: dict[str, FloatArray], step_time_s: FloatArray) -> FloatArray:
    """Mean chip power from the shares of time."""

    def share(names: tuple[str, ...]) -> FloatArray:
        return np.asarray(sum(parts[n] for n in names if n in parts) / step_time_s)

    return chip_power_w(practice.power, share(_ARITHMETIC), share(_MEMORY), share(_COMMUNICATION))
