"""How a training stack uses a machine: what it fuses, what it overlaps, what it keeps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

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
    relative_speed,
)
from megawatt.training.multiplies import TRAINED, multiplies
from megawatt.training.optimizers import Optimizer, optimizer_of
from megawatt.training.records import Job
from megawatt.training.stacks import Stack, read_stack
from megawatt.workload import Attention, Latent, Linear, Mamba, ModelArch, structure

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = [
    "OFFLOADS",
    "Host",
    "Practice",
    "check_offload",
    "optimizer_states",
    "practice_for",
]

_ROOM: Final = "training"
_STRAGGLERS: Final = "straggler_frac"
_RESERVE: Final = ("context_bytes", "fragmentation_frac")
OFFLOADS: Final = ("activations", "optimizer")
"""What can be kept in the host's memory: activations between forward and backward pass, optimizer states."""
_HOST: Final = ("host_link_bytes_per_s", "host_memory_bytes_per_s")


_Kernel = TypeVar("_Kernel", GemmKernel, AttentionKernel, ExpertKernel)


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
    the allocator per byte in use; ``straggler_frac`` of a step is lost waiting for the slowest replica per doubling of
    their number. ``multiplies`` holds the measured matrix kernels by
    precision, ``attention`` and ``experts`` the other measured kernels; where one is lacking, ``kernels`` has a coarser
    rate; ``evidence`` says whose measurements they are (`rests_on`).
    """

    kernels: KernelProfile
    fabric: Fabric
    power: PowerModel
    stack: Stack
    context_bytes: float
    fragmentation_frac: float
    straggler_frac: float
    optimizer: Optimizer
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
    catalogue: Catalogue, accelerator: Accelerator, measured: Mapping[str, GemmKernel]
) -> tuple[Mapping[str, ExpertKernel], dict[str, Fitted]]:
    """Expert layers by precision, routing included, as the fastest measured library runs them; an operation takes the
    energy that it takes in the plain multiplies that were ``measured``."""
    kernels: dict[str, ExpertKernel] = {}
    used: dict[str, Fitted] = {}
    for precision, plain in measured.items():
        try:
            kernel, used[f"experts {precision}"] = experts_kernel(catalogue, accelerator, precision)
        except CatalogueError:
            continue
        law = replace(kernel.law, flop_j=plain.law.flop_j, clock_exponent=plain.law.clock_exponent)
        own = used[f"experts {precision}"].chip == accelerator.key
        speed = kernel.speed * (1.0 if own else relative_speed(catalogue, accelerator)[0])
        kernels[precision] = replace(kernel, law=law, speed=speed)
    return MappingProxyType(kernels), used


def check_offload(offload: Collection[str]) -> None:
    """Refuse what cannot be kept in the host's memory."""
    unknown = sorted(set(offload) - set(OFFLOADS))
    if unknown:
        raise ScenarioError(f"offload = {', '.join(map(shown, unknown))}; allowed: {', '.join(OFFLOADS)}")


def _host(catalogue: Catalogue, system: System, offload: Collection[str]) -> tuple[Host | None, tuple[Assumption, ...]]:
    """The host side of what is offloaded; None where nothing is."""
    check_offload(offload)
    if not offload:
        return None, ()
    chip = system.accelerator
    used = tuple(own_practice(catalogue, chip, name, _ROOM) for name in _HOST)
    return Host(frozenset(offload), *(a.fact.number() for a in used)), used


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


def _needed(jobs: Sequence[Job], accelerator: Accelerator) -> tuple[str, ...]:
    """Precisions of the multiplies of some jobs: their linear layers' own, and 16 bits."""
    if not jobs:
        return TRAINED
    return tuple(sorted({peak_precision(accelerator, job.precision) for job in jobs} | {"bf16", "fp16"}))


def optimizer_states(catalogue: Catalogue, system: System, stack: str | None, optimizer: str | None) -> float:
    """States for a parameter of the optimizer of a system, stack and kind of optimizer. [B]

    Raises
    ------
    ScenarioError
        If there is no such optimizer.
    """
    kind = optimizer or read_stack(catalogue, stack, system.accelerator)[0].optimizer
    return optimizer_of(catalogue, kind)[0].state_bytes


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
        As `megawatt.training.stacks.read_stack` reads it; the usual one of the chip if not given.
    offload : collection of str
        Any of `OFFLOADS`: kept in the host's memory.
    optimizer : str, optional
        One of `megawatt.training.optimizers.OPTIMIZERS`; the stack's usual one if not given.
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
    straggler = catalogue.assume(PRACTICE_KEY, _STRAGGLERS, _ROOM)
    reserve = tuple(own_practice(catalogue, chip, name, _ROOM) for name in _RESERVE)
    profile, stack_facts = read_stack(catalogue, stack, chip)
    # With a capacity all experts are one batched multiply of equal rows, as fast as any.
    kernels = replace(kernels, grouped_share=profile.grouped_share if profile.dropless else 1.0)
    kept, states = optimizer_of(catalogue, optimizer or profile.optimizer)
    measured, rests, gemm_facts = multiplies(catalogue, chip, kernels, _needed(jobs, chip))
    attention, rests_attention = _attention(catalogue, chip, profile)
    mixture = not jobs or any(job.arch.experts for job in jobs)
    experts, rests_experts = _experts(catalogue, chip, measured if mixture else {})
    rests = {**rests, **rests_attention, **rests_experts, "collectives": links}
    host, host_facts = _host(catalogue, system, offload)
    if chip.achieved_over_predicted != 1.0:
        kernels, measured, attention, experts = _anchored(chip, kernels, measured, attention, experts)
    fitted = tuple(a for found in rests.values() for a in found.assumptions)
    room_facts = (
        *kernels.assumptions,
        *power.assumptions,
        *link_facts,
        straggler,
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
        straggler_frac=straggler.fact.number(),
        optimizer=kept,
        host=host,
        assumptions=(*system.assumptions, *room_facts, *stack_facts, *fitted),
        multiplies=measured,
        attention=attention,
        experts=experts,
        evidence=MappingProxyType({name: found.rests_on for name, found in rests.items()}),
    )
