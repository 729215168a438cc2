"""Training stacks: a software with its releases, what it fuses and overlaps, and what a run switched.

A stack does what ``training-practice`` says of any, what the stack that it is ``like`` does, then what it says itself.
It is written ``megatron-core@26.02; ep_overlap=on``: a catalogue key (``stack-`` may be left out), a release,
features (`megawatt.training.features`). Entry ``stack-megatron-core@26.02`` says what that release does otherwise than
the one before it, ``stack-megatron-core-h100-sxm`` what was measured on one chip, ``...@26.02-h100-sxm`` both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from megawatt.catalogue.memo import resolved
from megawatt.catalogue.records import Accelerator, Assumption
from megawatt.catalogue.releases import check_runs_on, find_software, is_month, releases_until
from megawatt.errors import CatalogueError, ScenarioError, shown
from megawatt.hardware import PRACTICE_KEY, core_layout
from megawatt.training.features import DISPATCHERS, GRAPHS, MODULES, Features, merge_features, read_features
from megawatt.training.schedules import SCHEDULES

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Stack", "default_stack", "read_stack", "switched_text", "with_features"]


_ROOM: Final = "training"
_PREFIX: Final = "stack-"
_LIKE: Final = "like"
"""Fact of a stack that names the one it follows in everything it does not say itself."""
_DEFAULT_STACK: Final[Mapping[str, str]] = MappingProxyType(
    {"gpu": "stack-megatron-core", "tpu": "stack-maxtext", "trn": "stack-neuron"}
)
_OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType({"megatron-bridge": "megatron-core", "nemo": "megatron-core"})
"""Frontends of a stack."""


_ROUTER_OPERATORS: Final = {False: 18.0, True: 8.0}
"""Operators (four kernels each) of a router: 72 kernels, 31 fused [training-moe-guide]."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One training stack.

    Attributes
    ----------
    key : str
        What it is: catalogue key, ``@`` its release, and what was switched, as `read_stack` reads it.
    attention_fused, dropout, eager : bool
        Attention in one kernel; dropout on scores and residuals; every operator by itself, neither fused nor compiled.
    tp_overlap_frac, cp_overlap_frac, ep_overlap_frac, pp_overlap_frac, dp_overlap_frac : float
        Most of each kind of communication that hides behind computation, 0 to 1.
    tp_async_backward : bool
        Gradients of inputs travel between tensor-parallel chips while weight gradients are computed.
    gradient_fused : bool
        The multiply itself adds weight gradients to the stored ones, without writing and reading them in between.
    pp_scattered : bool
        Without sequence parallelism, each chip of a tensor group sends its share of the activations to the next stage,
        where they are gathered over the fast links.
    ep_overlap : bool
        Routed tokens travel while another micro-batch computes: ``ep_overlap_frac`` of it is hidden at most.
    dispatcher : str
        How routed tokens travel: alltoall, deepep, hybridep (`megawatt.training.dispatch.dispatch_s`).
    dispatch_inside_frac, dispatch_across_frac : float
        Shares of the links inside a domain and across that deepep and hybridep reach.
    dispatch_wide_frac : float
        The same of deepep inside a domain, among more than 16 ranks.
    graphs : tuple of str
        Parts of a layer that CUDA graphs launch: attn, router, experts, full.
    expert_bias_bytes : float
        Memory traffic per element of a routed expert's product for adding its bias, one way; 0 where the multiply adds
        it. [B]
    router_operators, expert_operators : float
        Operators that choose the experts and prepare the exchange; that exchange, permute and compute.
    expert_launches : float
        Operators for every expert of a rank besides; 0 where one kernel computes them all.
    tensor_cast_bytes : float
        Memory traffic of an element of 8-bit numbers that share a scale by tensor: read in 16 bits, written, and
        transposed where the multiply takes one order of its operands alone. [B]
    grouped_share : float
        Rate of the grouped multiplies of experts that take every token over plain ones.
    dropless : bool
        Experts take every token that is routed to them, so that the host waits for their numbers.
    host_exposed_frac : float
        Share of the shorter of host and chip time that adds to the longer in such layers.
    schedule : str
        Pipeline schedule of layouts that name none (`megawatt.training.schedules`).
    gemm_frac : float
        Rate of matrix multiplies, those of routed experts too, relative to the measured kernels of the chip.
    attention_frac : float
        Rate of fused attention relative to the usual kernels of its generation.
    attention_kernel : str
        Generation of its fused attention: fa2, fa3, cudnn, xla, neuron (`megawatt.hardware.flash_kernel`).
    expert_imbalance : float
        Load of the busiest expert-parallel rank over the mean, >= 1.
    host_operator_s : float
        Host time of one operator (a few kernels); 0 where a step is compiled or captured. [s]
    vector_traffic_factor : float
        Memory traffic of unfused element-wise operators relative to fused ones, >= 1.
    gradient_bytes : float
        Width of stored gradients. [B]
    gradient_exchange_bytes : float
        Width of exchanged gradients. [B]
    logit_bytes : float
        What the loss holds of each logit at its peak: the logit, its 32-bit copy, its gradient, as far as they are not
        fused or taken in chunks. [B]
    gathered_layers : float
        Layers whose sharded weights are whole at a time (ZeRO 3), gradients likewise.
    bucket_bytes : float
        Buckets in which gradients and weights travel; of sharded weights (ZeRO 3) what may be whole at a time. [B]
    narrow_shards : bool
        Sharded weights are kept beside their 32-bit masters.
    outputs_kept : bool
        A pipeline stage keeps its output until the backward pass, beside the inputs of its layers.
    narrow_norms : bool
        Norms are taken in 16 bits where operators run one by one: no 32-bit copy of their inputs is kept.
    narrow_inner : bool
        Inputs of the activation function wait for the backward pass in the narrow type of the linear layers.
    attention_kept_bytes : float
        Width of attention's output where one copy waits for attention and the projection after it; 0: two copies where
        the projection's is narrower. [B]
    recomputed : tuple of str
        Modules that selective recompute repeats where a layout names none; empty: the usual ones.
    routed_copies : float
        Copies of routed tokens kept beside what experts take in, where weighting them is an operator of its own.
    worst_buffers : bool
        Routed tokens arrive in buffers that could take all that the expert-parallel group sends.
    optimizer : str
        Kind of optimizer (`megawatt.training.optimizers.OPTIMIZERS`).
    shard_link_frac : float
        Share of the scale-out rate that gathers of sharded weights (ZeRO 3) keep.
    """

    key: str
    attention_fused: bool = False
    gemm_frac: float = 1.0
    gradient_bytes: float = 4.0
    gradient_exchange_bytes: float = 4.0
    dropout: bool = False
    eager: bool = False
    tp_overlap_frac: float = 0.0
    cp_overlap_frac: float = 0.0
    ep_overlap_frac: float = 0.0
    pp_overlap_frac: float = 0.0
    dp_overlap_frac: float = 0.0
    attention_frac: float = 1.0
    host_operator_s: float = 0.0
    vector_traffic_factor: float = 1.0
    shard_link_frac: float = 1.0
    expert_imbalance: float = 1.0
    tp_async_backward: bool = False
    gradient_fused: bool = False
    pp_scattered: bool = False
    ep_overlap: bool = False
    dispatcher: str = "alltoall"
    dispatch_inside_frac: float = 1.0
    dispatch_across_frac: float = 1.0
    dispatch_wide_frac: float = 1.0
    router_operators: float = _ROUTER_OPERATORS[False]
    expert_operators: float = 10.0
    expert_launches: float = 0.0
    expert_bias_bytes: float = 0.0
    graphs: tuple[str, ...] = ()
    tensor_cast_bytes: float = 4.0
    grouped_share: float = 1.0
    dropless: bool = True
    host_exposed_frac: float = 0.0
    logit_bytes: float = 4.0
    gathered_layers: float = 2.0
    bucket_bytes: float = 0.0
    narrow_shards: bool = False
    outputs_kept: bool = False
    narrow_norms: bool = False
    narrow_inner: bool = False
    attention_kept_bytes: float = 0.0
    recomputed: tuple[str, ...] = ()
    routed_copies: float = 0.0
    worst_buffers: bool = False
    optimizer: str = "adam"
    schedule: str = "1f1b"
    attention_kernel: str = "cudnn"


_LARGEST_FRAC: Final = 1.5
"""A stack may beat the usual kernels a little (``gemm_frac``), never by half."""
_FLAGS: Final = tuple(n for n, f in Stack.__dataclass_fields__.items() if f.type == "bool")
_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"schedule": SCHEDULES, "attention_kernel": (), "dispatcher": DISPATCHERS, "optimizer": ()}
)
_LISTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({"graphs": GRAPHS, "recomputed": MODULES})
_NAMES: Final = tuple(name for name in Stack.__dataclass_fields__ if name != "key")


def default_stack(accelerator: Accelerator) -> str:
    """Key of the stack that is usual on a chip."""
    return _DEFAULT_STACK[accelerator.family]


@resolved
def read_stack(
    catalogue: Catalogue, text: str | None, accelerator: Accelerator
) -> tuple[Stack, tuple[Assumption, ...]]:
    """A stack as it is written, and the facts behind it.

    Parameters
    ----------
    catalogue : Catalogue
        Entries ``stack-...``.
    text : str or None
        ``NAME[@RELEASE][; feature=value ...]``; the usual stack of the chip where NAME is empty. RELEASE is one of its
        releases, or a month (YYYY-MM): the newest until then; the newest of all where it is not given.
    accelerator : Accelerator
        The chip: a stack does otherwise on some.

    Raises
    ------
    ScenarioError
        If there is no such release, or a feature is not allowed.
    CatalogueError
        If there is no such stack, or it lacks a fact.
    """
    head, _, features = (text or "").partition(";")
    _check_separator(head)
    name, at, release = (part.strip() for part in head.strip().partition("@"))
    key, switches = default_stack(accelerator), {}
    if name:
        key = find_software(catalogue, _PREFIX, _OTHER_NAMES.get(name.removeprefix(_PREFIX).lower(), name))
    check_runs_on(
        catalogue,
        _ancestors(catalogue, key)[1:],
        accelerator,
        f"stack {shown(head.strip())}",
        default_stack(accelerator),
    )
    month = release if is_month(release) else ""
    until = releases_until(catalogue, key, release if at else None, f"stack {shown(head.strip())}")
    last = until[-1] if until else ""
    used = _facts(catalogue, [*_ancestors(catalogue, key), *(f"{key}@{r}" for r in until)], accelerator)
    switched = read_features(features)
    if accelerator.family != "gpu" and switched.dispatcher in DISPATCHERS[1:]:
        found = f"stack feature dispatcher = {shown(switched.dispatcher)} on {accelerator.key}"
        raise ScenarioError(f"{found}: a library of GPUs; allowed: {DISPATCHERS[0]}")
    written = "; ".join(filter(None, (f"{key}@{last or month}" if last or month else key, switched.text())))

    def usual(name: str) -> float:
        switches[name] = catalogue.assume(PRACTICE_KEY, name, _ROOM)
        return switches[name].fact.number()

    return with_features(_made(key, used, written), switched, usual), (*used.values(), *switches.values())


def _check_separator(head: str) -> None:
    """Features after another sign than a semicolon."""
    written = re.match(r"\s*([\w.@-]+)\s*([:,|+]|\s)\s*(\w+\s*=.*)", head, re.DOTALL)
    if written is not None:
        stack, sign, features = written.groups()
        found = f"stack {shown(head.strip())}: features after {shown(sign)}"
        raise ScenarioError(f"{found}; allowed: after a semicolon, such as '{stack}; {shown(features)[1:-1]}'")


def _ancestors(catalogue: Catalogue, key: str) -> list[str]:
    """A stack after what it is like, the practice of any stack first."""
    like = catalogue.get(key).facts.get(_LIKE)
    return [*(_ancestors(catalogue, str(like.value)) if like else [PRACTICE_KEY]), key]


def _generation(catalogue: Catalogue, accelerator: Accelerator) -> str:
    """Architecture of a chip or of the one that it is like; empty where nobody has catalogued its cores."""
    for chip in accelerator.practised:
        try:
            return core_layout(catalogue, chip).architecture
        except CatalogueError:
            continue
    return ""


def _facts(catalogue: Catalogue, keys: list[str], accelerator: Accelerator) -> dict[str, Assumption]:
    """Facts of a stack: every entry over those before it, on chips of this generation and on this chip over all."""
    used: dict[str, Assumption] = {}
    chips = [_generation(catalogue, accelerator), *accelerator.practised[::-1]]
    for entry in (entry for key in keys for entry in (key, *(f"{key}-{chip}" for chip in chips))):
        if entry in catalogue.entries:
            said = catalogue.get(entry).facts
            # What no entry says, the stack does not do.
            used |= {n: catalogue.assume(entry, n, _ROOM) for n in _NAMES if n in said}
    return used


def _made(key: str, used: Mapping[str, Assumption], written: str) -> Stack:
    """The stack of some facts, checked."""
    values: dict[str, Any] = {}
    for name, assumption in used.items():
        fact = assumption.fact
        if name in _LISTS or name in _WORDS:
            words = str(fact.value).split()
            allowed = _LISTS.get(name) or _WORDS[name]
            if allowed and not set(words) <= {*allowed, "none"}:
                raise ScenarioError(f"{key}.{name} = {fact.value!r}; allowed: {', '.join(allowed)}")
            values[name] = tuple(w for w in words if w != "none") if name in _LISTS else words[0]
            continue
        number = fact.number()
        if name.endswith("_frac") and not 0.0 <= number <= _LARGEST_FRAC:
            raise ScenarioError(f"{key}: {name} = {number:g}; allowed: 0 to {_LARGEST_FRAC:g}")
        values[name] = number > 0.5 if name in _FLAGS else number
    return Stack(key=written, **values)


def switched_text(stack: str, more: Features) -> str:
    """A stack as it is written, with more features; what ``more`` says counts first."""
    head, _, features = stack.partition(";")
    switched = merge_features(more, read_features(features)).text()
    return f"{head.strip()}; {switched}" if switched else head.strip()


def with_features(stack: Stack, features: Features, usual: Callable[[str], float]) -> Stack:
    """A stack as a run switched it.

    Parameters
    ----------
    stack : Stack
        What it does where the run says nothing.
    features : Features
        What the run says; features of layouts and model (recompute, moments, stages) change nothing here.
    usual : function of str
        Facts of ``training-practice``: what real routing, a kind of loss or operators one by one come to.
    """
    said = features.said()
    same = ("dispatcher", "ep_overlap", "graphs", "eager", "bucket_bytes")
    changed: dict[str, Any] = {name: said[name] for name in same if name in said}
    if "fused_attention" in said:
        changed["attention_fused"] = said["fused_attention"]
    if "loss" in said:
        changed["logit_bytes"] = usual(f"loss_{said['loss']}_bytes")
    if "dispatch_buffers" in said:
        changed["worst_buffers"] = said["dispatch_buffers"] == "worst"
    if said.get("eager", stack.eager):
        changed["vector_traffic_factor"] = max(stack.vector_traffic_factor, usual("eager_traffic_factor"))
    if said.get("numa_binding") is False:
        changed["host_operator_s"] = usual("unbound_factor") * stack.host_operator_s
    if said.get("fused_mlp"):
        changed["expert_launches"] = 0.0
    if said.get("router_fusion") is not None:
        changed["router_operators"] = _ROUTER_OPERATORS[said["router_fusion"]]
    if said.get("capacity"):
        # Every expert computes that much, tokens or padding.
        changed |= {"expert_imbalance": said["capacity"], "dropless": False}
    elif "balance" in said:
        changed["expert_imbalance"] = usual("real_imbalance") if said["balance"] == "real" else 1.0
    return replace(stack, **changed)
