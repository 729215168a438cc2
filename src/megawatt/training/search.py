"""Every layout at once: which fit, what each costs, which no other beats in time and energy together."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.catalogue.records import System
from megawatt.training.memory import total_bytes
from megawatt.training.practice import Practice
from megawatt.training.records import Job, Layouts, StepCost
from megawatt.training.step import step_cost, step_memory
from megawatt.training.tables import layer_tables

__all__ = ["Scores", "distinct", "pareto_front", "score_layouts", "scores_of", "smallest"]


_CHUNK: Final = 16_384
"""Layouts priced at once: some hundred arrays of this length stay within a processor's cache."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What ranks layouts, arrays of shape (n,).

    ``memory_bytes`` of the fullest chip; step time and energy of the whole machine (chips, hosts, switches, supplies),
    infinite where the memory does not suffice.
    """

    memory_bytes: FloatArray
    step_time_s: FloatArray
    it_energy_j: FloatArray


def score_layouts(
    job: Job,
    system: System,
    layouts: Layouts,
    *,
    practice: Practice,
) -> Scores:
    """Cost every layout that fits in full, keep what ranks it.

    Parameters
    ----------
    job, system, layouts
        What is trained, machine and layouts (n,), n >= 1.
    practice : Practice
        Achieved shares and stack.
    """
    here = job.on(system.accelerator)
    tables = layer_tables(here, layouts, practice)
    activations = tables.activations(here, practice.stack)
    held = np.empty(len(layouts))
    time, energy = np.full(len(layouts), np.inf), np.full(len(layouts), np.inf)
    for start in range(0, len(layouts), _CHUNK):
        window = slice(start, min(start + _CHUNK, len(layouts)))
        piece = layouts.take(window)
        memory = step_memory(job, system, piece, activations=activations.at(tables.entry[window]), practice=practice)
        held[window] = total_bytes(memory)
        fits = np.flatnonzero(held[window] <= system.accelerator.hbm_bytes)
        if not len(fits):
            continue
        piece, index = piece.take(fits), fits + start
        cost = step_cost(
            job,
            system,
            piece,
            practice=practice,
            tables=tables.at(index),
            memory={name: values[fits] for name, values in memory.items()},
        )
        scores = scores_of(system, piece, cost)
        time[index], energy[index] = scores.step_time_s, scores.it_energy_j
    return Scores(held, time, energy)


def scores_of(system: System, layouts: Layouts, cost: StepCost) -> Scores:
    """What ranks layouts whose cost is known."""
    chips = (layouts.tp * layouts.pp * layouts.cp * layouts.dp).astype(np.float64)
    energy = cost.energy_j + system.overhead_w_per_chip * chips * cost.step_time_s
    return Scores(
        cost.memory_bytes,
        np.where(cost.feasible, cost.step_time_s, np.inf),
        np.where(cost.feasible, energy, np.inf),
    )


def smallest(values: FloatArray, count: int) -> NDArray[np.intp]:
    """Positions of the smallest values, smallest first, the earlier one first of equals."""
    if len(values) > count:
        bound = np.partition(values, count - 1)[count - 1]
        among = np.flatnonzero(values <= bound)
    else:
        among = np.arange(len(values))
    return np.asarray(among[np.argsort(values[among], kind="stable")[:count]])


def distinct(layouts: Layouts, ranked: NDArray[np.intp]) -> NDArray[np.intp]:
    """The ranked positions without layouts that are one in practice: on one replica ZeRO has nothing to shard, so that
    of those that differ in it alone the first is kept."""
    y = layouts.take(ranked)
    stage = np.where(y.dp * y.cp == 1, 0, y.zero)
    chosen = [stage, *(getattr(y, f.name) for f in fields(Layouts) if f.name != "zero")]
    first = np.unique(np.stack(chosen, axis=1), axis=0, return_index=True)[1]
    return np.asarray(ranked[np.sort(first)])


def pareto_front(time: FloatArray, energy: FloatArray) -> NDArray[np.intp]:
    """Positions that no other beats in both, by increasing time; of equals the first.

    Parameters
    ----------
    time, energy : array, shape (n,)
        Two quantities to be small.
    """
    fastest = np.flatnonzero(time == time.min())
    # Whatever is slower than the fastest has to take less energy than it.
    among = np.flatnonzero(energy <= energy[fastest].min())
    order = among[np.lexsort((energy[among], time[among]))]
    least = np.minimum.accumulate(energy[order])
    return np.asarray(order[np.concatenate([[True], energy[order][1:] < least[:-1]])])
