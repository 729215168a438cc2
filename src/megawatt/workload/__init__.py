"""What one step of a model computes and moves: dimensions, parameters, FLOPs, operators."""

from megawatt.workload.arch import check_arch, load_model, model_from_entry
from megawatt.workload.counts import (
    ParameterCounts,
    attention_flops_per_token,
    layer_kinds,
    mean_keys,
    model_flops_per_token,
    parameters,
    trained_share,
)
from megawatt.workload.hf import KNOWN_ARCHITECTURES, model_from_hf_config
from megawatt.workload.operators import (
    ACTIVATION_BYTES,
    AttentionCall,
    ExpertCall,
    Gemm,
    LayerWork,
    Split,
    head_work,
    layer_work,
)
from megawatt.workload.records import ModelArch

__all__ = [
    "ACTIVATION_BYTES",
    "KNOWN_ARCHITECTURES",
    "AttentionCall",
    "ExpertCall",
    "Gemm",
    "LayerWork",
    "ModelArch",
    "ParameterCounts",
    "Split",
    "attention_flops_per_token",
    "check_arch",
    "head_work",
    "layer_kinds",
    "layer_work",
    "load_model",
    "mean_keys",
    "model_flops_per_token",
    "model_from_entry",
    "model_from_hf_config",
    "parameters",
    "trained_share",
]
