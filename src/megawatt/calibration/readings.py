"""What a power reading shows: its instrument averages over a second, and a run lasts as long or less.

The published tables were read by NVML every tenth of a second from the start of a run on; what NVML gives is the mean
of the second before. A reading so holds the run, the pause before it (operands are made, a kernel is compiled) and the
runs before that, of larger shapes of the same layer. How long a run is, which layers keep their weights from run to run
and in which order shapes come is the collector's [kernel-collector]; `reading_w` says what it reads of a chip that
draws its power at work.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from megawatt.arrays import FloatArray
from megawatt.evidence.kernel_tables import KernelTable
from megawatt.hardware.fitted_numbers import entry_key, stack_values

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["Instrument", "Series", "earlier_shapes", "fit_instrument", "instrument_of", "reading_w", "series_of"]

_WINDOW_S: Final = 1.0
"""NVML's power is the mean of the last second on chips since Ampere. [s]"""
_SAMPLE_S: Final = 0.1
"""The collector samples at the start of a run and so often until it ends. [s]"""
_SAMPLES: Final = 11
"""Samples that may differ: later ones see the run alone."""
_RUN_S, _SHORT_RUN_S, _SHORT_CALL_S = 1.0, 0.3, 1e-4  # what the collector aims at, for calls below a tenth of a ms too
_FEWEST_CALLS, _MOST_CALLS = 6.0, 3000.0  # calls of one run
_OTHER_COPIES: Final = 6.0
"""Layers with weights of their own in a call of vLLM's 16-bit multiplies; its others have one."""
_MOST_COPIES: Final = 5.0
"""TensorRT-LLM's calls go through so many layers where they all fit in the chip's cache."""
_LARGEST: Final = (32768, 16384, 8192, 4353, 4352, 4097, 4096, 3841, 3840, 3585, 3584, 3329, 3328)
"""Rows of the largest multiplies of the collector, in its order."""
_MOST_ELEMENTS: Final = 2.0**31
"""Multiplies with an operand or product of more elements were left out."""
_BEFORE: Final = 4.0
"""The second before a short run holds runs of several larger shapes: mostly up to four times its rows."""
_AXES: Final[Mapping[str, str]] = {"gemm": "m", "attention": "batch_size", "moe": "num_tokens"}
"""Along which a series falls."""
_PAUSES_S: Final = (0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.5, 0.8, 1.5)
"""Pauses before a run that are tried. [s]"""
_WEIGHTS_S: Final = (0.0, 3e-10, 1e-9, 3e-9, 6e-9, 1e-8)
"""Pauses a weight that are tried. [s]"""
_FIRSTS_S: Final = (0.3, 0.5, 0.8, 1.5)
"""Pauses before new weights that are tried. [s]"""
_CALLS_S: Final = (2e-5, 5e-5, 1e-4, 2e-4)
"""Host's times for a layer that are tried. [s]"""
_LEAST_GAIN: Final = 0.1
"""An instrument that does not remove a tenth of the error is chance: an energy counter reads the power at work."""
_ELEMENT_BYTES: Final[Mapping[str, float]] = {"bf16": 2.0, "fp8": 1.0, "fp8_block": 1.0, "nvfp4": 0.5}
"""By which the collector counts what weights fill of the cache. [B]"""
_LEAST_DEPTH: Final = 51200.0
"""Largest k whose weights stand in memory that earlier layers have written."""
_LEAST_ROWS: Final = 8
"""Fewer rows settle no share."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """How a stack's table was read.

    Attributes
    ----------
    rest_w : float
        Power of the chip between runs: a program loaded, clocks up. [W]
    pause_s, weight_s : float
        Pause before a run, and what it grows by with each weight that is made anew. [s], [s]
    first_s : float
        Pause before a chip's first run with new weights of a series. [s]
    call_s : float
        Host's time for a layer, by which the collector guesses how often to call it. [s]
    zero_share : float
        Of the power at work where operands are read that nothing wrote (zeros draw less): k above 51,200 in vLLM's
        16-bit multiplies. 0 to 1
    """

    rest_w: float
    pause_s: float
    weight_s: float
    first_s: float
    call_s: float
    zero_share: float = 1.0

    @property
    def facts(self) -> dict[str, float]:
        """As numbers of a stack in a catalogue entry; the power at rest is the chip's."""
        zero = {} if self.zero_share == 1.0 else {"reading_zero_share": self.zero_share}
        return {
            "reading_pause_s": self.pause_s,
            "reading_weight_s": self.weight_s,
            "reading_first_s": self.first_s,
            "reading_call_s": self.call_s,
            **zero,
        }


@dataclass(frozen=True, slots=True)
class Series:
    """How the rows of a table follow each other, arrays (n,): layers in a call, weights that are made before a run,
    whether it waits for anything, is the first of its chip with new weights, reads operands that nothing wrote."""

    layers: FloatArray
    weights: FloatArray
    waits: NDArray[np.bool_]
    first: NDArray[np.bool_]
    unwritten: NDArray[np.bool_]


def instrument_of(catalogue: Catalogue, family: str, chip: str, precision: str, stack: str) -> Instrument | None:
    """The instrument of a stack's published table; None where power was not read, or by another instrument."""
    entry = catalogue.entries.get(entry_key(family, chip, precision))
    if entry is None or f"stack.{stack}.reading_pause_s" not in entry.facts:
        return None
    values = stack_values(entry, stack)
    return Instrument(
        catalogue.number(f"kernel-chip-{chip}", "rest_w"),
        values["reading_pause_s"],
        values["reading_weight_s"],
        values["reading_first_s"],
        values["reading_call_s"],
        values.get("reading_zero_share", 1.0),
    )


def series_of(catalogue: Catalogue, table: KernelTable, chip: str, precision: str, stack: str) -> Series:
    """The order of the rows of one chip, precision and stack. Source: the collector's scripts [kernel-collector].

    TensorRT-LLM's multiplies keep weights beyond the chip's cache from one m to the next, the largest m first, and the
    chips of a node share a series: as many rows as it has chips are the first with new weights on theirs.
    """
    one, none = np.ones(len(table)), np.zeros(len(table), dtype=np.bool_)
    if table.family != "gemm":
        return Series(one, 0.0 * one, ~none, none, none)
    m, n, k = (table.number(name) for name in "mnk")
    if stack.startswith("vllm"):
        plain = precision in ("bf16", "fp16")
        layers = one * (_OTHER_COPIES if plain else 1.0)
        return Series(layers, layers * n * k, ~none, none, (k > _LEAST_DEPTH) & plain)
    cache = catalogue.number(f"kernel-chip-{chip}", "l2_bytes")
    held = np.ceil(cache / (n * k * _ELEMENT_BYTES.get(precision, 2.0)))
    layers = np.clip(held, 1.0, _MOST_COPIES)
    larger = np.array(_LARGEST, dtype=np.float64)
    runs = (larger > m[:, None]) & (larger * np.maximum(n, k)[:, None] < _MOST_ELEMENTS)
    first = runs.sum(axis=1) < catalogue.number(f"kernel-chip-{chip}", "node_chips")
    made = held > 1.0
    # Scales by block are laid out anew for every run, whoever holds the weights.
    return Series(layers, np.where(made, layers * n * k, 0.0), made | (precision == "fp8_block"), first, none)


def earlier_shapes(table: KernelTable) -> KernelTable:
    """Shapes as they ran in the second before those of a table: larger ones of the same layer."""
    axis = _AXES[table.family]
    return KernelTable(table.family, {**table.columns, axis: _BEFORE * table.number(axis)})


def _run_s(time_s: FloatArray, layers: FloatArray, call_s: float) -> FloatArray:
    """How long the collector runs a shape. [s]"""
    call = layers * np.maximum(time_s, call_s)
    aim = np.where(call < _SHORT_CALL_S, _SHORT_RUN_S, _RUN_S)
    return np.asarray(np.clip(np.floor(aim / call) + 1.0, _FEWEST_CALLS, _MOST_CALLS) * layers * time_s)


def reading_w(
    power_w: FloatArray, earlier_w: FloatArray, time_s: FloatArray, series: Series, found: Instrument
) -> FloatArray:
    """What the instrument reads of chips that draw ``power_w`` at work. [W]

    Mean over the samples of a run of the mean of the second before each: the run so far, its pause, and runs as long
    as it with the same pauses between them.

    Parameters
    ----------
    power_w, earlier_w : array, shape (n,)
        Power at work of the shapes, and of those that ran before them. [W], > 0
    time_s : array, shape (n,)
        Time of a layer. [s], > 0
    series : Series
        Their order.
    found : Instrument
        How they were read.
    """
    run_s = _run_s(time_s, series.layers, found.call_s)
    pause_s = np.where(series.waits, found.pause_s + found.weight_s * series.weights, 0.0)
    pause_s = np.where(series.first, found.first_s, pause_s)
    taken = np.minimum(np.floor(run_s / _SAMPLE_S) + 1.0, _SAMPLES)
    now, before = np.zeros_like(run_s), np.zeros_like(run_s)
    for sample in range(_SAMPLES):
        since_s = sample * _SAMPLE_S
        on = sample < taken
        now += on * min(since_s / _WINDOW_S, 1.0)
        before += on * np.maximum(0.0, 1.0 - (since_s + pause_s) / _WINDOW_S)
    before *= run_s / (run_s + pause_s)
    work = np.where(series.unwritten, found.zero_share, 1.0)
    ends = (np.maximum(work * watts, found.rest_w) - found.rest_w for watts in (power_w, earlier_w))
    return np.asarray(found.rest_w + sum(w * e for w, e in zip((now / taken, before / taken), ends, strict=True)))


def fit_instrument(
    power_w: FloatArray, earlier_w: FloatArray, time_s: FloatArray, read_w: FloatArray, series: Series, rest_w: float
) -> Instrument | None:
    """The pauses and call time under which readings are explained best (least mean logarithmic error); None where they
    are the power at work about as well."""
    zero = 1.0
    if series.unwritten.sum() >= _LEAST_ROWS:
        zero = min(float(np.median((read_w / power_w)[series.unwritten])), 1.0)
    weights_s = _WEIGHTS_S if series.weights.any() else _WEIGHTS_S[:1]
    firsts_s = _FIRSTS_S if series.first.any() else _FIRSTS_S[:1]
    numbers = itertools.product(_PAUSES_S, weights_s, firsts_s, _CALLS_S)
    tried = (Instrument(rest_w, *one, zero) for one in numbers)

    def error(found: Instrument) -> float:
        return float(np.abs(np.log(reading_w(power_w, earlier_w, time_s, series, found) / read_w)).mean())

    best = min(tried, key=error)
    plain = float(np.abs(np.log(power_w / read_w)).mean())
    return best if error(best) < (1.0 - _LEAST_GAIN) * plain else None
