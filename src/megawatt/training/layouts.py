"""All parallel layouts of a model on so many chips, and why some of them cannot run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError
from megawatt.training.records import Layouts
from megawatt.workload import ModelArch

__all__ = ["divisors", "enumerate_layouts", "layout_reasons", "one_layout"]

IntArray = NDArray[np.int64]

_MOST_TENSOR: Final = 128
_MOST_CONTEXT: Final = 64
_MOST_MICRO_BATCH: Final = 16
_MOST_VIRTUAL: Final = 16
_MODES: Final = ((1, 0), (1, 2), (3, 0), (3, 2))
"""(zero, recompute) that are tried: optimizer states or everything sharded, nothing or all recomputed.

Between them lies little: with fused attention selective recompute saves few bytes, ZeRO 2 moves as much as ZeRO 3."""


def divisors(number: int) -> IntArray:
    """Divisors of a positive integer, increasing."""
    small = np.arange(1, int(number**0.5) + 1, dtype=np.int64)
    small = small[number % small == 0]
    return np.unique(np.concatenate([small, number // small]))


def one_layout(
    *,
    tp: int = 1,
    pp: int = 1,
    dp: int = 1,
    vpp: int = 1,
    cp: int = 1,
    ep: int = 1,
    etp: int = 1,
    micro_batch: int = 1,
    zero: int = 1,
    recompute: int = 0,
    sequence_parallel: bool | None = None,
    zero_group: int = 0,
) -> Layouts:
    """One layout as arrays of length 1; sequence parallel where there is tensor parallelism unless said otherwise."""
    sharded = tp > 1 if sequence_parallel is None else sequence_parallel

    def one(value: int) -> IntArray:
        return np.array([value], dtype=np.int64)

    return Layouts(
        tp=one(tp),
        pp=one(pp),
        vpp=one(vpp),
        cp=one(cp),
        ep=one(ep),
        dp=one(dp),
        micro_batch=one(micro_batch),
        zero=one(zero),
        recompute=one(recompute),
        sequence_parallel=np.array([sharded]),
        etp=one(etp),
        zero_group=one(zero_group),
    )


def layout_reasons(
    arch: ModelArch, layouts: Layouts, *, chips: int, seq_len: int, global_batch: int
) -> NDArray[np.str_]:
    """Why each layout cannot be set up, empty where it can; shape (n,). Memory is not looked at.

    Parameters
    ----------
    arch, layouts
        Model and layouts.
    chips : int
        Chips that tp * pp * cp * dp must use up.
    seq_len : int
        [tokens]
    global_batch : int
        Sequences per step.
    """
    y = layouts
    ranks = y.tp * y.cp * y.dp
    heads = arch.heads if arch.attention == "mla" else arch.kv_heads
    copies = np.maximum(y.tp, heads) % np.minimum(y.tp, heads)
    stages = y.pp * y.vpp
    rules = (
        (ranks * y.pp != chips, "tp x pp x cp x dp is not the number of chips"),
        (arch.heads % y.tp != 0, "tp does not divide the attention heads"),
        (copies != 0, "tp and the key-value heads do not divide each other"),
        ((arch.ffn % y.tp != 0) & (not arch.experts or arch.dense_layers > 0), "tp does not divide the MLP width"),
        (stages > arch.layers, "more pipeline stages than layers"),
        ((y.vpp > 1) & (y.pp == 1), "virtual stages need pipeline stages"),
        (seq_len % np.where(y.cp > 1, 2 * y.cp, 1) != 0, "2 x cp does not divide the sequence"),
        ((seq_len // y.cp) % np.where(y.sequence_parallel, y.tp, 1) != 0, "tp does not divide the chip's sequence"),
        (global_batch % (y.dp * y.micro_batch) != 0, "dp x micro-batch does not divide the global batch"),
        ((y.ep > 1) & (arch.experts == 0), "expert parallelism needs experts"),
        (max(arch.experts, 1) % y.ep != 0, "ep does not divide the experts"),
        (ranks % (y.ep * y.etp) != 0, "ep x etp does not divide tp x cp x dp"),
        ((y.etp > 1) & (y.etp != y.tp), "etp is neither 1 nor tp"),
    )
    reason = np.full(len(layouts), "", dtype="<U64")
    for broken, text in reversed(rules):
        reason[np.broadcast_to(broken, reason.shape)] = text
    return reason


def _splits(arch: ModelArch, chips: int, seq_len: int, global_batch: int) -> Iterator[tuple[int, int, int, int]]:
    """(tp, pp, cp, dp) that use all chips and pass the rules of division."""
    steps = divisors(chips)
    for tp in steps[(steps <= min(arch.heads, _MOST_TENSOR)) & (arch.heads % np.minimum(steps, arch.heads) == 0)]:
        for pp in steps[(steps <= arch.layers) & (chips // tp % steps == 0)]:
            left = chips // (tp * pp)
            for cp in steps[(left % steps == 0) & (steps <= _MOST_CONTEXT)]:
                dp = left // cp
                if global_batch % dp == 0 and (cp == 1 or seq_len % (2 * cp) == 0):
                    yield int(tp), int(pp), int(cp), int(dp)


def _virtual(layers: int, pp: int) -> IntArray:
    """Numbers of virtual stages worth trying: one per distinct number of layers in a chunk."""
    if pp == 1:
        return np.array([1], dtype=np.int64)
    most = min(layers // pp, _MOST_VIRTUAL)
    tried = np.arange(1, most + 1, dtype=np.int64)
    chunk = -(-layers // (pp * tried))
    return tried[np.unique(chunk, return_index=True)[1]]


def _expert_splits(arch: ModelArch, tp: int, ranks: int) -> list[tuple[int, int]]:
    """(ep, etp) of a stage of so many ranks."""
    if not arch.experts:
        return [(1, 1)]
    pairs = [(int(ep), etp) for ep in divisors(arch.experts) for etp in {1, tp} if ranks % (ep * etp) == 0]
    return pairs or [(1, 1)]


def enumerate_layouts(arch: ModelArch, chips: int, *, seq_len: int, global_batch: int) -> Layouts:
    """Every layout worth trying that passes the rules of division; memory is not looked at.

    Tensor degrees divide the heads, pipelines may be uneven, micro-batches are powers of two (or all that is left of
    the batch), sequence parallelism goes with tensor parallelism.

    Parameters
    ----------
    arch : ModelArch
        The model.
    chips : int
        Chips to use, all of them. >= 1
    seq_len : int
        [tokens]
    global_batch : int
        Sequences per step.

    Raises
    ------
    ScenarioError
        If a number is not positive, or no layout divides evenly; names nearby numbers of chips that do.
    """
    if min(chips, seq_len, global_batch) < 1:
        raise ScenarioError(
            f"chips = {chips}, seq_len = {seq_len} tokens, global_batch = {global_batch} sequences; allowed: 1 or more"
        )
    blocks = []
    for tp, pp, cp, dp in _splits(arch, chips, seq_len, global_batch):
        per_replica = global_batch // dp
        micro = 2 ** np.arange(int(np.log2(min(per_replica, _MOST_MICRO_BATCH))) + 1, dtype=np.int64)
        micro = micro[per_replica % micro == 0]
        experts = np.array(_expert_splits(arch, tp, tp * cp * dp), dtype=np.int64)
        modes = np.array(_MODES if dp * cp > 1 else _MODES[:2], dtype=np.int64)
        grid = np.meshgrid(_virtual(arch.layers, pp), micro, np.arange(len(experts)), np.arange(len(modes)))
        vpp, mb, e, mode = (axis.ravel() for axis in grid)
        same = np.ones_like(vpp)
        # Sharding weights for every micro-batch is not combined with pipelines: each would gather them again.
        keep = (modes[mode, 0] == 1) | (pp == 1)
        block = {
            "tp": tp * same,
            "pp": pp * same,
            "vpp": vpp,
            "cp": cp * same,
            "ep": experts[e, 0],
            "dp": dp * same,
            "micro_batch": mb,
            "zero": modes[mode, 0],
            "recompute": modes[mode, 1],
            "sequence_parallel": tp * same > 1,
            "etp": experts[e, 1],
        }
        blocks.append({name: column[keep] for name, column in block.items()})
    if not blocks:
        raise ScenarioError(_no_split(arch, chips, seq_len, global_batch))
    layouts = Layouts(**{name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]})
    reasons = layout_reasons(arch, layouts, chips=chips, seq_len=seq_len, global_batch=global_batch)
    if not (reasons == "").any():
        raise ScenarioError(_no_split(arch, chips, seq_len, global_batch))
    return layouts.take(reasons == "")


def _no_split(arch: ModelArch, chips: int, seq_len: int, global_batch: int) -> str:
    near = [
        n
        for n in sorted(range(max(chips - 64, 1), chips + 65), key=lambda n: abs(n - chips))
        if n != chips and next(_splits(arch, n, seq_len, global_batch), None)
    ]
    hint = f"; these numbers of chips do: {', '.join(map(str, near[:3]))}" if near else ""
    return (
        f"chips = {chips}: no tp x pp x cp x dp divides {arch.heads} heads of {arch.key}, {seq_len} tokens and a "
        f"global batch of {global_batch} sequences{hint}. Change chips or global_batch"
    )
