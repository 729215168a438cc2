"""Messages of one layer for one micro-batch: what of them nothing hides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.hardware import all_gather_s, all_reduce_s, all_to_all_s, reduce_scatter_s, send_receive_s
from megawatt.training.dispatch import dispatch_s
from megawatt.training.practice import Practice
from megawatt.training.records import Layouts
from megawatt.workload import LayerWork

__all__ = ["Beside", "messages_s"]


@dataclass(frozen=True, slots=True)
class Beside:
    """Computation that messages can hide behind: attention forward and backward, weight gradients, and all of the layer
    forward and backward (of another micro-batch). [s]"""

    attention_forward: FloatArray
    attention_backward: FloatArray
    weight_gradient: FloatArray
    forward: FloatArray
    backward: FloatArray


def messages_s(
    work: LayerWork, layouts: Layouts, practice: Practice, beside: Beside
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Exposed communication of one layer, forward and backward, by kind: tp, cp, ep. [s]"""
    fabric, stack = practice.fabric, practice.stack
    cp, tp = layouts.cp.astype(np.float64), layouts.tp.astype(np.float64)
    expert = dispatch_s(work, layouts, practice)
    hidden = stack.ep_overlap_frac * expert if stack.ep_overlap else np.zeros_like(expert)
    ring = (cp - 1.0) * send_receive_s(fabric, work.cp_bytes, cp, tp)
    # Keys and values move while a block of attention computes; their gradients move beside them on the way back.
    hidden_f = np.minimum(stack.cp_overlap_frac * ring, beside.attention_forward)
    hidden_b = np.minimum(stack.cp_overlap_frac * 2.0 * ring, beside.attention_backward)
    context = (ring - hidden_f, 2.0 * ring - hidden_b)
    if layouts.names("cp_exchange"):
        swaps, swapped = layouts.cp_exchange > 0, _exchange_s(work, layouts, practice)
        context = (np.where(swaps, swapped, context[0]), np.where(swaps, swapped, context[1]))
    return {
        "tp": _tensor_s(work, layouts, practice, beside.weight_gradient),
        "cp": context,
        "ep": (expert - np.minimum(hidden, beside.forward), expert - np.minimum(hidden, beside.backward)),
    }


def _exchange_s(work: LayerWork, layouts: Layouts, practice: Practice) -> FloatArray:
    """Heads exchanged for tokens before attention (queries, keys, values) and back after it (its output), one way of
    one layer: nothing to hide behind (DeepSpeed Ulysses, arXiv 2309.14509, section 3). [s]"""
    cp, tp = layouts.cp.astype(np.float64), layouts.tp.astype(np.float64)
    queries, output = np.zeros_like(cp), np.zeros_like(cp)
    for call in work.attention:
        rows = work.element_bytes * call.batch * call.queries * call.heads
        queries, output = queries + rows * call.head_dim, output + rows * call.value_dim
    before = all_to_all_s(practice.fabric, queries + work.cp_bytes, cp, tp)
    return before + all_to_all_s(practice.fabric, output, cp, tp)


def _tensor_s(
    work: LayerWork, layouts: Layouts, practice: Practice, weight_gradient: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Exposed tensor-parallel messages of one layer, forward and backward. [s]"""
    fabric, stack = practice.fabric, practice.stack
    tp, etp = layouts.tp.astype(np.float64), layouts.etp.astype(np.float64)
    # A gather and a scatter with sequence parallelism, one all-reduce of the same bytes without.
    pair = all_gather_s(fabric, work.tp_bytes, tp) + reduce_scatter_s(fabric, work.tp_bytes, tp)
    if not layouts.sequence_parallel.all():
        pair = np.where(layouts.sequence_parallel, pair, all_reduce_s(fabric, work.tp_bytes, tp))
    routed = np.zeros_like(pair)
    if np.any(work.etp_bytes > 0.0):
        exchanged = all_gather_s(fabric, work.etp_bytes, etp) + reduce_scatter_s(fabric, work.etp_bytes, etp)
        routed = np.where(work.etp_bytes > 0.0, exchanged, 0.0)
    # Tensor messages overlap through direct loads and stores, which end at the innermost domain.
    inside = tp <= fabric.links[0].domain_chips
    forward = work.tp_collectives * pair + routed
    # With sequence parallelism the inputs are gathered once more for the weight gradients.
    backward = forward * np.where(layouts.sequence_parallel, 1.5, 1.0)
    exposed = np.where(inside, 1.0 - stack.tp_overlap_frac, 1.0)
    if not stack.tp_async_backward:
        return forward * exposed, backward * exposed
    # The input's gradient travels while the weight's gradient is computed, and so does the second gather of the input;
    # the gather of the output's gradient (one of three messages, with sequence parallelism) has nothing to hide behind.
    movable = backward * np.where(layouts.sequence_parallel, 2.0 / 3.0, 1.0)
    behind = np.minimum(movable, weight_gradient)
    return forward * exposed, np.minimum(backward * exposed, backward - behind)
