"""What fills the fullest chip of one layout, and which small changes make it fit: each is tried, none is a rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from megawatt.catalogue.records import System
from megawatt.errors import InfeasibleError
from megawatt.training.division import layout_reasons
from megawatt.training.features import Features
from megawatt.training.memory import total_bytes
from megawatt.training.planning import asked_space, plan
from megawatt.training.practice import OFFLOADS, Practice, practice_for
from megawatt.training.records import Job, Layouts
from megawatt.training.stacks import switched_text
from megawatt.training.step import step_memory

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Change", "MemoryAnswer", "memory_answer"]


_MOST_ZERO: Final = 3
"""Last stage of ZeRO."""
_NARROW: Final = {"adam-bf16": "moments in 16 bits", "adam-8bit": "moments in 8 bits"}
"""Kinds of optimizer that hold less."""
_FULL: Final = 2
"""Code of full recompute."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a layout, and the memory that its fullest chip then needs. [B]"""

    words: str
    needed_bytes: float
    fits: bool


@dataclass(frozen=True, slots=True)
class MemoryAnswer:
    """A layout, memory of its fullest chip by part, what the chip has, and what other choices would need. [B]

    ``changes`` are those that can be set up, the least memory first; only where the layout does not fit.
    ``loaded_bytes`` is what a chip reads of a checkpoint's weights where it takes them whole before it shards them:
    those of its tensor and pipeline rank. A sharded checkpoint is read into weights that are there already.
    """

    layout: Layouts
    parts_bytes: Mapping[str, float]
    capacity_bytes: float
    loaded_bytes: float
    changes: tuple[Change, ...]

    @property
    def needed_bytes(self) -> float:
        """All parts."""
        return sum(self.parts_bytes.values())

    @property
    def loading_bytes(self) -> float:
        """The most that loading takes: a whole checkpoint beside weights, states and the reserve; no activations."""
        return self.loaded_bytes + sum(self.parts_bytes[name] for name in ("weights", "optimizer", "reserve"))

    @property
    def free_bytes(self) -> float:
        """What is left; negative where it does not fit."""
        return self.capacity_bytes - self.needed_bytes

    @property
    def fits(self) -> bool:
        """Whether the layout fits."""
        return self.free_bytes >= 0.0

    def shares(self) -> list[tuple[str, float, float]]:
        """(part, bytes, share of the chip's memory), the largest first, without parts that hold nothing, and all of
        it."""
        held = sorted(self.parts_bytes.items(), key=lambda item: -item[1])
        listed = [*((name, size) for name, size in held if size > 0.0), ("all of it", self.needed_bytes)]
        return [(name, size, size / self.capacity_bytes) for name, size in listed]


def memory_answer(
    job: Job,
    system: System,
    chips: int,
    *,
    catalogue: Catalogue,
    choices: Mapping[str, int] | None = None,
    schedules: Sequence[str] = (),
    stack: str | None = None,
    offload: Collection[str] = (),
    optimizer: str | None = None,
) -> MemoryAnswer:
    """Memory of the best layout, or of the one that is nearest to fitting where none fits.

    Parameters
    ----------
    job, system, chips
        What is trained, machine and chips.
    catalogue : Catalogue
        Achieved shares and stacks.
    choices : mapping of str to int, optional
        Values by field of `Layouts` that are held.
    schedules, stack, offload, optimizer
        As for `megawatt.training.plan`.

    Raises
    ------
    ScenarioError
        If no layout divides evenly.
    """
    practice = practice_for(catalogue, system, stack, offload=offload, optimizer=optimizer, jobs=[job])
    try:
        layout = plan(
            job,
            system,
            chips,
            catalogue=catalogue,
            stack=stack,
            offload=offload,
            optimizer=optimizer,
            choices=choices,
            schedules=schedules,
        ).layout
    except InfeasibleError:
        space = asked_space(job, system, chips, catalogue=catalogue, choices=choices, schedules=schedules)
        layouts = space.layouts
        needed = total_bytes(step_memory(job, system, layouts, practice=practice))
        layout = layouts.take(np.array([int(needed.argmin())]))
    parts = step_memory(job, system, layout, practice=practice)
    held = {name: float(part[0]) for name, part in parts.items()}
    capacity = system.accelerator.hbm_bytes
    changes: list[Change] = []
    if sum(held.values()) > capacity:
        tried = [(words, other, practice) for words, other in _smaller(layout)]

        def asked(**changed: Any) -> Practice:
            same = {"stack": stack, "offload": offload, "optimizer": optimizer, "jobs": [job]}
            return practice_for(catalogue, system, **{**same, **changed})

        places = [what for what in OFFLOADS if what not in offload]
        tried += [(f"{what} in the host's memory", layout, asked(offload=(*offload, what))) for what in places]
        if practice.optimizer.kind.startswith("adam"):
            tried += [(words, layout, asked(optimizer=kind)) for kind, words in _NARROW.items()]
        tiled = switched_text(practice.stack.key, Features(loss="tiled"))
        tried.append(("the loss tile by tile", layout, asked(stack=tiled)))
        for words, other, there in tried:
            if layout_reasons(job, other, chips=chips)[0]:
                continue
            need = float(total_bytes(step_memory(job, system, other, practice=there))[0])
            if need < sum(held.values()):
                changes.append(Change(words, need, need <= capacity))
    whole = step_memory(job, system, dataclasses.replace(layout, zero=np.array([0])), practice=practice)["weights"]
    return MemoryAnswer(layout, held, capacity, float(whole[0]), tuple(sorted(changes, key=lambda c: c.needed_bytes)))


def _smaller(y: Layouts) -> Iterator[tuple[str, Layouts]]:
    """One change at a time that may need less memory, on the same chips."""

    def other(**fields: int | bool) -> Layouts:
        return dataclasses.replace(y, **{name: np.array([value]) for name, value in fields.items()})

    tp, pp, dp, micro = (int(v[0]) for v in (y.tp, y.pp, y.dp, y.micro_batch))
    if y.recompute[0] == 0:
        yield "selective recompute", other(recompute=1)
    if y.recompute[0] < _FULL:
        yield "full recompute", other(recompute=_FULL)
    if micro > 1:
        yield f"micro-batch {micro // 2}", other(micro_batch=micro // 2)
    for level in range(int(y.zero[0]) + 1, _MOST_ZERO + 1):
        yield f"zero {level}", other(zero=level)
    if dp % 2 == 0:
        yield f"tp {2 * tp}, dp {dp // 2}", other(tp=2 * tp, dp=dp // 2, sequence_parallel=True)
        yield f"pp {2 * pp}, dp {dp // 2}", other(pp=2 * pp, dp=dp // 2)
        yield f"cp {2 * int(y.cp[0])}, dp {dp // 2}", other(cp=2 * int(y.cp[0]), dp=dp // 2)
