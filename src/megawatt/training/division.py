"""Rules of division: which layouts of a model on so many chips cannot be set up, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import IntArray
from megawatt.training.records import Job, Layouts
from megawatt.training.schedules import CODES, TWO_CHUNKS, among
from megawatt.workload import Attention, Latent, Mlp, ModelArch, structure

__all__ = ["PLACES", "broken", "layout_reasons", "rules_of", "tensor_dimensions"]

PLACES: Final = 2
"""Chunks of an interleaved pipeline without a layer: the token table and the output projection may stand alone (405B
recipes with 30 layers in 32 chunks)."""


def tensor_dimensions(arch: ModelArch) -> tuple[set[int], set[int], set[int]]:
    """What a tensor-parallel group shares out: heads of mixers, those that it may copy, widths of dense MLPs."""
    kinds = structure(arch).kinds
    mixers = [m for kind in kinds for m in kind.mixers]
    shared = {m.core_kv_heads if isinstance(m, Attention | Latent) else m.groups for m in mixers}
    return {m.heads for m in mixers}, shared, {k.mlp.width for k in kinds if isinstance(k.mlp, Mlp)}


def _uneven_tensors(arch: ModelArch, tp: IntArray) -> tuple[NDArray[np.bool_], ...]:
    """Where a tensor group does not share out heads, heads that it may copy, and MLPs of any layer; arrays (n,)."""
    # Degrees are few: each is looked at once.
    degrees = np.maximum(np.arange(int(tp.max(initial=1)) + 1), 1)
    heads, shared, widths = (np.array(sorted(n), dtype=np.int64)[:, None] for n in tensor_dimensions(arch))
    copied = np.maximum(degrees, shared) % np.minimum(degrees, shared)
    uneven = (np.asarray(rest.any(axis=0)) for rest in (heads % degrees, copied, widths % degrees))
    return tuple(np.asarray(each[tp]) for each in uneven)


def rules_of(job: Job, y: Layouts, chips: int | IntArray) -> tuple[tuple[NDArray[np.bool_], str], ...]:
    """Each rule of division: where it is broken, and what it says."""
    arch, seq_len, global_batch = job.arch, job.seq_len, job.global_batch
    ranks = y.tp * y.cp * y.dp
    heads, copies, widths = _uneven_tensors(arch, y.tp)
    micro = -(-global_batch // (y.dp * y.micro_batch))
    return (
        (ranks * y.pp != chips, "tp x pp x cp x dp is not the number of chips"),
        (heads, "tp does not divide the attention heads"),
        (copies, "tp and the key-value heads do not divide each other"),
        (widths, "tp does not divide the MLP width"),
        (y.pp * y.vpp > arch.layers + PLACES, "more pipeline stages than layers"),
        ((y.vpp > 1) & (y.pp == 1), "virtual stages need pipeline stages"),
        (seq_len % np.where(y.cp > 1, 2 * y.cp, 1) != 0, "2 x cp does not divide the sequence"),
        ((seq_len // y.cp) % np.where(y.sequence_parallel, y.tp, 1) != 0, "tp does not divide the chip's sequence"),
        (global_batch % (y.dp * y.micro_batch) != 0, "dp x micro-batch does not divide the global batch"),
        ((y.vpp > 1) & (micro % y.pp != 0), "interleaved: pp does not divide the micro-batches"),
        (((y.ep > 1) | (y.etp > 1)) & (arch.experts == 0), "expert parallelism needs experts"),
        (max(arch.experts, 1) % y.ep != 0, "ep does not divide the experts"),
        (ranks % (y.ep * y.etp) != 0, "ep x etp does not divide tp x cp x dp"),
        ((y.etp > 1) & (y.etp != y.tp), "etp is neither 1 nor tp"),
        *_special_rules(arch, y, micro),
    )


def _special_rules(arch: ModelArch, y: Layouts, micro: IntArray) -> Iterator[tuple[NDArray[np.bool_], str]]:
    """Rules of what no search varies: sharding groups, all-to-all, schedules, stages of given layers."""
    if y.names("zero_group"):
        yield (y.dp * y.cp) % np.maximum(y.zero_group, 1) != 0, "the sharding group does not divide dp x cp"
    if y.names("cp_exchange"):
        shared = np.array(sorted(tensor_dimensions(arch)[1]), dtype=np.int64)[:, None]
        uneven = (np.maximum(shared // y.tp, 1) % y.cp).any(axis=0)
        yield (y.cp_exchange > 0) & uneven, "cp by all-to-all does not divide a chip's key-value heads"
    if y.names("schedule"):
        paired = among(y.schedule, (CODES["dualpipe"], CODES["dualpipev"]))
        yield (y.schedule > CODES["1f1b"]) & (y.vpp > 1), "virtual stages are of the schedule 1f1b"
        yield (y.schedule > CODES["1f1b"]) & (y.pp == 1), "this schedule needs pipeline stages"
        yield (y.schedule == CODES["dualpipe"]) & (y.pp % 2 != 0), "DualPipe needs an even pp"
        yield paired & (micro < 2 * y.pp), "DualPipe needs 2 x pp micro-batches"
        yield among(y.schedule, TWO_CHUNKS) & (2 * y.pp > arch.layers + PLACES), "more pipeline stages than layers"
    if y.names("first_layers", "last_layers"):
        rest = arch.layers - y.first_layers - y.last_layers
        between = y.pp - (y.first_layers > 0) - (y.last_layers > 0)
        yield y.pp == 1, "layers of the first or last stage need pipeline stages"
        # The token table or the output projection may stand alone in a chunk.
        for end, held in (("first", y.first_layers), ("last", y.last_layers)):
            yield (held > 0) & (held + 1 < y.vpp), f"the {end} stage has fewer layers than virtual stages"
        yield rest < between, "the first and last stage leave too few layers"
        yield (between == 0) & (rest != 0), "the stages do not hold all layers"


def broken(rules: tuple[tuple[NDArray[np.bool_], str], ...], size: int) -> NDArray[np.uint8]:
    """Number of the first broken rule of each layout, from 1; 0 where none is. Shape (n,)."""
    first = np.zeros(size, dtype=np.uint8)
    for number in range(len(rules), 0, -1):
        first[np.broadcast_to(rules[number - 1][0], (size,))] = number
    return first


def layout_reasons(job: Job, layouts: Layouts, *, chips: int | IntArray) -> NDArray[np.str_]:
    """Why each layout cannot be set up, empty where it can; shape (n,). Memory is not looked at.

    Parameters
    ----------
    job, layouts
        What is trained, and layouts.
    chips : int or (n,)
        Chips that tp * pp * cp * dp must use up.

    Notes
    -----
    An interleaved pipeline takes micro-batches in groups of pp (Megatron-LM; arXiv 2104.04473, section 2.2).
    """
    rules = rules_of(job, layouts, chips)
    texts = np.array(["", *(text for _, text in rules)], dtype=np.str_)
    return np.asarray(texts[broken(rules, len(layouts))])
