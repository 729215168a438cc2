"""All parallel layouts of a model on so many chips."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from megawatt.arrays import IntArray
from megawatt.errors import Problem, ScenarioError, counted, shown
from megawatt.training.axes import NOTHING, Fixed, choices_under, count_under, held, micro_batches, splits_of
from megawatt.training.division import broken, rules_of, tensor_dimensions
from megawatt.training.features import MODULES
from megawatt.training.records import MOST_COUNTED, Job, Layouts
from megawatt.training.schedules import CODES, SCHEDULES
from megawatt.training.units import core_hint
from megawatt.workload import ModelArch

__all__ = [
    "LIMITS",
    "Space",
    "chosen_space",
    "divides",
    "enumerate_layouts",
    "layouts_like",
    "one_layout",
    "search_space",
]


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Space:
    """All layouts of a model on so many chips: those that pass the rules of division, and how many fail which rule.

    ``considered`` counts both.
    """

    layouts: Layouts
    rejected: Mapping[str, int]
    considered: int


LIMITS: Final = {
    **dict.fromkeys(("tp", "pp", "dp", "vpp", "cp", "ep", "etp", "micro_batch"), (1, MOST_COUNTED)),
    "zero": (0, 3),
    "recompute": (0, 2),
    "sequence_parallel": (0, 1),
    "zero_group": (0, MOST_COUNTED),
    "schedule": (0, len(SCHEDULES)),
    "cp_exchange": (0, 1),
    "first_layers": (0, MOST_COUNTED),
    "last_layers": (0, MOST_COUNTED),
    "modules": (0, 2 ** len(MODULES) - 1),
    "repeated_layers": (0, MOST_COUNTED),
    "group_layers": (0, MOST_COUNTED),
}
"""Least and largest value of each field of a layout."""
_GIVEN: Final = (
    "zero_group",
    "schedule",
    "cp_exchange",
    "first_layers",
    "last_layers",
    "modules",
    "repeated_layers",
    "group_layers",
)
"""Fields that no search varies: where they are not given they are 0."""


def _check_values(choices: Mapping[str, int]) -> None:
    """Refuse fields that no layout has, and values that a field cannot have; all of them at once."""
    unknown = sorted(set(choices) - set(LIMITS))
    if unknown or not choices:
        raise ScenarioError(f"layout: {', '.join(unknown) or 'no choice'}; allowed: {', '.join(LIMITS)}")
    problems = [
        Problem(name, shown(value), f"{LIMITS[name][0]} to {LIMITS[name][1]:,}")
        for name, value in choices.items()
        if not LIMITS[name][0] <= value <= LIMITS[name][1]
    ]
    if problems:
        raise ScenarioError(f"layout: {problems[0]}", problems)


def one_layout(*, sequence_parallel: bool | None = None, **choices: int) -> Layouts:
    """One layout as arrays of length 1; degrees that are not given are 1, and so is ZeRO's stage, everything else is 0.

    Parameters
    ----------
    sequence_parallel : bool, optional
        Where there is tensor parallelism unless said otherwise.
    **choices : int
        Values by field of `Layouts`.

    Raises
    ------
    ScenarioError
        If there is no such field, a degree is no whole number from 1 to 10 million, or another value is none of the
        kinds.
    """
    sharded = choices.get("tp", 1) > 1 if sequence_parallel is None else sequence_parallel
    values = {name: max(low, 1) if high > 2 else low for name, (low, high) in LIMITS.items()}
    values |= dict.fromkeys(_GIVEN, 0) | {"recompute": 0} | choices
    _check_values(values)
    arrays: dict[str, Any] = {name: np.array([value], dtype=np.int64) for name, value in values.items()}
    return Layouts(**arrays | {"sequence_parallel": np.array([sharded])})


def search_space(job: Job, chips: int, fixed: Fixed = NOTHING, *, unsaid: Collection[str] = ()) -> Space:
    """Every layout of a job on so many chips; memory is not looked at.

    The product of all tp, pp, cp, dp that use up the chips (tp up to 128, cp up to 64), virtual stages that cut a stage
    into equal chunks (up to 16), ep that divide the experts with etp 1 or tp, ten micro-batches that divide the
    batch (up to 131,072 tokens or 8 sequences), ZeRO 1 to 3, no, selective or full recompute, and sequence parallelism
    or not. Pipelines may be uneven. ZeRO 0 takes as long as ZeRO 1 and needs more memory. The schedule is the stack's,
    sharding groups are whole, context goes round a ring, unless they are held.

    Parameters
    ----------
    job : Job
        What is trained.
    chips : int
        Chips to use, all of them. >= 1
    fixed : mapping of str to int
        Values by field of `Layouts` that are held, also beyond the bounds of the search.
    unsaid : collection of str
        Those of them that a message need not repeat.

    Raises
    ------
    ScenarioError
        If there is no chip, a held value is none of its field, or no layout divides evenly; names the rules that are
        broken, or nearby numbers of chips that do divide.
    """
    if not 1 <= chips <= MOST_COUNTED:
        raise ScenarioError(f"chips = {shown(chips)}; allowed: 1 or more, up to {MOST_COUNTED:,}")
    if fixed:
        _check_values(fixed)
    said = {name: value for name, value in fixed.items() if name not in unsaid}
    splits = splits_of(job.arch, chips, fixed)
    if not len(splits):
        raise ScenarioError(_no_split(job, chips, said))
    # Rules that a whole split breaks are counted without building what is under it.
    rules = rules_of(job, _as_layouts(splits), chips)
    first = broken(rules, len(splits))
    micro = held(fixed, "micro_batch", micro_batches(job))
    sizes = np.array(_under(count_under, job.arch, splits, micro, fixed))
    rejected: Counter[str] = Counter()
    for number, (_, text) in enumerate(rules, 1):
        rejected[text] += int(sizes[first == number].sum())
    whole = np.flatnonzero(first == 0)
    if not len(whole):
        raise ScenarioError(_no_split(job, chips, said, rejected))
    layouts = _joined(splits[whole], _under(choices_under, job.arch, splits[whole], micro, fixed), fixed)
    rules = rules_of(job, layouts, chips)
    found = broken(rules, len(layouts))
    for (_, text), count in zip(rules, np.bincount(found, minlength=len(rules) + 1)[1:], strict=True):
        rejected[text] += int(count)
    if found.all():
        raise ScenarioError(_no_split(job, chips, said, rejected))
    return Space(layouts.take(found == 0), {t: n for t, n in rejected.items() if n}, int(sizes.sum()))


def _under(
    what: Callable[[ModelArch, int, int, IntArray, Fixed], T], arch: ModelArch, splits: IntArray, micro: IntArray,
    fixed: Fixed,
) -> list[T]:  # fmt: skip
    """What can be chosen under each split; splits of the same tensor and pipeline degree share it."""
    pairs = [(int(tp), int(pp)) for tp, pp, *_ in splits]
    found = {pair: what(arch, *pair, micro, fixed) for pair in set(pairs)}
    return [found[pair] for pair in pairs]


def _joined(splits: IntArray, under: Sequence[Mapping[str, IntArray]], fixed: Fixed) -> Layouts:
    """Every choice under every split."""
    sizes = [len(choices["vpp"]) for choices in under]
    arrays: dict[str, Any] = {name: np.concatenate([choices[name] for choices in under]) for name in under[0]}
    arrays |= {name: np.repeat(splits[:, place], sizes) for place, name in enumerate(("tp", "pp", "cp", "dp"))}
    arrays |= {name: np.full(sum(sizes), fixed[name]) for name in _GIVEN if name in fixed}
    return Layouts(**arrays)


def layouts_like(job: Job, chips: int, choices: Mapping[str, int]) -> Layouts:
    """The layouts of `chosen_space`."""
    return chosen_space(job, chips, choices).layouts


def chosen_space(
    job: Job, chips: int, choices: Mapping[str, int], schedules: Sequence[str] = (), *, cores: Sequence[int] = ()
) -> Space:
    """The layouts that agree with some choices: one where tensor, pipeline and micro-batch are given, all such
    otherwise.

    Parameters
    ----------
    job : Job
        What is trained.
    chips : int
        Chips to use, all of them.
    choices : mapping of str to int
        Value by field of `Layouts` (``sequence_parallel`` 0 or 1). ``dp`` follows from the chips where it is not given
        with tp, pp and micro_batch; other fields are then as of `one_layout`.
    schedules : sequence of str
        Pipeline schedules that are searched together; those that no layout can run are passed over.
    cores : sequence of int
        Cores of a chip that people count instead of chips, for a hint.

    Raises
    ------
    ScenarioError
        If a field is unknown, or no layout of these chips has these values; says which rules are broken.
    """
    unknown = [name for name in schedules if name not in CODES]
    if unknown:
        raise ScenarioError(f"schedule {', '.join(map(shown, unknown))}; allowed: {', '.join(SCHEDULES)}")
    if schedules and choices.get("schedule"):
        raise ScenarioError("schedule: the layout holds one, and others are searched; allowed: one of the two")
    if choices or not schedules:
        _check_values(choices)
    usual: dict[str, int] = {}
    if {"tp", "pp", "micro_batch"} <= set(choices):
        usual = {"vpp": 1, "cp": 1, "ep": 1, "etp": 1, "zero": 1, "recompute": 0}
        usual |= {"sequence_parallel": int(choices["tp"] > 1)}
    spaces, refused = [], []
    for one in [dict(choices) | {"schedule": CODES[name]} for name in dict.fromkeys(schedules)] or [dict(choices)]:
        try:
            spaces.append(search_space(job, chips, usual | one, unsaid=set(usual) - set(choices)))
        except ScenarioError as error:
            refused.append(error)
    if not spaces:
        hint = core_hint(choices, chips, cores)
        raise ScenarioError(f"{refused[0]}; {hint}") if hint else refused[0]
    rejected = sum((Counter(space.rejected) for space in spaces), Counter[str]())
    return Space(Layouts.joined([s.layouts for s in spaces]), rejected, sum(s.considered for s in spaces))


def _as_layouts(splits: IntArray) -> Layouts:
    """Splits alone: everything else is 1 or off."""
    one = np.ones(len(splits), dtype=np.int64)
    tp, pp, cp, dp = splits.T
    return Layouts(tp, pp, one, cp, one, dp, one, one, 0 * one, one < 0)


def enumerate_layouts(job: Job, chips: int) -> Layouts:
    """The layouts of `search_space` that pass the rules of division."""
    return search_space(job, chips).layouts


def divides(job: Job, chips: int) -> bool:
    """Whether any layout of a job makes up a number of chips."""
    splits = splits_of(job.arch, chips)
    return bool((broken(rules_of(job, _as_layouts(splits), chips), len(splits)) == 0).any())


def _no_split(job: Job, chips: int, fixed: Fixed = NOTHING, rejected: Mapping[str, int] = NOTHING) -> str:
    """Why no layout passes: the rules that the held values break, or chips that divide better."""
    if fixed:
        names = {CODES[name]: name for name in SCHEDULES}
        words = ", ".join(f"{name}={names[v] if name == 'schedule' and v else v}" for name, v in fixed.items())
        product = math.prod(fixed.get(name, 1) for name in ("tp", "pp", "cp", "dp"))
        rules = sorted((n, text) for text, n in rejected.items() if n)[::-1]
        none = f"tp x pp x cp x dp = {product} does not divide {chips} chips"
        whole = {"tp", "pp", "cp", "dp"} <= set(fixed)
        why = "; ".join(text for _, text in rules[:3]) or (none.replace("divide", "make up") if whole else none)
        asked = f"{counted(chips, 'chip')}, {counted(job.global_batch, 'sequence')} of {job.seq_len:,} tokens"
        return f"layout {words}: {why} ({asked})"
    near = [
        n
        for n in sorted(range(max(chips - 64, 1), chips + 65), key=lambda n: abs(n - chips))
        if n != chips and divides(job, n)
    ]
    heads = " and ".join(map(str, sorted(tensor_dimensions(job.arch)[0]))) or "no"
    hint = f"; these numbers of chips do: {', '.join(map(str, near[:3]))}" if near else ""
    return (
        f"chips = {chips}: no tp x pp x cp x dp divides {heads} heads of {job.arch.key}, {job.seq_len} "
        f"tokens and a global batch of {counted(job.global_batch, 'sequence')}{hint}. Change chips or global_batch"
    )
