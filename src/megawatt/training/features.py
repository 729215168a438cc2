"""What a training run switches on in its software: ``name=value; name=value``, in tables of runs and in commands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from megawatt.errors import ScenarioError, shown
from megawatt.files import parse_number

__all__ = [
    "DISPATCHERS",
    "FEATURES",
    "GRAPHS",
    "LOSSES",
    "MODULES",
    "Features",
    "merge_features",
    "read_features",
    "read_switch",
]


DISPATCHERS: Final = ("alltoall", "deepep", "hybridep")
"""How routed tokens travel: one copy per expert (NCCL), or one per rank and node that holds any of their experts."""
GRAPHS: Final = ("attn", "router", "preprocess", "shared", "experts", "full")
"""Parts of a step that CUDA graphs launch; ``full``: all of it."""
MODULES: Final = ("core_attn", "layernorm", "mla_up_proj", "mlp", "moe", "moe_act", "shared_experts", "operators")
"""Modules of a layer whose activations the backward pass computes again; ``operators``: all but every second multiply,
attention and messages (`megawatt.training.saved`)."""
LOSSES: Final = ("plain", "compiled", "chunked", "tiled")
"""How the loss is taken: operator by operator with 32-bit copies of all logits; compiled; their copies chunk by chunk;
projection and loss tile by tile (Liger, Cut Cross-Entropy)."""


@dataclass(frozen=True, slots=True)
class Features:
    """Switches of a run; None where nothing is said.

    Attributes
    ----------
    dispatcher : str
        Of `DISPATCHERS`.
    graphs : tuple of str
        Of `GRAPHS`; empty: none.
    ep_overlap, shared_overlap, tp_overlap : bool
        Exchange of routed tokens beside computation of another micro-batch; shared experts beside it; tensor-parallel
        messages beside multiplies.
    fused_mlp, router_fusion, permute_fusion, fp8_attention, fsdp : bool
        One kernel for an expert layer's products; for the router; for the permutation; attention in 8 bits; sharding of
        weights as the framework does it.
    fused_attention, eager, numa_binding : bool
        Attention in one kernel; every operator by itself, neither fused nor compiled; processes bound to the cores and
        the memory beside their chip.
    loss : str
        Of `LOSSES`.
    dispatch_buffers : str
        Buffers of routed tokens for what arrives (``balanced``) or for all that a group could send (``worst``).
    recompute : tuple of str
        Of `MODULES`; empty: nothing is recomputed.
    balance : str
        ``forced`` or ``real`` routing.
    capacity : float
        Tokens that an expert takes over its even share; the rest is dropped. 0: all are kept.
    moment_bytes, gradient_bytes, bucket_bytes : float
        Width of the optimizer's moments and of stored gradients; buckets of gradients and weights on their way. [B]
    mtp_layers, offload_layers : float
        Multi-token-prediction modules; layers whose activations or weights are kept in the host's memory.
    stage_layout : str
        Layers by stage as Megatron writes them, e.g. ``Et*4|(t*4|)*14tmL``.
    """

    dispatcher: str | None = None
    graphs: tuple[str, ...] | None = None
    ep_overlap: bool | None = None
    shared_overlap: bool | None = None
    tp_overlap: bool | None = None
    fused_mlp: bool | None = None
    router_fusion: bool | None = None
    permute_fusion: bool | None = None
    fp8_attention: bool | None = None
    fsdp: bool | None = None
    fused_attention: bool | None = None
    eager: bool | None = None
    numa_binding: bool | None = None
    loss: str | None = None
    dispatch_buffers: str | None = None
    recompute: tuple[str, ...] | None = None
    balance: str | None = None
    capacity: float | None = None
    moment_bytes: float | None = None
    gradient_bytes: float | None = None
    bucket_bytes: float | None = None
    mtp_layers: float | None = None
    offload_layers: float | None = None
    stage_layout: str | None = None

    def said(self) -> dict[str, Any]:
        """Those that are said, by name."""
        return {name: value for name in FEATURES if (value := getattr(self, name)) is not None}

    def text(self) -> str:
        """Those that are said, as `read_features` reads them."""
        return "; ".join(f"{name}={_written(value)}" for name, value in self.said().items())


def _written(value: str | float | bool | tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(value) or "none"
    return value if isinstance(value, str) else f"{value:g}"


FEATURES: Final = tuple(Features.__dataclass_fields__)
"""Names of all features."""
_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "dispatcher": DISPATCHERS,
        "balance": ("forced", "real"),
        "loss": LOSSES,
        "dispatch_buffers": ("balanced", "worst"),
    }
)
_LISTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({"graphs": GRAPHS, "recompute": MODULES})
_NUMBERS: Final = ("capacity", "moment_bytes", "gradient_bytes", "bucket_bytes", "mtp_layers", "offload_layers")
_SWITCHES: Final[Mapping[str, bool]] = MappingProxyType(
    {"on": True, "1": True, "true": True, "yes": True, "off": False, "0": False, "false": False, "no": False}
)


def _value(name: str, text: str) -> Any:
    """The value of one feature."""
    if name == "stage_layout":
        return text
    text = text.lower()
    if name in _NUMBERS:
        number = parse_number(text)
        if number is None or number < 0.0:
            raise _wrong(name, text, "a number of 0 or more")
        return number
    if name in _WORDS:
        return _checked(name, text, _WORDS[name])
    if name in _LISTS:
        listed = [] if text in ("none", "") else [part.strip() for part in text.split(",")]
        return tuple(_checked(name, part, (*_LISTS[name], "none")) for part in listed)
    return read_switch(name, text)


def read_switch(name: str, text: str) -> bool:
    """Whether a switch is on: on, true, yes, 1 or off, false, no, 0.

    Raises
    ------
    ScenarioError
        If the text is none of these.
    """
    word = text.lower().removesuffix(".0")  # as data frames write whole numbers of a column with gaps
    if word not in _SWITCHES:
        raise _wrong(name, text, "on, off")
    return _SWITCHES[word]


def _checked(name: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise _wrong(name, text, ", ".join(allowed))
    return text


def _wrong(name: str, text: str, allowed: str) -> ScenarioError:
    return ScenarioError(f"stack feature {name} = {shown(text)}; allowed: {allowed}")


def read_features(text: str) -> Features:
    """Features of a run, written ``dispatcher=hybridep; graphs=attn,router,preprocess; ep_overlap=on``.

    Parameters
    ----------
    text : str
        Pairs ``name=value`` apart by semicolons; names are those of `Features`, switches are on or off, lists are apart
        by commas (``none``: empty). Capitals do not matter.

    Raises
    ------
    ScenarioError
        If a name is unknown or stands twice, or a value is not allowed.
    """
    found: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in text.split(";"))):
        name, equals, value = (p.strip() for p in re.split("(=)", part, maxsplit=1)) if "=" in part else (part, "", "")
        name = name.lower()
        if name not in FEATURES or not equals:
            raise ScenarioError(f"stack feature {shown(part)}; allowed: name=value with {', '.join(FEATURES)}")
        if name in found:
            raise ScenarioError(f"stack feature {name} stands twice")
        found[name] = _value(name, value)
    return Features(**found)


def merge_features(first: Features, *others: Features) -> Features:
    """What the first says, and where it says nothing, the next."""
    merged: dict[str, Any] = {}
    for features in (first, *others):
        merged = features.said() | merged
    return Features(**merged)
