"""How a plan changes with the number of chips, with the machine, and with what its inputs may be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from megawatt.catalogue.memo import Memo
from megawatt.catalogue.records import System
from megawatt.errors import InfeasibleError, MegawattError, ScenarioError, shown
from megawatt.training.axes import divisors
from megawatt.training.planning import plan
from megawatt.training.practice import Practice, practice_for
from megawatt.training.reading import reading, tree, unmoved
from megawatt.training.records import MOST_COUNTED, Job, TrainingPlan
from megawatt.training.step import step_cost

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = [
    "Range",
    "Scaled",
    "best_within",
    "doublings",
    "fewest_within",
    "growing_batch",
    "per_chip_fracs",
    "smallest_within",
    "step_time_ranges",
    "sweep",
    "usable_counts",
]

_GRAINS: Final = (64, 32, 16, 8, 4, 2, 1)
"""Largest multiples of these up to a limit are tried: what a tensor, pipeline and context degree need, replicas take
the rest."""
_ODD: Final = (1, 3, 5, 7, 9)
"""Odd factors of numbers of chips that a fixed batch does not bring: those of a pipeline."""
_LEAST_USED: Final = 0.75
"""Share of a limit that is used, where any such number of chips has a layout."""
_TOKENS_PER_CHIP: Final = 1024
"""Tokens of a batch that grows with the chips, at least, per chip."""
_MOST_DOUBLED: Final = 20
"""Doublings of one chip until a step is short enough."""
_MOST_SWEPT: Final = 12
"""Numbers of chips of a sweep, its end apart."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A plan at one number of chips, or why there is none (``why`` is empty where there is a plan)."""

    chips: int
    global_batch: int
    plan: TrainingPlan | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """Step time and energy per token of one layout with one input at the ends of its published range. [s], [J]"""

    name: str
    low: float
    high: float
    step_time_low_s: float
    step_time_high_s: float
    j_per_token_low: float
    j_per_token_high: float


def sweep(
    job: Job,
    system: System,
    chips: Sequence[int],
    *,
    catalogue: Catalogue,
    precisions: Sequence[str] = (),
    weak: bool = False,
    **asked: Any,
) -> Iterator[Scaled]:
    """The best plan at each number of chips.

    Parameters
    ----------
    job, system : Job, System
        What is trained (weak scaling: at the first number of chips), and the machine.
    chips : sequence of int
        Numbers of chips.
    catalogue : Catalogue
        Achieved shares and stacks.
    precisions : sequence of str
        Precisions of which the best is taken; the job's own if not given.
    weak : bool
        Let the batch grow with the chips; otherwise it stays (strong scaling).
    **asked
        What else `plan` is asked: stack, offload, optimizer, choices, schedules.
    """
    for n in chips:
        batch = job.global_batch * n // chips[0] if weak else job.global_batch
        try:
            here = replace(job, global_batch=batch)
            found = plan(here, system, n, catalogue=catalogue, precisions=precisions, **asked)
        except MegawattError as error:
            yield Scaled(n, batch, None, str(error))
        else:
            yield Scaled(n, batch, found)


def doublings(low: int, high: int) -> list[int]:
    """Numbers of chips of a sweep: from one, doubled, to another, both included (at most twelve before the last).

    Raises
    ------
    ScenarioError
        If the first is below 1, the last below the first or above 10 million.
    """
    if not 1 <= low <= high <= MOST_COUNTED:
        found = f"chips {shown(low)} to {shown(high)}"
        raise ScenarioError(f"{found}; allowed: 1 to {MOST_COUNTED:,}, the smaller number first")
    counts = [low]
    while counts[-1] * 2 <= high and len(counts) < _MOST_SWEPT:
        counts.append(counts[-1] * 2)
    return counts if counts[-1] == high else [*counts, high]


def smallest_within(scaled: Sequence[Scaled], target_s: float) -> Scaled | None:
    """The fewest chips whose step takes no longer than a target; None where all take longer."""
    if not 0.0 < target_s < math.inf:
        raise ScenarioError(f"target_s = {target_s:g} s; allowed: a number above 0")
    fast = [s for s in scaled if s.plan is not None and s.plan.step_time_s <= target_s]
    return min(fast, key=lambda s: s.chips) if fast else None


def per_chip_fracs(scaled: Sequence[Scaled]) -> list[float | None]:
    """Tokens per second and chip at each number of chips over those at the first that has a plan; None without one."""
    first = next((s.plan for s in scaled if s.plan is not None), None)
    return [
        None if s.plan is None or first is None else s.plan.tokens_per_s_per_chip / first.tokens_per_s_per_chip
        for s in scaled
    ]


def growing_batch(job: Job, chips: int) -> Job:
    """The job with a batch that grows with the chips: at least its own, at least 1,024 tokens a chip (Llama 3 405B: 16
    million tokens on 16,384 chips, arXiv 2407.21783, section 3.4), in the least number of sequences that is the chips
    times or over a power of two, so that any layout of them divides it."""
    least = max(job.global_batch, -(-_TOKENS_PER_CHIP * chips // job.seq_len))
    batch = chips
    while batch % 2 == 0 and batch // 2 >= least:
        batch //= 2
    while batch < least:
        batch *= 2
    return replace(job, global_batch=batch)


def usable_counts(job: Job, limit: int, *, grows: bool) -> list[int]:
    """Numbers of chips up to a limit that layouts of a job divide, the largest first.

    A batch that grows with the chips is divided by any replicas: the largest multiples of powers of two up to 64, apart
    from those (odd ones) that would need more sequences for each chip than the others. Replicas of a fixed batch divide
    it: for each of 1, 3, 5, 7 and 9 the largest number that is a divisor of the batch times it and a power of two.

    Parameters
    ----------
    job : Job
        What is trained.
    limit : int
        Most chips. >= 1
    grows : bool
        The batch is that of `growing_batch`.
    """
    if not grows:
        return _between(job.global_batch, 0, limit, 1)
    counts = sorted({limit // grain * grain for grain in _GRAINS} - {0}, reverse=True)
    each = {n: growing_batch(job, n).global_batch / n for n in counts}
    return [n for n in counts if each[n] == min(each.values())]


def _between(batch: int, low: int, high: int, most: int | None = None) -> list[int]:
    """Numbers above one and up to another that are a divisor of a batch times an odd factor and a power of two, the
    largest first; of each odd factor so many at most."""
    brought = [d for d in divisors(batch).tolist() if d <= high]
    found: set[int] = set()
    for odd in _ODD:
        sizes = {
            odd * d << power for d in brought for power in range(high.bit_length()) if low < odd * d << power <= high
        }
        found |= set(sorted(sizes, reverse=True)[:most])
    return sorted(found, reverse=True)


def best_within(
    job: Job,
    system: System,
    limit: float,
    *,
    catalogue: Catalogue,
    grows: bool = False,
    **asked: Any,
) -> TrainingPlan:
    """The plan with the most tokens per second on at most so many chips; ``asked`` as of `sweep`.

    The numbers of chips of `usable_counts` are tried, down to three quarters of the limit where any has a layout; the
    chips that are left over stand idle. ``grows``: the batch is that of `growing_batch`.

    Raises
    ------
    InfeasibleError
        If no such number has a layout that fits; the message is that of the largest.
    """
    if not 0.0 < limit <= MOST_COUNTED:
        raise ScenarioError(f"{system.key}: {limit:g} chips; allowed: above 0, up to {MOST_COUNTED:,}")
    if limit < 1:
        raise InfeasibleError(f"{system.key}: {limit:.2f} chips; allowed: 1 or more. Raise the power, cost or chips")
    found: list[Scaled] = []
    for n in usable_counts(job, int(limit), grows=grows):
        if n < _LEAST_USED * limit and any(s.plan for s in found):
            break
        here = growing_batch(job, n) if grows else job
        found += list(sweep(here, system, [n], catalogue=catalogue, **asked))
    plans = [s.plan for s in found if s.plan is not None]
    if not plans:
        raise InfeasibleError(found[0].why)
    return max(plans, key=lambda p: p.tokens_per_s)


def fewest_within(job: Job, system: System, target_s: float, *, catalogue: Catalogue, **asked: Any) -> TrainingPlan:
    """The plan on the fewest chips, in numbers that divide the batch well, whose step is no longer than a target.

    Chips are doubled until the step is short enough, then the numbers in between are halved: more chips are taken to be
    faster.

    Raises
    ------
    InfeasibleError
        If no number of chips up to 2^20 is fast enough; the message names the fastest.
    """
    if not 0.0 < target_s < math.inf:
        raise ScenarioError(f"step_s = {target_s:g} s; allowed: a number above 0")

    def at(chips: int) -> Scaled:
        return next(iter(sweep(job, system, [chips], catalogue=catalogue, **asked)))

    fastest: TrainingPlan | None = None
    for power in range(_MOST_DOUBLED + 1):
        found = at(2**power).plan
        if found is not None and (fastest is None or found.step_time_s < fastest.step_time_s):
            fastest = found
        if found is not None and found.step_time_s <= target_s:
            break
    else:
        best = "none fits" if fastest is None else f"{fastest.chips:,} chips take {fastest.step_time_s:.3g} s"
        raise InfeasibleError(f"{system.key}: no step of {target_s:g} s up to {2**_MOST_DOUBLED:,} chips: {best}")
    between = _between(job.global_batch, found.chips // 2, found.chips - 1)[::-1]
    low, high = 0, len(between)
    while low < high:
        middle = (low + high) // 2
        here = at(between[middle]).plan
        if here is not None and here.step_time_s <= target_s:
            found, high = here, middle
        else:
            low = middle + 1
    return found


def step_time_ranges(system: System, found: TrainingPlan, catalogue: Catalogue) -> list[Range]:
    """Step time of the plan's layout with each input at the ends of its range, one at a time; the widest first.

    Inputs without a published range are left out. Facts that were derived from relatives have no key of their own in
    the catalogue and are left out too; the constants of ``training-practice`` stand for them.
    """
    base, ranges = Memo(catalogue), []
    set_up = partial(_machine, found=found, system=system.key)
    here = base("machine", set_up)
    noting, read = reading(here)
    planned = _step(found, *noting)
    numbers = tree(read)

    def at(facts: Catalogue) -> tuple[float, float]:
        there = Memo(facts, base.made)("machine", set_up)
        step_s, chip_w = planned if unmoved(here, there, numbers) else _step(found, *there)
        return step_s, (chip_w + there[0].overhead_w_per_chip) * found.chips * step_s / found.job.tokens

    for used in found.assumptions:
        fact, (key, _, field) = used.fact, used.name.partition(".")
        if fact.low is None or fact.high is None or fact.low == fact.high or key not in catalogue.entries:
            continue
        if field not in catalogue.get(key).facts or isinstance(fact.value, str):
            continue
        low, high = (at(catalogue.replace_fact(key, field, value)) for value in (fact.low, fact.high))
        if low != high:
            ranges.append(Range(used.name, fact.low, fact.high, low[0], high[0], low[1], high[1]))
    return sorted(ranges, key=lambda r: -abs(r.step_time_high_s - r.step_time_low_s))


def _machine(catalogue: Catalogue, *, found: TrainingPlan, system: str) -> tuple[System, Practice]:
    """A plan's machine, and what is reached on it, under other facts."""
    machine = catalogue.system(system)
    optimizer = found.optimizer
    return machine, practice_for(
        catalogue, machine, found.stack, offload=found.offload, optimizer=optimizer, jobs=[found.job]
    )


def _step(found: TrainingPlan, machine: System, practice: Practice) -> tuple[float, float]:
    """Step time and power of a chip of a plan's layout on a machine. [s], [W]"""
    # What the layout needs of memory decides no time.
    memory = dict(found.cost.memory_parts_bytes)
    cost = step_cost(found.job, machine, found.layout, practice=practice, memory=memory)
    return float(cost.step_time_s[0]), float(cost.chip_power_w[0])
