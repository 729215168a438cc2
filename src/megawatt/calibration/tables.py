"""Fit the kernels of every chip in files of measurements."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.calibration.attention import attention_family, attention_precision
from megawatt.calibration.catalogue_rows import FittedEntry
from megawatt.calibration.experts import experts_family
from megawatt.calibration.family import POWER_FROM_S, Family, FamilyFit, fit_family, is_steady, predict
from megawatt.calibration.gemm import gemm_family
from megawatt.calibration.links import domain_times_s, fit_links, link_errors
from megawatt.calibration.published import (
    FIT_LENGTHS,
    CurveRow,
    curve_flops,
    curve_times_s,
    fit_curves,
    read_curves,
)
from megawatt.calibration.readings import earlier_shapes, fit_instrument, series_of
from megawatt.calibration.solver import FitQuality, Parameter, quality
from megawatt.catalogue.records import Accelerator
from megawatt.errors import CatalogueError, ScenarioError
from megawatt.evidence.kernel_tables import KernelTable, read_kernels
from megawatt.hardware.cores import CoreLayout, core_layout
from megawatt.hardware.fitted_numbers import fitted
from megawatt.hardware.kernels import ENERGIES, SWITCH_SUMS, attention_from
from megawatt.hardware.links import links_from

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["FAMILY_NAMES", "calibrate", "precisions_of"]

FAMILY_NAMES: Final[Mapping[str, str]] = {"gemm": "gemm", "attention": "attention", "moe": "experts"}
"""Catalogue family of each kind of kernel table."""
_BUILDERS: Final[Mapping[str, Callable[[CoreLayout, Accelerator, str, bool], Family]]] = {
    "gemm": gemm_family,
    "attention": attention_family,
    "moe": experts_family,
}
_LEAST_READINGS: Final = 8
"""Fewer readings of long kernels do not tell energies apart: those of the same generation of cores are taken."""
_SAME_ARITHMETIC: Final[Mapping[str, tuple[str, ...]]] = {
    "fp8": ("fp8_block",),
    "fp8_block": ("fp8",),
    "bf16_kv8": ("bf16", "fp8"),
}
"""Precisions whose products are made by the same units, nearest first."""
_TITLES: Final = {"gemm": "matrix multiplies", "attention": "fused attention", "moe": "expert layers"}


def precisions_of(table: KernelTable) -> NDArray[Any]:
    """Kernel precision of each row: the type, and for attention also that of keys and values."""
    if table.family != "attention":
        return table.word("dtype")
    pairs = zip(table.word("dtype"), table.word("kv_cache_dtype"), strict=True)
    return np.array([attention_precision(str(a), str(b)) for a, b in pairs], dtype=object)


@dataclass(frozen=True, slots=True)
class _Job:
    """One chip and precision: rows to fit, rows that judge."""

    layout: CoreLayout
    accelerator: Accelerator
    precision: str
    kept: KernelTable
    held: KernelTable


def _qualities(
    family: Family, fit: FamilyFit, kept: KernelTable, held: KernelTable
) -> dict[str, tuple[FitQuality, FitQuality]]:
    found = {}
    for stack in fit.stacks:
        both = []
        for table in (kept, held):
            part = table.where(table.word("stack") == stack)
            time, _ = predict(family.cost, stack, fit.values(stack), part)
            both.append(quality(time, part.number("latency_ms") * 1e-3))
        found[stack] = (both[0], both[1])
    return found


def _instruments(catalogue: Catalogue, job: _Job, family: Family, fit: FamilyFit) -> dict[str, dict[str, float]]:
    """How the powers of each stack were read, where the chip's power between runs is known."""
    chip = job.accelerator.key
    known = "rest_w" in catalogue.entries[f"kernel-chip-{chip}"].facts
    found = {}
    for stack in fit.stacks if known else ():
        part = job.kept.where((job.kept.word("stack") == stack) & is_steady(job.kept))
        if not len(part):
            continue
        time_s, power_w = predict(family.cost, stack, fit.values(stack), part)
        _, earlier_w = predict(family.cost, stack, fit.values(stack), earlier_shapes(part))
        series = series_of(catalogue, part, chip, job.precision, stack)
        read_w = part.number("power_w")
        rest_w = catalogue.number(f"kernel-chip-{chip}", "rest_w")
        instrument = fit_instrument(power_w, earlier_w, time_s, read_w, series, rest_w)
        if instrument is not None:
            found[stack] = instrument.facts
    return found


def _fold(table: KernelTable, fold: str) -> tuple[KernelTable, KernelTable]:
    kept = table.word("fold") == fold
    return table.where(kept), table.where(~kept)


def _long(table: KernelTable) -> NDArray[np.bool_]:
    return np.asarray(is_steady(table) & (table.number("latency_ms") * 1e-3 > POWER_FROM_S))


def _with_energies(family: Family, energies: Mapping[str, float] | None) -> Family:
    """The family with its power law fixed to energies of the same die."""
    if energies is None:
        return family
    fixed = {name: Parameter(v, 1.0, v, v) for name, v in energies.items()}
    return dataclasses.replace(family, shared={**family.shared, **fixed})


def _jobs(catalogue: Catalogue, table: KernelTable, fold: str) -> list[_Job]:
    """Chips and precisions to fit, those with most power readings first."""
    precisions, chips = precisions_of(table), table.word("accelerator")
    jobs = []
    for chip in sorted({str(c) for c in chips}):
        accelerator, layout = catalogue.accelerator(chip), core_layout(catalogue, chip)
        for precision in sorted({str(p) for p in precisions[chips == chip]}):
            kept, held = _fold(table.where((chips == chip) & (precisions == precision)), fold)
            if len(kept):
                jobs.append(_Job(layout, accelerator, precision, kept, held))
    return sorted(jobs, key=lambda job: -int(_long(job.kept).sum()))


def _kernels(catalogue: Catalogue, table: KernelTable, fold: str) -> Iterator[FittedEntry]:
    """Fits of every chip and precision; without power readings, the energies of a chip of the same generation."""
    known: dict[tuple[str, str], dict[str, float]] = {}
    for job in _jobs(catalogue, table, fold):
        generation = job.layout.architecture
        family = _BUILDERS[table.family](job.layout, job.accelerator, job.precision, True)
        readable = int((family.readable(job.kept) & _long(job.kept)).sum())
        powered = readable >= _LEAST_READINGS
        if not powered:
            alike = (job.precision, *_SAME_ARITHMETIC.get(job.precision, ()))
            energies = next((known[generation, p] for p in alike if (generation, p) in known), None)
            family = _BUILDERS[table.family](job.layout, job.accelerator, job.precision, False)
            family = _with_energies(family, energies)
        fit = fit_family(job.accelerator, job.precision, job.kept, family)
        if powered and (generation, job.precision) not in known:
            known[generation, job.precision] = {name: fit.shared[name] for name in ENERGIES}
        name = FAMILY_NAMES[table.family]
        title = f"{_TITLES[table.family].capitalize()} of {job.accelerator.key} in {job.precision}, fitted"
        instruments = _instruments(catalogue, job, family, fit)
        yield FittedEntry(name, title, fit, _qualities(family, fit, job.kept, job.held), instruments)


def _links(catalogue: Catalogue, table: KernelTable, fold: str) -> Iterator[FittedEntry]:
    for chip in sorted({str(c) for c in table.word("accelerator")}):
        kept, held = _fold(table.where(table.word("accelerator") == chip), fold)
        if not len(kept):
            continue
        rate = catalogue.number(chip, "scaleup_link_bytes_per_s")
        in_switch = core_layout(catalogue, chip).architecture in SWITCH_SUMS
        values = fit_links(rate, kept, in_switch=in_switch)
        both = [
            quality(domain_times_s(links_from(rate, values), part), part.number("latency_ms") * 1e-3)
            for part in (kept, held)
        ]
        stack = max(sorted({str(s) for s in kept.word("stack")}))
        errors = link_errors(rate, kept, values, in_switch=in_switch)
        fit = FamilyFit(catalogue.get(chip).key, "bf16", values, {stack: {}}, errors)
        title = f"Collectives of {chip} inside its domain, fitted"
        yield FittedEntry("links", title, fit, {stack: (both[0], both[1])}, {})


def _measured_energies(catalogue: Catalogue, chip: str) -> dict[str, float]:
    """Energies of attention whose power was read, on the chip or the nearest one of its generation."""
    try:
        found = fitted(catalogue, "attention", chip, "bf16")
    except CatalogueError:
        return {}
    read = {a.name.rpartition(".")[2] for a in found.assumptions if a.fact.low is not None}
    alike = core_layout(catalogue, chip).architecture == core_layout(catalogue, found.chip).architecture
    return {name: found.values[name] for name in ENERGIES} if alike and "flop_j" in read else {}


def _curves(catalogue: Catalogue, rows: list[CurveRow]) -> Iterator[FittedEntry]:
    for chip in sorted({r.chip for r in rows}):
        accelerator, layout = catalogue.accelerator(chip), core_layout(catalogue, chip)
        mine = [r for r in rows if r.chip == chip]
        fit = fit_curves(layout, accelerator, mine, _measured_energies(catalogue, chip))
        qualities = {}
        for kernel in fit.stacks:
            both = []
            for used in (True, False):
                part = [
                    r for r in mine if r.kernel == kernel and (int(r.seq_len) in FIT_LENGTHS and not r.note) == used
                ]
                model = attention_from(layout, accelerator, "bf16", kernel, fit.values(kernel))
                time = curve_times_s(model, part)
                both.append(quality(time, np.array([curve_flops(r) / r.flops_per_s for r in part])))
            qualities[kernel] = (both[0], both[1])
        title = f"Published attention kernels on {chip}, forward and backward, fitted"
        yield FittedEntry("flash", title, fit, qualities, {})


def calibrate(catalogue: Catalogue, path: Path, *, fold: str = "fit") -> list[FittedEntry]:
    """Fit everything that a file of measured kernels holds.

    Parameters
    ----------
    catalogue : Catalogue
        Data sheets and cores of the chips.
    path : Path
        Parquet table of kernels, or CSV of published attention throughput.
    fold : str
        Rows with this ``fold`` are fitted, the others judge the fit. Files without a ``fold`` are fitted whole.

    Raises
    ------
    ScenarioError
        If the file is neither.
    CatalogueError
        If a chip is not in the catalogue.
    """
    if path.suffix.lower() == ".csv":
        return list(_curves(catalogue, read_curves(path)))
    if path.suffix.lower() != ".parquet":
        raise ScenarioError(
            f"{path}: a file of type {path.suffix or 'unknown'}; needed: Parquet of kernels, CSV of curves"
        )
    table = read_kernels(path)
    if table.family == "collectives":
        return list(_links(catalogue, table, fold))
    return list(_kernels(catalogue, table, fold))
