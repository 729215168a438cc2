"""What is served, how it is laid out over chips, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.errors import ScenarioError, shown
from megawatt.units import S_PER_HOUR
from megawatt.workload import ModelArch

__all__ = [
    "Layout",
    "Points",
    "Service",
    "ServingChoice",
    "Targets",
    "Traffic",
    "check_traffic",
    "parse_layout",
]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests as they come.

    Attributes
    ----------
    input_tokens, output_tokens : float
        Prompt and answer of one request, on average. [tokens], >= 1
    prefix_hit_frac : float
        Share of the prompt whose keys and values are kept from earlier requests, 0 to below 1.
    accepted_tokens : float
        Tokens that one decoding step yields: 1 without speculation, 1 + accepted drafts with it.
    draft_frac : float
        Time of drafting over the time of one decoding step.
    """

    input_tokens: float
    output_tokens: float
    prefix_hit_frac: float = 0.0
    accepted_tokens: float = 1.0
    draft_frac: float = 0.0

    @property
    def new_tokens(self) -> float:
        """Tokens of a prompt that are computed. [tokens]"""
        return max(self.input_tokens * (1.0 - self.prefix_hit_frac), 1.0)

    @property
    def steps(self) -> float:
        """Decoding steps of one request."""
        return self.output_tokens / self.accepted_tokens

    @property
    def mean_context(self) -> float:
        """Keys that a decoding step of one request sees, on average. [tokens]"""
        return self.input_tokens + self.output_tokens / 2.0


def check_traffic(traffic: Traffic) -> None:
    """Refuse traffic that cannot be.

    Raises
    ------
    ScenarioError
        Names the first quantity out of its range.
    """
    limits = {
        "input_tokens": (traffic.input_tokens, 1.0, 1e8),
        "output_tokens": (traffic.output_tokens, 1.0, 1e8),
        "prefix_hit_frac": (traffic.prefix_hit_frac, 0.0, 0.999),
        "accepted_tokens": (traffic.accepted_tokens, 1.0, 64.0),
        "draft_frac": (traffic.draft_frac, 0.0, 10.0),
    }
    for name, (value, low, high) in limits.items():
        if not low <= value <= high:
            raise ScenarioError(f"serving: {name} = {value:g}; allowed: {low:g} to {high:g}")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one replica of a model lies on chips.

    Attributes
    ----------
    tp : int
        Chips that share every layer's matrices (tensor parallel).
    pp : int
        Stages of layers (pipeline parallel).
    dp : int
        Groups with requests of their own around common experts (attention data parallel); 1 in a dense model.
    ep : int
        Ranks that share out the experts, a divisor of tp x dp; the rest cuts each expert.
    cp : int
        Ranks of a tensor group that share out keys and values by position while decoding, a divisor of tp.
    shards : int
        Cores of a chip that are tensor-parallel ranks of their own (NeuronCores, TensorCores), usually 1: each keeps at
        least one head of keys and values.
    """

    tp: int = 1
    pp: int = 1
    dp: int = 1
    ep: int = 1
    cp: int = 1
    shards: int = 1

    @property
    def chips(self) -> int:
        """Chips of one replica."""
        return self.tp * self.pp * self.dp

    def text(self) -> str:
        """One line, as the tables show it: ``tp8``, ``tp1 dp8 ep8``."""
        parts = [f"tp{self.tp}"]
        parts += [f"{name}{value}" for name, value in (("pp", self.pp), ("dp", self.dp), ("cp", self.cp)) if value > 1]
        return " ".join([*parts, f"ep{self.ep}"] if self.ep > 1 else parts)


@dataclass(frozen=True, slots=True)
class Service:
    """A model that is served: precision of its linear layers, bytes of a stored key or value element."""

    arch: ModelArch
    precision: str
    cache_bytes: float


@dataclass(frozen=True, slots=True)
class Points:
    """Operating points of one replica; arrays of one shape (n,).

    Attributes
    ----------
    concurrency : array
        Requests in work on the replica.
    tokens_per_s : array
        Output tokens of the replica. [1/s]
    ttft_s : array
        Mean time to the first token. [s]
    tpot_s : array
        Mean time per output token after the first. [s]
    chip_power_w : array
        Mean power of one chip. [W]
    parts_s : mapping of str to array
        What one engine step consists of, on average. [s]
    fits : array of bool
        The caches of so many requests fit beside the weights.
    """

    concurrency: FloatArray
    tokens_per_s: FloatArray
    ttft_s: FloatArray
    tpot_s: FloatArray
    chip_power_w: FloatArray
    fits: NDArray[np.bool_]
    parts_s: dict[str, FloatArray] = field(default_factory=dict)

    @property
    def tokens_per_s_per_user(self) -> FloatArray:
        """Speed that one user sees. [1/s]"""
        return 1.0 / self.tpot_s


@dataclass(frozen=True, slots=True)
class Targets:
    """What users ask for: longest mean time to the first token and per token after it; infinite where nothing. [s]

    ``requests_per_s`` is the rate that must be served, 0 for as much as the chips give. [1/s]
    """

    ttft_s: float = float("inf")
    tpot_s: float = float("inf")
    requests_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ServingChoice:
    """One layout at one load, with the whole machine counted.

    Attributes
    ----------
    name : str
        Layout in words.
    layout : Layout
        Of a replica; of a divided service of one that decodes.
    chips, replicas : float
        Chips that are used, and replicas on them; of a divided service those that decode.
    concurrency : float
        Requests in work on a replica.
    tokens_per_s, tokens_per_s_per_chip, tokens_per_s_per_user : float
        Output tokens. [1/s]
    ttft_s, tpot_s : float
        Means. [s]
    chip_power_w, it_power_w_per_chip : float
        Mean power of a chip, and with its share of host and network. [W]
    prompt_share : float
        Share of chips that take in prompts, 0 where the same chips do both.
    limit : str
        What a step spends most of its time on, or that memory is full.
    parts_s : mapping of str to float
        The mean step by part; empty for divided services. [s]
    """

    name: str
    layout: Layout
    chips: float
    replicas: float
    concurrency: float
    tokens_per_s: float
    tokens_per_s_per_chip: float
    tokens_per_s_per_user: float
    ttft_s: float
    tpot_s: float
    chip_power_w: float
    it_power_w_per_chip: float
    prompt_share: float
    limit: str
    parts_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def it_j_per_token(self) -> float:
        """Energy of an output token, hosts and network included. [J]"""
        return self.it_power_w_per_chip / self.tokens_per_s_per_chip

    @property
    def tpot_ms(self) -> float:
        """Mean time per token in thousandths of a second. [ms]"""
        return self.tpot_s * _MS_PER_S

    def usd_per_million_tokens(self, usd_per_chip_hour: float) -> float:
        """Chip-hours of a million output tokens at a price. [USD]"""
        return usd_per_chip_hour / S_PER_HOUR / self.tokens_per_s_per_chip * _PER_MILLION


_PER_MILLION: Final = 1e6
"""Tokens of a million."""
_MS_PER_S: Final = 1e3
"""Milliseconds of a second."""
_DEGREES: Final = ("tp", "pp", "dp", "ep", "cp")
_MOST_DEGREE: Final = 100_000
"""No replica is spread over more chips."""


def parse_layout(text: str) -> Layout | None:
    """A layout as it is written: ``tp=8``, ``tp=1,dp=8,ep=8``; None where nothing is written.

    Raises
    ------
    ScenarioError
        If a name or number is not allowed, or the experts' ranks do not divide tp x dp, or cp not tp.
    """
    values: dict[str, int] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, number = (w.strip() for w in part.partition("="))
        if name not in _DEGREES or name in values:
            raise ScenarioError(f"layout {shown(part)}: allowed: {', '.join(_DEGREES)}, each once, as in tp=8,pp=2")
        if not (number.isascii() and number.isdigit() and 1 <= int(number[:7]) <= _MOST_DEGREE):
            raise ScenarioError(f"layout {shown(part)}: allowed: a whole number from 1 to {_MOST_DEGREE}")
        values[name] = int(number[:7])
    if not values:
        return None
    made = Layout(**{"ep": values.get("dp", 1) * values.get("tp", 1) if "dp" in values else 1, **values})
    if made.tp * made.dp % made.ep:
        raise ScenarioError(f"layout {shown(text)}: ep = {made.ep} must divide tp x dp = {made.tp * made.dp}")
    if made.tp % made.cp:
        raise ScenarioError(f"layout {shown(text)}: cp = {made.cp} must divide tp = {made.tp}")
    return made
