"""How a training stack uses a machine: what it fuses, what it overlaps, what it keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from megawatt.catalogue.records import Accelerator, Assumption, System
from megawatt.errors import ScenarioError
from megawatt.hardware import (
    PRACTICE_KEY,
    Fabric,
    GemmKernel,
    KernelProfile,
    PowerModel,
    kernel_profile,
    links_kernel,
    maker,
    outer_links,
    own_field,
    power_model,
)
from megawatt.training.multiplies import multiplies

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["OFFLOADS", "SCHEDULES", "Host", "Practice", "Stack", "default_stack", "practice_for"]

_ROOM: Final = "training"
_DEFAULT_STACK: Final[Mapping[str, str]] = MappingProxyType(
    {"gpu": "stack-megatron-core", "tpu": "stack-maxtext", "trn": "stack-neuron"}
)


@dataclass(frozen=True, slots=True)
class Stack:
    """One training stack.

    Attributes
    ----------
    key : str
        Catalogue key.
    attention_fused, dropout : bool
        Attention in one kernel; dropout on scores and residuals.
    tp_overlap_frac, cp_overlap_frac, ep_overlap_frac, pp_overlap_frac, dp_overlap_frac : float
        Most of each kind of communication that hides behind computation, 0 to 1.
    tp_async_backward : bool
        Gradients of inputs travel between tensor-parallel chips while weight gradients are computed.
    gradient_fused : bool
        The multiply itself adds weight gradients to the stored ones, without writing and reading them in between.
    pp_scattered : bool
        Without sequence parallelism, each chip of a tensor group sends its share of the activations to the next stage,
        where they are gathered over the fast links.
    dispatch_once_per_node : bool
        A routed token crosses to each node once, whatever number of its experts is there.
    schedule : str
        Pipeline schedule: 1f1b (interleaved with virtual stages), zero-bubble or dualpipe.
    across_overlap_frac : float
        The same of gradients exchanged between whole copies of sharded weights (slices, hybrid sharding).
    gemm_frac : float
        Matrix rate relative to the chip's sustained rate (kernel libraries and their tuning).
    attention_frac : float
        Rate of fused attention relative to the usual kernels of its generation.
    attention_ampere : bool
        Attention kernels were written for Ampere and use nothing that is new in later chips.
    host_operator_s : float
        Host time of one operator (a few kernels); 0 where a step is compiled or captured. [s]
    vector_traffic_factor : float
        Memory traffic of unfused element-wise operators relative to fused ones, >= 1.
    gradient_bytes : float
        Width of stored gradients. [B]
    gradient_exchange_bytes : float
        Width of exchanged gradients. [B]
    shard_link_frac : float
        Share of the scale-out rate that gathers of sharded weights (ZeRO 3) keep.
    """

    key: str
    attention_fused: bool
    dropout: bool
    tp_overlap_frac: float
    cp_overlap_frac: float
    ep_overlap_frac: float
    pp_overlap_frac: float
    dp_overlap_frac: float
    across_overlap_frac: float
    gemm_frac: float
    attention_frac: float
    host_operator_s: float
    vector_traffic_factor: float
    gradient_bytes: float
    gradient_exchange_bytes: float
    shard_link_frac: float
    tp_async_backward: bool = False
    gradient_fused: bool = False
    pp_scattered: bool = False
    dispatch_once_per_node: bool = False
    attention_ampere: bool = False
    schedule: str = "1f1b"


_LARGEST_FRAC: Final = 1.5
"""A stack may beat the usual kernels a little (``gemm_frac``), never by half."""
_WHOLE_STEP: Final = ("memory_reserve_frac", "straggler_frac", "expert_imbalance")
_FLAGS: Final = (
    "attention_fused",
    "dropout",
    "tp_async_backward",
    "gradient_fused",
    "pp_scattered",
    "dispatch_once_per_node",
    "attention_ampere",
)
_OWN_GEMM: Final = "gemm_{}_frac"
_OLDER: Final = "attention_ampere_{}_frac"
_LINKS: Final = ("link_achieved_frac", "all_to_all_achieved_frac", "collective_startup_s")
_HOPS: Final = ("ring_hop_inside_s", "ring_hop_across_s")
OFFLOADS: Final = ("activations", "optimizer")
"""What can be kept in the host's memory: activations between forward and backward pass, optimizer states."""
_HOST: Final = ("host_link_{}_bytes_per_s", "host_memory_{}_bytes_per_s")
SCHEDULES: Final = ("1f1b", "zero-bubble", "dualpipe")


@dataclass(frozen=True, slots=True)
class Host:
    """What a chip keeps in its host's memory.

    ``offloaded`` names it, of `OFFLOADS`; ``link_bytes_per_s`` is the chip's link to the host, one direction, and
    ``memory_bytes_per_s`` its share of the host's memory rate. [B/s]
    """

    offloaded: frozenset[str]
    link_bytes_per_s: float
    memory_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Practice:
    """Everything between the data sheet and the step time, resolved for one system and stack.

    ``memory_reserve_frac`` of the memory is kept for the driver, communication buffers and fragmentation.
    ``straggler_frac`` of a step is lost waiting for the slowest replica per doubling of their number; the busiest
    expert-parallel rank has ``expert_imbalance`` times the mean load. ``multiplies`` holds the measured matrix kernels
    by precision; where it lacks one, ``kernels`` has a coarser rate. Kernels of
    the stack's generation reach ``attention_generation_frac`` of the chip's attention share.
    """

    kernels: KernelProfile
    fabric: Fabric
    power: PowerModel
    stack: Stack
    memory_reserve_frac: float
    straggler_frac: float
    expert_imbalance: float
    attention_generation_frac: float = 1.0
    host: Host | None = None
    assumptions: tuple[Assumption, ...] = ()
    multiplies: Mapping[str, GemmKernel] = field(default_factory=dict)


def default_stack(accelerator: Accelerator) -> str:
    """Key of the stack that is usual on a chip."""
    return _DEFAULT_STACK[maker(accelerator.key)]


def _stack(catalogue: Catalogue, key: str, accelerator: Accelerator) -> tuple[Stack, tuple[Assumption, ...]]:
    names = [name for name in Stack.__dataclass_fields__ if name != "key"]
    used = {name: catalogue.assume(key, name, _ROOM) for name in names}
    # Kernel libraries are tuned chip by chip: where a stack was measured on this one, its own share counts.
    own = _OWN_GEMM.format(accelerator.key)
    if own in catalogue.get(key).facts:
        used["gemm_frac"] = catalogue.assume(key, own, _ROOM)
    schedule = str(used["schedule"].fact.value)
    if schedule not in SCHEDULES:
        raise ScenarioError(f"{key}.schedule = {schedule!r}; allowed: {', '.join(SCHEDULES)}")
    names.remove("schedule")
    numbers = {name: used[name].fact.number() for name in names}
    wrong = [n for n in names if n.endswith("_frac") and not 0.0 <= numbers[n] <= _LARGEST_FRAC]
    if wrong:
        found = ", ".join(f"{n} = {numbers[n]:g}" for n in wrong)
        raise ScenarioError(f"{key}: {found}; allowed: 0 to {_LARGEST_FRAC:g}")
    values: dict[str, Any] = {n: v > 0.5 if n in _FLAGS else v for n, v in numbers.items()}
    return Stack(key=key, schedule=schedule, **values), tuple(used.values())


def _fabric(catalogue: Catalogue, system: System) -> tuple[Fabric, tuple[Assumption, ...]]:
    """The network as software uses it. On GPUs: measured collectives inside a domain, one ring over all members beyond
    (NCCL and RCCL)."""
    used = tuple(catalogue.assume(PRACTICE_KEY, name, _ROOM) for name in _LINKS)
    ring, exchange, startup = (a.fact.number() for a in used)
    fabric = Fabric(system.links, ring, exchange, startup)
    if maker(system.accelerator.key) != "gpu":
        return fabric, used
    hops = tuple(catalogue.assume(PRACTICE_KEY, name, _ROOM) for name in _HOPS)
    inside, across = (a.fact.number() for a in hops)
    measured, found = links_kernel(catalogue, system.accelerator.key)
    inner = dataclasses.replace(measured, link_bytes_per_s=system.links[0].link_bytes_per_s)
    _, between = outer_links(catalogue, system.accelerator.key)
    outer = dataclasses.replace(between, link_bytes_per_s=system.links[-1].link_bytes_per_s)
    fabric = dataclasses.replace(fabric, hop_inside_s=inside, hop_across_s=across, inner=inner, outer=outer)
    return fabric, (*used, *hops, *found.assumptions)


def _attention_generation(catalogue: Catalogue, system: System, stack: Stack) -> tuple[Assumption, ...]:
    """What kernels of an older generation keep of the chip's attention share; nothing where they are of its own."""
    if not stack.attention_ampere:
        return ()
    return (catalogue.assume(PRACTICE_KEY, own_field(catalogue, system.accelerator, _OLDER), _ROOM),)


def _host(catalogue: Catalogue, system: System, offload: Collection[str]) -> tuple[Host | None, tuple[Assumption, ...]]:
    """The host side of what is offloaded; None where nothing is."""
    unknown = sorted(set(offload) - set(OFFLOADS))
    if unknown:
        raise ScenarioError(f"offload = {', '.join(unknown)}; allowed: {', '.join(OFFLOADS)}")
    if not offload:
        return None, ()
    chip = system.accelerator
    used = tuple(catalogue.assume(PRACTICE_KEY, own_field(catalogue, chip, name), _ROOM) for name in _HOST)
    return Host(frozenset(offload), *(a.fact.number() for a in used)), used


def practice_for(
    catalogue: Catalogue, system: System, stack: str | None = None, *, offload: Collection[str] = ()
) -> Practice:
    """Resolve chip, network, power and stack facts for one system.

    Parameters
    ----------
    catalogue : Catalogue
        Holds the entries ``training-practice`` and ``stack-...``.
    system : System
        The machine.
    stack : str, optional
        Key of a stack; the usual one of the chip if not given.
    offload : collection of str
        Any of `OFFLOADS`: kept in the host's memory.

    Raises
    ------
    CatalogueError
        If a fact is missing.
    ScenarioError
        If something is to be offloaded that cannot be.
    """
    kernels = kernel_profile(catalogue, system.accelerator)
    power = power_model(catalogue, system.accelerator)
    fabric, link_facts = _fabric(catalogue, system)
    used = tuple(catalogue.assume(PRACTICE_KEY, name, _ROOM) for name in _WHOLE_STEP)
    reserve, straggler, imbalance = (a.fact.number() for a in used)
    measured, gemm_facts = multiplies(catalogue, system.accelerator, kernels)
    profile, stack_facts = _stack(catalogue, stack or default_stack(system.accelerator), system.accelerator)
    older = _attention_generation(catalogue, system, profile)
    host, host_facts = _host(catalogue, system, offload)
    room_facts = (*kernels.assumptions, *power.assumptions, *link_facts, *used, *older, *host_facts)
    return Practice(
        kernels=kernels,
        fabric=fabric,
        power=power,
        stack=profile,
        memory_reserve_frac=reserve,
        straggler_frac=straggler,
        expert_imbalance=imbalance,
        attention_generation_frac=older[0].fact.number() if older else 1.0,
        host=host,
        assumptions=(*system.assumptions, *room_facts, *stack_facts, *gemm_facts),
        multiplies=measured,
    )
