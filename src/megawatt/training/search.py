"""Every layout at once: which fit, what each costs, which no other beats in time and energy together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from megawatt.catalogue.records import System
from megawatt.hardware import peak_precision
from megawatt.training.practice import Practice
from megawatt.training.records import Layouts
from megawatt.training.step import step_cost, step_memory
from megawatt.training.tables import layer_tables
from megawatt.workload import ModelArch

__all__ = ["Scores", "fullest_bytes", "pareto_front", "score_layouts"]

FloatArray = NDArray[np.float64]

_CHUNK: Final = 16_384
"""Layouts priced at once: some hundred arrays of this length stay within a processor's cache."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Step time and energy of the whole machine (chips, hosts, switches, supplies), arrays of shape (n,)."""

    step_time_s: FloatArray
    it_energy_j: FloatArray


def fullest_bytes(
    arch: ModelArch, system: System, layouts: Layouts, *, seq_len: int, global_batch: int, practice: Practice
) -> FloatArray:
    """Memory of the fullest chip of each layout, the reserve included. [B], shape (n,)"""
    total = np.empty(len(layouts))
    for start in range(0, len(layouts), _CHUNK):
        piece = layouts.take(np.arange(start, min(start + _CHUNK, len(layouts))))
        parts = step_memory(arch, system, piece, seq_len=seq_len, global_batch=global_batch, practice=practice)
        total[start : start + len(piece)] = sum(parts.values())
    return total


def score_layouts(
    arch: ModelArch,
    system: System,
    layouts: Layouts,
    *,
    seq_len: int,
    global_batch: int,
    precision: str,
    practice: Practice,
) -> Scores:
    """Cost every layout in full, keep what ranks it.

    Parameters
    ----------
    arch, system, layouts
        Model, machine and layouts (n,), n >= 1.
    seq_len, global_batch : int
        Sequence length in tokens and sequences per step.
    precision : str
        Precision of the linear layers.
    practice : Practice
        Achieved shares and stack.
    """
    kind = peak_precision(system.accelerator, precision)
    tables = layer_tables(arch, layouts, practice, seq_len=seq_len, precision=kind)
    time, energy = np.empty(len(layouts)), np.empty(len(layouts))
    for start in range(0, len(layouts), _CHUNK):
        index = np.arange(start, min(start + _CHUNK, len(layouts)))
        piece = layouts.take(index)
        cost = step_cost(
            arch,
            system,
            piece,
            seq_len=seq_len,
            global_batch=global_batch,
            precision=precision,
            practice=practice,
            tables=tables.at(index),
        )
        chips = (piece.tp * piece.pp * piece.cp * piece.dp).astype(np.float64)
        time[index] = cost.step_time_s
        energy[index] = cost.energy_j + system.overhead_w_per_chip * chips * cost.step_time_s
    return Scores(time, energy)


def pareto_front(time: FloatArray, energy: FloatArray) -> NDArray[np.intp]:
    """Positions that no other beats in both, by increasing time; of equals the first.

    Parameters
    ----------
    time, energy : array, shape (n,)
        Two quantities to be small.
    """
    order = np.lexsort((energy, time))
    least = np.minimum.accumulate(energy[order])
    return np.asarray(order[np.concatenate([[True], energy[order][1:] < least[:-1]])])
