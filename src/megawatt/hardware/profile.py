"""What a chip reaches of its data sheet in steady training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from megawatt.catalogue.memo import resolved
from megawatt.catalogue.records import Accelerator, Assumption, Fact
from megawatt.errors import ScenarioError

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["PRACTICE_KEY", "KernelProfile", "kernel_profile", "own_practice", "peak_precision", "relative_speed"]

PRACTICE_KEY: Final = "training-practice"
"""Catalogue entry of the constants that hold for every chip."""

_ROOM: Final = "hardware"
_NEAREST_PEAK: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "fp16": ("fp16", "bf16"),
        "bf16": ("bf16", "fp16"),
        "fp8": ("fp8", "mxfp8"),
        "mxfp8": ("mxfp8", "fp8"),
        "nvfp4": ("nvfp4", "fp4"),
        "fp4": ("fp4", "nvfp4", "mxfp4"),
    }
)

_GROUPED: Final[Mapping[str, str]] = MappingProxyType({"tpu": "stack-maxtext"})
"""Whose grouped multiplies a family of chips runs, where no expert layer was measured: XLA's."""


@dataclass(frozen=True, slots=True)
class KernelProfile:
    """Speeds that operators reach on one chip in steady training.

    Attributes
    ----------
    accelerator : str
        Catalogue key.
    gemm_flops_per_s : mapping of str to float
        Rate of a large matrix multiply by precision. [FLOP/s]
    peak_flops_per_s : mapping of str to float
        Data-sheet rate by precision. [FLOP/s]
    hbm_flow_bytes_per_s : float
        Memory rate of a long stream. [B/s]
    launch_s : float
        Shortest time of one kernel. [s]
    roofline_exponent : float
        How sharply the arithmetic and the memory limit meet: t = (t_a^p + t_m^p)^(1/p).
    attention_share : float
        Share of the 16-bit matrix rate that fused attention reaches on long sequences.
    attention_half_tokens : float
        Sequence length at which it reaches half of that. [tokens]
    expert_tile_rows : float
        Rows of a tile of a grouped multiply; the last tile of every expert is half empty on average.
    block_rows : float
        Side of the block of a result for which operands are read once from memory; 0 where measured kernels tell.
    grouped_share : float
        Rate of grouped multiplies over plain ones of the same size.
    assumptions : tuple of Assumption
        Facts behind these numbers.
    """

    accelerator: str
    gemm_flops_per_s: Mapping[str, float]
    peak_flops_per_s: Mapping[str, float]
    hbm_flow_bytes_per_s: float
    launch_s: float
    roofline_exponent: float
    attention_share: float
    attention_half_tokens: float
    expert_tile_rows: float
    block_rows: float = 0.0
    grouped_share: float = 1.0
    assumptions: tuple[Assumption, ...] = ()


def peak_precision(accelerator: Accelerator, precision: str) -> str:
    """The precision under which the chip lists its peak, e.g. ``bf16`` for ``fp16`` where only that is listed.

    Raises
    ------
    ScenarioError
        If the chip has no such arithmetic.
    """
    for name in _NEAREST_PEAK.get(precision, (precision,)):
        if name in accelerator.peak_flops_per_s:
            return name
    known = ", ".join(sorted(accelerator.peak_flops_per_s))
    raise ScenarioError(
        f"precision = {precision!r} on {accelerator.key}: no such peak is known; allowed: {known}. "
        "Choose one of these or another accelerator"
    )


def _achieved(catalogue: Catalogue, key: str, precision: str) -> Fact | None:
    return catalogue.get(key, "accelerator").facts.get(f"gemm_achieved_{precision}_flops_per_s")


@resolved
def _measured_shares(catalogue: Catalogue, precision: str) -> dict[str, float]:
    """Achieved over peak of every chip whose matrix multiplies were measured in this precision."""
    shares = {}
    for key in catalogue.keys("accelerator"):
        achieved = _achieved(catalogue, key, precision)
        peak = catalogue.get(key).facts.get(f"peak_{precision}_flops_per_s")
        if achieved is not None and peak is not None and achieved.source not in catalogue.files:
            shares[key] = achieved.number() / peak.number()
    return shares


def _elsewhere(accelerator: Accelerator, key: str) -> str:
    return "" if key == accelerator.key else f" on {key}"


@resolved
def _gemm_share(catalogue: Catalogue, accelerator: Accelerator, precision: str) -> Assumption:
    """Share of peak that the largest multiplies reach: measured on this chip, or the median of its relatives."""
    name = f"{accelerator.key}.gemm_achieved_{precision}_frac"
    for key in accelerator.practised:
        fact = _achieved(catalogue, key, precision)
        if fact is None:
            continue
        # Over the catalogue's peak: a variant of the chip (another power limit) reaches the same share of its own.
        peak = catalogue.number(key, f"peak_{precision}_flops_per_s")
        note = f"{fact.number():.4g} FLOP/s measured{_elsewhere(accelerator, key)}, {peak:.4g} FLOP/s peak"
        return Assumption(name, _ROOM, Fact(fact.number() / peak, "", fact.kind, fact.source, fact.date, note=note))
    # In a precision that nobody measured, as in 16 bits.
    nearest = next(p for p in (precision, "bf16") if _measured_shares(catalogue, p))
    shares = _measured_shares(catalogue, nearest)
    family = {k: s for k, s in shares.items() if catalogue.accelerator(k).family == accelerator.family}
    relatives = family or shares
    values = sorted(relatives.values())
    note = f"not measured on this chip: median of {', '.join(sorted(relatives))} in {nearest}"
    source = next(f.source for k in sorted(relatives) if (f := _achieved(catalogue, k, nearest)) is not None)
    fact = Fact(median(values), "", "derived", source, low=values[0], high=values[-1], note=note)
    return Assumption(name, _ROOM, fact)


def _hbm_rate(catalogue: Catalogue, accelerator: Accelerator) -> Assumption:
    """Memory rate of a long stream: measured on this chip, else the usual share of the data sheet. [B/s]"""
    name = f"{accelerator.key}.hbm_achieved_bytes_per_s"
    measured = "hbm_achieved_bytes_per_s"
    key = next((k for k in accelerator.practised if measured in catalogue.get(k, "accelerator").facts), None)
    if key is None:
        share = catalogue.fact(PRACTICE_KEY, "hbm_achieved_frac")
        note = f"not measured on this chip: {share.number():g} of the data sheet. {share.note}"
        return Assumption(
            name,
            _ROOM,
            Fact(accelerator.hbm_bytes_per_s * share.number(), "byte/s", "derived", share.source, note=note),
        )
    fact, listed = catalogue.fact(key, measured), catalogue.number(key, "hbm_bytes_per_s")
    if accelerator.hbm_bytes_per_s != listed:
        note = (
            f"share measured on the catalogue's chip ({listed:.4g} B/s), this one has {accelerator.hbm_bytes_per_s:.4g}"
        )
        rate = fact.number() / listed * accelerator.hbm_bytes_per_s
        fact = Fact(rate, "byte/s", "derived", fact.source, fact.date, note=note)
    return Assumption(name, _ROOM, fact)


def own_practice(catalogue: Catalogue, accelerator: Accelerator, name: str, room: str = _ROOM) -> Assumption:
    """A fact of practice: of this chip (``practice-<chip>``), of its family, or of any chip.

    Raises
    ------
    CatalogueError
        If none has it.
    """
    for key in (f"practice-{who}" for who in (*accelerator.practised, accelerator.family)):
        entry = catalogue.entries.get(key)
        if entry is not None and name in entry.facts:
            return catalogue.assume(key, name, room)
    return catalogue.assume(PRACTICE_KEY, name, room)


@resolved
def relative_speed(catalogue: Catalogue, accelerator: Accelerator) -> tuple[float, tuple[Assumption, ...]]:
    """Rate of a chip's multiplies over those of the relative whose measurements stand in, and the fact behind it; 1
    where nobody can tell."""
    for key in (f"practice-{chip}" for chip in accelerator.practised):
        if key in catalogue.entries and "relative_speed" in catalogue.get(key).facts:
            used = catalogue.assume(key, "relative_speed", _ROOM)
            return used.fact.number(), (used,)
    return 1.0, ()


@resolved
def kernel_profile(catalogue: Catalogue, accelerator: Accelerator) -> KernelProfile:
    """Speeds of a chip from the catalogue: measured where somebody measured, else from its relatives (and it says so).

    Parameters
    ----------
    catalogue : Catalogue
        Facts ``gemm_achieved_<precision>_flops_per_s`` of accelerators and the entry ``training-practice``.
    accelerator : Accelerator
        The chip.
    """
    used = [_gemm_share(catalogue, accelerator, precision) for precision in accelerator.peak_flops_per_s]
    hbm = _hbm_rate(catalogue, accelerator)
    own = ("attention_share", "expert_tile_rows", "block_rows")
    practice = [own_practice(catalogue, accelerator, name) for name in own]
    practice.append(catalogue.assume(_GROUPED.get(accelerator.family, PRACTICE_KEY), "grouped_share", _ROOM))
    shared = ("kernel_launch_s", "roofline_exponent", "attention_half_tokens")
    practice += [catalogue.assume(PRACTICE_KEY, name, _ROOM) for name in shared]
    attention, tile, block, grouped, launch, exponent, half = (a.fact.number() for a in practice)
    rates = {
        precision: accelerator.peak_flops_per_s[precision] * share.fact.number()
        for precision, share in zip(accelerator.peak_flops_per_s, used, strict=True)
    }
    return KernelProfile(
        accelerator=accelerator.key,
        gemm_flops_per_s=MappingProxyType(rates),
        peak_flops_per_s=accelerator.peak_flops_per_s,
        hbm_flow_bytes_per_s=hbm.fact.number(),
        launch_s=launch,
        roofline_exponent=exponent,
        attention_share=attention,
        attention_half_tokens=half,
        expert_tile_rows=tile,
        block_rows=block,
        grouped_share=grouped,
        assumptions=(*used, hbm, *practice),
    )
