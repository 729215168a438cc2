"""Megatron-LM's arguments, and the same names in the YAML of NeMo, Megatron-Bridge and NxD Training.

Sources: Megatron-LM's ``megatron/training/arguments.py`` and core/transformer/transformer_config.py, NeMo's and
Megatron-Bridge's configurations, the NxD Training guide (awsdocs-neuron.readthedocs-hosted.com, YAML Configuration
Settings); zero-bubble schedules as Primus and github.com/sail-sg/zero-bubble-pipeline-parallelism name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from megawatt.launch.records import Launch, Options, whole_degrees
from megawatt.launch.switches import (
    read_modules,
    read_optimizer,
    read_switches,
    written_modules,
    written_optimizer,
    written_switches,
)
from megawatt.training import CODES, MODULES, module_bits, module_names

__all__ = ["read_megatron", "read_nxd", "write_megatron", "write_nxd"]

_RECOMPUTE: Final = {"selective": 1, "full": 2, "none": 0, "null": 0}
_SHARDED: Final = {"no_shard": 0, "optim": 1, "optim_grads": 2, "optim_grads_params": 3}
_CONTEXT: Final = {"p2p": 0, "allgather": 0, "a2a+p2p": 0, "a2a": 1, "none": 0}
_NEAR_RING: Final = ("allgather", "a2a+p2p")
_NODE: Final = 8
"""Devices of a node in what is written for GPUs."""
_NEURON_NODE: Final = 32
"""Devices (cores) of a Trainium instance in what is written."""
_QUIET: Final = (
    "overlap_grad_reduce",
    "overlap_param_gather",
    "account_for_embedding_in_pipeline_split",
    "account_for_loss_in_pipeline_split",
    "check_for_nan_in_loss_and_grad",
    "transformer_impl",
    "attention_backend",
    "overlap_p2p_communication",
    "batch_p2p_comm",
    "rerun_mode",
    "distributed_backend",
    "ckpt_format",
    "moe_router_load_balancing_type",
    "moe_grouped_gemm",
    "moe_aux_loss_coeff",
    "moe_use_legacy_grouped_gemm",
    "moe_layer_freq",
    "moe_shared_expert_intermediate_size",
    "moe_router_num_groups",
    "moe_router_group_topk",
    "delay_wgrad_compute",
    "cuda_graph_warmup_steps",
    "te_rng_tracker",
    "gradient_accumulation_fusion",
    "sequence_parallel_attn",
    "manual_gc",
    "use_mcore_models",
    "use_flash_attn",
    "bias_swiglu_fusion",
    "cross_entropy_loss_fusion",
    "cross_entropy_fusion_impl",
    "attention_softmax_in_fp32",
    "nproc_per_node",
    "accumulate_allreduce_grads_in_fp32",
    "train_iters",
    "fp8_amax_history_len",
    "fp8_amax_compute_algo",
    "fp8_margin",
    "kv_replicator",
    "zero_centered_gamma",
)
"""Options that matter elsewhere: defaults of the stack, or no part of the cost."""


def _model(options: Options) -> dict[str, int]:
    """Dimensions that the file names."""
    named = {
        "layers": options.whole("num_layers"),
        "hidden": options.whole("hidden_size"),
        "heads": options.whole("num_attention_heads"),
        "experts": options.whole("num_experts", "num_moe_experts"),
    }
    options.skip("num_query_groups", "ffn_hidden_size", "moe_ffn_hidden_size", "moe_router_topk", "kv_channels")
    return {name: value for name, value in named.items() if value > 0}


def _virtual(options: Options, pp: int, layers: int) -> int:
    """Chunks of a stage: given, or from the layers of one."""
    given = options.whole("virtual_pipeline_model_parallel_size", "num_virtual_stages_per_pipeline_rank")
    per_chunk = options.whole("num_layers_per_virtual_pipeline_stage")
    if given > 0:
        return given
    if per_chunk > 0 and pp > 1 and layers > 0:
        return max(-(-layers // (pp * per_chunk)), 1)
    return 1


def _recompute(options: Options) -> dict[str, int]:
    """What is recomputed: nothing, modules, or the whole of all or of some layers of a chunk."""
    found = options.kind(_RECOMPUTE, "recompute_granularity", "activations_checkpoint_granularity")
    if options.flag("recompute_activations"):
        found = found or 1
    modules = [name for name in read_modules(options) if found == 1]
    known = [name for name in modules if name in MODULES and name != "operators"]
    unknown = [name for name in modules if name not in known]
    if unknown:
        options.note(f"recompute of {', '.join(unknown)} is left out")
    held = options.whole("recompute_num_layers", "activations_checkpoint_num_layers")
    method = options.word("recompute_method", "activations_checkpoint_method")
    return {
        "recompute": found,
        "modules": module_bits(known),
        "repeated_layers": held if found == 2 and method == "block" and held > 0 else 0,
        "group_layers": held if found == 2 and method == "uniform" and held > 1 else 0,
    }


def _precision(options: Options) -> str:
    """Precision of the linear layers: the narrowest that is switched on."""
    eight = options.word("fp8_format", "fp8")
    recipe = options.word("fp8_recipe")
    four = options.word("fp4_format", "fp4")
    options.skip("fp16", "bf16")
    text = options.word("precision", "params_dtype", "mixed_precision")
    if four not in ("", "false", "none", "null"):
        return "nvfp4"
    if eight not in ("", "false", "none", "null"):
        return "mxfp8" if recipe == "mxfp8" else "fp8"
    for name in ("fp16", "bf16"):
        if options.flag(name) or name in text or {"fp16": "float16", "bf16": "bfloat16"}[name] in text:
            return "fp16" if name == "fp16" and "bfloat16" not in text else "bf16"
    if text.startswith(("16", "bf16")):
        return "bf16" if "bf16" in text else "fp16"
    return "fp32"


def _zero(options: Options, replicas: int) -> dict[str, int]:
    """ZeRO's stage and, where optimizer instances are several, its group."""
    strategy = options.kind(_SHARDED, "data_parallel_sharding_strategy", default=3)
    if options.flag("use_megatron_fsdp", "use_custom_fsdp", "use_torch_fsdp2"):
        zero = strategy
        options.skip("use_distributed_optimizer")
    else:
        names = ("use_distributed_optimizer", "zero1", "distributed_fused_adam")
        zero = int(
            options.flag(*names) or options.word("optim.name") in ("distributed_fused_adam", "mcore_distributed_optim")
        )
    instances = options.whole("num_distributed_optimizer_instances", default=1)
    if instances > 1 and replicas > 0:
        return {"zero": zero, "zero_group": replicas // instances}
    if instances > 1:
        options.note(
            "num_distributed_optimizer_instances is left out: the file does not say how many devices there are"
        )
    return {"zero": zero}


def _devices(options: Options) -> int | None:
    nodes = options.whole("nnodes", "num_nodes")
    each = options.whole("nproc_per_node", "trainer.devices", "gpus_per_node", "trainer.n_gpus_per_node")
    whole = options.whole("world_size")
    if nodes > 0 and each > 0:
        return nodes * each
    return whole if whole > 0 else None


def read_megatron(
    options: Options, layers: int, *, framework: str = "megatron", stack: str = "stack-megatron-core"
) -> Launch:
    """Megatron's arguments as a `Launch`.

    Parameters
    ----------
    options : Options
        The options.
    layers : int
        Layers of the model, where the file does not name them.
    framework, stack : str
        Whose names these are.
    """
    model = _model(options)
    depth = model.get("layers", layers)
    degrees = whole_degrees(
        options,
        tp=options.whole("tensor_model_parallel_size", default=1),
        pp=options.whole("pipeline_model_parallel_size", default=1),
        cp=options.whole("context_parallel_size", default=1),
        ep=options.whole("expert_model_parallel_size", default=1),
        micro_batch=options.whole("micro_batch_size", default=1),
    )
    experts = options.whole("expert_tensor_parallel_size", "expert_tensor_model_parallel_size")
    mixture = "experts" in model or degrees["ep"] > 1
    layout: dict[str, int] = degrees | {
        "etp": experts if experts > 0 else degrees["tp"] if mixture else 1,
        "vpp": _virtual(options, degrees["pp"], depth),
        **_recompute(options),
        "sequence_parallel": int(options.flag("sequence_parallel")),
        "first_layers": options.whole("decoder_first_pipeline_num_layers", "num_layers_in_first_pipeline_stage"),
        "last_layers": options.whole("decoder_last_pipeline_num_layers", "num_layers_in_last_pipeline_stage"),
        "cp_exchange": options.kind(_CONTEXT, "cp_comm_type"),
    }
    devices = _devices(options)
    whole = layout["tp"] * layout["pp"] * layout["cp"]
    layout |= _zero(options, devices // (layout["tp"] * layout["pp"]) if devices and devices % whole == 0 else 0)
    if options.flag("enable_zero_bubble"):
        layout["schedule"] = CODES["zb-h1"]
    if options.flag("zero_bubble_v_schedule"):
        layout["schedule"] = CODES["zb-v"]
    if options.word("cp_comm_type") in _NEAR_RING:
        options.note(f"cp_comm_type {options.word('cp_comm_type')} is taken as a ring")
    options.skip(*_QUIET)
    batch = options.whole("global_batch_size")
    length = options.whole("seq_length", "encoder_seq_length", "sequence_length", "max_seq_length")
    adapter = options.word("peft_scheme", "peft.type") == "lora" or options.flag("lora")
    rank = options.whole("adapter_dim", "lora_rank", "lora_r", "peft.dim")
    places = {"optimizer": "optimizer_cpu_offload", "activations": "cpu_offloading"}
    offload = tuple(what for what, name in places.items() if options.flag(name))
    precision = _precision(options)
    return options.launch(
        framework=framework,
        layout=layout,
        stack=stack,
        seq_len=length or None,
        global_batch=batch or None,
        precision=precision,
        devices=devices,
        offload=offload,
        switches=read_switches(options).text(),
        optimizer=read_optimizer(options),
        lora_rank=(rank or 16) if adapter or (framework == "nxd" and rank) else 0,
        model=model,
    )


def read_nxd(options: Options, layers: int) -> Launch:
    """NxD Training's YAML: NeMo's names under ``distributed_strategy``, degrees in cores."""
    options.skip("fusions.flash_attention", "fusions.ring_attention", "fusions.softmax", "precision.type", "qkv_linear")
    options.skip("precision.master_weights", "precision.fp32_grad_acc", "xla_use_bf16", "xla_downcast_bf16")
    options.skip("neuron_rt_stochastic_rounding_en", "neuron_experimental_compress_rg", "bucket_size_collectives")
    found = read_megatron(options, layers, framework="nxd", stack="stack-neuron")
    # All of its kinds of precision multiply in bf16, except fp32.
    wide = options.word("precision.type") == "fp32"
    return Launch(
        **{name: getattr(found, name) for name in Launch.__slots__} | {"precision": "fp32" if wide else "bf16"}
    )


def _sharding(layout: Mapping[str, int]) -> list[str]:
    zero = layout["zero"]
    if zero < 2:
        return ["--use-distributed-optimizer"] if zero else []
    name = next(name for name, stage in _SHARDED.items() if stage == zero)
    return ["--use-megatron-fsdp", f"--data-parallel-sharding-strategy {name}", "--use-distributed-optimizer"]


def write_megatron(launch: Launch, layers: int) -> tuple[str, tuple[str, ...]]:
    """A launch script of Megatron-LM with these choices, and what it cannot say."""
    y = launch.layout
    devices = launch.devices or 1
    each = next(n for n in range(min(_NODE, devices), 0, -1) if devices % n == 0)
    words = [f"--tensor-model-parallel-size {y['tp']}", f"--pipeline-model-parallel-size {y['pp']}"]
    words += [f"--context-parallel-size {y['cp']}", f"--micro-batch-size {y['micro_batch']}"]
    words += [f"--global-batch-size {launch.global_batch}", f"--seq-length {launch.seq_len}", f"--num-layers {layers}"]
    words += [f"--num-virtual-stages-per-pipeline-rank {y['vpp']}"] if y["vpp"] > 1 else []
    words += [
        f"--decoder-{end}-pipeline-num-layers {y[f'{end}_layers']}" for end in ("first", "last") if y[f"{end}_layers"]
    ]
    words += ["--cp-comm-type a2a"] if y["cp_exchange"] else []
    words += ["--sequence-parallel"] if y["sequence_parallel"] else []
    words += {0: [], 1: ["--recompute-granularity selective"], 2: ["--recompute-granularity full"]}[y["recompute"]]
    words += written_modules(y["modules"]) if y["recompute"] == 1 else []
    if y["recompute"] == 2:
        some, group = y["repeated_layers"], max(y.get("group_layers", 0), 1)
        words += [f"--recompute-method {'block' if some else 'uniform'}", f"--recompute-num-layers {some or group}"]
    if launch.model.get("experts"):
        words += [f"--num-experts {launch.model['experts']}", f"--expert-model-parallel-size {y['ep']}"]
        words += [f"--expert-tensor-parallel-size {y['etp']}"]
    words += _sharding(y)
    copies = devices // (y["tp"] * y["pp"]) // y["zero_group"] if y["zero_group"] else 1
    words += [f"--num-distributed-optimizer-instances {copies}"] if copies > 1 else []
    zero_bubble = {
        CODES["zb-h1"]: ["--enable-zero-bubble"],
        CODES["zb-v"]: ["--enable-zero-bubble", "--zero-bubble-v-schedule"],
    }
    words += zero_bubble.get(y["schedule"], [])
    words += {
        "fp8": ["--bf16", "--fp8-format hybrid"],
        "mxfp8": ["--bf16", "--fp8-format e4m3", "--fp8-recipe mxfp8"],
        "nvfp4": ["--bf16", "--fp4-format e2m1"],
        "fp32": [],
    }.get(str(launch.precision), [f"--{launch.precision}"])
    words += ["--optimizer-cpu-offload"] if "optimizer" in launch.offload else []
    words += ["--cpu-offloading"] if "activations" in launch.offload else []
    words += [*written_switches(launch.switches), *written_optimizer(launch.optimizer)]
    head = f"torchrun --nnodes {devices // each} --nproc-per-node {each} pretrain_gpt.py"
    lost = ["modules"] if "operators" in module_names(y["modules"]) else []
    lost += [f"schedule {y['schedule']}"] if y["schedule"] and y["schedule"] not in (1, *zero_bubble) else []
    return " \\\n  ".join([head, *words]) + "\n", (*lost, *_adapters(launch))


def _adapters(launch: Launch) -> tuple[str, ...]:
    return (f"adapters of rank {launch.lora_rank}",) if launch.lora_rank else ()


def write_nxd(launch: Launch, layers: int) -> tuple[str, tuple[str, ...]]:
    """The parts of an NxD Training configuration with these choices (degrees in cores), and what it cannot say."""
    y = launch.layout
    devices = launch.devices or 1
    each = next(n for n in range(min(_NEURON_NODE, devices), 0, -1) if devices % n == 0)
    sections: dict[str, dict[str, Any]] = {
        "trainer": {"devices": each, "num_nodes": devices // each},
        "distributed_strategy": {
            "tensor_model_parallel_size": y["tp"],
            "pipeline_model_parallel_size": y["pp"],
            "virtual_pipeline_model_parallel_size": y["vpp"],
            "context_parallel_size": y["cp"],
            "expert_model_parallel_size": y["ep"],
            "zero1": y["zero"] == 1,
            "sequence_parallel": bool(y["sequence_parallel"]),
        },
        "data": {"micro_batch_size": y["micro_batch"], "global_batch_size": launch.global_batch},
        "model": {
            "encoder_seq_length": launch.seq_len,
            "num_layers": layers,
            "activations_checkpoint_granularity": {0: None, 1: "selective", 2: "full"}[y["recompute"]],
        },
        "precision": {"type": "fp32" if launch.precision == "fp32" else "mixed_precision"},
    }
    if launch.lora_rank:
        sections["model"]["peft"] = {"lora_rank": launch.lora_rank}
    lost = [name for name in ("zero_group", "schedule", "cp_exchange", "first_layers", "last_layers") if y[name]]
    lost += [f"zero {y['zero']}"] if y["zero"] > 1 else []
    lost += [f"precision {launch.precision}"] if launch.precision not in ("bf16", "fp32") else []
    lost += ["etp"] if y["ep"] > 1 and y["etp"] != y["tp"] else []
    return yaml_text(sections), (*lost, *(f"offload of {what}" for what in launch.offload))


def yaml_text(sections: Mapping[str, Any], indent: str = "") -> str:
    """Nested tables of plain values as YAML."""
    lines = []
    for name, value in sections.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{name}:", yaml_text(value, f"{indent}  ").rstrip("\n")]
        else:
            text = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else value
            lines.append(f"{indent}{name}: {text}")
    return "\n".join(lines) + "\n"
