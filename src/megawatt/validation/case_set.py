"""Scored rows of one quantity of a file, before they become an entry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from megawatt.validation.scoring import Case, Skipped, result_entry

__all__ = ["CaseSet"]


@dataclass(frozen=True, slots=True)
class CaseSet:
    """Scored and skipped rows of one kind and quantity; ``rows`` counts those of the file."""

    kind: str
    quantity: str
    unit: str
    rows: int
    cases: tuple[Case, ...]
    skipped: tuple[Skipped, ...] = ()

    def entry(self, path: Path) -> dict[str, Any]:
        """The entry of ``megawatt validate``."""
        return result_entry(
            file=str(path),
            kind=self.kind,
            quantity=self.quantity,
            unit=self.unit,
            error="relative",
            rows=self.rows,
            scorable=len(self.cases) + len(self.skipped),
            cases=self.cases,
            skipped=self.skipped,
        )
