"""A chip, its links and a serving stack, resolved into kernel models."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from megawatt.catalogue.records import Accelerator, Assumption, System
from megawatt.errors import MegawattError, ScenarioError
from megawatt.hardware import (
    AttentionKernel,
    ExpertKernel,
    Fabric,
    Fitted,
    GemmKernel,
    KernelProfile,
    PowerModel,
    attention_kernel,
    experts_kernel,
    fabric_for,
    gemm_kernel,
    kernel_profile,
    power_model,
)
from megawatt.serving.stacks import ServingStack, read_serving_stack

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["PRECISIONS", "ServingMachine", "cache_width", "computed_in", "served_precisions", "serving_machine"]

PRECISIONS: Final = ("bf16", "fp16", "fp8", "fp8_block", "mxfp8", "int8", "int4", "nvfp4", "mxfp4")
"""Precisions of stored weights."""
_COMPUTED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "bf16": ("bf16", "fp16"),
        "fp16": ("fp16", "bf16"),
        "fp8": ("fp8", "mxfp8", "bf16"),
        "fp8_block": ("fp8_block", "fp8", "mxfp8", "bf16"),
        "mxfp8": ("mxfp8", "fp8", "bf16"),
        "int8": ("int8", "fp8", "bf16"),
        "int4": ("bf16", "fp16"),
        "nvfp4": ("nvfp4", "fp4", "bf16"),
        "mxfp4": ("mxfp4", "nvfp4", "bf16"),
    }
)
"""Arithmetic of weights stored in a precision, the first that the chip has; 4-bit integers are widened."""
_WIDE_BYTES: Final = 2.0
"""Width of a 16-bit key or value. [B]"""
_NARROW: Final = ("fp8", "fp8_block", "mxfp8", "nvfp4")
"""Checkpoints whose caches are kept in 8 bits by default."""


@dataclass(frozen=True, slots=True)
class ServingMachine:
    """What an engine runs on.

    ``multiplies`` and ``experts`` are measured kernels by precision, ``attention`` that of prompts; where one is
    lacking, ``kernels`` has a coarser rate. ``evidence`` says whose measurements each rests on.
    """

    accelerator: Accelerator
    kernels: KernelProfile
    fabric: Fabric
    power: PowerModel
    stack: ServingStack
    precision: str
    arithmetic: str
    multiplies: Mapping[str, GemmKernel]
    attention: AttentionKernel | None
    experts: ExpertKernel | None
    evidence: Mapping[str, str] = field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()

    @property
    def wide(self) -> str:
        """The chip's 16-bit precision."""
        return "bf16" if "bf16" in self.kernels.gemm_flops_per_s else "fp16"


def served_precisions(accelerator: Accelerator) -> tuple[str, ...]:
    """Precisions of weights that a chip serves, those first that it computes in."""
    peaks = accelerator.peak_flops_per_s
    own = [p for p in PRECISIONS if p in peaks or (p == "fp8_block" and "fp8" in peaks)]
    return tuple(own + [p for p in PRECISIONS if p not in own and _first(p, accelerator)])


def _first(precision: str, accelerator: Accelerator) -> str:
    peaks = accelerator.peak_flops_per_s
    known = {*peaks, *(("fp8_block",) if "fp8" in peaks else ())}
    return next((name for name in _COMPUTED[precision] if name in known), "")


def computed_in(precision: str, accelerator: Accelerator) -> str:
    """Arithmetic in which a chip multiplies weights stored in a precision.

    Raises
    ------
    ScenarioError
        If the precision is not known, or the chip has no arithmetic for it.
    """
    if precision not in _COMPUTED:
        raise ScenarioError(f"precision = {precision!r}; allowed: {', '.join(served_precisions(accelerator))}")
    found = _first(precision, accelerator)
    if not found:
        allowed = ", ".join(served_precisions(accelerator))
        raise ScenarioError(f"precision = {precision!r} on {accelerator.key}: no arithmetic for it; allowed: {allowed}")
    return found


def cache_width(precision: str, accelerator: Accelerator) -> float:
    """Bytes of a key or value element as the checkpoint's quantisation keeps them by default. [B]"""
    narrow = precision in _NARROW or (precision == "mxfp4" and "nvfp4" in accelerator.peak_flops_per_s)
    return 1.0 if narrow and "fp8" in accelerator.peak_flops_per_s else _WIDE_BYTES


def serving_machine(
    catalogue: Catalogue, system: System, precision: str, stack: str = "", *, cache_bytes: float = 0.0
) -> ServingMachine:
    """Kernels of a machine as a serving stack runs them.

    Parameters
    ----------
    catalogue : Catalogue
        Entries ``kernel-...`` and ``serving-...``.
    system : System
        The machine.
    precision : str
        Of the stored weights, one of `PRECISIONS`.
    stack : str
        ``NAME[@RELEASE]`` (`read_serving_stack`).
    cache_bytes : float
        Width of keys and values; 0: `cache_width`. [B]

    Raises
    ------
    ScenarioError
        If the chip has no arithmetic for the precision, or the stack no such release.
    CatalogueError
        If there is no such stack, or no collectives of the chip or a relative.
    """
    chip = system.accelerator
    arithmetic = computed_in(precision, chip)
    chosen, used = read_serving_stack(catalogue, stack, chip)
    profile, power = kernel_profile(catalogue, chip), power_model(catalogue, chip)
    fabric, links, hops = fabric_for(catalogue, chip.key, system.links)
    found: dict[str, Fitted] = {"collectives": links}
    multiplies: dict[str, GemmKernel] = {}
    for name in dict.fromkeys((arithmetic, "bf16" if "bf16" in chip.peak_flops_per_s else "fp16")):
        with contextlib.suppress(MegawattError):
            multiplies[name], found[f"multiplies {name}"] = gemm_kernel(catalogue, chip, name, chosen.kernels)
    kept = "bf16_kv8" if (cache_bytes or cache_width(precision, chip)) < _WIDE_BYTES else "bf16"
    attention, experts = None, None
    # Where nothing was measured, the profile's coarser rates stay.
    with contextlib.suppress(MegawattError):
        attention, found["attention of prompts"] = attention_kernel(catalogue, chip, kept, chosen.kernels)
    with contextlib.suppress(MegawattError):
        experts, found["routed experts"] = experts_kernel(catalogue, chip, arithmetic, chosen.kernels)
    facts = (*profile.assumptions, *power.assumptions, *used, *hops)
    return ServingMachine(
        accelerator=chip,
        kernels=profile,
        fabric=fabric,
        power=power,
        stack=chosen,
        precision=precision,
        arithmetic=arithmetic,
        multiplies=multiplies,
        attention=attention,
        experts=experts,
        evidence={name: one.rests_on for name, one in found.items()},
        assumptions=(*facts, *(a for one in found.values() for a in one.assumptions)),
    )
