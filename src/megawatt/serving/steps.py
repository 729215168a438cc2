"""Time and energy of one engine step: rows through the layers, attention of prompts, attention of decoding, host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.hardware import (
    ExpertShape,
    GemmKernel,
    all_reduce_s,
    all_to_all_s,
    attention_cost,
    attention_time_s,
    expert_cost,
    gemm_cost,
    gemm_time_s,
    send_receive_s,
)
from megawatt.serving.machine import ServingMachine
from megawatt.serving.memory import cache_bytes_per_request, kept_heads, stored_bytes
from megawatt.serving.records import Layout, Service
from megawatt.workload import (
    ACTIVATION_BYTES,
    Attention,
    Gemm,
    Latent,
    LayerKind,
    Linear,
    Mamba,
    Mixer,
    Split,
    layer_work,
    structure,
)

__all__ = ["Spent", "StepModel"]

_SAMPLED_BYTES: Final = 12.0
"""Passes over 32-bit logits: write, softmax, pick. [B]"""
_TINY: Final = 8.0
"""A message that is all start-up. [B]"""
_MEASURED_ROWS: Final = 256.0
"""Fewest rows of the multiplies that kernels are fitted on."""
_TILE_ROWS: Final = 64.0
"""Rows of the smallest tile: fewer leave the stream of weights as it is."""
_NARROWS: Final = 1e-6
"""Passes over the input from which a kernel has one before it that narrows it; fits give 0 or 0.9 and more."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Time and energy of one chip, arrays of one shape. [s], [J]"""

    time_s: FloatArray
    energy_j: FloatArray

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.time_s + other.time_s, self.energy_j + other.energy_j)

    def scaled(self, factor: FloatArray | float) -> Spent:
        """So many times the same."""
        return Spent(np.asarray(factor * self.time_s), np.asarray(factor * self.energy_j))


def _grid(most: float, per_octave: int) -> FloatArray:
    steps = np.arange(0.0, np.log2(most) * per_octave + 1.0)
    return np.unique(np.round(2.0 ** (steps / per_octave)))


_ROWS: Final = _grid(2.0**17, 4)
"""Rows of a step that are tabulated; times between them are interpolated."""
_GROUP_TOKENS: Final = _grid(2.0**21, 2)
"""The same of the tokens that all attention groups send to their experts."""


@dataclass
class StepModel:
    """One engine step of a replica; times of rows are tabulated once and interpolated.

    Parameters
    ----------
    service : Service
        Model, precision, width of the cache.
    layout : Layout
        How a replica lies on chips.
    machine : ServingMachine
        Kernels and stack.

    Notes
    -----
    A step takes ``rows`` tokens through the layers: one for each sequence that decodes, and those of prompts. Weights
    are read once whatever their number, so that the time of rows is far from linear. All methods give arrays of the
    shape of their arguments and count all layers of all pipeline stages.
    """

    service: Service
    layout: Layout
    machine: ServingMachine
    _tables: dict[str, tuple[FloatArray, FloatArray]] = field(default_factory=dict)

    def dense(self, rows: FloatArray) -> Spent:
        """Rows of one attention group through everything but routed experts: multiplies, norms, tensor messages."""
        return self._tabulated("dense", self._dense, rows)

    def routed(self, rows: FloatArray) -> Spent:
        """Rows of the mean attention group through the routed experts, exchange included; nothing in a dense model."""
        # By the tokens of all groups: whose expert they meet depends on these and on the ranks alone.
        return self._tabulated("routed", self._routed, rows * self.layout.dp, _GROUP_TOKENS)

    def messages(self, rows: FloatArray) -> Spent:
        """Sums over the tensor group and, between attention groups, the exchange of routed tokens."""
        return self._tabulated("messages", self._messages, rows)

    def head(self, rows: FloatArray) -> Spent:
        """Output projection and sampling of so many rows of a group."""
        return self._tabulated("head", self._head, rows)

    def _tabulated(
        self, name: str, made: Callable[[FloatArray], Spent], rows: FloatArray, grid: FloatArray = _ROWS
    ) -> Spent:
        if name not in self._tables:
            spent = made(grid)
            self._tables[name] = (spent.time_s, spent.energy_j)
        time_s, energy_j = self._tables[name]
        some = np.minimum(np.asarray(rows, dtype=np.float64), 1.0)  # a part of a row is a row in some of the steps
        where = np.clip(rows, 1.0, grid[-1])
        scale = some * np.maximum(rows / grid[-1], 1.0)
        return Spent(scale * np.interp(where, grid, time_s), scale * np.interp(where, grid, energy_j))

    def _split(self, rows: FloatArray) -> Split:
        one = np.ones_like(rows)
        return Split(one * self.layout.tp, one, one, one, rows, np.zeros(rows.shape, dtype=bool))

    def _dense(self, rows: FloatArray) -> Spent:
        zero = np.zeros_like(rows)
        total = Spent(zero, zero)
        shape = structure(self.service.arch)
        stack, rate = self.machine.stack, self.machine.kernels.hbm_flow_bytes_per_s
        for number, kind in zip(shape.counts, shape.kinds, strict=True):
            work = layer_work(self.service.arch, kind, self._split(rows), 1, fused_attention=True)
            for gemm in work.gemms:
                if not gemm.grouped and not gemm.batched:
                    total = total + self._multiply(gemm).scaled(number)
            passed = work.vector_bytes / rate + stack.layer_kernels * stack.kernel_s
            total = total + self._memory(passed).scaled(number)
        return total

    def _routed(self, tokens: FloatArray) -> Spent:
        zero = np.zeros_like(tokens)
        total = Spent(zero, zero)
        shape = structure(self.service.arch)
        for number, kind in zip(shape.counts, shape.kinds, strict=True):
            if kind.mixture is not None:
                total = total + self._experts(kind, tokens).scaled(number)
        return total

    def _messages(self, rows: FloatArray) -> Spent:
        zero = np.zeros_like(rows)
        total = Spent(zero, zero)
        shape, hidden = structure(self.service.arch), self.service.arch.hidden
        for number, kind in zip(shape.counts, shape.kinds, strict=True):
            apart = kind.mixture is not None and self.layout.dp > 1
            sums = float(bool(kind.mixers)) + float(kind.mlp is not None and not apart)
            total = total + self._sum(ACTIVATION_BYTES * rows * hidden).scaled(number * sums)
            if self.layout.cp > 1:
                for mixer in kind.mixers:
                    total = total + self._gathered(mixer, rows).scaled(number)
            if kind.mixture is not None and apart:
                copies = min(kind.mixture.per_token, self.layout.tp * self.layout.dp)
                sent = ACTIVATION_BYTES * rows * kind.mixture.expert_input(hidden) * copies
                total = total + self._exchange(sent).scaled(2.0 * number)
        return total

    def _multiply(self, gemm: Gemm) -> Spent:
        machine = self.machine
        name = machine.arithmetic if gemm.linear else machine.wide
        m, n, k = (np.maximum(v, 1.0) for v in (gemm.m, gemm.n, gemm.k))
        kernel = machine.multiplies.get(name)
        reached = machine.stack.multiply_peak_frac * machine.accelerator.peak_flops_per_s[name.removesuffix("_block")]
        slowest = 2.0 * m * n * k / reached
        if kernel is None:
            seconds = gemm_time_s(machine.kernels, m, n, k, gemm.count, name)
            return self._busy(np.maximum(seconds, gemm.count * slowest), machine.power.arithmetic)
        cost_s, power_w = self._measured(kernel, m, n, k)
        time_s = np.maximum(cost_s, slowest)
        if gemm.linear and machine.arithmetic != machine.precision:
            # Weights that are widened on the way are read as they are stored; the arithmetic stays.
            narrow = stored_bytes(machine.precision) / stored_bytes(machine.arithmetic)
            time_s = np.maximum(narrow * time_s, 2.0 * m * n * k / kernel.peak_flops_per_s)
        time_s = self._streamed(n * k, time_s)
        return Spent(gemm.count * time_s, gemm.count * power_w * time_s)

    def _measured(
        self, kernel: GemmKernel, m: FloatArray, n: FloatArray, k: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Time [s] and power [W] of a multiply in a graph.

        Kernels were measured from 256 rows on, each launched alone. In a graph one starts in ``kernel_s``, as does the
        one that narrows its input; a multiply of no more rows than one tile is a long stream of its weights, and
        between the two memory rates counts the logarithm of the rows.
        """
        starts = self.machine.stack.kernel_s * (2.0 if kernel.quantise_factor > _NARROWS else 1.0)
        in_graph = replace(kernel, launch_s=min(kernel.launch_s, starts), interval_s=0.0)
        many = gemm_cost(in_graph, m, n, k)
        flow = self.machine.kernels.hbm_flow_bytes_per_s / kernel.hbm_bytes_per_s
        if flow <= kernel.hbm_share:
            return many.time_s, many.power_w
        few = gemm_cost(replace(in_graph, hbm_share=flow), m, n, k)
        share = np.clip(np.log(_MEASURED_ROWS / m) / np.log(_MEASURED_ROWS / _TILE_ROWS), 0.0, 1.0)
        time_s = share * few.time_s + (1.0 - share) * many.time_s
        return time_s, (share * few.energy_j + (1.0 - share) * many.energy_j) / time_s

    def _streamed(self, weights: FloatArray, time_s: FloatArray) -> FloatArray:
        """Time of a multiply, at least that of reading its weights at the stack's rate. [s]"""
        share = self.machine.stack.weight_stream_frac
        read = weights * stored_bytes(self.machine.precision) / (share * self.machine.accelerator.hbm_bytes_per_s)
        return np.maximum(time_s, read)

    def _experts(self, kind: LayerKind, tokens: FloatArray) -> Spent:
        mixture, machine, layout = kind.mixture, self.machine, self.layout
        assert mixture is not None
        ranks = layout.tp * layout.dp
        hidden, width = mixture.expert_input(self.service.arch.hidden), mixture.expert.width
        if machine.experts is not None:
            shape = ExpertShape(
                tokens,
                float(mixture.per_token),
                float(mixture.experts),
                float(hidden),
                float(width),
                tensor_parallel=ranks / layout.ep,
                expert_parallel=float(layout.ep),
                alpha=machine.stack.expert_alpha,
                gated=mixture.expert.gated,
                dispatched=layout.dp > 1,
            )
            cost = expert_cost(machine.experts, shape)
            return Spent(cost.time_s, cost.energy_j)
        matrices = 3.0 if mixture.expert.gated else 2.0
        used = mixture.experts * (1.0 - (1.0 - mixture.per_token / mixture.experts) ** tokens) / layout.ep
        weights = matrices * hidden * width / (ranks / layout.ep)
        flops = 2.0 * weights * tokens * mixture.per_token / layout.ep
        read = used * weights * stored_bytes(machine.precision)
        read = read / (machine.stack.weight_stream_frac * machine.accelerator.hbm_bytes_per_s)
        reached = machine.kernels.gemm_flops_per_s[machine.arithmetic] * machine.kernels.grouped_share
        return self._busy(np.maximum(flops / reached, read), machine.power.arithmetic)

    def _sum(self, payload: FloatArray) -> Spent:
        """Sum over the tensor group: the library's stream, the stack's start-up. [s]"""
        ranks = float(self.layout.tp)
        if self.layout.tp * self.layout.shards == 1:
            return Spent(np.zeros_like(payload), np.zeros_like(payload))
        stream = all_reduce_s(self.machine.fabric, payload, ranks) - all_reduce_s(self.machine.fabric, _TINY, ranks)
        return self._busy(self.machine.stack.message_s + stream, self.machine.power.communication)

    def _gathered(self, mixer: Mixer, rows: FloatArray) -> Spent:
        """Queries gathered over the ranks that share out positions, their partial outputs summed back. [s]

        A rank has the queries of all ``cp`` ranks on its own positions; each of the two passes is half a sum.
        """
        if isinstance(mixer, Linear | Mamba):
            return Spent(np.zeros_like(rows), np.zeros_like(rows))
        ranks = float(self.layout.cp)
        heads = mixer.heads * self.layout.cp / self.layout.tp
        both = mixer.head_dim + mixer.value_dim
        if isinstance(mixer, Latent):
            both = 2 * mixer.kv_rank + mixer.rope
        payload = ACTIVATION_BYTES * rows * heads * both / 2.0
        stream = all_reduce_s(self.machine.fabric, payload, ranks) - all_reduce_s(self.machine.fabric, _TINY, ranks)
        return self._busy(2.0 * self.machine.stack.message_s + stream, self.machine.power.communication)

    def _exchange(self, payload: FloatArray) -> Spent:
        ranks = float(self.layout.tp * self.layout.dp)
        return self._busy(all_to_all_s(self.machine.fabric, payload, ranks), self.machine.power.communication)

    def _head(self, rows: FloatArray) -> Spent:
        arch, tp = self.service.arch, self.layout.tp
        one = np.ones_like(rows)
        gemm = Gemm("head", rows, one * arch.vocab / tp, one * arch.hidden, one, linear=False)
        logits = rows * arch.vocab / tp * _SAMPLED_BYTES / self.machine.kernels.hbm_flow_bytes_per_s
        return self._multiply(gemm) + self._memory(logits)

    def decoding(self, sequences: FloatArray, context: FloatArray | float) -> Spent:
        """Attention of decoding: keys, values and states of so many sequences of a group are read once."""
        arch = self.service.arch
        shape, stack = structure(arch), self.machine.stack
        rate = stack.decode_attention_frac * self.machine.kernels.hbm_flow_bytes_per_s
        peak = stack.latent_attention_frac * self.machine.accelerator.peak_flops_per_s[self.machine.wide]
        seconds = np.zeros(np.broadcast_shapes(np.shape(sequences), np.shape(context)))
        seen = np.asarray(context, dtype=np.float64)
        for number, kind in zip(shape.counts, shape.kinds, strict=True):
            for mixer in kind.mixers:
                arithmetic = sequences * self._latent_flops(mixer, seen) / peak
                memory = sequences * self._read_bytes(mixer, seen) / rate
                seconds = seconds + number * np.maximum(memory, arithmetic)
        return self._memory(seconds)

    def _read_bytes(self, mixer: Mixer, context: FloatArray) -> FloatArray | float:
        """What one decoding step reads of one sequence in one layer on one chip. [B]"""
        service, ranks = self.service, self.layout.tp * self.layout.shards
        if isinstance(mixer, Linear | Mamba):
            return 2.0 * 4.0 * mixer.state() / self.layout.tp  # read and written, 32 bits
        keys = np.minimum(context, mixer.window) if mixer.window else context
        index = mixer.index_dim * context * service.cache_bytes if mixer.index_heads else 0.0
        if isinstance(mixer, Latent):
            width = float(mixer.kv_rank + mixer.rope)
            if not self.machine.stack.latent_absorbed:
                width = mixer.heads / ranks * (mixer.head_dim + mixer.value_dim)
            return width * keys / self.layout.cp * service.cache_bytes * self.layout.shards + index
        # Layers that share keys and values read them all the same.
        width = kept_heads(mixer.kv_heads, self.layout) * (mixer.head_dim + mixer.value_dim)
        return width * keys / self.layout.cp * service.cache_bytes + index

    def _latent_flops(self, mixer: Mixer, context: FloatArray) -> FloatArray | float:
        """Products of one decoding step of one sequence with the latent vectors, all heads of a chip. [FLOP]"""
        if not isinstance(mixer, Latent):
            return 0.0
        keys = np.minimum(context, mixer.window) if mixer.window else context
        return 2.0 * mixer.heads / self.layout.tp * (2.0 * mixer.kv_rank + mixer.rope) * keys

    def prompts(self, number: FloatArray, new_tokens: float, keys: float) -> Spent:
        """Attention of prompts: so many on a group, each with new tokens that see all of ``keys``."""
        shape = structure(self.service.arch)
        many, part = np.maximum(number, 1.0), np.minimum(number, 1.0)
        zero = np.zeros_like(np.asarray(number, dtype=np.float64))
        total = Spent(zero, zero)
        for layers, kind in zip(shape.counts, shape.kinds, strict=True):
            for mixer in kind.mixers:
                if isinstance(mixer, Attention | Latent):
                    total = total + self._prompt(mixer, many, new_tokens, keys).scaled(layers)
            if any(isinstance(m, Linear | Mamba) for m in kind.mixers):
                total = total + self._scan(kind, many, new_tokens).scaled(layers)
        return total.scaled(part)

    def _prompt(self, mixer: Attention | Latent, number: FloatArray, new: float, keys: float) -> Spent:
        seen = min(keys, float(mixer.window)) if mixer.window else keys
        before = keys - new
        visible = (before + new / 2.0) / keys if seen == keys else min(1.0 - seen / (2.0 * keys), 1.0)
        heads, kv = mixer.heads / self.layout.tp, max(mixer.core_kv_heads / self.layout.tp, 1.0)
        kernel = self.machine.attention
        if kernel is None:
            flops = 2.0 * number * new * seen * visible * heads * (mixer.head_dim + mixer.value_dim)
            seconds = attention_time_s(self.machine.kernels, flops, seen)
            return self._busy(seconds, self.machine.power.arithmetic)
        cost = attention_cost(
            kernel, number, new, seen, heads, kv, mixer.head_dim, value_dim=mixer.value_dim, visible=visible
        )
        return Spent(cost.time_s, cost.energy_j)

    def _scan(self, kind: LayerKind, number: FloatArray, new: float) -> Spent:
        work = layer_work(self.service.arch, kind, self._split(number), max(round(new), 1), fused_attention=True)
        total = self._memory(np.zeros_like(number))
        for call in work.scans:
            arithmetic = attention_time_s(self.machine.kernels, call.flops, float(call.chunk))
            memory = call.moved_bytes / self.machine.kernels.hbm_flow_bytes_per_s
            total = total + self._memory(np.maximum(arithmetic, memory))
        return total

    def host(self, sequences: FloatArray) -> Spent:
        """Host time of a step with so many sequences on the replica."""
        stack = self.machine.stack
        return self._busy(stack.step_s + stack.sequence_s * np.asarray(sequences, dtype=np.float64), 0.0)

    def passing(self, rows: FloatArray) -> Spent:
        """Hidden states of a group's rows passed to the next pipeline stage, once."""
        payload = ACTIVATION_BYTES * rows * self.service.arch.hidden / self.layout.tp
        stages, far = float(self.layout.pp), float(self.layout.tp * self.layout.dp)
        return self._busy(send_receive_s(self.machine.fabric, payload, stages, far), self.machine.power.communication)

    def cache_s(self, tokens: float) -> float:
        """Time to send the caches of one prompt to another replica over the outermost links. [s]"""
        bytes_per_chip = cache_bytes_per_request(self.service, self.layout, self.machine.stack, tokens)
        link = self.machine.fabric.links[-1]
        return bytes_per_chip / link.link_bytes_per_s + link.latency_s

    def _busy(self, seconds: FloatArray, activity: float) -> Spent:
        power = self.machine.power
        return Spent(np.asarray(seconds), (power.idle_w + (power.cap_w - power.idle_w) * activity) * seconds)

    def _memory(self, seconds: FloatArray) -> Spent:
        return self._busy(seconds, self.machine.power.memory)
