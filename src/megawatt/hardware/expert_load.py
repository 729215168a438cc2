"""How many tokens the experts of the busiest rank get: a power law of popularity, drawn, over arrays of layers."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray

__all__ = ["ROWS", "ExpertLoad", "rank_load"]


ROWS: Final = (16, 32, 64, 128)
"""Rows of the tiles that are counted."""
_DRAWS: Final = 128
"""Draws of the law that are averaged: always the same ones, so that results repeat and rise with the tokens."""
_SEED: Final = 20260701
"""Any number does: the draws are always the same."""
_LARGEST_SHARE: Final = 0.8
"""The law's most popular expert takes at most this share of the tokens [kernel-collector]."""
_FEW: Final = (0.01, 2.0)
"""Range of the law where there are fewer token copies than experts [kernel-collector]."""
_ELEMENTS: Final = 4_000_000
"""Experts drawn at a time: bounds the memory."""
_COLUMNS: Final = 5
"""Tokens, experts per token, experts, ranks, exponent."""
_KEPT: Final = 64
"""Tables that are remembered."""
_KEPT_LAYERS: Final = 10_000
"""Tables of up to this many layers are kept, the last 64 of them: some 50 MB."""


@dataclass(frozen=True, slots=True)
class ExpertLoad:
    """Load of the busiest rank, means over draws.

    Attributes
    ----------
    copies : array, shape (...,)
        Token copies that its experts compute.
    present : array, shape (...,)
        Experts that have any.
    tiles : mapping of int to array, shape (...,)
        Stacks of this many rows (`ROWS`) that hold them, expert by expert.
    experts : array, shape (...,)
        Experts on the rank.
    """

    copies: FloatArray
    present: FloatArray
    tiles: Mapping[int, FloatArray]
    experts: FloatArray


def _level(counts: FloatArray, added: FloatArray) -> FloatArray:
    """Counts after giving ``added`` one by one to whoever has least. (..., experts), (...,)"""
    counts = np.sort(counts, axis=-1)
    place = np.arange(1.0, counts.shape[-1] + 1.0)
    level = (added[..., None] + np.cumsum(counts, axis=-1)) / place
    # The last one below its level is the last that is filled; the level of all those is then common.
    filled = np.maximum((counts < level).sum(axis=-1, keepdims=True), 1)
    base = np.floor(np.take_along_axis(level, filled - 1, axis=-1) + 1e-9)
    below = place <= filled
    out = np.where(below, np.maximum(counts, base), counts)
    left = added - np.where(below, out - counts, 0.0).sum(axis=-1)
    return np.asarray(out + (place <= np.round(left)[..., None]))


def _settled(counts: FloatArray, added: FloatArray, most: FloatArray) -> FloatArray:
    """Whole counts that differ from the law's by ``added``: to the least loaded, or from the most loaded."""
    sign = np.where(added < 0.0, -1.0, 1.0)[..., None]  # taking from the most is giving to the least of the negatives
    return np.clip(sign * _level(sign * counts, np.abs(added)), 0.0, most[..., None])


def _drawn(tokens: FloatArray, topk: FloatArray, alpha: FloatArray, experts: int, ranks: int) -> FloatArray:
    """Tokens of the busiest rank's experts, shape (layers, draws, experts of a rank)."""
    copies = tokens * topk
    many = copies > experts
    low = np.where(many, 1.0, _FEW[0])[:, None, None]
    high = np.where(many, np.maximum(_LARGEST_SHARE * tokens, 1.01), _FEW[1])[:, None, None]
    power = np.where(np.abs(alpha - 1.0) < 1e-6, 1e-6, 1.0 - alpha)[:, None, None]
    level = np.random.default_rng(_SEED).random((_DRAWS, experts))
    share = (high**power * level + low**power * (1.0 - level)) ** (1.0 / power)
    counts = np.rint(share / share.sum(axis=-1, keepdims=True) * copies[:, None, None])
    counts = np.minimum(counts, tokens[:, None, None])
    left = np.rint(copies[:, None] - counts.sum(axis=-1))
    counts = counts.reshape(len(tokens), _DRAWS, ranks, -1)
    # What rounding and the cap left over goes round the ranks, one token at a time [kernel-collector].
    turn = np.abs(left)[..., None] // ranks + (np.arange(ranks) < np.abs(left)[..., None] % ranks)
    turn = turn * np.sign(left)[..., None]
    busiest = np.argmax(counts.sum(axis=-1) + turn, axis=-1)[..., None]
    mine = np.take_along_axis(counts, busiest[..., None], axis=2)[:, :, 0]
    added = np.take_along_axis(turn, busiest, axis=2)[..., 0]
    return _settled(mine, added, np.broadcast_to(tokens[:, None], added.shape))


def _skewed(rows: FloatArray) -> FloatArray:
    """Copies, present and tiles of layers (5, n) of one number of experts and ranks. (2 + tiles, n)"""
    tokens, topk, experts, ranks, alpha = rows
    counts = _drawn(tokens, topk, alpha, int(experts[0]), int(ranks[0]))
    tiles = [np.ceil(counts / r).sum(axis=-1) for r in ROWS]
    found = [counts.sum(axis=-1), (counts > 0.0).sum(axis=-1), *tiles]
    return np.array([f.mean(axis=-1) for f in found])


def _balanced(rows: FloatArray) -> FloatArray:
    """The same where every expert is as popular as any other: whole tokens, shared out evenly."""
    tokens, topk, experts, ranks, _ = rows
    per_rank = experts / ranks
    copies = np.ceil(tokens * topk / ranks - 1e-9)
    base = np.floor(copies / per_rank)
    extra = copies - base * per_rank
    present = np.where(base > 0.0, per_rank, extra)
    tiles = [(per_rank - extra) * np.ceil(base / r) + extra * np.ceil((base + 1.0) / r) for r in ROWS]
    return np.array([copies, present, *tiles])


def _groups(rows: FloatArray) -> Iterator[NDArray[np.intp]]:
    """Places of layers that are drawn together: one number of experts and ranks, not too many at a time."""
    kinds, kind = np.unique(rows[2:4], axis=1, return_inverse=True)
    for place in range(kinds.shape[1]):
        mine = np.flatnonzero(kind.ravel() == place)
        size = max(1, int(_ELEMENTS / (_DRAWS * kinds[0, place])))
        yield from (mine[start : start + size] for start in range(0, len(mine), size))


def _loads(rows: FloatArray) -> FloatArray:
    """Copies, present and tiles of layers (5, n)."""
    out = _balanced(rows)
    skewed = np.flatnonzero(rows[4] > 0.0)
    if skewed.size:
        unique, inverse = np.unique(rows[:, skewed], axis=1, return_inverse=True)
        found = np.empty((len(out), unique.shape[1]))
        for group in _groups(unique):
            found[:, group] = _skewed(unique[:, group])
        out[:, skewed] = found[:, inverse.ravel()]
    out[0] = np.maximum(out[0], rows[0] * rows[1] / rows[3])
    return out


@functools.lru_cache(maxsize=_KEPT)
def _kept_loads(data: bytes) -> FloatArray:
    """The same of layers that a fit asks for at every step."""
    out = _loads(np.frombuffer(data).reshape(_COLUMNS, -1))
    out.setflags(write=False)
    return out


def rank_load(
    tokens: FloatArray, topk: FloatArray, experts: FloatArray, expert_parallel: FloatArray, alpha: FloatArray
) -> ExpertLoad:
    """Load of the busiest rank of an expert-parallel group.

    Parameters
    ----------
    tokens, topk, experts, expert_parallel : array, shape (...,)
        Tokens of the whole group, experts per token, experts in all, ranks.
    alpha : array, shape (...,)
        Exponent of the power law of expert popularity; 0: balanced.

    Notes
    -----
    Popularity is drawn from x^-alpha between 1 and 0.8 times the tokens (between 0.01 and 2 where there are fewer
    copies than experts), scaled to the copies and rounded; an expert takes at most all tokens, what is left over goes
    to the least loaded, rank by rank. That is the law of the published measurements [kernel-collector]; the mean of
    128 draws is taken.
    """
    layers = np.array(np.broadcast_arrays(tokens, topk, experts, expert_parallel, alpha), dtype=np.float64)
    rows = layers.reshape(_COLUMNS, -1)
    found = _kept_loads(rows.tobytes()) if rows.shape[1] <= _KEPT_LAYERS else _loads(rows)
    copies, present, *tiles = found.reshape(-1, *layers.shape[1:])
    return ExpertLoad(copies, present, dict(zip(ROWS, tiles, strict=True)), layers[2] / layers[3])
