"""Scores of predictions against published answers, in the one documented shape (docs/validation.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Case", "Skipped", "kendall_tau", "result_entry", "skipped_reasons", "summary", "told_of_rows"]

ErrorKind = Literal["relative", "absolute"]


@dataclass(frozen=True, slots=True)
class Case:
    """One scored row: measured and predicted value, what had to be assumed, and the groups it belongs to."""

    id: str
    measured: float
    predicted: float
    assumed: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    null: float | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that could not be scored, and why."""

    id: str
    why: str


def skipped_reasons(entry: Mapping[str, Any], most: int) -> tuple[list[tuple[str, int]], int]:
    """Why rows of an entry have no score, with their number, the most frequent first, and how many rows have others."""
    reasons = Counter(str(row["why"]) for row in entry.get("skipped", ())).most_common()
    return reasons[:most], sum(count for _, count in reasons[most:])


def told_of_rows(entry: Mapping[str, Any]) -> list[str]:
    """What a table of runs left open, in words: columns that are not read, stacks of its rows, what a rule filled."""
    lines = []
    if entry.get("unread"):
        columns = (f"{c['name']} (nearest: {c['nearest']})" if c["nearest"] else c["name"] for c in entry["unread"])
        lines.append(f"columns that are not read: {', '.join(columns)}")
    used = entry.get("software") or {}
    if any(stack["assumed"] for stack in used.values()):
        named = (f"{n} in {s['rows']}{_unsaid(s['assumed'])}" for n, s in used.items())
        lines.append(f"software by rows: {', '.join(named)}")
    if entry.get("filled"):
        lines.append("filled by rule: " + ", ".join(f"{name} in {n}" for name, n in entry["filled"].items()))
    return lines


def _unsaid(count: int) -> str:
    return f" (assumed in {count})" if count else ""


def errors(measured: Sequence[float], predicted: Sequence[float], kind: ErrorKind) -> NDArray[np.float64]:
    """Errors: predicted / measured - 1, or predicted - measured where ``kind`` is absolute."""
    m, p = np.asarray(measured, float), np.asarray(predicted, float)
    return np.asarray(p / m - 1.0 if kind == "relative" else p - m, dtype=np.float64)


def summary(measured: Sequence[float], predicted: Sequence[float], kind: ErrorKind) -> dict[str, float | int]:
    """Count, mean, median and 90th percentile of the absolute error, and the mean signed error (bias)."""
    if not len(measured):
        return {"n": 0}
    err = errors(measured, predicted, kind)
    absolute = np.abs(err)
    names = ("mape", "median_ape", "p90_ape") if kind == "relative" else ("mae", "median_ae", "p90_ae")
    values = (absolute.mean(), np.median(absolute), np.quantile(absolute, 0.9))
    return {"n": len(err)} | {n: float(v) for n, v in zip(names, values, strict=True)} | {"bias": float(err.mean())}


def kendall_tau(measured: Sequence[float], predicted: Sequence[float]) -> float:
    """Kendall's tau-b of two rankings; NaN when one of them is constant."""
    m, p = np.asarray(measured, float), np.asarray(predicted, float)
    i, j = np.triu_indices(len(m), 1)
    dm, dp = np.sign(m[i] - m[j]), np.sign(p[i] - p[j])
    denominator = np.sqrt((dm != 0).sum() * (dp != 0).sum())
    return float((dm * dp).sum() / denominator) if denominator else float("nan")


def _tau(cases: Sequence[Case], rankings: Iterable[Sequence[str]]) -> dict[str, float | int] | None:
    by_id = {c.id: c for c in cases}
    taus = []
    for ids in rankings:
        members = [by_id[i] for i in ids if i in by_id]
        if len(members) >= 4:
            taus.append(kendall_tau([c.measured for c in members], [c.predicted for c in members]))
    valid = [t for t in taus if t == t]
    return {"groups": len(valid), "mean": float(np.mean(valid))} if valid else None


def result_entry(
    *,
    file: str,
    kind: str,
    quantity: str,
    unit: str,
    error: ErrorKind,
    rows: int,
    scorable: int,
    cases: Sequence[Case],
    skipped: Sequence[Skipped] = (),
    rankings: Iterable[Sequence[str]] = (),
) -> dict[str, Any]:
    """One entry of ``megawatt validate``: summary, null model, rank agreement, groups and every case.

    Parameters
    ----------
    file, kind, quantity, unit : str
        What was scored.
    error : {'relative', 'absolute'}
        Absolute where the reference is zero and for PUE.
    rows, scorable : int
        Rows in the file, and rows that hold what any model needs.
    cases : sequence of Case
        Scored rows.
    skipped : sequence of Skipped
        Rows left out, each with the reason.
    rankings : iterable of sequences of case ids
        Groups of alternatives to rank; groups of four or more count.
    """
    entry: dict[str, Any] = {"file": file, "kind": kind, "quantity": quantity, "unit": unit, "error": error}
    entry |= {"rows": rows, "scorable": scorable, "scored": len(cases)}
    entry["skipped"] = [{"id": s.id, "why": s.why} for s in skipped]
    entry["summary"] = summary([c.measured for c in cases], [c.predicted for c in cases], error)
    with_null = [c for c in cases if c.null is not None]
    if with_null:
        nulls = [c.null for c in with_null if c.null is not None]
        entry["null"] = summary([c.measured for c in with_null], nulls, error)
    tau = _tau(cases, rankings)
    if tau:
        entry["tau"] = tau
    groups: dict[str, list[Case]] = {}
    for case in cases:
        for group in case.groups:
            groups.setdefault(group, []).append(case)
    entry["groups"] = {
        g: summary([c.measured for c in cs], [c.predicted for c in cs], error) for g, cs in sorted(groups.items())
    }
    err = errors([c.measured for c in cases], [c.predicted for c in cases], error)
    entry["cases"] = [
        {
            "id": c.id,
            "measured": c.measured,
            "predicted": c.predicted,
            "error": float(e),
            "assumed": list(c.assumed),
        }
        for c, e in zip(cases, err, strict=True)
    ]
    return entry
