"""Where the figures of the first screen come from: what a click on one of them opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from megawatt.chain.records import Comparison
from megawatt.report.tables import Measure
from megawatt.results.explanation import Explanation, RunTables, explain_run, tables_in_memory, unit_of

__all__ = ["Origin", "origins"]

_BESIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "value_usd_per_grid_mw_year": ("value_p5", "value_p95", "value_low", "value_high"),
    "tokens_per_grid_mwh": ("tokens_low", "tokens_high"),
    "probability_missed": ("probability_missed_interval",),
}
"""Figures that stand in small under another one, and are explained with it."""
_TOP: Final = 6
"""Inputs that are listed of each figure; ``megawatt explain`` lists all."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One figure of one use: its anchor in the page, its explanation, and those of the figures under it."""

    id: str
    title: str
    told: Explanation
    beside: tuple[Explanation, ...]

    @property
    def moved_unit(self) -> str:
        """Unit of what the inputs move."""
        return unit_of(self.told.moved) if self.told.moved else self.told.unit

    @property
    def top(self) -> int:
        """Inputs that are listed."""
        return _TOP


def origins(comparison: Comparison, measures: Sequence[Measure]) -> dict[tuple[str, int], Origin]:
    """Where each figure of the first screen comes from, by its name in the summary and the place of its use.

    Parameters
    ----------
    comparison : Comparison
        What the report is of.
    measures : sequence of Measure
        The figures of the first screen; those that a use does not have are left out.

    Returns
    -------
    dict
        ``(figure, use) -> Origin``, the same tree as ``megawatt explain`` prints of the run's folder.
    """
    run = tables_in_memory(comparison)
    found = {
        (measure.figure, place): _origin(run, measure, place, use.name, use.title)
        for measure in measures
        for place, use in enumerate(comparison.uses)
        if measure.figure
    }
    return {key: origin for key, origin in found.items() if origin.told.value is not None}


def _origin(run: RunTables, measure: Measure, place: int, use: str, title: str) -> Origin:
    told = explain_run(run, measure.figure, use)
    beside: list[Explanation] = []
    for name in _BESIDE.get(measure.figure, ()):
        one = explain_run(run, name, use)
        if one.value is not None:
            said = one.parts in [told.parts, *(other.parts for other in beside)]
            beside.append(replace(one, parts=()) if said else one)
    return Origin(f"origin-{measure.figure}-{place}", f"{measure.name}: {title}", told, tuple(beside))
