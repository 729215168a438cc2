"""What one step of a model computes and moves: dimensions, parameters, FLOPs, operators."""

from megawatt.workload.arch import check_arch, load_model, model_from_entry
from megawatt.workload.calls import ACTIVATION_BYTES, AttentionCall, Gemm, ScanCall, Split
from megawatt.workload.counts import (
    KindParameters,
    ParameterCounts,
    attention_flops_per_token,
    forward_flops_per_token,
    mean_keys,
    model_flops_per_token,
    parameters,
    trained_share,
)
from megawatt.workload.describe import LayerGroup, ModelDescription, describe_model
from megawatt.workload.hf import model_from_hf_config
from megawatt.workload.mixers import Attention, Latent, Linear, Mamba, Mixer, Mixture, Mlp
from megawatt.workload.model_file import model_schema
from megawatt.workload.operators import ExpertCall, LayerWork, head_work, layer_work
from megawatt.workload.records import ModelArch
from megawatt.workload.structure import LayerKind, Structure, structure

__all__ = [
    "ACTIVATION_BYTES",
    "Attention",
    "AttentionCall",
    "ExpertCall",
    "Gemm",
    "KindParameters",
    "Latent",
    "LayerGroup",
    "LayerKind",
    "LayerWork",
    "Linear",
    "Mamba",
    "Mixer",
    "Mixture",
    "Mlp",
    "ModelArch",
    "ModelDescription",
    "ParameterCounts",
    "ScanCall",
    "Split",
    "Structure",
    "attention_flops_per_token",
    "check_arch",
    "describe_model",
    "forward_flops_per_token",
    "head_work",
    "layer_work",
    "load_model",
    "mean_keys",
    "model_flops_per_token",
    "model_from_entry",
    "model_from_hf_config",
    "model_schema",
    "parameters",
    "structure",
    "trained_share",
]
