"""Power of a chip from what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue.memo import resolved
from megawatt.catalogue.records import Accelerator, Assumption
from megawatt.hardware.profile import PRACTICE_KEY

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["PowerModel", "chip_power_w", "power_model"]

_MEASURED: Final = "gpu"
"""Family of chips whose power was read while they multiplied."""
_FIELDS: Final = ("power_arithmetic_frac", "power_memory_frac", "power_communication_frac")


@dataclass(frozen=True, slots=True)
class PowerModel:
    """Power of one chip by activity.

    ``idle_w`` and ``cap_w`` are its ends, ``rated_w`` is the cap of its data sheet; ``arithmetic``, ``memory`` and
    ``communication`` say how much of the way from idle to that the chip goes while it multiplies matrices, streams
    memory or exchanges data, 0 to 1: a lower cap slows multiplies and leaves the rest as it is. ``measured``: somebody
    has read the power of multiplies of chips like it, so that what an operation takes counts, not ``arithmetic``.
    """

    idle_w: float
    cap_w: float
    rated_w: float
    arithmetic: float
    memory: float
    communication: float
    measured: bool = True
    assumptions: tuple[Assumption, ...] = ()


@resolved
def power_model(catalogue: Catalogue, accelerator: Accelerator) -> PowerModel:
    """The power model of a chip: ends from its record, activity from the entry ``training-practice``."""
    used = tuple(catalogue.assume(PRACTICE_KEY, name, "hardware") for name in _FIELDS)
    arithmetic, memory, communication = (a.fact.number() for a in used)
    key, cap_w = accelerator.key, accelerator.power_cap_w
    rated_w = catalogue.accelerator(key).power_cap_w if catalogue.knows(key) else cap_w
    return PowerModel(
        accelerator.power_idle_w,
        cap_w,
        max(rated_w, cap_w),
        arithmetic,
        memory,
        communication,
        measured=accelerator.family == _MEASURED,
        assumptions=used,
    )


def chip_power_w(
    model: PowerModel, arithmetic_w: FloatArray, memory_share: FloatArray, communication_share: FloatArray
) -> FloatArray:
    """Mean power of a chip. [W]

    P = min(cap, idle + arithmetic + (rated - idle) * (m * share_m + c * share_c)); in the rest of the time it idles.

    Parameters
    ----------
    model : PowerModel
        The chip.
    arithmetic_w : array, shape (...,)
        What multiplies and attention draw above idle at their clock, over all of the time. [W], >= 0
    memory_share, communication_share : array, shape (...,)
        Shares of time spent in memory-bound operators and in exposed communication; each 0 to 1, together at most 1.

    Notes
    -----
    Large multiplies run at the power cap (measured on H200 and B200), which is why their sustained rate is below the
    best short run. Check: 8 x H100 nodes draw 76 to 82 % of their rating in training (arXiv 2412.08602, 2506.14551),
    H100 chips above 600 of 700 W (arXiv 2503.05804).
    """
    activity = model.memory * memory_share + model.communication * communication_share
    drawn = model.idle_w + arithmetic_w + (model.rated_w - model.idle_w) * activity
    return np.asarray(np.minimum(drawn, model.cap_w))
