"""How a plan changes with the number of chips, with the machine, and with what its inputs may be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from megawatt.catalogue.records import System
from megawatt.errors import InfeasibleError, MegawattError, ScenarioError, shown
from megawatt.training.planning import evaluate, plan
from megawatt.training.records import MOST_COUNTED, Job, TrainingPlan

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = [
    "Range",
    "Scaled",
    "best_within",
    "doublings",
    "per_chip_fracs",
    "smallest_within",
    "step_time_ranges",
    "sweep",
]

_PRIMES: Final = (2, 3, 5, 7)
"""Numbers of chips that layouts divide well are products of these."""
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
    """Step time of one layout with one input at the ends of its published range. [s]"""

    name: str
    low: float
    high: float
    step_time_low_s: float
    step_time_high_s: float


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


def _smooth_below(limit: int, largest_prime: int) -> int:
    """The largest number up to a limit without a prime factor above another."""
    for n in range(limit, 0, -1):
        rest = n
        for prime in _PRIMES:
            while prime <= largest_prime and rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
    return 1


def best_within(
    job: Job,
    system: System,
    limit: float,
    *,
    catalogue: Catalogue,
    **asked: Any,
) -> TrainingPlan:
    """The plan with the most tokens per second on at most so many chips; ``asked`` as of `sweep`.

    Layouts want numbers with small factors, so the largest numbers up to the limit with no prime factor above 2, 3, 5
    and 7 are tried; the chips that are left over stand idle.

    Raises
    ------
    InfeasibleError
        If no such number has a layout that fits; the message is that of the largest.
    """
    if not 0.0 < limit <= MOST_COUNTED:
        raise ScenarioError(f"{system.key}: {limit:g} chips; allowed: above 0, up to {MOST_COUNTED:,}")
    if limit < 1:
        raise InfeasibleError(f"{system.key}: {limit:.2f} chips; allowed: 1 or more. Raise the power, cost or chips")
    counts = sorted({_smooth_below(int(limit), prime) for prime in _PRIMES}, reverse=True)
    found = [
        s
        for s in sweep(job, system, counts, catalogue=catalogue, **asked)
        if s.plan is not None or s.chips == counts[0]
    ]
    plans = [s.plan for s in found if s.plan is not None]
    if not plans:
        raise InfeasibleError(found[0].why)
    return max(plans, key=lambda p: p.tokens_per_s)


def step_time_ranges(system: System, found: TrainingPlan, catalogue: Catalogue) -> list[Range]:
    """Step time of the plan's layout with each input at the ends of its range, one at a time; the widest first.

    Inputs without a published range are left out. Facts that were derived from relatives have no key of their own in
    the catalogue and are left out too; the constants of ``training-practice`` stand for them.
    """
    ranges = []
    for used in found.assumptions:
        fact, (key, _, field) = used.fact, used.name.partition(".")
        if fact.low is None or fact.high is None or fact.low == fact.high or key not in catalogue.entries:
            continue
        if field not in catalogue.get(key).facts or isinstance(fact.value, str):
            continue
        low, high = (
            _step_time_s(system.key, found, catalogue.replace_fact(key, field, value))
            for value in (fact.low, fact.high)
        )
        if low != high:
            ranges.append(Range(used.name, fact.low, fact.high, low, high))
    return sorted(ranges, key=lambda r: -abs(r.step_time_high_s - r.step_time_low_s))


def _step_time_s(system: str, found: TrainingPlan, catalogue: Catalogue) -> float:
    cost = evaluate(
        found.job,
        catalogue.system(system),
        found.layout,
        catalogue=catalogue,
        stack=found.stack,
        offload=found.offload,
        optimizer=found.optimizer,
    )
    return float(cost.step_time_s[0])
