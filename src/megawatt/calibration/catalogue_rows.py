"""Write fitted parameters in the catalogue's format: one sourced number per row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from megawatt.calibration.family import FamilyFit
from megawatt.calibration.solver import FitQuality
from megawatt.catalogue.loader import HEADER
from megawatt.hardware.fitted_numbers import REFERENCE_STACK, STACK_PREFIX, entry_key

__all__ = ["FittedEntry", "render"]

_UNITS: Final = (("_bytes_per_s", "byte/s"), ("_bytes", "byte"), ("_s", "s"), ("_j", "J"), ("_w", "W"))


@dataclass(frozen=True, slots=True)
class FittedEntry:
    """One catalogue entry to write: a fit, how good it is per stack (fit rows, held-out rows), and its title."""

    family: str
    title: str
    fit: FamilyFit
    qualities: Mapping[str, tuple[FitQuality, FitQuality]]
    extra: Mapping[str, Mapping[str, float]]
    """Further numbers of a stack that are not parameters of the model (what its instrument reads)."""


def _unit(name: str) -> str:
    return next((unit for end, unit in _UNITS if name.endswith(end)), "")


def _quality_rows(quality: tuple[FitQuality, FitQuality]) -> list[tuple[str, float]]:
    rows: list[tuple[str, float]] = []
    for name, part in zip(("fit", "held"), quality, strict=True):
        rows.append((f"{name}_rows", float(part.rows)))
        if part.rows:
            rows += [(f"{name}_median_error", part.median), (f"{name}_p90_error", part.p90)]
    return rows


def _text(value: float) -> str:
    """Four digits; whole numbers (rows, thresholds that shapes are compared with) in full."""
    return f"{value:.0f}" if value == round(value) and 1.0 <= abs(value) < 1e7 else f"{value:.4g}"


def _rows(entry: FittedEntry, source: str, date: str, note: str) -> Iterable[list[str]]:
    key = entry_key(entry.family, entry.fit.chip, entry.fit.precision)

    def fact(name: str, value: float, why: str, error: float | None = None) -> list[str]:
        ends = ["", ""] if error is None else [_text(value * math.exp(sign * error)) for sign in (-1.0, 1.0)]
        return [key, name, _text(value), _unit(name), *ends, "derived", source, date, why]

    yield [key, "title", entry.title, *[""] * 7]
    reference = next(iter(entry.fit.stacks))
    yield [key, REFERENCE_STACK, reference, "", "", "", "derived", source, date, "short runs, most rows"]
    for name, value in entry.fit.shared.items():
        yield fact(name, value, note, entry.fit.shared_errors.get(name))
    for stack, values in entry.fit.stacks.items():
        prefix = f"{STACK_PREFIX}{stack}."
        errors = entry.fit.stack_errors.get(stack, {})
        for name, value in (*values.items(), *entry.extra.get(stack, {}).items()):
            yield fact(prefix + name, value, note, errors.get(name))
        for name, value in _quality_rows(entry.qualities[stack]):
            yield fact(prefix + name, value, "quality of the fit")


def render(entries: Iterable[FittedEntry], *, source: str, date: str, note: str) -> str:
    """The CSV text of fitted entries, sorted by key.

    Parameters
    ----------
    entries : iterable of FittedEntry
        What to write.
    source : str
        Key of the source of the measurements.
    date : str
        Date of the measurements, YYYY-MM-DD.
    note : str
        How the numbers were derived.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    ordered = sorted(entries, key=lambda e: entry_key(e.family, e.fit.chip, e.fit.precision))
    for entry in ordered:
        writer.writerows(_rows(entry, source, date, note))
    return text.getvalue()
