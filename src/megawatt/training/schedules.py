"""Pipeline schedules: their bubble, the micro-batches in flight, the copies of weights, and what they ask of a layout.

| schedule | bubble of p devices | in flight (stages of a device) | weights | source |
|---|---|---|---|---|
| 1f1b | (p - 1)(F + B) / v | p first, 1 last; interleaved p +- (p - 1)/v | 1 | arXiv 2104.04473, 2205.05198 (4.2.3) |
| zb-h1 | (p - 1)(F + B - 2 W) | p everywhere | 1 | arXiv 2401.10241 (table 2) |
| zb-v | (p - 1) max(D, 2 D - 2 W, 2 F - D) / 2 | p everywhere | 1 | arXiv 2401.10241, 2405.15362 |
| dualpipe | (p/2 - 1)(F + 2 B - 3 W) | p + 1 | 2 | arXiv 2412.19437 (table 2) |
| dualpipev | (p - 1)/2 (F + 2 B - 3 W) | p + 1/2 | 1 | github.com/deepseek-ai/DualPipe |

F, B, W: forward, backward (both gradients) and weight gradients of all that a device holds, D = B - W. ZB-V and
DualPipeV cut a device's layers into two chunks on a V; DualPipeV's table counts 2 p stages on p devices. ZB-V has no
bubble in its paper, which lets the optimizer of a device start before the others end; stacks wait for the gradient
norm, and what is left is then the way down the V: the closed form of the schedule replayed with D between 0.8 F and
1.5 F and W between 0.6 F and F (a test replays it).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.training.records import Layouts

__all__ = ["CODES", "SCHEDULES", "Passes", "bubble_s", "codes_of", "in_flight", "schedule_name", "weight_copies"]

SCHEDULES: Final = ("1f1b", "zb-h1", "zb-v", "dualpipe", "dualpipev")
"""Schedules by name; the code of a layout is the place here, from 1. 1F1B is interleaved with virtual stages."""
CODES: Final = {name: place for place, name in enumerate(SCHEDULES, 1)}
_1F1B, _ZB_H1, _ZB_V, _DUALPIPE, _DUALPIPEV = CODES.values()
TWO_CHUNKS: Final = (_ZB_V, _DUALPIPEV)
"""Schedules that cut what a device holds into two chunks on a V: the first device also has the last chunk."""
OVERLAPPED: Final = (_ZB_V, _DUALPIPE, _DUALPIPEV)
"""Schedules whose messages travel behind the passes of another chunk or direction."""


@dataclass(frozen=True, slots=True)
class Passes:
    """Forward pass, all of both passes, and weight gradients of one micro-batch on all stages but the slowest; arrays
    (n,). [s]"""

    forward_s: FloatArray
    total_s: FloatArray
    weight_s: FloatArray


def schedule_name(code: int) -> str:
    """Name of a code; empty for 0, the stack's own."""
    return SCHEDULES[code - 1] if code else ""


def codes_of(layouts: Layouts, stack: str) -> IntArray:
    """Code of each layout's schedule (n,); ``stack``: the name of the one that counts where a layout names none."""
    if not layouts.names("schedule"):
        return np.broadcast_to(np.int64(CODES[stack]), len(layouts))
    return np.where(layouts.schedule == 0, CODES[stack], layouts.schedule)


def only_1f1b(codes: IntArray) -> bool:
    """Whether no layout has another schedule than 1F1B."""
    return bool((codes[:1] if not codes.strides[0] else codes).max(initial=_1F1B) == _1F1B)


def among(codes: IntArray, wanted: Collection[int]) -> NDArray[np.bool_]:
    """Where a code is one of some."""
    if not codes.strides[0]:
        return np.full(len(codes), len(codes) > 0 and int(codes[0]) in wanted)
    found = np.zeros(len(codes), dtype=bool)
    for code in wanted:
        found |= codes == code
    return found


def bubble_s(codes: IntArray, layouts: Layouts, rest: Passes) -> FloatArray:
    """Time lost filling and draining, shape (n,). [s]

    Parameters
    ----------
    codes : (n,)
        From `codes_of`.
    layouts : Layouts
        Of shape (n,).
    rest : Passes
        Of all stages but the slowest.
    """
    lost = rest.total_s / layouts.vpp
    if only_1f1b(codes):
        return np.asarray(lost)
    forward, weight, total = rest.forward_s, rest.weight_s, rest.total_s
    back = total - forward - weight
    other = np.maximum(layouts.pp - 1.0, 1.0)
    double = np.maximum(2.0 * total - forward - 3.0 * weight, 0.0)
    turn = np.maximum(np.maximum(back, 2.0 * (back - weight)), 2.0 * forward - back) / 2.0
    kinds = {
        _ZB_H1: np.maximum(total - 2.0 * weight, 0.0),
        _ZB_V: turn,
        _DUALPIPE: np.maximum(layouts.pp / 2.0 - 1.0, 0.0) / other * double,
        _DUALPIPEV: double / 2.0,
    }
    return np.select([codes == code for code in kinds], list(kinds.values()), lost)


def in_flight(codes: IntArray, layouts: Layouts, micro_batches: FloatArray, *, place: int) -> FloatArray:
    """Micro-batches whose activations the first, second or last device holds at once, as multiples of all that it holds
    of the model; shape (n,).

    Parameters
    ----------
    codes : (n,)
        From `codes_of`.
    layouts : Layouts
        Of shape (n,).
    micro_batches : (n,)
        Per replica and step; no more are ever in flight.
    place : int
        0: the first device, 1: the second, 2: the last.

    Notes
    -----
    1F1B: device r of p holds p - r; interleaved 2 (p - r - 1) + (v - 1) p + 1 chunks of 1/v (Korthikanti 2022, section
    4.2.3, gives that of the first).
    """
    pp, vpp = layouts.pp.astype(np.float64), layouts.vpp.astype(np.float64)
    behind = (pp - 1.0, np.maximum(pp - 2.0, 0.0), np.zeros_like(pp))[place]
    plain = np.where(vpp > 1, (2.0 * behind + (vpp - 1.0) * pp + 1.0) / vpp, behind + 1.0)
    if not only_1f1b(codes):
        others = {_ZB_H1: pp, _ZB_V: pp, _DUALPIPE: pp + 1.0, _DUALPIPEV: pp + 0.5}
        depth = np.select([codes == code for code in others], list(others.values()), plain)
        plain = np.where(pp > 1, depth, plain)
    return np.minimum(plain, np.maximum(micro_batches, 1.0))


def weight_copies(codes: IntArray, layouts: Layouts) -> FloatArray:
    """Stages that a device holds weights and gradients of, shape (n,): two with DualPipe, whose micro-batches run in
    both directions; their optimizer states are sharded over both."""
    return np.where((codes == _DUALPIPE) & (layouts.pp > 1), 2.0, 1.0)
