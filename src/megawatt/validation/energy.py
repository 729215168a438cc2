"""Score the energy of published training runs, and measured power of chips and nodes in training."""

from __future__ import annotations

import math
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
_FEW, _MANY = 32, 512  # chips of a reference plan below and above it
_W_PER_KW: Final = 1e3
"""Watts of a kilowatt."""
_CHIP_HOURS: Final = 1e6
"""Watt-hours of a MWh."""


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Energy of runs from their chip-hours and the power of a plan of their size on their chip.

    Rows whose energy was measured are one quantity; rows whose energy is chip-hours times a rated power (bookkeeping)
    another, computed as their source did. Rows without chip-hours, or of chips that the catalogue lacks, are skipped.
    """
    rows = read_table(path).rows
    found: dict[str, list[Case]] = {"energy": [], "energy by bookkeeping": []}
    skipped = []
    for row in rows:
        name, hours, energy = row.get("id", ""), row.optional("gpu_hours"), row.optional("energy_mwh")
        if energy is None or hours is None:
            skipped.append(Skipped(name, "not scorable: no energy_mwh" if energy is None else "no gpu_hours"))
            continue
        measured = "measured" in row.get("energy_basis", "") or "measured" in row.get("power_basis", "")
        try:
            watts = _run_w(row, catalogue) if measured else row.number("power_w_per_chip", low=1.0)
        except MegawattError as error:
            skipped.append(Skipped(name, str(error)))
            continue
        pue = row.optional("pue") if row.get("it_or_facility") == "facility" else None
        case = Case(name, energy, hours * watts * (pue or 1.0) / _CHIP_HOURS, assumed=("model", "layout"), groups=())
        found["energy" if measured else "energy by bookkeeping"].append(case)
    return [
        result_entry(
            file=path.name, kind="training-energy", quantity=quantity, unit="MWh", error="relative", rows=len(rows),
            scorable=len(cases), cases=cases, skipped=skipped if quantity == "energy" else (),
        )
        for quantity, cases in found.items()
        if cases
    ]  # fmt: skip


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


def _run_w(row: Row, catalogue: Catalogue) -> float:
    """Power of a chip (with its share of the host where the row counts it) while such a run trains. [W]"""
    _, found = _reference(row["accelerator"], row.optional("params_b") or _SMALL, catalogue)
    whole = "GPU" not in row.get("energy_basis", "") and "GPU" not in row.get("power_basis", "")
    return found.it_w_per_chip if whole else found.chip_power_w


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


_CHIPS: Final = (("H100", "h100-sxm"), ("H200", "h200-sxm"), ("A100", "a100-80g"), ("TPU v4", "tpu-v4"))
"""Chips by the words of the column ``system``."""


def _power_w(row: Row, catalogue: Catalogue) -> float:
    """What the model says of a row. [W]"""
    chip = next((key for word, key in _CHIPS if word in row["system"]), "")
    if not chip:
        raise MegawattError(f"{row['system']}: not in the catalogue")
    system, found = _reference(chip, _SMALL, catalogue)
    if "checkpoint" in row.get("workload", ""):
        return checkpoint_chip_w(system.accelerator, catalogue)
    quantity = row["quantity"]
    if "max node" in quantity:
        return system.chips * (system.accelerator.power_cap_w + system.overhead_w_per_chip)
    if "node" in quantity:
        return system.chips * found.it_w_per_chip
    return found.it_w_per_chip if "system" in quantity else found.chip_power_w
