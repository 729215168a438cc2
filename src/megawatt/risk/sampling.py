"""Ways of drawing paths: plain, antithetic, stratified, quasi-random, and towards what is rare."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from megawatt.arrays import BoolArray, FloatArray
from megawatt.risk.blocks import block_sizes
from megawatt.risk.factors import FACTORS, independent_draws
from megawatt.risk.summary import Z95

__all__ = ["KINDS_OF_DRAWS", "DrawKind", "Draws", "Estimated", "draw", "estimate", "from_modes", "to_modes"]

DrawKind = Literal["plain", "antithetic", "stratified", "sobol", "importance"]
KINDS_OF_DRAWS: Final[tuple[DrawKind, ...]] = ("plain", "antithetic", "stratified", "sobol", "importance")
"""Ways of drawing."""
_REPLICATES: Final = 16
"""Independent repetitions of a stratified or quasi-random set, from which its error is known."""
_SLOW: Final = 8
"""Slowest modes of each factor that are stratified or drawn quasi-randomly; the others hold little."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Randomness of paths: ``normals`` (factors, months, paths), ``uniforms`` (years, paths), ``weights`` (paths,) with
    mean near 1, the replicate that each path belongs to, and ``extras`` (3, months, paths), uniforms of fat tails."""

    normals: FloatArray
    uniforms: FloatArray
    weights: FloatArray
    replicate: FloatArray
    extras: FloatArray

    def part(self, start: int, end: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Normals, uniforms and extras of some of the paths."""
        return self.normals[:, :, start:end], self.uniforms[:, start:end], self.extras[:, :, start:end]


@dataclass(frozen=True, slots=True)
class Estimated:
    """A mean with its standard error, its 95 % interval, and how many plain paths would know it as well."""

    value: float
    standard_error: float
    interval: tuple[float, float]
    worth_paths: float


def from_modes(modes: FloatArray) -> FloatArray:
    """Normals by month from normals by mode, slowest first, along axis 1; an orthonormal cosine transform."""
    from scipy.fft import idct

    return np.asarray(idct(modes, axis=1, norm="ortho"))


def to_modes(normals: FloatArray) -> FloatArray:
    """Modes of normals by month, along axis 1."""
    from scipy.fft import dct

    return np.asarray(dct(normals, axis=1, norm="ortho"))


def draw(kind: DrawKind, months: int, paths: int, seed: int, shift: FloatArray | None = None) -> Draws:
    """Draw the randomness of paths.

    Parameters
    ----------
    kind : str
        plain: the paths that `simulate` draws with this seed; antithetic: each path with its mirror;
        stratified: Latin hypercubes over the slow modes; sobol: scrambled Sobol points over them, 16 scrambles;
        importance: every second path around ``shift``, the others plain, with the weights of the mixture, at most 2,
        that undo it: what breaks elsewhere is still seen.
    months, paths : int
        >= 1; paths is rounded up to a multiple of 32, but for plain draws.
    seed : int
        Root seed.
    shift : array, (factors, months), optional
        Mean of the normals of importance sampling.
    """
    rng = np.random.default_rng([seed, KINDS_OF_DRAWS.index(kind)])
    if kind == "plain":
        sizes = block_sizes(paths)
        children = np.random.SeedSequence(seed).spawn(len(sizes))
        parts = [independent_draws(months, n, child) for child, n in zip(children, sizes, strict=True)]
        normals, uniforms = (np.concatenate(drawn, axis=-1) for drawn in zip(*parts, strict=True))
        return Draws(normals, uniforms, np.ones(paths), np.zeros(paths), rng.random((3, months, paths)))
    count = -(-paths // (2 * _REPLICATES)) * 2 * _REPLICATES
    shape = (len(FACTORS), months, count)
    years = -(-months // 12)
    uniforms, weights = rng.random((years, count)), np.ones(count)
    replicate = np.arange(count) % _REPLICATES
    if kind == "antithetic":
        half = rng.standard_normal((*shape[:2], count // 2))
        normals = np.concatenate([half, -half], axis=2)
        uniforms = np.concatenate([uniforms[:, : count // 2], 1.0 - uniforms[:, : count // 2]], axis=1)
        replicate = np.tile(np.arange(count // 2), 2)
    elif kind in ("stratified", "sobol"):
        slow = min(_SLOW, months)
        modes = rng.standard_normal(shape)
        modes[:, :slow] = _even(kind, len(FACTORS) * slow, count, rng).reshape(len(FACTORS), slow, count)
        normals = from_modes(modes)
        replicate = np.arange(count) // (count // _REPLICATES)
    else:
        normals = rng.standard_normal(shape)
        if kind == "importance" and shift is not None:
            normals[:, :, ::2] += shift[:, :, None]
            along = (shift[:, :, None] * normals).sum(axis=(0, 1))
            weights = 2.0 / (1.0 + np.exp(np.minimum(along - 0.5 * float((shift**2).sum()), 700.0)))
    return Draws(normals, uniforms, weights, replicate.astype(np.float64), rng.random((3, months, count)))


def _even(kind: DrawKind, dimensions: int, count: int, rng: np.random.Generator) -> FloatArray:
    """Normals that fill their space evenly, (dimensions, count), in `_REPLICATES` independent sets in turn."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    each = count // _REPLICATES
    sets = []
    for _ in range(_REPLICATES):
        if kind == "sobol":
            engine: qmc.QMCEngine = qmc.Sobol(dimensions, scramble=True, rng=rng)
            points = engine.random_base2(math.ceil(math.log2(max(each, 2))))[:each]
        else:
            points = qmc.LatinHypercube(dimensions, rng=rng).random(each)
        sets.append(points)
    return np.asarray(ndtri(np.clip(np.concatenate(sets), 1e-12, 1.0 - 1e-12)).T)


def estimate(values: FloatArray | BoolArray, draws: Draws, kind: DrawKind) -> Estimated:
    """Mean of one value per path under the weights, with the error that this way of drawing has.

    Antithetic pairs count as one draw each; stratified and quasi-random sets as one each; ``worth_paths`` is the
    variance of one plain path over that of the estimate.
    """
    given = np.asarray(values, dtype=np.float64)
    weighted = given * draws.weights
    mean = float(weighted.mean())
    if kind in ("antithetic", "stratified", "sobol"):
        groups = np.unique(draws.replicate, return_inverse=True)[1]
        means = np.bincount(groups, weights=weighted) / np.bincount(groups)
        error = float(means.std(ddof=1) / math.sqrt(means.size))
    else:
        error = float(weighted.std(ddof=1) / math.sqrt(weighted.size))
    plain = float((draws.weights * (given - mean) ** 2).mean())
    worth = plain / error**2 if error > 0.0 else math.inf
    return Estimated(mean, error, (mean - Z95 * error, mean + Z95 * error), worth)
