"""How long an operator or a collective takes on a chip or fabric, and at what power."""

from megawatt.hardware.clock import Cost, PowerLaw, capped_clock
from megawatt.hardware.collectives import (
    Fabric,
    all_gather_s,
    all_reduce_s,
    all_to_all_s,
    reduce_scatter_s,
    send_receive_s,
)
from megawatt.hardware.cores import CoreLayout, Tile, core_layout
from megawatt.hardware.experts import ExpertKernel, expert_cost
from megawatt.hardware.fitted import Fitted, fitted
from megawatt.hardware.flash import AttentionKernel, attention_cost
from megawatt.hardware.gemm import GemmKernel, gemm_cost
from megawatt.hardware.kernels import attention_kernel, experts_kernel, gemm_kernel, links_kernel, outer_links
from megawatt.hardware.links import LinkKernel, across_s, domain_s, torus_share
from megawatt.hardware.power import PowerModel, chip_power_w, power_model
from megawatt.hardware.profile import PRACTICE_KEY, KernelProfile, kernel_profile, maker, own_field, peak_precision
from megawatt.hardware.roofline import attention_time_s, gemm_time_s, grouped_gemm_time_s, vector_time_s
from megawatt.hardware.streams import StreamKernel, stream_cost, stream_kernel

__all__ = [
    "PRACTICE_KEY",
    "AttentionKernel",
    "CoreLayout",
    "Cost",
    "ExpertKernel",
    "Fabric",
    "Fitted",
    "GemmKernel",
    "KernelProfile",
    "LinkKernel",
    "PowerLaw",
    "PowerModel",
    "StreamKernel",
    "Tile",
    "across_s",
    "all_gather_s",
    "all_reduce_s",
    "all_to_all_s",
    "attention_cost",
    "attention_kernel",
    "attention_time_s",
    "capped_clock",
    "chip_power_w",
    "core_layout",
    "domain_s",
    "expert_cost",
    "experts_kernel",
    "fitted",
    "gemm_cost",
    "gemm_kernel",
    "gemm_time_s",
    "grouped_gemm_time_s",
    "kernel_profile",
    "links_kernel",
    "maker",
    "outer_links",
    "own_field",
    "peak_precision",
    "power_model",
    "reduce_scatter_s",
    "send_receive_s",
    "stream_cost",
    "stream_kernel",
    "torus_share",
    "vector_time_s",
]
