"""Layouts and loads that answer a question on serving: ranked, counted over the whole machine, or why none does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import System
from megawatt.serving.engine import at_rate, closed_loop, largest_concurrency, offline
from megawatt.serving.machine import ServingMachine
from megawatt.serving.records import Layout, Points, ServingChoice, Targets, Traffic
from megawatt.serving.search import Candidates
from megawatt.serving.steps import StepModel

__all__ = ["Question"]


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
class Question:
    """A machine of so many chips, requests and targets, and the step models of every layout that holds the weights."""

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
