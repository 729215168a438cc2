"""Matrix multiplies as training runs them: measured kernels between other operators, at a shared clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue.memo import resolved
from megawatt.catalogue.records import Accelerator, Assumption
from megawatt.errors import MegawattError
from megawatt.hardware import (
    Fitted,
    GemmKernel,
    KernelProfile,
    PowerLaw,
    Work,
    die_energies,
    gemm_cost,
    gemm_kernel,
    gemm_time_s,
    grouped_gemm_time_s,
    relative_speed,
)

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["TRAINED", "multiplies", "multiply", "shared_clock", "trained_precisions"]


TRAINED: Final = ("bf16", "fp16", "fp8", "mxfp8", "nvfp4", "mxfp4")
_INPUT_BYTES: Final[Mapping[str, float]] = MappingProxyType({"fp8": 1.0, "mxfp8": 1.0, "nvfp4": 0.5, "mxfp4": 0.5})
_LOWEST_CLOCK: Final = 0.2
"""Share of the full clock that no chip falls below."""
_BOUND: Final = 1.0 + 1e-9
_HALVINGS: Final = 14
"""The clock to 5e-5."""
_LARGE: Final = 8192.0
"""Side of the multiply whose rate is compared with a published best."""


def trained_precisions(accelerator: Accelerator) -> tuple[str, ...]:
    """Precisions of linear layers that a chip can train in, as it lists their rates; one of 16 bits is enough."""
    listed = [name for name in TRAINED if name in accelerator.peak_flops_per_s]
    return tuple(name for name in listed if name != "fp16" or "bf16" not in listed)


@resolved
def multiplies(
    catalogue: Catalogue, accelerator: Accelerator, profile: KernelProfile, precisions: Collection[str] = TRAINED
) -> tuple[Mapping[str, GemmKernel], dict[str, Fitted], tuple[Assumption, ...]]:
    """Kernels of a chip by precision, whose measurements they rest on, and other facts behind them.

    A chip that was not measured has the tiles and waves of its nearest relative, at the level of its own published best
    multiply where there is one (in a precision without any at the lowest of the others, if below the relative's); all
    boards of a die share its energies. Launches follow each other at the profile's
    rate: in training the host is modelled apart, and casts to narrow types are counted with the memory-bound operators.

    Parameters
    ----------
    catalogue : Catalogue
        Entries ``kernel-gemm-...``.
    accelerator : Accelerator
        The chip; its own data sheet and power cap count.
    profile : KernelProfile
        Launch time.
    precisions : collection of str
        Those that are needed.
    """
    kernels: dict[str, GemmKernel] = {}
    rests: dict[str, Fitted] = {}
    used: list[Assumption] = []
    for precision in (p for p in TRAINED if p in precisions):
        based = _based(catalogue, accelerator, profile, precision)
        if based is None:
            continue
        kernel, rests[f"multiplies {precision}"], facts = based
        level, said = _published_level(catalogue, accelerator, profile, precision)
        if level is None and kernel.chip != rests[f"multiplies {precision}"].chip:
            # What holds a chip below its relative in some operands holds it in others, too.
            others = (_published_level(catalogue, accelerator, profile, p) for p in TRAINED)
            level, said = min(((1.0, ()), *(o for o in others if o[0] is not None)), key=lambda other: other[0] or 1.0)
        kernels[precision] = kernel if level is None else replace(kernel, speed=kernel.speed * level)
        used += [*facts, *said]
    return MappingProxyType(kernels), rests, tuple(used)


def _based(
    catalogue: Catalogue, accelerator: Accelerator, profile: KernelProfile, precision: str
) -> tuple[GemmKernel, Fitted, tuple[Assumption, ...]] | None:
    """The kernel of a chip at its relative's level; None where neither has one, so that the profile's coarser model
    stays."""
    if precision not in accelerator.peak_flops_per_s:
        return None
    try:
        kernel, found = gemm_kernel(catalogue, accelerator, precision)
    except MegawattError:
        return None
    law = replace(kernel.law, **die_energies(catalogue, found.chip, found.precision))
    kernel = replace(kernel, launch_s=profile.launch_s, interval_s=0.0, quantise_factor=0.0, law=law)
    if found.chip == accelerator.key:
        return kernel, found, ()
    speed, facts = relative_speed(catalogue, accelerator)
    return replace(kernel, speed=kernel.speed * speed), found, tuple(facts)


def _published_level(
    catalogue: Catalogue, accelerator: Accelerator, profile: KernelProfile, precision: str
) -> tuple[float | None, tuple[Assumption, ...]]:
    """A chip's own best multiply over its relative's kernel, and the fact; None where nobody published one."""
    name = f"gemm_achieved_{precision}_flops_per_s"
    best = next((key for key in accelerator.practised if name in catalogue.get(key).facts), None)
    based = _based(catalogue, accelerator, profile, precision) if best is not None else None
    if best is None or based is None or based[1].chip == best:
        return None, ()
    return _level(catalogue, best, based[0], name), (catalogue.assume(best, name, "training"),)


def _level(catalogue: Catalogue, chip: str, kernel: GemmKernel, best: str) -> float:
    """Published best rate of a chip over the kernel's on a large multiply, both as shares of the peak they belong to.

    ``best`` names the fact of the best rate."""
    time_s = float(gemm_cost(kernel, _LARGE, _LARGE, _LARGE, steady=False).time_s)
    listed = catalogue.number(chip, f"peak_{kernel.precision}_flops_per_s")
    share = 2.0 * _LARGE**3 / time_s / kernel.peak_flops_per_s
    return catalogue.number(chip, best) / listed / share


def multiply(
    profile: KernelProfile,
    kernels: Mapping[str, GemmKernel],
    m: FloatArray,
    n: FloatArray,
    k: FloatArray,
    count: FloatArray,
    precision: str,
    *,
    grouped: bool = False,
    batched: bool = False,
) -> Work:
    """``count`` multiplies C[m, n] = A[m, k] B[k, n] at the full clock.

    Grouped and batched ones are one launch: their tiles fill the chip together, and every one reads operands of its
    own. In groups, whose rows differ, the last tile is half empty on average.

    Parameters
    ----------
    profile : KernelProfile
        Tile rows and share of grouped multiplies; the coarser model, where ``kernels`` lacks the precision (its rate
        is of steady runs: no clock is applied to it).
    kernels : mapping of str to GemmKernel
        By precision.
    m, n, k, count : array, shape (...,)
        Dimensions and number; fractions are averages. > 0
    precision : str
        Of the operands.
    grouped, batched : bool
        One launch over experts, or over equal multiplies.
    """
    kernel = kernels.get(precision)
    if kernel is None:
        time = (grouped_gemm_time_s if grouped else gemm_time_s)(profile, m, n, k, count, precision)
        return Work(time, np.zeros_like(time), np.zeros_like(time))
    share = profile.grouped_share if grouped else 1.0
    width = _INPUT_BYTES.get(precision, 2.0)
    moved_s = _moved_bytes(profile, m, n, k, width) / profile.hbm_flow_bytes_per_s
    if grouped or batched:
        rows = m + profile.expert_tile_rows / 2.0 if grouped else m
        cost, times = gemm_cost(kernel, rows * count, n, k, steady=False), np.ones_like(count)
        moved_s = count * moved_s
    else:
        cost, times = gemm_cost(kernel, m, n, k, steady=False), count
    arithmetic_s = cost.time_s - kernel.launch_s
    # What waits for memory, at the rate of the kernel's own loads, does not slow with the clock.
    loads_s = moved_s * (profile.hbm_flow_bytes_per_s / (kernel.hbm_share * kernel.hbm_bytes_per_s))
    clocked_s = np.where(arithmetic_s > _BOUND * loads_s, arithmetic_s, 0.0)
    dynamic_j = (cost.power_w - kernel.law.idle_w) * cost.time_s
    alone_s = cost.time_s / share
    clocked_s = np.where(moved_s > alone_s, 0.0, clocked_s / share)
    return Work(np.asarray(times * np.maximum(alone_s, moved_s)), np.asarray(times * clocked_s), times * dynamic_j)


def _moved_bytes(profile: KernelProfile, m: FloatArray, n: FloatArray, k: FloatArray, width: float) -> FloatArray:
    """Memory traffic of a multiply: a result is made block by block, each of which reads its rows and columns. [B]"""
    block = profile.block_rows
    again_m, again_n = (np.maximum(np.ceil(side / block), 1.0) if block else 1.0 for side in (m, n))
    return np.asarray(width * (m * k * again_n + k * n * again_m) + 2.0 * m * n)


def shared_clock(law: PowerLaw, work: Work, other_s: FloatArray, other_j: FloatArray) -> FloatArray:
    """Clock at which clocked operators and what runs between them keep the power cap on average. [1], 0 to 1

    Chips hold a mean over tens of milliseconds and more, many layers long, so multiplies run faster between operators
    that draw less than they do alone. E s^(e-1) + other <= (cap - idle) (clocked / s + rest): multiplies of energy E at
    the full clock, power falling as clock^e; the clock s is found by bisection.

    Parameters
    ----------
    law : PowerLaw
        Idle and cap power, clock exponent.
    work : Work
        Multiplies, at the full clock.
    other_s, other_j : array
        Time of everything else, and its energy above idle. [s], [J]
    """
    room_w = law.cap_w - law.idle_w
    rest_s = work.time_s - work.clocked_s + other_s
    low, high = np.full_like(rest_s, _LOWEST_CLOCK), np.ones_like(rest_s)
    for _ in range(_HALVINGS):
        clock = (low + high) / 2.0
        over = work.dynamic_j * clock ** (law.clock_exponent - 1.0) + other_j > room_w * (
            work.clocked_s / clock + rest_s
        )
        low, high = np.where(over, low, clock), np.where(over, clock, high)
    return high
