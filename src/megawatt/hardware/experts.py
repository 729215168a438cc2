"""Time, power and energy of one rank's expert layer: grouped multiplies with uneven loads, over arrays of shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError
from megawatt.hardware.clock import Cost, PowerLaw, clocked_cost
from megawatt.hardware.cores import counted_waves, element_bytes
from megawatt.hardware.expert_load import ExpertLoad, rank_load
from megawatt.hardware.expert_stacks import ExpertStack

__all__ = ["ExpertKernel", "ExpertShape", "expert_cost", "expert_gradient_costs"]


_EDGE_ROWS: Final = 20.0
"""Operand delivery of a tile, as fitted for matrix multiplies (8 to 30 over chips and precisions)."""
_STEP_BYTES: Final = 128.0
"""Bytes of a row that a tile takes in per step: a cache line."""
_OUTPUT_BYTES: Final = 2.0
"""Results are written in 16 bits. [B]"""
_BACKWARD_PASSES: Final = 1.5
"""A backward pass reads its input and the output's gradient and writes the input's: three for two."""
_TOKEN_PASSES: Final = 2.0
"""Every token that a rank routes is read and its result written once, wherever its experts are."""
_LOGIT_S: Final = 1.2e-11
"""Routing time per token and expert in a fused kernel: one number for all chips, from their fitted rows."""
_LEAN_EXPERTS: Final = 256.0
"""Most experts for which 4-bit layers have low-latency kernels [kernel-collector]."""


@dataclass(frozen=True, slots=True)
class ExpertKernel:
    """Expert layers of one chip, precision and software stack.

    Attributes
    ----------
    chip, precision, stack : str
        What it describes.
    rules : ExpertStack
        What the stack's library does.
    cores : int
        Units that work on tiles.
    peak_flops_per_s, hbm_bytes_per_s : float
        Data-sheet rates.
    rate_share : float
        Share of the peak inside an endless tile.
    hbm_share : float
        Share of the memory rate at which expert weights stream.
    core_bytes_per_s : float
        Rate at which one core takes in operands. [B/s]
    step_s : float
        Time that a 128-byte step of the first tile waits for memory. [s]
    wave_overlap : float
        Share of an unfinished last wave that others hide.
    expert_s : float
        Time per expert on the rank where the layer routes: descriptors, offsets, padding. [s]
    topk_s : float
        Launches of a general top-k. [s]
    sort_passes : float
        Its passes over the router's 16-bit scores.
    law : PowerLaw
        Power and clock.
    launch_s : float
        Sorting and launches. [s]
    row_passes : float
        Passes over token copies through HBM beside the products: gather, activation, quantise, sum.
    speed, stream_share : float
        Of this stack's kernels over the reference stack's: arithmetic, and streaming weights.
    lean_share : float
        Launches of a layer of at most 256 experts over those of a larger one.
    """

    chip: str
    precision: str
    stack: str
    rules: ExpertStack
    cores: int
    peak_flops_per_s: float
    hbm_bytes_per_s: float
    rate_share: float
    hbm_share: float
    core_bytes_per_s: float
    step_s: float
    wave_overlap: float
    expert_s: float
    topk_s: float
    sort_passes: float
    law: PowerLaw
    launch_s: float
    row_passes: float
    speed: float = 1.0
    stream_share: float = 1.0
    lean_share: float = 1.0


@dataclass(frozen=True, slots=True)
class _Product:
    """One grouped product on the busiest rank: columns of its output, depth of its sum, stacks of tiles by their rows,
    operations and bytes that it streams (operands in use, result)."""

    columns: FloatArray
    depth: FloatArray
    stacks: Mapping[int, FloatArray]
    flops: FloatArray
    moved: FloatArray


@dataclass(frozen=True, slots=True)
class _Layer:
    """Arrays of one shape: the layer on the busiest rank. ``shapes`` (columns, depth) are its two products, ``routed``
    the tokens whose experts this rank chooses."""

    tokens: FloatArray
    routed: FloatArray
    topk: FloatArray
    experts: FloatArray
    hidden: FloatArray
    shapes: tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
    load: ExpertLoad

    @property
    def used(self) -> FloatArray:
        """Experts whose weights are read."""
        return np.asarray(np.maximum(self.load.present, 1.0))

    def products(self, width: float, *, turned: bool = False) -> tuple[_Product, ...]:
        """Rows times weights, operands of ``width`` bytes; ``turned``: gradients times transposed weights."""
        copies = self.load.copies
        shapes = [(d, n) if turned else (n, d) for n, d in self.shapes]
        return tuple(
            _Product(
                n,
                d,
                self.load.tiles,
                2.0 * copies * n * d,
                self.used * n * d * width + copies * (d * width + n * _OUTPUT_BYTES),
            )
            for n, d in shapes
        )

    def weight_products(self, width: float) -> tuple[_Product, ...]:
        """Gradients of the weights: transposed rows times gradients, summed over the rows of each expert."""
        copies, used = self.load.copies, self.used
        return tuple(
            _Product(
                n,
                copies / used,
                {rows: used * np.ceil(d / rows) for rows in self.load.tiles},
                2.0 * copies * n * d,
                copies * (n + d) * width + used * n * d * _OUTPUT_BYTES,
            )
            for n, d in self.shapes
        )


def _products_s(kernel: ExpertKernel, products: Sequence[_Product], clock: FloatArray | float) -> FloatArray:
    """Time of grouped products with the best tile. [s]

    Per product: first tile's wait + root of the sum of squares of arithmetic (slower by the clock) and stream.
    """
    rate = kernel.rate_share * kernel.speed * kernel.peak_flops_per_s / kernel.cores
    memory = kernel.hbm_share * kernel.stream_share * kernel.hbm_bytes_per_s
    width = element_bytes(kernel.precision)
    best: FloatArray | None = None
    for rows, columns in kernel.rules.tiles:
        edge = 1.0 + _EDGE_ROWS * (1.0 / rows + 1.0 / columns)
        time = np.zeros_like(products[0].columns)
        for product in products:
            waves = np.maximum(product.stacks[rows], 1.0) * np.ceil(product.columns / columns) / kernel.cores
            counted = counted_waves(waves, kernel.wave_overlap)
            operands = (rows + columns) * product.depth * width / kernel.core_bytes_per_s
            busy = counted * np.maximum(2.0 * rows * columns * product.depth * edge / rate, operands)
            time += np.hypot(busy / clock, product.moved / memory) + kernel.step_s * product.depth * width / _STEP_BYTES
        best = time if best is None else np.minimum(best, time)
    assert best is not None
    return best


def _row_bytes(kernel: ExpertKernel, layer: _Layer) -> FloatArray:
    """Bytes moved beside the products."""
    rows = layer.tokens * layer.topk if kernel.rules.all_rows else layer.load.copies
    return np.asarray((kernel.row_passes * rows + _TOKEN_PASSES * layer.routed) * layer.hidden * 2.0)


def _launches_s(kernel: ExpertKernel, layer: _Layer) -> FloatArray:
    lean = np.where(layer.experts <= _LEAN_EXPERTS, kernel.lean_share, 1.0)
    return np.asarray(kernel.launch_s * lean)


def _routing_s(kernel: ExpertKernel, layer: _Layer) -> FloatArray | float:
    """Time of choosing the experts, where the layer does it. [s]"""
    if not kernel.rules.routes:
        return 0.0
    scores = layer.routed * layer.experts
    general = (layer.experts > kernel.rules.fused_experts) | (layer.topk > kernel.rules.fused_topk)
    topk = kernel.topk_s + kernel.sort_passes * scores * 2.0 / kernel.hbm_bytes_per_s
    return np.asarray(_LOGIT_S * scores + np.where(general, topk, 0.0) + kernel.expert_s * layer.load.experts)


def _cost(
    kernel: ExpertKernel, products: Sequence[_Product], row_bytes: FloatArray, other_s: FloatArray, steady: bool
) -> Cost:
    """Time, power and clock: under the cap the arithmetic slows."""
    flops = np.asarray(sum(p.flops for p in products))
    moved = np.asarray(sum(p.moved for p in products)) + row_bytes
    other = other_s + row_bytes / kernel.hbm_bytes_per_s

    def time_s(clock: FloatArray | float) -> FloatArray:
        return _products_s(kernel, products, clock) + other

    return clocked_cost(kernel.law, flops, moved, time_s, steady=steady)


def _check(sizes: Mapping[str, FloatArray], ranks: FloatArray, alpha: FloatArray) -> None:
    """Refuse layers that cannot be: sizes, experts per token, ranks, exponent."""
    for name, values in sizes.items():
        if values.size and not float(values.min()) > 0.0:
            raise ScenarioError(f"expert layer: {name} = {values.min():g}, must be > 0")
    topk, experts = sizes["topk"], sizes["experts"]
    for wrong, text in (
        (topk > experts, "topk = {0:g} must be at most experts = {1:g}"),
        (experts % ranks != 0.0, "expert_parallel = {2:g} must divide experts = {1:g}"),
        (~(alpha >= 0.0), "alpha = {3:g}, must be >= 0 (0: balanced)"),
    ):
        if wrong.any():
            place = int(np.argmax(wrong))
            found = (values.flat[place] for values in (topk, experts, ranks, alpha))
            raise ScenarioError(f"expert layer: {text.format(*found)}")


@dataclass(frozen=True, slots=True)
class ExpertShape:
    """Expert layers as a group of ranks computes them; arrays of one shape, or numbers.

    Attributes
    ----------
    tokens : array or float
        Tokens of the whole expert-parallel group, before dispatch. > 0
    topk, experts, hidden, inter : array or float
        Experts per token and in all; width of the model and of an expert. > 0
    tensor_parallel, expert_parallel : array or float
        Ranks that share an expert, and that share out the experts. >= 1; expert_parallel divides experts
    alpha : array or float
        Power law of the experts' popularity, 0 for balanced.
    gated : array or bool
        Two input products (SwiGLU) instead of one.
    dispatched : bool
        Tokens are sent to the ranks of their experts: every rank routes its own share alone. Otherwise every rank holds
        and routes all of them, as in the published tables.
    """

    tokens: FloatArray | float
    topk: FloatArray | float
    experts: FloatArray | float
    hidden: FloatArray | float
    inter: FloatArray | float
    tensor_parallel: FloatArray | float = 1.0
    expert_parallel: FloatArray | float = 1.0
    alpha: FloatArray | float = 0.0
    gated: FloatArray | bool = True
    dispatched: bool = False


def expert_cost(kernel: ExpertKernel, shape: ExpertShape, *, steady: bool = True) -> Cost:
    """Time, power and clock of the expert layer on the busiest rank, forward, without the exchange of tokens.

    t = launch + routing + experts * overhead + passes over rows / memory rate
    + sum over both products of (first tile's wait + hypot(grouped tiles, (weights in use + rows) / memory rate)).

    Parameters
    ----------
    kernel : ExpertKernel
        Chip, precision and stack.
    shape : ExpertShape
        The layers.
    steady : bool
        The power cap sets the clock.

    Raises
    ------
    ScenarioError
        If a dimension is not positive, a token wants more experts than there are, the ranks do not share out the
        experts, or the exponent is negative.
    """
    layer = _layer(shape)
    other = _launches_s(kernel, layer) + _routing_s(kernel, layer)
    return _cost(kernel, layer.products(element_bytes(kernel.precision)), _row_bytes(kernel, layer), other, steady)


def _layer(shape: ExpertShape) -> _Layer:
    """The layer on the busiest rank, checked."""
    ranks = (shape.tensor_parallel, shape.expert_parallel)
    sizes = (shape.tokens, shape.topk, shape.experts, shape.hidden, shape.inter, *ranks, shape.alpha, shape.gated)
    t, k, e, h, i, tp, ep, a, g = (np.asarray(x, dtype=np.float64) for x in np.broadcast_arrays(*sizes))
    _check({"tokens": t, "topk": k, "experts": e, "hidden": h, "inter": i}, ep, a)
    inner = i / tp
    shapes = (((1.0 + g) * inner, h), (h, inner))
    return _Layer(t, t / ep if shape.dispatched else t, k, e, h, shapes, rank_load(t, k, e, ep, a))


def expert_gradient_costs(kernel: ExpertKernel, shape: ExpertShape, *, steady: bool = True) -> tuple[Cost, Cost]:
    """Gradients of the inputs (with the passes over rows of a backward pass) and of the weights of an expert layer.

    Both are the grouped products of `expert_cost` with other operands: gradients times transposed weights, and
    transposed rows times gradients, summed over the rows of each expert. Routing is not repeated.

    Parameters
    ----------
    kernel, shape, steady
        As for `expert_cost`.

    Returns
    -------
    Cost, Cost
        Inputs, weights.

    Raises
    ------
    ScenarioError
        As `expert_cost`.

    Notes
    -----
    No table holds backward passes of expert layers: the numbers are those fitted on forward passes. A memory-bound
    backward pass reads its input and the output's gradient and writes the input's: 1.5 times the forward traffic.
    """
    layer = _layer(shape)
    width, launches = element_bytes(kernel.precision), _launches_s(kernel, layer)
    rows = _BACKWARD_PASSES * _row_bytes(kernel, layer)
    inputs = _cost(kernel, layer.products(width, turned=True), rows, launches, steady)
    return inputs, _cost(kernel, layer.weight_products(width), np.zeros_like(rows), launches, steady)
