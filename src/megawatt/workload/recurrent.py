"""Mixers whose memory of past tokens has one size however long the sequence is: linear attention, state space."""

from __future__ import annotations

from dataclasses import dataclass

from megawatt.workload.projection import Projection

__all__ = ["Linear", "Mamba"]


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
