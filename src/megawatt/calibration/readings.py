"""What a power reading shows where the instrument, or the operands, are not those of a run at work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray

__all__ = ["WARM", "LowReading", "low_reading", "read_power_w", "reading_of"]


_LEAST_ROWS: Final = 8
"""Fewer rows settle no threshold."""
_LEAST_GAIN: Final = 0.1
"""A threshold that does not remove a tenth of the error is chance."""
WARM: Final[Mapping[str, float]] = {"reading_rows": 3584.0, "reading_depth": 51200.0}
"""By catalogue field: largest m whose readings follow a series under load in all published tables; largest k whose
weights stand in memory that earlier layers have written."""
_SHARE: Final = "reading_share"


@dataclass(frozen=True, slots=True)
class LowReading:
    """Shapes that are read low: from ``start`` on, the reading is ``share`` of the power.

    ``field`` is ``reading_rows`` (m: first shapes of a series; NVML averages over the last second, and a collector that
    measures the largest m first reads the pause before it, too) or ``reading_depth`` (k: weights that a collector
    never wrote are partly zero, and zeros draw less).
    """

    field: str
    start: float
    share: float

    @property
    def facts(self) -> dict[str, float]:
        """As numbers of a catalogue entry."""
        return {self.field: self.start, _SHARE: self.share}


def reading_of(values: Mapping[str, float]) -> LowReading | None:
    """The low readings among the numbers of a catalogue entry, if it has any."""
    fields = [field for field in WARM if field in values]
    return LowReading(fields[0], values[fields[0]], values[_SHARE]) if fields else None


def _axis(field: str, m: FloatArray, k: FloatArray) -> FloatArray:
    return m if field == "reading_rows" else k


def low_reading(m: FloatArray, k: FloatArray, ratio: FloatArray) -> LowReading | None:
    """The threshold and share that explain readings best; None where readings fall with neither m nor k.

    Parameters
    ----------
    m, k : array, shape (n,)
        Rows and depth of the multiplies.
    ratio : array, shape (n,)
        Reading over predicted power, of kernels long enough not to mix in gaps.
    """
    log = np.log(ratio)
    whole = float(np.abs(log).sum())
    best: tuple[float, LowReading] | None = None
    for field, warm in WARM.items():
        axis = _axis(field, m, k)
        for start in np.unique(axis[axis > warm]):
            above = axis >= start
            if above.sum() < _LEAST_ROWS:
                continue
            share = min(float(np.median(log[above])), 0.0)
            error = float(np.abs(log - np.where(above, share, 0.0)).sum())
            if best is None or error < best[0]:
                best = (error, LowReading(field, float(start), float(np.exp(share))))
    if best is None or best[0] >= (1.0 - _LEAST_GAIN) * whole:
        return None
    return best[1]


def read_power_w(power_w: FloatArray, m: FloatArray, k: FloatArray, low: LowReading | None) -> FloatArray:
    """Reading where the chip draws ``power_w`` at work. [W]"""
    if low is None:
        return power_w
    return np.where(_axis(low.field, m, k) >= low.start, low.share * power_w, power_w)
