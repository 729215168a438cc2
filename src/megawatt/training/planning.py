"""The best parallel layout of a model on a machine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import Assumption, System
from megawatt.errors import InfeasibleError, ScenarioError
from megawatt.hardware import peak_precision
from megawatt.training.confidence import confidence
from megawatt.training.division import layout_reasons
from megawatt.training.layouts import Space, chosen_space, divides, search_space
from megawatt.training.practice import Practice, practice_for
from megawatt.training.precisions import merge_plans
from megawatt.training.recompute import module_names, repeated_share
from megawatt.training.records import Job, Layouts, StepCost, TrainingPlan
from megawatt.training.schedules import schedule_name
from megawatt.training.search import distinct, pareto_front, score_layouts, scores_of, smallest
from megawatt.training.step import MEMORY_REASON, step_cost
from megawatt.training.units import cores_per_chip, purpose_note, unit_note
from megawatt.units import J_PER_MWH, S_PER_HOUR
from megawatt.workload import model_flops_per_token

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Objective", "Prices", "asked_space", "describe_layout", "evaluate", "plan"]

Objective = Literal["time", "energy", "cost"]
_RUNNERS_UP: Final = 9
"""Layouts that are kept behind the best."""
_ZERO_STAGES: Final = 3
"""Layouts that may be one in practice: stages of ZeRO on one replica."""
_LONGEST_FRONT: Final = 50
"""Layouts of a front at most."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What chips and energy cost, for the objective ``cost``: USD per chip-hour and USD per MWh of IT energy."""

    usd_per_chip_hour: float = 0.0
    usd_per_mwh: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.usd_per_chip_hour < math.inf and 0.0 <= self.usd_per_mwh < math.inf):
            found = f"{self.usd_per_chip_hour:g} USD per chip-hour, {self.usd_per_mwh:g} USD per MWh"
            raise ScenarioError(f"prices: {found}; allowed: numbers of 0 or more")

    @property
    def known(self) -> bool:
        """Whether anything has a price."""
        return self.usd_per_chip_hour + self.usd_per_mwh > 0.0

    def usd(
        self, chips: int, step_time_s: NDArray[np.float64], it_energy_j: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Cost of a step; it grows with its time and with its energy, so that the cheapest layout is on their front."""
        fits, usd = np.isfinite(step_time_s), np.full(len(step_time_s), np.inf)
        chip_usd = chips * self.usd_per_chip_hour / S_PER_HOUR * step_time_s[fits]
        usd[fits] = chip_usd + self.usd_per_mwh / J_PER_MWH * it_energy_j[fits]
        return usd


def evaluate(
    job: Job,
    system: System,
    layouts: Layouts,
    *,
    catalogue: Catalogue,
    stack: str | None = None,
    offload: Collection[str] = (),
    optimizer: str | None = None,
) -> StepCost:
    """Cost of given layouts; ``feasible`` and ``reason`` look at division and at memory.

    Parameters
    ----------
    job, system, layouts
        What is trained, machine and layouts (n,); the chips are those that each layout uses.
    catalogue : Catalogue
        Achieved shares and stacks.
    stack : str, optional
        Key of a training stack.
    offload : collection of str
        What the host's memory holds: ``optimizer``, ``activations``.
    optimizer : str, optional
        Kind of optimizer, of `megawatt.training.optimizers.OPTIMIZERS`; the stack's usual one if not given.

    Returns
    -------
    StepCost
        Arrays of shape (n,), also where a layout is not feasible.
    """
    practice = practice_for(catalogue, system, stack, offload=offload, optimizer=optimizer, jobs=[job])
    cost = step_cost(job, system, layouts, practice=practice)
    used = layouts.tp * layouts.pp * layouts.cp * layouts.dp
    reasons = layout_reasons(job, layouts, chips=used)
    return _replace_reason(cost, np.where(reasons == "", cost.reason, reasons).astype(np.str_))


def _replace_reason(cost: StepCost, reason: NDArray[np.str_]) -> StepCost:
    return StepCost(
        cost.step_time_s,
        cost.parts_s,
        cost.memory_bytes,
        cost.memory_parts_bytes,
        cost.chip_power_w,
        cost.energy_j,
        reason == "",
        reason,
    )


def describe_layout(layouts: Layouts, index: int = 0) -> str:
    """One layout in a line, e.g. ``tp 8, pp 16 x 8, dp 64, micro-batch 1, zero 1``."""
    y = layouts.take(np.array([index]))
    words = [f"tp {y.tp[0]}", f"pp {y.pp[0]}" + (f" x {y.vpp[0]}" if y.vpp[0] > 1 else ""), f"dp {y.dp[0]}"]
    words += [f"cp {y.cp[0]}" + (" by all-to-all" if y.cp_exchange[0] else "")] if y.cp[0] > 1 else []
    words += [f"ep {y.ep[0]}" + (f" (etp {y.etp[0]})" if y.etp[0] > 1 else "")] if y.ep[0] > 1 else []
    words += [schedule_name(y.schedule[0])] if y.schedule[0] else []
    ends = ((y.first_layers[0], "first"), (y.last_layers[0], "last"))
    words += [f"{layers} layers {end}" for layers, end in ends if layers]
    over = f" over {y.zero_group[0]}" if y.zero_group[0] else ""
    words += [f"micro-batch {y.micro_batch[0]}", f"zero {y.zero[0]}{over}"]
    modules = ", ".join(module_names(int(y.modules[0])))
    words += [f"recompute of {modules}" if modules else f"{('no', 'selective', 'full')[y.recompute[0]]} recompute"]
    words += ["no sequence parallelism"] if y.tp[0] > 1 and not y.sequence_parallel[0] else []
    return ", ".join(words)


def plan(
    job: Job,
    system: System,
    chips: int,
    *,
    catalogue: Catalogue,
    precisions: Sequence[str] = (),
    objective: Objective = "time",
    stack: str | None = None,
    offload: Collection[str] = (),
    optimizer: str | None = None,
    layouts: Layouts | None = None,
    choices: Mapping[str, int] | None = None,
    schedules: Sequence[str] = (),
    prices: Prices | None = None,
) -> TrainingPlan:
    """Search all layouts for the one with the shortest step, the least energy or the least cost.

    Parameters
    ----------
    job : Job
        What is trained.
    system : System
        The machine.
    chips : int
        Chips to use, all of them.
    catalogue : Catalogue
        Achieved shares and stacks.
    precisions : sequence of str
        Precisions that are searched and ranked together; the job's own if not given.
    objective : {'time', 'energy', 'cost'}
        What is least. Energy and cost count the whole machine (hosts, switches and supplies too), not the chips alone.
    stack : str, optional
        Key of a training stack; the usual one of the chip if not given.
    offload : collection of str
        What the host's memory holds: ``optimizer``, ``activations``.
    optimizer : str, optional
        Kind of optimizer, of `megawatt.training.optimizers.OPTIMIZERS`; the stack's usual one if not given.
    layouts : Layouts, optional
        Choose among these alone; all layouts of the chips if not given.
    choices : mapping of str to int
        Values by field of `Layouts` that are held, as in `chosen_space`.
    schedules : sequence of str
        Pipeline schedules that are searched together; the stack's own if not given.
    prices : Prices, optional
        Of chips and energy, for the objective ``cost``.

    Returns
    -------
    TrainingPlan
        The layout, its cost, the next best, the front of time and energy, and every assumption.

    Raises
    ------
    ScenarioError
        If the precision is unknown to the chip, the objective lacks prices, or nothing divides evenly.
    InfeasibleError
        If no layout fits in memory; names the nearest one and what it lacks.
    """
    if objective not in ("time", "energy", "cost"):
        raise ScenarioError(f"objective = {objective!r}; allowed: time, energy, cost")
    if objective == "cost" and (prices is None or not prices.known):
        raise ScenarioError("objective = 'cost' needs a price above 0 of the chip-hour, of energy, or of both")
    jobs = [replace(job, precision=name) for name in dict.fromkeys(precisions or (job.precision,))]
    for one in jobs:
        one.on(system.accelerator)
    practice = practice_for(catalogue, system, stack, offload=offload, optimizer=optimizer, jobs=jobs)
    if layouts is not None:
        space = Space(layouts, {}, len(layouts))
    else:
        space = asked_space(job, system, chips, catalogue=catalogue, choices=choices, schedules=schedules)
    cases = [_Case(one, system, chips, practice) for one in jobs]
    rank = _Rank(objective, prices or Prices(), chips)
    # What is stored narrower needs less memory: some precisions may fit where others do not.
    outcomes = [case.choose(space, rank) for case in cases]
    found = [one for one in outcomes if isinstance(one, TrainingPlan)]
    large = [one for one in outcomes if isinstance(one, _TooLarge)]
    if not found:
        raise InfeasibleError(min(large, key=lambda one: one.missing_bytes).text)
    best = found[0] if len(found) == 1 else merge_plans(found, system, rank.of, 1 + _RUNNERS_UP)
    best = replace(best, sure=confidence(best.job, system.accelerator, chips, best.stack, catalogue))
    if not large:
        return best
    counts = Counter(best.rejected)
    for _ in large:
        counts.update({**space.rejected, MEMORY_REASON: len(space.layouts)})
    notes = tuple(f"Nothing fits in {one.precision}: {one.missing_bytes / 1e9:.1f} GB are missing." for one in large)
    considered = best.considered + len(large) * space.considered
    return replace(best, considered=considered, rejected=dict(counts), notes=(*best.notes, *notes))


def asked_space(
    job: Job,
    system: System,
    chips: int,
    *,
    catalogue: Catalogue,
    choices: Mapping[str, int] | None,
    schedules: Sequence[str],
) -> Space:
    """The layouts that `plan` looks at: those that agree with what is held, all of them where nothing is."""
    if not (choices or schedules):
        return search_space(job, chips)
    cores = cores_per_chip(catalogue, system.accelerator.key)
    return chosen_space(job, chips, choices or {}, schedules, cores=cores)


@dataclass(frozen=True, slots=True)
class _Rank:
    """What is to be least."""

    objective: Objective
    prices: Prices
    chips: int

    def of(self, step_time_s: NDArray[np.float64], it_energy_j: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of steps that take so long and so much energy of the machine. [s], [J] or [USD per step]"""
        if self.objective == "time":
            return step_time_s
        return it_energy_j if self.objective == "energy" else self.prices.usd(self.chips, step_time_s, it_energy_j)


@dataclass(frozen=True, slots=True)
class _TooLarge:
    """No layout fits in a precision: what the nearest lacks, and the message that says so."""

    precision: str
    missing_bytes: float
    text: str


@dataclass(frozen=True, slots=True)
class _Case:
    """One question: this job on these chips."""

    job: Job
    system: System
    chips: int
    practice: Practice

    def choose(self, space: Space, rank: _Rank) -> TrainingPlan | _TooLarge:
        """The best of a space, the next best and the front of time and energy; what is missing where none fits."""
        few = self.cost(space.layouts) if len(space.layouts) <= 1 + _RUNNERS_UP else None
        if few is not None:
            scores = scores_of(self.system, space.layouts, few)
        else:
            scores = score_layouts(self.job, self.system, space.layouts, practice=self.practice)
        fits = int(np.isfinite(scores.step_time_s).sum())
        if not fits:
            return _too_large(self.job, self.system, self.chips, space.layouts, scores.memory_bytes)
        ranked = smallest(rank.of(scores.step_time_s, scores.it_energy_j), min(_ZERO_STAGES * (1 + _RUNNERS_UP), fits))
        ranked = distinct(space.layouts, ranked)[: 1 + _RUNNERS_UP]
        front = pareto_front(scores.step_time_s, scores.it_energy_j)[:_LONGEST_FRONT]
        rejected = dict(space.rejected) | {MEMORY_REASON: len(space.layouts) - fits}
        shown, place = np.unique(np.concatenate((ranked, front)), return_inverse=True)
        layouts = space.layouts.take(shown)
        cost = self.cost(layouts) if few is None else few.take(shown)
        best, unbeaten = place[: len(ranked)], place[len(ranked) :]
        return _assemble(
            self,
            layouts.take(best),
            cost.take(best),
            layouts.take(unbeaten),
            cost.take(unbeaten),
            space.considered,
            rejected,
        )

    def cost(self, layouts: Layouts) -> StepCost:
        """All parts of the cost of some layouts."""
        return step_cost(self.job, self.system, layouts, practice=self.practice)


def _too_large(job: Job, system: System, chips: int, layouts: Layouts, memory: NDArray[np.float64]) -> _TooLarge:
    """What a model that fits in no layout lacks."""
    nearest = int(np.argmin(memory))
    have, need = system.accelerator.hbm_bytes, float(memory[nearest])
    none = f"none of {len(layouts):,} layouts fits" if len(layouts) > 1 else "the only layout does not fit"
    text = (
        f"{job.arch.key} on {chips} x {system.accelerator.key}: {none} in memory. The "
        f"nearest ({describe_layout(layouts, nearest)}) needs {need / 1e9:.1f} GB per chip of {have / 1e9:.1f} GB: "
        f"{(need - have) / 1e9:.1f} GB are missing. Use more chips, a shorter sequence, or an accelerator "
        "with more memory"
    )
    return _TooLarge(job.precision, need - have, text)


def _hfu(job: Job, layouts: Layouts, mfu: float) -> float:
    """MFU with what the chosen layout recomputes: forward passes of all or of some layers (a third of the model FLOPs),
    or nothing."""
    repeated = float(repeated_share(job.arch.layers, layouts)[0]) / 3.0
    head = 2.0 * job.arch.vocab * job.arch.hidden / model_flops_per_token(job.arch, job.attended)
    return mfu * (1.0 + max(repeated - head, 0.0))


def _assemble(
    case: _Case,
    chosen: Layouts,
    cost: StepCost,
    front: Layouts,
    front_cost: StepCost,
    considered: int,
    rejected: Mapping[str, int],
) -> TrainingPlan:
    """The plan record of the best layout (first of ``chosen``)."""
    job, system, chips = case.job, case.system, case.chips
    first, rest = np.arange(1), np.arange(1, len(chosen))
    step_time_s = float(cost.step_time_s[0])
    tokens_per_s = job.tokens / step_time_s
    peak = system.accelerator.peak_flops_per_s[peak_precision(system.accelerator, job.precision)]
    mfu = model_flops_per_token(job.arch, job.attended) * tokens_per_s / (chips * peak)
    chip_power_w = float(cost.chip_power_w[0])
    it_w = chip_power_w + system.overhead_w_per_chip
    used: dict[str, Assumption] = {a.name: a for a in (*job.arch.assumptions, *case.practice.assumptions)}
    return TrainingPlan(
        job=job,
        system=system.key,
        chips=chips,
        layout=chosen.take(first),
        cost=cost.take(first),
        runners_up=chosen.take(rest),
        runners_up_cost=cost.take(rest),
        considered=considered,
        rejected={reason: count for reason, count in rejected.items() if count},
        step_time_s=step_time_s,
        tokens_per_s=tokens_per_s,
        tokens_per_s_per_chip=tokens_per_s / chips,
        mfu=mfu,
        hfu=_hfu(job, chosen, mfu),
        chip_power_w=chip_power_w,
        it_w_per_chip=it_w,
        it_energy_j_per_token=it_w * chips / tokens_per_s,
        assumptions=tuple(used.values()),
        front=front,
        front_cost=front_cost,
        precisions=(job.precision,) * len(chosen),
        front_precisions=(job.precision,) * len(front),
        stack=case.practice.stack.key,
        optimizer=case.practice.optimizer.kind,
        evidence=case.practice.rests_on(peak_precision(system.accelerator, job.precision), job.arch),
        offload=tuple(sorted(case.practice.host.offloaded)) if case.practice.host else (),
        notes=tuple(
            filter(
                None,
                [
                    purpose_note(system),
                    unit_note(system, chips, partial(divides, job)),
                    *(f"Model: {text}." for text in job.arch.assumed),
                ],
            )
        ),
    )
