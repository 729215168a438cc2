"""Phases of a run: the batch that grows, long context, annealing; each as steps, useful time and power."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from megawatt.catalogue.records import System
from megawatt.errors import MegawattError, Problem, ScenarioError, shown
from megawatt.runs.records import PhaseRun
from megawatt.runs.settings import Phase, Ramp, RunSettings
from megawatt.training import Job, TrainingPlan, describe_layout, evaluate, parse_choices, plan

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["phase_problems", "phases_of"]

_RAMP_STAGES: Final = 8
"""Sizes of the batch that stand for one that grows."""


@dataclass(frozen=True, slots=True)
class _Question:
    first: TrainingPlan
    system: System
    catalogue: Catalogue


def phases_of(
    first: TrainingPlan, tokens: float, settings: RunSettings, system: System, catalogue: Catalogue
) -> list[PhaseRun]:
    """Phases of a run in their order: the batch's growth, the first plan's tokens, and what follows.

    Parameters
    ----------
    first : TrainingPlan
        The first phase.
    tokens : float
        Of the first phase, those of its ramp included. > 0
    settings : RunSettings
        Ramp and further phases.
    system, catalogue : System, Catalogue
        The plan's machine; facts.

    Raises
    ------
    ScenarioError
        If a ramp is longer than the run or begins above the batch.
    InfeasibleError
        If a phase has no layout that fits.
    """
    for problem in phase_problems(first.job, tokens, settings):
        raise ScenarioError(f"{problem.path} = {problem.found}; allowed: {problem.allowed}")
    asked = _Question(first, system, catalogue)
    ramp = settings.growing
    found = list(_growing(asked, ramp)) if ramp is not None else []
    rest = tokens - (ramp.tokens if ramp else 0.0)
    if rest > 0.0:
        found.append(_of_plan("pre-training", first, rest))
    for number, phase in enumerate(settings.phases, 2):
        found.append(_of_plan(f"phase {number}", _planned(asked, phase), phase.tokens))
    return found


def phase_problems(job: Job, tokens: float, settings: RunSettings) -> Iterator[Problem]:
    """What is wrong with the ramp and the phases of a job, before anything is planned."""
    ramp = settings.growing
    if ramp is not None and (ramp.tokens > tokens or ramp.batch > job.global_batch):
        allowed = f"from up to {job.global_batch:,} sequences, over up to the run's {tokens:g} tokens"
        yield Problem("ramp", shown(settings.ramp), allowed)
    for text, phase in zip(settings.phase, settings.phases, strict=True):
        try:
            _job(job, phase), parse_choices(phase.layout)
        except MegawattError as error:
            yield Problem("phase", shown(text), str(error))


def _job(job: Job, phase: Phase) -> Job:
    return replace(job, seq_len=phase.seq_len or job.seq_len, global_batch=phase.global_batch or job.global_batch)


def _of_plan(name: str, found: TrainingPlan, tokens: float) -> PhaseRun:
    steps = math.ceil(tokens / found.job.tokens)
    return PhaseRun(
        name, tokens, steps, found.job.seq_len, found.job.global_batch, steps * found.step_time_s, found.chip_power_w,
        describe_layout(found.layout),
    )  # fmt: skip


def _planned(asked: _Question, phase: Phase) -> TrainingPlan:
    """The plan of a phase on the same chips: its layout where it names one, else the best."""
    first = asked.first
    job = _job(first.job, phase)
    return plan(
        job, asked.system, first.chips, catalogue=asked.catalogue, stack=first.stack or None, offload=first.offload,
        optimizer=first.optimizer or None, choices=parse_choices(phase.layout),
    )  # fmt: skip


def _growing(asked: _Question, ramp: Ramp) -> Iterator[PhaseRun]:
    """The first plan's layout with batches that grow to its own, evenly with the tokens."""
    first = asked.first
    unit = int(first.layout.dp[0] * first.layout.micro_batch[0])
    ends = np.linspace(ramp.batch, first.job.global_batch, _RAMP_STAGES + 1)
    for batch in (ends[:-1] + ends[1:]) / 2.0:
        size = max(unit, round(batch / unit) * unit)
        job = replace(first.job, global_batch=size)
        cost = evaluate(
            job, asked.system, first.layout, catalogue=asked.catalogue, stack=first.stack or None,
            offload=first.offload, optimizer=first.optimizer or None,
        )  # fmt: skip
        steps = math.ceil(ramp.tokens / _RAMP_STAGES / job.tokens)
        yield PhaseRun(
            "ramp", ramp.tokens / _RAMP_STAGES, steps, job.seq_len, size, steps * float(cost.step_time_s[0]),
            float(cost.chip_power_w[0]), describe_layout(first.layout),
        )  # fmt: skip
