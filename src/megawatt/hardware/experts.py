"""Time, power and energy of one rank's expert layer: grouped multiplies with uneven loads, over arrays of shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.errors import ScenarioError
from megawatt.hardware.clock import Cost, PowerLaw, steady_cost
from megawatt.hardware.cores import element_bytes

__all__ = ["ExpertKernel", "ExpertLoad", "expert_cost", "rank_load"]

FloatArray = NDArray[np.float64]

_TILES: Final = ((16, 128), (32, 128), (64, 128), (128, 128), (128, 256))
"""Tiles (tokens, columns) of grouped multiplies: small ones for few tokens per expert [nvidia-cutlass]."""
_EDGE_ROWS: Final = 20.0
"""Operand delivery of a tile, as fitted for matrix multiplies (8 to 30 over chips and precisions)."""
_LEVELS: Final = 24
"""Experts are represented by this many equal groups, from the least to the most loaded."""
_LARGEST_SHARE: Final = 0.8
"""The load law's most popular expert takes at most this share of the tokens [kernel-collector]."""
_FEW: Final = (0.01, 2.0)
"""Range of the law where there are fewer token copies than experts [kernel-collector]."""


@dataclass(frozen=True, slots=True)
class ExpertKernel:
    """Expert layers of one chip, precision and software stack.

    Attributes
    ----------
    chip, precision, stack : str
        What it describes.
    cores : int
        Units that work on tiles.
    peak_flops_per_s, hbm_bytes_per_s : float
        Data-sheet rates.
    rate_share : float
        Share of the peak inside an endless tile.
    hbm_share : float
        Share of the memory rate at which expert weights stream.
    core_bytes_per_s : float
        Rate at which one core takes in operands: what bounds a nearly empty tile. [B/s]
    wave_overlap : float
        Share of an unfinished last wave that others hide.
    skew : float
        Load of the busiest rank above the mean, over the spread expected from the law.
    law : PowerLaw
        Power and clock.
    launch_s : float
        Routing, sorting and launches. [s]
    route_passes : float
        Passes over the token copies through HBM beside the products: gather, activation, quantise, scatter.
    expert_s : float
        Time per expert on the rank: descriptors, offsets. [s]
    speed : float
        Of this stack's kernels over the reference stack's.
    """

    chip: str
    precision: str
    stack: str
    cores: int
    peak_flops_per_s: float
    hbm_bytes_per_s: float
    rate_share: float
    hbm_share: float
    core_bytes_per_s: float
    wave_overlap: float
    skew: float
    law: PowerLaw
    launch_s: float
    route_passes: float
    expert_s: float
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class ExpertLoad:
    """Load of the busiest rank.

    ``tokens`` (..., levels): tokens of an expert, by level; ``present`` (..., levels): probability that it has any;
    ``copies`` (...): token copies on the rank; ``experts`` (...): experts on the rank.
    """

    tokens: FloatArray
    present: FloatArray
    copies: FloatArray
    experts: FloatArray


def _popularity(tokens: FloatArray, copies: FloatArray, experts: FloatArray, alpha: FloatArray) -> FloatArray:
    """Popularity of experts by level, mean 1: quantiles of a power law x^-alpha; all ones where alpha is 0."""
    level = (np.arange(_LEVELS) + 0.5) / _LEVELS
    many = copies > experts
    low = np.where(many, 1.0, _FEW[0])[..., None]
    high = np.where(many, np.maximum(_LARGEST_SHARE * tokens, 1.01), _FEW[1])[..., None]
    power = np.where(np.abs(alpha - 1.0) < 1e-6, 1e-6, 1.0 - alpha)[..., None]
    x = (high**power * level + low**power * (1.0 - level)) ** (1.0 / power)
    x = np.where(alpha[..., None] > 0.0, x, 1.0)
    return np.asarray(x / x.mean(axis=-1, keepdims=True))


def rank_load(
    tokens: FloatArray,
    topk: FloatArray,
    experts: FloatArray,
    expert_parallel: FloatArray,
    alpha: FloatArray,
    skew: float = 1.0,
) -> ExpertLoad:
    """Load of the busiest rank of an expert-parallel group.

    Parameters
    ----------
    tokens, topk, experts, expert_parallel : array, shape (...,)
        Tokens of the whole group, experts per token, experts in all, ranks.
    alpha : array, shape (...,)
        Exponent of the power law of expert popularity; 0: balanced.
    skew : float
        Factor on the busiest rank's expected excess.

    Notes
    -----
    Busiest of r ranks: mean + z(1 - 1/(r+1)) standard deviations of the sum over its experts drawn without replacement;
    a rank takes at most what there is, an expert at most all tokens.
    """
    from scipy.special import ndtri

    copies, per_rank = tokens * topk, experts / expert_parallel
    popularity = _popularity(tokens, copies, experts, alpha)
    spread = popularity.std(axis=-1)
    z = np.where(expert_parallel > 1.0, ndtri(1.0 - 1.0 / (expert_parallel + 1.0)), 0.0)
    without = np.sqrt(np.maximum((experts - per_rank) / np.maximum(experts - 1.0, 1.0), 0.0))
    excess = 1.0 + skew * z * spread / np.sqrt(per_rank) * without
    mean = copies / expert_parallel
    excess = np.minimum(excess, np.minimum(expert_parallel, np.maximum(tokens * per_rank / mean, 1.0)))
    each = np.minimum(popularity * (mean * excess / per_rank)[..., None], tokens[..., None])
    drawn = np.where(each < 0.5, 0.0, 1.0)  # the law's counts are rounded
    present = np.where(alpha[..., None] > 0.0, drawn, np.minimum(each, 1.0))
    return ExpertLoad(each, present, mean * excess, per_rank)


def _products_s(
    kernel: ExpertKernel, load: ExpertLoad, shapes: tuple[tuple[FloatArray, FloatArray], ...]
) -> FloatArray:
    """Arithmetic time of the grouped products (columns, depth) with the best tile. [s]"""
    rate = kernel.rate_share * kernel.speed * kernel.peak_flops_per_s / kernel.cores
    width = element_bytes(kernel.precision)
    best: FloatArray | None = None
    for rows, columns in _TILES:
        filled = np.ceil(np.maximum(load.tokens, 1.0) / rows) * load.present
        stacks = np.maximum(filled.mean(axis=-1) * load.experts, 1.0)
        time = np.zeros_like(load.copies)
        edge = 1.0 + _EDGE_ROWS * (1.0 / rows + 1.0 / columns)
        for n, depth in shapes:
            waves = stacks * np.ceil(n / columns) / kernel.cores
            counted = np.maximum(np.ceil(waves) - kernel.wave_overlap * (np.ceil(waves) - waves), 1.0)
            arithmetic = 2.0 * rows * columns * depth * edge / rate
            operands = (rows + columns) * depth * width / (kernel.core_bytes_per_s * kernel.speed)
            time += counted * np.maximum(arithmetic, operands)
        best = time if best is None else np.minimum(best, time)
    assert best is not None
    return best


def expert_cost(
    kernel: ExpertKernel,
    tokens: FloatArray | float,
    topk: FloatArray | float,
    experts: FloatArray | float,
    hidden: FloatArray | float,
    inter: FloatArray | float,
    *,
    tensor_parallel: FloatArray | float = 1.0,
    expert_parallel: FloatArray | float = 1.0,
    alpha: FloatArray | float = 0.0,
    gated: FloatArray | bool = True,
    steady: bool = True,
) -> Cost:
    """Time, power and clock of the expert layer on the busiest rank, forward, without the exchange of tokens.

    t = launch + experts * overhead + max(grouped products, (weights of experts in use + activations) / memory rate)
    + passes * copies / memory rate.

    Parameters
    ----------
    kernel : ExpertKernel
        Chip, precision and stack.
    tokens : array or float
        Tokens of the whole expert-parallel group, before dispatch. > 0
    topk, experts, hidden, inter : array or float
        Experts per token and in all; width of the model and of an expert. > 0
    tensor_parallel, expert_parallel : array or float
        Ranks that share an expert, and that share out the experts. >= 1
    alpha : array or float
        Power law of the experts' popularity, 0 for balanced.
    gated : array or bool
        Two input products (SwiGLU) instead of one.
    steady : bool
        The power cap sets the clock.

    Raises
    ------
    ScenarioError
        If a dimension is not positive.
    """
    inputs = (tokens, topk, experts, hidden, inter, tensor_parallel, expert_parallel, alpha, gated)
    t, k, e, h, i, tp, ep, a, g = (np.asarray(x, dtype=np.float64) for x in np.broadcast_arrays(*inputs))
    for name, values in (("tokens", t), ("topk", k), ("experts", e), ("hidden", h), ("inter", i)):
        if values.size and not float(values.min()) > 0.0:
            raise ScenarioError(f"expert layer: {name} = {values.min():g}, must be > 0")
    load = rank_load(t, k, e, ep, a, kernel.skew)
    inner, fans, width = i / tp, 1.0 + g, element_bytes(kernel.precision)
    products = _products_s(kernel, load, ((fans * inner, h), (h, inner)))
    used = np.minimum(np.maximum(load.present.mean(axis=-1) * load.experts, 1.0), np.maximum(load.copies, 1.0))
    weights = used * (fans + 1.0) * h * inner * width
    activations = load.copies * (h * width + fans * inner * 2.0 + inner * width + h * 2.0)
    routed = kernel.route_passes * load.copies * h * 2.0
    stream = (weights + activations) / (kernel.hbm_share * kernel.speed * kernel.hbm_bytes_per_s)
    other = kernel.launch_s + kernel.expert_s * load.experts + routed / kernel.hbm_bytes_per_s
    flops = 2.0 * load.copies * (fans + 1.0) * h * inner
    return steady_cost(
        kernel.law,
        flops,
        weights + activations + routed,
        products,
        np.maximum(stream - products, 0.0) + other,
        steady=steady,
    )
