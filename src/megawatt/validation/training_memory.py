"""Whether published layouts fit in memory, as the memory model judges them; it never decides how long they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from megawatt.evidence.training_layouts import Row
from megawatt.evidence.training_rows import Run
from megawatt.training import Practice
from megawatt.training.step import step_memory

__all__ = ["Verdict", "fit_entry", "verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Memory that a published layout needs on its fullest chip, reserve included, and what the chip has. [B]"""

    needed_bytes: float
    capacity_bytes: float

    @property
    def fits(self) -> bool:
        """Whether it is judged to fit."""
        return self.needed_bytes <= self.capacity_bytes


def verdict(run: Run, practice: Practice) -> Verdict | None:
    """Judge a published layout; None where none is published."""
    if run.layout is None:
        return None
    parts = step_memory(run.job, run.system, run.layout, practice=practice)
    return Verdict(float(sum(part[0] for part in parts.values())), run.system.accelerator.hbm_bytes)


def fit_entry(rows: Sequence[Row], verdicts: Sequence[Verdict | None]) -> dict[str, Any]:
    """The score "published as running, judged not to fit": counts of all rows and of those with a full configuration.

    Returns
    -------
    dict
        judged, fit, full_config (judged, fit) and misfits (id, needed_bytes, capacity_bytes), most missing first.
    """
    judged = [(row, v) for row, v in zip(rows, verdicts, strict=True) if v is not None]

    def counts(chosen: Sequence[tuple[Row, Verdict]]) -> dict[str, int]:
        return {"judged": len(chosen), "fit": sum(v.fits for _, v in chosen)}

    misfits = sorted(
        ((row.get("id", ""), v) for row, v in judged if not v.fits),
        key=lambda item: item[1].capacity_bytes - item[1].needed_bytes,
    )
    return counts(judged) | {
        "full_config": counts([(row, v) for row, v in judged if row.get("full_config") == "1"]),
        "misfits": [
            {"id": name, "needed_bytes": v.needed_bytes, "capacity_bytes": v.capacity_bytes} for name, v in misfits
        ],
    }
