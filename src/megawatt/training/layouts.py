"""All parallel layouts of a model on so many chips, and why some of them cannot run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import IntArray
from megawatt.errors import Problem, ScenarioError, shown
from megawatt.training.records import MOST_COUNTED, Job, Layouts
from megawatt.workload import Attention, Latent, Mlp, ModelArch, structure

__all__ = ["Space", "divisors", "enumerate_layouts", "layout_reasons", "layouts_like", "one_layout", "search_space"]


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


def one_layout(
    *,
    tp: int = 1,
    pp: int = 1,
    dp: int = 1,
    vpp: int = 1,
    cp: int = 1,
    ep: int = 1,
    etp: int = 1,
    micro_batch: int = 1,
    zero: int = 1,
    recompute: int = 0,
    sequence_parallel: bool | None = None,
    zero_group: int = 0,
) -> Layouts:
    """One layout as arrays of length 1; sequence parallel where there is tensor parallelism unless said otherwise.

    Raises
    ------
    ScenarioError
        If a degree is no whole number from 1 to 10 million, or ZeRO or recompute is none of the kinds.
    """
    degrees = {"tp": tp, "pp": pp, "dp": dp, "vpp": vpp, "cp": cp, "ep": ep, "etp": etp, "micro_batch": micro_batch}
    limits = {name: (value, 1, MOST_COUNTED) for name, value in degrees.items()}
    limits |= {"zero": (zero, 0, 3), "recompute": (recompute, 0, 2), "zero_group": (zero_group, 0, MOST_COUNTED)}
    problems = [
        Problem(name, shown(value), f"{low} to {high:,}")
        for name, (value, low, high) in limits.items()
        if not low <= value <= high
    ]
    if problems:
        raise ScenarioError(f"layout: {problems[0]}", problems)
    sharded = tp > 1 if sequence_parallel is None else sequence_parallel

    def one(value: int) -> IntArray:
        return np.array([value], dtype=np.int64)

    return Layouts(
        tp=one(tp),
        pp=one(pp),
        vpp=one(vpp),
        cp=one(cp),
        ep=one(ep),
        dp=one(dp),
        micro_batch=one(micro_batch),
        zero=one(zero),
        recompute=one(recompute),
        sequence_parallel=np.array([sharded]),
        etp=one(etp),
        zero_group=one(zero_group),
    )


def _tensor_dimensions(arch: ModelArch) -> tuple[set[int], set[int], set[int]]:
    """What a tensor-parallel group shares out: heads of mixers, those that it may copy, widths of dense MLPs."""
    kinds = structure(arch).kinds
    mixers = [m for kind in kinds for m in kind.mixers]
    shared = {m.core_kv_heads if isinstance(m, Attention | Latent) else m.groups for m in mixers}
    return {m.heads for m in mixers}, shared, {k.mlp.width for k in kinds if isinstance(k.mlp, Mlp)}


def _any(broken: list[NDArray[np.bool_]], y: Layouts) -> NDArray[np.bool_]:
    return np.logical_or.reduce(broken) if broken else np.zeros(len(y), dtype=np.bool_)


def _rules(job: Job, y: Layouts, chips: int | IntArray) -> tuple[tuple[NDArray[np.bool_], str], ...]:
    """Each rule of division: where it is broken, and what it says."""
    arch, seq_len, global_batch = job.arch, job.seq_len, job.global_batch
    ranks = y.tp * y.cp * y.dp
    heads, shared, widths = _tensor_dimensions(arch)
    copies = [np.maximum(y.tp, n) % np.minimum(y.tp, n) for n in shared]
    micro = -(-global_batch // (y.dp * y.micro_batch))
    return (
        (ranks * y.pp != chips, "tp x pp x cp x dp is not the number of chips"),
        (_any([n % y.tp != 0 for n in heads], y), "tp does not divide the attention heads"),
        (_any([n != 0 for n in copies], y), "tp and the key-value heads do not divide each other"),
        (_any([n % y.tp != 0 for n in widths], y), "tp does not divide the MLP width"),
        (y.pp * y.vpp > arch.layers + _PLACES, "more pipeline stages than layers"),
        ((y.vpp > 1) & (y.pp == 1), "virtual stages need pipeline stages"),
        (seq_len % np.where(y.cp > 1, 2 * y.cp, 1) != 0, "2 x cp does not divide the sequence"),
        ((seq_len // y.cp) % np.where(y.sequence_parallel, y.tp, 1) != 0, "tp does not divide the chip's sequence"),
        (global_batch % (y.dp * y.micro_batch) != 0, "dp x micro-batch does not divide the global batch"),
        ((y.vpp > 1) & (micro % y.pp != 0), "interleaved: pp does not divide the micro-batches"),
        ((y.ep > 1) & (arch.experts == 0), "expert parallelism needs experts"),
        (max(arch.experts, 1) % y.ep != 0, "ep does not divide the experts"),
        (ranks % (y.ep * y.etp) != 0, "ep x etp does not divide tp x cp x dp"),
        ((y.etp > 1) & (y.etp != y.tp), "etp is neither 1 nor tp"),
    )


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


def _splits(arch: ModelArch, chips: int) -> IntArray:
    """All (tp, pp, cp, dp) that use up the chips, rows of shape (m, 4); within the bounds of degrees."""
    steps = divisors(chips)
    tp, pp, cp = (
        v.ravel()
        for v in np.meshgrid(
            steps[steps <= min(*_tensor_dimensions(arch)[0], _MOST_TENSOR)],
            steps[steps <= arch.layers],
            steps[steps <= _MOST_CONTEXT],
            indexing="ij",
        )
    )
    fits = chips % (tp * pp * cp) == 0
    return np.asarray(np.stack([tp, pp, cp, chips // (tp * pp * cp)], axis=1)[fits])


def _virtual(layers: int, pp: int) -> IntArray:
    """Numbers of virtual stages: those that cut the fullest stage into equal chunks."""
    chunks = divisors(-(-layers // pp)) if pp > 1 else np.ones(1, dtype=np.int64)
    return chunks[(chunks <= _MOST_VIRTUAL) & (chunks * pp <= layers + _PLACES)]


def _experts(arch: ModelArch, tp: int) -> IntArray:
    """Pairs (ep, etp), rows of shape (m, 2)."""
    if not arch.experts:
        return np.ones((1, 2), dtype=np.int64)
    return np.array([(ep, etp) for ep in divisors(arch.experts) for etp in sorted({1, tp})], dtype=np.int64)


def _inner(arch: ModelArch, split: IntArray, micro: IntArray) -> dict[str, IntArray]:
    """Everything that can be chosen under one split, flattened."""
    tp, pp, cp, dp = (int(v) for v in split)
    experts = _experts(arch, tp)
    sharded = np.array([0, 1] if tp > 1 else [0])
    axes = (_virtual(arch.layers, pp), micro, np.arange(len(experts)), np.array(_ZERO), np.array(_RECOMPUTE), sharded)
    vpp, size, pair, zero, recompute, sequence = (v.ravel() for v in np.meshgrid(*axes, indexing="ij"))
    fixed = {name: np.full(len(vpp), value) for name, value in (("tp", tp), ("pp", pp), ("cp", cp), ("dp", dp))}
    return fixed | {
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


def search_space(job: Job, chips: int) -> Space:
    """Every layout of a job on so many chips; memory is not looked at.

    The product of all tp, pp, cp, dp that use up the chips (tp up to 128, cp up to 64), virtual stages that cut a stage
    into equal chunks (up to 16), ep that divide the experts with etp 1 or tp, ten micro-batches that divide the
    batch (up to 131,072 tokens or 8 sequences), ZeRO 1 to 3, no, selective or full recompute, and sequence parallelism
    or not. Pipelines may be uneven. ZeRO 0 takes as long as ZeRO 1 and needs more memory.

    Parameters
    ----------
    job : Job
        What is trained.
    chips : int
        Chips to use, all of them. >= 1

    Raises
    ------
    ScenarioError
        If there is no chip, or no layout divides evenly; names nearby numbers of chips that do.
    """
    if not 1 <= chips <= MOST_COUNTED:
        raise ScenarioError(f"chips = {shown(chips)}; allowed: 1 or more, up to {MOST_COUNTED:,}")
    arch, micro = job.arch, _micro_batches(job)
    splits = _splits(arch, chips)
    # Rules that a whole split breaks are counted without building what is under it.
    probe = _as_layouts(splits)
    rules = _rules(job, probe, chips)
    first = _broken(rules, len(splits))
    rejected: Counter[str] = Counter()
    blocks = []
    considered = 0
    for split, number in zip(splits, first, strict=True):
        inner = len(_virtual(arch.layers, int(split[1]))) * len(micro) * len(_experts(arch, int(split[0])))
        size = inner * len(_ZERO) * len(_RECOMPUTE) * (2 if split[0] > 1 else 1)
        considered += size
        if number:
            rejected[rules[number - 1][1]] += size
        else:
            blocks.append(_inner(arch, split, micro))
    if not blocks:
        raise ScenarioError(_no_split(job, chips))
    layouts = Layouts(**{name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]})
    rules = _rules(job, layouts, chips)
    broken = _broken(rules, len(layouts))
    for (_, text), count in zip(rules, np.bincount(broken, minlength=len(rules) + 1)[1:], strict=True):
        rejected[text] += int(count)
    if broken.all():
        raise ScenarioError(_no_split(job, chips))
    return Space(layouts.take(broken == 0), {t: n for t, n in rejected.items() if n}, considered)


def layouts_like(job: Job, chips: int, choices: Mapping[str, int]) -> Layouts:
    """The layouts that agree with some choices: one where tensor, pipeline and micro-batch are given, all such
    otherwise.

    Parameters
    ----------
    job : Job
        What is trained.
    chips : int
        Chips to use, all of them.
    choices : mapping of str to int
        Value by field of `Layouts` (``sequence_parallel`` 0 or 1), at least one. ``dp`` follows from the chips where
        it is not given with tp, pp and micro_batch; other fields are then as of `one_layout`.

    Raises
    ------
    ScenarioError
        If a field is unknown, or no layout of these chips has these values; says which rule of division is broken.
    """
    unknown = sorted(set(choices) - {f.name for f in fields(Layouts)})
    if unknown or not choices:
        raise ScenarioError(f"layout: {', '.join(unknown) or 'no choice'}; allowed: fields of Layouts")
    words = ", ".join(f"{name}={value}" for name, value in choices.items())
    if {"tp", "pp", "micro_batch"} <= set(choices):
        model = choices["tp"] * choices["pp"] * choices.get("cp", 1)
        if model < 1 or ("dp" not in choices and chips % model):
            raise ScenarioError(f"layout {words}: tp x pp x cp = {model} does not divide {chips} chips")
        full: dict[str, Any] = {"dp": chips // model} | dict(choices)
        if "sequence_parallel" in full:
            full["sequence_parallel"] = bool(full["sequence_parallel"])
        layout = one_layout(**full)
        reason = layout_reasons(job, layout, chips=chips)[0]
        if reason:
            sizes = f"{chips} chips, {job.global_batch} sequences of {job.seq_len} tokens"
            raise ScenarioError(f"layout {words}: {reason} ({sizes})")
        return layout
    space = search_space(job, chips)
    agree = np.ones(len(space.layouts), dtype=bool)
    for name, value in choices.items():
        agree &= getattr(space.layouts, name).astype(np.int64) == value
    if not agree.any():
        raise ScenarioError(f"layout {words}: none of {len(space.layouts):,} layouts of {chips} chips has these values")
    return space.layouts.take(agree)


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


def _no_split(job: Job, chips: int) -> str:
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
