"""How layers spread over pipeline stages."""

from __future__ import annotations

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.training.records import Layouts

__all__ = ["layers_by_stage", "stage_layers"]


def stage_layers(layers: int, layouts: Layouts) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Layers of the first, the last and the fullest middle stage of each layout; arrays of shape (n,).

    Uneven splits are filled from the middle: with a remainder the fullest stages hold one layer more, the last stage
    (which also has the output projection) and then the first stage (the token table) hold one less, as in the
    126-layer Llama 3 405B on 16 stages (arXiv 2407.21783, section 3.3.2).
    """
    pp = layouts.pp.astype(np.float64)
    fullest = np.ceil(layers / pp)
    short = pp * fullest - layers
    last = fullest - (short >= 1)
    first = np.where(pp == 1, last, fullest - (short >= 2))
    return first, last, np.where(pp >= 3, fullest, np.maximum(first, last))


def layers_by_stage(layers: int, stages: int) -> list[int]:
    """Layers of every stage: as `stage_layers`; further stages that hold one less lie before the last."""
    fullest = -(-layers // stages)
    held = [fullest] * stages
    for stage in [stages - 1, 0, *range(stages - 2, 0, -1)][: stages * fullest - layers]:
        held[stage] -= 1
    return held
