"""How layers spread over pipeline stages."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IndexArray, IntArray, distinct_rows
from megawatt.training.records import Layouts
from megawatt.training.schedules import CODES, TWO_CHUNKS, among
from megawatt.workload import ModelArch, structure

__all__ = [
    "PerBlock",
    "StageLoad",
    "device_loads",
    "end_layers",
    "layers_by_stage",
    "leading_layers",
    "stage_layers",
    "stage_loads",
]


_REPEATED: Final = re.compile(r"(?:\(([^()]*)\)|([A-Za-z]))\*(\d{1,4})")
"""``x*n`` or ``(...)*n``."""


@dataclass(frozen=True, slots=True)
class PerBlock:
    """One quantity of a layer of each kind and of an output projection; arrays (n,)."""

    layers: tuple[FloatArray, ...]
    head: FloatArray


@dataclass(frozen=True, slots=True)
class StageLoad:
    """Blocks on one stage of each layout: layers of each kind (kinds, n), multi-token-prediction modules included, and
    output projections (n,)."""

    layers: FloatArray
    heads: FloatArray

    def count(self) -> FloatArray:
        """Layers of all kinds."""
        return np.asarray(sum(self.layers))

    def sum_of(self, one: PerBlock) -> FloatArray:
        """Blocks times what one of each has."""
        total = self.heads * one.head
        for count, each in zip(self.layers, one.layers, strict=True):
            total = total + count * each
        return total

    def at(self, index: IndexArray) -> StageLoad:
        """The same for these layouts."""
        return StageLoad(self.layers[:, index], self.heads[index])

    def times(self, factor: float) -> StageLoad:
        """So many times these blocks."""
        return StageLoad(factor * self.layers, factor * self.heads)

    def where(self, mask: NDArray[np.bool_], other: StageLoad) -> StageLoad:
        """These where the mask is true, others elsewhere."""
        return StageLoad(np.where(mask, self.layers, other.layers), np.where(mask, self.heads, other.heads))


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


def stage_loads(arch: ModelArch, layouts: Layouts) -> tuple[StageLoad, StageLoad, StageLoad, StageLoad]:
    """First, fullest middle and last stage, and the whole model."""
    first_n, last_n, middle_n = stage_layers(arch.layers, layouts)
    one, none = np.ones_like(first_n), np.zeros_like(first_n)
    before = leading_layers(arch)
    extra = np.zeros((len(before), 1))
    extra[structure(arch).last] = arch.mtp_layers
    single = layouts.pp == 1
    first = before[:, first_n.astype(np.int64)]
    until = before[:, (arch.layers - last_n).astype(np.int64)]
    whole = before[:, -1:] + extra
    # Stages between the two hold an even share of the kinds that lie between.
    share = (until - first) / np.maximum(arch.layers - first_n - last_n, 1.0)
    return (
        StageLoad(np.where(single, whole, first), single * one),
        StageLoad(share * middle_n, none),
        StageLoad(np.where(single, whole, whole - until), one),
        StageLoad(whole * one, one),
    )


def device_loads(
    arch: ModelArch, layouts: Layouts, codes: IntArray
) -> tuple[StageLoad, StageLoad, StageLoad, StageLoad]:
    """What the first, the fullest middle and the last device compute, and the whole model; ``codes`` of schedules (n,)
    from `codes_of`: DualPipe runs a stage of either direction on each device, schedules on a V two chunks."""
    # What stages hold depends on little: it is found once for all layouts that are alike.
    distinct, entry = distinct_rows((layouts.pp, layouts.first_layers, layouts.last_layers, codes))
    first, middle, last, whole = _device_loads(arch, layouts.take(distinct), codes[distinct])
    return first.at(entry), middle.at(entry), last.at(entry), whole.at(entry)


def _device_loads(
    arch: ModelArch, layouts: Layouts, codes: IntArray
) -> tuple[StageLoad, StageLoad, StageLoad, StageLoad]:
    first, middle, last, whole = stage_loads(arch, layouts)
    both = among(codes, (CODES["dualpipe"],))
    v_shaped = among(codes, TWO_CHUNKS) & (layouts.pp > 1)
    if both.any():
        mean = _mean(first, last)
        first, last = first.where(~both, mean), last.where(~both, mean)
    if v_shaped.any():
        # Stage 0 and stage 2 p - 1 share a device.
        start, inside, end, _ = stage_loads(arch, replace(layouts, pp=np.where(v_shaped, 2 * layouts.pp, layouts.pp)))
        ends = _mean(start, end).times(2.0)
        first, last = first.where(~v_shaped, ends), last.where(~v_shaped, ends)
        middle = middle.where(~v_shaped, inside.times(2.0))
    return first, middle, last, whole


def _mean(a: StageLoad, b: StageLoad) -> StageLoad:
    return StageLoad((a.layers + b.layers) / 2.0, (a.heads + b.heads) / 2.0)


def end_layers(text: str, stages: int) -> tuple[int, int]:
    """Layers of the first and the last stage of a pipeline written as Megatron does: ``Et*4|(t*4|)*14tmL``.

    Chunks are apart by bars and go to the stages in turn; ``t`` is a layer, ``E`` the token table, ``m`` a module of
    multi-token prediction, ``L`` the loss; ``x*n`` and ``(...)*n`` repeat. (0, 0) where the text is empty or its chunks
    do not fill the stages: nothing is known then.
    """
    while found := _REPEATED.search(text):
        text = text[: found.start()] + (found[1] or found[2]) * int(found[3]) + text[found.end() :]
    chunks = [chunk.count("t") for chunk in text.split("|") if chunk]
    if len(chunks) < 2 or len(chunks) % stages:
        return 0, 0
    return sum(chunks[::stages]), sum(chunks[stages - 1 :: stages])
