"""DeepSpeed's JSON (deepspeed.ai/docs/config-json): ZeRO, batches, precision, offload; degrees where it has them."""

from __future__ import annotations

import json
from typing import Any, Final

from megawatt.errors import ScenarioError
from megawatt.launch.records import Launch, Options, whole_degrees

__all__ = ["read_deepspeed", "write_deepspeed"]

_ON_HOST = ("cpu", "nvme")
_LAST_STAGE: Final = 3
"""Stages of ZeRO: nothing, optimizer states, gradients, weights."""


def _batches(options: Options) -> tuple[int, int, int]:
    """Sequences of a step, of a micro-batch, and micro-batches of a step; 0 where the file does not say."""
    names = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps")
    batch, micro, steps = (options.whole(name) for name in names)
    if min(batch, micro, steps) > 0 and batch % (micro * steps):
        allowed = f"a multiple of {names[1]} x {names[2]} = {micro * steps:,}"
        raise ScenarioError(f"{names[0]} = {batch:,}; allowed: {allowed}")
    return batch, micro, steps


def read_deepspeed(options: Options, layers: int) -> Launch:
    """DeepSpeed's configuration as a `Launch`; ``layers`` of the model are not needed."""
    batch, micro, steps = _batches(options)
    stage = options.whole("zero_optimization.stage")
    if not 0 <= stage <= _LAST_STAGE:
        raise ScenarioError(f"zero_optimization.stage = {stage}; allowed: 0 to {_LAST_STAGE}")
    degrees = whole_degrees(
        options,
        tp=options.whole("autotp_size", "tensor_parallel.tp_size", default=1),
        pp=options.whole("pipeline.stages", default=1),
        cp=options.whole("sequence_parallel_size", default=1),
        ep=options.whole("expert_parallel_size", default=1),
    )
    interval = options.whole("pipeline.activation_checkpoint_interval", "number_checkpoints")
    layout: dict[str, int] = degrees | {
        "zero": stage,
        "cp_exchange": int(degrees["cp"] > 1),
        "recompute": 2 if interval > 0 or options.flag("partition_activations") else 0,
        "sequence_parallel": 0,
        "vpp": 1,
        "etp": 1,
    }
    if micro > 0:
        layout["micro_batch"] = micro
    group = options.whole("mics_shard_size", default=-1)
    if group > 0:
        layout["zero_group"] = group
    devices = None
    if min(batch, micro, steps) > 0:
        layout["dp"] = batch // (micro * steps)
        devices = layout["dp"] * degrees["tp"] * degrees["pp"] * degrees["cp"]
    else:
        options.note("the number of replicas is not in the file: it follows from the chips")
    if not layout["recompute"]:
        options.note("nothing is recomputed: the file does not say so (recompute is switched on in the program)")
    host = [what for what in ("optimizer",) if options.word("offload_optimizer.device") in _ON_HOST]
    if options.word("offload_param.device") in _ON_HOST:
        options.note("parameters in the host's memory (offload_param) are not modelled")
    precision = "fp16" if options.flag("fp16.enabled") else "bf16" if options.flag("bf16.enabled") else "fp32"
    options.skip("overlap_comm", "contiguous_gradients", "reduce_scatter", "allgather_partitions", "cpu_checkpointing")
    options.skip("offload_optimizer.pin_memory", "offload_param.pin_memory", "zero_allow_untested_optimizer")
    options.skip(
        "stage3_gather_16bit_weights_on_model_save", "stage3_max_live_parameters", "zero_force_ds_cpu_optimizer"
    )
    options.skip("stage3_max_reuse_distance", "stage3_prefetch_bucket_size", "stage3_param_persistence_threshold")
    options.skip("reduce_bucket_size", "allgather_bucket_size", "sub_group_size", "round_robin_gradients")
    return options.launch(
        framework="deepspeed",
        layout=layout,
        stack="stack-deepspeed",
        global_batch=batch or None,
        precision=precision,
        devices=devices,
        offload=tuple(host),
    )


def write_deepspeed(launch: Launch, layers: int) -> tuple[str, tuple[str, ...]]:
    """A DeepSpeed configuration with these choices, and what it cannot say."""
    y = launch.layout
    batch = launch.global_batch or 1
    content: dict[str, Any] = {
        "train_batch_size": batch,
        "train_micro_batch_size_per_gpu": y["micro_batch"],
        "gradient_accumulation_steps": batch // (y["micro_batch"] * y["dp"]),
        "zero_optimization": {"stage": y["zero"]},
    }
    if launch.precision != "fp32":
        content["fp16" if launch.precision == "fp16" else "bf16"] = {"enabled": True}
    if y["zero_group"]:
        content["zero_optimization"]["mics_shard_size"] = y["zero_group"]
    if "optimizer" in launch.offload:
        content["zero_optimization"]["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
    if y["tp"] > 1:
        content["tensor_parallel"] = {"autotp_size": y["tp"]}
    if y["pp"] > 1:
        content["pipeline"] = {"stages": y["pp"]}
    if y["cp"] > 1:
        content["sequence_parallel_size"] = y["cp"]
    if y["ep"] > 1:
        content["expert_parallel_size"] = y["ep"]
    if y["recompute"] == 2:
        content["activation_checkpointing"] = {"number_checkpoints": layers}
    lost = [name for name in ("schedule", "first_layers", "last_layers") if y[name]]
    lost += ["virtual stages"] if y["vpp"] > 1 else []
    lost += ["selective recompute"] if y["recompute"] == 1 else []
    lost += ["sequence parallelism"] if y["sequence_parallel"] else []
    lost += ["a ring of context"] if y["cp"] > 1 and not y["cp_exchange"] else []
    lost += ["etp"] if y["etp"] > 1 else []
    lost += [f"precision {launch.precision}"] if launch.precision not in ("bf16", "fp16", "fp32") else []
    lost += ["offload of activations"] if "activations" in launch.offload else []
    lost += [f"adapters of rank {launch.lora_rank}"] if launch.lora_rank else []
    return json.dumps(content, indent=2) + "\n", (f"sequences of {launch.seq_len} tokens", *lost)
