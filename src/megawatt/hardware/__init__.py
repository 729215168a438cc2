"""How long an operator or a collective takes on a chip or fabric, and at what power."""

from megawatt.hardware.clock import Cost, PowerLaw, Work, capped_clock
from megawatt.hardware.collectives import (
    Fabric,
    all_gather_s,
    all_reduce_s,
    all_to_all_s,
    collective_s,
    reduce_scatter_s,
    send_receive_s,
)
from megawatt.hardware.cores import CoreLayout, Tile, core_layout
from megawatt.hardware.experts import ExpertKernel, ExpertShape, expert_cost, expert_gradient_costs
from megawatt.hardware.fabric import fabric_for
from megawatt.hardware.fitted_numbers import Fitted, fitted
from megawatt.hardware.flash import AttentionKernel, attention_cost
from megawatt.hardware.gemm import GemmKernel, gemm_cost
from megawatt.hardware.kernels import (
    attention_kernel,
    die_energies,
    experts_kernel,
    flash_kernel,
    gemm_kernel,
    links_kernel,
    outer_links,
)
from megawatt.hardware.links import LinkKernel, domain_s, level_share, neighbour_share
from megawatt.hardware.own_kernels import with_kernels
from megawatt.hardware.power import PowerModel, chip_power_w, power_model
from megawatt.hardware.profile import (
    PRACTICE_KEY,
    KernelProfile,
    kernel_profile,
    own_practice,
    peak_precision,
    relative_speed,
)
from megawatt.hardware.roofline import attention_time_s, gemm_time_s, grouped_gemm_time_s, vector_time_s

__all__ = [
    "PRACTICE_KEY",
    "AttentionKernel",
    "CoreLayout",
    "Cost",
    "ExpertKernel",
    "ExpertShape",
    "Fabric",
    "Fitted",
    "GemmKernel",
    "KernelProfile",
    "LinkKernel",
    "PowerLaw",
    "PowerModel",
    "Tile",
    "Work",
    "all_gather_s",
    "all_reduce_s",
    "all_to_all_s",
    "attention_cost",
    "attention_kernel",
    "attention_time_s",
    "capped_clock",
    "chip_power_w",
    "collective_s",
    "core_layout",
    "die_energies",
    "domain_s",
    "expert_cost",
    "expert_gradient_costs",
    "experts_kernel",
    "fabric_for",
    "fitted",
    "flash_kernel",
    "gemm_cost",
    "gemm_kernel",
    "gemm_time_s",
    "grouped_gemm_time_s",
    "kernel_profile",
    "level_share",
    "links_kernel",
    "neighbour_share",
    "outer_links",
    "own_practice",
    "peak_precision",
    "power_model",
    "reduce_scatter_s",
    "relative_speed",
    "send_receive_s",
    "vector_time_s",
    "with_kernels",
]
