"""Weights, caches and how many requests fit beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from megawatt.serving.records import Layout, Service, Traffic
from megawatt.serving.stacks import ServingStack
from megawatt.workload import Attention, Latent, LayerKind, Mixer, ModelArch, parameters, structure

__all__ = [
    "cache_bytes_per_request",
    "cache_bytes_per_token",
    "growing_that_fit",
    "kept_heads",
    "room_bytes",
    "sequences_that_fit",
    "stored_bytes",
    "weight_bytes",
]

_BLOCK_SCALES: Final = 1.0 / 16.0
"""NVFP4 keeps one 8-bit scale for 16 elements. [B]"""
_ELEMENT_BYTES: Final[Mapping[str, float]] = MappingProxyType(
    {
        "fp32": 4.0,
        "tf32": 4.0,
        "bf16": 2.0,
        "fp16": 2.0,
        "fp8": 1.0,
        "fp8_block": 1.0,
        "mxfp8": 1.0 + 1.0 / 32.0,
        "int8": 1.0,
        "int4": 0.5 + _BLOCK_SCALES / 2.0,
        "nvfp4": 0.5 + _BLOCK_SCALES,
        "mxfp4": 0.5 + 1.0 / 32.0,
    }
)
"""Width of a stored weight, scales of its block included. [B]"""
_STATE_BYTES: Final = 4.0
"""States of recurrences are kept in 32 bits. [B]"""
_SPREADS: Final = 2.0
"""Spreads of what requests hold that are left free: answers outgrow the room in a fortieth of the time."""
_UNIFORM: Final = 12.0
"""A uniform quantity's range squared over its variance."""


def stored_bytes(precision: str) -> float:
    """Width of a stored weight, scales of its block included. [B]"""
    return _ELEMENT_BYTES[precision]


def weight_bytes(service: Service, layout: Layout) -> float:
    """Weights on the fullest chip of a replica. [B]

    Linear layers in the precision of the service, token table and output projection in 16 bits. Tensor parallelism cuts
    all of it, stages of a pipeline the layers, attention groups share out the experts alone.
    """
    counts = parameters(service.arch)
    width = stored_bytes(service.precision)
    ranks = layout.tp * layout.dp
    layers = 0.0
    for number, kind in zip(structure(service.arch).counts, counts.kinds, strict=True):
        layers += number * width * (kind.resident / layout.tp + kind.experts / ranks)
    tables = 2.0 * (counts.embedding + counts.output) / layout.tp
    return layers / layout.pp + (tables if layout.pp == 1 else tables / 2.0)


def kept_heads(kv_heads: int, layout: Layout) -> int:
    """Heads of keys and values that a chip keeps, at least one on each of its ranks; ``cp`` ranks have the same."""
    ranks = layout.tp * layout.shards // layout.cp
    return max(-(-kv_heads // ranks), 1) * layout.shards


def _kept_tokens(mixer: Attention | Latent, tokens: float, windowed: bool) -> float:
    """Tokens of a request whose keys and values a layer keeps."""
    if windowed and isinstance(mixer, Attention) and mixer.window:
        return min(tokens, float(mixer.window))
    return tokens


def _mixer_cache_bytes(mixer: Mixer, tokens: float, service: Service, layout: Layout, windowed: bool) -> float:
    """Keys and values, or the state, of one request in one layer on one chip. [B]"""
    if isinstance(mixer, Latent):
        # The latent vector has one head: every rank of a tensor group keeps it.
        return mixer.cached() * tokens * service.cache_bytes * layout.shards / layout.cp
    if isinstance(mixer, Attention):
        share = mixer.cached() / max(mixer.kv_heads, 1) * kept_heads(mixer.kv_heads, layout)
        return share * _kept_tokens(mixer, tokens, windowed) * service.cache_bytes / layout.cp
    return mixer.state() / layout.tp * _STATE_BYTES


def cache_bytes_per_request(service: Service, layout: Layout, stack: ServingStack, tokens: float) -> float:
    """Keys, values and states of one request of so many tokens on one chip of its group. [B]"""
    shape = structure(service.arch)
    total = 0.0
    for number, kind in zip(shape.counts, shape.kinds, strict=True):
        for mixer in kind.mixers:
            total += number * _mixer_cache_bytes(mixer, tokens, service, layout, stack.windowed_cache)
    return total / layout.pp


def cache_bytes_per_token(arch: ModelArch, cache_bytes: float) -> float:
    """Keys and values of one more token of a long request, over all chips and without copies. [B]"""
    shape = structure(arch)

    def per_token(kind: LayerKind) -> float:
        return sum(m.cached() for m in kind.mixers if isinstance(m, Attention | Latent))

    return cache_bytes * sum(n * per_token(kind) for n, kind in zip(shape.counts, shape.kinds, strict=True))


def room_bytes(service: Service, layout: Layout, stack: ServingStack, hbm_bytes: float) -> float:
    """Room for caches on a chip: cache share x (memory - weights - buffers), 0 where the weights do not fit. [B]"""
    return max(stack.cache_frac * (hbm_bytes - weight_bytes(service, layout) - stack.buffer_bytes), 0.0)


def sequences_that_fit(service: Service, layout: Layout, stack: ServingStack, hbm_bytes: float, tokens: float) -> float:
    """Requests of so many tokens whose caches fit on a replica, all attention groups together. Not rounded."""
    each = cache_bytes_per_request(service, layout, stack, tokens)
    return room_bytes(service, layout, stack, hbm_bytes) / each * layout.dp if each > 0.0 else float("inf")


def growing_that_fit(
    service: Service, layout: Layout, stack: ServingStack, hbm_bytes: float, traffic: Traffic
) -> float:
    """Requests that an engine holds whose answers take room as they grow, all attention groups together.

    Of many requests at any place of their answers, n m + 2 sqrt(n) s fills the room: m is the cache of a prompt and
    half an answer, s the spread of a uniform answer (its length over sqrt 12), so that only in a fortieth of the time
    one is put back. Below 1 where a single whole request does not fit.
    """
    room = room_bytes(service, layout, stack, hbm_bytes)
    whole, mean, prompt = (
        cache_bytes_per_request(service, layout, stack, tokens)
        for tokens in (traffic.input_tokens + traffic.output_tokens, traffic.mean_context, traffic.input_tokens)
    )
    if whole <= 0.0:
        return float("inf")
    if whole > room:
        return room / whole * layout.dp
    spread = _SPREADS * (whole - prompt) / math.sqrt(_UNIFORM)
    root = (math.sqrt(spread**2 + 4.0 * mean * room) - spread) / (2.0 * mean)
    return max(root**2, 1.0) * layout.dp
