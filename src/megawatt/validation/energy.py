"""Score the energy of published training runs, and measured power of chips and nodes in training."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import System
from megawatt.errors import MegawattError
from megawatt.files import read_table
from megawatt.files.table import Row
from megawatt.runs import checkpoint_chip_w
from megawatt.training import TrainingPlan, plan, usual_job
from megawatt.validation.scoring import Case, Skipped, result_entry
from megawatt.workload import load_model, parameters

__all__ = ["score", "score_power"]

_SMALL: Final = 15.0
"""Largest model that 32 chips train comfortably. [billion parameters]"""
_LEAST: Final = 1e-9
"""Smallest energy [MWh] and fewest chip-hours of a run that count as some."""
_FEW, _MANY = 32, 512  # chips of a reference plan below and above it
_W_PER_KW: Final = 1e3
"""Watts of a kilowatt."""
_WH_PER_MWH: Final = 1e6
"""Watt-hours of a MWh."""
_TFLOPS: Final = 1e12
"""Operations of a TFLOP."""
_SIZE: Final = re.compile(r"\b(\d+(?:\.\d+)?)([BM])\b")
"""A size in a label: `7B`, `<1B`, `150M`."""
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?) TFLOP/s per chip")
"""The rate at which a run went, in its notes."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A run's chip-hours, energy as published [MWh], power of a chip as measured and as planned [W], and the PUE that
    lies between them; ``unpublished``: the energy is a facility's and its PUE is not known."""

    name: str
    hours: float
    energy_mwh: float
    measured_w: float
    planned_w: float
    pue: float
    metered: bool
    unpublished: bool
    groups: tuple[str, ...]

    @property
    def energy(self) -> Case:
        """Energy as published against chip-hours at the planned power."""
        made = self.hours * self.planned_w * self.pue / _WH_PER_MWH
        return Case(self.name, self.energy_mwh, made, assumed=("model", "layout"), groups=self.groups)

    @property
    def power(self) -> Case:
        """Average power of a chip, as measured against planned."""
        return Case(self.name, self.measured_w, self.planned_w, assumed=("model", "layout"), groups=self.groups)


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Energy of runs from their chip-hours and the power of a plan of their size on their chip; that power by itself.

    Rows whose energy was measured are one quantity; rows whose energy is chip-hours times a rated power (bookkeeping)
    another, computed as their source did. Energy of a facility without its PUE is compared with that of critical IT, so
    it stands apart. Rows without chip-hours, or of chips that the catalogue lacks, are skipped. Where a row's notes say
    at what rate the run went (`45.6 TFLOP/s per chip`), the plan's chips idle for the rest of the time.
    """
    rows = read_table(path).rows
    runs, skipped = [], []
    for row in rows:
        try:
            runs.append(_run(row, catalogue))
        except MegawattError as error:
            skipped.append(Skipped(row.get("id", ""), str(error)))
    like = [run for run in runs if not run.unpublished]
    metered = [run for run in like if run.metered]
    found = {
        "energy": [run.energy for run in metered],
        "average chip power": [run.power for run in metered],
        "energy, PUE unpublished": [run.energy for run in runs if run.unpublished],
        "energy by bookkeeping": [run.energy for run in like if not run.metered],
    }
    return [
        result_entry(
            file=path.name, kind="training-energy", quantity=quantity, unit="W" if "power" in quantity else "MWh",
            error="relative", rows=len(rows), scorable=len(cases), cases=cases,
            skipped=skipped if quantity == "energy" else (),
        )
        for quantity, cases in found.items()
        if cases
    ]  # fmt: skip


def _run(row: Row, catalogue: Catalogue) -> _Run:
    """What a row says, beside the plan of its size; raises where it cannot be scored."""
    for name, why in (("energy_mwh", "not scorable: no energy_mwh"), ("gpu_hours", "no gpu_hours")):
        if row.optional(name) is None:
            raise MegawattError(why)
    hours, energy = (row.number(name, low=_LEAST) for name in ("gpu_hours", "energy_mwh"))
    facility = row.get("it_or_facility") == "facility"
    unpublished = facility and row.optional("pue") is None
    pue = row.number("pue", low=1.0) if facility and not unpublished else 1.0
    metered = "measured" in row.get("energy_basis", "") or "measured" in row.get("power_basis", "")
    host = "GPU" not in row.get("energy_basis", "") and "GPU" not in row.get("power_basis", "")
    mean_w = energy * _WH_PER_MWH / hours / pue
    return _Run(
        name=row.get("id", ""),
        hours=hours,
        energy_mwh=energy,
        measured_w=row.optional("power_w_per_chip") or mean_w,
        planned_w=_run_w(row, catalogue, host) if metered else row.number("power_w_per_chip", low=1.0),
        pue=pue,
        metered=metered,
        unpublished=unpublished,
        groups=(f"counts={'chip and host' if host else 'chip'}",) if metered else (),
    )


def _reference(chip: str, params_b: float, catalogue: Catalogue) -> tuple[System, TrainingPlan]:
    """A plan of the dense catalogued model nearest in size, on the smallest machine of a chip."""
    key = catalogue.get(chip, "accelerator").key
    systems = [s for name in catalogue.keys("system") if (s := catalogue.system(name)).accelerator.key == key]
    if not systems:
        raise MegawattError(f"no machine of {chip} in the catalogue")
    system = min(systems, key=lambda s: s.chips)
    models = [load_model(name, catalogue) for name in ("llama-3.2-1b", "llama-2-7b", "llama-2-13b", "llama-3.1-70b")]
    arch = min(models, key=lambda m: abs(math.log(parameters(m).total / 1e9 / params_b)))
    job = usual_job(arch, system.accelerator)
    return system, plan(job, system, _FEW if params_b < _SMALL else _MANY, catalogue=catalogue)


def _size_b(row: Mapping[str, str], label: str) -> float:
    """Size of a run's model as its label says it. [billion parameters]"""
    said = _SIZE.search(row.get(label, ""))
    if said is None:
        return _SMALL
    return float(said[1]) * (1.0 if said[2] == "B" else 1e-3)


def _run_w(row: Row, catalogue: Catalogue, host: bool) -> float:
    """Power of a chip (with its share of the host where the row counts it) while such a run trains. [W]"""
    system, found = _reference(row["accelerator"], row.optional("params_b") or _size_b(row, "model"), catalogue)
    rate = _RATE.search(row.get("notes", ""))
    chip = system.accelerator
    planned = found.mfu * chip.peak_flops_per_s[found.job.precision]
    share = min(float(rate[1]) * _TFLOPS / planned, 1.0) if rate else 1.0
    idle_w = chip.power_idle_w
    chip_w = idle_w + share * (found.chip_power_w - idle_w)
    return chip_w + (system.overhead_w_per_chip if host else 0.0)


def score_power(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Power of chips, of chips with their host, and of nodes in training; saving a checkpoint apart."""
    rows = read_table(path).rows
    cases, skipped = [], []
    for row in rows:
        name = row.get("id", "")
        if row.get("measured") == "no":
            skipped.append(Skipped(name, "not measured"))
            continue
        try:
            cases.append(Case(name, _watts(row), _power_w(row, catalogue), groups=(f"quantity={row['quantity']}",)))
        except MegawattError as error:
            skipped.append(Skipped(name, str(error)))
    return [
        result_entry(
            file=path.name, kind="node-power", quantity="power", unit="W", error="relative", rows=len(rows),
            scorable=len(cases), cases=cases, skipped=skipped,
        )
    ]  # fmt: skip


def _watts(row: Row) -> float:
    value = row.number("value", low=0.0)
    return value * (_W_PER_KW if row.get("unit") == "kW" else 1.0)


_CHIPS: Final = (("H100", "h100-sxm"), ("H200", "h200-sxm"), ("A100", "a100-80g"), ("TPU v3", "tpu-v3"),
                 ("TPU v4", "tpu-v4"))  # fmt: skip
"""Chips by the words of the column ``system``."""


def _power_w(row: Row, catalogue: Catalogue) -> float:
    """What the model says of a row. [W]"""
    chip = next((key for word, key in _CHIPS if word in row["system"]), "")
    if not chip:
        raise MegawattError(f"{row['system']}: not in the catalogue")
    system, found = _reference(chip, _size_b(row, "workload"), catalogue)
    if "checkpoint" in row.get("workload", ""):
        return checkpoint_chip_w(system.accelerator, catalogue)
    quantity = row["quantity"]
    if "max node" in quantity:
        return system.chips * (system.accelerator.power_cap_w + system.overhead_w_per_chip)
    if "node" in quantity:
        return system.chips * found.it_w_per_chip
    return found.it_w_per_chip if "system" in quantity else found.chip_power_w
