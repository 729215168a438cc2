"""What layers are made of: token mixers and MLPs, their weight matrices and what they keep of past tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Attention", "Latent", "Linear", "Mamba", "Mixer", "Mixture", "Mlp", "Projection", "StateSpace"]


@dataclass(frozen=True, slots=True)
class Projection:
    """One weight matrix and how a tensor-parallel group cuts its multiply.

    ``columns`` is its output width; beside it stand ``shared_heads`` of ``shared_width`` columns each, of which a chip
    never holds less than one. ``cut``: ``columns``, ``rows`` (the input width), or ``tokens`` (whole on every chip,
    each multiplying its share of the tokens).
    """

    name: str
    rows: int
    columns: int
    cut: Literal["columns", "rows", "tokens"]
    shared_heads: int = 0
    shared_width: int = 0

    @property
    def weights(self) -> int:
        """Elements of the matrix."""
        return self.rows * (self.columns + self.shared_heads * self.shared_width)


@dataclass(frozen=True, slots=True)
class Attention:
    """Softmax attention. ``window`` in tokens (0: all); with ``chunked`` a query sees its own chunk of so many alone.

    ``own_keys``: it projects keys and values; ``keys_are_values``: one projection for both. ``gate``: elements of its
    output are gated. ``query_rank``: rank of a low-rank query projection, 0 for a full one.
    """

    heads: int
    kv_heads: int
    head_dim: int
    value_dim: int
    window: int = 0
    chunked: bool = False
    bias: bool = False
    gate: bool = False
    query_rank: int = 0
    own_keys: bool = True
    keys_are_values: bool = False

    @property
    def core_kv_heads(self) -> int:
        """Heads of keys and values that the scores are taken with."""
        return self.kv_heads

    @property
    def key_width(self) -> int:
        """Elements of one head's keys and values that are projected."""
        if not self.own_keys:
            return 0
        return self.head_dim if self.keys_are_values else self.head_dim + self.value_dim

    @property
    def output(self) -> int:
        """Width of the output of all heads."""
        return self.heads * self.value_dim

    @property
    def input_columns(self) -> int:
        """Width of what is projected from the input: queries, gate, keys, values."""
        gate = self.output if self.gate else 0
        return self.heads * self.head_dim + gate + self.kv_heads * self.key_width

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Weight matrices."""
        queries = self.heads * self.head_dim + (self.output if self.gate else 0)
        keys = (self.kv_heads, self.key_width) if self.own_keys else (0, 0)
        out = Projection("attention_out", self.output, hidden, "rows")
        if not self.query_rank:
            return Projection("qkv", hidden, queries, "columns", *keys), out
        down = Projection("query_down", hidden, self.query_rank, "tokens")
        return (
            down,
            Projection("query_up", self.query_rank, queries, "columns"),
            Projection("kv", hidden, 0, "columns", *keys),
            out,
        )

    def vectors(self, hidden: int) -> int:
        """Elements of biases."""
        return self.heads * self.head_dim + self.kv_heads * self.key_width + hidden if self.bias else 0

    def cached(self) -> int:
        """Elements of one token that later tokens need."""
        return self.kv_heads * self.key_width


@dataclass(frozen=True, slots=True)
class Latent:
    """Latent attention (arXiv 2405.04434): keys and values come from one latent vector of ``kv_rank``.

    With ``index_heads`` an indexer scores all keys and attention sees ``index_topk`` of them (arXiv 2512.02556).
    """

    heads: int
    query_rank: int
    kv_rank: int
    nope: int
    rope: int
    value_dim: int
    index_heads: int = 0
    index_dim: int = 0
    index_topk: int = 0
    bias: bool = False

    @property
    def head_dim(self) -> int:
        """Width of a query head."""
        return self.nope + self.rope

    @property
    def core_kv_heads(self) -> int:
        """Heads of keys and values in training: one for each query head."""
        return self.heads

    @property
    def window(self) -> int:
        """Keys that a query sees at most, 0 for all."""
        return self.index_topk if self.index_heads else 0

    @property
    def chunked(self) -> bool:
        """Never."""
        return False

    @property
    def output(self) -> int:
        """Width of the output of all heads."""
        return self.heads * self.value_dim

    @property
    def input_columns(self) -> int:
        """Width of queries, keys and values of all heads."""
        return self.heads * (2 * self.head_dim + self.value_dim)

    @property
    def latent(self) -> int:
        """Width of the down-projections."""
        return self.kv_rank + self.rope + self.query_rank

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Weight matrices; the small down-projections are cut by token, as Megatron-Core does."""
        main = (
            Projection("latent_down", hidden, self.latent, "tokens"),
            Projection("query_up", self.query_rank or hidden, self.heads * self.head_dim, "columns"),
            Projection("kv_up", self.kv_rank, self.heads * (self.nope + self.value_dim), "columns"),
            Projection("attention_out", self.output, hidden, "rows"),
        )
        if not self.index_heads:
            return main
        return (
            *main,
            Projection("index_query", self.query_rank or hidden, self.index_heads * self.index_dim, "tokens"),
            Projection("index_key", hidden, self.index_dim + self.index_heads, "tokens"),
        )

    def vectors(self, hidden: int) -> int:
        """Elements of norms of the latent vectors and of biases."""
        return self.query_rank + self.kv_rank + (self.latent + hidden if self.bias else 0)

    def cached(self) -> int:
        """Elements of one token that later tokens need."""
        return self.kv_rank + self.rope + (self.index_dim if self.index_heads else 0)


@dataclass(frozen=True, slots=True)
class Linear:
    """Linear attention with a state of key_dim x value_dim in each value head.

    ``rule``: ``decay`` (lightning attention, arXiv 2501.08313), ``delta`` (gated delta net, arXiv 2412.06464) or
    ``kda`` (a decay for every channel, arXiv 2510.26692). ``gate_rank`` 0: the output gate is a full matrix.
    """

    rule: str
    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    conv: int
    gate_rank: int = 0

    @property
    def heads(self) -> int:
        """Heads that a tensor group shares out."""
        return self.value_heads

    @property
    def groups(self) -> int:
        """Heads of queries and keys, of which a chip holds at least one."""
        return self.key_heads

    @property
    def output(self) -> int:
        """Width of the output of all heads."""
        return self.value_heads * self.value_dim

    @property
    def channels(self) -> int:
        """Width that the short convolution runs over."""
        return 2 * self.key_heads * self.key_dim + self.output if self.conv else 0

    @property
    def input_columns(self) -> int:
        """Width of queries, keys, values, gate and rates."""
        gate = 0 if self.gate_rank else self.output
        return 2 * self.key_heads * self.key_dim + self.output + gate + self._rates()

    def _rates(self) -> int:
        return {"decay": 0, "delta": 2 * self.value_heads, "kda": self.value_heads}[self.rule]

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Weight matrices."""
        full = self.output * (1 if self.gate_rank else 2) + self._rates()
        main = (
            Projection("linear_in", hidden, full, "columns", self.key_heads, 2 * self.key_dim),
            Projection("attention_out", self.output, hidden, "rows"),
        )
        if not self.gate_rank:
            return main
        decay = self.key_heads * self.key_dim if self.rule == "kda" else 0
        down = self.gate_rank * (2 if decay else 1)
        up = Projection("gate_up", self.gate_rank, self.output + decay, "columns")
        return (*main, Projection("gate_down", hidden, down, "tokens"), up)

    def vectors(self, hidden: int) -> int:
        """Convolution taps, rates and norm."""
        return self.channels * self.conv + 2 * self.value_heads + self.value_dim

    def state(self) -> int:
        """Elements of the state of one sequence."""
        return self.value_heads * self.key_dim * self.value_dim + self.channels * max(self.conv - 1, 0)

    def flops_per_token(self) -> float:
        """Forward FLOPs of the recurrence on one token. [FLOP]

        Two products with the state (write, read); the delta rule also reads what it is about to overwrite and applies
        its decay, as Megatron-LM counts it.
        """
        return (4.0 if self.rule == "decay" else 8.0) * self.value_heads * self.key_dim * self.value_dim

    @property
    def chunk(self) -> int:
        """Tokens that kernels take at once (flash-linear-attention). [tokens]"""
        return 64

    def chunked_flops_per_token(self) -> float:
        """Forward FLOPs of the chunk-wise kernel on one token: masked scores and weighted values within a chunk, two
        products with the state between chunks; the delta rule solves a triangular system besides. [FLOP]"""
        c, dk, dv = self.chunk, self.key_dim, self.value_dim
        within = c * (dk + dv)
        solved = 0 if self.rule == "decay" else c * (2 * dk + dv) + c * c + 2 * dk * dv
        return float(self.value_heads * (within + 4 * dk * dv + solved))


@dataclass(frozen=True, slots=True)
class Mamba:
    """State-space layer, Mamba-2 (arXiv 2405.21060), or Mamba-1 (2312.00752) where ``dt_rank`` is above 0."""

    inner: int
    head_dim: int
    state_dim: int
    groups: int
    conv: int
    dt_rank: int = 0

    @property
    def heads(self) -> int:
        """Heads (Mamba-2) or channels (Mamba-1) that a tensor group shares out."""
        return self.inner // self.head_dim

    @property
    def output(self) -> int:
        """Inner width."""
        return self.inner

    @property
    def channels(self) -> int:
        """Width that the short convolution runs over."""
        return self.inner if self.dt_rank else self.inner + 2 * self.groups * self.state_dim

    @property
    def input_columns(self) -> int:
        """Width of the input projection."""
        if self.dt_rank:
            return 2 * self.inner
        return 2 * self.inner + self.heads + 2 * self.groups * self.state_dim

    def projections(self, hidden: int) -> tuple[Projection, ...]:
        """Weight matrices."""
        out = Projection("mamba_out", self.inner, hidden, "rows")
        if self.dt_rank:
            return (
                Projection("mamba_in", hidden, 2 * self.inner, "columns"),
                Projection("mamba_rates", self.inner, self.dt_rank + 2 * self.state_dim, "rows"),
                Projection("mamba_step", self.dt_rank, self.inner, "columns"),
                out,
            )
        columns = 2 * self.inner + self.heads
        return Projection("mamba_in", hidden, columns, "columns", self.groups, 2 * self.state_dim), out

    def vectors(self, hidden: int) -> int:
        """Convolution taps and bias, rates, skip, norm."""
        taps = self.channels * (self.conv + 1)
        if self.dt_rank:
            return taps + self.inner * (self.state_dim + 2)
        return taps + 3 * self.heads + self.inner

    def state(self) -> int:
        """Elements of the state of one sequence."""
        return self.inner * self.state_dim + self.channels * (self.conv - 1)

    def flops_per_token(self) -> float:
        """Forward FLOPs of the recurrence on one token, 7 per element of the state as Megatron-LM counts it. [FLOP]"""
        return 7.0 * self.inner * self.state_dim

    @property
    def chunk(self) -> int:
        """Tokens that the Mamba-2 kernel takes at once. [tokens]"""
        return 256

    def chunked_flops_per_token(self) -> float:
        """Forward FLOPs of the chunk-wise kernel on one token (arXiv 2405.21060, section 6); Mamba-1 scans. [FLOP]"""
        if self.dt_rank:
            return self.flops_per_token()
        within = self.chunk * (self.groups * self.state_dim + self.inner)
        return float(within + 4 * self.inner * self.state_dim)


StateSpace = Linear | Mamba
"""Mixers whose memory of past tokens has one size however long the sequence is."""
Mixer = Attention | Latent | Linear | Mamba


@dataclass(frozen=True, slots=True)
class Mlp:
    """A dense MLP of two matrices, three where ``gated``."""

    width: int
    gated: bool
    bias: bool = False

    @property
    def matrices(self) -> int:
        """Weight matrices."""
        return 3 if self.gated else 2

    def parameters(self, hidden: int) -> int:
        """Elements of matrices and biases."""
        bias = (self.matrices - 1) * self.width + hidden if self.bias else 0
        return self.matrices * hidden * self.width + bias


@dataclass(frozen=True, slots=True)
class Mixture:
    """Routed experts, and what every token passes beside them (``shared_width``, a whole width however many experts).

    ``latent``: width of the tokens that the experts see (0: that of the model).
    """

    experts: int
    per_token: int
    expert: Mlp
    shared: Mlp | None = None
    latent: int = 0

    def expert_input(self, hidden: int) -> int:
        """Width of a routed token."""
        return self.latent or hidden

    @property
    def shared_width(self) -> int:
        """Width of what every token passes."""
        return self.shared.width if self.shared else 0
