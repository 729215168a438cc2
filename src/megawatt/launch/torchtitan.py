"""torchtitan's TOML, and its command line: its config/job_config.py and distributed/pipeline_parallel.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from megawatt.launch.records import Launch, Options, whole_degrees
from megawatt.training import CODES, module_bits, module_names

__all__ = ["read_torchtitan", "write_torchtitan"]

_RECOMPUTE: Final = {"none": 0, "selective": 1, "full": 2}
_SCHEDULES: Final[Mapping[str, int]] = {
    "1f1b": CODES["1f1b"],
    "interleaved1f1b": CODES["1f1b"],
    "zbvzerobubble": CODES["zb-v"],
    "dualpipev": CODES["dualpipev"],
}
_WRITTEN: Final = {CODES["zb-v"]: "ZBVZeroBubble", CODES["dualpipev"]: "DualPipeV"}
_EVERY: Final = "2"
"""Which layers selective checkpointing repeats where the file does not say: every second one."""
_LOOPED: Final = 2
"""Stages of a rank in an interleaved schedule where the file does not say."""
_SHORTER: Final = ("pipeline_parallel_first_stage_less_layers", "pipeline_parallel_last_stage_less_layers")


def _pipeline(options: Options, pp: int, layers: int) -> dict[str, int]:
    """Schedule, virtual stages and layers of the ends."""
    word = options.word("pipeline_parallel_schedule") or "1f1b"
    if word not in _SCHEDULES:
        options.note(f"pipeline_parallel_schedule {word} is taken as 1F1B")
    schedule = _SCHEDULES.get(word, CODES["1f1b"])
    each = options.whole("pipeline_parallel_layers_per_stage")
    shorter = [options.whole(name, default=1) for name in _SHORTER]
    if pp == 1:
        return {"vpp": 1}
    found = {"schedule": schedule} if schedule != CODES["1f1b"] else {}
    looped = word.startswith("interleaved")
    stages = -(-(layers + sum(shorter)) // each) if each > 0 and layers > 0 else pp * (_LOOPED if looped else 1)
    vpp = max(stages // pp, 1) if looped else 1
    if not looped and schedule == CODES["1f1b"] and each > 0 and layers > 0:
        found |= {"first_layers": each - shorter[0], "last_layers": layers - each * (pp - 1) + shorter[0]}
    return found | {"vpp": vpp}


def _sharding(options: Options, tp: int, pp: int, cp: int) -> dict[str, int]:
    """Replicas, ZeRO stage and sharding group; a sharding degree of -1 takes the rest of the devices."""
    copies = options.whole("data_parallel_replicate_degree", default=1)
    shard = options.whole("data_parallel_shard_degree", default=-1)
    rest, over = divmod(options.devices, max(tp * pp * cp * copies, 1))
    shard = rest if shard < 1 and rest and not over else shard
    policy = options.word("fsdp_reshard_after_forward") or "default"
    found: dict[str, int] = {"dp": shard * copies} if shard > 0 else {}
    if shard == 1 and cp == 1:
        return found | {"zero": 0}
    # Weights that stay gathered after the forward pass are gathered once a step: sharded gradients and states alone.
    kept = policy == "never" or (policy == "default" and pp > 1)
    found["zero"] = 2 if kept else 3
    return found | ({"zero_group": shard * cp} if copies > 1 and shard > 0 else {})


def _precision(options: Options) -> str:
    converters = options.word("converters") + options.word("model.print_after_conversion")
    if "mx" in converters:
        return "mxfp8"
    if "float8" in converters or options.flag("enable_float8_linear"):
        return "fp8"
    return "fp32" if options.word("mixed_precision_param") == "float32" else "bf16"


def read_torchtitan(options: Options, layers: int) -> Launch:
    """torchtitan's options as a `Launch`; ``layers`` of the model."""
    degrees = whole_degrees(
        options,
        tp=options.whole("tensor_parallel_degree", default=1),
        pp=options.whole("pipeline_parallel_degree", default=1),
        cp=options.whole("context_parallel_degree", default=1),
        ep=options.whole("expert_parallel_degree", default=1),
        etp=options.whole("expert_tensor_parallel_degree", default=1),
    )
    local = options.whole("local_batch_size", "training.batch_size", default=8)
    inside = options.whole("pipeline_parallel_microbatch_size", default=1)
    recompute = options.kind(_RECOMPUTE, "activation_checkpoint.mode", default=1)
    every = options.word("selective_ac_option") or _EVERY
    layout: dict[str, int] = degrees | _pipeline(options, degrees["pp"], layers)
    some = 0
    if recompute == 1 and every.isdigit() and int(every) > 0 and layers > 0:
        # Every so many layers one is repeated as a whole.
        chunks = degrees["pp"] * max(layout.get("vpp", 1), 1)
        recompute, some = 2, max(layers // chunks // int(every), 1)
    layout |= _sharding(options, degrees["tp"], degrees["pp"], degrees["cp"])
    layout |= {
        "micro_batch": inside if degrees["pp"] > 1 else local,
        "recompute": recompute,
        "modules": module_bits(("operators",)) if recompute == 1 else 0,
        "repeated_layers": some,
        "sequence_parallel": int(degrees["tp"] > 1),
    }
    batch = options.whole("global_batch_size", default=-1)
    if batch < 1 and "dp" in layout:
        batch = local * layout["dp"]
    sizes = [layout.get(name, 0) for name in ("tp", "pp", "cp", "dp")]
    options.skip("context_parallel_rotate_method", "disable_loss_parallel", "mixed_precision_reduce", "compile.enable")
    options.skip("training.compile", "compile.components", "quantize.linear.float8.recipe_name", "recipe_name")
    options.skip("enable_fsdp_float8_all_gather", "precompute_float8_dynamic_scale_for_fsdp", "filter_fqns")
    offload = ("optimizer",) if options.flag("enable_cpu_offload") else ()
    length, precision = options.whole("training.seq_len", "seq_len"), _precision(options)
    return options.launch(
        framework="torchtitan",
        layout=layout,
        stack="stack-fsdp-torch",
        seq_len=length or None,
        global_batch=batch if batch > 0 else None,
        precision=precision,
        devices=sizes[0] * sizes[1] * sizes[2] * sizes[3] or None,
        offload=offload,
    )


def _stages(y: Mapping[str, int], layers: int) -> tuple[dict[str, Any], list[str]]:
    """Pipeline options, and what they cannot say."""
    if y["pp"] == 1:
        return {}, []
    name = _WRITTEN.get(y["schedule"], "Interleaved1F1B" if y["vpp"] > 1 else "1F1B")
    options: dict[str, Any] = {"pipeline_parallel_degree": y["pp"], "pipeline_parallel_schedule": name}
    options["pipeline_parallel_microbatch_size"] = y["micro_batch"]
    lost = ["schedule"] if y["schedule"] > CODES["1f1b"] and y["schedule"] not in _WRITTEN else []
    if y["vpp"] > 1:
        each = -(-(layers + 2) // (y["pp"] * y["vpp"]))
        if -(-(layers + 2) // each) // y["pp"] != y["vpp"]:
            lost.append("virtual stages")
        options["pipeline_parallel_layers_per_stage"] = each
    return options, lost + [name for name in ("first_layers", "last_layers") if y[name]]


def write_torchtitan(launch: Launch, layers: int) -> tuple[str, tuple[str, ...]]:
    """The parts of a torchtitan configuration with these choices, and what it cannot say."""
    y = launch.layout
    ranks = y["zero_group"] // y["cp"] if y["zero_group"] else y["dp"]
    shard = ranks if y["zero"] > 1 or y["cp"] > 1 else 1
    pipeline, lost = _stages(y, layers)
    parallelism: dict[str, Any] = {
        "data_parallel_replicate_degree": y["dp"] // shard,
        "data_parallel_shard_degree": shard,
        "fsdp_reshard_after_forward": '"always"' if y["zero"] == 3 else '"never"',
        "tensor_parallel_degree": y["tp"],
        "context_parallel_degree": y["cp"],
        "expert_parallel_degree": y["ep"],
        "expert_tensor_parallel_degree": y["etp"],
    } | {name: f'"{value}"' if isinstance(value, str) else value for name, value in pipeline.items()}
    count = launch.global_batch or 0
    local = y["micro_batch"] if y["pp"] == 1 else count // y["dp"]
    sections = {
        "training": {"seq_len": launch.seq_len, "local_batch_size": local, "global_batch_size": count},
        "parallelism": parallelism,
        "activation_checkpoint": {"mode": ('"none"', '"selective"', '"full"')[y["recompute"]]},
    }
    if y["recompute"] == 1:
        sections["activation_checkpoint"]["selective_ac_option"] = '"op"'
        lost += ["modules"] if module_names(y["modules"]) != ("operators",) else []
    if launch.offload:
        sections["training"]["enable_cpu_offload"] = "true"
    if launch.precision == "fp32":
        sections["training"]["mixed_precision_param"] = '"float32"'
    converters = {"fp8": '["float8"]', "mxfp8": '["mx"]'}.get(str(launch.precision))
    if converters:
        sections["model"] = {"converters": converters}
    lost += (
        ["zero 1"] if y["zero"] == 1 else ["zero 0 beside context parallelism"] if not y["zero"] and y["cp"] > 1 else []
    )
    lost += ["zero over one rank"] if y["zero"] > 1 and shard * y["cp"] == 1 else []
    lost += ["no sequence parallelism"] if y["tp"] > 1 and not y["sequence_parallel"] else []
    lost += ["context by all-to-all"] if y["cp_exchange"] else []
    lost += [f"precision {launch.precision}"] if launch.precision not in ("bf16", "fp32", "fp8", "mxfp8") else []
    lost += ["offload of activations"] if "activations" in launch.offload else []
    lost += [f"adapters of rank {launch.lora_rank}"] if launch.lora_rank else []
    blocks = [
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in part.items()) for name, part in sections.items()
    ]
    return "\n".join(blocks), tuple(lost)
