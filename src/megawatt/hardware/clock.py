"""Chip power from what an operator does, and the clock that a power cap leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from megawatt.arrays import FloatArray

__all__ = ["Cost", "PowerLaw", "Work", "capped_clock", "clocked_cost", "steady_cost"]


_SLOWER: Final = 0.8
"""Clock at which the stretch of a full-clock run is taken: the middle of what power caps leave to training."""


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """What arithmetic and memory traffic of one precision cost a chip in power.

    Attributes
    ----------
    idle_w, cap_w : float
        Power at rest and the limit that the chip keeps. [W]
    flop_j : float
        Energy of one floating-point operation at the full clock, operand delivery from on-chip memory included. [J]
    byte_j : float
        Energy of one byte from or to HBM. [J]
    clock_exponent : float
        Dynamic power goes as clock ** exponent: between 1 (voltage at its floor) and 3 (voltage follows the clock).
    """

    idle_w: float
    cap_w: float
    flop_j: float
    byte_j: float
    clock_exponent: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of operators, arrays of one shape.

    ``time_s`` [s], ``power_w`` mean chip power over that time [W], ``clock_share`` of the full clock (0 to 1);
    ``clocked_s`` the part of the time that a lower clock stretches (known of runs at the full clock only, else 0). [s]
    """

    time_s: FloatArray
    power_w: FloatArray
    clock_share: FloatArray
    clocked_s: FloatArray

    @property
    def energy_j(self) -> FloatArray:
        """Energy of the operator on one chip. [J]"""
        return np.asarray(self.time_s * self.power_w)


@dataclass(frozen=True, slots=True)
class Work:
    """Operators at the full clock, to be run at a clock that they share with others; arrays of one shape.

    ``time_s`` is all of their time, ``clocked_s`` the part that a lower clock stretches, ``dynamic_j`` their energy
    above idle. [s], [s], [J]
    """

    time_s: FloatArray
    clocked_s: FloatArray
    dynamic_j: FloatArray

    @classmethod
    def of(cls, cost: Cost, law: PowerLaw, times: FloatArray | float = 1.0) -> Work:
        """``times`` runs of operators costed at the full clock (``steady=False``)."""
        dynamic_j = (cost.power_w - law.idle_w) * cost.time_s
        return cls(*(np.asarray(times * v) for v in (cost.time_s, cost.clocked_s, dynamic_j)))

    def __add__(self, other: Work) -> Work:
        return Work(self.time_s + other.time_s, self.clocked_s + other.clocked_s, self.dynamic_j + other.dynamic_j)

    def slowed(self, share: float) -> Work:
        """The same work by kernels that reach ``share`` of the rate: longer at the same energy."""
        return Work(self.time_s / share, self.clocked_s / share, self.dynamic_j)

    def at(self, clock: FloatArray) -> FloatArray:
        """Time at a share of the full clock. [s]"""
        return np.asarray(self.time_s + self.clocked_s * (1.0 / clock - 1.0))


def capped_clock(law: PowerLaw, dynamic_w: FloatArray) -> FloatArray:
    """Share of the full clock at which the dynamic power fits under the cap. [1]

    idle + dynamic * s^exponent <= cap, s <= 1.

    Parameters
    ----------
    law : PowerLaw
        The chip.
    dynamic_w : array
        Power above idle at the full clock. [W], >= 0
    """
    room = (law.cap_w - law.idle_w) / np.maximum(dynamic_w, 1e-9)
    # Only what exceeds the cap needs the (slow) power function.
    share = np.ones_like(room)
    over = room < 1.0
    share[over] = room[over] ** (1.0 / law.clock_exponent)
    return share


def clocked_cost(
    law: PowerLaw,
    flops: FloatArray,
    moved_bytes: FloatArray,
    time_s: Callable[[FloatArray | float], FloatArray],
    *,
    steady: bool = True,
) -> Cost:
    """Time, power and clock of operators whose time depends on the clock.

    Parameters
    ----------
    law : PowerLaw
        The chip at this precision.
    flops, moved_bytes : array, shape (...,)
        Work: operations and HBM traffic. [FLOP], [B]
    time_s : callable
        Time at a share of the full clock. [s]
    steady : bool
        False for a run too short for the cap to act: full clock, power not limited.

    Notes
    -----
    The clock is the one that the power of the full-clock run leaves. Idle gaps count: power is energy over all of the
    time. Source: dynamic power of CMOS, C V^2 f with V following f.
    """
    full = np.asarray(time_s(1.0))
    dynamic = (flops * law.flop_j + moved_bytes * law.byte_j) / full
    if not steady:
        stretched = (np.asarray(time_s(_SLOWER)) - full) / (1.0 / _SLOWER - 1.0)
        return Cost(full, law.idle_w + dynamic, np.ones_like(dynamic), stretched)
    clock = capped_clock(law, dynamic)
    power = law.idle_w + np.minimum(dynamic, law.cap_w - law.idle_w)
    return Cost(np.asarray(time_s(clock)), power, clock, np.zeros_like(dynamic))


def steady_cost(
    law: PowerLaw,
    flops: FloatArray,
    moved_bytes: FloatArray,
    arithmetic_s: FloatArray,
    other_s: FloatArray,
    *,
    floor_s: FloatArray | float = 0.0,
    steady: bool = True,
) -> Cost:
    """Time, power and clock of operators whose arithmetic slows with the clock (`clocked_cost`).

    t = max(floor, arithmetic / s + other), where s is the clock that the power of the full-clock run leaves.

    Parameters
    ----------
    law : PowerLaw
        The chip at this precision.
    flops, moved_bytes : array, shape (...,)
        Work: operations and HBM traffic. [FLOP], [B]
    arithmetic_s, other_s : array, shape (...,)
        Time at the full clock that scales with the clock, and time that does not. [s]
    floor_s : array or float
        Shortest time, e.g. the host's interval between launches. [s]
    steady : bool
        False for a run too short for the cap to act: full clock, power not limited.
    """

    def time_s(clock: FloatArray | float) -> FloatArray:
        return np.maximum(arithmetic_s / clock + other_s, floor_s)

    return clocked_cost(law, flops, moved_bytes, time_s, steady=steady)
