"""One question on serving, answered: the best layout and load under latency targets, the front, the fewest chips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from megawatt.catalogue.records import Assumption, System
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.serving.machine import ServingMachine
from megawatt.serving.memory import weight_bytes
from megawatt.serving.question import Question
from megawatt.serving.records import Layout, Service, ServingChoice, Targets, Traffic
from megawatt.serving.search import candidates, divided_pools, front_of
from megawatt.serving.service import check_load, service_on
from megawatt.workload import ModelArch, structure

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["ServingPlan", "serve"]


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """The answer to one question.

    Attributes
    ----------
    service, traffic, targets, system, machine
        The question.
    chips : int
        Chips that were offered.
    choices : tuple of ServingChoice
        The best load of each layout that keeps the targets, best first.
    front : tuple of ServingChoice
        What no other beats in tokens per second and user and per chip, targets left aside, slowest user first.
    considered : int
        Layouts and loads that were costed.
    notes : tuple of str
        What a reader should know: chips left idle, weights that are widened.
    """

    service: Service
    traffic: Traffic
    targets: Targets
    system: System
    machine: ServingMachine
    chips: int
    choices: tuple[ServingChoice, ...]
    front: tuple[ServingChoice, ...]
    considered: int
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> ServingChoice:
        """The first choice."""
        return self.choices[0]

    @property
    def evidence(self) -> dict[str, str]:
        """Whose measurements the kernels rest on, those that the model has."""
        mixture = any(kind.mixture for kind in structure(self.service.arch).kinds)
        return {name: text for name, text in self.machine.evidence.items() if mixture or name != "routed experts"}

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        """Facts behind the numbers."""
        return self.machine.assumptions


def serve(
    arch: ModelArch,
    system: System,
    chips: int,
    traffic: Traffic,
    *,
    catalogue: Catalogue,
    precision: str,
    stack: str = "",
    cache_bytes: float = 0.0,
    targets: Targets | None = None,
    layout: Layout | None = None,
    divided: bool = False,
    concurrency: float = 0.0,
    requests: float = 0.0,
    listed: int = 5,
) -> ServingPlan:
    """Search layouts and loads of a service.

    Parameters
    ----------
    arch, system : ModelArch, System
        Model and machine.
    chips : int
        Chips on offer. >= 1
    traffic : Traffic
        Requests.
    catalogue : Catalogue
        Kernels and stacks.
    precision : str
        Of the stored weights.
    stack : str
        Serving stack, ``NAME[@RELEASE]``; the usual one of the chip where it is empty.
    cache_bytes : float
        Width of keys and values; 0: as the precision's checkpoints keep them. [B]
    targets : Targets, optional
        Latencies and rate.
    layout : Layout, optional
        Fixes the layout of a replica.
    divided : bool
        Also chips for prompts apart from chips that decode.
    concurrency : float
        Users of the whole machine, in a closed loop; 0: all loads are tried.
    requests : float
        Of an offline run, all there at once, on the whole machine; 0: none.
    listed : int
        Choices to keep.

    Raises
    ------
    ScenarioError
        If the traffic cannot be, the chips are none, or the model cannot be cut so.
    InfeasibleError
        If no layout holds the model's weights and one request, or none keeps the targets; says how near it comes.
    """
    wanted = targets or Targets()
    check_load(rate=wanted.requests_per_s, concurrency=concurrency, requests=requests)
    if divided and (concurrency or requests):
        raise ScenarioError("divided: allowed: at a rate, or without a load, where every load is tried")
    service, machine, offered = service_on(
        arch, system, chips, traffic, catalogue=catalogue, precision=precision, stack=stack, cache_bytes=cache_bytes,
        layout=layout,
    )  # fmt: skip
    found, models = candidates(service, machine, offered, traffic)
    if not models:
        raise InfeasibleError(_too_large(service, offered, system, machine))
    question = Question(system, machine, traffic, wanted, chips, models)
    if concurrency or requests:
        at = question.at_users if concurrency else question.at_once
        chosen = [at(y, m, concurrency or requests) for y, m in models.items()]
        kept = sorted((c for c in chosen if c is not None), key=lambda c: -c.tokens_per_s)
        reached = [c for c in kept if c.ttft_s <= wanted.ttft_s and c.tpot_s <= wanted.tpot_s]
    else:
        pools = [found, divided_pools(models, traffic)] if divided else [found]
        reached = [c for pool in pools for c in question.best_of(pool)]
    best = sorted(reached, key=question.rank)[:listed]
    if not best:
        raise InfeasibleError(question.out_of_reach(found, concurrency))
    front = question.choices(found, front_of(found.tokens_per_s_per_chip, found.tokens_per_s_per_user))
    return ServingPlan(
        service, traffic, wanted, system, machine, chips, tuple(best), tuple(front), len(found),
        tuple(question.notes(best)),
    )  # fmt: skip


def _too_large(service: Service, layouts: Sequence[Layout], system: System, machine: ServingMachine) -> str:
    least = min(layouts, key=lambda y: weight_bytes(service, y))
    weights = weight_bytes(service, least) / 1e9
    hbm = system.accelerator.hbm_bytes / 1e9
    return (
        f"{service.arch.key} in {service.precision} on {least.chips} x {system.accelerator.key}: {weights:.0f} GB of "
        f"weights a chip and {machine.stack.buffer_bytes / 1e9:.0f} GB of buffers leave no room for one request "
        f"in {hbm:.0f} GB; use more chips or a narrower precision, such as mxfp4 for a model that is published in it"
    )
