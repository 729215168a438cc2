"""Modes of a miner: less power for fewer hashes at better efficiency, more power for more at worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from megawatt.arrays import FloatArray
from megawatt.catalogue import Catalogue
from megawatt.catalogue.records import Assumption
from megawatt.errors import ScenarioError
from megawatt.mining.records import MinerFleet

__all__ = ["MinerModes", "PowerSegments", "miner_modes", "mode_segments", "power_segments"]


@dataclass(frozen=True, slots=True)
class MinerModes:
    """Steps of one machine: ``power_frac`` and ``hash_frac`` of rated, rising, the off state (0, 0) left out."""

    power_frac: tuple[float, ...]
    hash_frac: tuple[float, ...]
    assumptions: tuple[Assumption, ...] = ()

    @property
    def most_frac(self) -> float:
        """Power of the highest mode over rated power. [-]"""
        return self.power_frac[-1]


def miner_modes(
    catalogue: Catalogue,
    names: Sequence[str] = (),
    key: str = "mining-modes",
    own: Sequence[tuple[float, float]] = (),
) -> MinerModes:
    """The rated mode and those beside it: ``eco`` (less power) and ``turbo`` (more) by name, and one's own.

    Parameters
    ----------
    catalogue : Catalogue
        Holds the named ones.
    names : sequence of str
        Of the catalogue's.
    key : str
        Entry of the named ones.
    own : sequence of (float, float)
        Power and hash rate over rated.

    Raises
    ------
    CatalogueError
        If the key or a fact is missing.
    ScenarioError
        If a mode draws more than another and hashes no more, or the same power twice.
    """
    used = {name: [f"{name}_{what}_ratio" for what in ("power", "hash")] for name in names}
    named = ((catalogue.number(key, a), catalogue.number(key, b)) for a, b in used.values())
    steps = sorted([(1.0, 1.0), *named, *own])
    power, hashes = zip(*steps, strict=True)
    _check(power, hashes)
    facts = tuple(catalogue.assume(key, name, "mining") for pair in used.values() for name in pair)
    return MinerModes(power, hashes, facts)


def mode_segments(rated_mw: float, modes: MinerModes) -> tuple[FloatArray, FloatArray]:
    """Segments of a fleet's power in the order in which they are worth most.

    Machines switch one by one, so a fleet can be anywhere between two modes: its hash rate is the concave hull of the
    modes and off. Each segment between corners of the hull earns its own share of the rated revenue per MWh.

    Parameters
    ----------
    rated_mw : float
        Power of all machines in the rated mode. [MW]
    modes : MinerModes
        Steps of a machine.

    Returns
    -------
    tuple of arrays, shape (k,)
        Width of each segment [MW], and its revenue per MWh relative to the rated mode [-], falling.

    Raises
    ------
    ScenarioError
        If the steps do not rise.
    """
    _check(modes.power_frac, modes.hash_frac)
    power, hashes = (np.array((0.0, *part)) for part in (modes.power_frac, modes.hash_frac))
    corners = [0]
    while corners[-1] < power.size - 1:
        rest = np.arange(corners[-1] + 1, power.size)
        worth = (hashes[rest] - hashes[corners[-1]]) / (power[rest] - power[corners[-1]])
        corners.append(int(rest[np.flatnonzero(worth >= worth.max() * (1.0 - 1e-12))[-1]]))
    width = np.diff(power[corners])
    return rated_mw * width, np.diff(hashes[corners]) / width


def _check(power_frac: Sequence[float], hash_frac: Sequence[float]) -> None:
    steps = [np.diff((0.0, *part)) for part in (power_frac, hash_frac)]
    if steps[0].size != steps[1].size or any((step <= 0.0).any() for step in steps):
        given = ", ".join(f"{p:g} of power: {h:g} of hashes" for p, h in zip(power_frac, hash_frac, strict=False))
        raise ScenarioError(f"mining modes: {given}; both must rise from mode to mode, the rated one (1: 1) included")


@dataclass(frozen=True, slots=True)
class PowerSegments:
    """A fleet's power, best machines and modes first.

    ``width_mw`` (k,) power of each segment [MW]; ``worth`` (k,) hashes per MWh over the fleet's rated mean, not rising;
    ``machine`` (k,) whose it is.
    """

    width_mw: FloatArray
    worth: FloatArray
    machine: tuple[str, ...]


def power_segments(fleet: MinerFleet, modes: MinerModes | None) -> PowerSegments | None:
    """Segments of a fleet of several models or modes, in the order in which they are worth most.

    Machines switch one by one, so each model follows its own `mode_segments`, and the fleet takes the best step left.

    Returns
    -------
    PowerSegments or None
        None where all machines are alike and have one mode.
    """
    parts = fleet.parts or (fleet,)
    if modes is None and len(parts) == 1:
        return None
    one = MinerModes((1.0,), (1.0,))
    steps = []
    for part in parts:
        width, worth = mode_segments(part.it_mw, modes or one)
        scale = fleet.efficiency_j_per_th / part.efficiency_j_per_th
        steps += [(-float(w) * scale, float(mw), part.key) for mw, w in zip(width, worth, strict=True)]
    steps.sort(key=lambda step: step[0])
    return PowerSegments(
        np.array([mw for _, mw, _ in steps]), np.array([-w for w, _, _ in steps]), tuple(key for *_, key in steps)
    )
