"""What one micro-batch leaves in one layer until its backward pass, element by element, module by module."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray, IntArray
from megawatt.training.features import MODULES
from megawatt.training.recompute import group_sizes, recomputes, repeated_share
from megawatt.training.records import Job, Layouts
from megawatt.training.saved import saved_multiplies
from megawatt.training.stacks import Stack
from megawatt.workload import Attention, Latent, LayerKind, structure

__all__ = ["Activations", "activation_bytes", "gradient_width", "layer_activations", "stored_width"]


_QUANTISED: Final = MappingProxyType(
    {"fp8": 1.0, "mxfp8": 1.0 + 1 / 32, "fp4": 0.5625, "nvfp4": 0.5625, "mxfp4": 0.53125}
)
"""Bytes of an element that a multiply keeps for its weight's gradient, with the scales of blocks of 32 (nvfp4: 16)."""
_COPY_BYTES: Final = 4.0
"""32-bit copies of norms' inputs and scores that operators make one by one (Transformers' modeling_llama.py)."""
_WIDE: Final = ("fp32", "tf32")
"""Precisions whose operands are stored in 32 bits."""


@dataclass(frozen=True, slots=True)
class Activations:
    """Bytes of one micro-batch in one layer of each kind on one chip; arrays (kinds, n).

    ``kept`` waits for the backward pass; ``repeated`` is computed again there, one layer at a time; ``working`` are
    gradients that stand beside them while the backward pass is in the layer; ``output`` (n,) is what a layer hands on.
    """

    kept: FloatArray
    repeated: FloatArray
    working: FloatArray
    output: FloatArray

    def at(self, index: NDArray[np.integer] | slice) -> Activations:
        """The same for these layouts."""
        return Activations(self.kept[:, index], self.repeated[:, index], self.working[:, index], self.output[index])


def activation_bytes(precision: str) -> float:
    """Width of an activation between operators. [B]"""
    return 4.0 if precision in _WIDE else 2.0


def gradient_width(precision: str, stack: Stack) -> float:
    """Width of a stored gradient: the stack's, or 32 bits as everything of training in 32 bits. [B]"""
    wide = activation_bytes(precision)
    return wide if precision in _WIDE else stack.gradient_bytes


def stored_width(precision: str) -> float:
    """Width of an input that a multiply keeps for the gradient of its weight. [B]"""
    return _QUANTISED.get(precision, activation_bytes(precision))


def layer_activations(job: Job, layouts: Layouts, stack: Stack) -> Activations:
    """Activations of each kind of layer of a job's model.

    Korthikanti 2022 (arXiv 2205.05198, section 4) element by element, so that it holds for gated MLPs, grouped heads
    and mixtures: for a GPT layer with dropout and sequence parallelism it gives s b h (34 + 5 a s / h) / t. Inputs of
    quantised multiplies are kept in the narrow type (and attention's output twice: narrow for the projection, wide for
    attention's own backward pass), everything else is 16 or 32 bits wide.

    Parameters
    ----------
    job, layouts, stack
        What is trained (precision as the chip names it), layouts (n,), fused attention and dropout.
    """
    share, group = repeated_share(job.arch.layers, layouts), group_sizes(layouts)
    chosen = {module: recomputes(layouts, stack, module) for module in MODULES}
    rows = []
    for kind in structure(job.arch).kinds:
        layer = _Layer(job, kind, layouts, stack)
        first = layer.wide * layer.hidden
        elements = [*layer.norms(), *layer.mixers(), *layer.mlp()]
        whole = functools.reduce(operator.add, (e.held for e in elements))
        repeated = np.zeros_like(whole)
        for e in elements:
            gone = chosen["operators"] & e.operators
            gone = functools.reduce(operator.or_, (chosen[name] for name in e.modules), gone)
            repeated = repeated + np.where(gone, e.held, 0.0)
        # Operators one by one save a last product that nothing waits for.
        repeated = repeated - np.where(chosen["operators"], layer.needless(), 0.0)
        # Layers that are repeated as a whole keep their input alone, those that are repeated together one input.
        kept = share * first / group + (1.0 - share) * (whole - repeated)
        rows.append((kept, np.where(share > 0.0, group * whole - first, repeated), layer.working()))
    kept, repeated, working = (np.stack(column) for column in zip(*rows, strict=True))
    return Activations(kept, repeated, working, first)


@dataclass(frozen=True, slots=True)
class _Element:
    """Bytes, the modules of which each frees them when it is recomputed, and whether recompute by operator does."""

    held: FloatArray
    modules: tuple[str, ...] = ()
    operators: bool | NDArray[np.bool_] = False


@dataclass(frozen=True, slots=True)
class _Layer:
    """One kind of layer; every method gives bytes of one micro-batch on one chip, arrays (n,)."""

    job: Job
    kind: LayerKind
    layouts: Layouts
    stack: Stack

    @property
    def wide(self) -> float:
        return activation_bytes(self.job.precision)

    @property
    def narrow(self) -> float:
        return stored_width(self.job.precision)

    @property
    def inner(self) -> float:
        """Width of an input of the activation function that waits for the backward pass."""
        return self.narrow if self.stack.narrow_inner else self.wide

    @property
    def tokens(self) -> FloatArray:
        return _f(self.layouts.micro_batch) * self.job.seq_len / _f(self.layouts.cp)

    @property
    def hidden(self) -> FloatArray:
        """Hidden states: on every chip of the tensor group unless the sequence is sharded too. [elements]"""
        tokens = self.tokens
        return np.where(self.layouts.sequence_parallel, tokens / self.layouts.tp, tokens) * self.job.arch.hidden

    @property
    def up(self) -> float:
        """Inputs of the activation function and, where it is an operator of its own, its output beside the gate's."""
        gated = self.job.arch.gated
        return 1.0 + gated + (gated and self.stack.eager)

    @property
    def saved(self) -> frozenset[str]:
        """Matrices whose products recompute by operator saves."""
        return saved_multiplies(self.kind, self.job.arch.hidden)

    def norms(self) -> Iterator[_Element]:
        """Of each residual block the norm's input, a dropout mask, its output (the input of the next multiply)."""
        # One by one, a norm is taken in 32 bits of a copy of its input.
        copied = self.stack.eager and not self.stack.narrow_norms
        masks = (1.0 if self.stack.dropout else 0.0) + (_COPY_BYTES if copied else 0.0)
        yield _Element(self.wide * self.hidden)
        if self.kind.blocks > 1:
            # The second block's input is what the first adds: made again, unless its product or message is saved.
            made = np.asarray((self.layouts.tp == 1) & ("output" not in self.saved))
            yield _Element((self.kind.blocks - 1.0) * self.wide * self.hidden, (), made)
        yield _Element(self.kind.blocks * masks * self.hidden, (), True)
        yield _Element(self.kind.blocks * self.narrow * self.hidden, ("layernorm",), True)

    def needless(self) -> FloatArray:
        """The product of the layer's last matrix, and its message: saved where operators run one by one."""
        product = self.wide * self.tokens * self.job.arch.hidden * float("down" in self.saved)
        message = np.where(self.layouts.tp > 1, self.wide * self.hidden, 0.0)
        return np.asarray(self.stack.eager * (product + message))

    def mixers(self) -> Iterator[_Element]:
        for mixer in self.kind.mixers:
            if isinstance(mixer, Attention | Latent):
                yield from self._attention(mixer)
                continue
            # Inputs, what the convolution makes of them, output before gate and norm, and the states between chunks.
            made = mixer.channels + 2 * mixer.output + 2.0 * mixer.state() / mixer.chunk
            yield self._columns(mixer.input_columns, (), "linear_in" not in self.saved)
            yield self._columns(made, (), True)

    def _columns(self, width: float, modules: tuple[str, ...], repeated: bool) -> _Element:
        """So many columns of every token, shared out by the tensor group."""
        return _Element(self.wide * self.tokens * width / self.layouts.tp, modules, repeated)

    def _attention(self, mixer: Attention | Latent) -> Iterator[_Element]:
        """Queries, keys, values, output; latent vectors before and after their norms; scores that are not fused."""
        tp, tokens, saved = _f(self.layouts.tp), self.tokens, self.saved
        heads = self.wide * tokens * np.maximum(mixer.core_kv_heads / tp, 1.0)
        latent = isinstance(mixer, Latent)
        up = ("mla_up_proj",) if latent else ()
        yield self._columns(mixer.heads * mixer.head_dim, up, "query" not in saved)
        yield _Element(heads * mixer.head_dim, up, "key" not in saved)
        # Values come with the keys where they have no matrix of their own.
        shared = isinstance(mixer, Latent) or mixer.keys_are_values
        yield _Element(heads * mixer.value_dim, up, ("key" if shared else "value") not in saved)
        outputs = tokens * mixer.heads * mixer.value_dim / tp
        one = self.stack.attention_kept_bytes if self.narrow != self.wide else 0.0
        apart = self.narrow != self.wide and not one
        yield _Element((one or self.narrow) * outputs, (), apart)
        if apart:
            # Beside the projection's own copy the wide one, for attention's backward pass.
            yield _Element(self.wide * outputs, ("core_attn",))
        yield self._columns(mixer.query_rank, (), "query_down" not in saved)
        if isinstance(mixer, Latent):
            yield self._columns(mixer.latent - mixer.query_rank, (), "kv_down" not in saved)
            yield _Element(self.narrow * tokens * mixer.latent / tp, (), True)
        else:
            yield self._columns(mixer.output * mixer.gate, (), "query" not in saved)
            yield self._columns(mixer.output * mixer.gate, (), True)
        if not self.stack.attention_fused:
            masks = (3.0 if self.stack.dropout else 0.0) + (_COPY_BYTES if self.stack.eager else 0.0)
            rows = _f(self.layouts.micro_batch) * mixer.heads / tp * self.job.seq_len**2 / _f(self.layouts.cp)
            yield _Element(rows * (self.wide + masks), ("core_attn",))

    def mlp(self) -> Iterator[_Element]:
        """Inputs of the activation function and its product; of routed tokens what the experts take in as well."""
        mixture, width = self.kind.mixture, self.tokens * self.kind.dense_width / self.layouts.tp
        whole = ("mlp",) if mixture is None else ("moe", "shared_experts")
        gated = self.job.arch.gated
        if gated:
            yield _Element(self.inner * width, whole, "gate" not in self.saved)
        yield _Element(self.inner * width, whole, "up" not in self.saved)
        yield _Element(self.wide * (self.up - 1.0 - gated) * width, whole, True)
        yield _Element(self.narrow * width, whole if mixture is not None else (*whole, "moe_act"), True)
        if mixture is not None:
            routed = self.pairs() * mixture.expert.width / self.layouts.etp
            taken = self.pairs() * mixture.expert_input(self.job.arch.hidden)
            # What other ranks sent is saved; multiplies of experts in groups are not.
            copies = (self.narrow + self.wide * self.stack.routed_copies) * taken
            yield _Element(copies, ("moe",), np.asarray(self.layouts.ep == 1))
            eager = self.wide * (self.up - 1.0 - gated)
            yield _Element((self.inner * (1.0 + gated) + eager) * routed, ("moe",), True)
            yield _Element(self.narrow * routed, ("moe", "moe_act"), True)

    def pairs(self) -> FloatArray:
        """Routed tokens of the busiest rank, or room for all that the expert-parallel group sends."""
        per_token = self.kind.mixture.per_token if self.kind.mixture is not None else 0
        spread = np.where(self.layouts.ep > 1, self.stack.expert_imbalance, 1.0)
        if self.stack.worst_buffers:
            spread = np.maximum(_f(self.layouts.ep), spread)
        return np.asarray(self.tokens * per_token * self.layouts.etp / self.layouts.tp * spread)

    def working(self) -> FloatArray:
        """Gradients beside a layer's activations: of the MLP's inner width and of the hidden states, gathered over the
        tensor group."""
        inner = (self.up + 1.0) * self.tokens * self.kind.dense_width / self.layouts.tp
        mixture = self.kind.mixture
        if mixture is not None:
            width = (self.up + 1.0) * mixture.expert.width / self.layouts.etp
            inner = np.maximum(inner, self.pairs() * (width + 2.0 * mixture.expert_input(self.job.arch.hidden)))
        return np.asarray(self.wide * (inner + 2.0 * self.tokens * self.job.arch.hidden))


def _f(values: IntArray) -> FloatArray:
    return values.astype(np.float64)
