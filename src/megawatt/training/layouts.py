"""All parallel layouts of a model on so many chips, and why some of them cannot run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import IntArray
from megawatt.errors import Problem, ScenarioError, shown
from megawatt.training.features import MODULES
from megawatt.training.records import MOST_COUNTED, Job, Layouts
from megawatt.training.schedules import CODES, SCHEDULES, TWO_CHUNKS, among
from megawatt.training.units import core_hint
from megawatt.workload import Attention, Latent, Mlp, ModelArch, structure

__all__ = [
    "LIMITS",
    "Space",
    "chosen_space",
    "divisors",
    "enumerate_layouts",
    "layout_reasons",
    "layouts_like",
    "one_layout",
    "search_space",
]


_MOST_TENSOR: Final = 128
"""Largest tensor-parallel degree that is searched."""
_MOST_CONTEXT: Final = 64
"""Largest context-parallel degree that is searched."""
_MOST_TOKENS: Final = 131_072
"""Tokens of a micro-batch beyond which larger ones gain nothing."""
_MOST_MICRO_LONG: Final = 8
"""Sequences of a micro-batch that are searched however long they are."""
_MOST_MICRO: Final = 64
"""Sequences of a micro-batch at most."""
_MOST_SIZES: Final = 10
"""Micro-batches hold at most so many tokens (or so many sequences where those are long), and at most 64 sequences."""
_DIVISORS_OF_A_PRIME: Final = 2
"""One and itself."""
_PLACES: Final = 2
"""Chunks of an interleaved pipeline without a layer: the token table and the output projection may stand alone (405B
recipes with 30 layers in 32 chunks)."""
_MOST_VIRTUAL: Final = 16
"""Virtual stages at most."""
_ZERO: Final = (1, 2, 3)
"""Stages of ZeRO that are searched; 0 is never better than 1."""
_RECOMPUTE: Final = (0, 1, 2)
"""None, selective, full."""
_ALL: Final[Mapping[str, int]] = MappingProxyType({})
"""Nothing is held."""


@dataclass(frozen=True, slots=True)
class Space:
    """All layouts of a model on so many chips: those that pass the rules of division, and how many fail which rule.

    ``considered`` counts both.
    """

    layouts: Layouts
    rejected: Mapping[str, int]
    considered: int


def divisors(number: int) -> IntArray:
    """Divisors of a positive integer, increasing."""
    small = np.arange(1, int(number**0.5) + 1, dtype=np.int64)
    small = small[number % small == 0]
    return np.unique(np.concatenate([small, number // small]))


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


def _tensor_dimensions(arch: ModelArch) -> tuple[set[int], set[int], set[int]]:
    """What a tensor-parallel group shares out: heads of mixers, those that it may copy, widths of dense MLPs."""
    kinds = structure(arch).kinds
    mixers = [m for kind in kinds for m in kind.mixers]
    shared = {m.core_kv_heads if isinstance(m, Attention | Latent) else m.groups for m in mixers}
    return {m.heads for m in mixers}, shared, {k.mlp.width for k in kinds if isinstance(k.mlp, Mlp)}


def _uneven_tensors(arch: ModelArch, tp: IntArray) -> tuple[NDArray[np.bool_], ...]:
    """Where a tensor group does not share out heads, heads that it may copy, and MLPs of any layer; arrays (n,)."""
    # Degrees are few: each is looked at once.
    degrees = np.maximum(np.arange(int(tp.max(initial=1)) + 1), 1)
    heads, shared, widths = (np.array(sorted(n), dtype=np.int64)[:, None] for n in _tensor_dimensions(arch))
    copied = np.maximum(degrees, shared) % np.minimum(degrees, shared)
    broken = (np.asarray(rest.any(axis=0)) for rest in (heads % degrees, copied, widths % degrees))
    return tuple(np.asarray(each[tp]) for each in broken)


def _rules(job: Job, y: Layouts, chips: int | IntArray) -> tuple[tuple[NDArray[np.bool_], str], ...]:
    """Each rule of division: where it is broken, and what it says."""
    arch, seq_len, global_batch = job.arch, job.seq_len, job.global_batch
    ranks = y.tp * y.cp * y.dp
    heads, copies, widths = _uneven_tensors(arch, y.tp)
    micro = -(-global_batch // (y.dp * y.micro_batch))
    return (
        (ranks * y.pp != chips, "tp x pp x cp x dp is not the number of chips"),
        (heads, "tp does not divide the attention heads"),
        (copies, "tp and the key-value heads do not divide each other"),
        (widths, "tp does not divide the MLP width"),
        (y.pp * y.vpp > arch.layers + _PLACES, "more pipeline stages than layers"),
        ((y.vpp > 1) & (y.pp == 1), "virtual stages need pipeline stages"),
        (seq_len % np.where(y.cp > 1, 2 * y.cp, 1) != 0, "2 x cp does not divide the sequence"),
        ((seq_len // y.cp) % np.where(y.sequence_parallel, y.tp, 1) != 0, "tp does not divide the chip's sequence"),
        (global_batch % (y.dp * y.micro_batch) != 0, "dp x micro-batch does not divide the global batch"),
        ((y.vpp > 1) & (micro % y.pp != 0), "interleaved: pp does not divide the micro-batches"),
        (((y.ep > 1) | (y.etp > 1)) & (arch.experts == 0), "expert parallelism needs experts"),
        (max(arch.experts, 1) % y.ep != 0, "ep does not divide the experts"),
        (ranks % (y.ep * y.etp) != 0, "ep x etp does not divide tp x cp x dp"),
        ((y.etp > 1) & (y.etp != y.tp), "etp is neither 1 nor tp"),
        *_special_rules(arch, y, micro),
    )


def _special_rules(arch: ModelArch, y: Layouts, micro: IntArray) -> Iterator[tuple[NDArray[np.bool_], str]]:
    """Rules of what no search varies: sharding groups, all-to-all, schedules, stages of given layers."""
    if y.names("zero_group"):
        yield (y.dp * y.cp) % np.maximum(y.zero_group, 1) != 0, "the sharding group does not divide dp x cp"
    if y.names("cp_exchange"):
        shared = np.array(sorted(_tensor_dimensions(arch)[1]), dtype=np.int64)[:, None]
        uneven = (np.maximum(shared // y.tp, 1) % y.cp).any(axis=0)
        yield (y.cp_exchange > 0) & uneven, "cp by all-to-all does not divide a chip's key-value heads"
    if y.names("schedule"):
        paired = among(y.schedule, (CODES["dualpipe"], CODES["dualpipev"]))
        yield (y.schedule > CODES["1f1b"]) & (y.vpp > 1), "virtual stages are of the schedule 1f1b"
        yield (y.schedule > CODES["1f1b"]) & (y.pp == 1), "this schedule needs pipeline stages"
        yield (y.schedule == CODES["dualpipe"]) & (y.pp % 2 != 0), "DualPipe needs an even pp"
        yield paired & (micro < 2 * y.pp), "DualPipe needs 2 x pp micro-batches"
        yield among(y.schedule, TWO_CHUNKS) & (2 * y.pp > arch.layers + _PLACES), "more pipeline stages than layers"
    if y.names("first_layers", "last_layers"):
        rest = arch.layers - y.first_layers - y.last_layers
        between = y.pp - (y.first_layers > 0) - (y.last_layers > 0)
        yield y.pp == 1, "layers of the first or last stage need pipeline stages"
        yield rest < between, "the first and last stage leave too few layers"
        yield (between == 0) & (rest != 0), "the stages do not hold all layers"


def _broken(rules: tuple[tuple[NDArray[np.bool_], str], ...], size: int) -> NDArray[np.uint8]:
    """Number of the first broken rule of each layout, from 1; 0 where none is. Shape (n,)."""
    first = np.zeros(size, dtype=np.uint8)
    for number in range(len(rules), 0, -1):
        first[np.broadcast_to(rules[number - 1][0], (size,))] = number
    return first


def layout_reasons(job: Job, layouts: Layouts, *, chips: int | IntArray) -> NDArray[np.str_]:
    """Why each layout cannot be set up, empty where it can; shape (n,). Memory is not looked at.

    Parameters
    ----------
    job, layouts
        What is trained, and layouts.
    chips : int or (n,)
        Chips that tp * pp * cp * dp must use up.

    Notes
    -----
    An interleaved pipeline takes micro-batches in groups of pp (Megatron-LM; arXiv 2104.04473, section 2.2).
    """
    rules = _rules(job, layouts, chips)
    texts = np.array(["", *(text for _, text in rules)], dtype=np.str_)
    return np.asarray(texts[_broken(rules, len(layouts))])


Fixed = Mapping[str, int]
"""Values by field that a search holds."""


def _held(fixed: Fixed, name: str, values: IntArray) -> IntArray:
    """An axis of the search: its values, or the one that is held."""
    return np.array([fixed[name]], dtype=np.int64) if name in fixed else values


def _splits(arch: ModelArch, chips: int, fixed: Fixed = _ALL) -> IntArray:
    """All (tp, pp, cp, dp) that use up the chips, rows of shape (m, 4); within the bounds of degrees where they are not
    held."""
    steps = divisors(chips)
    tp, pp, cp = (
        v.ravel()
        for v in np.meshgrid(
            _held(fixed, "tp", steps[steps <= min((*_tensor_dimensions(arch)[0], _MOST_TENSOR))]),
            _held(fixed, "pp", steps[steps <= arch.layers]),
            _held(fixed, "cp", steps[steps <= _MOST_CONTEXT]),
            indexing="ij",
        )
    )
    dp = chips // (tp * pp * cp)
    fits = (chips % (tp * pp * cp) == 0) & (dp == fixed.get("dp", dp))
    return np.asarray(np.stack([tp, pp, cp, dp], axis=1)[fits])


def _virtual(layers: int, pp: int, fixed: Fixed = _ALL) -> IntArray:
    """Numbers of virtual stages: those that cut the fullest stage into equal chunks; one where the schedule is another
    than 1F1B."""
    if "vpp" in fixed or fixed.get("schedule", 0) > CODES["1f1b"]:
        return np.array([fixed.get("vpp", 1)], dtype=np.int64)
    chunks = divisors(-(-layers // pp)) if pp > 1 else np.ones(1, dtype=np.int64)
    return chunks[(chunks <= _MOST_VIRTUAL) & (chunks * pp <= layers + _PLACES)]


def _experts(arch: ModelArch, tp: int, fixed: Fixed = _ALL) -> IntArray:
    """Pairs (ep, etp), rows of shape (m, 2)."""
    one = np.ones(1, dtype=np.int64)
    eps = _held(fixed, "ep", divisors(arch.experts) if arch.experts else one)
    etps = _held(fixed, "etp", np.unique([1, tp]) if arch.experts else one)
    return np.array([(ep, etp) for ep in eps for etp in etps], dtype=np.int64)


def _axes(arch: ModelArch, split: IntArray, micro: IntArray, fixed: Fixed) -> tuple[IntArray, ...]:
    """What can be chosen under one split: virtual stages, micro-batch, place among `_experts`, ZeRO, recompute,
    sequence parallelism."""
    tp, pp = int(split[0]), int(split[1])
    return (
        _virtual(arch.layers, pp, fixed),
        micro,
        np.arange(len(_experts(arch, tp, fixed))),
        _held(fixed, "zero", np.array(_ZERO)),
        _held(fixed, "recompute", np.array(_RECOMPUTE)),
        _held(fixed, "sequence_parallel", np.array([0, 1] if tp > 1 else [0])),
    )


def _inner(arch: ModelArch, split: IntArray, micro: IntArray, fixed: Fixed) -> dict[str, IntArray]:
    """Everything that can be chosen under one split, flattened."""
    tp, pp, cp, dp = (int(v) for v in split)
    experts = _experts(arch, tp, fixed)
    axes = _axes(arch, split, micro, fixed)
    vpp, size, pair, zero, recompute, sequence = (v.ravel() for v in np.meshgrid(*axes, indexing="ij"))
    outer = {name: np.full(len(vpp), value) for name, value in (("tp", tp), ("pp", pp), ("cp", cp), ("dp", dp))}
    outer |= {name: np.full(len(vpp), fixed[name]) for name in _GIVEN if name in fixed}
    return outer | {
        "vpp": vpp,
        "ep": experts[pair, 0],
        "etp": experts[pair, 1],
        "micro_batch": size,
        "zero": zero,
        "recompute": recompute,
        "sequence_parallel": sequence > 0,
    }


def _largest_prime(number: int) -> int:
    """Largest prime factor of a positive integer; 1 of 1."""
    return max((p for p in divisors(number).tolist() if len(divisors(p)) == _DIVISORS_OF_A_PRIME), default=1)


def _micro_batches(job: Job) -> IntArray:
    """Sizes to try, increasing: divisors of the batch (nothing else can pass), within bounds; of more than ten, those
    with the smallest prime factors."""
    most = min(max(_MOST_TOKENS // job.seq_len, _MOST_MICRO_LONG), _MOST_MICRO)
    sizes = [int(n) for n in divisors(job.global_batch) if n <= most]
    return np.array(sorted(sorted(sizes, key=lambda n: (_largest_prime(n), n))[:_MOST_SIZES]), dtype=np.int64)


def search_space(job: Job, chips: int, fixed: Fixed = _ALL, *, unsaid: Collection[str] = ()) -> Space:
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
    arch, micro = job.arch, _held(fixed, "micro_batch", _micro_batches(job))
    splits = _splits(arch, chips, fixed)
    if not len(splits):
        raise ScenarioError(_no_split(job, chips, said))
    # Rules that a whole split breaks are counted without building what is under it.
    rules = _rules(job, _as_layouts(splits), chips)
    first = _broken(rules, len(splits))
    rejected: Counter[str] = Counter()
    blocks = []
    considered = 0
    for split, number in zip(splits, first, strict=True):
        size = math.prod(len(axis) for axis in _axes(arch, split, micro, fixed))
        considered += size
        if number:
            rejected[rules[number - 1][1]] += size
        else:
            blocks.append(_inner(arch, split, micro, fixed))
    if not blocks:
        raise ScenarioError(_no_split(job, chips, said, rejected))
    layouts = Layouts(**{name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]})
    rules = _rules(job, layouts, chips)
    broken = _broken(rules, len(layouts))
    for (_, text), count in zip(rules, np.bincount(broken, minlength=len(rules) + 1)[1:], strict=True):
        rejected[text] += int(count)
    if broken.all():
        raise ScenarioError(_no_split(job, chips, said, rejected))
    return Space(layouts.take(broken == 0), {t: n for t, n in rejected.items() if n}, considered)


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
    for held in [dict(choices) | {"schedule": CODES[name]} for name in dict.fromkeys(schedules)] or [dict(choices)]:
        try:
            spaces.append(search_space(job, chips, usual | held, unsaid=set(usual) - set(choices)))
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


def _divides(job: Job, chips: int) -> bool:
    splits = _splits(job.arch, chips)
    return bool((_broken(_rules(job, _as_layouts(splits), chips), len(splits)) == 0).any())


def _no_split(job: Job, chips: int, fixed: Fixed = _ALL, rejected: Mapping[str, int] = _ALL) -> str:
    """Why no layout passes: the rules that the held values break, or chips that divide better."""
    if fixed:
        names = {CODES[name]: name for name in SCHEDULES}
        words = ", ".join(f"{name}={names[v] if name == 'schedule' and v else v}" for name, v in fixed.items())
        product = math.prod(fixed.get(name, 1) for name in ("tp", "pp", "cp", "dp"))
        rules = sorted((n, text) for text, n in rejected.items() if n)[::-1]
        none = f"tp x pp x cp x dp = {product} does not divide {chips} chips"
        whole = {"tp", "pp", "cp", "dp"} <= set(fixed)
        why = "; ".join(text for _, text in rules[:3]) or (none.replace("divide", "make up") if whole else none)
        return f"layout {words}: {why} ({chips} chips, {job.global_batch} sequences of {job.seq_len} tokens)"
    near = [
        n
        for n in sorted(range(max(chips - 64, 1), chips + 65), key=lambda n: abs(n - chips))
        if n != chips and _divides(job, n)
    ]
    heads = " and ".join(map(str, sorted(_tensor_dimensions(job.arch)[0]))) or "no"
    hint = f"; these numbers of chips do: {', '.join(map(str, near[:3]))}" if near else ""
    return (
        f"chips = {chips}: no tp x pp x cp x dp divides {heads} heads of {job.arch.key}, {job.seq_len} "
        f"tokens and a global batch of {job.global_batch} sequences{hint}. Change chips or global_batch"
    )
