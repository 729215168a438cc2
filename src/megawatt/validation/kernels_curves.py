"""Score published attention throughput, forward and backward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from megawatt.calibration.published import FIT_LENGTHS, curve_flops, curve_times_s, read_curves
from megawatt.catalogue import Catalogue
from megawatt.errors import MegawattError
from megawatt.hardware.kernels import flash_kernel
from megawatt.validation.case_set import CaseSet
from megawatt.validation.scoring import Case, Skipped

__all__ = ["collect", "score"]


def collect(path: Path, catalogue: Catalogue) -> CaseSet:
    """Scored rows of the file; see `score`."""
    rows = read_curves(path)
    cases, skipped = [], []
    rates: dict[tuple[str, str, bool, bool], float] = {}
    for row in rows:
        key = (row.chip, row.kernel, row.forward, row.backward)
        if key not in rates:
            alike = [r for r in rows if (r.chip, r.kernel, r.forward, r.backward) == key]
            used = [r for r in alike if int(r.seq_len) in FIT_LENGTHS] or alike
            rates[key] = float(np.median([r.flops_per_s for r in used]))
        measured = curve_flops(row) / row.flops_per_s
        try:
            kernel, found = flash_kernel(catalogue, catalogue.accelerator(row.chip), row.kernel)
            time = float(curve_times_s(kernel, [row])[0])
        except MegawattError as error:
            skipped.append(Skipped(row.id, str(error)))
            continue
        held = int(row.seq_len) not in FIT_LENGTHS or bool(row.note)
        step = "backward" if row.backward else "forward"
        labels: tuple[str, ...] = (
            f"accelerator={row.chip}",
            f"kernel={row.kernel}",
            f"pass={step}",
            f"head={row.head_dim:g}",
        )
        labels += (f"held={int(held)}", f"cell={step} held={int(held)}")
        assumed = () if found.own and found.stack == row.kernel else (f"kernel {found.stack} of {found.chip}",)
        null = curve_flops(row) / rates[key] * 1e3
        cases.append(Case(row.id, measured * 1e3, time * 1e3, assumed, labels, null=null))
    return CaseSet("attention-published", "latency", "ms", len(rows), tuple(cases), tuple(skipped))


def score(path: Path, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Score a CSV of published attention kernels.

    Null model: one rate per chip, kernel and pass, the median of the lengths that were fitted.

    Notes
    -----
    ``held=1`` are lengths that no fit has seen.
    """
    return [collect(path, catalogue).entry(path)]
