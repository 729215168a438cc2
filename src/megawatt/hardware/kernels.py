"""Kernel models of a chip: data sheet, cores and fitted parameters put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from megawatt.catalogue.memo import resolved
from megawatt.catalogue.records import Accelerator
from megawatt.errors import CatalogueError
from megawatt.hardware.clock import PowerLaw
from megawatt.hardware.cores import CoreLayout, core_layout, peak_of, relatives
from megawatt.hardware.expert_stacks import expert_stack
from megawatt.hardware.experts import ExpertKernel
from megawatt.hardware.fitted_numbers import Fitted, entry_key, fitted
from megawatt.hardware.flash import AttentionKernel
from megawatt.hardware.gemm import GemmKernel
from megawatt.hardware.links import LinkKernel, links_from
from megawatt.hardware.profile import PRACTICE_KEY

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = [
    "ATTENTION_SHARED",
    "ATTENTION_STACK",
    "ENERGIES",
    "EXPERTS_SHARED",
    "EXPERTS_STACK",
    "GEMM_SHARED",
    "GEMM_STACK",
    "LINK_PARAMETERS",
    "OUTER_KEY",
    "attention_from",
    "attention_kernel",
    "die_energies",
    "experts_from",
    "experts_kernel",
    "flash_kernel",
    "gemm_from",
    "gemm_kernel",
    "links_kernel",
    "outer_links",
    "power_law",
    "ring_only",
]

ENERGIES: Final = ("flop_j", "byte_j", "clock_exponent")
"""What the power of a chip and precision is fitted with."""
GEMM_SHARED: Final[tuple[str, ...]] = (
    "rate_share",
    "edge_rows",
    "prologue_s",
    "wave_overlap",
    "hbm_share",
    *ENERGIES,
)
"""Fitted numbers of a chip and precision."""
GEMM_STACK: Final[tuple[str, ...]] = ("launch_s", "interval_s", "quantise_factor", "speed")
"""Fitted numbers of a software stack on it."""
ATTENTION_SHARED: Final[tuple[str, ...]] = (
    "rate_share",
    "score_width",
    "overhead_keys",
    "prologue_s",
    *ENERGIES,
)
ATTENTION_STACK: Final[tuple[str, ...]] = ("launch_s", "query_passes", "kv_passes", "speed")
EXPERTS_SHARED: Final[tuple[str, ...]] = (
    "rate_share",
    "hbm_share",
    "core_bytes_per_s",
    "step_s",
    "wave_overlap",
    "expert_s",
    "topk_s",
    "sort_passes",
    *ENERGIES,
)
SWITCH_SUMS: Final = ("hopper", "blackwell")
"""NVLink SHARP came with the switches of the Hopper generation [nvidia-h100-paper]."""
LINK_PARAMETERS: Final[tuple[str, ...]] = (
    "base_s",
    "step_s",
    "copy_bytes_per_s",
    "ramp_s",
    "ramp_bytes",
    "gather_share",
    "scatter_share",
    "reduce_share",
    "exchange_share",
)
OUTER_KEY: Final = "kernel-links-across"
_OLD_KERNELS: Final = ("fa2",)
"""Written with the instructions of Ampere [kernel-flash-attention]."""
SWITCH_PARAMETERS: Final[tuple[str, ...]] = ("switch_share", "switch_ramp_s", "switch_ramp_bytes")
EXPERTS_STACK: Final[tuple[str, ...]] = ("launch_s", "row_passes", "speed", "stream_share")


def power_law(accelerator: Accelerator, values: Mapping[str, float]) -> PowerLaw:
    """Power of a chip from its data sheet's ends and fitted energies."""
    return PowerLaw(
        accelerator.power_idle_w,
        accelerator.power_cap_w,
        values["flop_j"],
        values["byte_j"],
        values["clock_exponent"],
    )


def _numbers(values: Mapping[str, float], shared: tuple[str, ...], stack: tuple[str, ...]) -> dict[str, float]:
    """The numbers of a kernel model beside its power law."""
    return {name: values[name] for name in (*shared, *stack) if name not in ENERGIES}


def gemm_from(
    layout: CoreLayout, accelerator: Accelerator, precision: str, stack: str, values: Mapping[str, float]
) -> GemmKernel:
    """A matrix multiply model from named numbers (those of `GEMM_SHARED` and `GEMM_STACK`)."""
    return GemmKernel(
        chip=accelerator.key,
        precision=precision,
        stack=stack,
        tiles=layout.tiles,
        cores=layout.cores,
        peak_flops_per_s=peak_of(accelerator, precision),
        hbm_bytes_per_s=accelerator.hbm_bytes_per_s,
        law=power_law(accelerator, values),
        **_numbers(values, GEMM_SHARED, GEMM_STACK),
    )


@resolved
def gemm_kernel(
    catalogue: Catalogue,
    accelerator: Accelerator,
    precision: str,
    stack: str | None = None,
    *,
    exclude: Collection[str] = (),
) -> tuple[GemmKernel, Fitted]:
    """The matrix multiplies of a chip at a precision, and whose measurements they rest on.

    Parameters
    ----------
    catalogue : Catalogue
        Holds the fitted parameters (``kernel-gemm-*``).
    accelerator : Accelerator
        The chip; its own data sheet and power cap count, also where a relative's shares are used.
    precision : str
        bf16, fp16, fp8, fp8_block, mxfp8, nvfp4, mxfp4, int8.
    stack : str, optional
        Software stack, e.g. ``trtllm_1.3.0rc20``.
    exclude : collection of str
        Chips that count as not measured.

    Raises
    ------
    ScenarioError
        If the chip has no such arithmetic.
    CatalogueError
        If neither it nor a relative was measured.
    """
    found = fitted(catalogue, "gemm", accelerator.key, precision, stack, exclude=exclude)
    layout = core_layout(catalogue, accelerator.key)
    return gemm_from(layout, accelerator, precision, found.stack, found.values), found


@resolved
def die_energies(catalogue: Catalogue, chip: str, precision: str) -> dict[str, float]:
    """Energies of matrix multiplies on a measured chip's die: the geometric mean over the boards of its generation
    whose power was read. Readings of one die on two boards differ by up to 2.7 times, either way, and say more of the
    instrument than of the board. Empty where none was read.

    Parameters
    ----------
    catalogue : Catalogue
        Entries ``kernel-gemm-<chip>-<precision>``; a number with a range was read, one without taken from a relative.
    chip : str
        The chip that was measured, or stands in for one that was not.
    precision : str
        As the entries name it.
    """
    layout = core_layout(catalogue, chip)
    chips = [chip, *relatives(catalogue, chip)]
    alike = [chip for chip in chips if core_layout(catalogue, chip).architecture == layout.architecture]
    keys = [entry_key("gemm", chip, precision) for chip in alike]
    facts = [catalogue.entries[key].facts for key in keys if key in catalogue.entries]
    # Kernels of one's own stand for themselves: only readings of one source are averaged.
    read = [f for f in facts if f["flop_j"].low is not None and f["flop_j"].source == facts[0]["flop_j"].source]
    return {name: float(np.exp(np.mean([np.log(f[name].number()) for f in read]))) for name in ENERGIES if read}


def attention_from(
    layout: CoreLayout, accelerator: Accelerator, precision: str, stack: str, values: Mapping[str, float]
) -> AttentionKernel:
    """An attention model from named numbers (those of `ATTENTION_SHARED` and `ATTENTION_STACK`)."""
    return AttentionKernel(
        chip=accelerator.key,
        precision=precision,
        stack=stack,
        cores=layout.cores,
        peak_flops_per_s=peak_of(accelerator, precision),
        hbm_bytes_per_s=accelerator.hbm_bytes_per_s,
        law=power_law(accelerator, values),
        backward_share=values.get("backward_share", 1.0),
        **_numbers(values, ATTENTION_SHARED, ATTENTION_STACK),
    )


def attention_kernel(
    catalogue: Catalogue,
    accelerator: Accelerator,
    precision: str,
    stack: str | None = None,
    *,
    exclude: Collection[str] = (),
) -> tuple[AttentionKernel, Fitted]:
    """Fused attention of a chip, and whose measurements it rests on; parameters as of `gemm_kernel`.

    ``precision`` may be ``bf16_kv8``: products in 16 bits, keys and values kept in 8.
    """
    found = fitted(catalogue, "attention", accelerator.key, precision, stack, exclude=exclude)
    layout = core_layout(catalogue, accelerator.key)
    return attention_from(layout, accelerator, precision, found.stack, found.values), found


@resolved
def flash_kernel(catalogue: Catalogue, accelerator: Accelerator, kernel: str) -> tuple[AttentionKernel, Fitted]:
    """Attention as training runs it, forward and backward: published kernels of the chip, or the nearest measured ones.

    In this order: published curves on a chip of the same generation; attention of a serving library measured on one
    (forward; the backward pass at the share of published curves); curves of a relative's generation over this chip's
    own data sheet. Kernels that were written for an older generation use its instructions, which later chips run no
    faster: they keep the rate of the chip that they were measured on.

    Parameters
    ----------
    catalogue : Catalogue
        Entries ``kernel-flash-...``, ``kernel-attention-...`` and ``training-practice``.
    accelerator : Accelerator
        The chip.
    kernel : str
        ``fa2``, ``fa3``, ``cudnn``, ``xla``, ``neuron``; where it was not measured, the chip's reference kernel.

    Raises
    ------
    CatalogueError
        If neither the chip nor a relative has measured attention.
    """
    found = _published_attention(catalogue, accelerator, kernel)
    if found is None or not (kernel in _OLD_KERNELS or _one_generation(catalogue, accelerator, found)):
        serving = fitted(catalogue, "attention", accelerator.key, "bf16")
        if found is None or _one_generation(catalogue, accelerator, serving):
            back = catalogue.assume(PRACTICE_KEY, "attention_backward_frac", "hardware")
            values = {"backward_share": back.fact.number(), **serving.values}
            found = dataclasses.replace(serving, values=values, assumptions=(*serving.assumptions, back))
    model = attention_from(core_layout(catalogue, accelerator.key), accelerator, "bf16", found.stack, found.values)
    if kernel in _OLD_KERNELS and not _one_generation(catalogue, accelerator, found):
        rate = peak_of(catalogue.accelerator(found.chip), "bf16")
        model = dataclasses.replace(model, peak_flops_per_s=min(model.peak_flops_per_s, rate))
    return model, found


def _published_attention(catalogue: Catalogue, accelerator: Accelerator, kernel: str) -> Fitted | None:
    try:
        return fitted(catalogue, "flash", accelerator.key, "bf16", kernel)
    except CatalogueError:
        return None


def _one_generation(catalogue: Catalogue, accelerator: Accelerator, found: Fitted) -> bool:
    """Whether the chip that was measured is of the accelerator's generation."""
    own, measured = (core_layout(catalogue, key).architecture for key in (accelerator.key, found.chip))
    return own == measured


def experts_from(
    layout: CoreLayout,
    accelerator: Accelerator,
    precision: str,
    stack: str,
    values: Mapping[str, float],
    library: str | None = None,
) -> ExpertKernel:
    """An expert layer model from named numbers (those of `EXPERTS_SHARED` and `EXPERTS_STACK`).

    ``library`` is the stack whose rules it follows, where the numbers are those of another.
    """
    return ExpertKernel(
        chip=accelerator.key,
        precision=precision,
        stack=stack,
        rules=expert_stack(library or stack),
        lean_share=values.get("lean_share", 1.0),
        cores=layout.cores,
        peak_flops_per_s=peak_of(accelerator, precision),
        hbm_bytes_per_s=accelerator.hbm_bytes_per_s,
        law=power_law(accelerator, values),
        **_numbers(values, EXPERTS_SHARED, EXPERTS_STACK),
    )


@resolved
def experts_kernel(
    catalogue: Catalogue,
    accelerator: Accelerator,
    precision: str,
    stack: str | None = None,
    *,
    exclude: Collection[str] = (),
) -> tuple[ExpertKernel, Fitted]:
    """Expert layers of a chip, and whose measurements they rest on; parameters as of `gemm_kernel`.

    A library that was not measured on it keeps its own rules (tiles, routing, rows) with another library's numbers.
    Cores of another design that do more arithmetic each than the relative's are fed as much more.
    """
    found = fitted(catalogue, "experts", accelerator.key, precision, stack, exclude=exclude)
    layout, theirs = core_layout(catalogue, accelerator.key), core_layout(catalogue, found.chip)
    values = found.values
    if layout.architecture != theirs.architecture:
        per_core = peak_of(accelerator, precision) / layout.cores
        larger = per_core * theirs.cores / peak_of(catalogue.accelerator(found.chip), found.precision)
        values = {**values, "core_bytes_per_s": values["core_bytes_per_s"] * max(larger, 1.0)}
    return experts_from(layout, accelerator, precision, found.stack, values, stack), found


def links_kernel(catalogue: Catalogue, chip: str, *, exclude: Collection[str] = ()) -> tuple[LinkKernel, Fitted]:
    """Collectives of a chip inside its scale-up domain: its own link rate, its own or its relatives' fitted numbers."""
    found = fitted(catalogue, "links", chip, "bf16", exclude=exclude)
    architecture = catalogue.get(f"kernel-chip-{catalogue.get(chip).key}").facts.get("architecture")
    sums = architecture is not None and architecture.value in SWITCH_SUMS
    if "switch_share" not in found.values and sums:
        # Its own tables hold no group large enough for sums in the switches: those of the nearest relative.
        relative = fitted(catalogue, "links", chip, "bf16", exclude={*exclude, found.chip})
        shares = {name: value for name, value in relative.values.items() if name in SWITCH_PARAMETERS}
        used = tuple(a for a in relative.assumptions if a.name.rpartition(".")[2] in SWITCH_PARAMETERS)
        found = dataclasses.replace(found, values={**found.values, **shares}, assumptions=(*found.assumptions, *used))
    links = links_from(catalogue.number(chip, "scaleup_link_bytes_per_s"), found.values)
    return links if sums else ring_only(links), found


def ring_only(links: LinkKernel) -> LinkKernel:
    """The same links where no switch adds what passes through it: rings do all sums."""
    return dataclasses.replace(links, switch_share=0.0)


def outer_links(catalogue: Catalogue) -> LinkKernel:
    """Collectives between domains, as measured over EFA and InfiniBand; the rate is the machine's. [B/s]"""
    values = {name: catalogue.number(OUTER_KEY, name) for name in LINK_PARAMETERS}
    return links_from(1.0, values, tree=True)
