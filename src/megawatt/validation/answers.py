"""Outputs of a published case beside what the package computes, output by output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.validation.scoring import Case, Skipped, result_entry

__all__ = ["Answer", "answer_entries", "compared"]

Answer = float | FloatArray


def compared(
    outputs: Mapping[str, Any], computed: Mapping[str, Answer], prefix: str = ""
) -> tuple[list[Case], list[Skipped]]:
    """A case per output (``name``) or element of one (``name[k]``, from 0 as in the file), and what has no answer."""
    cases: list[Case] = []
    skipped: list[Skipped] = []
    for name, reference in outputs.items():
        if name not in computed:
            skipped.append(Skipped(prefix + name, "an output that the package does not compute"))
            continue
        try:
            cases += _cases(prefix, name, np.asarray(reference, dtype=np.float64), np.asarray(computed[name]))
        except (TypeError, ValueError) as error:
            skipped.append(Skipped(prefix + name, f"the reference cannot be compared: {error}"))
    return cases, skipped


def _cases(prefix: str, name: str, reference: FloatArray, found: FloatArray) -> Iterator[Case]:
    if reference.shape != found.shape:
        raise ValueError(f"{reference.size} values given, {found.size} computed")
    for index, (measured, predicted) in enumerate(zip(reference.flat, found.flat, strict=True)):
        case_id = name if reference.ndim == 0 else f"{name}[{index}]"
        yield Case(prefix + case_id, float(measured), float(predicted), groups=(f"output={name}",))


def answer_entries(
    path: Path, kind: str, cases: list[Case], skipped: list[Skipped], is_zero: Callable[[Case], bool]
) -> list[dict[str, Any]]:
    """``outputs`` with relative errors, and ``outputs_at_zero`` with differences where the reference is zero."""
    zero = [case for case in cases if is_zero(case)]
    other = [case for case in cases if not is_zero(case)]
    entries = [_entry(path, kind, "outputs", "relative", other, skipped)]
    return entries + ([_entry(path, kind, "outputs_at_zero", "absolute", zero, [])] if zero else [])


def _entry(
    path: Path, kind: str, quantity: str, error: Any, cases: list[Case], skipped: list[Skipped]
) -> dict[str, Any]:
    total = len(cases) + len(skipped)
    return result_entry(
        file=path.name, kind=kind, quantity=quantity, unit="as in the file", error=error, rows=total,
        scorable=total, cases=cases, skipped=skipped,
    )  # fmt: skip
