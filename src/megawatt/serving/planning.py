"""One question on serving, answered: the best layout and load under latency targets, the front, the fewest chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Accelerator, Assumption, System
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.serving.engine import at_rate, closed_loop, largest_concurrency, offline
from megawatt.serving.machine import ServingMachine, cache_width, serving_machine
from megawatt.serving.memory import weight_bytes
from megawatt.serving.records import Layout, Points, Service, ServingChoice, Targets, Traffic, check_traffic
from megawatt.serving.search import (
    Candidates,
    candidates,
    divided_pools,
    front_of,
    layouts_of,
    most_context_ranks,
)
from megawatt.serving.steps import StepModel
from megawatt.workload import ModelArch, structure

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["ServingPlan", "serve", "service_on", "usual_precision"]

_LIMITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "rows": "multiplies and the reading of weights",
        "experts": "routed experts",
        "messages": "messages between chips",
        "prompts": "attention of prompts",
        "decoding": "reading of keys and values",
        "head": "output projection and sampling",
        "host": "host",
        "draft": "drafting",
    }
)
"""Parts of a step in words."""
_COMPARED: Final = 20
"""Layouts whose best load is looked at closely: more than are listed."""
_FULL: Final = 0.999
"""Share of the largest concurrency from which memory is what limits."""


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
    _check_load(rate=wanted.requests_per_s, concurrency=concurrency, requests=requests)
    if divided and (concurrency or requests):
        raise ScenarioError("divided: allowed: at a rate, or without a load, where every load is tried")
    service, machine, offered = service_on(
        arch, system, chips, traffic, catalogue=catalogue, precision=precision, stack=stack, cache_bytes=cache_bytes,
        layout=layout,
    )  # fmt: skip
    found, models = candidates(service, machine, offered, traffic)
    if not models:
        raise InfeasibleError(_too_large(service, offered, system, machine))
    question = _Question(system, machine, traffic, wanted, chips, models)
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


def service_on(
    arch: ModelArch, system: System, chips: int, traffic: Traffic, *, catalogue: Catalogue, precision: str,
    stack: str = "", cache_bytes: float = 0.0, layout: Layout | None = None,
) -> tuple[Service, ServingMachine, tuple[Layout, ...]]:  # fmt: skip
    """What `serve` looks through: the service, the machine, layouts of a replica; parameters as there.

    Raises
    ------
    ScenarioError
        If it cannot be asked: traffic, chips, requests longer than the model's positions, precision, stack, layout.
    """
    check_traffic(traffic)
    if chips < 1:
        raise ScenarioError(f"chips = {chips}; allowed: 1 or more")
    longest = traffic.input_tokens + traffic.output_tokens
    if arch.learned_positions and longest > arch.learned_positions:
        raise ScenarioError(
            f"input and output of {longest:g} tokens: {arch.key} has {arch.learned_positions} learned positions"
        )
    width = cache_bytes or cache_width(precision, system.accelerator)
    machine = serving_machine(catalogue, system, precision, stack, cache_bytes=width)
    service = Service(arch, precision, width)
    shared = machine.stack.decode_context_parallel
    layouts = (layout,) if layout is not None else layouts_of(service, system, chips, context_parallel=shared)
    if layout is not None:
        _check_layout(arch, layout, machine)
    offered = tuple(y for y in layouts if y.chips <= chips)
    if not offered:
        raise ScenarioError(f"layout {layouts[0].text()} needs {layouts[0].chips} chips; on offer: {chips}")
    return service, machine, offered


def _check_load(**loads: float) -> None:
    """Refuse two loads at once."""
    given = [name for name, value in loads.items() if value]
    if len(given) > 1:
        raise ScenarioError(f"{' and '.join(given)}: allowed: one of them (a rate, users in a closed loop, or a burst)")


def _check_layout(arch: ModelArch, layout: Layout, machine: ServingMachine) -> None:
    """Refuse a layout that the model cannot be cut into."""
    mixture = next((kind.mixture for kind in structure(arch).kinds if kind.mixture), None)
    wrong = [
        (mixture is None and layout.dp * layout.ep > 1, "dp and ep need routed experts; more replicas need no layout"),
        (bool(arch.heads % layout.tp), f"tp = {layout.tp} must divide {arch.heads} heads"),
        (
            layout.cp > 1 and not machine.stack.decode_context_parallel,
            f"{machine.stack.key.removeprefix('serving-')} does not share out positions (cp)",
        ),
        (
            layout.cp > most_context_ranks(arch, layout.tp),
            f"cp = {layout.cp}: at tp = {layout.tp} at most {most_context_ranks(arch, layout.tp)} ranks keep the same "
            "keys and values",
        ),
        (layout.pp > arch.layers, f"pp = {layout.pp} must be at most {arch.layers} layers"),
        (mixture is not None and mixture.experts % layout.ep > 0, f"ep = {layout.ep} must divide the experts"),
    ]
    told = [text for found, text in wrong if found]
    if told:
        raise ScenarioError(f"layout {layout.text()} of {arch.key}: {'; '.join(told)}")


def _too_large(service: Service, layouts: Sequence[Layout], system: System, machine: ServingMachine) -> str:
    least = min(layouts, key=lambda y: weight_bytes(service, y))
    weights = weight_bytes(service, least) / 1e9
    hbm = system.accelerator.hbm_bytes / 1e9
    return (
        f"{service.arch.key} in {service.precision} on {least.chips} x {system.accelerator.key}: {weights:.0f} GB of "
        f"weights a chip and {machine.stack.buffer_bytes / 1e9:.0f} GB of buffers leave no room for one request "
        f"in {hbm:.0f} GB; use more chips or a narrower precision, such as mxfp4 for a model that is published in it"
    )


@dataclass(frozen=True, slots=True)
class _Question:
    system: System
    machine: ServingMachine
    traffic: Traffic
    targets: Targets
    chips: int
    models: Mapping[Layout, StepModel]

    @property
    def _tokens_per_s(self) -> float:
        """Output tokens of the rate that is asked for. [1/s]"""
        return self.targets.requests_per_s * self.traffic.output_tokens

    def rank(self, choice: ServingChoice) -> tuple[float, float]:
        """Fewest chips for a rate, else the most tokens of a machine; then the fastest user."""
        if self.targets.requests_per_s:
            return (choice.chips, choice.it_j_per_token)
        return (-choice.tokens_per_s, -choice.tokens_per_s_per_user)

    def best_of(self, pool: Candidates) -> list[ServingChoice]:
        """The best load of every layout that keeps the targets."""
        apart_rate = self._tokens_per_s if pool.prompt_layouts else 0.0
        number, used = pool.replicas(self.chips, apart_rate)
        tpot, given = 1.0 / pool.tokens_per_s_per_user, number * pool.chips * pool.tokens_per_s_per_chip
        kept = (pool.ttft_s <= self.targets.ttft_s) & (tpot <= self.targets.tpot_s)
        kept &= (number >= 1.0) & (used <= self.chips)
        if apart_rate:  # the fewest chips, of their loads the one that gives no more than is asked for
            order = np.lexsort((given, np.where(kept, used, np.inf)))[: kept.sum()]
        else:
            order = np.argsort(-np.where(kept, given, -np.inf), kind="stable")[: kept.sum()]
        pairs = pool.layout * (len(pool.prompt_layouts) + 1) + pool.prompt_layout
        _, first = np.unique(pairs[order], return_index=True)
        most = len(first) if self.targets.requests_per_s else _COMPARED
        chosen = self.choices(pool, order[np.sort(first)[:most]])
        if self.targets.requests_per_s:
            chosen = [c for c in (self._for_rate(c) for c in chosen) if c is not None]
        return chosen

    def _for_rate(self, choice: ServingChoice) -> ServingChoice | None:
        """So many replicas that the rate is served within the targets; None where the chips do not give it."""
        if choice.prompt_share > 0.0:
            return choice
        rate = self.targets.requests_per_s
        model = self.models[choice.layout]
        most = self.chips // choice.layout.chips
        least = max(int(np.ceil(rate * self.traffic.output_tokens / (choice.tokens_per_s / choice.replicas))), 1)
        for replicas in range(least, min(most, 2 * least + 1) + 1):
            point = at_rate(model, self.traffic, rate / replicas)
            if point.fits[0] and point.ttft_s[0] <= self.targets.ttft_s and point.tpot_s[0] <= self.targets.tpot_s:
                return self._of(choice.layout, point, replicas)
        return None

    def at_users(self, layout: Layout, model: StepModel, users: float) -> ServingChoice | None:
        """All of the machine with so many users in a closed loop, spread over its replicas."""
        replicas = self.chips // layout.chips
        share = users / replicas
        if share > largest_concurrency(model, self.traffic) + 1e-9:
            return None
        return self._of(layout, closed_loop(model, self.traffic, np.array([share])), replicas)

    def at_once(self, layout: Layout, model: StepModel, requests: float) -> ServingChoice | None:
        """All of the machine with so many requests there at once."""
        replicas = self.chips // layout.chips
        return self._of(layout, offline(model, self.traffic, requests / replicas), replicas)

    def choices(self, pool: Candidates, places: NDArray[np.int64]) -> list[ServingChoice]:
        """Some of the candidates with the whole machine counted, in a given order."""
        made: dict[int, ServingChoice] = {}
        for number in np.unique(pool.layout[places]):
            layout = pool.layouts[int(number)]
            own = places[pool.layout[places] == number]
            both = own[pool.prompt_layout[own] < 0]
            points = closed_loop(self.models[layout], self.traffic, pool.concurrency[both])
            replicas = self.chips // layout.chips
            made |= {int(place): self._of(layout, points, replicas, row) for row, place in enumerate(both)}
            made |= {int(p): self._divided(pool.take([int(p)])) for p in own[pool.prompt_layout[own] >= 0]}
        return [made[int(place)] for place in places]

    def _divided(self, one: Candidates) -> ServingChoice:
        """A divided service on whole replicas of both kinds; what they do, and its energy, as of the fraction."""
        number, used = (float(value[0]) for value in one.replicas(self.chips, self._tokens_per_s))
        tokens = self._tokens_per_s or number * float(one.chips[0] * one.tokens_per_s_per_chip[0])
        user, layout = float(one.tokens_per_s_per_user[0]), one.layouts[int(one.layout[0])]
        power = float(one.chip_power_w[0]) * tokens / float(one.tokens_per_s_per_chip[0]) / used
        return ServingChoice(
            one.name(0), layout, used, number, float(one.concurrency[0]), tokens, tokens / used, user,
            float(one.ttft_s[0]), 1.0 / user, power, power + self.system.overhead_w_per_chip,
            1.0 - number * layout.chips / used, "",
        )  # fmt: skip

    def _of(self, layout: Layout, point: Points, replicas: float, row: int = 0) -> ServingChoice:
        parts = {name: float(value[row]) for name, value in point.parts_s.items()}
        full = float(point.concurrency[row]) >= _FULL * largest_concurrency(self.models[layout], self.traffic)
        most = max(parts, key=lambda name: parts[name])
        limit = _LIMITS[most] + ("; the memory is full" if full else "")
        per_chip, power = float(point.tokens_per_s[row]) / layout.chips, float(point.chip_power_w[row])
        return ServingChoice(
            layout.text(), layout, replicas * layout.chips, replicas, float(point.concurrency[row]),
            float(point.tokens_per_s[row]) * replicas, per_chip, float(point.tokens_per_s_per_user[row]),
            float(point.ttft_s[row]), float(point.tpot_s[row]), power, power + self.system.overhead_w_per_chip, 0.0,
            limit, parts,
        )  # fmt: skip

    def _most(self, found: Candidates) -> str:
        """Requests that the chips give within the latencies, in words."""
        tpot = 1.0 / found.tokens_per_s_per_user
        kept = (found.ttft_s <= self.targets.ttft_s) & (tpot <= self.targets.tpot_s)
        if not kept.any():
            return "no load has both latencies"
        most = float(found.tokens_per_s_per_chip[kept].max()) * self.chips / self.traffic.output_tokens
        return f"{'within both ' if self._has_latencies else ''}at most {most:.4g} requests a second"

    @property
    def _has_latencies(self) -> bool:
        return bool(np.isfinite(self.targets.ttft_s) or np.isfinite(self.targets.tpot_s))

    def out_of_reach(self, found: Candidates, concurrency: float) -> str:
        """What nothing keeps, and how near it comes."""
        room = max((self.chips // y.chips) * largest_concurrency(m, self.traffic) for y, m in self.models.items())
        if concurrency > room:
            return f"concurrency = {concurrency:g}: memory holds at most {room:,.0f} requests at once; use more chips"
        if not self._has_latencies:
            return f"rate = {self.targets.requests_per_s:g}: the chips give {self._most(found)}"
        return (
            f"nothing keeps the targets: the shortest time to the first token is {found.ttft_s.min():.3g} s, "
            f"per token {1.0 / found.tokens_per_s_per_user.max():.3g} s; {self._most(found)}"
        )

    def notes(self, best: Sequence[ServingChoice]) -> list[str]:
        """Chips that stay idle; weights that are widened before they are multiplied."""
        said = []
        if self.machine.arithmetic != self.machine.precision:
            widened = f"weights in {self.machine.precision} are multiplied in {self.machine.arithmetic}"
            said.append(f"{widened}: {self.system.accelerator.key} has no arithmetic of its own for them")
        if not self.targets.requests_per_s and self.chips - best[0].chips >= 1.0:
            said.append(f"{self.chips - best[0].chips:.0f} of {self.chips} chips stay idle: replicas are whole")
        return said


def usual_precision(accelerator: Accelerator) -> str:
    """Precision in which a chip usually serves: 8 bits where it has them, else 16."""
    peaks = accelerator.peak_flops_per_s
    return next((name for name in ("fp8", "mxfp8", "bf16") if name in peaks), "fp16")
