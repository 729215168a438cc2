"""Switches of Megatron-Core beside the layout: how routed tokens travel, CUDA graphs, overlap, optimizer states.

Sources: Megatron-LM's ``megatron/training/arguments.py`` and core/transformer/transformer_config.py.
"""

from __future__ import annotations

from typing import Any, Final

from megawatt.launch.records import Options
from megawatt.training import Features, module_names, read_features

__all__ = [
    "read_modules",
    "read_optimizer",
    "read_switches",
    "written_modules",
    "written_optimizer",
    "written_switches",
]

_SCOPES: Final = {
    "attn": "attn",
    "moe_router": "router",
    "moe_preprocess": "preprocess",
    "mlp": "experts",
    "moe": "experts",
    "full_iteration": "full",
}
"""What graphs hold, by the words of ``cuda_graph_scope``."""
_WHOLE_LAYER: Final = ("attn", "router", "preprocess", "shared", "experts")
"""Graphs without a scope hold whole layers."""
_FLAGS: Final = {
    "ep_overlap": "overlap_moe_expert_parallel_comm",
    "shared_overlap": "moe_shared_expert_overlap",
    "tp_overlap": "tp_comm_overlap",
    "router_fusion": "moe_router_fusion",
    "permute_fusion": "moe_permute_fusion",
}
_BACKENDS: Final = ("deepep", "hybridep")
_WIDTHS: Final = {"adam-bf16": ("bf16", "bfloat16", "fp16"), "adam-8bit": ("fp8", "uint8")}
"""Widths of moments, by kind of optimizer."""
_KINDS: Final = ("sgd", "muon")


def _dispatcher(options: Options) -> str | None:
    kind = options.word("moe_token_dispatcher_type")
    backend = options.word("moe_flex_dispatcher_backend")
    if options.flag("moe_enable_deepep"):
        return "deepep"
    if kind == "flex":
        if backend not in ("", *_BACKENDS):
            options.note(f"moe_flex_dispatcher_backend {backend} is taken as deepep")
        return backend if backend in _BACKENDS else "deepep"
    if kind == "allgather":
        options.note("moe_token_dispatcher_type allgather is taken as alltoall")
    return "alltoall" if kind else None


def _graphs(options: Options) -> tuple[str, ...] | None:
    kind = options.word("cuda_graph_impl")
    scope = options.word("cuda_graph_scope").replace("[", "").replace("]", "").replace(" ", ",")
    on = options.flag("enable_cuda_graph", "external_cuda_graph") or kind not in ("", "none")
    if not on:
        return () if kind == "none" else None
    words = [word for word in scope.split(",") if word not in ("", "full")]
    unknown = [word for word in words if word not in _SCOPES]
    if unknown:
        options.note(f"cuda_graph_scope {', '.join(unknown)} is left out")
    return tuple(dict.fromkeys(_SCOPES[word] for word in words if word in _SCOPES)) if words else _WHOLE_LAYER


def read_switches(options: Options) -> Features:
    """Switches of the stack that a file says."""
    switched: dict[str, Any] = {name: True for name, option in _FLAGS.items() if options.flag(option)}
    balance = "forced" if options.flag("moe_router_force_load_balancing", "moe_router_force_load_balance") else None
    factor = options.number("moe_expert_capacity_factor", "capacity_factor")
    padded = options.flag("moe_pad_expert_input_to_capacity")
    if factor and not padded:
        options.note("moe_expert_capacity_factor drops tokens: experts are taken as full")
    return Features(
        dispatcher=_dispatcher(options), graphs=_graphs(options), balance=balance, capacity=factor or None, **switched
    )


def written_switches(text: str) -> list[str]:
    """Switches as Megatron-LM's arguments; ``text`` as `read_features` reads it."""
    said = read_features(text).said()
    words = []
    kind = said.get("dispatcher")
    if kind in _BACKENDS:
        words += ["--moe-token-dispatcher-type flex", f"--moe-flex-dispatcher-backend {kind}"]
    elif kind is not None:
        words.append("--moe-token-dispatcher-type alltoall")
    if said.get("graphs") == ("full",):
        words += ["--cuda-graph-impl local", "--cuda-graph-scope full_iteration"]
    elif said.get("graphs"):
        scopes = {named: scope for scope, named in reversed(_SCOPES.items())}
        found = [scopes[name] for name in said["graphs"] if name in scopes]
        words += ["--cuda-graph-impl transformer_engine", f"--cuda-graph-scope {' '.join(found)}"]
    elif "graphs" in said:
        words.append("--cuda-graph-impl none")
    words += [f"--{option.replace('_', '-')}" for name, option in _FLAGS.items() if said.get(name)]
    if said.get("balance") == "forced":
        words.append("--moe-router-force-load-balancing")
    if said.get("capacity"):
        words += [f"--moe-expert-capacity-factor {said['capacity']:g}", "--moe-pad-expert-input-to-capacity"]
    return words


def read_modules(options: Options) -> tuple[str, ...]:
    """Modules that selective recompute repeats, as Megatron-Core names them; empty where none is named."""
    text = options.word("recompute_modules", "activations_checkpoint_recompute")
    plain = text.replace("[", "").replace("]", "").replace(" ", ",").replace("coreattention", "core_attn")
    return tuple(filter(None, (word.strip("'\" ") for word in plain.split(","))))


def written_modules(bits: int) -> list[str]:
    """``--recompute-modules`` of a layout's modules; Megatron-Core knows no recompute by operator."""
    names = [name for name in module_names(bits) if name != "operators"]
    return [f"--recompute-modules {' '.join(names)}"] if names else []


def read_optimizer(options: Options) -> str:
    """Kind of optimizer that a file names; empty where it is the stack's usual one."""
    kind = options.word("optimizer", "optim.optimizer")
    moments = options.word("exp_avg_dtype")
    options.skip("use_precision_aware_optimizer", "exp_avg_sq_dtype", "main_grads_dtype", "main_params_dtype")
    named = next((name for name in _KINDS if name in kind), "")
    return named or next((name for name, widths in _WIDTHS.items() if moments.removeprefix("torch.") in widths), "")


def written_optimizer(kind: str) -> list[str]:
    """Arguments of a kind of optimizer; none for those with 32-bit moments."""
    if kind in _KINDS:
        return [f"--optimizer {kind}"]
    if kind not in _WIDTHS:
        return []
    width = _WIDTHS[kind][0]
    return ["--use-precision-aware-optimizer", f"--exp-avg-dtype {width}", f"--exp-avg-sq-dtype {width}"]
