"""Softmax attention: its weight matrices and what it keeps of past tokens."""

from __future__ import annotations

from dataclasses import dataclass

from megawatt.workload.projection import Projection

__all__ = ["Attention", "Latent"]


@dataclass(frozen=True, slots=True)
class Attention:
    """Softmax attention. ``window`` in tokens (0: all); with ``chunked`` a query sees its own chunk of so many alone.

    ``own_keys``: it projects keys and values; ``keys_are_values``: one projection for both. ``gate``: elements of its
    output are gated. ``query_rank``: rank of a low-rank query projection, 0 for a full one. ``output_groups`` of heads
    are projected to ``output_rank`` each before the output projection (0: not).

    With ``compress`` a query also sees keys that stand for so many tokens each (DeepSeek-V4), with ``index_heads`` only
    ``index_topk`` of them, which an indexer picks.
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
    output_groups: int = 0
    output_rank: int = 0
    compress: int = 0
    index_heads: int = 0
    index_dim: int = 0
    index_topk: int = 0

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
        out: tuple[Projection, ...] = (Projection("attention_out", self.output, hidden, "rows"),)
        if self.output_groups:
            ranks = self.output_groups * self.output_rank
            groups = Projection("output_groups", self.output // self.output_groups, ranks, "columns")
            out = (groups, Projection("attention_out", ranks, hidden, "rows"))
        if not self.query_rank:
            return (Projection("qkv", hidden, queries, "columns", *keys), *out)
        return (
            Projection("query_down", hidden, self.query_rank, "tokens"),
            Projection("query_up", self.query_rank, queries, "columns"),
            Projection("kv", hidden, 0, "columns", *keys),
            *self._compression(hidden),
            *out,
        )

    def _compression(self, hidden: int) -> tuple[Projection, ...]:
        """Weights that make compressed keys (values and gates, twice where neighbours overlap), and the indexer's."""
        if not self.compress:
            return ()
        twice = 2 if self.index_heads else 1
        made = Projection("compressed_keys", hidden, 2 * twice * self.head_dim, "tokens")
        if not self.index_heads:
            return (made,)
        keys = 2 * twice * self.index_dim + self.index_heads
        queries = Projection("index_query", self.query_rank or hidden, self.index_heads * self.index_dim, "tokens")
        return made, queries, Projection("index_key", hidden, keys, "tokens")

    def vectors(self, hidden: int) -> int:
        """Elements of biases."""
        return self.heads * self.head_dim + self.kv_heads * self.key_width + hidden if self.bias else 0

    def cached(self) -> int:
        """Elements of one token that later tokens need."""
        if not self.compress:
            return self.kv_heads * self.key_width
        # Beside a window of keys, one for so many tokens.
        return self.kv_heads * self.key_width // self.compress


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
    def compress(self) -> int:
        """Tokens behind one compressed key: none are."""
        return 0

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
