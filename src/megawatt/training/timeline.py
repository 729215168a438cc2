"""One step as a timeline: what each pipeline stage does when, as a Chrome trace (opens in Perfetto).

The schedule is replayed operation by operation; its pipeline phase is then stretched to the length of the closed form
(`Timeline.stretch` says by how much), so that the picture ends when the predicted step does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import System
from megawatt.errors import ScenarioError
from megawatt.training.pipeline import message_s
from megawatt.training.practice import Practice, practice_for
from megawatt.training.records import Job, Layouts, TrainingPlan
from megawatt.training.schedules import codes_of, schedule_name
from megawatt.training.stages import layers_by_stage, leading_layers
from megawatt.training.step import micro_batches, step_cost
from megawatt.training.tables import PARTS, LayerTables, layer_tables
from megawatt.workload import ModelArch, structure

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Event", "Timeline", "chrome_trace", "plan_timeline", "step_timeline"]

_DRAWN: Final = "1f1b"
_STREAMS: Final = ("compute", "TP", "CP", "EP", "PP", "DP", "host")
_MESSAGES: Final = {"tp": "TP", "cp": "CP", "ep": "EP"}
_MICROSECONDS: Final = 1e6
"""Of a second: the unit of traces."""
_AFTER: Final = (("offload", "host"), ("shard", "DP"), ("dp", "DP"), ("optimizer", "compute"), ("straggler", "DP"))


@dataclass(frozen=True, slots=True)
class Event:
    """One bar: pipeline stage, stream (compute, TP, CP, EP, PP, DP, host), name, start and length. [s]"""

    stage: int
    stream: str
    name: str
    start_s: float
    length_s: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events of one step, its predicted length, and how much the replayed schedule was stretched to meet it."""

    events: tuple[Event, ...]
    step_time_s: float
    stretch: float


@dataclass(frozen=True, slots=True)
class _Operation:
    """Forward or backward pass of one micro-batch through one chunk: compute and exposed messages. [s]"""

    compute_s: float
    messages_s: tuple[tuple[str, float], ...]

    @property
    def length_s(self) -> float:
        return self.compute_s + sum(s for _, s in self.messages_s)


def _passes(tables: LayerTables, layers: FloatArray, heads: float) -> tuple[_Operation, ...]:
    """Forward and backward pass of one chunk of so many layers of each kind and output projections."""
    parts = np.zeros(len(PARTS))
    forward = 0.0
    for block, times in zip((*tables.layers, tables.head), (*layers, heads), strict=True):
        parts = parts + times * block.parts[:, tables.entry[0]]
        forward += times * float(block.forward_s[tables.entry[0]])
    total = float(parts.sum())
    share = forward / total if total else 0.0
    named = dict(zip(PARTS, parts, strict=True))
    messages = [(stream, float(named[name])) for name, stream in _MESSAGES.items() if named[name] > 0.0]
    compute = total - sum(s for _, s in messages)
    return tuple(_Operation(w * compute, tuple((n, w * s) for n, s in messages)) for w in (share, 1.0 - share))


def _order(stage: int, stages: int, chunks: int, count: int) -> list[tuple[bool, int, int]]:
    """(forward, micro-batch, chunk) in the order of one stage: 1F1B, interleaved where it holds several chunks.

    An interleaved schedule takes micro-batches in groups of as many as there are stages; a last group that is not full
    keeps its empty places.
    """
    group = stages * chunks
    places = range(-(-count // stages) * group if chunks > 1 else count)
    slots = [(k // group * stages + k % stages, k % group // stages) if chunks > 1 else (k, 0) for k in places]
    ahead = [(True, m, c) for m, c in slots]
    back = [(False, m, chunks - 1 - c) for m, c in slots]
    warm = 2 * (stages - stage - 1) + (chunks - 1) * stages if chunks > 1 else stages - stage - 1
    warm = min(warm, len(ahead))
    steady = [op for pair in zip(ahead[warm:], back, strict=False) for op in pair]
    return [*ahead[:warm], *steady, *back[len(ahead) - warm :]]


def _replay(
    orders: Sequence[Sequence[tuple[bool, int, int]]],
    lengths: Sequence[Sequence[tuple[float, float]]],
    message: float,
    count: int,
) -> Iterator[tuple[int, tuple[bool, int, int], float]]:
    """(stage, operation, start) of a schedule: an operation waits for its stage and for what it needs. [s]"""
    stages, chunks = len(orders), len(lengths[0])
    done: dict[tuple[int, bool, int, int], float] = {}
    at, free = [0] * stages, [0.0] * stages
    left = sum(len(order) for order in orders)
    while left:
        moved = False
        for p in range(stages):
            while at[p] < len(orders[p]):
                forward, micro, chunk = orders[p][at[p]]
                needs = _needs(p, forward, micro, chunk, stages, chunks)
                if needs is not None and needs not in done:
                    break
                ready = 0.0 if needs is None else done[needs] + (0.0 if needs[0] == p else message)
                start = max(free[p], ready)
                length = lengths[p][chunk][0 if forward else 1] if micro < count else 0.0
                free[p] = done[p, forward, micro, chunk] = start + length
                if micro < count:
                    yield p, (forward, micro, chunk), start
                at[p] += 1
                left -= 1
                moved = True
        if not moved:
            raise AssertionError("the schedule waits for itself")


def _needs(
    p: int, forward: bool, micro: int, chunk: int, stages: int, chunks: int
) -> tuple[int, bool, int, int] | None:
    """The operation whose result this one needs."""
    if forward:
        if p > 0:
            return p - 1, True, micro, chunk
        return (stages - 1, True, micro, chunk - 1) if chunk > 0 else None
    if p < stages - 1:
        return p + 1, False, micro, chunk
    return (0, False, micro, chunk + 1) if chunk < chunks - 1 else (p, True, micro, chunk)


def step_timeline(
    job: Job,
    system: System,
    layout: Layouts,
    *,
    practice: Practice,
) -> Timeline:
    """Replay one step of one layout.

    Bars show exposed time: messages that hide behind computation are not drawn. 1F1B is drawn, interleaved too.

    Parameters
    ----------
    job, system : Job, System
        What is trained, and the machine.
    layout : Layouts
        One layout (length 1).
    practice : Practice
        Achieved shares and stack.

    Raises
    ------
    ScenarioError
        If there is not exactly one layout, or its schedule is another.
    """
    if len(layout) != 1:
        raise ScenarioError(f"timeline of {len(layout)} layouts; allowed: one")
    schedule = schedule_name(int(codes_of(layout, practice.stack.schedule)[0]))
    if schedule != _DRAWN and int(layout.pp[0]) > 1:
        raise ScenarioError(
            f"timeline: the order of {schedule} is not replayed; allowed: {_DRAWN}, interleaved too (`--schedule "
            f"{_DRAWN}`). The step's time is predicted without a picture all the same"
        )
    cost = step_cost(job, system, layout, practice=practice)
    tables = layer_tables(job.on(system.accelerator), layout, practice)
    stages, chunks = int(layout.pp[0]), int(layout.vpp[0])
    count = int(micro_batches(layout, job.global_batch)[0])
    message = float(message_s(job, layout, practice)[0])
    passes = [_stage_passes(job.arch, layout, tables, stage) for stage in range(stages)]
    lengths = [[(f.length_s, b.length_s) for f, b in chunk] for chunk in passes]
    orders = [_order(stage, stages, chunks, count) for stage in range(stages)]
    placed = list(_replay(orders, lengths, message, count))
    replayed = max(start + lengths[p][c][0 if f else 1] for p, (f, _, c), start in placed)
    none = np.zeros(1)
    after = {name: float(cost.parts_s.get(name, none)[0]) for name, _ in _AFTER}
    pipeline = float(cost.step_time_s[0]) - sum(after.values())
    stretch = pipeline / replayed
    events = [e for p, op, start in placed for e in _bars(p, op, start, passes[p][op[2]][0 if op[0] else 1], stretch)]
    events += _messages(placed, lengths, message, stretch) if stages > 1 else []
    now = pipeline
    for name, stream in _AFTER:
        events += [Event(p, stream, name, now, after[name]) for p in range(stages) if after[name] > 0.0]
        now += after[name]
    return Timeline(tuple(events), float(cost.step_time_s[0]), stretch)


def plan_timeline(found: TrainingPlan, system: System, catalogue: Catalogue) -> Timeline:
    """Replay one step of a plan's best layout, on its own stack and with what it offloads."""
    practice = practice_for(catalogue, system, found.stack, offload=found.offload, jobs=[found.job])
    return step_timeline(found.job, system, found.layout, practice=practice)


def _stage_passes(arch: ModelArch, layout: Layouts, tables: LayerTables, stage: int) -> list[tuple[_Operation, ...]]:
    """(forward, backward) of each chunk of a stage; the output projection is in the last chunk of the last stage."""
    ends = (int(layout.first_layers[0]), int(layout.last_layers[0]))
    layers = layers_by_stage(arch.layers, int(layout.pp[0]), *ends)
    chunks, last = int(layout.vpp[0]), stage == len(layers) - 1
    before, table = sum(layers[:stage]), leading_layers(arch)
    held = table[:, before + layers[stage]] - table[:, before]
    if last:
        held[structure(arch).last] += arch.mtp_layers
    short = max(layers) - layers[stage]
    sizes = np.full(chunks, (layers[stage] + short) / chunks)
    # The chunk beside the token table or the output projection is the one that holds a layer less.
    sizes[-1 if last else 0] -= min(short, sizes[0])
    shares = sizes / max(sizes.sum(), 1.0)
    heads = [1.0 if last and c == chunks - 1 else 0.0 for c in range(chunks)]
    return [_passes(tables, s * held, h) for s, h in zip(shares, heads, strict=True)]


def _bars(stage: int, op: tuple[bool, int, int], start: float, work: _Operation, stretch: float) -> Iterator[Event]:
    """Bars of one operation: compute, then its exposed messages."""
    forward, micro, chunk = op
    name = f"{'forward' if forward else 'backward'} {micro}" + (f" chunk {chunk}" if chunk else "")
    now = start * stretch
    for stream, seconds in (("compute", work.compute_s), *work.messages_s):
        yield Event(stage, stream, name, now, seconds * stretch)
        now += seconds * stretch


def _messages(
    placed: Sequence[tuple[int, tuple[bool, int, int], float]],
    lengths: Sequence[Sequence[tuple[float, float]]],
    message: float,
    stretch: float,
) -> list[Event]:
    """Bars of activations and gradients on their way to the next stage."""
    last_stage, last_chunk = len(lengths) - 1, len(lengths[0]) - 1
    events = []
    for p, (forward, micro, chunk), start in placed:
        ends = (p, chunk) == ((last_stage, last_chunk) if forward else (0, 0))
        if not ends and message > 0.0:
            end = start + lengths[p][chunk][0 if forward else 1]
            name = f"{'activation' if forward else 'gradient'} {micro}"
            events.append(Event(p, "PP", name, end * stretch, message * stretch))
    return events


def chrome_trace(timeline: Timeline, title: str) -> dict[str, Any]:
    """The timeline in the Chrome trace format: a process per stage, a thread per stream, times in microseconds."""
    stages = sorted({e.stage for e in timeline.events})
    events: list[dict[str, Any]] = []
    for stage in stages:
        events.append({"ph": "M", "name": "process_name", "pid": stage, "tid": 0, "args": {"name": f"stage {stage}"}})
        for number, stream in enumerate(_STREAMS):
            label = {"ph": "M", "name": "thread_name", "pid": stage, "tid": number, "args": {"name": stream}}
            events.append(label)
    for e in timeline.events:
        events.append(
            {
                "ph": "X",
                "name": e.name,
                "cat": e.stream,
                "pid": e.stage,
                "tid": _STREAMS.index(e.stream),
                "ts": e.start_s * _MICROSECONDS,
                "dur": e.length_s * _MICROSECONDS,
            }
        )
    about: dict[str, Any] = {"title": title, "step_time_s": timeline.step_time_s}
    about |= {"schedule_stretch": timeline.stretch}
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": about}
