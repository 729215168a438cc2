"""Every layout and every load of a service as arrays: fronts of speed against throughput, and the fewest chips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import System
from megawatt.serving.engine import closed_loop, largest_concurrency, mean_step, prefill
from megawatt.serving.machine import ServingMachine
from megawatt.serving.records import Layout, Points, Service, Traffic
from megawatt.serving.steps import StepModel
from megawatt.workload import Attention, Latent, ModelArch, structure

__all__ = ["Candidates", "candidates", "divided_pools", "front_of", "layouts_of", "most_context_ranks", "spread_over"]

_LOADS: Final = 96
"""Loads of a layout that are costed, from one request to as many as fit, evenly in logarithm."""
_POOL_LOAD: Final = 0.8
"""Share of the time that chips which take in prompts are busy in a divided service; waits grow beyond it."""
_STAGES: Final = (1, 2, 4, 8)
"""Pipeline stages that are tried."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Operating points of all layouts; arrays of one shape (n,).

    Attributes
    ----------
    layouts : tuple of Layout
        What ``layout`` points into; of divided services those that decode.
    prompt_layouts : tuple of Layout
        What ``prompt_layout`` points into.
    layout, prompt_layout : array of int
        Place of the layout; of the chips that take in prompts, -1 where the same chips do both.
    concurrency : array
        Requests in work on a replica (on one that decodes).
    chips : array
        Chips of a replica; of a divided service so many of both kinds as keep each other busy, a fraction.
    prompt_share : array
        Share of the chips that take in prompts, 0 where the same chips do both.
    tokens_per_s_per_chip, tokens_per_s_per_user, ttft_s, chip_power_w : array
        [1/s], [1/s], [s], [W]
    """

    layouts: tuple[Layout, ...]
    prompt_layouts: tuple[Layout, ...]
    layout: NDArray[np.int64]
    prompt_layout: NDArray[np.int64]
    concurrency: FloatArray
    chips: FloatArray
    prompt_share: FloatArray
    tokens_per_s_per_chip: FloatArray
    tokens_per_s_per_user: FloatArray
    ttft_s: FloatArray
    chip_power_w: FloatArray

    def __len__(self) -> int:
        return len(self.layout)

    def take(self, places: NDArray[np.int64] | Sequence[int]) -> Candidates:
        """Some of them, in a given order."""
        chosen = {name: getattr(self, name)[places] for name in _ARRAYS}
        return Candidates(self.layouts, self.prompt_layouts, **chosen)

    def replicas(self, chips: int, tokens_per_s: float = 0.0) -> tuple[FloatArray, FloatArray]:
        """Whole replicas (of those that decode), and chips with the whole replicas beside them that take in prompts.

        As many as the chips hold; at a rate of output tokens the fewest that give it, also above the chips. [1/s]
        """
        own = np.array([float(y.chips) for y in self.layouts])[self.layout]
        size = np.array([*(float(y.chips) for y in self.prompt_layouts), 1.0])[self.prompt_layout]
        beside = self.chips * self.prompt_share
        if tokens_per_s:
            needed = tokens_per_s / (self.tokens_per_s_per_chip * self.chips)
            return np.ceil(needed - 1e-9), np.ceil(needed - 1e-9) * own + np.ceil(needed * beside / size - 1e-9) * size
        number = np.floor(chips / self.chips + 1e-9)
        while True:
            used = number * own + np.ceil(number * beside / size - 1e-9) * size
            over = used > chips
            if not over.any():
                return number, used
            number = np.where(over, number - 1.0, number)

    def name(self, place: int) -> str:
        """Layout of one of them in words: ``tp8``, or ``prompts tp2 | decode tp8``."""
        own = self.layouts[int(self.layout[place])].text()
        prompts = int(self.prompt_layout[place])
        return own if prompts < 0 else f"prompts {self.prompt_layouts[prompts].text()} | decode {own}"


_ARRAYS: Final = (
    "layout",
    "prompt_layout",
    "concurrency",
    "chips",
    "prompt_share",
    "tokens_per_s_per_chip",
    "tokens_per_s_per_user",
    "ttft_s",
    "chip_power_w",
)


def _powers(most: float) -> Iterator[int]:
    value = 1
    while value <= most:
        yield value
        value *= 2


def most_context_ranks(arch: ModelArch, tp: int) -> int:
    """Ranks of a tensor group that keep the same keys and values, and could share them out by position."""
    kept = [
        1 if isinstance(mixer, Latent) else mixer.kv_heads
        for kind in structure(arch).kinds
        for mixer in kind.mixers
        if isinstance(mixer, Attention | Latent)
    ]
    return max(tp // max(kept), 1) if kept else 1


def layouts_of(service: Service, system: System, chips: int, *, context_parallel: bool = False) -> tuple[Layout, ...]:
    """Layouts of one replica on at most so many chips: tensor parallel inside the fast domain, stages beyond it.

    Tensor parallelism in powers of two that divide the heads, and all chips of the domain; attention data parallelism
    around common experts; experts spread over all ranks of a replica; with ``context_parallel`` also ranks that would
    keep the same keys and values, but share them out by position.
    """
    shape = structure(service.arch)
    mixture = next((kind.mixture for kind in shape.kinds if kind.mixture), None)
    domain = min(system.links[0].domain_chips, chips)
    heads = service.arch.heads or 1
    found: dict[Layout, None] = {}
    for tp in _powers(domain):
        if heads % tp:
            continue
        for pp in _STAGES:
            if tp * pp > chips or service.arch.layers < pp:
                continue
            found[Layout(tp, pp)] = None
            if mixture is None:
                continue
            for dp in _powers(chips // (tp * pp)):
                ranks = tp * dp
                if ranks > 1 and mixture.experts % ranks == 0:
                    found[Layout(tp, pp, dp, ranks)] = None
    if context_parallel:
        for layout in tuple(found):
            ranks = most_context_ranks(service.arch, layout.tp)
            if ranks > 1 and layout.tp % ranks == 0:
                found[replace(layout, cp=ranks)] = None
    return tuple(found)


def candidates(
    service: Service, machine: ServingMachine, layouts: Sequence[Layout], traffic: Traffic, *, loads: int = _LOADS
) -> tuple[Candidates, dict[Layout, StepModel]]:
    """Every layout at many loads, chips that do both prompts and decoding; and the models behind them.

    Layouts whose weights leave no room for one request are left out.
    """
    models: dict[Layout, StepModel] = {}
    parts: list[tuple[Layout, Points]] = []
    for layout in layouts:
        model = StepModel(service, layout, machine)
        most = largest_concurrency(model, traffic)
        if most < 1.0:
            continue
        models[layout] = model
        users = np.geomspace(1.0, most, loads)
        parts.append((layout, closed_loop(model, traffic, users)))
    known = tuple(models)
    count = [len(points.concurrency) for _, points in parts]
    none = np.zeros(0)

    def joined(values: list[FloatArray]) -> FloatArray:
        return np.concatenate(values) if values else none

    chips = np.repeat([float(layout.chips) for layout, _ in parts], count)
    return Candidates(
        layouts=known,
        prompt_layouts=(),
        layout=np.repeat(np.arange(len(parts)), count).astype(np.int64),
        prompt_layout=np.full(len(chips), -1, dtype=np.int64),
        concurrency=joined([p.concurrency for _, p in parts]),
        chips=chips,
        prompt_share=np.zeros(len(chips)),
        tokens_per_s_per_chip=joined([p.tokens_per_s / y.chips for y, p in parts]),
        tokens_per_s_per_user=joined([p.tokens_per_s_per_user for _, p in parts]),
        ttft_s=joined([p.ttft_s for _, p in parts]),
        chip_power_w=joined([p.chip_power_w for _, p in parts]),
    ), models


def divided_pools(models: dict[Layout, StepModel], traffic: Traffic, *, loads: int = _LOADS) -> Candidates:
    """Services in which some chips take in prompts and others decode, every pair of layouts at many loads.

    Chips for prompts are busy 80 % of the time; the others decode without interruption. The first token waits for its
    prompt (a queue with constant service), the transfer of its cache over the outermost links and a step.
    """
    layouts = tuple(models)
    prompt_s = np.array([float(prefill(models[y], traffic, np.ones(1))[0]) for y in layouts])
    sent_s = np.array([models[y].cache_s(traffic.input_tokens) for y in layouts])
    size = np.array([float(y.chips) for y in layouts])
    waited = prompt_s * (1.0 + _POOL_LOAD / (2.0 * (1.0 - _POOL_LOAD)))
    made: dict[str, list[FloatArray]] = {name: [] for name in _ARRAYS}
    for place, (layout, model) in enumerate(models.items()):
        users = np.geomspace(1.0, largest_concurrency(model, traffic), loads)
        parts = mean_step(model, traffic, users, np.zeros_like(users))
        step_s = np.asarray(sum(spent.time_s for spent in parts.values())) + (layout.pp - 1) * parts["head"].time_s
        power = np.asarray(sum(spent.energy_j for spent in parts.values())) / step_s
        requests = users / (traffic.steps * step_s)
        each = layout.chips / requests
        for other in range(len(layouts)):
            prompts = size[other] * prompt_s[other] / _POOL_LOAD
            both = each + prompts
            made["layout"].append(np.full(loads, place))
            made["prompt_layout"].append(np.full(loads, other))
            made["concurrency"].append(users)
            made["chips"].append(both * requests)
            made["prompt_share"].append(prompts / both)
            made["tokens_per_s_per_chip"].append(traffic.output_tokens / both)
            made["tokens_per_s_per_user"].append(traffic.accepted_tokens / step_s)
            made["ttft_s"].append(waited[other] + sent_s[other] + step_s)
            cap = model.machine.power.cap_w
            made["chip_power_w"].append((np.minimum(power, cap) * each + cap * _POOL_LOAD * prompts) / both)
    arrays = {name: np.concatenate(values) if values else np.zeros(0) for name, values in made.items()}
    for name in ("layout", "prompt_layout"):
        arrays[name] = arrays[name].astype(np.int64)
    return Candidates(layouts=layouts, prompt_layouts=layouts, **arrays)  # type: ignore[arg-type]


def front_of(throughput: FloatArray, speed: FloatArray) -> NDArray[np.int64]:
    """Places of the points that no other beats in both: the greatest throughput at each speed, by rising speed."""
    order = np.lexsort((throughput, speed))[::-1]
    best = np.maximum.accumulate(np.concatenate([[-np.inf], throughput[order][:-1]]))
    return np.asarray(order[throughput[order] > best][::-1], dtype=np.int64)


def spread_over(number: int, most: int) -> tuple[int, ...]:
    """Places of at most so many of a number of things, first and last among them, evenly apart."""
    return tuple(int(place) for place in np.unique(np.round(np.linspace(0, number - 1, min(number, most)))))
