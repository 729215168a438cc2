"""How long an operator or a collective takes on a chip or fabric, and at what power."""

from megawatt.hardware.collectives import (
    Fabric,
    all_gather_s,
    all_reduce_s,
    all_to_all_s,
    reduce_scatter_s,
    send_receive_s,
)
from megawatt.hardware.power import PowerModel, chip_power_w, power_model
from megawatt.hardware.profile import PRACTICE_KEY, KernelProfile, kernel_profile, maker, peak_precision
from megawatt.hardware.roofline import attention_time_s, gemm_time_s, grouped_gemm_time_s, vector_time_s

__all__ = [
    "PRACTICE_KEY",
    "Fabric",
    "KernelProfile",
    "PowerModel",
    "all_gather_s",
    "all_reduce_s",
    "all_to_all_s",
    "attention_time_s",
    "chip_power_w",
    "gemm_time_s",
    "grouped_gemm_time_s",
    "kernel_profile",
    "maker",
    "peak_precision",
    "power_model",
    "reduce_scatter_s",
    "send_receive_s",
    "vector_time_s",
]
