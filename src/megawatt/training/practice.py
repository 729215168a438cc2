"""How a training stack uses a machine: what it fuses, what it overlaps, what it keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from megawatt.catalogue.records import Accelerator, Assumption, System
from megawatt.errors import CatalogueError, ScenarioError, shown
from megawatt.hardware import (
    PRACTICE_KEY,
    AttentionKernel,
    ExpertKernel,
    Fabric,
    Fitted,
    GemmKernel,
    KernelProfile,
    PowerModel,
    experts_kernel,
    fabric_for,
    flash_kernel,
    kernel_profile,
    own_practice,
    peak_precision,
    power_model,
)
from megawatt.training.multiplies import TRAINED, multiplies
from megawatt.training.records import Job
from megawatt.training.schedules import SCHEDULES
from megawatt.workload import Attention, Latent, Linear, Mamba, ModelArch, structure

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["OFFLOADS", "OPTIMIZERS", "Host", "Practice", "Stack", "default_stack", "practice_for"]

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
        Pipeline schedule of layouts that name none (`megawatt.training.schedules`).
    across_overlap_frac : float
        The same of gradients exchanged between whole copies of sharded weights (slices, hybrid sharding).
    gemm_frac : float
        Matrix rate relative to the chip's sustained rate (kernel libraries and their tuning).
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
    optimizer : str
        Kind of optimizer (`OPTIMIZERS`).
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
    expert_imbalance: float = 1.0
    tp_async_backward: bool = False
    gradient_fused: bool = False
    pp_scattered: bool = False
    dispatch_once_per_node: bool = False
    logit_bytes: float = 4.0
    gathered_layers: float = 2.0
    schedule: str = "1f1b"
    attention_kernel: str = "cudnn"
    optimizer: str = "adam"


_LARGEST_FRAC: Final = 1.5
"""A stack may beat the usual kernels a little (``gemm_frac``), never by half."""
_WHOLE_STEP: Final = ("straggler_frac",)
_RESERVE: Final = ("context_bytes", "fragmentation_frac")
OPTIMIZERS: Final = ("adam", "adam-main-grads", "adam-bf16", "adam-8bit", "muon", "sgd")
"""Kinds of optimizer, each beside a 32-bit master: Adam with 32-bit moments (and 32-bit gradients of its own), with
moments in 16 or 8 bits, Muon, SGD with momentum."""
_FLAGS: Final = (
    "attention_fused",
    "dropout",
    "tp_async_backward",
    "gradient_fused",
    "pp_scattered",
    "dispatch_once_per_node",
)
_WORDS: Final = ("schedule", "attention_kernel", "optimizer")
OFFLOADS: Final = ("activations", "optimizer")
"""What can be kept in the host's memory: activations between forward and backward pass, optimizer states."""
_HOST: Final = ("host_link_bytes_per_s", "host_memory_bytes_per_s")


@dataclass(frozen=True, slots=True)
class Host:
    """What a chip keeps in its host's memory.

    ``offloaded`` names it, of `OFFLOADS`; of activations, those of ``layers`` layers (0: all). ``link_bytes_per_s`` is
    the chip's link to the host, one direction, ``memory_bytes_per_s`` its share of the host's memory rate. [B/s]
    """

    offloaded: frozenset[str]
    link_bytes_per_s: float
    memory_bytes_per_s: float
    layers: float = 0.0


@dataclass(frozen=True, slots=True)
class Practice:
    """Everything between the data sheet and the step time, resolved for one system and stack.

    ``context_bytes`` of the memory are the driver's and the communication library's, ``fragmentation_frac`` is lost by
    the allocator per byte in use; ``state_bytes`` are the optimizer's per parameter, the 32-bit master included. [B]
    ``straggler_frac`` of a step is lost waiting for the slowest replica per doubling of their number. ``multiplies``
    holds the measured matrix kernels by precision, ``attention`` and ``experts`` the other measured kernels; where one
    is lacking, ``kernels`` has a coarser rate; ``evidence`` says whose measurements they are (`rests_on`).
    """

    kernels: KernelProfile
    fabric: Fabric
    power: PowerModel
    stack: Stack
    context_bytes: float
    fragmentation_frac: float
    state_bytes: float
    straggler_frac: float
    host: Host | None = None
    assumptions: tuple[Assumption, ...] = ()
    multiplies: Mapping[str, GemmKernel] = field(default_factory=dict)
    attention: AttentionKernel | None = None
    experts: Mapping[str, ExpertKernel] = field(default_factory=dict)

    evidence: Mapping[str, str] = field(default_factory=dict)

    def rests_on(self, precision: str, arch: ModelArch) -> dict[str, str]:
        """What the times of a step's operators rest on: measured on this chip, on a relative, a data sheet, or a
        roofline where neither the chip nor a relative has kernel numbers."""
        names = {"matrix multiplies": f"multiplies {precision}", "collectives": "collectives"}
        kinds = structure(arch).kinds
        mixers = [m for kind in kinds for m in kind.mixers]
        if self.stack.attention_fused and any(isinstance(m, Attention | Latent) for m in mixers):
            names["attention"] = "attention"
        if any(isinstance(m, Latent) and m.index_heads for m in mixers):
            names["sparse attention"] = ""
        for name, mixer in (("linear attention", Linear), ("state-space layers", Mamba)):
            if any(isinstance(m, mixer) for m in mixers):
                names[name] = ""
        if any(kind.mixture for kind in kinds):
            names["routed experts"] = f"experts {precision}"
        return {name: self.evidence.get(key, "roofline over its data sheet") for name, key in names.items()}


def default_stack(accelerator: Accelerator) -> str:
    """Key of the stack that is usual on a chip."""
    return _DEFAULT_STACK[accelerator.family]


def _stack(catalogue: Catalogue, key: str, accelerator: Accelerator) -> tuple[Stack, tuple[Assumption, ...]]:
    key = catalogue.get(key if catalogue.knows(key) else f"stack-{key}", "practice").key
    names = [name for name in Stack.__dataclass_fields__ if name != "key"]
    used = {name: catalogue.assume(key, name, _ROOM) for name in names}
    # Kernel libraries are tuned chip by chip: where a stack was measured on this one, its own numbers count.
    owns = (catalogue.entries.get(f"{key}-{chip}") for chip in accelerator.practised)
    own = next((entry for entry in owns if entry is not None), None)
    if own is not None:
        used |= {name: catalogue.assume(own.key, name, _ROOM) for name in names if name in own.facts}
    schedule = str(used["schedule"].fact.value)
    if schedule not in SCHEDULES:
        raise ScenarioError(f"{key}.schedule = {schedule!r}; allowed: {', '.join(SCHEDULES)}")
    words: dict[str, Any] = {name: str(used[name].fact.value) for name in _WORDS}
    names = [name for name in names if name not in _WORDS]
    numbers = {name: used[name].fact.number() for name in names}
    wrong = [n for n in names if n.endswith("_frac") and not 0.0 <= numbers[n] <= _LARGEST_FRAC]
    if wrong:
        found = ", ".join(f"{n} = {numbers[n]:g}" for n in wrong)
        raise ScenarioError(f"{key}: {found}; allowed: 0 to {_LARGEST_FRAC:g}")
    values: dict[str, Any] = {n: v > 0.5 if n in _FLAGS else v for n, v in numbers.items()}
    return Stack(key=key, **words, **values), tuple(used.values())


def _attention(
    catalogue: Catalogue, accelerator: Accelerator, stack: Stack
) -> tuple[AttentionKernel | None, dict[str, Fitted]]:
    """Attention of the stack's generation; None on a chip that neither was measured nor has a measured relative."""
    try:
        kernel, found = flash_kernel(catalogue, accelerator, stack.attention_kernel)
    except CatalogueError:
        return None, {}
    return kernel, {"attention": found}


def _experts(
    catalogue: Catalogue, accelerator: Accelerator, precisions: Iterable[str]
) -> tuple[Mapping[str, ExpertKernel], dict[str, Fitted]]:
    """Expert layers by precision, routing included, as the fastest measured library runs them."""
    kernels: dict[str, ExpertKernel] = {}
    used: dict[str, Fitted] = {}
    for precision in precisions:
        try:
            kernels[precision], used[f"experts {precision}"] = experts_kernel(catalogue, accelerator, precision)
        except CatalogueError:
            continue
    return MappingProxyType(kernels), used


def _host(catalogue: Catalogue, system: System, offload: Collection[str]) -> tuple[Host | None, tuple[Assumption, ...]]:
    """The host side of what is offloaded; None where nothing is."""
    unknown = sorted(set(offload) - set(OFFLOADS))
    if unknown:
        raise ScenarioError(f"offload = {', '.join(unknown)}; allowed: {', '.join(OFFLOADS)}")
    if not offload:
        return None, ()
    chip = system.accelerator
    used = tuple(own_practice(catalogue, chip, name, _ROOM) for name in _HOST)
    return Host(frozenset(offload), *(a.fact.number() for a in used)), used


_Kernel = TypeVar("_Kernel", GemmKernel, AttentionKernel, ExpertKernel)


def _anchored(
    chip: Accelerator,
    profile: KernelProfile,
    multiplies: Mapping[str, GemmKernel],
    attention: AttentionKernel | None,
    experts: Mapping[str, ExpertKernel],
) -> tuple[KernelProfile, Mapping[str, GemmKernel], AttentionKernel | None, Mapping[str, ExpertKernel]]:
    """The same kernels at the rate that a measured run of the machine shows; memory and links stay as they are."""
    factor = chip.achieved_over_predicted

    def scaled(kernel: _Kernel) -> _Kernel:
        return replace(kernel, speed=kernel.speed * factor)

    rates = MappingProxyType({name: rate * factor for name, rate in profile.gemm_flops_per_s.items()})
    return (
        replace(profile, gemm_flops_per_s=rates, attention_share=profile.attention_share * factor),
        MappingProxyType({name: scaled(kernel) for name, kernel in multiplies.items()}),
        None if attention is None else scaled(attention),
        MappingProxyType({name: scaled(kernel) for name, kernel in experts.items()}),
    )


def _needed(jobs: Sequence[Job], accelerator: Accelerator) -> Collection[str]:
    """Precisions of the multiplies of some jobs: their linear layers' own, and 16 bits."""
    return {peak_precision(accelerator, job.precision) for job in jobs} | {"bf16", "fp16"} if jobs else TRAINED


def practice_for(
    catalogue: Catalogue,
    system: System,
    stack: str | None = None,
    *,
    offload: Collection[str] = (),
    optimizer: str | None = None,
    jobs: Sequence[Job] = (),
) -> Practice:
    """Resolve chip, network, power and stack facts for one system.

    Parameters
    ----------
    catalogue : Catalogue
        Holds the entries ``training-practice`` and ``stack-...``.
    system : System
        The machine.
    stack : str, optional
        Key of a stack, with or without ``stack-``; the usual one of the chip if not given.
    offload : collection of str
        Any of `OFFLOADS`: kept in the host's memory.
    optimizer : str, optional
        One of `OPTIMIZERS`; the stack's usual one if not given.
    jobs : sequence of Job
        What it is for: precisions and layers that none of them has are left out. All are in where none is given.

    Raises
    ------
    CatalogueError
        If a fact is missing.
    ScenarioError
        If something is to be offloaded that cannot be, or there is no such optimizer.
    """
    chip = system.accelerator
    kernels, power = kernel_profile(catalogue, chip), power_model(catalogue, chip)
    fabric, links, link_facts = fabric_for(catalogue, chip.key, system.links)
    used = tuple(catalogue.assume(PRACTICE_KEY, name, _ROOM) for name in _WHOLE_STEP)
    reserve = tuple(own_practice(catalogue, chip, name, _ROOM) for name in _RESERVE)
    profile, stack_facts = _stack(catalogue, stack or default_stack(chip), chip)
    kind = optimizer or profile.optimizer
    if kind not in OPTIMIZERS:
        raise ScenarioError(f"optimizer = {shown(kind)}; allowed: {', '.join(OPTIMIZERS)}")
    states = catalogue.assume(PRACTICE_KEY, f"states_{kind.replace('-', '_')}_bytes", _ROOM)
    measured, rests, gemm_facts = multiplies(catalogue, chip, kernels, _needed(jobs, chip))
    attention, rests_attention = _attention(catalogue, chip, profile)
    mixture = not jobs or any(job.arch.experts for job in jobs)
    experts, rests_experts = _experts(catalogue, chip, measured if mixture else ())
    rests = {**rests, **rests_attention, **rests_experts, "collectives": links}
    host, host_facts = _host(catalogue, system, offload)
    if chip.achieved_over_predicted != 1.0:
        kernels, measured, attention, experts = _anchored(chip, kernels, measured, attention, experts)
    fitted = tuple(a for found in rests.values() for a in found.assumptions)
    room_facts = (
        *kernels.assumptions,
        *power.assumptions,
        *link_facts,
        *used,
        *reserve,
        states,
        *host_facts,
        *gemm_facts,
    )
    return Practice(
        kernels=kernels,
        fabric=fabric,
        power=power,
        stack=profile,
        context_bytes=reserve[0].fact.number(),
        fragmentation_frac=reserve[1].fact.number(),
        state_bytes=states.fact.number(),
        straggler_frac=used[0].fact.number(),
        host=host,
        assumptions=(*system.assumptions, *room_facts, *stack_facts, *fitted),
        multiplies=measured,
        attention=attention,
        experts=experts,
        evidence=MappingProxyType({name: found.rests_on for name, found in rests.items()}),
    )
