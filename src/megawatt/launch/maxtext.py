"""MaxText's YAML, or its ``name=value`` arguments: configs/base.yml of github.com/AI-Hypercomputer/maxtext."""

from __future__ import annotations

from typing import Any, Final

from megawatt.errors import ScenarioError
from megawatt.launch.megatron import yaml_text
from megawatt.launch.records import Launch, Options

__all__ = ["read_maxtext", "write_maxtext"]

_AXES: Final = {
    "data": "copies",
    "fsdp": "shard",
    "fsdp_transpose": "shard",
    "expert": "ep",
    "context": "cp",
    "sequence": "cp",
    "tensor": "tp",
    "tensor_transpose": "tp",
    "tensor_sequence": "tp",
    "pipeline": "pp",
}
"""Axes of the mesh, and what each multiplies."""
_SELECTIVE: Final = ("minimal", "minimal_flash", "minimal_with_context")
_NO_PRECISION: Final = ("", "none", "null")


def _axis(options: Options, where: str, devices: int) -> dict[str, int]:
    """Degrees of one kind of axes (ici or dcn); the one that is -1 takes the rest of the devices (0: not known)."""
    degrees = {axis: options.whole(f"{where}_{axis}_parallelism", default=1) for axis in _AXES}
    open_axes = [axis for axis, degree in degrees.items() if degree < 1]
    if len(open_axes) > 1:
        raise ScenarioError(f"{options.file}: {where} axes {', '.join(open_axes)} are -1; allowed: one of them")
    if not open_axes:
        return degrees
    known = 1
    for axis, degree in degrees.items():
        known *= 1 if axis in open_axes else degree
    degrees[open_axes[0]] = max(devices // known, 1) if devices and devices % known == 0 else 0
    return degrees


def _recompute(options: Options) -> int:
    policy = options.word("remat_policy") or "full"
    if policy != "full":
        kind = "selective" if policy in _SELECTIVE else "full"
        options.note(f"remat_policy {policy} is taken as {kind} recompute")
    return 1 if policy in _SELECTIVE else 2


def _precision(options: Options) -> str:
    quantised = options.word("quantization")
    options.skip("dtype")
    if quantised not in _NO_PRECISION:
        if "fp8" in quantised:
            return "fp8"
        options.note(f"quantization {quantised} is taken as bf16")
    return "fp32" if options.word("dtype") == "float32" else "bf16"


def read_maxtext(options: Options, layers: int) -> Launch:
    """MaxText's options as a `Launch`; ``layers`` of the model.

    Replicas that shard weights (fsdp) or experts are ZeRO 3 within their group; the data axis alone is ZeRO 0. A
    micro-batch is of one replica: what a device holds times the devices of the replica.
    """
    slices = max(options.whole("num_slices", "compile_topology_num_slices", default=1), 1)
    named = options.word("compile_topology").rpartition("-")[2]
    devices = (int(named) if named.isdigit() and len(named) < 8 else 0) * slices or options.devices
    inside, across = _axis(options, "ici", devices // slices), _axis(options, "dcn", slices)
    sizes = dict.fromkeys(("copies", "shard", "ep", "cp", "tp", "pp"), 1)
    for axis, field in _AXES.items():
        sizes[field] *= inside[axis] * across[axis]
    model = sizes["tp"] * sizes["pp"] * sizes["cp"]
    replicas = sizes["copies"] * sizes["shard"] * sizes["ep"]
    layout = {name: max(sizes[name], 1) for name in ("tp", "pp", "cp", "ep")} | {"etp": max(sizes["tp"], 1)}
    if sizes["ep"] == 1:
        layout["etp"] = 1
    if replicas:
        layout["dp"] = replicas
        devices = model * replicas
    sharding = sizes["shard"] * sizes["ep"]
    once = options.flag("model_fsdp_ag_once", "pipeline_fsdp_ag_once")
    over_data = options.flag("shard_optimizer_over_data")
    layout["zero"] = (2 if once else 3) if sharding != 1 else int(over_data)
    if sharding > 1 and sizes["copies"] > 1:
        layout["zero_group"] = sharding * sizes["cp"]
    layout |= {"recompute": _recompute(options), "vpp": 1}
    layout["sequence_parallel"] = int(inside["tensor_sequence"] * across["tensor_sequence"] > 1)
    held = options.number("per_device_batch_size")
    steps = max(options.whole("gradient_accumulation_steps", default=1), 1)
    batch = None
    if held is not None and devices:
        batch = round(held * devices * steps)
        pieces = options.whole("num_pipeline_microbatches", default=-1) if sizes["pp"] > 1 else 1
        pieces = pieces if pieces > 0 else sizes["pp"]
        layout["micro_batch"] = max(round(held * model / pieces), 1)
    else:
        options.note("the axes leave the devices open: the micro-batch is searched")
    if sizes["pp"] > 1:
        repeats = options.whole("num_pipeline_repeats", default=-1)
        each = options.whole("num_layers_per_pipeline_stage", default=1)
        layout["vpp"] = repeats if repeats > 0 else max(layers // (sizes["pp"] * max(each, 1)), 1)
    if options.word("context_parallel_strategy") not in ("", "ring"):
        options.note("context_parallel_strategy all_gather is taken as a ring")
    for name in ("allow_split_physical_axes", "sparse_matmul", "megablox", "attention", "scan_layers", "fused_qkv"):
        options.skip(name)
    offload = ("optimizer",) if options.flag("optimizer_memory_host_offload") else ()
    length, precision = options.whole("max_target_length"), _precision(options)
    return options.launch(
        framework="maxtext",
        layout=layout,
        stack="stack-maxtext",
        seq_len=length or None,
        global_batch=batch,
        precision=precision,
        devices=devices or None,
        offload=offload,
    )


def write_maxtext(launch: Launch, layers: int) -> tuple[str, tuple[str, ...]]:
    """The parts of a MaxText configuration with these choices, and what it cannot say."""
    y = launch.layout
    model = y["tp"] * y["pp"] * y["cp"]
    batch = launch.global_batch or 1
    shard = y["zero_group"] // y["cp"] if y["zero_group"] else y["dp"]
    shard = max(shard // y["ep"], 1) if y["zero"] > 1 else 1
    count = max(batch // (y["dp"] * y["micro_batch"]), 1)
    pieces, steps = (count, 1) if y["pp"] > 1 else (1, count)
    content: dict[str, Any] = {
        "ici_data_parallelism": max(y["dp"] // (shard * y["ep"]), 1),
        "ici_fsdp_parallelism": shard,
        "ici_expert_parallelism": y["ep"],
        "ici_context_parallelism": y["cp"],
        f"ici_tensor{'_sequence' if y['sequence_parallel'] else ''}_parallelism": y["tp"],
        "ici_pipeline_parallelism": y["pp"],
        "per_device_batch_size": f"{y['micro_batch'] * pieces / model:.10g}",
        "gradient_accumulation_steps": steps,
        "max_target_length": launch.seq_len,
        "remat_policy": "full" if y["recompute"] == 2 else "minimal",
        "quantization": "fp8" if launch.precision == "fp8" else '""',
        "dtype": "float32" if launch.precision == "fp32" else "bfloat16",
    }
    if y["pp"] > 1:
        content |= {"num_pipeline_microbatches": pieces, "num_pipeline_repeats": y["vpp"]}
    if y["zero"] == 2:
        content["model_fsdp_ag_once"] = True
    if y["zero"] == 1:
        content["shard_optimizer_over_data"] = True
    if "optimizer" in launch.offload:
        content["optimizer_memory_host_offload"] = True
    lost = [name for name in ("schedule", "first_layers", "last_layers", "cp_exchange") if y[name]]
    lost += [] if y["recompute"] else ["no recompute (minimal is the least)"]
    lost += ["etp"] if y["ep"] > 1 and y["etp"] != y["tp"] else []
    lost += ["zero"] if (y["zero"] < 2 and y["ep"] > 1) or (y["zero"] > 1 and shard * y["ep"] == 1) else []
    lost += ["zero_group"] if y["zero_group"] and y["zero"] < 2 else []
    lost += [f"precision {launch.precision}"] if launch.precision not in ("bf16", "fp8", "fp32") else []
    lost += ["offload of activations"] if "activations" in launch.offload else []
    lost += [f"adapters of rank {launch.lora_rank}"] if launch.lora_rank else []
    return yaml_text(content), tuple(lost)
