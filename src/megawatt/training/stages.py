"""How layers spread over pipeline stages."""

from __future__ import annotations

import functools

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.training.records import Layouts
from megawatt.workload import ModelArch, parameters, structure

__all__ = ["fullest_layers", "layers_by_stage", "leading_layers", "stage_layers"]


def stage_layers(layers: int, layouts: Layouts) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Layers of the first, the last and the fullest middle stage of each layout; arrays of shape (n,).

    Uneven splits are filled from the middle: with a remainder the fullest stages hold one layer more, the last stage
    (which also has the output projection) and then the first stage (the token table) hold one less, as in the
    126-layer Llama 3 405B on 16 stages (arXiv 2407.21783, section 3.3.2). Where a layout names the layers of an end
    (Megatron-Core's ``--decoder-first-pipeline-num-layers``), the others share the rest in the same way.
    """
    pp = layouts.pp.astype(np.float64)
    fullest = np.ceil(layers / pp)
    short = pp * fullest - layers
    last = fullest - (short >= 1)
    first = np.where(pp == 1, last, fullest - (short >= 2))
    if layouts.names("first_layers", "last_layers"):
        ends = [np.where(pp > 1, given, 0.0) for given in (layouts.first_layers, layouts.last_layers)]
        named = (ends[0] > 0.0).astype(np.float64) + (ends[1] > 0.0)
        rest, open_stages = layers - ends[0] - ends[1], np.maximum(pp - named, 1.0)
        share = np.ceil(rest / open_stages)
        lacking = open_stages * share - rest
        free_last = share - (lacking >= 1)
        # A free first stage gives way after a free last one.
        free_first = share - (lacking >= np.where(ends[1] > 0.0, 1, 2))
        fullest = np.where(named > 0.0, share, fullest)
        first = np.where(named > 0.0, np.where(ends[0] > 0.0, ends[0], free_first), first)
        last = np.where(named > 0.0, np.where(ends[1] > 0.0, ends[1], free_last), last)
    return first, last, np.where(pp >= 3, fullest, np.maximum(first, last))


def layers_by_stage(layers: int, stages: int, first: int = 0, last: int = 0) -> list[int]:
    """Layers of every stage: as `stage_layers`; further stages that hold one less lie before the last.

    ``first`` and ``last``: layers of an end, 0 where it is not named.
    """
    ends = {place: held for place, held in ((0, first), (stages - 1, last)) if held and stages > 1}
    free = [stage for stage in (stages - 1, 0, *range(stages - 2, 0, -1)) if stage not in ends]
    rest = layers - sum(ends.values())
    fullest = -(-rest // max(len(free), 1))
    held = [ends.get(stage, fullest) for stage in range(stages)]
    for stage in free[: len(free) * fullest - rest]:
        held[stage] -= 1
    return held


@functools.lru_cache(maxsize=64)
def leading_layers(arch: ModelArch) -> FloatArray:
    """Layers of each kind among the first 0, 1, ... of a model; shape (kinds, layers + 1), read only."""
    shape = structure(arch)
    is_kind = np.array(shape.pattern)[None, :] == np.arange(len(shape.kinds))[:, None]
    table = np.concatenate([np.zeros((len(shape.kinds), 1)), np.cumsum(is_kind, axis=1)], axis=1)
    table.flags.writeable = False
    return table


@functools.lru_cache(maxsize=64)
def fullest_layers(arch: ModelArch) -> FloatArray:
    """Layers of each kind among those 0, 1, ... neighbouring ones that have the most parameters; shape (kinds,
    layers + 1), read only."""
    before = leading_layers(arch)
    weights = np.array([kind.total for kind in parameters(arch).kinds], dtype=np.float64)
    total = weights @ before
    table = np.zeros_like(before)
    for n in range(1, arch.layers + 1):
        start = int(np.argmax(total[n:] - total[:-n]))
        table[:, n] = before[:, start + n] - before[:, start]
    table.flags.writeable = False
    return table
